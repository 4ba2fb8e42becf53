#include "upstream/translate_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The flags that go along, the version and punctuation. */
#define HEAD_MAX_BYTES (16 * 1024)

/* max_tokens of a count, where the model's ceiling is not known: it changes no count. */
#define COUNT_MAX_TOKENS 32000

/*
 * The fields that need more than a rule. All others are kept or left out as
 * they are; without a row a field is an "extra input" and left out.
 */
static const struct {
	const char *name;
	ccp_translate_field_fn *edit;
} FIELDS[] = {
	{ "messages", ccp_translate_messages },
	{ "max_tokens", ccp_translate_max_tokens },
	{ "system", ccp_translate_system },
	{ "tools", ccp_translate_tools },
	{ "thinking", ccp_translate_thinking },
	{ "output_config", ccp_translate_output_config },
	{ "temperature", ccp_translate_sampling },
	{ "top_p", ccp_translate_sampling },
	{ "top_k", ccp_translate_sampling },
	{ "metadata", ccp_translate_metadata },
	{ "cache_control", ccp_translate_cache_control },
	{ "model", ccp_translate_model },
};

#define FIELD_COUNT (sizeof(FIELDS) / sizeof(FIELDS[0]))

/* What the rows of all places but beta may need: a flag that goes along, or the door. */
static bool
flag_goes_along(const void *arg, const char *needs)
{
	const struct ccp_translate_job *job = arg;

	if (strcmp(needs, "invoke") == 0 || strcmp(needs, "messages") == 0)
		return (strcmp(needs, "messages") == 0) == (job->door == CCP_DOOR_MESSAGES);
	return ccp_translate_has_flag(job, needs);
}

const struct ccp_rule *
ccp_translate_row(const struct ccp_translate_job *job, enum ccp_place place, struct ccp_span name)
{
	return ccp_models_rule(job->models, place, name, job->model, flag_goes_along, job);
}

enum ccp_verdict
ccp_translate_rule(const struct ccp_translate_job *job, enum ccp_place place, struct ccp_span name,
                   const char **value)
{
	char head[CCP_RULE_NAME_MAX_BYTES + 1];
	const struct ccp_rule *row =
		ccp_translate_row(job, place, ccp_json_string_head(name, head, sizeof(head)));

	if (value)
		*value = row ? row->value : "";
	return row ? row->verdict : ccp_rule_default(place);
}

enum ccp_err
ccp_translate_refuse(struct ccp_translate_job *job, const char *what, struct ccp_span string)
{
	char text[64];

	if (!ccp_json_string_text(string, text, sizeof(text)))
		strncpy(text, "?", sizeof(text));
	return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "%s of type %s", what, text);
}

bool
ccp_translate_repairs(const struct ccp_translate_job *job, enum ccp_repair_kind kind,
                      const struct ccp_span *key)
{
	const struct ccp_repair *repair = job->in->repair;

	return repair && repair->kind == kind && (!key || ccp_json_string_is(*key, repair->name));
}

/* Notes where the fields are that others depend on. */
static void
collect(struct ccp_translate_job *job, struct ccp_span body)
{
	const struct {
		const char *name;
		struct ccp_span *to;
	} wanted[] = {
		{ "model", &job->client_model },          { "messages", &job->messages },
		{ "max_tokens", &job->max_tokens },       { "thinking", &job->thinking },
		{ "output_config", &job->output_config }, { "tools", &job->tools },
		{ "tool_choice", &job->tool_choice },     { "stream", &job->stream },
	};
	struct ccp_json_iter it = ccp_translate_each(job, body);
	struct ccp_json_item item;
	size_t i;

	while (ccp_json_next(&it, &item))
		for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (ccp_json_string_is(item.key, wanted[i].name))
				*wanted[i].to = item.value;
}

struct ccp_json_iter
ccp_translate_each(const struct ccp_translate_job *job, struct ccp_span container)
{
	return ccp_json_each_in(job->index, job->edits.text, container);
}

static enum ccp_err
check_input(const struct ccp_translate_job *job)
{
	const struct ccp_translate_input *in = job->in;
	struct ccp_error *err = job->err;

	if (in->content_encoding && *in->content_encoding &&
	    strcasecmp(in->content_encoding, "identity") != 0)
		return ccp_fail(err, CCP_ERR_UNSUPPORTED, "the body is encoded (%.40s)",
		                in->content_encoding);
	if (!ccp_json_valid_index(job->edits.text, job->index))
		return ccp_fail(err, CCP_ERR_FORMAT, "the body is not JSON");
	return CCP_OK;
}

/* A count goes to the base model, whatever profile an answer would come from. */
static enum ccp_err
choose_base_model(struct ccp_translation *out, struct ccp_error *err)
{
	const struct ccp_model *model = out->target.model;

	if (!model || !model->count_tokens)
		return ccp_fail(err, CCP_ERR_UNSUPPORTED, "Bedrock counts no tokens for \"%.100s\"",
		                out->client_model);
	memcpy(out->target.id, model->bedrock_id, strlen(model->bedrock_id) + 1);
	return CCP_OK;
}

/* The client's model name, and from it where the request goes. */
static enum ccp_err
choose_target(struct ccp_translate_job *job, const struct ccp_config *config,
              struct ccp_translation *out)
{
	size_t n = ccp_json_string_bytes(job->client_model);
	enum ccp_err rc;

	if (ccp_json_type(job->messages) != CCP_JSON_ARRAY || n == 0 || n > CCP_MODEL_ID_MAX_BYTES)
		return ccp_fail(job->err, CCP_ERR_UNSUPPORTED,
		                "not a Messages body: no model or no messages");
	out->client_model = malloc(n + 1);
	if (!out->client_model)
		return ccp_fail(job->err, CCP_ERR_NOMEM, "no memory for the model's name");
	if (!ccp_json_string_text(job->client_model, out->client_model, n + 1))
		return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "the model's name holds a NUL");
	rc = ccp_models_target(job->models, config, out->client_model, &out->target, job->err);
	if (!rc && job->door == CCP_DOOR_COUNT_TOKENS)
		rc = choose_base_model(out, job->err);
	job->model = out->target.model;
	out->stream = ccp_json_type(job->stream) == CCP_JSON_TRUE;
	ccp_json_add_string(&job->model_json, out->target.id, strlen(out->target.id));
	return rc;
}

/* True for a value that asks for nothing: [] {} false. */
static bool
is_void(struct ccp_span value)
{
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;

	if (ccp_json_type(value) == CCP_JSON_ARRAY || ccp_json_type(value) == CCP_JSON_OBJECT)
		return !ccp_json_next(&it, &item);
	return ccp_json_type(value) == CCP_JSON_FALSE;
}

/* A body without these is no request at all, whatever a refusal names. */
static bool
is_needed(struct ccp_span key)
{
	return ccp_json_string_is(key, "messages") || ccp_json_string_is(key, "max_tokens") ||
	       ccp_json_string_is(key, "model");
}

static enum ccp_err
edit_field(struct ccp_translate_job *job, const struct ccp_json_item *item, bool *keep)
{
	enum ccp_verdict verdict;
	char name[64];
	size_t i;

	*keep = false;
	/* null means not given, and Bedrock does not take it everywhere */
	if (ccp_json_type(item->value) == CCP_JSON_NULL)
		return CCP_OK;
	verdict = ccp_translate_rule(job, CCP_PLACE_FIELD, item->key, NULL);
	if (verdict == CCP_REFUSE && !is_void(item->value)) {
		if (!ccp_json_string_text(item->key, name, sizeof(name)))
			strncpy(name, "?", sizeof(name));
		return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "the request has %s", name);
	}
	if (verdict != CCP_KEEP ||
	    (ccp_translate_repairs(job, CCP_REPAIR_FIELD, &item->key) && !is_needed(item->key)))
		return CCP_OK;
	*keep = true;
	for (i = 0; i < FIELD_COUNT; i++)
		if (ccp_json_string_is(item->key, FIELDS[i].name))
			return FIELDS[i].edit(job, item->value, keep);
	ccp_translate_object(job, item);
	return CCP_OK;
}

/* The text of anthropic_version: the client's when the rules keep it, else what they say. */
static const char *
choose_version(const struct ccp_translate_job *job)
{
	const char *asked = job->in->anthropic_version ? job->in->anthropic_version : "";
	const struct ccp_rule *row = ccp_translate_row(job, CCP_PLACE_VERSION,
	                                               (struct ccp_span){ asked, strlen(asked) });

	if (row && row->verdict == CCP_RENAME)
		return row->value;
	if (row && row->match == CCP_NAME_IS)
		return row->name; /* the same text, and known to be plain */
	return job->door == CCP_DOOR_MESSAGES ? "2023-06-01" : "bedrock-2023-05-31";
}

/* anthropic_version and anthropic_beta go in front, and max_tokens where a count has none. */
static void
add_head(struct ccp_translate_job *job, struct ccp_span body, bool more_follows)
{
	size_t i;

	ccp_buf_addf(&job->head, "\"anthropic_version\":\"%s\"", choose_version(job));
	for (i = 0; i < job->flag_count; i++) {
		const char *flag = job->flags.data + job->flag_at[i];

		ccp_buf_puts(&job->head, i == 0 ? ",\"anthropic_beta\":[" : ",");
		ccp_json_add_string(&job->head, flag, strlen(flag));
	}
	if (job->flag_count > 0)
		ccp_buf_puts(&job->head, "]");
	if (job->door == CCP_DOOR_COUNT_TOKENS && job->max_tokens.len == 0)
		ccp_buf_addf(&job->head, ",\"max_tokens\":%lld", (long long)job->max_tokens_value);
	if (more_follows)
		ccp_buf_puts(&job->head, ",");
	if (!ccp_buf_ok(&job->head))
		job->edits.spoiled = true;
	ccp_json_replace(&job->edits, (struct ccp_span){ body.p + 1, 0 }, ccp_buf_text(&job->head),
	                 job->head.len);
}

/* The same as headers, for the Messages endpoint. */
static enum ccp_err
set_headers(struct ccp_translate_job *job, struct ccp_translation *out)
{
	size_t i;

	out->version_header = strdup(choose_version(job));
	for (i = 0; i < job->flag_count; i++) {
		ccp_buf_puts(&job->head, i == 0 ? "" : ",");
		ccp_buf_puts(&job->head, job->flags.data + job->flag_at[i]);
	}
	if (!out->version_header || !ccp_buf_ok(&job->head))
		return ccp_fail(job->err, CCP_ERR_NOMEM, "no memory for the headers");
	out->beta_header = ccp_buf_take(&job->head);
	return CCP_OK;
}

static enum ccp_err
edit_body(struct ccp_translate_job *job, struct ccp_span body)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, body);
	struct ccp_json_item item;
	enum ccp_err rc;

	while (ccp_json_next(&it, &item)) {
		bool keep;

		rc = edit_field(job, &item, &keep);
		if (rc)
			return rc;
		if (keep)
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	if (job->door != CCP_DOOR_MESSAGES)
		add_head(job, body, sieve.kept_count > 0);
	return CCP_OK;
}

static enum ccp_err
translate(struct ccp_translate_job *job, const struct ccp_config *config,
          struct ccp_translation *out)
{
	struct ccp_span body = ccp_json_trim(job->in->body);
	enum ccp_err rc;

	ccp_json_edits_init(&job->edits, body);
	rc = check_input(job);
	if (rc)
		return rc;
	if (ccp_json_type(body) == CCP_JSON_OBJECT)
		collect(job, body);
	rc = choose_target(job, config, out);
	if (rc)
		return rc;
	ccp_translate_betas(job);
	ccp_translate_plan_max_tokens(job);
	if (job->door == CCP_DOOR_COUNT_TOKENS && job->max_tokens.len == 0)
		job->max_tokens_value = job->ceiling ? job->ceiling : COUNT_MAX_TOKENS;
	ccp_translate_plan_thinking(job);
	rc = edit_body(job, body);
	if (!rc)
		rc = ccp_json_apply(&job->edits, &out->body, job->err);
	if (!rc && job->door == CCP_DOOR_MESSAGES)
		rc = set_headers(job, out);
	return rc;
}

enum ccp_err
ccp_translate_to(enum ccp_bedrock_door door, const struct ccp_models *models,
                 const struct ccp_config *config, const struct ccp_translate_input *in,
                 struct ccp_translation *out, struct ccp_error *err)
{
	struct ccp_json_index index = CCP_JSON_INDEX_INIT;
	struct ccp_translate_job job = {
		.models = models,
		.index = &index,
		.in = in,
		.door = door,
		.err = err,
		.flags = CCP_BUF_INIT(HEAD_MAX_BYTES),
		.model_json = CCP_BUF_INIT(CCP_MODEL_ID_MAX_BYTES + 2),
		.head = CCP_BUF_INIT(HEAD_MAX_BYTES),
	};
	enum ccp_err rc;

	*out = (struct ccp_translation){ .body = CCP_BUF_INIT(CCP_BEDROCK_BODY_MAX_BYTES),
		                         .door = door };
	rc = translate(&job, config, out);
	ccp_json_edits_clear(&job.edits);
	ccp_json_index_clear(&index);
	ccp_buf_clear(&job.head);
	ccp_buf_clear(&job.model_json);
	ccp_buf_clear(&job.flags);
	return rc;
}

enum ccp_err
ccp_translate_request(const struct ccp_models *models, const struct ccp_config *config,
                      const struct ccp_translate_input *in, struct ccp_translation *out,
                      struct ccp_error *err)
{
	enum ccp_bedrock_door door =
		config->bedrock_api == CCP_BEDROCK_MESSAGES ? CCP_DOOR_MESSAGES : CCP_DOOR_INVOKE;

	return ccp_translate_to(door, models, config, in, out, err);
}

void
ccp_translation_clear(struct ccp_translation *t)
{
	ccp_buf_clear(&t->body);
	free(t->client_model);
	free(t->version_header);
	free(t->beta_header);
	t->client_model = t->version_header = t->beta_header = NULL;
}
