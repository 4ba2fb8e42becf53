#include "upstream/models_parts.h"

#include <stdlib.h>
#include <string.h>

/* The head of rules.csv lists these, too. */
enum ccp_verdict
ccp_rule_default(enum ccp_place place)
{
	switch (place) {
	case CCP_PLACE_ROLE:
	case CCP_PLACE_BLOCK:
	case CCP_PLACE_SOURCE:
	case CCP_PLACE_TEXT:
	case CCP_PLACE_SYSTEM:
		return CCP_KEEP;
	case CCP_PLACE_TOOL_TYPE:
		return CCP_REFUSE;
	default:
		return CCP_DROP;
	}
}

/* Versions are compared as major * 100 + minor. */
#define MINORS 100

/* One or two digits at *p, which moves behind them; -1 when there are none, or more. */
static int
read_number(const char **p, const char *end)
{
	const char *start = *p;
	int value = 0;

	while (*p < end && **p >= '0' && **p <= '9' && *p - start < 3)
		value = value * 10 + (*(*p)++ - '0');
	return *p == start || *p - start > 2 ? -1 : value;
}

/* The version that an id shows, or -1: the first part that is a small number, and a next one. */
static int
version_of_id(const char *id)
{
	const char *part = id, *end, *p;
	int major = -1, number;

	for (;; part = end + 1) {
		end = part + strcspn(part, "-");
		p = part;
		number = read_number(&p, end);
		if (number >= 0 && p == end) {
			if (major >= 0)
				return major * MINORS + number;
			major = number;
		} else if (major >= 0) {
			return major * MINORS;
		}
		if (*end == '\0')
			return major < 0 ? -1 : major * MINORS;
	}
}

/* "4.6" at *p; a version without a minor is the .0 of it. -1: no version. */
static int
read_version(const char **p, const char *end)
{
	int major = read_number(p, end), minor = 0;

	if (major >= 0 && *p < end && **p == '.') {
		++*p;
		minor = read_number(p, end);
	}
	return major < 0 || minor < 0 ? -1 : major * MINORS + minor;
}

/* Reads "4.6", "4.7+" or "0-4.6" to its end. */
static bool
read_versions(const char *p, const char *end, int *from, int *to)
{
	*from = *to = read_version(&p, end);
	if (*from < 0)
		return false;
	if (p < end && *p == '+') {
		*to = INT32_MAX;
		p++;
	} else if (p < end && *p == '-') {
		p++;
		*to = read_version(&p, end);
	}
	return p == end && *to >= *from;
}

static bool
is_text(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(word, text, len) == 0;
}

static bool
word_fits(const char *word, size_t len, const struct ccp_model *model)
{
	const char *colon = memchr(word, ':', len), *end = word + len;
	const char *versions = colon ? colon + 1 : word;
	int from, to, version;

	if (is_text(word, len, "*"))
		return true;
	if (!model)
		return false;
	if (is_text(word, len, "known") || is_text(word, len, model->family) ||
	    is_text(word, len, model->anthropic_id))
		return true;
	if (end[-1] == '*')
		return strncmp(model->anthropic_id, word, len - 1) == 0;
	if (colon && !is_text(word, (size_t)(colon - word), model->family))
		return false;
	if (!read_versions(versions, end, &from, &to))
		return false;
	version = version_of_id(model->anthropic_id);
	return version >= from && version <= to;
}

bool
ccp_rule_fits(const char *models, const struct ccp_model *model)
{
	size_t len;

	for (models += strspn(models, " "); *models; models += len, models += strspn(models, " ")) {
		len = strcspn(models, " ");
		if (word_fits(models, len, model))
			return true;
	}
	return false;
}

/* Families that a table may lack without making a rule wrong. */
static bool
is_family(const struct ccp_models *models, const char *word, size_t len)
{
	static const char *const families[] = { "fable", "mythos", "opus", "sonnet", "haiku" };
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (is_text(word, len, families[i]))
			return true;
	for (i = 0; i < models->model_count; i++)
		if (is_text(word, len, models->models[i].family))
			return true;
	return false;
}

static bool
is_id(const struct ccp_models *models, const char *word, size_t len)
{
	size_t i;

	/* the shipped rules must go with a table that lacks some of the shipped models */
	if (len > 7 && memcmp(word, "claude-", 7) == 0)
		return true;
	for (i = 0; i < models->model_count; i++)
		if (is_text(word, len, models->models[i].anthropic_id))
			return true;
	return false;
}

bool
ccp_rule_word_ok(const struct ccp_models *models, const char *word, size_t len)
{
	const char *colon = memchr(word, ':', len);
	int from, to;

	if (is_text(word, len, "*") || is_text(word, len, "known"))
		return true;
	if (colon)
		return is_family(models, word, (size_t)(colon - word)) &&
		       read_versions(colon + 1, word + len, &from, &to);
	return read_versions(word, word + len, &from, &to) || is_family(models, word, len) ||
	       is_id(models, word, len);
}

static bool
name_matches(const struct ccp_rule *rule, struct ccp_span name)
{
	size_t len = rule->name_len;

	switch (rule->match) {
	case CCP_NAME_IS:
		return name.len == len && memcmp(name.p, rule->name, len) == 0;
	case CCP_NAME_STARTS:
		return name.len >= len && memcmp(name.p, rule->name, len) == 0;
	case CCP_NAME_ENDS:
		return name.len > len && memcmp(name.p + name.len - len, rule->name, len) == 0;
	default:
		return true;
	}
}

const struct ccp_rule *
ccp_models_rules(const struct ccp_models *models, enum ccp_place place, size_t *count)
{
	*count = models->rules_at[place + 1] - models->rules_at[place];
	return models->rules + models->rules_at[place];
}

const struct ccp_rule *
ccp_models_rule(const struct ccp_models *models, enum ccp_place place, struct ccp_span name,
                const struct ccp_model *model, ccp_rule_needs_fn *needs, const void *arg)
{
	size_t count, i;
	const struct ccp_rule *rule = ccp_models_rules(models, place, &count);

	for (i = 0; i < count; i++, rule++)
		if (name_matches(rule, name) &&
		    (rule->every_model || ccp_rule_fits(rule->models, model)) &&
		    (!*rule->needs || needs(arg, rule->needs)))
			return rule;
	return NULL;
}
