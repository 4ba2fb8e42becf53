#include "relay/exchange_state.h"

#include "base/httpdate.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* Bedrock refused or failed before anything was given to the client: repair, sign again, or give up. */

/* Bedrock did not answer: Anthropic's refusal goes back, or Anthropic is asked after all. */
void
ccp_x_bedrock_failed(struct ccp_exchange *x, const char *why)
{
	ccp_log(CCP_LOG_WARNING, x->call.id, "❌ bedrock failed, %s: %s",
	        x->from_store ? "asking Anthropic" : "Anthropic's answer goes back", why);
	ccp_x_hang_up(x);
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
	const char *message = x->bedrock->failure.message;
	struct ccp_headers more = { 0 };

	ccp_log(CCP_LOG_WARNING, x->call.id, "❌ bedrock 400 user=%s model=%s: %s", x->call.user,
	        x->model, message);
	ccp_x_hang_up(x);
	ccp_headers_add(&more, "x-claude-proxy-provider", "bedrock");
	ccp_headers_add(&more, "x-claude-proxy-fallback-reason", x->decision.reason);
	ccp_x_error_with(x, 400, "invalid_request_error", message, &more);
	ccp_headers_clear(&more);
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
		ccp_x_bedrock_failed(x, x->job_error.text);
}

/* True when the refusal names something that can be left out, and the request is on its way again. */
static bool
repair(struct ccp_exchange *x)
{
	char without[160];

	if (x->repaired ||
	    !ccp_translate_repair(x->models, x->bedrock->failure.message, &x->repair))
		return false;
	x->repaired = true;
	ccp_repair_text(&x->repair, without, sizeof(without));
	ccp_log(CCP_LOG_WARNING, x->call.id, "bedrock 400 (%s): once more without %s",
	        x->bedrock->failure.message, without);
	ccp_x_hang_up(x);
	ccp_x_convert(x, repaired);
	return true;
}

/*
 * A refusal of our own credentials: expired ones are fetched anew, a wrong
 * clock is corrected by AWS's date, and the request is signed once more.
 */
static bool
sign_again(struct ccp_exchange *x)
{
	struct ccp_bedrock *b = x->bedrock;
	const char *date = ccp_headers_get(&b->headers, "date");
	int64_t now_s = ccp_x_now_s(), date_s = 0;

	if (x->signed_again || !*b->request.access_key_id || /* an API key has no other */
	    !ccp_bedrock_refused_credentials(&b->failure))
		return false;
	if (date && ccp_httpdate_parse((struct ccp_span){ date, strlen(date) }, now_s, &date_s))
		(void)ccp_credentials_note_date(x->relay->credentials, date_s, now_s);
	/* corrected now, or by another request since this one was signed */
	if (ccp_credentials_clock_offset_s(x->relay->credentials) == b->request.clock_offset_s &&
	    !ccp_bedrock_credentials_expired(&b->failure))
		return false;
	x->signed_again = true;
	if (ccp_bedrock_credentials_expired(&b->failure))
		ccp_credentials_refresh(x->relay->credentials, b->request.access_key_id);
	ccp_log(CCP_LOG_WARNING, x->call.id, "bedrock: %s, signing once more", b->failure.name);
	ccp_x_hang_up(x);
	ccp_bedrock_stream_free(b->stream);
	b->stream = NULL;
	ccp_buf_clear(&b->out);
	ccp_headers_clear(&b->headers);
	x->decision.remember = false;
	ccp_x_settle(x);
	return true;
}

void
ccp_x_bedrock_refused(struct ccp_exchange *x)
{
	char why[sizeof(x->bedrock->failure.name) + 256];

	if (x->bedrock->failure.clients_fault && repair(x))
		return;
	/* a count that Bedrock cannot make is no fault of the client's: it was limited */
	if (x->bedrock->failure.clients_fault && x->call.messages) {
		relay_validation(x);
		return;
	}
	if (sign_again(x))
		return;
	snprintf(why, sizeof(why), "%s: %.200s", x->bedrock->failure.name,
	         x->bedrock->failure.message);
	ccp_x_bedrock_failed(x, why);
}
