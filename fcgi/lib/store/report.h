#ifndef CCP_REPORT_H
#define CCP_REPORT_H

#include "base/day.h"
#include "store/store.h"

/*
 * What the store knows, as the JSON of /v1/usage and /v1/usage/me and as the
 * Prometheus text of /metrics. Sums are made while the store reads, in whatever
 * order; no row is kept. A report is made after everything was read, so that a
 * failing store is an error and not half an answer. Blocks like the store's
 * calls, and like write.
 */

/* As far back as usage is kept; today included. */
#define CCP_REPORT_DAYS_MAX 90
#define CCP_REPORT_TOP_MAX 1000

/* Text is handed on in pieces of about this size; a report is never whole in memory. */
#define CCP_REPORT_PIECE_BYTES (64 * 1024)

/* What /metrics gives: some dozen models. */
#define CCP_METRICS_MAX_BYTES (1024 * 1024)

struct ccp_report_query {
	const char *user;         /* for one user; borrowed */
	const char *request_type; /* "bedrock", "anthropic", "all"; borrowed */
	int64_t now_s;
	int days;                 /* 1 to CCP_REPORT_DAYS_MAX, today included; 0: date */
	char date[CCP_DAY_BYTES]; /* with days 0: that day only */
	size_t top; /* of all users only so many, the dearest first; 0 = all, by name */
};

/* Takes the next piece of a report; false: nobody reads any more. */
typedef bool ccp_report_fn(void *arg, const char *p, size_t n);

/*
 * Writes the report on query->user. Nothing is written when it fails: with the
 * store's error, CCP_ERR_NOMEM, or CCP_ERR_LIMIT when it would take more than
 * 256 MiB. CCP_OK too when nobody reads any more.
 */
enum ccp_err ccp_report_user(struct ccp_store *store, const struct ccp_report_query *query,
                             ccp_report_fn *write, void *arg, struct ccp_error *err) CCP_MUST_CHECK;

/* Writes the report on everybody; 256 bytes of memory a user (of three models) at most. Likewise. */
enum ccp_err ccp_report_all(struct ccp_store *store, const struct ccp_report_query *query,
                            ccp_report_fn *write, void *arg, struct ccp_error *err) CCP_MUST_CHECK;

/* Appends today's figures by model, and how many users are limited. */
enum ccp_err ccp_report_metrics(struct ccp_store *store, int64_t now_s, struct ccp_buf *out,
                                struct ccp_error *err) CCP_MUST_CHECK;

#endif
