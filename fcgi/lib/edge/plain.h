#ifndef CCP_PLAIN_H
#define CCP_PLAIN_H

#include "base/config.h"
#include "base/error.h"
#include "edge/program.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * The front of a small program (usage.fcgi, ui.fcgi): options, settings, and
 * one request after the other, read and answered with libfcgi. Programs that
 * must not wait for one another use edge/serve.h.
 */
struct FCGX_Request;

struct ccp_plain_request {
	struct FCGX_Request *fcgx;
	const char *method; /* "" when the web server did not say */
	const char *uri;    /* REQUEST_URI, raw; "" likewise */
	char id[32];        /* req_…: x-claude-proxy-request-id and the log */
};

/* Must call ccp_plain_answer(), ccp_plain_begin() or ccp_plain_error() once. */
typedef void ccp_plain_fn(void *arg, struct ccp_plain_request *request);

/* A web server that says or takes nothing for this long holds the program up no longer. */
#define CCP_PLAIN_SILENCE_S 30

struct ccp_plain {
	const char *name;          /* ui.fcgi */
	struct ccp_config *config; /* the caller's to free */
	bool check;                /* --check: everything but serving, and nothing made */
	int status;                /* to end with, when there is nothing to do */
	sigset_t signals;
	char path[CCP_PROGRAM_PATH_BYTES];
};

/*
 * What main() does first: --help (what: one sentence, then the settings),
 * --version, settings, log, and whether fd 0 is a listening socket. False:
 * the program ends with plain->status; everything was said, on standard output
 * or, in one sentence, on standard error. Blocks SIGTERM, SIGINT and SIGHUP for
 * the whole process: call it before any thread is made.
 */
bool ccp_plain_start(struct ccp_plain *plain, int argc, char **argv, const char *name,
                     const char *what);

/*
 * Serves fd 0 until SIGTERM or SIGINT; with --check returns at once. At SIGHUP
 * the process becomes the program on disk, in place: the socket stays, and
 * requests wait in it for as long as that takes; a program that would refuse
 * to start (edge/program.h) changes nothing. The request at hand is answered
 * first in any case. Ignores SIGPIPE for the whole process.
 */
enum ccp_err ccp_plain_serve(const struct ccp_plain *plain, ccp_plain_fn *fn, void *arg,
                             struct ccp_error *err) CCP_MUST_CHECK;

/* A FastCGI parameter, "" when absent. Borrowed until the answer is over. */
const char *ccp_plain_param(const struct ccp_plain_request *request, const char *name);

/* True when the path of uri (before '?') is exactly path. */
bool ccp_plain_path_is(const struct ccp_plain_request *request, const char *path);

/*
 * Answers; nothing is cached and no type is guessed. more_fields: "" or whole
 * "Name: value\r\n" lines, static text only. Without the body for HEAD.
 */
void ccp_plain_answer(struct ccp_plain_request *request, int status, const char *content_type,
                      const char *more_fields, const char *body, size_t len);

/*
 * The same for an answer whose length is not known yet: begin sends the fields,
 * each write some more of the body. False: nobody reads any more (the web server
 * left, or it was HEAD), and there is no need to make the rest.
 */
void ccp_plain_begin(struct ccp_plain_request *request, int status, const char *content_type,
                     const char *more_fields);
bool ccp_plain_write(struct ccp_plain_request *request, const char *p, size_t n) CCP_MUST_CHECK;

/* An error in Anthropic's shape, with request_id; type as in their documentation of errors. */
void ccp_plain_error(struct ccp_plain_request *request, int status, const char *type,
                     const char *message);

/* The answer where DASHBOARD_ENABLED=false has closed what shows all users. */
void ccp_plain_closed(struct ccp_plain_request *request);

/* True for GET and HEAD; else the request is answered 405. */
bool ccp_plain_is_get(struct ccp_plain_request *request);

#endif
