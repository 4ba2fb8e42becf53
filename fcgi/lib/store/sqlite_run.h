#ifndef CCP_SQLITE_RUN_H
#define CCP_SQLITE_RUN_H

#include "base/error.h"
#include "store/sqlite_pool.h"
#include "store/sqlite_sql.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs the statements of sqlite_sql.h: a write transaction, one write in its
 * own, or a reading of rows. Inside of the SQLite files' users.
 */
struct ccp_sqlite {
	struct ccp_sqlite_pool *pool;
	/* Threads of this process queue for the write here, fairly; SQLite's own waiting sleeps. */
	pthread_mutex_t write_lock;
	int64_t purge_looked_at_s; /* under write_lock */
};

/* Binds the values; texts must live until the call is over. */
typedef void ccp_sqlite_bind_fn(sqlite3_stmt *stmt, const void *arg);

/* Called for each row; false stops. */
typedef bool ccp_sqlite_row_fn(sqlite3_stmt *stmt, void *arg);

/* A write transaction: nobody else writes meanwhile, in no process. */
struct ccp_sqlite_tx {
	struct ccp_sqlite *s;
	struct ccp_sqlite_connection *c;
};

/* Once a day, the write of now_s also drops what is out of date; now_s 0: never. */
enum ccp_err ccp_sqlite_begin(struct ccp_sqlite *s, int64_t now_s, struct ccp_sqlite_tx *tx,
                              struct ccp_error *err) CCP_MUST_CHECK;

/* Inside one: row NULL for a statement that gives none. *changed (or NULL): rows written. */
enum ccp_err ccp_sqlite_step(struct ccp_sqlite_tx *tx, enum ccp_sqlite_statement n,
                             ccp_sqlite_bind_fn *bind, const void *values, ccp_sqlite_row_fn *row,
                             void *arg, int *changed, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Commits when rc is CCP_OK, else takes all back; gives rc, or why the commit
 * failed. Always to be called after a begin that succeeded.
 */
enum ccp_err ccp_sqlite_end(struct ccp_sqlite_tx *tx, enum ccp_err rc,
                            struct ccp_error *err) CCP_MUST_CHECK;

/* One statement in a transaction of its own. */
enum ccp_err ccp_sqlite_write(struct ccp_sqlite *s, enum ccp_sqlite_statement n,
                              ccp_sqlite_bind_fn *bind, const void *arg, int64_t now_s,
                              int *changed, struct ccp_error *err) CCP_MUST_CHECK;

enum ccp_err ccp_sqlite_read(struct ccp_sqlite *s, enum ccp_sqlite_statement n,
                             ccp_sqlite_bind_fn *bind, const void *values, ccp_sqlite_row_fn *row,
                             void *arg, struct ccp_error *err) CCP_MUST_CHECK;

/* Binds a text that outlives the step; "" is the empty text, not NULL. */
void ccp_sqlite_bind_text(sqlite3_stmt *stmt, int n, const char *text);

/* Copies a text column, cut to size; a NULL (no memory, or a hand in the file) is "". */
void ccp_sqlite_column(sqlite3_stmt *stmt, int n, char *out, size_t size);

/* For statements without values; for those that only see whether there is a row, or its number. */
void ccp_sqlite_bind_nothing(sqlite3_stmt *stmt, const void *arg);
bool ccp_sqlite_row_exists(sqlite3_stmt *stmt, void *arg); /* arg: bool */
bool ccp_sqlite_row_number(sqlite3_stmt *stmt, void *arg); /* arg: int64_t */

/* A limit's values, ?1 to ?7, and its columns behind the user's, as sqlite_sql.c has them. */
void ccp_sqlite_bind_limit(sqlite3_stmt *stmt, const char *user, const struct ccp_limit *limit);
void ccp_sqlite_column_limit(sqlite3_stmt *stmt, struct ccp_limit *limit);

#endif
