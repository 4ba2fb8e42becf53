#include "admin_doctor.h"

#include "store/dynamodb.h"
#include "store/journal.h"
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A courier delivers within a second; what waits longer waits for the store. */
#define DELIVER_MS 5000

/* The programs make the directory; then it has to be possible. */
static void
check_absent(struct ccp_doctor *d)
{
	char parent[CCP_STORE_PATH_BYTES], *slash;
	const char *directory = d->config->state_directory;

	snprintf(parent, sizeof(parent), "%s", directory);
	do {
		slash = strrchr(parent, '/');
		if (slash)
			*slash = '\0';
	} while (slash && parent[0] && access(parent, F_OK) < 0 && errno == ENOENT);
	if (!parent[0])
		snprintf(parent, sizeof(parent), "/");
	if (slash && access(parent, W_OK | X_OK) == 0)
		ccp_doctor_say(d, CCP_FOUND_WARNING, "state directory",
		               "%.200s is not there yet: the proxy makes it when it starts",
		               directory);
	else
		ccp_doctor_say(d, CCP_FOUND_FAILED, "state directory",
		               "%.200s is not there and cannot be made (%.160s: %s); make it for "
		               "the user that runs the proxy, or set STATE_DIRECTORY",
		               directory, parent, strerror(errno));
}

/* A file made and taken away again: root may write where no file system will. */
static bool
can_write(const char *directory)
{
	char path[CCP_STORE_PATH_BYTES + 64];
	int fd, saved;
	bool written;

	snprintf(path, sizeof(path), "%s/.claude-code-proxy-doctor.%ld", directory, (long)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	written = write(fd, "?", 1) == 1; /* a full disk takes names, but no bytes */
	saved = errno;
	close(fd);
	unlink(path);
	errno = saved;
	return written;
}

static enum ccp_err
check_file(const char *path, struct ccp_error *err)
{
	struct ccp_sqlite *file = NULL;
	enum ccp_err rc = ccp_sqlite_open(path, &file, err);

	if (!rc)
		rc = ccp_sqlite_backend.check(file, err);
	ccp_sqlite_close(file);
	return rc;
}

/* A file that is not there is not made: it would belong to whoever runs the doctor. */
static void
check_sqlite(struct ccp_doctor *d, const char *what, const char *path)
{
	struct ccp_error err = { 0 };

	if (access(path, F_OK) < 0 && errno == ENOENT)
		ccp_doctor_say(d, CCP_FOUND_OK, what,
		               "%.200s is not there yet: the proxy makes it when it starts", path);
	else if (check_file(path, &err))
		ccp_doctor_say(d, CCP_FOUND_FAILED, what,
		               "%s; run this as the user that runs the proxy, or move the file "
		               "away: the proxy makes a new one",
		               err.text);
	else
		ccp_doctor_say(d, CCP_FOUND_OK, what, "%.200s can be read and written", path);
}

void
ccp_doctor_state(struct ccp_doctor *d)
{
	const char *directory = d->config->state_directory;
	char store[CCP_STORE_PATH_BYTES], path[CCP_STORE_PATH_BYTES];
	struct stat st;

	if (stat(directory, &st) < 0) {
		check_absent(d);
		return;
	}
	if (!S_ISDIR(st.st_mode) || !can_write(directory)) {
		ccp_doctor_say(d, CCP_FOUND_FAILED, "state directory",
		               "%.200s cannot be written (%s); it has to belong to the user that "
		               "runs the proxy, or STATE_DIRECTORY has to name another",
		               directory, strerror(S_ISDIR(st.st_mode) ? errno : ENOTDIR));
		return;
	}
	ccp_doctor_say(d, CCP_FOUND_OK, "state directory", "%.200s can be written", directory);
	(void)ccp_store_paths(d->config, path, store);
	check_sqlite(d, "state.db", path);
}

/* Said by "tables check": what is right is among it. */
static void
say_nothing(void *arg, const char *sentence)
{
	(void)arg;
	(void)sentence;
}

static void
check_tables(struct ccp_doctor *d)
{
	struct ccp_dynamodb *db = NULL;
	struct ccp_error err = { 0 };
	int missing = 0;
	enum ccp_err rc = ccp_dynamodb_open(d->config, d->credentials, NULL, &db, &err);

	if (!rc)
		rc = ccp_dynamodb_try(db, &err);
	if (!rc)
		rc = ccp_dynamodb_tables(db, false, say_nothing, NULL, &missing, &err);
	if (db)
		ccp_dynamodb_backend.close(db);
	if (rc)
		ccp_doctor_say(d, CCP_FOUND_FAILED, "store", "%s", err.text);
	else if (missing)
		ccp_doctor_say(d, CCP_FOUND_FAILED, "store",
		               "DynamoDB answers, but %d %s not right with the tables; "
		               "\"tables check\" says which, \"tables create\" mends what it can",
		               missing, missing == 1 ? "thing is" : "things are");
	else
		ccp_doctor_say(d, CCP_FOUND_OK, "store",
		               "DynamoDB answers; keys, time to live and index of both tables are "
		               "right");
}

void
ccp_doctor_store(struct ccp_doctor *d)
{
	char state[CCP_STORE_PATH_BYTES], path[CCP_STORE_PATH_BYTES];

	(void)ccp_store_paths(d->config, state, path);
	if (!ccp_store_is_dynamodb(d->config))
		check_sqlite(d, "store", path);
	else if (d->has_keys)
		check_tables(d);
	else
		ccp_doctor_say(d, CCP_FOUND_SKIPPED, "store",
		               "DynamoDB cannot be asked without AWS credentials");
}

/* How many answers wait in state.db; -1 and *err: nobody knows. */
static int64_t
waiting(const char *path, struct ccp_error *err)
{
	struct ccp_sqlite *state = NULL;
	int64_t count = 0;
	enum ccp_err rc = ccp_sqlite_open(path, &state, err);

	if (!rc)
		rc = ccp_journal_waiting(state, "", &count, err);
	ccp_sqlite_close(state);
	return rc ? -1 : count;
}

static void
deliver(struct ccp_doctor *d)
{
	struct ccp_store *store = NULL;
	struct ccp_error err = { 0 };

	if (ccp_admin_open_store(d->config, &store, &err) == CCP_OK)
		ccp_store_deliver(store, DELIVER_MS);
	ccp_admin_close_store(d->config, store);
}

void
ccp_doctor_journal(struct ccp_doctor *d)
{
	char store[CCP_STORE_PATH_BYTES], path[CCP_STORE_PATH_BYTES];
	struct ccp_error err = { 0 };
	int64_t count;

	(void)ccp_store_paths(d->config, path, store);
	if (access(path, F_OK) < 0) {
		ccp_doctor_say(d, CCP_FOUND_OK, "journal",
		               "nothing waits: there is no state.db yet");
		return;
	}
	count = waiting(path, &err);
	if (count > 0) {
		deliver(d);
		count = waiting(path, &err);
	}
	if (count < 0)
		ccp_doctor_say(d, CCP_FOUND_FAILED, "journal", "%s", err.text);
	else if (count > 0)
		ccp_doctor_say(d, CCP_FOUND_WARNING, "journal",
		               "%lld counted %s not in the store yet; that is done when the store "
		               "works, or by the process that is at it",
		               (long long)count, count == 1 ? "answer is" : "answers are");
	else
		ccp_doctor_say(d, CCP_FOUND_OK, "journal", "everything counted is in the store");
}
