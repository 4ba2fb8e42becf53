#include "unit.h"

#include "base/csv.h"

#include <string.h>

static struct ccp_span
span(const char *text)
{
	return (struct ccp_span){ text, strlen(text) };
}

static void
test_fields(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf# a comment, with \"quotes\n\r\nname,\"the \"\"note\"\"\"\r\n"
		"a,1\n# between\n\n\"b,c\",\"two\nlines\"\r\n,\n\"#\",\"\"";
	struct ccp_csv csv;
	struct ccp_error err;
	bool more;

	(void)state;
	assert_int_equal(ccp_csv_open_text(&csv, "t", span(text), &err), CCP_OK);
	assert_int_equal(csv.column_count, 2);
	assert_int_equal(ccp_csv_next(&csv, &more, &err), CCP_OK);
	assert_true(more);
	assert_int_equal(csv.line, 4);
	assert_string_equal(ccp_csv_field(&csv, "name"), "a");
	assert_string_equal(ccp_csv_field(&csv, "the \"note\""), "1");
	assert_null(ccp_csv_field(&csv, "none"));
	assert_int_equal(ccp_csv_next(&csv, &more, &err), CCP_OK);
	assert_int_equal(csv.line, 7);
	assert_string_equal(ccp_csv_field(&csv, "name"), "b,c");
	assert_string_equal(ccp_csv_field(&csv, "the \"note\""), "two\nlines");
	assert_int_equal(ccp_csv_next(&csv, &more, &err), CCP_OK);
	assert_int_equal(csv.line, 9);
	assert_string_equal(ccp_csv_field(&csv, "name"), "");
	assert_int_equal(ccp_csv_next(&csv, &more, &err), CCP_OK);
	assert_string_equal(ccp_csv_field(&csv, "name"), "#");
	assert_int_equal(ccp_csv_next(&csv, &more, &err), CCP_OK);
	assert_false(more);
	ccp_csv_close(&csv);
}

/* Reads all of text; the sentence must hold want. */
static void
check_refused(struct ccp_span text, const char *want)
{
	struct ccp_csv csv;
	struct ccp_error err = { 0 };
	bool more = true;
	enum ccp_err rc = ccp_csv_open_text(&csv, "file.csv", text, &err);

	while (!rc && more)
		rc = ccp_csv_next(&csv, &more, &err);
	assert_int_not_equal(rc, CCP_OK);
	if (!strstr(err.text, want))
		fail_msg("\"%s\" does not say \"%s\"", err.text, want);
	ccp_csv_close(&csv);
}

static void
test_refused(void **state)
{
	(void)state;
	check_refused(span(""), "no line of column names");
	check_refused(span("# only\n\n"), "no line of column names");
	check_refused(span("a,b\n1,2\n1\n"), "file.csv line 3: 1 fields instead of 2");
	check_refused(span("a,b\n1,2,3\n"), "line 2: 3 fields instead of 2");
	check_refused(span("a\n\"x\n"), "line 2: a quoted field does not end");
	check_refused(span("a\nx\"y\n"), "line 2: a quote inside");
	check_refused(span("a\n\"x\"y\n"), "line 2: text after a closing quote");
	check_refused(span("a\nx\ry\n"), "stray CR");
	check_refused(span("a,a\n"), "two columns");
	check_refused(CCP_SPAN("a\n\0\n"), "NUL");
	check_refused(span(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,"), "more than");
}

static void
test_files(void **state)
{
	static const char *const columns[] = { "a", "c", NULL };
	struct ccp_csv csv;
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_csv_open(&csv, "/nonexistent/x.csv", &err), CCP_ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nonexistent/x.csv"));
	ccp_csv_close(&csv);
	assert_int_equal(ccp_csv_open(&csv, "/", &err), CCP_ERR_SYSTEM);
	ccp_csv_close(&csv);
	assert_int_equal(ccp_csv_open_text(&csv, "t", span("a,b"), &err), CCP_OK);
	assert_int_equal(ccp_csv_require(&csv, columns, &err), CCP_ERR_SETTING);
	assert_non_null(strstr(err.text, "\"c\""));
	ccp_csv_close(&csv);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
