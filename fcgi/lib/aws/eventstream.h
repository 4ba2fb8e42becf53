#ifndef CCP_EVENTSTREAM_H
#define CCP_EVENTSTREAM_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Decoder of application/vnd.amazon.eventstream, fed with whatever arrives.
 * Checks both CRCs and every length before using it.
 *
 * Source: AWS "Amazon Transcribe streaming: event stream encoding" and Smithy
 * event stream specification (2026): headers at most 128 KiB, payload at most
 * 24 MiB; CRC-32 as in zlib.
 */
#define CCP_EVENTSTREAM_HEADERS_MAX_BYTES (128 * 1024)
#define CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES (24 * 1024 * 1024)

struct ccp_eventstream;

/*
 * One message; spans are borrowed until the callback returns; absent ones have
 * len 0. Headers of other names or of other types than string are left out.
 */
struct ccp_eventstream_message {
	struct ccp_span message_type;   /* :message-type  event, exception, error */
	struct ccp_span event_type;     /* :event-type */
	struct ccp_span exception_type; /* :exception-type */
	struct ccp_span error_code;     /* :error-code */
	struct ccp_span error_message;  /* :error-message */
	struct ccp_span content_type;   /* :content-type */
	struct ccp_span payload;
};

/* False stops feeding: the rest of the bytes is not looked at. */
typedef bool ccp_eventstream_fn(void *arg, const struct ccp_eventstream_message *message);

/* fn and arg are kept until d is freed. CCP_ERR_NOMEM. */
enum ccp_err ccp_eventstream_new(ccp_eventstream_fn *fn, void *arg, struct ccp_eventstream **d,
                                 struct ccp_error *err) CCP_MUST_CHECK;
void ccp_eventstream_free(struct ccp_eventstream *d);

/*
 * Takes n bytes and calls fn for each message completed (fn must not free d).
 * CCP_ERR_FORMAT (bad CRC, lengths that cannot be, headers that do not fit),
 * CCP_ERR_NOMEM. Messages before the bad one have been handed on. After an
 * error, or after fn said stop, further feeding returns the same error or does
 * nothing. Memory: the message that is arriving; at rest 4 KiB at most.
 */
enum ccp_err ccp_eventstream_feed(struct ccp_eventstream *d, const void *p, size_t n,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/* True between messages: an end of the stream here is not a cut. False after an error. */
bool ccp_eventstream_at_rest(const struct ccp_eventstream *d);

#endif
