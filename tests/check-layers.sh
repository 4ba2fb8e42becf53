#!/bin/sh
# The rules of the house, in TAP: arrows point down only, libfcgi and libcurl each in their room, no
# banned function, a unit test for each file of the library.
src=${abs_top_srcdir:-.}
lib=$src/fcgi/lib
n=0
failed=0
verdict() { # name, what is wrong (nothing: fine)
	n=$((n + 1))
	if test -z "$2"; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		echo "$2" | sed 's/^/# /'
		failed=1
	fi
}

below=
for room in base aws store upstream relay edge; do
	below="$below $room"
	allowed=$(echo "$below" | sed 's/^ //; s/ /|/g')
	verdict "$room includes only what is below" \
		"$(grep -nE '^#include "' "$lib/$room"/*.[ch] | grep -vE "#include \"($allowed)/" | grep -v 'config.h"$' ;
		   grep -nE '^#include "' "$lib/$room"/*.[ch] | grep -E '"[a-z]+/' | grep -vE "#include \"($allowed)/")"
done
verdict "libfcgi is seen by edge and the programs only" \
	"$(grep -lE '^#include <(fcgiapp|fcgi_stdio|fastcgi)\.h>' "$lib"/base/* "$lib"/aws/* "$lib"/store/* "$lib"/upstream/* "$lib"/relay/*)"
verdict "libcurl is seen by base/http*.c only" \
	"$(grep -rl '^#include <curl/' "$src/fcgi" | grep -vE 'base/http(_call\.c|_easy\.[ch]|_state\.h|_wait\.c|\.c)$')"
verdict "no banned function" \
	"$(grep -rnwE '(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|localtime|gmtime|ctime|asctime|gets|alloca)[ ]*\(' "$src/fcgi" --include=*.c --include=*.h)"
missing=
for file in "$lib"/*/*.c; do
	name=$(basename "$file" .c)
	# a part of a module (models_load.c, sqlite_schema.c, …) is tested with its module
	while :; do
		test -e "$src/tests/unit/test_$name.c" && break
		grep -qs "covers: .*\b$(basename "$file" .c)\b" "$src"/tests/unit/test_*.c "$src"/tests/system/*.mjs && break
		case $name in
		*_*) name=${name%_*} ;;
		*) missing="$missing $(basename "$file")"; break ;;
		esac
	done
done
verdict "each file of the library has a test" "$missing"
echo "1..$n"
exit $failed
