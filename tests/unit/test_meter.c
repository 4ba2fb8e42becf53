#include "unit.h"

#include "base/meter.h"

#include <string.h>

static void
event(struct ccp_meter *m, const char *json)
{
	ccp_meter_event(m, json, strlen(json));
}

static void
check(const struct ccp_meter *m, int64_t input, int64_t output, int64_t read, int64_t write_5m,
      int64_t write_1h, bool estimated)
{
	struct ccp_usage usage = ccp_meter_result(m);

	assert_int_equal(usage.input_tokens, input);
	assert_int_equal(usage.output_tokens, output);
	assert_int_equal(usage.cache_read_tokens, read);
	assert_int_equal(usage.cache_write_5m_tokens, write_5m);
	assert_int_equal(usage.cache_write_1h_tokens, write_1h);
	assert_int_equal(usage.estimated, estimated);
}

#define START(usage) \
	"{\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"usage\":{" usage "}}}"
#define DELTA(usage) "{\"type\":\"message_delta\",\"delta\":{},\"usage\":{" usage "}}"
#define STOP "{\"type\":\"message_stop\"}"

static void
test_stream(void **state)
{
	struct ccp_meter m = { 0 };

	(void)state;
	event(&m, START("\"input_tokens\":10,\"cache_creation_input_tokens\":300,"
	                "\"cache_read_input_tokens\":5,\"output_tokens\":1,\"cache_creation\":"
	                "{\"ephemeral_5m_input_tokens\":100,\"ephemeral_1h_input_tokens\":200}"));
	assert_true(m.started);
	event(&m,
	      "{\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}");
	event(&m, DELTA("\"output_tokens\":40"));
	event(&m, DELTA("\"input_tokens\":12,\"cache_creation_input_tokens\":300,"
	                "\"cache_read_input_tokens\":null,\"output_tokens\":55"));
	check(&m, 12, 55, 5, 100, 200, true);
	event(&m, STOP);
	assert_true(m.complete);
	check(&m, 12, 55, 5, 100, 200, false);
}

static void
test_no_split(void **state)
{
	struct ccp_meter m = { 0 };

	(void)state;
	event(&m,
	      START("\"input_tokens\":1,\"cache_creation_input_tokens\":300,\"cache_creation\":null"));
	event(&m, STOP);
	check(&m, 1, 0, 0, 300, 0, false);
	/* a total that grew later: the rest is at the short rate */
	m = (struct ccp_meter){ 0 };
	event(&m, START("\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
	                "\"ephemeral_1h_input_tokens\":200}"));
	event(&m, DELTA("\"cache_creation_input_tokens\":250"));
	event(&m, STOP);
	check(&m, 0, 0, 0, 50, 200, false);
}

static void
test_cut_stream(void **state)
{
	struct ccp_meter m = { 0 };

	(void)state;
	event(&m, START("\"input_tokens\":7,\"output_tokens\":2"));
	event(&m, "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\u00e9abc\"}}");
	event(&m, "{\"type\":\"content_block_delta\",\"delta\":{\"thinking\":\"12345678\"}}");
	event(&m, "{\"type\":\"content_block_delta\",\"delta\":{\"partial_json\":\"{\\\"\"}}");
	event(&m, "{\"type\":\"content_block_delta\",\"delta\":{\"signature\":\"no token\"}}");
	assert_int_equal(m.streamed_bytes, 5 + 8 + 2);
	check(&m, 7, 4, 0, 0, 0, true);
}

static void
test_broken_is_ignored(void **state)
{
	static const char *const broken[] = {
		"",
		"{",
		"[]",
		"7",
		"{\"type\":7}",
		"{\"type\":\"ping\"}",
		"{\"type\":\"message_start\"}",
		"{\"type\":\"message_start\",\"message\":7}",
		"{\"type\":\"message_delta\",\"usage\":[]}",
		"{\"type\":\"content_block_delta\",\"delta\":null}",
		"{\"type\":\"message_stop\"",
		"{\"type\":\"new_thing\",\"usage\":{\"output_tokens\":9}}",
	};
	struct ccp_meter m = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		event(&m, broken[i]);
	assert_false(m.started || m.complete);
	event(&m,
	      START("\"input_tokens\":-1,\"output_tokens\":1.5,\"cache_read_input_tokens\":\"3\","
	            "\"cache_creation_input_tokens\":9999999999999999999"));
	check(&m, 0, 0, 0, 0, 0, true);
}

static void
test_message(void **state)
{
	static const char answer[] =
		" {\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"usage\"}],"
		"\"usage\":{\"input_tokens\":3,\"output_tokens\":4,\"cache_read_input_tokens\":1}}\n";
	static const char error[] = "{\"type\":\"error\",\"usage\":{\"input_tokens\":3}}";
	struct ccp_meter m = { 0 };

	(void)state;
	ccp_meter_message(&m, error, strlen(error));
	ccp_meter_message(&m, answer, 20);
	assert_false(m.complete);
	ccp_meter_message(&m, answer, strlen(answer));
	assert_true(m.complete);
	check(&m, 3, 4, 1, 0, 0, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),     cmocka_unit_test(test_no_split),
		cmocka_unit_test(test_cut_stream), cmocka_unit_test(test_broken_is_ignored),
		cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests_name("meter", tests, NULL, NULL);
}
