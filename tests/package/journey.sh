#!/bin/bash
# journey.sh WORK: an administrator's day with the packages in /debs of the booted system; run by boot.sh.
set -u
work=$1
source_dir=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
# shellcheck source=tests/package/steps.sh
. "$source_dir/tests/package/steps.sh"

# What still runs when a step fails; not by inside(), whose shell would be in between.
trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT
inside() { "$CCP_INSIDE" DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
apt() { inside apt-get -y "$@"; }
journal() { inside journalctl -b --no-pager -n 40 -u 'claude-code-proxy*' -u lighttpd -u apache2; }

# All files with owner, mode and link, users, groups and units. Not: what dpkg, apt and the journal keep about any package;
# the modules of Apache that stay enabled (debian/claude-code-proxy-apache2.prerm says why), and its empty folders for notes.
traces() {
	inside sh -c '
		find / -xdev \( -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path /debs \
			-o -path /var/lib/systemd/random-seed \) -prune -o -printf "%p %u:%g %m %l\n"
		find /run -xdev \( -path /run/log -o -path /run/systemd -o -path /run/lock \) -prune -o -printf "%p %u:%g %m\n"
		cat /etc/passwd /etc/group /etc/shadow /etc/gshadow
		systemctl list-unit-files --no-legend' |
		grep -vE '^/etc/((passwd|group|shadow|gshadow|subuid|subgid)-|\.pwd\.lock) |^(/etc/apache2/mods-enabled|/var/lib/apache2/module/enabled_by_maint)/(proxy|proxy_fcgi|headers)(\.load|\.conf)? |^/var/lib/apache2/conf/disabled_by_(admin|maint) ' |
		sort
}

# Reloads under 200 streams, kill -9, stop, wrong settings: node is outside, and its stand-ins are on the same 127.0.0.1.
services() { node "$source_dir/tests/package/services.mjs"; }

install() {
	apt install /debs/previous/claude-code-proxy.deb /debs/previous/claude-code-proxy-lighttpd.deb &&
		inside sh -ec '
			test "$(stat -c %U:%G:%a /etc/claude-code-proxy/claude-code-proxy.conf)" = root:claude-code-proxy:640
			test "$(stat -c %U:%G:%a /var/lib/claude-code-proxy)" = claude-code-proxy:claude-code-proxy:700
			systemctl is-enabled claude-code-proxy.target'
}

# What an upgrade must keep: settings with the administrator's own line and mode, the usage, and the processes.
kept() {
	inside sh -ec '
		stat -c "%n %U:%G %a" /etc/claude-code-proxy/* /var/lib/claude-code-proxy
		cat /etc/claude-code-proxy/*
		systemctl show -P MainPID claude-code-proxy-messages claude-code-proxy-usage claude-code-proxy-ui lighttpd
		claude-code-proxy-admin usage alice'
}

lighttpd_restarts() { inside grep -c 'graceful shutdown started' /var/log/lighttpd/error.log; }

# In the middle of a stream, which goes on; and every process becomes the new program.
upgrade() {
	local tries=0 held restarts
	inside sh -c 'echo LOG_LEVEL=debug >>/etc/claude-code-proxy/claude-code-proxy.conf
		chmod 440 /etc/claude-code-proxy/claude-code-proxy.conf
		mkdir /tmp/hold'
	"$CCP_INSIDE" /debs/roundtrip --hold /tmp/hold >"$work/hold.log" 2>&1 &
	held=$!
	until inside test -e /tmp/hold/started; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] && kill -0 $held || { cat "$work/hold.log"; return 1; }
		sleep 0.1
	done
	kept >"$work/kept-before" && restarts=$(lighttpd_restarts) || return
	apt install /debs/claude-code-proxy.deb /debs/claude-code-proxy-lighttpd.deb >"$work/upgrade.log" 2>&1 ||
		{ cat "$work/upgrade.log"; return 1; }
	kept >"$work/kept-after" || return
	inside touch /tmp/hold/go
	wait $held || { cat "$work/hold.log"; return 1; }
	diff "$work/kept-before" "$work/kept-after" || return
	# A reload of lighttpd ends streams: it is the administrator's, who is told.
	[ "$(lighttpd_restarts)" = "$restarts" ] && grep 'until it is reloaded' "$work/upgrade.log" || return
	# The old program's last worker ends with the stream.
	tries=0
	while inside sh -c 'ls -l /proc/[0-9]*/exe 2>/dev/null | grep "claude-code-proxy.*deleted"'; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return
		sleep 0.1
	done
}

exchange() {
	apt install /debs/claude-code-proxy-apache2.deb &&
		inside sh -c 'test "$(dpkg-query -W -f "\${db:Status-Status}" claude-code-proxy-lighttpd)" = config-files'
}

# Apache lets go of the port some time after its reload.
back() {
	apt install /debs/claude-code-proxy-lighttpd.deb && enabled lighttpd
}

# enabled SERVER: the web server has our file.
enabled() {
	inside sh -c "ls /etc/$1/conf-enabled/*claude-code-proxy*"
}

remove() {
	apt remove claude-code-proxy &&
		inside sh -c '! ss -Hltn "sport = 8080" | grep . && ! pgrep -u claude-code-proxy && ! ls -d /run/claude-code-proxy'
}

# In two goes, as by hand: the first leaves the package for Apache unpacked.
again() {
	! inside dpkg -i /debs/claude-code-proxy-apache2.deb &&
		inside dpkg -i /debs/claude-code-proxy.deb /debs/claude-code-proxy-apache2.deb && enabled apache2 &&
		inside grep -q '^LOG_LEVEL=debug$' /etc/claude-code-proxy/claude-code-proxy.conf
}

purge() {
	apt purge claude-code-proxy claude-code-proxy-lighttpd claude-code-proxy-apache2 || return
	traces >"$work/traces-after"
	diff "$work/traces-before" "$work/traces-after"
}

# Somebody else has port 8080: a web server that is told of it would end, and its other sites with it.
port_in_use() {
	local other failed=0
	"$CCP_INSIDE" sh -c 'echo $$ >/tmp/other && exec python3 -m http.server --bind 127.0.0.1 8080' >"$work/other.log" 2>&1 &
	other=$!
	until inside ss -Hltn 'sport = 8080' | grep -q .; do kill -0 $other || return; done
	apt install /debs/claude-code-proxy.deb "/debs/claude-code-proxy-$1.deb" && ! enabled "$1" && others || failed=1
	inside sh -c 'kill "$(cat /tmp/other)"'
	wait $other
	return $failed
}

# refused SERVER COMMAND...: done while SERVER would not start with its own configuration, and its sites go on.
refused() {
	local broken=/etc/$1/conf-enabled/99-broken.conf failed=0
	# no reload is going on any more; Apache would get another folder in /tmp, and has had the time
	[ "$1" = apache2 ] || { inside systemctl restart "$1" && others; } || return
	inside sh -c "echo nonsense >$broken"
	shift
	"$@" && others || failed=1
	inside rm "$broken"
	return $failed
}
install_refused() {
	refused "$1" apt install /debs/claude-code-proxy.deb "/debs/claude-code-proxy-$1.deb" && ! enabled "$1"
}

# What dpkg calls when another package, for which this one had to go, cannot be unpacked after all.
stays() {
	local info=/var/lib/dpkg/info/claude-code-proxy-$1 tries=0
	enabled "$1" && inside "$info.prerm" remove in-favour other 1 && ! enabled "$1" &&
		inside "$info.postinst" abort-remove in-favour other 1 && enabled "$1" || return
	until inside ss -Hltn 'sport = 8080' | grep .; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || return
		sleep 0.1
	done
}

# lighttpd stays stopped when it was, and keeps no link to a file that is gone.
removed_and_enabled() {
	inside systemctl stop lighttpd && apt remove claude-code-proxy-lighttpd &&
		! inside systemctl is-active lighttpd && inside systemctl start lighttpd &&
		inside lighty-enable-mod claude-code-proxy && purge
}

# The user cannot go then, the packages can.
purge_under_use() {
	apt install /debs/claude-code-proxy.deb || return
	"$CCP_INSIDE" setpriv --reuid=claude-code-proxy --clear-groups sleep 600 &
	until inside pgrep -u claude-code-proxy -x sleep; do kill -0 $! || return; done
	apt purge claude-code-proxy && ! inside ls -d /var/lib/claude-code-proxy
}

# The sites that were there before answer as before. lighttpd's unit is "started" before it listens.
others() {
	inside python3 -c '
import http.client, time, urllib.request
def status(port):
    for _ in range(200):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20).status
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.1)
assert status(80) == 200 and status(81) == 200'
}

step "Debian's own Apache and lighttpd in the clean system" others
traces >"$work/traces-before"
step 'install, under lighttpd' install
step 'round trip through lighttpd' inside /debs/roundtrip --server lighttpd
if node_and_packages; then
	step 'services: reload under streams, kill, stop, wrong settings' services
else
	echo 'skipped: the tests of the services need node 20 and its packages'
fi
step 'upgrade in the middle of a stream' upgrade
step 'round trip through lighttpd after the upgrade' inside /debs/roundtrip --server lighttpd
step 'install under Apache instead' exchange
step 'round trip through Apache' inside /debs/roundtrip --server Apache
step 'under lighttpd again' back
step 'round trip through lighttpd, once more' inside /debs/roundtrip --server lighttpd
step 'remove' remove
step 'install again, with the settings that were there' again
step 'round trip through Apache again' inside /debs/roundtrip --server Apache
step 'other sites are as they were' others
step 'purge leaves nothing' purge
step 'install under lighttpd while another program has the port' port_in_use lighttpd
step 'install under Apache while another program has the port' port_in_use apache2
step 'purge leaves nothing again' purge
step 'install under Apache while it refuses its configuration' install_refused apache2
step 'install under lighttpd while it refuses its configuration' install_refused lighttpd
step 'purge, then install under Apache' eval 'purge && apt install /debs/claude-code-proxy.deb /debs/claude-code-proxy-apache2.deb'
step 'Apache keeps what could not be replaced' stays apache2
step 'exchange for lighttpd' back
step 'lighttpd keeps what could not be replaced' stays lighttpd
step 'remove while lighttpd refuses its configuration' refused lighttpd apt remove claude-code-proxy-lighttpd
step 'install under lighttpd, remove, enable, purge' eval 'inside systemctl restart lighttpd && back && removed_and_enabled'
step 'purge while a process of the user lives' purge_under_use
