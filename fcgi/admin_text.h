#ifndef CCP_ADMIN_TEXT_H
#define CCP_ADMIN_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the admin command prints: text that is safe on a terminal, times, and tables. */

/* 100,000 users with two models each, and 200 bytes a line. */
#define CCP_TABLE_MAX_BYTES (64 * 1024 * 1024)
#define CCP_TABLE_COLUMNS_MAX 12

/*
 * Appends text that came from outside: control characters, marks that change
 * the direction of writing, and bytes that are not UTF-8 are escaped (\x1b,
 * \u202e), so that no name can steer the terminal or pose as another.
 */
void ccp_text_add(struct ccp_buf *out, const char *text, size_t len);

/* A count with a comma every three digits: 1,234,567. */
void ccp_text_count(struct ccp_buf *out, int64_t count);

/* Local time with its zone, to the minute: "2026-11-22 18:05 KST". */
void ccp_text_time(struct ccp_buf *out, int64_t at_s);

/* A length of time in its two largest units: "2 h 13 min", "3 d 4 h", "45 s". */
void ccp_text_span(struct ccp_buf *out, int64_t seconds);

/*
 * Rows of cells, printed when all are there and widths are known. align has one
 * character a column: 'l' or 'r'. Like ccp_buf it is spoiled by the first
 * failure and checked when it is printed.
 */
struct ccp_table {
	const char *align;
	size_t width[CCP_TABLE_COLUMNS_MAX]; /* on the terminal */
	size_t at;                           /* column of the next cell */
	struct ccp_buf cells;                /* each ends with a NUL */
};

/* clang-format off */
#define CCP_TABLE_INIT(columns) { .align = (columns), .cells = CCP_BUF_INIT(CCP_TABLE_MAX_BYTES) }
/* clang-format on */

/* The next cell; its text is from outside. */
void ccp_table_cell(struct ccp_table *t, const char *text, size_t len);
void ccp_table_text(struct ccp_table *t, const char *text);
void ccp_table_count(struct ccp_table *t, int64_t count);

/* On standard output. False: there was no memory for all of it, and nothing was printed. */
bool ccp_table_print(const struct ccp_table *t);
void ccp_table_clear(struct ccp_table *t);

#endif
