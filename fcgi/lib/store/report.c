#include "store/report.h"

#include "base/json.h"
#include "store/usage_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* A piece is handed on once it is full; the last thing put in may have been a user with 64 models. */
#define ROOM_BYTES (CCP_REPORT_PIECE_BYTES + CCP_TALLY_TEXT_MAX + 4096)

struct report {
	int64_t first_s, last_s; /* beginnings of the period's first and last day */
	int day_count;
	bool everybody;
	/* the period before, if it is still kept, and this one: names of their days, in order */
	char day_names[2 * CCP_REPORT_DAYS_MAX][CCP_DAY_BYTES];
	int before_count; /* how many of them come before */
	struct ccp_tallies tallies;
	struct ccp_tally all, before;
	struct ccp_tally days[CCP_REPORT_DAYS_MAX];
	struct ccp_usage_table table; /* everybody's report only */
	struct ccp_limit limit;       /* one user's report only */
	bool no_memory;
	/* the text */
	struct ccp_buf out;
	ccp_report_fn *write;
	void *arg;
	bool left; /* nobody reads any more */
};

/* The period of the query; for everybody with the one before, unless a part of that is not kept. */
static void
set_period(struct report *r, const struct ccp_report_query *q)
{
	int64_t day_s = CCP_DAY_S, from_s;

	r->day_count = q->days ? q->days : 1;
	r->last_s = q->now_s - q->now_s % day_s;
	if (q->days == 0 && !ccp_day_parse(q->date, &r->last_s))
		r->last_s = 0; /* the caller has checked it; an empty period otherwise */
	r->first_s = r->last_s - (r->day_count - 1) * day_s;
	from_s = r->first_s - r->day_count * day_s;
	if (r->everybody && from_s > q->now_s - (CCP_REPORT_DAYS_MAX + 1) * day_s)
		r->before_count = r->day_count;
	else
		from_s = r->first_s;
	for (int i = 0; i < r->before_count + r->day_count; i++)
		ccp_day_format(from_s + i * day_s, r->day_names[i]);
}

static void
report_free(struct report *r)
{
	if (!r)
		return;
	ccp_usage_table_clear(&r->table);
	ccp_tallies_clear(&r->tallies);
	ccp_buf_clear(&r->out);
	free(r);
}

static enum ccp_err
report_new(const struct ccp_report_query *q, bool all, ccp_report_fn *write, void *arg,
           struct report **out, struct ccp_error *err)
{
	struct report *r = calloc(1, sizeof(*r));
	uint64_t seed = 0;

	*out = r;
	if (!r)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	r->write = write;
	r->arg = arg;
	r->everybody = all;
	set_period(r, q);
	/* all of the room now: once the answer has begun there is no way to say that it cannot go on */
	r->out.max = ROOM_BYTES;
	ccp_buf_addf(&r->out, "%*s", ROOM_BYTES, "");
	ccp_buf_consume(&r->out, ROOM_BYTES);
	if (!ccp_buf_ok(&r->out))
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	/* without a seed (there is one since the kernel is up) the table only is predictable */
	(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
	return all ? ccp_usage_table_init(&r->table, &r->tallies, seed, err) : CCP_OK;
}

static int
compare_days(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The place of a day in day_names, -1 for a day that was not asked for. */
static int
find_day(const struct report *r, const char *date)
{
	const char(*day)[CCP_DAY_BYTES] =
		bsearch(date, r->day_names, (size_t)(r->before_count + r->day_count),
	                sizeof(r->day_names[0]), compare_days);

	return day ? (int)(day - r->day_names) : -1;
}

static bool
count_row(struct report *r, const char *user, const char *date, const char *model,
          const struct ccp_usage_sum *sum)
{
	uint8_t number = ccp_names_number(&r->tallies.models, model);
	int day = find_day(r, date);

	if (day < 0)
		return true;
	if (day < r->before_count)
		return ccp_tally_add(&r->tallies, &r->before, number, sum) &&
		       ccp_usage_table_add_before(&r->table, user);
	return ccp_tally_add(&r->tallies, &r->all, number, sum) &&
	       ccp_tally_add(&r->tallies, &r->days[day - r->before_count], number, sum) &&
	       (!r->everybody || ccp_usage_table_add(&r->table, user, number, sum));
}

static bool
take_row(void *arg, const char *user, const char *date, const char *model,
         const struct ccp_usage_sum *sum)
{
	struct report *r = arg;

	r->no_memory = r->no_memory || !count_row(r, user, date, model, sum);
	return !r->no_memory;
}

static bool
take_limit(void *arg, const char *user, const struct ccp_limit *limit)
{
	struct report *r = arg;

	if (!r->everybody) {
		if (limit->retry_until_s > r->limit.retry_until_s)
			r->limit = *limit;
		return true;
	}
	r->no_memory = r->no_memory || !ccp_usage_table_limit(&r->table, user, limit);
	return !r->no_memory;
}

/* Asks the store for everything that the report needs. user NULL: everybody. */
static enum ccp_err
read_store(struct report *r, struct ccp_store *store, const struct ccp_report_query *q,
           const char *user, struct ccp_error *err)
{
	const char *from = r->day_names[0], *to = r->day_names[r->before_count + r->day_count - 1];
	enum ccp_err rc;

	rc = ccp_store_usage_each(store, user, from, to, q->request_type, take_row, r, err);
	if (!rc && !r->no_memory)
		rc = ccp_store_limits_each(store, user, q->now_s, take_limit, r, err);
	if (!rc && r->no_memory && r->tallies.chunks.count == CCP_CHUNKS_MAX_COUNT)
		rc = ccp_fail(err, CCP_ERR_LIMIT,
		              "the report is too large; ask for fewer days or for one user");
	else if (!rc && r->no_memory)
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	return rc;
}

/* Hands the text on, when there is a piece of it or at the end. */
static void
flush(struct report *r, bool end)
{
	if (r->out.len == 0 || (!end && r->out.len < CCP_REPORT_PIECE_BYTES))
		return;
	r->left = r->left || !r->write(r->arg, r->out.data, r->out.len);
	ccp_buf_consume(&r->out, r->out.len);
}

static void
write_summary(struct report *r, struct ccp_tally tally)
{
	ccp_tally_write(&r->tallies, tally, true, &r->out);
	ccp_buf_puts(&r->out, "}");
	flush(r, false);
}

static void
write_days(struct report *r, const struct ccp_report_query *q)
{
	bool first = true;

	ccp_buf_puts(&r->out, "\"daily_stats\":{");
	for (int i = 0; i < r->day_count; i++) {
		if (ccp_tally_sum(&r->tallies, r->days[i]).request_count == 0)
			continue;
		ccp_buf_addf(&r->out, "%s\"%s\":{", first ? "" : ",",
		             r->day_names[r->before_count + i]);
		ccp_tally_write(&r->tallies, r->days[i], false, &r->out);
		ccp_buf_puts(&r->out, "}");
		flush(r, false);
		first = false;
	}
	if (q->days)
		ccp_buf_addf(&r->out, "},\"period_days\":%d", q->days);
	else
		ccp_buf_addf(&r->out, "},\"date\":\"%s\"", q->date);
}

enum ccp_err
ccp_report_user(struct ccp_store *store, const struct ccp_report_query *q, ccp_report_fn *write,
                void *arg, struct ccp_error *err)
{
	struct report *r;
	enum ccp_err rc = report_new(q, false, write, arg, &r, err);

	if (!rc)
		rc = read_store(r, store, q, q->user, err);
	if (rc)
		goto out;
	ccp_buf_puts(&r->out, "{\"user_id\":");
	ccp_json_add_string(&r->out, q->user, strlen(q->user));
	ccp_buf_addf(&r->out, ",\"request_type\":\"%s\",\"summary\":{", q->request_type);
	write_summary(r, r->all);
	ccp_buf_puts(&r->out, ",");
	write_days(r, q);
	if (r->limit.retry_until_s) {
		ccp_buf_addf(
			&r->out,
			",\"limit\":{\"retry_until\":%lld,\"remaining_seconds\":%lld,\"reason\":",
			(long long)r->limit.retry_until_s,
			(long long)(r->limit.retry_until_s - q->now_s));
		ccp_json_add_string(&r->out, r->limit.reason, strlen(r->limit.reason));
		ccp_buf_puts(&r->out, "}}");
	} else {
		ccp_buf_puts(&r->out, ",\"limit\":null}");
	}
	flush(r, true);
out:
	report_free(r);
	return rc;
}

static void
write_users(struct report *r, size_t top)
{
	const struct ccp_usage_user *user = NULL;
	size_t count = 0;

	ccp_usage_table_sort(&r->table, top > 0);
	ccp_buf_puts(&r->out, ",\"users\":{");
	while ((user = ccp_usage_table_next(&r->table, user)) && !r->left) {
		if (!user->has_now)
			continue;
		if (top && count == top)
			break;
		ccp_buf_puts(&r->out, count++ ? "," : "");
		ccp_json_add_string(&r->out, user->name, user->len);
		ccp_buf_puts(&r->out, ":{");
		ccp_tally_write(&r->tallies, user->now, false, &r->out);
		ccp_buf_puts(&r->out, "}");
		flush(r, false);
	}
	ccp_buf_puts(&r->out, "},");
}

/* One entry a user: the longest of its limits. */
static void
write_limits(struct report *r)
{
	const struct ccp_usage_user *user = NULL;
	bool first = true;

	ccp_usage_table_sort(&r->table, false);
	ccp_buf_puts(&r->out, ",\"limits\":[");
	while ((user = ccp_usage_table_next(&r->table, user)) && !r->left) {
		const struct ccp_usage_span *span;
		const char *reason = r->table.reasons.text[user->reason];

		if (!user->limit)
			continue;
		span = ccp_chunks_at(&r->tallies.chunks, user->limit);
		ccp_buf_puts(&r->out, first ? "{\"user\":" : ",{\"user\":");
		ccp_json_add_string(&r->out, user->name, user->len);
		ccp_buf_addf(&r->out, ",\"since\":%lld,\"retry_until\":%lld,\"reason\":",
		             (long long)span->since_s, (long long)span->until_s);
		ccp_json_add_string(&r->out, reason, strlen(reason));
		ccp_buf_puts(&r->out, "}");
		flush(r, false);
		first = false;
	}
	ccp_buf_puts(&r->out, "]");
}

enum ccp_err
ccp_report_all(struct ccp_store *store, const struct ccp_report_query *q, ccp_report_fn *write,
               void *arg, struct ccp_error *err)
{
	struct report *r;
	enum ccp_err rc = report_new(q, true, write, arg, &r, err);
	size_t top = q->top < CCP_REPORT_TOP_MAX ? q->top : CCP_REPORT_TOP_MAX;

	if (!rc)
		rc = read_store(r, store, q, NULL, err);
	if (rc)
		goto out;
	ccp_buf_addf(&r->out, "{\"request_type\":\"%s\",\"summary\":{\"total_users\":%zu,",
	             q->request_type, r->table.now_count);
	write_summary(r, r->all);
	write_users(r, top);
	write_days(r, q);
	write_limits(r);
	if (r->before_count) {
		ccp_buf_addf(&r->out, ",\"previous\":{\"total_users\":%zu,", r->table.before_count);
		write_summary(r, r->before);
	} else {
		ccp_buf_puts(&r->out, ",\"previous\":null");
	}
	ccp_buf_puts(&r->out, "}");
	flush(r, true);
out:
	report_free(r);
	return rc;
}
