#include "store/sqlite_sql.h"

/* Reports reach 90 days back at most. */
#define USAGE_KEEP_DAYS "-90 days"

#define LIMIT_COLUMNS                                                                             \
	"SELECT user_id, credential_sha256, scope, retry_until, retry_after_seconds, created_at," \
	" reason FROM limits "
/* No GROUP BY over the request types: it takes ten times as long as the reading. */
#define USAGE_COLUMNS                                                                            \
	"SELECT user_id, date, model, input_tokens, output_tokens, cache_read_tokens,"           \
	" cache_write_5m_tokens, cache_write_1h_tokens, estimated, request_count, cost_microusd" \
	" FROM usage "
#define USAGE_TAIL " AND ?4 IN (request_type, 'all') ORDER BY user_id, date, model, request_type"

const char *const ccp_sqlite_sql[CCP_ST_COUNT] = {
	[CCP_ST_BEGIN] = "BEGIN IMMEDIATE",
	[CCP_ST_COMMIT] = "COMMIT",
	[CCP_ST_ROLLBACK] = "ROLLBACK",
	[CCP_ST_CHECK] = "SELECT at FROM chores WHERE name = 'purge'",
	/* the WHERE is the promise that a limit is never shortened */
	[CCP_ST_LIMIT_PUT] = "INSERT INTO limits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
			     " ON CONFLICT DO UPDATE SET retry_until = excluded.retry_until,"
			     " retry_after_seconds = excluded.retry_after_seconds,"
			     " created_at = excluded.created_at, reason = excluded.reason"
			     " WHERE excluded.retry_until > limits.retry_until",
	[CCP_ST_LIMITS_CLEAR] = "DELETE FROM limits WHERE user_id = ?1",
	[CCP_ST_LIMITS_OF_USER] = LIMIT_COLUMNS "WHERE user_id = ?1 AND retry_until > ?2"
						" ORDER BY retry_until DESC",
	[CCP_ST_LIMITS_ALL] = LIMIT_COLUMNS "WHERE retry_until > ?2"
					    " ORDER BY user_id, retry_until DESC",
	[CCP_ST_VOUCH] =
		"INSERT INTO vouched VALUES (?1, ?2)"
		" ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > vouched.at",
	[CCP_ST_VOUCHED] = "SELECT 1 FROM vouched WHERE credential_sha256 = ?1 AND at >= ?2",
	[CCP_ST_USAGE_ADD] =
		"INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11,"
		" strftime('%Y-%m-%dT%H:%M:%SZ', ?12, 'unixepoch'))"
		" ON CONFLICT DO UPDATE SET input_tokens = input_tokens + excluded.input_tokens,"
		" output_tokens = output_tokens + excluded.output_tokens,"
		" cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,"
		" cache_write_5m_tokens = cache_write_5m_tokens + excluded.cache_write_5m_tokens,"
		" cache_write_1h_tokens = cache_write_1h_tokens + excluded.cache_write_1h_tokens,"
		" request_count = request_count + 1,"
		" cost_microusd = cost_microusd + excluded.cost_microusd,"
		" estimated = max(estimated, excluded.estimated),"
		" last_updated_at = max(last_updated_at, excluded.last_updated_at)",
	[CCP_ST_USAGE_OF_USER] = USAGE_COLUMNS "WHERE user_id = ?1"
					       " AND date BETWEEN ?2 AND ?3" USAGE_TAIL,
	[CCP_ST_USAGE_OF_DAY] = USAGE_COLUMNS "WHERE date = ?2 AND ?3 = ?2" USAGE_TAIL,
	/* the + keeps the planner on the primary key, whose order is the one asked for */
	[CCP_ST_USAGE_ALL] = USAGE_COLUMNS "WHERE +date BETWEEN ?2 AND ?3" USAGE_TAIL,
	[CCP_ST_PURGE_DUE] = "UPDATE chores SET at = ?1 WHERE name = 'purge' AND at <= ?2",
	[CCP_ST_PURGE_LIMITS] = "DELETE FROM limits WHERE retry_until <= ?1",
	[CCP_ST_PURGE_VOUCHED] = "DELETE FROM vouched WHERE at < ?1",
	[CCP_ST_PURGE_USAGE] = "DELETE FROM usage"
			       " WHERE date < date(?1, 'unixepoch', '" USAGE_KEEP_DAYS "')",
};
