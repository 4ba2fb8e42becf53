#ifndef CCP_SQLITE_RUN_H
#define CCP_SQLITE_RUN_H

#include "base/error.h"
#include "store/sqlite_pool.h"
#include "store/sqlite_sql.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Runs the statements of sqlite_sql.h: one write in its own transaction, or a
 * reading of rows. Inside of the SQLite backend.
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

/* Once a day, the write of now_s also drops what is out of date; now_s 0: never. */
enum ccp_err ccp_sqlite_write(struct ccp_sqlite *s, enum ccp_sqlite_statement n,
                              ccp_sqlite_bind_fn *bind, const void *arg, int64_t now_s,
                              struct ccp_error *err) CCP_MUST_CHECK;

enum ccp_err ccp_sqlite_read(struct ccp_sqlite *s, enum ccp_sqlite_statement n,
                             ccp_sqlite_bind_fn *bind, const void *values, ccp_sqlite_row_fn *row,
                             void *arg, struct ccp_error *err) CCP_MUST_CHECK;

/* Copies a text column, cut to size; a NULL (no memory, or a hand in the file) is "". */
void ccp_sqlite_column(sqlite3_stmt *stmt, int n, char *out, size_t size);

#endif
