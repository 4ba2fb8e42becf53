#ifndef CCP_BODY_H
#define CCP_BODY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The body of a request. From 16 KiB on it lives in a mapping of its own, so
 * that its memory goes back to the system when it is freed: a stream runs for
 * minutes after its body was sent.
 */
struct ccp_body {
	char *data; /* owned; NULL while empty */
	size_t len;
	size_t mapped; /* bytes of the mapping; 0 = malloc */
};

/* Room for len bytes, all to be filled by the caller; body->len is len. */
enum ccp_err ccp_body_new(struct ccp_body *body, size_t len, struct ccp_error *err) CCP_MUST_CHECK;

/* Another size; the bytes that fit are kept. */
enum ccp_err ccp_body_resize(struct ccp_body *body, size_t len,
                             struct ccp_error *err) CCP_MUST_CHECK;
void ccp_body_clear(struct ccp_body *body);

#endif
