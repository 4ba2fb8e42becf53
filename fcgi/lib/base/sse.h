#ifndef CCP_SSE_H
#define CCP_SSE_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

/*
 * Parser of a stream of server-sent events, fed with whatever arrives. Lines
 * end in LF, CR LF or CR; a byte order mark at the start, comments and unknown
 * fields are ignored; several data lines are joined with LF; an event without
 * data is none.
 *
 * Source: HTML Living Standard, 9.2.6 "Interpreting an event stream" (2026).
 */
struct ccp_sse;

/* The longest event: a message_start of a long answer, or a whole tool input in one delta. */
#define CCP_SSE_EVENT_MAX_BYTES (24 * 1024 * 1024)

/* name is "message" when the event had none; both are borrowed until it returns. False stops. */
typedef bool ccp_sse_fn(void *arg, struct ccp_span name, struct ccp_span data);

enum ccp_err ccp_sse_new(ccp_sse_fn *fn, void *arg, struct ccp_sse **sse,
                         struct ccp_error *err) CCP_MUST_CHECK;
void ccp_sse_free(struct ccp_sse *sse);

/*
 * Takes n bytes and calls fn for each event completed. CCP_ERR_LIMIT for an
 * event that is too long. After an error, or after fn said stop, further
 * feeding returns the same error or does nothing.
 */
enum ccp_err ccp_sse_feed(struct ccp_sse *sse, const char *p, size_t n,
                          struct ccp_error *err) CCP_MUST_CHECK;

#endif
