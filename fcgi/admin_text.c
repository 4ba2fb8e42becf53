#include "admin_text.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define GAP "  "

/* A code point that a terminal obeys, or that hides what stands beside it. */
static bool
is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0xad ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe0000 && c <= 0xe0fff);
}

void
ccp_text_add(struct ccp_buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t c = (unsigned char)text[i];
		size_t n = ccp_utf8_char(text + i, len - i, &c);

		if (n == 0)
			ccp_buf_addf(out, "\\x%02x", (unsigned char)text[i]);
		else if (is_unsafe(c))
			ccp_buf_addf(out, n == 1 ? "\\x%02x" : "\\u%04x", (unsigned)c);
		else
			ccp_buf_add(out, text + i, n);
		i += n ? n : 1;
	}
}

void
ccp_text_count(struct ccp_buf *out, int64_t count)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%lld", (long long)count);
	int first = count < 0 ? 1 : 0;

	for (int i = 0; i < n; i++) {
		if (i > first && (n - i) % 3 == 0)
			ccp_buf_puts(out, ",");
		ccp_buf_add(out, digits + i, 1);
	}
}

void
ccp_text_time(struct ccp_buf *out, int64_t at_s)
{
	char text[64];
	time_t at = (time_t)at_s;
	struct tm tm;

	if (localtime_r(&at, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M %Z", &tm) > 0)
		ccp_buf_puts(out, text);
	else
		ccp_buf_addf(out, "%lld", (long long)at_s);
}

void
ccp_text_span(struct ccp_buf *out, int64_t seconds)
{
	long long s = seconds > 0 ? seconds : 0;

	if (s < 60)
		ccp_buf_addf(out, "%lld s", s);
	else if (s < 3600)
		ccp_buf_addf(out, "%lld min", s / 60);
	else if (s < 86400)
		ccp_buf_addf(out, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		ccp_buf_addf(out, "%lld d %lld h", s / 86400, s % 86400 / 3600);
}

/* Columns that a text of ours takes: Korean characters take two. */
static size_t
width_of(const char *text)
{
	size_t len = strlen(text), width = 0;

	while (len > 0) {
		uint32_t c = 0;
		size_t n = ccp_utf8_char(text, len, &c);
		int columns = n > 1 ? wcwidth((wchar_t)c) : 1;

		n = n ? n : 1;
		/* -1: a character that this C library does not know */
		width += columns >= 0 ? (size_t)columns : 1;
		text += n;
		len -= n;
	}
	return width;
}

void
ccp_table_cell(struct ccp_table *t, const char *text, size_t len)
{
	size_t start = t->cells.len, width;

	ccp_text_add(&t->cells, text, len);
	ccp_buf_add(&t->cells, "", 1);
	if (!ccp_buf_ok(&t->cells))
		return;
	width = width_of(t->cells.data + start);
	if (width > t->width[t->at])
		t->width[t->at] = width;
	t->at++;
	if (!t->align[t->at])
		t->at = 0;
}

void
ccp_table_text(struct ccp_table *t, const char *text)
{
	ccp_table_cell(t, text, strlen(text));
}

void
ccp_table_count(struct ccp_table *t, int64_t count)
{
	struct ccp_buf text = CCP_BUF_INIT(64);

	ccp_text_count(&text, count);
	ccp_table_cell(t, ccp_buf_text(&text), text.len);
	ccp_buf_clear(&text);
}

bool
ccp_table_print(const struct ccp_table *t)
{
	const char *cell = ccp_buf_text(&t->cells);
	const char *end = cell + t->cells.len;
	size_t column = 0;

	if (!ccp_buf_ok(&t->cells))
		return false;
	while (cell < end) {
		bool last = !t->align[column + 1];
		int pad = (int)(t->width[column] - width_of(cell));

		if (t->align[column] == 'r')
			printf("%*s%s", pad, "", cell);
		else
			printf("%s%*s", cell, last ? 0 : pad, "");
		fputs(last ? "\n" : GAP, stdout);
		column = last ? 0 : column + 1;
		cell += strlen(cell) + 1;
	}
	return true;
}

void
ccp_table_clear(struct ccp_table *t)
{
	ccp_buf_clear(&t->cells);
}
