#include "base/csv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ccp_err
ccp_csv_fail(const struct ccp_csv *csv, struct ccp_error *err, const char *fmt, ...)
{
	char reason[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	return ccp_fail(err, CCP_ERR_SETTING, "%s line %zu: %s", csv->name ? csv->name : "CSV",
	                csv->line, reason);
}

/* Over comment and empty lines; false at the end of the text. */
static bool
skip_to_record(struct ccp_csv *csv)
{
	const char *text = ccp_buf_text(&csv->text);

	for (;;) {
		const char *eol;

		if (csv->at >= csv->text.len)
			return false;
		if (text[csv->at] != '#' && text[csv->at] != '\n' &&
		    !(text[csv->at] == '\r' && text[csv->at + 1] == '\n'))
			return true;
		eol = memchr(text + csv->at, '\n', csv->text.len - csv->at);
		csv->at = eol ? (size_t)(eol - text) + 1 : csv->text.len;
		csv->next_line++;
	}
}

/* A field in quotes, the first of them at csv->at: its text without them into csv->record. */
static enum ccp_err
read_quoted(struct ccp_csv *csv, struct ccp_error *err)
{
	const char *text = ccp_buf_text(&csv->text);

	for (csv->at++; csv->at < csv->text.len; csv->at++) {
		if (text[csv->at] == '"') {
			csv->at++;
			if (csv->at >= csv->text.len || text[csv->at] != '"')
				return CCP_OK;
		} else if (text[csv->at] == '\n') {
			csv->next_line++;
		}
		ccp_buf_add(&csv->record, text + csv->at, 1);
	}
	return ccp_csv_fail(csv, err, "a quoted field does not end");
}

static enum ccp_err
read_plain(struct ccp_csv *csv, struct ccp_error *err)
{
	const char *text = ccp_buf_text(&csv->text);
	size_t n = strcspn(text + csv->at, ",\r\n\"");

	ccp_buf_add(&csv->record, text + csv->at, n);
	csv->at += n;
	if (text[csv->at] == '"')
		return ccp_csv_fail(csv, err, "a quote inside a field that is not quoted");
	return CCP_OK;
}

/* One field and what ends it; *last is true when that is the end of the record. */
static enum ccp_err
read_field(struct ccp_csv *csv, bool *last, struct ccp_error *err)
{
	const char *text = ccp_buf_text(&csv->text);
	enum ccp_err rc;

	*last = true;
	if (csv->field_count == CCP_CSV_COLUMNS_MAX)
		return ccp_csv_fail(csv, err, "more than %d fields", CCP_CSV_COLUMNS_MAX);
	csv->fields[csv->field_count++] = csv->record.len;
	rc = text[csv->at] == '"' ? read_quoted(csv, err) : read_plain(csv, err);
	if (rc)
		return rc;
	ccp_buf_add(&csv->record, "", 1);
	if (csv->at >= csv->text.len)
		return CCP_OK;
	if (text[csv->at] == ',') {
		csv->at++;
		*last = false;
		return CCP_OK;
	}
	if (text[csv->at] == '\r' && text[csv->at + 1] == '\n')
		csv->at++;
	if (text[csv->at] != '\n')
		return ccp_csv_fail(csv, err, "text after a closing quote, or a stray CR");
	csv->at++;
	csv->next_line++;
	return CCP_OK;
}

static enum ccp_err
read_record(struct ccp_csv *csv, bool *more, struct ccp_error *err)
{
	bool last = false;
	enum ccp_err rc;

	*more = skip_to_record(csv);
	csv->line = csv->next_line;
	csv->field_count = 0;
	csv->record.len = 0;
	while (*more && !last) {
		rc = read_field(csv, &last, err);
		if (rc)
			return rc;
	}
	if (!ccp_buf_ok(&csv->record))
		return ccp_fail(err, CCP_ERR_NOMEM, "%s: no memory", csv->name);
	return CCP_OK;
}

/* The record just read becomes the line of column names. */
static enum ccp_err
keep_header(struct ccp_csv *csv, struct ccp_error *err)
{
	size_t i, j;

	ccp_buf_add(&csv->header, csv->record.data, csv->record.len);
	if (!ccp_buf_ok(&csv->header))
		return ccp_fail(err, CCP_ERR_NOMEM, "%s: no memory", csv->name);
	memcpy(csv->columns, csv->fields, sizeof(csv->columns));
	csv->column_count = csv->field_count;
	for (i = 0; i < csv->column_count; i++) {
		const char *column = csv->header.data + csv->columns[i];

		for (j = 0; j < i; j++)
			if (strcmp(column, csv->header.data + csv->columns[j]) == 0)
				return ccp_csv_fail(csv, err, "two columns named \"%s\"", column);
	}
	return CCP_OK;
}

static enum ccp_err
start(struct ccp_csv *csv, struct ccp_error *err)
{
	bool more;
	enum ccp_err rc;

	csv->next_line = 1;
	csv->line = 1;
	if (csv->text.len > 0 && memchr(csv->text.data, '\0', csv->text.len))
		return ccp_csv_fail(csv, err, "a NUL byte: not a text file");
	if (csv->text.len >= 3 && memcmp(csv->text.data, "\xef\xbb\xbf", 3) == 0)
		csv->at = 3;
	rc = read_record(csv, &more, err);
	if (rc)
		return rc;
	if (!more)
		return ccp_csv_fail(csv, err, "no line of column names");
	return keep_header(csv, err);
}

static enum ccp_err
prepare(struct ccp_csv *csv, const char *name, struct ccp_error *err)
{
	*csv = (struct ccp_csv){
		.name = strdup(name),
		.text = CCP_BUF_INIT(CCP_CSV_FILE_MAX_BYTES),
		/* every field has its NUL, at most one more byte than the comma or line end had */
		.header = CCP_BUF_INIT(CCP_CSV_FILE_MAX_BYTES + 1),
		.record = CCP_BUF_INIT(CCP_CSV_FILE_MAX_BYTES + 1),
	};
	if (!csv->name)
		return ccp_fail(err, CCP_ERR_NOMEM, "%s: no memory", name);
	return CCP_OK;
}

enum ccp_err
ccp_csv_open_text(struct ccp_csv *csv, const char *name, struct ccp_span text,
                  struct ccp_error *err)
{
	enum ccp_err rc = prepare(csv, name, err);

	if (rc)
		return rc;
	ccp_buf_add(&csv->text, text.p, text.len);
	if (!ccp_buf_ok(&csv->text))
		return ccp_fail(err, CCP_ERR_LIMIT, "%s: over %d bytes", name,
		                CCP_CSV_FILE_MAX_BYTES);
	return start(csv, err);
}

enum ccp_err
ccp_csv_open(struct ccp_csv *csv, const char *path, struct ccp_error *err)
{
	char chunk[4096];
	FILE *file = NULL;
	size_t n;
	enum ccp_err rc = prepare(csv, path, err);

	if (rc)
		goto out;
	file = fopen(path, "rbe");
	if (!file) {
		rc = ccp_fail(err, errno == ENOENT ? CCP_ERR_NOT_FOUND : CCP_ERR_SYSTEM, "%s: %s",
		              path, strerror(errno));
		goto out;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		ccp_buf_add(&csv->text, chunk, n);
	if (ferror(file)) {
		rc = ccp_fail(err, CCP_ERR_SYSTEM, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (!ccp_buf_ok(&csv->text)) {
		rc = ccp_fail(err, CCP_ERR_LIMIT, "%s: over %d bytes", path,
		              CCP_CSV_FILE_MAX_BYTES);
		goto out;
	}
	rc = start(csv, err);

out:
	if (file)
		fclose(file);
	return rc;
}

void
ccp_csv_close(struct ccp_csv *csv)
{
	ccp_buf_clear(&csv->text);
	ccp_buf_clear(&csv->header);
	ccp_buf_clear(&csv->record);
	free(csv->name);
	*csv = (struct ccp_csv){ 0 };
}

enum ccp_err
ccp_csv_next(struct ccp_csv *csv, bool *more, struct ccp_error *err)
{
	enum ccp_err rc = read_record(csv, more, err);

	if (rc)
		return rc;
	if (*more && csv->field_count != csv->column_count)
		return ccp_csv_fail(csv, err, "%zu fields instead of %zu", csv->field_count,
		                    csv->column_count);
	return CCP_OK;
}

const char *
ccp_csv_field(const struct ccp_csv *csv, const char *column)
{
	size_t i;

	for (i = 0; i < csv->column_count; i++)
		if (strcmp(csv->header.data + csv->columns[i], column) == 0)
			return i < csv->field_count ? csv->record.data + csv->fields[i] : NULL;
	return NULL;
}

enum ccp_err
ccp_csv_require(const struct ccp_csv *csv, const char *const *columns, struct ccp_error *err)
{
	size_t i, j;

	for (i = 0; columns[i]; i++) {
		for (j = 0; j < csv->column_count; j++)
			if (strcmp(csv->header.data + csv->columns[j], columns[i]) == 0)
				break;
		if (j == csv->column_count)
			return ccp_csv_fail(csv, err, "no column \"%s\"", columns[i]);
	}
	return CCP_OK;
}
