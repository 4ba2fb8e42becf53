#include "unit.h"

#include "edge/uri.h"

#include <string.h>

static struct ccp_span
span(const char *text)
{
	return (struct ccp_span){ text, strlen(text) };
}

static void
pieces(void **state)
{
	struct ccp_span s = span("a//b");

	(void)state;
	assert_true(ccp_span_is(ccp_uri_take(&s, '/'), "a"));
	assert_true(ccp_span_is(ccp_uri_take(&s, '/'), ""));
	assert_true(ccp_span_is(s, "b"));
	assert_true(ccp_span_is(ccp_uri_take(&s, '/'), "b"));
	assert_true(ccp_span_is(ccp_uri_take(&s, '/'), ""));
	assert_non_null(s.p);
}

static void
decoding(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{ "", "" },
		{ "a+b", "a+b" },
		{ "%41%2f%2F", "A//" },
		{ "%2541", "%41" },
		{ "%c3%A9", "\xc3\xa9" },
		{ "%", NULL },
		{ "%4", NULL },
		{ "%4g", NULL },
		{ "%g4", NULL },
		{ "a%00b", NULL },
		{ "1234567", "1234567" },
		{ "12345678", NULL },
		{ "123456%37", "1234567" },
	};
	char out[8];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ccp_uri_decode(span(cases[i].text), out, sizeof(out)),
		                 cases[i].want != NULL);
		assert_string_equal(out, cases[i].want ? cases[i].want : "");
	}
	assert_false(ccp_uri_decode((struct ccp_span){ "%41", 2 }, out, sizeof(out)));
}

static void
segments(void **state)
{
	static const char *const plain[] = { "",          "/",         "/v1/messages",
		                             "/a..b/...", "/v1/x%20y", "/..a" };
	static const char *const dots[] = { ".", "..", "/.", "/..", "/./x", "/x/../y", "//.." };
	static const char *const disguised[] = { "/%2e",   "/.%2E/x", "/%2e%2e", "/x%2fy",
		                                 "/x%5Cy", "/x\\y",   "/%0a",    "/%00",
		                                 "/%7F",   "/%",      "/%x1" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		assert_false(ccp_uri_has_dot_segment(span(plain[i])));
		assert_false(ccp_uri_has_disguised_segment(span(plain[i])));
	}
	for (i = 0; i < sizeof(dots) / sizeof(dots[0]); i++)
		assert_true(ccp_uri_has_dot_segment(span(dots[i])));
	for (i = 0; i < sizeof(disguised) / sizeof(disguised[0]); i++) {
		assert_false(ccp_uri_has_dot_segment(span(disguised[i])));
		assert_true(ccp_uri_has_disguised_segment(span(disguised[i])));
	}
}

static void
bad_bytes(void **state)
{
	(void)state;
	assert_false(ccp_uri_has_bad_byte(span("/a?b=\xed\x99\x8d\"<>")));
	assert_true(ccp_uri_has_bad_byte(span("/a b")));
	assert_true(ccp_uri_has_bad_byte(span("/a\n")));
	assert_true(ccp_uri_has_bad_byte(span("/a#")));
	assert_true(ccp_uri_has_bad_byte(span("/\x7f")));
	assert_true(ccp_uri_has_bad_byte((struct ccp_span){ "a\0", 2 }));
}

static void
parameters(void **state)
{
	struct ccp_span query = span("a=1&b&=x&a=2&c=d=e&b%61=3");

	(void)state;
	assert_true(ccp_span_is(ccp_uri_parameter(query, "a"), "1"));
	assert_true(ccp_span_is(ccp_uri_parameter(query, "b"), ""));
	assert_non_null(ccp_uri_parameter(query, "b").p);
	assert_true(ccp_span_is(ccp_uri_parameter(query, ""), "x"));
	assert_true(ccp_span_is(ccp_uri_parameter(query, "c"), "d=e"));
	assert_null(ccp_uri_parameter(query, "ba").p);
	assert_null(ccp_uri_parameter(span(""), "a").p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces),     cmocka_unit_test(decoding),
		cmocka_unit_test(segments),   cmocka_unit_test(bad_bytes),
		cmocka_unit_test(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
