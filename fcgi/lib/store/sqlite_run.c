#include "store/sqlite_run.h"

#include "base/clock.h"
#include "store/sqlite_schema.h"

#include <string.h>
#include <time.h>

/* Behind other threads of this process: whoever waits for a write waits no longer than this. */
#define QUEUE_MS 2000

#define PURGE_EVERY_S 86400
#define VOUCH_KEEP_S (2 * 86400) /* they count for one day */
#define SEEN_KEEP_S 86400        /* LIMIT_CACHE_SECONDS is an hour at most */

_Static_assert(CCP_ST_COUNT <= CCP_SQLITE_STATEMENTS_MAX, "more statements than a pool holds");

/* The statement, ready for its values; NULL and the sentence when it cannot be prepared. */
static sqlite3_stmt *
ready(struct ccp_sqlite *s, struct ccp_sqlite_connection *c, enum ccp_sqlite_statement n,
      struct ccp_error *err)
{
	if (!c->stmt[n] &&
	    sqlite3_prepare_v3(c->db, ccp_sqlite_sql[n], -1, SQLITE_PREPARE_PERSISTENT, &c->stmt[n],
	                       NULL) != SQLITE_OK) {
		ccp_sqlite_fail(c->db, s->pool->path, "cannot be read", err);
		return NULL;
	}
	return c->stmt[n];
}

/* Runs a statement to its end, or until row has enough, and makes it ready for the next time. */
static enum ccp_err
finish(struct ccp_sqlite *s, struct ccp_sqlite_connection *c, sqlite3_stmt *stmt,
       ccp_sqlite_row_fn *row, void *arg, const char *doing, struct ccp_error *err)
{
	enum ccp_err rc = CCP_OK;
	int step;

	do
		step = sqlite3_step(stmt);
	while (step == SQLITE_ROW && (!row || row(stmt, arg)));
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		rc = ccp_sqlite_fail(c->db, s->pool->path, doing, err);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return rc;
}

static enum ccp_err
run_with(struct ccp_sqlite *s, struct ccp_sqlite_connection *c, enum ccp_sqlite_statement n,
         const int64_t *numbers, int count, struct ccp_error *err)
{
	sqlite3_stmt *stmt = ready(s, c, n, err);

	if (!stmt)
		return CCP_ERR_STORE;
	for (int i = 0; i < count; i++)
		sqlite3_bind_int64(stmt, i + 1, numbers[i]);
	return finish(s, c, stmt, NULL, NULL, "cannot be written", err);
}

/* Once a day, by whoever writes first then: drops what nobody will ask for. */
static enum ccp_err
purge(struct ccp_sqlite *s, struct ccp_sqlite_connection *c, int64_t now_s, struct ccp_error *err)
{
	const int64_t due[] = { now_s, now_s - PURGE_EVERY_S };
	const int64_t vouch_end_s = now_s - VOUCH_KEEP_S;
	const int64_t seen_end_ms = (now_s - SEEN_KEEP_S) * 1000;
	enum ccp_err rc;

	if (now_s - s->purge_looked_at_s < PURGE_EVERY_S)
		return CCP_OK;
	rc = run_with(s, c, CCP_ST_PURGE_DUE, due, 2, err);
	if (!rc && sqlite3_changes(c->db) == 1) {
		rc = run_with(s, c, CCP_ST_PURGE_LIMITS, &now_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_VOUCHED, &vouch_end_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_USAGE, &now_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_APPLIED, &now_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_JOURNAL, &now_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_SEEN, &seen_end_ms, 1, err);
	}
	if (!rc)
		s->purge_looked_at_s = now_s;
	return rc;
}

static bool
join_queue(struct ccp_sqlite *s)
{
	const struct timespec end = ccp_clock_in(QUEUE_MS);

	return pthread_mutex_clocklock(&s->write_lock, CLOCK_MONOTONIC, &end) == 0;
}

enum ccp_err
ccp_sqlite_begin(struct ccp_sqlite *s, int64_t now_s, struct ccp_sqlite_tx *tx,
                 struct ccp_error *err)
{
	enum ccp_err rc;

	*tx = (struct ccp_sqlite_tx){ .s = s };
	/* the queue first: those who wait in it keep no connection from the readers */
	if (!join_queue(s))
		return ccp_fail(err, CCP_ERR_STORE, "%.100s: other writes take too long",
		                s->pool->path);
	rc = ccp_sqlite_acquire(s->pool, &tx->c, err);
	if (rc) {
		pthread_mutex_unlock(&s->write_lock);
		return rc;
	}
	rc = run_with(s, tx->c, CCP_ST_BEGIN, NULL, 0, err);
	if (!rc && now_s)
		rc = purge(s, tx->c, now_s, err);
	return rc ? ccp_sqlite_end(tx, rc, err) : CCP_OK;
}

enum ccp_err
ccp_sqlite_step(struct ccp_sqlite_tx *tx, enum ccp_sqlite_statement n, ccp_sqlite_bind_fn *bind,
                const void *values, ccp_sqlite_row_fn *row, void *arg, int *changed,
                struct ccp_error *err)
{
	sqlite3_stmt *stmt = ready(tx->s, tx->c, n, err);
	enum ccp_err rc;

	if (!stmt)
		return CCP_ERR_STORE;
	bind(stmt, values);
	rc = finish(tx->s, tx->c, stmt, row, arg, "cannot be written", err);
	if (changed)
		*changed = rc ? 0 : sqlite3_changes(tx->c->db);
	return rc;
}

enum ccp_err
ccp_sqlite_end(struct ccp_sqlite_tx *tx, enum ccp_err rc, struct ccp_error *err)
{
	if (!rc)
		rc = run_with(tx->s, tx->c, CCP_ST_COMMIT, NULL, 0, err);
	if (rc && !sqlite3_get_autocommit(tx->c->db))
		(void)run_with(tx->s, tx->c, CCP_ST_ROLLBACK, NULL, 0, NULL);
	pthread_mutex_unlock(&tx->s->write_lock);
	ccp_sqlite_release(tx->s->pool, tx->c);
	tx->c = NULL;
	return rc;
}

enum ccp_err
ccp_sqlite_write(struct ccp_sqlite *s, enum ccp_sqlite_statement n, ccp_sqlite_bind_fn *bind,
                 const void *arg, int64_t now_s, int *changed, struct ccp_error *err)
{
	struct ccp_sqlite_tx tx;
	enum ccp_err rc = ccp_sqlite_begin(s, now_s, &tx, err);

	if (rc)
		return rc;
	rc = ccp_sqlite_step(&tx, n, bind, arg, NULL, NULL, changed, err);
	return ccp_sqlite_end(&tx, rc, err);
}

/* Calls row for each row until it says false. */
enum ccp_err
ccp_sqlite_read(struct ccp_sqlite *s, enum ccp_sqlite_statement n, ccp_sqlite_bind_fn *bind,
                const void *values, ccp_sqlite_row_fn *row, void *arg, struct ccp_error *err)
{
	struct ccp_sqlite_connection *c = NULL;
	sqlite3_stmt *stmt;
	enum ccp_err rc = ccp_sqlite_acquire(s->pool, &c, err);

	if (rc)
		return rc;
	stmt = ready(s, c, n, err);
	if (stmt) {
		bind(stmt, values);
		rc = finish(s, c, stmt, row, arg, "cannot be read", err);
	} else {
		rc = CCP_ERR_STORE;
	}
	ccp_sqlite_release(s->pool, c);
	return rc;
}

void
ccp_sqlite_bind_text(sqlite3_stmt *stmt, int n, const char *text)
{
	/* static: the caller's text outlives the step, and the binding is cleared after it */
	sqlite3_bind_text(stmt, n, text, -1, SQLITE_STATIC);
}

void
ccp_sqlite_bind_nothing(sqlite3_stmt *stmt, const void *arg)
{
	(void)stmt;
	(void)arg;
}

bool
ccp_sqlite_row_number(sqlite3_stmt *stmt, void *arg)
{
	*(int64_t *)arg = sqlite3_column_int64(stmt, 0);
	return false;
}

bool
ccp_sqlite_row_exists(sqlite3_stmt *stmt, void *arg)
{
	(void)stmt;
	*(bool *)arg = true;
	return false;
}

/* Copies a text column, cut to size; a NULL (no memory, or a hand in the file) is "". */
void
ccp_sqlite_column(sqlite3_stmt *stmt, int n, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, n);
	size_t len = text ? strnlen(text, size - 1) : 0;

	if (len)
		memcpy(out, text, len);
	out[len] = '\0';
}

void
ccp_sqlite_bind_limit(sqlite3_stmt *stmt, const char *user, const struct ccp_limit *limit)
{
	ccp_sqlite_bind_text(stmt, 1, user);
	ccp_sqlite_bind_text(stmt, 2, limit->credential);
	ccp_sqlite_bind_text(stmt, 3, limit->family);
	sqlite3_bind_int64(stmt, 4, limit->retry_until_s);
	sqlite3_bind_int64(stmt, 5, limit->retry_after_s);
	sqlite3_bind_int64(stmt, 6, limit->created_at_s);
	ccp_sqlite_bind_text(stmt, 7, limit->reason);
}

void
ccp_sqlite_column_limit(sqlite3_stmt *stmt, struct ccp_limit *limit)
{
	*limit = (struct ccp_limit){ 0 };
	ccp_sqlite_column(stmt, 1, limit->credential, sizeof(limit->credential));
	ccp_sqlite_column(stmt, 2, limit->family, sizeof(limit->family));
	limit->retry_until_s = sqlite3_column_int64(stmt, 3);
	limit->retry_after_s = sqlite3_column_int64(stmt, 4);
	limit->created_at_s = sqlite3_column_int64(stmt, 5);
	ccp_sqlite_column(stmt, 6, limit->reason, sizeof(limit->reason));
}
