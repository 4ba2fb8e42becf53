# infra/serve nginx; sourced, not run.
# shellcheck shell=sh disable=SC2034,SC2154 # infra/serve reads and sets the others

needs='nginx spawn-fcgi curl'
beside=1

# Replaces address, sockets, folders and the longest body of the shipped file, and nothing else in it.
web_conf() {
	cat <<CONF
# Written by infra/serve; changes here are lost.
daemon off;
pid "$run_dir/nginx.pid";
error_log "$log_dir/nginx.log" warn;
worker_processes auto;
worker_rlimit_nofile 16384;
CONF
	# its workers
	[ -z "$web_user" ] || printf 'user nobody nogroup;\n'
	cat <<CONF
events { worker_connections 8192; }
http {
access_log off;
server_tokens off;
client_body_temp_path "$socket_dir/upload";
fastcgi_temp_path "$socket_dir/upload";
proxy_temp_path "$socket_dir/upload";
uwsgi_temp_path "$socket_dir/upload";
scgi_temp_path "$socket_dir/upload";
CONF
	ccp_listen="$listen_url:$PORT" ccp_bytes=$max_body_bytes ccp_sockets=$socket_dir ccp_html=$html_dir ccp_errors=$errors_dir \
		awk '
		function put(from, to, at) {
			if (at = index($0, from)) $0 = substr($0, 1, at - 1) to substr($0, at + length(from))
		}
		/^\tlisten / { $0 = "\tlisten " ENVIRON["ccp_listen"] ";" }
		/^\tclient_max_body_size / { $0 = "\tclient_max_body_size " ENVIRON["ccp_bytes"] ";" }
		{
			put("unix:/run/claude-code-proxy/", "unix:" ENVIRON["ccp_sockets"] "/")
			put("alias \"/usr/local/share/claude-code-proxy/html/", "alias \"" ENVIRON["ccp_html"] "/")
			put("alias \"/usr/local/share/claude-code-proxy/errors/", "alias \"" ENVIRON["ccp_errors"] "/")
			print
		}' "$source_dir/nginx/claude-code-proxy.conf"
	printf '}\n'
}

web_check() { :; } # it says what it does not like when it starts
web_run() { exec nginx -e stderr -c "$run_dir/nginx.conf"; }
