#include "upstream/models_parts.h"

#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

#define BIT(verdict) (1u << (verdict))

/* What the value of a row may be, where the verdict is not rename (that one has a name there). */
enum value_kind { NO_VALUE, A_NUMBER, A_REPAIR };

/* The places by their words, and the verdicts and values that each one knows. */
static const struct {
	const char *word;
	unsigned verdicts;
	enum value_kind value;
} PLACES[CCP_PLACE_COUNT] = {
	[CCP_PLACE_BETA] = { "beta", BIT(CCP_KEEP) | BIT(CCP_DROP) | BIT(CCP_RENAME), NO_VALUE },
	[CCP_PLACE_VERSION] = { "version", BIT(CCP_KEEP) | BIT(CCP_RENAME), NO_VALUE },
	[CCP_PLACE_FIELD] = { "field", BIT(CCP_KEEP) | BIT(CCP_DROP) | BIT(CCP_REFUSE), NO_VALUE },
	[CCP_PLACE_MAX_TOKENS] = { "max_tokens", BIT(CCP_KEEP), A_NUMBER },
	[CCP_PLACE_MESSAGE] = { "message", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_ROLE] = { "role", BIT(CCP_KEEP) | BIT(CCP_RENAME), NO_VALUE },
	[CCP_PLACE_BLOCK] = { "block", BIT(CCP_KEEP) | BIT(CCP_DROP) | BIT(CCP_REFUSE), NO_VALUE },
	[CCP_PLACE_SOURCE] = { "source", BIT(CCP_KEEP) | BIT(CCP_REFUSE), NO_VALUE },
	[CCP_PLACE_TEXT] = { "text", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_SYSTEM] = { "system", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_TOOL_TYPE] = { "tool_type", BIT(CCP_KEEP) | BIT(CCP_REFUSE), NO_VALUE },
	[CCP_PLACE_TOOL] = { "tool", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_CLIENT_TOOL] = { "client_tool", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_CACHE_CONTROL] = { "cache_control", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_THINKING] = { "thinking", BIT(CCP_KEEP) | BIT(CCP_DROP) | BIT(CCP_RENAME),
	                         NO_VALUE },
	[CCP_PLACE_DISPLAY] = { "display", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_OUTPUT_CONFIG] = { "output_config", BIT(CCP_KEEP) | BIT(CCP_DROP), NO_VALUE },
	[CCP_PLACE_REPAIR] = { "repair", BIT(CCP_DROP), A_REPAIR },
};

static const char *const VERDICTS[] = { "keep", "drop", "rename", "refuse" };

static int
index_of_place(const char *word)
{
	int i;

	for (i = 0; i < CCP_PLACE_COUNT; i++)
		if (strcmp(PLACES[i].word, word) == 0)
			return i;
	return -1;
}

static int
index_of_verdict(const char *word)
{
	int i;

	for (i = 0; i < 4; i++)
		if (strcmp(VERDICTS[i], word) == 0)
			return i;
	return -1;
}

/* Takes the * off a name and notes where it was. */
static enum ccp_err
read_name(const struct ccp_csv *csv, struct ccp_rule *rule, struct ccp_error *err)
{
	const char *name = ccp_csv_field(csv, "name");
	size_t len = strlen(name);

	if (len == 0 || len > CCP_RULE_NAME_MAX_BYTES)
		return ccp_csv_fail(csv, err, "name must have 1 to %d bytes",
		                    CCP_RULE_NAME_MAX_BYTES);
	rule->match = CCP_NAME_IS;
	if (rule->place == CCP_PLACE_REPAIR) {
		;
	} else if (strcmp(name, "*") == 0) {
		rule->match = CCP_NAME_ANY;
	} else if (name[len - 1] == '*') {
		rule->match = CCP_NAME_STARTS;
		len--;
	} else if (*name == '*') {
		rule->match = CCP_NAME_ENDS;
		name++;
		len--;
	} else if (strcmp(name, "(empty)") == 0) {
		len = 0;
	}
	if (rule->match != CCP_NAME_ANY && memchr(name, '*', len) &&
	    rule->place != CCP_PLACE_REPAIR)
		return ccp_csv_fail(csv, err, "name may have one * at its beginning or end");
	rule->name = strndup(name, len);
	rule->name_len = len;
	return rule->name ? CCP_OK : ccp_fail(err, CCP_ERR_NOMEM, "no memory for the rules");
}

/* Words for what a refusal names by itself, else a path of members. */
static bool
is_repair(const char *value)
{
	static const char *const words[] = { "BETA",     "INPUT",       "BILLING_HEADER",
		                             "THINKING", "SYSTEM_ROLE", "THINKING_BLOCKS" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], value) == 0)
			return true;
	return *value && value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_.")] == '\0';
}

static bool
value_fits(struct ccp_rule *rule, const char *value)
{
	char *end;

	if (rule->verdict == CCP_RENAME && rule->place == CCP_PLACE_THINKING)
		return strcmp(value, "adaptive") == 0 || strcmp(value, "enabled") == 0;
	if (rule->verdict == CCP_RENAME) /* it becomes part of a body or a header */
		return *value &&
		       value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
	switch (PLACES[rule->place].value) {
	case A_NUMBER:
		rule->number = strtoll(value, &end, 10);
		return *value >= '1' && *value <= '9' && !*end && rule->number <= INT32_MAX;
	case A_REPAIR:
		return is_repair(value);
	default:
		return *value == '\0';
	}
}

static enum ccp_err
check_models(const struct ccp_models *models, const struct ccp_csv *csv, const char *words,
             struct ccp_error *err)
{
	size_t len;

	words += strspn(words, " ");
	if (*words == '\0')
		return ccp_csv_fail(csv, err, "models is empty; * means all");
	for (; *words; words += len, words += strspn(words, " ")) {
		len = strcspn(words, " ");
		if (!ccp_rule_word_ok(models, words, len))
			return ccp_csv_fail(csv, err,
			                    "models: \"%.*s\" is no id or family of models.csv, no "
			                    "version, known or *",
			                    len > 60 ? 60 : (int)len, words);
	}
	return CCP_OK;
}

static enum ccp_err
fill_rule(const struct ccp_models *models, const struct ccp_csv *csv, struct ccp_rule *rule,
          struct ccp_error *err)
{
	const char *verdict = ccp_csv_field(csv, "verdict"), *value = ccp_csv_field(csv, "value");
	const char *words = ccp_csv_field(csv, "models");
	int n = index_of_verdict(verdict);
	enum ccp_err rc;

	if (n < 0 || !(PLACES[rule->place].verdicts & BIT(n)))
		return ccp_csv_fail(csv, err, "\"%.40s\" is no verdict for a %s", verdict,
		                    PLACES[rule->place].word);
	rule->verdict = (enum ccp_verdict)n;
	if (!value_fits(rule, value))
		return ccp_csv_fail(csv, err, "value \"%.40s\" does not go with %s of a %s", value,
		                    verdict, PLACES[rule->place].word);
	rc = read_name(csv, rule, err);
	if (rc)
		return rc;
	rc = check_models(models, csv, words, err);
	if (rc)
		return rc;
	rule->every_model = strcmp(words, "*") == 0;
	rule->value = strdup(value);
	rule->needs = strdup(ccp_csv_field(csv, "needs"));
	rule->models = strdup(words);
	if (!rule->value || !rule->needs || !rule->models)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the rules");
	return CCP_OK;
}

/* A row that an earlier one makes moot is a slip of the editor's. */
static bool
is_repeated(const struct ccp_models *models, const struct ccp_rule *rule)
{
	size_t i;

	for (i = 0; i + 1 < models->rule_count; i++) {
		const struct ccp_rule *before = &models->rules[i];

		if (before->place == rule->place && before->match == rule->match &&
		    strcmp(before->name, rule->name) == 0 &&
		    strcmp(before->needs, rule->needs) == 0 &&
		    (before->every_model || strcmp(before->models, rule->models) == 0))
			return true;
	}
	return false;
}

static enum ccp_err
read_rule(struct ccp_models *models, const struct ccp_csv *csv, struct ccp_error *err)
{
	const char *word = ccp_csv_field(csv, "place");
	int place = index_of_place(word);
	struct ccp_rule *rule;
	enum ccp_err rc;
	void *rows;

	if (place < 0)
		return ccp_csv_fail(csv, err, "no such place: \"%.40s\"", word);
	rows = ccp_models_grow(models->rules, models->rule_count, sizeof(*rule));
	if (!rows)
		return ccp_fail(err, CCP_ERR_NOMEM, "no room for the rules");
	models->rules = rows;
	rule = &models->rules[models->rule_count++];
	rule->place = (enum ccp_place)place;
	rule->line = csv->line;
	rc = fill_rule(models, csv, rule, err);
	if (!rc && is_repeated(models, rule))
		rc = ccp_csv_fail(csv, err, "a second row for %s %.60s and the same models", word,
		                  rule->name);
	return rc;
}

/* What a beta may need: tools.MEMBER, or FIELD.MEMBER=VALUE of the fields that betas are about. */
static bool
is_request_need(const char *needs)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	const char *dot = strchr(needs, '.'), *p;

	if (!dot)
		return false;
	p = dot + 1 + strspn(dot + 1, word);
	if (p == dot + 1)
		return false;
	if (strncmp(needs, "tools.", 6) == 0)
		return *p == '\0';
	return (strncmp(needs, "thinking.", 9) == 0 || strncmp(needs, "output_config.", 14) == 0) &&
	       *p == '=' && p[1];
}

/* True when some row is about that flag, also one that drops it: it is known. */
static bool
is_beta_need(const struct ccp_models *models, const char *needs)
{
	size_t i;

	for (i = 0; i < models->rule_count; i++) {
		const struct ccp_rule *rule = &models->rules[i];

		if (rule->place == CCP_PLACE_BETA &&
		    (strcmp(rule->verdict == CCP_RENAME ? rule->value : rule->name, needs) == 0))
			return true;
	}
	return false;
}

static bool
need_ok(const struct ccp_models *models, const struct ccp_rule *rule)
{
	if (!*rule->needs || strcmp(rule->needs, "invoke") == 0 ||
	    strcmp(rule->needs, "messages") == 0)
		return true;
	return rule->place == CCP_PLACE_BETA ? is_request_need(rule->needs)
	                                     : is_beta_need(models, rule->needs);
}

/* Puts the rows of a place side by side, in the order of the file. */
static enum ccp_err
group(struct ccp_models *models, struct ccp_error *err)
{
	struct ccp_rule *sorted = calloc(models->rule_count + 1, sizeof(*sorted));
	size_t place, i, n = 0;

	if (!sorted)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the rules");
	for (place = 0; place < CCP_PLACE_COUNT; place++) {
		models->rules_at[place] = n;
		for (i = 0; i < models->rule_count; i++)
			if (models->rules[i].place == place)
				sorted[n++] = models->rules[i];
	}
	models->rules_at[CCP_PLACE_COUNT] = n;
	free(models->rules);
	models->rules = sorted;
	return CCP_OK;
}

enum ccp_err
ccp_models_load_rules(struct ccp_models *models, const char *path, struct ccp_error *err)
{
	static const char *const columns[] = { "place", "name",   "verdict", "value",
		                               "needs", "models", NULL };
	enum ccp_err rc = ccp_models_load_table(models, path, columns, read_rule, err);
	size_t i;

	for (i = 0; !rc && i < models->rule_count; i++)
		if (!need_ok(models, &models->rules[i]))
			rc = ccp_fail(err, CCP_ERR_SETTING,
			              "%s line %zu: needs something that is not known: \"%.60s\"",
			              path, models->rules[i].line, models->rules[i].needs);
	return rc ? rc : group(models, err);
}

void
ccp_models_free_rules(struct ccp_models *models)
{
	size_t i;

	for (i = 0; i < models->rule_count; i++) {
		free(models->rules[i].name);
		free(models->rules[i].value);
		free(models->rules[i].needs);
		free(models->rules[i].models);
	}
	free(models->rules);
}
