#include "store/store_parts.h"

#include "base/day.h"
#include "base/log.h"
#include "store/courier.h"
#include "store/journal.h"
#include "store/limit_copy.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What is on its way into the store: records, limits, batches. */

/* Batches of one round: some 100 KiB while it runs. */
#define LOT_COUNT 64
/* A network answers in some 5 ms: so many batches are under way at once. */
#define SENDERS 4
#define LIMITS_COUNT 16
/* Before a batch that the store refused, and others did not share the fate of, is tried again. */
#define REFUSED_MS 60000

bool
ccp_store_hands_over(const struct ccp_config *config)
{
	return config->aws_lambda_function_name && config->aws_lambda_function_name[0];
}

void
ccp_store_hand_over(struct ccp_store *store)
{
	if (ccp_store_hands_over(store->config))
		ccp_courier_deliver(store->courier, CCP_STORE_HAND_OVER_MS);
	else
		ccp_courier_wake(store->courier);
}

bool
ccp_store_deliver_kept(struct ccp_store *store)
{
	struct ccp_usage_record record;
	struct ccp_sqlite *state;
	struct ccp_error err;
	char day[CCP_DAY_BYTES];
	enum ccp_err rc;

	for (;;) {
		pthread_mutex_lock(&store->lock);
		if (store->kept_count == 0) {
			free(store->kept);
			store->kept = NULL;
			store->kept_cap = 0;
			pthread_mutex_unlock(&store->lock);
			return true;
		}
		/* taken out while it is under way: nobody else adds it too */
		record = store->kept[--store->kept_count];
		pthread_mutex_unlock(&store->lock);
		ccp_day_format(record.at_s, day);
		state = ccp_store_enter(store, &err);
		rc = CCP_ERR_STORE;
		if (state) {
			rc = ccp_journal_add(state, store->name, &record, day, &err);
			ccp_store_leave(store);
		}
		ccp_store_note_state(store, CCP_USE_WRITE, rc, &err);
		if (rc && !ccp_store_keep(store, &record))
			ccp_log(CCP_LOG_ERROR, NULL,
			        "❌ the usage of an answer for %s is lost: no more is kept",
			        record.user);
		if (rc)
			return false;
	}
}

bool
ccp_store_keep(struct ccp_store *store, const struct ccp_usage_record *record)
{
	bool kept = false;

	pthread_mutex_lock(&store->lock);
	if (store->kept_count == store->kept_cap && store->kept_cap < CCP_STORE_KEPT_COUNT) {
		size_t cap = store->kept_cap ? store->kept_cap * 2 : 16;
		void *more = realloc(store->kept, cap * sizeof(*store->kept));

		if (more) {
			store->kept = more;
			store->kept_cap = cap;
		}
	}
	if (store->kept_count < store->kept_cap) {
		store->kept[store->kept_count++] = *record;
		kept = true;
	}
	pthread_mutex_unlock(&store->lock);
	return kept;
}

bool
ccp_store_deliver_limits(struct ccp_store *store)
{
	struct ccp_unsent_limit unsent[LIMITS_COUNT];
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	size_t count = 0;
	enum ccp_err rc;

	if (!state)
		return true; /* nothing can be known of */
	rc = ccp_limit_copy_unsent(state, ccp_clock_unix_ms() / 1000, unsent, LIMITS_COUNT, &count,
	                           &err);
	ccp_store_leave(store);
	ccp_store_note_state(store, CCP_USE_READ, rc, &err);
	for (size_t i = 0; i < count; i++) {
		rc = store->backend->limit_put(store->dynamodb, unsent[i].user, &unsent[i].limit,
		                               &err);
		ccp_store_note_backend(store, CCP_USE_WRITE, rc, &err);
		if (rc && rc != CCP_ERR_FORMAT)
			return false;
		if (rc)
			ccp_log(CCP_LOG_WARNING, NULL, "a limit is not stored: %s", err.text);
		state = ccp_store_enter(store, &err);
		if (!state)
			return true;
		rc = ccp_limit_copy_sent(state, &unsent[i], ccp_clock_unix_ms(), &err);
		ccp_store_leave(store);
		ccp_store_note_failed(store, rc, &err);
	}
	return true;
}

/* --- the journal --- */

/* Some batches, and what became of each. */
struct lot {
	struct ccp_store *store;
	const atomic_llong *until_ms;
	struct ccp_usage_batch batches[LOT_COUNT];
	bool stored[LOT_COUNT];
	size_t count;
	atomic_size_t taken;
	atomic_bool down; /* the store failed: the rest is not tried */
};

/* Whether the store refused that batch a short time ago. */
static bool
is_refused(struct ccp_store *store, int64_t seq)
{
	int64_t now_ms = ccp_clock_ms();
	bool refused = false;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < CCP_REFUSED_COUNT; i++)
		refused = refused ||
		          (store->refused[i].seq == seq && now_ms < store->refused[i].until_ms);
	pthread_mutex_unlock(&store->lock);
	return refused;
}

/* Notes that; true the first time. With more than there is room for, the oldest is tried again. */
static bool
note_refused(struct ccp_store *store, int64_t seq)
{
	struct ccp_refused *at = &store->refused[0];
	bool first;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < CCP_REFUSED_COUNT && at->seq != seq; i++)
		if (store->refused[i].seq == seq || store->refused[i].until_ms < at->until_ms)
			at = &store->refused[i];
	first = at->seq != seq;
	*at = (struct ccp_refused){ seq, ccp_clock_ms() + REFUSED_MS };
	pthread_mutex_unlock(&store->lock);
	return first;
}

static void
send_batch(struct lot *lot, size_t i)
{
	struct ccp_store *store = lot->store;
	struct ccp_usage_batch *batch = &lot->batches[i];
	struct ccp_error err;
	enum ccp_err rc = CCP_ERR_STORE;
	void *self;

	if (is_refused(store, batch->seq))
		return;
	self = ccp_store_enter_backend(store, &err);
	if (self) {
		rc = store->backend->usage_apply(self, batch, &err);
		ccp_store_leave_backend(store);
	}
	ccp_store_note_backend(store, CCP_USE_WRITE, rc, &err);
	lot->stored[i] = rc == CCP_OK;
	if (rc == CCP_ERR_FORMAT && note_refused(store, batch->seq))
		ccp_log(CCP_LOG_ERROR, NULL,
		        "❌ the store does not take the usage of %s on %s, it waits in the journal:"
		        " %s",
		        batch->user, batch->date, err.text);
	else if (rc && rc != CCP_ERR_FORMAT)
		lot->down = true;
}

static void *
send_some(void *arg)
{
	struct lot *lot = arg;

	while (!lot->down && ccp_clock_ms() < *lot->until_ms) {
		size_t i = lot->taken++;

		if (i >= lot->count)
			break;
		send_batch(lot, i);
	}
	return NULL;
}

/* A file takes one after the other anyway; a network several at once. */
static void
send_lot(struct lot *lot)
{
	pthread_t threads[SENDERS - 1];
	int thread_count = 0;

	if (lot->store->backend->remote)
		while (thread_count < SENDERS - 1 && (size_t)thread_count + 1 < lot->count &&
		       pthread_create(&threads[thread_count], NULL, send_some, lot) == 0)
			thread_count++;
	send_some(lot);
	while (thread_count > 0)
		pthread_join(threads[--thread_count], NULL);
}

/* The next lot, numbers above after_seq. */
static enum ccp_err
next_lot(struct ccp_store *store, int64_t after_seq, struct lot *lot)
{
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	enum ccp_err rc;

	if (!state)
		return CCP_ERR_STORE;
	rc = ccp_journal_next(state, store->name, after_seq, ccp_clock_unix_ms(), lot->batches,
	                      LOT_COUNT, &lot->count, &err);
	ccp_store_leave(store);
	return ccp_store_note_state(store, CCP_USE_READ, rc, &err);
}

/* Drops what is stored. When that fails it is sent again, and not taken again. */
static void
drop_stored(struct ccp_store *store, const struct lot *lot)
{
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	enum ccp_err rc;

	if (!state)
		return;
	rc = ccp_journal_done(state, lot->batches, lot->stored, lot->count, &err);
	ccp_store_leave(store);
	ccp_store_note_failed(store, rc, &err);
}

bool
ccp_store_deliver_usage(struct ccp_store *store, const atomic_llong *until_ms)
{
	struct lot *lot = calloc(1, sizeof(*lot));
	int64_t after_seq = 0;
	bool up = true;

	if (!lot)
		return true;
	lot->store = store;
	lot->until_ms = until_ms;
	while (up && ccp_clock_ms() < *until_ms) {
		lot->count = 0;
		lot->taken = 0;
		memset(lot->stored, 0, sizeof(lot->stored));
		if (next_lot(store, after_seq, lot) || lot->count == 0)
			break;
		send_lot(lot);
		drop_stored(store, lot);
		after_seq = lot->batches[lot->count - 1].seq;
		up = !lot->down;
	}
	free(lot);
	return up;
}
