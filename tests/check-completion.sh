#!/bin/sh
# In TAP: what bash completes of claude-code-proxy-admin is what the command's --help says.
command -v bash >/dev/null || { echo "1..0 # SKIP no bash here"; exit 0; }
exec bash -s "${abs_top_srcdir:-.}" "${abs_top_builddir:-.}/fcgi/claude-code-proxy-admin" <<'BASH'
# shellcheck source=infra/completion/claude-code-proxy-admin
. "$1/infra/completion/claude-code-proxy-admin"
admin=$2 n=0 failed=0

# words WORD...: what a TAB behind these words completes the last one to.
words() {
	COMP_WORDS=(claude-code-proxy-admin "$@")
	COMP_CWORD=$#
	_claude_code_proxy_admin
	printf '%s\n' "${COMPREPLY[@]}" | sort | xargs
}
# is NAME GOT WANTED
is() {
	n=$((n + 1))
	[ "$2" = "$3" ] && { echo "ok $n - $1"; return; }
	printf 'not ok %s - %s\n# got "%s", wanted "%s"\n' "$n" "$1" "$2" "$3"
	failed=1
}
help_options() { "$admin" "$@" --help | sed -n '/^Options/,$s/^  \(--[a-z]*\).*/\1/p' | sort | xargs; }
commands=$("$admin" --help | sed -n '/^Commands/,/^Options/s/^  \([a-z]*\)\( [a-z]*\)\{0,1\} .*/\1\2/p')

[ -n "$commands" ] || is 'the command says what it knows' '' 'commands'
is 'first words' "$(words '')" "$(echo "$commands" | cut -d ' ' -f 1 | sort -u | xargs)"
for first in tables limits; do
	is "second words of $first" "$(words $first '')" "$(echo "$commands" | sed -n "s/^$first //p" | sort | xargs)"
done
while read -r first second; do
	is "options of $first $second" "$(words $first $second --)" "$(help_options $first $second)"
done <<<"$commands"
is 'a word that is begun' "$(words limits l)" 'list'
is 'options behind a user' "$(words limits list alice --j)" '--json'
is 'options before the words' "$(words --json us)" 'usage'
is 'no user is guessed' "$(words limits clear '')" ''
is 'nor a value' "$(words usage --days '')$(words usage --days = '')" ''
is 'a value is no word' "$(words --days = 3 us)$(words --date 2026-11-22 us)" 'usageusage'
echo "1..$n"
exit $failed
BASH
