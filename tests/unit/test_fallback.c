/* The table of relay/fallback.h, row by row, then its edges. */
#include "unit.h"

#include "relay/fallback.h"

#include <stdio.h>
#include <string.h>

#define NOW 1795305600 /* 2026-11-22T00:00:00Z */
#define DAY 86400

static char no_organizations[] = "";

static struct ccp_config
settings(void)
{
	return (struct ccp_config){
		.bedrock_fallback_enabled = true,
		.rate_limit_tracking_enabled = true,
		.retry_threshold_s = 30,
		.max_retry_wait_s = 10,
		.fallback_on = CCP_ON_429,
		.fallback_organizations = no_organizations,
	};
}

/* Anthropic's own 429 without any other sign. */
static struct ccp_limit_signs
limited(void)
{
	return (struct ccp_limit_signs){ .rate_limit_json = true,
		                         .error_type = "rate_limit_error",
		                         .organization = "org-1" };
}

static struct ccp_limit_signs
limited_for(int64_t retry_after_ms)
{
	struct ccp_limit_signs signs = limited();

	signs.has_retry_after = true;
	signs.retry_after_ms = retry_after_ms;
	return signs;
}

static struct ccp_limit_signs
rejected(const char *claim, int64_t reset_s)
{
	struct ccp_limit_signs signs = limited();

	signs.unified_rejected = true;
	signs.unified_reset_s = reset_s;
	snprintf(signs.unified_claim, sizeof(signs.unified_claim), "%s", claim);
	return signs;
}

static struct ccp_limit_signs
spent(const char *error_code)
{
	struct ccp_limit_signs signs = limited();

	signs.spend_limit = true;
	snprintf(signs.error_code, sizeof(signs.error_code), "%s", error_code);
	return signs;
}

static struct ccp_after
answered(int status, const struct ccp_limit_signs *signs)
{
	return (struct ccp_after){
		.kind = CCP_ANSWER_HTTP,
		.status = status,
		.signs = signs,
		.family = "opus",
		.first_time = true,
		.convertible = true,
		.budget_left = true,
		.vouched = true,
		.now_s = NOW,
	};
}

static void
expect(struct ccp_decision d, enum ccp_next next, const char *reason)
{
	assert_string_equal(d.reason, reason);
	assert_int_equal(d.next, next);
	if (next != CCP_NEXT_WAIT)
		assert_int_equal(d.wait_ms, 0);
}

static void
expect_nothing_remembered(struct ccp_decision d)
{
	assert_false(d.remember);
	assert_int_equal(d.limit.retry_until_s, 0);
}

static void
expect_remembered(struct ccp_decision d, const char *family, int64_t for_s, const char *reason)
{
	assert_true(d.remember);
	assert_string_equal(d.limit.family, family);
	assert_int_equal(d.limit.retry_until_s, NOW + for_s);
	assert_int_equal(d.limit.retry_after_s, for_s);
	assert_int_equal(d.limit.created_at_s, NOW);
	assert_string_equal(d.limit.reason, reason);
	assert_string_equal(d.limit.credential, "");
}

/* Before the call. */

#define CREDENTIAL "0123456789abcdef0123456789abcdef"

static struct ccp_before
asking(const struct ccp_limit *limits, size_t count)
{
	return (struct ccp_before){ .limits = limits,
		                    .limit_count = count,
		                    .credential = CREDENTIAL,
		                    .family = "opus",
		                    .budget_left = true,
		                    .now_s = NOW };
}

static const struct ccp_limit stored_opus = { .credential = CREDENTIAL,
	                                      .family = "opus",
	                                      .retry_until_s = NOW + 1 };

static void
before_stored_limit_still_on(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit all = { .credential = CREDENTIAL,
		                 .family = "all",
		                 .retry_until_s = NOW + 9 };
	struct ccp_limit both[2] = { stored_opus, all };
	struct ccp_before before = asking(&stored_opus, 1);

	(void)state;
	assert_ptr_equal(ccp_fallback_before(&before, &config), &stored_opus);
	before = asking(&all, 1);
	assert_ptr_equal(ccp_fallback_before(&before, &config), &all);
	before = asking(both, 2);
	assert_ptr_equal(ccp_fallback_before(&before, &config), &both[1]);
	before.family = "sonnet";
	assert_ptr_equal(ccp_fallback_before(&before, &config), &both[1]);
}

static void
before_none_or_passed(void **state)
{
	struct ccp_config config = settings();
	struct ccp_before before = asking(NULL, 0);

	(void)state;
	assert_null(ccp_fallback_before(&before, &config));
	before = asking(&stored_opus, 1);
	before.now_s = NOW + 1;
	assert_null(ccp_fallback_before(&before, &config));
	before.now_s = NOW + 2;
	assert_null(ccp_fallback_before(&before, &config));
}

static void
before_not_for_this_request(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit nobody = { .family = "all", .retry_until_s = NOW + 9 };
	struct ccp_before before = asking(&stored_opus, 1);

	(void)state;
	before.family = "sonnet";
	assert_null(ccp_fallback_before(&before, &config));
	before = asking(&stored_opus, 1);
	before.credential = "ffffffffffffffffffffffffffffffff";
	assert_null(ccp_fallback_before(&before, &config));
	before = asking(&nobody, 1);
	before.credential = "";
	assert_null(ccp_fallback_before(&before, &config));
}

static void
before_bedrock_closed(void **state)
{
	struct ccp_config config = settings();
	struct ccp_before before = asking(&stored_opus, 1);

	(void)state;
	config.rate_limit_tracking_enabled = false;
	assert_null(ccp_fallback_before(&before, &config));
	config = settings();
	config.bedrock_fallback_enabled = false;
	assert_null(ccp_fallback_before(&before, &config));
	config = settings();
	config.fallback_on = CCP_ON_529;
	assert_null(ccp_fallback_before(&before, &config));
	config = settings();
	before.budget_left = false;
	assert_null(ccp_fallback_before(&before, &config));
}

/* Row: a stream whose first event is an error. */

static struct ccp_after
first_error(const struct ccp_limit_signs *signs)
{
	struct ccp_after after = answered(200, signs);

	after.kind = CCP_ANSWER_FIRST_ERROR;
	return after;
}

static void
first_error_is_a_bare_429(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = rejected("five_hour", NOW + 3600);
	struct ccp_after after = first_error(&signs);
	struct ccp_decision d;

	(void)state;
	signs.has_retry_after = true;
	signs.retry_after_ms = 2000;
	snprintf(signs.error_code, sizeof(signs.error_code), "enforced_spend_limit_reached");
	signs.spend_limit = true;
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_BEDROCK, "rate_limit");
	expect_nothing_remembered(d);
	after.convertible = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "not_convertible");
	after = first_error(&signs);
	config.fallback_organizations = (char[]){ "org-2" };
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "organization");
}

static void
first_error_is_529_or_500(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs overloaded = { .error_type = "overloaded_error" };
	struct ccp_limit_signs broken = { .error_type = "api_error" };
	struct ccp_after after = first_error(&overloaded);

	(void)state;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "fallback_off");
	config.fallback_on = CCP_ON_529;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_BEDROCK, "overloaded");
	after = first_error(&broken);
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "fallback_off");
	config.fallback_on = CCP_ON_5XX;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_BEDROCK, "server_error");
	after = first_error(NULL);
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_BEDROCK, "server_error");
}

/* Row: spend cap of a 400 or 402, 529, 5xx, no connection, time-out. */

static const struct {
	enum ccp_answer_kind kind;
	int status;
	unsigned on; /* the setting that opens Bedrock */
	const char *reason;
} troubles[] = {
	{ CCP_ANSWER_HTTP, 400, CCP_ON_SPEND, "spend_limit" },
	{ CCP_ANSWER_HTTP, 402, CCP_ON_SPEND, "spend_limit" },
	{ CCP_ANSWER_HTTP, 529, CCP_ON_529, "overloaded" },
	{ CCP_ANSWER_HTTP, 529, CCP_ON_5XX, "overloaded" },
	{ CCP_ANSWER_HTTP, 500, CCP_ON_5XX, "server_error" },
	{ CCP_ANSWER_HTTP, 503, CCP_ON_5XX, "server_error" },
	{ CCP_ANSWER_HTTP, 599, CCP_ON_5XX, "server_error" },
	{ CCP_ANSWER_CONNECT, 0, CCP_ON_CONNECT, "connect" },
	{ CCP_ANSWER_TIMEOUT, 0, CCP_ON_CONNECT, "timeout" },
};

static void
check_trouble(struct ccp_after after, unsigned on, const char *reason)
{
	const unsigned all = CCP_ON_429 | CCP_ON_529 | CCP_ON_5XX | CCP_ON_CONNECT | CCP_ON_SPEND;
	struct ccp_config config = settings();
	struct ccp_decision d;

	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "fallback_off");
	config.fallback_on = on;
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_BEDROCK, reason);
	expect_nothing_remembered(d);
	assert_true(ccp_fallback_possible(&after, &config));

	config.bedrock_fallback_enabled = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "fallback_off");
	assert_false(ccp_fallback_possible(&after, &config));
	config.bedrock_fallback_enabled = true;
	after.vouched = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "not_vouched");
	after.budget_left = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "over_budget");
	after.convertible = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "not_convertible");
	config.fallback_on =
		all & ~on & ~(after.status == 529 ? (unsigned)CCP_ON_529 | CCP_ON_5XX : 0);
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "fallback_off");
	assert_false(ccp_fallback_possible(&after, &config));
}

static void
other_troubles(void **state)
{
	struct ccp_limit_signs cap = { .spend_limit = true, .error_type = "billing_error" };
	struct ccp_after after;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		after = answered(troubles[i].status, troubles[i].on == CCP_ON_SPEND ? &cap : NULL);
		after.kind = troubles[i].kind;
		check_trouble(after, troubles[i].on, troubles[i].reason);
	}
}

static void
other_trouble_of_a_foreign_organization(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs cap = { .spend_limit = true, .organization = "org-1" };
	struct ccp_after after = answered(400, &cap);

	(void)state;
	config.fallback_on = CCP_ON_SPEND;
	config.fallback_organizations = (char[]){ "org-2" };
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "organization");
}

/* Row: any other answer. */
static void
other_answers(void **state)
{
	static const int statuses[] = { 200, 201, 204, 302, 304, 400, 401, 402, 403, 404,
		                        408, 409, 413, 422, 428, 430, 431, 499, 600, 0 };
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = { .error_type = "invalid_request_error" };
	struct ccp_after after;
	size_t i;

	(void)state;
	config.fallback_on = CCP_ON_429 | CCP_ON_529 | CCP_ON_5XX | CCP_ON_CONNECT | CCP_ON_SPEND;
	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		after = answered(statuses[i], &signs);
		expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "answer");
		expect_nothing_remembered(ccp_fallback_after(&after, &config));
		assert_false(ccp_fallback_possible(&after, &config));
	}
}

/* Row: a 429 that is not Anthropic's, or of a foreign organization. */

static void
limited_by_an_edge(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = rejected("five_hour", NOW + 3600);
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;

	(void)state;
	signs.rate_limit_json = false;
	signs.has_retry_after = true;
	signs.retry_after_ms = 60000;
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_RELAY, "not_anthropic");
	expect_nothing_remembered(d);
	after.signs = NULL;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_RELAY, "not_anthropic");
}

static void
limited_organization(void **state)
{
	static const struct {
		const char *list, *organization;
		bool allowed;
	} cases[] = {
		{ "", "org-1", true },
		{ "", "", true },
		{ "org-1", "org-1", true },
		{ "org-0, org-1", "org-1", true },
		{ "org-1,org-2", "org-1", true },
		{ ",,org-1,", "org-1", true },
		{ "org-2", "org-1", false },
		{ "org-1", "", false },
		{ "org-11", "org-1", false },
		{ "org-", "org-1", false },
		{ "org-1", "ORG-1", false },
		{ ",", "", false },
	};
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = limited_for(60000);
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;
	char list[32];
	size_t i;

	(void)state;
	config.fallback_organizations = list;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(list, sizeof(list), "%s", cases[i].list);
		snprintf(signs.organization, sizeof(signs.organization), "%s",
		         cases[i].organization);
		assert_int_equal(ccp_fallback_organization_allowed(cases[i].organization, &config),
		                 cases[i].allowed);
		d = ccp_fallback_after(&after, &config);
		expect(d, cases[i].allowed ? CCP_NEXT_BEDROCK : CCP_NEXT_RELAY,
		       cases[i].allowed ? "retry_after" : "organization");
		assert_int_equal(d.remember, cases[i].allowed);
	}
}

/* Row: a 429 while Bedrock is closed: remembered as ever, relayed. */

static void
check_closed(const struct ccp_after *after, const struct ccp_config *config, const char *reason)
{
	struct ccp_limit_signs signs;
	struct ccp_after again = *after;
	struct ccp_decision d;

	again.signs = &signs;
	signs = rejected("five_hour", NOW + 3600);
	d = ccp_fallback_after(&again, config);
	expect(d, CCP_NEXT_RELAY, reason);
	expect_remembered(d, "all", 3600, "five_hour");

	signs = spent("contract_spend_limit_reached");
	d = ccp_fallback_after(&again, config);
	expect(d, CCP_NEXT_RELAY, reason);
	expect_remembered(d, "all", 300, "contract_spend_limit_reached");

	signs = limited_for(2000); /* the row of the wait: never waited for, never remembered */
	d = ccp_fallback_after(&again, config);
	expect(d, CCP_NEXT_RELAY, reason);
	expect_nothing_remembered(d);

	signs = limited_for(60000);
	d = ccp_fallback_after(&again, config);
	expect(d, CCP_NEXT_RELAY, reason);
	expect_remembered(d, "opus", 60, "retry_after");

	signs = limited();
	d = ccp_fallback_after(&again, config);
	expect(d, CCP_NEXT_RELAY, reason);
	expect_nothing_remembered(d);
}

static void
limited_while_closed(void **state)
{
	struct ccp_config config = settings();
	struct ccp_after after = answered(429, NULL);

	(void)state;
	config.bedrock_fallback_enabled = false;
	check_closed(&after, &config, "fallback_off");
	config = settings();
	config.fallback_on = CCP_ON_529;
	check_closed(&after, &config, "fallback_off");
	config = settings();
	after.convertible = false;
	check_closed(&after, &config, "not_convertible");
	after = answered(429, NULL);
	after.budget_left = false;
	check_closed(&after, &config, "over_budget");
}

/* Row: the unified headers. */

static void
limited_unified(void **state)
{
	static const struct {
		const char *claim, *family, *stored, *reason;
	} cases[] = {
		{ "five_hour", "all", "five_hour", "unified:five_hour" },
		{ "seven_day", "all", "seven_day", "unified:seven_day" },
		{ "seven_day_opus", "opus", "seven_day_opus", "unified:seven_day_opus" },
		{ "seven_day_sonnet", "sonnet", "seven_day_sonnet", "unified:seven_day_sonnet" },
		{ "seven_day_overage_included", "haiku", "seven_day_overage_included", "unified" },
		{ "", "haiku", "unified", "unified" },
	};
	struct ccp_config config = settings();
	struct ccp_limit_signs signs;
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;
	size_t i;

	(void)state;
	after.family = "haiku";
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		signs = rejected(cases[i].claim, NOW + 7200);
		signs.has_retry_after = true; /* the unified row comes first */
		signs.retry_after_ms = 1000;
		d = ccp_fallback_after(&after, &config);
		expect(d, CCP_NEXT_BEDROCK, cases[i].reason);
		expect_remembered(d, cases[i].family, 7200, cases[i].stored);
	}
}

static void
limited_unified_edges(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = rejected("five_hour", NOW + 1);
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;

	(void)state;
	expect_remembered(ccp_fallback_after(&after, &config), "all", 1, "five_hour");
	signs.unified_reset_s = NOW; /* exactly now: not in the future */
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_BEDROCK, "rate_limit");
	expect_nothing_remembered(d);
	signs.unified_reset_s = 0;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_BEDROCK, "rate_limit");
	signs = rejected("five_hour", NOW + 7200);
	signs.unified_rejected = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_BEDROCK, "rate_limit");
	signs = rejected("five_hour", NOW + 30 * DAY);
	expect_remembered(ccp_fallback_after(&after, &config), "all", 30 * DAY, "five_hour");
	signs = rejected("five_hour", INT64_MAX);
	expect_remembered(ccp_fallback_after(&after, &config), "all", 30 * DAY, "five_hour");
	signs = rejected("five_hour", NOW + 7200); /* also the second time */
	after.first_time = false;
	expect_remembered(ccp_fallback_after(&after, &config), "all", 7200, "five_hour");
}

/* Row: spend-limit codes on a 429. */
static void
limited_by_spend(void **state)
{
	static const char *const codes[] = { "enforced_spend_limit_reached",
		                             "contract_spend_limit_reached",
		                             "linked_organization_spend_limit_reached" };
	struct ccp_config config = settings();
	struct ccp_limit_signs signs;
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;
	size_t i;

	(void)state;
	after.vouched = false; /* this very 429 vouches */
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		signs = spent(codes[i]);
		d = ccp_fallback_after(&after, &config);
		expect(d, CCP_NEXT_BEDROCK, "spend_limit");
		expect_remembered(d, "all", 300, codes[i]);
	}
	signs = limited_for(60000);
	snprintf(signs.error_code, sizeof(signs.error_code), "ramp_limit_exceeded");
	expect_remembered(ccp_fallback_after(&after, &config), "opus", 60, "retry_after");
}

/* Rows: a short retry-after the first time; a long one, or again. */

static void
limited_shortly(void **state)
{
	static const struct {
		int64_t threshold_s, most_s, retry_after_ms;
		int64_t wait_ms; /* -1: not waited for */
	} cases[] = {
		{ 30, 10, 2000, 2000 },   { 30, 10, 10000, 10000 }, { 30, 10, 10001, 10000 },
		{ 30, 10, 30000, 10000 }, /* equal to the threshold */
		{ 30, 10, 30001, -1 },    { 30, 60, 29500, 29500 }, { 0, 10, 1, -1 },
		{ 0, 10, 2000, -1 },      { 1, 10, 1, 1 },          { 30, 0, 2000, 0 },
	};
	struct ccp_config config = settings();
	struct ccp_limit_signs signs;
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.retry_threshold_s = cases[i].threshold_s;
		config.max_retry_wait_s = cases[i].most_s;
		signs = limited_for(cases[i].retry_after_ms);
		d = ccp_fallback_after(&after, &config);
		if (cases[i].wait_ms < 0) {
			expect(d, CCP_NEXT_BEDROCK, "retry_after");
			assert_true(d.remember);
			continue;
		}
		expect(d, CCP_NEXT_WAIT, "retry_after");
		assert_int_equal(d.wait_ms, cases[i].wait_ms);
		expect_nothing_remembered(d);
	}
}

static void
limited_again_or_for_long(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = limited_for(2000);
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;

	(void)state;
	after.first_time = false;
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_BEDROCK, "retry_after");
	expect_remembered(d, "opus", 2, "retry_after");
	after.first_time = true;
	signs = limited_for(60000);
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_BEDROCK, "retry_after");
	expect_remembered(d, "opus", 60, "retry_after");
	signs = limited_for(30001); /* not asked again too early: rounded up */
	expect_remembered(ccp_fallback_after(&after, &config), "opus", 31, "retry_after");
	signs = limited_for((int64_t)31 * DAY * 1000);
	expect_remembered(ccp_fallback_after(&after, &config), "opus", 30 * DAY, "retry_after");
}

/* Row: a bare 429. */
static void
limited_bare(void **state)
{
	struct ccp_config config = settings();
	struct ccp_limit_signs signs = limited();
	struct ccp_after after = answered(429, &signs);
	struct ccp_decision d;

	(void)state;
	d = ccp_fallback_after(&after, &config);
	expect(d, CCP_NEXT_BEDROCK, "rate_limit");
	expect_nothing_remembered(d);
	after.first_time = false;
	expect(ccp_fallback_after(&after, &config), CCP_NEXT_BEDROCK, "rate_limit");
	assert_true(ccp_fallback_possible(&after, &config));
}

static void
tracking_off_remembers_nothing(void **state)
{
	struct ccp_limit_signs signs[] = { rejected("five_hour", NOW + 3600),
		                           spent("enforced_spend_limit_reached"),
		                           limited_for(60000), limited() };
	struct ccp_config config = settings();
	struct ccp_after after;
	size_t i;

	(void)state;
	config.rate_limit_tracking_enabled = false;
	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		after = answered(429, &signs[i]);
		assert_int_equal(ccp_fallback_after(&after, &config).next, CCP_NEXT_BEDROCK);
		expect_nothing_remembered(ccp_fallback_after(&after, &config));
		after.convertible = false;
		expect_nothing_remembered(ccp_fallback_after(&after, &config));
	}
}

static void
possible_looks_at_the_answer_only(void **state)
{
	struct ccp_config config = settings();
	struct ccp_after after = answered(429, NULL);

	(void)state;
	after.convertible = after.budget_left = after.vouched = false;
	assert_true(ccp_fallback_possible(&after, &config));
	config.fallback_on = CCP_ON_529;
	assert_false(ccp_fallback_possible(&after, &config));
	config = settings();
	config.bedrock_fallback_enabled = false;
	assert_false(ccp_fallback_possible(&after, &config));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_stored_limit_still_on),
		cmocka_unit_test(before_none_or_passed),
		cmocka_unit_test(before_not_for_this_request),
		cmocka_unit_test(before_bedrock_closed),
		cmocka_unit_test(first_error_is_a_bare_429),
		cmocka_unit_test(first_error_is_529_or_500),
		cmocka_unit_test(other_troubles),
		cmocka_unit_test(other_trouble_of_a_foreign_organization),
		cmocka_unit_test(other_answers),
		cmocka_unit_test(limited_by_an_edge),
		cmocka_unit_test(limited_organization),
		cmocka_unit_test(limited_while_closed),
		cmocka_unit_test(limited_unified),
		cmocka_unit_test(limited_unified_edges),
		cmocka_unit_test(limited_by_spend),
		cmocka_unit_test(limited_shortly),
		cmocka_unit_test(limited_again_or_for_long),
		cmocka_unit_test(limited_bare),
		cmocka_unit_test(tracking_off_remembers_nothing),
		cmocka_unit_test(possible_looks_at_the_answer_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
