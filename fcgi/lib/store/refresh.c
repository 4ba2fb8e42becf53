#include "store/refresh.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Questions at once: at 5 ms each, 800 users a second. */
#define THREADS_MAX 4
/* After a failure or a silence, limits are unknown at once for this long. */
#define PAUSE_MS 1000

/* One question; freed by the last who has to do with it. */
struct question {
	struct question *next;    /* of the open ones */
	struct question *next_up; /* of those no thread has taken yet */
	char user[CCP_USER_MAX_BYTES + 1];
	int holders; /* those who wait, and the thread */
	bool taken;  /* by a thread */
	bool done;
	int64_t asked_ms;
	enum ccp_err rc;
	struct ccp_error err;
	size_t count;
	struct ccp_limit limits[CCP_LIMITS_PER_USER_MAX];
};

struct ccp_refresh {
	ccp_refresh_ask_fn *ask;
	ccp_refresh_keep_fn *keep;
	void *arg;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t more;  /* a question, or the end */
	pthread_cond_t answered;
	struct question *open;
	struct question *first_up, *last_up;
	pthread_t threads[THREADS_MAX];
	int thread_count, idle_count;
	bool failing;           /* the last question failed, or was not answered in time */
	int64_t pause_until_ms; /* while it does; monotonic */
	bool ending;
};

enum ccp_err
ccp_refresh_new(ccp_refresh_ask_fn *ask, ccp_refresh_keep_fn *keep, void *arg,
                struct ccp_refresh **out, struct ccp_error *err)
{
	struct ccp_refresh *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;

	*out = r;
	if (!r)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	r->ask = ask;
	r->keep = keep;
	r->arg = arg;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->answered, &attr);
	pthread_cond_init(&r->more, NULL);
	pthread_condattr_destroy(&attr);
	return CCP_OK;
}

void
ccp_refresh_free(struct ccp_refresh *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->ending = true;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->lock);
	for (int i = 0; i < r->thread_count; i++)
		pthread_join(r->threads[i], NULL);
	while (r->first_up) {
		struct question *q = r->first_up;

		r->first_up = q->next_up;
		free(q);
	}
	pthread_cond_destroy(&r->answered);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Under the lock. */
static void
let_go(struct question *q)
{
	if (--q->holders == 0)
		free(q);
}

/* Under the lock: nobody new joins it. */
static void
close_question(struct ccp_refresh *r, struct question *q)
{
	struct question **at = &r->open;

	while (*at && *at != q)
		at = &(*at)->next;
	if (*at)
		*at = q->next;
}

/* Under the lock, which is let go while the store is asked. */
static void
put_question(struct ccp_refresh *r, struct question *q)
{
	struct ccp_error err = { 0 };
	size_t count = 0;
	enum ccp_err rc;

	q->asked_ms = ccp_clock_unix_ms();
	pthread_mutex_unlock(&r->lock);
	rc = r->ask(r->arg, q->user, q->limits, CCP_LIMITS_PER_USER_MAX, &count, &err);
	pthread_mutex_lock(&r->lock);
	q->rc = rc;
	q->err = err;
	q->count = count;
	q->done = true;
	close_question(r, q);
	r->failing = rc != CCP_OK;
	r->pause_until_ms = ccp_clock_ms() + PAUSE_MS;
	pthread_cond_broadcast(&r->answered);
	if (!rc) {
		pthread_mutex_unlock(&r->lock);
		r->keep(r->arg, q->user, q->asked_ms, q->limits, q->count);
		pthread_mutex_lock(&r->lock);
	}
	let_go(q);
}

static void *
refresh_thread(void *arg)
{
	struct ccp_refresh *r = arg;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		struct question *q;

		r->idle_count++;
		while (!r->first_up && !r->ending)
			pthread_cond_wait(&r->more, &r->lock);
		r->idle_count--;
		q = r->first_up;
		if (r->ending)
			break;
		r->first_up = q->next_up;
		if (!r->first_up)
			r->last_up = NULL;
		q->taken = true;
		put_question(r, q);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Under the lock. The question for that user that is open, or a new one; NULL without memory. */
static struct question *
join_question(struct ccp_refresh *r, const char *user)
{
	struct question *q;

	for (q = r->open; q; q = q->next)
		if (strcmp(q->user, user) == 0)
			return q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	snprintf(q->user, sizeof(q->user), "%s", user);
	q->holders = 1; /* the thread to come */
	q->next = r->open;
	r->open = q;
	if (r->last_up)
		r->last_up->next_up = q;
	else
		r->first_up = q;
	r->last_up = q;
	if (r->idle_count == 0 && r->thread_count < THREADS_MAX &&
	    pthread_create(&r->threads[r->thread_count], NULL, refresh_thread, r) == 0)
		r->thread_count++;
	pthread_cond_signal(&r->more);
	return q;
}

/* Under the lock: nobody waits for it any more, and no thread has come to it. */
static void
withdraw(struct ccp_refresh *r, struct question *q)
{
	struct question *before = NULL;

	for (struct question *at = r->first_up; at && at != q; at = at->next_up)
		before = at;
	if (before)
		before->next_up = q->next_up;
	else
		r->first_up = q->next_up;
	if (r->last_up == q)
		r->last_up = before;
	close_question(r, q);
	let_go(q); /* the thread's part in it */
}

/* Under the lock. */
static void
wait_for(struct ccp_refresh *r, struct question *q)
{
	const struct timespec end = ccp_clock_in(CCP_LIMIT_WAIT_MS);

	while (!q->done)
		if (pthread_cond_timedwait(&r->answered, &r->lock, &end) == ETIMEDOUT)
			break;
	if (q->done)
		return;
	r->failing = true;
	r->pause_until_ms = ccp_clock_ms() + PAUSE_MS;
	if (!q->taken && q->holders == 2)
		withdraw(r, q);
}

enum ccp_err
ccp_refresh_get(struct ccp_refresh *r, const char *user, struct ccp_limit *limits, size_t max,
                size_t *count, int64_t *asked_ms, struct ccp_error *err)
{
	enum ccp_err rc = CCP_OK;
	struct question *q;

	*count = 0;
	pthread_mutex_lock(&r->lock);
	if (r->failing && ccp_clock_ms() < r->pause_until_ms) {
		rc = ccp_fail(err, CCP_ERR_STORE, "the store failed a moment ago");
		goto out;
	}
	if (r->failing) /* this one tries, the others do not wait with it */
		r->pause_until_ms = ccp_clock_ms() + PAUSE_MS;
	q = join_question(r, user);
	if (!q) {
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory to ask the store");
		goto out;
	}
	q->holders++;
	wait_for(r, q);
	if (!q->done) {
		rc = ccp_fail(err, CCP_ERR_STORE, "the store did not answer within %d ms",
		              CCP_LIMIT_WAIT_MS);
	} else if (q->rc) {
		rc = ccp_fail(err, CCP_ERR_STORE, "%s", q->err.text);
	} else {
		*count = q->count < max ? q->count : max;
		*asked_ms = q->asked_ms;
		memcpy(limits, q->limits, *count * sizeof(*limits));
	}
	let_go(q);
out:
	pthread_mutex_unlock(&r->lock);
	return rc;
}
