#ifndef CCP_LOOP_H
#define CCP_LOOP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The event loop of a worker: file descriptors (epoll), timers (a heap) and
 * tasks posted by other threads. Everything but ccp_loop_post() belongs to the
 * thread that runs the loop. Callbacks never block and may add, change and
 * remove watches and timers, their own included.
 */
struct ccp_loop;

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP of epoll(7). */
typedef void ccp_watch_fn(void *arg, uint32_t events);

/* Owned by the caller, at a fixed address while it is watched. */
struct ccp_watch {
	int fd;
	ccp_watch_fn *fn;
	void *arg;
	bool on; /* the loop's: fd is registered */
};

typedef void ccp_timer_fn(void *arg);

/* Owned by the caller, at a fixed address while it is set. Zero it, then fill fn and arg. */
struct ccp_timer {
	ccp_timer_fn *fn;
	void *arg;
	int64_t due_ms;
	size_t slot; /* the loop's: place in the heap + 1; 0 = not set */
};

/* Something to do on the loop thread; owned by the poster until fn is called. */
struct ccp_task {
	void (*fn)(struct ccp_task *task);
	struct ccp_task *next; /* the loop's */
};

enum ccp_err ccp_loop_new(struct ccp_loop **loop, struct ccp_error *err) CCP_MUST_CHECK;
void ccp_loop_free(struct ccp_loop *loop);

/* Registers w->fd, or changes what it waits for. */
enum ccp_err ccp_loop_watch(struct ccp_loop *loop, struct ccp_watch *w, uint32_t events,
                            struct ccp_error *err) CCP_MUST_CHECK;

/* Call before close(w->fd). No callback of w comes after this. */
void ccp_loop_unwatch(struct ccp_loop *loop, struct ccp_watch *w);

/* Monotonic time of this turn of the loop, in milliseconds. */
int64_t ccp_loop_now_ms(const struct ccp_loop *loop);

/* Sets or moves t to fire once, in_ms from now (at once when <= 0). CCP_ERR_NOMEM at worst. */
enum ccp_err ccp_timer_set(struct ccp_loop *loop, struct ccp_timer *t,
                           int64_t in_ms) CCP_MUST_CHECK;
void ccp_timer_stop(struct ccp_loop *loop, struct ccp_timer *t);

/* From any thread: task->fn runs on the loop thread, in the order of posting. Never fails. */
void ccp_loop_post(struct ccp_loop *loop, struct ccp_task *task);

/* Runs until ccp_loop_stop() was called from a callback. */
void ccp_loop_run(struct ccp_loop *loop);
void ccp_loop_stop(struct ccp_loop *loop);

#endif
