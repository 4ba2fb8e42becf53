#include "edge/serve.h"

#include "base/log.h"
#include "edge/accept.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <openssl/rand.h>

/*
 * With more running requests than these a worker lets the others go first. Not with fewer: its
 * connections to Anthropic and AWS are warm.
 */
#define SHARE_ABOVE 8

struct ccp_serve {
	const struct ccp_config *config;
	struct ccp_loop *loop;
	struct ccp_serve_handlers handlers;
	struct ccp_accept *accept;
	struct ccp_session *first; /* loop thread */
	atomic_size_t running;     /* from the connection to the session's end */
};

static void
make_id(char id[CCP_REQUEST_ID_BYTES])
{
	unsigned char random[12] = { 0 };
	size_t i;

	RAND_bytes(random, sizeof(random));
	snprintf(id, CCP_REQUEST_ID_BYTES, "req_");
	for (i = 0; i < sizeof(random); i++)
		snprintf(id + 4 + 2 * i, 3, "%02x", random[i]);
}

static void
free_session(struct ccp_task *task)
{
	struct ccp_session *s =
		(struct ccp_session *)((char *)task - offsetof(struct ccp_session, task));

	atomic_fetch_sub(&s->serve->running, 1);
	if (s->next)
		s->next->previous = s->previous;
	if (s->previous)
		s->previous->next = s->next;
	else
		s->serve->first = s->next;
	ccp_response_close(&s->response);
	ccp_route_clear(&s->route);
	ccp_request_clear(&s->request);
	free(s);
}

/* Frees it later, from the loop: callers up the stack still look at it. */
static void
end_if_over(struct ccp_session *s)
{
	if (!s->closed || s->exchange || s->ending || s->gone_pending)
		return;
	s->ending = true;
	s->task.fn = free_session;
	ccp_loop_post(s->serve->loop, &s->task);
}

static void
tell_gone(struct ccp_task *task)
{
	struct ccp_session *s =
		(struct ccp_session *)((char *)task - offsetof(struct ccp_session, gone_task));

	s->gone_pending = false;
	if (s->exchange)
		s->serve->handlers.gone(s->serve->handlers.arg, s);
	end_if_over(s);
}

/* Often noticed while the handler is writing: it is told from the loop, not in the middle of that. */
static void
on_gone(void *arg)
{
	struct ccp_session *s = arg;

	s->closed = true;
	s->gone_pending = true;
	s->gone_task.fn = tell_gone;
	ccp_loop_post(s->serve->loop, &s->gone_task);
}

static void
on_ready(void *arg)
{
	struct ccp_session *s = arg;

	if (s->exchange)
		s->serve->handlers.ready(s->serve->handlers.arg, s);
}

static void
on_closed(void *arg)
{
	struct ccp_session *s = arg;

	s->closed = true;
	end_if_over(s);
}

void
ccp_session_release(struct ccp_session *session)
{
	session->exchange = NULL;
	end_if_over(session);
}

/* On the loop thread: the request has arrived there. */
static void
begin_session(struct ccp_task *task)
{
	struct ccp_session *s =
		(struct ccp_session *)((char *)task - offsetof(struct ccp_session, task));
	struct ccp_response_events events = { on_gone, on_ready, on_closed, s };
	struct ccp_serve *serve = s->serve;

	s->next = serve->first;
	if (s->next)
		s->next->previous = s;
	serve->first = s;
	if (ccp_response_open(&s->response, serve->loop, s->request.fd, s->request.fcgi_id, &events,
	                      NULL)) {
		s->closed = true;
		end_if_over(s);
		return;
	}
	s->response.head_only = strcmp(s->request.method, "HEAD") == 0;
	s->response.linger = s->request.too_large;
	serve->handlers.begin(serve->handlers.arg, s);
}

/* On an accept thread: reads one request and hands it over. True: this worker has enough to do. */
static bool
take_request(void *arg, int fd)
{
	struct ccp_serve *serve = arg;
	size_t before = atomic_fetch_add(&serve->running, 1);
	struct ccp_session *s = calloc(1, sizeof(*s));
	struct ccp_error err;

	if (!s) {
		close(fd);
		goto none;
	}
	if (ccp_request_read(fd, (size_t)serve->config->max_body_bytes, &s->request, &err)) {
		ccp_log(CCP_LOG_WARNING, NULL, "request dropped: %s", err.text);
		ccp_request_clear(&s->request);
		free(s);
		goto none;
	}
	make_id(s->id);
	ccp_route_parse(s->request.method, s->request.uri, &s->request.headers, &s->route);
	s->serve = serve;
	s->task.fn = begin_session;
	ccp_loop_post(serve->loop, &s->task);
	return before >= SHARE_ABOVE;
none:
	atomic_fetch_sub(&serve->running, 1);
	return false;
}

enum ccp_err
ccp_serve_new(const struct ccp_config *config, struct ccp_loop *loop, int listen_fd,
              const struct ccp_serve_handlers *handlers, struct ccp_serve **out,
              struct ccp_error *err)
{
	struct ccp_serve *serve = calloc(1, sizeof(*serve));
	enum ccp_err rc;

	*out = NULL;
	if (!serve)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory to serve");
	serve->config = config;
	serve->loop = loop;
	serve->handlers = *handlers;
	FCGX_Init();
	rc = ccp_accept_new(listen_fd, (int)config->accept_threads, take_request, serve,
	                    &serve->accept, err);
	if (rc) {
		free(serve);
		return rc;
	}
	*out = serve;
	return CCP_OK;
}

void
ccp_serve_stop(struct ccp_serve *serve)
{
	ccp_accept_stop(serve->accept);
}

/* In this order: a thread that has gone has counted its request before. */
bool
ccp_serve_idle(struct ccp_serve *serve)
{
	return ccp_accept_over(serve->accept) && atomic_load(&serve->running) == 0;
}

void
ccp_serve_each(struct ccp_serve *serve, void (*fn)(struct ccp_session *session))
{
	struct ccp_session *s, *next;

	for (s = serve->first; s; s = next) {
		next = s->next; /* sessions are freed later, from the loop */
		if (s->exchange)
			fn(s);
	}
}

size_t
ccp_serve_session_count(struct ccp_serve *serve)
{
	return atomic_load(&serve->running);
}

void
ccp_serve_free(struct ccp_serve *serve)
{
	if (!serve)
		return;
	ccp_accept_free(serve->accept);
	free(serve);
}
