#include "base/http_easy.h"
#include "base/http_state.h"

#include "base/log.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* The pool: libcurl's sockets and timer in our loop, calls in and out. */

/* One of libcurl's sockets, in our loop. */
struct http_socket {
	struct ccp_watch watch;
	struct ccp_http *http;
};

static void settle(struct ccp_http *http);
static void queue(struct ccp_http_call *call);

static void
on_socket_event(void *arg, uint32_t events)
{
	struct http_socket *s = arg;
	struct ccp_http *http = s->http;
	int fd = s->watch.fd, running;
	int mask = 0;

	if (events & (EPOLLIN | EPOLLRDHUP))
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_IN | CURL_CSELECT_ERR;
	http->busy++;
	curl_multi_socket_action(http->multi, fd, mask, &running);
	http->busy--;
	settle(http);
}

static void
on_timer(void *arg)
{
	struct ccp_http *http = arg;
	int running;

	http->busy++;
	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http->busy--;
	settle(http);
}

/* A socket that cannot be watched would never move again: its call ends as cut. */
static void
fail_call(CURL *easy)
{
	struct ccp_http_call *call = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
	if (call) {
		call->failed = true;
		queue(call);
	}
}

/* libcurl says which events of a socket it waits for. */
static int
socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct ccp_http *http = arg;
	struct http_socket *s = socket_arg;
	struct ccp_error err;
	uint32_t events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (s) {
			ccp_loop_unwatch(http->loop, &s->watch);
			curl_multi_assign(http->multi, fd, NULL);
			free(s);
		}
		return 0;
	}
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s) {
			fail_call(easy);
			return 0;
		}
		s->http = http;
		s->watch = (struct ccp_watch){ .fd = fd, .fn = on_socket_event, .arg = s };
		curl_multi_assign(http->multi, fd, s);
	}
	if (what & CURL_POLL_IN)
		events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		events |= EPOLLOUT;
	if (ccp_loop_watch(http->loop, &s->watch, events, &err)) {
		ccp_log(CCP_LOG_ERROR, NULL, "a call ends: %s", err.text);
		fail_call(easy);
	}
	return 0; /* -1 would make libcurl give up all calls, in silence */
}

static int
timer_wish(CURLM *multi, long timeout_ms, void *arg)
{
	struct ccp_http *http = arg;

	(void)multi;
	if (timeout_ms < 0) {
		ccp_timer_stop(http->loop, &http->timer);
		return 0;
	}
	if (ccp_timer_set(http->loop, &http->timer, timeout_ms))
		ccp_log(CCP_LOG_ERROR, NULL, "no memory for libcurl's timer");
	return 0;
}

enum ccp_err
ccp_http_new(const struct ccp_config *config, struct ccp_loop *loop, struct ccp_http **out,
             struct ccp_error *err)
{
	struct ccp_http *http = calloc(1, sizeof(*http));
	enum ccp_err rc;

	*out = NULL;
	if (!http)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the HTTP pool");
	http->config = config;
	http->loop = loop;
	http->timer = (struct ccp_timer){ .fn = on_timer, .arg = http };
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    !(http->multi = curl_multi_init())) {
		rc = ccp_fail(err, CCP_ERR_NOMEM, "libcurl could not be started");
		goto fail;
	}
	rc = ccp_http_easy_trust(config, &http->trusted, err);
	if (rc)
		goto fail;
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, socket_wish);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, timer_wish);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)CCP_HTTP_CONNECTIONS_MAX);
	*out = http;
	return CCP_OK;
fail:
	ccp_http_free(http);
	return rc;
}

void
ccp_http_free(struct ccp_http *http)
{
	if (!http)
		return;
	settle(http);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	ccp_timer_stop(http->loop, &http->timer);
	X509_STORE_free(http->trusted);
	curl_global_cleanup();
	free(http);
}

static void
queue(struct ccp_http_call *call)
{
	struct ccp_http_call **end = &call->http->waiting;

	if (call->queued)
		return;
	while (*end)
		end = &(*end)->next;
	call->next = NULL;
	call->queued = true;
	*end = call;
}

enum ccp_err
ccp_http_start(struct ccp_http *http, const struct ccp_http_request *request,
               const struct ccp_http_handlers *handlers, struct ccp_http_call **out,
               struct ccp_error *err)
{
	struct ccp_http_call *call = calloc(1, sizeof(*call));
	enum ccp_err rc;

	*out = NULL;
	if (!call || !(call->easy = curl_easy_init())) {
		free(call);
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for an HTTP call");
	}
	call->http = http;
	call->handlers = *handlers;
	call->upload.body = request->body;
	rc = ccp_http_call_setup(call, request, err);
	if (rc) {
		ccp_http_call_free(call);
		return rc;
	}
	*out = call;
	queue(call);
	if (!http->busy)
		settle(http);
	return CCP_OK;
}

void
ccp_http_cancel(struct ccp_http_call *call)
{
	if (!call)
		return;
	call->cancelled = true;
	queue(call);
	if (!call->http->busy)
		settle(call->http);
}

void
ccp_http_resume(struct ccp_http_call *call)
{
	struct ccp_http *http = call->http;
	int running;

	http->busy++;
	curl_easy_pause(call->easy, CURLPAUSE_CONT);
	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	http->busy--;
	if (!http->busy)
		settle(http);
}

bool
ccp_http_body_sent(const struct ccp_http_call *call)
{
	return call->answered && call->upload.sent == call->upload.body.len;
}

static enum ccp_http_end
end_of(CURLcode code, bool answered)
{
	switch (code) {
	case CURLE_OK:
		return CCP_HTTP_DONE;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
		return CCP_HTTP_CERTIFICATE;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PROXY:
	case CURLE_OPERATION_TIMEDOUT:
		return answered ? CCP_HTTP_CUT : CCP_HTTP_CONNECT;
	default:
		return CCP_HTTP_CUT;
	}
}

/* Takes finished calls out and tells their owners. */
static void
collect_done(struct ccp_http *http)
{
	struct ccp_http_call *call;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = message->data.result;
		enum ccp_http_end end;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		curl_multi_remove_handle(http->multi, call->easy);
		call->added = false;
		if (call->queued) /* the queue ends it */
			continue;
		call->cancelled = true; /* nothing may touch it from the handler */
		end = end_of(code, call->answered);
		if (end == CCP_HTTP_DONE && !call->head_done)
			end = CCP_HTTP_CUT;
		call->handlers.on_done(call->handlers.arg, end,
		                       end == CCP_HTTP_DONE ? ""
		                       : *call->error       ? call->error
		                                            : curl_easy_strerror(code));
		ccp_http_call_free(call);
	}
}

/* Cancelled by its owner, or failed by us: then the owner is told. */
static void
end_call(struct ccp_http *http, struct ccp_http_call *call)
{
	bool tell = !call->cancelled;

	if (call->added)
		curl_multi_remove_handle(http->multi, call->easy);
	call->cancelled = true;
	if (tell)
		call->handlers.on_done(call->handlers.arg, CCP_HTTP_CUT,
		                       "out of memory or descriptors");
	ccp_http_call_free(call);
}

/* Does what could not be done inside libcurl: adds new calls, removes cancelled ones. */
static void
settle(struct ccp_http *http)
{
	struct ccp_http_call *call;
	int running;

	if (http->busy || !http->multi)
		return;
	http->busy++; /* handlers called from here queue; this loop picks it up */
	for (;;) {
		collect_done(http);
		call = http->waiting;
		if (!call)
			break;
		http->waiting = call->next;
		call->queued = false;
		if (call->cancelled || call->failed) {
			end_call(http, call);
		} else if (curl_multi_add_handle(http->multi, call->easy) != CURLM_OK) {
			end_call(http, call);
		} else {
			call->added = true;
			/* without this libcurl would begin a millisecond later, by its timer */
			curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		}
	}
	http->busy--;
}
