#include "upstream/models_parts.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct ccp_model *
ccp_models_row(const struct ccp_models *models, size_t n)
{
	return n < models->model_count ? &models->models[n] : NULL;
}

/* Claude Code marks the long context in the name; the mark is no part of the id. */
static size_t
id_bytes(const char *id)
{
	static const char mark[] = "[1m]";
	size_t n = strlen(id), m = sizeof(mark) - 1;

	return n > m && strcasecmp(id + n - m, mark) == 0 ? n - m : n;
}

static const struct ccp_model *
find_row(const struct ccp_models *models, const char *id, size_t len)
{
	size_t i;

	for (i = 0; i < models->model_count; i++) {
		const char *row_id = models->models[i].anthropic_id;

		if (strlen(row_id) == len && memcmp(row_id, id, len) == 0)
			return &models->models[i];
	}
	return NULL;
}

const struct ccp_model *
ccp_models_find(const struct ccp_models *models, const char *id)
{
	const struct ccp_model *row = find_row(models, id, id_bytes(id));

	if (row && row->successor)
		return find_row(models, row->successor, strlen(row->successor));
	return row;
}

static bool
contains_word(const char *id, const char *word)
{
	size_t n = strlen(word);

	for (; *id; id++)
		if (strncasecmp(id, word, n) == 0)
			return true;
	return false;
}

const char *
ccp_models_family(const struct ccp_models *models, const char *id)
{
	static const char *const families[] = { "fable", "mythos", "opus", "sonnet", "haiku" };
	const struct ccp_model *row = find_row(models, id, id_bytes(id));
	size_t i;

	if (row)
		return row->family;
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (contains_word(id, families[i]))
			return families[i];
	return "other";
}

/* The row whose model a Bedrock id or ARN shows, or NULL. */
static const struct ccp_model *
row_of_bedrock_id(const struct ccp_models *models, const char *id)
{
	const char *base = strstr(id, "anthropic.");
	size_t i;

	for (i = 0; base && i < models->model_count; i++)
		if (strcmp(models->models[i].bedrock_id, base) == 0)
			return &models->models[i];
	return NULL;
}

static bool
has_word(const char *words, const char *word)
{
	size_t len = strlen(word), n;

	for (; *words; words += n, words += strspn(words, " ")) {
		n = strcspn(words, " ");
		if (n == len && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

static bool
is_asian(const char *profile)
{
	return strcmp(profile, "jp") == 0 || strcmp(profile, "au") == 0 ||
	       strcmp(profile, "in") == 0;
}

static void
target_row(const struct ccp_config *config, const struct ccp_model *row, struct ccp_target *target)
{
	const char *profile = config->bedrock_profile;

	target->model = row;
	if (!has_word(row->profiles, profile) && is_asian(profile))
		profile = "apac"; /* what contains the older models there */
	if (!*profile || !has_word(row->profiles, profile))
		profile = has_word(row->profiles, "global") ? "global" : row->profiles;
	/* the first word where there are several; the load saw to it that all fits */
	snprintf(target->id, sizeof(target->id), "%.*s%s%s", (int)strcspn(profile, " "), profile,
	         *profile ? "." : "", row->bedrock_id);
}

/* Characters of botocore's pattern for modelId (2026-08-07). */
static bool
can_be_bedrock_id(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= CCP_MODEL_ID_MAX_BYTES &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                  ":/._-") == n;
}

/* An operator's choice: an id of the table, or anything that Bedrock may know. */
static enum ccp_err
target_choice(const struct ccp_models *models, const struct ccp_config *config, const char *setting,
              const char *choice, const struct ccp_model *rules, struct ccp_target *target,
              struct ccp_error *err)
{
	const struct ccp_model *row = ccp_models_find(models, choice);

	if (row && *row->bedrock_id) {
		target_row(config, row, target);
		return CCP_OK;
	}
	if (!can_be_bedrock_id(choice))
		return ccp_fail(err, CCP_ERR_UNSUPPORTED, "%s: \"%.100s\" is no model id", setting,
		                choice);
	row = row_of_bedrock_id(models, choice);
	target->model = row ? row : rules;
	snprintf(target->id, sizeof(target->id), "%s", choice);
	return CCP_OK;
}

/* The override for a model as the client wrote it, or without its mark. */
static bool
override_of(const struct ccp_config *config, const char *client_model, char *out, size_t out_size)
{
	struct ccp_span object = { config->bedrock_model_overrides,
		                   strlen(config->bedrock_model_overrides) };
	char plain[256];

	if (ccp_json_member_text(object, client_model, out, out_size))
		return true;
	if (id_bytes(client_model) >= sizeof(plain))
		return false;
	snprintf(plain, sizeof(plain), "%.*s", (int)id_bytes(client_model), client_model);
	return ccp_json_member_text(object, plain, out, out_size);
}

enum ccp_err
ccp_models_target(const struct ccp_models *models, const struct ccp_config *config,
                  const char *client_model, struct ccp_target *target, struct ccp_error *err)
{
	static const char overrides[] = "BEDROCK_MODEL_OVERRIDES";
	const struct ccp_model *row = ccp_models_find(models, client_model);
	char choice[CCP_MODEL_ID_MAX_BYTES + 1];

	*target = (struct ccp_target){ 0 };
	if (row && !*row->bedrock_id)
		row = NULL;
	if (*config->bedrock_model_overrides) {
		if (override_of(config, client_model, choice, sizeof(choice)))
			return target_choice(models, config, overrides, choice, row, target, err);
		if (override_of(config, "*", choice, sizeof(choice)))
			return target_choice(models, config, overrides, choice, NULL, target, err);
	}
	if (row) {
		target_row(config, row, target);
		return CCP_OK;
	}
	if (*config->bedrock_default_model)
		return target_choice(models, config, "BEDROCK_DEFAULT_MODEL",
		                     config->bedrock_default_model, NULL, target, err);
	return ccp_fail(err, CCP_ERR_UNSUPPORTED, "no Bedrock id is known for model \"%.100s\"",
	                client_model);
}

const char *
ccp_models_name_of(const struct ccp_target *target)
{
	const char *slash = strrchr(target->id, '/');

	if (target->model)
		return target->model->anthropic_id;
	return slash && slash[1] ? slash + 1 : target->id;
}

enum ccp_err
ccp_models_check_overrides(const char *text, struct ccp_error *err)
{
	struct ccp_span object = { text, strlen(text) };
	struct ccp_json_iter it;
	struct ccp_json_item item;
	char id[CCP_MODEL_ID_MAX_BYTES + 1];

	if (*text == '\0')
		return CCP_OK;
	object = ccp_json_trim(object);
	if (!ccp_json_valid(object) || ccp_json_type(object) != CCP_JSON_OBJECT)
		return ccp_fail(err, CCP_ERR_SETTING,
		                "BEDROCK_MODEL_OVERRIDES is not a JSON object");
	it = ccp_json_each(object);
	while (ccp_json_next(&it, &item))
		if (!ccp_json_string_text(item.value, id, sizeof(id)) || !can_be_bedrock_id(id))
			return ccp_fail(err, CCP_ERR_SETTING,
			                "BEDROCK_MODEL_OVERRIDES: %.*s is given no model id",
			                (int)(item.key.len > 60 ? 60 : item.key.len), item.key.p);
	return CCP_OK;
}
