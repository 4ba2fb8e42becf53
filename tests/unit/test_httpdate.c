#include "unit.h"

#include "base/httpdate.h"

#include <string.h>

#define NOW 1795305600 /* 2026-11-22T00:00:00Z */

static int64_t
parse(const char *text)
{
	int64_t at_s = -1;
	bool ok = ccp_httpdate_parse((struct ccp_span){ text, strlen(text) }, NOW, &at_s);

	if (!ok)
		assert_int_equal(at_s, 0);
	return ok ? at_s : -1;
}

/* Expected values: `date -u -d … +%s`, GNU coreutils 9.1. */
static void
three_forms(void **state)
{
	(void)state;
	assert_int_equal(parse("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
	assert_int_equal(parse("Sunday, 06-Nov-94 08:49:37 GMT"), 784111777);
	assert_int_equal(parse("Sun Nov  6 08:49:37 1994"), 784111777);
	assert_int_equal(parse("Sun Nov 16 08:49:37 1994"), 784975777);
	assert_int_equal(parse("Sun, 22 Nov 2026 00:01:00 GMT"), NOW + 60);
	assert_int_equal(parse("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
	assert_int_equal(parse("Thu, 29 Feb 2024 23:59:60 GMT"), 1709251200);
	assert_int_equal(parse("Tue, 29 Feb 2000 00:00:00 GMT"), 951782400);
	assert_int_equal(parse("Fri, 31 Dec 9999 23:59:59 GMT"), 253402300799);
}

static void
two_digit_years(void **state)
{
	(void)state;
	assert_int_equal(parse("Sunday, 22-Nov-26 00:01:00 GMT"), NOW + 60);
	assert_int_equal(parse("Sunday, 22-Nov-76 00:00:00 GMT"), 3373228800); /* 2076 */
	assert_int_equal(parse("Sunday, 22-Nov-77 00:00:00 GMT"), 249004800);  /* 1977 */
	assert_int_equal(parse("Sunday, 22-Nov-2026 00:01:00 GMT"), NOW + 60);
}

static void
not_a_date(void **state)
{
	static const char *const texts[] = {
		"",
		"30",
		"soon",
		"Sun",
		"Sun,",
		"Sun, ",
		"Sun, 06",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		" Sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 CET",
		"sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Wed, 29 Feb 2023 00:00:00 GMT",
		"Sun, 29 Feb 2100 00:00:00 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:00 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 0000 08:49:37 GMT",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 8:49:37 GMT",
		"Sun, 06-Nov 1994 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994 GMT",
		"Sun Nov   6 08:49:37 1994",
		"Sun Nov  -6 08:49:37 1994",
		"Mon, 06 Noo 1994 08:49:37 GMT",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i]) != -1)
			fail_msg("taken for a date: %s", texts[i]);
}

/* Cut anywhere, a date is none; and nothing behind the cut is looked at (under a sanitizer). */
static void
cut_dates(void **state)
{
	static const char whole[] = "Sunday, 06-Nov-94 08:49:37 GMT";
	int64_t at_s;
	size_t n;
	char *cut;

	(void)state;
	for (n = 0; n < sizeof(whole) - 1; n++) {
		cut = test_malloc(n + 1);
		memcpy(cut, whole, n);
		assert_false(ccp_httpdate_parse((struct ccp_span){ cut, n }, NOW, &at_s));
		test_free(cut);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_forms),
		cmocka_unit_test(two_digit_years),
		cmocka_unit_test(not_a_date),
		cmocka_unit_test(cut_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
