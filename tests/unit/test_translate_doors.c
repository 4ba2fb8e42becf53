/* covers: translate_count */
#include "unit.h"

#include "shipped_models.h"
#include "base/json.h"
#include "upstream/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

static char empty[] = "", global[] = "global";
static struct ccp_config config = { .bedrock_profile = global,
	                            .bedrock_default_model = empty,
	                            .bedrock_model_overrides = empty };

#define M(model) "\"model\":\"" model "\""
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void
check_messages(const struct ccp_translate_input *in, const char *body, const char *version,
               const char *betas)
{
	struct ccp_translation t;
	struct ccp_error err = { 0 };

	if (ccp_translate_request(models, &config, in, &t, &err))
		fail_msg("%s", err.text);
	assert_int_equal(t.door, CCP_DOOR_MESSAGES);
	assert_string_equal(ccp_buf_text(&t.body), body);
	assert_string_equal(t.version_header, version);
	assert_string_equal(t.beta_header ? t.beta_header : "", betas);
	ccp_translation_clear(&t);
	ccp_translation_clear(&t);
}

static void
test_messages_endpoint(void **state)
{
	struct ccp_translate_input in = {
		.body = CCP_SPAN(
			"{" M("claude-opus-5-5[1m]") ",\"stream\":true," HI
						     ",\"speed\":\"fast\",\"max_tokens\":0.10}"),
		.anthropic_version = "2023-06-01",
		.anthropic_beta = "oauth-2025-04-20,effort-2025-11-24,context-1m-2025-08-07",
	};

	(void)state;
	config.bedrock_api = CCP_BEDROCK_MESSAGES;
	check_messages(&in,
	               "{" M("global.anthropic.claude-opus-5-5") ",\"stream\":true," HI
	                                                         ",\"max_tokens\":0.10}",
	               "2023-06-01", "effort-2025-11-24,context-1m-2025-08-07");
	in.anthropic_version = "2026-10-21";
	in.anthropic_beta = NULL;
	in.body = CCP_SPAN("{" M("x") ",\"stream\":null," M("claude-opus-5") "," HI "}");
	check_messages(&in,
	               "{" M("global.anthropic.claude-opus-5") "," M(
			       "global.anthropic.claude-opus-5") "," HI "}",
	               "2026-10-21", "");
	/* the older version for a model that takes no other, whatever the client says */
	in.body = CCP_SPAN("{" M("claude-opus-4-5") "," HI ",\"stream\":false}");
	check_messages(&in,
	               "{" M("global.anthropic.claude-opus-4-5-20251101-v1:0") "," HI
	                                                                       ",\"stream\":false}",
	               "2023-06-01", "");
	config.bedrock_api = CCP_BEDROCK_INVOKE;
}

#define COUNT_HEAD "{\"input\":{\"invokeModel\":{\"body\":\""
#define COUNT_TAIL "\"}}}"

/* The body that is counted, and what is around it. */
static void
check_count(const char *body, const char *id, const char *want)
{
	static const char head[] = COUNT_HEAD;
	struct ccp_translate_input in = { .body = { body, strlen(body) } };
	struct ccp_translation t;
	struct ccp_error err = { 0 };
	unsigned char inner[1024];
	size_t n;

	if (ccp_translate_count(models, &config, &in, &t, &err))
		fail_msg("%s", err.text);
	assert_int_equal(t.door, CCP_DOOR_COUNT_TOKENS);
	assert_false(t.stream);
	assert_string_equal(t.target.id, id);
	assert_true(ccp_json_valid((struct ccp_span){ t.body.data, t.body.len }));
	assert_memory_equal(t.body.data, head, sizeof(head) - 1);
	assert_string_equal(t.body.data + t.body.len - 4, COUNT_TAIL);
	n = t.body.len - (sizeof(head) - 1) - 4;
	assert_true(n <= 1360);
	assert_true(EVP_DecodeBlock(inner, (unsigned char *)t.body.data + sizeof(head) - 1,
	                            (int)n) > 0);
	assert_memory_equal(inner, want, strlen(want));
	ccp_translation_clear(&t);
}

#define V "\"anthropic_version\":\"bedrock-2023-05-31\""

static void
test_count(void **state)
{
	struct ccp_translate_input in = { .body = CCP_SPAN("{" M("claude-opus-5") "," HI "}") };
	static char star[] = "{\"*\":\"claude-haiku-4-5\"}";
	struct ccp_translation t;
	struct ccp_error err = { 0 };

	(void)state;
	check_count("{" M("claude-haiku-4-5-20251001") "," HI "}",
	            "anthropic.claude-haiku-4-5-20251001-v1:0",
	            "{" V ",\"max_tokens\":64000," HI "}");
	/* a budget has room, and max_tokens of the client's own stays */
	check_count(
		"{" M("claude-opus-4-1") "," HI
					 ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":31999}}",
		"anthropic.claude-opus-4-1-20250805-v1:0",
		"{" V ",\"max_tokens\":32000," HI
		",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":31999}}");
	check_count("{" M("claude-opus-4-1") "," HI ",\"max_tokens\":5}",
	            "anthropic.claude-opus-4-1-20250805-v1:0", "{" V "," HI ",\"max_tokens\":5}");
	assert_int_equal(ccp_translate_count(models, &config, &in, &t, &err), CCP_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "counts no tokens for \"claude-opus-5\""));
	ccp_translation_clear(&t);
	config.bedrock_model_overrides = star;
	check_count("{" M("claude-opus-5") "," HI "}", "anthropic.claude-haiku-4-5-20251001-v1:0",
	            "{" V ",\"max_tokens\":64000," HI "}");
	config.bedrock_model_overrides = empty;
}

/* Pieces of the body join without a seam. */
static void
test_count_of_a_large_body(void **state)
{
	static const char head[] =
		"{" M("claude-haiku-4-5") ",\"messages\":[{\"role\":\"user\",\"content\":\"";
	size_t fill = 200001, n = sizeof(head) - 1 + fill + 4;
	char *body = malloc(n);
	struct ccp_translate_input in = { .body = { body, n } };
	struct ccp_translation t;
	unsigned char *inner;
	size_t around = strlen(COUNT_HEAD COUNT_TAIL);

	(void)state;
	assert_non_null(body);
	memcpy(body, head, sizeof(head) - 1);
	memset(body + sizeof(head) - 1, 'a', fill);
	memcpy(body + n - 4, "\"}]}", 4);
	assert_int_equal(ccp_translate_count(models, &config, &in, &t, NULL), CCP_OK);
	inner = malloc(t.body.len);
	assert_non_null(inner);
	assert_true(EVP_DecodeBlock(inner, (unsigned char *)t.body.data + strlen(COUNT_HEAD),
	                            (int)(t.body.len - around)) > 200000);
	assert_non_null(memmem(inner, 300, "aaaa", 4));
	assert_memory_equal(strchr((char *)inner, 'a'), "anthropic_version", 17);
	assert_non_null(memmem(inner + 200000, 400, "aaa\"}]}", 7));
	free(inner);
	free(body);
	ccp_translation_clear(&t);
}

static void
test_count_answer(void **state)
{
	struct ccp_buf out = CCP_BUF_INIT(256);
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_translate_count_answer(CCP_SPAN(" {\"inputTokens\": 123} "), &out,
	                                            &err),
	                 CCP_OK);
	assert_string_equal(ccp_buf_text(&out), "{\"input_tokens\":123}");
	ccp_buf_clear(&out);
	assert_int_equal(ccp_translate_count_answer(CCP_SPAN("{\"inputTokens\":-1}"), &out, &err),
	                 CCP_ERR_FORMAT);
	assert_int_equal(ccp_translate_count_answer(CCP_SPAN("{\"message\":\"x\"}"), &out, &err),
	                 CCP_ERR_FORMAT);
	assert_int_equal(ccp_translate_count_answer(CCP_SPAN("<html>"), &out, &err),
	                 CCP_ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_endpoint),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_count_of_a_large_body),
		cmocka_unit_test(test_count_answer),
	};

	return cmocka_run_group_tests_name("translate_doors", tests, load, unload);
}
