#include "store/sqlite_pool.h"

#include "store/sqlite_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* A connection costs some 100 KiB and a file lock; writes queue behind each other anyway. */
#define CONNECTIONS_MAX 16

/*
 * How long one call may wait for other processes' writes. SQLite's waiting is
 * not fair: 64 processes writing as fast as they can were seen to make one wait
 * 1.4 s (SQLite 3.40.1, 2026); a proxy writes far less. Somebody waits for it.
 */
#define BUSY_MS 2000
/* And at the start, when another process migrates the file. */
#define OPEN_BUSY_MS 10000
#define STEP_MS 20

static void
connection_close(struct ccp_sqlite_connection *c)
{
	if (!c)
		return;
	for (int i = 0; i < CCP_SQLITE_STATEMENTS_MAX; i++)
		sqlite3_finalize(c->stmt[i]);
	sqlite3_close(c->db);
	free(c);
}

static enum ccp_err
connection_open(const char *path, struct ccp_sqlite_connection **out, struct ccp_error *err)
{
	struct ccp_sqlite_connection *c = calloc(1, sizeof(*c));
	enum ccp_err rc = CCP_OK;

	*out = NULL;
	if (!c)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	if (sqlite3_open_v2(path, &c->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		rc = ccp_sqlite_fail(c->db, path, "cannot be opened", err);
	if (!rc) {
		sqlite3_busy_timeout(c->db, BUSY_MS);
		rc = ccp_sqlite_exec(c->db, path, "PRAGMA synchronous=NORMAL", err);
	}
	if (rc)
		connection_close(c);
	else
		*out = c;
	return rc;
}

enum ccp_err
ccp_sqlite_acquire(struct ccp_sqlite_pool *pool, struct ccp_sqlite_connection **out,
                   struct ccp_error *err)
{
	struct ccp_sqlite_connection *c;
	enum ccp_err rc;

	pthread_mutex_lock(&pool->lock);
	while (!pool->idle && pool->open_count >= CONNECTIONS_MAX)
		pthread_cond_wait(&pool->freed, &pool->lock);
	c = pool->idle;
	if (c)
		pool->idle = c->next;
	else
		pool->open_count++;
	pthread_mutex_unlock(&pool->lock);
	*out = c;
	if (c)
		return CCP_OK;
	rc = connection_open(pool->path, out, err);
	if (rc) {
		pthread_mutex_lock(&pool->lock);
		pool->open_count--;
		pthread_cond_signal(&pool->freed);
		pthread_mutex_unlock(&pool->lock);
	}
	return rc;
}

void
ccp_sqlite_release(struct ccp_sqlite_pool *pool, struct ccp_sqlite_connection *c)
{
	pthread_mutex_lock(&pool->lock);
	c->next = pool->idle;
	pool->idle = c;
	pthread_cond_signal(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

/* Makes the directories of path that are not there yet, for this user only. */
static enum ccp_err
make_directories(char *path, struct ccp_error *err)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int failed;

		*slash = '\0';
		failed = mkdir(path, 0700) < 0 && errno != EEXIST;
		if (failed)
			ccp_fail(err, CCP_ERR_STORE, "directory %.100s cannot be made: %s", path,
			         strerror(errno));
		*slash = '/';
		if (failed)
			return CCP_ERR_STORE;
	}
	return CCP_OK;
}

/*
 * Makes the file, empty, when there is none, so that its mode is ours. Never
 * opens one that is there: closing it again would drop the locks that SQLite
 * holds on it for this whole process (POSIX). What stands beside a file that
 * was taken away alone is not the new one's.
 */
static enum ccp_err
make_file(const char *path, struct ccp_error *err)
{
	static const char *const beside[] = { "-wal", "-shm", "-journal" };
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char name[PATH_MAX];

	if (fd < 0 && errno != EEXIST)
		return ccp_fail(err, CCP_ERR_STORE, "%.100s cannot be made: %s", path,
		                strerror(errno));
	if (fd < 0)
		return CCP_OK;
	close(fd);
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++)
		if (snprintf(name, sizeof(name), "%s%s", path, beside[i]) < (int)sizeof(name))
			unlink(name);
	return CCP_OK;
}

/* One process at a time opens files of that folder; -1 when that could not be had. */
static int
lock_folder(const char *path)
{
	const struct timespec step = { 0, STEP_MS * 1000000L };
	char folder[PATH_MAX];
	int fd, wait_ms = OPEN_BUSY_MS;

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return -1;
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		wait_ms -= STEP_MS;
		if (errno != EWOULDBLOCK || wait_ms <= 0) {
			close(fd);
			fd = -1;
		} else {
			nanosleep(&step, NULL);
		}
	}
	return fd;
}

/* The first connection: makes and migrates the file, and sees whether it can be written. */
static enum ccp_err
open_first(struct ccp_sqlite_pool *pool, struct ccp_error *err)
{
	struct ccp_sqlite_connection *c = NULL;
	int lock = -1;
	enum ccp_err rc = make_directories(pool->path, err);

	if (!rc) {
		lock = lock_folder(pool->path);
		rc = make_file(pool->path, err);
	}
	if (!rc)
		rc = ccp_sqlite_acquire(pool, &c, err);
	if (rc)
		goto out;
	sqlite3_busy_timeout(c->db, OPEN_BUSY_MS);
	if (sqlite3_db_readonly(c->db, "main") == 1)
		rc = ccp_fail(err, CCP_ERR_STORE, "%.100s: may only be read, not written",
		              pool->path);
	else
		rc = ccp_sqlite_prepare_file(c->db, pool->path, OPEN_BUSY_MS, err);
	if (!rc && stat(pool->path, &pool->file) < 0)
		rc = ccp_fail(err, CCP_ERR_STORE, "%.100s: %s", pool->path, strerror(errno));
	sqlite3_busy_timeout(c->db, BUSY_MS);
	ccp_sqlite_release(pool, c);
out:
	if (lock >= 0)
		close(lock);
	return rc;
}

enum ccp_err
ccp_sqlite_pool_open(const char *path, struct ccp_sqlite_pool **out, struct ccp_error *err)
{
	struct ccp_sqlite_pool *pool = calloc(1, sizeof(*pool));
	enum ccp_err rc;

	*out = NULL;
	if (!pool)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->freed, NULL);
	pool->path = strdup(path);
	rc = pool->path ? open_first(pool, err)
	                : ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	if (rc)
		ccp_sqlite_pool_close(pool);
	else
		*out = pool;
	return rc;
}

void
ccp_sqlite_pool_close(struct ccp_sqlite_pool *pool)
{
	if (!pool)
		return;
	while (pool->idle) {
		struct ccp_sqlite_connection *c = pool->idle;

		pool->idle = c->next;
		connection_close(c);
	}
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	free(pool->path);
	free(pool);
}

enum ccp_err
ccp_sqlite_pool_check(struct ccp_sqlite_pool *pool, struct ccp_error *err)
{
	struct stat now;

	if (stat(pool->path, &now) < 0 || now.st_ino != pool->file.st_ino ||
	    now.st_dev != pool->file.st_dev)
		return ccp_fail(err, CCP_ERR_STORE, "%.100s: the file was removed or replaced",
		                pool->path);
	return CCP_OK;
}
