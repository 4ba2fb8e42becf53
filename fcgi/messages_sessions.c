#include "messages_sessions.h"

#include "base/log.h"
#include "edge/refusal.h"
#include "relay/admit.h"

#include <string.h>

/* The way back for an exchange: the session's response. */

static void
client_head(void *arg, int status, const struct ccp_headers *headers)
{
	ccp_response_head(&((struct ccp_session *)arg)->response, status, headers);
}

static void
client_body(void *arg, const char *p, size_t n)
{
	ccp_response_body(&((struct ccp_session *)arg)->response, p, n);
}

static bool
client_full(void *arg)
{
	return ccp_response_full(&((struct ccp_session *)arg)->response);
}

static void
client_end(void *arg)
{
	ccp_response_end(&((struct ccp_session *)arg)->response);
}

static void
client_abort(void *arg)
{
	ccp_response_abort(&((struct ccp_session *)arg)->response);
}

static void
client_done(void *arg)
{
	struct ccp_session *s = arg;

	((struct ccp_sessions *)s->owner)->turnover(((struct ccp_sessions *)s->owner)->arg);
	ccp_session_release(s);
}

static bool
is_count_tokens(const struct ccp_session *s)
{
	static const char path[] = "/v1/messages/count_tokens";
	const char *target = ccp_buf_text(&s->route.target);

	return strcmp(s->request.method, "POST") == 0 &&
	       strncmp(target, path, sizeof(path) - 1) == 0 &&
	       (target[sizeof(path) - 1] == '\0' || target[sizeof(path) - 1] == '?');
}

/* A request for Anthropic: with a credential, or not at all. */
static void
begin_exchange(struct ccp_sessions *sessions, struct ccp_session *s)
{
	struct ccp_peer peer = { s->request.remote_addr, s->request.server_addr,
		                 &s->request.headers };
	struct ccp_client client = {
		client_head, client_body, client_full, client_end, client_abort, client_done, s
	};
	struct ccp_call call = { .id = s->id,
		                 .user = s->route.user,
		                 .method = s->request.method,
		                 .target = ccp_buf_text(&s->route.target),
		                 .messages = s->route.endpoint == CCP_ROUTE_MESSAGES,
		                 .count_tokens = is_count_tokens(s),
		                 .loopback = ccp_admit_loopback(&peer) };
	struct ccp_exchange *x;

	s->owner = sessions;
	sessions->turnover(sessions->arg);
	if (!ccp_admit_credential(&peer, sessions->relay->config, &s->request.headers)) {
		ccp_session_error(s, 401, "authentication_error", NULL,
		                  "No credential: send x-api-key or Authorization, as for "
		                  "api.anthropic.com");
		return;
	}
	call.headers = s->request.headers;
	call.body = s->request.body;
	s->request.headers = (struct ccp_headers){ 0 };
	s->request.body = (struct ccp_body){ 0 };
	s->exchange = s; /* not NULL: it may be done before start returns */
	x = ccp_exchange_start(sessions->relay, &call, &client);
	if (!x) {
		s->exchange = NULL;
		ccp_headers_clear(&call.headers);
		ccp_body_clear(&call.body);
		ccp_session_error(s, 500, "api_error", NULL, "This proxy is out of memory");
	} else if (s->exchange) {
		s->exchange = x;
	}
}

static void
answer_health(struct ccp_sessions *sessions, struct ccp_session *s)
{
	if (s->route.deep)
		ccp_health_answer(&sessions->health, sessions->relay, s);
	else
		ccp_session_answer(s, 200, NULL, "application/json", "{\"status\":\"healthy\"}");
}

/* /favicon.ico: the dashboard's icon, for browsers that ask without having seen a page. */
static void
answer_icon(const struct ccp_sessions *sessions, struct ccp_session *s)
{
	if (sessions->icon.len)
		ccp_session_answer(s, 200, NULL, "image/svg+xml", sessions->icon.data);
	else
		ccp_session_error(s, 404, "not_found_error", NULL,
		                  "The dashboard is not installed");
}

void
ccp_sessions_begin(void *arg, struct ccp_session *s)
{
	struct ccp_sessions *sessions = arg;

	if (s->request.too_large)
		s->request.error_status = 413;
	if (s->request.error_status) {
		ccp_refuse_for_web_server(s);
		return;
	}
	switch (s->route.endpoint) {
	case CCP_ROUTE_HEALTH:
		answer_health(sessions, s);
		break;
	case CCP_ROUTE_HELLO:
		ccp_session_answer(s, 200, NULL, NULL, "");
		break;
	case CCP_ROUTE_HOME:
		ccp_redirect(s, "/ui");
		break;
	case CCP_ROUTE_FAVICON:
		answer_icon(sessions, s);
		break;
	case CCP_ROUTE_MESSAGES:
	case CCP_ROUTE_PASS:
		begin_exchange(sessions, s);
		break;
	case CCP_ROUTE_REFUSED:
		ccp_refuse_route(s);
		break;
	}
}

void
ccp_sessions_gone(void *arg, struct ccp_session *s)
{
	(void)arg;
	if (s->route.endpoint != CCP_ROUTE_HEALTH) /* its job is short and ends by itself */
		ccp_exchange_gone(s->exchange);
}

void
ccp_sessions_ready(void *arg, struct ccp_session *s)
{
	(void)arg;
	if (s->route.endpoint != CCP_ROUTE_HEALTH)
		ccp_exchange_ready(s->exchange);
}

void
ccp_sessions_stop(struct ccp_session *s)
{
	if (s->route.endpoint != CCP_ROUTE_HEALTH)
		ccp_exchange_stop(s->exchange);
}
