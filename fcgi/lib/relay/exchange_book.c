#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Booking: what an answer used and cost, in the store's journal before the
 * answer's last bytes go out; one way for both upstreams.
 */

bool
ccp_x_account_open(struct ccp_exchange *x)
{
	ccp_x_account_close(x);
	x->account = calloc(1, sizeof(*x->account));
	if (x->account)
		x->account->copy = (struct ccp_buf)CCP_BUF_INIT(CCP_ANSWER_MAX_BYTES);
	return x->account != NULL;
}

void
ccp_x_account_close(struct ccp_exchange *x)
{
	if (!x->account)
		return;
	ccp_sse_free(x->account->events);
	ccp_buf_clear(&x->account->copy);
	free(x->account);
	x->account = NULL;
}

static void
run_book(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	x->job_rc = ccp_store_usage_add(x->relay->store, &x->account->record, &x->job_error);
}

/* On Lambda the store waits itself, until it has handed over (store.h). */
int64_t
ccp_x_store_wait_ms(const struct ccp_exchange *x)
{
	return ccp_store_hands_over(x->relay->config) ? CCP_STORE_HAND_OVER_MS + CCP_STORE_WAIT_MS
	                                              : CCP_STORE_WAIT_MS;
}

/* Gives out what was kept; the exchange lives on while its job runs. Bedrock's answer ends so. */
static void
give_rest(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;

	if (x->account->given || x->gone)
		return;
	x->account->given = true;
	if (x->account->anthropic) {
		ccp_x_count_give(x);
		return;
	}
	if (!x->head_sent)
		ccp_x_head(x, b->status, &b->headers);
	if (b->out.len)
		ccp_x_body(x, b->out.data, b->out.len);
	x->client.end(x->client.arg);
}

/* The store has said itself when its journal fails; what it keeps in memory will count. */
static void
log_booking(const struct ccp_exchange *x)
{
	const struct ccp_usage_record *r = &x->account->record;
	const int64_t took_ms = ccp_loop_now_ms(x->relay->loop) - x->started_ms;
	const int64_t written = r->tokens.cache_write_5m_tokens + r->tokens.cache_write_1h_tokens;
	const struct ccp_log_figure figures[] = {
		{ "input_tokens", r->tokens.input_tokens },
		{ "output_tokens", r->tokens.output_tokens },
		{ "cache_read_tokens", r->tokens.cache_read_tokens },
		{ "cache_write_tokens", written },
		{ "cost_microusd", r->cost_microusd > 0 ? r->cost_microusd : 0 },
		{ "duration_ms", took_ms },
	};

	if (x->job_rc == CCP_ERR_STORE)
		ccp_log(CCP_LOG_DEBUG, x->call.id, "usage is kept in memory: %s",
		        x->job_error.text);
	else if (x->job_rc) /* the line below says what: it cost that all the same */
		ccp_log(CCP_LOG_ERROR, x->call.id, "usage is lost: %s", x->job_error.text);
	ccp_log_figures(CCP_LOG_INFO, x->call.id, figures, sizeof(figures) / sizeof(figures[0]),
	                "📊 %s user=%s model=%s in=%lld out=%lld cache_read=%lld cache_write=%lld "
	                "microusd=%lld%s %lld ms",
	                r->request_type, r->user, r->model, (long long)r->tokens.input_tokens,
	                (long long)r->tokens.output_tokens, (long long)r->tokens.cache_read_tokens,
	                (long long)written, (long long)r->cost_microusd,
	                r->tokens.estimated ? " (cut)" : "", (long long)took_ms);
}

static void
book_done(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	log_booking(x);
	x->job_running = false;
	give_rest(x);
	if (x->account->anthropic)
		ccp_x_count_booked(x);
	else if (x->http && !x->gone)
		ccp_x_timer(
			x,
			CCP_STORE_WAIT_MS); /* its end is near: then the connection can be kept */
	else
		ccp_x_over(x);
}

static void
fill_record(struct ccp_exchange *x)
{
	const struct ccp_model *model = ccp_models_find(x->models, x->model);
	struct ccp_usage_record *r = &x->account->record;
	const char *name;

	snprintf(r->user, sizeof(r->user), "%s", x->call.user);
	r->at_s = ccp_x_now_s();
	r->tokens = ccp_meter_result(&x->account->meter);
	if (x->account->anthropic) {
		/* the client pays Anthropic for it: on the operator's AWS bill it is nothing */
		r->cost_microusd = 0;
		snprintf(r->request_type, sizeof(r->request_type), "anthropic");
		/* Anthropic answered, so the name is one of its own; none: the body was compressed */
		name = model ? model->anthropic_id : *x->model ? x->model : "unknown";
	} else {
		const struct ccp_target *target = &x->bedrock->translation.target;

		r->cost_microusd = ccp_models_cost_microusd(x->models, target->id, &r->tokens);
		snprintf(r->request_type, sizeof(r->request_type), "bedrock");
		name = ccp_models_name_of(target);
	}
	snprintf(r->model, sizeof(r->model), "%.*s", (int)sizeof(r->model) - 1, name);
}

void
ccp_x_book(struct ccp_exchange *x)
{
	struct ccp_account *a = x->account;

	if (!a->meter.started || !x->relay->config->usage_tracking_enabled) {
		give_rest(x);
		ccp_x_over(x);
		return;
	}
	fill_record(x);
	ccp_x_job(x, CCP_X_BOOK, run_book, book_done);
	if (!a->given && !x->gone)
		ccp_x_timer(x, ccp_x_store_wait_ms(x));
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
	if (x->account->anthropic)
		ccp_exchange_ready(x); /* its upstream may have been held up */
}
