#!/bin/bash
# The Debian packages: built twice, looked at by lintian; the container image with them (image.sh); and an administrator's
# day with them (journey.sh) in a clean system. ./check package runs it, and counts the lines that begin with ok, FAIL and
# skipped.
#
#   tests/package/run.sh [FOLDER]    FOLDER keeps the clean system between runs; default build-check/package
#
# Needs root and what infra/packages/package lists; some steps skip without the npm packages of tests/system. The first run fetches the clean system through mmdebstrap.
set -u
source_dir=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
work=${1:-$source_dir/build-check/package}
mkdir -p "$work" && work=$(cd "$work" && pwd) || exit 1
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
# shellcheck source=tests/package/steps.sh
. "$source_dir/tests/package/steps.sh"

# A machine that gets our packages; their own dependencies are added.
readonly SYSTEM=systemd-sysv,dbus,apt,iproute2,procps,python3,lighttpd,apache2,libapache2-mod-fcgid
readonly FETCH_SECONDS=600 # the clean system comes from the network
readonly PACKAGES='claude-code-proxy claude-code-proxy-lighttpd claude-code-proxy-apache2'

# skip WHY: this machine cannot do it.
skip() {
	echo "skipped: $1"
	exit 0
}

# clean_copy FOLDER: what a clone has, with what is not committed yet, all of it new as in a clone; or the whole
# release tarball.
clean_copy() {
	mkdir -p "$1"
	if [ -e "$source_dir/.git" ]; then
		git -C "$source_dir" ls-files -z --cached --others --exclude-standard
	else
		(cd "$source_dir" && find . -name 'build*' -prune -o ! -type d -print0)
	fi | tar -C "$source_dir" --null --no-recursion --ignore-failed-read -T - -cf - 2>/dev/null | tar -C "$1" -xmf -
}

# build FOLDER [NAME=value]: the packages are beside FOLDER then. The only network is a loopback.
build() {
	local folder=$1
	shift
	clean_copy "$folder"
	cd "$folder" && unshare --net sh -c 'ip link set lo up && exec env "$@"' sh "$@" dpkg-buildpackage -us -uc "${type:--b}"
}

# Another folder, another time, no tests: the same bytes.
same_twice() {
	local deb
	(type=-b build "$work/second/elsewhere/source" DEB_BUILD_OPTIONS=nocheck) || return
	for deb in "$work"/first/*.deb; do
		cmp "$deb" "$work/second/elsewhere/${deb##*/}" || return
	done
}

# Under names without a version: as built, and the same as if they were an older version, with other files for the
# web servers.
keep_packages() {
	local package version tree=$work/debs/tree
	mkdir -p "$work/debs/previous"
	version=$(dpkg-parsechangelog -l "$source_dir/debian/changelog" -S Version) || return
	for package in $PACKAGES; do
		cp "$work/first/${package}"_*.deb "$work/debs/$package.deb" &&
			dpkg-deb -R "$work/debs/$package.deb" "$tree" &&
			sed -i "s/^Version: .*/Version: $version~before/; /^Depends:/s/>= $version)/>= $version~before)/" \
				"$tree/DEBIAN/control" &&
			find "$tree/etc" -path '*/conf-available/*.conf' -exec sed -i '$a # an older version' {} + &&
			dpkg-deb --root-owner-group -b "$tree" "$work/debs/previous/$package.deb" || return
		rm -rf "$tree"
	done
}

# clean_system FOLDER: fetched once, until other packages are needed.
clean_system() {
	local wanted
	wanted=$SYSTEM$(dpkg-deb -f "$work/debs/claude-code-proxy.deb" Depends | tr ',' '\n' |
		sed -e 's/^ */,/' -e 's/[ (|].*//' | tr -d '\n')
	if [ "$(cat "$work/system.has" 2>/dev/null)" != "$wanted" ]; then
		rm -f "$work/system.has"
		# Debian's lighttpd leaves port 80 to its Apache, as on any machine that has both.
		# shellcheck disable=SC2016 # mmdebstrap's shell
		timeout -k 10 $FETCH_SECONDS mmdebstrap --variant=minbase --include="$wanted" --dpkgopt=force-unsafe-io \
			--customize-hook='sed -i "s/^server.port .*/server.port = 81/" "$1/etc/lighttpd/lighttpd.conf"' \
			"$(. /etc/os-release && echo "$VERSION_CODENAME")" "$work/system.tar" || return
		printf %s "$wanted" >"$work/system.has"
	fi
	mkdir -p "$1"
	tar -C "$1" -xpf "$work/system.tar"
}

[ "$(id -u)" -eq 0 ] || skip 'the packages are installed into a system of their own, which only root can boot'
for tool in dpkg-buildpackage dh lintian mmdebstrap unshare nsenter ip; do
	command -v $tool >/dev/null || skip "there is no $tool here"
done
unshare --net --pid --mount --fork ip link set lo up 2>/dev/null || skip 'there can be no namespaces here'
trap 'rm -rf "$work/first" "$work/second" "$work/debs" "$work/system" "$work/image"' EXIT
trap 'exit 130' INT TERM
rm -rf "$work/first" "$work/second" "$work/debs" "$work/system" "$work/image"

tested=', unit tests and fuzz corpus'
case ${DEB_BUILD_OPTIONS:-} in
*nocheck*) tested= ;;
esac
step "dpkg-buildpackage without network$tested" eval '(type=-F build "$work/first/source")'
step 'lintian' lintian --fail-on error,warning --allow-root "$work"/first/*.changes
step 'built again elsewhere: the same bytes' same_twice
step 'an older version' keep_packages
bash "$source_dir/tests/package/image.sh" "$work"
image_status=$?
clean_system "$work/system" >"$work/system.log" 2>&1 || {
	tail -n 3 "$work/system.log"
	skip 'mmdebstrap cannot make a clean system here'
}
mkdir "$work/system/debs"
cp -r "$work"/debs/* "$source_dir/debian/tests/roundtrip" "$work/system/debs"
sh "$source_dir/tests/package/boot.sh" "$work/system" "$source_dir/tests/package/journey.sh" "$work"
status=$?
[ $status -ne 77 ] || { echo 'skipped: no system can be booted here'; status=0; }
[ $status -ne 0 ] || status=$image_status
exit $status
