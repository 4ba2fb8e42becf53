#include "store/dynamodb_item.h"

#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct ccp_span
span(const char *text)
{
	return (struct ccp_span){ text, strlen(text) };
}

static void
numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} rows[] = {
		{ "0", 0 },
		{ "12", 12 },
		{ "-12", -12 },
		{ "1.5e3", 1500 },
		{ "1.5E+3", 1500 },
		{ "1234.987", 1234 },
		{ "15e-1", 1 },
		{ "0.0001E4", 1 },
		{ ".5", 0 },
		{ "9223372036854775807", INT64_MAX },
		{ "9223372036854775808", INT64_MAX },
		{ "99999999999999999999999999999999999999", INT64_MAX },
		{ "-99999999999999999999999999999999999999", -INT64_MAX },
		{ "1e125", INT64_MAX },
		{ "1e-130", 0 },
		{ "1e99999999999", INT64_MAX },
	};
	char value[96];
	int64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(value, sizeof(value), "{\"N\":\"%s\"}", rows[i].text);
		assert_true(ccp_ddb_value_int(span(value), &n));
		if (n != rows[i].n)
			fail_msg("%s was read as %lld", rows[i].text, (long long)n);
	}
}

static void
what_is_no_number(void **state)
{
	static const char *const rows[] = {
		"{\"N\":\"\"}",
		"{\"N\":\"-\"}",
		"{\"N\":\".\"}",
		"{\"N\":\"1e\"}",
		"{\"N\":\"1e+\"}",
		"{\"N\":\"1.2.3\"}",
		"{\"N\":\" 1\"}",
		"{\"N\":\"1x\"}",
		"{\"N\":\"NaN\"}",
		"{\"N\":1}",
		"{\"S\":\"1\"}",
		"{\"N\":\"1\\u0000\"}",
		"{\"L\":[{\"N\":\"1\"}]}",
		"{\"N\":\"00000000000000000000000000000000000000000000000000000000000000001\"}",
		"\"1\"",
		"1",
		"null",
		"",
	};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = 7;
		if (ccp_ddb_value_int(span(rows[i]), &n) || n != 0)
			fail_msg("%s was read as %lld", rows[i], (long long)n);
	}
}

static void
texts_and_truth(void **state)
{
	char text[8];

	(void)state;
	assert_true(ccp_ddb_value_text(span("{\"S\":\"a\\\"b\"}"), text, sizeof(text)));
	assert_string_equal(text, "a\"b");
	assert_false(ccp_ddb_value_text(span("{\"S\":\"12345678\"}"), text, sizeof(text)));
	assert_string_equal(text, "");
	assert_false(ccp_ddb_value_text(span("{\"N\":\"1\"}"), text, sizeof(text)));
	assert_true(ccp_ddb_value_true(span("{\"BOOL\":true}")));
	assert_false(ccp_ddb_value_true(span("{\"BOOL\":false}")));
	assert_false(ccp_ddb_value_true(span("{\"S\":\"true\"}")));
}

static void
an_update(void **state)
{
	struct ccp_ddb_update u = CCP_DDB_UPDATE_INIT;
	struct ccp_buf out = CCP_BUF_INIT(4096);

	(void)state;
	ccp_ddb_count_up(&u, "n#a\"b", 5);
	ccp_ddb_set_text(&u, "date", "x\ny");
	ccp_ddb_set_true(&u, "yes");
	ccp_ddb_remove(&u, "old", -1);
	ccp_ddb_default_text(&u, "d", "e");
	ccp_ddb_update_write(&u, "T", "k", "key", "#a3=:a3", "NONE", &out);
	assert_string_equal(ccp_buf_text(&out),
	                    "{\"TableName\":\"T\",\"Key\":{\"k\":{\"S\":\"key\"}},"
	                    "\"UpdateExpression\":\"ADD #a0 :a0 SET #a1=:a1,#a2=:a2,"
	                    "#a4=if_not_exists(#a4,:a4) REMOVE #a3 \","
	                    "\"ConditionExpression\":\"#a3=:a3\","
	                    "\"ExpressionAttributeNames\":{\"#a0\":\"n#a\\\"b\",\"#a1\":\"date\","
	                    "\"#a2\":\"yes\",\"#a3\":\"old\",\"#a4\":\"d\"},"
	                    "\"ExpressionAttributeValues\":{\":a0\":{\"N\":\"5\"},"
	                    "\":a1\":{\"S\":\"x\\ny\"},\":a2\":{\"BOOL\":true},"
	                    "\":a3\":{\"N\":\"-1\"},\":a4\":{\"S\":\"e\"}},"
	                    "\"ReturnValues\":\"NONE\"}");
	ccp_buf_clear(&out);
	/* what does not fit spoils the whole */
	for (int i = 0; i < 10000; i++)
		ccp_ddb_set_int(&u, "a name of some length", i);
	out = (struct ccp_buf)CCP_BUF_INIT(1024 * 1024);
	ccp_ddb_update_write(&u, "T", "k", "key", "", "NONE", &out);
	assert_false(ccp_buf_ok(&out));
	ccp_buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(what_is_no_number),
		cmocka_unit_test(texts_and_truth),
		cmocka_unit_test(an_update),
	};

	return cmocka_run_group_tests_name("dynamodb_item", tests, NULL, NULL);
}
