#include "store/courier.h"
#include "store/limit_copy.h"
#include "store/store_parts.h"

#include <stdlib.h>
#include <string.h>

/* Limits: in the store itself, or through the copy of this box when the store is on a network. */

bool
ccp_limit_list_add(void *arg, const char *user, const struct ccp_limit *limit)
{
	struct ccp_limit_list *list = arg;

	(void)user;
	if (list->count < list->max)
		list->limits[list->count++] = *limit;
	return list->count < list->max;
}

enum ccp_err
ccp_store_ask_limits(void *arg, const char *user, struct ccp_limit *limits, size_t max,
                     size_t *count, struct ccp_error *err)
{
	struct ccp_store *store = arg;
	struct ccp_limit_list list = { limits, 0, max };
	enum ccp_err rc;

	rc = store->backend->limits_each(store->dynamodb, user, ccp_clock_unix_ms() / 1000,
	                                 ccp_limit_list_add, &list, err);
	*count = rc ? 0 : list.count;
	return ccp_store_note_backend(store, CCP_USE_READ, rc, err);
}

void
ccp_store_keep_limits(void *arg, const char *user, int64_t asked_ms, const struct ccp_limit *limits,
                      size_t count)
{
	struct ccp_store *store = arg;
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	enum ccp_err rc;

	if (!state)
		return;
	rc = ccp_limit_copy_take(state, user, asked_ms, limits, count, &err);
	ccp_store_leave(store);
	ccp_store_note_state(store, CCP_USE_WRITE, rc, &err);
}

static int
longest_first(const void *a, const void *b)
{
	const struct ccp_limit *x = a, *y = b;

	return x->retry_until_s > y->retry_until_s ? -1 : x->retry_until_s < y->retry_until_s;
}

/* The copy of this box, when it is fresh enough: true. */
static bool
copied_limits(struct ccp_store *store, const char *user, int64_t now_s, struct ccp_limit *limits,
              size_t max, size_t *count)
{
	int64_t seen_ms = 0, now_ms = ccp_clock_unix_ms();
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	enum ccp_err rc;

	if (!state)
		return false;
	rc = ccp_limit_copy_get(state, user, now_s, limits, max, count, &seen_ms, &err);
	ccp_store_leave(store);
	return !ccp_store_note_state(store, CCP_USE_READ, rc, &err) && seen_ms <= now_ms &&
	       now_ms - seen_ms < store->config->limit_cache_s * 1000;
}

/*
 * What the table says, and what of this box it could not know yet. A table that cannot be asked
 * leaves what this box learned itself just now, or could not hand over since.
 */
static enum ccp_err
refreshed_limits(struct ccp_store *store, const char *user, int64_t now_s, struct ccp_limit *limits,
                 size_t max, size_t *count, struct ccp_error *err)
{
	struct ccp_error why;
	struct ccp_sqlite *state;
	int64_t since_ms = 0;
	enum ccp_err asked, rc;

	asked = ccp_refresh_get(store->refresh, user, limits, max, count, &since_ms, err);
	if (asked) {
		*count = 0;
		since_ms = ccp_clock_unix_ms() - store->config->limit_cache_s * 1000;
	}
	state = ccp_store_enter(store, &why);
	if (state) {
		rc = ccp_limit_copy_recent(state, user, now_s, since_ms, limits, max, count, &why);
		ccp_store_leave(store);
		ccp_store_note_state(store, CCP_USE_READ, rc, &why);
	}
	if (asked && *count == 0)
		return asked;
	qsort(limits, *count, sizeof(*limits), longest_first);
	return CCP_OK;
}

enum ccp_err
ccp_store_limits_get(struct ccp_store *store, const char *user, int64_t now_s,
                     struct ccp_limit *limits, size_t max, size_t *count, struct ccp_error *err)
{
	struct ccp_limit_list list = { limits, 0, max };
	enum ccp_err rc = CCP_OK;
	void *self;

	*count = 0;
	if (max == 0)
		return CCP_OK;
	if (store->backend->remote) {
		if (copied_limits(store, user, now_s, limits, max, count))
			return CCP_OK;
		return refreshed_limits(store, user, now_s, limits, max, count, err);
	}
	self = ccp_store_enter_backend(store, err);
	if (!self)
		return CCP_ERR_STORE;
	rc = store->backend->limits_each(self, user, now_s, ccp_limit_list_add, &list, err);
	ccp_store_leave_backend(store);
	*count = rc ? 0 : list.count;
	return ccp_store_note_backend(store, CCP_USE_READ, rc, err);
}

enum ccp_err
ccp_store_limit_put(struct ccp_store *store, const char *user, const struct ccp_limit *limit,
                    struct ccp_error *err)
{
	size_t len = strlen(user);
	enum ccp_err rc = CCP_ERR_STORE;
	void *self;

	if (len == 0 || len > CCP_USER_MAX_BYTES || !limit->family[0])
		return ccp_fail(err, CCP_ERR_FORMAT, "limit: no user or no model family");
	if (store->backend->remote) {
		struct ccp_sqlite *state = ccp_store_enter(store, err);

		if (state) {
			rc = ccp_limit_copy_put(state, user, limit, err);
			ccp_store_leave(store);
			ccp_store_hand_over(store);
		}
		return ccp_store_note_failed(store, rc, err);
	}
	self = ccp_store_enter_backend(store, err);
	if (self) {
		rc = store->backend->limit_put(self, user, limit, err);
		ccp_store_leave_backend(store);
	}
	return ccp_store_note_backend(store, CCP_USE_WRITE, rc, err);
}

enum ccp_err
ccp_store_limits_clear(struct ccp_store *store, const char *user, struct ccp_error *err)
{
	enum ccp_err rc = CCP_ERR_STORE;
	struct ccp_sqlite *state;
	void *self;

	if (store->backend->remote && (state = ccp_store_enter(store, err))) {
		rc = ccp_limit_copy_clear(state, user, err);
		ccp_store_leave(store);
		if (ccp_store_note_failed(store, rc, err))
			return rc;
	}
	self = ccp_store_enter_backend(store, err);
	rc = CCP_ERR_STORE;
	if (self) {
		rc = store->backend->limits_clear(self, user, err);
		ccp_store_leave_backend(store);
	}
	return ccp_store_note_backend(store, CCP_USE_WRITE, rc, err);
}

enum ccp_err
ccp_store_limits_each(struct ccp_store *store, const char *user, int64_t now_s, ccp_limit_fn *fn,
                      void *arg, struct ccp_error *err)
{
	enum ccp_err rc = CCP_ERR_STORE;
	void *self;

	if (store->dynamodb && ccp_store_failed_just_now(store, err))
		return CCP_ERR_STORE;
	self = ccp_store_enter_backend(store, err);
	if (self) {
		rc = store->backend->limits_each(self, user, now_s, fn, arg, err);
		ccp_store_leave_backend(store);
	}
	return ccp_store_note_backend(store, CCP_USE_READ, rc, err);
}
