#include "base/http_wait.h"

#include "base/http_easy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Handles (each with its kept connections) that wait for the next call: one a work thread. */
#define IDLE_MAX_COUNT 8

struct ccp_http_wait {
	const struct ccp_config *config;
	pthread_mutex_t lock; /* for all below */
	X509_STORE *trusted;  /* read when first needed, then never changed */
	CURL *idle[IDLE_MAX_COUNT];
	int idle_count;
};

/* A call under way, for libcurl's callbacks. */
struct call {
	struct ccp_http_wait_answer *answer;
	struct ccp_http_upload upload;
	bool too_long;
	char error[CURL_ERROR_SIZE];
};

static size_t
on_header_line(char *line, size_t size, size_t count, void *arg)
{
	struct ccp_http_wait_answer *answer = ((struct call *)arg)->answer;
	size_t n = size * count;

	if (n >= 9 && memcmp(line, "HTTP/", 5) == 0) {
		const char *space = memchr(line, ' ', n);

		ccp_headers_clear(&answer->headers);
		answer->status = space ? (int)strtol(space + 1, NULL, 10) : 0;
		return n;
	}
	if (n > 0 && *line != '\r' && *line != '\n')
		(void)ccp_headers_add_line(&answer->headers, line, n);
	return ccp_headers_ok(&answer->headers) ? n : 0;
}

static size_t
on_body_bytes(char *p, size_t size, size_t count, void *arg)
{
	struct call *call = arg;
	size_t n = size * count;

	ccp_buf_add(&call->answer->body, p, n);
	call->too_long = !ccp_buf_ok(&call->answer->body);
	return call->too_long ? n + 1 : n; /* any other number ends the transfer */
}

enum ccp_err
ccp_http_wait_new(const struct ccp_config *config, struct ccp_http_wait **out,
                  struct ccp_error *err)
{
	struct ccp_http_wait *wait = calloc(1, sizeof(*wait));

	*out = NULL;
	if (!wait || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(wait);
		return ccp_fail(err, CCP_ERR_NOMEM, "libcurl could not be started");
	}
	wait->config = config;
	pthread_mutex_init(&wait->lock, NULL); /* default attributes: cannot fail with glibc */
	*out = wait;
	return CCP_OK;
}

void
ccp_http_wait_free(struct ccp_http_wait *wait)
{
	if (!wait)
		return;
	while (wait->idle_count > 0)
		curl_easy_cleanup(wait->idle[--wait->idle_count]);
	X509_STORE_free(wait->trusted);
	pthread_mutex_destroy(&wait->lock);
	curl_global_cleanup();
	free(wait);
}

/* A handle to use alone, and the certificates when they are needed. */
static enum ccp_err
take_handle(struct ccp_http_wait *wait, const char *url, CURL **easy, struct ccp_error *err)
{
	enum ccp_err rc = CCP_OK;

	*easy = NULL;
	pthread_mutex_lock(&wait->lock);
	if (!wait->trusted && strncasecmp(url, "https:", 6) == 0)
		rc = ccp_http_easy_trust(wait->config, &wait->trusted, err);
	if (!rc && wait->idle_count > 0)
		*easy = wait->idle[--wait->idle_count];
	pthread_mutex_unlock(&wait->lock);
	if (rc)
		return rc;
	if (!*easy)
		*easy = curl_easy_init();
	return *easy ? CCP_OK : ccp_fail(err, CCP_ERR_NOMEM, "no memory for an HTTP call");
}

/* Resets the handle, which forgets the request but keeps the connection, and puts it back. */
static void
give_handle_back(struct ccp_http_wait *wait, CURL *easy)
{
	curl_easy_reset(easy);
	pthread_mutex_lock(&wait->lock);
	if (wait->idle_count < IDLE_MAX_COUNT) {
		wait->idle[wait->idle_count++] = easy;
		easy = NULL;
	}
	pthread_mutex_unlock(&wait->lock);
	if (easy)
		curl_easy_cleanup(easy);
}

static enum ccp_err
set_options(struct ccp_http_wait *wait, CURL *easy, const struct ccp_http_wait_request *request,
            struct call *call, struct curl_slist **fields, struct ccp_error *err)
{
	ccp_http_easy_setup(easy, wait->config, &wait->trusted, request->url);
	if (request->no_proxy)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	if (ccp_http_easy_method(easy, request->method, request->body.len)) {
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, ccp_http_easy_give);
		curl_easy_setopt(easy, CURLOPT_READDATA, &call->upload);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, ccp_http_easy_rewind);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, &call->upload);
	}
	return ccp_http_easy_fields(easy, request->headers, fields, err);
}

static enum ccp_err
judge(CURLcode code, const struct call *call, const struct ccp_http_wait_request *request,
      struct ccp_error *err)
{
	if (call->too_long)
		return ccp_fail(err, CCP_ERR_LIMIT, "the answer is over %zu bytes",
		                request->max_bytes);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return ccp_fail(err, CCP_ERR_NET, "no answer in time");
	if (code != CURLE_OK)
		return ccp_fail(err, CCP_ERR_NET, "%s",
		                *call->error ? call->error : curl_easy_strerror(code));
	return CCP_OK;
}

enum ccp_err
ccp_http_wait_call(void *arg, const struct ccp_http_wait_request *request,
                   struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct ccp_http_wait *wait = arg;
	struct call call = { .answer = answer, .upload = { .body = request->body } };
	struct curl_slist *fields = NULL;
	CURL *easy = NULL;
	enum ccp_err rc;

	ccp_http_wait_answer_clear(answer);
	answer->body.max = request->max_bytes;
	rc = take_handle(wait, request->url, &easy, err);
	if (rc)
		return rc;
	rc = set_options(wait, easy, request, &call, &fields, err);
	if (!rc)
		rc = judge(curl_easy_perform(easy), &call, request, err);
	give_handle_back(wait, easy);
	ccp_http_easy_fields_free(fields);
	return rc;
}

void
ccp_http_wait_answer_clear(struct ccp_http_wait_answer *answer)
{
	answer->status = 0;
	ccp_headers_clear(&answer->headers);
	ccp_buf_cleanse(&answer->body);
}
