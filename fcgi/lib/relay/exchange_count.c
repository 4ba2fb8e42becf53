#include "relay/exchange_state.h"

#include "base/log.h"

/*
 * Counting what Anthropic itself answered (TRACK_ANTHROPIC_USAGE). Its bytes
 * are read, never changed. Of a stream everything before message_stop goes at
 * once; message_stop, and the last piece of a JSON answer, wait until the usage
 * is booked. After that a stream goes on as if it had never been counted.
 */

static bool
on_event(void *arg, struct ccp_span name, struct ccp_span data)
{
	struct ccp_account *a = arg;

	(void)name; /* the data says it as well */
	ccp_meter_event(&a->meter, data.p, data.len);
	return !a->meter.complete; /* nothing belongs to an answer after message_stop */
}

void
ccp_x_count_start(struct ccp_exchange *x)
{
	const struct ccp_config *config = x->relay->config;
	struct ccp_error err = { 0 };

	if (!config->track_anthropic_usage || !config->usage_tracking_enabled ||
	    !x->call.messages || x->held_kind != CCP_ANSWER_HTTP || x->held_status < 200 ||
	    x->held_status > 299)
		return;
	if (x->encoded) {
		ccp_log(CCP_LOG_WARNING, x->call.id, "a compressed answer is not counted");
		return;
	}
	if (!ccp_x_account_open(x) ||
	    (x->sse && ccp_sse_new(on_event, x->account, &x->account->events, &err))) {
		ccp_log(CCP_LOG_ERROR, x->call.id, "no memory to count this answer");
		ccp_x_account_close(x);
		return;
	}
	x->account->anthropic = true;
}

/* Bytes of text up to the end of its first event, or all of them. */
static size_t
one_event(const char *text, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (text[i] == '\n' &&
		    (text[i - 1] == '\n' || (i > 1 && text[i - 1] == '\r' && text[i - 2] == '\n')))
			return i + 1;
	return n;
}

static void
feed(struct ccp_exchange *x, const char *p, size_t n)
{
	struct ccp_account *a = x->account;
	struct ccp_error err;

	if (!a->events || !ccp_sse_feed(a->events, p, n, &err))
		return;
	ccp_log(CCP_LOG_DEBUG, x->call.id, "counted up to here only: %s", err.text);
	ccp_sse_free(a->events);
	a->events = NULL;
}

static bool
is_to_book(const struct ccp_account *a)
{
	return a->meter.complete && a->meter.started;
}

size_t
ccp_x_count_events(struct ccp_exchange *x, const char *p, size_t n)
{
	size_t at = 0, event;

	while (at < n && !x->account->meter.complete) {
		event = one_event(p + at, n - at);
		feed(x, p + at, event);
		if (is_to_book(x->account))
			return at;
		at += event;
	}
	return n;
}

static void
give_copy(struct ccp_exchange *x)
{
	struct ccp_account *a = x->account;

	if (a->copy.len > a->copy_given)
		ccp_x_pass(x, a->copy.data + a->copy_given, a->copy.len - a->copy_given);
	a->copy_given = 0;
	ccp_buf_clear(&a->copy);
}

void
ccp_x_count_json(struct ccp_exchange *x, const char *p, size_t n)
{
	struct ccp_account *a = x->account;
	size_t before = a->copy.len;

	ccp_buf_add(&a->copy, p, n);
	if (!ccp_buf_ok(&a->copy)) {
		ccp_log(CCP_LOG_WARNING, x->call.id,
		        "an answer of more than %d bytes is not counted", CCP_ANSWER_MAX_BYTES);
		give_copy(x);
		ccp_x_account_close(x);
		ccp_x_pass(x, p, n);
		return;
	}
	if (before > a->copy_given)
		ccp_x_pass(x, a->copy.data + a->copy_given, before - a->copy_given);
	a->copy_given = before;
}

/* What the end of the upstream's answer tells: an event without its blank line, the whole JSON. */
static void
count_rest(struct ccp_exchange *x)
{
	struct ccp_account *a = x->account;

	if (x->held_end == CCP_HTTP_DONE && x->sse) {
		feed(x, ccp_buf_text(&x->held_body), x->held_body.len);
		feed(x, "\n\n", 2);
	} else if (x->held_end == CCP_HTTP_DONE) {
		ccp_meter_message(&a->meter, ccp_buf_text(&a->copy), a->copy.len);
	}
	if (!is_to_book(a))
		give_copy(x);
}

void
ccp_x_count_end(struct ccp_exchange *x)
{
	struct ccp_account *a = x->account;

	if (x->state == CCP_X_BOOK) { /* its job ends the exchange, and the answer where it waits */
		if (a->given)
			ccp_x_relay_end(x);
		return;
	}
	if (a)
		count_rest(x);
	if (a && is_to_book(a)) {
		ccp_x_book(x);
		return;
	}
	ccp_x_relay_end(x);
	ccp_x_count_cut(x);
}

void
ccp_x_count_end_client(struct ccp_exchange *x)
{
	struct ccp_account *a = x->account;

	if (a && !a->given && a->meter.started && ccp_store_hands_over(x->relay->config))
		a->end_waits = true;
	else
		x->client.end(x->client.arg);
}

void
ccp_x_count_cut(struct ccp_exchange *x)
{
	if (!x->account || !x->account->meter.started) {
		ccp_x_over(x);
		return;
	}
	x->account->given = !x->account->end_waits;
	ccp_x_book(x);
}

void
ccp_x_count_give(struct ccp_exchange *x)
{
	if (x->account->end_waits) {
		x->client.end(x->client.arg);
		return;
	}
	give_copy(x);
	ccp_x_pass(x, ccp_buf_text(&x->held_body), x->held_body.len);
	ccp_buf_clear(&x->held_body);
	if (!x->http)
		ccp_x_relay_end(x);
}

void
ccp_x_count_booked(struct ccp_exchange *x)
{
	if (x->gone || !x->http) {
		ccp_x_over(x);
		return;
	}
	ccp_x_account_close(x);
	x->state = CCP_X_ANTHROPIC;
	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	ccp_x_timer(x, x->relay->config->idle_timeout_s * 1000);
	ccp_exchange_ready(x); /* last: it may bring the upstream's end */
}
