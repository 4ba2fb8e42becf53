#ifndef CCP_REFRESH_H
#define CCP_REFRESH_H

#include "store/store.h"

/*
 * Asks a store on the network for the limits of a user, once for all threads
 * that want to know at the same time, on threads of its own: whoever waits gives
 * up after CCP_LIMIT_WAIT_MS, but the question goes on (a first connection takes
 * longer), and its answer serves the next.
 */
struct ccp_refresh;

/* Asks the store; called on a thread of the refresh. At most max limits. */
typedef enum ccp_err ccp_refresh_ask_fn(void *arg, const char *user, struct ccp_limit *limits,
                                        size_t max, size_t *count, struct ccp_error *err);
/* Keeps what was answered to a question put at asked_ms; called after those who wait have it. */
typedef void ccp_refresh_keep_fn(void *arg, const char *user, int64_t asked_ms,
                                 const struct ccp_limit *limits, size_t count);

/* Starts no thread before it is needed. CCP_ERR_NOMEM. */
enum ccp_err ccp_refresh_new(ccp_refresh_ask_fn *ask, ccp_refresh_keep_fn *keep, void *arg,
                             struct ccp_refresh **refresh, struct ccp_error *err) CCP_MUST_CHECK;

/* Waits for the questions under way. Nobody may be waiting for an answer. NULL is fine. */
void ccp_refresh_free(struct ccp_refresh *refresh);

/*
 * The user's limits in the store, asked for after this was called or a moment
 * before; *asked_ms: when. CCP_ERR_STORE: no answer in CCP_LIMIT_WAIT_MS, or the
 * store failed; for a second after that nobody waits. Thread-safe.
 */
enum ccp_err ccp_refresh_get(struct ccp_refresh *refresh, const char *user,
                             struct ccp_limit *limits, size_t max, size_t *count, int64_t *asked_ms,
                             struct ccp_error *err) CCP_MUST_CHECK;

#endif
