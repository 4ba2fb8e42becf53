#!/bin/bash
# image.sh WORK: the container image, built from infra/image/Dockerfile by buildah, which needs no daemon and no
# registry, and used as Fargate and Lambda do (image.mjs). run.sh calls it with the packages in WORK/first.
#
# Not Docker's Debian image but one that mmdebstrap makes the same way; kept in WORK. Not the Lambda Web Adapter but a
# file in its place: nothing here speaks Lambda's protocol.
set -u
work=$1
source_dir=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/package/steps.sh
. "$source_dir/tests/package/steps.sh"
readonly STORE=$work/image
readonly BASE=localhost/debian IMAGE=localhost/claude-proxy

builder() { buildah --root "$STORE/storage" --runroot "$STORE/run" --storage-driver vfs "$@"; }
skip() {
	echo "skipped: $1"
	exit 0
}

# base: what Docker's debian:NAME-slim is.
base() {
	local name
	name=$(. /etc/os-release && echo "$VERSION_CODENAME")
	if [ "$(cat "$work/debian.is" 2>/dev/null)" != "$name" ]; then
		rm -f "$work/debian.is"
		mmdebstrap --variant=minbase --dpkgopt=force-unsafe-io "$name" "$work/debian.tar" || return
		echo "$name" >"$work/debian.is"
	fi
	mkdir "$STORE/base" &&
		ln "$work/debian.tar" "$STORE/base" &&
		printf 'FROM scratch\nADD debian.tar /\n' >"$STORE/base/Dockerfile" &&
		builder bud --isolation chroot -t $BASE "$STORE/base"
}

# works: a command can be run in an image here, and reaches Debian.
works() {
	mkdir "$STORE/works" &&
		printf 'FROM %s\nRUN apt-get -q update\n' $BASE >"$STORE/works/Dockerfile" &&
		builder bud --isolation chroot --pull-never "$STORE/works"
}

# A file in the place of the adapter, and the packages that are built already: both instead of a stage of their own.
build() {
	mkdir -p "$STORE/adapter" "$STORE/built/packages" &&
		cp "$work"/first/claude-code-proxy{,-lighttpd}_*.deb "$STORE/built/packages" &&
		install -m 755 /dev/null "$STORE/adapter/lambda-adapter" &&
		builder bud --format docker --isolation chroot --pull-never --build-arg DEBIAN=$BASE \
			--build-context adapter="$STORE/adapter" --build-context build="$STORE/built" \
			-t $IMAGE -f "$source_dir/infra/image/Dockerfile" "$source_dir"
}

# unpack: sets root, the image's file system.
unpack() {
	local container
	container=$(builder from --pull-never $IMAGE) &&
		root=$(builder mount "$container") &&
		builder inspect --type image $IMAGE >"$STORE/config.json"
}

# Nobody is root in there or becomes it; no package, no list and no log stays.
tidy() {
	[ -z "$(find "$root" -xdev -type f -perm /6000)" ] || { find "$root" -xdev -type f -perm /6000; return 1; }
	[ ! -e "$root/packages" ] && [ ! -e "$root/lib/systemd/systemd" ] && [ -x "$root/opt/extensions/lambda-adapter" ] || return
	[ -z "$(find "$root/tmp" "$root/var/log" "$root/var/lib/apt/lists" -type f)" ] || return
	[ "$(stat -c '%u:%g:%a' "$root/var/lib/claude-code-proxy") $(stat -c %a "$root/tmp")" = '10001:10001:700 1777' ]
}

command -v buildah >/dev/null || skip 'there is no buildah here, which builds the container image'
mkdir "$STORE"
trap 'rm -rf "$STORE"' EXIT
trap 'exit 130' INT TERM

base >"$work/debian.log" 2>&1 || {
	tail -n 3 "$work/debian.log"
	skip 'no image of Debian can be made here'
}
works >"$work/works.log" 2>&1 || {
	tail -n 3 "$work/works.log"
	skip 'buildah cannot run a command in an image here, or Debian cannot be reached'
}
step 'container image from its Dockerfile' build
step 'what is in it' unpack
step 'and what is not' tidy
node_and_packages || skip 'the container is not run: node 20 or its packages cannot be had here'
# A network of its own, and nothing that is left running after this.
# shellcheck disable=SC2016 # sh inside replaces it
CCP_IMAGE=$root CCP_IMAGE_CONFIG=$STORE/config.json unshare --net --pid --fork --kill-child --mount-proc \
	sh -c 'ip link set lo up && exec node --test-reporter=tap "$1"' sh "$source_dir/tests/package/image.mjs" >"$work/image.log" 2>&1
status=$?
sed -n -e 's/^ok [0-9]* - \(.*\)/ok   container: \1/p' -e 's/^not ok [0-9]* - \(.*\)/FAIL container: \1/p' "$work/image.log"
[ $status -eq 0 ] || grep -v '^# Subtest' "$work/image.log" | sed 's/^/    /'
exit $status
