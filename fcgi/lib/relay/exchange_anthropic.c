#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asking Anthropic, and judging its answer. */

/* Statuses that the table may answer with something else than a relay. */
static bool
must_hold(const struct ccp_exchange *x, int status)
{
	unsigned on = x->relay->config->fallback_on;

	if (x->call.count_tokens)
		return status == 429 && x->relay->config->bedrock_fallback_enabled &&
		       (on & CCP_ON_429);
	if (!x->call.messages)
		return false;
	if (status == 429)
		return true;
	if (status == 400 || status == 402)
		return on & CCP_ON_SPEND;
	if (status == 529)
		return on & (CCP_ON_529 | CCP_ON_5XX);
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
	if (status >= 200 && status < 300)
		ccp_x_vouch(x);
	if (must_hold(x, status))
		x->mode = CCP_M_HOLD;
	else if (x->call.messages && status == 200 && type &&
	         strncmp(type, "text/event-stream", 17) == 0)
		x->mode = CCP_M_FIRST;
	else
		ccp_x_start_relay(x);
}

/* Keeps some of the answer; once it is too much to keep, it is relayed. */
static void
hold(struct ccp_exchange *x, const char *p, size_t n)
{
	if (x->held_body.len + n > CCP_HELD_MAX_BYTES) {
		ccp_x_start_relay(x);
		ccp_x_relay(x, p, n);
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
		ccp_x_start_relay(x);
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
		/* while message_stop waits for its booking, what follows waits in the socket */
		if ((x->state == CCP_X_BOOK && !x->account->given) ||
		    x->client.full(x->client.arg)) {
			x->paused = true;
			return false;
		}
		ccp_x_relay(x, p, n);
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
	ccp_log(CCP_LOG_INFO, x->call.id, "%s anthropic %d %s user=%s model=%s %lld ms %s",
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
		if (end != CCP_HTTP_DONE) { /* half a refusal is no answer */
			x->held_status = 0;
			x->held_kind = x->timed_out ? CCP_ANSWER_TIMEOUT : CCP_ANSWER_CONNECT;
		}
		ccp_x_refused(x);
	} else {
		if (x->mode == CCP_M_FIRST)
			ccp_x_start_relay(x);
		log_answer(x, end == CCP_HTTP_DONE ? "" : "(cut)");
		ccp_x_count_end(x);
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
	struct ccp_buf url = CCP_BUF_INIT(CCP_URL_MAX_BYTES);
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
		log_answer(x, x->decision.reason ? x->decision.reason : "");
		ccp_x_start_relay(x);
		ccp_x_end(x);
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
	if (x->forced) /* played for the operator's own requests: of an organization that may */
		snprintf(signs->organization, sizeof(signs->organization), "%.*s",
		         (int)strcspn(x->relay->config->fallback_organizations, ", "),
		         x->relay->config->fallback_organizations);
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

/* Whoever sets FALLBACK_ORGANIZATIONS looks for this id. */
static void
say_if_foreign(const struct ccp_exchange *x, const struct ccp_limit_signs *signs)
{
	if (x->held_status == 429 && signs->organization[0] &&
	    !ccp_fallback_organization_allowed(signs->organization, x->relay->config))
		ccp_log(CCP_LOG_INFO, x->call.id,
		        "429 of the organization %s, which FALLBACK_ORGANIZATIONS does not name",
		        signs->organization);
}

static void
decide(struct ccp_exchange *x)
{
	struct ccp_limit_signs signs;
	struct ccp_after after;

	fill_after(x, &signs, &after);
	x->decision = ccp_fallback_after(&after, x->relay->config);
	if (!x->forced && signs.rate_limit_json && x->held_status == 429)
		ccp_x_vouch(x);
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
		if (!ccp_x_timer(x, x->decision.wait_ms))
			ccp_x_relay_held(x);
		break;
	case CCP_NEXT_BEDROCK:
		ccp_log(CCP_LOG_INFO, x->call.id, "🔄 anthropic %d (%s) user=%s model=%s: Bedrock",
		        x->held_status, x->decision.reason, x->call.user, x->model);
		ccp_x_settle(x);
		break;
	case CCP_NEXT_RELAY:
		say_if_foreign(x, &signs);
		if (x->decision.remember)
			ccp_x_settle(x);
		else
			ccp_x_relay_held(x);
		break;
	}
}

/* Anthropic has a limit of its own for counting: then Bedrock counts, for the models that it can. */
static void
count_converted(struct ccp_job *job)
{
	struct ccp_exchange *x = ccp_x_of(job);

	if (!ccp_x_job_done(x))
		return;
	if (!x->bedrock || !x->bedrock->convertible) {
		ccp_log(CCP_LOG_INFO, x->call.id, "count_tokens stays limited: %s",
		        x->job_error.text);
		ccp_x_relay_held(x);
		return;
	}
	x->decision = (struct ccp_decision){ .next = CCP_NEXT_BEDROCK, .reason = "rate_limit" };
	ccp_x_settle(x);
}

/* Nothing is remembered of it, and it costs nothing; but the 429 must be one that opens Bedrock. */
static void
count_refused(struct ccp_exchange *x)
{
	struct ccp_limit_signs signs;
	struct ccp_after after;

	fill_after(x, &signs, &after);
	if (x->held_status == 429 && signs.rate_limit_json &&
	    ccp_fallback_organization_allowed(signs.organization, x->relay->config))
		ccp_x_convert(x, count_converted);
	else
		ccp_x_relay_held(x);
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

	if (x->call.count_tokens) {
		count_refused(x);
		return;
	}
	fill_after(x, &signs, &after);
	if (x->call.messages && !x->bedrock_tried && x->relay->config->bedrock_fallback_enabled &&
	    ccp_fallback_possible(&after, x->relay->config))
		ccp_x_convert(x, converted);
	else
		decide(x);
}

/* What was sent gets an end, what was not asked for long gets a word. */
void
ccp_x_stop_anthropic(struct ccp_exchange *x, const struct ccp_stop *why)
{
	ccp_x_hang_up(x);
	if (!x->head_sent) {
		ccp_x_error(x, why->status, why->type, why->sentence);
	} else if (x->sse && !x->encoded) {
		if (!ccp_x_stream_is_whole(x)) /* else only its connection is still open */
			ccp_x_error_event(x, why->type, why->sentence);
		ccp_x_count_end_client(x);
		ccp_x_count_cut(x);
	} else {
		x->client.abort(x->client.arg);
		ccp_x_over(x);
	}
}
