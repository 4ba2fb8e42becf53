#ifndef CCP_STORE_H
#define CCP_STORE_H

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/meter.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the proxy remembers: until when Anthropic is closed for a credential,
 * which credentials Anthropic has vouched for, and what Bedrock cost. One
 * interface, backends behind a table of functions (store_backend.h). Every
 * call may block for a disk or a network and belongs on a work thread; every
 * call is thread-safe. Open it after fork(), never before.
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

/*
 * Opens what the settings name and makes or migrates it; several processes may
 * do so at once. config is borrowed and must outlive the store.
 * CCP_ERR_SETTING: STORE or a table name asks for what this build does not
 * have: stop. CCP_ERR_STORE: the file is corrupt, read-only, another
 * program's or cannot be made: a later try may succeed. Every write drops what
 * is out of date (limits, vouches of two days, usage of 90) once a day.
 */
enum ccp_err ccp_store_open(const struct ccp_config *config, struct ccp_store **store,
                            struct ccp_error *err) CCP_MUST_CHECK;
void ccp_store_close(struct ccp_store *store);

/* A cheap read, for /health?deep=1. */
enum ccp_err ccp_store_check(struct ccp_store *store, struct ccp_error *err) CCP_MUST_CHECK;

/* The user's limits still on at now_s, at most max of them. *count is 0 on failure. */
enum ccp_err ccp_store_limits_get(struct ccp_store *store, const char *user, int64_t now_s,
                                  struct ccp_limit *limits, size_t max, size_t *count,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Remembers a limit; one already stored for that user, credential and family
 * that lasts longer is kept.
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

enum ccp_err ccp_store_usage_add(struct ccp_store *store, const struct ccp_usage_record *record,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* Called for each sum; strings are borrowed until it returns. False stops. */
typedef bool ccp_usage_fn(void *arg, const char *user, const char *date, const char *model,
                          const struct ccp_usage_sum *sum);
typedef bool ccp_limit_fn(void *arg, const char *user, const struct ccp_limit *limit);

/*
 * Usage by user, day and model between two days, both included ("YYYY-MM-DD",
 * UTC), ordered by user, date, model. user NULL: everybody. request_type
 * "bedrock", "anthropic" or "all"; with "all" the same user, date and model may
 * come twice, once for each.
 */
enum ccp_err ccp_store_usage_each(struct ccp_store *store, const char *user, const char *from_date,
                                  const char *to_date, const char *request_type, ccp_usage_fn *fn,
                                  void *arg, struct ccp_error *err) CCP_MUST_CHECK;

/* Every limit on at now_s, for the dashboard; user NULL: everybody. */
enum ccp_err ccp_store_limits_each(struct ccp_store *store, const char *user, int64_t now_s,
                                   ccp_limit_fn *fn, void *arg,
                                   struct ccp_error *err) CCP_MUST_CHECK;

#endif
