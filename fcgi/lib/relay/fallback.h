#ifndef CCP_FALLBACK_H
#define CCP_FALLBACK_H

#include "base/config.h"
#include "store/store.h"
#include "upstream/anthropic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The fallback, as a table: what is stored, what Anthropic answered, the
 * settings and the time go in; what to do next comes out. Pure: no I/O, no
 * clock. tests/unit/test_fallback.c is the same table, row by row.
 *
 * Settings read: BEDROCK_FALLBACK_ENABLED, RATE_LIMIT_TRACKING_ENABLED,
 * RETRY_THRESHOLD_SECONDS, MAX_RETRY_WAIT_SECONDS, FALLBACK_ON and
 * FALLBACK_ORGANIZATIONS. In FALLBACK_ON, 529 means that status, 5xx every
 * status from 500 to 599 (529 among them), connect a time-out too; without
 * 429 in it, a 429 is treated as with BEDROCK_FALLBACK_ENABLED=false.
 */

/* Why Bedrock answers when no question was put to Anthropic: see ccp_fallback_before(). */
#define CCP_REASON_STORED_LIMIT "stored_limit"

/* For how long a spend cap is believed: it may be raised at any moment, so ask every 5 minutes. */
#define CCP_SPEND_LIMIT_S 300

/* Before the call. */
struct ccp_before {
	const struct ccp_limit *limits; /* of this user, as stored */
	size_t limit_count;
	const char *credential; /* fingerprint of this request's credential; "" = none */
	const char *family;     /* of the model asked for */
	bool budget_left;
	int64_t now_s;
};

/*
 * The stored limit that holds for this request (of several the one that lasts
 * longest), or NULL: then Anthropic is asked. NULL also with tracking or
 * fallback off. Whether the request can be converted is found out afterwards;
 * one that cannot goes to Anthropic. Borrowed from before->limits.
 */
const struct ccp_limit *ccp_fallback_before(const struct ccp_before *before,
                                            const struct ccp_config *config);

/* What came back from Anthropic. */
enum ccp_answer_kind {
	CCP_ANSWER_HTTP,        /* a status and a body (or its beginning) */
	CCP_ANSWER_FIRST_ERROR, /* 200 whose stream begins with event: error */
	CCP_ANSWER_CONNECT,     /* no connection, or TLS refused */
	CCP_ANSWER_TIMEOUT,     /* connected, silent for too long; or cut before a head */
};

struct ccp_after {
	enum ccp_answer_kind kind;
	int status;                          /* HTTP and FIRST_ERROR */
	const struct ccp_limit_signs *signs; /* of a 429, 400, 402, or a first error; else NULL is
	                                        fine. With a status only (NULL), a 429 is one of an
	                                        edge and a 400 or 402 no spend cap */
	const char *family;
	bool first_time;  /* no wait and second question yet */
	bool convertible; /* to Bedrock */
	bool budget_left;
	bool vouched; /* Anthropic accepted this credential within 24 h, on this box */
	int64_t now_s;
};

enum ccp_next {
	CCP_NEXT_RELAY, /* hand on what Anthropic said; 502 or 504 when it said nothing */
	CCP_NEXT_WAIT,  /* wait wait_ms, then ask Anthropic once more */
	CCP_NEXT_BEDROCK,
};

struct ccp_decision {
	enum ccp_next next;
	int64_t wait_ms;
	bool remember;          /* store limit (its credential is for the caller to fill) */
	struct ccp_limit limit; /* family, retry_until_s, retry_after_s, created_at_s, reason */
	const char *reason;     /* short, static: x-claude-proxy-fallback-reason and the log */
};

/*
 * Reasons, by what is next:
 *
 *   BEDROCK  unified:five_hour unified:seven_day unified:seven_day_opus
 *            unified:seven_day_sonnet, unified (another claim or none),
 *            spend_limit, retry_after, rate_limit (a bare 429), overloaded
 *            (529), server_error (5xx), connect, timeout
 *   WAIT     retry_after
 *   RELAY    answer (nothing to decide), not_anthropic (a 429 of an edge),
 *            organization (not one of FALLBACK_ORGANIZATIONS), fallback_off
 *            (also: FALLBACK_ON does not name it), not_convertible,
 *            over_budget, not_vouched
 *
 * limit.reason is what people see of a stored limit: the unified claim, or
 * "unified"; the error code of a spend cap; or "retry_after".
 */

/* First row that matches wins. The decision is always complete; a limit never lasts longer than
 * CCP_LIMIT_MAX_S. */
struct ccp_decision ccp_fallback_after(const struct ccp_after *after,
                                       const struct ccp_config *config);

/*
 * Whether the decision could depend on Bedrock being able to take the request:
 * only then is the body converted. True for what FALLBACK_ON names (429, unless
 * it is left out), false for everything with BEDROCK_FALLBACK_ENABLED=false.
 * Looks at kind, status and signs only.
 */
bool ccp_fallback_possible(const struct ccp_after *after, const struct ccp_config *config);

/*
 * True when FALLBACK_ORGANIZATIONS names the organization, or nobody. With it
 * set, vouch for a credential only when the 2xx that it got named such an
 * anthropic-organization-id: else a stranger's own key would open Bedrock on a
 * 529. organization may be "" (not told).
 */
bool ccp_fallback_organization_allowed(const char *organization, const struct ccp_config *config);

#endif
