#include "base/day.h"

#include "unit.h"

#define NOW_S 1795305600 /* 2026-11-22T00:00:00Z */

static void
days(void **state)
{
	static const char *const wrong[] = { "2026-02-30", "2026-13-01", "2026-1-1",
		                             "2026-11-2x", "",           "2026-11-22 ",
		                             "1969-12-31", "2026-00-10", "2025-02-29" };
	char day[CCP_DAY_BYTES];
	int64_t at_s;

	(void)state;
	ccp_day_format(NOW_S - 1, day);
	assert_string_equal(day, "2026-11-21");
	ccp_day_format(INT64_MAX, day);
	assert_string_equal(day, "9999-12-31");
	ccp_day_format(-5, day);
	assert_string_equal(day, "1970-01-01");
	assert_true(ccp_day_parse("2026-11-22", &at_s));
	assert_int_equal(at_s, NOW_S);
	assert_true(ccp_day_parse("2024-02-29", &at_s));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(ccp_day_parse(wrong[i], &at_s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days),
	};

	return cmocka_run_group_tests_name("day", tests, NULL, NULL);
}
