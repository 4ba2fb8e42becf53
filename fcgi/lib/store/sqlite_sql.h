#ifndef CCP_SQLITE_SQL_H
#define CCP_SQLITE_SQL_H

/*
 * Every statement of the SQLite backend, in one place beside the schema it
 * speaks to. Inside of the SQLite backend.
 */
enum ccp_sqlite_statement {
	CCP_ST_BEGIN,
	CCP_ST_COMMIT,
	CCP_ST_ROLLBACK,
	CCP_ST_CHECK,
	CCP_ST_LIMIT_PUT,
	CCP_ST_LIMITS_CLEAR,
	CCP_ST_LIMITS_OF_USER,
	CCP_ST_LIMITS_ALL,
	CCP_ST_VOUCH,
	CCP_ST_VOUCHED,
	CCP_ST_USAGE_ADD,
	CCP_ST_USAGE_OF_USER,
	CCP_ST_USAGE_OF_DAY,
	CCP_ST_USAGE_ALL,
	CCP_ST_PURGE_DUE,
	CCP_ST_PURGE_LIMITS,
	CCP_ST_PURGE_VOUCHED,
	CCP_ST_PURGE_USAGE,
	CCP_ST_COUNT
};

extern const char *const ccp_sqlite_sql[CCP_ST_COUNT];

#endif
