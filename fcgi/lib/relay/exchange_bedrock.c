#include "relay/exchange_state.h"

#include "base/httpdate.h"
#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asking Bedrock, and turning its answer into Anthropic's. */

static const char ping[] = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

/* The stream stopped after content was sent: the client is told in the stream. */
static void
broken_stream(struct ccp_exchange *x, const char *type, const char *message)
{
	struct ccp_bedrock *b = x->bedrock;

	ccp_log(CCP_LOG_WARNING, x->call.id, "❌ bedrock stream broke: %s", message);
	ccp_x_hang_up(x);
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
	bool stream =
		type && (b->translation.door == CCP_DOOR_MESSAGES
	                         ? strncmp(type, "text/event-stream", 17) == 0
	                         : strncmp(type, "application/vnd.amazon.eventstream", 34) == 0);

	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	b->status = status;
	if (aws_id)
		ccp_headers_add(&b->headers, "x-amzn-requestid", aws_id);
	if (status != 200 || stream != b->translation.stream) {
		/* kept for its reason; the fields that tell it as well */
		ccp_headers_copy(&b->headers, headers);
		x->mode = CCP_M_HOLD;
	} else if (stream) {
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

	if (x->account->meter.complete)
		return true; /* after message_stop nothing counts */
	ccp_bedrock_stream_feed(b->stream, p, n, &b->out);
	failure = ccp_bedrock_stream_failure(b->stream);
	if (!ccp_buf_ok(&b->out) && !x->head_sent) {
		ccp_x_bedrock_failed(x, "no memory for its answer");
		return true;
	}
	if (!ccp_buf_ok(&b->out)) {
		broken_stream(x, "api_error", "This proxy is out of memory");
		return true;
	}
	give_ready(x);
	if (x->account->meter.complete) { /* whatever follows message_stop */
		ccp_x_book(x);
	} else if (failure && x->head_sent) {
		broken_stream(x, failure->type, failure->message);
	} else if (failure) {
		b->failure = *failure;
		ccp_x_bedrock_refused(x);
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

/* CountTokens' answer. */
static void
counted(struct ccp_exchange *x, struct ccp_span json)
{
	struct ccp_bedrock *b = x->bedrock;
	struct ccp_buf answer = CCP_BUF_INIT(CCP_ANSWER_MAX_BYTES);
	struct ccp_error err;

	if (ccp_translate_count_answer(json, &answer, &err)) {
		ccp_buf_clear(&answer);
		ccp_x_bedrock_failed(x, err.text);
		return;
	}
	ccp_buf_clear(&b->out);
	b->out = answer;
	ccp_x_book(x); /* nothing to book: it is free */
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

	if (b->translation.door == CCP_DOOR_COUNT_TOKENS) {
		counted(x, json);
		return;
	}
	/* an unknown operation is answered 200 too */
	if (!ccp_buf_ok(&b->out) || !ccp_json_member_text(json, "type", type, sizeof(type)) ||
	    strcmp(type, "message") != 0 ||
	    ccp_translate_answer(json, b->translation.client_model, &answer, &x->account->meter,
	                         &err)) {
		ccp_buf_clear(&answer);
		ccp_x_bedrock_failed(x, "its answer is not a Message");
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
		ccp_x_bedrock_failed(x, sentence);
	} else if (x->mode == CCP_M_FIRST) {
		ccp_x_bedrock_failed(x, "its stream ended before the first event");
	} else if (b->status == 200 && !b->translation.stream) {
		whole_answer(x);
	} else {
		ccp_bedrock_failure_of_http(b->status, &b->headers,
		                            (struct ccp_span){ ccp_buf_text(&b->out), b->out.len },
		                            &b->failure);
		ccp_x_bedrock_refused(x);
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
	     ccp_bedrock_stream_new(b->translation.door == CCP_DOOR_MESSAGES ? CCP_BEDROCK_SSE
	                                                                     : CCP_BEDROCK_FRAMES,
	                            b->translation.client_model, &x->account->meter, &b->stream,
	                            &err))) {
		ccp_x_bedrock_failed(x, err.text);
		return;
	}
	ccp_x_bedrock_timer(x);
	if (ccp_http_start(x->relay->http, &request, &handlers, &x->http, &err))
		ccp_x_bedrock_failed(x, err.text);
}

static void
when_signed(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	if (!ccp_x_job_done(x))
		return;
	if (x->job_rc)
		ccp_x_bedrock_failed(x, x->job_error.text);
	else
		ask_bedrock(x);
}

void
ccp_x_remembered(struct ccp_exchange *x)
{
	if (x->decision.next == CCP_NEXT_BEDROCK)
		ccp_x_job(x, CCP_X_SIGN, ccp_x_run_sign, when_signed);
	else
		ccp_x_relay_held(x);
}

void
ccp_x_settle(struct ccp_exchange *x)
{
	if (!x->decision.remember || !ccp_x_remember(x))
		ccp_x_remembered(x);
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
		ccp_x_bedrock_failed(x, "no answer in time");
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
	if (x->account->meter.started) {
		ccp_x_book(x);
		return;
	}
	ccp_log(CCP_LOG_INFO, x->call.id,
	        "the client left before Bedrock answered: what AWS may bill for it is not known here");
	ccp_x_over(x);
}

void
ccp_x_stop_bedrock(struct ccp_exchange *x, const struct ccp_stop *why)
{
	if (x->head_sent) {
		broken_stream(x, why->type, why->sentence);
		return;
	}
	ccp_x_hang_up(x);
	ccp_x_error(x, why->status, why->type, why->sentence);
}
