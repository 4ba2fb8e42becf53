#include "unit.h"

#include "base/redact.h"

#include <stdio.h>
#include <string.h>

static void
arns_and_accounts_are_hidden(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "", "" },
		{ "nothing to hide", "nothing to hide" },
		{ "User: arn:aws:iam::123456789012:user/x is", "User: (hidden) is" },
		{ "\"ARN:aws-us-gov:dynamodb:us-gov-west-1:1:table/t\"", "\"(hidden)\"" },
		{ "arn:aws-cn:s3:::b", "(hidden)" },
		{ "(account 123456789012)", "(account (hidden))" },
		{ "account=123456789012", "account=(hidden)" },
		{ "1234567890123 and 12345678901 may", "1234567890123 and 12345678901 may" },
		{ "123456789012", "(hidden)" },
		{ "an arn and arn:", "an arn and arn:" },
	};
	char out[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ccp_redact(out, sizeof(out),
		           (struct ccp_span){ rows[i].text, strlen(rows[i].text) });
		assert_string_equal(out, rows[i].shown);
	}
}

/* Whatever fits, nothing of an account or an ARN is among it. */
static void
cut_at_every_length(void **state)
{
	static const char text[] = "a 123456789012 b arn:aws:iam::123456789012:user/secret c";
	char out[80];
	size_t size;

	(void)state;
	for (size = 1; size <= sizeof(out); size++) {
		memset(out, '#', sizeof(out));
		ccp_redact(out, size, CCP_SPAN(text));
		assert_true(strlen(out) < size);
		assert_null(strpbrk(out, "0123456789"));
		assert_null(strstr(out, "secret"));
		if (size < sizeof(out))
			assert_int_equal(out[size], '#');
	}
	assert_string_equal(out, "a (hidden) b (hidden) c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arns_and_accounts_are_hidden),
		cmocka_unit_test(cut_at_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
