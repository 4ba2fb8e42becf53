/* covers: store_files sqlite_pool sqlite_schema */
#include "store_place.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

/* SQLite's files: their modes, their age, and what becomes of a store whose file is broken. */

static void
path_of(const struct place *p, char path[64])
{
	snprintf(path, 64, "%s/a/b/state.db", p->folder);
}

static void
run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
old_rows_go_once_a_day(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_error err;
	struct ccp_limit l[2];
	char text[4096];
	bool yes;

	add(store, tagged(p, "a"), "m", "bedrock", p->now_s - 91 * 86400, 1);
	add(store, tagged(p, "a"), "m", "bedrock", p->now_s - 90 * 86400, 1);
	put(store, tagged(p, "a"), limit_of(p, CRED_A, "opus", 5));
	assert_int_equal(ccp_store_vouch(store, CRED_A, p->now_s - 86400, &err), CCP_OK);
	ccp_store_deliver(store, 10000);
	/* this box has been purged at now_s: nothing goes yet, though all is out of date */
	ccp_store_close(store);
	store = opened(p);
	add(store, tagged(p, "b"), "m", "bedrock", p->now_s + 3600, 1);
	ccp_store_deliver(store, 10000);
	usage_text(store, p, tagged(p, "a"), -200, 10, "all", text);
	assert_non_null(strstr(text, " n1 "));
	add(store, tagged(p, "b"), "m", "bedrock", p->now_s + 2 * 86400, 1);
	ccp_store_deliver(store, 10000);
	usage_text(store, p, tagged(p, "a"), -200, 10, "all", text);
	assert_string_equal(text, "");
	assert_int_equal(limits_of(store, tagged(p, "a"), 0, l, 2), 0);
	assert_int_equal(ccp_store_vouched(store, CRED_A, 0, &yes, &err), CCP_OK);
	assert_false(yes);
	ccp_store_close(store);
}

static void
modes(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_error err = { 0 };
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", p->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	path_of(p, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ccp_store_check(store, &err), CCP_OK);
	ccp_store_close(store);
}

/* A file that is taken away while it is used: a new one is made, and goes on. */
static void
taken_away(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_error err = { 0 };
	char path[64];

	add(store, tagged(p, "a"), "m", "bedrock", p->now_s, 1);
	path_of(p, path);
	unlink(path);
	assert_int_equal(ccp_store_check(store, &err), CCP_OK);
	assert_int_equal(access(path, F_OK), 0);
	add(store, tagged(p, "b"), "m", "bedrock", p->now_s, 1);
	usage_is(store, p, NULL, 0, 0, "all", "b TODAY m n1 in10 out20 read300 5m4 1h5 $1\n");
	ccp_store_close(store);
}

/* The store opens all the same, says why it is down, keeps usage, and goes on when it is mended. */
static void
down_for(const struct place *p, const char *word)
{
	struct ccp_store *store = opened(p);
	struct ccp_error err = { 0 };
	struct ccp_limit l[1];
	size_t count = 7;

	assert_int_equal(ccp_store_check(store, &err), CCP_ERR_STORE);
	assert_int_equal(ccp_store_limits_get(store, "a", p->now_s, l, 1, &count, &err),
	                 CCP_ERR_STORE);
	assert_int_equal(count, 0);
	if (!strstr(err.text, word) && !strstr(err.text, "state.db"))
		fail_msg("\"%s\" is not in: %s", word, err.text);
	ccp_store_close(store);
}

static void
bad_files(void **state)
{
	const struct place *p = *state;
	char path[64];
	FILE *f;

	ccp_store_close(opened(p));
	path_of(p, path);
	run_sql(path, "PRAGMA user_version=99");
	down_for(p, "newer version");
	unlink(path);
	run_sql(path, "CREATE TABLE recipes (cake TEXT)");
	down_for(p, "another program");
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fputs("not a database ", f);
	fclose(f);
	down_for(p, "not a database");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	down_for(p, "state.db");
	rmdir(path);
	f = fopen(path, "w"); /* an empty file is a new one */
	fclose(f);
	ccp_store_close(opened(p));
	if (geteuid() != 0) {
		chmod(path, 0400);
		down_for(p, "only be read");
	}
}

/* Usage is kept in memory while the file is broken, and counted once when it is mended. */
static void
kept_until_mended(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store;
	struct ccp_error err = { 0 };
	char path[64], folder[64];

	path_of(p, path);
	snprintf(folder, sizeof(folder), "mkdir -p %s", path);
	assert_int_equal(system(folder), 0); /* a folder where the file should be */
	store = opened(p);
	for (int i = 0; i < 100; i++)
		assert_int_equal(try_add(store, tagged(p, "a"), "m", "bedrock", p->now_s, 1, &err),
		                 CCP_ERR_STORE);
	assert_int_equal(rmdir(path), 0);
	usage_is(store, p, NULL, 0, 0, "all",
	         "a TODAY m n100 in1000 out2000 read30000 5m400 1h500 $100\n");
	assert_int_equal(ccp_store_check(store, &err), CCP_OK);
	ccp_store_close(store);
}

static void
no_more_is_kept(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store;
	struct ccp_error err = { 0 };
	char path[64], folder[64];

	path_of(p, path);
	snprintf(folder, sizeof(folder), "mkdir -p %s", path);
	assert_int_equal(system(folder), 0);
	store = opened(p);
	for (int i = 0; i < CCP_STORE_KEPT_COUNT; i++)
		assert_int_equal(try_add(store, "a", "m", "bedrock", p->now_s, 1, &err),
		                 CCP_ERR_STORE);
	assert_int_equal(try_add(store, "a", "m", "bedrock", p->now_s, 1, &err), CCP_ERR_LIMIT);
	ccp_store_close(store);
}

/* Another process writes for long: nobody waits for it without end, and all is counted. */
static void
locked_from_outside(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_error err = { 0 };
	struct ccp_limit l[1];
	sqlite3 *db = NULL;
	char path[64];

	path_of(p, path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(try_add(store, tagged(p, "a"), "m", "bedrock", p->now_s, 1, &err),
	                 CCP_ERR_STORE);                            /* kept in memory */
	assert_int_equal(limits_of(store, "a", p->now_s, l, 1), 0); /* reading goes on */
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	usage_is(store, p, NULL, 0, 0, "all", "a TODAY m n1 in10 out20 read300 5m4 1h5 $1\n");
	ccp_store_close(store);
}

/* A command that looks in leaves nothing behind. */
static void
a_visit(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store;
	struct ccp_error err = { 0 };
	char path[64];

	path_of(p, path);
	assert_int_equal(ccp_store_visit(p->config, &store, &err), CCP_OK);
	assert_int_equal(ccp_store_check(store, &err), CCP_ERR_STORE);
	ccp_store_close(store);
	assert_int_equal(access(path, F_OK), -1);
	store = opened(p);
	add(store, tagged(p, "a"), "m", "bedrock", p->now_s, 1);
	ccp_store_close(store);
	assert_int_equal(ccp_store_visit(p->config, &store, &err), CCP_OK);
	usage_is(store, p, NULL, 0, 0, "all", "a TODAY m n1 in10 out20 read300 5m4 1h5 $1\n");
	ccp_store_close(store);
}

/* Corrupted while in use: sentences, never a crash. */
static void
corrupted_later(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_limit l[2];
	struct ccp_error err = { 0 };
	char path[64], junk[4096], user[16];
	size_t count;
	int fd;

	for (int i = 0; i < 200; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		add(store, user, "m", "bedrock", p->now_s, 1);
	}
	ccp_store_deliver(store, 10000);
	ccp_store_close(store);
	memset(junk, 0x5a, sizeof(junk));
	path_of(p, path);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (off_t at = 4096; at < 131072; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	close(fd);
	store = opened(p);
	assert_int_equal(ccp_store_limits_get(store, "a", p->now_s, l, 2, &count, &err),
	                 CCP_ERR_STORE);
	assert_int_equal(count, 0);
	assert_int_equal(ccp_store_limits_clear(store, "a", &err), CCP_ERR_STORE);
	assert_true(err.text[0]);
	assert_int_equal(try_add(store, "a", "m", "bedrock", p->now_s, 1, &err), CCP_ERR_STORE);
	ccp_store_close(store);
}

/* STORE=sqlite:PATH: limits and usage there, the journal in state.db. */
static void
another_file(void **state)
{
	struct place *p = *state;
	struct ccp_config *config = p->config;
	char setting[96], *env[] = { p->setting, setting, NULL };
	struct ccp_store *store;
	struct ccp_error err = { 0 };
	struct ccp_limit l[1];
	char path[96];

	snprintf(path, sizeof(path), "%s/elsewhere/usage.db", p->folder);
	snprintf(setting, sizeof(setting), "STORE=sqlite:%s", path);
	assert_int_equal(ccp_config_load_text(env, "", "", 0, &p->config, &err), CCP_OK);
	store = opened(p);
	put(store, "a", limit_of(p, CRED_A, "all", 9));
	add(store, tagged(p, "a"), "m", "bedrock", p->now_s, 1);
	usage_is(store, p, NULL, 0, 0, "all", "a TODAY m n1 in10 out20 read300 5m4 1h5 $1\n");
	ccp_store_close(store);
	run_sql(path, "DELETE FROM limits");
	store = opened(p);
	assert_int_equal(limits_of(store, "a", p->now_s, l, 1), 0);
	ccp_store_close(store);
	ccp_config_free(config);
}

static void
which_backend(void **state)
{
	char *env[] = { (char[]){ "STORE=sqlite::memory:" }, NULL };
	struct ccp_config *config;
	struct ccp_store *store;
	struct ccp_error err = { 0 };

	(void)state;
	assert_int_equal(ccp_config_load_text(env, "", "", 0, &config, &err), CCP_OK);
	assert_int_equal(ccp_store_open(config, NULL, &store, &err), CCP_ERR_SETTING);
	assert_null(store);
	assert_non_null(strstr(err.text, "STORE"));
	ccp_config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_backend),
		IN_A_PLACE(old_rows_go_once_a_day),
		IN_A_PLACE(modes),
		IN_A_PLACE(taken_away),
		IN_A_PLACE(bad_files),
		IN_A_PLACE(kept_until_mended),
		IN_A_PLACE(no_more_is_kept),
		IN_A_PLACE(locked_from_outside),
		IN_A_PLACE(a_visit),
		IN_A_PLACE(corrupted_later),
		IN_A_PLACE(another_file),
	};

	return cmocka_run_group_tests_name("store_files", tests, NULL, NULL);
}
