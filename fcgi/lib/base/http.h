#ifndef CCP_HTTP_H
#define CCP_HTTP_H

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/headers.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * HTTP calls on the event loop, by libcurl: HTTP/1.1, kept-alive connections,
 * one pool and one store of trusted certificates for the process. Nothing
 * here blocks but ccp_http_new(), which reads the certificates. All of it
 * belongs to the loop thread.
 */
struct ccp_http;
struct ccp_http_call;

/* How a call ended. */
enum ccp_http_end {
	CCP_HTTP_DONE,        /* the whole answer was delivered */
	CCP_HTTP_CONNECT,     /* no connection: name, refused, time-out, proxy, TLS */
	CCP_HTTP_CERTIFICATE, /* the other side's certificate is not trusted */
	CCP_HTTP_CUT,         /* the connection broke before the answer was whole */
};

struct ccp_http_handlers {
	/* Once, with the final status and its fields (borrowed until it returns). */
	void (*on_head)(void *arg, int status, const struct ccp_headers *headers);
	/* Some bytes of the body. False: no room now; the same bytes come again
	 * after ccp_http_resume(). */
	bool (*on_body)(void *arg, const char *p, size_t n);
	/* Once, last, unless the call is cancelled; the call is gone when it
	 * returns. sentence: what went wrong, without secrets; "" when DONE. */
	void (*on_done)(void *arg, enum ccp_http_end end, const char *sentence);
	void *arg;
};

struct ccp_http_request {
	const char *method;
	const char *url;                   /* sent as it is: dots and escapes are not touched */
	const struct ccp_headers *headers; /* all that is sent, besides host and content-length */
	struct ccp_span body; /* must stay until ccp_http_body_sent(), or the call's end */
};

/* Response bytes curl holds for a call; the smallest it takes. A stream's event is smaller. */
#define CCP_HTTP_BUFFER_BYTES 1024
/* Request bytes curl holds for a call; the smallest it takes. */
#define CCP_HTTP_UPLOAD_BYTES 16384
/* Connections kept for later requests; more than a worker's usual number of streams. */
#define CCP_HTTP_CONNECTIONS_MAX 1024

/* config is borrowed and must outlive the pool. CCP_ERR_SETTING: SSL_CERT_FILE cannot be read. */
enum ccp_err ccp_http_new(const struct ccp_config *config, struct ccp_loop *loop,
                          struct ccp_http **http, struct ccp_error *err) CCP_MUST_CHECK;
void ccp_http_free(struct ccp_http *http);

/*
 * Starts a call. request is borrowed until this returns, but its body (see
 * there). handlers are copied. May be called from any handler.
 */
enum ccp_err ccp_http_start(struct ccp_http *http, const struct ccp_http_request *request,
                            const struct ccp_http_handlers *handlers, struct ccp_http_call **call,
                            struct ccp_error *err) CCP_MUST_CHECK;

/* Closes the connection at once; no handler is called any more; call is gone. NULL is fine. May be
 * called from a handler of the same call. */
void ccp_http_cancel(struct ccp_http_call *call);

/* After on_body said false. */
void ccp_http_resume(struct ccp_http_call *call);

/* True when the request's body is sent for good and will not be read again. */
bool ccp_http_body_sent(const struct ccp_http_call *call);

#endif
