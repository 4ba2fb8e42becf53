#include "store/sqlite_run.h"
#include "store/store_backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VOUCH_STEP_S 60 /* a fresher note is not written again */

static void
bind_text(sqlite3_stmt *stmt, int n, const char *text)
{
	/* static: the caller's text outlives the step, and the binding is cleared after it */
	sqlite3_bind_text(stmt, n, text, -1, SQLITE_STATIC);
}

struct limit_of {
	const char *user;
	const struct ccp_limit *limit;
};

static void
bind_limit(sqlite3_stmt *stmt, const void *arg)
{
	const struct limit_of *l = arg;

	bind_text(stmt, 1, l->user);
	bind_text(stmt, 2, l->limit->credential);
	bind_text(stmt, 3, l->limit->family);
	sqlite3_bind_int64(stmt, 4, l->limit->retry_until_s);
	sqlite3_bind_int64(stmt, 5, l->limit->retry_after_s);
	sqlite3_bind_int64(stmt, 6, l->limit->created_at_s);
	bind_text(stmt, 7, l->limit->reason);
}

static enum ccp_err
limit_put(void *self, const char *user, const struct ccp_limit *limit, struct ccp_error *err)
{
	const struct limit_of l = { user, limit };

	return ccp_sqlite_write(self, CCP_ST_LIMIT_PUT, bind_limit, &l, limit->created_at_s, err);
}

static void
bind_user(sqlite3_stmt *stmt, const void *arg)
{
	bind_text(stmt, 1, arg);
}

static enum ccp_err
limits_clear(void *self, const char *user, struct ccp_error *err)
{
	return ccp_sqlite_write(self, CCP_ST_LIMITS_CLEAR, bind_user, user, 0, err);
}

struct vouch_of {
	const char *credential;
	int64_t at_s;
};

static void
bind_vouch(sqlite3_stmt *stmt, const void *arg)
{
	const struct vouch_of *v = arg;

	bind_text(stmt, 1, v->credential);
	sqlite3_bind_int64(stmt, 2, v->at_s);
}

struct usage_of {
	const struct ccp_usage_record *record;
	const char *day;
};

static void
bind_usage(sqlite3_stmt *stmt, const void *arg)
{
	const struct usage_of *u = arg;
	const struct ccp_usage_record *r = u->record;

	bind_text(stmt, 1, r->user);
	bind_text(stmt, 2, u->day);
	bind_text(stmt, 3, r->model);
	bind_text(stmt, 4, r->request_type);
	sqlite3_bind_int64(stmt, 5, r->tokens.input_tokens);
	sqlite3_bind_int64(stmt, 6, r->tokens.output_tokens);
	sqlite3_bind_int64(stmt, 7, r->tokens.cache_read_tokens);
	sqlite3_bind_int64(stmt, 8, r->tokens.cache_write_5m_tokens);
	sqlite3_bind_int64(stmt, 9, r->tokens.cache_write_1h_tokens);
	sqlite3_bind_int64(stmt, 10, r->cost_microusd < 0 ? 0 : r->cost_microusd);
	sqlite3_bind_int(stmt, 11, r->tokens.estimated || r->cost_microusd < 0);
	sqlite3_bind_int64(stmt, 12, r->at_s);
}

static enum ccp_err
usage_add(void *self, const struct ccp_usage_record *record, const char *day, struct ccp_error *err)
{
	const struct usage_of u = { record, day };

	return ccp_sqlite_write(self, CCP_ST_USAGE_ADD, bind_usage, &u, record->at_s, err);
}

static bool
row_exists(sqlite3_stmt *stmt, void *arg)
{
	(void)stmt;
	*(bool *)arg = true;
	return false;
}

static enum ccp_err
vouched(void *self, const char *credential, int64_t since_s, bool *yes, struct ccp_error *err)
{
	const struct vouch_of v = { credential, since_s };

	*yes = false;
	return ccp_sqlite_read(self, CCP_ST_VOUCHED, bind_vouch, &v, row_exists, yes, err);
}

/* A busy credential is accepted many times a minute: most of these notes are a read only. */
static enum ccp_err
vouch(void *self, const char *credential, int64_t now_s, struct ccp_error *err)
{
	const struct vouch_of v = { credential, now_s };
	bool fresh = false;
	enum ccp_err rc = vouched(self, credential, now_s - VOUCH_STEP_S + 1, &fresh, err);

	if (rc || fresh)
		return rc;
	return ccp_sqlite_write(self, CCP_ST_VOUCH, bind_vouch, &v, now_s, err);
}

struct limit_reader {
	ccp_limit_fn *fn;
	void *arg;
};

static bool
row_limit(sqlite3_stmt *stmt, void *arg)
{
	const struct limit_reader *reader = arg;
	char user[CCP_USER_MAX_BYTES + 1];
	struct ccp_limit limit = { 0 };

	ccp_sqlite_column(stmt, 0, user, sizeof(user));
	ccp_sqlite_column(stmt, 1, limit.credential, sizeof(limit.credential));
	ccp_sqlite_column(stmt, 2, limit.family, sizeof(limit.family));
	limit.retry_until_s = sqlite3_column_int64(stmt, 3);
	limit.retry_after_s = sqlite3_column_int64(stmt, 4);
	limit.created_at_s = sqlite3_column_int64(stmt, 5);
	ccp_sqlite_column(stmt, 6, limit.reason, sizeof(limit.reason));
	return reader->fn(reader->arg, user, &limit);
}

static enum ccp_err
limits_each(void *self, const char *user, int64_t now_s, ccp_limit_fn *fn, void *arg,
            struct ccp_error *err)
{
	const struct vouch_of who = { user ? user : "", now_s };
	struct limit_reader reader = { fn, arg };

	/* ?1 is a name and ?2 a time, as bind_vouch() fills them */
	return ccp_sqlite_read(self, user ? CCP_ST_LIMITS_OF_USER : CCP_ST_LIMITS_ALL, bind_vouch,
	                       &who, row_limit, &reader, err);
}

struct usage_query {
	const char *user, *from, *to, *type;
};

static void
bind_usage_query(sqlite3_stmt *stmt, const void *arg)
{
	const struct usage_query *q = arg;

	bind_text(stmt, 1, q->user);
	bind_text(stmt, 2, q->from);
	bind_text(stmt, 3, q->to);
	bind_text(stmt, 4, q->type);
}

struct usage_reader {
	ccp_usage_fn *fn;
	void *arg;
};

static bool
row_usage(sqlite3_stmt *stmt, void *arg)
{
	const struct usage_reader *reader = arg;
	struct ccp_usage_record names;
	struct ccp_usage_sum sum;
	char day[16];

	ccp_sqlite_column(stmt, 0, names.user, sizeof(names.user));
	ccp_sqlite_column(stmt, 1, day, sizeof(day));
	ccp_sqlite_column(stmt, 2, names.model, sizeof(names.model));
	sum.tokens.input_tokens = sqlite3_column_int64(stmt, 3);
	sum.tokens.output_tokens = sqlite3_column_int64(stmt, 4);
	sum.tokens.cache_read_tokens = sqlite3_column_int64(stmt, 5);
	sum.tokens.cache_write_5m_tokens = sqlite3_column_int64(stmt, 6);
	sum.tokens.cache_write_1h_tokens = sqlite3_column_int64(stmt, 7);
	sum.tokens.estimated = sqlite3_column_int(stmt, 8) != 0;
	sum.request_count = sqlite3_column_int64(stmt, 9);
	sum.cost_microusd = sqlite3_column_int64(stmt, 10);
	return reader->fn(reader->arg, names.user, day, names.model, &sum);
}

static enum ccp_err
usage_each(void *self, const char *user, const char *from_date, const char *to_date,
           const char *request_type, ccp_usage_fn *fn, void *arg, struct ccp_error *err)
{
	const struct usage_query q = { user, from_date, to_date, request_type };
	struct usage_reader reader = { fn, arg };
	enum ccp_sqlite_statement n = user                              ? CCP_ST_USAGE_OF_USER
	                              : strcmp(from_date, to_date) == 0 ? CCP_ST_USAGE_OF_DAY
	                                                                : CCP_ST_USAGE_ALL;

	return ccp_sqlite_read(self, n, bind_usage_query, &q, row_usage, &reader, err);
}

static void
bind_nothing(sqlite3_stmt *stmt, const void *arg)
{
	(void)stmt;
	(void)arg;
}

static enum ccp_err
check(void *self, struct ccp_error *err)
{
	struct ccp_sqlite *s = self;
	bool found = false;
	enum ccp_err rc = ccp_sqlite_pool_check(s->pool, err);

	if (rc)
		return rc;
	rc = ccp_sqlite_read(s, CCP_ST_CHECK, bind_nothing, NULL, row_exists, &found, err);
	if (!rc && !found)
		rc = ccp_fail(err, CCP_ERR_STORE, "%.100s: a row of the schema is missing",
		              s->pool->path);
	return rc;
}

static void
sqlite_close(void *self)
{
	struct ccp_sqlite *s = self;

	if (!s)
		return;
	ccp_sqlite_pool_close(s->pool);
	pthread_mutex_destroy(&s->write_lock);
	free(s);
}

enum ccp_err
ccp_sqlite_open(const char *path, void **self, struct ccp_error *err)
{
	struct ccp_sqlite *s = calloc(1, sizeof(*s));
	enum ccp_err rc;

	*self = NULL;
	if (!s)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	pthread_mutex_init(&s->write_lock, NULL);
	rc = ccp_sqlite_pool_open(path, &s->pool, err);
	if (rc)
		sqlite_close(s);
	else
		*self = s;
	return rc;
}

const struct ccp_store_backend ccp_sqlite_backend = {
	.name = "sqlite",
	.close = sqlite_close,
	.check = check,
	.limit_put = limit_put,
	.limits_clear = limits_clear,
	.limits_each = limits_each,
	.vouch = vouch,
	.vouched = vouched,
	.usage_add = usage_add,
	.usage_each = usage_each,
};
