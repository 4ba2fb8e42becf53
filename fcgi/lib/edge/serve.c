#include "edge/serve.h"

#include "base/log.h"
#include "edge/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <fcgiapp.h>
#include <openssl/rand.h>

/* The same trouble is told this often. */
#define SAY_AGAIN_S 60
/* libfcgi and the route parser are content with little. */
#define STACK_BYTES (256 * 1024)

struct ccp_serve {
	const struct ccp_config *config;
	struct ccp_loop *loop;
	struct ccp_serve_handlers handlers;
	int listen_fd;
	int stop_fd;               /* an eventfd, readable when accepting is over */
	struct ccp_session *first; /* loop thread, as the count */
	size_t sessions;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed;
	int threads;
	int idle_threads;
	bool stopping;
	time_t said_short_s;
	size_t on_the_way; /* posted to the loop, not begun yet */
};

static bool start_thread(struct ccp_serve *serve);

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

	s->serve->sessions--;
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

	pthread_mutex_lock(&serve->lock);
	serve->on_the_way--;
	pthread_mutex_unlock(&serve->lock);
	serve->sessions++;
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

/* On an accept thread: reads one request and hands it over. */
static void
take_request(struct ccp_serve *serve, int fd)
{
	struct ccp_session *s = calloc(1, sizeof(*s));
	struct ccp_error err;

	if (!s) {
		close(fd);
		return;
	}
	if (ccp_request_read(fd, (size_t)serve->config->max_body_bytes, &s->request, &err)) {
		ccp_log(CCP_LOG_WARNING, NULL, "request dropped: %s", err.text);
		ccp_request_clear(&s->request);
		free(s);
		return;
	}
	make_id(s->id);
	ccp_route_parse(s->request.method, s->request.uri, &s->request.headers, &s->route);
	s->serve = serve;
	s->task.fn = begin_session;
	pthread_mutex_lock(&serve->lock);
	serve->on_the_way++;
	pthread_mutex_unlock(&serve->lock);
	ccp_loop_post(serve->loop, &s->task);
}

/* A thread is about to be busy: when it was the last idle one, another is started. */
static void
be_busy(struct ccp_serve *serve)
{
	bool more;

	pthread_mutex_lock(&serve->lock);
	serve->idle_threads--;
	more = serve->idle_threads == 0 && serve->threads < CCP_ACCEPT_THREADS_MAX &&
	       !serve->stopping;
	if (more) {
		serve->threads++;
		serve->idle_threads++;
	}
	pthread_mutex_unlock(&serve->lock);
	if (more && !start_thread(serve)) {
		pthread_mutex_lock(&serve->lock);
		serve->threads--;
		serve->idle_threads--;
		pthread_mutex_unlock(&serve->lock);
	}
}

/* Takes a thread that is about to end out of the count; keep: not below that many. */
static bool
leave_thread(struct ccp_serve *serve, int64_t keep)
{
	bool left;

	pthread_mutex_lock(&serve->lock);
	left = serve->threads > keep;
	if (left) {
		serve->threads--;
		serve->idle_threads--;
		pthread_cond_signal(&serve->changed);
	}
	pthread_mutex_unlock(&serve->lock);
	return left;
}

/* Out of descriptors or memory: the connection waits; spinning would not help it. */
static void
be_short(struct ccp_serve *serve, int reason)
{
	time_t now = time(NULL);
	bool say;

	pthread_mutex_lock(&serve->lock);
	say = now - serve->said_short_s >= SAY_AGAIN_S;
	if (say)
		serve->said_short_s = now;
	pthread_mutex_unlock(&serve->lock);
	if (say)
		ccp_log(CCP_LOG_ERROR, NULL, "connections wait: %s", strerror(reason));
	usleep(10000);
}

/*
 * Waits for a connection with a wait set of its own: EPOLLEXCLUSIVE wakes one
 * thread a connection, not all threads of all workers.
 */
static void *
accept_thread(void *arg)
{
	struct ccp_serve *serve = arg;
	struct epoll_event listen = { .events = EPOLLIN | EPOLLEXCLUSIVE,
		                      .data.fd = serve->listen_fd };
	struct epoll_event stop = { .events = EPOLLIN, .data.fd = serve->stop_fd };
	struct epoll_event got;
	int set = epoll_create1(EPOLL_CLOEXEC);
	int fd, n;

	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, serve->listen_fd, &listen) != 0 ||
	    epoll_ctl(set, EPOLL_CTL_ADD, serve->stop_fd, &stop) != 0) {
		ccp_log(CCP_LOG_ERROR, NULL, "accept thread: %s", strerror(errno));
		goto out;
	}
	for (;;) {
		n = epoll_wait(set, &got, 1, CCP_ACCEPT_IDLE_MS);
		if (n > 0 && got.data.fd == serve->stop_fd)
			break;
		if (n == 0 && leave_thread(serve, serve->config->accept_threads)) {
			close(set);
			return NULL;
		}
		if (n <= 0)
			continue;
		fd = accept4(serve->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				be_short(serve, errno);
			continue;
		}
		be_busy(serve);
		take_request(serve, fd);
		pthread_mutex_lock(&serve->lock);
		serve->idle_threads++;
		pthread_mutex_unlock(&serve->lock);
	}
out:
	if (set >= 0)
		close(set);
	(void)leave_thread(serve, 0);
	return NULL;
}

static bool
start_thread(struct ccp_serve *serve)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool ok;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ok = pthread_create(&thread, &attr, accept_thread, serve) == 0;
	pthread_attr_destroy(&attr);
	return ok;
}

enum ccp_err
ccp_serve_new(const struct ccp_config *config, struct ccp_loop *loop, int listen_fd,
              const struct ccp_serve_handlers *handlers, struct ccp_serve **out,
              struct ccp_error *err)
{
	struct ccp_serve *serve = calloc(1, sizeof(*serve));
	int i;

	*out = NULL;
	if (!serve)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory to serve");
	serve->config = config;
	serve->loop = loop;
	serve->listen_fd = listen_fd;
	serve->handlers = *handlers;
	pthread_mutex_init(&serve->lock, NULL);
	pthread_cond_init(&serve->changed, NULL);
	serve->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (serve->stop_fd < 0) {
		ccp_serve_free(serve);
		return ccp_fail(err, CCP_ERR_SYSTEM, "eventfd: %s", strerror(errno));
	}
	if (ccp_program_socket(listen_fd, err)) {
		ccp_serve_free(serve);
		return CCP_ERR_SYSTEM;
	}
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	FCGX_Init();
	for (i = 0; i < config->accept_threads; i++) {
		pthread_mutex_lock(&serve->lock);
		serve->threads++;
		serve->idle_threads++;
		pthread_mutex_unlock(&serve->lock);
		if (!start_thread(serve)) {
			(void)leave_thread(serve, 0);
			ccp_serve_free(serve);
			return ccp_fail(err, CCP_ERR_SYSTEM,
			                "an accept thread could not be started");
		}
	}
	*out = serve;
	return CCP_OK;
}

void
ccp_serve_stop(struct ccp_serve *serve)
{
	uint64_t one = 1;

	pthread_mutex_lock(&serve->lock);
	serve->stopping = true;
	pthread_mutex_unlock(&serve->lock);
	if (serve->stop_fd >= 0)
		(void)!write(serve->stop_fd, &one, sizeof(one));
}

bool
ccp_serve_idle(struct ccp_serve *serve)
{
	bool idle;

	pthread_mutex_lock(&serve->lock);
	idle = serve->threads == 0 && serve->on_the_way == 0;
	pthread_mutex_unlock(&serve->lock);
	return idle && serve->sessions == 0;
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
	return serve->sessions;
}

void
ccp_serve_free(struct ccp_serve *serve)
{
	if (!serve)
		return;
	ccp_serve_stop(serve);
	pthread_mutex_lock(&serve->lock);
	while (serve->threads)
		pthread_cond_wait(&serve->changed, &serve->lock);
	pthread_mutex_unlock(&serve->lock);
	if (serve->stop_fd >= 0)
		close(serve->stop_fd);
	pthread_cond_destroy(&serve->changed);
	pthread_mutex_destroy(&serve->lock);
	free(serve);
}
