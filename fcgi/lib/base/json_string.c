#include "base/json.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* \u0041 is the longest way to write one byte. */
#define ESCAPED_MAX_BYTES 6

static unsigned
hex_value(const char *p)
{
	unsigned value = 0, i;

	for (i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value & 0xffff;
}

static size_t
put_utf8(unsigned c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c >= 0xd800 && c <= 0xdfff) {
		memcpy(out, REPLACEMENT, 3);
		return 3;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The \uXXXX at *p, with the second half of a pair when that follows. */
static size_t
decode_u(const char **p, const char *end, char out[4])
{
	unsigned c = hex_value(*p + 2), low;

	*p += 6;
	if (c >= 0xd800 && c < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		low = hex_value(*p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			*p += 6;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return put_utf8(c, out);
}

/* Decodes the byte or escape at *p and goes behind it; returns the bytes it means. */
static size_t
decode(const char **p, const char *end, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *known;

	if (**p != '\\' || end - *p < 2) {
		out[0] = *(*p)++;
		return 1;
	}
	if ((*p)[1] == 'u' && end - *p >= 6)
		return decode_u(p, end, out);
	known = memchr(from, (*p)[1], sizeof(from) - 1);
	out[0] = known ? to[known - from] : (*p)[1];
	*p += 2;
	return 1;
}

/* What is between the quotes; p is NULL when string is no string. */
static struct ccp_span
inside(struct ccp_span string)
{
	if (string.len < 2 || string.p[0] != '"')
		return (struct ccp_span){ NULL, 0 };
	return (struct ccp_span){ string.p + 1, string.len - 2 };
}

static bool
has_escape(struct ccp_span text)
{
	return text.len > 0 && memchr(text.p, '\\', text.len);
}

/* Compares with text, to the end of both or of text only. */
static bool
matches(struct ccp_span string, const char *text, bool to_the_end)
{
	struct ccp_span raw = inside(string);
	size_t left, n;
	const char *p = raw.p, *end;
	char bytes[4];

	if (!raw.p)
		return false;
	/* most comparisons end here */
	if (raw.len > 0 && raw.p[0] != text[0] && raw.p[0] != '\\' && text[0])
		return false;
	left = strlen(text);
	if (to_the_end && (raw.len < left || raw.len > left * ESCAPED_MAX_BYTES))
		return false;
	if (to_the_end && !has_escape(raw))
		return ccp_span_is(raw, text);
	end = raw.p + raw.len;
	while (p < end && left > 0) {
		n = decode(&p, end, bytes);
		if (n > left || memcmp(bytes, text, n) != 0)
			return false;
		text += n;
		left -= n;
	}
	return left == 0 && (!to_the_end || p == end);
}

bool
ccp_json_string_is(struct ccp_span string, const char *text)
{
	return matches(string, text, true);
}

bool
ccp_json_string_starts(struct ccp_span string, const char *prefix)
{
	return matches(string, prefix, false);
}

/* Bytes at p before the next escape, max at most. */
static size_t
bytes_before_escape(const char *p, const char *end, size_t max)
{
	size_t n = (size_t)(end - p) < max ? (size_t)(end - p) : max;
	const char *escape = memchr(p, '\\', n);

	return escape ? (size_t)(escape - p) : n;
}

struct ccp_span
ccp_json_string_head(struct ccp_span string, char *buf, size_t size)
{
	struct ccp_span raw = inside(string);
	const char *p = raw.p, *end;
	char bytes[4];
	size_t used = 0, n;

	if (!raw.p)
		return (struct ccp_span){ "", 0 };
	if (raw.len > size && !memchr(raw.p, '\\', size))
		return (struct ccp_span){ raw.p, size };
	if (raw.len <= size && !has_escape(raw))
		return raw;
	for (end = p + raw.len; p < end; used += n) {
		n = bytes_before_escape(p, end, size - used);
		memcpy(buf + used, p, n);
		p += n;
		used += n;
		if (p == end || used == size)
			break;
		n = decode(&p, end, bytes);
		if (n > size - used)
			break;
		memcpy(buf + used, bytes, n);
	}
	return (struct ccp_span){ buf, used };
}

size_t
ccp_json_string_bytes(struct ccp_span string)
{
	struct ccp_span raw = inside(string);
	const char *p = raw.p, *end;
	char bytes[4];
	size_t total = 0;

	if (!raw.p || !has_escape(raw))
		return raw.len;
	for (end = p + raw.len; p < end;)
		total += decode(&p, end, bytes);
	return total;
}

bool
ccp_json_string_text(struct ccp_span string, char *out, size_t out_size)
{
	struct ccp_span raw = inside(string);
	const char *p = raw.p, *end;
	char bytes[4];
	size_t used = 0, n;

	if (out_size == 0)
		return false;
	out[0] = '\0';
	if (!raw.p)
		return false;
	for (end = p + raw.len; p < end;) {
		n = decode(&p, end, bytes);
		if (n >= out_size - used || bytes[0] == '\0') {
			out[0] = '\0';
			return false;
		}
		memcpy(out + used, bytes, n);
		used += n;
	}
	out[used] = '\0';
	return true;
}

/* Bytes at p that can stand in a string as they are. */
static size_t
plain_bytes(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
	       *p != '\\')
		p++;
	return (size_t)(p - start);
}

/* The byte at p, which is not plain; returns how many bytes were taken. */
static size_t
add_special(struct ccp_buf *out, const char *p, const char *end)
{
	static const char from[] = "\b\f\n\r\t\"\\", to[] = "bfnrt\"\\";
	const char *known = memchr(from, *p, sizeof(from) - 1);
	char quoted[8] = "\"";
	size_t n;

	if (known) {
		ccp_buf_addf(out, "\\%c", to[known - from]);
		return 1;
	}
	if ((unsigned char)*p < 0x20) {
		ccp_buf_addf(out, "\\u%04x", (unsigned)(unsigned char)*p);
		return 1;
	}
	/* the longest valid character at p, judged as a JSON string of its own */
	for (n = 2; n <= 4 && n <= (size_t)(end - p); n++) {
		memcpy(quoted + 1, p, n);
		quoted[n + 1] = '"';
		if (ccp_json_valid((struct ccp_span){ quoted, n + 2 })) {
			ccp_buf_add(out, p, n);
			return n;
		}
	}
	ccp_buf_puts(out, REPLACEMENT);
	return 1;
}

void
ccp_json_add_string(struct ccp_buf *out, const char *text, size_t len)
{
	const char *end = text + len;

	ccp_buf_puts(out, "\"");
	while (text < end) {
		size_t n = plain_bytes(text, end);

		ccp_buf_add(out, text, n);
		text += n;
		if (text < end)
			text += add_special(out, text, end);
	}
	ccp_buf_puts(out, "\"");
}
