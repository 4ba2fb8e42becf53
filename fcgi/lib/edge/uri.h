#ifndef CCP_URI_H
#define CCP_URI_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The small parts of reading a raw request target: pieces, percent escapes,
 * dot segments, query parameters. Everything borrows; nothing allocates. '+'
 * is always literal. Spans may be empty, but their p is never NULL.
 *
 * Source: RFC 3986 (January 2005), 2.1, 3.3 and 5.2.4.
 */

/* Cuts the text before the next separator, and the separator, off the front of s; all of s when
 * there is none. */
struct ccp_span ccp_uri_take(struct ccp_span *s, char separator);

/* True for bytes that would end a request line or a log line, or cut the target where it is sent
 * on: control bytes, space, '#'. */
bool ccp_uri_has_bad_byte(struct ccp_span s);

/*
 * Percent-decodes s once into out, with a NUL. False, and out is "", when an
 * escape is broken, a NUL comes out, or out_size (at least 1) is too small.
 */
bool ccp_uri_decode(struct ccp_span s, char *out, size_t out_size);

/* "." or "..". */
bool ccp_uri_is_dots(const char *p, size_t len);

/* A segment of the path is "." or "..", as it stands. */
bool ccp_uri_has_dot_segment(struct ccp_span path);

/*
 * True when a receiver that decodes once finds in a segment of the path what a
 * plain one never has: "." or "..", a '/' or '\', a control byte, a broken
 * escape. What passes means the same to whoever looks at it before or after
 * decoding.
 */
bool ccp_uri_has_disguised_segment(struct ccp_span path);

/* The value of the first parameter of that name in a query, still encoded ("" without a '='); its
 * p is NULL when there is no such parameter. Names are compared as they stand. */
struct ccp_span ccp_uri_parameter(struct ccp_span query, const char *name);

#endif
