#include "store/sqlite_run.h"

#include "store/sqlite_schema.h"

#include <string.h>

#define PURGE_EVERY_S 86400
#define VOUCH_KEEP_S (2 * 86400) /* they count for one day */

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

/* Runs a statement without rows to its end and makes it ready for the next time. */
static enum ccp_err
finish(struct ccp_sqlite *s, struct ccp_sqlite_connection *c, sqlite3_stmt *stmt,
       struct ccp_error *err)
{
	enum ccp_err rc = CCP_OK;
	int step;

	do
		step = sqlite3_step(stmt);
	while (step == SQLITE_ROW);
	if (step != SQLITE_DONE)
		rc = ccp_sqlite_fail(c->db, s->pool->path, "cannot be written", err);
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
	return finish(s, c, stmt, err);
}

/* Once a day, by whoever writes first then: drops what nobody will ask for. */
static enum ccp_err
purge(struct ccp_sqlite *s, struct ccp_sqlite_connection *c, int64_t now_s, struct ccp_error *err)
{
	const int64_t due[] = { now_s, now_s - PURGE_EVERY_S };
	const int64_t vouch_end_s = now_s - VOUCH_KEEP_S;
	enum ccp_err rc;

	if (now_s - s->purge_looked_at_s < PURGE_EVERY_S)
		return CCP_OK;
	rc = run_with(s, c, CCP_ST_PURGE_DUE, due, 2, err);
	if (!rc && sqlite3_changes(c->db) == 1) {
		rc = run_with(s, c, CCP_ST_PURGE_LIMITS, &now_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_VOUCHED, &vouch_end_s, 1, err);
		rc = rc ? rc : run_with(s, c, CCP_ST_PURGE_USAGE, &now_s, 1, err);
	}
	if (!rc)
		s->purge_looked_at_s = now_s;
	return rc;
}

/* One write in its own transaction, and the day's purge when that is due. now_s 0: no purge. */
enum ccp_err
ccp_sqlite_write(struct ccp_sqlite *s, enum ccp_sqlite_statement n, ccp_sqlite_bind_fn *bind,
                 const void *arg, int64_t now_s, struct ccp_error *err)
{
	struct ccp_sqlite_connection *c = NULL;
	sqlite3_stmt *stmt;
	enum ccp_err rc = ccp_sqlite_acquire(s->pool, &c, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&s->write_lock);
	rc = run_with(s, c, CCP_ST_BEGIN, NULL, 0, err);
	if (rc)
		goto out;
	if (now_s)
		rc = purge(s, c, now_s, err);
	stmt = rc ? NULL : ready(s, c, n, err);
	if (stmt) {
		bind(stmt, arg);
		rc = finish(s, c, stmt, err);
	} else if (!rc) {
		rc = CCP_ERR_STORE;
	}
	if (!rc)
		rc = run_with(s, c, CCP_ST_COMMIT, NULL, 0, err);
	if (rc && !sqlite3_get_autocommit(c->db))
		(void)run_with(s, c, CCP_ST_ROLLBACK, NULL, 0, NULL);
out:
	pthread_mutex_unlock(&s->write_lock);
	ccp_sqlite_release(s->pool, c);
	return rc;
}

/* Calls row for each row until it says false. */
enum ccp_err
ccp_sqlite_read(struct ccp_sqlite *s, enum ccp_sqlite_statement n, ccp_sqlite_bind_fn *bind,
                const void *values, ccp_sqlite_row_fn *row, void *arg, struct ccp_error *err)
{
	struct ccp_sqlite_connection *c = NULL;
	sqlite3_stmt *stmt;
	enum ccp_err rc = ccp_sqlite_acquire(s->pool, &c, err);
	int step;

	if (rc)
		return rc;
	stmt = ready(s, c, n, err);
	if (!stmt) {
		ccp_sqlite_release(s->pool, c);
		return CCP_ERR_STORE;
	}
	bind(stmt, values);
	while ((step = sqlite3_step(stmt)) == SQLITE_ROW && row(stmt, arg))
		;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		rc = ccp_sqlite_fail(c->db, s->pool->path, "cannot be read", err);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	ccp_sqlite_release(s->pool, c);
	return rc;
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
