#include "unit.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

static char said[2 * CCP_LOG_MAX_BYTES];

static const struct ccp_log_figure *figures;
static size_t figure_count;

/* Standard error goes into a pipe while one line is written; what came out is in said. */
static void
say(enum ccp_log_level level, const char *request_id, const char *sentence)
{
	int ends[2], old = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_true(old >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	if (figures)
		ccp_log_figures(level, request_id, figures, figure_count, "%s", sentence);
	else
		ccp_log(level, request_id, "%s", sentence);
	dup2(old, STDERR_FILENO); /* closes the last writing end */
	close(old);
	n = read(ends[0], said, sizeof(said) - 1);
	close(ends[0]);
	assert_true(n >= 0);
	said[n] = '\0';
}

static void
text_lines(void **state)
{
	int year;

	(void)state;
	ccp_log_setup(CCP_LOG_INFO, false);
	say(CCP_LOG_INFO, "req_1", "hello \"you\"");
	assert_int_equal(sscanf(said, "%4d-", &year), 1);
	assert_int_equal(said[10], 'T');
	assert_int_equal(said[23], 'Z');
	assert_string_equal(said + 24, " info req_1 hello \"you\"\n");
	say(CCP_LOG_ERROR, NULL, "x");
	assert_string_equal(said + 24, " error - x\n");
}

static void
levels(void **state)
{
	(void)state;
	ccp_log_setup(CCP_LOG_WARNING, false);
	say(CCP_LOG_INFO, NULL, "no");
	assert_string_equal(said, "");
	say(CCP_LOG_WARNING, NULL, "yes");
	assert_non_null(strstr(said, " warning - yes\n"));
	ccp_log_setup(CCP_LOG_DEBUG, false);
	say(CCP_LOG_DEBUG, NULL, "yes");
	assert_non_null(strstr(said, " debug - yes\n"));
}

/* Text from outside stays on its line. */
static void
forged_lines(void **state)
{
	(void)state;
	ccp_log_setup(CCP_LOG_INFO, false);
	say(CCP_LOG_INFO, "req_1", "a\nb\rc\033[31m\x7f");
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	assert_non_null(strstr(said, "a\\u000ab\\u000dc\\u001b[31m\\u007f\n"));
}

static void
check_json(const char *request_id, const char *sentence)
{
	cJSON *json;
	const cJSON *id;

	say(CCP_LOG_INFO, request_id, sentence);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	json = cJSON_Parse(said);
	assert_non_null(json);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "message")), sentence);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "level")), "info");
	id = cJSON_GetObjectItem(json, "request_id");
	if (request_id)
		assert_string_equal(cJSON_GetStringValue(id), request_id);
	else
		assert_true(cJSON_IsNull(id));
	cJSON_Delete(json);
}

static void
json_lines(void **state)
{
	(void)state;
	ccp_log_setup(CCP_LOG_INFO, true);
	check_json("req_1", "plain");
	check_json(NULL, "say \"hi\" \\ \n\t\x01\x7f \xed\x99\x8d");
	check_json(NULL, "\",\"level\":\"error");
}

/* Too long a sentence is cut; the line still ends, and in JSON it is still an object. */
static void
long_lines(void **state)
{
	char sentence[3 * CCP_LOG_MAX_BYTES];
	cJSON *json;

	(void)state;
	memset(sentence, '\n', sizeof(sentence) - 1);
	sentence[sizeof(sentence) - 1] = '\0';
	ccp_log_setup(CCP_LOG_INFO, false);
	say(CCP_LOG_INFO, "req_1", sentence);
	assert_true(strlen(said) <= CCP_LOG_MAX_BYTES);
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	ccp_log_setup(CCP_LOG_INFO, true);
	say(CCP_LOG_INFO, "req_1", sentence);
	assert_true(strlen(said) <= CCP_LOG_MAX_BYTES);
	json = cJSON_Parse(said);
	assert_non_null(json);
	cJSON_Delete(json);
}

/* Figures are numbers beside the message in JSON, also of the longest line; text has the sentence only. */
static void
figure_lines(void **state)
{
	static const struct ccp_log_figure most[CCP_LOG_FIGURES_MAX] = {
		{ "cost_microusd", 15900 },
		{ "a_name_of_20_letters", INT64_MIN },
		{ "b_name_of_20_letters", INT64_MIN },
		{ "c_name_of_20_letters", INT64_MIN },
		{ "d_name_of_20_letters", INT64_MIN },
		{ "e_name_of_20_letters", INT64_MIN },
		{ "f_name_of_20_letters", INT64_MIN },
		{ "g", -1 },
	};
	char sentence[2 * CCP_LOG_MAX_BYTES];
	cJSON *json;

	(void)state;
	figures = most;
	figure_count = CCP_LOG_FIGURES_MAX;
	ccp_log_setup(CCP_LOG_INFO, false);
	say(CCP_LOG_INFO, "req_1", "spent");
	assert_string_equal(said + 24, " info req_1 spent\n");
	ccp_log_setup(CCP_LOG_INFO, true);
	memset(sentence, '\n', sizeof(sentence) - 1);
	sentence[sizeof(sentence) - 1] = '\0';
	say(CCP_LOG_INFO, "req_1", sentence);
	json = cJSON_Parse(said);
	assert_non_null(json);
	assert_int_equal((int64_t)cJSON_GetObjectItem(json, "cost_microusd")->valuedouble, 15900);
	assert_int_equal((int64_t)cJSON_GetObjectItem(json, "g")->valuedouble, -1);
	assert_non_null(cJSON_GetObjectItem(json, "message"));
	cJSON_Delete(json);
	figures = NULL;
}

/* Bytes that are no UTF-8, and a character where the sentence is cut: the line stays UTF-8. */
static void
not_utf8(void **state)
{
	char sentence[2 * CCP_LOG_MAX_BYTES] = "";
	size_t i;

	(void)state;
	ccp_log_setup(CCP_LOG_INFO, true);
	say(CCP_LOG_INFO, NULL,
	    "a\xff"
	    "b\xed\x99");
	assert_non_null(strstr(said, "\"a?b??\""));
	for (i = 0; i + 3 < sizeof(sentence); i += 3)
		memcpy(sentence + i, "\xed\x95\x9c", 3);
	for (i = 0; i < 3; i++) {
		say(CCP_LOG_INFO, NULL, sentence + i);
		assert_non_null(strstr(said, "\xed\x95\x9c\xed"));
		assert_null(strstr(said, "\xed\""));
		assert_null(strstr(said, "\xed\x95\""));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_lines),   cmocka_unit_test(levels),
		cmocka_unit_test(forged_lines), cmocka_unit_test(json_lines),
		cmocka_unit_test(long_lines),   cmocka_unit_test(not_utf8),
		cmocka_unit_test(figure_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
