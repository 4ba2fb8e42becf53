#include "edge/accept.h"

#include "base/log.h"
#include "edge/program.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The same trouble is told this often. */
#define SAY_AGAIN_S 60
/* libfcgi and the route parser are content with little. */
#define STACK_BYTES (256 * 1024)

struct ccp_accept {
	int listen_fd;
	int stop_fd; /* an eventfd, readable when accepting is over */
	int usual;   /* threads that wait while nothing comes */
	ccp_accept_fn *fn;
	void *arg;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t changed;
	int threads;
	int idle; /* of them, those that wait */
	bool stopping;
	time_t said_short_s;
};

static bool start_thread(struct ccp_accept *accept);

/* An idle thread ends, or could not be started. */
static void
leave(struct ccp_accept *accept)
{
	pthread_mutex_lock(&accept->lock);
	accept->threads--;
	accept->idle--;
	pthread_cond_signal(&accept->changed);
	pthread_mutex_unlock(&accept->lock);
}

/* A thread is about to be busy: when it was the last idle one, another is started. */
static void
be_busy(struct ccp_accept *accept)
{
	bool more;

	pthread_mutex_lock(&accept->lock);
	accept->idle--;
	more = accept->idle == 0 && accept->threads < CCP_ACCEPT_THREADS_MAX && !accept->stopping;
	if (more) {
		accept->threads++;
		accept->idle++;
	}
	pthread_mutex_unlock(&accept->lock);
	if (more && !start_thread(accept))
		leave(accept); /* connections wait until a busy one is done */
}

/*
 * A thread is done with its connection. False: enough others wait, and it has left. One more than
 * usual may: where one waits, a thread would start and end with each connection.
 */
static bool
be_idle(struct ccp_accept *accept)
{
	bool wanted;

	pthread_mutex_lock(&accept->lock);
	wanted = accept->idle <= accept->usual;
	if (wanted) {
		accept->idle++;
	} else {
		accept->threads--;
		pthread_cond_signal(&accept->changed);
	}
	pthread_mutex_unlock(&accept->lock);
	return wanted;
}

static void
say_short(struct ccp_accept *accept, int reason)
{
	time_t now = time(NULL);
	bool say;

	pthread_mutex_lock(&accept->lock);
	say = now - accept->said_short_s >= SAY_AGAIN_S;
	if (say)
		accept->said_short_s = now;
	pthread_mutex_unlock(&accept->lock);
	if (say)
		ccp_log(CCP_LOG_ERROR, NULL, "connections wait: %s", strerror(reason));
}

/* Out of descriptors or memory: a pause, since spinning would not help. False: all is to stop. */
static bool
wait_short(struct ccp_accept *accept, int reason)
{
	bool stopping;

	say_short(accept, reason);
	usleep(10000);
	pthread_mutex_lock(&accept->lock);
	stopping = accept->stopping;
	pthread_mutex_unlock(&accept->lock);
	return !stopping;
}

/* False: all is to stop, and it could not be had. */
static bool
watch(struct ccp_accept *accept, int set, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	while (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) != 0)
		if (!wait_short(accept, errno))
			return false;
	return true;
}

/*
 * EPOLLEXCLUSIVE wakes one thread a connection, not all threads of all workers, namely the first
 * in the socket's queue that waits.
 */
static bool
watch_socket(struct ccp_accept *accept, int set)
{
	return watch(accept, set, accept->listen_fd, EPOLLIN | EPOLLEXCLUSIVE);
}

/* A wait set of a thread's own; -1: all is to stop. */
static int
new_set(struct ccp_accept *accept)
{
	int set;

	while ((set = epoll_create1(EPOLL_CLOEXEC)) < 0)
		if (!wait_short(accept, errno))
			return -1;
	if (watch(accept, set, accept->stop_fd, EPOLLIN) && watch_socket(accept, set))
		return set;
	close(set);
	return -1;
}

/*
 * Who lets others go first goes to the end of the socket's queue. If nobody did, one worker would
 * get nearly all connections, and one core all the work.
 */
static void *
run(void *arg)
{
	struct ccp_accept *accept = arg;
	struct epoll_event got;
	int set = new_set(accept), fd;
	bool behind;

	while (set >= 0) {
		if (epoll_wait(set, &got, 1, -1) <= 0)
			continue;
		if (got.data.fd == accept->stop_fd)
			break;
		fd = accept4(accept->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				(void)wait_short(accept, errno);
			continue; /* or another thread was faster */
		}
		be_busy(accept);
		behind = accept->fn(accept->arg, fd);
		if (!be_idle(accept)) {
			close(set);
			return NULL;
		}
		if (behind && epoll_ctl(set, EPOLL_CTL_DEL, accept->listen_fd, NULL) == 0 &&
		    !watch_socket(accept, set))
			break;
	}
	if (set >= 0)
		close(set);
	leave(accept);
	return NULL;
}

static bool
start_thread(struct ccp_accept *accept)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, run, accept);
	pthread_attr_destroy(&attr);
	if (rc)
		say_short(accept, rc);
	return rc == 0;
}

enum ccp_err
ccp_accept_new(int listen_fd, int threads, ccp_accept_fn *fn, void *arg, struct ccp_accept **out,
               struct ccp_error *err)
{
	struct ccp_accept *accept;
	int i;

	*out = NULL;
	if (ccp_program_socket(listen_fd, err))
		return CCP_ERR_SYSTEM;
	accept = calloc(1, sizeof(*accept));
	if (!accept)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory to accept connections");
	accept->listen_fd = listen_fd;
	accept->usual = threads;
	accept->fn = fn;
	accept->arg = arg;
	pthread_mutex_init(&accept->lock, NULL);
	pthread_cond_init(&accept->changed, NULL);
	accept->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (accept->stop_fd < 0) {
		ccp_accept_free(accept);
		return ccp_fail(err, CCP_ERR_SYSTEM, "eventfd: %s", strerror(errno));
	}
	fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK);
	for (i = 0; i < threads; i++) {
		pthread_mutex_lock(&accept->lock);
		accept->threads++;
		accept->idle++;
		pthread_mutex_unlock(&accept->lock);
		if (!start_thread(accept)) {
			leave(accept);
			ccp_accept_free(accept);
			return ccp_fail(err, CCP_ERR_SYSTEM,
			                "an accept thread could not be started");
		}
	}
	*out = accept;
	return CCP_OK;
}

void
ccp_accept_stop(struct ccp_accept *accept)
{
	uint64_t one = 1;

	pthread_mutex_lock(&accept->lock);
	accept->stopping = true;
	pthread_mutex_unlock(&accept->lock);
	if (accept->stop_fd >= 0)
		(void)!write(accept->stop_fd, &one, sizeof(one));
}

bool
ccp_accept_over(struct ccp_accept *accept)
{
	bool over;

	pthread_mutex_lock(&accept->lock);
	over = accept->threads == 0;
	pthread_mutex_unlock(&accept->lock);
	return over;
}

void
ccp_accept_free(struct ccp_accept *accept)
{
	if (!accept)
		return;
	ccp_accept_stop(accept);
	pthread_mutex_lock(&accept->lock);
	while (accept->threads)
		pthread_cond_wait(&accept->changed, &accept->lock);
	pthread_mutex_unlock(&accept->lock);
	if (accept->stop_fd >= 0)
		close(accept->stop_fd);
	pthread_cond_destroy(&accept->changed);
	pthread_mutex_destroy(&accept->lock);
	free(accept);
}
