#include "base/loop.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Events taken from the kernel at once; more only means another call. */
#define EVENT_BATCH 256

struct ccp_loop {
	int epoll_fd;
	bool stopped;
	int64_t now_ms;
	struct epoll_event events[EVENT_BATCH];
	int event_count; /* in this batch */

	struct ccp_timer **heap; /* the earliest first */
	size_t heap_count;
	size_t heap_cap;

	struct ccp_watch wake; /* an eventfd: tasks are waiting */
	pthread_mutex_t lock;  /* guards the two below */
	struct ccp_task *first;
	struct ccp_task *last;
};

static void
run_tasks(void *arg, uint32_t events)
{
	struct ccp_loop *loop = arg;
	struct ccp_task *task, *next;
	uint64_t count;

	(void)events;
	(void)!read(loop->wake.fd, &count, sizeof(count));
	pthread_mutex_lock(&loop->lock);
	task = loop->first;
	loop->first = loop->last = NULL;
	pthread_mutex_unlock(&loop->lock);
	for (; task; task = next) {
		next = task->next; /* fn may free the task */
		task->fn(task);
	}
}

enum ccp_err
ccp_loop_new(struct ccp_loop **out, struct ccp_error *err)
{
	struct ccp_loop *loop = calloc(1, sizeof(*loop));
	enum ccp_err rc;

	*out = NULL;
	if (!loop)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the event loop");
	pthread_mutex_init(&loop->lock, NULL);
	loop->wake = (struct ccp_watch){ .fd = -1, .fn = run_tasks, .arg = loop };
	loop->now_ms = ccp_clock_ms();
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd >= 0)
		loop->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake.fd < 0) {
		rc = ccp_fail(err, CCP_ERR_SYSTEM, "event loop: %s", strerror(errno));
		ccp_loop_free(loop);
		return rc;
	}
	rc = ccp_loop_watch(loop, &loop->wake, EPOLLIN, err);
	if (rc) {
		ccp_loop_free(loop);
		return rc;
	}
	*out = loop;
	return CCP_OK;
}

void
ccp_loop_free(struct ccp_loop *loop)
{
	if (!loop)
		return;
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop->heap);
	free(loop);
}

enum ccp_err
ccp_loop_watch(struct ccp_loop *loop, struct ccp_watch *w, uint32_t events, struct ccp_error *err)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	int op = w->on ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(loop->epoll_fd, op, w->fd, &e) != 0)
		return ccp_fail(err, CCP_ERR_SYSTEM, "epoll_ctl: %s", strerror(errno));
	w->on = true;
	return CCP_OK;
}

void
ccp_loop_unwatch(struct ccp_loop *loop, struct ccp_watch *w)
{
	int i;

	if (!w->on)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
	w->on = false;
	/* an event of this batch may still point at w, which may be freed next */
	for (i = 0; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == w)
			loop->events[i].data.ptr = NULL;
}

int64_t
ccp_loop_now_ms(const struct ccp_loop *loop)
{
	return loop->now_ms;
}

static void
heap_put(struct ccp_loop *loop, size_t i, struct ccp_timer *t)
{
	loop->heap[i] = t;
	t->slot = i + 1;
}

/* Moves the timer at i to where its due time belongs. */
static void
heap_sift(struct ccp_loop *loop, size_t i)
{
	struct ccp_timer *t = loop->heap[i];
	size_t child;

	while (i > 0 && loop->heap[(i - 1) / 2]->due_ms > t->due_ms) {
		heap_put(loop, i, loop->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		child = 2 * i + 1;
		if (child >= loop->heap_count)
			break;
		if (child + 1 < loop->heap_count &&
		    loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
			child++;
		if (loop->heap[child]->due_ms >= t->due_ms)
			break;
		heap_put(loop, i, loop->heap[child]);
		i = child;
	}
	heap_put(loop, i, t);
}

enum ccp_err
ccp_timer_set(struct ccp_loop *loop, struct ccp_timer *t, int64_t in_ms)
{
	struct ccp_timer **heap;
	size_t cap;

	/* not this turn's time: a turn may have taken long before it got here */
	t->due_ms = ccp_clock_ms() + (in_ms > 0 ? in_ms : 0);
	if (t->slot) {
		heap_sift(loop, t->slot - 1);
		return CCP_OK;
	}
	if (loop->heap_count == loop->heap_cap) {
		cap = loop->heap_cap ? loop->heap_cap * 2 : 64;
		heap = realloc(loop->heap, cap * sizeof(struct ccp_timer *));
		if (!heap)
			return CCP_ERR_NOMEM;
		loop->heap = heap;
		loop->heap_cap = cap;
	}
	heap_put(loop, loop->heap_count++, t);
	heap_sift(loop, loop->heap_count - 1);
	return CCP_OK;
}

void
ccp_timer_stop(struct ccp_loop *loop, struct ccp_timer *t)
{
	struct ccp_timer *last;
	size_t i;

	if (!t->slot)
		return;
	i = t->slot - 1;
	t->slot = 0;
	last = loop->heap[--loop->heap_count];
	if (last != t) {
		heap_put(loop, i, last);
		heap_sift(loop, i);
	}
}

static void
fire_timers(struct ccp_loop *loop)
{
	while (loop->heap_count && loop->heap[0]->due_ms <= loop->now_ms) {
		struct ccp_timer *t = loop->heap[0];

		ccp_timer_stop(loop, t);
		t->fn(t->arg);
	}
}

/* Until the next timer, in milliseconds, rounded up so that it is due when epoll returns. */
static int
wait_ms(const struct ccp_loop *loop)
{
	int64_t left;

	if (!loop->heap_count)
		return -1;
	left = loop->heap[0]->due_ms - ccp_clock_ms();
	return left <= 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

void
ccp_loop_post(struct ccp_loop *loop, struct ccp_task *task)
{
	uint64_t one = 1;
	bool was_empty;

	task->next = NULL;
	pthread_mutex_lock(&loop->lock);
	was_empty = !loop->first;
	if (loop->last)
		loop->last->next = task;
	else
		loop->first = task;
	loop->last = task;
	pthread_mutex_unlock(&loop->lock);
	if (was_empty)
		(void)!write(loop->wake.fd, &one, sizeof(one));
}

void
ccp_loop_run(struct ccp_loop *loop)
{
	int i, n;

	while (!loop->stopped) {
		n = epoll_wait(loop->epoll_fd, loop->events, EVENT_BATCH, wait_ms(loop));
		loop->now_ms = ccp_clock_ms();
		loop->event_count = n > 0 ? n : 0;
		for (i = 0; i < loop->event_count; i++) {
			struct ccp_watch *w = loop->events[i].data.ptr;

			if (w)
				w->fn(w->arg, loop->events[i].events);
		}
		loop->event_count = 0;
		fire_timers(loop);
	}
}

void
ccp_loop_stop(struct ccp_loop *loop)
{
	loop->stopped = true;
}
