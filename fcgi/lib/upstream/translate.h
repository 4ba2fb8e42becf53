#ifndef CCP_TRANSLATE_H
#define CCP_TRANSLATE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/meter.h"
#include "upstream/models.h"

#include <stdbool.h>

/* InvokeModel takes 25,000,000 bytes of body (botocore service model, 2026-08-07). */
#define CCP_BEDROCK_BODY_MAX_BYTES 25000000

/* The operations of bedrock-runtime that a request can go to. */
enum ccp_bedrock_door {
	CCP_DOOR_INVOKE,       /* /model/ID/invoke[-with-response-stream] */
	CCP_DOOR_MESSAGES,     /* /anthropic/v1/messages */
	CCP_DOOR_COUNT_TOKENS, /* /model/ID/count-tokens */
};

/* What a second attempt leaves out, after a refusal that names it. */
enum ccp_repair_kind {
	CCP_REPAIR_NONE,
	CCP_REPAIR_BETA,            /* the flags in name, separated by blanks; "*": all */
	CCP_REPAIR_FIELD,           /* the top-level field name */
	CCP_REPAIR_MEMBER,          /* the member name of the top-level object of */
	CCP_REPAIR_MESSAGE,         /* the member name of every message */
	CCP_REPAIR_BLOCK,           /* the member name of every block of type of; of "": of any */
	CCP_REPAIR_TOOL,            /* the member name of every tool */
	CCP_REPAIR_CACHE_CONTROL,   /* the member name of every cache_control */
	CCP_REPAIR_BILLING_HEADER,  /* Claude Code's attribution, wherever it stands */
	CCP_REPAIR_THINKING_BLOCKS, /* thinking and redacted_thinking of all turns */
	CCP_REPAIR_THINKING,        /* those, and the parameter */
	CCP_REPAIR_SYSTEM_ROLE,     /* role system inside messages becomes user */
};

struct ccp_repair {
	enum ccp_repair_kind kind;
	char name[240]; /* a few flags, or one member */
	char of[40];
};

/*
 * Reads a refusal in Bedrock's words (a 400, as shown to people) by the repair
 * rows of rules.csv. False, and *repair is CCP_REPAIR_NONE, when it names
 * nothing that can be left out. Pure.
 */
bool ccp_translate_repair(const struct ccp_models *models, const char *refusal,
                          struct ccp_repair *repair);

/* The repair in a few words for the log: "beta flag x", "scope of every cache_control". */
void ccp_repair_text(const struct ccp_repair *repair, char *out, size_t out_size);

/*
 * A Messages request on its way to Bedrock. The body is edited, not rebuilt:
 * everything that rules.csv does not name keeps its bytes.
 */
struct ccp_translate_input {
	struct ccp_span body;            /* borrowed; UTF-8 JSON as the client sent it */
	const char *anthropic_version;   /* header, or NULL */
	const char *anthropic_beta;      /* header, all lines joined by ",", or NULL */
	const char *content_encoding;    /* header, or NULL; encoded bodies are not converted */
	const struct ccp_repair *repair; /* what the second attempt leaves out, or NULL */
};

struct ccp_translation {
	struct ccp_buf body;
	struct ccp_target target;
	enum ccp_bedrock_door door;
	char *client_model;   /* as the client wrote it; goes back into the answer */
	char *version_header; /* anthropic-version, for CCP_DOOR_MESSAGES; else NULL */
	char *beta_header;    /* anthropic-beta, the same; NULL: no flag is left */
	bool stream;
};

/*
 * Makes the body for the door that BEDROCK_API names. For InvokeModel the model
 * and stream are taken out and version and betas put in; for the Messages
 * endpoint the model is replaced by Bedrock's id, stream stays, and version and
 * betas are headers.
 *
 * Returns CCP_OK; CCP_ERR_UNSUPPORTED with the reason (server tools, url or
 * file sources, MCP servers, an encoded body, unknown model, not a Messages
 * body); CCP_ERR_FORMAT when the body is no JSON; CCP_ERR_LIMIT; CCP_ERR_NOMEM.
 * *out is always cleared-safe. Pure; takes about 2 ms a megabyte, so large
 * bodies belong on a work thread.
 */
enum ccp_err ccp_translate_request(const struct ccp_models *models, const struct ccp_config *config,
                                   const struct ccp_translate_input *in,
                                   struct ccp_translation *out,
                                   struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The same for a count_tokens body and CountTokens: the InvokeModel body that
 * would be counted (max_tokens added), in base64, wrapped as the operation wants
 * it; target.id is the model's base id. CCP_ERR_UNSUPPORTED also for a model
 * that the operation does not have (column count_tokens of models.csv).
 * Source: botocore service model of bedrock-runtime, CountTokens (2026-08-07).
 */
enum ccp_err ccp_translate_count(const struct ccp_models *models, const struct ccp_config *config,
                                 const struct ccp_translate_input *in, struct ccp_translation *out,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* CountTokens' {"inputTokens":N} as count_tokens' {"input_tokens":N}; else CCP_ERR_FORMAT. */
enum ccp_err ccp_translate_count_answer(struct ccp_span json, struct ccp_buf *out,
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
