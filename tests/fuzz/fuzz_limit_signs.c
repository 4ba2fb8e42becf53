/*
 * Input: header lines, an empty line, a body; and the same bytes once more as a
 * stream. Property: signs stay in their ranges whatever came in, the table of
 * relay/fallback.h then decides within its own, what is said of a stream's
 * first event never changes as more of it arrives, and an error written about
 * the input can be read back.
 */
#include "relay/fallback.h"
#include "upstream/anthropic.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795305600
#define LIMIT_MAX_MS ((int64_t)CCP_LIMIT_MAX_S * 1000)

#define HOLDS(what)                                                        \
	do {                                                               \
		if (!(what)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
			abort();                                           \
		}                                                          \
	} while (0)

static char no_organizations[] = "";

static bool
is_name(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	return n < size && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                "0123456789_-.:") == n;
}

static void
check_signs(const struct ccp_limit_signs *signs)
{
	HOLDS(is_name(signs->error_type, sizeof(signs->error_type)));
	HOLDS(is_name(signs->error_code, sizeof(signs->error_code)));
	HOLDS(is_name(signs->unified_claim, sizeof(signs->unified_claim)));
	HOLDS(is_name(signs->organization, sizeof(signs->organization)));
	HOLDS(signs->rate_limit_json == (strcmp(signs->error_type, "rate_limit_error") == 0));
	HOLDS(signs->has_retry_after == (signs->retry_after_ms > 0));
	HOLDS(signs->retry_after_ms >= 0 && signs->retry_after_ms <= LIMIT_MAX_MS);
	HOLDS(signs->unified_reset_s >= 0);
}

static void
check_decision(const struct ccp_limit_signs *signs, int status, bool first_time)
{
	struct ccp_config config = { .bedrock_fallback_enabled = true,
		                     .rate_limit_tracking_enabled = true,
		                     .retry_threshold_s = 30,
		                     .max_retry_wait_s = 10,
		                     .fallback_on = CCP_ON_429 | CCP_ON_SPEND,
		                     .fallback_organizations = no_organizations };
	struct ccp_after after = { .status = status,
		                   .signs = signs,
		                   .family = "opus",
		                   .first_time = first_time,
		                   .convertible = true,
		                   .budget_left = true,
		                   .vouched = true,
		                   .now_s = NOW };
	struct ccp_decision d = ccp_fallback_after(&after, &config);

	HOLDS(d.reason && d.reason[0]);
	HOLDS(d.next == CCP_NEXT_WAIT ? first_time && d.wait_ms > 0 && d.wait_ms <= 10000
	                              : d.wait_ms == 0);
	HOLDS(d.next == CCP_NEXT_RELAY || status != 429 || signs->rate_limit_json);
	if (d.remember) {
		HOLDS(d.next == CCP_NEXT_BEDROCK && status == 429);
		HOLDS(d.limit.retry_until_s > NOW &&
		      d.limit.retry_until_s <= NOW + CCP_LIMIT_MAX_S);
		HOLDS(d.limit.family[0] && d.limit.reason[0]);
	}
}

static void
check_stream(struct ccp_span text)
{
	struct ccp_span error, first = { NULL, 0 };
	int said = 0, now;
	size_t n;

	for (n = 0; n <= text.len; n++) {
		now = ccp_anthropic_first_event((struct ccp_span){ text.p, n }, &error);
		HOLDS(now >= 0 && now <= 2);
		HOLDS(error.len == 0 || (error.p >= text.p && error.p + error.len <= text.p + n));
		HOLDS(now == 2 || error.len == 0);
		HOLDS(!said || (now == said && error.p == first.p && error.len == first.len));
		said = now;
		first = error;
	}
}

static void
check_error_json(const char *message)
{
	struct ccp_buf out = CCP_BUF_INIT(1024 * 1024);

	ccp_anthropic_error_json(&out, "rate_limit_error", message, message);
	if (ccp_buf_ok(&out) && out.len <= CCP_ERROR_BODY_MAX_BYTES)
		HOLDS(ccp_anthropic_is_error((struct ccp_span){ ccp_buf_text(&out), out.len }));
	ccp_buf_clear(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ccp_headers headers = { 0 };
	struct ccp_limit_signs signs;
	char *text = malloc(size + 1), *line = text, *end;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	while ((end = memchr(line, '\n', size - (size_t)(line - text))) != NULL && end > line) {
		ccp_headers_add_line(&headers, line, (size_t)(end - line));
		line = end + 1;
	}
	if (end)
		line = end + 1;
	ccp_anthropic_limit_signs(&headers, (struct ccp_span){ line, size - (size_t)(line - text) },
	                          NOW, &signs);
	check_signs(&signs);
	check_decision(&signs, 429, true);
	check_decision(&signs, 429, false);
	check_decision(&signs, 400, true);
	if (size <= 2048) /* quadratic */
		check_stream((struct ccp_span){ text, size });
	check_error_json(text);
	ccp_headers_clear(&headers);
	free(text);
	return 0;
}
