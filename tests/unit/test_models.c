/* covers: prices */
#include "unit.h"

#include "upstream/models.h"
#include "upstream/models_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "anthropic_id,bedrock_id,profiles,family,successor,count_tokens\n"
#define PRICES_HEAD                                                                        \
	"bedrock_id,input,output,cache_write_5m,cache_write_1h,cache_read,long_threshold," \
	"long_input,long_output,long_cache_write_5m,long_cache_write_1h,long_cache_read\n"
#define RULES_HEAD "place,name,verdict,value,needs,models\n"

static struct ccp_models *shipped;

/* A file of the folder that ships. */
static void
data_path(char out[512], const char *name)
{
	const char *root = getenv("abs_top_srcdir");

	snprintf(out, 512, "%s/data/%s", root ? root : ".", name);
}

static int
load_shipped(void **state)
{
	char models[512], prices[512];
	struct ccp_error err = { 0 };

	(void)state;
	data_path(models, "models.csv");
	data_path(prices, "prices.csv");
	if (ccp_models_load(models, prices, &shipped, &err)) {
		fprintf(stderr, "# %s\n", err.text);
		return -1;
	}
	return 0;
}

static int
unload_shipped(void **state)
{
	(void)state;
	ccp_models_unref(shipped);
	return 0;
}

static struct ccp_config
settings(void)
{
	static char empty[] = "", global[] = "global";

	return (struct ccp_config){ .bedrock_profile = global,
		                    .bedrock_default_model = empty,
		                    .bedrock_model_overrides = empty };
}

static void
check_target(const struct ccp_config *config, const char *model, const char *id, const char *rules)
{
	struct ccp_target target;
	struct ccp_error err = { 0 };

	if (ccp_models_target(shipped, config, model, &target, &err))
		fail_msg("%s: %s", model, err.text);
	assert_string_equal(target.id, id);
	assert_string_equal(target.model ? target.model->anthropic_id : "", rules);
}

static void
check_homeless(const struct ccp_config *config, const char *model, const char *word)
{
	struct ccp_target target;
	struct ccp_error err = { 0 };

	assert_int_equal(ccp_models_target(shipped, config, model, &target, &err),
	                 CCP_ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, word));
}

static void
test_find(void **state)
{
	(void)state;
	assert_string_equal(ccp_models_find(shipped, "claude-opus-5-5")->bedrock_id,
	                    "anthropic.claude-opus-5-5");
	assert_string_equal(ccp_models_find(shipped, "claude-opus-5-5[1M]")->anthropic_id,
	                    "claude-opus-5-5");
	assert_string_equal(ccp_models_find(shipped, "claude-haiku-4-5")->bedrock_id,
	                    "anthropic.claude-haiku-4-5-20251001-v1:0");
	assert_string_equal(ccp_models_find(shipped, "claude-3-5-sonnet-20241022")->anthropic_id,
	                    "claude-sonnet-4-6");
	assert_null(ccp_models_find(shipped, "claude-opus-5-5x"));
	assert_null(ccp_models_find(shipped, "[1m]"));
	assert_null(ccp_models_find(shipped, ""));
}

static void
test_family(void **state)
{
	(void)state;
	assert_string_equal(ccp_models_family(shipped, "claude-3-5-haiku-20241022"), "haiku");
	assert_string_equal(ccp_models_family(shipped, "claude-mythos-5-2"), "mythos");
	assert_string_equal(ccp_models_family(shipped, "Claude-OPUS-9"), "opus");
	assert_string_equal(ccp_models_family(shipped, "claude-sonnet-7[1m]"), "sonnet");
	assert_string_equal(ccp_models_family(shipped, "gpt"), "other");
	assert_string_equal(ccp_models_family(shipped, ""), "other");
}

static void
test_target_profile(void **state)
{
	static char us[] = "us", jp[] = "jp", none[] = "", odd[] = "xx";
	struct ccp_config config = settings();

	(void)state;
	check_target(&config, "claude-opus-5-5", "global.anthropic.claude-opus-5-5",
	             "claude-opus-5-5");
	check_target(&config, "claude-opus-4-1", "us.anthropic.claude-opus-4-1-20250805-v1:0",
	             "claude-opus-4-1");
	check_target(&config, "claude-3-5-haiku-20241022",
	             "global.anthropic.claude-haiku-4-5-20251001-v1:0",
	             "claude-haiku-4-5-20251001");
	config.bedrock_profile = us;
	check_target(&config, "claude-sonnet-5[1m]", "us.anthropic.claude-sonnet-5",
	             "claude-sonnet-5");
	config.bedrock_profile = jp;
	check_target(&config, "claude-sonnet-5-5", "global.anthropic.claude-sonnet-5-5",
	             "claude-sonnet-5-5");
	check_target(&config, "claude-sonnet-4-0", "apac.anthropic.claude-sonnet-4-20250514-v1:0",
	             "claude-sonnet-4-0");
	check_target(&config, "claude-opus-4-6", "jp.anthropic.claude-opus-4-6-v1",
	             "claude-opus-4-6");
	check_target(&config, "claude-haiku-4-5[1m]", "jp.anthropic.claude-haiku-4-5-20251001-v1:0",
	             "claude-haiku-4-5");
	config.bedrock_profile = none;
	check_target(&config, "claude-sonnet-5", "global.anthropic.claude-sonnet-5",
	             "claude-sonnet-5");
	config.bedrock_profile = odd;
	check_target(&config, "claude-sonnet-5", "global.anthropic.claude-sonnet-5",
	             "claude-sonnet-5");
}

static void
test_target_settings(void **state)
{
	static char star[] = "{\"*\":\"global.anthropic.claude-haiku-4-5-20251001-v1:0\","
			     "\"claude-opus-5-5\":\"claude-sonnet-5\"}";
	static char arn[] =
		"{\"claude-opus-5-5\":\"arn:aws:bedrock:us-east-1:111122223333:"
		"application-inference-profile/abc\",\"claude-sonnet-5\":\"arn:aws:bedrock:"
		"us-east-1:111122223333:inference-profile/us.anthropic.claude-opus-4-8\"}";
	static char star_arn[] = "{\"*\":\"arn:aws:bedrock:us-east-1:111122223333:"
				 "application-inference-profile/abc\"}";
	static char default_arn[] = "arn:aws:bedrock:us-east-1:111122223333:"
				    "application-inference-profile/def";
	static char marked[] = "{\"claude-opus-5-5[1m]\":\"claude-opus-5\","
			       "\"claude-3-5-sonnet-20241022\":\"us.anthropic.claude-sonnet-4-6\"}";
	static char wrong[] = "{\"*\":\"a b\"}", haiku[] = "claude-haiku-5-5";
	struct ccp_config config = settings();

	(void)state;
	check_homeless(&config, "gpt-9", "gpt-9");
	check_homeless(&config, "claude-mythos-5-2", "mythos");
	config.bedrock_default_model = haiku;
	check_target(&config, "gpt-9", "global.anthropic.claude-haiku-5-5", "claude-haiku-5-5");
	check_target(&config, "claude-opus-5", "global.anthropic.claude-opus-5", "claude-opus-5");
	config.bedrock_model_overrides = star;
	check_target(&config, "gpt-9", "global.anthropic.claude-haiku-4-5-20251001-v1:0",
	             "claude-haiku-4-5-20251001");
	check_target(&config, "claude-opus-5-5[1m]", "global.anthropic.claude-sonnet-5",
	             "claude-sonnet-5");
	config.bedrock_model_overrides = arn;
	check_target(&config, "claude-opus-5-5",
	             "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
	             "claude-opus-5-5");
	check_target(&config, "claude-sonnet-5",
	             "arn:aws:bedrock:us-east-1:111122223333:inference-profile/"
	             "us.anthropic.claude-opus-4-8",
	             "claude-opus-4-8");
	config.bedrock_model_overrides = star_arn;
	check_target(&config, "claude-opus-5-5",
	             "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
	             "");
	/* an override of the marked name is for that one only, one of a retired id goes first */
	config.bedrock_model_overrides = marked;
	check_target(&config, "claude-opus-5-5[1m]", "global.anthropic.claude-opus-5",
	             "claude-opus-5");
	check_target(&config, "claude-opus-5-5", "global.anthropic.claude-opus-5-5",
	             "claude-opus-5-5");
	check_target(&config, "claude-3-5-sonnet-20241022", "us.anthropic.claude-sonnet-4-6",
	             "claude-sonnet-4-6");
	check_target(&config, "claude-3-5-sonnet-20240620", "global.anthropic.claude-sonnet-4-6",
	             "claude-sonnet-4-6");
	config.bedrock_default_model = default_arn;
	check_target(&config, "gpt-9", default_arn, "");
	config.bedrock_model_overrides = wrong;
	check_homeless(&config, "claude-opus-5-5", "a b");
}

/* A name that a client made up must not get into the books. */
static void
test_name_of(void **state)
{
	static char base[] = "global.anthropic.claude-opus-9";
	static char arn[] =
		"arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc";
	struct ccp_config config = settings();
	struct ccp_target target;
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_models_target(shipped, &config, "claude-opus-5-5[1m]", &target, &err),
	                 CCP_OK);
	assert_string_equal(ccp_models_name_of(&target), "claude-opus-5-5");
	config.bedrock_default_model = base;
	assert_int_equal(ccp_models_target(shipped, &config, "invented-1", &target, &err), CCP_OK);
	assert_string_equal(ccp_models_name_of(&target), base);
	config.bedrock_default_model = arn;
	assert_int_equal(ccp_models_target(shipped, &config, "invented-1", &target, &err), CCP_OK);
	assert_string_equal(ccp_models_name_of(&target), "abc");
	snprintf(target.id, sizeof(target.id), "odd/");
	assert_string_equal(ccp_models_name_of(&target), "odd/");
}

static void
test_check_overrides(void **state)
{
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_models_check_overrides("", &err), CCP_OK);
	assert_int_equal(ccp_models_check_overrides(" {\"*\":\"a.b-c:0\"} ", &err), CCP_OK);
	assert_int_equal(ccp_models_check_overrides("{", &err), CCP_ERR_SETTING);
	assert_int_equal(ccp_models_check_overrides("[]", &err), CCP_ERR_SETTING);
	assert_int_equal(ccp_models_check_overrides("{\"x\":1}", &err), CCP_ERR_SETTING);
	assert_int_equal(ccp_models_check_overrides("{\"x\":\"a b\"}", &err), CCP_ERR_SETTING);
	assert_non_null(strstr(err.text, "\"x\""));
}

static void
check_cost(const char *id, struct ccp_usage usage, int64_t want)
{
	assert_int_equal(ccp_models_cost_microusd(shipped, id, &usage), want);
}

static void
test_cost(void **state)
{
	(void)state;
	/* 4 and 20 dollars a million */
	check_cost("global.anthropic.claude-opus-5-5",
	           (struct ccp_usage){ .input_tokens = 1000, .output_tokens = 10 }, 4200);
	check_cost("us.anthropic.claude-opus-5-5",
	           (struct ccp_usage){ .cache_read_tokens = 1000000,
	                               .cache_write_5m_tokens = 1000000,
	                               .cache_write_1h_tokens = 1000000 },
	           220000 + 5500000 + 8800000);
	check_cost("arn:aws:bedrock:us-east-1:111122223333:inference-profile/"
	           "us.anthropic.claude-sonnet-5",
	           (struct ccp_usage){ .input_tokens = 10 }, 22);
	check_cost("anthropic.claude-sonnet-5", (struct ccp_usage){ .input_tokens = 10 }, 22);
	check_cost("arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc",
	           (struct ccp_usage){ .input_tokens = 10 }, -1);
	check_cost("", (struct ccp_usage){ .input_tokens = 10 }, -1);
	/* 0.1 a million: half up once, over the sum and not over each part */
	check_cost("global.anthropic.claude-haiku-5-5", (struct ccp_usage){ .input_tokens = 4 }, 0);
	check_cost("global.anthropic.claude-haiku-5-5", (struct ccp_usage){ .input_tokens = 5 }, 1);
	check_cost("global.anthropic.claude-haiku-5-5",
	           (struct ccp_usage){
			   .input_tokens = 4, .cache_read_tokens = 4, .cache_write_5m_tokens = 1 },
	           1);
	/* the long tier is for the whole answer, from one token over 100,000 */
	check_cost("global.anthropic.claude-haiku-5-5",
	           (struct ccp_usage){ .input_tokens = 50000,
	                               .cache_read_tokens = 50000,
	                               .output_tokens = 10000 },
	           5000 + 500 + 5000);
	check_cost("global.anthropic.claude-haiku-5-5",
	           (struct ccp_usage){ .input_tokens = 50001,
	                               .cache_read_tokens = 50000,
	                               .output_tokens = 10000 },
	           25001 + 2500 + 25000);
	check_cost("global.anthropic.claude-opus-5-5",
	           (struct ccp_usage){ .output_tokens = INT64_MAX, .input_tokens = -5 }, INT64_MAX);
}

static bool
needs_nothing(const void *arg, const char *needs)
{
	(void)arg;
	return strcmp(needs, "invoke") == 0;
}

static const struct ccp_rule *
rule(enum ccp_place place, const char *name, const char *model)
{
	return ccp_models_rule(shipped, place, (struct ccp_span){ name, strlen(name) },
	                       model ? ccp_models_find(shipped, model) : NULL, needs_nothing, NULL);
}

/* The words of every place are answered for a model: a ceiling, a kind of thinking, a version. */
static void
check_rules_of(const struct ccp_model *row)
{
	const char *id = row->anthropic_id;

	assert_in_range(rule(CCP_PLACE_MAX_TOKENS, "", id)->number, 32000, 128000);
	assert_non_null(rule(CCP_PLACE_THINKING, "adaptive", id));
	assert_non_null(rule(CCP_PLACE_VERSION, "2023-06-01", id));
}

/* Every living row is complete and has a price for every id that a request can go to. */
static void
test_shipped_tables(void **state)
{
	struct ccp_usage usage = { .input_tokens = 1000000 };
	const struct ccp_model *row;
	char words[256], id[512], *profile, *rest;
	size_t n;

	(void)state;
	for (n = 0; (row = ccp_models_row(shipped, n)); n++) {
		if (!*row->bedrock_id)
			continue;
		check_rules_of(row);
		assert_true(ccp_models_cost_microusd(shipped, row->bedrock_id, &usage) > 0);
		snprintf(words, sizeof(words), "%s", row->profiles);
		rest = words;
		while ((profile = strsep(&rest, " "))) {
			snprintf(id, sizeof(id), "%s.%s", profile, row->bedrock_id);
			if (ccp_models_cost_microusd(shipped, id, &usage) <= 0)
				fail_msg("no price for %s", id);
		}
	}
	assert_true(n > 30);
}

static void
check_verdict(enum ccp_place place, const char *name, const char *model, int want)
{
	const struct ccp_rule *row = rule(place, name, model);
	int is = row ? (int)row->verdict : (int)ccp_rule_default(place);

	if (is != want)
		fail_msg("%s for %s: %d, not %d", name, model ? model : "-", is, want);
}

/* What each generation of models takes, as it was known in November 2026. */
static void
test_shipped_rules(void **state)
{
	static const struct {
		enum ccp_place place;
		const char *name;
		const char *models;
		int yes, no;
	} rows[] = {
		{ CCP_PLACE_THINKING, "adaptive",
		  "fable-5 opus-5-5 sonnet-5 haiku-5-5 opus-4-7 opus-4-6 sonnet-4-6", CCP_KEEP,
		  CCP_RENAME },
		{ CCP_PLACE_THINKING, "enabled",
		  "opus-4-6 sonnet-4-6 haiku-4-5 opus-4-5 sonnet-4-5 opus-4-1 sonnet-4-0", CCP_KEEP,
		  CCP_RENAME },
		{ CCP_PLACE_FIELD, "temperature",
		  "opus-4-6 sonnet-4-6 haiku-4-5 opus-4-5 sonnet-4-5 opus-4-1 sonnet-4-0", CCP_KEEP,
		  CCP_DROP },
		{ CCP_PLACE_ROLE, "system", "fable-5 opus-5-5", CCP_KEEP, CCP_RENAME },
		{ CCP_PLACE_OUTPUT_CONFIG, "effort",
		  "fable-5 opus-5-5 sonnet-5 haiku-5-5 opus-4-7 opus-4-6 sonnet-4-6", CCP_KEEP,
		  CCP_DROP },
		{ CCP_PLACE_OUTPUT_CONFIG, "format", "opus-4-6 sonnet-4-6", CCP_KEEP, CCP_DROP },
		{ CCP_PLACE_CACHE_CONTROL, "ttl",
		  "fable-5 opus-5-5 sonnet-5 haiku-5-5 opus-4-7 opus-4-6 sonnet-4-6 haiku-4-5 "
		  "opus-4-5 sonnet-4-5",
		  CCP_KEEP, CCP_DROP },
		{ CCP_PLACE_VERSION, "2026-10-21", "fable-5 opus-5-5 sonnet-5 haiku-5-5 opus-4-7",
		  CCP_KEEP, CCP_RENAME },
		{ CCP_PLACE_BETA, "interleaved-thinking-2025-05-14",
		  "fable-5 opus-5-5 sonnet-5 opus-4-7 opus-4-6 sonnet-4-6 opus-4-5 sonnet-4-5 "
		  "opus-4-1 sonnet-4-0",
		  CCP_KEEP, CCP_DROP },
	};
	static const char *const all[] = { "fable-5",  "opus-5-5",   "sonnet-5",   "haiku-5-5",
		                           "opus-4-7", "opus-4-6",   "sonnet-4-6", "haiku-4-5",
		                           "opus-4-5", "sonnet-4-5", "opus-4-1",   "sonnet-4-0" };
	char id[64], list[256], word[64];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (j = 0; j < sizeof(all) / sizeof(all[0]); j++) {
			snprintf(id, sizeof(id), "claude-%s", all[j]);
			snprintf(list, sizeof(list), " %s ", rows[i].models);
			snprintf(word, sizeof(word), " %s ", all[j]);
			check_verdict(rows[i].place, rows[i].name, id,
			              strstr(list, word) ? rows[i].yes : rows[i].no);
		}
	check_verdict(CCP_PLACE_FIELD, "temperature", NULL, CCP_DROP);
	check_verdict(CCP_PLACE_FIELD, "messages", NULL, CCP_KEEP);
	check_verdict(CCP_PLACE_FIELD, "never_heard_of", "claude-opus-5", CCP_DROP);
	check_verdict(CCP_PLACE_BETA, "oauth-2025-04-20", "claude-opus-5", CCP_DROP);
	check_verdict(CCP_PLACE_BETA, "computer-use-2025-11-24", "claude-opus-5", CCP_KEEP);
	check_verdict(CCP_PLACE_TOOL_TYPE, "web_search_20250305", "claude-opus-5", CCP_REFUSE);
	check_verdict(CCP_PLACE_TOOL_TYPE, "bash_20250124", NULL, CCP_KEEP);
	check_verdict(CCP_PLACE_BLOCK, "web_search_tool_result", NULL, CCP_REFUSE);
	check_verdict(CCP_PLACE_BLOCK, "tool_result", NULL, CCP_KEEP);
	check_verdict(CCP_PLACE_TEXT, "", NULL, CCP_DROP);
	check_verdict(CCP_PLACE_TEXT, "a", NULL, CCP_KEEP);
	check_verdict(CCP_PLACE_MAX_TOKENS, "", NULL, CCP_DROP);
	assert_int_equal(rule(CCP_PLACE_MAX_TOKENS, "", "claude-sonnet-4-0")->number, 64000);
}

static void
check_fits(const char *words, const char *id, bool want)
{
	if (ccp_rule_fits(words, id ? ccp_models_find(shipped, id) : NULL) != want)
		fail_msg("\"%s\" and %s", words, id ? id : "an unknown model");
}

static void
test_model_words(void **state)
{
	(void)state;
	check_fits("*", NULL, true);
	check_fits("known", NULL, false);
	check_fits("4.7+ opus 0-9", NULL, false);
	check_fits("known", "claude-opus-5", true);
	check_fits("sonnet opus", "claude-opus-5", true);
	check_fits("sonnet", "claude-opus-5", false);
	check_fits("4.5", "claude-opus-4-5-20251101", true);
	check_fits("4.5", "claude-opus-4-6", false);
	check_fits("4.0", "claude-sonnet-4-20250514", true);
	check_fits("4", "claude-sonnet-4-0", true);
	check_fits("5.0+", "claude-fable-5", true);
	check_fits("5.1+", "claude-fable-5", false);
	check_fits("4.7+", "claude-haiku-5-5", true);
	check_fits("0-4.6", "claude-haiku-4-5", true);
	check_fits("0-4.6", "claude-opus-4-7", false);
	check_fits("opus:4.8+", "claude-opus-4-8", true);
	check_fits("opus:4.8+", "claude-sonnet-5", false);
	check_fits("opus:4.1-4.6", "claude-opus-4-6", true);
	check_fits("claude-opus-4*", "claude-opus-4-8", true);
	check_fits("claude-opus-4*", "claude-opus-5", false);
	check_fits("claude-opus-5", "claude-opus-5-5", false);
	check_fits("claude-opus-5", "claude-opus-5", true);
}

static void
test_references(void **state)
{
	struct ccp_models *more = ccp_models_ref(shipped);

	(void)state;
	ccp_models_unref(more);
	ccp_models_unref(NULL);
	assert_non_null(ccp_models_row(shipped, 0));
}

static char folder[64];

static void
put_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (!text) {
		unlink(path);
		return;
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Loads three texts; NULL: there is no such file. want: words of the refusal, or NULL. */
static void
check_load(const char *models_text, const char *prices_text, const char *rules_text,
           const char *want)
{
	char models_path[128], prices_path[128];
	struct ccp_models *models;
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	snprintf(models_path, sizeof(models_path), "%s/m.csv", folder);
	snprintf(prices_path, sizeof(prices_path), "%s/p.csv", folder);
	put_file("m.csv", models_text);
	put_file("p.csv", prices_text);
	put_file("rules.csv", rules_text);
	rc = ccp_models_load(models_path, prices_path, &models, &err);
	if (!want && rc)
		fail_msg("refused: %s", err.text);
	if (want && (!rc || models || !strstr(err.text, want)))
		fail_msg("\"%s\" does not say \"%s\"", err.text, want);
	ccp_models_unref(models);
}

/* Loads rules of these lines with tables that are right. */
static void
check_rules(const char *lines, const char *want)
{
	char text[512];

	snprintf(text, sizeof(text), RULES_HEAD "%s\n", lines);
	check_load(HEAD "a,b,global,opus,,yes\n", PRICES_HEAD "b,1,2,3,4,5,,,,,,\n", text, want);
}

static void
test_load_refusals(void **state)
{
	static const char good[] = HEAD "a,b,global,opus,,yes\nold,,,opus,a,\n";
	static const char price[] = PRICES_HEAD "b,1,2.5,3,4,0.000001,,,,,,\n";
	static const char beta[] = RULES_HEAD "beta,x-1,keep,,,opus a 4.1-5 opus:5+ claude-x*\n";

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test_models.XXXXXX");
	assert_non_null(mkdtemp(folder));
	check_load(good, price, beta, NULL);
	check_load(NULL, price, beta, "m.csv");
	check_load(good, NULL, beta, "p.csv");
	check_load(good, price, NULL, "rules.csv");
	check_load("a\nb\n", price, beta, "no column \"anthropic_id\"");
	check_load(HEAD "a,b,global,opus,,x\n", price, beta, "m.csv line 2: count_tokens");
	check_load(HEAD "a,b,,,,no\n", price, beta, "family");
	check_load(HEAD "a,b,,opus,a,no\n", price, beta, "both");
	check_load(HEAD "a,,,opus,b,\n", price, beta, "successor of a");
	check_load(HEAD "a,b,,opus,,no\na,b,,opus,,no\n", price, beta, "line 3: a second row");
	check_load(good, PRICES_HEAD "b,1,2,3,4,-5,,,,,,\n", beta, "cache_read is not a price");
	check_load(good, PRICES_HEAD "b,1,2,3,4,0.0000001,,,,,,\n", beta, "cache_read");
	check_load(good, PRICES_HEAD "b,1,2.,3,4,5,,,,,,\n", beta, "output");
	check_load(good, PRICES_HEAD "b,1,2,3,4,5,10,,,,,\n", beta, "long_input");
	check_load(good, PRICES_HEAD "b,1,2,3,4,5,x,,,,,\n", beta, "long_threshold");
	check_load(good, PRICES_HEAD "b,1,2,3,4,5,,,,,,\nb,1,2,3,4,5,,,,,,\n", beta,
	           "second price");
	check_rules("bete,x,keep,,,*", "line 2: no such place: \"bete\"");
	check_rules("beta,x,allow,,,*", "line 2: \"allow\" is no verdict for a beta");
	check_rules("beta,x,refuse,,,*", "no verdict for a beta");
	check_rules("beta,x,rename,,,*", "value \"\" does not go with rename");
	check_rules("beta,x,rename,a\"\"b,,*", "line 2");
	check_rules("beta,x,keep,y,,*", "value \"y\"");
	check_rules("beta,,keep,,,*", "name must have");
	check_rules("beta,a*b,keep,,,*", "one * at its beginning or end");
	check_rules("beta,*a*,keep,,,*", "one * at its beginning or end");
	check_rules("beta,x,keep,,moonshine,*", "line 2: needs something that is not known");
	check_rules("beta,x,keep,,tools.,*", "needs something");
	check_rules("tool,x,keep,,x-2,*", "needs something");
	check_rules("tool,x,keep,,x-1,*\nbeta,x-1,keep,,thinking.display=updates,*", NULL);
	check_rules("field,x,keep,,,", "models is empty");
	check_rules("field,x,keep,,,opos", "\"opos\" is no id or family");
	check_rules("field,x,keep,,,4.7-", "\"4.7-\"");
	check_rules("field,x,keep,,,4.7-4.6", "\"4.7-4.6\"");
	check_rules("field,x,keep,,,moon:4.7", "\"moon:4.7\"");
	check_rules("max_tokens,*,keep,many,,*", "value \"many\"");
	check_rules("max_tokens,*,keep,,,*", "value \"\"");
	check_rules("thinking,*,rename,less,,*", "value \"less\"");
	check_rules("repair,oops,drop,EVERYTHING,,*", "value \"EVERYTHING\"");
	check_rules("field,x,keep,,,*\nfield,x,drop,,,opus", "line 3: a second row for field x");
	check_rules("field,x,keep,,opus", "line 2");
	put_file("m.csv", NULL);
	put_file("p.csv", NULL);
	put_file("rules.csv", NULL);
	rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),           cmocka_unit_test(test_family),
		cmocka_unit_test(test_target_profile), cmocka_unit_test(test_target_settings),
		cmocka_unit_test(test_name_of),        cmocka_unit_test(test_check_overrides),
		cmocka_unit_test(test_cost),           cmocka_unit_test(test_shipped_tables),
		cmocka_unit_test(test_shipped_rules),  cmocka_unit_test(test_model_words),
		cmocka_unit_test(test_references),     cmocka_unit_test(test_load_refusals),
	};

	return cmocka_run_group_tests_name("models", tests, load_shipped, unload_shipped);
}
