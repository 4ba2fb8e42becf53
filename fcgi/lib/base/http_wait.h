#ifndef CCP_HTTP_WAIT_H
#define CCP_HTTP_WAIT_H

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/headers.h"

#include <stdbool.h>

/*
 * HTTP for work threads: one call, and the caller waits. By libcurl; trust,
 * TLS and proxy are those of base/http.h. Thread-safe; connections are kept for
 * the next call. Redirects are not followed. Never to be used on the loop.
 */
struct ccp_http_wait;

struct ccp_http_wait_request {
	const char *method;
	const char *url;                   /* sent as it is */
	const struct ccp_headers *headers; /* all that is sent, besides host and content-length */
	struct ccp_span body;
	long connect_timeout_ms;
	long timeout_ms;  /* for the whole call, connecting included */
	bool no_proxy;    /* whatever HTTPS_PROXY says: for services of this machine */
	size_t max_bytes; /* a longer answer is CCP_ERR_LIMIT */
};

struct ccp_http_wait_answer {
	int status;
	struct ccp_headers headers;
	struct ccp_buf body;
};

/* clang-format off */
#define CCP_HTTP_WAIT_ANSWER_INIT { 0, { NULL, 0, 0, 0, false }, CCP_BUF_INIT(0) }
/* clang-format on */

/*
 * Does one call; what takes such a function can be tested without a network.
 * request is borrowed. answer (from _INIT, or of a call before) is given: to be
 * cleared with ccp_http_wait_answer_clear(), also on failure.
 *
 * CCP_OK for an answer of any status. CCP_ERR_NET (no connection, time-out,
 * certificate, cut), CCP_ERR_SETTING (SSL_CERT_FILE), CCP_ERR_LIMIT,
 * CCP_ERR_NOMEM, with a sentence that holds no secret and not the URL.
 */
typedef enum ccp_err ccp_http_wait_fn(void *arg, const struct ccp_http_wait_request *request,
                                      struct ccp_http_wait_answer *answer, struct ccp_error *err);

/* config is borrowed and must outlive the result. Reads nothing yet. CCP_ERR_NOMEM. */
enum ccp_err ccp_http_wait_new(const struct ccp_config *config, struct ccp_http_wait **wait,
                               struct ccp_error *err) CCP_MUST_CHECK;

/* No call may be running. NULL is fine. */
void ccp_http_wait_free(struct ccp_http_wait *wait);

/* The real ccp_http_wait_fn; wait is a struct ccp_http_wait. */
enum ccp_err ccp_http_wait_call(void *wait, const struct ccp_http_wait_request *request,
                                struct ccp_http_wait_answer *answer,
                                struct ccp_error *err) CCP_MUST_CHECK;

/* Wipes (answers hold credentials) and frees; answer is empty afterwards. */
void ccp_http_wait_answer_clear(struct ccp_http_wait_answer *answer);

#endif
