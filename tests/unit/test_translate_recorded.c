#include "unit.h"

#include "base/json.h"
#include "upstream/translate.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/*
 * Requests that Claude Code 2.1.330 sent to Anthropic (a-NAME.json) and, for
 * the same prompt in its own Bedrock mode, to Bedrock (b-NAME.json), each
 * {"url","headers","body"}. They are no part of this repository: without them,
 * beside it in ../shared/data/claude-code, these tests skip.
 */
#define FILE_MAX_BYTES (8 * 1024 * 1024)

/* Where our body may differ from Claude Code's own, and why; doc/bedrock.md has the same list. */
static const struct {
	const char *what;
	bool ours; /* true: we have it and Claude Code does not */
	const char *why;
} DIFFERENCES[] = {
	{ "metadata", false, "its user_id is JSON text, which Bedrock's pattern does not allow" },
	{ "dangerous-tool-use-2026-09-03", false, "goes with safeguards, which is left out" },
	{ "afk-mode-2026-01-31", false, "on no public list of flags that Bedrock takes" },
	{ "effort-2025-11-24", true,
	  "Claude Code sends it as a header; Bedrock takes it in the body" },
	{ "max_tokens (value)", false, "the client's wish, cut to the model's ceiling" },
	{ "thinking (value)", false, "the budget is by effort, not all of max_tokens" },
};

static struct ccp_models *models;
static char folder[600];

static int
load(void **state)
{
	const char *root = getenv("abs_top_srcdir");
	char models_path[512], prices_path[512];
	struct ccp_error err = { 0 };

	(void)state;
	if (!root)
		root = ".";
	snprintf(folder, sizeof(folder), "%s/../shared/data/claude-code", root);
	snprintf(models_path, sizeof(models_path), "%s/data/models.csv", root);
	snprintf(prices_path, sizeof(prices_path), "%s/data/prices.csv", root);
	if (ccp_models_load(models_path, prices_path, &models, &err)) {
		fprintf(stderr, "# %s\n", err.text);
		return -1;
	}
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	ccp_models_unref(models);
	return 0;
}

/* The file's text, empty when there is none. */
static void
read_recording(const char *kind, const char *name, struct ccp_buf *text)
{
	char path[1024], chunk[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s%s", folder, kind, name);
	file = fopen(path, "rb");
	if (!file)
		return;
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		ccp_buf_add(text, chunk, n);
	fclose(file);
	assert_true(ccp_buf_ok(text));
}

/* Translates the body of an a- recording; target: a Bedrock id to use, or "". */
static void
translate(const struct ccp_buf *recording, const char *target, struct ccp_translation *t)
{
	static char empty[] = "", global[] = "global";
	struct ccp_span whole = { recording->data, recording->len }, headers;
	char overrides[256], betas[1024], version[32];
	struct ccp_config config = { .bedrock_profile = global,
		                     .bedrock_default_model = empty,
		                     .bedrock_model_overrides = empty };
	struct ccp_translate_input in = { .anthropic_beta = betas, .anthropic_version = version };
	struct ccp_error err = { 0 };

	whole = ccp_json_trim(whole);
	headers = ccp_json_member(whole, "headers");
	in.body = ccp_json_member(whole, "body");
	assert_true(ccp_json_member_text(headers, "anthropic-beta", betas, sizeof(betas)));
	assert_true(ccp_json_member_text(headers, "anthropic-version", version, sizeof(version)));
	snprintf(overrides, sizeof(overrides), "{\"*\":\"%s\"}", target);
	if (*target)
		config.bedrock_model_overrides = overrides;
	if (ccp_translate_request(models, &config, &in, t, &err))
		fail_msg("%s", err.text);
	assert_true(ccp_json_valid((struct ccp_span){ t->body.data, t->body.len }));
}

typedef void recording_fn(const char *name);

static void
for_each(const char *kind, recording_fn *fn)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	/* not cmocka's skip(): its TAP says "not ok" for it */
	if (!dir) {
		print_message("# skipped: there is no %s\n", folder);
		return;
	}
	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, kind, strlen(kind)) == 0)
			fn(entry->d_name + strlen(kind));
	closedir(dir);
}

static void
check_converts(const char *name)
{
	struct ccp_buf a = CCP_BUF_INIT(FILE_MAX_BYTES);
	struct ccp_translation t;

	read_recording("a-", name, &a);
	translate(&a, "", &t);
	assert_non_null(t.target.model);
	ccp_translation_clear(&t);
	ccp_buf_clear(&a);
}

static void
test_every_request_converts(void **state)
{
	(void)state;
	for_each("a-", check_converts);
}

static void
check_listed(const char *name, const char *what, bool ours)
{
	size_t i;

	for (i = 0; i < sizeof(DIFFERENCES) / sizeof(DIFFERENCES[0]); i++)
		if (DIFFERENCES[i].ours == ours && strcmp(DIFFERENCES[i].what, what) == 0) {
			printf("# %s: %s %s: %s\n", name, ours ? "added" : "not theirs", what,
			       DIFFERENCES[i].why);
			return;
		}
	fail_msg("%s: %s is %s, and that is not on the list", name, what,
	         ours ? "added" : "left out");
}

static void
compare_keys(const char *name, const cJSON *ours, const cJSON *theirs)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, theirs)
		if (!cJSON_GetObjectItemCaseSensitive(ours, item->string))
			check_listed(name, item->string, false);
	cJSON_ArrayForEach(item, ours)
		if (!cJSON_GetObjectItemCaseSensitive(theirs, item->string))
			check_listed(name, item->string, true);
}

static bool
has_string(const cJSON *array, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array)
		if (strcmp(item->valuestring, text) == 0)
			return true;
	return false;
}

static void
compare_betas(const char *name, const cJSON *ours, const cJSON *theirs)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, theirs)
		if (!has_string(ours, item->valuestring))
			check_listed(name, item->valuestring, false);
	cJSON_ArrayForEach(item, ours)
		if (!has_string(theirs, item->valuestring))
			check_listed(name, item->valuestring, true);
}

/* Single values are the same, or listed. */
static void
compare_values(const char *name, const cJSON *ours, const cJSON *theirs)
{
	static const char *const fields[] = { "max_tokens",        "thinking",    "output_config",
		                              "anthropic_version", "tool_choice", "temperature" };
	char what[64];
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const cJSON *a = cJSON_GetObjectItemCaseSensitive(ours, fields[i]);
		const cJSON *b = cJSON_GetObjectItemCaseSensitive(theirs, fields[i]);

		if (!a || !b || cJSON_Compare(a, b, true))
			continue;
		snprintf(what, sizeof(what), "%s (value)", fields[i]);
		check_listed(name, what, false);
	}
}

/* Every field of ours must be one that Claude Code sends, too: per message, tool and thinking. */
static void
compare_shapes(const char *name, const cJSON *ours, const cJSON *theirs)
{
	const cJSON *tool, *message, *key;

	cJSON_ArrayForEach(tool, cJSON_GetObjectItemCaseSensitive(ours, "tools"))
		cJSON_ArrayForEach(key, tool)
			if (!strstr("name description input_schema defer_loading", key->string))
				fail_msg("%s: a tool has %s", name, key->string);
	cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(ours, "messages"))
		cJSON_ArrayForEach(key, message)
			if (strcmp(key->string, "role") != 0 && strcmp(key->string, "content") != 0)
				fail_msg("%s: a message has %s", name, key->string);
	/* ours lacks the attribution block in front */
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(ours, "system")),
	                 cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(theirs, "system")) -
	                         1);
	ours = cJSON_GetObjectItemCaseSensitive(ours, "thinking");
	theirs = cJSON_GetObjectItemCaseSensitive(theirs, "thinking");
	compare_keys(name, ours, theirs);
	assert_string_equal(cJSON_GetObjectItemCaseSensitive(ours, "type")->valuestring,
	                    cJSON_GetObjectItemCaseSensitive(theirs, "type")->valuestring);
}

/* The Bedrock id in /model/ID/invoke… */
static void
target_of(const cJSON *recording, char *out, size_t out_size)
{
	const char *url = cJSON_GetObjectItemCaseSensitive(recording, "url")->valuestring;
	const char *id = url + strlen("/model/");

	snprintf(out, out_size, "%.*s", (int)strcspn(id, "/"), id);
}

static void
check_beside(const char *name)
{
	struct ccp_buf a = CCP_BUF_INIT(FILE_MAX_BYTES), b = CCP_BUF_INIT(FILE_MAX_BYTES);
	struct ccp_translation t;
	cJSON *recording, *ours;
	const cJSON *theirs;
	char target[256];

	/* this model is retired: what Claude Code sends to it says nothing about its successor */
	if (strstr(name, "3_5"))
		return;
	read_recording("a-", name, &a);
	read_recording("b-", name, &b);
	recording = cJSON_ParseWithLength(b.data, b.len);
	assert_non_null(recording);
	target_of(recording, target, sizeof(target));
	theirs = cJSON_GetObjectItemCaseSensitive(recording, "body");
	translate(&a, target, &t);
	ours = cJSON_ParseWithLength(t.body.data, t.body.len);
	assert_non_null(ours);
	assert_string_equal(t.target.id, target);
	compare_keys(name, ours, theirs);
	compare_betas(name, cJSON_GetObjectItemCaseSensitive(ours, "anthropic_beta"),
	              cJSON_GetObjectItemCaseSensitive(theirs, "anthropic_beta"));
	compare_shapes(name, ours, theirs);
	compare_values(name, ours, theirs);
	cJSON_Delete(ours);
	cJSON_Delete(recording);
	ccp_translation_clear(&t);
	ccp_buf_clear(&a);
	ccp_buf_clear(&b);
}

static void
test_beside_claude_code(void **state)
{
	(void)state;
	for_each("b-", check_beside);
}

/* Needs no recordings: the page for people has every difference of the list. */
static void
test_differences_are_documented(void **state)
{
	const char *root = getenv("abs_top_srcdir");
	struct ccp_buf text = CCP_BUF_INIT(FILE_MAX_BYTES);
	char path[600], what[80];
	FILE *file;
	size_t i;
	int c;

	(void)state;
	snprintf(path, sizeof(path), "%s/doc/bedrock.md", root ? root : ".");
	file = fopen(path, "r");
	assert_non_null(file);
	while ((c = fgetc(file)) != EOF)
		ccp_buf_addf(&text, "%c", c);
	fclose(file);
	for (i = 0; i < sizeof(DIFFERENCES) / sizeof(DIFFERENCES[0]); i++) {
		snprintf(what, sizeof(what), "| `%s` |", DIFFERENCES[i].what);
		if (!strstr(ccp_buf_text(&text), what))
			fail_msg("doc/bedrock.md has no row for %s", DIFFERENCES[i].what);
	}
	ccp_buf_clear(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_request_converts),
		cmocka_unit_test(test_beside_claude_code),
		cmocka_unit_test(test_differences_are_documented),
	};

	return cmocka_run_group_tests_name("translate_recorded", tests, load, unload);
}
