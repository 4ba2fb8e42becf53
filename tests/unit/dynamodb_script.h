#ifndef CCP_DYNAMODB_SCRIPT_H
#define CCP_DYNAMODB_SCRIPT_H

#include "aws_outside.h"

#include "base/json.h"
#include "store/dynamodb.h"

/* For tests of the DynamoDB backend: each request must be the next of a script, and gets its answer. */

#define NOW_S OUTSIDE_NOW_S /* 2026-11-22T09:00:00Z */
#define TYPE "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"
#define CONDITION_FAILED                         \
	TYPE "ConditionalCheckFailedException\"" \
	     ",\"message\":\"The conditional request failed\"}"
#define NO_TABLE TYPE "ResourceNotFoundException\",\"message\":\"Requested resource not found\"}"
#define DENIED TYPE "AccessDeniedException\",\"Message\":\"User is not authorized\"}"
#define INVALID(words) TYPE "ValidationException\",\"message\":\"" words "\"}"

struct line {
	const char *op;
	const char *answer;
	const char *body; /* exactly this is asked; or NULL */
	const char *part; /* this is a part of it; or NULL */
	int status;       /* 0: 200, or 400 when the answer has a __type */
};

struct script {
	const struct line *lines;
	size_t count, at;
	int64_t now_ms;
	int64_t pauses[16];
	size_t pause_count;
	long timeout_ms; /* of the last request */
	struct ccp_config *config;
	struct ccp_dynamodb *db;
	struct ccp_error err;
};

static inline enum ccp_err
script_http(void *arg, const struct ccp_http_wait_request *request,
            struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct script *s = arg;
	const struct line *line = &s->lines[s->at];
	const char *target = ccp_headers_get(request->headers, "x-amz-target");
	char *body = strndup(request->body.p, request->body.len);

	(void)err;
	if (s->at++ >= s->count)
		fail_msg("nobody expected %s %s", target, body);
	assert_string_equal(strchr(target, '.') + 1, line->op);
	if (!ccp_json_valid(request->body))
		fail_msg("not JSON: %s", body);
	if (line->body)
		assert_string_equal(body, line->body);
	if (line->part && !strstr(body, line->part))
		fail_msg("\"%s\" is not in: %s", line->part, body);
	free(body);
	s->timeout_ms = request->timeout_ms;
	ccp_http_wait_answer_clear(answer);
	answer->status = line->status                         ? line->status
	                 : strstr(line->answer, "\"__type\"") ? 400
	                                                      : 200;
	answer->body.max = request->max_bytes;
	ccp_buf_puts(&answer->body, line->answer);
	return CCP_OK;
}

static inline int64_t
script_now_ms(void *arg)
{
	return ((struct script *)arg)->now_ms;
}

static inline void
script_sleep_ms(void *arg, int64_t ms)
{
	struct script *s = arg;

	assert_true(s->pause_count < 16);
	s->pauses[s->pause_count++] = ms;
	s->now_ms += ms;
}

static inline uint32_t
script_random(void *arg)
{
	(void)arg;
	return UINT32_C(4000000007);
}

/* extra: one more setting, or NULL. */
static inline void
begin_with(struct script *s, const char *extra)
{
	char *env[] = { (char *)"AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
		        (char *)"AWS_SECRET_ACCESS_KEY=SECRET",
		        (char *)"RATE_LIMIT_TABLE_NAME=L",
		        (char *)"USAGE_TABLE_NAME=U",
		        (char *)extra,
		        NULL };
	const struct ccp_ddb_outside outside = { script_http, script_now_ms, script_sleep_ms,
		                                 script_random, s };

	*s = (struct script){ .now_ms = NOW_S * 1000 };
	s->config = outside_config(env);
	if (ccp_dynamodb_open(s->config, NULL, &outside, &s->db, &s->err))
		fail_msg("%s", s->err.text);
}

static inline int
begin(void **state)
{
	static struct script script;

	begin_with(&script, NULL);
	*state = &script;
	return 0;
}

static inline int
end(void **state)
{
	struct script *s = *state;

	ccp_dynamodb_backend.close(s->db);
	ccp_config_free(s->config);
	return 0;
}

static inline void
script_is(struct script *s, const struct line *lines, size_t count)
{
	s->lines = lines;
	s->count = count;
	s->at = s->pause_count = 0;
	s->err = (struct ccp_error){ .code = CCP_OK };
}

/* The script that a request is answered by; all of it must be asked. */
#define SCRIPT(s, ...)                                                  \
	do {                                                            \
		static const struct line lines_[] = { __VA_ARGS__ };    \
		script_is(s, lines_, sizeof(lines_) / sizeof(*lines_)); \
	} while (0)

static inline void
script_ends(struct script *s, enum ccp_err rc, enum ccp_err want)
{
	if (rc != want)
		fail_msg("%d, not %d: %s", (int)rc, (int)want, s->err.text);
	if (rc)
		assert_int_equal(s->err.code, want);
	assert_int_equal(s->at, s->count);
}

static inline void
assert_says(const struct script *s, const char *want)
{
	if (!strstr(s->err.text, want))
		fail_msg("\"%s\" is not in: %s", want, s->err.text);
}

#define IN_A_SCRIPT(test) cmocka_unit_test_setup_teardown(test, begin, end)

#endif
