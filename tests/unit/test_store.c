/* covers: store store_limits store_deliver courier sqlite sqlite_run sqlite_sql */
#include "store_place.h"

#include <pthread.h>
#include <sys/wait.h>

/* What every store does, whichever it is; test_store_files.c has what is SQLite's alone. */

static void
limits(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	const char *alice = tagged(p, "alice"), *kim = tagged(p, "\xea\xb9\x80");
	const int64_t now_s = p->now_s;
	struct ccp_limit l[4];
	struct ccp_error err;

	put(store, alice, limit_of(p, CRED_A, "opus", 100));
	put(store, alice, limit_of(p, CRED_A, "opus", 50)); /* never shortened */
	put(store, alice, limit_of(p, CRED_A, "all", 10));
	put(store, alice, limit_of(p, CRED_B, "opus", 500));
	put(store, kim, limit_of(p, CRED_A, "all", 7200));
	assert_int_equal(limits_of(store, alice, now_s, l, 4), 3);
	assert_string_equal(l[0].credential, CRED_B);
	assert_int_equal(l[1].retry_until_s, now_s + 100);
	assert_string_equal(l[1].family, "opus");
	assert_string_equal(l[1].reason, "retry_after");
	assert_int_equal(l[1].retry_after_s, 60);
	assert_int_equal(l[1].created_at_s, now_s);
	assert_int_equal(limits_of(store, alice, now_s, l, 2), 2);
	assert_int_equal(limits_of(store, alice, now_s + 99, l, 4), 2);
	assert_int_equal(limits_of(store, alice, now_s + 100, l, 4), 1); /* over at retry_until */
	assert_int_equal(limits_of(store, tagged(p, "bob"), now_s, l, 4), 0);
	put(store, alice, limit_of(p, CRED_A, "opus", 900)); /* but made longer */
	assert_int_equal(limits_of(store, alice, now_s + 600, l, 4), 1);
	assert_int_equal(ccp_store_limits_clear(store, alice, &err), CCP_OK);
	assert_int_equal(limits_of(store, alice, now_s, l, 4), 0);
	assert_int_equal(limits_of(store, kim, now_s, l, 4), 1);
	ccp_store_close(store);
}

static void
vouches(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_error err;
	bool yes = true;

	assert_int_equal(ccp_store_vouched(store, CRED_A, 0, &yes, &err), CCP_OK);
	assert_false(yes);
	assert_int_equal(ccp_store_vouch(store, CRED_A, p->now_s, &err), CCP_OK);
	assert_int_equal(ccp_store_vouch(store, CRED_A, p->now_s - 500, &err), CCP_OK);
	assert_int_equal(ccp_store_vouched(store, CRED_A, p->now_s, &yes, &err), CCP_OK);
	assert_true(yes);
	assert_int_equal(ccp_store_vouched(store, CRED_A, p->now_s + 1, &yes, &err), CCP_OK);
	assert_false(yes);
	assert_int_equal(ccp_store_vouch(store, CRED_A, p->now_s + 60, &err), CCP_OK);
	assert_int_equal(ccp_store_vouched(store, CRED_A, p->now_s + 60, &yes, &err), CCP_OK);
	assert_true(yes);
	assert_int_equal(ccp_store_vouched(store, CRED_B, 0, &yes, &err), CCP_OK);
	assert_false(yes);
	ccp_store_close(store);
}

static void
usage(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	const char *alice = tagged(p, "alice");
	const int64_t now_s = p->now_s;

	add(store, tagged(p, "bob"), "m1", "bedrock", now_s, 7);
	add(store, alice, "m2", "bedrock", now_s + 86399, 7);
	add(store, alice, "m1", "bedrock", now_s + 5, 7);
	add(store, alice, "m1", "bedrock", now_s + 6, -1); /* no price */
	add(store, alice, "m1", "anthropic", now_s, 0);
	add(store, alice, "m1", "bedrock", now_s - 1, 7);
	usage_is(store, p, NULL, 0, 0, "bedrock",
	         "alice TODAY m1 n2 in20 out40 read600 5m8 1h10 $7 est\n"
	         "alice TODAY m2 n1 in10 out20 read300 5m4 1h5 $7\n"
	         "bob TODAY m1 n1 in10 out20 read300 5m4 1h5 $7\n");
	usage_is(store, p, alice, -1, 0, "all",
	         "alice YESTERDAY m1 n1 in10 out20 read300 5m4 1h5 $7\n"
	         "alice TODAY m1 n3 in30 out60 read900 5m12 1h15 $7 est\n"
	         "alice TODAY m2 n1 in10 out20 read300 5m4 1h5 $7\n");
	usage_is(store, p, NULL, -20, -1, "all",
	         "alice YESTERDAY m1 n1 in10 out20 read300 5m4 1h5 $7\n");
	usage_is(store, p, alice, 0, 0, "anthropic",
	         "alice TODAY m1 n1 in10 out20 read300 5m4 1h5 $0\n");
	usage_is(store, p, "x' OR 1=1 --", -20, 0, "all", "");
	/* a second time adds to what is there */
	add(store, alice, "m2", "bedrock", now_s, 7);
	usage_is(store, p, alice, 0, 0, "bedrock",
	         "alice TODAY m1 n2 in20 out40 read600 5m8 1h10 $7 est\n"
	         "alice TODAY m2 n2 in20 out40 read600 5m8 1h10 $14\n");
	ccp_store_close(store);
}

/* More models of one user on one day than one batch takes. */
static void
many_models(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	const char *user = tagged(p, "u");
	char model[16], expected[2048];
	size_t n = 0;

	for (int i = 10; i < 31; i++) {
		snprintf(model, sizeof(model), "model-%d", i);
		add(store, user, model, "bedrock", p->now_s, i);
		n += (size_t)snprintf(expected + n, sizeof(expected) - n,
		                      "u TODAY model-%d n1 in10 out20 read300 5m4 1h5 $%d\n", i, i);
	}
	usage_is(store, p, user, 0, 0, "bedrock", expected);
	ccp_store_close(store);
}

static bool
stop(void *arg, const char *user, const char *date, const char *model,
     const struct ccp_usage_sum *sum)
{
	(void)user;
	(void)date;
	(void)model;
	(void)sum;
	++*(int *)arg;
	return false;
}

static void
reading_stops(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	char today[CCP_DAY_BYTES];
	struct ccp_error err;
	int rows = 0;

	add(store, tagged(p, "a"), "m", "bedrock", p->now_s, 1);
	add(store, tagged(p, "b"), "m", "bedrock", p->now_s, 1);
	ccp_store_deliver(store, 10000);
	ccp_day_format(p->now_s, today);
	assert_int_equal(ccp_store_usage_each(store, NULL, today, today, "all", stop, &rows, &err),
	                 CCP_OK);
	assert_int_equal(rows, 1);
	ccp_store_close(store);
}

static void
refuses_nonsense(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	struct ccp_usage_record r = {
		.user = "a", .model = "m", .request_type = "bedrock", .at_s = p->now_s
	};
	struct ccp_limit l = limit_of(p, CRED_A, "all", 9);
	struct ccp_error err;

	r.tokens.output_tokens = -1;
	assert_int_equal(ccp_store_usage_add(store, &r, &err), CCP_ERR_FORMAT);
	assert_int_equal(ccp_store_limit_put(store, "", &l, &err), CCP_ERR_FORMAT);
	assert_int_equal(ccp_store_vouch(store, "", p->now_s, &err), CCP_ERR_FORMAT);
	ccp_store_close(store);
}

/* Beside others who write; a record that waited too long for them is kept, as in the programs. */
static void
book(struct ccp_store *store, const char *user, int64_t at_s)
{
	struct ccp_error err = { 0 };
	enum ccp_err rc = try_add(store, user, "m", "bedrock", at_s, 1, &err);

	if (rc && rc != CCP_ERR_STORE)
		fail_msg("%s", err.text);
}

/* Not before what is kept is written down: it ends with the process. */
static void
close_after_all(struct ccp_store *store)
{
	for (int i = 0; i < 15 && !ccp_store_deliver_kept(store); i++)
		; /* waits by itself */
	ccp_store_close(store);
}

/* Closing delivers: what the courier did not come to is in the store, and nothing twice. */
static void
closing_delivers(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store = opened(p);
	const char *user = tagged(p, "u");
	struct ccp_error err = { 0 };

	if (ccp_store_start(store, &err))
		fail_msg("%s", err.text);
	for (int i = 0; i < 100; i++)
		book(store, user, p->now_s);
	close_after_all(store);
	store = opened(p);
	usage_is(store, p, user, 0, 0, "bedrock",
	         "u TODAY m n100 in1000 out2000 read30000 5m400 1h500 $100\n");
	ccp_store_close(store);
}

#define THREADS 20 /* more than there are connections */
#define ADDS 25
#define PROCESSES 6

struct adder {
	struct ccp_store *store;
	const char *user;
	int64_t at_s;
};

static void *
add_some(void *arg)
{
	const struct adder *a = arg;

	for (int i = 0; i < ADDS; i++)
		book(a->store, a->user, a->at_s);
	return NULL;
}

static void
worker(const struct place *p, int gate)
{
	struct adder a = { .user = tagged(p, "one"), .at_s = p->now_s };
	pthread_t threads[THREADS];
	struct ccp_error err;
	char byte;

	(void)!read(gate, &byte, 1); /* all at once, when the other end closes */
	a.store = opened(p);
	assert_int_equal(ccp_store_start(a.store, &err), CCP_OK);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_some, &a), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	close_after_all(a.store);
}

/* The very first start, by several processes at the same moment, and then a total that is exact. */
static void
processes_and_threads(void **state)
{
	const struct place *p = *state;
	struct ccp_store *store;
	int gate[2], status;

	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			close(gate[1]);
			worker(p, gate[0]);
			_exit(0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	store = opened(p);
	usage_is(store, p, tagged(p, "one"), 0, 0, "bedrock",
	         "one TODAY m n3000 in30000 out60000 read900000 5m12000 1h15000 $3000\n");
	ccp_store_close(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(limits),
		IN_A_PLACE(vouches),
		IN_A_PLACE(usage),
		IN_A_PLACE(many_models),
		IN_A_PLACE(reading_stops),
		IN_A_PLACE(refuses_nonsense),
		IN_A_PLACE(closing_delivers),
		IN_A_PLACE(processes_and_threads),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
