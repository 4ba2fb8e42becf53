#ifndef CCP_METER_H
#define CCP_METER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Counts the tokens of one answer from its own text: the `usage` of a Message,
 * or of the stream's message_start and message_delta. Values of message_delta
 * are cumulative: they replace, they are never added; the split of cache
 * writes and the uncached input come from message_start when message_delta
 * leaves them out.
 *
 * Source: @anthropic-ai/sdk 1.12.0 types Usage and MessageDeltaUsage (2026-11-20).
 */
struct ccp_usage {
	int64_t input_tokens; /* uncached */
	int64_t output_tokens;
	int64_t cache_read_tokens;
	int64_t cache_write_5m_tokens; /* all writes when the split is missing */
	int64_t cache_write_1h_tokens;
	bool estimated; /* the answer was cut: output is at least what was streamed */
};

struct ccp_meter {
	struct ccp_usage usage;
	int64_t streamed_bytes; /* of text, thinking and tool input deltas */
	bool started;           /* a usage was seen */
	bool complete;          /* message_stop, or a whole Message, was seen */
};

/* One event of a stream: the JSON after "data:". Broken or unknown JSON is ignored. */
void ccp_meter_event(struct ccp_meter *m, const char *json, size_t len);

/* A whole Message answer. */
void ccp_meter_message(struct ccp_meter *m, const char *json, size_t len);

/*
 * What to book: the counts as they stand; for an answer that did not complete,
 * output_tokens is at least streamed_bytes / 4 rounded up (four characters a
 * token, as Anthropic's own gateway bills aborted streams) and estimated is set.
 */
struct ccp_usage ccp_meter_result(const struct ccp_meter *m);

#endif
