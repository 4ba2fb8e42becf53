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
	       " standard input.\n\n"
	       "Options:\n"
	       "  --help     this text\n"
	       "  --version  the version\n"
	       "  --check    says what keeps it from starting, in one sentence, and serves nothing\n\n"
	       "SIGTERM: answers the request at hand and ends. SIGHUP: answers it, then becomes the\n"
	       "program on disk, which reads its settings anew; what it would refuse is in the log,\n"
	       "and this one stays.\n\n%s",
	       name, what, ccp_buf_text(&text));
	ccp_buf_clear(&text);
}

/* These are waited for, not suffered: also while the program on disk takes over (see reload()). */
static void
block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	sigprocmask(SIG_BLOCK, signals, NULL);
}

/* The option that was given; false: there is nothing more to do. */
static bool
read_option(struct ccp_plain *plain, const char *option, const char *what)
{
	if (strcmp(option, "--help") == 0) {
		print_help(plain->name, what);
	} else if (strcmp(option, "--version") == 0) {
		printf("%s (claude-code-proxy) %s\n", plain->name, PACKAGE_VERSION);
	} else if (strcmp(option, "--check") == 0) {
		plain->check = true;
	} else {
		fprintf(stderr, "%s: unknown argument; --help lists what there is\n", plain->name);
		plain->status = 1;
	}
	return plain->check;
}

bool
ccp_plain_start(struct ccp_plain *plain, int argc, char **argv, const char *name, const char *what)
{
	struct ccp_error err = { 0 };

	*plain = (struct ccp_plain){ .name = name };
	if (argc > 1 && !read_option(plain, argv[1], what))
		return false;
	plain->status = 1;
	signal(SIGCHLD, SIG_DFL); /* ignored by who started us, no child could be waited for */
	if (!plain->check)
		block_signals(&plain->signals);
	if (ccp_program_path(plain->path, &err) || ccp_config_load(environ, &plain->config, &err)) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		return false;
	}
	ccp_log_setup(plain->config->log_level, plain->config->log_json);
	if (!plain->check && ccp_program_socket(STDIN_FILENO, &err)) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		ccp_config_free(plain->config);
		plain->config = NULL;
		return false;
	}
	plain->status = 0;
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

/*
 * Becomes the program on disk, if it likes the settings as they are now. Signals
 * stay blocked and pending meanwhile: the next SIGHUP must not end a program
 * that does not wait for it yet.
 */
static void
reload(const struct ccp_plain *plain)
{
	if (!ccp_program_may_reload(plain->path))
		return;
	ccp_log(CCP_LOG_INFO, NULL, "reload: %s starts anew", plain->path);
	ccp_program_exec(plain->path, NULL);
}

/* False: the end. */
static bool
on_signal(const struct ccp_plain *plain, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo != SIGHUP)
		return false;
	reload(plain);
	return true;
}

enum ccp_err
ccp_plain_serve(const struct ccp_plain *plain, ccp_plain_fn *fn, void *arg, struct ccp_error *err)
{
	struct pollfd fds[2] = { { STDIN_FILENO, POLLIN, 0 }, { -1, POLLIN, 0 } };
	int flags = fcntl(STDIN_FILENO, F_GETFL);

	if (plain->check)
		return CCP_OK;
	if (FCGX_Init() != 0)
		return ccp_fail(err, CCP_ERR_SYSTEM, "libfcgi cannot be used");
	/* after FCGX_Init(), which installs handlers that only make a note of SIGTERM */
	signal(SIGPIPE, SIG_IGN);
	fds[1].fd = signalfd(-1, &plain->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	/* non-blocking: a process that shares the socket may be faster; accept4() must not wait */
	if (fds[1].fd < 0 || flags < 0 || fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) < 0)
		return ccp_fail(err, CCP_ERR_SYSTEM, "signals or socket: %s", strerror(errno));
	for (;;) {
		int fd;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return ccp_fail(err, CCP_ERR_SYSTEM, "poll: %s", strerror(errno));
		if (fds[1].revents && !on_signal(plain, fds[1].fd))
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

void
ccp_plain_closed(struct ccp_plain_request *request)
{
	ccp_plain_error(request, 403, "permission_error",
	                "what all users used is not shown here (DASHBOARD_ENABLED=false);"
	                " /v1/usage/me says what one of them did");
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
