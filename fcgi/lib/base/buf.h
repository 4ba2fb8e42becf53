#ifndef CCP_BUF_H
#define CCP_BUF_H

#include <stdbool.h>
#include <stddef.h>

/* Borrowed bytes: not NUL-terminated, owned by somebody else. */
struct ccp_span {
	const char *p;
	size_t len;
};

#define CCP_SPAN(literal) ((struct ccp_span){ (literal), sizeof(literal) - 1 })

/* True when the span holds exactly the text of s. */
bool ccp_span_is(struct ccp_span span, const char *s);

/*
 * Growable bytes with a ceiling. Once an append fails (no memory, or the
 * ceiling) the buffer is spoiled: later appends do nothing and ccp_buf_ok()
 * is false, so a builder needs one check, at its end.
 */
struct ccp_buf {
	char *data; /* owned; NUL after len; NULL while nothing was ever added */
	size_t len; /* bytes, NUL not counted */
	size_t cap;
	size_t max; /* ceiling for len */
	bool spoiled;
};

/* clang-format off */
#define CCP_BUF_INIT(max_bytes) { .max = (max_bytes) }
/* clang-format on */

void ccp_buf_add(struct ccp_buf *b, const void *p, size_t n);
void ccp_buf_puts(struct ccp_buf *b, const char *s);
void ccp_buf_addf(struct ccp_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool ccp_buf_ok(const struct ccp_buf *b);

/* Text of the buffer; "" while it is empty. Borrowed until the next append. */
const char *ccp_buf_text(const struct ccp_buf *b);

/* Drops the first n bytes (n <= len). */
void ccp_buf_consume(struct ccp_buf *b, size_t n);

/* Gives the bytes to the caller (free()); the buffer is empty afterwards. */
char *ccp_buf_take(struct ccp_buf *b);

/* Frees the bytes; the ceiling stays and the buffer can be used again. */
void ccp_buf_clear(struct ccp_buf *b);

/* The same, for secrets: overwrites the bytes first. */
void ccp_buf_cleanse(struct ccp_buf *b);

#endif
