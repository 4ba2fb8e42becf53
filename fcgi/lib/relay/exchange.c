#include "relay/exchange_state.h"

#include "base/json.h"
#include "base/log.h"
#include "relay/admit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A deadline that comes in a moment that ends by itself is looked at again. */
#define DEADLINE_AGAIN_MS 1000

/*
 * The story of one request:
 *
 *   start -> lookup -> (a limit is on?) -> convert -> settle -> Bedrock
 *                   \-> Anthropic -> relay
 *                                 \-> refused -> convert -> wait, relay or Bedrock
 *   Bedrock -> relay -> book -> over
 *   Anthropic -> relay, and when that is counted: book -> relay -> over
 *             \-> cut -> book -> end (on AWS Lambda; elsewhere the end comes first) -> over
 *
 * This file begins and ends it and holds what all parts use.
 */

int64_t
ccp_x_now_s(void)
{
	return (int64_t)time(NULL);
}

bool
ccp_relay_store_said(enum ccp_err rc)
{
	return rc == CCP_ERR_STORE || rc == CCP_ERR_NET || rc == CCP_ERR_CREDENTIALS;
}

static void
on_timer(void *arg)
{
	struct ccp_exchange *x = arg;

	if (x->state == CCP_X_WAIT)
		ccp_x_ask_anthropic(x);
	else if (x->state == CCP_X_ANTHROPIC)
		ccp_x_anthropic_timer(x);
	else if (x->state == CCP_X_BOOK)
		ccp_x_book_timer(x);
	else if (x->state == CCP_X_REMEMBER)
		ccp_x_remember_timer(x);
	else
		ccp_x_bedrock_timer(x);
}

bool
ccp_x_timer(struct ccp_exchange *x, int64_t in_ms)
{
	if (ccp_timer_set(x->relay->loop, &x->timer, in_ms) == CCP_OK)
		return true;
	ccp_log(CCP_LOG_ERROR, x->call.id, "no memory for a timer");
	return false;
}

static void
stop(struct ccp_exchange *x, const struct ccp_stop *why)
{
	if (x->state == CCP_X_BEDROCK)
		ccp_x_stop_bedrock(x, why);
	else
		ccp_x_stop_anthropic(x, why);
}

/* Whether it goes on for long; else it ends by itself in a moment. */
static bool
is_going_on(const struct ccp_exchange *x)
{
	return !x->gone && !x->job_running && x->state != CCP_X_BOOK;
}

static void
set_deadline(struct ccp_exchange *x, int64_t in_ms)
{
	if (ccp_timer_set(x->relay->loop, &x->deadline, in_ms))
		ccp_log(CCP_LOG_ERROR, x->call.id, "no memory for a timer");
}

static void
on_deadline(void *arg)
{
	static const struct ccp_stop overlong = {
		504, "timeout_error", "This proxy gives an answer no more time (MAX_ANSWER_SECONDS)"
	};
	struct ccp_exchange *x = arg;

	if (!is_going_on(x)) {
		set_deadline(x, DEADLINE_AGAIN_MS);
		return;
	}
	ccp_log(CCP_LOG_WARNING, x->call.id,
	        "❌ longer than MAX_ANSWER_SECONDS=%lld, ended user=%s model=%s%s",
	        (long long)x->relay->config->max_answer_s, x->call.user, *x->model ? x->model : "-",
	        x->state == CCP_X_BEDROCK && !x->head_sent
	                ? ": what AWS may bill for it is not known here"
	                : "");
	if (!x->held_status || x->head_sent || x->state == CCP_X_ANTHROPIC) {
		stop(x, &overlong);
		return;
	}
	/* while waiting, or Bedrock is silent: Anthropic's refusal is there, and whole */
	ccp_x_hang_up(x);
	ccp_x_relay_held(x);
}

/* The body and header of the request are not needed any more. */
void
ccp_x_free_request(struct ccp_exchange *x)
{
	ccp_body_clear(&x->call.body);
	ccp_headers_clear(&x->call.headers);
}

void
ccp_x_over(struct ccp_exchange *x)
{
	struct ccp_client client = x->client;

	x->state = CCP_X_OVER;
	ccp_timer_stop(x->relay->loop, &x->timer);
	ccp_timer_stop(x->relay->loop, &x->deadline);
	ccp_http_cancel(x->http);
	ccp_x_remember_leave(x);
	ccp_x_bedrock_free(x);
	ccp_x_account_close(x);
	ccp_x_free_request(x);
	ccp_headers_clear(&x->held_headers);
	ccp_buf_clear(&x->held_body);
	ccp_models_unref(x->models);
	free(x->limits);
	free(x);
	client.done(client.arg);
}

struct ccp_exchange *
ccp_x_of(struct ccp_job *job)
{
	return (struct ccp_exchange *)((char *)job - offsetof(struct ccp_exchange, job));
}

void
ccp_x_job(struct ccp_exchange *x, enum ccp_state state, void (*run)(struct ccp_job *job),
          void (*done)(struct ccp_job *job))
{
	struct ccp_work *pool = x->relay->work;

	x->state = state;
	x->job_running = true;
	x->job.run = run;
	x->job.done = done;
	ccp_timer_stop(x->relay->loop, &x->timer);
	if (state == CCP_X_BOOK)
		pool = x->relay->writes;
	else if (state == CCP_X_SIGN)
		pool = x->relay->signs;
	else if (state == CCP_X_LOOKUP)
		pool = x->relay->lookups;
	ccp_work_submit(pool, &x->job);
}

bool
ccp_x_job_done(struct ccp_exchange *x)
{
	x->job_running = false;
	if (!x->gone)
		return true;
	ccp_x_over(x);
	return false;
}

/* Answers: what every one of them carries is added here. */
void
ccp_x_head(struct ccp_exchange *x, int status, struct ccp_headers *headers)
{
	const char *type = ccp_headers_get(headers, "content-type");

	x->sse = type && strncmp(type, "text/event-stream", 17) == 0;
	if (x->sse && !ccp_headers_get(headers, "x-accel-buffering"))
		ccp_headers_add(headers, "x-accel-buffering", "no"); /* nginx would collect */
	ccp_headers_add(headers, "x-claude-proxy-request-id", x->call.id);
	x->head_sent = true;
	x->last_sent_ms = ccp_loop_now_ms(x->relay->loop);
	x->client.head(x->client.arg, status, headers);
}

void
ccp_x_body(struct ccp_exchange *x, const char *p, size_t n)
{
	x->last_sent_ms = ccp_loop_now_ms(x->relay->loop);
	x->client.body(x->client.arg, p, n);
}

void
ccp_x_end(struct ccp_exchange *x)
{
	x->client.end(x->client.arg);
	ccp_x_over(x);
}

void
ccp_x_hang_up(struct ccp_exchange *x)
{
	ccp_http_cancel(x->http);
	x->http = NULL;
}

void
ccp_x_error_with(struct ccp_exchange *x, int status, const char *type, const char *message,
                 const struct ccp_headers *more)
{
	struct ccp_buf body = CCP_BUF_INIT(64 * 1024);
	struct ccp_headers headers = { 0 };

	ccp_anthropic_error_json(&body, type, message, x->call.id);
	ccp_headers_add(&headers, "content-type", "application/json");
	ccp_headers_add(&headers, "request-id", x->call.id);
	if (more)
		ccp_headers_copy(&headers, more);
	ccp_x_head(x, status, &headers);
	ccp_x_body(x, ccp_buf_text(&body), body.len);
	ccp_headers_clear(&headers);
	ccp_buf_clear(&body);
	ccp_x_end(x);
}

void
ccp_x_error(struct ccp_exchange *x, int status, const char *type, const char *message)
{
	ccp_x_error_with(x, status, type, message, NULL);
}

/* The end of a stream that broke after content was sent. */
void
ccp_x_error_event(struct ccp_exchange *x, const char *type, const char *message)
{
	struct ccp_buf event = CCP_BUF_INIT(64 * 1024);

	ccp_buf_puts(&event, "event: error\ndata: ");
	ccp_anthropic_error_json(&event, type, message, x->call.id);
	ccp_buf_puts(&event, "\n\n");
	if (ccp_buf_ok(&event))
		ccp_x_body(x, event.data, event.len);
	ccp_buf_clear(&event);
}

/* On a work thread: who asks, for what, and what is known of them. */
static void
run_lookup(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);
	const struct ccp_config *config = x->relay->config;
	struct ccp_span body = { x->call.body.data, x->call.body.len };
	int64_t now_s = ccp_x_now_s();

	x->job_rc = CCP_OK;
	if (!ccp_json_member_text(body, "model", x->model, sizeof(x->model)))
		x->model[0] = '\0';
	x->family = ccp_models_family(x->models, x->model);
	if (ccp_anthropic_fingerprint(&x->call.headers, x->credential))
		x->credential[0] = '\0';
	if (!config->rate_limit_tracking_enabled)
		return;
	x->limits = calloc(CCP_LIMITS_PER_USER_MAX, sizeof(*x->limits));
	if (x->limits)
		x->job_rc = ccp_store_limits_get(x->relay->store, x->call.user, now_s, x->limits,
		                                 CCP_LIMITS_PER_USER_MAX, &x->limit_count,
		                                 &x->job_error);
}

/* A stored limit led here: Bedrock if it can, else Anthropic answers for itself. */
static void
converted_from_store(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	if (!ccp_x_job_done(x))
		return;
	if (!x->bedrock || !x->bedrock->convertible) {
		ccp_log(CCP_LOG_INFO, x->call.id,
		        "limited, but not for Bedrock (%s): asking Anthropic", x->job_error.text);
		x->from_store = false;
		ccp_x_bedrock_free(x);
		ccp_x_ask_anthropic(x);
		return;
	}
	x->decision = (struct ccp_decision){ .next = CCP_NEXT_BEDROCK, .reason = "stored_limit" };
	ccp_x_settle(x);
}

/* FORCE_RATE_LIMIT: as if Anthropic had said 429 with retry-after 60. */
static void
play_limit(struct ccp_exchange *x)
{
	x->forced = true;
	x->second_time = true; /* nobody is waited for: Anthropic is not asked */
	x->held_kind = CCP_ANSWER_HTTP;
	x->held_status = 429;
	ccp_headers_add(&x->held_headers, "content-type", "application/json");
	ccp_headers_add(&x->held_headers, "retry-after", "60");
	ccp_headers_add(&x->held_headers, "request-id", x->call.id);
	ccp_anthropic_error_json(&x->held_body, "rate_limit_error",
	                         "FORCE_RATE_LIMIT is on: this proxy plays a rate limit",
	                         x->call.id);
	ccp_x_refused(x);
}

/* They are many and a stream is long. */
static void
forget_limits(struct ccp_exchange *x)
{
	free(x->limits);
	x->limits = NULL;
	x->limit_count = 0;
}

static void
looked_up(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);
	const struct ccp_config *config = x->relay->config;
	const struct ccp_limit *limit;
	struct ccp_before before;

	if (!ccp_x_job_done(x))
		return;
	if (x->job_rc)
		ccp_log(ccp_relay_store_said(x->job_rc) ? CCP_LOG_DEBUG : CCP_LOG_WARNING,
		        x->call.id, "limits unknown, asking Anthropic: %s", x->job_error.text);
	if (config->force_rate_limit && x->call.loopback) {
		forget_limits(x);
		play_limit(x);
		return;
	}
	before = (struct ccp_before){ .limits = x->limits,
		                      .limit_count = x->limit_count,
		                      .credential = x->credential,
		                      .family = x->family,
		                      .budget_left = true,
		                      .now_s = ccp_x_now_s() };
	limit = ccp_fallback_before(&before, config);
	if (!limit) {
		forget_limits(x);
		ccp_x_ask_anthropic(x);
		return;
	}
	ccp_log(CCP_LOG_INFO, x->call.id, "🔄 %s is limited for %lld s more (%s): Bedrock",
	        x->call.user, (long long)(limit->retry_until_s - before.now_s), limit->reason);
	forget_limits(x);
	x->from_store = true;
	ccp_x_convert(x, converted_from_store);
}

struct ccp_exchange *
ccp_exchange_start(struct ccp_relay *relay, struct ccp_call *call, const struct ccp_client *client)
{
	struct ccp_exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->relay = relay;
	x->call = *call;
	call->headers = (struct ccp_headers){ 0 };
	call->body = (struct ccp_body){ 0 };
	x->client = *client;
	x->models = ccp_models_ref(relay->models);
	x->family = "other";
	x->timer = (struct ccp_timer){ .fn = on_timer, .arg = x };
	x->deadline = (struct ccp_timer){ .fn = on_deadline, .arg = x };
	x->held_body = (struct ccp_buf)CCP_BUF_INIT(CCP_HELD_MAX_BYTES);
	x->started_ms = ccp_loop_now_ms(relay->loop);
	if (relay->config->max_answer_s)
		set_deadline(x, relay->config->max_answer_s * 1000);
	if (x->call.messages)
		ccp_x_job(x, CCP_X_LOOKUP, run_lookup, looked_up);
	else
		ccp_x_ask_anthropic(x);
	return x;
}

void
ccp_exchange_gone(struct ccp_exchange *x)
{
	x->gone = true;
	ccp_x_hang_up(x);
	ccp_timer_stop(x->relay->loop, &x->timer);
	if (x->job_running)
		return; /* its done function ends the exchange */
	if (x->state == CCP_X_BEDROCK)
		ccp_x_bedrock_gone(x);
	else if (x->state == CCP_X_BOOK)
		ccp_x_over(x); /* booked: only the end of Bedrock's connection was waited for */
	else
		ccp_x_count_cut(x);
}

void
ccp_exchange_ready(struct ccp_exchange *x)
{
	if (!x->paused)
		return;
	x->paused = false;
	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	if (x->http)
		ccp_http_resume(x->http);
}

void
ccp_exchange_stop(struct ccp_exchange *x)
{
	static const struct ccp_stop stopped = { 503, "overloaded_error",
		                                 "This proxy is being stopped; try again" };

	if (is_going_on(x))
		stop(x, &stopped);
}
