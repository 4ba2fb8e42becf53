#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

bool
ccp_span_is(struct ccp_span span, const char *s)
{
	/* an empty span may have no pointer, and memcmp wants one */
	return span.len == strlen(s) && (span.len == 0 || memcmp(span.p, s, span.len) == 0);
}

/* Room for n more bytes and the NUL; false and spoiled when there is none. */
static bool
grow(struct ccp_buf *b, size_t n)
{
	size_t cap;
	char *data;

	if (b->spoiled)
		return false;
	if (n > b->max - b->len) {
		b->spoiled = true;
		return false;
	}
	if (b->len + n + 1 <= b->cap)
		return true;
	cap = b->cap ? b->cap : 64;
	while (cap < b->len + n + 1)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->spoiled = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void
ccp_buf_add(struct ccp_buf *b, const void *p, size_t n)
{
	if (n == 0 || !grow(b, n))
		return;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void
ccp_buf_puts(struct ccp_buf *b, const char *s)
{
	ccp_buf_add(b, s, strlen(s));
}

void
ccp_buf_addf(struct ccp_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n <= 0 || !grow(b, (size_t)n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

bool
ccp_buf_ok(const struct ccp_buf *b)
{
	return !b->spoiled;
}

const char *
ccp_buf_text(const struct ccp_buf *b)
{
	return b->data ? b->data : "";
}

void
ccp_buf_consume(struct ccp_buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
	}
	if (b->data)
		b->data[b->len] = '\0';
}

char *
ccp_buf_take(struct ccp_buf *b)
{
	char *data = b->data;
	size_t max = b->max;

	*b = (struct ccp_buf)CCP_BUF_INIT(max);
	return data;
}

void
ccp_buf_clear(struct ccp_buf *b)
{
	free(ccp_buf_take(b));
}

void
ccp_buf_cleanse(struct ccp_buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	ccp_buf_clear(b);
}
