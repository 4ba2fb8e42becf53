#include "unit.h"

#include "base/utf8.h"

#include <string.h>

static void
round_trip(uint32_t c)
{
	unsigned char b[4];
	uint32_t got = 0;
	size_t n;

	if (c < 0x80) {
		n = 1;
		b[0] = (unsigned char)c;
	} else if (c < 0x800) {
		n = 2;
		b[0] = (unsigned char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		n = 3;
		b[0] = (unsigned char)(0xe0 | c >> 12);
		b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	} else {
		n = 4;
		b[0] = (unsigned char)(0xf0 | c >> 18);
		b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	}
	if (n > 1)
		b[n - 1] = (unsigned char)(0x80 | (c & 0x3f));
	if (c >= 0xd800 && c <= 0xdfff) {
		assert_int_equal(ccp_utf8_char((char *)b, n, &got), 0);
		return;
	}
	assert_int_equal(ccp_utf8_char((char *)b, n, &got), n);
	assert_int_equal(got, c);
	assert_int_equal(ccp_utf8_char((char *)b, n - 1, NULL), 0);
}

static void
every_code_point(void **state)
{
	uint32_t c;

	(void)state;
	for (c = 0; c <= 0x10ffff; c++)
		round_trip(c);
}

static void
not_utf8(void **state)
{
	static const char *const bad[] = { "\x80",
		                           "\xbf",
		                           "\xc0\xaf",
		                           "\xc1\xbf",
		                           "\xe0\x80\xaf",
		                           "\xe0\x9f\xbf",
		                           "\xf0\x80\x80\xaf",
		                           "\xf0\x8f\xbf\xbf",
		                           "\xf4\x90\x80\x80",
		                           "\xf5\x80\x80\x80",
		                           "\xff",
		                           "\xc3(",
		                           "\xe2\x82(",
		                           "\xe2(\xa1",
		                           "\xf0\x9f\x98(" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ccp_utf8_char(bad[i], strlen(bad[i]), NULL), 0);
	assert_int_equal(ccp_utf8_char("", 0, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
