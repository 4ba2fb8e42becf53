#include "store/limit_copy.h"

#include "store/sqlite.h"
#include "store/sqlite_run.h"

#include <string.h>

struct about {
	const char *user;
	int64_t now_s;
	int64_t ms; /* seen at, since, asked at */
};

static void
bind_user_now(sqlite3_stmt *stmt, const void *arg)
{
	const struct about *a = arg;

	ccp_sqlite_bind_text(stmt, 1, a->user);
	sqlite3_bind_int64(stmt, 2, a->now_s);
}

static void
bind_user_now_ms(sqlite3_stmt *stmt, const void *arg)
{
	bind_user_now(stmt, arg);
	sqlite3_bind_int64(stmt, 3, ((const struct about *)arg)->ms);
}

static void
bind_user_ms(sqlite3_stmt *stmt, const void *arg)
{
	const struct about *a = arg;

	ccp_sqlite_bind_text(stmt, 1, a->user);
	sqlite3_bind_int64(stmt, 2, a->ms);
}

static void
bind_user(sqlite3_stmt *stmt, const void *arg)
{
	ccp_sqlite_bind_text(stmt, 1, ((const struct about *)arg)->user);
}

struct limit_list {
	struct ccp_limit *limits;
	size_t count, max;
};

static bool
row_limit(sqlite3_stmt *stmt, void *arg)
{
	struct limit_list *list = arg;

	if (list->count == list->max)
		return false;
	ccp_sqlite_column_limit(stmt, &list->limits[list->count++]);
	return true;
}

enum ccp_err
ccp_limit_copy_get(struct ccp_sqlite *state, const char *user, int64_t now_s,
                   struct ccp_limit *limits, size_t max, size_t *count, int64_t *seen_ms,
                   struct ccp_error *err)
{
	struct limit_list list = { limits, 0, max };
	struct about about = { user, now_s, 0 };
	enum ccp_err rc;

	*count = 0;
	*seen_ms = 0;
	rc = ccp_sqlite_read(state, CCP_ST_COPY_SEEN, bind_user, &about, ccp_sqlite_row_number,
	                     seen_ms, err);
	if (!rc)
		rc = ccp_sqlite_read(state, CCP_ST_LIMITS_OF_USER, bind_user_now, &about, row_limit,
		                     &list, err);
	if (!rc)
		*count = list.count;
	return rc;
}

enum ccp_err
ccp_limit_copy_recent(struct ccp_sqlite *state, const char *user, int64_t now_s, int64_t since_ms,
                      struct ccp_limit *limits, size_t max, size_t *count, struct ccp_error *err)
{
	struct limit_list list = { limits, *count, max };
	struct about about = { user, now_s, since_ms };
	enum ccp_err rc = ccp_sqlite_read(state, CCP_ST_COPY_RECENT, bind_user_now_ms, &about,
	                                  row_limit, &list, err);

	if (!rc)
		*count = list.count;
	return rc;
}

struct limit_of {
	const char *user;
	const struct ccp_limit *limit;
	int64_t sent_ms;
};

static void
bind_limit(sqlite3_stmt *stmt, const void *arg)
{
	const struct limit_of *l = arg;

	ccp_sqlite_bind_limit(stmt, l->user, l->limit);
	sqlite3_bind_int64(stmt, 8, l->sent_ms);
}

enum ccp_err
ccp_limit_copy_put(struct ccp_sqlite *state, const char *user, const struct ccp_limit *limit,
                   struct ccp_error *err)
{
	/* sent_at is 0 for what the SQLite store itself is told */
	return ccp_sqlite_backend.limit_put(state, user, limit, err);
}

enum ccp_err
ccp_limit_copy_take(struct ccp_sqlite *state, const char *user, int64_t asked_ms,
                    const struct ccp_limit *limits, size_t count, struct ccp_error *err)
{
	struct about about = { user, 0, asked_ms };
	struct ccp_sqlite_tx tx;
	enum ccp_err rc = ccp_sqlite_begin(state, 0, &tx, err);

	if (rc)
		return rc;
	rc = ccp_sqlite_step(&tx, CCP_ST_COPY_DROP, bind_user_ms, &about, NULL, NULL, NULL, err);
	for (size_t i = 0; i < count && !rc; i++) {
		/* as sent a moment before: the next answer replaces it */
		const struct limit_of l = { user, &limits[i], asked_ms > 0 ? asked_ms : 1 };

		rc = ccp_sqlite_step(&tx, CCP_ST_COPY_TAKE, bind_limit, &l, NULL, NULL, NULL, err);
	}
	if (!rc)
		rc = ccp_sqlite_step(&tx, CCP_ST_COPY_SEEN_NOW, bind_user_ms, &about, NULL, NULL,
		                     NULL, err);
	return ccp_sqlite_end(&tx, rc, err);
}

struct unsent_list {
	struct ccp_unsent_limit *unsent;
	size_t count, max;
	int64_t now_s;
};

static void
bind_unsent(sqlite3_stmt *stmt, const void *arg)
{
	const struct unsent_list *list = arg;

	sqlite3_bind_int64(stmt, 1, list->now_s);
	sqlite3_bind_int64(stmt, 2, (int64_t)list->max);
}

static bool
row_unsent(sqlite3_stmt *stmt, void *arg)
{
	struct unsent_list *list = arg;
	struct ccp_unsent_limit *u = &list->unsent[list->count++];

	ccp_sqlite_column(stmt, 0, u->user, sizeof(u->user));
	ccp_sqlite_column_limit(stmt, &u->limit);
	return list->count < list->max;
}

enum ccp_err
ccp_limit_copy_unsent(struct ccp_sqlite *state, int64_t now_s, struct ccp_unsent_limit *unsent,
                      size_t max, size_t *count, struct ccp_error *err)
{
	struct unsent_list list = { unsent, 0, max, now_s };
	enum ccp_err rc;

	*count = 0;
	rc = ccp_sqlite_read(state, CCP_ST_COPY_UNSENT, bind_unsent, &list, row_unsent, &list, err);
	if (!rc)
		*count = list.count;
	return rc;
}

static void
bind_sent(sqlite3_stmt *stmt, const void *arg)
{
	const struct limit_of *l = arg;

	ccp_sqlite_bind_text(stmt, 1, l->user);
	ccp_sqlite_bind_text(stmt, 2, l->limit->credential);
	ccp_sqlite_bind_text(stmt, 3, l->limit->family);
	sqlite3_bind_int64(stmt, 4, l->limit->retry_until_s);
	sqlite3_bind_int64(stmt, 5, l->sent_ms);
}

enum ccp_err
ccp_limit_copy_sent(struct ccp_sqlite *state, const struct ccp_unsent_limit *sent, int64_t now_ms,
                    struct ccp_error *err)
{
	const struct limit_of l = { sent->user, &sent->limit, now_ms };

	return ccp_sqlite_write(state, CCP_ST_COPY_SENT, bind_sent, &l, 0, NULL, err);
}

enum ccp_err
ccp_limit_copy_clear(struct ccp_sqlite *state, const char *user, struct ccp_error *err)
{
	return ccp_sqlite_backend.limits_clear(state, user, err);
}
