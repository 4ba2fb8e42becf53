# Functions that ./run, ./check, infra/serve and infra/deploy.sh share; sourced, not run. The caller sets source_dir.
# shellcheck shell=sh disable=SC2154

# source_version: the version of this source folder.
source_version() { sed -n 's/^AC_INIT(\[[^]]*\], \[\([^]]*\)\].*/\1/p' "$source_dir/configure.ac"; }

# package_list FILE...: the names in infra/packages/FILE.
package_list() {
	for list in "$@"; do
		sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$source_dir/infra/packages/$list"
	done
}

# missing_packages NAME...: those of them that dpkg does not have installed. Asks no network.
missing_packages() {
	for package in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
	done
}

# install_packages NAME...: what is missing of them, through apt-get.
install_packages() {
	if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
		explain_other_system "$@"
		return
	fi
	# shellcheck disable=SC2046 # one word a package
	set -- $(missing_packages "$@")
	[ $# -gt 0 ] || return 0
	echo "installing: $*"
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		as_root=sudo
		if ! command -v sudo >/dev/null; then
			echo "these packages are missing and sudo is not here; as root: apt-get update && apt-get install --no-install-recommends $*" >&2
			return 1
		fi
	fi
	mkdir -p "$source_dir/build"
	apt_log=$source_dir/build/apt.log
	# An old list is better than none, so a failed update is not the end.
	{
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
	} >"$apt_log" 2>&1 </dev/null
	# shellcheck disable=SC2046 # one word a package
	set -- $(missing_packages "$@")
	if [ $# -gt 0 ]; then
		tail -n 20 "$apt_log" >&2
		echo "apt-get could not install: $*" >&2
		return 1
	fi
	# Debian starts a web server that it installs, on port 80. Nobody asked for that one.
	if [ -d /run/systemd/system ]; then
		for service in lighttpd apache2 nginx; do
			! grep -q "^Setting up $service " "$apt_log" ||
				$as_root systemctl -q disable --now "$service" >>"$apt_log" 2>&1
		done
	fi
	return 0
}

# Not Debian: go on when everything seems to be there, else name it.
explain_other_system() {
	lacking=
	for tool in autoreconf automake gcc make pkg-config lighttpd spawn-fcgi curl; do
		command -v "$tool" >/dev/null || lacking="$lacking $tool"
	done
	for library in libcurl libcjson libcrypto sqlite3 zlib; do
		pkg-config --exists "$library" 2>/dev/null || lacking="$lacking $library"
	done
	[ -n "$lacking" ] || return 0
	{
		echo "This is not a Debian system (no apt-get), so nothing is installed for you."
		echo "Missing:$lacking"
		echo "Under Debian 12 the packages are: $*"
	} >&2
	return 1
}

# absolute_paths FOLDER: settings of the environment that are paths, when relative, are meant from there.
absolute_paths() {
	for name in STATE_DIRECTORY CLAUDE_CODE_PROXY_CONF MODELS_FILE PRICES_FILE AWS_CONFIG_FILE \
		AWS_SHARED_CREDENTIALS_FILE SSL_CERT_FILE; do
		eval "value=\${$name:-}"
		case $value in
		'' | /*) ;;
		*) export "$name=$1/$value" ;;
		esac
	done
}

# belongs_to_other PATH: says whose it is when it is there and this user cannot write it.
belongs_to_other() {
	[ -e "$1" ] && [ ! -w "$1" ] || return 1
	echo "${1#"$source_dir/"} belongs to $(stat -c %U "$1") and $(id -un 2>/dev/null) cannot write there"
}

# can_build DIR: nothing in the way of a build there, or one sentence about it.
can_build() {
	build_dir=$source_dir/$1
	if [ -e "$source_dir/config.status" ]; then
		echo "this folder was configured in place (./configure), which no other build folder can live with; run \"make distclean\" here, then this again" >&2
		return 1
	fi
	for path in "$build_dir" "$build_dir/.lock" "$build_dir/Makefile" "$source_dir"; do
		if other=$(belongs_to_other "$path"); then
			echo "$other; start this as that user, or remove $build_dir first, or use a copy of the source" >&2
			return 1
		fi
	done
}

# build_tree DIR CONFIGURE-OPTION...: autoreconf, configure and make, each only when needed. Two at once
# in one tree wait for each other.
build_tree() {
	can_build "$1" || return
	build_dir=$source_dir/$1
	shift
	mkdir -p "$build_dir" || return
	build_log=$build_dir/build.log
	(
		flock 8
		: >"$build_log"
		cd "$source_dir" || exit 1
		if [ ! -x configure ] || [ -n "$(find configure.ac Makefile.am m4 fcgi/Makefile.inc tests/Makefile.inc -newer configure 2>/dev/null)" ]; then
			echo "preparing the build (autoreconf)"
			autoreconf -fi >>"$build_log" 2>&1 || exit 1
			# autoreconf leaves a configure alone that would come out the same
			touch configure
		fi
		# The relative path lets the source lie in a folder with a space in its name.
		cd "$build_dir" || exit 1
		if [ ! -e Makefile ] || [ ! -x config.status ] || [ "$(cat .options 2>/dev/null)" != "$*" ]; then
			echo "configuring"
			../configure "$@" >>"$build_log" 2>&1 || exit 1
			printf '%s' "$*" >.options
		fi
		# configure finishes stamp-h1 after config.h, and make then finds something to do for ever.
		make config.h >>"$build_log" 2>&1 || exit 1
		[ -z "$(find stamp-h1 -newer config.h)" ] || touch config.h
		make -q >/dev/null 2>&1 && exit 0
		echo "building"
		make -j"$(nproc)" >>"$build_log" 2>&1
	) 8>"$build_dir/.lock" && return 0
	grep -E 'error|Error|warning: ' "$build_log" | head -n 20 >&2
	echo "--- the end of $build_log" >&2
	tail -n 25 "$build_log" >&2
	echo "the build failed" >&2
	return 1
}
