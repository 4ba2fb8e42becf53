#ifndef CCP_TRANSLATE_H
#define CCP_TRANSLATE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/meter.h"
#include "upstream/models.h"

#include <stdbool.h>

/* InvokeModel takes 25,000,000 bytes of body (botocore service model, 2026-08-07). */
#define CCP_BEDROCK_BODY_MAX_BYTES 25000000

/*
 * A Messages request on its way to InvokeModel. The body is edited, not
 * rebuilt: everything that is not named keeps its bytes. Betas go into the
 * body only, filtered by an allow list.
 */
struct ccp_translate_input {
	struct ccp_span body;          /* borrowed; UTF-8 JSON as the client sent it */
	const char *anthropic_version; /* header, or NULL */
	const char *anthropic_beta;    /* header, all lines joined by ",", or NULL */
	const char *content_encoding;  /* header, or NULL; encoded bodies are not converted */
	const char *drop_beta;         /* a beta flag to leave out, or NULL; "*" = all */
	const char *drop_field;        /* a top-level field to leave out, or NULL */
};

struct ccp_translation {
	struct ccp_buf body; /* InvokeModel JSON */
	struct ccp_target target;
	char *client_model; /* as the client wrote it; goes back into the answer */
	bool stream;
};

/*
 * Returns CCP_OK; CCP_ERR_UNSUPPORTED with the reason (server tools, url or
 * file sources, MCP servers, an encoded body, unknown model, not a Messages
 * body); CCP_ERR_FORMAT when the body is no JSON; CCP_ERR_LIMIT; CCP_ERR_NOMEM.
 * *out is always cleared-safe. Pure; takes about 10 ms a megabyte, so large
 * bodies belong on a work thread.
 */
enum ccp_err ccp_translate_request(const struct ccp_models *models, const struct ccp_config *config,
                                   const struct ccp_translate_input *in,
                                   struct ccp_translation *out,
                                   struct ccp_error *err) CCP_MUST_CHECK;
void ccp_translation_clear(struct ccp_translation *t);

/*
 * One event of a Bedrock stream (decoded JSON) as an SSE event, appended to
 * sse: "event: TYPE\ndata: JSON\n\n" with the JSON on one line, message.model
 * of message_start set to client_model, amazon-bedrock-invocationMetrics cut
 * out; everything else byte for byte. Counts into meter. An event without
 * "type" is dropped. *is_error is true for an event of type error (nothing is
 * appended then: the caller reads it).
 */
enum ccp_err ccp_translate_event(struct ccp_span json, const char *client_model,
                                 struct ccp_buf *sse, struct ccp_meter *meter, bool *is_error,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* A whole InvokeModel answer: model set to client_model, metrics cut out. Counts into meter. */
enum ccp_err ccp_translate_answer(struct ccp_span json, const char *client_model,
                                  struct ccp_buf *out, struct ccp_meter *meter,
                                  struct ccp_error *err) CCP_MUST_CHECK;

#endif
