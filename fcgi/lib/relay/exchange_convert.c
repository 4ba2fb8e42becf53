#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* What is done for Bedrock on a work thread: converting the body, signing. */

void
ccp_x_bedrock_free(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;

	if (!b)
		return;
	ccp_translation_clear(&b->translation);
	ccp_bedrock_request_clear(&b->request);
	ccp_bedrock_stream_free(b->stream);
	ccp_buf_clear(&b->out);
	ccp_headers_clear(&b->headers);
	free(b);
	x->bedrock = NULL;
	ccp_x_account_close(x);
}

/* All lines of anthropic-beta, joined; the web servers join them, but not all need to. */
static void
join_betas(const struct ccp_headers *headers, struct ccp_buf *out)
{
	size_t i;

	for (i = 0; i < headers->count; i++) {
		if (strcmp(headers->items[i].name, "anthropic-beta") != 0)
			continue;
		if (out->len)
			ccp_buf_puts(out, ",");
		ccp_buf_puts(out, headers->items[i].value);
	}
}

/* Retired models are answered by another one of their family: that should not go unseen. */
static void
log_successor(const struct ccp_exchange *x, const struct ccp_model *model)
{
	if (model && strncmp(x->model, model->anthropic_id, strlen(model->anthropic_id)) != 0)
		ccp_log(CCP_LOG_INFO, x->call.id, "%s is answered by %s on Bedrock", x->model,
		        model->anthropic_id);
}

static void
run_convert(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);
	struct ccp_buf betas = CCP_BUF_INIT(CCP_HEADERS_MAX_BYTES);
	struct ccp_translate_input in = { .body = { x->call.body.data, x->call.body.len } };
	enum ccp_err (*translate)(const struct ccp_models *, const struct ccp_config *,
	                          const struct ccp_translate_input *, struct ccp_translation *,
	                          struct ccp_error *) =
		x->call.count_tokens ? ccp_translate_count : ccp_translate_request;
	struct ccp_error err;
	enum ccp_err rc = CCP_OK;

	join_betas(&x->call.headers, &betas);
	in.anthropic_version = ccp_headers_get(&x->call.headers, "anthropic-version");
	in.anthropic_beta = betas.len ? betas.data : NULL;
	in.content_encoding = ccp_headers_get(&x->call.headers, "content-encoding");
	in.repair = x->repaired ? &x->repair : NULL;
	x->job_rc = translate(x->models, x->relay->config, &in, &x->bedrock->translation,
	                      &x->job_error);
	x->bedrock->convertible = x->job_rc == CCP_OK;
	if (x->call.messages)
		log_successor(x, x->bedrock->translation.target.model);
	ccp_buf_clear(&betas);
	if (x->relay->config->fallback_on & ~(unsigned)CCP_ON_429)
		rc = ccp_store_vouched(x->relay->store, x->credential,
		                       ccp_x_now_s() - CCP_VOUCHED_S, &x->vouched, &err);
	if (rc)
		ccp_log(ccp_relay_store_said(rc) ? CCP_LOG_DEBUG : CCP_LOG_WARNING, x->call.id,
		        "not known whether vouched: %s", err.text);
}

void
ccp_x_convert(struct ccp_exchange *x, void (*done)(struct ccp_job *job))
{
	ccp_x_bedrock_free(x);
	x->bedrock = calloc(1, sizeof(*x->bedrock));
	if (!x->bedrock || !ccp_x_account_open(x)) {
		ccp_x_error(x, 500, "api_error", "This proxy is out of memory");
		return;
	}
	x->bedrock->out = (struct ccp_buf)CCP_BUF_INIT(CCP_ANSWER_MAX_BYTES);
	ccp_x_job(x, CCP_X_CONVERT, run_convert, done);
}

void
ccp_x_run_sign(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	ccp_bedrock_request_clear(&x->bedrock->request); /* of a first attempt */
	x->job_rc = ccp_bedrock_request_new(x->relay->config, x->relay->credentials,
	                                    &x->bedrock->translation, ccp_x_now_s(),
	                                    &x->bedrock->request, &x->job_error);
}
