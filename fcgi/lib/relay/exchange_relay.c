#include "relay/exchange_state.h"

#include <string.h>

/* Passing an answer of Anthropic's on, byte for byte, and knowing whether a stream was whole. */

static void
send_head(struct ccp_exchange *x)
{
	if (!x->forced)
		ccp_headers_add(&x->held_headers, "x-claude-proxy-provider", "anthropic");
	ccp_x_head(x, x->held_status, &x->held_headers);
	ccp_headers_clear(&x->held_headers);
	if (!x->http || ccp_http_body_sent(x->http))
		ccp_x_free_request(x);
}

/* Bytes of text up to the end of its last whole event: events end with a blank line. */
static size_t
whole_events(const char *text, size_t n)
{
	size_t i;

	for (i = n; i > 1; i--) {
		if (text[i - 1] != '\n')
			continue;
		if (text[i - 2] == '\n' || (i > 2 && text[i - 2] == '\r' && text[i - 3] == '\n'))
			return i;
	}
	return 0;
}

/* Passes on, and keeps the last bytes: they tell whether a stream is whole. */
void
ccp_x_pass(struct ccp_exchange *x, const char *p, size_t n)
{
	size_t keep = n < CCP_TAIL_BYTES ? n : CCP_TAIL_BYTES;
	size_t old = x->tail_len < CCP_TAIL_BYTES - keep ? x->tail_len : CCP_TAIL_BYTES - keep;

	if (n == 0)
		return;
	if (x->sse) {
		memmove(x->tail, x->tail + x->tail_len - old, old);
		memcpy(x->tail + old, p + n - keep, keep);
		x->tail_len = old + keep;
	}
	ccp_x_body(x, p, n);
}

/*
 * Relays the bytes of an answer. Of a stream, whole events: should it break, an
 * error event can follow, which behind half an event nobody could read. The
 * rest waits in held_body for the next bytes, unless it is too long.
 */
void
ccp_x_relay(struct ccp_exchange *x, const char *p, size_t n)
{
	struct ccp_account *a = x->account && !x->account->given ? x->account : NULL;
	size_t whole, go;

	if (!x->sse || x->encoded || !x->call.messages) {
		if (a)
			ccp_x_count_json(x, p, n);
		else
			ccp_x_pass(x, p, n);
		return;
	}
	if (x->state == CCP_X_BOOK && a) { /* behind message_stop, of the same piece */
		ccp_buf_add(&x->held_body, p, n);
		return;
	}
	if (x->held_body.len) {
		ccp_buf_add(&x->held_body, p, n);
		p = ccp_buf_text(&x->held_body);
		n = x->held_body.len;
	}
	whole = n > CCP_EVENT_MAX_BYTES || !ccp_buf_ok(&x->held_body) ? n : whole_events(p, n);
	go = a ? ccp_x_count_events(x, p, whole) : whole;
	ccp_x_pass(x, p, go);
	if (x->held_body.len)
		ccp_buf_consume(&x->held_body, go);
	else
		ccp_buf_add(&x->held_body, p + go, n - go);
	if (!x->held_body.len)
		ccp_buf_clear(&x->held_body);
	if (go < whole)
		ccp_x_book(x);
}

/* A stream that ends without message_stop, or an error of Anthropic's own, was cut. */
bool
ccp_x_stream_is_whole(const struct ccp_exchange *x)
{
	/* with the quotes: inside a text they would be escaped */
	return x->encoded || memmem(x->tail, x->tail_len, "\"message_stop\"", 14) ||
	       memmem(x->tail, x->tail_len, "\"error\"", 7);
}

void
ccp_x_relay_end(struct ccp_exchange *x)
{
	bool done = x->held_end == CCP_HTTP_DONE;

	if (done)
		ccp_x_pass(x, ccp_buf_text(&x->held_body), x->held_body.len);
	if (done && !(x->call.messages && x->sse && !ccp_x_stream_is_whole(x))) {
		ccp_x_count_end_client(x);
	} else if (x->sse && !x->encoded) {
		ccp_x_error_event(x, x->timed_out ? "timeout_error" : "api_error",
		                  x->timed_out ? "Anthropic was silent for too long"
		                               : "Anthropic's stream ended early");
		ccp_x_count_end_client(x);
	} else {
		x->client.abort(x->client.arg);
	}
}

void
ccp_x_start_relay(struct ccp_exchange *x)
{
	struct ccp_buf beginning;

	ccp_x_bedrock_free(x); /* it was only thought of */
	x->mode = CCP_M_RELAY;
	x->encoded = ccp_headers_get(&x->held_headers, "content-encoding") != NULL;
	send_head(x);
	ccp_x_count_start(x);
	if (x->http)
		ccp_x_timer(x, x->relay->config->idle_timeout_s * 1000);
	beginning = x->held_body;
	x->held_body = (struct ccp_buf)CCP_BUF_INIT(CCP_HELD_MAX_BYTES);
	if (beginning.len)
		ccp_x_relay(x, beginning.data, beginning.len);
	ccp_buf_clear(&beginning);
}
