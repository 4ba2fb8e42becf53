#include "store/courier.h"

#include "base/log.h"
#include "store/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How often it is looked for what other processes have written, and for the lock. */
#define TICK_MS 200
/* After a failure of the store: doubled each time, up to the second. */
#define PAUSE_FIRST_MS 250
#define PAUSE_MOST_MS 2000

struct ccp_courier {
	struct ccp_store *store;
	pthread_t thread;
	int lock_fd; /* -1: another process delivers the journal */
	struct stat lock_file;
	int64_t pause_ms, pause_until_ms;

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t some;
	pthread_cond_t ended; /* a round */
	int64_t round_count;  /* that have ended */
	bool all_out;         /* the last of them left nothing behind that the store would take */
	int waiting_count;    /* threads that wait for that: no pause meanwhile */
	bool delivering;
	bool woken;
	bool ending;
	atomic_llong until_ms; /* clock; what is not delivered then stays */
};

/* A lock for each store that the settings of this box's programs name: FNV-1a of its name. */
static bool
lock_path(const struct ccp_store *store, char *path, size_t size)
{
	uint32_t hash = 2166136261u;
	int n;

	for (const char *p = store->name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	n = snprintf(path, size, "%s/deliver-%08x.lock", store->config->state_directory, hash);

	return n > 0 && (size_t)n < size;
}

int
ccp_courier_lock(const struct ccp_store *store)
{
	char path[CCP_STORE_PATH_BYTES];
	int fd;

	if (!lock_path(store, path, sizeof(path)))
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Whether the lock is held, and is still the one that others would ask for. */
static bool
holds_lock(struct ccp_courier *c)
{
	char path[CCP_STORE_PATH_BYTES];
	struct stat now;

	if (c->lock_fd >= 0 &&
	    (!lock_path(c->store, path, sizeof(path)) || stat(path, &now) < 0 ||
	     now.st_ino != c->lock_file.st_ino || now.st_dev != c->lock_file.st_dev)) {
		close(c->lock_fd);
		c->lock_fd = -1;
	}
	if (c->lock_fd < 0) {
		c->lock_fd = ccp_courier_lock(c->store);
		if (c->lock_fd >= 0 && fstat(c->lock_fd, &c->lock_file) < 0) {
			close(c->lock_fd);
			c->lock_fd = -1;
		}
	}
	return c->lock_fd >= 0;
}

/* urgent: not put off. True: nothing is left that the store would take. */
static bool
deliver(struct ccp_courier *c, bool urgent)
{
	struct ccp_store *store = c->store;
	bool up = true, kept_out, ours;

	ccp_store_look_at_files(store, false);
	kept_out = ccp_store_deliver_kept(store);
	ccp_store_probe_state(store);
	if (!urgent && ccp_clock_ms() < c->pause_until_ms)
		return false;
	if (store->backend->remote)
		up = ccp_store_deliver_limits(store);
	ours = holds_lock(c);
	if (ours) /* also when the other table took nothing */
		up = ccp_store_deliver_usage(store, &c->until_ms) && up;
	c->pause_ms = up ? 0 : c->pause_ms ? c->pause_ms * 2 : PAUSE_FIRST_MS;
	if (c->pause_ms > PAUSE_MOST_MS)
		c->pause_ms = PAUSE_MOST_MS;
	c->pause_until_ms = up ? 0 : ccp_clock_ms() + c->pause_ms;
	return kept_out && ours && up;
}

static void
one_round(struct ccp_courier *c, bool urgent)
{
	bool all_out = deliver(c, urgent);

	pthread_mutex_lock(&c->lock);
	c->delivering = false;
	c->all_out = all_out;
	c->round_count++;
	pthread_cond_broadcast(&c->ended);
	pthread_mutex_unlock(&c->lock);
}

/* True: it is time to end. A round follows in any case, which nobody puts off when it is urgent. */
static bool
wait_for_some(struct ccp_courier *c, bool *urgent)
{
	const struct timespec end = ccp_clock_in(TICK_MS);
	bool ending;

	pthread_mutex_lock(&c->lock);
	while (!c->woken && !c->ending)
		if (pthread_cond_timedwait(&c->some, &c->lock, &end) == ETIMEDOUT)
			break;
	c->woken = false;
	c->delivering = true;
	ending = c->ending;
	*urgent = ending || c->waiting_count > 0;
	pthread_mutex_unlock(&c->lock);
	return ending;
}

static void *
courier_thread(void *arg)
{
	struct ccp_courier *c = arg;
	bool urgent;

	while (!wait_for_some(c, &urgent))
		one_round(c, urgent);
	one_round(c, urgent);
	return NULL;
}

enum ccp_err
ccp_courier_new(struct ccp_store *store, struct ccp_courier **out, struct ccp_error *err)
{
	struct ccp_courier *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	*out = NULL;
	if (!c)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	c->store = store;
	c->lock_fd = -1;
	c->until_ms = INT64_MAX;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->some, &attr);
	pthread_cond_init(&c->ended, &attr);
	pthread_condattr_destroy(&attr);
	*out = c; /* the thread asks for it */
	if (pthread_create(&c->thread, NULL, courier_thread, c) != 0) {
		*out = NULL;
		pthread_cond_destroy(&c->some);
		pthread_cond_destroy(&c->ended);
		pthread_mutex_destroy(&c->lock);
		free(c);
		return ccp_fail(err, CCP_ERR_SYSTEM, "the store's thread could not be started");
	}
	return CCP_OK;
}

void
ccp_courier_wake(struct ccp_courier *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->woken = true;
	pthread_cond_signal(&c->some);
	pthread_mutex_unlock(&c->lock);
}

void
ccp_courier_deliver(struct ccp_courier *c, int64_t most_ms)
{
	const struct timespec end = ccp_clock_in(most_ms);
	int64_t wanted;
	bool in_time = true;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->waiting_count++;
	wanted = c->round_count + (c->delivering ? 2 : 1);
	while ((c->round_count < wanted || !c->all_out) && in_time) {
		if (c->round_count < wanted) { /* a round of before may have taken it */
			c->woken = true;
			pthread_cond_signal(&c->some);
		} /* else one failed: again at the next tick */
		in_time = pthread_cond_timedwait(&c->ended, &c->lock, &end) != ETIMEDOUT;
	}
	c->waiting_count--;
	pthread_mutex_unlock(&c->lock);
}

/* A call of the network under way is not waited for longer than it may take once. */
static void
join(struct ccp_courier *c, int64_t most_ms)
{
	const struct timespec end = ccp_clock_in(most_ms);

	if (pthread_clockjoin_np(c->thread, NULL, CLOCK_MONOTONIC, &end) == 0)
		return;
	if (c->store->dynamodb)
		ccp_dynamodb_stop(c->store->dynamodb);
	pthread_join(c->thread, NULL);
}

void
ccp_courier_free(struct ccp_courier *c, int64_t most_ms)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	c->until_ms = ccp_clock_ms() + most_ms;
	pthread_cond_signal(&c->some);
	pthread_mutex_unlock(&c->lock);
	join(c, most_ms);
	if (c->lock_fd >= 0)
		close(c->lock_fd);
	pthread_cond_destroy(&c->some);
	pthread_cond_destroy(&c->ended);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
