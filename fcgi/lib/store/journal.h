#ifndef CCP_JOURNAL_H
#define CCP_JOURNAL_H

#include "store/store.h"

/*
 * Usage on its way into the store, in state.db: what makes every answer count
 * once and only once, whoever is killed when.
 *
 * A record is added to the waiting sums of its item (user, day, request type)
 * and model: one commit. The courier of the box freezes an item's sums into a
 * batch under the next sequence number, sends it, and drops it when the store
 * has it. A frozen batch never changes: when nobody knows whether it arrived it
 * is sent again as it was, and the store, which keeps the last sequence number
 * of each journal beside the item, takes it only once. An item has at most one
 * frozen batch.
 *
 * A record belongs to the store that was set when it was booked: when the
 * settings change, it waits for that one and goes into no other.
 *
 * Sequence numbers grow, and are not below the clock's milliseconds, so that a
 * state.db restored from a backup never uses one again. A copied state.db
 * (another host, another inode) gets a journal id of its own.
 */
struct ccp_sqlite;

#define CCP_JOURNAL_ID_BYTES 17 /* 16 hex digits and the NUL */

/* Names a store, the NUL counted: a path, or an endpoint and a table. */
#define CCP_STORE_NAME_BYTES 512

/* Models of one batch: the rest waits for the next. Keeps an UpdateExpression well below 4 KB. */
#define CCP_BATCH_MODELS_MAX 8

struct ccp_batch_model {
	char model[128];
	struct ccp_usage_sum sum;
};

/* What is added to one item. */
struct ccp_usage_batch {
	char journal[CCP_JOURNAL_ID_BYTES];
	int64_t seq;
	char user[CCP_USER_MAX_BYTES + 1];
	char date[11];         /* YYYY-MM-DD, UTC */
	char request_type[16]; /* bedrock, anthropic */
	int64_t last_at_s;     /* of its last record, Unix time */
	char last_model[128];  /* and its model */
	struct ccp_batch_model models[CCP_BATCH_MODELS_MAX];
	size_t model_count; /* at least 1 */
};

/* Sum over the batch's models. */
struct ccp_usage_sum ccp_batch_total(const struct ccp_usage_batch *batch);

/* One commit, not synced: it outlives the process, not a power loss. day: of record->at_s. */
enum ccp_err ccp_journal_add(struct ccp_sqlite *state, const char *store,
                             const struct ccp_usage_record *record, const char *day,
                             struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The next batches to send to that store, with a number above after_seq, at
 * most max, by number: first those frozen before, then new ones, frozen by this
 * call. For one process at a time (courier.h).
 */
enum ccp_err ccp_journal_next(struct ccp_sqlite *state, const char *store, int64_t after_seq,
                              int64_t now_ms, struct ccp_usage_batch *batches, size_t max,
                              size_t *count, struct ccp_error *err) CCP_MUST_CHECK;

/* The store has them: they are dropped. */
enum ccp_err ccp_journal_done(struct ccp_sqlite *state, const struct ccp_usage_batch *batches,
                              const bool *stored, size_t count,
                              struct ccp_error *err) CCP_MUST_CHECK;

/* How many answers wait for that store ("": for any), frozen ones too. */
enum ccp_err ccp_journal_waiting(struct ccp_sqlite *state, const char *store, int64_t *count,
                                 struct ccp_error *err) CCP_MUST_CHECK;

#endif
