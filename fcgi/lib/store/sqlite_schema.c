#include "store/sqlite_schema.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* "CCPX" in the file's header, so that another program's database is never taken for ours. */
#define APPLICATION_ID 0x43435058

#define STEP_MS 20

/*
 * Step n takes a file from user_version n to n + 1. Never change one that was
 * released: add the next. Columns have the names of the DynamoDB attributes,
 * so that people and scripts find the same words in both.
 */
static const char *const migrations[] = {
	"CREATE TABLE limits ("
	" user_id TEXT NOT NULL, credential_sha256 TEXT NOT NULL, scope TEXT NOT NULL,"
	" retry_until INTEGER NOT NULL, retry_after_seconds INTEGER NOT NULL,"
	" created_at INTEGER NOT NULL, reason TEXT NOT NULL,"
	" PRIMARY KEY (user_id, credential_sha256, scope)) WITHOUT ROWID;"
	"CREATE INDEX limits_by_end ON limits (retry_until);"
	"CREATE TABLE vouched ("
	" credential_sha256 TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE usage ("
	" user_id TEXT NOT NULL, date TEXT NOT NULL, model TEXT NOT NULL,"
	" request_type TEXT NOT NULL, input_tokens INTEGER NOT NULL,"
	" output_tokens INTEGER NOT NULL,"
	" total_tokens INTEGER AS (input_tokens + output_tokens) VIRTUAL,"
	" cache_read_tokens INTEGER NOT NULL, cache_write_5m_tokens INTEGER NOT NULL,"
	" cache_write_1h_tokens INTEGER NOT NULL, request_count INTEGER NOT NULL,"
	" cost_microusd INTEGER NOT NULL, estimated INTEGER NOT NULL,"
	" last_updated_at TEXT NOT NULL,"
	" PRIMARY KEY (user_id, date, model, request_type)) WITHOUT ROWID;"
	"CREATE INDEX usage_by_date ON usage (date);"
	"CREATE TABLE chores (name TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO chores VALUES ('purge', 0);",

	/*
	 * journal: seq 0 = not frozen yet; see journal.h. sent_at, seen: see
	 * limit_copy.h. chores.down: what of the store is, as store_parts.h has it.
	 */
	"CREATE TABLE journal ("
	" seq INTEGER NOT NULL, store TEXT NOT NULL, user_id TEXT NOT NULL, date TEXT NOT NULL,"
	" request_type TEXT NOT NULL, model TEXT NOT NULL, input_tokens INTEGER NOT NULL,"
	" output_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL,"
	" cache_write_5m_tokens INTEGER NOT NULL, cache_write_1h_tokens INTEGER NOT NULL,"
	" request_count INTEGER NOT NULL, cost_microusd INTEGER NOT NULL,"
	" estimated INTEGER NOT NULL, last_at INTEGER NOT NULL, journal TEXT NOT NULL,"
	" PRIMARY KEY (seq, store, user_id, date, request_type, model)) WITHOUT ROWID;"
	"CREATE INDEX journal_frozen ON journal (store, user_id, date, request_type)"
	" WHERE seq > 0;"
	"CREATE TABLE journal_state ("
	" id TEXT NOT NULL, box TEXT NOT NULL, seq INTEGER NOT NULL);"
	"INSERT INTO journal_state VALUES ('', '', 0);"
	"CREATE TABLE applied ("
	" journal TEXT NOT NULL, user_id TEXT NOT NULL, date TEXT NOT NULL,"
	" request_type TEXT NOT NULL, seq INTEGER NOT NULL,"
	" PRIMARY KEY (journal, user_id, date, request_type)) WITHOUT ROWID;"
	"ALTER TABLE limits ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX limits_unsent ON limits (retry_until) WHERE sent_at = 0;"
	"CREATE TABLE seen ("
	" user_id TEXT NOT NULL PRIMARY KEY, at_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO chores VALUES ('down', 0);",
};

#define SCHEMA_VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

enum ccp_err
ccp_sqlite_fail(sqlite3 *db, const char *path, const char *doing, struct ccp_error *err)
{
	return ccp_fail(err, CCP_ERR_STORE, "%.100s: %s: %s", path, doing,
	                db ? sqlite3_errmsg(db) : "no memory");
}

enum ccp_err
ccp_sqlite_exec(sqlite3 *db, const char *path, const char *sql, struct ccp_error *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return ccp_sqlite_fail(db, path, "cannot be used", err);
	return CCP_OK;
}

static enum ccp_err
pragma_number(sqlite3 *db, const char *path, const char *sql, int64_t *value, struct ccp_error *err)
{
	sqlite3_stmt *stmt = NULL;
	enum ccp_err rc = CCP_OK;

	*value = 0;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		*value = sqlite3_column_int64(stmt, 0);
	else
		rc = ccp_sqlite_fail(db, path, "cannot be read", err);
	sqlite3_finalize(stmt);
	return rc;
}

/* WAL stays in the file. SQLite calls no busy handler for this one, so it is asked again. */
static enum ccp_err
switch_to_wal(sqlite3 *db, const char *path, int wait_ms, struct ccp_error *err)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };
	int rc;

	for (;;) {
		rc = sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
		if ((rc & 0xff) != SQLITE_BUSY || wait_ms <= 0)
			break;
		nanosleep(&step, NULL);
		wait_ms -= STEP_MS;
	}
	if (rc != SQLITE_OK)
		return ccp_sqlite_fail(db, path, "cannot be used", err);
	return CCP_OK;
}

/* Inside a write transaction: nobody else migrates at the same time. */
static enum ccp_err
migrate(sqlite3 *db, const char *path, struct ccp_error *err)
{
	int64_t version = 0, id = 0, tables = 0;
	char sql[80];
	enum ccp_err rc;

	rc = pragma_number(db, path, "PRAGMA user_version", &version, err);
	if (!rc)
		rc = pragma_number(db, path, "PRAGMA application_id", &id, err);
	if (!rc)
		rc = pragma_number(db, path, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (rc)
		return rc;
	if (id != APPLICATION_ID && tables > 0)
		return ccp_fail(err, CCP_ERR_STORE, "%.100s: is the database of another program",
		                path);
	if (version > SCHEMA_VERSION)
		return ccp_fail(err, CCP_ERR_STORE,
		                "%.100s: was written by a newer version of this program (schema %d,"
		                " this build knows %d)",
		                path, (int)version, SCHEMA_VERSION);
	if (version == SCHEMA_VERSION)
		return CCP_OK;
	for (; version >= 0 && version < SCHEMA_VERSION && !rc; version++)
		rc = ccp_sqlite_exec(db, path, migrations[version], err);
	snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d",
	         APPLICATION_ID, SCHEMA_VERSION);
	return rc ? rc : ccp_sqlite_exec(db, path, sql, err);
}

enum ccp_err
ccp_sqlite_prepare_file(sqlite3 *db, const char *path, int wait_ms, struct ccp_error *err)
{
	enum ccp_err rc = switch_to_wal(db, path, wait_ms, err);

	if (!rc)
		rc = ccp_sqlite_exec(db, path, "BEGIN IMMEDIATE", err);
	if (rc)
		return rc;
	rc = migrate(db, path, err);
	if (!rc)
		rc = ccp_sqlite_exec(db, path, "COMMIT", err);
	if (rc)
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}
