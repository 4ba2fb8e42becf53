#include "base/json.h"

#include "base/json_scan.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the UTF-8 character at p (RFC 3629), 0 when there is none. */
static size_t
utf8_bytes(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t left = (size_t)(end - p), n, i;
	unsigned low = 0x80, high = 0xbf;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (left < n)
		return 0;
	/* not the short forms of smaller ones, no surrogates, nothing over U+10FFFF */
	if (u[0] == 0xe0)
		low = 0xa0;
	else if (u[0] == 0xed)
		high = 0x9f;
	else if (u[0] == 0xf0)
		low = 0x90;
	else if (u[0] == 0xf4)
		high = 0x8f;
	if (u[1] < low || u[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four hex digits at p, or -1. */
static int
hex4(const char *p, const char *end)
{
	int value = 0, i, digit;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		digit = hex_digit(p[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* The check_ functions return the byte after the thing at p, or NULL when it is not grammatical. */
static const char *
check_escape(const char *p, const char *end)
{
	if (end - p < 2)
		return NULL;
	switch (p[1]) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return p + 2;
	case 'u':
		return hex4(p + 2, end) < 0 ? NULL : p + 6;
	default:
		return NULL;
	}
}

static const char *
check_string(const char *p, const char *end)
{
	for (p = ccp_json_skip_plain(p + 1, end, true); p < end;) {
		unsigned char c = (unsigned char)*p;
		size_t n;

		if (c == '"')
			return p + 1;
		if (c < 0x20)
			return NULL;
		if (c == '\\') {
			p = check_escape(p, end);
			if (!p)
				return NULL;
			p = ccp_json_skip_plain(p, end, true);
		} else if (c < 0x80) {
			p++;
		} else {
			n = utf8_bytes(p, end);
			if (n == 0)
				return NULL;
			p += n;
			if (p < end && (unsigned char)*p < 0x80)
				p = ccp_json_skip_plain(p, end, true);
		}
	}
	return NULL;
}

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static const char *
check_number(const char *p, const char *end)
{
	const char *start;

	if (p < end && *p == '-')
		p++;
	start = p;
	p = skip_digits(p, end);
	if (p == start || (*start == '0' && p - start > 1))
		return NULL;
	if (p < end && *p == '.') {
		start = ++p;
		p = skip_digits(p, end);
		if (p == start)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		start = p;
		p = skip_digits(p, end);
		if (p == start)
			return NULL;
	}
	return p;
}

static const char *
check_word(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* A value that is no container. */
static const char *
check_scalar(const char *p, const char *end)
{
	switch (*p) {
	case '"':
		return check_string(p, end);
	case 't':
		return check_word(p, end, "true");
	case 'f':
		return check_word(p, end, "false");
	case 'n':
		return check_word(p, end, "null");
	default:
		return check_number(p, end);
	}
}

/* A key with its colon and the space around. */
static const char *
check_key(const char *p, const char *end)
{
	if (p == end || *p != '"')
		return NULL;
	p = check_string(p, end);
	if (!p)
		return NULL;
	p = skip_space(p, end);
	return p < end && *p == ':' ? skip_space(p + 1, end) : NULL;
}

/* What is shorter is walked as fast as it is looked up. */
#define SMALL_BYTES 64

#define NO_ENTRY UINT32_MAX

/* Where the check stands: what is open, and the index that it fills on the way (or NULL). */
struct scan {
	const char *start;
	const char *end;
	struct ccp_json_index *index;
	size_t depth;
	char closers[CCP_JSON_DEPTH_MAX];
	uint32_t entries[CCP_JSON_DEPTH_MAX];
};

static uint32_t
note_open(struct scan *scan, const char *p)
{
	struct ccp_json_index *index = scan->index;
	struct ccp_json_extent *grown;
	size_t cap;

	if (!index || index->full || p - scan->start > INT32_MAX)
		return NO_ENTRY;
	if (index->count == index->cap) {
		cap = index->cap ? index->cap * 2 : 256;
		grown = cap > CCP_JSON_INDEX_MAX_COUNT
		                ? NULL
		                : realloc(index->items, cap * sizeof(*grown));
		if (!grown) {
			index->full = true; /* the rest is walked without */
			return NO_ENTRY;
		}
		index->items = grown;
		index->cap = cap;
	}
	index->items[index->count].start = (uint32_t)(p - scan->start);
	index->items[index->count].end = 0;
	return (uint32_t)index->count++;
}

/* p: behind the closing bracket of the innermost container. */
static void
note_close(struct scan *scan, const char *p)
{
	uint32_t entry = scan->entries[scan->depth];
	struct ccp_json_index *index = scan->index;
	struct ccp_json_extent *c;
	size_t end = (size_t)(p - scan->start);

	if (!index || entry == NO_ENTRY)
		return;
	c = &index->items[entry];
	if (end - c->start < SMALL_BYTES) {
		index->count = entry; /* and what is in it is smaller still */
		return;
	}
	c->end = end > INT32_MAX ? 0 : (uint32_t)end;
	c->next = (uint32_t)index->count;
}

/* A long string that is a value: its end is worth noting, too. */
static void
note_string(struct scan *scan, const char *p, const char *end)
{
	uint32_t entry;

	if (end - p < SMALL_BYTES || *p != '"')
		return;
	entry = note_open(scan, p);
	if (entry == NO_ENTRY)
		return;
	scan->index->items[entry].end = (uint32_t)(end - scan->start);
	scan->index->items[entry].next = (uint32_t)scan->index->count;
}

static void
open_container(struct scan *scan, const char *p)
{
	scan->entries[scan->depth] = note_open(scan, p);
	scan->closers[scan->depth++] = *p == '{' ? '}' : ']';
}

/*
 * After a value: closes what ends here. Returns where the next value starts
 * (behind its key), end when the text is over, or NULL.
 */
static const char *
check_after(const char *p, struct scan *scan)
{
	const char *end = scan->end;

	for (;;) {
		p = skip_space(p, end);
		if (scan->depth == 0)
			return p == end ? end : NULL;
		if (p == end)
			return NULL;
		if (*p == ',') {
			p = skip_space(p + 1, end);
			if (scan->closers[scan->depth - 1] == '}')
				p = check_key(p, end);
			/* a comma with nothing behind it must not pass for the end */
			return p == end ? NULL : p;
		}
		if (*p != scan->closers[scan->depth - 1])
			return NULL;
		scan->depth--;
		p++;
		note_close(scan, p);
	}
}

bool
ccp_json_valid_index(struct ccp_span text, struct ccp_json_index *index)
{
	struct scan scan = { .start = text.p, .end = text.p, .index = index };
	const char *p, *end;

	if (text.len == 0)
		return false;
	scan.end = end = text.p + text.len;
	p = skip_space(text.p, end);
	if (p == end)
		return false;
	for (;;) {
		if (*p == '{' || *p == '[') {
			if (scan.depth == CCP_JSON_DEPTH_MAX)
				return false;
			open_container(&scan, p);
			p = skip_space(p + 1, end);
			if (p < end && *p != scan.closers[scan.depth - 1]) {
				if (scan.closers[scan.depth - 1] == '}')
					p = check_key(p, end);
				if (!p || p == end)
					return false;
				continue;
			}
		} else {
			const char *start = p;

			p = check_scalar(p, end);
			if (!p)
				return false;
			note_string(&scan, start, p);
		}
		p = check_after(p, &scan);
		if (!p)
			return false;
		if (p == end)
			return true;
	}
}

bool
ccp_json_valid(struct ccp_span text)
{
	return ccp_json_valid_index(text, NULL);
}

void
ccp_json_index_clear(struct ccp_json_index *index)
{
	free(index->items);
	*index = (struct ccp_json_index){ 0 };
}
