#ifndef CCP_BEDROCK_H
#define CCP_BEDROCK_H

#include "aws/credentials.h"
#include "aws/eventstream.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/headers.h"
#include "base/meter.h"
#include "upstream/translate.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What is particular to bedrock-runtime: the request line and signature, its
 * errors, and its stream.
 *
 * Source: Amazon Bedrock API reference, InvokeModel and
 * InvokeModelWithResponseStream, CountTokens; botocore service model 0e6e2404
 * (2026-08-07). The Messages endpoint: Bedrock user guide, "Anthropic Messages
 * API" (2026).
 */
struct ccp_bedrock_request {
	char *url;
	struct ccp_headers headers; /* signed; holds a secret token */
	int64_t clock_offset_s;     /* seconds added to our clock when it was signed */
	char access_key_id[129];    /* that signed it; "" = a Bedrock API key did */
};

/*
 * Where to send t->body (by t->door) and with what fields, signed at now_s. May block for
 * credentials: belongs on a work thread. request is always clear-safe.
 */
enum ccp_err ccp_bedrock_request_new(const struct ccp_config *config,
                                     struct ccp_credentials *credentials,
                                     const struct ccp_translation *t, int64_t now_s,
                                     struct ccp_bedrock_request *request,
                                     struct ccp_error *err) CCP_MUST_CHECK;
void ccp_bedrock_request_clear(struct ccp_bedrock_request *request);

/* How Bedrock refused, in words that may be shown: ARNs and account ids are cut out. */
struct ccp_bedrock_failure {
	char name[64];      /* the exception: "ThrottlingException" */
	char type[32];      /* Anthropic's error.type for it */
	char message[2048]; /* UTF-8 */
	bool clients_fault; /* ValidationException: relayed as a 400 */
};

/*
 * True when AWS refused our own credentials or signature (the client can do
 * nothing about it), and when it was because they had expired.
 */
bool ccp_bedrock_refused_credentials(const struct ccp_bedrock_failure *failure);
bool ccp_bedrock_credentials_expired(const struct ccp_bedrock_failure *failure);

/* Reads an answer that is not a 2xx. */
void ccp_bedrock_failure_of_http(int status, const struct ccp_headers *headers,
                                 struct ccp_span body, struct ccp_bedrock_failure *failure);

/*
 * A stream being turned into Anthropic's SSE. client_model and meter are
 * borrowed and must outlive it.
 */
struct ccp_bedrock_stream;

/* How the events are wrapped: InvokeModelWithResponseStream's frames, or plain events. */
enum ccp_bedrock_framing { CCP_BEDROCK_FRAMES, CCP_BEDROCK_SSE };

enum ccp_err ccp_bedrock_stream_new(enum ccp_bedrock_framing framing, const char *client_model,
                                    struct ccp_meter *meter, struct ccp_bedrock_stream **stream,
                                    struct ccp_error *err) CCP_MUST_CHECK;
void ccp_bedrock_stream_free(struct ccp_bedrock_stream *stream);

/*
 * Takes n bytes, appends the SSE events they complete to sse. After an
 * exception, an error event or broken framing nothing is appended any more and
 * ccp_bedrock_stream_failure() tells.
 */
void ccp_bedrock_stream_feed(struct ccp_bedrock_stream *stream, const char *p, size_t n,
                             struct ccp_buf *sse);

/* NULL while all is well. Borrowed. */
const struct ccp_bedrock_failure *ccp_bedrock_stream_failure(
	const struct ccp_bedrock_stream *stream);

/*
 * Of the bytes last appended to sse, how many may go out at once: less than
 * all when they hold message_stop, which waits until its usage is booked.
 */
size_t ccp_bedrock_stream_ready_bytes(const struct ccp_bedrock_stream *stream);

#endif
