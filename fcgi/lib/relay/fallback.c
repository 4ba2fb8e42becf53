#include "relay/fallback.h"

#include <stdio.h>
#include <string.h>

/* What kind of trouble an answer is; the first column of the table in one word. */
enum trouble {
	NONE, /* an answer to relay, whatever it says */
	RATE_LIMIT,
	SPEND_CAP,
	OVERLOADED,
	SERVER_ERROR,
	CONNECT,
	TIMEOUT,
};

/* What FALLBACK_ON must name for it (any of the bits), and the reason that Bedrock answers. */
static const struct {
	unsigned on;
	const char *reason;
} troubles[] = {
	[NONE] = { 0, NULL },
	[RATE_LIMIT] = { CCP_ON_429, "rate_limit" },
	[SPEND_CAP] = { CCP_ON_SPEND, "spend_limit" },
	[OVERLOADED] = { CCP_ON_529 | CCP_ON_5XX, "overloaded" },
	[SERVER_ERROR] = { CCP_ON_5XX, "server_error" },
	[CONNECT] = { CCP_ON_CONNECT, "connect" },
	[TIMEOUT] = { CCP_ON_CONNECT, "timeout" },
};

/* Claims of the unified headers; for one that is not here the request's own family holds. */
static const struct {
	const char *claim, *family, *reason;
} claims[] = {
	{ "five_hour", "all", "unified:five_hour" },
	{ "seven_day", "all", "unified:seven_day" },
	{ "seven_day_opus", "opus", "unified:seven_day_opus" },
	{ "seven_day_sonnet", "sonnet", "unified:seven_day_sonnet" },
};

/* One question to the table. */
struct question {
	const struct ccp_after *after;
	const struct ccp_config *config;
	enum trouble trouble;
	struct ccp_limit_signs signs; /* all zeros when there are none */
};

/* One of decide and relay is given; neither means: as the rows below say, but relay. */
struct row {
	bool (*matches)(const struct question *q);
	void (*decide)(const struct question *q, struct ccp_decision *d);
	const char *relay; /* relay, for this reason */
};

static enum trouble
trouble_of_status(int status, const struct ccp_limit_signs *signs)
{
	if (status == 429)
		return RATE_LIMIT;
	if ((status == 400 || status == 402) && signs->spend_limit)
		return SPEND_CAP;
	if (status == 529)
		return OVERLOADED;
	return status >= 500 && status <= 599 ? SERVER_ERROR : NONE;
}

static enum trouble
trouble_of(const struct ccp_after *after, const struct ccp_limit_signs *signs)
{
	switch (after->kind) {
	case CCP_ANSWER_HTTP:
		return trouble_of_status(after->status, signs);
	case CCP_ANSWER_FIRST_ERROR:
		if (signs->rate_limit_json)
			return RATE_LIMIT;
		return strcmp(signs->error_type, "overloaded_error") == 0 ? OVERLOADED
		                                                          : SERVER_ERROR;
	case CCP_ANSWER_CONNECT:
		return CONNECT;
	case CCP_ANSWER_TIMEOUT:
		return TIMEOUT;
	}
	return NONE;
}

static struct question
question(const struct ccp_after *after, const struct ccp_config *config)
{
	struct question q = { .after = after, .config = config };
	struct ccp_limit_signs bare = { 0 };

	if (after->signs)
		q.signs = *after->signs;
	q.trouble = trouble_of(after, &q.signs);
	/* The head of a 200 may say "rejected" while paid overage is in use: no limit. */
	if (after->kind == CCP_ANSWER_FIRST_ERROR) {
		bare.rate_limit_json = q.signs.rate_limit_json;
		memcpy(bare.organization, q.signs.organization, sizeof(bare.organization));
		q.signs = bare;
	}
	return q;
}

/* Why Bedrock may not answer this request, or NULL. */
static const char *
bedrock_closed(const struct question *q)
{
	if (!q->config->bedrock_fallback_enabled ||
	    !(q->config->fallback_on & troubles[q->trouble].on))
		return "fallback_off";
	if (!q->after->convertible)
		return "not_convertible";
	return q->after->budget_left ? NULL : "over_budget";
}

static void
copy(char *out, size_t size, const char *text)
{
	size_t n = text ? strnlen(text, size - 1) : 0;

	if (n)
		memcpy(out, text, n);
	out[n] = '\0';
}

/* Remembers a limit for so many seconds from now, if anything is to be remembered at all. */
static void
remember(const struct question *q, struct ccp_decision *d, const char *family, int64_t for_s,
         const char *reason)
{
	if (!q->config->rate_limit_tracking_enabled)
		return;
	if (for_s > CCP_LIMIT_MAX_S)
		for_s = CCP_LIMIT_MAX_S;
	d->remember = true;
	copy(d->limit.family, sizeof(d->limit.family), family);
	copy(d->limit.reason, sizeof(d->limit.reason), reason);
	d->limit.created_at_s = q->after->now_s;
	d->limit.retry_after_s = for_s;
	d->limit.retry_until_s = q->after->now_s + for_s;
}

static void
bedrock(struct ccp_decision *d, const char *reason)
{
	d->next = CCP_NEXT_BEDROCK;
	d->reason = reason;
}

static void
relay(struct ccp_decision *d, const char *reason)
{
	d->next = CCP_NEXT_RELAY;
	d->reason = reason;
}

/* Spend cap of a 400 or 402, 529, 5xx, no connection, time-out. */
static bool
is_other_trouble(const struct question *q)
{
	return q->trouble != NONE && q->trouble != RATE_LIMIT;
}

static void
bedrock_where_named(const struct question *q, struct ccp_decision *d)
{
	const char *closed = bedrock_closed(q);

	if (closed)
		relay(d, closed);
	else if (q->signs.organization[0] &&
	         !ccp_fallback_organization_allowed(q->signs.organization, q->config))
		relay(d, "organization");
	else if (!q->after->vouched)
		relay(d, "not_vouched");
	else
		bedrock(d, troubles[q->trouble].reason);
}

/* Every other answer but a 429. */
static bool
is_no_trouble(const struct question *q)
{
	return q->trouble == NONE;
}

/* A 429 that Anthropic did not write: an edge in front of it did. */
static bool
is_of_an_edge(const struct question *q)
{
	return !q->signs.rate_limit_json;
}

static bool
is_foreign(const struct question *q)
{
	return !ccp_fallback_organization_allowed(q->signs.organization, q->config);
}

static bool
is_closed(const struct question *q)
{
	return bedrock_closed(q) != NULL;
}

static bool
is_unified(const struct question *q)
{
	return q->signs.unified_rejected && q->signs.unified_reset_s > q->after->now_s;
}

static void
remember_unified(const struct question *q, struct ccp_decision *d)
{
	const char *claim = q->signs.unified_claim[0] ? q->signs.unified_claim : "unified";
	const char *family = q->after->family, *reason = "unified";
	size_t i;

	for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		if (strcmp(claim, claims[i].claim) == 0) {
			family = claims[i].family;
			reason = claims[i].reason;
		}
	}
	remember(q, d, family, q->signs.unified_reset_s - q->after->now_s, claim);
	bedrock(d, reason);
}

static bool
is_spend_code(const struct question *q)
{
	return q->signs.spend_limit && q->signs.error_code[0];
}

static void
remember_spend(const struct question *q, struct ccp_decision *d)
{
	remember(q, d, "all", CCP_SPEND_LIMIT_S, q->signs.error_code);
	bedrock(d, "spend_limit");
}

static bool
is_short_and_first(const struct question *q)
{
	return q->after->first_time && q->signs.has_retry_after &&
	       q->signs.retry_after_ms <= q->config->retry_threshold_s * 1000;
}

static void
wait_once(const struct question *q, struct ccp_decision *d)
{
	int64_t most_ms = q->config->max_retry_wait_s * 1000;

	d->next = CCP_NEXT_WAIT;
	d->wait_ms = q->signs.retry_after_ms < most_ms ? q->signs.retry_after_ms : most_ms;
	d->reason = "retry_after";
}

static bool
has_retry_after(const struct question *q)
{
	return q->signs.has_retry_after;
}

static void
remember_retry_after(const struct question *q, struct ccp_decision *d)
{
	remember(q, d, q->after->family, (q->signs.retry_after_ms + 999) / 1000, "retry_after");
	bedrock(d, "retry_after");
}

static bool
is_bare(const struct question *q)
{
	(void)q;
	return true;
}

static void
bedrock_this_once(const struct question *q, struct ccp_decision *d)
{
	bedrock(d, troubles[q->trouble].reason);
}

/* The table; the last row matches whatever is left. */
static const struct row rows[] = {
	{ is_other_trouble, bedrock_where_named, NULL },
	{ is_no_trouble, NULL, "answer" },
	/* from here on it is a 429 */
	{ is_of_an_edge, NULL, "not_anthropic" },
	{ is_foreign, NULL, "organization" },
	{ is_closed, NULL, NULL },
	{ is_unified, remember_unified, NULL },
	{ is_spend_code, remember_spend, NULL },
	{ is_short_and_first, wait_once, NULL },
	{ has_retry_after, remember_retry_after, NULL },
	{ is_bare, bedrock_this_once, NULL },
};

struct ccp_decision
ccp_fallback_after(const struct ccp_after *after, const struct ccp_config *config)
{
	struct ccp_decision d = { .next = CCP_NEXT_RELAY };
	struct question q = question(after, config);
	const char *closed = NULL;
	const struct row *row = rows;

	for (;; row++) {
		if (!row->matches(&q))
			continue;
		if (row->decide || row->relay)
			break;
		closed = bedrock_closed(&q);
	}
	if (row->decide)
		row->decide(&q, &d);
	else
		relay(&d, row->relay);
	if (closed) {
		d.wait_ms = 0;
		relay(&d, closed);
	}
	return d;
}

bool
ccp_fallback_possible(const struct ccp_after *after, const struct ccp_config *config)
{
	struct question q = question(after, config);

	return config->bedrock_fallback_enabled && (config->fallback_on & troubles[q.trouble].on);
}

static bool
holds(const struct ccp_limit *limit, const struct ccp_before *before)
{
	return limit->retry_until_s > before->now_s &&
	       strcmp(limit->credential, before->credential) == 0 &&
	       (strcmp(limit->family, "all") == 0 || strcmp(limit->family, before->family) == 0);
}

const struct ccp_limit *
ccp_fallback_before(const struct ccp_before *before, const struct ccp_config *config)
{
	const struct ccp_limit *longest = NULL;
	size_t i;

	if (!config->rate_limit_tracking_enabled || !config->bedrock_fallback_enabled ||
	    !(config->fallback_on & CCP_ON_429) || !before->budget_left || !before->credential[0])
		return NULL;
	for (i = 0; i < before->limit_count; i++)
		if (holds(&before->limits[i], before) &&
		    (!longest || before->limits[i].retry_until_s > longest->retry_until_s))
			longest = &before->limits[i];
	return longest;
}

bool
ccp_fallback_organization_allowed(const char *organization, const struct ccp_config *config)
{
	const char *p = config->fallback_organizations ? config->fallback_organizations : "";
	size_t n, len = strlen(organization);

	if (!*p)
		return true;
	for (; *p; p += n) {
		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n && n == len && memcmp(p, organization, n) == 0)
			return true;
	}
	return false;
}
