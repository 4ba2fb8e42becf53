#include "unit.h"

#include "shipped_models.h"
#include "base/json.h"
#include "upstream/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[] = "", global[] = "global";
static struct ccp_config config = { .bedrock_profile = global,
	                            .bedrock_default_model = empty,
	                            .bedrock_model_overrides = empty };

static struct ccp_span
span(const char *text)
{
	return (struct ccp_span){ text, strlen(text) };
}

static void
check_input(const struct ccp_translate_input *in, const char *want)
{
	struct ccp_translation t;
	struct ccp_error err = { 0 };

	if (ccp_translate_request(models, &config, in, &t, &err))
		fail_msg("%s: %.*s", err.text, (int)in->body.len, in->body.p);
	assert_string_equal(ccp_buf_text(&t.body), want);
	assert_true(ccp_json_valid((struct ccp_span){ t.body.data, t.body.len }));
	ccp_translation_clear(&t);
}

static void
check(const char *betas, const char *body, const char *want)
{
	struct ccp_translate_input in = { .body = span(body), .anthropic_beta = betas };

	check_input(&in, want);
}

static void
check_fails(const char *body, enum ccp_err want, const char *word)
{
	struct ccp_translate_input in = { .body = span(body) };
	struct ccp_translation t;
	struct ccp_error err = { 0 };

	assert_int_equal(ccp_translate_request(models, &config, &in, &t, &err), want);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" does not say \"%s\"", err.text, word);
	assert_int_equal(t.body.len, 0);
	ccp_translation_clear(&t);
}

#define V "\"anthropic_version\":\"bedrock-2023-05-31\""
#define M(model) "\"model\":\"" model "\""
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void
test_envelope(void **state)
{
	struct ccp_translate_input in = {
		.body = CCP_SPAN("\n{" M("claude-opus-5-5[1m]") ",\"max_tokens\":10," HI
		                                                ",\"stream\":true}"),
	};
	struct ccp_translation t;

	(void)state;
	assert_int_equal(ccp_translate_request(models, &config, &in, &t, NULL), CCP_OK);
	assert_string_equal(ccp_buf_text(&t.body), "{" V ",\"max_tokens\":10," HI "}");
	assert_string_equal(t.client_model, "claude-opus-5-5[1m]");
	assert_string_equal(t.target.id, "global.anthropic.claude-opus-5-5");
	assert_true(t.stream);
	ccp_translation_clear(&t);
	ccp_translation_clear(&t);
	/* white space and everything else that is not named keeps its bytes */
	check(NULL,
	      "{ " M("claude-opus-5") " ,\n  " HI
	                              " ,\n  \"stream\" : false ,\n  \"stop_sequences\": [ \"a\" ] }",
	      "{" V ", " HI " ,\n  \"stop_sequences\": [ \"a\" ] }");
}

static void
test_bytes_stay(void **state)
{
	static const char content[] =
		"\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
		"\"name\":\"n\",\"input\":{\"n\":12345678901234567890,\"e\":1e400,\"z\":0.10,"
		"\"s\":\"\\u00e9\\/\\ud800\",\"a\":1,\"a\":2,\"cache_control\":{\"scope\":1},"
		"\"source\":{\"type\":\"url\"},\"content\":[{\"type\":\"text\",\"text\":\"\"}],"
		"\"strict\":true}}]}]";
	char body[1024], want[1024];

	(void)state;
	snprintf(body, sizeof(body), "{" M("claude-opus-5") ",%s}", content);
	snprintf(want, sizeof(want), "{" V ",%s}", content);
	check(NULL, body, want);
}

/* Brackets inside a string are text, however many: a tool input may hold another program's JSON. */
static void
test_levels_inside_a_string_stay(void **state)
{
	static const char head[] =
		"\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\","
		"\"name\":\"n\",\"input\":{\"s\":\"";
	static const char tail[] = "\"}}]}]}";
	enum { LEVELS = 10000 };
	char *body = malloc(8 * LEVELS), *want = malloc(8 * LEVELS);
	char *levels = malloc(LEVELS * 6 + 1);
	int i;

	(void)state;
	assert_true(body && want && levels);
	for (i = 0; i < LEVELS; i++)
		memcpy(levels + (size_t)i * 6, "[{\\\"a:", 6);
	levels[LEVELS * 6] = '\0';
	snprintf(body, 8 * LEVELS, "{" M("claude-opus-5") ",%s%s%s", head, levels, tail);
	snprintf(want, 8 * LEVELS, "{" V ",%s%s%s", head, levels, tail);
	check(NULL, body, want);
	free(levels);
	free(want);
	free(body);
}

static void
test_version(void **state)
{
	struct ccp_translate_input in = { .body = CCP_SPAN("{" M("claude-opus-5") "," HI "}"),
		                          .anthropic_version = "2026-10-21" };

	(void)state;
	check_input(&in, "{\"anthropic_version\":\"2026-10-21\"," HI "}");
	in.body = CCP_SPAN("{" M("claude-opus-4-6") "," HI "}");
	check_input(&in, "{" V "," HI "}");
	in.body = CCP_SPAN("{" M("claude-opus-5") "," HI "}");
	in.anthropic_version = "2023-06-01";
	check_input(&in, "{" V "," HI "}");
}

static void
test_top_level(void **state)
{
	(void)state;
	check(NULL,
	      "{" M("claude-opus-4-6") ",\"inference_geo\":\"us\",\"speed\":\"fast\",\"service_tier\":\"auto\","
	                               "\"fallbacks\":[],\"container\":null,\"mcp_servers\":[],\"thread\":{},\"diagnostics\":{},"
	                               "\"billing_policy\":1,\"fallback_credit_token\":\"x\",\"safeguards\":[1],\"betas\":[],"
	                               "\"anthropic_version\":\"x\",\"anthropic_beta\":[\"x\"],\"user_profile_id\":\"x\","
	                               "\"new_thing\":{}," HI
	                               ",\"context_management\":{\"edits\":[]},\"output_format\":{},"
	                               "\"cache_control\":{\"type\":\"ephemeral\"},\"temperature\":1,\"top_p\":null,\"top_k\":5}",
	      "{" V "," HI ",\"temperature\":1,\"top_k\":5}");
	check(NULL,
	      "{" M("claude-opus-4-7") "," HI ",\"temperature\":1,\"top_p\":1,\"top_k\":5,"
	                               "\"cache_control\":{\"type\":\"ephemeral\",\"scope\":\"x\"}}",
	      "{" V "," HI ",\"cache_control\":{\"type\":\"ephemeral\"}}");
	/* twice the same key: both are edited, the last one is obeyed */
	check(NULL,
	      "{" M("claude-opus-5") ",\"model\":\"claude-opus-4-6\"," HI ",\"max_tokens\":999999,"
	                             "\"max_tokens\":999998}",
	      "{" V "," HI ",\"max_tokens\":128000,\"max_tokens\":128000}");
	/* keys with escapes are the same keys */
	check(NULL, "{\"mod\\u0065l\":\"claude-opus-5\",\"\\u0073peed\":1," HI "}",
	      "{" V "," HI "}");
}

static void
test_max_tokens(void **state)
{
	(void)state;
	check(NULL, "{" M("claude-opus-4-1") "," HI ",\"max_tokens\":128000}",
	      "{" V "," HI ",\"max_tokens\":32000}");
	check(NULL, "{" M("claude-opus-4-1") "," HI ",\"max_tokens\":32000}",
	      "{" V "," HI ",\"max_tokens\":32000}");
	check(NULL, "{" M("claude-opus-4-1") "," HI ",\"max_tokens\":99999999999999999999999}",
	      "{" V "," HI ",\"max_tokens\":32000}");
	check(NULL, "{" M("claude-opus-4-1") "," HI ",\"max_tokens\":1e9}",
	      "{" V "," HI ",\"max_tokens\":1e9}");
}

static void
test_thinking(void **state)
{
	static const struct {
		const char *model;
		const char *in;
		const char *out;
	} cases[] = {
		{ "claude-opus-5", "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}",
		  ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}" },
		{ "claude-opus-5", "\"thinking\":{\"type\":\"adaptive\",\"display\":\"updates\"}",
		  ",\"thinking\":{\"type\":\"adaptive\"}" },
		{ "claude-opus-4-6", "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}",
		  ",\"thinking\":{\"type\":\"adaptive\"}" },
		{ "claude-opus-5",
		  "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000,\"display\":\"omitted\"}",
		  ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}" },
		{ "claude-opus-4-6",
		  "\"thinking\":{\"budget_tokens\":2000,\"type\":\"enabled\",\"display\":\"omitted\"}",
		  ",\"thinking\":{\"budget_tokens\":2000,\"type\":\"enabled\"}" },
		{ "claude-opus-4-5",
		  "\"max_tokens\":10000,\"thinking\":{\"type\":\"adaptive\"},\"temperature\":0",
		  ",\"max_tokens\":10000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8000}" },
		{ "claude-opus-4-5",
		  "\"max_tokens\":10000,\"thinking\":{\"type\":\"adaptive\"},"
		  "\"output_config\":{\"effort\":\"low\"}",
		  ",\"max_tokens\":10000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}" },
		{ "claude-opus-4-5", "\"max_tokens\":1024,\"thinking\":{\"type\":\"adaptive\"}",
		  ",\"max_tokens\":1024" },
		{ "claude-opus-4-5", "\"max_tokens\":1025,\"thinking\":{\"type\":\"adaptive\"}",
		  ",\"max_tokens\":1025,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}" },
		{ "claude-opus-4-5", "\"thinking\":{\"type\":\"adaptive\"}", "" },
		{ "claude-opus-4-5",
		  "\"max_tokens\":9000,\"thinking\":{\"type\":\"adaptive\"},\"tool_choice\":{\"type\":\"any\"}",
		  ",\"max_tokens\":9000,\"tool_choice\":{\"type\":\"any\"}" },
		{ "claude-opus-4-1",
		  "\"max_tokens\":64000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":63999}",
		  ",\"max_tokens\":32000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":31999}" },
		{ "claude-opus-5", "\"thinking\":{\"type\":\"disabled\"}",
		  ",\"thinking\":{\"type\":\"disabled\"}" },
		{ "claude-opus-5", "\"thinking\":{\"type\":\"between_tools\"}",
		  ",\"thinking\":{\"type\":\"adaptive\"}" },
		{ "claude-opus-5", "\"thinking\":null", "" },
	};
	char body[512], want[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(body, sizeof(body), "{\"model\":\"%s\"," HI ",%s}", cases[i].model,
		         cases[i].in);
		snprintf(want, sizeof(want), "{" V "," HI "%s}", cases[i].out);
		check(NULL, body, want);
	}
	check("thinking-display-updates-2026-08-18",
	      "{" M("claude-opus-5") "," HI
	                             ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"updates\"}}",
	      "{" V ",\"anthropic_beta\":[\"thinking-display-updates-2026-08-18\"]," HI
	      ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"updates\"}}");
}

static void
test_output_config(void **state)
{
	(void)state;
	check(NULL,
	      "{" M("claude-opus-5") "," HI
	                             ",\"output_config\":{\"format\":{},\"effort\":\"low\",\"x\":1}}",
	      "{" V "," HI ",\"output_config\":{\"effort\":\"low\"}}");
	check(NULL, "{" M("claude-opus-5") "," HI ",\"output_config\":{\"format\":{}}}",
	      "{" V "," HI "}");
	check(NULL,
	      "{" M("claude-opus-4-6") "," HI
	                               ",\"output_config\":{\"format\":{},\"effort\":\"low\"}}",
	      "{" V "," HI ",\"output_config\":{\"format\":{},\"effort\":\"low\"}}");
	check(NULL, "{" M("claude-sonnet-4-5") "," HI ",\"output_config\":{\"effort\":\"low\"}}",
	      "{" V "," HI "}");
}

static void
test_metadata(void **state)
{
	(void)state;
	check(NULL,
	      "{" M("claude-opus-5") "," HI ",\"metadata\":{\"user_id\":\"a-B_1:@$#=/+,. x\"}}",
	      "{" V "," HI ",\"metadata\":{\"user_id\":\"a-B_1:@$#=/+,. x\"}}");
	check(NULL, "{" M("claude-opus-5") "," HI ",\"metadata\":{\"user_id\":\"{\\\"a\\\":1}\"}}",
	      "{" V "," HI "}");
	check(NULL, "{" M("claude-opus-5") "," HI ",\"metadata\":{\"user_id\":\"\xc3\xa9\"}}",
	      "{" V "," HI "}");
	check(NULL, "{" M("claude-opus-5") "," HI ",\"metadata\":{\"user_id\":null}}",
	      "{" V "," HI ",\"metadata\":{\"user_id\":null}}");
	check(NULL,
	      "{" M("claude-opus-5") "," HI ",\"metadata\":{\"user_id\":\"a\",\"more\":\"b\"}}",
	      "{" V "," HI "}");
}

static void
test_betas(void **state)
{
	static const struct ccp_repair effort = { CCP_REPAIR_BETA, "effort-2025-11-24", "" };
	static const struct ccp_repair all = { CCP_REPAIR_BETA, "*", "" };
	static const struct ccp_repair search = { CCP_REPAIR_BETA, "tool-search-tool-2025-10-19",
		                                  "" };
	static const char deferred[] =
		"{" M("claude-opus-5") "," HI
				       ",\"tools\":[{\"name\":\"a\",\"defer_loading\":true}]}";
	struct ccp_translate_input in = {
		.body = CCP_SPAN("{" M("claude-opus-5") "," HI "}"),
		.anthropic_beta = "claude-code-20250219, interleaved-thinking-2025-05-14 ,,"
				  "oauth-2025-04-20,unheard-of-2030-01-01,"
				  "interleaved-thinking-2025-05-14,effort-2025-11-24,"
				  "context-management-2025-06-27,advanced-tool-use-2025-11-20",
	};

	(void)state;
	check_input(&in, "{" V ",\"anthropic_beta\":[\"interleaved-thinking-2025-05-14\","
	                 "\"effort-2025-11-24\"]," HI "}");
	in.repair = &effort;
	check_input(&in, "{" V ",\"anthropic_beta\":[\"interleaved-thinking-2025-05-14\"]," HI "}");
	in.repair = &all;
	check_input(&in, "{" V "," HI "}");
	in.repair = NULL;
	in.body = CCP_SPAN("{" M("claude-haiku-4-5") "," HI "}");
	check_input(&in, "{" V "," HI "}");
	in.body = span(deferred);
	in.anthropic_beta = "advanced-tool-use-2025-11-20,tool-search-tool-2025-10-19";
	check_input(&in, "{" V ",\"anthropic_beta\":[\"tool-search-tool-2025-10-19\"]," HI
	                 ",\"tools\":[{\"name\":\"a\",\"defer_loading\":true}]}");
	/* a field that needs a flag goes when the flag goes */
	in.repair = &search;
	check_input(&in, "{" V "," HI ",\"tools\":[{\"name\":\"a\"}]}");
	/* a flag of a row with a * must be a plain word */
	in.repair = NULL;
	in.body = CCP_SPAN("{" M("claude-haiku-4-5") "," HI "}");
	in.anthropic_beta = "computer-use-\"x, computer-use-2030-01-01";
	check_input(&in, "{" V ",\"anthropic_beta\":[\"computer-use-2030-01-01\"]," HI "}");
}

static void
test_tools(void **state)
{
	(void)state;
	check("fine-grained-tool-streaming-2025-05-14",
	      "{" M("claude-opus-5") "," HI
	                             ",\"tools\":[{\"name\":\"a\",\"type\":\"custom\",\"strict\":true,"
	                             "\"input_schema\":{\"strict\":1},\"eager_input_streaming\":true,\"defer_loading\":true,"
	                             "\"input_examples\":[],\"cache_control\":{\"type\":\"ephemeral\",\"scope\":\"global\","
	                             "\"ttl\":\"1h\"}},{\"type\":\"bash_20250124\",\"name\":\"bash\",\"x\":1,\"strict\":true}]}",
	      "{" V ",\"anthropic_beta\":[\"fine-grained-tool-streaming-2025-05-14\"]," HI
	      ",\"tools\":[{\"name\":\"a\",\"type\":\"custom\",\"input_schema\":{\"strict\":1},"
	      "\"eager_input_streaming\":true,\"cache_control\":{\"type\":\"ephemeral\","
	      "\"ttl\":\"1h\"}},{\"type\":\"bash_20250124\",\"name\":\"bash\",\"x\":1}]}");
	check(NULL,
	      "{" M("claude-sonnet-4-0") "," HI
	                                 ",\"tools\":[{\"name\":\"a\",\"eager_input_streaming\":true,"
	                                 "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}",
	      "{" V "," HI
	      ",\"tools\":[{\"name\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]}");
}

static void
test_system(void **state)
{
	(void)state;
	check(NULL,
	      "{" M("claude-opus-5") "," HI ",\"system\":[{\"type\":\"text\",\"text\":"
	                             "\"x-anthropic-billing-header: a=b;\"},{\"type\":\"text\",\"text\":\"You\"},"
	                             "{\"type\":\"text\",\"text\":\"\",\"cache_control\":{\"type\":\"ephemeral\"}}]}",
	      "{" V "," HI ",\"system\":[{\"type\":\"text\",\"text\":\"You\"}]}");
	check(NULL,
	      "{" M("claude-opus-5") ",\"system\":[{\"type\":\"text\",\"text\":"
	                             "\"x-anthropic-billing-header: a=b;\"}]," HI "}",
	      "{" V "," HI "}");
	check(NULL,
	      "{" M("claude-opus-5") ",\"system\":\"x-anthropic-billing-header: a\\\\nb;\\nYou\"," HI
	                             "}",
	      "{" V ",\"system\":\"You\"," HI "}");
	check(NULL, "{" M("claude-opus-5") ",\"system\":\"x-anthropic-billing-header: a\"," HI "}",
	      "{" V "," HI "}");
	check(NULL, "{" M("claude-opus-5") ",\"system\":\"\"," HI "}", "{" V "," HI "}");
}

static void
test_messages(void **state)
{
	(void)state;
	check(NULL,
	      "{" M("claude-opus-5") ",\"messages\":[{\"role\":\"system\",\"content\":\"s\","
	                             "\"output_config\":{\"effort\":\"low\"}}]}",
	      "{" V ",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]}");
	check(NULL,
	      "{" M("claude-sonnet-5") ",\"messages\":[{\"output_config\":{},\"role\":\"system\","
	                               "\"content\":\"s\"}]}",
	      "{" V ",\"messages\":[{\"role\":\"user\",\"content\":\"s\"}]}");
	/* empty text, and messages that it leaves empty, but for the prefill */
	check(NULL,
	      "{" M("claude-opus-5") ",\"messages\":[{\"role\":\"user\",\"content\":\"\"},"
	                             "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\"},"
	                             "{\"type\":\"text\",\"text\":\"a\"}]},{\"role\":\"assistant\",\"content\":"
	                             "[{\"type\":\"text\",\"text\":\"\"}]},{\"role\":\"assistant\",\"content\":\"\"}]}",
	      "{" V
	      ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
	      "{\"role\":\"assistant\",\"content\":\"\"}]}");
	/* cache_control wherever it can be */
	check(NULL,
	      "{" M("claude-opus-4-1") ",\"messages\":[{\"role\":\"user\",\"content\":["
	                               "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"cache_control\":{\"ttl\":\"5m\","
	                               "\"type\":\"ephemeral\"},\"content\":[{\"type\":\"text\",\"text\":\"\"},"
	                               "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\","
	                               "\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\",\"scope\":1}}]}}]}]}]}",
	      "{" V ",\"messages\":[{\"role\":\"user\",\"content\":["
	      "{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"cache_control\":{"
	      "\"type\":\"ephemeral\"},\"content\":["
	      "{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\","
	      "\"text\":\"a\",\"cache_control\":{\"type\":\"ephemeral\"}}]}}]}]}]}");
}

#define BLOCK(block) \
	"{" M("claude-opus-5") ",\"messages\":[{\"role\":\"user\",\"content\":[" block "]}]}"

static void
test_unsupported(void **state)
{
	struct ccp_translate_input in = { .body = CCP_SPAN("{" M("claude-opus-5") "," HI "}"),
		                          .content_encoding = "gzip" };
	struct ccp_translation t;
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_translate_request(models, &config, &in, &t, &err),
	                 CCP_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, "gzip"));
	ccp_translation_clear(&t);
	in.content_encoding = "identity";
	check_input(&in, "{" V "," HI "}");
	check_fails("", CCP_ERR_FORMAT, "not JSON");
	check_fails("{\"model\":", CCP_ERR_FORMAT, "not JSON");
	check_fails("[]", CCP_ERR_UNSUPPORTED, "Messages");
	check_fails("{" M("claude-opus-5") "}", CCP_ERR_UNSUPPORTED, "Messages");
	check_fails("{" M("claude-opus-5") ",\"messages\":{}}", CCP_ERR_UNSUPPORTED, "Messages");
	check_fails("{\"model\":7," HI "}", CCP_ERR_UNSUPPORTED, "Messages");
	check_fails("{\"model\":\"a\\u0000\"," HI "}", CCP_ERR_UNSUPPORTED, "NUL");
	check_fails("{" M("claude-9") "," HI "}", CCP_ERR_UNSUPPORTED, "claude-9");
	check_fails("{" M("claude-opus-5") "," HI ",\"container\":\"c\"}", CCP_ERR_UNSUPPORTED,
	            "container");
	check_fails("{" M("claude-opus-5") "," HI ",\"mcp_servers\":[{}]}", CCP_ERR_UNSUPPORTED,
	            "mcp_servers");
	check_fails("{" M("claude-opus-5") "," HI
	                                   ",\"tools\":[{\"type\":\"web_search_20250305\"}]}",
	            CCP_ERR_UNSUPPORTED, "server tool of type web_search_20250305");
	check_fails("{" M("claude-opus-5") "," HI ",\"tools\":[{\"type\":\"mcp_toolset\"}]}",
	            CCP_ERR_UNSUPPORTED, "mcp_toolset");
	check_fails(
		BLOCK("{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x\"}}"),
		CCP_ERR_UNSUPPORTED, "source of type url");
	check_fails(BLOCK("{\"type\":\"document\",\"source\":{\"type\":\"file\"}}"),
	            CCP_ERR_UNSUPPORTED, "source of type file");
	check_fails(BLOCK("{\"type\":\"tool_result\",\"content\":[{\"type\":\"image\",\"source\":"
	                  "{\"type\":\"\\u0075rl\"}}]}"),
	            CCP_ERR_UNSUPPORTED, "source of type url");
	check_fails(BLOCK("{\"type\":\"web_search_tool_result\"}"), CCP_ERR_UNSUPPORTED,
	            "web_search_tool_result");
	check_fails(BLOCK("{\"type\":\"container_upload\"}"), CCP_ERR_UNSUPPORTED,
	            "container_upload");
}

/* An override to something that no table knows: nothing goes that some model might refuse. */
static void
test_unknown_target_is_strict(void **state)
{
	static char star[] = "{\"*\":\"arn:aws:bedrock:us-east-1:111122223333:"
			     "application-inference-profile/x\"}";

	(void)state;
	config.bedrock_model_overrides = star;
	check("interleaved-thinking-2025-05-14,computer-use-2025-01-24",
	      "{" M("claude-opus-5") "," HI
	                             ",\"thinking\":{\"type\":\"adaptive\"},\"temperature\":1,"
	                             "\"max_tokens\":500000,\"output_config\":{\"effort\":\"low\"}}",
	      "{" V "," HI ",\"max_tokens\":500000}");
	config.bedrock_model_overrides = empty;
}

static void
check_event(const char *json, const char *want, struct ccp_meter *meter)
{
	struct ccp_buf sse = CCP_BUF_INIT(4096);
	struct ccp_error err = { 0 };
	bool is_error;

	if (ccp_translate_event(span(json), "claude-\"x[1m]", &sse, meter, &is_error, &err))
		fail_msg("%s: %s", err.text, json);
	assert_string_equal(ccp_buf_text(&sse), want);
	assert_false(is_error);
	ccp_buf_clear(&sse);
}

static void
test_events(void **state)
{
	struct ccp_meter meter = { 0 };
	struct ccp_buf sse = CCP_BUF_INIT(100);
	struct ccp_error err;
	bool is_error;

	(void)state;
	check_event("{\"type\":\"message_start\",\"message\":{\"id\":\"msg_bdrk_1\",\"model\":"
	            "\"claude-opus-5-5\",\"content\":[{\"model\":\"m\"}],\"usage\":"
	            "{\"input_tokens\":3,\"output_tokens\":1}}}",
	            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"
	            "{\"id\":\"msg_bdrk_1\",\"model\":\"claude-\\\"x[1m]\",\"content\":[{\"model\":"
	            "\"m\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n",
	            &meter);
	check_event("{ \"type\" : \"content_block_delta\",\r\n\"delta\":{\"type\":\"text_delta\","
	            "\"text\":\"\\n\\u00e9 1.50\"} }",
	            "event: content_block_delta\ndata: { \"type\" : \"content_block_delta\",  "
	            "\"delta\":{\"type\":\"text_delta\",\"text\":\"\\n\\u00e9 1.50\"} }\n\n",
	            &meter);
	check_event(
		"{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":1}}",
		"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", &meter);
	check_event("{\"amazon-bedrock-invocationMetrics\":{},\"type\":\"message_stop\"}",
	            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", &meter);
	check_event("{\"kind\":1}", "", &meter);
	check_event("[]", "", &meter);
	check_event("{\"type\":\"a\\nb\"}", "", &meter);
	assert_int_equal(meter.usage.input_tokens, 3);
	assert_int_equal(meter.streamed_bytes, 8);
	assert_true(meter.complete);
	assert_int_equal(ccp_translate_event(span("{\"type\":\"error\",\"error\":{}}"), "m", &sse,
	                                     &meter, &is_error, &err),
	                 CCP_OK);
	assert_true(is_error);
	assert_int_equal(sse.len, 0);
	assert_int_equal(ccp_translate_event(span("{\"type\":"), "m", &sse, &meter, &is_error,
	                                     &err),
	                 CCP_ERR_FORMAT);
	ccp_buf_clear(&sse);
}

static void
test_answer(void **state)
{
	static const char answer[] =
		"{\"model\":\"claude-opus-5-5\",\"id\":\"m\",\"type\":\"message\",\"content\":"
		"[{\"type\":\"tool_use\",\"input\":{\"model\":1e400,\"amazon-bedrock-invocationMetrics\":1}}],"
		"\"usage\":{\"input_tokens\":5,\"output_tokens\":6},\"amazon-bedrock-invocationMetrics\":{}}";
	static const char want[] =
		"{\"model\":\"claude-opus-5-5[1m]\",\"id\":\"m\",\"type\":\"message\",\"content\":"
		"[{\"type\":\"tool_use\",\"input\":{\"model\":1e400,\"amazon-bedrock-invocationMetrics\":1}}],"
		"\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}";
	struct ccp_buf out = CCP_BUF_INIT(4096);
	struct ccp_meter meter = { 0 };
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_translate_answer(span(answer), "claude-opus-5-5[1m]", &out, &meter,
	                                      &err),
	                 CCP_OK);
	assert_string_equal(ccp_buf_text(&out), want);
	assert_int_equal(meter.usage.output_tokens, 6);
	assert_true(meter.complete);
	assert_int_equal(ccp_translate_answer(span("<html>"), "m", &out, &meter, &err),
	                 CCP_ERR_FORMAT);
	ccp_buf_clear(&out);
}

/* 24 MiB of body fit, and one that stays over Bedrock's ceiling is refused. */
static void
test_size(void **state)
{
	static const char head[] =
		"{" M("claude-opus-5") ",\"messages\":[{\"role\":\"user\",\"content\":\"";
	static const char tail[] = "\"}]}";
	size_t fill = CCP_BEDROCK_BODY_MAX_BYTES, n = sizeof(head) - 1 + fill + sizeof(tail) - 1;
	char *body = malloc(n);
	struct ccp_translate_input in = { .body = { body, n } };
	struct ccp_translation t;
	struct ccp_error err;

	(void)state;
	assert_non_null(body);
	memcpy(body, head, sizeof(head) - 1);
	memset(body + sizeof(head) - 1, '[', fill);
	memcpy(body + sizeof(head) - 1 + fill, tail, sizeof(tail) - 1);
	assert_int_equal(ccp_translate_request(models, &config, &in, &t, &err), CCP_ERR_LIMIT);
	ccp_translation_clear(&t);
	free(body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_bytes_stay),
		cmocka_unit_test(test_levels_inside_a_string_stay),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_top_level),
		cmocka_unit_test(test_max_tokens),
		cmocka_unit_test(test_thinking),
		cmocka_unit_test(test_output_config),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_betas),
		cmocka_unit_test(test_tools),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_unsupported),
		cmocka_unit_test(test_unknown_target_is_strict),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests_name("translate", tests, load, unload);
}
