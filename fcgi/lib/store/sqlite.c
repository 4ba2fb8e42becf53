#include "store/sqlite.h"

#include "base/day.h"
#include "store/sqlite_run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* With 10,000 users, 4 days take half of the time by index, 14 days take longer (SQLite 3.40.1). */
#define INDEX_DAYS 8

#define VOUCH_STEP_S 60 /* a fresher note is not written again */

struct name_at {
	const char *name;
	int64_t at_s;
};

static void
bind_name_at(sqlite3_stmt *stmt, const void *arg)
{
	const struct name_at *v = arg;

	ccp_sqlite_bind_text(stmt, 1, v->name);
	sqlite3_bind_int64(stmt, 2, v->at_s);
}

struct limit_of {
	const char *user;
	const struct ccp_limit *limit;
};

static void
bind_limit(sqlite3_stmt *stmt, const void *arg)
{
	const struct limit_of *l = arg;

	ccp_sqlite_bind_limit(stmt, l->user, l->limit);
}

static enum ccp_err
limit_put(void *self, const char *user, const struct ccp_limit *limit, struct ccp_error *err)
{
	const struct limit_of l = { user, limit };

	return ccp_sqlite_write(self, CCP_ST_LIMIT_PUT, bind_limit, &l, limit->created_at_s, NULL,
	                        err);
}

static void
bind_user(sqlite3_stmt *stmt, const void *arg)
{
	ccp_sqlite_bind_text(stmt, 1, arg);
}

static enum ccp_err
limits_clear(void *self, const char *user, struct ccp_error *err)
{
	return ccp_sqlite_write(self, CCP_ST_LIMITS_CLEAR, bind_user, user, 0, NULL, err);
}

static void
bind_applied(sqlite3_stmt *stmt, const void *arg)
{
	const struct ccp_usage_batch *b = arg;

	ccp_sqlite_bind_text(stmt, 1, b->journal);
	ccp_sqlite_bind_text(stmt, 2, b->user);
	ccp_sqlite_bind_text(stmt, 3, b->date);
	ccp_sqlite_bind_text(stmt, 4, b->request_type);
	sqlite3_bind_int64(stmt, 5, b->seq);
}

struct usage_of {
	const struct ccp_usage_batch *batch;
	const struct ccp_batch_model *model;
};

static void
bind_usage(sqlite3_stmt *stmt, const void *arg)
{
	const struct usage_of *u = arg;
	const struct ccp_usage_sum *s = &u->model->sum;

	ccp_sqlite_bind_text(stmt, 1, u->batch->user);
	ccp_sqlite_bind_text(stmt, 2, u->batch->date);
	ccp_sqlite_bind_text(stmt, 3, u->model->model);
	ccp_sqlite_bind_text(stmt, 4, u->batch->request_type);
	sqlite3_bind_int64(stmt, 5, s->tokens.input_tokens);
	sqlite3_bind_int64(stmt, 6, s->tokens.output_tokens);
	sqlite3_bind_int64(stmt, 7, s->tokens.cache_read_tokens);
	sqlite3_bind_int64(stmt, 8, s->tokens.cache_write_5m_tokens);
	sqlite3_bind_int64(stmt, 9, s->tokens.cache_write_1h_tokens);
	sqlite3_bind_int64(stmt, 10, s->request_count);
	sqlite3_bind_int64(stmt, 11, s->cost_microusd);
	sqlite3_bind_int(stmt, 12, s->tokens.estimated);
	sqlite3_bind_int64(stmt, 13, u->batch->last_at_s);
}

/* Sums and the batch's number in one transaction: both are in, or neither. */
static enum ccp_err
usage_apply(void *self, const struct ccp_usage_batch *batch, struct ccp_error *err)
{
	struct ccp_sqlite_tx tx;
	int is_new = 0;
	enum ccp_err rc = ccp_sqlite_begin(self, batch->last_at_s, &tx, err);

	if (rc)
		return rc;
	rc = ccp_sqlite_step(&tx, CCP_ST_APPLIED, bind_applied, batch, NULL, NULL, &is_new, err);
	for (size_t i = 0; i < batch->model_count && is_new && !rc; i++) {
		const struct usage_of u = { batch, &batch->models[i] };

		rc = ccp_sqlite_step(&tx, CCP_ST_USAGE_ADD, bind_usage, &u, NULL, NULL, NULL, err);
	}
	return ccp_sqlite_end(&tx, rc, err);
}

enum ccp_err
ccp_sqlite_vouched(struct ccp_sqlite *s, const char *credential, int64_t since_s, bool *yes,
                   struct ccp_error *err)
{
	const struct name_at v = { credential, since_s };

	*yes = false;
	return ccp_sqlite_read(s, CCP_ST_VOUCHED, bind_name_at, &v, ccp_sqlite_row_exists, yes,
	                       err);
}

/* A busy credential is accepted many times a minute: most of these notes are a read only. */
enum ccp_err
ccp_sqlite_vouch(struct ccp_sqlite *s, const char *credential, int64_t now_s, struct ccp_error *err)
{
	const struct name_at v = { credential, now_s };
	bool fresh = false;
	enum ccp_err rc = ccp_sqlite_vouched(s, credential, now_s - VOUCH_STEP_S + 1, &fresh, err);

	if (rc || fresh)
		return rc;
	return ccp_sqlite_write(s, CCP_ST_VOUCH, bind_name_at, &v, now_s, NULL, err);
}

static void
bind_number(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_int64(stmt, 1, *(const int64_t *)arg);
}

enum ccp_err
ccp_sqlite_note_down(struct ccp_sqlite *s, unsigned use, bool down, unsigned *before,
                     unsigned *after, struct ccp_error *err)
{
	struct ccp_sqlite_tx tx;
	int64_t old = 0, now = 0;
	enum ccp_err rc = ccp_sqlite_begin(s, 0, &tx, err);

	*before = *after = 0;
	if (rc)
		return rc;
	rc = ccp_sqlite_step(&tx, CCP_ST_DOWN, ccp_sqlite_bind_nothing, NULL, ccp_sqlite_row_number,
	                     &old, NULL, err);
	now = down ? old | (int64_t)use : old & ~(int64_t)use;
	if (!rc && now != old)
		rc = ccp_sqlite_step(&tx, CCP_ST_DOWN_PUT, bind_number, &now, NULL, NULL, NULL,
		                     err);
	*before = (unsigned)old;
	*after = (unsigned)now;
	return ccp_sqlite_end(&tx, rc, err);
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
	struct ccp_limit limit;

	ccp_sqlite_column(stmt, 0, user, sizeof(user));
	ccp_sqlite_column_limit(stmt, &limit);
	return reader->fn(reader->arg, user, &limit);
}

static enum ccp_err
limits_each(void *self, const char *user, int64_t now_s, ccp_limit_fn *fn, void *arg,
            struct ccp_error *err)
{
	const struct name_at who = { user ? user : "", now_s };
	struct limit_reader reader = { fn, arg };

	return ccp_sqlite_read(self, user ? CCP_ST_LIMITS_OF_USER : CCP_ST_LIMITS_ALL, bind_name_at,
	                       &who, row_limit, &reader, err);
}

struct usage_query {
	const char *user, *from, *to, *type;
};

static void
bind_usage_query(sqlite3_stmt *stmt, const void *arg)
{
	const struct usage_query *q = arg;

	ccp_sqlite_bind_text(stmt, 1, q->user);
	ccp_sqlite_bind_text(stmt, 2, q->from);
	ccp_sqlite_bind_text(stmt, 3, q->to);
	ccp_sqlite_bind_text(stmt, 4, q->type);
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

/* Some days by their index, many by reading the table in its order: each is faster there. */
static enum ccp_sqlite_statement
usage_statement(const char *user, const char *from_date, const char *to_date)
{
	int64_t from_s, to_s;

	if (user)
		return CCP_ST_USAGE_OF_USER;
	if (ccp_day_parse(from_date, &from_s) && ccp_day_parse(to_date, &to_s) &&
	    to_s - from_s < INDEX_DAYS * (int64_t)CCP_DAY_S)
		return CCP_ST_USAGE_OF_DAYS;
	return CCP_ST_USAGE_ALL;
}

static enum ccp_err
usage_each(void *self, const char *user, const char *from_date, const char *to_date,
           const char *request_type, ccp_usage_fn *fn, void *arg, struct ccp_error *err)
{
	const struct usage_query q = { user, from_date, to_date, request_type };
	struct usage_reader reader = { fn, arg };

	return ccp_sqlite_read(self, usage_statement(user, from_date, to_date), bind_usage_query,
	                       &q, row_usage, &reader, err);
}

enum ccp_err
ccp_sqlite_probe(struct ccp_sqlite *s, struct ccp_error *err)
{
	return ccp_sqlite_write(s, CCP_ST_PROBE, ccp_sqlite_bind_nothing, NULL, 0, NULL, err);
}

enum ccp_err
ccp_sqlite_present(struct ccp_sqlite *s, struct ccp_error *err)
{
	return ccp_sqlite_pool_check(s->pool, err);
}

static enum ccp_err
check(void *self, struct ccp_error *err)
{
	struct ccp_sqlite *s = self;
	bool found = false;
	enum ccp_err rc = ccp_sqlite_pool_check(s->pool, err);

	if (rc)
		return rc;
	rc = ccp_sqlite_read(s, CCP_ST_CHECK, ccp_sqlite_bind_nothing, NULL, ccp_sqlite_row_exists,
	                     &found, err);
	if (!rc && !found)
		rc = ccp_fail(err, CCP_ERR_STORE, "%.100s: a row of the schema is missing",
		              s->pool->path);
	return rc;
}

void
ccp_sqlite_close(struct ccp_sqlite *s)
{
	if (!s)
		return;
	ccp_sqlite_pool_close(s->pool);
	pthread_mutex_destroy(&s->write_lock);
	free(s);
}

static void
close_backend(void *self)
{
	ccp_sqlite_close(self);
}

enum ccp_err
ccp_sqlite_open(const char *path, struct ccp_sqlite **out, struct ccp_error *err)
{
	struct ccp_sqlite *s = calloc(1, sizeof(*s));
	enum ccp_err rc;

	*out = NULL;
	if (!s)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	pthread_mutex_init(&s->write_lock, NULL);
	rc = ccp_sqlite_pool_open(path, &s->pool, err);
	if (rc)
		ccp_sqlite_close(s);
	else
		*out = s;
	return rc;
}

const struct ccp_store_backend ccp_sqlite_backend = {
	.name = "sqlite",
	.close = close_backend,
	.check = check,
	.limit_put = limit_put,
	.limits_clear = limits_clear,
	.limits_each = limits_each,
	.usage_apply = usage_apply,
	.usage_each = usage_each,
};
