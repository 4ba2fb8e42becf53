#include "store/dynamodb_error.h"

#include "base/json.h"
#include "base/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* AWS's sentences are shorter; a failed condition's or a signature's text may go on for pages. */
#define WORDS_MAX_BYTES 1024
/* A day: longer times are no advice for a call. */
#define RETRY_AFTER_MAX_MS INT64_C(86400000)

/*
 * Names as in "com.amazonaws.dynamodb.v20120810#NameException"; services and
 * stand-ins send some of them with and some without "Exception".
 *
 * Source: see dynamodb_call.h; names of throttles: botocore 0e6e2404,
 * retries/standard.py.
 */
static const struct {
	const char *name;
	enum ccp_ddb_next next;
	enum ccp_ddb_end end;
} errors[] = {
	{ "ConditionalCheckFailed", CCP_DDB_SETTLED, CCP_DDB_CONDITION },
	{ "ResourceNotFound", CCP_DDB_SETTLED, CCP_DDB_NO_TABLE },
	{ "ResourceInUse", CCP_DDB_SETTLED, CCP_DDB_IN_USE },
	{ "UnknownOperation", CCP_DDB_SETTLED, CCP_DDB_UNKNOWN },
	{ "AccessDenied", CCP_DDB_SETTLED, CCP_DDB_DENIED },
	{ "MissingAuthenticationToken", CCP_DDB_SETTLED, CCP_DDB_DENIED },
	{ "IncompleteSignature", CCP_DDB_SETTLED, CCP_DDB_DENIED },
	{ "OptInRequired", CCP_DDB_SETTLED, CCP_DDB_DENIED },

	{ "ExpiredToken", CCP_DDB_EXPIRED, CCP_DDB_DENIED },
	/* what a key says that was deleted after it was fetched, as Bedrock's */
	{ "UnrecognizedClient", CCP_DDB_EXPIRED, CCP_DDB_DENIED },
	{ "InvalidClientTokenId", CCP_DDB_EXPIRED, CCP_DDB_DENIED },

	{ "InvalidSignature", CCP_DDB_MISSIGNED, CCP_DDB_DENIED },
	{ "SignatureDoesNotMatch", CCP_DDB_MISSIGNED, CCP_DDB_DENIED },
	{ "RequestTimeTooSkewed", CCP_DDB_MISSIGNED, CCP_DDB_DENIED },
	{ "RequestExpired", CCP_DDB_MISSIGNED, CCP_DDB_DENIED },

	{ "ProvisionedThroughputExceeded", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "Throttling", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "Throttled", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "RequestThrottled", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "RequestLimitExceeded", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "LimitExceeded", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "TooManyRequests", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "TransactionConflict", CCP_DDB_THROTTLED, CCP_DDB_INVALID },
	{ "TransactionInProgress", CCP_DDB_THROTTLED, CCP_DDB_INVALID },

	{ "ReplicatedWriteConflict", CCP_DDB_TRANSIENT, CCP_DDB_INVALID },
	{ "InternalServerError", CCP_DDB_TRANSIENT, CCP_DDB_INVALID },
	{ "InternalFailure", CCP_DDB_TRANSIENT, CCP_DDB_INVALID },
	{ "ServiceUnavailable", CCP_DDB_TRANSIENT, CCP_DDB_INVALID },
	{ "RequestTimeout", CCP_DDB_TRANSIENT, CCP_DDB_INVALID },
};

static bool
is_error(const char *name, const char *row)
{
	size_t len = strlen(row);

	return strncmp(name, row, len) == 0 && (!name[len] || strcmp(name + len, "Exception") == 0);
}

/* The header's number is the CRC-32 of these bytes, or there is no such header. */
static bool
crc_fits(const struct ccp_http_wait_answer *answer)
{
	const char *header = ccp_headers_get(&answer->headers, "x-amz-crc32");
	int64_t told;

	if (!header)
		return true;
	return ccp_json_uint((struct ccp_span){ header, strlen(header) }, &told) &&
	       told == (int64_t)crc32_z(0, (const Bytef *)ccp_buf_text(&answer->body),
	                                answer->body.len);
}

/* "namespace#Name:http://…" is Name. */
static void
read_name(struct ccp_span body, char *name, size_t size)
{
	char type[128];
	const char *hash;

	if (!ccp_json_string_text(ccp_json_member(body, "__type"), type, sizeof(type)))
		type[0] = '\0';
	hash = strchr(type, '#');
	hash = hash ? hash + 1 : type;
	snprintf(name, size, "%.*s", (int)strcspn(hash, ":"), hash);
}

/*
 * The first line: what follows in the text about a wrong signature is the
 * request as AWS read it, with the session token.
 */
static void
read_words(struct ccp_span body, char *words, size_t size)
{
	struct ccp_span text = ccp_json_member(body, "message");
	char buf[WORDS_MAX_BYTES];
	const char *end;

	if (!text.len)
		text = ccp_json_member(body, "Message");
	text = ccp_json_string_head(text, buf, sizeof(buf));
	end = memchr(text.p, '\n', text.len);
	if (end)
		text.len = (size_t)(end - text.p);
	ccp_redact(words, size, text);
}

/*
 * By the status, for errors without a name or with one nobody knows. What is
 * taken for DynamoDB's "no, and never" must have come from DynamoDB: a proxy's
 * 404 says nothing about what was to be written.
 */
static enum ccp_ddb_next
judge_status(int status, bool json, struct ccp_ddb_reply *reply)
{
	reply->end = status == 401 || status == 403 ? CCP_DDB_DENIED : CCP_DDB_INVALID;
	if (status >= 500 || status == 408)
		return CCP_DDB_TRANSIENT;
	if (status == 429)
		return CCP_DDB_THROTTLED;
	if (status >= 400 && (*reply->error || (status == 400 && json)))
		return CCP_DDB_SETTLED;
	/* these two may well be said by what stands before it */
	return status == 413 || reply->end == CCP_DDB_DENIED ? CCP_DDB_SETTLED : CCP_DDB_STRANGE;
}

static enum ccp_ddb_next
judge_error(int status, bool json, struct ccp_ddb_reply *reply)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (is_error(reply->error, errors[i].name)) {
			reply->end = errors[i].end;
			return errors[i].next;
		}
	}
	return judge_status(status, json, reply);
}

enum ccp_ddb_next
ccp_ddb_judge(struct ccp_http_wait_answer *answer, struct ccp_ddb_reply *reply,
              struct ccp_error *why)
{
	struct ccp_span body =
		ccp_json_trim((struct ccp_span){ ccp_buf_text(&answer->body), answer->body.len });
	bool json = ccp_json_valid(body) && ccp_json_type(body) == CCP_JSON_OBJECT;
	enum ccp_ddb_next next;

	if (!crc_fits(answer)) {
		ccp_fail(why, CCP_ERR_NET, "the answer does not fit its x-amz-crc32");
		return CCP_DDB_TRANSIENT;
	}
	if (answer->status == 200 && !json) {
		ccp_fail(why, CCP_ERR_NET, "the answer is not JSON");
		return CCP_DDB_TRANSIENT;
	}
	if (json) {
		reply->json = answer->body; /* body stays where it is */
		answer->body = (struct ccp_buf)CCP_BUF_INIT(0);
	}
	if (answer->status == 200)
		return CCP_DDB_SETTLED;
	if (json) {
		read_name(body, reply->error, sizeof(reply->error));
		read_words(body, reply->message, sizeof(reply->message));
	}
	next = judge_error(answer->status, json, reply);
	if (!*reply->error)
		snprintf(reply->error, sizeof(reply->error), "HTTP %d", answer->status);
	if (next == CCP_DDB_STRANGE)
		ccp_fail(why, CCP_ERR_NET, "HTTP %d, and not from DynamoDB: see the endpoint",
		         answer->status);
	else
		ccp_fail(why, CCP_ERR_NET, "%s%s%s", reply->error, *reply->message ? ": " : "",
		         reply->message);
	return next;
}

int64_t
ccp_ddb_retry_after_ms(const struct ccp_headers *headers)
{
	const char *ms = ccp_headers_get(headers, "x-amz-retry-after");
	const char *s = ccp_headers_get(headers, "retry-after");
	int64_t n;

	if (ms && ccp_json_uint((struct ccp_span){ ms, strlen(ms) }, &n))
		return n < RETRY_AFTER_MAX_MS ? n : RETRY_AFTER_MAX_MS;
	if (s && ccp_json_uint((struct ccp_span){ s, strlen(s) }, &n))
		return n < RETRY_AFTER_MAX_MS / 1000 ? n * 1000 : RETRY_AFTER_MAX_MS;
	return 0;
}
