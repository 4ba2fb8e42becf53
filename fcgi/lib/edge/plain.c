#include "edge/plain.h"

#include "base/json.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/rand.h>

/* The list of settings is some 6 KiB. */
#define HELP_MAX_BYTES (64 * 1024)
/* FCGX_PutStr() counts in int. */
#define PIECE_BYTES (1024 * 1024)
/* An error of ours is one sentence. */
#define ERROR_MAX_BYTES 4096

static void
print_help(const char *name, const char *what)
{
	struct ccp_buf text = CCP_BUF_INIT(HELP_MAX_BYTES);

	ccp_config_help(&text);
	printf("%s: %s\nA FastCGI program: a web server or spawn-fcgi starts it with its socket as"
	       " standard input.\n\nOptions: --help, --version\n\n%s",
	       name, what, ccp_buf_text(&text));
	ccp_buf_clear(&text);
}

bool
ccp_plain_start(int argc, char **argv, const char *name, const char *what,
                struct ccp_config **config, int *status)
{
	struct ccp_error err = { 0 };
	socklen_t len = sizeof(int);
	int listening = 0;

	*config = NULL;
	*status = 0;
	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		print_help(name, what);
		return false;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("%s (claude-code-proxy) %s\n", name, PACKAGE_VERSION);
		return false;
	}
	*status = 1;
	if (argc > 1) {
		fprintf(stderr, "%s: unknown argument; --help lists what there is\n", name);
		return false;
	}
	if (ccp_config_load(environ, config, &err)) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		return false;
	}
	ccp_log_setup((*config)->log_level, (*config)->log_json);
	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 ||
	    !listening) {
		fprintf(stderr,
		        "%s: standard input is not a listening socket; a web server or"
		        " spawn-fcgi starts this program\n",
		        name);
		ccp_config_free(*config);
		*config = NULL;
		return false;
	}
	*status = 0;
	return true;
}

static void
make_id(char *id, size_t size)
{
	unsigned char random[12] = { 0 };
	size_t n;

	RAND_bytes(random, sizeof(random));
	n = (size_t)snprintf(id, size, "req_");
	for (size_t i = 0; i < sizeof(random); i++)
		n += (size_t)snprintf(id + n, size - n, "%02x", random[i]);
}

/*
 * One connection, one request. With ipcFd given and keepConnection set libfcgi
 * does not accept but parses what is there; with no listening socket it cannot
 * go on to accept another one, blocking, when that fails (libfcgi 2.4.2).
 */
static void
serve_one(int fd, ccp_plain_fn *fn, void *arg)
{
	const struct timeval silence = { CCP_PLAIN_SILENCE_S, 0 };
	struct ccp_plain_request request = { 0 };
	FCGX_Request fcgx;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
	if (FCGX_InitRequest(&fcgx, -1, 0) != 0) {
		close(fd);
		return;
	}
	fcgx.ipcFd = fd;
	fcgx.keepConnection = 1;
	if (FCGX_Accept_r(&fcgx) != 0)
		return;          /* libfcgi has closed fd */
	fcgx.keepConnection = 0; /* an idle connection would keep everybody else waiting */
	request.fcgx = &fcgx;
	request.method = ccp_plain_param(&request, "REQUEST_METHOD");
	request.uri = ccp_plain_param(&request, "REQUEST_URI");
	make_id(request.id, sizeof(request.id));
	fn(arg, &request);
	FCGX_Finish_r(&fcgx);
}

enum ccp_err
ccp_plain_serve(ccp_plain_fn *fn, void *arg, struct ccp_error *err)
{
	struct pollfd fds[2] = { { STDIN_FILENO, POLLIN, 0 }, { -1, POLLIN, 0 } };
	sigset_t signals;
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (FCGX_Init() != 0)
		return ccp_fail(err, CCP_ERR_SYSTEM, "libfcgi cannot be used");
	/* after FCGX_Init(), which installs handlers that only make a note of SIGTERM */
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fds[1].fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* non-blocking: a process that shares the socket may be faster; accept4() must not wait */
	if (fds[1].fd < 0 || flags < 0 || fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) < 0)
		return ccp_fail(err, CCP_ERR_SYSTEM, "signals or socket: %s", strerror(errno));
	for (;;) {
		int fd;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return ccp_fail(err, CCP_ERR_SYSTEM, "poll: %s", strerror(errno));
		if (fds[1].revents)
			break;
		fd = accept4(STDIN_FILENO, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve_one(fd, fn, arg);
		else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK)
			return ccp_fail(err, CCP_ERR_SYSTEM, "accept: %s", strerror(errno));
	}
	close(fds[1].fd);
	return CCP_OK;
}

const char *
ccp_plain_param(const struct ccp_plain_request *request, const char *name)
{
	const char *value = FCGX_GetParam(name, request->fcgx->envp);

	return value ? value : "";
}

bool
ccp_plain_path_is(const struct ccp_plain_request *request, const char *path)
{
	size_t len = strcspn(request->uri, "?");

	return len == strlen(path) && memcmp(request->uri, path, len) == 0;
}

/* length: "" or the field that says it */
static void
write_fields(struct ccp_plain_request *request, int status, const char *content_type,
             const char *length, const char *more_fields)
{
	FCGX_FPrintF(request->fcgx->out,
	             "Status: %d\r\nContent-Type: %s\r\n%s"
	             "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
	             "x-claude-proxy-request-id: %s\r\n%s\r\n",
	             status, content_type, length, request->id, more_fields);
}

void
ccp_plain_begin(struct ccp_plain_request *request, int status, const char *content_type,
                const char *more_fields)
{
	write_fields(request, status, content_type, "", more_fields);
}

bool
ccp_plain_write(struct ccp_plain_request *request, const char *p, size_t n)
{
	if (strcmp(request->method, "HEAD") == 0)
		return false;
	while (n > 0) {
		size_t piece = n < PIECE_BYTES ? n : PIECE_BYTES;

		if (FCGX_PutStr(p, (int)piece, request->fcgx->out) < 0)
			return false; /* the web server left */
		p += piece;
		n -= piece;
	}
	return true;
}

void
ccp_plain_answer(struct ccp_plain_request *request, int status, const char *content_type,
                 const char *more_fields, const char *body, size_t len)
{
	char length[48];

	snprintf(length, sizeof(length), "Content-Length: %zu\r\n", len);
	write_fields(request, status, content_type, length, more_fields);
	(void)!ccp_plain_write(request, body, len);
}

void
ccp_plain_error(struct ccp_plain_request *request, int status, const char *type,
                const char *message)
{
	struct ccp_buf body = CCP_BUF_INIT(ERROR_MAX_BYTES);
	char fields[128];

	ccp_buf_addf(&body, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", type);
	ccp_json_add_string(&body, message, strlen(message));
	ccp_buf_addf(&body, "},\"request_id\":\"%s\"}", request->id);
	snprintf(fields, sizeof(fields), "request-id: %s\r\n%s", request->id,
	         status == 405 ? "Allow: GET, HEAD\r\n" : "");
	ccp_plain_answer(request, status, "application/json", fields, ccp_buf_text(&body),
	                 body.len);
	ccp_buf_clear(&body);
}

bool
ccp_plain_is_get(struct ccp_plain_request *request)
{
	if (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0)
		return true;
	ccp_plain_error(request, 405, "invalid_request_error",
	                "this method is not allowed here; use GET or HEAD");
	return false;
}
