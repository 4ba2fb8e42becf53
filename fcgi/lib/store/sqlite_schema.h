#ifndef CCP_SQLITE_SCHEMA_H
#define CCP_SQLITE_SCHEMA_H

#include "base/error.h"

#include <sqlite3.h>

/*
 * Makes db (just opened, busy time-out set) ready for use: WAL, and the tables
 * of this build, made or migrated inside one write transaction, so that
 * processes starting together do it once. Blocks for at most wait_ms more than
 * SQLite's own busy time-out. CCP_ERR_STORE with a sentence on failure.
 */
enum ccp_err ccp_sqlite_prepare_file(sqlite3 *db, const char *path, int wait_ms,
                                     struct ccp_error *err) CCP_MUST_CHECK;

/* Fails with SQLite's own words for what went wrong last on db. */
enum ccp_err ccp_sqlite_fail(sqlite3 *db, const char *path, const char *doing,
                             struct ccp_error *err);

/* Runs one or more statements that give no rows. */
enum ccp_err ccp_sqlite_exec(sqlite3 *db, const char *path, const char *sql,
                             struct ccp_error *err) CCP_MUST_CHECK;

#endif
