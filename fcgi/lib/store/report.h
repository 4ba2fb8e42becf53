#ifndef CCP_REPORT_H
#define CCP_REPORT_H

#include "base/day.h"
#include "store/store.h"

/*
 * What the store knows, as the JSON of /v1/usage and /v1/usage/me and as the
 * Prometheus text of /metrics. Sums are made while the store reads; no row is
 * kept. Blocks like the store's calls.
 */

/* As far back as usage is kept; today included. */
#define CCP_REPORT_DAYS_MAX 90
#define CCP_REPORT_TOP_MAX 1000

/* 10,000 users with two models each are some 10 MiB. */
#define CCP_REPORT_MAX_BYTES (64 * 1024 * 1024)

struct ccp_report_query {
	const char *user;         /* for one user; borrowed */
	const char *request_type; /* "bedrock", "anthropic", "all"; borrowed */
	int64_t now_s;
	int days;                 /* 1 to CCP_REPORT_DAYS_MAX, today included; 0: date */
	char date[CCP_DAY_BYTES]; /* with days 0: that day only */
	size_t top; /* of all users only so many, the dearest first; 0 = all, by name */
};

/* Appends the report on query->user. */
enum ccp_err ccp_report_user(struct ccp_store *store, const struct ccp_report_query *query,
                             struct ccp_buf *out, struct ccp_error *err) CCP_MUST_CHECK;

/* Appends the report on everybody. CCP_ERR_LIMIT when it would be over CCP_REPORT_MAX_BYTES. */
enum ccp_err ccp_report_all(struct ccp_store *store, const struct ccp_report_query *query,
                            struct ccp_buf *out, struct ccp_error *err) CCP_MUST_CHECK;

/* Appends today's figures by model, and how many users are limited. */
enum ccp_err ccp_report_metrics(struct ccp_store *store, int64_t now_s, struct ccp_buf *out,
                                struct ccp_error *err) CCP_MUST_CHECK;

#endif
