/* covers: store sqlite sqlite_pool sqlite_run sqlite_schema sqlite_sql */
#include "store/store.h"

#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_S 1795305600 /* 2026-11-22T00:00:00Z */
#define CRED_A "0123456789abcdef0123456789abcdef"
#define CRED_B "fedcba9876543210fedcba9876543210"

struct place {
	char folder[32]; /* state is in folder/a/b, which the store makes */
	char setting[64];
	struct ccp_config *config;
};

static int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char *env[] = { p->setting, NULL };
	struct ccp_error err;

	snprintf(p->folder, sizeof(p->folder), "/tmp/ccp-store-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->setting, sizeof(p->setting), "STATE_DIRECTORY=%s/a/b", p->folder);
	assert_int_equal(ccp_config_load_text(env, "", "", 0, &p->config, &err), CCP_OK);
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *p = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", p->folder);
	assert_int_equal(system(command), 0);
	ccp_config_free(p->config);
	free(p);
	return 0;
}

static struct ccp_store *
opened(const struct place *p)
{
	struct ccp_store *store;
	struct ccp_error err = { 0 };

	if (ccp_store_open(p->config, &store, &err))
		fail_msg("%s", err.text);
	return store;
}

static struct ccp_limit
limit(const char *credential, const char *family, int64_t until_s)
{
	struct ccp_limit l = { .retry_until_s = until_s,
		               .retry_after_s = 60,
		               .created_at_s = NOW_S,
		               .reason = "retry_after" };

	snprintf(l.credential, sizeof(l.credential), "%s", credential);
	snprintf(l.family, sizeof(l.family), "%s", family);
	return l;
}

static void
put(struct ccp_store *store, const char *user, struct ccp_limit l)
{
	struct ccp_error err = { 0 };

	if (ccp_store_limit_put(store, user, &l, &err))
		fail_msg("%s", err.text);
}

static size_t
limits_of(struct ccp_store *store, const char *user, int64_t now_s, struct ccp_limit *l, size_t max)
{
	struct ccp_error err = { 0 };
	size_t count;

	if (ccp_store_limits_get(store, user, now_s, l, max, &count, &err))
		fail_msg("%s", err.text);
	return count;
}

static void
limits(void **state)
{
	struct ccp_store *store = opened(*state);
	struct ccp_limit l[4];
	struct ccp_error err;

	put(store, "alice", limit(CRED_A, "opus", NOW_S + 100));
	put(store, "alice", limit(CRED_A, "opus", NOW_S + 50)); /* never shortened */
	put(store, "alice", limit(CRED_A, "all", NOW_S + 10));
	put(store, "alice", limit(CRED_B, "opus", NOW_S + 500));
	put(store, "\xea\xb9\x80", limit(CRED_A, "all", NOW_S + 7200)); /* a Korean name */
	assert_int_equal(limits_of(store, "alice", NOW_S, l, 4), 3);
	assert_string_equal(l[0].credential, CRED_B);
	assert_int_equal(l[1].retry_until_s, NOW_S + 100);
	assert_string_equal(l[1].family, "opus");
	assert_string_equal(l[1].reason, "retry_after");
	assert_int_equal(l[1].retry_after_s, 60);
	assert_int_equal(l[1].created_at_s, NOW_S);
	assert_int_equal(limits_of(store, "alice", NOW_S, l, 2), 2);
	assert_int_equal(limits_of(store, "alice", NOW_S + 99, l, 4), 2);
	assert_int_equal(limits_of(store, "alice", NOW_S + 100, l, 4), 1); /* over at retry_until */
	assert_int_equal(limits_of(store, "bob", NOW_S, l, 4), 0);
	put(store, "alice", limit(CRED_A, "opus", NOW_S + 900)); /* but made longer */
	assert_int_equal(limits_of(store, "alice", NOW_S + 600, l, 4), 1);
	assert_int_equal(ccp_store_limits_clear(store, "alice", &err), CCP_OK);
	assert_int_equal(limits_of(store, "alice", NOW_S, l, 4), 0);
	assert_int_equal(limits_of(store, "\xea\xb9\x80", NOW_S, l, 4), 1);
	ccp_store_close(store);
}

static void
vouches(void **state)
{
	struct ccp_store *store = opened(*state);
	struct ccp_error err;
	bool yes = true;

	assert_int_equal(ccp_store_vouched(store, CRED_A, 0, &yes, &err), CCP_OK);
	assert_false(yes);
	assert_int_equal(ccp_store_vouch(store, CRED_A, NOW_S, &err), CCP_OK);
	assert_int_equal(ccp_store_vouch(store, CRED_A, NOW_S - 500, &err), CCP_OK);
	assert_int_equal(ccp_store_vouched(store, CRED_A, NOW_S, &yes, &err), CCP_OK);
	assert_true(yes);
	assert_int_equal(ccp_store_vouched(store, CRED_A, NOW_S + 1, &yes, &err), CCP_OK);
	assert_false(yes);
	assert_int_equal(ccp_store_vouch(store, CRED_A, NOW_S + 60, &err), CCP_OK);
	assert_int_equal(ccp_store_vouched(store, CRED_A, NOW_S + 60, &yes, &err), CCP_OK);
	assert_true(yes);
	assert_int_equal(ccp_store_vouched(store, CRED_B, 0, &yes, &err), CCP_OK);
	assert_false(yes);
	ccp_store_close(store);
}

static void
add(struct ccp_store *store, const char *user, const char *model, const char *type, int64_t at_s,
    int64_t cost)
{
	struct ccp_usage_record r = { .at_s = at_s,
		                      .cost_microusd = cost,
		                      .tokens = { 10, 20, 300, 4, 5, false } };
	struct ccp_error err = { 0 };

	snprintf(r.user, sizeof(r.user), "%s", user);
	snprintf(r.model, sizeof(r.model), "%s", model);
	snprintf(r.request_type, sizeof(r.request_type), "%s", type);
	if (ccp_store_usage_add(store, &r, &err))
		fail_msg("%s", err.text);
}

struct seen {
	char text[2048];
	size_t len;
	int stop_after;
};

static bool
note(void *arg, const char *user, const char *date, const char *model,
     const struct ccp_usage_sum *sum)
{
	struct seen *s = arg;

	s->len +=
		(size_t)snprintf(s->text + s->len, sizeof(s->text) - s->len,
	                         "%s %s %s n%d in%d out%d read%d 5m%d 1h%d $%d%s\n", user, date,
	                         model, (int)sum->request_count, (int)sum->tokens.input_tokens,
	                         (int)sum->tokens.output_tokens, (int)sum->tokens.cache_read_tokens,
	                         (int)sum->tokens.cache_write_5m_tokens,
	                         (int)sum->tokens.cache_write_1h_tokens, (int)sum->cost_microusd,
	                         sum->tokens.estimated ? " est" : "");
	return --s->stop_after != 0;
}

static void
usage_is(struct ccp_store *store, const char *user, const char *from, const char *to,
         const char *type, const char *expected)
{
	struct seen s = { "", 0, 0 };
	struct ccp_error err = { 0 };

	if (ccp_store_usage_each(store, user, from, to, type, note, &s, &err))
		fail_msg("%s", err.text);
	assert_string_equal(s.text, expected);
}

static void
usage(void **state)
{
	struct ccp_store *store = opened(*state);
	struct seen first = { "", 0, 1 };
	struct ccp_error err;

	add(store, "bob", "m1", "bedrock", NOW_S, 7);
	add(store, "alice", "m2", "bedrock", NOW_S + 86399, 7);
	add(store, "alice", "m1", "bedrock", NOW_S + 5, 7);
	add(store, "alice", "m1", "bedrock", NOW_S + 6, -1); /* no price */
	add(store, "alice", "m1", "anthropic", NOW_S, 0);
	add(store, "alice", "m1", "bedrock", NOW_S - 1, 7);
	usage_is(store, NULL, "2026-11-22", "2026-11-22", "bedrock",
	         "alice 2026-11-22 m1 n2 in20 out40 read600 5m8 1h10 $7 est\n"
	         "alice 2026-11-22 m2 n1 in10 out20 read300 5m4 1h5 $7\n"
	         "bob 2026-11-22 m1 n1 in10 out20 read300 5m4 1h5 $7\n");
	usage_is(store, "alice", "2026-11-21", "2026-11-22", "all",
	         "alice 2026-11-21 m1 n1 in10 out20 read300 5m4 1h5 $7\n"
	         "alice 2026-11-22 m1 n1 in10 out20 read300 5m4 1h5 $0\n"
	         "alice 2026-11-22 m1 n2 in20 out40 read600 5m8 1h10 $7 est\n"
	         "alice 2026-11-22 m2 n1 in10 out20 read300 5m4 1h5 $7\n");
	usage_is(store, NULL, "2026-11-01", "2026-11-21", "all",
	         "alice 2026-11-21 m1 n1 in10 out20 read300 5m4 1h5 $7\n");
	usage_is(store, "alice", "2026-11-22", "2026-11-22", "anthropic",
	         "alice 2026-11-22 m1 n1 in10 out20 read300 5m4 1h5 $0\n");
	usage_is(store, "x' OR 1=1 --", "2026-11-01", "2026-11-30", "all", "");
	assert_int_equal(ccp_store_usage_each(store, NULL, "2026-11-01", "2026-11-30", "all", note,
	                                      &first, &err),
	                 CCP_OK);
	assert_string_equal(first.text, "alice 2026-11-21 m1 n1 in10 out20 read300 5m4 1h5 $7\n");
	ccp_store_close(store);
}

static void
refuses_nonsense(void **state)
{
	struct ccp_store *store = opened(*state);
	struct ccp_usage_record r = {
		.user = "a", .model = "m", .request_type = "bedrock", .at_s = NOW_S
	};
	struct ccp_limit l = limit(CRED_A, "all", NOW_S + 9);
	struct ccp_error err;

	r.tokens.output_tokens = -1;
	assert_int_equal(ccp_store_usage_add(store, &r, &err), CCP_ERR_FORMAT);
	assert_int_equal(ccp_store_limit_put(store, "", &l, &err), CCP_ERR_FORMAT);
	assert_int_equal(ccp_store_vouch(store, "", NOW_S, &err), CCP_ERR_FORMAT);
	ccp_store_close(store);
}

static void
old_rows_go_once_a_day(void **state)
{
	struct ccp_store *store = opened(*state);
	struct ccp_error err;
	struct ccp_limit l[2];
	bool yes;

	add(store, "a", "m", "bedrock", NOW_S - 91 * 86400, 1);
	add(store, "a", "m", "bedrock", NOW_S - 90 * 86400, 1);
	put(store, "a", limit(CRED_A, "opus", NOW_S + 5));
	assert_int_equal(ccp_store_vouch(store, CRED_A, NOW_S - 86400, &err), CCP_OK);
	/* this box has been purged at NOW_S: nothing goes yet, though all is out of date */
	ccp_store_close(store);
	store = opened(*state);
	add(store, "b", "m", "bedrock", NOW_S + 3600, 1);
	usage_is(store, "a", "2026-01-01", "2026-12-31", "all",
	         "a 2026-08-24 m n1 in10 out20 read300 5m4 1h5 $1\n");
	add(store, "b", "m", "bedrock", NOW_S + 2 * 86400, 1);
	usage_is(store, "a", "2026-01-01", "2026-12-31", "all", "");
	assert_int_equal(limits_of(store, "a", 0, l, 2), 0);
	assert_int_equal(ccp_store_vouched(store, CRED_A, 0, &yes, &err), CCP_OK);
	assert_false(yes);
	ccp_store_close(store);
}

static void
modes_and_check(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_error err = { 0 };
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", p->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof(path), "%s/a/b/state.db", p->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(ccp_store_check(store, &err), CCP_OK);
	unlink(path);
	assert_int_equal(ccp_store_check(store, &err), CCP_ERR_STORE);
	assert_non_null(strstr(err.text, "removed"));
	ccp_store_close(store);
}

static void
open_fails(const struct place *p, const char *word)
{
	struct ccp_store *store = (struct ccp_store *)(uintptr_t)1;
	struct ccp_error err = { 0 };

	assert_int_equal(ccp_store_open(p->config, &store, &err), CCP_ERR_STORE);
	assert_null(store);
	if (!strstr(err.text, word))
		fail_msg("\"%s\" is not in: %s", word, err.text);
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
bad_files(void **state)
{
	const struct place *p = *state;
	char path[64];
	FILE *f;

	ccp_store_close(opened(p));
	snprintf(path, sizeof(path), "%s/a/b/state.db", p->folder);
	run_sql(path, "PRAGMA user_version=99");
	open_fails(p, "newer version");
	unlink(path);
	run_sql(path, "CREATE TABLE recipes (cake TEXT)");
	open_fails(p, "another program");
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fputs("not a database ", f);
	fclose(f);
	open_fails(p, "not a database");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	open_fails(p, "state.db");
	rmdir(path);
	f = fopen(path, "w"); /* an empty file is a new one */
	fclose(f);
	ccp_store_close(opened(p));
	if (geteuid() != 0) {
		chmod(path, 0400);
		open_fails(p, "only be read");
	}
}

/* Corrupted while in use: sentences, never a crash; and the intact rows of other tables stay. */
static void
corrupted_later(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_limit l[2];
	struct ccp_error err;
	char path[64], junk[4096];
	size_t count;
	int fd;

	for (int i = 0; i < 200; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		add(store, user, "m", "bedrock", NOW_S, 1);
	}
	ccp_store_close(store);
	memset(junk, 0x5a, sizeof(junk));
	snprintf(path, sizeof(path), "%s/a/b/state.db", p->folder);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	for (off_t at = 4096; at < 65536; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	close(fd);
	if (ccp_store_open(p->config, &store, &err) == CCP_OK) {
		struct seen s = { "", 0, 1 };

		assert_int_equal(ccp_store_limits_get(store, "a", NOW_S, l, 2, &count, &err),
		                 CCP_ERR_STORE);
		assert_int_equal(count, 0);
		assert_int_equal(ccp_store_usage_each(store, NULL, "2026-01-01", "2026-12-31",
		                                      "all", note, &s, &err),
		                 CCP_ERR_STORE);
		assert_int_equal(ccp_store_limits_clear(store, "a", &err), CCP_ERR_STORE);
		assert_true(err.text[0]);
	}
	ccp_store_close(store);
}

static void
which_backend(void **state)
{
	static char *const settings[] = { "STORE=dynamodb:", "RATE_LIMIT_TABLE_NAME=x",
		                          "USAGE_TABLE_NAME=y", "STORE=sqlite::memory:" };
	struct ccp_config *config;
	struct ccp_store *store;
	struct ccp_error err;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *env[] = { settings[i], NULL };

		assert_int_equal(ccp_config_load_text(env, "", "", 0, &config, &err), CCP_OK);
		assert_int_equal(ccp_store_open(config, &store, &err), CCP_ERR_SETTING);
		assert_null(store);
		assert_non_null(strstr(err.text, "STORE"));
		ccp_config_free(config);
	}
}

#define THREADS 20 /* more than there are connections */
#define ADDS 25
#define PROCESSES 6

static void *
adder(void *arg)
{
	for (int i = 0; i < ADDS; i++)
		add(arg, "one", "m", "bedrock", NOW_S, 1);
	return NULL;
}

static void
worker(const struct place *p, int gate)
{
	pthread_t threads[THREADS];
	struct ccp_store *store;
	char byte;

	(void)!read(gate, &byte, 1); /* all at once, when the other end closes */
	store = opened(p);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, adder, store), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ccp_store_close(store);
}

/* The very first start, by several processes at the same moment, and then a total that is exact. */
static void
processes_and_threads(void **state)
{
	char expected[80];
	struct ccp_store *store;
	int gate[2], status;

	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			close(gate[1]);
			worker(*state, gate[0]);
			_exit(0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	store = opened(*state);
	snprintf(expected, sizeof(expected),
	         "one 2026-11-22 m n%d in%d out%d read%d 5m%d 1h%d $%d\n", 3000, 30000, 60000,
	         900000, 12000, 15000, PROCESSES * THREADS * ADDS);
	usage_is(store, "one", "2026-11-22", "2026-11-22", "bedrock", expected);
	ccp_store_close(store);
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_backend),
		IN_A_PLACE(limits),
		IN_A_PLACE(vouches),
		IN_A_PLACE(usage),
		IN_A_PLACE(refuses_nonsense),
		IN_A_PLACE(old_rows_go_once_a_day),
		IN_A_PLACE(modes_and_check),
		IN_A_PLACE(bad_files),
		IN_A_PLACE(corrupted_later),
		IN_A_PLACE(processes_and_threads),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
