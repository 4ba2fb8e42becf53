#include "unit.h"

#include "shipped_models.h"
#include "base/json.h"
#include "upstream/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[] = "", global[] = "global";
static const struct ccp_config config = { .bedrock_profile = global,
	                                  .bedrock_default_model = empty,
	                                  .bedrock_model_overrides = empty };

/* What each refusal leads to. Sentences as reported from February to September 2026. */
static void
test_refusals(void **state)
{
	static const struct {
		const char *refusal;
		enum ccp_repair_kind kind;
		const char *name, *of;
	} rows[] = {
		{ "invalid beta flag", CCP_REPAIR_BETA, "*", "" },
		{ "invalid beta flag: advanced-tool-use-2025-11-20", CCP_REPAIR_BETA,
		  "advanced-tool-use-2025-11-20", "" },
		{ "Unexpected value(s) `afk-mode-2026-01-31` for the `anthropic-beta` header",
		  CCP_REPAIR_BETA, "afk-mode-2026-01-31", "" },
		{ "context_management: Extra inputs are not permitted", CCP_REPAIR_FIELD,
		  "context_management", "" },
		{ "***.***.***.***: Extra inputs are not permitted", CCP_REPAIR_NONE, "", "" },
		{ "tools.0.custom.defer_loading: Extra inputs are not permitted", CCP_REPAIR_TOOL,
		  "defer_loading", "" },
		{ "Malformed request: tools.12.strict: Extra inputs are not permitted",
		  CCP_REPAIR_TOOL, "strict", "" },
		{ "tools.0.custom.input_schema.properties.x: Extra inputs are not permitted",
		  CCP_REPAIR_NONE, "", "" },
		{ "messages.3.content.0.text.cache_control.ttl: Extra inputs are not permitted",
		  CCP_REPAIR_CACHE_CONTROL, "ttl", "" },
		{ "tools.20.custom.cache_control.ephemeral.ttl: Extra inputs are not permitted",
		  CCP_REPAIR_CACHE_CONTROL, "ttl", "" },
		{ "system.0.cache_control.scope: Extra inputs are not permitted",
		  CCP_REPAIR_CACHE_CONTROL, "scope", "" },
		{ "system.0.text.citations: Extra inputs are not permitted", CCP_REPAIR_BLOCK,
		  "citations", "text" },
		{ "messages.1.content.2.tool_use.caller: Extra inputs are not permitted",
		  CCP_REPAIR_BLOCK, "caller", "tool_use" },
		{ "messages.1.content.2.tool_result.content.0.image.title: Extra inputs are not "
		  "permitted",
		  CCP_REPAIR_BLOCK, "title", "image" },
		{ "messages.1.content.2.tool_use.input.x: Extra inputs are not permitted",
		  CCP_REPAIR_NONE, "", "" },
		{ "messages.1.output_config: Extra inputs are not permitted", CCP_REPAIR_MESSAGE,
		  "output_config", "" },
		{ "messages.0.content: Extra inputs are not permitted", CCP_REPAIR_NONE, "", "" },
		{ "output_config.format: Extra inputs are not permitted", CCP_REPAIR_MEMBER,
		  "format", "output_config" },
		{ "thinking.adaptive.display: Extra inputs are not permitted", CCP_REPAIR_MEMBER,
		  "display", "thinking" },
		{ "x-anthropic-billing-header is a reserved keyword and may not be used in the "
		  "system prompt.",
		  CCP_REPAIR_BILLING_HEADER, "", "" },
		{ "messages.1.content.0: Invalid `signature` in `thinking` block",
		  CCP_REPAIR_THINKING_BLOCKS, "", "" },
		{ "messages.1.content.0.thinking.signature: Field required",
		  CCP_REPAIR_THINKING_BLOCKS, "", "" },
		{ "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but "
		  "found `tool_use`.",
		  CCP_REPAIR_THINKING, "", "" },
		{ "messages.1.role: Input should be 'user' or 'assistant'", CCP_REPAIR_SYSTEM_ROLE,
		  "", "" },
		{ "This model does not support the effort parameter.", CCP_REPAIR_MEMBER, "effort",
		  "output_config" },
		{ "`temperature` is deprecated for this model.", CCP_REPAIR_FIELD, "temperature",
		  "" },
		{ "messages: at least one message is required", CCP_REPAIR_NONE, "", "" },
		{ "messages: Extra inputs are not permitted", CCP_REPAIR_NONE, "", "" },
		{ ": Extra inputs are not permitted", CCP_REPAIR_NONE, "", "" },
		{ "a..b: Extra inputs are not permitted", CCP_REPAIR_NONE, "", "" },
		{ "a.b.c.d.e.f.g.h.i.j.k.l.m: Extra inputs are not permitted", CCP_REPAIR_NONE, "",
		  "" },
		{ "", CCP_REPAIR_NONE, "", "" },
	};
	struct ccp_repair repair;
	char text[160];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool found = ccp_translate_repair(models, rows[i].refusal, &repair);

		if (repair.kind != rows[i].kind || strcmp(repair.name, rows[i].name) != 0 ||
		    strcmp(repair.of, rows[i].of) != 0)
			fail_msg("%s: %d %s %s", rows[i].refusal, repair.kind, repair.name,
			         repair.of);
		assert_int_equal(found, rows[i].kind != CCP_REPAIR_NONE);
		ccp_repair_text(&repair, text, sizeof(text));
		assert_true(*text && strstr(text, rows[i].name));
	}
}

static void
test_long_names_are_none(void **state)
{
	char refusal[900];
	struct ccp_repair repair;

	(void)state;
	memset(refusal, 'x', sizeof(refusal));
	snprintf(refusal + 300, 100, ": Extra inputs are not permitted");
	assert_false(ccp_translate_repair(models, refusal, &repair));
	snprintf(refusal, sizeof(refusal), "invalid beta flag %0400d-2025-11-20", 1);
	assert_true(ccp_translate_repair(models, refusal, &repair));
	assert_string_equal(repair.name, "*");
}

#define V "\"anthropic_version\":\"bedrock-2023-05-31\""
#define M(model) "\"model\":\"" model "\""
#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

/* The body of the second attempt after a refusal. */
static void
check(const char *refusal, const char *betas, const char *body, const char *want)
{
	struct ccp_repair repair;
	struct ccp_translate_input in = { .body = { body, strlen(body) },
		                          .anthropic_beta = betas,
		                          .repair = &repair };
	struct ccp_translation t;
	struct ccp_error err = { 0 };

	assert_true(ccp_translate_repair(models, refusal, &repair));
	if (ccp_translate_request(models, &config, &in, &t, &err))
		fail_msg("%s: %s", err.text, body);
	assert_string_equal(ccp_buf_text(&t.body), want);
	assert_true(ccp_json_valid((struct ccp_span){ t.body.data, t.body.len }));
	ccp_translation_clear(&t);
}

#define EXTRA ": Extra inputs are not permitted"

static void
test_members_go(void **state)
{
	(void)state;
	check("system" EXTRA, NULL,
	      "{" M("claude-opus-5") "," HI ",\"max_tokens\":1,\"system\":\"s\"}",
	      "{" V "," HI ",\"max_tokens\":1}");
	check("tools.7.custom.defer_loading" EXTRA, "tool-search-tool-2025-10-19",
	      "{" M("claude-opus-5") "," HI
	                             ",\"tools\":[{\"name\":\"a\",\"defer_loading\":true},{\"name\":"
	                             "\"b\",\"defer_loading\":true,\"cache_control\":{\"type\":\"ephemeral\"},"
	                             "\"input_schema\":{\"defer_loading\":1}}]}",
	      "{" V ",\"anthropic_beta\":[\"tool-search-tool-2025-10-19\"]," HI
	      ",\"tools\":[{\"name\":\"a\"},{\"name\":\"b\",\"cache_control\":{\"type\":"
	      "\"ephemeral\"},\"input_schema\":{\"defer_loading\":1}}]}");
	check("messages.3.content.0.text.cache_control.ttl" EXTRA, NULL,
	      "{" M("claude-opus-5") ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"},"
	                             "\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"ttl\":\"1h\","
	                             "\"type\":\"ephemeral\"}}],\"messages\":[{\"role\":\"user\",\"content\":[{"
	                             "\"type\":\"tool_use\",\"id\":\"t\",\"input\":{\"cache_control\":{\"ttl\":1}},"
	                             "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}}]}]}",
	      "{" V ",\"cache_control\":{\"type\":\"ephemeral\"},\"system\":[{\"type\":\"text\","
	      "\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[{\"role\":"
	      "\"user\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"input\":{"
	      "\"cache_control\":{\"ttl\":1}},\"cache_control\":{\"type\":\"ephemeral\"}}]}]}");
	check("messages.0.content.0.tool_use.caller" EXTRA, NULL,
	      "{" M("claude-opus-5") ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
	                             "\"tool_use\",\"caller\":{},\"input\":{\"caller\":1}},{\"type\":\"text\","
	                             "\"text\":\"a\",\"caller\":2},{\"caller\":3,\"type\":\"tool_use\"}]}]}",
	      "{" V
	      ",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\",\"input\":"
	      "{\"caller\":1}},{\"type\":\"text\",\"text\":\"a\",\"caller\":2},{\"type\":"
	      "\"tool_use\"}]}]}");
	check("output_config.effort" EXTRA, NULL,
	      "{" M("claude-opus-5") "," HI ",\"output_config\":{\"effort\":\"low\"}}",
	      "{" V "," HI "}");
	check("thinking.adaptive.display" EXTRA, NULL,
	      "{" M("claude-opus-5") "," HI
	                             ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}}",
	      "{" V "," HI ",\"thinking\":{\"type\":\"adaptive\"}}");
	check("thinking.adaptive.display" EXTRA, NULL,
	      "{" M("claude-opus-5") "," HI
	                             ",\"thinking\":{\"type\":\"enabled\",\"display\":\"omitted\"}}",
	      "{" V "," HI ",\"thinking\":{\"type\":\"adaptive\"}}");
	check("tool_choice.disable_parallel_tool_use" EXTRA, NULL,
	      "{" M("claude-opus-5") "," HI ",\"tool_choice\":{\"type\":\"auto\","
	                             "\"disable_parallel_tool_use\":true},\"stop_sequences\":[\"a\"]}",
	      "{" V "," HI ",\"tool_choice\":{\"type\":\"auto\"},\"stop_sequences\":[\"a\"]}");
}

static void
test_text_and_roles(void **state)
{
	(void)state;
	/* the rules leave it out of the system prompt already; here it stands elsewhere, too */
	check("x-anthropic-billing-header is a reserved keyword", NULL,
	      "{" M("claude-opus-5") ",\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-"
	                             "header: a\"},{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[{\"role\":"
	                             "\"user\",\"content\":\"hi\"},{\"role\":\"system\",\"content\":[{\"type\":"
	                             "\"text\",\"text\":\"x-anthropic-billing-header: b\"}]}]}",
	      "{" V ",\"system\":[{\"type\":\"text\",\"text\":\"s\"}]," HI "}");
	check("messages.1.role: Input should be 'user' or 'assistant'", NULL,
	      "{" M("claude-opus-5") ",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}]}",
	      "{" V ",\"messages\":[{\"role\":\"user\",\"content\":\"s\"}]}");
}

#define THOUGHT "{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"\"}"
#define TURN(role, blocks) "{\"role\":\"" role "\",\"content\":[" blocks "]}"
#define USE "{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"n\",\"input\":{}}"
#define RESULT "{\"type\":\"tool_result\",\"tool_use_id\":\"i\"}"
#define SIGNATURE "messages.1.content.0: Invalid `signature` in `thinking` block"

static void
test_thinking_blocks(void **state)
{
	static const char turns[] = "\"messages\":[" TURN("user", "{\"type\":\"text\",\"text\":\"a\"}") "," TURN(
		"assistant",
		THOUGHT) "," TURN("assistant", THOUGHT
	                          ",{\"type\":\"redacted_thinking\",\"data\":\"x\"}," USE) "," TURN("user",
	                                                                                            RESULT) "]";
	static const char left[] =
		"\"messages\":[" TURN("user", "{\"type\":\"text\",\"text\":\"a\"}") "," TURN(
			"assistant", USE) "," TURN("user", RESULT) "]";
	static const char budget[] = ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}";
	static const char adaptive[] = ",\"thinking\":{\"type\":\"adaptive\"}";
	char body[1024], want[1024];

	(void)state;
	snprintf(body, sizeof(body), "{" M("claude-opus-5") ",%s%s}", turns, adaptive);
	snprintf(want, sizeof(want), "{" V ",%s%s}", left, adaptive);
	check(SIGNATURE, NULL, body, want);
	/* a turn under way must begin with its thinking where there is a budget: so there is none */
	snprintf(body, sizeof(body), "{" M("claude-opus-4-5") ",%s%s}", turns, budget);
	snprintf(want, sizeof(want), "{" V ",%s}", left);
	check(SIGNATURE, NULL, body, want);
	snprintf(body, sizeof(body), "{" M("claude-opus-4-5") ",\"max_tokens\":9000,%s%s}", turns,
	         adaptive);
	snprintf(want, sizeof(want), "{" V ",\"max_tokens\":9000,%s}", left);
	check(SIGNATURE, NULL, body, want);
	snprintf(body, sizeof(body), "{" M("claude-opus-4-5") "," HI "%s}", budget);
	snprintf(want, sizeof(want), "{" V "," HI "%s}", budget);
	check(SIGNATURE, NULL, body, want);
	snprintf(body, sizeof(body), "{" M("claude-opus-5") ",%s%s}", turns, adaptive);
	snprintf(want, sizeof(want), "{" V ",%s}", left);
	check("Expected `thinking` or `redacted_thinking`, but found `text`", NULL, body, want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),        cmocka_unit_test(test_long_names_are_none),
		cmocka_unit_test(test_members_go),      cmocka_unit_test(test_text_and_roles),
		cmocka_unit_test(test_thinking_blocks),
	};

	return cmocka_run_group_tests_name("translate_repair", tests, load, unload);
}
