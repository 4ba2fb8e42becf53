#ifndef CCP_SQLITE_POOL_H
#define CCP_SQLITE_POOL_H

#include "base/error.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

/*
 * Connections to one SQLite file: each is used by one thread at a time and
 * keeps its prepared statements. Inside of the SQLite backend.
 */
#define CCP_SQLITE_STATEMENTS_MAX 48

struct ccp_sqlite_connection {
	struct ccp_sqlite_connection *next; /* in the idle list */
	sqlite3 *db;
	sqlite3_stmt *stmt[CCP_SQLITE_STATEMENTS_MAX]; /* prepared when first used */
};

struct ccp_sqlite_pool {
	char *path;
	struct stat file; /* as opened, to notice when it is taken away */
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct ccp_sqlite_connection *idle; /* under lock, like open_count */
	int open_count;
};

/* Makes directory and file when absent, migrates, keeps one connection; see ccp_sqlite_open(). */
enum ccp_err ccp_sqlite_pool_open(const char *path, struct ccp_sqlite_pool **out,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/* All connections must have been released. */
void ccp_sqlite_pool_close(struct ccp_sqlite_pool *pool);

/* Lends a connection; blocks while 16 are lent. Give it back with ccp_sqlite_release(). */
enum ccp_err ccp_sqlite_acquire(struct ccp_sqlite_pool *pool, struct ccp_sqlite_connection **out,
                                struct ccp_error *err) CCP_MUST_CHECK;
void ccp_sqlite_release(struct ccp_sqlite_pool *pool, struct ccp_sqlite_connection *c);

/* CCP_ERR_STORE when the path no longer names the file that was opened. */
enum ccp_err ccp_sqlite_pool_check(struct ccp_sqlite_pool *pool,
                                   struct ccp_error *err) CCP_MUST_CHECK;

#endif
