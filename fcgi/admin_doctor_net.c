#include "admin_doctor.h"

#include "admin_text.h"
#include "base/httpdate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* An endpoint that is there answers in a second, also across the world. */
#define CONNECT_MS 5000
#define ANSWER_MS 15000
/* An error page; it is not looked at. */
#define ANSWER_MAX_BYTES (1024 * 1024)

/* Of an access key id so much is shown: enough to tell two apart. */
#define KEY_SHOWN 4

/* AWS takes a signature that is five minutes off; the proxy corrects itself from four on. */
#define SKEW_FAILED_S 240
#define SKEW_WARNING_S 60

static void
say_keys(struct ccp_doctor *d, const struct ccp_aws_keys *keys)
{
	struct ccp_buf until = CCP_BUF_INIT(256);
	size_t len = strlen(keys->access_key_id);
	const char *source = ccp_credentials_source(d->credentials);
	const char *id = keys->access_key_id + (len > KEY_SHOWN ? len - KEY_SHOWN : len);
	/* the settings file is this program's environment, for the chain */
	bool named = strcmp(source, "profile") == 0;

	if (keys->expires_at_s)
		ccp_buf_puts(&until, ", valid until ");
	if (keys->expires_at_s)
		ccp_text_time(&until, keys->expires_at_s);
	ccp_doctor_say(d, CCP_FOUND_OK, "AWS credentials", "from %s%s%.60s, key …%s%s%s",
	               strcmp(source, "environment") == 0 ? "the settings" : source,
	               named ? " " : "",
	               !named                    ? ""
	               : *d->config->aws_profile ? d->config->aws_profile
	                                         : "default",
	               id, keys->session_token[0] ? ", temporary" : "", ccp_buf_text(&until));
	ccp_buf_clear(&until);
}

void
ccp_doctor_credentials(struct ccp_doctor *d)
{
	struct ccp_aws_keys keys;
	struct ccp_error err = { 0 };

	if (ccp_doctor_needs_bedrock(d) && *d->config->aws_bearer_token_bedrock)
		ccp_doctor_say(d, CCP_FOUND_OK, "AWS credentials",
		               "AWS_BEARER_TOKEN_BEDROCK is set: Bedrock is asked with that");
	if (!ccp_doctor_needs_keys(d)) {
		if (!ccp_doctor_needs_bedrock(d))
			ccp_doctor_say(d, CCP_FOUND_SKIPPED, "AWS credentials",
			               "not needed: no fallback, no DynamoDB");
		return;
	}
	if (ccp_credentials_get(d->credentials, time(NULL), &keys, &err)) {
		ccp_doctor_say(d, CCP_FOUND_FAILED, "AWS credentials",
		               "%s. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
		               "or give this machine a role",
		               err.text);
		return;
	}
	d->has_keys = true;
	say_keys(d, &keys);
	ccp_aws_keys_clear(&keys);
}

/* What an answer's Date field says, if it has one. */
static void
note_clock(struct ccp_doctor *d, const char *whose, const struct ccp_headers *headers)
{
	const char *date = ccp_headers_get(headers, "date");
	int64_t now_s = time(NULL), server_s;

	if (!date || !ccp_httpdate_parse((struct ccp_span){ date, strlen(date) }, now_s, &server_s))
		return;
	d->clock_of = whose;
	d->clock_server_s = server_s;
	d->clock_ours_s = now_s;
}

/* Asks for url without any credential: whoever answers anything is there. */
static bool
reach(struct ccp_doctor *d, const char *whose, const char *url, const char *advice)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_headers headers = { 0 };
	const struct ccp_http_wait_request request = { .method = "GET",
		                                       .url = url,
		                                       .headers = &headers,
		                                       .connect_timeout_ms = CONNECT_MS,
		                                       .timeout_ms = ANSWER_MS,
		                                       .max_bytes = ANSWER_MAX_BYTES };
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	ccp_headers_add(&headers, "user-agent", CCP_ADMIN_NAME "/" PACKAGE_VERSION);
	rc = ccp_http_wait_call(d->http, &request, &answer, &err);
	if (answer.status)
		note_clock(d, whose, &answer.headers);
	/* a page that is too long is an answer, too */
	if (rc && rc != CCP_ERR_LIMIT)
		ccp_doctor_say(d, CCP_FOUND_FAILED, whose, "%.200s: %s; %s", url, err.text, advice);
	else
		ccp_doctor_say(d, CCP_FOUND_OK, whose, "%.200s answers (HTTP status %d)", url,
		               answer.status);
	ccp_http_wait_answer_clear(&answer);
	ccp_headers_clear(&headers);
	return !rc || rc == CCP_ERR_LIMIT;
}

void
ccp_doctor_anthropic(struct ccp_doctor *d)
{
	struct ccp_buf url = CCP_BUF_INIT(8 * 1024);

	ccp_buf_addf(&url, "%s/v1/models", d->config->anthropic_api_base);
	reach(d, "Anthropic", ccp_buf_text(&url),
	      "look at ANTHROPIC_API_BASE, HTTPS_PROXY, SSL_CERT_FILE and the firewall");
	ccp_buf_clear(&url);
}

void
ccp_doctor_bedrock(struct ccp_doctor *d)
{
	const char *region = *d->config->bedrock_region ? d->config->bedrock_region
	                                                : ccp_credentials_region(d->credentials);
	struct ccp_buf url = CCP_BUF_INIT(8 * 1024);

	if (!ccp_doctor_needs_bedrock(d)) {
		ccp_doctor_say(d, CCP_FOUND_SKIPPED, "Bedrock",
		               "not needed: BEDROCK_FALLBACK_ENABLED is off");
		return;
	}
	ccp_credentials_endpoint(d->credentials, CCP_AWS_BEDROCK_RUNTIME, region, &url);
	ccp_buf_puts(&url, "/");
	d->bedrock_reachable =
		reach(d, "Bedrock", ccp_buf_text(&url),
	              "look at AWS_REGION, AWS_ENDPOINT_URL_BEDROCK_RUNTIME, HTTPS_PROXY, "
	              "SSL_CERT_FILE and the firewall");
	ccp_buf_clear(&url);
}

void
ccp_doctor_clock(struct ccp_doctor *d)
{
	int64_t off_s = d->clock_ours_s - d->clock_server_s;
	struct ccp_buf text = CCP_BUF_INIT(64);

	if (!d->clock_of) {
		ccp_doctor_say(d, CCP_FOUND_SKIPPED, "clock", "nobody answered with a date");
		return;
	}
	ccp_text_span(&text, llabs(off_s));
	if (llabs(off_s) < SKEW_WARNING_S)
		ccp_doctor_say(d, CCP_FOUND_OK, "clock", "within %s of %s's", ccp_buf_text(&text),
		               d->clock_of);
	else
		ccp_doctor_say(
			d, llabs(off_s) < SKEW_FAILED_S ? CCP_FOUND_WARNING : CCP_FOUND_FAILED,
			"clock",
			"%s %s %s's; AWS refuses what is signed 5 min off, and limits end too "
			"%s: let NTP set the clock",
			ccp_buf_text(&text), off_s > 0 ? "ahead of" : "behind", d->clock_of,
			off_s > 0 ? "soon" : "late");
	ccp_buf_clear(&text);
	/* from here on as the proxy does it: signed by AWS's clock */
	if (d->bedrock_reachable)
		ccp_credentials_note_date(d->credentials, d->clock_server_s, d->clock_ours_s);
}
