#!/bin/sh
# A status line for Claude Code behind claude-code-proxy: "Bedrock until 14:05, $1.20 today", or
# "Anthropic, $0.00 today". In ~/.claude/settings.json:
#
#   "statusLine": { "type": "command", "command": "/usr/local/share/claude-code-proxy/examples/statusline.sh" }
#
# The proxy and the user's name come from ANTHROPIC_BASE_URL (http://HOST/user/NAME, http://HOST?claude-code-user=NAME)
# or ANTHROPIC_CUSTOM_HEADERS (x-claude-code-user: NAME). CCP_URL and CCP_USER go before them.
# Needs curl; takes jq where it is installed. Says nothing, and never fails, when the proxy does not answer.

# What Claude Code says about the session is not needed, but it must find a reader.
[ -t 0 ] || cat >/dev/null 2>&1

base=${CCP_URL:-${ANTHROPIC_BASE_URL:-}}
user=${CCP_USER:-}
case $base in
*[?\&]claude-code-user=*)
	query=${base#*claude-code-user=}
	user=${user:-${query%%&*}}
	;;
*/user/*)
	path=${base#*/user/}
	user=${user:-${path%%[/?]*}}
	;;
esac
base=${base%%\?*}
base=${base%%/user/*}
base=${base%/}
[ -n "$base" ] && command -v curl >/dev/null 2>&1 || exit 0
if [ -z "$user" ]; then
	user=$(printf '%s\n' "${ANTHROPIC_CUSTOM_HEADERS:-}" |
		sed -n 's/^[Xx]-[Cc]laude-[Cc]ode-[Uu]ser:[[:space:]]*//p' | sed -n 1p)
fi

# The name is in the address as it was in ANTHROPIC_BASE_URL: escaped already, where it had to be.
answer=$(curl -fsS --max-time 2 \
	"$base/v1/usage/me?days=1&request_type=bedrock&claude-code-user=${user:-default}" 2>/dev/null) || exit 0

if command -v jq >/dev/null 2>&1; then
	until_s=$(printf '%s' "$answer" | jq -r '.limit.retry_until // empty' 2>/dev/null)
	cost=$(printf '%s' "$answer" | jq -r '.summary.cost_usd // empty' 2>/dev/null)
else
	# cost_usd of the summary comes first; a user's name holds no quotes, so it cannot look like either
	until_s=$(printf '%s' "$answer" | sed -n 's/.*"limit":{"retry_until":\([0-9]*\).*/\1/p')
	cost=$(printf '%s' "$answer" | sed -n 's/,"estimated".*//; s/.*"cost_usd":\([0-9.]*\)$/\1/p')
fi
case $cost in
'' | *[!0-9.eE-]*) exit 0 ;;
esac
cost=$(LC_ALL=C printf '%.2f' "$cost" 2>/dev/null) || exit 0

case $until_s in
'' | *[!0-9]*) who=Anthropic ;;
*)
	format=%H:%M
	[ $((until_s - $(date +%s))) -lt 72000 ] || format='%a %H:%M'
	# GNU, then BSD and macOS
	clock=$(date -d "@$until_s" +"$format" 2>/dev/null || date -r "$until_s" +"$format" 2>/dev/null)
	who="Bedrock until $clock"
	;;
esac
# shellcheck disable=SC2016 # a dollar sign
printf '%s, $%s today\n' "$who" "$cost"
