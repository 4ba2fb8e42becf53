#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdio.h>

/* Booking: what an answer of Bedrock's cost, in the store before its last bytes go out. */

static void
run_book(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	x->job_rc = ccp_store_usage_add(x->relay->store, &x->bedrock->record, &x->job_error);
}

/* Gives out what was kept, ends the answer; the exchange lives on while its job runs. */
static void
give_rest(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;

	if (b->booked || x->gone)
		return;
	b->booked = true;
	if (!x->head_sent)
		ccp_x_head(x, b->status, &b->headers);
	if (b->out.len)
		ccp_x_body(x, b->out.data, b->out.len);
	x->client.end(x->client.arg);
}

static void
book_done(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);
	const struct ccp_usage_record *r = &x->bedrock->record;

	if (x->job_rc)
		ccp_log(CCP_LOG_ERROR, x->call.id, "usage was not booked: %s", x->job_error.text);
	else
		ccp_log(CCP_LOG_INFO, x->call.id,
		        "📊 bedrock user=%s model=%s in=%lld out=%lld cache_read=%lld "
		        "cache_write=%lld microusd=%lld%s %lld ms",
		        r->user, r->model, (long long)r->tokens.input_tokens,
		        (long long)r->tokens.output_tokens, (long long)r->tokens.cache_read_tokens,
		        (long long)(r->tokens.cache_write_5m_tokens +
		                    r->tokens.cache_write_1h_tokens),
		        (long long)r->cost_microusd, r->tokens.estimated ? " (cut)" : "",
		        (long long)(ccp_loop_now_ms(x->relay->loop) - x->started_ms));
	x->job_running = false;
	give_rest(x);
	if (x->http && !x->gone)
		ccp_x_timer(
			x, CCP_BOOK_WAIT_MS); /* its end is near: then the connection can be kept */
	else
		ccp_x_over(x);
}

/* The answer is over, whole or not: books it, then gives the rest of it. */
void
ccp_x_book(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;
	struct ccp_usage_record *r = &b->record;

	if (!b->meter.started || !x->relay->store || !x->relay->config->usage_tracking_enabled) {
		give_rest(x);
		ccp_x_over(x);
		return;
	}
	snprintf(r->user, sizeof(r->user), "%s", x->call.user);
	snprintf(r->model, sizeof(r->model), "%.*s", (int)sizeof(r->model) - 1,
	         b->translation.target.model ? b->translation.target.model->anthropic_id
	                                     : x->model);
	snprintf(r->request_type, sizeof(r->request_type), "bedrock");
	r->at_s = ccp_x_now_s();
	r->tokens = ccp_meter_result(&b->meter);
	r->cost_microusd =
		ccp_models_cost_microusd(x->models, b->translation.target.id, &r->tokens);
	ccp_x_job(x, CCP_X_BOOK, run_book, book_done);
	ccp_x_timer(x, CCP_BOOK_WAIT_MS);
}

/* Booking takes too long: the answer ends before it. Or all is done but the connection's end. */
void
ccp_x_book_timer(struct ccp_exchange *x)
{
	if (!x->job_running) {
		ccp_x_over(x);
		return;
	}
	ccp_log(CCP_LOG_WARNING, x->call.id, "booking takes long: the answer ends before it");
	give_rest(x);
}
