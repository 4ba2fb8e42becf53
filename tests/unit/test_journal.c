/* covers: journal limit_copy */
#include "store_place.h"

#include "store/journal.h"
#include "store/limit_copy.h"
#include "store/sqlite.h"

#include <sqlite3.h>

#define NOW_MS INT64_C(1795305600000)
#define DAY "2026-11-22"

struct file {
	char folder[32];
	char path[64];
	struct ccp_sqlite *state;
};

static void
open_file(struct file *f)
{
	struct ccp_error err = { 0 };

	if (ccp_sqlite_open(f->path, &f->state, &err))
		fail_msg("%s", err.text);
}

static int
set_up_file(void **state)
{
	struct file *f = calloc(1, sizeof(*f));

	snprintf(f->folder, sizeof(f->folder), "/tmp/ccp-journal-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof(f->path), "%s/state.db", f->folder);
	open_file(f);
	*state = f;
	return 0;
}

static int
tear_down_file(void **state)
{
	struct file *f = *state;
	char command[64];

	ccp_sqlite_close(f->state);
	snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
book(struct file *f, const char *user, const char *model, int64_t at_s)
{
	struct ccp_usage_record r = { .at_s = at_s,
		                      .cost_microusd = 7,
		                      .request_type = "bedrock",
		                      .tokens = { 10, 20, 300, 4, 5, false } };
	struct ccp_error err = { 0 };

	snprintf(r.user, sizeof(r.user), "%s", user);
	snprintf(r.model, sizeof(r.model), "%s", model);
	if (ccp_journal_add(f->state, "here", &r, DAY, &err))
		fail_msg("%s", err.text);
}

static size_t
next(struct file *f, int64_t after_seq, int64_t now_ms, struct ccp_usage_batch *b, size_t max)
{
	struct ccp_error err = { 0 };
	size_t count;

	if (ccp_journal_next(f->state, "here", after_seq, now_ms, b, max, &count, &err))
		fail_msg("%s", err.text);
	return count;
}

static void
done(struct file *f, const struct ccp_usage_batch *b)
{
	const bool yes = true;
	struct ccp_error err = { 0 };

	if (ccp_journal_done(f->state, b, &yes, 1, &err))
		fail_msg("%s", err.text);
}

static int64_t
waiting(struct file *f)
{
	struct ccp_error err = { 0 };
	int64_t count;

	if (ccp_journal_waiting(f->state, "", &count, &err))
		fail_msg("%s", err.text);
	return count;
}

/* A frozen batch is given again as it was, whatever is booked meanwhile, until it is done. */
static void
frozen_stays_as_it_is(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch b[4], again[4];

	assert_int_equal(next(f, 0, NOW_MS, b, 4), 0);
	book(f, "alice", "m1", 100);
	book(f, "alice", "m1", 300);
	book(f, "alice", "m2", 200);
	book(f, "bob", "m1", 50);
	assert_int_equal(waiting(f), 4);
	assert_int_equal(next(f, 0, NOW_MS, b, 4), 2);
	assert_string_equal(b[0].user, "alice");
	assert_int_equal(b[0].model_count, 2);
	assert_int_equal(b[0].models[0].sum.request_count, 2);
	assert_int_equal(b[0].last_at_s, 300);
	assert_string_equal(b[0].last_model, "m1");
	assert_int_equal(ccp_batch_total(&b[0]).tokens.cache_read_tokens, 900);
	assert_int_equal(ccp_batch_total(&b[0]).cost_microusd, 21);
	assert_true(b[1].seq > b[0].seq);
	assert_true(b[0].seq >= NOW_MS);
	book(f, "alice", "m1", 400); /* waits: its item has a batch under way */
	memset(again, 0x55, sizeof(again));
	assert_int_equal(next(f, 0, NOW_MS + 5000, again, 4), 2);
	assert_int_equal(again[0].seq, b[0].seq);
	assert_string_equal(again[0].journal, b[0].journal);
	assert_int_equal(again[0].models[0].sum.request_count, 2);
	assert_int_equal(again[0].last_at_s, 300);
	done(f, &b[0]);
	assert_int_equal(waiting(f), 2);
	assert_int_equal(next(f, 0, NOW_MS + 5000, again, 4), 2);
	assert_string_equal(again[0].user, "bob");
	assert_string_equal(again[1].user, "alice");
	assert_int_equal(again[1].models[0].sum.request_count, 1);
	assert_true(again[1].seq > b[1].seq);
	done(f, &again[0]);
	done(f, &again[1]);
	assert_int_equal(waiting(f), 0);
	assert_int_equal(next(f, 0, NOW_MS, b, 4), 0);
}

/* The process ends, another one opens the file: the same batch, the same number. */
static void
outlives_the_process(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch b[2], again[2];

	book(f, "alice", "m1", 100);
	assert_int_equal(next(f, 0, NOW_MS, b, 2), 1);
	ccp_sqlite_close(f->state);
	open_file(f);
	assert_int_equal(next(f, 0, NOW_MS, again, 2), 1);
	assert_int_equal(again[0].seq, b[0].seq);
	assert_string_equal(again[0].journal, b[0].journal);
	done(f, &again[0]);
	/* the clock goes back: numbers do not */
	book(f, "alice", "m1", 100);
	assert_int_equal(next(f, 0, 5, again, 2), 1);
	assert_int_equal(again[0].seq, b[0].seq + 1);
	assert_string_equal(again[0].journal, b[0].journal);
}

/* A backup put back: numbers of the time between are not used again. */
static void
restored_backup(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch before[1], after[1];
	char command[200];

	book(f, "alice", "m1", 100);
	assert_int_equal(next(f, 0, NOW_MS, before, 1), 1);
	done(f, before);
	ccp_sqlite_close(f->state);
	snprintf(command, sizeof(command), "cp %s %s/backup", f->path, f->folder);
	assert_int_equal(system(command), 0);
	open_file(f);
	for (int i = 0; i < 50; i++) {
		book(f, "alice", "m1", 100);
		assert_int_equal(next(f, 0, NOW_MS + 1, before, 1), 1);
		done(f, before);
	}
	ccp_sqlite_close(f->state);
	snprintf(command, sizeof(command), "cat %s/backup > %s", f->folder, f->path);
	assert_int_equal(system(command), 0);
	open_file(f);
	book(f, "alice", "m1", 100);
	assert_int_equal(next(f, 0, NOW_MS + 60000, after, 1), 1);
	assert_true(after[0].seq > before[0].seq);
}

/* A copy on another place numbers under a name of its own. */
static void
copied_file(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch b[1], copy[1];
	char command[200];

	book(f, "alice", "m1", 100);
	assert_int_equal(next(f, 0, NOW_MS, b, 1), 1);
	done(f, b);
	ccp_sqlite_close(f->state);
	snprintf(command, sizeof(command), "cp %s %s/copy.db", f->path, f->folder);
	assert_int_equal(system(command), 0);
	snprintf(f->path, sizeof(f->path), "%s/copy.db", f->folder);
	open_file(f);
	book(f, "alice", "m1", 100);
	assert_int_equal(next(f, 0, NOW_MS, copy, 1), 1);
	assert_string_not_equal(copy[0].journal, b[0].journal);
}

/* What comes behind a refused batch is not held up by it. */
static void
numbers_above(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch b[8];
	char user[8];

	for (int i = 0; i < 5; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		book(f, user, "m", 1);
	}
	assert_int_equal(next(f, 0, NOW_MS, b, 2), 2);
	assert_int_equal(next(f, b[1].seq, NOW_MS, b, 8), 3);
	assert_int_equal(next(f, b[2].seq, NOW_MS, b, 8), 0);
	assert_int_equal(next(f, 0, NOW_MS, b, 8), 5);
}

/* The settings name another store: what was booked for this one does not go there. */
static void
of_another_store(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch b[2];
	struct ccp_error err = { 0 };
	int64_t waits;
	size_t count;

	book(f, "alice", "m", 1);
	assert_int_equal(ccp_journal_next(f->state, "there", 0, NOW_MS, b, 2, &count, &err),
	                 CCP_OK);
	assert_int_equal(count, 0);
	assert_int_equal(ccp_journal_waiting(f->state, "there", &waits, &err), CCP_OK);
	assert_int_equal(waits, 0);
	assert_int_equal(ccp_journal_waiting(f->state, "here", &waits, &err), CCP_OK);
	assert_int_equal(waits, 1);
	assert_int_equal(next(f, 0, NOW_MS, b, 2), 1);
	assert_int_equal(ccp_journal_next(f->state, "there", 0, NOW_MS, b, 2, &count, &err),
	                 CCP_OK);
	assert_int_equal(count, 0); /* nor when it is frozen */
}

/* The same batch, and an older one, are taken once: by SQLite in the sums' own transaction. */
static void
applied_once(void **state)
{
	struct file *f = *state;
	struct ccp_usage_batch b[1];
	struct ccp_error err = { 0 };
	struct seen s = { .tag = "u1" };

	book(f, "x-u1", "m", 1);
	assert_int_equal(next(f, 0, NOW_MS, b, 1), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ccp_sqlite_backend.usage_apply(f->state, b, &err), CCP_OK);
	b[0].seq++;
	assert_int_equal(ccp_sqlite_backend.usage_apply(f->state, b, &err), CCP_OK);
	b[0].seq--; /* late, on some way round */
	assert_int_equal(ccp_sqlite_backend.usage_apply(f->state, b, &err), CCP_OK);
	snprintf(b[0].journal, sizeof(b[0].journal), "of-another-box");
	assert_int_equal(ccp_sqlite_backend.usage_apply(f->state, b, &err), CCP_OK);
	assert_int_equal(ccp_sqlite_backend.usage_each(f->state, NULL, DAY, DAY, "all", note, &s,
	                                               &err),
	                 CCP_OK);
	assert_int_equal(s.rows[0].sum.request_count, 3);
}

/* --- the copy of limits --- */

static struct ccp_limit
a_limit(const char *credential, const char *family, int64_t until_s)
{
	struct ccp_limit l = { .retry_until_s = until_s, .created_at_s = 1, .reason = "five_hour" };

	snprintf(l.credential, sizeof(l.credential), "%s", credential);
	snprintf(l.family, sizeof(l.family), "%s", family);
	return l;
}

static size_t
copied(struct file *f, int64_t now_s, int64_t *seen_ms, struct ccp_limit *l, size_t max)
{
	struct ccp_error err = { 0 };
	size_t count;

	if (ccp_limit_copy_get(f->state, "alice", now_s, l, max, &count, seen_ms, &err))
		fail_msg("%s", err.text);
	return count;
}

static void
copy_of_limits(void **state)
{
	struct file *f = *state;
	const struct ccp_limit mine = a_limit(CRED_A, "opus", 1000);
	struct ccp_limit theirs[2] = { a_limit(CRED_B, "all", 900), a_limit(CRED_A, "haiku", 800) };
	struct ccp_unsent_limit unsent[4];
	struct ccp_limit l[8];
	struct ccp_error err = { 0 };
	int64_t seen_ms;
	size_t count;

	assert_int_equal(copied(f, 10, &seen_ms, l, 8), 0);
	assert_int_equal(seen_ms, 0);
	/* ours is to be sent; what the table says does not take it away before that */
	assert_int_equal(ccp_limit_copy_put(f->state, "alice", &mine, &err), CCP_OK);
	assert_int_equal(ccp_limit_copy_take(f->state, "alice", 5000, theirs, 2, &err), CCP_OK);
	assert_int_equal(copied(f, 10, &seen_ms, l, 8), 3);
	assert_int_equal(seen_ms, 5000);
	assert_string_equal(l[0].family, "opus");
	assert_int_equal(ccp_limit_copy_unsent(f->state, 10, unsent, 4, &count, &err), CCP_OK);
	assert_int_equal(count, 1);
	assert_string_equal(unsent[0].user, "alice");
	assert_int_equal(ccp_limit_copy_sent(f->state, &unsent[0], 6000, &err), CCP_OK);
	assert_int_equal(ccp_limit_copy_unsent(f->state, 10, unsent, 4, &count, &err), CCP_OK);
	assert_int_equal(count, 0);
	/* an answer to a question put before it was sent cannot know it */
	assert_int_equal(ccp_limit_copy_take(f->state, "alice", 5900, theirs, 1, &err), CCP_OK);
	assert_int_equal(copied(f, 10, &seen_ms, l, 8), 2);
	count = 0;
	assert_int_equal(ccp_limit_copy_recent(f->state, "alice", 10, 5900, l, 8, &count, &err),
	                 CCP_OK);
	assert_int_equal(count, 2);
	/* one put afterwards does: somebody cleared the table */
	assert_int_equal(ccp_limit_copy_take(f->state, "alice", 7000, NULL, 0, &err), CCP_OK);
	assert_int_equal(copied(f, 10, &seen_ms, l, 8), 0);
}

/* Sent while it was made longer: the longer one is still to be sent. */
static void
longer_meanwhile(void **state)
{
	struct file *f = *state;
	const struct ccp_limit first = a_limit(CRED_A, "opus", 1000);
	const struct ccp_limit longer = a_limit(CRED_A, "opus", 2000);
	struct ccp_unsent_limit unsent[2];
	struct ccp_error err = { 0 };
	size_t count;

	assert_int_equal(ccp_limit_copy_put(f->state, "alice", &first, &err), CCP_OK);
	assert_int_equal(ccp_limit_copy_unsent(f->state, 10, unsent, 2, &count, &err), CCP_OK);
	assert_int_equal(ccp_limit_copy_put(f->state, "alice", &longer, &err), CCP_OK);
	assert_int_equal(ccp_limit_copy_sent(f->state, &unsent[0], 6000, &err), CCP_OK);
	assert_int_equal(ccp_limit_copy_unsent(f->state, 10, unsent, 2, &count, &err), CCP_OK);
	assert_int_equal(count, 1);
	assert_int_equal(unsent[0].limit.retry_until_s, 2000);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, set_up_file, tear_down_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(frozen_stays_as_it_is), WITH_FILE(outlives_the_process),
		WITH_FILE(restored_backup),       WITH_FILE(copied_file),
		WITH_FILE(numbers_above),         WITH_FILE(of_another_store),
		WITH_FILE(applied_once),          WITH_FILE(copy_of_limits),
		WITH_FILE(longer_meanwhile),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
