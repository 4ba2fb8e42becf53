#include "base/sse.h"
#include "upstream/bedrock_failure.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

struct ccp_bedrock_stream {
	struct ccp_eventstream *decoder; /* one of the two */
	struct ccp_sse *events;
	const char *client_model;
	struct ccp_meter *meter;
	struct ccp_buf *sse; /* while feeding */
	size_t ready_bytes;
	bool failed;
	struct ccp_bedrock_failure failure;
};

static void
fail(struct ccp_bedrock_stream *s, struct ccp_span name, struct ccp_span message)
{
	s->failed = true;
	ccp_bedrock_failure_set(&s->failure, name, message);
}

/* The event inside {"bytes":"<base64>","p":"…padding…"}; gives malloc'ed bytes. */
static char *
unwrap(struct ccp_span payload, size_t *len)
{
	cJSON *chunk = cJSON_ParseWithLength(payload.p, payload.len);
	const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(chunk, "bytes");
	const char *text = cJSON_IsString(bytes) ? bytes->valuestring : NULL;
	size_t n = text ? strlen(text) : 0;
	unsigned char *out = NULL;
	int decoded;

	if (n && n % 4 == 0 && n < CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES)
		out = malloc(n / 4 * 3 + 1);
	decoded = out ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)n) : -1;
	if (decoded < 0) {
		free(out);
		out = NULL;
	} else {
		/* it counts the padding as bytes */
		decoded -= (text[n - 1] == '=') + (text[n - 2] == '=');
		*len = (size_t)decoded;
	}
	cJSON_Delete(chunk);
	return (char *)out;
}

/* {"type":"error","error":{"type":…,"message":…}} as an event of the stream. */
static void
fail_as_event(struct ccp_bedrock_stream *s, struct ccp_span json)
{
	cJSON *event = cJSON_ParseWithLength(json.p, json.len);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(event, "error");
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(error, "type");
	const cJSON *message = cJSON_GetObjectItemCaseSensitive(error, "message");
	const char *words = cJSON_IsString(message) ? message->valuestring : "";

	fail(s, CCP_SPAN("error event"), (struct ccp_span){ words, strlen(words) });
	s->failure.clients_fault =
		cJSON_IsString(type) && strcmp(type->valuestring, "invalid_request_error") == 0;
	if (cJSON_IsString(type) && strlen(type->valuestring) < sizeof(s->failure.type))
		memcpy(s->failure.type, type->valuestring, strlen(type->valuestring) + 1);
	cJSON_Delete(event);
}

/* One event of Anthropic's, whatever it came in. */
static void
take_event(struct ccp_bedrock_stream *s, struct ccp_span json)
{
	struct ccp_error err = { 0 };
	size_t before = s->sse->len;
	bool is_error = false;

	if (s->meter->complete) /* nothing belongs to an answer after message_stop */
		return;
	if (ccp_translate_event(json, s->client_model, s->sse, s->meter, &is_error, &err)) {
		s->sse->len = before; /* no half event */
		fail(s, CCP_SPAN("broken event"), (struct ccp_span){ err.text, strlen(err.text) });
	} else if (is_error)
		fail_as_event(s, json);
	/* message_stop waits until its usage is booked */
	if (!s->meter->complete)
		s->ready_bytes = s->sse->len;
}

static void
take_chunk(struct ccp_bedrock_stream *s, struct ccp_span payload)
{
	size_t len = 0;
	char *json = unwrap(payload, &len);

	if (json)
		take_event(s, (struct ccp_span){ json, len });
	else
		fail(s, CCP_SPAN("broken chunk"),
		     CCP_SPAN("Bedrock sent a chunk without an event"));
	free(json);
}

static bool
on_message(void *arg, const struct ccp_eventstream_message *m)
{
	struct ccp_bedrock_stream *s = arg;
	struct ccp_buf message = CCP_BUF_INIT(64 * 1024);

	if (ccp_span_is(m->message_type, "event")) {
		if (ccp_span_is(m->event_type, "chunk"))
			take_chunk(s, m->payload);
	} else if (ccp_span_is(m->message_type, "exception")) {
		ccp_bedrock_failure_message(m->payload, &message);
		fail(s, m->exception_type,
		     (struct ccp_span){ ccp_buf_text(&message), message.len });
	} else if (ccp_span_is(m->message_type, "error")) {
		fail(s, m->error_code, m->error_message);
	}
	ccp_buf_clear(&message);
	return !s->failed;
}

static bool
on_sse_event(void *arg, struct ccp_span name, struct ccp_span data)
{
	struct ccp_bedrock_stream *s = arg;

	(void)name; /* the data says it as well */
	take_event(s, data);
	return !s->failed;
}

enum ccp_err
ccp_bedrock_stream_new(enum ccp_bedrock_framing framing, const char *client_model,
                       struct ccp_meter *meter, struct ccp_bedrock_stream **out,
                       struct ccp_error *err)
{
	struct ccp_bedrock_stream *s = calloc(1, sizeof(*s));
	enum ccp_err rc;

	*out = NULL;
	if (!s)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for a stream");
	s->client_model = client_model;
	s->meter = meter;
	if (framing == CCP_BEDROCK_SSE)
		rc = ccp_sse_new(on_sse_event, s, &s->events, err);
	else
		rc = ccp_eventstream_new(on_message, s, &s->decoder, err);
	if (rc) {
		free(s);
		return rc;
	}
	*out = s;
	return CCP_OK;
}

void
ccp_bedrock_stream_free(struct ccp_bedrock_stream *s)
{
	if (!s)
		return;
	ccp_eventstream_free(s->decoder);
	ccp_sse_free(s->events);
	free(s);
}

void
ccp_bedrock_stream_feed(struct ccp_bedrock_stream *s, const char *p, size_t n, struct ccp_buf *sse)
{
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	if (s->failed)
		return;
	s->sse = sse;
	s->ready_bytes = sse->len;
	rc = s->events ? ccp_sse_feed(s->events, p, n, &err)
	               : ccp_eventstream_feed(s->decoder, p, n, &err);
	if (rc && !s->failed)
		fail(s, CCP_SPAN("broken stream"), (struct ccp_span){ err.text, strlen(err.text) });
	s->sse = NULL;
}

const struct ccp_bedrock_failure *
ccp_bedrock_stream_failure(const struct ccp_bedrock_stream *s)
{
	return s->failed ? &s->failure : NULL;
}

size_t
ccp_bedrock_stream_ready_bytes(const struct ccp_bedrock_stream *s)
{
	return s->ready_bytes;
}
