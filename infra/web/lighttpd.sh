# infra/serve lighttpd; sourced, not run.
# shellcheck shell=sh disable=SC2034,SC2154 # infra/serve reads and sets the others

needs='lighttpd spawn-fcgi curl'
beside=1

# Replaces the five marked lines of the shipped file, and nothing else in it. Before it stands what lighttpd takes for
# the whole server only, and Debian's own lighttpd.conf may say otherwise: here there is no other site, so what is
# wrong with a user's name in a URL is for the program to say, and what lighttpd cannot read it refuses in
# Anthropic's shape.
web_conf() {
	bind=$LISTEN
	case $LISTEN in
	*:*) bind="[$LISTEN]" ;;
	esac
	cat <<CONF
# Written by infra/serve; changes here are lost.
server.document-root = "$run_dir/upload"
server.bind = "$bind"
server.port = $PORT
server.pid-file = "$run_dir/lighttpd.pid"
server.errorlog = "$log_dir/lighttpd.log"
server.upload-dirs = ( "$run_dir/upload" )
server.http-parseopts = (
	"header-strict" => "enable",
	"host-strict" => "enable",
	"host-normalize" => "enable",
	"url-normalize-unreserved" => "enable",
	"url-normalize-required" => "enable",
	"url-ctrls-reject" => "disable",
	"url-invalid-utf8-reject" => "disable",
	"url-path-2f-decode" => "enable",
	"url-path-dotseg-remove" => "enable"
)
server.error-handler = "/claude-code-proxy/error"
server.errorfile-prefix = "$errors_dir/error-"
mimetype.assign = ( ".html" => "application/json" )
CONF
	ccp_listen="\"$listen_url:$PORT\"" ccp_sockets="\"$socket_dir\"" ccp_html="\"$html_dir\"" ccp_errors="\"$errors_dir\"" \
		ccp_max_request_kb=$(((max_body_bytes + 1023) / 1024)) \
		awk '/^var\.ccp_[a-z_]+ = / {
			name = substr($1, 5)
			if (name in ENVIRON) { print $1, "=", ENVIRON[name]; next }
		} { print }' "$source_dir/lighttpd/claude-code-proxy.conf"
}

web_check() {
	lighttpd -tt -f "$run_dir/lighttpd.conf" >>"$log_dir/lighttpd.log" 2>&1 && return
	explain "lighttpd does not accept $run_dir/lighttpd.conf"
	fail
}
web_run() { exec lighttpd -D -f "$run_dir/lighttpd.conf"; }
