#include "store/dynamodb_client.h"
#include "store/dynamodb_error.h"

#include "aws/sigv4.h"
#include "base/httpdate.h"

#include <stdio.h>
#include <string.h>

/* A connection inside of AWS takes some ms, to another continent 300; more is a dead address. */
#define CONNECT_MS 2000
/* With less, a try is likely cut half way, and nobody knows whether its write was done. */
#define TRY_MIN_MS 50

/* Pauses are random from 0 to this, doubled with each failure: AWS's numbers. */
#define PAUSE_MS 50
#define PAUSE_MAX_MS 20000
/*
 * After a throttle AWS's SDKs start with 1000 ms. Half of a request's two
 * seconds would go on one pause, so it is a part of the patience: 100 ms for a
 * request, 250 for a write, 1000 for a report.
 */
#define THROTTLE_PAUSE_MAX_MS 1000
#define THROTTLE_PAUSE_PART 20

const struct ccp_ddb_patience ccp_ddb_for_request = { 2, 1500, 2000 };
const struct ccp_ddb_patience ccp_ddb_for_write = { 4, 2000, 5000 };
const struct ccp_ddb_patience ccp_ddb_for_first = { 2, 8000, 10000 };
const struct ccp_ddb_patience ccp_ddb_for_report = { 6, 10000, 20000 };

/* One call under way. */
struct call {
	struct ccp_ddb *ddb;
	const struct ccp_ddb_outside *outside; /* of ddb */
	const char *operation;
	struct ccp_span json;
	const struct ccp_ddb_patience *patience;
	char sha256[65];
	int64_t begun_ms;
	int tries;
	int failures; /* tries that did not end in an answer about the credentials or the clock */
	bool renewed, reclocked;
	/* of the last try */
	char access_key_id[sizeof(((struct ccp_aws_keys *)0)->access_key_id)];
	int64_t clock_offset_s;
};

static int64_t
now_ms(const struct call *call)
{
	return call->outside->now_ms(call->outside->arg);
}

/* Never more than the whole, though somebody set the clock back. */
static int64_t
left_ms(const struct call *call)
{
	int64_t used_ms = now_ms(call) - call->begun_ms;

	return call->patience->total_ms - (used_ms > 0 ? used_ms : 0);
}

/*
 * The fields of this try: keys and clock may be others than at the last. The
 * body's hash is in the signature; S3 alone wants it as a field too.
 */
static enum ccp_err
make_headers(struct call *call, struct ccp_headers *headers, struct ccp_error *err)
{
	struct ccp_credentials *credentials = call->ddb->credentials;
	struct ccp_sigv4_request sign = {
		.method = "POST",
		.path = call->ddb->path,
		.headers = headers,
		.body_sha256_hex = call->sha256,
		.region = ccp_credentials_region(credentials),
		.service = "dynamodb",
	};
	struct ccp_aws_keys keys;
	enum ccp_err rc;

	ccp_headers_add(headers, "host", ccp_buf_text(&call->ddb->host));
	ccp_headers_add(headers, "content-type", "application/x-amz-json-1.0");
	ccp_headers_addf(headers, "x-amz-target", "DynamoDB_20120810.%s", call->operation);
	if (!ccp_headers_ok(headers))
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request to DynamoDB");
	rc = ccp_credentials_get(credentials, now_ms(call) / 1000, &keys, err);
	/* both getting them and waiting for them may have corrected the clock */
	call->clock_offset_s = ccp_credentials_clock_offset_s(credentials);
	sign.time_s = now_ms(call) / 1000 + call->clock_offset_s;
	memcpy(call->access_key_id, keys.access_key_id, sizeof(call->access_key_id));
	if (!rc && ccp_sigv4_sign(&sign, &keys, headers, err))
		rc = CCP_ERR_CREDENTIALS; /* keys or a clock nothing can be signed with */
	ccp_aws_keys_clear(&keys);
	if (!rc && !ccp_headers_ok(headers))
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request to DynamoDB");
	return rc;
}

/* One try. CCP_ERR_NET: the next may be better. */
static enum ccp_err
send_once(struct call *call, struct ccp_http_wait_answer *answer, struct ccp_error *why)
{
	struct ccp_headers headers = { 0 };
	struct ccp_http_wait_request request = {
		.method = "POST",
		.url = ccp_buf_text(&call->ddb->url),
		.headers = &headers,
		.body = call->json,
		.max_bytes = CCP_DDB_ANSWER_MAX_BYTES,
	};
	enum ccp_err rc = make_headers(call, &headers, why);
	int64_t left = left_ms(call);

	if (!rc && left < TRY_MIN_MS) {
		rc = ccp_fail(why, CCP_ERR_NET, "no time was left for it");
	} else if (!rc) {
		if (call->patience->try_ms && left > call->patience->try_ms)
			left = call->patience->try_ms;
		request.timeout_ms = (long)left;
		request.connect_timeout_ms = (long)(left < CONNECT_MS ? left : CONNECT_MS);
		call->tries++;
		rc = call->outside->http(call->outside->arg, &request, answer, why);
	}
	ccp_headers_clear(&headers);
	return rc;
}

/* True once, when other credentials may help. */
static bool
renew(struct call *call)
{
	if (call->renewed)
		return false;
	call->renewed = true;
	ccp_credentials_refresh(call->ddb->credentials, call->access_key_id);
	return true;
}

/* True once, when the clock was wrong: corrected now, or by another call since this try was signed. */
static bool
correct_clock(struct call *call, const struct ccp_http_wait_answer *answer)
{
	struct ccp_credentials *credentials = call->ddb->credentials;
	const char *date = ccp_headers_get(&answer->headers, "date");
	int64_t now_s = now_ms(call) / 1000, date_s;

	if (call->reclocked)
		return false;
	if (date && ccp_httpdate_parse((struct ccp_span){ date, strlen(date) }, now_s, &date_s))
		(void)ccp_credentials_note_date(credentials, date_s, now_s);
	call->reclocked = ccp_credentials_clock_offset_s(credentials) != call->clock_offset_s;
	return call->reclocked;
}

/* How long to leave DynamoDB alone after the failures so far; left is TRY_MIN_MS at least. */
static int64_t
pause_of(const struct call *call, enum ccp_ddb_next next, int64_t asked_ms, int64_t left)
{
	int64_t most_ms = PAUSE_MS, ms;
	int i;

	if (next == CCP_DDB_THROTTLED) {
		most_ms = call->patience->total_ms / THROTTLE_PAUSE_PART;
		if (most_ms > THROTTLE_PAUSE_MAX_MS)
			most_ms = THROTTLE_PAUSE_MAX_MS;
	}
	for (i = 1; i < call->failures && most_ms < PAUSE_MAX_MS; i++)
		most_ms *= 2;
	if (most_ms > PAUSE_MAX_MS)
		most_ms = PAUSE_MAX_MS;
	if (most_ms > left / 2) /* some of the time is for the try after it */
		most_ms = left / 2;
	ms = call->outside->random(call->outside->arg) % (uint32_t)(most_ms + 1);
	return asked_ms > ms && asked_ms <= left - TRY_MIN_MS ? asked_ms : ms;
}

/* That there is time for another try, and the process goes on. */
static bool
may_go_on(const struct call *call)
{
	return !ccp_ddb_is_stopped(call->ddb) && left_ms(call) >= TRY_MIN_MS;
}

/* Pauses before the next try. False: there is none. */
static bool
pause_for_next(struct call *call, enum ccp_ddb_next next, const struct ccp_headers *headers)
{
	int64_t left = left_ms(call), ms;

	if (++call->failures >= call->patience->tries || left < TRY_MIN_MS ||
	    ccp_ddb_is_stopped(call->ddb))
		return false;
	ms = pause_of(call, next, ccp_ddb_retry_after_ms(headers), left);
	call->outside->sleep_ms(call->outside->arg, ms);
	return may_go_on(call);
}

/*
 * One try, and the pause after it. CCP_OK: that was the answer. CCP_ERR_NET: it
 * was none, and *again says whether there is another try.
 */
static enum ccp_err
try_once(struct call *call, struct ccp_ddb_reply *reply, bool *again, struct ccp_error *why)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	enum ccp_ddb_next next = CCP_DDB_TRANSIENT;
	enum ccp_err rc = send_once(call, &answer, why);

	*again = false;
	if (!rc)
		next = ccp_ddb_judge(&answer, reply, why);
	if (rc && rc != CCP_ERR_NET)
		goto out;
	rc = CCP_ERR_NET;
	if (next == CCP_DDB_TRANSIENT || next == CCP_DDB_THROTTLED)
		*again = pause_for_next(call, next, &answer.headers);
	else if ((next == CCP_DDB_EXPIRED && renew(call)) ||
	         (next == CCP_DDB_MISSIGNED && correct_clock(call, &answer)))
		*again = may_go_on(call);
	else if (next != CCP_DDB_STRANGE)
		rc = CCP_OK;
out:
	ccp_http_wait_answer_clear(&answer);
	return rc;
}

enum ccp_err
ccp_ddb_call(struct ccp_ddb *ddb, const char *operation, struct ccp_span json,
             const struct ccp_ddb_patience *patience, struct ccp_ddb_reply *reply,
             struct ccp_error *err)
{
	struct call call = { .ddb = ddb,
		             .outside = &ddb->outside,
		             .operation = operation,
		             .json = json,
		             .patience = patience };
	struct ccp_error why = { .code = CCP_OK };
	char tries[40] = "";
	bool again;
	enum ccp_err rc;

	ccp_ddb_reply_clear(reply);
	call.begun_ms = now_ms(&call);
	if (ccp_sha256_hex(json.p, json.len, call.sha256))
		return ccp_fail(err, CCP_ERR_NOMEM, "%s: no memory to sign it", operation);
	if (ccp_ddb_is_stopped(ddb))
		return ccp_fail(err, CCP_ERR_NET, "%s: not asked, this process ends", operation);
	do {
		ccp_ddb_reply_clear(reply);
		rc = try_once(&call, reply, &again, &why);
	} while (again);
	if (!rc)
		return CCP_OK;
	ccp_ddb_reply_clear(reply);
	if (rc == CCP_ERR_SETTING) /* SSL_CERT_FILE; for the callers as good as no network */
		rc = CCP_ERR_NET;
	if (call.tries > 1)
		snprintf(tries, sizeof(tries), " (tried %d times)", call.tries);
	return ccp_fail(err, rc, "%s: %.280s%s", operation, why.text, tries);
}

void
ccp_ddb_reply_clear(struct ccp_ddb_reply *reply)
{
	ccp_buf_clear(&reply->json);
	*reply = (struct ccp_ddb_reply)CCP_DDB_REPLY_INIT;
}

enum ccp_err
ccp_ddb_fail(const struct ccp_ddb_reply *reply, const char *operation, const char *table,
             struct ccp_error *err)
{
	bool of_this_one = reply->end == CCP_DDB_INVALID || reply->end == CCP_DDB_CONDITION;

	return ccp_fail(err, of_this_one ? CCP_ERR_FORMAT : CCP_ERR_STORE, "%s %s: %s%s%s",
	                operation, table, reply->error, *reply->message ? ": " : "",
	                reply->message);
}
