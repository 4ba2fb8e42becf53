#include "base/clock.h"

static int64_t
read_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
ccp_clock_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t
ccp_clock_unix_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

struct timespec
ccp_clock_in(int64_t in_ms)
{
	int64_t end_ms = ccp_clock_ms() + in_ms;

	return (struct timespec){ .tv_sec = end_ms / 1000, .tv_nsec = end_ms % 1000 * 1000000 };
}
