#include "base/http_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

/* One call: what libcurl is told of it, and what it tells back. */

/* The request's fields, credentials among them, are sent for good once an answer is there. */
static void
forget_fields(struct ccp_http_call *call)
{
	struct curl_slist *f;

	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
	for (f = call->fields; f; f = f->next)
		OPENSSL_cleanse(f->data, strlen(f->data));
	curl_slist_free_all(call->fields);
	call->fields = NULL;
}

static size_t
on_header_line(char *line, size_t size, size_t count, void *arg)
{
	struct ccp_http_call *call = arg;
	size_t n = size * count;

	if (call->cancelled)
		return 0;
	if (call->head_done) /* a trailer after the body */
		return n;
	call->answered = true;
	if (n >= 9 && memcmp(line, "HTTP/", 5) == 0) {
		const char *space = memchr(line, ' ', n);

		ccp_headers_clear(&call->headers);
		call->status = space ? (int)strtol(space + 1, NULL, 10) : 0;
		return n;
	}
	if (n > 2 || (n > 0 && *line != '\r' && *line != '\n')) {
		(void)ccp_headers_add_line(&call->headers, line, n);
		return ccp_headers_ok(&call->headers) ? n : 0;
	}
	if (call->status < 200) /* 100 Continue and the like: the real one follows */
		return n;
	call->head_done = true;
	forget_fields(call);
	call->handlers.on_head(call->handlers.arg, call->status, &call->headers);
	ccp_headers_clear(&call->headers);
	return call->cancelled ? 0 : n;
}

static size_t
on_body_bytes(char *p, size_t size, size_t count, void *arg)
{
	struct ccp_http_call *call = arg;
	size_t n = size * count;

	/* no head: 101 ends libcurl's, and bytes that belong to no answer follow */
	if (call->cancelled || !call->head_done)
		return n + 1; /* any other number ends the transfer */
	if (!call->handlers.on_body(call->handlers.arg, p, n))
		return call->cancelled ? n + 1 : CURL_WRITEFUNC_PAUSE;
	return call->cancelled ? n + 1 : n;
}

static size_t
give_body(char *out, size_t size, size_t count, void *arg)
{
	struct ccp_http_call *call = arg;
	size_t n = size * count;

	if (call->cancelled)
		return CURL_READFUNC_ABORT;
	if (n > call->body.len - call->sent)
		n = call->body.len - call->sent;
	if (n)
		memcpy(out, call->body.p + call->sent, n);
	call->sent += n;
	return n;
}

/* libcurl found a kept connection dead before anything came back, and sends again on another. */
static int
rewind_body(void *arg, curl_off_t offset, int origin)
{
	struct ccp_http_call *call = arg;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > call->body.len)
		return CURL_SEEKFUNC_CANTSEEK;
	call->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

static CURLcode
use_trusted(CURL *easy, void *ssl_ctx, void *arg)
{
	struct ccp_http *http = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ssl_ctx, http->trusted);
	return CURLE_OK;
}

/* The fields of the request, and the absence of those that libcurl would add by itself. */
static enum ccp_err
set_fields(struct ccp_http_call *call, const struct ccp_http_request *request,
           struct ccp_error *err)
{
	static const char *const own[] = { "Expect", "Accept", "Content-Type" };
	struct ccp_buf line = CCP_BUF_INIT(CCP_HEADERS_MAX_BYTES + 8);
	struct curl_slist *more;
	size_t i;

	for (i = 0; i < request->headers->count; i++) {
		const struct ccp_header *h = &request->headers->items[i];

		line.len = 0;
		/* libcurl's way to send a field without a value */
		ccp_buf_addf(&line, *h->value ? "%s: %s" : "%s;", h->name, h->value);
		more = ccp_buf_ok(&line) ? curl_slist_append(call->fields, line.data) : NULL;
		if (!more)
			goto fail;
		call->fields = more;
	}
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char none[16];

		if (ccp_headers_get(request->headers, own[i]))
			continue;
		snprintf(none, sizeof(none), "%s:", own[i]);
		more = curl_slist_append(call->fields, none);
		if (!more)
			goto fail;
		call->fields = more;
	}
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->fields);
	ccp_buf_cleanse(&line);
	return CCP_OK;
fail:
	ccp_buf_cleanse(&line);
	return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request's header");
}

static void
set_method(struct ccp_http_call *call, const struct ccp_http_request *request)
{
	CURL *easy = call->easy;

	if (strcmp(request->method, "GET") == 0 && request->body.len == 0) {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	} else if (strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (strcmp(request->method, "DELETE") == 0 && request->body.len == 0) {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
	} else {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
		curl_easy_setopt(easy, CURLOPT_READDATA, call);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
		if (strcmp(request->method, "POST") != 0)
			curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	}
}

static void
set_options(struct ccp_http_call *call, const char *url)
{
	struct ccp_http *http = call->http;
	CURL *easy = call->easy;

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	/* a call that ends while its name is looked up must not wait for the resolver's thread: the
	   whole loop would (lib/asyn-thread.c, Curl_resolver_kill) */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CCP_HTTP_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)CCP_HTTP_UPLOAD_BYTES);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	                 (long)(http->config->connect_timeout_s * 1000));
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* a handle makes one request, so what it would keep for the next handshake is lost anyway */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_trusted);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, http);
	/* "" = none, whatever the environment says: plain http is for loopback */
	curl_easy_setopt(easy, CURLOPT_PROXY,
	                 strncasecmp(url, "https:", 6) == 0 ? http->config->https_proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, http->config->no_proxy);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
}

enum ccp_err
ccp_http_call_setup(struct ccp_http_call *call, const struct ccp_http_request *request,
                    struct ccp_error *err)
{
	set_options(call, request->url);
	set_method(call, request);
	return set_fields(call, request, err);
}

void
ccp_http_call_free(struct ccp_http_call *call)
{
	if (!call)
		return;
	if (call->easy)
		forget_fields(call);
	curl_easy_cleanup(call->easy);
	ccp_headers_clear(&call->headers);
	free(call);
}
