#include "relay/exchange_state.h"

#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asking Bedrock, and turning its answer into Anthropic's. */

static const char ping[] = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/* Bedrock did not answer: Anthropic's refusal goes back, or Anthropic is asked after all. */
static void
bedrock_failed(struct ccp_exchange *x, const char *why)
{
	ccp_log(CCP_LOG_WARNING, x->call.id, "❌ bedrock failed, %s: %s",
	        x->from_store ? "asking Anthropic" : "Anthropic's answer goes back", why);
	ccp_http_cancel(x->http);
	x->http = NULL;
	x->bedrock_tried = true;
	ccp_x_bedrock_free(x);
	if (x->from_store)
		ccp_x_ask_anthropic(x);
	else
		ccp_x_relay_held(x);
}

/* The one refusal that the client can mend: it gets Bedrock's own words. */
static void
relay_validation(struct ccp_exchange *x)
{
	char message[sizeof(x->bedrock->failure.message)];
	struct ccp_headers headers = { 0 };
	struct ccp_buf body = CCP_BUF_INIT(64 * 1024);

	memcpy(message, x->bedrock->failure.message, sizeof(message));
	ccp_log(CCP_LOG_WARNING, x->call.id, "❌ bedrock 400 user=%s model=%s: %s", x->call.user,
	        x->model, message);
	ccp_http_cancel(x->http);
	x->http = NULL;
	ccp_anthropic_error_json(&body, "invalid_request_error", message, x->call.id);
	ccp_headers_add(&headers, "content-type", "application/json");
	ccp_headers_add(&headers, "request-id", x->call.id);
	ccp_headers_add(&headers, "x-claude-proxy-provider", "bedrock");
	ccp_headers_add(&headers, "x-claude-proxy-fallback-reason", x->decision.reason);
	ccp_x_head(x, 400, &headers);
	ccp_x_body(x, ccp_buf_text(&body), body.len);
	ccp_headers_clear(&headers);
	ccp_buf_clear(&body);
	ccp_x_end(x);
}

/* Converted once more, without what Bedrock named. */
static void
repaired(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	if (!ccp_x_job_done(x))
		return;
	x->decision.remember = false; /* done the first time */
	if (x->bedrock && x->bedrock->convertible)
		ccp_x_settle(x);
	else
		bedrock_failed(x, x->job_error.text);
}

/* True when the refusal names something that can be left out, and the request is on its way again. */
static bool
repair(struct ccp_exchange *x)
{
	if (x->repaired ||
	    !ccp_bedrock_refused_part(&x->bedrock->failure, x->drop_beta, sizeof(x->drop_beta),
	                              x->drop_field, sizeof(x->drop_field)))
		return false;
	x->repaired = true;
	ccp_log(CCP_LOG_WARNING, x->call.id, "bedrock 400 (%s): once more without %s %s",
	        x->bedrock->failure.message, *x->drop_beta ? "beta flag" : "field",
	        *x->drop_beta ? x->drop_beta : x->drop_field);
	ccp_http_cancel(x->http);
	x->http = NULL;
	ccp_x_convert(x, repaired);
	return true;
}

static void
failed_before_head(struct ccp_exchange *x)
{
	char why[sizeof(x->bedrock->failure.name) + 256];

	if (x->bedrock->failure.clients_fault) {
		if (!repair(x))
			relay_validation(x);
		return;
	}
	snprintf(why, sizeof(why), "%s: %.200s", x->bedrock->failure.name,
	         x->bedrock->failure.message);
	bedrock_failed(x, why);
}

/* The stream stopped after content was sent: the client is told in the stream. */
static void
broken_stream(struct ccp_exchange *x, const char *type, const char *message)
{
	struct ccp_bedrock *b = x->bedrock;

	ccp_log(CCP_LOG_WARNING, x->call.id, "❌ bedrock stream broke: %s", message);
	ccp_http_cancel(x->http);
	x->http = NULL;
	if (b->out.len)
		ccp_x_body(x, b->out.data, b->out.len);
	ccp_buf_clear(&b->out);
	ccp_x_error_event(x, type, message);
	ccp_x_book(x);
}

static void
answer_headers(struct ccp_exchange *x, const char *content_type)
{
	struct ccp_headers *h = &x->bedrock->headers;

	ccp_headers_add(h, "content-type", content_type);
	ccp_headers_add(h, "cache-control", "no-cache");
	ccp_headers_add(h, "request-id", x->call.id);
	ccp_headers_add(h, "x-claude-proxy-provider", "bedrock");
	ccp_headers_add(h, "x-claude-proxy-fallback-reason", x->decision.reason);
}

static void
on_head(void *arg, int status, const struct ccp_headers *headers)
{
	struct ccp_exchange *x = arg;
	struct ccp_bedrock *b = x->bedrock;
	const char *type = ccp_headers_get(headers, "content-type");
	const char *aws_id = ccp_headers_get(headers, "x-amzn-requestid");
	bool eventstream = type && strncmp(type, "application/vnd.amazon.eventstream", 34) == 0;

	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	b->status = status;
	if (aws_id)
		ccp_headers_add(&b->headers, "x-amzn-requestid", aws_id);
	if (status != 200 || eventstream != b->translation.stream) {
		/* kept for its reason; the fields that tell it as well */
		ccp_headers_copy(&b->headers, headers);
		x->mode = CCP_M_HOLD;
	} else if (eventstream) {
		x->mode = CCP_M_FIRST;
		answer_headers(x, "text/event-stream; charset=utf-8");
	} else {
		x->mode = CCP_M_HOLD;
		answer_headers(x, "application/json");
	}
}

/* Gives the client what is ready of the stream; its head first, with the first event. */
static void
give_ready(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;
	size_t n = ccp_bedrock_stream_ready_bytes(b->stream);

	if (!n)
		return;
	if (!x->head_sent) {
		ccp_x_head(x, 200, &b->headers);
		ccp_headers_clear(&b->headers);
		ccp_headers_clear(&x->held_headers);
		ccp_buf_clear(&x->held_body);
		if (ccp_http_body_sent(x->http)) {
			ccp_x_free_request(x);
			ccp_buf_clear(&b->translation.body);
			ccp_bedrock_request_clear(&b->request);
		}
		x->mode = CCP_M_RELAY;
		ccp_x_bedrock_timer(x); /* from now on there are pings */
	}
	ccp_x_body(x, b->out.data, n);
	ccp_buf_consume(&b->out, n);
	if (!b->out.len)
		ccp_buf_clear(&b->out);
}

static bool
on_stream_body(struct ccp_exchange *x, const char *p, size_t n)
{
	struct ccp_bedrock *b = x->bedrock;
	const struct ccp_bedrock_failure *failure;

	if (b->meter.complete)
		return true; /* after message_stop nothing counts */
	ccp_bedrock_stream_feed(b->stream, p, n, &b->out);
	failure = ccp_bedrock_stream_failure(b->stream);
	if (!ccp_buf_ok(&b->out) && !x->head_sent) {
		bedrock_failed(x, "no memory for its answer");
		return true;
	}
	if (!ccp_buf_ok(&b->out)) {
		broken_stream(x, "api_error", "This proxy is out of memory");
		return true;
	}
	give_ready(x);
	if (b->meter.complete) { /* whatever follows message_stop */
		ccp_x_book(x);
	} else if (failure && x->head_sent) {
		broken_stream(x, failure->type, failure->message);
	} else if (failure) {
		b->failure = *failure;
		failed_before_head(x);
	}
	return true;
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct ccp_exchange *x = arg;

	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	if (x->state != CCP_X_BEDROCK)
		return true; /* booking: only the end of the connection is still to come */
	if (x->mode == CCP_M_HOLD) {
		ccp_buf_add(&x->bedrock->out, p, n);
		return true;
	}
	if (x->mode == CCP_M_RELAY && x->client.full(x->client.arg)) {
		x->paused = true;
		return false;
	}
	return on_stream_body(x, p, n);
}

/* The whole JSON answer of InvokeModel. */
static void
whole_answer(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;
	struct ccp_buf answer = CCP_BUF_INIT(CCP_ANSWER_MAX_BYTES);
	struct ccp_span json = { ccp_buf_text(&b->out), b->out.len };
	struct ccp_error err;
	char type[16];

	/* an unknown operation is answered 200 too */
	if (!ccp_buf_ok(&b->out) || !ccp_json_member_text(json, "type", type, sizeof(type)) ||
	    strcmp(type, "message") != 0 ||
	    ccp_translate_answer(json, b->translation.client_model, &answer, &b->meter, &err)) {
		ccp_buf_clear(&answer);
		bedrock_failed(x, "its answer is not a Message");
		return;
	}
	ccp_buf_clear(&b->out);
	b->out = answer;
	ccp_x_book(x);
}

static void
on_done(void *arg, enum ccp_http_end end, const char *sentence)
{
	struct ccp_exchange *x = arg;
	struct ccp_bedrock *b = x->bedrock;

	x->http = NULL;
	if (x->state != CCP_X_BEDROCK) {
		if (!x->job_running)
			ccp_x_over(x); /* booked, this was all that was left */
		return;
	}
	if (x->head_sent) {
		broken_stream(x, "api_error", "Bedrock's stream ended early");
	} else if (end != CCP_HTTP_DONE || x->mode == CCP_M_NONE) {
		bedrock_failed(x, sentence);
	} else if (x->mode == CCP_M_FIRST) {
		bedrock_failed(x, "its stream ended before the first event");
	} else if (b->status == 200 && !b->translation.stream) {
		whole_answer(x);
	} else {
		ccp_bedrock_failure_of_http(b->status, &b->headers,
		                            (struct ccp_span){ ccp_buf_text(&b->out), b->out.len },
		                            &b->failure);
		failed_before_head(x);
	}
}

static void
ask_bedrock(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;
	struct ccp_http_handlers handlers = { on_head, on_body, on_done, x };
	struct ccp_http_request request = { .method = "POST",
		                            .url = b->request.url,
		                            .headers = &b->request.headers,
		                            .body = { b->translation.body.data,
		                                      b->translation.body.len } };
	struct ccp_error err;

	x->state = CCP_X_BEDROCK;
	x->mode = CCP_M_NONE;
	x->last_byte_ms = x->last_sent_ms = ccp_loop_now_ms(x->relay->loop);
	if ((b->translation.stream &&
	     ccp_bedrock_stream_new(b->translation.client_model, &b->meter, &b->stream, &err))) {
		bedrock_failed(x, err.text);
		return;
	}
	ccp_x_bedrock_timer(x);
	if (ccp_http_start(x->relay->http, &request, &handlers, &x->http, &err))
		bedrock_failed(x, err.text);
}

static void
settled(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	if (!ccp_x_job_done(x))
		return;
	if (x->decision.next != CCP_NEXT_BEDROCK)
		ccp_x_relay_held(x);
	else if (x->job_rc)
		bedrock_failed(x, x->job_error.text);
	else
		ask_bedrock(x);
}

void
ccp_x_settle(struct ccp_exchange *x)
{
	ccp_x_job(x, CCP_X_SETTLE, ccp_x_run_settle, settled);
}

/* Silence of Bedrock: a ping for the client, or too long. */
void
ccp_x_bedrock_timer(struct ccp_exchange *x)
{
	const struct ccp_config *config = x->relay->config;
	int64_t now_ms = ccp_loop_now_ms(x->relay->loop);
	int64_t limit_s = x->head_sent ? config->idle_timeout_s : config->first_byte_timeout_s;
	int64_t silence_left = x->last_byte_ms + limit_s * 1000 - now_ms;
	int64_t ping_left = x->last_sent_ms + config->ping_interval_s * 1000 - now_ms;

	if (x->paused) {
		ccp_x_timer(x, config->ping_interval_s * 1000);
		return;
	}
	if (silence_left <= 0 && x->head_sent) {
		broken_stream(x, "timeout_error", "Bedrock was silent for too long");
		return;
	}
	if (silence_left <= 0) {
		bedrock_failed(x, "no answer in time");
		return;
	}
	if (x->head_sent && ping_left <= 0) {
		ccp_x_body(x, ping, sizeof(ping) - 1);
		ping_left = config->ping_interval_s * 1000;
	}
	ccp_x_timer(x, silence_left < ping_left || !x->head_sent ? silence_left : ping_left);
}

void
ccp_x_bedrock_gone(struct ccp_exchange *x)
{
	if (x->bedrock->meter.started) {
		ccp_x_book(x);
		return;
	}
	ccp_log(CCP_LOG_INFO, x->call.id,
	        "the client left before Bedrock answered: what AWS may bill for it is not known here");
	ccp_x_over(x);
}

/* The process ends. */
void
ccp_x_stop_bedrock(struct ccp_exchange *x)
{
	if (x->head_sent) {
		broken_stream(x, "overloaded_error", "This proxy was stopped");
		return;
	}
	ccp_http_cancel(x->http);
	x->http = NULL;
	ccp_x_error(x, 503, "overloaded_error", "This proxy is being stopped; try again");
}
