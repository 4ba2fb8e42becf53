#ifndef CCP_HEADERS_H
#define CCP_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A short list of HTTP header fields, in order, repeats kept. Names are
 * compared without regard to case. Values hold no CR, LF or NUL: a field that
 * has one is refused, so that nothing can be smuggled into a request or an
 * answer. Like ccp_buf, the list is spoiled by the first failed addition.
 */
struct ccp_header {
	char *name;
	char *value;
};

struct ccp_headers {
	struct ccp_header *items; /* owned */
	size_t count;
	size_t cap;
	size_t bytes; /* sum of names and values */
	bool spoiled;
};

/* Both web servers are told to take 64 KiB of header; twice that is not a header any more. */
#define CCP_HEADERS_MAX_BYTES (128 * 1024)
#define CCP_HEADERS_MAX_COUNT 256

/* Copies name and value. */
void ccp_headers_add(struct ccp_headers *h, const char *name, const char *value);
void ccp_headers_addf(struct ccp_headers *h, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Copies a raw "Name: value" line of len bytes; its CR LF may be there. False: not a field. */
bool ccp_headers_add_line(struct ccp_headers *h, const char *line, size_t len);

/* Value of the first field of that name, or NULL. Borrowed until the list changes. */
const char *ccp_headers_get(const struct ccp_headers *h, const char *name);

/* Appends a copy of every field of from. */
void ccp_headers_copy(struct ccp_headers *to, const struct ccp_headers *from);

bool ccp_headers_ok(const struct ccp_headers *h);

/* Overwrites (values may be credentials) and frees. */
void ccp_headers_clear(struct ccp_headers *h);

#endif
