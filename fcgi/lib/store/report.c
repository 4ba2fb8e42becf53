#include "store/report.h"

#include "base/json.h"
#include "store/tally.h"

#include <stdlib.h>
#include <string.h>

/* A user of the top list, its JSON ready. */
struct ranked {
	int64_t cost_microusd, total_tokens;
	char *json; /* owned */
};

struct report {
	int64_t first_s; /* beginning of the first day */
	int day_count;
	int day_at; /* of the row before: rows come by date */
	char day_names[CCP_REPORT_DAYS_MAX][CCP_DAY_BYTES];
	char from[CCP_DAY_BYTES], to[CCP_DAY_BYTES];
	struct ccp_tally all;
	struct ccp_tally days[CCP_REPORT_DAYS_MAX];
	/* everybody's report only: users come one after the other */
	char user[CCP_USER_MAX_BYTES + 1];
	struct ccp_tally of_user;
	int64_t user_count;
	struct ccp_buf users; /* their JSON, when there is no top */
	struct ranked *ranked;
	size_t ranked_count, top;
	bool no_memory;
};

/* The period of the query, moved back by so many days. */
static void
set_period(struct report *r, const struct ccp_report_query *q, int64_t back_days)
{
	int64_t last_s = q->now_s - q->now_s % CCP_DAY_S;

	r->day_count = q->days ? q->days : 1;
	if (q->days == 0 && !ccp_day_parse(q->date, &last_s))
		last_s = 0; /* the caller has checked it; an empty period otherwise */
	last_s -= back_days * CCP_DAY_S;
	r->first_s = last_s - (r->day_count - 1) * (int64_t)CCP_DAY_S;
	ccp_day_format(r->first_s, r->from);
	ccp_day_format(last_s, r->to);
	for (int i = 0; i < r->day_count; i++)
		ccp_day_format(r->first_s + i * (int64_t)CCP_DAY_S, r->day_names[i]);
}

static void
report_clear(struct report *r)
{
	ccp_tally_clear(&r->all);
	ccp_tally_clear(&r->of_user);
	for (int i = 0; i < CCP_REPORT_DAYS_MAX; i++)
		ccp_tally_clear(&r->days[i]);
	for (size_t i = 0; i < r->ranked_count; i++)
		free(r->ranked[i].json);
	free(r->ranked);
	ccp_buf_clear(&r->users);
	free(r);
}

static struct report *
report_new(const struct ccp_report_query *q, int64_t back_days)
{
	struct report *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	set_period(r, q, back_days);
	r->users.max = CCP_REPORT_MAX_BYTES;
	r->top = q->top < CCP_REPORT_TOP_MAX ? q->top : CCP_REPORT_TOP_MAX;
	r->ranked = r->top ? calloc(r->top, sizeof(*r->ranked)) : NULL;
	if (r->top && !r->ranked) {
		report_clear(r);
		return NULL;
	}
	return r;
}

static bool
count_row(void *arg, const char *user, const char *date, const char *model,
          const struct ccp_usage_sum *sum)
{
	struct report *r = arg;

	(void)user;
	r->no_memory = !ccp_tally_add(&r->all, model, sum);
	for (int i = 0; i < r->day_count; i++) {
		int n = (r->day_at + i) % r->day_count;

		if (strcmp(date, r->day_names[n]) != 0)
			continue;
		r->day_at = n;
		r->no_memory = r->no_memory || !ccp_tally_add(&r->days[n], model, sum);
		break;
	}
	return !r->no_memory;
}

/* Negative when a comes before b in the top list. */
static int
compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->cost_microusd != y->cost_microusd)
		return x->cost_microusd > y->cost_microusd ? -1 : 1;
	if (x->total_tokens != y->total_tokens)
		return x->total_tokens > y->total_tokens ? -1 : 1;
	return 0;
}

/* Takes json. */
static void
rank(struct report *r, char *json)
{
	struct ranked new = { r->of_user.sum.cost_microusd, ccp_tally_total(&r->of_user.sum),
		              json };
	size_t last = 0;

	if (r->ranked_count < r->top) {
		r->ranked[r->ranked_count++] = new;
		return;
	}
	for (size_t i = 1; i < r->ranked_count; i++)
		if (compare_ranked(&r->ranked[i], &r->ranked[last]) > 0)
			last = i;
	if (compare_ranked(&new, &r->ranked[last]) < 0) {
		free(r->ranked[last].json);
		r->ranked[last] = new;
	} else {
		free(json);
	}
}

/* All rows of the user before are in: writes it down. */
static void
finish_user(struct report *r)
{
	struct ccp_buf alone = CCP_BUF_INIT(CCP_REPORT_MAX_BYTES);
	struct ccp_buf *out = r->top ? &alone : &r->users;

	if (!r->user[0])
		return;
	r->user_count++;
	ccp_buf_puts(out, r->users.len ? "," : "");
	ccp_json_add_string(out, r->user, strlen(r->user));
	ccp_buf_puts(out, ":{");
	ccp_tally_write(&r->of_user, false, out);
	ccp_buf_puts(out, "}");
	if (!ccp_buf_ok(out)) {
		r->no_memory = true;
		ccp_buf_clear(&alone);
	} else if (r->top) {
		rank(r, ccp_buf_take(&alone));
	}
	ccp_tally_reset(&r->of_user);
}

static bool
count_row_of_all(void *arg, const char *user, const char *date, const char *model,
                 const struct ccp_usage_sum *sum)
{
	struct report *r = arg;

	if (strcmp(user, r->user) != 0) {
		finish_user(r);
		memcpy(r->user, user, strlen(user) + 1);
	}
	if (r->no_memory || !count_row(r, user, date, model, sum))
		return false;
	r->no_memory = !ccp_tally_add(&r->of_user, model, sum);
	return !r->no_memory;
}

static void
write_days(const struct report *r, struct ccp_buf *out)
{
	bool first = true;

	ccp_buf_puts(out, "\"daily_stats\":{");
	for (int i = 0; i < r->day_count; i++) {
		if (r->days[i].sum.request_count == 0)
			continue;
		ccp_buf_addf(out, "%s\"%s\":{", first ? "" : ",", r->day_names[i]);
		ccp_tally_write(&r->days[i], false, out);
		ccp_buf_puts(out, "}");
		first = false;
	}
	ccp_buf_puts(out, "}");
}

static void
write_period(const struct ccp_report_query *q, struct ccp_buf *out)
{
	if (q->days)
		ccp_buf_addf(out, ",\"period_days\":%d", q->days);
	else
		ccp_buf_addf(out, ",\"date\":\"%s\"", q->date);
}

/* Fails when a callback or a builder ran out of room. */
static enum ccp_err
check_room(const struct report *r, const struct ccp_buf *out, struct ccp_error *err)
{
	if (r->no_memory || !ccp_buf_ok(out))
		return ccp_fail(err, CCP_ERR_LIMIT, "the report is too large; ask with top=N");
	return CCP_OK;
}

struct limit_writer {
	struct ccp_buf *out;
	int64_t now_s;
	char last_user[CCP_USER_MAX_BYTES + 1];
	int64_t count;
};

static void
write_reason(const struct ccp_limit *l, struct ccp_buf *out)
{
	ccp_buf_puts(out, "\"reason\":");
	ccp_json_add_string(out, l->reason, strlen(l->reason));
	ccp_buf_puts(out, "}");
}

/* The user's longest limit, which comes first. */
static bool
write_own_limit(void *arg, const char *user, const struct ccp_limit *l)
{
	struct limit_writer *w = arg;

	(void)user;
	w->count = 1;
	ccp_buf_addf(w->out, "{\"retry_until\":%lld,\"remaining_seconds\":%lld,",
	             (long long)l->retry_until_s, (long long)(l->retry_until_s - w->now_s));
	write_reason(l, w->out);
	return false;
}

/* One entry a user: the longest of its limits, which comes first. */
static bool
write_users_limit(void *arg, const char *user, const struct ccp_limit *l)
{
	struct limit_writer *w = arg;

	if (w->count && strcmp(user, w->last_user) == 0)
		return true;
	memcpy(w->last_user, user, strlen(user) + 1);
	w->count++;
	ccp_buf_puts(w->out, w->count > 1 ? ",{\"user\":" : "{\"user\":");
	ccp_json_add_string(w->out, user, strlen(user));
	ccp_buf_addf(w->out, ",\"since\":%lld,\"retry_until\":%lld,", (long long)l->created_at_s,
	             (long long)l->retry_until_s);
	write_reason(l, w->out);
	return ccp_buf_ok(w->out);
}

enum ccp_err
ccp_report_user(struct ccp_store *store, const struct ccp_report_query *q, struct ccp_buf *out,
                struct ccp_error *err)
{
	struct limit_writer limit = { .out = out, .now_s = q->now_s };
	struct report *r = report_new(q, 0);
	enum ccp_err rc;

	if (!r)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	rc = ccp_store_usage_each(store, q->user, r->from, r->to, q->request_type, count_row, r,
	                          err);
	if (rc)
		goto out;
	ccp_buf_puts(out, "{\"user_id\":");
	ccp_json_add_string(out, q->user, strlen(q->user));
	ccp_buf_addf(out, ",\"request_type\":\"%s\",\"summary\":{", q->request_type);
	ccp_tally_write(&r->all, true, out);
	ccp_buf_puts(out, "},");
	write_days(r, out);
	write_period(q, out);
	ccp_buf_puts(out, ",\"limit\":");
	rc = ccp_store_limits_each(store, q->user, q->now_s, write_own_limit, &limit, err);
	ccp_buf_puts(out, limit.count ? "}" : "null}");
	if (!rc)
		rc = check_room(r, out, err);
out:
	report_clear(r);
	return rc;
}

static void
write_summary(const struct report *r, struct ccp_buf *out)
{
	ccp_buf_addf(out, "{\"total_users\":%lld,", (long long)r->user_count);
	ccp_tally_write(&r->all, true, out);
	ccp_buf_puts(out, "}");
}

/* Reads everybody's rows of the report's period. */
static enum ccp_err
read_all(struct ccp_store *store, const char *request_type, struct report *r, struct ccp_error *err)
{
	enum ccp_err rc = ccp_store_usage_each(store, NULL, r->from, r->to, request_type,
	                                       count_row_of_all, r, err);

	if (!rc)
		finish_user(r);
	return rc;
}

/* The summary of as many days before, or null where they are not kept any more. */
static enum ccp_err
write_previous(struct ccp_store *store, const struct ccp_report_query *q, struct ccp_buf *out,
               struct ccp_error *err)
{
	struct ccp_report_query before = *q;
	struct report *r;
	enum ccp_err rc;

	before.top = 1; /* the users themselves are not wanted */
	r = report_new(&before, q->days ? q->days : 1);
	if (!r)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	ccp_buf_puts(out, ",\"previous\":");
	if (r->first_s <= q->now_s - (CCP_REPORT_DAYS_MAX + 1) * (int64_t)CCP_DAY_S) {
		ccp_buf_puts(out, "null");
		rc = CCP_OK;
	} else {
		rc = read_all(store, q->request_type, r, err);
		write_summary(r, out);
	}
	if (!rc)
		rc = check_room(r, out, err);
	report_clear(r);
	return rc;
}

static void
write_users(struct report *r, struct ccp_buf *out)
{
	ccp_buf_puts(out, ",\"users\":{");
	if (r->ranked_count)
		qsort(r->ranked, r->ranked_count, sizeof(*r->ranked), compare_ranked);
	for (size_t i = 0; i < r->ranked_count; i++) {
		ccp_buf_puts(out, i ? "," : "");
		ccp_buf_puts(out, r->ranked[i].json);
	}
	ccp_buf_add(out, r->users.data, r->users.len);
	ccp_buf_puts(out, "},");
}

enum ccp_err
ccp_report_all(struct ccp_store *store, const struct ccp_report_query *q, struct ccp_buf *out,
               struct ccp_error *err)
{
	struct limit_writer limits = { .out = out, .now_s = q->now_s };
	struct report *r = report_new(q, 0);
	enum ccp_err rc;

	if (!r)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	rc = read_all(store, q->request_type, r, err);
	if (rc)
		goto out;
	ccp_buf_addf(out, "{\"request_type\":\"%s\",\"summary\":", q->request_type);
	write_summary(r, out);
	write_users(r, out);
	write_days(r, out);
	write_period(q, out);
	ccp_buf_puts(out, ",\"limits\":[");
	rc = ccp_store_limits_each(store, NULL, q->now_s, write_users_limit, &limits, err);
	ccp_buf_puts(out, "]");
	if (!rc)
		rc = check_room(r, out, err);
	if (!rc)
		rc = write_previous(store, q, out, err);
	ccp_buf_puts(out, "}");
out:
	report_clear(r);
	return rc;
}
