#ifndef CCP_STORE_H
#define CCP_STORE_H

#include "aws/credentials.h"
#include "base/config.h"
#include "base/error.h"
#include "base/meter.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the proxy remembers: until when Anthropic is closed for a credential,
 * which credentials Anthropic has vouched for, and what was used. The settings
 * name the store: a SQLite file, or two DynamoDB tables (store_backend.h).
 *
 * Beside it every box has $STATE_DIRECTORY/state.db, shared by its processes:
 * the journal of usage that is not in the store yet (journal.h), the vouched
 * credentials, and with DynamoDB a copy of the limits (limit_copy.h).
 *
 * A file or network that fails is no reason to stop: the store is then "down",
 * calls fail with a sentence, usage waits, and it is tried again by itself. The
 * log has one line when that begins and one when it ends.
 *
 * Calls may block for a disk or a network and belong on a work thread; all are
 * thread-safe. Open it after fork(), never before.
 */
struct ccp_store;

#define CCP_USER_MAX_BYTES 128
#define CCP_CREDENTIAL_HEX 32      /* first 16 bytes of SHA-256, in hex */
#define CCP_LIMITS_PER_USER_MAX 64 /* credentials x families of one user looked at; more is abuse */

/* One limit of one credential and model family. */
struct ccp_limit {
	char credential[CCP_CREDENTIAL_HEX + 1];
	char family[32];       /* opus, sonnet, …, or "all" */
	int64_t retry_until_s; /* Unix time; Anthropic is asked again from then on */
	int64_t retry_after_s; /* as first learned */
	int64_t created_at_s;
	char reason[48]; /* five_hour, retry_after, enforced_spend_limit_reached, … */
};

/* One answer to book. */
struct ccp_usage_record {
	char user[CCP_USER_MAX_BYTES + 1];
	char model[128];       /* Anthropic's id, as the client asked */
	char request_type[16]; /* "bedrock" or "anthropic" */
	int64_t at_s;          /* Unix time; the day (UTC) is made from it */
	struct ccp_usage tokens;
	int64_t cost_microusd; /* -1 = no price known; counted as 0 and marked estimated */
};

/* Sums, as the reports want them. */
struct ccp_usage_sum {
	struct ccp_usage tokens; /* .estimated: any part of it was */
	int64_t request_count;
	int64_t cost_microusd;
};

/* What the settings name: two tables, or (false) a file. Pure. */
bool ccp_store_is_dynamodb(const struct ccp_config *config);

/* PATH_MAX of Linux; a longer path cannot be opened. */
#define CCP_STORE_PATH_BYTES 4096

/*
 * Paths of state.db, and of the SQLite store, which may be the same file. False,
 * and both are cut, when one is too long. Pure.
 */
bool ccp_store_paths(const struct ccp_config *config, char state[CCP_STORE_PATH_BYTES],
                     char file[CCP_STORE_PATH_BYTES]);

/*
 * Opens what the settings name, makes or migrates it; several processes may do
 * so at once. config and credentials are borrowed and must outlive the store;
 * credentials NULL: DynamoDB gets some of its own.
 *
 * A store that is down is CCP_OK. CCP_ERR_SETTING: STORE is wrong, or a table
 * has other keys than ours (asked for 2 s at most): stop. CCP_ERR_NOMEM.
 */
enum ccp_err ccp_store_open(const struct ccp_config *config, struct ccp_credentials *credentials,
                            struct ccp_store **store, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The same for a command that looks in: it makes no state.db, looks at no table
 * yet, tells the log nothing, and adds no usage.
 */
enum ccp_err ccp_store_visit(const struct ccp_config *config, struct ccp_store **store,
                             struct ccp_error *err) CCP_MUST_CHECK;

/*
 * What can be said before anything is opened: CCP_ERR_SETTING where
 * ccp_store_open() would refuse tables with other keys than ours. Makes and
 * changes nothing; a store that is down is CCP_OK, it may come. 2 s at most,
 * and the time that credentials take.
 */
enum ccp_err ccp_store_try(const struct ccp_config *config, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Starts the courier, a thread that brings journal and limits into the store
 * (courier.h). For programs that add usage. CCP_ERR_SYSTEM.
 */
enum ccp_err ccp_store_start(struct ccp_store *store, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Brings the journal into the store now, unless a courier of this box is doing
 * that; gives up after most_ms. For programs that read usage: whoever wrote it
 * may be gone. What goes wrong is noted as for any other call.
 */
void ccp_store_deliver(struct ccp_store *store, int64_t most_ms);

/* Stops the courier; what waits is delivered first, for at most CCP_STORE_CLOSE_MS. */
#define CCP_STORE_CLOSE_MS 2000
void ccp_store_close(struct ccp_store *store);

/*
 * A cheap read of all there is, for /health?deep=1: CCP_ERR_STORE with what is
 * down, and that usage waits in the journal when it does. 3 s at most.
 */
enum ccp_err ccp_store_check(struct ccp_store *store, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The user's limits still on at now_s, at most max of them, the longest first.
 * *count is 0 on failure. With DynamoDB the copy of this box serves for
 * LIMIT_CACHE_SECONDS; older, the table is asked (once for all who wait for
 * the same user) and waited for CCP_LIMIT_WAIT_MS at most: else CCP_ERR_STORE,
 * limits unknown, but for those that this box learned within that time or could
 * not hand over yet. While the table fails, only one of these a second waits.
 */
#define CCP_LIMIT_WAIT_MS 300
enum ccp_err ccp_store_limits_get(struct ccp_store *store, const char *user, int64_t now_s,
                                  struct ccp_limit *limits, size_t max, size_t *count,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Remembers a limit; one already stored for that user, credential and family
 * that lasts longer is kept. With DynamoDB it is in the copy of this box when
 * this returns, and on its way to the table (on Lambda: in it, as below).
 */
enum ccp_err ccp_store_limit_put(struct ccp_store *store, const char *user,
                                 const struct ccp_limit *limit,
                                 struct ccp_error *err) CCP_MUST_CHECK;
enum ccp_err ccp_store_limits_clear(struct ccp_store *store, const char *user,
                                    struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Notes that Anthropic accepted this credential at now_s (a note less than a
 * minute old is left as it is); and asks whether it did since since_s.
 */
enum ccp_err ccp_store_vouch(struct ccp_store *store, const char *credential, int64_t now_s,
                             struct ccp_error *err) CCP_MUST_CHECK;
enum ccp_err ccp_store_vouched(struct ccp_store *store, const char *credential, int64_t since_s,
                               bool *vouched, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Books one answer: CCP_OK once it is in the journal. On AWS Lambda, which may
 * freeze the machine or take it away when the answer is out, it then waits until
 * the record is in the store too, CCP_STORE_HAND_OVER_MS at most: what was not
 * stored until then waits in the journal for the next request, if there is one.
 * CCP_ERR_STORE: the journal cannot be written; the record is kept in memory
 * (CCP_STORE_KEPT_COUNT of them) until it can. CCP_ERR_LIMIT: that is full too, the record is lost.
 */
#define CCP_STORE_KEPT_COUNT 4096
#define CCP_STORE_HAND_OVER_MS 5000
bool ccp_store_hands_over(const struct ccp_config *config); /* whether it waits so; pure */
enum ccp_err ccp_store_usage_add(struct ccp_store *store, const struct ccp_usage_record *record,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* Called for each sum; strings are borrowed until it returns. False stops. */
typedef bool ccp_usage_fn(void *arg, const char *user, const char *date, const char *model,
                          const struct ccp_usage_sum *sum);
typedef bool ccp_limit_fn(void *arg, const char *user, const struct ccp_limit *limit);

/*
 * Usage by user, day and model between two days, both included ("YYYY-MM-DD",
 * UTC), in no order; the same user, date and model may come several times.
 * user NULL: everybody. request_type "bedrock", "anthropic" or "all". What is
 * in the journal only is not in it.
 */
enum ccp_err ccp_store_usage_each(struct ccp_store *store, const char *user, const char *from_date,
                                  const char *to_date, const char *request_type, ccp_usage_fn *fn,
                                  void *arg, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Every limit on at now_s, for people; user NULL: everybody. The limits of one
 * user come together, the longest first; users in no order. Asks the store
 * itself, never the copy. credential is "" where the store does not say.
 */
enum ccp_err ccp_store_limits_each(struct ccp_store *store, const char *user, int64_t now_s,
                                   ccp_limit_fn *fn, void *arg,
                                   struct ccp_error *err) CCP_MUST_CHECK;

#endif
