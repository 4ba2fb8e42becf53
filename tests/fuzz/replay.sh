#!/bin/sh
# Each fuzz target on its corpus: one TAP line a target.
corpus=$abs_top_srcdir/tests/fuzz/corpus
n=0
failed=0
for dir in "$corpus"/*/; do
	name=$(basename "$dir")
	target=$abs_top_builddir/tests/fuzz/fuzz_$name
	n=$((n + 1))
	if test -x "$target" && "$target" "$dir"* >&2; then
		echo "ok $n - fuzz_$name"
	else
		echo "not ok $n - fuzz_$name"
		failed=1
	fi
done
echo "1..$n"
exit $failed
