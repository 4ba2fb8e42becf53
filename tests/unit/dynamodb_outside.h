#ifndef CCP_DYNAMODB_OUTSIDE_H
#define CCP_DYNAMODB_OUTSIDE_H

#include "aws_outside.h"

#include "store/dynamodb_call.h"

/* For tests of dynamodb_call: a DynamoDB that answers by a script, in a time that passes as it says. */

#define NOW_MS (OUTSIDE_NOW_S * 1000)
#define STEPS_MAX_COUNT 8
/* Taken modulo, it tells bounds of pauses apart. */
#define RANDOM UINT32_C(4000000007)
#define SECRET "SECRETKEY/EXAMPLE"
#define TOKEN "SESSIONTOKEN=="
#define TYPE "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"
#define THROTTLED TYPE "ThrottlingException\",\"message\":\"Rate exceeded\"}"

struct step {
	int status; /* 0: rc */
	const char *body;
	const char *field[2]; /* of the answer, besides date */
	const char *date;
	int64_t takes_ms;
	enum ccp_err rc;
	int64_t corrected_s; /* another call learns this date while ours is under way */
};

struct world {
	const struct step *steps;
	size_t count, at;
	int64_t now_ms;
	int64_t pauses[STEPS_MAX_COUNT];
	size_t pauses_count;
	long timeout_ms[STEPS_MAX_COUNT], connect_timeout_ms[STEPS_MAX_COUNT];
	char authorization[STEPS_MAX_COUNT][512], date[STEPS_MAX_COUNT][32];
	bool stops_in_pause;
	struct ccp_config *config;
	struct outside aws; /* whom the credentials ask */
	struct ccp_credentials *credentials;
	struct ccp_ddb *ddb;
	struct ccp_ddb_reply reply;
	struct ccp_error err;
};

/* Exactly these fields, so exactly these are signed. */
static inline void
assert_fields(const struct ccp_headers *headers, bool token)
{
	static const char *const names[] = {
		"host",       "content-type",  "x-amz-target",
		"x-amz-date", "authorization", "x-amz-security-token"
	};
	size_t i, count = token ? 6 : 5;

	assert_int_equal(headers->count, count);
	for (i = 0; i < count; i++)
		assert_non_null(ccp_headers_get(headers, names[i]));
	assert_string_equal(ccp_headers_get(headers, "content-type"), "application/x-amz-json-1.0");
	assert_string_equal(ccp_headers_get(headers, "x-amz-target"), "DynamoDB_20120810.GetItem");
}

static inline enum ccp_err
world_http(void *arg, const struct ccp_http_wait_request *request,
           struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct world *w = arg;
	size_t i = w->at++;
	const struct step *step = &w->steps[i];

	if (i >= w->count)
		fail_msg("nobody expected try %zu", i + 1);
	assert_string_equal(request->method, "POST");
	assert_string_equal(request->url, "https://dynamodb.us-west-2.amazonaws.com/");
	assert_false(request->no_proxy);
	assert_int_equal(request->max_bytes, CCP_DDB_ANSWER_MAX_BYTES);
	assert_true(ccp_span_is(request->body, "{\"TableName\":\"t\"}"));
	assert_fields(request->headers,
	              ccp_headers_get(request->headers, "x-amz-security-token") != NULL);
	outside_copy_field(w->authorization[i], sizeof(w->authorization[i]), request->headers,
	                   "authorization");
	outside_copy_field(w->date[i], sizeof(w->date[i]), request->headers, "x-amz-date");
	w->timeout_ms[i] = request->timeout_ms;
	w->connect_timeout_ms[i] = request->connect_timeout_ms;
	w->now_ms += step->takes_ms;
	if (step->corrected_s)
		assert_true(ccp_credentials_note_date(w->credentials, step->corrected_s,
		                                      w->now_ms / 1000));
	ccp_http_wait_answer_clear(answer);
	if (!step->status)
		return ccp_fail(err, step->rc, "what the network says");
	answer->status = step->status;
	answer->body.max = request->max_bytes;
	ccp_buf_puts(&answer->body, step->body);
	if (step->field[0])
		ccp_headers_add(&answer->headers, step->field[0], step->field[1]);
	if (step->date)
		ccp_headers_add(&answer->headers, "date", step->date);
	return CCP_OK;
}

static inline int64_t
world_now_ms(void *arg)
{
	return ((struct world *)arg)->now_ms;
}

static inline void
world_sleep_ms(void *arg, int64_t ms)
{
	struct world *w = arg;

	assert_true(w->pauses_count < STEPS_MAX_COUNT);
	w->pauses[w->pauses_count++] = ms;
	w->now_ms += ms;
	if (w->stops_in_pause)
		ccp_ddb_stop(w->ddb);
}

static inline uint32_t
world_random(void *arg)
{
	(void)arg;
	return RANDOM;
}

/* keys: settings; NULL: temporary ones. aws: whom the credentials ask, if anybody. */
static inline void
begin(struct world *w, char *const *keys, const struct outside_step *aws, size_t aws_count)
{
	static char *const temporary[] = {
		(char *)"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", (char *)"AWS_SECRET_ACCESS_KEY=" SECRET,
		(char *)"AWS_SESSION_TOKEN=" TOKEN,      (char *)"AWS_REGION=us-west-2",
		(char *)"BEDROCK_REGION=eu-west-1",      NULL
	};
	const struct ccp_ddb_outside outside = { world_http, world_now_ms, world_sleep_ms,
		                                 world_random, w };
	struct ccp_aws_outside aws_outside;

	*w = (struct world){ .now_ms = NOW_MS, .reply = CCP_DDB_REPLY_INIT };
	w->aws = (struct outside){ .steps = aws, .count = aws_count };
	aws_outside = outside_of(&w->aws);
	w->config = outside_config(keys ? keys : temporary);
	assert_int_equal(ccp_credentials_new_with(w->config, &aws_outside, &w->credentials, NULL),
	                 CCP_OK);
	assert_int_equal(ccp_ddb_new(w->config, w->credentials, &outside, &w->ddb, NULL), CCP_OK);
}

static inline void
end(struct world *w)
{
	ccp_ddb_reply_clear(&w->reply);
	ccp_ddb_free(w->ddb);
	ccp_credentials_free(w->credentials);
	ccp_config_free(w->config);
	assert_int_equal(w->aws.at, w->aws.count);
}

/* All of these steps are asked for, and no secret is in what is said. */
static inline enum ccp_err
call(struct world *w, const struct ccp_ddb_patience *patience, const struct step *steps,
     size_t count)
{
	enum ccp_err rc;

	w->steps = steps;
	w->count = count;
	w->at = w->pauses_count = 0;
	w->now_ms = NOW_MS;
	memset(w->err.text, 0, sizeof(w->err.text));
	rc = ccp_ddb_call(w->ddb, "GetItem", CCP_SPAN("{\"TableName\":\"t\"}"), patience, &w->reply,
	                  &w->err);
	assert_int_equal(w->at, count);
	if (!rc && w->reply.end)
		assert_int_not_equal(ccp_ddb_fail(&w->reply, "GetItem", "t", &w->err), CCP_OK);
	assert_int_equal(*w->err.text != '\0', rc || w->reply.end);
	assert_null(strstr(w->err.text, "SECRET"));
	assert_null(strstr(w->err.text, "SESSION"));
	assert_null(strstr(w->err.text, "123456789012"));
	if (rc) {
		assert_int_equal(w->reply.json.len, 0);
		assert_string_equal(w->reply.error, "");
	}
	return rc;
}

static inline void
assert_says(const struct world *w, const char *want)
{
	if (!strstr(w->err.text, want))
		fail_msg("\"%s\" is not in: %s", want, w->err.text);
}

#endif
