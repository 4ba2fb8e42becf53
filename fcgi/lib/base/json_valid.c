#include "base/json.h"

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

/*
 * Over the bytes of a string that need no look, eight at a time: in a word
 * without a high bit below, none is a control character, a quote, a backslash
 * or above 0x7f. (A borrow can only come from a byte that shows itself.)
 */
static const char *
skip_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
	uint64_t word;

	for (; end - p >= 8; p += 8) {
		memcpy(&word, p, sizeof(word));
		if ((word | (word - ones * 0x20) | ((word ^ ones * '"') - ones) |
		     ((word ^ ones * '\\') - ones)) &
		    high)
			break;
	}
	return p;
}

/* The check_ functions return the byte after the thing at p, or NULL when it is not grammatical. */
static const char *
check_string(const char *p, const char *end)
{
	for (p = skip_plain(p + 1, end); p < end;) {
		unsigned char c = (unsigned char)*p;
		size_t n;

		if (c == '"')
			return p + 1;
		if (c < 0x20)
			return NULL;
		if (c == '\\') {
			if (end - p < 2 || !memchr("\"\\/bfnrtu", p[1], 9))
				return NULL;
			if (p[1] == 'u') {
				if (hex4(p + 2, end) < 0)
					return NULL;
				p += 4;
			}
			p = skip_plain(p + 2, end);
		} else if (c < 0x80) {
			p++;
		} else {
			n = utf8_bytes(p, end);
			if (n == 0)
				return NULL;
			p += n;
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

/*
 * After a value: closes what ends here. Returns where the next value starts
 * (behind its key), end when the text is over, or NULL.
 */
static const char *
check_after(const char *p, const char *end, const char *closers, size_t *depth)
{
	for (;;) {
		p = skip_space(p, end);
		if (*depth == 0)
			return p == end ? end : NULL;
		if (p == end)
			return NULL;
		if (*p == ',') {
			p = skip_space(p + 1, end);
			if (closers[*depth - 1] == '}')
				p = check_key(p, end);
			/* a comma with nothing behind it must not pass for the end */
			return p == end ? NULL : p;
		}
		if (*p != closers[*depth - 1])
			return NULL;
		--*depth;
		p++;
	}
}

bool
ccp_json_valid(struct ccp_span text)
{
	char closers[CCP_JSON_DEPTH_MAX];
	const char *p, *end;
	size_t depth = 0;

	if (text.len == 0)
		return false;
	end = text.p + text.len;
	p = skip_space(text.p, end);
	if (p == end)
		return false;
	for (;;) {
		if (*p == '{' || *p == '[') {
			char closer = *p == '{' ? '}' : ']';

			if (depth == CCP_JSON_DEPTH_MAX)
				return false;
			closers[depth++] = closer;
			p = skip_space(p + 1, end);
			if (p < end && *p != closer) {
				if (closer == '}')
					p = check_key(p, end);
				if (!p || p == end)
					return false;
				continue;
			}
		} else {
			p = check_scalar(p, end);
			if (!p)
				return false;
		}
		p = check_after(p, end, closers, &depth);
		if (!p)
			return false;
		if (p == end)
			return true;
	}
}
