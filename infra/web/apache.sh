# infra/serve apache and apache-proxy; sourced, not run.
# shellcheck shell=sh disable=SC2034,SC2154 # infra/serve reads and sets the others

apache_modules=/usr/lib/apache2/modules
apache_folder=$source_dir/apache

needs='apache2 spawn-fcgi curl'
if [ "$server" = apache ]; then
	beside=
	shipped=claude-code-proxy-fcgid.conf
	modules=fcgid
else
	beside=1
	shipped=claude-code-proxy-proxy-fcgi.conf
	modules='proxy proxy_fcgi setenvif'
fi

# What is different here from an installed server is defined before the shipped file is included.
web_conf() {
	cat <<CONF
# Written by infra/serve; changes here are lost.
ServerRoot "$run_dir"
ServerName localhost
PidFile "$run_dir/apache.pid"
ErrorLog "$log_dir/apache.log"
ErrorLogFormat "[%t] [%l] %M"
LogLevel warn
DefaultRuntimeDir "$run_dir"
Mutex pthread
ServerSignature Off
ServerTokens Prod
TraceEnable Off
CONF
	for module in mpm_event authz_core alias mime headers env reqtimeout $modules; do
		printf 'LoadModule %s_module %s/mod_%s.so\n' $module "$apache_modules" $module
	done
	cat <<CONF
# a thread a stream: what the shipped file says about mpm_event.conf
ServerLimit 64
MaxRequestWorkers 1600
TypesConfig /etc/mime.types
DocumentRoot "$run_dir/upload"
Define CCP_LISTEN "$listen_url:$PORT"
Define CCP_APACHE "$apache_folder"
Define CCP_SOCKETS "$socket_dir"
Define CCP_HTML "$html_dir"
Define CCP_ERRORS "$errors_dir"
Define CCP_MAX_BODY_BYTES $max_body_bytes
CONF
	[ -n "$beside" ] || cat <<CONF
Define CCP_PROGRAMS "$run_dir/fcgi"
FcgidIPCDir "$socket_dir"
FcgidProcessTableFile "$run_dir/fcgid_shm"
CONF
	# Apache's children never run as root.
	[ -z "$web_user" ] || printf 'User nobody\nGroup nogroup\n'
	printf 'Include "%s"\n' "$apache_folder/$shipped"
}

# Makes ready what mod_fcgid needs, too; Apache itself says what it does not like when it starts.
web_check() {
	[ -z "$beside" ] || return 0
	write_wrappers
	[ -z "$web_user" ] || programs_as_nobody
	try_programs
}
web_run() { exec apache2 -D FOREGROUND -f "$run_dir/apache.conf"; }

# mod_fcgid starts programs with an empty environment, and cuts what FcgidInitialEnv gives at 127
# characters. So it starts these three, which take the environment from a private file. WORKERS is 1:
# mod_fcgid manages the processes itself.
write_wrappers() {
	case $run_dir in
	*[[:space:]]*) die "mod_fcgid cannot start programs in a folder with a blank in its name: $run_dir" ;;
	esac
	mkdir -p "$run_dir/fcgi" || die "cannot make $run_dir/fcgi"
	(
		# root's, for nobody
		[ -z "$web_user" ] || unset HOME USER LOGNAME MAIL XDG_RUNTIME_DIR XDG_CONFIG_HOME
		unset OLDPWD
		export WORKERS=1
		export -p
	) >"$run_dir/fcgi/environment"
	for program in messages usage ui; do
		cat >"$run_dir/fcgi/$program.fcgi" <<WRAPPER
#!/bin/sh
. $(quoted "$run_dir/fcgi/environment")
exec $(quoted "$CCP_PROGRAMS/$program.fcgi")
WRAPPER
		chmod 0700 "$run_dir/fcgi/$program.fcgi"
	done
}

# quoted TEXT: as one word of a shell script.
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")"; }

# Under mod_fcgid a program that refuses its settings is a 500 that names nothing, so each one is
# started once by hand: who refuses has ended after a second.
try_programs() {
	for program in messages usage ui; do
		# shellcheck disable=SC2086 # words
		spawn-fcgi -n -s "$socket_dir/try-$program.sock" -M 0600 -- ${web_user:+$as_web_user} \
			"$run_dir/fcgi/$program.fcgi" >"$run_dir/try-$program.log" 2>&1 9>&- &
		eval "try_$program=\$!"
	done
	sleep 1
	refused=
	for program in messages usage ui; do
		eval "process=\$try_$program"
		alive "$process" || refused="$refused $program"
		kill "$process" 2>/dev/null
		wait "$process"
	done
	rm -f "$socket_dir"/try-*.sock
	# One is enough: all of them read the same settings.
	for program in $refused; do
		cat "$run_dir/try-$program.log" >&2
		say "$program.fcgi did not start"
		fail
	done
	# What they said of the store is said by the first process of a machine only.
	cat "$run_dir"/try-*.log >>"$log_dir/apache.log"
}

# As root, Apache runs the programs as nobody, who must reach them and own the state.
programs_as_nobody() {
	for path in "$CCP_PROGRAMS/messages.fcgi" "$source_dir/data" "$(dirname "$STATE_DIRECTORY")"; do
		reachable "$path" "runs the programs"
	done
	# What is the proxy's own in there, and nothing else.
	chown nobody:nogroup "$STATE_DIRECTORY" && chown -R nobody:nogroup "$run_dir" "$log_dir" ||
		die "cannot give $STATE_DIRECTORY to nobody"
	for path in "$STATE_DIRECTORY"/state.db*; do
		[ ! -e "$path" ] || chown nobody:nogroup "$path"
	done
	[ ! -d "${HOME:-/root}/.aws" ] ||
		say "the programs run as nobody, who cannot read ${HOME:-/root}/.aws: give AWS credentials in the environment or .env"
}
