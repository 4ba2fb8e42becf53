#include "base/json.h"
#include "upstream/translate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static struct ccp_models *models;

/* The tables that ship, from the source folder. */
static void
load(void)
{
	const char *root = getenv("abs_top_srcdir");
	char models_path[512], prices_path[512];
	struct ccp_error err = { 0 };

	if (models)
		return;
	snprintf(models_path, sizeof(models_path), "%s/data/models.csv", root ? root : ".");
	snprintf(prices_path, sizeof(prices_path), "%s/data/prices.csv", root ? root : ".");
	if (ccp_models_load(models_path, prices_path, &models, &err)) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

/* The fields that must never reach InvokeModel. */
static void
check_fields(struct ccp_span body)
{
	static const char *const never[] = { "model",        "stream",    "context_management",
		                             "service_tier", "container", "mcp_servers",
		                             "betas" };
	size_t i;

	for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		REQUIRE(ccp_json_member(body, never[i]).len == 0);
	REQUIRE(ccp_json_type(ccp_json_member(body, "anthropic_version")) == CCP_JSON_STRING);
}

/* The same members, byte for byte; the white space between them may differ. */
static void
check_same_members(struct ccp_span a, struct ccp_span b)
{
	struct ccp_json_iter it = ccp_json_each(a), other = ccp_json_each(b);
	struct ccp_json_item x, y;

	while (ccp_json_next(&it, &x)) {
		REQUIRE(ccp_json_next(&other, &y));
		REQUIRE(x.whole.len == y.whole.len);
		REQUIRE(memcmp(x.whole.p, y.whole.p, x.whole.len) == 0);
	}
	REQUIRE(!ccp_json_next(&other, &y));
}

/*
 * A valid body stays valid, and a translated one, given its model back,
 * translates to itself: there is nothing left to remove.
 */
static void
check_request(struct ccp_span body, const char *betas)
{
	static char empty[] = "", global[] = "global", haiku[] = "claude-haiku-4-5";
	struct ccp_config config = { .bedrock_profile = global,
		                     .bedrock_default_model = haiku,
		                     .bedrock_model_overrides = empty };
	struct ccp_translate_input in = { .body = body, .anthropic_beta = betas };
	struct ccp_translation once, twice;
	struct ccp_buf again = CCP_BUF_INIT(1 << 24);
	enum ccp_err rc = ccp_translate_request(models, &config, &in, &once, NULL);

	REQUIRE((rc == CCP_ERR_FORMAT) == !ccp_json_valid(body));
	if (rc == CCP_OK) {
		struct ccp_span result = { once.body.data, once.body.len };

		REQUIRE(ccp_json_valid(result));
		check_fields(result);
		ccp_buf_puts(&again, "{\"model\":");
		ccp_json_add_string(&again, once.client_model, strlen(once.client_model));
		ccp_buf_puts(&again, ",");
		ccp_buf_add(&again, result.p + 1, result.len - 1);
		in.body = (struct ccp_span){ again.data, again.len };
		REQUIRE(ccp_translate_request(models, &config, &in, &twice, NULL) == CCP_OK);
		check_same_members(result, (struct ccp_span){ twice.body.data, twice.body.len });
		ccp_translation_clear(&twice);
	}
	ccp_translation_clear(&once);
	ccp_buf_clear(&again);
}

/* The members of a but those called name are all of b's, byte for byte. */
static void
check_without(struct ccp_span a, struct ccp_span b, const char *name)
{
	struct ccp_json_iter it = ccp_json_each(a), other = ccp_json_each(b);
	struct ccp_json_item x, y;

	while (ccp_json_next(&it, &x)) {
		if (ccp_json_string_is(x.key, name))
			continue;
		REQUIRE(ccp_json_next(&other, &y));
		REQUIRE(x.whole.len == y.whole.len);
		REQUIRE(memcmp(x.whole.p, y.whole.p, x.whole.len) == 0);
	}
	REQUIRE(!ccp_json_next(&other, &y));
}

/* A repair removes the member that it names and nothing else; any repair leaves valid JSON. */
static void
check_repairs(struct ccp_span body)
{
	static char empty[] = "", global[] = "global", opus[] = "claude-opus-5";
	static const char *const fields[] = { "system", "tools", "stop_sequences", "tool_choice" };
	struct ccp_config config = { .bedrock_profile = global,
		                     .bedrock_default_model = opus,
		                     .bedrock_model_overrides = empty };
	struct ccp_repair repair = { 0 };
	struct ccp_translate_input in = { .body = body };
	struct ccp_translation whole, less;
	size_t i;
	int kind;

	if (ccp_translate_request(models, &config, &in, &whole, NULL) == CCP_OK) {
		in.repair = &repair;
		repair.kind = CCP_REPAIR_FIELD;
		for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			snprintf(repair.name, sizeof(repair.name), "%s", fields[i]);
			REQUIRE(ccp_translate_request(models, &config, &in, &less, NULL) == CCP_OK);
			check_without((struct ccp_span){ whole.body.data, whole.body.len },
			              (struct ccp_span){ less.body.data, less.body.len },
			              fields[i]);
			ccp_translation_clear(&less);
		}
		snprintf(repair.name, sizeof(repair.name), "ttl");
		for (kind = CCP_REPAIR_BETA; kind <= CCP_REPAIR_SYSTEM_ROLE; kind++) {
			repair.kind = (enum ccp_repair_kind)kind;
			REQUIRE(ccp_translate_request(models, &config, &in, &less, NULL) == CCP_OK);
			REQUIRE(ccp_json_valid((struct ccp_span){ less.body.data, less.body.len }));
			ccp_translation_clear(&less);
		}
	}
	ccp_translation_clear(&whole);
}

/* The other doors: valid JSON, and the Messages endpoint gets the model and the same stream. */
static void
check_doors(struct ccp_span body, const char *betas)
{
	static char empty[] = "", global[] = "global", haiku[] = "claude-haiku-4-5";
	struct ccp_config config = { .bedrock_profile = global,
		                     .bedrock_default_model = haiku,
		                     .bedrock_api = CCP_BEDROCK_MESSAGES,
		                     .bedrock_model_overrides = empty };
	struct ccp_translate_input in = { .body = body, .anthropic_beta = betas };
	struct ccp_translation t;

	if (ccp_translate_request(models, &config, &in, &t, NULL) == CCP_OK) {
		struct ccp_span result = { t.body.data, t.body.len };

		REQUIRE(ccp_json_valid(result));
		REQUIRE(ccp_json_string_is(ccp_json_member(result, "model"), t.target.id));
		REQUIRE(t.version_header && !ccp_json_member(result, "anthropic_version").len);
	}
	ccp_translation_clear(&t);
	if (ccp_translate_count(models, &config, &in, &t, NULL) == CCP_OK)
		REQUIRE(ccp_json_valid((struct ccp_span){ t.body.data, t.body.len }));
	ccp_translation_clear(&t);
}

/* A refusal is outside text, too. */
static void
check_refusal(struct ccp_span text)
{
	struct ccp_repair repair;
	char *refusal = malloc(text.len + 1), words[160];
	bool found;

	REQUIRE(refusal);
	memcpy(refusal, text.p, text.len);
	refusal[text.len] = '\0';
	found = ccp_translate_repair(models, refusal, &repair);
	REQUIRE(found == (repair.kind != CCP_REPAIR_NONE));
	ccp_repair_text(&repair, words, sizeof(words));
	free(refusal);
}

/* An event becomes one frame: two lines and an empty one, or nothing. */
static void
check_event(struct ccp_span json)
{
	struct ccp_buf sse = CCP_BUF_INIT(1 << 24);
	struct ccp_meter meter = { 0 };
	bool is_error;
	enum ccp_err rc = ccp_translate_event(json, "claude-x", &sse, &meter, &is_error, NULL);
	const char *p;
	size_t lines = 0;

	REQUIRE((rc == CCP_ERR_FORMAT) == !ccp_json_valid(json));
	for (p = ccp_buf_text(&sse); *p; p++)
		lines += *p == '\n';
	REQUIRE(sse.len == 0 || (lines == 3 && strncmp(sse.data, "event: ", 7) == 0));
	REQUIRE(sse.len == 0 || strcmp(sse.data + sse.len - 2, "\n\n") == 0);
	sse.len = 0;
	rc = ccp_translate_answer(json, "claude-x", &sse, &meter, NULL);
	REQUIRE(rc || ccp_json_valid((struct ccp_span){ sse.data, sse.len }));
	ccp_buf_clear(&sse);
}

/* First line: the anthropic-beta header. The rest: the body, an event, or a refusal. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *eol = size ? memchr(data, '\n', size) : NULL;
	char betas[256] = "";
	struct ccp_span text = { (const char *)data, size };

	load();
	if (eol && (size_t)(eol - data) < sizeof(betas)) {
		memcpy(betas, data, (size_t)(eol - data));
		text = (struct ccp_span){ (const char *)eol + 1, size - (size_t)(eol + 1 - data) };
	}
	check_request(text, betas);
	check_repairs(text);
	check_doors(text, betas);
	check_refusal(text);
	check_event(text);
	return 0;
}
