#include "store/store.h"

#include "base/day.h"
#include "store/store_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PATH_MAX of Linux; a longer path cannot be opened. */
#define PATH_BYTES 4096

struct ccp_store {
	const struct ccp_store_backend *backend;
	void *self;
};

/* Path of the SQLite file that the settings name. */
static enum ccp_err
sqlite_path(const struct ccp_config *config, char path[PATH_BYTES], struct ccp_error *err)
{
	const char *given = strncmp(config->store, "sqlite:", 7) == 0 ? config->store + 7 : "";
	int n;

	if (given[0])
		n = snprintf(path, PATH_BYTES, "%s", given);
	else
		n = snprintf(path, PATH_BYTES, "%s/state.db", config->state_directory);
	if (n < 0 || n >= PATH_BYTES)
		return ccp_fail(err, CCP_ERR_SETTING,
		                "STORE, STATE_DIRECTORY: the path is longer than %d bytes",
		                PATH_BYTES - 1);
	if (path[0] == ':')
		return ccp_fail(err, CCP_ERR_SETTING,
		                "STORE: the programs share one file; \"%.60s\" is none", path);
	return CCP_OK;
}

/* STORE says which backend; where it is silent, a table name that was given means DynamoDB. */
static enum ccp_err
refuse_dynamodb(const struct ccp_config *config, struct ccp_error *err)
{
	if (strncmp(config->store, "dynamodb:", 9) == 0)
		return ccp_fail(err, CCP_ERR_SETTING,
		                "STORE: this build keeps its state in SQLite only; use sqlite:PATH,"
		                " or leave STORE unset");
	if (config->store[0])
		return CCP_OK;
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "USAGE_TABLE_NAME" : "RATE_LIMIT_TABLE_NAME";

		if (ccp_config_is_given(config, name))
			return ccp_fail(
				err, CCP_ERR_SETTING,
				"%s: a table name without STORE means DynamoDB, and this build"
				" keeps its state in SQLite only; set STORE=sqlite: or unset %s",
				name, name);
	}
	return CCP_OK;
}

enum ccp_err
ccp_store_open(const struct ccp_config *config, struct ccp_store **store, struct ccp_error *err)
{
	char path[PATH_BYTES];
	struct ccp_store *s;
	enum ccp_err rc;

	*store = NULL;
	rc = refuse_dynamodb(config, err);
	if (!rc)
		rc = sqlite_path(config, path, err);
	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	s->backend = &ccp_sqlite_backend;
	rc = ccp_sqlite_open(path, &s->self, err);
	if (rc)
		free(s);
	else
		*store = s;
	return rc;
}

void
ccp_store_close(struct ccp_store *store)
{
	if (!store)
		return;
	store->backend->close(store->self);
	free(store);
}

enum ccp_err
ccp_store_check(struct ccp_store *store, struct ccp_error *err)
{
	return store->backend->check(store->self, err);
}

struct limit_list {
	struct ccp_limit *limits;
	size_t count, max;
};

static bool
collect_limit(void *arg, const char *user, const struct ccp_limit *limit)
{
	struct limit_list *list = arg;

	(void)user;
	if (list->count < list->max)
		list->limits[list->count++] = *limit;
	return list->count < list->max;
}

enum ccp_err
ccp_store_limits_get(struct ccp_store *store, const char *user, int64_t now_s,
                     struct ccp_limit *limits, size_t max, size_t *count, struct ccp_error *err)
{
	struct limit_list list = { limits, 0, max };
	enum ccp_err rc = CCP_OK;

	*count = 0;
	if (max > 0)
		rc = store->backend->limits_each(store->self, user, now_s, collect_limit, &list,
		                                 err);
	if (!rc)
		*count = list.count;
	return rc;
}

enum ccp_err
ccp_store_limit_put(struct ccp_store *store, const char *user, const struct ccp_limit *limit,
                    struct ccp_error *err)
{
	size_t len = strlen(user);

	if (len == 0 || len > CCP_USER_MAX_BYTES || !limit->family[0])
		return ccp_fail(err, CCP_ERR_FORMAT, "limit: no user or no model family");
	return store->backend->limit_put(store->self, user, limit, err);
}

enum ccp_err
ccp_store_limits_clear(struct ccp_store *store, const char *user, struct ccp_error *err)
{
	return store->backend->limits_clear(store->self, user, err);
}

enum ccp_err
ccp_store_vouch(struct ccp_store *store, const char *credential, int64_t now_s,
                struct ccp_error *err)
{
	if (!credential[0])
		return ccp_fail(err, CCP_ERR_FORMAT, "vouch: no credential");
	return store->backend->vouch(store->self, credential, now_s, err);
}

enum ccp_err
ccp_store_vouched(struct ccp_store *store, const char *credential, int64_t since_s, bool *vouched,
                  struct ccp_error *err)
{
	*vouched = false;
	if (!credential[0])
		return CCP_OK;
	return store->backend->vouched(store->self, credential, since_s, vouched, err);
}

enum ccp_err
ccp_store_usage_add(struct ccp_store *store, const struct ccp_usage_record *record,
                    struct ccp_error *err)
{
	const struct ccp_usage *t = &record->tokens;
	char day[CCP_DAY_BYTES];

	if (!record->user[0] || !record->request_type[0])
		return ccp_fail(err, CCP_ERR_FORMAT, "usage: no user or no request type");
	if (t->input_tokens < 0 || t->output_tokens < 0 || t->cache_read_tokens < 0 ||
	    t->cache_write_5m_tokens < 0 || t->cache_write_1h_tokens < 0)
		return ccp_fail(err, CCP_ERR_FORMAT, "usage: a negative count");
	ccp_day_format(record->at_s, day);
	return store->backend->usage_add(store->self, record, day, err);
}

enum ccp_err
ccp_store_usage_each(struct ccp_store *store, const char *user, const char *from_date,
                     const char *to_date, const char *request_type, ccp_usage_fn *fn, void *arg,
                     struct ccp_error *err)
{
	return store->backend->usage_each(store->self, user, from_date, to_date, request_type, fn,
	                                  arg, err);
}

enum ccp_err
ccp_store_limits_each(struct ccp_store *store, const char *user, int64_t now_s, ccp_limit_fn *fn,
                      void *arg, struct ccp_error *err)
{
	return store->backend->limits_each(store->self, user, now_s, fn, arg, err);
}
