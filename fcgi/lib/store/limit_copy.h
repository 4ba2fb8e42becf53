#ifndef CCP_LIMIT_COPY_H
#define CCP_LIMIT_COPY_H

#include "store/store.h"

/*
 * A box's copy of the limits that DynamoDB holds, in state.db: what was read of
 * a user and when, and the limits of this box that are still on their way there.
 */
struct ccp_sqlite;

/* Longest first. *seen_ms: when the table was last asked for this user (Unix time), 0 = never. */
enum ccp_err ccp_limit_copy_get(struct ccp_sqlite *state, const char *user, int64_t now_s,
                                struct ccp_limit *limits, size_t max, size_t *count,
                                int64_t *seen_ms, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Those of them that the table did not have at since_ms: not sent yet, or sent
 * since. They are added behind the *count that limits holds.
 */
enum ccp_err ccp_limit_copy_recent(struct ccp_sqlite *state, const char *user, int64_t now_s,
                                   int64_t since_ms, struct ccp_limit *limits, size_t max,
                                   size_t *count, struct ccp_error *err) CCP_MUST_CHECK;

/* A limit of this box, to be sent. One that lasts longer is kept. */
enum ccp_err ccp_limit_copy_put(struct ccp_sqlite *state, const char *user,
                                const struct ccp_limit *limit,
                                struct ccp_error *err) CCP_MUST_CHECK;

/* What the table held at asked_ms, when it was asked; replaces what was read before. */
enum ccp_err ccp_limit_copy_take(struct ccp_sqlite *state, const char *user, int64_t asked_ms,
                                 const struct ccp_limit *limits, size_t count,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* One limit that is still to be sent, and its user. */
struct ccp_unsent_limit {
	char user[CCP_USER_MAX_BYTES + 1];
	struct ccp_limit limit;
};
enum ccp_err ccp_limit_copy_unsent(struct ccp_sqlite *state, int64_t now_s,
                                   struct ccp_unsent_limit *unsent, size_t max, size_t *count,
                                   struct ccp_error *err) CCP_MUST_CHECK;
enum ccp_err ccp_limit_copy_sent(struct ccp_sqlite *state, const struct ccp_unsent_limit *sent,
                                 int64_t now_ms, struct ccp_error *err) CCP_MUST_CHECK;

enum ccp_err ccp_limit_copy_clear(struct ccp_sqlite *state, const char *user,
                                  struct ccp_error *err) CCP_MUST_CHECK;

#endif
