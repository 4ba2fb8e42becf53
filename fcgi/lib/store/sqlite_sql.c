#include "store/sqlite_sql.h"

/* Reports reach 90 days back at most. */
#define USAGE_KEEP_DAYS "-90 days"

#define LIMIT_COLUMNS                                                                             \
	"SELECT user_id, credential_sha256, scope, retry_until, retry_after_seconds, created_at," \
	" reason FROM limits "
/* the WHERE is the promise that a limit is never shortened */
#define LIMIT_LONGER                                                              \
	" ON CONFLICT DO UPDATE SET retry_until = excluded.retry_until,"          \
	" retry_after_seconds = excluded.retry_after_seconds,"                    \
	" created_at = excluded.created_at, reason = excluded.reason, sent_at = " \
	"excluded.sent_at WHERE excluded.retry_until > limits.retry_until"
#define USAGE_COLUMNS                                                                            \
	"SELECT user_id, date, model, input_tokens, output_tokens, cache_read_tokens,"           \
	" cache_write_5m_tokens, cache_write_1h_tokens, estimated, request_count, cost_microusd" \
	" FROM usage "
#define USAGE_TAIL " AND ?4 IN (request_type, 'all')"
#define ADD_UP                                                                             \
	" ON CONFLICT DO UPDATE SET input_tokens = input_tokens + excluded.input_tokens,"  \
	" output_tokens = output_tokens + excluded.output_tokens,"                         \
	" cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,"             \
	" cache_write_5m_tokens = cache_write_5m_tokens + excluded.cache_write_5m_tokens," \
	" cache_write_1h_tokens = cache_write_1h_tokens + excluded.cache_write_1h_tokens," \
	" request_count = request_count + excluded.request_count,"                         \
	" cost_microusd = cost_microusd + excluded.cost_microusd,"                         \
	" estimated = max(estimated, excluded.estimated),"

const char *const ccp_sqlite_sql[CCP_ST_COUNT] = {
	[CCP_ST_BEGIN] = "BEGIN IMMEDIATE",
	[CCP_ST_COMMIT] = "COMMIT",
	[CCP_ST_ROLLBACK] = "ROLLBACK",
	[CCP_ST_CHECK] = "SELECT at FROM chores WHERE name = 'purge'",

	[CCP_ST_PROBE] = "UPDATE chores SET at = at WHERE name = 'purge'",

	[CCP_ST_LIMIT_PUT] =
		"INSERT INTO limits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)" LIMIT_LONGER,
	[CCP_ST_LIMITS_CLEAR] = "DELETE FROM limits WHERE user_id = ?1",
	[CCP_ST_LIMITS_OF_USER] = LIMIT_COLUMNS "WHERE user_id = ?1 AND retry_until > ?2"
						" ORDER BY retry_until DESC",
	[CCP_ST_LIMITS_ALL] = LIMIT_COLUMNS "WHERE retry_until > ?2"
					    " ORDER BY user_id, retry_until DESC",
	/* nothing is changed: this batch, or a later one, is in already */
	[CCP_ST_APPLIED] = "INSERT INTO applied VALUES (?1, ?2, ?3, ?4, ?5)"
			   " ON CONFLICT DO UPDATE SET seq = excluded.seq"
			   " WHERE excluded.seq > applied.seq",
	[CCP_ST_USAGE_ADD] =
		"INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		" strftime('%Y-%m-%dT%H:%M:%SZ', ?13, 'unixepoch'))" ADD_UP
		" last_updated_at = max(last_updated_at, excluded.last_updated_at)",
	[CCP_ST_USAGE_OF_USER] = USAGE_COLUMNS "WHERE user_id = ?1"
					       " AND date BETWEEN ?2 AND ?3" USAGE_TAIL,
	[CCP_ST_USAGE_OF_DAYS] = USAGE_COLUMNS "WHERE date BETWEEN ?2 AND ?3" USAGE_TAIL,
	/* the + keeps the planner from the index: reading the table in its order is faster */
	[CCP_ST_USAGE_ALL] = USAGE_COLUMNS "WHERE +date BETWEEN ?2 AND ?3" USAGE_TAIL,

	[CCP_ST_VOUCH] =
		"INSERT INTO vouched VALUES (?1, ?2)"
		" ON CONFLICT DO UPDATE SET at = excluded.at WHERE excluded.at > vouched.at",
	[CCP_ST_VOUCHED] = "SELECT 1 FROM vouched WHERE credential_sha256 = ?1 AND at >= ?2",
	[CCP_ST_DOWN] = "SELECT at FROM chores WHERE name = 'down'",
	[CCP_ST_DOWN_PUT] = "UPDATE chores SET at = ?1 WHERE name = 'down'",

	[CCP_ST_COPY_SEEN] = "SELECT at_ms FROM seen WHERE user_id = ?1",
	[CCP_ST_COPY_SEEN_NOW] = "INSERT INTO seen VALUES (?1, ?2)"
				 " ON CONFLICT DO UPDATE SET at_ms = excluded.at_ms",
	[CCP_ST_COPY_RECENT] = LIMIT_COLUMNS
	"WHERE user_id = ?1 AND retry_until > ?2 AND (sent_at = 0 OR sent_at >= ?3)",
	[CCP_ST_COPY_TAKE] =
		"INSERT INTO limits VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" LIMIT_LONGER,
	[CCP_ST_COPY_DROP] = "DELETE FROM limits WHERE user_id = ?1 AND sent_at > 0"
			     " AND sent_at < ?2",
	[CCP_ST_COPY_UNSENT] = LIMIT_COLUMNS "WHERE sent_at = 0 AND retry_until > ?1"
					     " ORDER BY retry_until LIMIT ?2",
	[CCP_ST_COPY_SENT] = "UPDATE limits SET sent_at = ?5 WHERE user_id = ?1"
			     " AND credential_sha256 = ?2 AND scope = ?3 AND retry_until = ?4",

	[CCP_ST_JOURNAL_ADD] =
		"INSERT INTO journal VALUES"
		" (0, ?13, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11, ?12, '')" ADD_UP
		" last_at = max(last_at, excluded.last_at)",
	[CCP_ST_JOURNAL_ANY] =
		"SELECT 1 WHERE EXISTS (SELECT 1 FROM journal WHERE seq = 0 AND store = ?2)"
		" OR EXISTS (SELECT 1 FROM journal WHERE seq > max(?1, 0) AND store = ?2)",
	[CCP_ST_JOURNAL_STATE] = "SELECT id, box, seq FROM journal_state",
	[CCP_ST_JOURNAL_STATE_PUT] = "UPDATE journal_state SET id = ?1, box = ?2, seq = ?3",
	[CCP_ST_JOURNAL_TO_FREEZE] =
		"SELECT DISTINCT user_id, date, request_type FROM journal w WHERE seq = 0"
		" AND store = ?2 AND NOT EXISTS (SELECT 1 FROM journal f WHERE f.seq > 0"
		" AND f.store = w.store AND f.user_id = w.user_id AND f.date = w.date"
		" AND f.request_type = w.request_type) LIMIT ?1",
	[CCP_ST_JOURNAL_FREEZE] =
		"UPDATE journal SET seq = ?4, journal = ?5 WHERE seq = 0 AND store = ?7"
		" AND user_id = ?1 AND date = ?2 AND request_type = ?3 AND model IN"
		" (SELECT model FROM journal WHERE seq = 0 AND store = ?7 AND user_id = ?1"
		" AND date = ?2 AND request_type = ?3 ORDER BY model LIMIT ?6)",
	[CCP_ST_JOURNAL_FROZEN] =
		"SELECT seq, journal, user_id, date, request_type, model, input_tokens,"
		" output_tokens, cache_read_tokens, cache_write_5m_tokens,"
		" cache_write_1h_tokens, request_count, cost_microusd, estimated, last_at"
		" FROM journal WHERE seq > max(?1, 0) AND store = ?2 ORDER BY seq, model",
	[CCP_ST_JOURNAL_DONE] = "DELETE FROM journal WHERE seq = ?1 AND journal = ?2",
	[CCP_ST_JOURNAL_WAITING] =
		"SELECT coalesce(sum(request_count), 0) FROM journal WHERE store = ?1 OR ?1 = ''",

	[CCP_ST_PURGE_DUE] = "UPDATE chores SET at = ?1 WHERE name = 'purge' AND at <= ?2",
	[CCP_ST_PURGE_LIMITS] = "DELETE FROM limits WHERE retry_until <= ?1",
	[CCP_ST_PURGE_VOUCHED] = "DELETE FROM vouched WHERE at < ?1",
	[CCP_ST_PURGE_USAGE] = "DELETE FROM usage"
			       " WHERE date < date(?1, 'unixepoch', '" USAGE_KEEP_DAYS "')",
	[CCP_ST_PURGE_APPLIED] = "DELETE FROM applied"
				 " WHERE date < date(?1, 'unixepoch', '" USAGE_KEEP_DAYS "')",
	/* a batch that was refused for so long is of a day that nobody can ask for */
	[CCP_ST_PURGE_JOURNAL] = "DELETE FROM journal"
				 " WHERE date < date(?1, 'unixepoch', '" USAGE_KEEP_DAYS "')",
	[CCP_ST_PURGE_SEEN] = "DELETE FROM seen WHERE at_ms < ?1",
};
