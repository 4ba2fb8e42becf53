#include "upstream/translate_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Two dozen flags of 42 bytes, the version and punctuation. */
#define HEAD_MAX_BYTES (16 * 1024)

/* Of anthropic_version: good for every model, and the newer one for models that take it. */
static const char VERSION_BEDROCK[] = "bedrock-2023-05-31";
static const char VERSION_2026[] = "2026-10-21";

/* A field that stays as it is. */
static enum ccp_err
keep_field(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	(void)job;
	(void)value;
	*keep = true;
	return CCP_OK;
}

/*
 * The fields of a Messages request that InvokeModel knows, and two that make a
 * request impossible there. Everything else is an "extra input" and left out.
 */
static const struct {
	const char *name;
	ccp_translate_field_fn *edit;
} FIELDS[] = {
	{ "messages", ccp_translate_messages },
	{ "max_tokens", ccp_translate_max_tokens },
	{ "system", ccp_translate_system },
	{ "tools", ccp_translate_tools },
	{ "tool_choice", keep_field },
	{ "thinking", ccp_translate_thinking },
	{ "output_config", ccp_translate_output_config },
	{ "stop_sequences", keep_field },
	{ "temperature", ccp_translate_sampling },
	{ "top_p", ccp_translate_sampling },
	{ "top_k", ccp_translate_sampling },
	{ "metadata", ccp_translate_metadata },
	{ "cache_control", ccp_translate_top_cache_control },
	{ "container", ccp_translate_container },
	{ "mcp_servers", ccp_translate_mcp_servers },
};

#define FIELD_COUNT (sizeof(FIELDS) / sizeof(FIELDS[0]))

/* Notes where the fields are that others depend on. */
static void
collect(struct ccp_translate_job *job, struct ccp_span body)
{
	const struct {
		const char *name;
		struct ccp_span *to;
	} wanted[] = {
		{ "model", &job->model },
		{ "messages", &job->messages },
		{ "max_tokens", &job->max_tokens },
		{ "thinking", &job->thinking },
		{ "output_config", &job->output_config },
		{ "tools", &job->tools },
		{ "tool_choice", &job->tool_choice },
		{ "stream", &job->stream },
	};
	struct ccp_json_iter it = ccp_json_each(body);
	struct ccp_json_item item;
	size_t i;

	while (ccp_json_next(&it, &item))
		for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (ccp_json_string_is(item.key, wanted[i].name))
				*wanted[i].to = item.value;
}

static enum ccp_err
check_input(const struct ccp_translate_input *in, struct ccp_error *err)
{
	if (in->content_encoding && *in->content_encoding &&
	    strcasecmp(in->content_encoding, "identity") != 0)
		return ccp_fail(err, CCP_ERR_UNSUPPORTED, "the body is encoded (%.40s)",
		                in->content_encoding);
	if (!ccp_json_valid(in->body))
		return ccp_fail(err, CCP_ERR_FORMAT, "the body is not JSON");
	return CCP_OK;
}

/* The client's model name, and from it where the request goes. */
static enum ccp_err
choose_target(struct ccp_translate_job *job, const struct ccp_config *config,
              struct ccp_translation *out)
{
	size_t n = ccp_json_string_bytes(job->model);
	enum ccp_err rc;

	if (ccp_json_type(job->messages) != CCP_JSON_ARRAY || n == 0 || n > CCP_MODEL_ID_MAX_BYTES)
		return ccp_fail(job->err, CCP_ERR_UNSUPPORTED,
		                "not a Messages body: no model or no messages");
	out->client_model = malloc(n + 1);
	if (!out->client_model)
		return ccp_fail(job->err, CCP_ERR_NOMEM, "no memory for the model's name");
	if (!ccp_json_string_text(job->model, out->client_model, n + 1))
		return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "the model's name holds a NUL");
	rc = ccp_models_target(job->models, config, out->client_model, &out->target, job->err);
	job->rules = out->target.model;
	out->stream = ccp_json_type(job->stream) == CCP_JSON_TRUE;
	return rc;
}

/* True for a field that the caller wants out; a body without these two is no request at all. */
static bool
is_dropped_by_caller(const struct ccp_translate_job *job, struct ccp_span key)
{
	return job->in->drop_field && ccp_json_string_is(key, job->in->drop_field) &&
	       !ccp_json_string_is(key, "messages") && !ccp_json_string_is(key, "max_tokens");
}

static enum ccp_err
edit_field(struct ccp_translate_job *job, const struct ccp_json_item *item, bool *keep)
{
	size_t i;

	*keep = false;
	/* null means not given, and Bedrock does not take it everywhere */
	if (ccp_json_type(item->value) == CCP_JSON_NULL || is_dropped_by_caller(job, item->key))
		return CCP_OK;
	for (i = 0; i < FIELD_COUNT; i++)
		if (ccp_json_string_is(item->key, FIELDS[i].name))
			return FIELDS[i].edit(job, item->value, keep);
	return CCP_OK;
}

/* anthropic_version and anthropic_beta go in front. */
static void
add_head(struct ccp_translate_job *job, struct ccp_span body, bool more_follows)
{
	const char *asked = job->in->anthropic_version, *version = VERSION_BEDROCK;

	if (asked && strcmp(asked, VERSION_2026) == 0 && CCP_RULE(job, version_2026))
		version = VERSION_2026;
	ccp_buf_addf(&job->head, "\"anthropic_version\":\"%s\"", version);
	if (job->betas.len > 0)
		ccp_buf_addf(&job->head, ",\"anthropic_beta\":[%s]", ccp_buf_text(&job->betas));
	if (more_follows)
		ccp_buf_puts(&job->head, ",");
	if (!ccp_buf_ok(&job->head) || !ccp_buf_ok(&job->betas))
		job->edits.spoiled = true;
	ccp_json_replace(&job->edits, (struct ccp_span){ body.p + 1, 0 }, ccp_buf_text(&job->head),
	                 job->head.len);
}

static enum ccp_err
edit_body(struct ccp_translate_job *job, struct ccp_span body)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(body);
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
	add_head(job, body, sieve.kept_count > 0);
	return CCP_OK;
}

enum ccp_err
ccp_translate_request(const struct ccp_models *models, const struct ccp_config *config,
                      const struct ccp_translate_input *in, struct ccp_translation *out,
                      struct ccp_error *err)
{
	struct ccp_translate_job job = {
		.models = models,
		.in = in,
		.err = err,
		.betas = CCP_BUF_INIT(HEAD_MAX_BYTES),
		.head = CCP_BUF_INIT(HEAD_MAX_BYTES),
	};
	struct ccp_span body = ccp_json_trim(in->body);
	enum ccp_err rc;

	*out = (struct ccp_translation){ .body = CCP_BUF_INIT(CCP_BEDROCK_BODY_MAX_BYTES) };
	ccp_json_edits_init(&job.edits, body);
	rc = check_input(in, err);
	if (rc)
		goto out;
	if (ccp_json_type(body) == CCP_JSON_OBJECT)
		collect(&job, body);
	rc = choose_target(&job, config, out);
	if (rc)
		goto out;
	ccp_translate_betas(&job);
	ccp_translate_plan_max_tokens(&job);
	ccp_translate_plan_thinking(&job);
	rc = edit_body(&job, body);
	if (rc)
		goto out;
	rc = ccp_json_apply(&job.edits, &out->body, err);

out:
	ccp_json_edits_clear(&job.edits);
	ccp_buf_clear(&job.head);
	ccp_buf_clear(&job.betas);
	return rc;
}

void
ccp_translation_clear(struct ccp_translation *t)
{
	ccp_buf_clear(&t->body);
	free(t->client_model);
	t->client_model = NULL;
}
