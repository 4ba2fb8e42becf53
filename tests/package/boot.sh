#!/bin/sh
# tests/package/boot.sh ROOT COMMAND [ARGUMENT...]
#
# Boots the root file system in the folder ROOT with its own systemd, in namespaces (no virtual machine, no container
# manager), and runs COMMAND on this machine, but in the network of the booted system: 127.0.0.1 is the same for both,
# and nobody else's. Ends with COMMAND's status when the system is down again; 77 when nothing can be booted here.
#
# Needs root, a kernel with cgroup v2, and in ROOT systemd and dbus. COMMAND has in its environment
#
#   CCP_ROOT    ROOT: its files can be read and written; /run, /tmp and /dev there are the booted system's own, not these
#   CCP_INSIDE  a program: "$CCP_INSIDE" systemctl status runs a command inside
set -u

skip() { echo "boot.sh: $*" >&2; exit 77; }

[ $# -ge 2 ] || { echo "usage: tests/package/boot.sh ROOT COMMAND [ARGUMENT...]" >&2; exit 2; }
root=$(cd "$1" && pwd) || exit 2
shift
[ "$(id -u)" = 0 ] || skip "only root can boot a system"
[ -x "$root/lib/systemd/systemd" ] || skip "$root has no systemd"
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
[ -n "$cgroups" ] || skip "no cgroup2 is mounted here"

work=$(mktemp -d "${TMPDIR:-/tmp}/ccp-boot.XXXXXX") || exit 1
cgroup=$cgroups/${work##*/}
system=
init=

# SIGRTMIN+3 is systemd's order to halt; --kill-child ends what does not obey.
finish() {
	status=$?
	trap - EXIT
	trap '' INT TERM
	if [ -n "$init" ]; then
		kill -37 "$init" 2>/dev/null
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			kill -0 "$init" 2>/dev/null || break
			sleep 1
		done
	fi
	if [ -n "$system" ]; then
		kill -KILL "$system" 2>/dev/null
		wait "$system" 2>/dev/null
	fi
	find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir "$cgroup" || skip "no group of its own in $cgroups"
# What a container manager prepares: its own root, mounts, devices, network, and the group as the root of all groups.
# shellcheck disable=SC2016 # sh inside replaces them
sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$cgroup" \
	unshare --cgroup --pid --mount --uts --ipc --net --fork --kill-child --propagation private sh -euc '
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm run/old
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
for device in null zero full random urandom tty; do
	touch dev/$device
	mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
ip link set lo up
hostname ccp-boot
pivot_root . run/old
exec env -i container=ccp-boot PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "
	umount -l /run/old
	rmdir /run/old
	exec /lib/systemd/systemd --system --log-target=journal"
' sh "$root" </dev/null >"$work/console" 2>&1 &
system=$!

printf '#!/bin/sh\nexec nsenter -t "$(cat %s/init)" -m -p -u -i -n -C --root --wd env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"\n' "$work" >"$work/inside"
chmod 755 "$work/inside"
export CCP_ROOT="$root" CCP_INSIDE="$work/inside"

tries=0
until "$CCP_INSIDE" systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
	tries=$((tries + 1))
	kill -0 "$system" 2>/dev/null && [ $tries -lt 600 ] || { cat "$work/console" >&2; skip "the system does not boot here"; }
	# the only child of unshare, once there is one
	init=$(cat "/proc/$system/task/$system/children" 2>/dev/null | tr -d ' ')
	echo "$init" >"$work/init"
	sleep 0.1
done
nsenter -t "$init" -n "$@"
