#ifndef CCP_CSV_H
#define CCP_CSV_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads the operator's tables: comma separated values with a line of column
 * names, strictly as RFC 4180 (October 2005) has them, plus what people need in
 * a file they edit: lines that start with # are comments, empty lines are
 * skipped, LF alone ends a record, a byte order mark at the start is ignored.
 * Fields are UTF-8 text without NUL.
 */

/* The tables that ship are 15 KB; a file of a MiB is not one of them. */
#define CCP_CSV_FILE_MAX_BYTES (1024 * 1024)

/* The widest table that ships has 17. */
#define CCP_CSV_COLUMNS_MAX 48

struct ccp_csv {
	char *name;          /* of the file, for messages; owned */
	struct ccp_buf text; /* the whole file */
	size_t at;           /* offset of the next record */
	size_t line;         /* line of the record last read, from 1 */
	size_t next_line;
	struct ccp_buf header;               /* the column names, each with a NUL */
	struct ccp_buf record;               /* the fields, each with a NUL */
	size_t columns[CCP_CSV_COLUMNS_MAX]; /* offsets into header */
	size_t fields[CCP_CSV_COLUMNS_MAX];  /* offsets into record */
	size_t column_count;
	size_t field_count;
};

/*
 * Reads the file at path and its line of column names. Blocks for the read.
 * On failure err names the file, the line and the reason. In either case
 * ccp_csv_close() is due.
 */
enum ccp_err ccp_csv_open(struct ccp_csv *csv, const char *path,
                          struct ccp_error *err) CCP_MUST_CHECK;

/* The same for text in memory (copied); name stands for the file in messages. */
enum ccp_err ccp_csv_open_text(struct ccp_csv *csv, const char *name, struct ccp_span text,
                               struct ccp_error *err) CCP_MUST_CHECK;

void ccp_csv_close(struct ccp_csv *csv);

/*
 * Goes to the next record; *more is false at the end of the file.
 * CCP_ERR_SETTING when the text is not CSV or the record has another number of
 * fields than there are columns.
 */
enum ccp_err ccp_csv_next(struct ccp_csv *csv, bool *more, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Field of the current record under the column of that name. Borrowed until
 * the next ccp_csv_next(). NULL when the table has no such column.
 */
const char *ccp_csv_field(const struct ccp_csv *csv, const char *column);

/* Fails unless the table has all columns (NULL ends the list); names the first that is missing. */
enum ccp_err ccp_csv_require(const struct ccp_csv *csv, const char *const *columns,
                             struct ccp_error *err) CCP_MUST_CHECK;

/* CCP_ERR_SETTING with "FILE line N: " before the sentence, for the caller's own checks. */
enum ccp_err ccp_csv_fail(const struct ccp_csv *csv, struct ccp_error *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
