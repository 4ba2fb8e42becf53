#ifndef CCP_SERVE_H
#define CCP_SERVE_H

#include "base/config.h"
#include "base/error.h"
#include "base/loop.h"
#include "edge/request.h"
#include "edge/response.h"
#include "edge/route.h"

#include <stdbool.h>

/*
 * The front of a worker: requests, which accept threads (edge/accept.h) read with
 * libfcgi and hand to the loop thread, and the sessions there. A session is one
 * request from its first byte to the last of its answer.
 */
struct ccp_serve;

#define CCP_REQUEST_ID_BYTES 32

struct ccp_session {
	char id[CCP_REQUEST_ID_BYTES]; /* req_…: x-claude-proxy-request-id and the log */
	struct ccp_request request;
	struct ccp_route route;
	struct ccp_response response;
	void *exchange; /* the handler's: what is under way for it, or NULL */
	void *owner;    /* the handler's */
	struct ccp_serve *serve;
	struct ccp_session *previous, *next; /* serve's: all sessions */
	struct ccp_task task;                /* serve's: comes to the loop, and leaves it */
	struct ccp_task gone_task;           /* serve's: tells the handler that the client left */
	bool gone_pending;                   /* serve's: that is on its way */
	bool closed;                         /* serve's: the response is over */
	bool ending;                         /* serve's: will be freed */
};

/*
 * Called on the loop thread.
 * begin: a request has come; answer it through session->response, now or later.
 * gone:  the client left before the answer was whole; stop what is under way.
 *        Never from inside a ccp_response_…() call.
 * ready: after ccp_response_full(), there is room again.
 * A session ends when its response is over and exchange is NULL.
 */
struct ccp_serve_handlers {
	void (*begin)(void *arg, struct ccp_session *session);
	void (*gone)(void *arg, struct ccp_session *session);
	void (*ready)(void *arg, struct ccp_session *session);
	void *arg;
};

/*
 * Starts accepting on listen_fd (a listening socket, made non-blocking; fd 0
 * under every FastCGI server). config and loop must outlive it.
 */
enum ccp_err ccp_serve_new(const struct ccp_config *config, struct ccp_loop *loop, int listen_fd,
                           const struct ccp_serve_handlers *handlers, struct ccp_serve **serve,
                           struct ccp_error *err) CCP_MUST_CHECK;

/* Accepts no more; requests being read still come. */
void ccp_serve_stop(struct ccp_serve *serve);

/* True when stopped and nothing is left: no thread, no session. Loop thread, as the next two. */
bool ccp_serve_idle(struct ccp_serve *serve);
size_t ccp_serve_session_count(struct ccp_serve *serve);

/* Calls fn for every session whose exchange is set; fn may end it. */
void ccp_serve_each(struct ccp_serve *serve, void (*fn)(struct ccp_session *session));
void ccp_serve_free(struct ccp_serve *serve);

/* The handler is through with the session (exchange was set and is over). */
void ccp_session_release(struct ccp_session *session);

/* Answers with one small body and ends. content_type NULL: no body. */
void ccp_session_answer(struct ccp_session *session, int status, const struct ccp_headers *more,
                        const char *content_type, const char *body);

/* Answers with an error of our own in Anthropic's shape. more may be NULL. */
void ccp_session_error(struct ccp_session *session, int status, const char *type,
                       const struct ccp_headers *more, const char *message);

#endif
