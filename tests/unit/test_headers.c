#include "unit.h"

#include "base/headers.h"

#include <stdlib.h>
#include <string.h>

static void
add_and_get(void **state)
{
	struct ccp_headers h = { 0 }, copy = { 0 };

	(void)state;
	assert_null(ccp_headers_get(&h, "a"));
	ccp_headers_add(&h, "A", "1");
	ccp_headers_add(&h, "b", "");
	ccp_headers_add(&h, "a", "2");
	ccp_headers_addf(&h, "c", "%s-%d", "x", 7);
	assert_true(ccp_headers_ok(&h));
	assert_int_equal(h.count, 4);
	assert_string_equal(ccp_headers_get(&h, "a"), "1");
	assert_string_equal(ccp_headers_get(&h, "B"), "");
	assert_string_equal(ccp_headers_get(&h, "C"), "x-7");
	assert_null(ccp_headers_get(&h, "cc"));
	ccp_headers_add(&copy, "z", "0");
	ccp_headers_copy(&copy, &h);
	assert_int_equal(copy.count, 5);
	assert_string_equal(copy.items[3].value, "2");
	ccp_headers_clear(&h);
	assert_int_equal(h.count, 0);
	ccp_headers_clear(&h);
	ccp_headers_clear(&copy);
}

static void
lines(void **state)
{
	static const struct {
		const char *line, *name, *value; /* name NULL: not a field */
	} cases[] = {
		{ "a: 1\r\n", "a", "1" },
		{ "a:1", "a", "1" },
		{ "a: \t 1 2 \t\r\n", "a", "1 2" },
		{ "a:\r\n", "a", "" },
		{ "a:b:c\n", "a", "b:c" },
		{ "HTTP/1.1 200 OK\r\n", NULL, NULL },
		{ "\r\n", NULL, NULL },
		{ "", NULL, NULL },
		{ ": x\r\n", NULL, NULL },
	};
	struct ccp_headers h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ccp_headers_add_line(&h, cases[i].line, strlen(cases[i].line)),
		                 cases[i].name != NULL);
		assert_true(ccp_headers_ok(&h));
		if (cases[i].name) {
			assert_string_equal(h.items[0].name, cases[i].name);
			assert_string_equal(h.items[0].value, cases[i].value);
		}
		ccp_headers_clear(&h);
	}
}

/* What could end a line is refused, and the list says so from then on. */
static void
smuggling(void **state)
{
	static const char *const bad[][2] = {
		{ "a", "1\r\nb: 2" }, { "a", "1\n" }, { "a", "\r" },
		{ "a\r\nb", "1" },    { "a\n", "1" }, { "", "1" },
	};
	struct ccp_headers h = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ccp_headers_add(&h, bad[i][0], bad[i][1]);
		assert_false(ccp_headers_ok(&h));
		ccp_headers_add(&h, "good", "1");
		assert_int_equal(h.count, 0);
		ccp_headers_clear(&h);
		assert_true(ccp_headers_ok(&h));
	}
	assert_false(ccp_headers_add_line(&h, "a: 1\0002", 6));
	assert_false(ccp_headers_ok(&h));
	ccp_headers_clear(&h);
	assert_false(ccp_headers_add_line(&h, "a: 1\r\nb: 2\r\n", 12));
	assert_false(ccp_headers_ok(&h));
	ccp_headers_clear(&h);
}

static void
spoiled_copies(void **state)
{
	struct ccp_headers h = { 0 }, to = { 0 };

	(void)state;
	ccp_headers_add(&h, "a", "1");
	ccp_headers_add(&h, "a", "\n");
	ccp_headers_copy(&to, &h);
	assert_false(ccp_headers_ok(&to));
	ccp_headers_clear(&h);
	ccp_headers_clear(&to);
}

static void
ceilings(void **state)
{
	struct ccp_headers h = { 0 };
	char *big = malloc(CCP_HEADERS_MAX_BYTES + 1);
	int i;

	(void)state;
	assert_non_null(big);
	for (i = 0; i < CCP_HEADERS_MAX_COUNT; i++)
		ccp_headers_add(&h, "a", "1");
	assert_true(ccp_headers_ok(&h));
	ccp_headers_add(&h, "a", "1");
	assert_false(ccp_headers_ok(&h));
	assert_int_equal(h.count, CCP_HEADERS_MAX_COUNT);
	ccp_headers_clear(&h);

	memset(big, 'x', CCP_HEADERS_MAX_BYTES);
	big[CCP_HEADERS_MAX_BYTES] = '\0';
	ccp_headers_add(&h, "a", big + 1); /* name and value: exactly the ceiling */
	assert_true(ccp_headers_ok(&h));
	ccp_headers_add(&h, "b", "");
	assert_false(ccp_headers_ok(&h));
	ccp_headers_clear(&h);
	ccp_headers_addf(&h, "a", "%s", big);
	assert_false(ccp_headers_ok(&h));
	ccp_headers_clear(&h);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(add_and_get), cmocka_unit_test(lines),
		cmocka_unit_test(smuggling),   cmocka_unit_test(spoiled_copies),
		cmocka_unit_test(ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
