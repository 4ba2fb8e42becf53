#include "admin.h"
#include "admin_text.h"
#include "base/json.h"
#include "store/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* As /v1/usage. */
#define DEFAULT_DAYS 7

/* 100,000 users with two models each, in JSON; who has more asks for JSON. */
#define REPORT_MAX_BYTES (256 * 1024 * 1024)

/* What other programs of this machine have counted and not delivered: usually under a second. */
#define DELIVER_MS 5000

static bool
print_piece(void *arg, const char *p, size_t n)
{
	(void)arg;
	return fwrite(p, 1, n, stdout) == n;
}

static bool
keep_piece(void *arg, const char *p, size_t n)
{
	struct ccp_buf *report = arg;

	ccp_buf_add(report, p, n);
	return ccp_buf_ok(report);
}

static int64_t
number_of(struct ccp_span object, const char *key)
{
	int64_t n = 0;

	(void)ccp_json_uint(ccp_json_member(object, key), &n);
	return n;
}

/* The columns from REQUESTS on. sum: an object of the report; total: it is the summary. */
static void
add_sum(struct ccp_table *t, struct ccp_span sum, bool total)
{
	struct ccp_span cost = ccp_json_member(sum, "cost_usd");
	bool estimated = ccp_span_is(ccp_json_member(sum, "estimated"), "true");

	ccp_table_count(t, number_of(sum, total ? "total_requests" : "requests"));
	ccp_table_count(t, number_of(sum, total ? "total_input_tokens" : "input_tokens"));
	ccp_table_count(t, number_of(sum, total ? "total_output_tokens" : "output_tokens"));
	ccp_table_count(t, number_of(sum, "cache_read_tokens"));
	ccp_table_count(t, number_of(sum, "cache_write_tokens"));
	ccp_table_cell(t, cost.p, cost.len);
	ccp_table_text(t, estimated ? "*" : "");
}

static void
add_name(struct ccp_table *t, struct ccp_span string)
{
	char name[512]; /* users have 128 bytes, models as many */

	if (!ccp_json_string_text(string, name, sizeof(name)))
		name[0] = '\0';
	ccp_table_text(t, name);
}

/* One user's, or one day's, rows: a model each. */
static void
add_models(struct ccp_table *t, const struct ccp_json_item *item)
{
	struct ccp_json_iter it = ccp_json_each(ccp_json_member(item->value, "models"));
	struct ccp_json_item model;
	bool none = true;

	while (ccp_json_next(&it, &model)) {
		add_name(t, item->key);
		add_name(t, model.key);
		add_sum(t, model.value, false);
		none = false;
	}
	if (none) {
		add_name(t, item->key);
		ccp_table_text(t, "");
		add_sum(t, item->value, false);
	}
}

static enum ccp_err
print_table(struct ccp_span report, bool of_user, struct ccp_error *err)
{
	static const char *const heads[] = { "MODEL",      "REQUESTS",    "INPUT",      "OUTPUT",
		                             "CACHE READ", "CACHE WRITE", "COST (USD)", "" };
	struct ccp_table table = CCP_TABLE_INIT("llrrrrrrl");
	struct ccp_span summary = ccp_json_member(report, "summary");
	struct ccp_json_iter it =
		ccp_json_each(ccp_json_member(report, of_user ? "daily_stats" : "users"));
	struct ccp_json_item item;
	enum ccp_err rc = CCP_OK;

	ccp_table_text(&table, of_user ? "DAY" : "USER");
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		ccp_table_text(&table, heads[i]);
	while (ccp_json_next(&it, &item))
		add_models(&table, &item);
	ccp_table_text(&table, "total");
	ccp_table_text(&table, "");
	add_sum(&table, summary, true);
	if (!ccp_table_print(&table))
		rc = ccp_fail(err, CCP_ERR_LIMIT,
		              "too much for a table: name a user, or use --json");
	else if (ccp_span_is(ccp_json_member(summary, "estimated"), "true"))
		puts("* partly estimated: an answer was cut short, or no price is known");
	ccp_table_clear(&table);
	return rc;
}

static void
print_caption(const struct ccp_report_query *query)
{
	char from[CCP_DAY_BYTES], to[CCP_DAY_BYTES];

	ccp_day_format(query->now_s - (query->days - 1) * (int64_t)CCP_DAY_S, from);
	ccp_day_format(query->now_s, to);
	if (query->user)
		printf("Usage of %s, Bedrock and Anthropic, ", query->user);
	else
		fputs("Usage of everybody, Bedrock, ", stdout);
	if (query->days == 0)
		printf("%s (UTC)\n\n", query->date);
	else
		printf("%s to %s (UTC)\n\n", from, to);
}

static enum ccp_err
print_report(struct ccp_store *store, const struct ccp_report_query *query, bool json,
             struct ccp_error *err)
{
	struct ccp_buf report = CCP_BUF_INIT(REPORT_MAX_BYTES);
	ccp_report_fn *write = json ? print_piece : keep_piece;
	enum ccp_err rc = query->user ? ccp_report_user(store, query, write, &report, err)
	                              : ccp_report_all(store, query, write, &report, err);

	if (!rc && json)
		puts("");
	else if (!rc && !ccp_buf_ok(&report))
		rc = ccp_fail(err, CCP_ERR_LIMIT,
		              "too much for a table: name a user, or use --json");
	else if (!rc) {
		print_caption(query);
		rc = print_table((struct ccp_span){ ccp_buf_text(&report), report.len },
		                 query->user != NULL, err);
	}
	ccp_buf_clear(&report);
	return rc;
}

int
ccp_admin_usage(const struct ccp_admin *admin)
{
	/* what /v1/usage/me and /v1/usage take when nobody says */
	struct ccp_report_query query = { .user = admin->user,
		                          .request_type = admin->user ? "all" : "bedrock",
		                          .now_s = time(NULL),
		                          .days = admin->days ? admin->days : DEFAULT_DAYS };
	struct ccp_store *store = NULL;
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	if (admin->date) {
		query.days = 0;
		snprintf(query.date, sizeof(query.date), "%s", admin->date);
	}
	rc = ccp_admin_open_store(admin->config, &store, &err);
	if (!rc) {
		ccp_store_deliver(store, DELIVER_MS);
		rc = print_report(store, &query, admin->json, &err);
	}
	ccp_admin_close_store(admin->config, store);
	return rc ? ccp_admin_failed(err.text) : CCP_ADMIN_FINE;
}
