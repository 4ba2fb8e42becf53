#include "base/http_easy.h"
#include "base/http_state.h"

#include <stdlib.h>
#include <string.h>

/* One call: what libcurl is told of it, and what it tells back. */

/* The request's fields, credentials among them, are sent for good once an answer is there. */
static void
forget_fields(struct ccp_http_call *call)
{
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, NULL);
	ccp_http_easy_fields_free(call->fields);
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

	return call->cancelled ? CURL_READFUNC_ABORT
	                       : ccp_http_easy_give(out, size, count, &call->upload);
}

static void
set_options(struct ccp_http_call *call, const struct ccp_http_request *request)
{
	struct ccp_http *http = call->http;
	CURL *easy = call->easy;

	ccp_http_easy_setup(easy, http->config, &http->trusted, request->url);
	/* a call that ends while its name is looked up must not wait for the resolver's thread: the
	   whole loop would (lib/asyn-thread.c, Curl_resolver_kill) */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	/* a handle makes one request, so what it would keep for the next handshake is lost anyway */
	curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CCP_HTTP_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)CCP_HTTP_UPLOAD_BYTES);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	                 (long)(http->config->connect_timeout_s * 1000));
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	if (!ccp_http_easy_method(easy, request->method, request->body.len))
		return;
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(easy, CURLOPT_READDATA, call);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, ccp_http_easy_rewind);
	curl_easy_setopt(easy, CURLOPT_SEEKDATA, &call->upload);
}

enum ccp_err
ccp_http_call_setup(struct ccp_http_call *call, const struct ccp_http_request *request,
                    struct ccp_error *err)
{
	set_options(call, request);
	return ccp_http_easy_fields(call->easy, request->headers, &call->fields, err);
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
