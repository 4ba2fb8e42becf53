#include "base/headers.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

/* A token of RFC 9110 5.6.2: else "transfer-encoding " would slip past every list of names. */
static bool
is_token(const char *p, size_t n)
{
	static const char marks[] = "!#$%&'*+-.^_`|~";
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) && (!p[i] || !strchr(marks, p[i])))
			return false;
	return n > 0;
}

static bool
clean(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == '\r' || p[i] == '\n' || p[i] == '\0')
			return false;
	return true;
}

static bool
room_for_one(struct ccp_headers *h)
{
	struct ccp_header *items;
	size_t cap = h->cap ? h->cap * 2 : 8;

	if (h->count < h->cap)
		return true;
	if (h->count >= CCP_HEADERS_MAX_COUNT)
		return false;
	items = realloc(h->items, cap * sizeof(*items));
	if (!items)
		return false;
	h->items = items;
	h->cap = cap;
	return true;
}

static void
add(struct ccp_headers *h, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct ccp_header field = { NULL, NULL };

	if (h->spoiled)
		return;
	if (!is_token(name, name_len) || !clean(value, value_len) ||
	    h->bytes + name_len + value_len > CCP_HEADERS_MAX_BYTES || !room_for_one(h)) {
		h->spoiled = true;
		return;
	}
	field.name = strndup(name, name_len);
	field.value = strndup(value, value_len);
	if (!field.name || !field.value) {
		free(field.name);
		free(field.value);
		h->spoiled = true;
		return;
	}
	h->items[h->count++] = field;
	h->bytes += name_len + value_len;
}

void
ccp_headers_add(struct ccp_headers *h, const char *name, const char *value)
{
	add(h, name, strlen(name), value, strlen(value));
}

void
ccp_headers_addf(struct ccp_headers *h, const char *name, const char *fmt, ...)
{
	va_list ap;
	char one[512]; /* dates, ids and numbers; nothing from outside is formatted */
	int n;

	va_start(ap, fmt);
	n = vsnprintf(one, sizeof(one), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(one))
		h->spoiled = true;
	else
		add(h, name, strlen(name), one, (size_t)n);
}

bool
ccp_headers_add_line(struct ccp_headers *h, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *value, *end = line + len;
	size_t before = h->count;

	if (!colon || !is_token(line, (size_t)(colon - line)))
		return false;
	while (end > colon + 1 &&
	       (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
		end--;
	value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	add(h, line, (size_t)(colon - line), value, (size_t)(end - value));
	return h->count > before;
}

const char *
ccp_headers_get(const struct ccp_headers *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->count; i++)
		if (strcasecmp(h->items[i].name, name) == 0)
			return h->items[i].value;
	return NULL;
}

void
ccp_headers_copy(struct ccp_headers *to, const struct ccp_headers *from)
{
	size_t i;

	for (i = 0; i < from->count; i++)
		ccp_headers_add(to, from->items[i].name, from->items[i].value);
	if (from->spoiled)
		to->spoiled = true;
}

bool
ccp_headers_ok(const struct ccp_headers *h)
{
	return !h->spoiled;
}

void
ccp_headers_clear(struct ccp_headers *h)
{
	size_t i;

	for (i = 0; i < h->count; i++) {
		OPENSSL_cleanse(h->items[i].value, strlen(h->items[i].value));
		free(h->items[i].name);
		free(h->items[i].value);
	}
	free(h->items);
	*h = (struct ccp_headers){ 0 };
}
