#include "base/clock.h"

#include "unit.h"

static void
clocks(void **state)
{
	int64_t before_ms = ccp_clock_ms(), after_ms;
	struct timespec in = ccp_clock_in(2345);
	time_t now_s = time(NULL);

	(void)state;
	after_ms = ccp_clock_ms();
	assert_in_range(in.tv_nsec, 0, 999999999);
	assert_in_range((int64_t)in.tv_sec * 1000 + in.tv_nsec / 1000000, before_ms + 2345,
	                after_ms + 2345);
	assert_in_range(ccp_clock_unix_ms() / 1000, now_s, now_s + 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(clocks) };

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
