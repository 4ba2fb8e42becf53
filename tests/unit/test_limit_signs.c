#include "unit.h"

#include "upstream/anthropic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1795305600 /* 2026-11-22T00:00:00Z */
#define DAY 86400

static struct ccp_limit_signs
signs_of(const char *const *fields, const char *body)
{
	struct ccp_headers headers = { 0 };
	struct ccp_limit_signs signs;

	for (; fields && fields[0]; fields += 2)
		ccp_headers_add(&headers, fields[0], fields[1]);
	ccp_anthropic_limit_signs(&headers, (struct ccp_span){ body, strlen(body) }, NOW, &signs);
	ccp_headers_clear(&headers);
	return signs;
}

static const struct {
	const char *ms, *text;
	int64_t want_ms; /* 0: absent */
} waits[] = {
	{ NULL, "30", 30000 },
	{ NULL, " 30\t", 30000 },
	{ NULL, "1.5", 1500 },
	{ NULL, "0.0001", 1 },
	{ NULL, "1.0001", 1001 },
	{ NULL, "1.", 1000 },
	{ NULL, "007", 7000 },
	{ NULL, "0", 0 },
	{ NULL, "0.000", 0 },
	{ NULL, "-5", 0 },
	{ NULL, "+5", 0 },
	{ NULL, "", 0 },
	{ NULL, " ", 0 },
	{ NULL, ".5", 0 },
	{ NULL, "soon", 0 },
	{ NULL, "30s", 0 },
	{ NULL, "1e3", 0 },
	{ NULL, "0x10", 0 },
	{ NULL, "NaN", 0 },
	{ NULL, "1,5", 0 },
	{ NULL, "1.2.3", 0 },
	{ NULL, "2592000", (int64_t)30 * DAY * 1000 },
	{ NULL, "2592001", (int64_t)30 * DAY * 1000 },
	{ NULL, "99999999999999999999", (int64_t)30 * DAY * 1000 },
	{ NULL, "Sun, 22 Nov 2026 00:01:00 GMT", 60000 },
	{ NULL, "Sunday, 22-Nov-26 00:01:00 GMT", 60000 },
	{ NULL, "Sun Nov 22 00:01:00 2026", 60000 },
	{ NULL, "Sun, 22 Nov 2026 00:00:00 GMT", 0 },
	{ NULL, "Sat, 21 Nov 2026 23:59:00 GMT", 0 },
	{ NULL, "Sun, 22 Nov 2126 00:01:00 GMT", (int64_t)30 * DAY * 1000 },
	{ "2500", "30", 2500 },
	{ "2500", NULL, 2500 },
	{ "0.2", "30", 1 },
	{ "2500.5", NULL, 2501 },
	{ "x", "30", 30000 },
	{ "0", "30", 30000 },
	{ "-1", "30", 30000 },
	{ "99999999999999999999", "1", (int64_t)30 * DAY * 1000 },
	{ NULL, NULL, 0 },
};

static void
retry_after(void **state)
{
	struct ccp_headers headers = { 0 };
	struct ccp_limit_signs signs;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		if (waits[i].text)
			ccp_headers_add(&headers, "Retry-After", waits[i].text);
		if (waits[i].ms)
			ccp_headers_add(&headers, "retry-after-ms", waits[i].ms);
		ccp_anthropic_limit_signs(&headers, CCP_SPAN(""), NOW, &signs);
		if (signs.retry_after_ms != waits[i].want_ms)
			fail_msg("%s / %s: %ld", waits[i].ms ? waits[i].ms : "-",
			         waits[i].text ? waits[i].text : "-", (long)signs.retry_after_ms);
		assert_int_equal(signs.has_retry_after, waits[i].want_ms > 0);
		ccp_headers_clear(&headers);
	}
}

#define LONG64 "0123456789012345678901234567890123456789012345678901234567890123"

static void
unified(void **state)
{
	static const char *const whole[] = { "anthropic-ratelimit-unified-status",
		                             " rejected ",
		                             "Anthropic-RateLimit-Unified-Reset",
		                             "1795309200",
		                             "anthropic-ratelimit-unified-representative-claim",
		                             "five_hour",
		                             "anthropic-organization-id",
		                             "0b5e1a3c-2f53-4c8e-9d3a-111122223333",
		                             NULL };
	static const char *const broken[] = { "anthropic-ratelimit-unified-status",
		                              "allowed_warning",
		                              "anthropic-ratelimit-unified-reset",
		                              "tomorrow",
		                              "anthropic-ratelimit-unified-representative-claim",
		                              "five hour\"}",
		                              "anthropic-organization-id",
		                              LONG64,
		                              NULL };
	struct ccp_limit_signs signs = signs_of(whole, "");

	(void)state;
	assert_true(signs.unified_rejected);
	assert_int_equal(signs.unified_reset_s, NOW + 3600);
	assert_string_equal(signs.unified_claim, "five_hour");
	assert_string_equal(signs.organization, "0b5e1a3c-2f53-4c8e-9d3a-111122223333");
	signs = signs_of(broken, "");
	assert_false(signs.unified_rejected);
	assert_int_equal(signs.unified_reset_s, 0);
	assert_string_equal(signs.unified_claim, "");
	assert_string_equal(signs.organization, "");
}

static const struct {
	const char *body, *type, *code;
	bool rate_limit, spend;
} bodies[] = {
	{ "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Error\"}}",
	  "rate_limit_error", "", true, false },
	{ " {\n \"request_id\": \"req_1\", \"type\": \"error\",\n \"error\": {\"message\": \"x\",\n"
	  " \"type\": \"rate_limit_error\", \"details\": null}}\r\n ",
	  "rate_limit_error", "", true, false },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\","
	  "\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}}}",
	  "rate_limit_error", "enforced_spend_limit_reached", true, true },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\","
	  "\"details\":{\"error_code\":\"contract_spend_limit_reached\",\"x\":[1]}}}",
	  "rate_limit_error", "contract_spend_limit_reached", true, true },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\","
	  "\"details\":{\"error_code\":\"ramp_limit_exceeded\"}}}",
	  "rate_limit_error", "ramp_limit_exceeded", true, false },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"m\","
	  "\"details\":{\"error_code\":\"linked_organization_spend_limit_reached\"}}}",
	  "billing_error", "linked_organization_spend_limit_reached", false, true },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"billing_error\",\"message\":\"m\","
	  "\"details\":{\"error_code\":\"linked_organization_billing_unavailable\"}}}",
	  "billing_error", "linked_organization_billing_unavailable", false, false },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
	  "\"You have reached your specified API usage limits. You will regain access on …\"}}",
	  "invalid_request_error", "", false, true },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
	  "\"Sorry: You have reached your specified API usage limits\"}}",
	  "invalid_request_error", "", false, false },
	/* not Anthropic's shape */
	{ "", "", "", false, false },
	{ "<html>429 Too Many Requests</html>", "", "", false, false },
	{ "rate_limit_error", "", "", false, false },
	{ "null", "", "", false, false },
	{ "[]", "", "", false, false },
	{ "{}", "", "", false, false },
	{ "{\"error\":{\"type\":\"rate_limit_error\"}}", "", "", false, false },
	{ "{\"type\":\"message\",\"error\":{\"type\":\"rate_limit_error\"}}", "", "", false,
	  false },
	{ "{\"type\":[\"error\"],\"error\":{\"type\":\"rate_limit_error\"}}", "", "", false,
	  false },
	{ "{\"type\":\"error\",\"error\":\"rate_limit_error\"}", "", "", false, false },
	{ "{\"type\":\"error\",\"error\":[{\"type\":\"rate_limit_error\"}]}", "", "", false,
	  false },
	{ "{\"type\":\"error\",\"error\":{\"type\":429,\"message\":7,\"details\":\"x\"}}", "", "",
	  false, false },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}} and more", "", "", false,
	  false },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"rate limit error\\n\"}}", "", "", false,
	  false },
	{ "{\"type\":\"error\",\"error\":{\"type\":\"" LONG64 "\"}}", "", "", false, false },
};

static void
error_bodies(void **state)
{
	struct ccp_limit_signs signs;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		signs = signs_of(NULL, bodies[i].body);
		if (signs.rate_limit_json != bodies[i].rate_limit ||
		    signs.spend_limit != bodies[i].spend)
			fail_msg("misread: %s", bodies[i].body);
		assert_string_equal(signs.error_type, bodies[i].type);
		assert_string_equal(signs.error_code, bodies[i].code);
	}
}

/* Cut anywhere a body is none, and no byte behind the cut is read (under a sanitizer). */
static void
cut_bodies(void **state)
{
	const char *whole = bodies[2].body;
	struct ccp_headers headers = { 0 };
	struct ccp_limit_signs signs;
	size_t n;
	char *cut;

	(void)state;
	for (n = 0; n < strlen(whole); n++) {
		cut = malloc(n + 1);
		assert_non_null(cut);
		memcpy(cut, whole, n);
		cut = realloc(cut, n ? n : 1);
		ccp_anthropic_limit_signs(&headers, (struct ccp_span){ cut, n }, NOW, &signs);
		assert_false(signs.rate_limit_json);
		assert_string_equal(signs.error_type, "");
		free(cut);
	}
}

/* An error right up to the ceiling is read; one byte more is not; nor is one with a NUL in it. */
static void
bounded_bodies(void **state)
{
	static char body[CCP_ERROR_BODY_MAX_BYTES + 1];
	struct ccp_headers headers = { 0 };
	struct ccp_limit_signs signs;
	size_t len = strlen(bodies[0].body);

	(void)state;
	memset(body, ' ', sizeof(body));
	memcpy(body, bodies[0].body, len);
	ccp_anthropic_limit_signs(&headers, (struct ccp_span){ body, sizeof(body) - 1 }, NOW,
	                          &signs);
	assert_true(signs.rate_limit_json);
	ccp_anthropic_limit_signs(&headers, (struct ccp_span){ body, sizeof(body) }, NOW, &signs);
	assert_false(signs.rate_limit_json);
	body[len] = '\0';
	ccp_anthropic_limit_signs(&headers, (struct ccp_span){ body, len + 1 }, NOW, &signs);
	assert_false(signs.rate_limit_json);
	memset(body, '[', sizeof(body));
	ccp_anthropic_limit_signs(&headers, (struct ccp_span){ body, sizeof(body) - 1 }, NOW,
	                          &signs);
	assert_false(signs.rate_limit_json);
}

static void
data_lines_of_an_event(void **state)
{
	struct ccp_limit_signs signs = signs_of(NULL, "{\"type\":\"error\",\r\ndata: \"error\":\r\n"
	                                              ": comment\r\nevent: error\r\n"
	                                              "data:{\"type\":\"rate_limit_error\"}}");

	(void)state;
	assert_true(signs.rate_limit_json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retry_after),    cmocka_unit_test(unified),
		cmocka_unit_test(error_bodies),   cmocka_unit_test(cut_bodies),
		cmocka_unit_test(bounded_bodies), cmocka_unit_test(data_lines_of_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
