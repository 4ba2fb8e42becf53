#include "unit.h"

#include "upstream/bedrock.h"
#include "upstream/bedrock_failure.h"

#include <stdio.h>
#include <string.h>

static struct ccp_bedrock_failure
of_http(int status, const char *errortype, const char *body)
{
	struct ccp_headers headers = { 0 };
	struct ccp_bedrock_failure failure;

	if (errortype)
		ccp_headers_add(&headers, "x-amzn-ErrorType", errortype);
	ccp_bedrock_failure_of_http(status, &headers, (struct ccp_span){ body, strlen(body) },
	                            &failure);
	ccp_headers_clear(&headers);
	return failure;
}

static void
test_names_become_anthropics_types(void **state)
{
	static const struct {
		int status;
		const char *errortype, *body, *type;
		bool clients_fault;
	} rows[] = {
		{ 400, "ValidationException", "{\"message\":\"m\"}", "invalid_request_error",
		  true },
		{ 400, "ValidationException:http://internal.amazon.com/coral/",
		  "{\"message\":\"m\"}", "invalid_request_error", true },
		{ 400, NULL,
		  "{\"__type\":\"com.amazon.coral#ValidationException\",\"Message\":\"m\"}",
		  "invalid_request_error", true },
		{ 400, NULL, "{\"message\":\"m\"}", "invalid_request_error", true },
		{ 400, "ServiceQuotaExceededException", "{\"message\":\"m\"}", "rate_limit_error",
		  false },
		{ 429, "ThrottlingException", "{\"message\":\"m\"}", "rate_limit_error", false },
		{ 403, "AccessDeniedException", "{\"Message\":\"m\"}", "permission_error", false },
		{ 400, "ExpiredTokenException", "{\"message\":\"m\"}", "api_error", false },
		{ 503, NULL, "<html>", "api_error", false },
		{ 424, "ModelErrorException", "", "api_error", false },
		{ 408, "ModelTimeoutException", "{\"message\":\"m\"}", "timeout_error", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ccp_bedrock_failure f =
			of_http(rows[i].status, rows[i].errortype, rows[i].body);

		assert_string_equal(f.type, rows[i].type);
		assert_int_equal(f.clients_fault, rows[i].clients_fault);
		assert_true(*f.message);
	}
}

static void
test_words_are_shown_without_arns_and_accounts(void **state)
{
	struct ccp_bedrock_failure f;

	(void)state;
	f = of_http(400, "ValidationException",
	            "{\"message\":\"User arn:aws:sts::123456789012:assumed-role/x/y (account "
	            "123456789012) may not, 1234567890123 and 12 may\"}");
	assert_string_equal(f.message,
	                    "User (hidden) (account (hidden)) may not, 1234567890123 and 12 may");
	f = of_http(400, "ValidationException",
	            "{\"message\":\"messages.1.role: Input should be 'user' or 'assistant'\"}");
	assert_string_equal(f.message, "messages.1.role: Input should be 'user' or 'assistant'");
	/* Anthropic's envelope, inside and instead */
	f = of_http(400, "ValidationException",
	            "{\"message\":\"{\\\"type\\\":\\\"error\\\",\\\"error\\\":{\\\"type\\\":"
	            "\\\"invalid_request_error\\\",\\\"message\\\":\\\"inner\\\"}}\"}");
	assert_string_equal(f.message, "inner");
	f = of_http(400, NULL, "{\"type\":\"error\",\"error\":{\"message\":\"outer\"}}");
	assert_string_equal(f.message, "outer");
	f = of_http(400, "ValidationException",
	            "{\"message\":\"Input is too long for requested model.\"}");
	assert_true(strncmp(f.message, "prompt is too long", 18) == 0);
	assert_non_null(strstr(f.message, "capability_rejected: prompt_too_long"));
}

static void
test_long_words_are_cut(void **state)
{
	char long_text[9000];
	struct ccp_bedrock_failure f;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	ccp_bedrock_failure_set(&f, (struct ccp_span){ long_text, 200 },
	                        (struct ccp_span){ long_text, sizeof(long_text) });
	assert_in_range(strlen(f.message), 1900, sizeof(f.message) - 1);
	assert_int_equal(strlen(f.name), sizeof(f.name) - 1);
}

/* A request with key and region fixed; the signature itself is judged in test_sigv4. */
static void
test_request_line_and_fields(void **state)
{
	static const struct {
		const char *id, *path;
		bool stream;
	} rows[] = {
		{ "global.anthropic.claude-opus-5-5",
		  "/model/global.anthropic.claude-opus-5-5/invoke", false },
		{ "us.anthropic.claude-haiku-4-5-20251001-v1:0",
		  "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream",
		  true },
		{ "arn:aws:bedrock:us-east-1:1:inference-profile/x",
		  "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke",
		  false },
	};
	char *env[] = { "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		        "AWS_REGION=eu-central-1", NULL };
	struct ccp_config *config;
	struct ccp_credentials *credentials;
	size_t i;

	(void)state;
	assert_int_equal(ccp_config_load(env, &config, NULL), CCP_OK);
	assert_int_equal(ccp_credentials_new(config, &credentials, NULL), CCP_OK);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ccp_translation t = { .stream = rows[i].stream };
		struct ccp_bedrock_request r;
		char url[256];

		snprintf(t.target.id, sizeof(t.target.id), "%s", rows[i].id);
		assert_int_equal(ccp_bedrock_request_new(config, credentials, &t, 1795305600, &r,
		                                         NULL),
		                 CCP_OK);
		snprintf(url, sizeof(url), "https://bedrock-runtime.eu-central-1.amazonaws.com%s",
		         rows[i].path);
		assert_string_equal(r.url, url);
		assert_string_equal(ccp_headers_get(&r.headers, "host"),
		                    "bedrock-runtime.eu-central-1.amazonaws.com");
		assert_non_null(strstr(ccp_headers_get(&r.headers, "authorization"),
		                       "/eu-central-1/bedrock/aws4_request"));
		assert_null(ccp_headers_get(&r.headers, "anthropic-beta"));
		ccp_bedrock_request_clear(&r);
	}
	ccp_credentials_free(credentials);
	ccp_config_free(config);
}

/* One signed request of t with these settings; the caller clears it. */
static struct ccp_bedrock_request
signed_request(char *const *env, const struct ccp_translation *t)
{
	struct ccp_config *config;
	struct ccp_credentials *credentials;
	struct ccp_bedrock_request r;
	struct ccp_error err = { 0 };

	if (ccp_config_load(env, &config, &err))
		fail_msg("%s", err.text);
	assert_int_equal(ccp_credentials_new(config, &credentials, NULL), CCP_OK);
	assert_int_equal(ccp_bedrock_request_new(config, credentials, t, 1795305600, &r, NULL),
	                 CCP_OK);
	ccp_credentials_free(credentials);
	ccp_config_free(config);
	return r;
}

#define KEYS \
	"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=eu-central-1"

static void
test_doors(void **state)
{
	static char version[] = "2023-06-01", betas[] = "effort-2025-11-24,x-2025-01-01";
	char *env[] = { KEYS, "BEDROCK_REGION=us-west-2", NULL };
	struct ccp_translation t = { .door = CCP_DOOR_MESSAGES,
		                     .stream = true,
		                     .version_header = version,
		                     .beta_header = betas };
	struct ccp_bedrock_request r = signed_request(env, &t);

	(void)state;
	assert_string_equal(
		r.url, "https://bedrock-runtime.us-west-2.amazonaws.com/anthropic/v1/messages");
	assert_string_equal(ccp_headers_get(&r.headers, "anthropic-version"), "2023-06-01");
	assert_string_equal(ccp_headers_get(&r.headers, "anthropic-beta"), betas);
	assert_string_equal(ccp_headers_get(&r.headers, "accept"), "text/event-stream");
	assert_null(ccp_headers_get(&r.headers, "x-amzn-bedrock-accept"));
	assert_non_null(strstr(ccp_headers_get(&r.headers, "authorization"),
	                       "anthropic-beta;anthropic-version;"));
	assert_non_null(
		strstr(ccp_headers_get(&r.headers, "authorization"), "/us-west-2/bedrock/"));
	ccp_bedrock_request_clear(&r);
	t = (struct ccp_translation){ .door = CCP_DOOR_COUNT_TOKENS,
		                      .target.id = "anthropic.claude-haiku-4-5-20251001-v1:0" };
	r = signed_request(env, &t);
	assert_string_equal(r.url, "https://bedrock-runtime.us-west-2.amazonaws.com/model/"
	                           "anthropic.claude-haiku-4-5-20251001-v1%3A0/count-tokens");
	ccp_bedrock_request_clear(&r);
}

static void
check_guardrail(char *setting, const char *id, const char *version)
{
	char *env[] = { KEYS, setting, NULL };
	struct ccp_translation t = { .target.id = "x" };
	struct ccp_bedrock_request r = signed_request(env, &t);

	assert_string_equal(ccp_headers_get(&r.headers, "x-amzn-bedrock-guardrailidentifier"), id);
	assert_string_equal(ccp_headers_get(&r.headers, "x-amzn-bedrock-guardrailversion"),
	                    version);
	assert_non_null(
		strstr(ccp_headers_get(&r.headers, "authorization"),
	               "x-amzn-bedrock-guardrailidentifier;x-amzn-bedrock-guardrailversion"));
	ccp_bedrock_request_clear(&r);
}

#define GUARDRAIL_ARN "arn:aws:bedrock:us-east-1:111122223333:guardrail/abc1"

static void
test_guardrail_and_tier(void **state)
{
	char *env[] = { KEYS, "BEDROCK_SERVICE_TIER=flex", NULL };
	char *plain[] = { KEYS, "BEDROCK_SERVICE_TIER=default", NULL };
	struct ccp_translation t = { .target.id = "x", .stream = true };
	struct ccp_bedrock_request r = signed_request(env, &t);

	(void)state;
	assert_string_equal(ccp_headers_get(&r.headers, "x-amzn-bedrock-service-tier"), "flex");
	assert_non_null(strstr(ccp_headers_get(&r.headers, "authorization"),
	                       "x-amzn-bedrock-service-tier"));
	assert_null(ccp_headers_get(&r.headers, "x-amzn-bedrock-guardrailidentifier"));
	ccp_bedrock_request_clear(&r);
	r = signed_request(plain, &t);
	assert_null(ccp_headers_get(&r.headers, "x-amzn-bedrock-service-tier"));
	ccp_bedrock_request_clear(&r);
	check_guardrail("BEDROCK_GUARDRAIL=abc1:7", "abc1", "7");
	check_guardrail("BEDROCK_GUARDRAIL=abc1:DRAFT", "abc1", "DRAFT");
	check_guardrail("BEDROCK_GUARDRAIL=abc1", "abc1", "DRAFT");
	check_guardrail("BEDROCK_GUARDRAIL=" GUARDRAIL_ARN, GUARDRAIL_ARN, "DRAFT");
	check_guardrail("BEDROCK_GUARDRAIL=" GUARDRAIL_ARN ":12", GUARDRAIL_ARN, "12");
}

static void
test_wrong_settings(void **state)
{
	char *settings[] = { "BEDROCK_GUARDRAIL=a b", "BEDROCK_GUARDRAIL=ABC",
		             "BEDROCK_SERVICE_TIER=fast" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		char *env[] = { settings[i], NULL };
		struct ccp_config *config;

		assert_int_equal(ccp_config_load(env, &config, NULL), CCP_ERR_SETTING);
	}
}

/* Feeds plain events to a stream; gives the failure, if any. */
static struct ccp_bedrock_failure
feed_events(const char *text, struct ccp_meter *meter, struct ccp_buf *sse)
{
	struct ccp_bedrock_failure failure = { .name = "" };
	struct ccp_bedrock_stream *stream;

	assert_int_equal(ccp_bedrock_stream_new(CCP_BEDROCK_SSE, "m", meter, &stream, NULL),
	                 CCP_OK);
	ccp_bedrock_stream_feed(stream, text, strlen(text), sse);
	if (ccp_bedrock_stream_failure(stream))
		failure = *ccp_bedrock_stream_failure(stream);
	ccp_bedrock_stream_free(stream);
	return failure;
}

#define START(tokens)                                                                           \
	"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"x\"," \
	"\"usage\":{\"input_tokens\":" tokens ",\"output_tokens\":1}}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static void
test_nothing_follows_message_stop(void **state)
{
	struct ccp_buf once = CCP_BUF_INIT(65536), twice = CCP_BUF_INIT(65536);
	struct ccp_meter a = { .started = false }, b = { .started = false };

	(void)state;
	(void)feed_events(START("5") STOP, &a, &once);
	(void)feed_events(START("5") STOP START("999"), &b, &twice);
	assert_string_equal(ccp_buf_text(&twice), ccp_buf_text(&once));
	assert_int_equal(b.usage.input_tokens, 5);
	ccp_buf_clear(&once);
	ccp_buf_clear(&twice);
}

static void
test_an_error_event_says_whose_fault_it_is(void **state)
{
	struct ccp_buf sse = CCP_BUF_INIT(65536);
	struct ccp_meter meter = { .started = false };
	struct ccp_bedrock_failure f;

	(void)state;
	f = feed_events("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	                "\"invalid_request_error\",\"message\":\"invalid beta flag\"}}\n\n",
	                &meter, &sse);
	assert_true(f.clients_fault);
	assert_string_equal(f.message, "invalid beta flag");
	f = feed_events("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
	                "\"overloaded_error\",\"message\":\"x\"}}\n\n",
	                &meter, &sse);
	assert_false(f.clients_fault);
	assert_string_equal(f.type, "overloaded_error");
	assert_int_equal(sse.len, 0);
	ccp_buf_clear(&sse);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_become_anthropics_types),
		cmocka_unit_test(test_words_are_shown_without_arns_and_accounts),
		cmocka_unit_test(test_long_words_are_cut),
		cmocka_unit_test(test_request_line_and_fields),
		cmocka_unit_test(test_doors),
		cmocka_unit_test(test_guardrail_and_tier),
		cmocka_unit_test(test_wrong_settings),
		cmocka_unit_test(test_nothing_follows_message_stop),
		cmocka_unit_test(test_an_error_event_says_whose_fault_it_is),
	};

	return cmocka_run_group_tests_name("bedrock", tests, NULL, NULL);
}
