#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Asking Anthropic, and relaying or judging its answer. */

/* Notes off the loop that Anthropic accepted a credential. */
struct vouch {
	struct ccp_job job;
	struct ccp_store *store;
	char credential[CCP_CREDENTIAL_HEX + 1];
};

static void
run_vouch(struct ccp_job *job)
{
	struct vouch *v = (struct vouch *)job;
	struct ccp_error err;

	if (ccp_store_vouch(v->store, v->credential, ccp_x_now_s(), &err))
		ccp_log(CCP_LOG_WARNING, NULL, "a vouched credential was not noted: %s", err.text);
}

static void
vouch_done(struct ccp_job *job)
{
	free(job);
}

/* True when this worker noted it a short while ago; notes that it does so now. */
static bool
vouched_lately(struct ccp_relay *relay, const char *credential)
{
	unsigned slot =
		(unsigned)strtoul((const char[]){ credential[0], credential[1], '\0' }, NULL, 16);
	struct ccp_vouched *v = &relay->vouched[slot % CCP_VOUCHED_SLOTS];
	int64_t now_s = ccp_x_now_s();

	if (strcmp(v->credential, credential) == 0 && now_s - v->at_s < CCP_VOUCH_AGAIN_S)
		return true;
	memcpy(v->credential, credential, sizeof(v->credential));
	v->at_s = now_s;
	return false;
}

/* Only when something besides 429 may lead to Bedrock, and for accounts that may use it. */
static void
vouch(struct ccp_exchange *x)
{
	const char *organization = ccp_headers_get(&x->held_headers, "anthropic-organization-id");
	struct vouch *v;

	if (!(x->relay->config->fallback_on & ~(unsigned)CCP_ON_429) || !x->relay->store ||
	    !*x->credential ||
	    !ccp_fallback_organization_allowed(organization ? organization : "",
	                                       x->relay->config) ||
	    vouched_lately(x->relay, x->credential) || !(v = calloc(1, sizeof(*v))))
		return;
	v->job.run = run_vouch;
	v->job.done = vouch_done;
	v->store = x->relay->store;
	memcpy(v->credential, x->credential, sizeof(v->credential));
	ccp_work_submit(x->relay->work, &v->job);
}

static void
send_head(struct ccp_exchange *x)
{
	ccp_headers_add(&x->held_headers, "x-claude-proxy-provider", "anthropic");
	ccp_x_head(x, x->held_status, &x->held_headers);
	ccp_headers_clear(&x->held_headers);
	if (!x->http || ccp_http_body_sent(x->http))
		ccp_x_free_request(x);
}

/* Passes on, and keeps the last bytes: they tell whether a stream is whole. */
static void
relay(struct ccp_exchange *x, const char *p, size_t n)
{
	size_t keep = n < CCP_TAIL_BYTES ? n : CCP_TAIL_BYTES;
	size_t old = x->tail_len < CCP_TAIL_BYTES - keep ? x->tail_len : CCP_TAIL_BYTES - keep;

	if (x->sse) {
		memmove(x->tail, x->tail + x->tail_len - old, old);
		memcpy(x->tail + old, p + n - keep, keep);
		x->tail_len = old + keep;
	}
	ccp_x_body(x, p, n);
}

/* A stream that ends without message_stop, or an error of Anthropic's own, was cut. */
static bool
stream_is_whole(const struct ccp_exchange *x)
{
	return x->encoded || memmem(x->tail, x->tail_len, "message_stop", 12) ||
	       memmem(x->tail, x->tail_len, "\"error\"", 7);
}

static void
start_relay(struct ccp_exchange *x)
{
	x->mode = CCP_M_RELAY;
	x->encoded = ccp_headers_get(&x->held_headers, "content-encoding") != NULL;
	send_head(x);
	if (x->http)
		ccp_x_timer(x, x->relay->config->idle_timeout_s * 1000);
	if (x->held_body.len)
		relay(x, x->held_body.data, x->held_body.len);
	ccp_buf_clear(&x->held_body);
}

/* Statuses that the table may answer with something else than a relay. */
static bool
must_hold(const struct ccp_exchange *x, int status)
{
	unsigned on = x->relay->config->fallback_on;

	if (!x->call.messages)
		return false;
	if (status == 429)
		return true;
	if (status == 400 || status == 402)
		return on & CCP_ON_SPEND;
	if (status == 529)
		return on & CCP_ON_529;
	return status >= 500 && (on & CCP_ON_5XX);
}

static void
on_head(void *arg, int status, const struct ccp_headers *headers)
{
	struct ccp_exchange *x = arg;
	const char *type = ccp_headers_get(headers, "content-type");

	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	x->held_status = status;
	x->held_kind = CCP_ANSWER_HTTP;
	ccp_headers_clear(&x->held_headers);
	ccp_anthropic_response_headers(headers, &x->held_headers);
	if (x->call.messages && status >= 200 && status < 300)
		vouch(x);
	if (must_hold(x, status))
		x->mode = CCP_M_HOLD;
	else if (x->call.messages && status == 200 && type &&
	         strncmp(type, "text/event-stream", 17) == 0)
		x->mode = CCP_M_FIRST;
	else
		start_relay(x);
}

/* Keeps some of the answer; once it is too much to keep, it is relayed. */
static void
hold(struct ccp_exchange *x, const char *p, size_t n)
{
	if (x->held_body.len + n > CCP_HELD_MAX_BYTES) {
		start_relay(x);
		relay(x, p, n);
		return;
	}
	ccp_buf_add(&x->held_body, p, n);
}

static void
look_at_first_event(struct ccp_exchange *x)
{
	struct ccp_span text = { ccp_buf_text(&x->held_body), x->held_body.len };
	struct ccp_span json;

	switch (ccp_anthropic_first_event(text, &json)) {
	case 1:
		start_relay(x);
		break;
	case 2:
		x->mode = CCP_M_HOLD;
		x->held_kind = CCP_ANSWER_FIRST_ERROR;
		break;
	default:
		break;
	}
}

static bool
on_body(void *arg, const char *p, size_t n)
{
	struct ccp_exchange *x = arg;

	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	if (x->mode == CCP_M_RELAY) {
		if (x->client.full(x->client.arg)) {
			x->paused = true;
			return false;
		}
		relay(x, p, n);
		return true;
	}
	hold(x, p, n);
	if (x->mode == CCP_M_FIRST)
		look_at_first_event(x);
	return true;
}

static void
log_answer(const struct ccp_exchange *x, const char *how)
{
	ccp_log(CCP_LOG_INFO, x->call.id, "%s anthropic %d %s user=%s model=%s %lld ms%s",
	        x->held_status < 400 ? "✅" : "❌", x->held_status, x->call.method, x->call.user,
	        *x->model ? x->model : "-",
	        (long long)(ccp_loop_now_ms(x->relay->loop) - x->started_ms), how);
}

static void
on_done(void *arg, enum ccp_http_end end, const char *sentence)
{
	struct ccp_exchange *x = arg;

	x->http = NULL;
	x->held_end = end;
	if (end != CCP_HTTP_DONE)
		ccp_log(CCP_LOG_WARNING, x->call.id, "❌ anthropic: %s", sentence);
	if (x->mode == CCP_M_NONE) {
		x->held_status = 0;
		x->held_kind = x->timed_out ? CCP_ANSWER_TIMEOUT : CCP_ANSWER_CONNECT;
		ccp_x_refused(x);
	} else if (x->mode == CCP_M_HOLD) {
		ccp_x_refused(x);
	} else {
		if (x->mode == CCP_M_FIRST)
			start_relay(x);
		log_answer(x, end == CCP_HTTP_DONE ? "" : " (cut)");
		if (end == CCP_HTTP_DONE && !(x->call.messages && x->sse && !stream_is_whole(x))) {
			ccp_x_end(x);
		} else if (x->sse) {
			ccp_x_error_event(x, x->timed_out ? "timeout_error" : "api_error",
			                  x->timed_out ? "Anthropic was silent for too long"
			                               : "Anthropic's stream ended early");
			ccp_x_end(x);
		} else {
			x->client.abort(x->client.arg);
			ccp_x_over(x);
		}
	}
}

/* Silence: before the head, or between two bytes. */
void
ccp_x_anthropic_timer(struct ccp_exchange *x)
{
	int64_t limit_s = x->head_sent ? x->relay->config->idle_timeout_s
	                               : x->relay->config->first_byte_timeout_s;
	int64_t left_ms = x->last_byte_ms + limit_s * 1000 - ccp_loop_now_ms(x->relay->loop);

	if (left_ms > 0 || x->paused) {
		ccp_x_timer(x, x->paused ? limit_s * 1000 : left_ms);
		return;
	}
	x->timed_out = true;
	ccp_http_cancel(x->http);
	on_done(x, CCP_HTTP_CUT,
	        x->mode == CCP_M_NONE ? "no answer in time" : "silent for too long");
}

void
ccp_x_ask_anthropic(struct ccp_exchange *x)
{
	const struct ccp_config *config = x->relay->config;
	struct ccp_http_handlers handlers = { on_head, on_body, on_done, x };
	struct ccp_http_request request = { .method = x->call.method,
		                            .body = { x->call.body.data, x->call.body.len } };
	struct ccp_buf url = CCP_BUF_INIT(32 * 1024);
	struct ccp_headers headers = { 0 };
	struct ccp_error err;

	x->state = CCP_X_ANTHROPIC;
	x->mode = CCP_M_NONE;
	x->timed_out = false;
	x->held_status = 0;
	ccp_headers_clear(&x->held_headers);
	ccp_buf_clear(&x->held_body);
	x->last_byte_ms = ccp_loop_now_ms(x->relay->loop);
	ccp_buf_puts(&url, config->anthropic_api_base);
	ccp_buf_puts(&url, x->call.target);
	ccp_anthropic_request_headers(&x->call.headers, &headers);
	request.url = ccp_buf_text(&url);
	request.headers = &headers;
	ccp_x_timer(x, config->first_byte_timeout_s * 1000);
	if (!ccp_buf_ok(&url) || !ccp_headers_ok(&headers) ||
	    ccp_http_start(x->relay->http, &request, &handlers, &x->http, &err))
		ccp_x_error(x, 500, "api_error", "This proxy is out of memory");
	ccp_headers_clear(&headers);
	ccp_buf_cleanse(&url);
}

void
ccp_x_relay_held(struct ccp_exchange *x)
{
	if (x->held_status) {
		log_answer(x, "");
		if (x->held_end == CCP_HTTP_DONE) {
			start_relay(x);
			ccp_x_end(x);
		} else {
			start_relay(x);
			x->client.abort(x->client.arg);
			ccp_x_over(x);
		}
	} else if (x->held_kind == CCP_ANSWER_TIMEOUT) {
		ccp_x_error(x, 504, "timeout_error", "Anthropic did not answer in time");
	} else {
		ccp_x_error(x, 502, "api_error",
		            x->held_end == CCP_HTTP_CERTIFICATE
		                    ? "Anthropic's certificate is not trusted by this proxy"
		                    : "Anthropic cannot be reached from this proxy");
	}
}

static void
fill_after(const struct ccp_exchange *x, struct ccp_limit_signs *signs, struct ccp_after *after)
{
	struct ccp_span body = { ccp_buf_text(&x->held_body), x->held_body.len };
	struct ccp_span json = CCP_SPAN("");

	if (x->held_kind == CCP_ANSWER_FIRST_ERROR && ccp_anthropic_first_event(body, &json) == 2)
		body = json;
	ccp_anthropic_limit_signs(&x->held_headers, body, ccp_x_now_s(), signs);
	*after = (struct ccp_after){ .kind = x->held_kind,
		                     .status = x->held_status,
		                     .signs = signs,
		                     .family = x->family,
		                     .first_time = !x->second_time,
		                     .convertible = x->bedrock && x->bedrock->convertible,
		                     .budget_left = true,
		                     .vouched = x->vouched,
		                     .now_s = ccp_x_now_s() };
}

static void
decide(struct ccp_exchange *x)
{
	struct ccp_limit_signs signs;
	struct ccp_after after;

	fill_after(x, &signs, &after);
	x->decision = ccp_fallback_after(&after, x->relay->config);
	if (signs.rate_limit_json && x->held_status == 429 && x->decision.next == CCP_NEXT_BEDROCK)
		vouch(x);
	if (x->forced)
		x->decision.remember = false;
	switch (x->decision.next) {
	case CCP_NEXT_WAIT:
		ccp_log(CCP_LOG_INFO, x->call.id,
		        "429: waiting %lld ms before asking Anthropic again",
		        (long long)x->decision.wait_ms);
		x->second_time = true;
		x->state = CCP_X_WAIT;
		ccp_x_bedrock_free(x);
		ccp_x_timer(x, x->decision.wait_ms);
		break;
	case CCP_NEXT_BEDROCK:
		ccp_log(CCP_LOG_INFO, x->call.id, "🔄 anthropic %d (%s) user=%s model=%s: Bedrock",
		        x->held_status, x->decision.reason, x->call.user, x->model);
		ccp_x_settle(x);
		break;
	case CCP_NEXT_RELAY:
		if (x->decision.remember)
			ccp_x_settle(x);
		else
			ccp_x_relay_held(x);
		break;
	}
}

static void
converted(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	if (!ccp_x_job_done(x))
		return;
	if (!x->bedrock || !x->bedrock->convertible)
		ccp_log(CCP_LOG_INFO, x->call.id, "no fallback: %s", x->job_error.text);
	decide(x);
}

void
ccp_x_refused(struct ccp_exchange *x)
{
	struct ccp_limit_signs signs;
	struct ccp_after after;

	fill_after(x, &signs, &after);
	if (x->call.messages && !x->bedrock_tried && x->relay->config->bedrock_fallback_enabled &&
	    ccp_fallback_possible(&after, x->relay->config))
		ccp_x_convert(x, converted);
	else
		decide(x);
}
