/* covers: error */
#include "unit.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

static void
spans(void **state)
{
	(void)state;
	assert_true(ccp_span_is(CCP_SPAN("abc"), "abc"));
	assert_false(ccp_span_is(CCP_SPAN("abc"), "ab"));
	assert_false(ccp_span_is(CCP_SPAN("abc"), "abcd"));
	assert_true(ccp_span_is((struct ccp_span){ "abc", 2 }, "ab"));
	assert_true(ccp_span_is(CCP_SPAN(""), ""));
}

static void
appends(void **state)
{
	struct ccp_buf b = CCP_BUF_INIT(1000);
	int i;

	(void)state;
	assert_string_equal(ccp_buf_text(&b), "");
	ccp_buf_puts(&b, "");
	ccp_buf_add(&b, "", 0);
	assert_null(b.data);
	ccp_buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	ccp_buf_clear(&b);
	for (i = 0; i < 100; i++)
		ccp_buf_addf(&b, "%03d,", i);
	assert_true(ccp_buf_ok(&b));
	assert_int_equal(b.len, 400);
	assert_memory_equal(b.data + 396, "099,", 5);
	ccp_buf_clear(&b);
}

/* Exactly the ceiling fits; one byte more spoils, and nothing is added after that. */
static void
ceiling(void **state)
{
	struct ccp_buf b = CCP_BUF_INIT(8);

	(void)state;
	ccp_buf_puts(&b, "1234");
	ccp_buf_addf(&b, "%d", 5678);
	assert_true(ccp_buf_ok(&b));
	ccp_buf_puts(&b, "");
	assert_true(ccp_buf_ok(&b));
	ccp_buf_puts(&b, "9");
	assert_false(ccp_buf_ok(&b));
	ccp_buf_consume(&b, 8);
	ccp_buf_puts(&b, "x");
	ccp_buf_addf(&b, "%s", "y");
	assert_int_equal(b.len, 0);
	ccp_buf_clear(&b);
	assert_true(ccp_buf_ok(&b));
	assert_int_equal(b.max, 8);
	ccp_buf_puts(&b, "12345678");
	assert_true(ccp_buf_ok(&b));
	ccp_buf_clear(&b);
	b = (struct ccp_buf)CCP_BUF_INIT(0);
	ccp_buf_puts(&b, "x");
	assert_false(ccp_buf_ok(&b));
	ccp_buf_clear(&b);
}

static void
consume_and_take(void **state)
{
	struct ccp_buf b = CCP_BUF_INIT(100);
	char *text;

	(void)state;
	ccp_buf_consume(&b, 5);
	assert_string_equal(ccp_buf_text(&b), "");
	ccp_buf_puts(&b, "hello world");
	ccp_buf_consume(&b, 0);
	ccp_buf_consume(&b, 6);
	assert_string_equal(ccp_buf_text(&b), "world");
	ccp_buf_puts(&b, "!");
	text = ccp_buf_take(&b);
	assert_string_equal(text, "world!");
	assert_int_equal(b.len, 0);
	assert_int_equal(b.max, 100);
	free(text);
	assert_null(ccp_buf_take(&b));
	ccp_buf_puts(&b, "secret");
	ccp_buf_consume(&b, 99);
	assert_string_equal(ccp_buf_text(&b), "");
	ccp_buf_cleanse(&b);
	ccp_buf_cleanse(&b);
	assert_null(b.data);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans),
		cmocka_unit_test(appends),
		cmocka_unit_test(ceiling),
		cmocka_unit_test(consume_and_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
