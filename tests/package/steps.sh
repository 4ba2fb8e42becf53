# Sourced by run.sh and journey.sh, which set work.
# shellcheck shell=bash disable=SC2154

# step NAME COMMAND...: what it prints is shown when it fails. Nothing goes on after that.
step() {
	local name=$1 log=$work/step.log start=$SECONDS
	shift
	if "$@" >"$log" 2>&1 </dev/null; then
		echo "ok   $name ($((SECONDS - start)) s)"
		return
	fi
	echo "FAIL $name"
	tail -n 60 "$log" | sed 's/^/    /'
	! command -v journal >/dev/null || journal | sed 's/^/    /'
	exit 1
}
