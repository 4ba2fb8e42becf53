#include "upstream/translate_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bedrock's pattern for metadata: at most so many characters. */
#define USER_ID_MAX_BYTES 256

void
ccp_translate_plan_max_tokens(struct ccp_translate_job *job)
{
	const struct ccp_rule *row = ccp_translate_row(job, CCP_PLACE_MAX_TOKENS, CCP_SPAN(""));

	job->ceiling = row ? row->number : 0;
	snprintf(job->ceiling_text, sizeof(job->ceiling_text), "%" PRId64, job->ceiling);
	if (!ccp_json_uint(job->max_tokens, &job->max_tokens_value))
		return;
	if (job->ceiling > 0 && job->max_tokens_value > job->ceiling) {
		job->max_tokens_value = job->ceiling;
		job->max_tokens_cut = true;
	}
}

enum ccp_err
ccp_translate_max_tokens(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	int64_t asked;

	*keep = true;
	if (job->ceiling > 0 && ccp_json_uint(value, &asked) && asked > job->ceiling)
		ccp_json_replace(&job->edits, value, job->ceiling_text, strlen(job->ceiling_text));
	return CCP_OK;
}

/* Only the Messages endpoint has the model in the body. */
enum ccp_err
ccp_translate_model(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	*keep = job->door == CCP_DOOR_MESSAGES;
	if (!ccp_buf_ok(&job->model_json))
		job->edits.spoiled = true;
	ccp_json_replace(&job->edits, value, ccp_buf_text(&job->model_json), job->model_json.len);
	return CCP_OK;
}

enum ccp_err
ccp_translate_output_config(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;

	while (ccp_json_next(&it, &item)) {
		bool named = ccp_translate_repairs(job, CCP_REPAIR_MEMBER, &item.key) &&
		             strcmp(job->in->repair->of, "output_config") == 0;

		if (!named &&
		    ccp_translate_rule(job, CCP_PLACE_OUTPUT_CONFIG, item.key, NULL) == CCP_KEEP)
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	*keep = sieve.kept_count > 0;
	if (*keep)
		ccp_json_sieve_end(&sieve);
	return CCP_OK;
}

void
ccp_translate_object(struct ccp_translate_job *job, const struct ccp_json_item *field)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, field->value);
	struct ccp_json_item item;

	if (!ccp_translate_repairs(job, CCP_REPAIR_MEMBER, NULL) ||
	    ccp_json_type(field->value) != CCP_JSON_OBJECT ||
	    !ccp_json_string_is(field->key, job->in->repair->of))
		return;
	while (ccp_json_next(&it, &item)) {
		if (ccp_translate_repairs(job, CCP_REPAIR_MEMBER, &item.key))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
}

enum ccp_err
ccp_translate_sampling(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	(void)value;
	/* thinking with a budget takes no other temperature than its own */
	*keep = !job->thinking_budget_added;
	return CCP_OK;
}

/* Bedrock's [a-zA-Z0-9\s:_@$#=/+,-.]{0,256}. */
static bool
is_plain_user_id(struct ccp_span string)
{
	char text[USER_ID_MAX_BYTES + 1];

	if (!ccp_json_string_text(string, text, sizeof(text)))
		return false;
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                         " \t\n\r\f\v:_@$#=/+,-.")] == '\0';
}

enum ccp_err
ccp_translate_metadata(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;

	*keep = ccp_json_type(value) == CCP_JSON_OBJECT;
	while (*keep && ccp_json_next(&it, &item))
		*keep = ccp_json_string_is(item.key, "user_id") &&
		        (ccp_json_type(item.value) == CCP_JSON_NULL ||
		         is_plain_user_id(item.value));
	return CCP_OK;
}

enum ccp_err
ccp_translate_cache_control(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;

	*keep = true;
	while (ccp_json_next(&it, &item)) {
		if (!ccp_translate_repairs(job, CCP_REPAIR_CACHE_CONTROL, &item.key) &&
		    ccp_translate_rule(job, CCP_PLACE_CACHE_CONTROL, item.key, NULL) == CCP_KEEP)
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	return CCP_OK;
}
