#!/bin/sh
# tests/package/container.sh ROOT UID STATE TMP COMMAND [ARGUMENT...]
#
# Runs COMMAND of the root file system in the folder ROOT as a container runtime does: as process 1 of its own, as user
# and group UID without any right of root, on a read-only root. The folders STATE and TMP are what it can write, as
# /var/lib/claude-code-proxy and /tmp. STATE may be "-": then it is as on Lambda, with /tmp only and without /dev/fd.
# Its environment is this one's, its network too. Needs root.
set -eu
[ $# -ge 5 ] || { echo "usage: tests/package/container.sh ROOT UID STATE TMP COMMAND [ARGUMENT...]" >&2; exit 2; }

# shellcheck disable=SC2016 # sh inside replaces them
exec unshare --pid --mount --ipc --uts --fork --kill-child --propagation private sh -euc '
root=$1 uid=$2 state=$3 tmp=$4
shift 4
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom; do
	touch "$root/dev/$device"
	mount --bind /dev/$device "$root/dev/$device"
done
[ "$state" = - ] || {
	ln -s /proc/self/fd "$root/dev/fd"
	mount --bind "$state" "$root/var/lib/claude-code-proxy"
}
mount --bind "$tmp" "$root/tmp"
mount -o remount,bind,ro "$root"
exec chroot "$root" /usr/bin/setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --bounding-set=-all \
	--inh-caps=-all -- "$@"
' sh "$@"
