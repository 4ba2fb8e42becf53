# Sourced by run.sh, image.sh and journey.sh, which set work and source_dir.
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

# node_and_packages: whether there is a node that the tests of tests/system run on, and what they import.
node_and_packages() {
	node -e 'process.exitCode = parseInt(process.versions.node) < 20 ? 1 : 0' 2>/dev/null &&
		[ -d "$source_dir/tests/system/node_modules" ]
}
