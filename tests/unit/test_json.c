#include "unit.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static struct ccp_span
span(const char *text)
{
	return (struct ccp_span){ text, strlen(text) };
}

static void
test_valid(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		" null ",
		"true",
		"false",
		"0",
		"-0",
		"1.5e+10",
		"12345678901234567890",
		"1e400",
		"0.10",
		"\"\"",
		"\"\\u00e9\\ud800\\n\\/\"",
		"[[],{},[{}]]",
		"{\"a\":1,\"a\":2}",
		"\t{ \"a\" : [ 1 , 2 ] }\r\n",
		"\"\xc3\xa9\xf0\x9f\x98\x80\"",
	};
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"[1,]",
		"{\"a\":1,}",
		"{a:1}",
		"{\"a\"}",
		"{\"a\":}",
		"[1 2]",
		"01",
		"1.",
		".5",
		"1e",
		"+1",
		"--1",
		"nul",
		"truex",
		"\"",
		"\"\\x\"",
		"\"\\u12g4\"",
		"\"\t\"",
		"1 2",
		"{} {}",
		"[}",
		"{]",
		"{\"a\":1]",
		"'a'",
		"[1,,2]",
		"{,}",
		"NaN",
		"-",
		"\"\xc3\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"",
		"\"\xff\"",
		"\xef\xbb\xbf{}",
		"{\"a\":1,",
		"[1,",
		"// x\n1",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!ccp_json_valid(span(good[i])))
			fail_msg("refused: %s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ccp_json_valid(span(bad[i])))
			fail_msg("taken: %s", bad[i]);
	assert_false(ccp_json_valid((struct ccp_span){ "\"\0\"", 3 }));
	assert_false(ccp_json_valid((struct ccp_span){ NULL, 0 }));
}

static void
test_depth(void **state)
{
	enum { MANY = 10000 };
	char *text = malloc(2 * MANY + 3);
	size_t n;

	(void)state;
	assert_non_null(text);
	for (n = CCP_JSON_DEPTH_MAX; n <= CCP_JSON_DEPTH_MAX + 1; n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		assert_int_equal(ccp_json_valid((struct ccp_span){ text, 2 * n }),
		                 n == CCP_JSON_DEPTH_MAX);
	}
	/* brackets inside a string are text */
	text[0] = '"';
	memset(text + 1, '[', MANY);
	text[MANY + 1] = '"';
	assert_true(ccp_json_valid((struct ccp_span){ text, MANY + 2 }));
	free(text);
}

static void
test_members(void **state)
{
	char out[16];
	int64_t n;

	(void)state;
	/* the last of two counts, escapes in keys are looked through */
	assert_true(ccp_json_member_text(span("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}"), "model",
	                                 out, sizeof(out)));
	assert_string_equal(out, "b");
	assert_true(ccp_json_member_text(span(" {\"m\":\"\\u00e9\\ud83d\\ude00\\ud800x\"} "), "m",
	                                 out, sizeof(out)));
	assert_string_equal(out, "\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx");
	assert_false(ccp_json_member_text(span("{\"m\":1}"), "m", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(ccp_json_member_text(span("{\"m\":\"a\"},"), "m", out, sizeof(out)));
	assert_false(ccp_json_member_text(span("[\"m\",\"a\"]"), "m", out, sizeof(out)));
	assert_false(
		ccp_json_member_text(span("{\"m\":\"1234567890123456\"}"), "m", out, sizeof(out)));
	assert_true(
		ccp_json_member_text(span("{\"m\":\"123456789012345\"}"), "m", out, sizeof(out)));
	assert_false(ccp_json_member_text(span("{\"m\":\"a\\u0000\"}"), "m", out, sizeof(out)));
	assert_false(ccp_json_member_text(span("{\"a\":{\"m\":\"x\"}}"), "m", out, sizeof(out)));
	assert_true(ccp_span_is(ccp_json_member(span("{\"a\":{ \"b\":[1,\"}\\\"\"] }}"), "a"),
	                        "{ \"b\":[1,\"}\\\"\"] }"));
	assert_int_equal(ccp_json_member(span("{}"), "a").len, 0);
	assert_int_equal(ccp_json_member(span("7"), "a").len, 0);
	assert_true(ccp_json_uint(span("128000"), &n) && n == 128000);
	assert_true(ccp_json_uint(span("99999999999999999999999"), &n) && n == INT64_MAX);
	assert_true(ccp_json_uint(span("9223372036854775807"), &n) && n == INT64_MAX);
	assert_false(ccp_json_uint(span("-1"), &n) || ccp_json_uint(span("1.0"), &n));
	assert_false(ccp_json_uint(span("1e3"), &n) || ccp_json_uint(span("\"1\""), &n));
}

static void
test_strings(void **state)
{
	(void)state;
	assert_true(ccp_json_string_is(span("\"a\\/b\""), "a/b"));
	assert_false(ccp_json_string_is(span("\"a\""), "ab"));
	assert_false(ccp_json_string_is(span("\"ab\""), "a"));
	assert_false(ccp_json_string_is(span("\"\\u0061b\""), "a"));
	assert_false(ccp_json_string_is(span("a"), "a"));
	assert_true(ccp_json_string_starts(span("\"\\u0061bc\""), "ab"));
	assert_true(ccp_json_string_starts(span("\"a\""), ""));
	assert_false(ccp_json_string_starts(span("\"a\""), "ab"));
	assert_int_equal(ccp_json_string_bytes(span("\"a\\n\\u00e9\\ud83d\\ude00\"")), 8);
	assert_int_equal(ccp_json_string_bytes(span("\"\"")), 0);
	assert_int_equal(ccp_json_string_bytes(span("12")), 0);
}

static void
check_added(const char *text, size_t len, const char *want)
{
	struct ccp_buf out = CCP_BUF_INIT(200);

	ccp_json_add_string(&out, text, len);
	assert_string_equal(ccp_buf_text(&out), want);
	assert_true(ccp_json_valid((struct ccp_span){ out.data, out.len }));
	ccp_buf_clear(&out);
}

static void
test_add_string(void **state)
{
	(void)state;
	check_added("", 0, "\"\"");
	check_added("a\"b\\c/\n\t\x01\x7f", 10, "\"a\\\"b\\\\c/\\n\\t\\u0001\x7f\"");
	check_added("a\0b", 3, "\"a\\u0000b\"");
	check_added("\xed\x95\x9c\xf0\x9f\x98\x80", 7, "\"\xed\x95\x9c\xf0\x9f\x98\x80\"");
	check_added("\xc3", 1, "\"\xef\xbf\xbd\"");
	check_added("\xff"
	            "a\xed\xa0\x80",
	            5,
	            "\"\xef\xbf\xbd"
	            "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void
check_walk(const char *text, const char *const *keys, const char *const *values, size_t count)
{
	struct ccp_json_iter it = ccp_json_each(span(text));
	struct ccp_json_item item;
	size_t i;

	for (i = 0; i < count; i++) {
		assert_true(ccp_json_next(&it, &item));
		assert_int_equal(item.key.len, strlen(keys[i]));
		assert_true(item.key.len == 0 || ccp_span_is(item.key, keys[i]));
		assert_true(ccp_span_is(item.value, values[i]));
		assert_int_equal(ccp_json_at_end(&it), i + 1 == count);
	}
	assert_false(ccp_json_next(&it, &item));
	assert_false(ccp_json_next(&it, &item));
}

static void
test_walk(void **state)
{
	static const char *const keys[] = { "\"a\"", "\"b,\"", "\"c\"" };
	static const char *const values[] = { "1.50", "[1, {\"]\":\"\\\\\"}]", "\"\\\"}\"" };
	static const char *const none[] = { "", "", "" };
	static const char *const items[] = { "null", "-1e5", "{}" };

	(void)state;
	check_walk("{ \"a\" : 1.50 ,\"b,\":[1, {\"]\":\"\\\\\"}]\n, \"c\":\"\\\"}\" }", keys,
	           values, 3);
	check_walk("[null, -1e5\t,{} ]", none, items, 3);
	check_walk("[]", none, items, 0);
	check_walk("{ }", none, items, 0);
	check_walk("\"[1]\"", none, items, 0);
}

/* Keeps the items whose bit is set in mask. */
static void
sift(const char *text, unsigned mask, struct ccp_buf *out)
{
	struct ccp_json_edits edits;
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&edits);
	struct ccp_json_iter it = ccp_json_each(span(text));
	struct ccp_json_item item;
	unsigned i;

	ccp_json_edits_init(&edits, span(text));
	for (i = 0; ccp_json_next(&it, &item); i++)
		if (mask & 1u << i)
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	ccp_json_sieve_end(&sieve);
	assert_int_equal(ccp_json_apply(&edits, out, NULL), CCP_OK);
	ccp_json_edits_clear(&edits);
}

static void
test_sieve_examples(void **state)
{
	static const struct {
		const char *text;
		unsigned mask;
		const char *want;
	} cases[] = {
		{ "{\"a\":1,\"b\":2,\"c\":3}", 0, "{}" },
		{ "{\"a\":1,\"b\":2,\"c\":3}", 1, "{\"a\":1}" },
		{ "{\"a\":1,\"b\":2,\"c\":3}", 2, "{\"b\":2}" },
		{ "{\"a\":1,\"b\":2,\"c\":3}", 4, "{\"c\":3}" },
		{ "{\"a\":1,\"b\":2,\"c\":3}", 5, "{\"a\":1,\"c\":3}" },
		{ "{ \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3 }", 5, "{ \"a\" : 1 ,\n \"c\" : 3 }" },
		{ "{ \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3 }", 1, "{ \"a\" : 1 }" },
		{ "{ \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3 }", 0, "{  }" },
		{ "[ 1 , 2 ]", 2, "[ 2 ]" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ccp_buf out = CCP_BUF_INIT(1000);

		sift(cases[i].text, cases[i].mask, &out);
		assert_string_equal(ccp_buf_text(&out), cases[i].want);
		ccp_buf_clear(&out);
	}
}

/* What is kept keeps its bytes, whatever is taken out beside it. */
static void
test_sieve_every_subset(void **state)
{
	static const char text[] = "{ \"n\" : 12345678901234567890 ,\"e\":1e400,\n\"n\":0.10, "
				   "\"s\":\"\\u00e9\\\"]\" ,\"o\":{ \"x\":[1 , 2]}}";
	unsigned mask, i;

	(void)state;
	for (mask = 0; mask < 32; mask++) {
		struct ccp_buf out = CCP_BUF_INIT(1000);
		struct ccp_json_iter before = ccp_json_each(span(text)), after;
		struct ccp_json_item was, is;

		sift(text, mask, &out);
		assert_true(ccp_json_valid((struct ccp_span){ out.data, out.len }));
		after = ccp_json_each((struct ccp_span){ out.data, out.len });
		for (i = 0; ccp_json_next(&before, &was); i++) {
			if (!(mask & 1u << i))
				continue;
			assert_true(ccp_json_next(&after, &is));
			assert_int_equal(is.whole.len, was.whole.len);
			assert_memory_equal(is.whole.p, was.whole.p, was.whole.len);
		}
		assert_false(ccp_json_next(&after, &is));
		ccp_buf_clear(&out);
	}
}

static void
test_edits(void **state)
{
	static const char text[] = "0123456789";
	struct ccp_json_edits edits;
	struct ccp_buf out = CCP_BUF_INIT(12), small = CCP_BUF_INIT(3);
	struct ccp_error err;
	size_t i;

	(void)state;
	ccp_json_edits_init(&edits, span(text));
	assert_int_equal(ccp_json_apply(&edits, &out, &err), CCP_OK);
	assert_string_equal(ccp_buf_text(&out), text);
	out.len = 0;
	/* in any order; one inside a cut is moot; an insertion stands before a cut at its place */
	ccp_json_replace(&edits, (struct ccp_span){ text + 9, 1 }, "nine", 4);
	ccp_json_replace(&edits, (struct ccp_span){ text + 4, 1 }, "X", 1);
	ccp_json_cut(&edits, (struct ccp_span){ text + 3, 3 });
	ccp_json_replace(&edits, (struct ccp_span){ text + 3, 0 }, "<>", 2);
	assert_int_equal(ccp_json_apply(&edits, &out, &err), CCP_OK);
	assert_string_equal(ccp_buf_text(&out), "012<>678nine");
	assert_int_equal(ccp_json_apply(&edits, &small, &err), CCP_ERR_LIMIT);
	ccp_json_edits_clear(&edits);
	/* more than the few that need no memory */
	for (i = 0; i < 10; i++)
		ccp_json_replace(&edits, (struct ccp_span){ text + 9 - i, 1 }, "z", 1);
	out.len = 0;
	assert_int_equal(ccp_json_apply(&edits, &out, &err), CCP_OK);
	assert_string_equal(ccp_buf_text(&out), "zzzzzzzzzz");
	ccp_json_edits_clear(&edits);
	ccp_buf_clear(&out);
	ccp_buf_clear(&small);
}

static void
test_edits_limit(void **state)
{
	static const char text[] = "[]";
	struct ccp_json_edits edits;
	struct ccp_buf out = CCP_BUF_INIT(100);
	struct ccp_error err;
	size_t i;

	(void)state;
	ccp_json_edits_init(&edits, span(text));
	for (i = 0; i <= CCP_JSON_EDITS_MAX_COUNT; i++)
		ccp_json_cut(&edits, span(text));
	assert_true(edits.spoiled);
	assert_int_equal(ccp_json_apply(&edits, &out, &err), CCP_ERR_LIMIT);
	ccp_json_edits_clear(&edits);
	ccp_buf_clear(&out);
}

static void
check_head(const char *string, size_t size, const char *want)
{
	char buf[16];
	struct ccp_span head =
		ccp_json_string_head((struct ccp_span){ string, strlen(string) }, buf, size);

	assert_int_equal(head.len, strlen(want));
	assert_memory_equal(head.p, want, head.len);
}

static void
test_string_head(void **state)
{
	(void)state;
	check_head("\"abc\"", 8, "abc");
	check_head("\"abcdefghij\"", 8, "abcdefgh");
	check_head("\"abcdefgh\"", 8, "abcdefgh");
	check_head("\"\"", 8, "");
	check_head("\"a\\u0062c\"", 8, "abc");
	check_head("\"a\\nbcdefghij\"", 8, "a\nbcdefg");
	check_head("\"abcdefg\\u00e9\"", 8, "abcdefg");
	check_head("\"abcdefghij\\\\\"", 8, "abcdefgh");
	check_head("12", 8, "");
	check_head("", 8, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),          cmocka_unit_test(test_depth),
		cmocka_unit_test(test_members),        cmocka_unit_test(test_strings),
		cmocka_unit_test(test_add_string),     cmocka_unit_test(test_walk),
		cmocka_unit_test(test_sieve_examples), cmocka_unit_test(test_sieve_every_subset),
		cmocka_unit_test(test_edits),          cmocka_unit_test(test_edits_limit),
		cmocka_unit_test(test_string_head),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
