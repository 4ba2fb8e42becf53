#ifndef CCP_ANTHROPIC_H
#define CCP_ANTHROPIC_H

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/headers.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What is particular to api.anthropic.com: which header fields go there and
 * come back, the fingerprint of a credential, and the signs of a limit.
 */

/* No limit is believed for longer: spend caps end with the month; nothing else lasts so long. */
#define CCP_LIMIT_MAX_S (30 * 24 * 3600)

/* Read of an error body; Anthropic's own are below 2 KiB, and an edge's HTML page is no JSON. */
#define CCP_ERROR_BODY_MAX_BYTES (64 * 1024)

/* An error event is small; a first event larger than this is an answer, and is relayed. */
#define CCP_FIRST_EVENT_MAX_BYTES (64 * 1024)

/*
 * Appends to to what of the client's fields goes to Anthropic: content-type,
 * content-encoding, accept, user-agent, x-api-key, authorization, every
 * anthropic-*, x-app, x-claude-code-* but x-claude-code-user, x-stainless-*,
 * traceparent, tracestate, baggage. Nothing else, never accept-encoding. An
 * x-api-key or authorization without a value is left out: it is no credential,
 * and would stand before the operator's. to is spoiled when from is, or when
 * memory or its ceilings run out.
 */
void ccp_anthropic_request_headers(const struct ccp_headers *from, struct ccp_headers *to);

/*
 * Appends what of the answer's fields goes back: all but hop-by-hop (RFC 9110
 * 7.6.1, also those that Connection names), set-cookie,
 * server, date; and none that a web server would take as an order from its
 * FastCGI program (status, x-sendfile, x-lighttpd-*, x-accel-*). to is spoiled
 * as above.
 */
void ccp_anthropic_response_headers(const struct ccp_headers *from, struct ccp_headers *to);

/* True when the client sent x-api-key or authorization with a value (white space is none). */
bool ccp_anthropic_has_credential(const struct ccp_headers *headers);

/*
 * Fingerprint: the first 16 bytes, in hex, of SHA-256 over the credential
 * fields (x-api-key and authorization, both when both are there, in this
 * order, each as "name:value\n" without white space around the value; a field
 * that is repeated counts each time). "" when there is none, and on failure,
 * which is CCP_ERR_NOMEM.
 */
enum ccp_err ccp_anthropic_fingerprint(const struct ccp_headers *headers,
                                       char out[33]) CCP_MUST_CHECK;

/*
 * What a refusal says about a limit. The texts hold letters, digits and
 * _ - . : only; one that has other bytes or does not fit is "", so that a cut
 * name is never taken for another one.
 */
struct ccp_limit_signs {
	bool rate_limit_json;    /* body is Anthropic's error JSON of type rate_limit_error */
	char error_type[48];     /* error.type of the body, or "" */
	char error_code[64];     /* error.details.error_code, or "" */
	bool spend_limit;        /* error_code of a spend cap, or a message that begins with
	                            "You have reached your specified API usage limits" */
	bool unified_rejected;   /* anthropic-ratelimit-unified-status: rejected */
	int64_t unified_reset_s; /* Unix time of anthropic-ratelimit-unified-reset, 0 = none */
	char unified_claim[48];  /* five_hour, seven_day, seven_day_opus, … or "" */
	bool has_retry_after;
	/* retry-after-ms, else retry-after (seconds with fraction, or one of the three HTTP
	 * dates); 1 ms to 30 days, 0 = none */
	int64_t retry_after_ms;
	char organization[64]; /* anthropic-organization-id, or "" */
};

/*
 * Reads the signs of a refusal. body may be cut or empty; it may also be the
 * data of an SSE event as ccp_anthropic_first_event() spans it. A retry-after
 * that is zero, negative, past or not a number counts as absent; huge ones are
 * cut to CCP_LIMIT_MAX_S. Bodies over CCP_ERROR_BODY_MAX_BYTES are not read.
 * signs is always filled. Pure.
 *
 * Source: RFC 9110 10.2.3 and 5.6.7; platform.claude.com "Rate limits" and
 * "Errors" (2026-08-21); @anthropic-ai/sdk 1.12.0 for the error codes and for
 * retry-after-ms before retry-after. The unified headers are documented
 * nowhere: seen in public reports, February to September 2026.
 */
void ccp_anthropic_limit_signs(const struct ccp_headers *headers, struct ccp_span body,
                               int64_t now_s, struct ccp_limit_signs *signs);

/*
 * True when text is JSON of Anthropic's error shape: an object whose type is
 * "error". Bounded and bent like the body of ccp_anthropic_limit_signs().
 */
bool ccp_anthropic_is_error(struct ccp_span text);

/*
 * Looks at the beginning of an SSE stream. Returns 0 while the first event is
 * not complete, 1 when it is an event to relay (a ping is one), 2 when it is
 * `event: error` or its data is an error; then *error_json spans its data
 * inside text (empty when it has none; of several data lines all that stands
 * between the first and the last, which ccp_anthropic_limit_signs() can read).
 * Give it the stream from its first byte each time. Comment lines alone never
 * make an event; after CCP_FIRST_EVENT_MAX_BYTES the answer is 1 at the latest.
 *
 * Source: WHATWG HTML, 9.2.6 "Interpreting an event stream" (2026), with the
 * SDK's difference that an event needs a name or data (@anthropic-ai/sdk 1.12.0).
 */
int ccp_anthropic_first_event(struct ccp_span text, struct ccp_span *error_json);

/*
 * Appends an error in Anthropic's shape: {"type":"error","error":{"type":…,
 * "message":…},"request_id":…}. Valid JSON for any bytes: what is not UTF-8
 * becomes U+FFFD. request_id may be NULL (null). Out of memory the error says
 * just that; out is spoiled when its ceiling is too low.
 */
void ccp_anthropic_error_json(struct ccp_buf *out, const char *type, const char *message,
                              const char *request_id);

#endif
