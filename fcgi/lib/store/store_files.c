#include "store/store_parts.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file that could not be opened is tried again this often, and one in use is looked for. */
#define LOOK_MS 1000
/*
 * On a full disk a write succeeds now and then, where a page is left over, and
 * in a damaged file some pages can be read: state.db works again when nothing
 * has failed for so long.
 */
#define QUIET_MS 5000
/* The backend's failure is the answer for so long. */
#define JUST_NOW_MS 3000

bool
ccp_store_is_dynamodb(const struct ccp_config *config)
{
	if (config->store[0])
		return strncmp(config->store, "dynamodb:", 9) == 0;
	return ccp_config_is_given(config, "RATE_LIMIT_TABLE_NAME") ||
	       ccp_config_is_given(config, "USAGE_TABLE_NAME");
}

bool
ccp_store_paths(const struct ccp_config *config, char state[CCP_STORE_PATH_BYTES],
                char file[CCP_STORE_PATH_BYTES])
{
	const char *given = strncmp(config->store, "sqlite:", 7) == 0 ? config->store + 7 : "";
	int n = snprintf(state, CCP_STORE_PATH_BYTES, "%s/state.db", config->state_directory);
	int m = snprintf(file, CCP_STORE_PATH_BYTES, "%s", given[0] ? given : state);

	return n > 0 && n < CCP_STORE_PATH_BYTES && m > 0 && m < CCP_STORE_PATH_BYTES;
}

enum ccp_err
ccp_store_set_paths(struct ccp_store *store, struct ccp_error *err)
{
	if (!ccp_store_paths(store->config, store->state_path, store->file_path))
		return ccp_fail(err, CCP_ERR_SETTING,
		                "STORE, STATE_DIRECTORY: the path is longer than %d bytes",
		                CCP_STORE_PATH_BYTES - 1);
	if (store->file_path[0] == ':')
		return ccp_fail(err, CCP_ERR_SETTING,
		                "STORE: the programs share one file; \"%.60s\" is none",
		                store->file_path);
	if (strcmp(store->file_path, store->state_path) == 0)
		store->file_path[0] = '\0';
	/* state.db may move with its folder: its name in the journal is always the same */
	snprintf(store->name, sizeof(store->name), "sqlite:%s", store->file_path);
	return CCP_OK;
}

/* --- what is down --- */

/* What a use taught. */
struct lesson {
	unsigned uses; /* whose state is another now, or is known for the first time */
	bool goes;     /* the part was up in this process's eyes, and is down */
	bool returns;
};

/* Uses that failed too short a time ago for a success to count. */
static unsigned
not_quiet(const struct ccp_store_part *part, int64_t now_ms)
{
	unsigned uses = 0;

	for (unsigned use = CCP_USE_READ; use <= CCP_USE_WRITE; use <<= 1)
		if (part->failed_ms[use] && now_ms - part->failed_ms[use] < QUIET_MS)
			uses |= use;
	return uses;
}

static struct lesson
learn(struct ccp_store *store, struct ccp_store_part *part, unsigned use, bool failed,
      const struct ccp_error *why)
{
	int64_t now_ms = ccp_clock_ms();
	struct lesson lesson;
	unsigned before;

	pthread_mutex_lock(&store->lock);
	before = part->down;
	if (failed) {
		part->why = *why;
		if (use & CCP_USE_READ)
			part->failed_ms[CCP_USE_READ] = now_ms;
		if (use & CCP_USE_WRITE)
			part->failed_ms[CCP_USE_WRITE] = now_ms;
	} else if (part == &store->state_part) {
		use &= ~not_quiet(part, now_ms);
	}
	part->down = failed ? before | use : before & ~use;
	lesson = (struct lesson){ .uses = (part->down ^ before) | (use & ~part->known),
		                  .goes = part->down && !before,
		                  .returns = !part->down && before };
	part->known |= use;
	pthread_mutex_unlock(&store->lock);
	return lesson;
}

enum ccp_err
ccp_store_note_state(struct ccp_store *store, unsigned use, enum ccp_err rc,
                     const struct ccp_error *err)
{
	struct lesson lesson = learn(store, &store->state_part, use, rc != CCP_OK, err);

	if (store->guest)
		return rc;
	if (lesson.goes)
		ccp_log(CCP_LOG_ERROR, NULL,
		        "❌ the state of this machine cannot be used: %s; limits may be unknown"
		        " and usage is kept in memory until it can",
		        err->text);
	else if (lesson.returns)
		ccp_log(CCP_LOG_INFO, NULL, "✅ the state of this machine works again: %s",
		        store->state_path);
	return rc;
}

/* One that only reads: it tells what those who write have not told, and its end. */
static bool
is_news_to_reader(struct ccp_store *store, const struct lesson *lesson)
{
	unsigned before = 0, after = 0;
	struct ccp_sqlite *state;
	struct ccp_error err;

	if (lesson->returns && store->told) {
		store->told = false;
		return true;
	}
	if (!lesson->goes)
		return false;
	state = ccp_store_enter(store, &err);
	if (state) {
		if (ccp_sqlite_note_down(state, 0, true, &before, &after, &err))
			before = 0;
		ccp_store_leave(store);
	}
	store->told = before == 0;
	return store->told;
}

/*
 * Whether the log is to be told: of all processes of the box that bring usage
 * into the store the first one that notices tells, for state.db knows what is
 * down.
 */
static bool
is_news(struct ccp_store *store, const struct lesson *lesson, bool down)
{
	unsigned before = 0, after = 0;
	struct ccp_sqlite *state;
	struct ccp_error err;
	enum ccp_err rc;

	if (!lesson->uses)
		return false;
	if (!store->courier)
		return is_news_to_reader(store, lesson);
	state = ccp_store_enter(store, &err);
	if (!state)
		return lesson->goes || lesson->returns;
	rc = ccp_sqlite_note_down(state, lesson->uses, down, &before, &after, &err);
	ccp_store_leave(store);
	return rc ? lesson->goes || lesson->returns : !before != !after;
}

/* The caller's own trouble is none of the backend's. */
static bool
is_down(enum ccp_err rc)
{
	return rc == CCP_ERR_STORE || rc == CCP_ERR_NET || rc == CCP_ERR_CREDENTIALS ||
	       rc == CCP_ERR_SETTING;
}

enum ccp_err
ccp_store_note_backend(struct ccp_store *store, unsigned use, enum ccp_err rc,
                       const struct ccp_error *err)
{
	struct lesson lesson;

	if ((rc && !is_down(rc)) || store->closing)
		return rc;
	if (!store->dynamodb && !store->file_path[0])
		return ccp_store_note_state(store, use, rc, err);
	lesson = learn(store, &store->backend_part, use, rc != CCP_OK, err);
	if (store->guest || !is_news(store, &lesson, rc != CCP_OK))
		return rc;
	if (rc)
		ccp_log(CCP_LOG_ERROR, NULL,
		        "❌ the store is down: %s; limits are unknown and usage waits in the"
		        " journal until it works",
		        err->text);
	else
		ccp_log(CCP_LOG_INFO, NULL, "✅ the store works again");
	return rc;
}

bool
ccp_store_failed_just_now(struct ccp_store *store, struct ccp_error *err)
{
	const struct ccp_store_part *part = &store->backend_part;
	int64_t now_ms = ccp_clock_ms();
	bool failed;

	pthread_mutex_lock(&store->lock);
	failed = part->down & CCP_USE_READ && now_ms - part->failed_ms[CCP_USE_READ] < JUST_NOW_MS;
	if (failed)
		*err = part->why;
	pthread_mutex_unlock(&store->lock);
	return failed;
}

enum ccp_err
ccp_store_note_failed(struct ccp_store *store, enum ccp_err rc, const struct ccp_error *err)
{
	return rc ? ccp_store_note_state(store, CCP_USE_WRITE, rc, err) : CCP_OK;
}

bool
ccp_store_write_failed(struct ccp_store *store, const struct ccp_store_part *part,
                       struct ccp_error *err)
{
	bool failed;

	pthread_mutex_lock(&store->lock);
	failed = part->down & CCP_USE_WRITE;
	if (failed)
		*err = part->why;
	pthread_mutex_unlock(&store->lock);
	return failed;
}

void
ccp_store_probe_state(struct ccp_store *store)
{
	struct ccp_sqlite *state;
	struct ccp_error err;
	unsigned down;
	enum ccp_err rc;

	pthread_mutex_lock(&store->lock);
	/* what is kept is the better probe: it is what has to be written */
	down = store->kept_count ? 0 : store->state_part.down;
	pthread_mutex_unlock(&store->lock);
	if (!down || !(state = ccp_store_enter(store, &err)))
		return;
	rc = ccp_sqlite_probe(state, &err);
	ccp_store_leave(store);
	ccp_store_note_state(store, CCP_USE_READ | CCP_USE_WRITE, rc, &err);
}

/* --- files --- */

static bool
is_due(struct ccp_store *store, bool now)
{
	int64_t now_ms = ccp_clock_ms();
	bool due;

	pthread_mutex_lock(&store->lock);
	due = now || now_ms - store->looked_at_ms >= LOOK_MS;
	if (due)
		store->looked_at_ms = now_ms;
	pthread_mutex_unlock(&store->lock);
	return due;
}

/*
 * Opens path when the one in use is not that file any more: outside of the
 * lock, since another process may be at it. Nobody uses the old one once the
 * new one is in its place.
 */
static enum ccp_err
look_at(struct ccp_store *store, const char *path, struct ccp_sqlite **used, struct ccp_error *err)
{
	struct ccp_sqlite *fresh = NULL, *old;
	struct ccp_error why;
	enum ccp_err rc = CCP_OK;
	bool well;

	pthread_rwlock_rdlock(&store->files_lock);
	well = *used && !ccp_sqlite_present(*used, &why);
	pthread_rwlock_unlock(&store->files_lock);
	if (well)
		return CCP_OK;
	if (!store->guest || access(path, F_OK) == 0)
		rc = ccp_sqlite_open(path, &fresh, err);
	pthread_rwlock_wrlock(&store->files_lock);
	old = *used;
	*used = fresh;
	pthread_rwlock_unlock(&store->files_lock);
	ccp_sqlite_close(old);
	return rc;
}

void
ccp_store_look_at_files(struct ccp_store *store, bool now)
{
	struct ccp_error err = { 0 };

	if (!is_due(store, now))
		return;
	if (look_at(store, store->state_path, &store->state, &err))
		ccp_store_note_state(store, CCP_USE_READ, CCP_ERR_STORE, &err);
	if (!store->file_path[0] || !look_at(store, store->file_path, &store->file, &err))
		return;
	if (store->opened) {
		ccp_store_note_backend(store, CCP_USE_READ, CCP_ERR_STORE, &err);
	} else {
		store->first_rc = CCP_ERR_STORE;
		store->first_err = err;
	}
}

void
ccp_store_close_files(struct ccp_store *store)
{
	ccp_sqlite_close(store->file);
	ccp_sqlite_close(store->state);
	store->file = store->state = NULL;
}

/* Under the read lock when it gives one. */
static struct ccp_sqlite *
enter_file(struct ccp_store *store, struct ccp_sqlite **file, const char *path,
           struct ccp_error *err)
{
	ccp_store_look_at_files(store, false);
	pthread_rwlock_rdlock(&store->files_lock);
	if (*file)
		return *file;
	pthread_rwlock_unlock(&store->files_lock);
	ccp_fail(err, CCP_ERR_STORE, "%.160s could not be opened", path);
	return NULL;
}

struct ccp_sqlite *
ccp_store_enter(struct ccp_store *store, struct ccp_error *err)
{
	return enter_file(store, &store->state, store->state_path, err);
}

void
ccp_store_leave(struct ccp_store *store)
{
	pthread_rwlock_unlock(&store->files_lock);
}

void *
ccp_store_enter_backend(struct ccp_store *store, struct ccp_error *err)
{
	if (store->dynamodb)
		return store->dynamodb;
	if (store->file_path[0])
		return enter_file(store, &store->file, store->file_path, err);
	return ccp_store_enter(store, err);
}

void
ccp_store_leave_backend(struct ccp_store *store)
{
	if (!store->dynamodb)
		pthread_rwlock_unlock(&store->files_lock);
}
