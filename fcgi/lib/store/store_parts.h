#ifndef CCP_STORE_PARTS_H
#define CCP_STORE_PARTS_H

#include "base/clock.h"
#include "store/dynamodb.h"
#include "store/refresh.h"
#include "store/sqlite.h"
#include "store/store_backend.h"

#include <pthread.h>
#include <stdatomic.h>

/* The inside of a store, for store.c, store_*.c and courier.c. */

struct ccp_courier;

/*
 * Two things may be down: this box's state.db and the backend. Each is down
 * while its last reading or its last writing failed: with a full disk, say, the
 * one goes and the other does not, and that is no coming and going.
 */
enum ccp_store_use { CCP_USE_READ = 1, CCP_USE_WRITE = 2 };

struct ccp_store_part {
	unsigned down;        /* enum ccp_store_use, or-ed */
	unsigned known;       /* which of them were tried */
	int64_t failed_ms[3]; /* clock, by use; 0 = never */
	struct ccp_error why;
};

/* Limits as they come; a ccp_limit_fn. */
struct ccp_limit_list {
	struct ccp_limit *limits;
	size_t count, max;
};
bool ccp_limit_list_add(void *list, const char *user, const struct ccp_limit *limit);

/* A batch that the store refuses is left alone until then (clock); 0 = none. */
struct ccp_refused {
	int64_t seq, until_ms;
};
#define CCP_REFUSED_COUNT 16

struct ccp_store {
	const struct ccp_config *config;
	const struct ccp_store_backend *backend;
	struct ccp_dynamodb *dynamodb;   /* with that backend; else NULL */
	struct ccp_refresh *refresh;     /* likewise */
	struct ccp_courier *courier;     /* NULL before ccp_store_start() */
	char name[CCP_STORE_NAME_BYTES]; /* of the store, for the journal */
	bool guest;                      /* makes no state.db, and tells the log nothing */
	atomic_bool closing;             /* what fails now fails because of that */
	bool opened;                     /* else it is being opened */
	/* what the first look at the backend gave, for the log once there is a courier */
	enum ccp_err first_rc;
	struct ccp_error first_err;

	/* Files; written under the write lock, used under the read lock. */
	pthread_rwlock_t files_lock;
	char state_path[CCP_STORE_PATH_BYTES];
	char file_path[CCP_STORE_PATH_BYTES]; /* of a SQLite store beside state.db; else "" */
	struct ccp_sqlite *state;             /* state.db; NULL while it cannot be opened */
	struct ccp_sqlite *file;              /* likewise */
	int64_t looked_at_ms;                 /* monotonic */

	pthread_mutex_t lock; /* for all below */
	struct ccp_store_part state_part, backend_part;
	bool told;                     /* without a courier: that the backend is down */
	struct ccp_usage_record *kept; /* records that the journal could not take */
	size_t kept_count, kept_cap;
	struct ccp_refused refused[CCP_REFUSED_COUNT];
};

/* store_files.c */

/* Notes the paths. CCP_ERR_SETTING. Opens nothing. */
enum ccp_err ccp_store_set_paths(struct ccp_store *store, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Opens what is not open, and anew what was taken away or replaced; no more
 * than once in a while, unless now.
 */
void ccp_store_look_at_files(struct ccp_store *store, bool now);
void ccp_store_close_files(struct ccp_store *store);

/*
 * state.db, or the backend's self: NULL and the sentence while it cannot be
 * used. Every call that gave one is followed by its leave; no other function of
 * this header is called between the two.
 */
struct ccp_sqlite *ccp_store_enter(struct ccp_store *store, struct ccp_error *err);
void ccp_store_leave(struct ccp_store *store);
void *ccp_store_enter_backend(struct ccp_store *store, struct ccp_error *err);
void ccp_store_leave_backend(struct ccp_store *store);

/* What came of a use of state.db, or of the backend: the log is told of changes. Gives rc. */
enum ccp_err ccp_store_note_state(struct ccp_store *store, unsigned use, enum ccp_err rc,
                                  const struct ccp_error *err);
enum ccp_err ccp_store_note_backend(struct ccp_store *store, unsigned use, enum ccp_err rc,
                                    const struct ccp_error *err);

/* Only what failed is noted, where success says little: nothing may have been written. */
enum ccp_err ccp_store_note_failed(struct ccp_store *store, enum ccp_err rc,
                                   const struct ccp_error *err);

/* True when that part's last writing failed; *err says why. */
bool ccp_store_write_failed(struct ccp_store *store, const struct ccp_store_part *part,
                            struct ccp_error *err);

/*
 * True when the backend failed a moment ago, and that is the answer: who asks
 * one after the other (usage.fcgi) must not wait for it each time.
 */
bool ccp_store_failed_just_now(struct ccp_store *store, struct ccp_error *err);

/* While state.db is down: whether it can be written again. */
void ccp_store_probe_state(struct ccp_store *store);

/* store_limits.c: what the refresh asks and keeps; arg is the store. */
enum ccp_err ccp_store_ask_limits(void *arg, const char *user, struct ccp_limit *limits, size_t max,
                                  size_t *count, struct ccp_error *err) CCP_MUST_CHECK;
void ccp_store_keep_limits(void *arg, const char *user, int64_t asked_ms,
                           const struct ccp_limit *limits, size_t count);

/* store_deliver.c */

/*
 * What was just written down is on its way into the store; or, where this box
 * and its files may be gone once the answer is out (AWS Lambda), it is there
 * when this returns, after CCP_STORE_HAND_OVER_MS in any case.
 */
void ccp_store_hand_over(struct ccp_store *store);

/* Keeps a record that the journal could not take. False: there is no room, it is lost. */
bool ccp_store_keep(struct ccp_store *store, const struct ccp_usage_record *record);

/* Records that are kept in memory go into the journal; false: some could not. */
bool ccp_store_deliver_kept(struct ccp_store *store);

/* Limits of this box go to the store. False: it is down. */
bool ccp_store_deliver_limits(struct ccp_store *store);

/*
 * The journal goes into the store, until clock time *until_ms (which may change
 * meanwhile). False: it is down. One at a time.
 */
bool ccp_store_deliver_usage(struct ccp_store *store, const atomic_llong *until_ms);

#endif
