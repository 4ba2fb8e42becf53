#ifndef CCP_HTTP_STATE_H
#define CCP_HTTP_STATE_H

#include "base/http.h"
#include "base/http_easy.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

/* The inside of base/http, for http.c (the pool) and http_call.c (one call) only. */

struct ccp_http {
	const struct ccp_config *config;
	struct ccp_loop *loop;
	CURLM *multi;
	X509_STORE *trusted;
	struct ccp_timer timer;
	int busy;                      /* inside libcurl: handles must not be added or removed */
	struct ccp_http_call *waiting; /* to be added, or to be removed, when it is not busy */
};

struct ccp_http_call {
	struct ccp_http *http;
	CURL *easy;
	struct curl_slist *fields;
	struct ccp_http_handlers handlers;
	struct ccp_http_upload upload;
	struct ccp_headers headers;
	int status;
	bool head_done;
	bool answered; /* a first byte of an answer came: libcurl will not send again */
	bool added;
	bool cancelled;
	bool failed; /* its socket cannot be watched */
	bool queued; /* in http->waiting */
	struct ccp_http_call *next;
	char error[CURL_ERROR_SIZE];
};

/* Sets everything libcurl needs to know of a call; its easy handle is there. */
enum ccp_err ccp_http_call_setup(struct ccp_http_call *call, const struct ccp_http_request *request,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* Wipes what may be a credential. NULL is fine. */
void ccp_http_call_free(struct ccp_http_call *call);

#endif
