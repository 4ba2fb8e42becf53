/* covers: report tally metrics */
#include "store/report.h"

#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S (1795305600 + 36000) /* 2026-11-22T10:00:00Z */
#define CRED "0123456789abcdef0123456789abcdef"

static char folder[32], setting[64];
static struct ccp_config *config;
static struct ccp_store *store;

static void
add(const char *user, const char *model, const char *type, int days_ago, int64_t cost)
{
	struct ccp_usage_record r = { .at_s = NOW_S - days_ago * 86400,
		                      .cost_microusd = cost,
		                      .tokens = { 10, 20, 300, 4, 5, false } };
	struct ccp_error err;

	snprintf(r.user, sizeof(r.user), "%s", user);
	snprintf(r.model, sizeof(r.model), "%s", model);
	snprintf(r.request_type, sizeof(r.request_type), "%s", type);
	assert_int_equal(ccp_store_usage_add(store, &r, &err), CCP_OK);
}

static void
limit(const char *user, const char *family, int64_t until_s, const char *reason)
{
	struct ccp_limit l = { .credential = CRED,
		               .retry_until_s = until_s,
		               .created_at_s = NOW_S - 5 };
	struct ccp_error err;

	snprintf(l.family, sizeof(l.family), "%s", family);
	snprintf(l.reason, sizeof(l.reason), "%s", reason);
	assert_int_equal(ccp_store_limit_put(store, user, &l, &err), CCP_OK);
}

static int
set_up(void **state)
{
	char *env[] = { setting, NULL };
	struct ccp_error err;

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/ccp-report-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(setting, sizeof(setting), "STATE_DIRECTORY=%s", folder);
	assert_int_equal(ccp_config_load_text(env, "", "", 0, &config, &err), CCP_OK);
	assert_int_equal(ccp_store_open(config, &store, &err), CCP_OK);
	add("alice", "m1", "bedrock", 0, 1500000);
	add("alice", "m2", "bedrock", 0, 1);
	add("alice", "m1", "bedrock", 6, 7);
	add("alice", "m1", "bedrock", 7, 100); /* the period before */
	add("alice", "m1", "anthropic", 1, 0);
	add("bob", "m\"1", "bedrock", 2, 9000000);
	add("carol", "m1", "bedrock", 3, -1);
	limit("alice", "opus", NOW_S + 60, "retry_after");
	limit("alice", "all", NOW_S + 600, "five_hour");
	limit("dave", "all", NOW_S - 1, "over");
	return 0;
}

static int
tear_down(void **state)
{
	char command[64];

	(void)state;
	ccp_store_close(store);
	ccp_config_free(config);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static cJSON *
report(struct ccp_report_query query)
{
	struct ccp_buf text = CCP_BUF_INIT(CCP_REPORT_MAX_BYTES);
	struct ccp_error err = { 0 };
	cJSON *json;

	query.now_s = NOW_S;
	if (query.user ? ccp_report_user(store, &query, &text, &err)
	               : ccp_report_all(store, &query, &text, &err))
		fail_msg("%s", err.text);
	json = cJSON_ParseWithOpts(ccp_buf_text(&text), NULL, 1);
	if (!json)
		fail_msg("not JSON: %s", ccp_buf_text(&text));
	ccp_buf_clear(&text);
	return json;
}

/* The JSON text at a path of keys, "summary/total_users"; the caller frees nothing. */
static const char *
at(const cJSON *json, const char *path)
{
	static char text[2048];
	char key[64];

	while (*path && json) {
		size_t n = strcspn(path, "/");

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		json = cJSON_IsArray(json) ? cJSON_GetArrayItem(json, (int)strtol(key, NULL, 10))
		                           : cJSON_GetObjectItemCaseSensitive(json, key);
		path += n + (path[n] == '/');
	}
	if (!json)
		return "absent";
	assert_true(cJSON_PrintPreallocated((cJSON *)(uintptr_t)json, text, sizeof(text), 0));
	return text;
}

static void
everybody(void **state)
{
	cJSON *j = report((struct ccp_report_query){ .request_type = "bedrock", .days = 7 });

	(void)state;
	assert_string_equal(at(j, "request_type"), "\"bedrock\"");
	assert_string_equal(at(j, "period_days"), "7");
	assert_string_equal(at(j, "summary/total_users"), "3");
	assert_string_equal(at(j, "summary/total_requests"), "5");
	assert_string_equal(at(j, "summary/total_input_tokens"), "50");
	assert_string_equal(at(j, "summary/total_output_tokens"), "100");
	assert_string_equal(at(j, "summary/total_tokens"), "150");
	assert_string_equal(at(j, "summary/cache_read_tokens"), "1500");
	assert_string_equal(at(j, "summary/cache_write_tokens"), "45");
	assert_string_equal(at(j, "summary/cost_usd"), "10.500008");
	assert_string_equal(at(j, "summary/estimated"), "true");
	assert_string_equal(at(j, "summary/models/m1/requests"), "3");
	assert_string_equal(at(j, "summary/models/m\"1/requests"), "1");
	assert_string_equal(at(j, "users/alice/requests"), "3");
	assert_string_equal(at(j, "users/alice/models/m2/cost_usd"), "1e-06");
	assert_string_equal(at(j, "users/alice/estimated"), "false");
	assert_string_equal(at(j, "users/carol/estimated"), "true");
	assert_string_equal(at(j, "daily_stats/2026-11-22/requests"), "2");
	assert_string_equal(at(j, "daily_stats/2026-11-16/requests"), "1");
	assert_string_equal(at(j, "daily_stats/2026-11-21"), "absent");
	assert_string_equal(at(j, "previous/total_requests"), "1");
	assert_string_equal(at(j, "previous/total_users"), "1");
	assert_string_equal(at(j, "limits/0/user"), "\"alice\"");
	assert_string_equal(at(j, "limits/0/reason"), "\"five_hour\"");
	assert_string_equal(at(j, "limits/0/retry_until"), "1795342200");
	assert_string_equal(at(j, "limits/0/since"), "1795341595");
	assert_string_equal(at(j, "limits/1"), "absent");
	cJSON_Delete(j);
}

static void
top(void **state)
{
	cJSON *j =
		report((struct ccp_report_query){ .request_type = "bedrock", .days = 7, .top = 2 });

	(void)state;
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "users")), 2);
	assert_string_equal(cJSON_GetObjectItem(j, "users")->child->string, "bob");
	assert_string_equal(at(j, "users/alice/requests"), "3");
	assert_string_equal(at(j, "summary/total_users"), "3");
	cJSON_Delete(j);
}

static void
periods(void **state)
{
	struct ccp_report_query q = { .request_type = "all", .days = 0, .date = "2026-11-21" };
	cJSON *j = report(q);

	(void)state;
	assert_string_equal(at(j, "date"), "\"2026-11-21\"");
	assert_string_equal(at(j, "period_days"), "absent");
	assert_string_equal(at(j, "summary/total_requests"), "1");
	assert_string_equal(at(j, "previous/total_requests"), "1");
	cJSON_Delete(j);
	q.days = 45;
	j = report(q);
	assert_string_equal(at(j, "previous/total_requests"), "0");
	cJSON_Delete(j);
	q.days = 46; /* reaches further back than usage is kept */
	j = report(q);
	assert_string_equal(at(j, "previous"), "null");
	cJSON_Delete(j);
}

static void
one_user(void **state)
{
	struct ccp_report_query q = { .request_type = "all", .days = 8, .user = "alice" };
	cJSON *j = report(q);

	(void)state;
	assert_string_equal(at(j, "user_id"), "\"alice\"");
	assert_string_equal(at(j, "summary/total_requests"), "5");
	assert_string_equal(at(j, "daily_stats/2026-11-21/requests"), "1");
	assert_string_equal(at(j, "limit"), "{\"retry_until\":1795342200,\"remaining_seconds\":600,"
	                                    "\"reason\":\"five_hour\"}");
	cJSON_Delete(j);
	q.user = "nobody";
	j = report(q);
	assert_string_equal(at(j, "summary/total_requests"), "0");
	assert_string_equal(at(j, "daily_stats"), "{}");
	assert_string_equal(at(j, "limit"), "null");
	cJSON_Delete(j);
}

static void
metrics(void **state)
{
	struct ccp_buf text = CCP_BUF_INIT(65536);
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_report_metrics(store, NOW_S, &text, &err), CCP_OK);
	assert_non_null(strstr(ccp_buf_text(&text),
	                       "\nclaude_code_proxy_requests_today{request_type="
	                       "\"bedrock\",model=\"m1\"} 1\n"));
	assert_non_null(strstr(ccp_buf_text(&text), "model=\"m1\",kind=\"cache_read\"} 300\n"));
	assert_non_null(strstr(ccp_buf_text(&text), "model=\"m2\"} 0.000001\n"));
	assert_non_null(strstr(ccp_buf_text(&text), "\nclaude_code_proxy_users_limited 1\n"));
	ccp_buf_clear(&text);
	assert_int_equal(ccp_report_metrics(store, NOW_S - 2 * 86400, &text, &err), CCP_OK);
	assert_non_null(strstr(ccp_buf_text(&text), "model=\"m\\\"1\"} 1\n"));
	ccp_buf_clear(&text);
}

/* More models than are kept apart: nothing is lost, the rest is "other". */
static void
many_models(void **state)
{
	cJSON *j;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char model[16];

		snprintf(model, sizeof(model), "x%03d", i);
		add("zoe", model, "bedrock", 0, 1);
	}
	j = report(
		(struct ccp_report_query){ .request_type = "bedrock", .days = 1, .user = "zoe" });
	assert_string_equal(at(j, "summary/total_requests"), "100");
	assert_string_equal(at(j, "summary/models/x062/requests"), "1");
	assert_string_equal(at(j, "summary/models/other/requests"), "37");
	cJSON_Delete(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody), cmocka_unit_test(top),
		cmocka_unit_test(periods),   cmocka_unit_test(one_user),
		cmocka_unit_test(metrics),   cmocka_unit_test(many_models),
	};

	return cmocka_run_group_tests_name("report", tests, set_up, tear_down);
}
