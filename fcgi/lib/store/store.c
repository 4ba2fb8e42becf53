#include "store/store.h"

#include "base/day.h"
#include "base/log.h"
#include "store/courier.h"
#include "store/journal.h"
#include "store/store_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- opening --- */

/* The tables, looked at once: only other keys than ours are a reason not to start. */
static enum ccp_err
open_dynamodb(struct ccp_store *store, struct ccp_credentials *credentials, struct ccp_error *err)
{
	enum ccp_err rc;

	store->backend = &ccp_dynamodb_backend;
	rc = ccp_dynamodb_open(store->config, credentials, NULL, &store->dynamodb, err);
	if (!rc)
		rc = ccp_refresh_new(ccp_store_ask_limits, ccp_store_keep_limits, store,
		                     &store->refresh, err);
	if (rc)
		return rc;
	ccp_dynamodb_name(store->dynamodb, store->name, sizeof(store->name));
	if (store->guest)
		return CCP_OK;
	store->first_rc = ccp_dynamodb_try(store->dynamodb, &store->first_err);
	if (store->first_rc == CCP_ERR_SETTING || store->first_rc == CCP_ERR_NOMEM)
		return ccp_fail(err, store->first_rc, "%s", store->first_err.text);
	return CCP_OK;
}

static enum ccp_err
open_store(const struct ccp_config *config, struct ccp_credentials *credentials, bool guest,
           struct ccp_store **out, struct ccp_error *err)
{
	struct ccp_store *store = calloc(1, sizeof(*store));
	enum ccp_err rc;

	*out = NULL;
	if (!store)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	store->config = config;
	store->guest = guest;
	store->backend = &ccp_sqlite_backend;
	pthread_rwlock_init(&store->files_lock, NULL);
	pthread_mutex_init(&store->lock, NULL);
	rc = ccp_store_set_paths(store, err);
	if (!rc)
		ccp_store_look_at_files(store, true);
	if (!rc && ccp_store_is_dynamodb(config))
		rc = open_dynamodb(store, credentials, err);
	store->opened = true;
	if (rc)
		ccp_store_close(store);
	else
		*out = store;
	return rc;
}

enum ccp_err
ccp_store_open(const struct ccp_config *config, struct ccp_credentials *credentials,
               struct ccp_store **out, struct ccp_error *err)
{
	return open_store(config, credentials, false, out, err);
}

enum ccp_err
ccp_store_visit(const struct ccp_config *config, struct ccp_store **out, struct ccp_error *err)
{
	return open_store(config, NULL, true, out, err);
}

enum ccp_err
ccp_store_try(const struct ccp_config *config, struct ccp_error *err)
{
	struct ccp_dynamodb *db = NULL;
	enum ccp_err rc;

	if (!ccp_store_is_dynamodb(config))
		return CCP_OK;
	rc = ccp_dynamodb_open(config, NULL, NULL, &db, err);
	if (!rc)
		rc = ccp_dynamodb_try(db, err);
	ccp_dynamodb_backend.close(db);
	return rc == CCP_ERR_SETTING ? rc : CCP_OK;
}

/* Usage that was booked for another store, before the settings changed. */
static void
say_what_waits_elsewhere(struct ccp_store *store)
{
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	int64_t all = 0, ours = 0;
	enum ccp_err rc;

	if (!state)
		return;
	rc = ccp_journal_waiting(state, "", &all, &err);
	if (!rc)
		rc = ccp_journal_waiting(state, store->name, &ours, &err);
	ccp_store_leave(store);
	if (!rc && all > ours)
		ccp_log(CCP_LOG_WARNING, NULL,
		        "%lld answers in the journal were booked for another store, before STORE or"
		        " a table's name or place was changed: they wait for that one",
		        (long long)(all - ours));
}

enum ccp_err
ccp_store_start(struct ccp_store *store, struct ccp_error *err)
{
	enum ccp_err rc;

	say_what_waits_elsewhere(store);
	rc = ccp_courier_new(store, &store->courier, err);
	if (!rc && (store->dynamodb || store->first_rc))
		ccp_store_note_backend(store, CCP_USE_READ, store->first_rc, &store->first_err);
	return rc;
}

void
ccp_store_deliver(struct ccp_store *store, int64_t most_ms)
{
	atomic_llong until_ms = ccp_clock_ms() + most_ms;
	struct ccp_sqlite *state;
	struct ccp_error err;
	int fd;

	ccp_store_look_at_files(store, true);
	ccp_store_deliver_kept(store);
	ccp_store_probe_state(store);
	state = ccp_store_enter(store, &err);
	if (!state)
		return; /* nothing is written down */
	ccp_store_leave(store);
	if (store->dynamodb && ccp_store_failed_just_now(store, &err))
		return;
	fd = ccp_courier_lock(store);
	if (fd < 0)
		return;
	(void)ccp_store_deliver_usage(store, &until_ms);
	close(fd);
}

void
ccp_store_close(struct ccp_store *store)
{
	if (!store)
		return;
	ccp_courier_free(store->courier, CCP_STORE_CLOSE_MS);
	if (store->kept_count)
		ccp_log(CCP_LOG_ERROR, NULL, "❌ the usage of %zu answers is lost with this process",
		        store->kept_count);
	store->closing = true;
	if (store->dynamodb)
		ccp_dynamodb_stop(store->dynamodb);
	ccp_refresh_free(store->refresh);
	if (store->dynamodb)
		store->backend->close(store->dynamodb);
	ccp_store_close_files(store);
	free(store->kept);
	pthread_mutex_destroy(&store->lock);
	pthread_rwlock_destroy(&store->files_lock);
	free(store);
}

/* --- state of all --- */

/* How many answers wait in the journal; 0 when nobody can say. */
static int64_t
waiting_count(struct ccp_store *store)
{
	struct ccp_error err;
	struct ccp_sqlite *state = ccp_store_enter(store, &err);
	int64_t count = 0;

	if (!state)
		return 0;
	if (ccp_journal_waiting(state, store->name, &count, &err))
		count = 0;
	ccp_store_leave(store);
	return count;
}

/* Usage that is kept in memory says that the last writing failed; else, is it true still? */
static enum ccp_err
check_writing(struct ccp_store *store, struct ccp_error *err)
{
	struct ccp_error why;
	struct ccp_sqlite *state;
	size_t kept_count;
	enum ccp_err rc;

	if (!ccp_store_write_failed(store, &store->state_part, &why))
		return CCP_OK;
	pthread_mutex_lock(&store->lock);
	kept_count = store->kept_count;
	pthread_mutex_unlock(&store->lock);
	if (kept_count)
		return ccp_fail(err, CCP_ERR_STORE, "%.180s; %zu answers are kept in memory",
		                why.text, kept_count);
	state = ccp_store_enter(store, err);
	if (!state)
		return CCP_ERR_STORE;
	rc = ccp_sqlite_probe(state, err);
	ccp_store_leave(store);
	return rc;
}

static enum ccp_err
check_state(struct ccp_store *store, struct ccp_error *err)
{
	struct ccp_sqlite *state;
	enum ccp_err rc = CCP_ERR_STORE;

	ccp_store_look_at_files(store, true);
	state = ccp_store_enter(store, err);
	if (state) {
		rc = ccp_sqlite_backend.check(state, err);
		ccp_store_leave(store);
	}
	if (ccp_store_note_state(store, CCP_USE_READ, rc, err))
		return rc;
	return check_writing(store, err);
}

static enum ccp_err
check_backend(struct ccp_store *store, struct ccp_error *err)
{
	enum ccp_err rc = CCP_ERR_STORE;
	void *self = ccp_store_enter_backend(store, err);

	if (self) {
		rc = store->backend->check(self, err);
		ccp_store_leave_backend(store);
	}
	return ccp_store_note_backend(store, CCP_USE_READ, rc, err);
}

enum ccp_err
ccp_store_check(struct ccp_store *store, struct ccp_error *err)
{
	struct ccp_error why = { 0 };
	int64_t waiting;

	if (check_state(store, err))
		return CCP_ERR_STORE;
	waiting = waiting_count(store);
	if (!check_backend(store, &why) &&
	    !(waiting > 0 && ccp_store_write_failed(store, &store->backend_part, &why)))
		return CCP_OK;
	if (waiting > 0)
		return ccp_fail(err, CCP_ERR_STORE, "%.180s; %lld answers wait in the journal",
		                why.text, (long long)waiting);
	return ccp_fail(err, CCP_ERR_STORE, "%s", why.text);
}

/* --- credentials --- */

enum ccp_err
ccp_store_vouch(struct ccp_store *store, const char *credential, int64_t now_s,
                struct ccp_error *err)
{
	enum ccp_err rc = CCP_ERR_STORE;
	struct ccp_sqlite *state;

	if (!credential[0])
		return ccp_fail(err, CCP_ERR_FORMAT, "vouch: no credential");
	state = ccp_store_enter(store, err);
	if (state) {
		rc = ccp_sqlite_vouch(state, credential, now_s, err);
		ccp_store_leave(store);
	}
	return ccp_store_note_failed(store, rc, err);
}

enum ccp_err
ccp_store_vouched(struct ccp_store *store, const char *credential, int64_t since_s, bool *vouched,
                  struct ccp_error *err)
{
	enum ccp_err rc = CCP_ERR_STORE;
	struct ccp_sqlite *state;

	*vouched = false;
	if (!credential[0])
		return CCP_OK;
	state = ccp_store_enter(store, err);
	if (state) {
		rc = ccp_sqlite_vouched(state, credential, since_s, vouched, err);
		ccp_store_leave(store);
	}
	return ccp_store_note_state(store, CCP_USE_READ, rc, err);
}

/* --- usage --- */

enum ccp_err
ccp_store_usage_add(struct ccp_store *store, const struct ccp_usage_record *record,
                    struct ccp_error *err)
{
	const struct ccp_usage *t = &record->tokens;
	enum ccp_err rc = CCP_ERR_STORE;
	struct ccp_sqlite *state;
	char day[CCP_DAY_BYTES];

	if (!record->user[0] || !record->request_type[0])
		return ccp_fail(err, CCP_ERR_FORMAT, "usage: no user or no request type");
	if (t->input_tokens < 0 || t->output_tokens < 0 || t->cache_read_tokens < 0 ||
	    t->cache_write_5m_tokens < 0 || t->cache_write_1h_tokens < 0)
		return ccp_fail(err, CCP_ERR_FORMAT, "usage: a negative count");
	ccp_day_format(record->at_s, day);
	state = ccp_store_enter(store, err);
	if (state) {
		rc = ccp_journal_add(state, store->name, record, day, err);
		ccp_store_leave(store);
	}
	if (ccp_store_note_state(store, CCP_USE_WRITE, rc, err))
		rc = ccp_store_keep(store, record)
		             ? CCP_ERR_STORE
		             : ccp_fail(err, CCP_ERR_LIMIT,
		                        "the journal cannot be written and no more is kept");
	ccp_store_hand_over(store);
	return rc;
}

enum ccp_err
ccp_store_usage_each(struct ccp_store *store, const char *user, const char *from_date,
                     const char *to_date, const char *request_type, ccp_usage_fn *fn, void *arg,
                     struct ccp_error *err)
{
	enum ccp_err rc = CCP_ERR_STORE;
	void *self;

	if (store->dynamodb && ccp_store_failed_just_now(store, err))
		return CCP_ERR_STORE;
	self = ccp_store_enter_backend(store, err);
	if (self) {
		rc = store->backend->usage_each(self, user, from_date, to_date, request_type, fn,
		                                arg, err);
		ccp_store_leave_backend(store);
	}
	return ccp_store_note_backend(store, CCP_USE_READ, rc, err);
}
