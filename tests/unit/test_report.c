/* covers: report metrics */
#include "store/report.h"

#include "unit.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S (1795305600 + 36000) /* 2026-11-22T10:00:00Z */
#define ROWS_MAX 70000

/* A store of this test's own, so that rows come in any order and reading may fail. */
struct row {
	char user[160], model[160], date[16], type[16];
	struct ccp_usage_sum sum;
};

struct ccp_store {
	struct row *rows;
	size_t row_count;
	struct {
		char user[160];
		struct ccp_limit limit;
	} limits[16];
	size_t limit_count;
	size_t step; /* rows come in steps of so many: another order for each */
	int usage_reads;
	enum ccp_err usage_fails, limits_fail;
};

static struct ccp_store *store;

static bool
is_between(const char *date, const char *from, const char *to)
{
	return strcmp(from, date) <= 0 && strcmp(date, to) <= 0;
}

enum ccp_err
ccp_store_usage_each(struct ccp_store *s, const char *user, const char *from_date,
                     const char *to_date, const char *request_type, ccp_usage_fn *fn, void *arg,
                     struct ccp_error *err)
{
	assert_int_equal(strlen(from_date), 10);
	assert_int_equal(strlen(to_date), 10);
	assert_true(strcmp(from_date, to_date) <= 0);
	s->usage_reads++;
	for (size_t i = 0; i < s->row_count; i++) {
		const struct row *r = &s->rows[i * s->step % s->row_count];

		if (s->usage_fails && i == s->row_count / 2)
			return ccp_fail(err, s->usage_fails, "half of it cannot be read");
		if ((user && strcmp(user, r->user) != 0) ||
		    !is_between(r->date, from_date, to_date) ||
		    (strcmp(request_type, "all") != 0 && strcmp(request_type, r->type) != 0))
			continue;
		if (!fn(arg, r->user, r->date, r->model, &r->sum))
			return CCP_OK;
	}
	return CCP_OK;
}

enum ccp_err
ccp_store_limits_each(struct ccp_store *s, const char *user, int64_t now_s, ccp_limit_fn *fn,
                      void *arg, struct ccp_error *err)
{
	if (s->limits_fail)
		return ccp_fail(err, s->limits_fail, "limits cannot be read");
	for (size_t i = 0; i < s->limit_count; i++)
		if (s->limits[i].limit.retry_until_s > now_s &&
		    (!user || strcmp(user, s->limits[i].user) == 0) &&
		    !fn(arg, s->limits[i].user, &s->limits[i].limit))
			return CCP_OK;
	return CCP_OK;
}

static struct row *
add(const char *user, const char *model, const char *type, int days_ago, int64_t cost)
{
	struct row *r = &store->rows[store->row_count++];

	assert_true(store->row_count <= ROWS_MAX);
	*r = (struct row){ .sum = { .tokens = { 10, 20, 300, 4, 5, cost < 0 },
		                    .request_count = 1,
		                    .cost_microusd = cost < 0 ? 0 : cost } };
	snprintf(r->user, sizeof(r->user), "%s", user);
	snprintf(r->model, sizeof(r->model), "%s", model);
	snprintf(r->type, sizeof(r->type), "%s", type);
	ccp_day_format(NOW_S - days_ago * (int64_t)86400, r->date);
	return r;
}

static void
limit(const char *user, const char *family, int64_t until_s, const char *reason)
{
	struct ccp_limit *l = &store->limits[store->limit_count].limit;

	snprintf(store->limits[store->limit_count].user, 160, "%s", user);
	store->limit_count++;
	*l = (struct ccp_limit){ .retry_until_s = until_s, .created_at_s = NOW_S - 5 };
	snprintf(l->family, sizeof(l->family), "%s", family);
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
}

static int
set_up(void **state)
{
	(void)state;
	store = calloc(1, sizeof(*store));
	assert_non_null(store);
	store->rows = calloc(ROWS_MAX, sizeof(*store->rows));
	assert_non_null(store->rows);
	store->step = 1;
	add("alice", "m1", "bedrock", 0, 1500000);
	add("carol", "m1", "bedrock", 3, -1);
	add("alice", "m1", "bedrock", 6, 7);
	add("bob", "m\"1", "bedrock", 2, 9000000);
	add("alice", "m1", "bedrock", 7, 100); /* the period before */
	add("alice", "m1", "anthropic", 1, 0);
	add("alice", "m2", "bedrock", 0, 1);
	limit("alice", "all", NOW_S + 600, "five_hour");
	limit("alice", "opus", NOW_S + 60, "retry_after");
	limit("dave", "all", NOW_S - 1, "over");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(store->rows);
	free(store);
	return 0;
}

static struct ccp_buf text = CCP_BUF_INIT(256 * 1024 * 1024);
static size_t piece_count, piece_max, pieces_wanted;

static bool
take_piece(void *arg, const char *p, size_t n)
{
	assert_ptr_equal(arg, &text);
	assert_true(n > 0);
	ccp_buf_add(&text, p, n);
	piece_max = n > piece_max ? n : piece_max;
	return ++piece_count < pieces_wanted;
}

/* Makes the report in text. */
static enum ccp_err
make(struct ccp_report_query query, struct ccp_error *err)
{
	query.now_s = NOW_S;
	ccp_buf_clear(&text);
	piece_count = piece_max = 0;
	pieces_wanted = pieces_wanted ? pieces_wanted : SIZE_MAX;
	return query.user ? ccp_report_user(store, &query, take_piece, &text, err)
	                  : ccp_report_all(store, &query, take_piece, &text, err);
}

static cJSON *
report(struct ccp_report_query query)
{
	struct ccp_error err = { 0 };
	cJSON *json;

	if (make(query, &err))
		fail_msg("%s", err.text);
	json = cJSON_ParseWithOpts(ccp_buf_text(&text), NULL, 1);
	if (!json)
		fail_msg("not JSON: %.2000s", ccp_buf_text(&text));
	ccp_buf_clear(&text);
	return json;
}

/* The JSON text at a path of keys, "summary/total_users"; the caller frees nothing. */
static const char *
at(const cJSON *json, const char *path)
{
	static char value[2048];
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
	assert_true(cJSON_PrintPreallocated((cJSON *)(uintptr_t)json, value, sizeof(value), 0));
	return value;
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
	struct ccp_error err;

	(void)state;
	ccp_buf_clear(&text);
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

/* Whatever order the rows come in, and in however many parts, the text is the same. */
static void
any_order(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 5, 8, 9 }; /* no divisors of the number of rows */
	struct ccp_report_query q = { .request_type = "all", .days = 7 };
	struct ccp_error err;
	char *first = NULL;

	(void)state;
	add("alice", "m1", "bedrock", 0, 3); /* the same user, date and model once more */
	add("bob", "m2", "anthropic", 0, 4);
	add("erin", "m1", "bedrock", 9, 4); /* of the period before only */
	add("bob", "m2", "bedrock", 12, 4);
	assert_int_equal(store->row_count, 11);
	for (size_t top = 0; top < 3; top++) {
		q.top = top;
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			store->step = steps[i];
			assert_int_equal(make(q, &err), CCP_OK);
			if (first)
				assert_string_equal(ccp_buf_text(&text), first);
			else
				first = ccp_buf_take(&text);
		}
		free(first);
		first = NULL;
	}
	ccp_buf_clear(&text);
}

/* With DynamoDB every reading may be a Scan: one is enough for a period and the one before. */
static void
one_reading(void **state)
{
	cJSON *j;

	(void)state;
	add("erin", "m1", "bedrock", 13, 4);
	add("erin", "m1", "bedrock", 14, 4);
	store->usage_reads = 0;
	j = report((struct ccp_report_query){ .request_type = "bedrock", .days = 7 });
	assert_int_equal(store->usage_reads, 1);
	assert_string_equal(at(j, "summary/total_users"), "3");
	assert_string_equal(at(j, "previous/total_users"), "2");
	assert_string_equal(at(j, "previous/total_requests"), "2");
	assert_string_equal(at(j, "users/erin"), "absent");
	assert_string_equal(at(j, "daily_stats/2026-11-15"), "absent");
	cJSON_Delete(j);
}

/* A store that fails in the middle has left no half answer behind. */
static void
failing(void **state)
{
	struct ccp_report_query q = { .request_type = "all", .days = 7 };
	struct ccp_error err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		q.user = i ? "alice" : NULL;
		store->usage_fails = CCP_ERR_NET;
		assert_int_equal(make(q, &err), CCP_ERR_NET);
		assert_string_equal(err.text, "half of it cannot be read");
		assert_int_equal(piece_count, 0);
		store->usage_fails = CCP_OK;
		store->limits_fail = CCP_ERR_STORE;
		assert_int_equal(make(q, &err), CCP_ERR_STORE);
		assert_int_equal(piece_count, 0);
		store->limits_fail = CCP_OK;
	}
	store->usage_fails = CCP_ERR_NET;
	assert_int_equal(ccp_report_metrics(store, NOW_S, &text, &err), CCP_ERR_NET);
	assert_int_equal(text.len, 0);
}

static void
pieces(void **state)
{
	struct ccp_report_query q = { .request_type = "bedrock", .days = 7 };
	struct ccp_error err;
	cJSON *j;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "user-%05d", i * 7 % 20000);
		add(name, "m1", "bedrock", i % 7, 1);
	}
	j = report(q);
	assert_string_equal(at(j, "summary/total_users"), "20003");
	assert_string_equal(at(j, "summary/total_requests"), "20005");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "users")), 20003);
	assert_in_range(piece_max, CCP_REPORT_PIECE_BYTES, CCP_REPORT_PIECE_BYTES + 4096);
	assert_in_range(piece_count, 100, 200);
	cJSON_Delete(j);
	/* nobody reads any more: no more is made */
	pieces_wanted = 2;
	assert_int_equal(make(q, &err), CCP_OK);
	assert_in_range(piece_count, 2, 3);
	pieces_wanted = 0;
	ccp_buf_clear(&text);
}

/* Names that another program wrote: any bytes but NUL, and longer than ours. */
static void
hostile_names(void **state)
{
	char all[256], longer[160];
	cJSON *j;

	(void)state;
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	memset(longer, 'x', sizeof(longer) - 1);
	longer[159] = '\0';
	for (int i = 0; i < 255; i += 5) {
		char name[6] = { 0 };

		memcpy(name, all + i, 5);
		add(name, name, "bedrock", 0, 1);
	}
	add("\"},\"x\":{\"", "\\", "bedrock", 0, 1);
	add("\xed\x95", "m1", "bedrock", 0, 1);
	add("", "", "bedrock", 0, 1);
	add(longer, longer, "bedrock", 0, 1);
	limit(longer, "all", NOW_S + 5, "\"\x01\xff");
	limit("\n", "all", NOW_S + 5, "\\");
	j = report((struct ccp_report_query){ .request_type = "bedrock", .days = 1 });
	assert_string_equal(at(j, "summary/total_users"), "56"); /* alice too */
	assert_string_equal(at(j, "summary/total_requests"), "57");
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "users")), 56);
	assert_non_null(
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(j, "users"), "\"},\"x\":{\""));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "limits")), 3);
	cJSON_Delete(j);
	/* all of it as one user's models */
	j = report((struct ccp_report_query){
		.request_type = "bedrock", .days = 1, .user = "\"},\"x\":{\"" });
	assert_string_equal(at(j, "user_id"), "\"\\\"},\\\"x\\\":{\\\"\"");
	cJSON_Delete(j);
}

/* Days that were not asked for, or do not exist, belong to no period. */
static void
strange_dates(void **state)
{
	cJSON *j;

	(void)state;
	memcpy(add("frank", "m1", "bedrock", 0, 1)->date, "2026-11-2", 10);
	memcpy(add("frank", "m1", "bedrock", 0, 1)->date, "2026-11-19T00:0", 16);
	memcpy(add("frank", "m1", "bedrock", 0, 1)->date, "2026-11-1x", 11);
	j = report((struct ccp_report_query){ .request_type = "bedrock", .days = 7 });
	assert_string_equal(at(j, "summary/total_requests"), "5");
	assert_string_equal(at(j, "summary/total_users"), "3");
	cJSON_Delete(j);
	j = report((struct ccp_report_query){ .request_type = "bedrock", .date = "1970-01-01" });
	assert_string_equal(at(j, "summary/total_requests"), "0");
	assert_string_equal(at(j, "users"), "{}");
	assert_string_equal(at(j, "previous"), "null");
	cJSON_Delete(j);
	j = report((struct ccp_report_query){ .request_type = "bedrock", .date = "9999-12-31" });
	assert_string_equal(at(j, "previous/total_requests"), "0");
	cJSON_Delete(j);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(everybody), TEST(top),       TEST(periods),       TEST(one_user),
		TEST(metrics),   TEST(any_order), TEST(many_models),   TEST(one_reading),
		TEST(failing),   TEST(pieces),    TEST(hostile_names), TEST(strange_dates),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
