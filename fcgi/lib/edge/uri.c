#include "edge/uri.h"

#include <string.h>

static struct ccp_span
after(struct ccp_span s, size_t n)
{
	return (struct ccp_span){ s.p + n, s.len - n };
}

bool
ccp_uri_has_bad_byte(struct ccp_span s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] <= 0x20 || s.p[i] == 0x7f || s.p[i] == '#')
			return true;
	return false;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes the byte at the front of s and cuts it off; -1 for a broken escape. s is not empty. */
static int
take_byte(struct ccp_span *s)
{
	int high, low, byte = (unsigned char)s->p[0];
	size_t n = 1;

	if (byte == '%') {
		high = s->len >= 3 ? hex_digit(s->p[1]) : -1;
		low = s->len >= 3 ? hex_digit(s->p[2]) : -1;
		if (high < 0 || low < 0)
			return -1;
		byte = high * 16 + low;
		n = 3;
	}
	*s = after(*s, n);
	return byte;
}

bool
ccp_uri_decode(struct ccp_span s, char *out, size_t out_size)
{
	size_t n = 0;
	int byte;

	while (s.len) {
		byte = take_byte(&s);
		if (byte <= 0 || n + 1 >= out_size) {
			out[0] = '\0';
			return false;
		}
		out[n++] = (char)byte;
	}
	out[n] = '\0';
	return true;
}

struct ccp_span
ccp_uri_take(struct ccp_span *s, char separator)
{
	const char *end = memchr(s->p, separator, s->len);
	struct ccp_span piece = { s->p, end ? (size_t)(end - s->p) : s->len };

	*s = after(*s, end ? piece.len + 1 : piece.len);
	return piece;
}

bool
ccp_uri_is_dots(const char *p, size_t len)
{
	return (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.');
}

bool
ccp_uri_has_dot_segment(struct ccp_span path)
{
	struct ccp_span piece;

	while (path.len) {
		piece = ccp_uri_take(&path, '/');
		if (ccp_uri_is_dots(piece.p, piece.len))
			return true;
	}
	return false;
}

static bool
is_disguised(struct ccp_span segment)
{
	char head[3]; /* enough to tell "." and ".." from all else */
	size_t n = 0;
	int byte;

	while (segment.len) {
		byte = take_byte(&segment);
		if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
			return true;
		if (n < sizeof(head))
			head[n++] = (char)byte;
	}
	return ccp_uri_is_dots(head, n);
}

bool
ccp_uri_has_disguised_segment(struct ccp_span path)
{
	while (path.len)
		if (is_disguised(ccp_uri_take(&path, '/')))
			return true;
	return false;
}

struct ccp_span
ccp_uri_parameter(struct ccp_span query, const char *name)
{
	struct ccp_span value, piece;

	while (query.len) {
		value = ccp_uri_take(&query, '&');
		piece = ccp_uri_take(&value, '=');
		if (ccp_span_is(piece, name))
			return value;
	}
	return (struct ccp_span){ NULL, 0 };
}
