#include "store/refresh.h"

#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* The table: counts questions, and answers when it is let to. */
struct table {
	atomic_int asked, kept;
	sem_t begun, may_answer;
	enum ccp_err rc;
};

static enum ccp_err
ask(void *arg, const char *user, struct ccp_limit *limits, size_t max, size_t *count,
    struct ccp_error *err)
{
	struct table *t = arg;

	assert_true(max >= 1);
	t->asked++;
	sem_post(&t->begun);
	sem_wait(&t->may_answer);
	if (t->rc)
		return ccp_fail(err, t->rc, "the table is away");
	limits[0] = (struct ccp_limit){ .retry_until_s = 77 };
	snprintf(limits[0].family, sizeof(limits[0].family), "%s", user);
	*count = 1;
	return CCP_OK;
}

static void
keep(void *arg, const char *user, int64_t asked_ms, const struct ccp_limit *limits, size_t count)
{
	struct table *t = arg;

	assert_true(asked_ms > 0);
	assert_int_equal(count, 1);
	assert_string_equal(limits[0].family, user);
	t->kept++;
}

struct asker {
	struct ccp_refresh *refresh;
	const char *user;
	struct ccp_limit limits[4];
	size_t count;
	int64_t asked_ms;
	enum ccp_err rc;
	struct ccp_error err;
};

static void *
ask_one(void *arg)
{
	struct asker *a = arg;

	a->rc = ccp_refresh_get(a->refresh, a->user, a->limits, 4, &a->count, &a->asked_ms,
	                        &a->err);
	return NULL;
}

static struct ccp_refresh *
start(struct table *t)
{
	struct ccp_refresh *refresh;
	struct ccp_error err;

	*t = (struct table){ 0 };
	sem_init(&t->begun, 0, 0);
	sem_init(&t->may_answer, 0, 0);
	assert_int_equal(ccp_refresh_new(ask, keep, t, &refresh, &err), CCP_OK);
	return refresh;
}

/* Ten who want to know the same are one question. */
static void
asked_once(void **state)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker askers[10];
	pthread_t threads[10];

	(void)state;
	for (int i = 0; i < 10; i++) {
		askers[i] = (struct asker){ .refresh = refresh, .user = "alice" };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_one, &askers[i]), 0);
	}
	sem_wait(&t.begun);
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL); /* the others join */
	for (int i = 0; i < 10; i++)
		sem_post(&t.may_answer);
	for (int i = 0; i < 10; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(askers[i].rc, CCP_OK);
		assert_int_equal(askers[i].count, 1);
		assert_string_equal(askers[i].limits[0].family, "alice");
	}
	ccp_refresh_free(refresh);
	/* one that came too late to join asks again: rarely more than one question */
	assert_true(t.asked <= 2);
	assert_int_equal(t.kept, t.asked);
}

/* Who waits gives up; then nobody waits for a while; the question goes on and is kept. */
static void
gives_up(void **state)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker a = { .refresh = refresh, .user = "alice" };
	struct asker b = { .refresh = refresh, .user = "bob" };

	(void)state;
	ask_one(&a);
	assert_int_equal(a.rc, CCP_ERR_STORE);
	assert_int_equal(a.count, 0);
	assert_non_null(strstr(a.err.text, "300 ms"));
	ask_one(&b);
	assert_int_equal(b.rc, CCP_ERR_STORE);
	assert_non_null(strstr(b.err.text, "a moment ago"));
	assert_int_equal(t.asked, 1);
	sem_post(&t.may_answer); /* late, but it is there: all goes on */
	while (t.kept == 0)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	sem_post(&t.may_answer);
	ask_one(&b);
	assert_int_equal(b.rc, CCP_OK);
	ccp_refresh_free(refresh);
}

static void
failure(void **state)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker a = { .refresh = refresh, .user = "alice" };

	(void)state;
	t.rc = CCP_ERR_NET;
	sem_post(&t.may_answer);
	ask_one(&a);
	assert_int_equal(a.rc, CCP_ERR_STORE);
	assert_non_null(strstr(a.err.text, "the table is away"));
	ask_one(&a); /* not asked again so soon */
	assert_int_equal(a.rc, CCP_ERR_STORE);
	assert_int_equal(t.asked, 1);
	assert_int_equal(t.kept, 0);
	ccp_refresh_free(refresh);
}

/* While it fails, one a second tries and waits; the others know at once that nothing is known. */
static void
one_tries(void **state)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker first = { .refresh = refresh, .user = "alice" };
	struct asker askers[5];
	pthread_t threads[5];
	int waited = 0, at_once = 0;

	(void)state;
	t.rc = CCP_ERR_NET;
	sem_post(&t.may_answer);
	ask_one(&first);
	assert_int_equal(first.rc, CCP_ERR_STORE);
	nanosleep(&(struct timespec){ 1, 50000000 }, NULL); /* the pause is over */
	for (int i = 0; i < 5; i++) {
		askers[i] = (struct asker){ .refresh = refresh, .user = "bob" };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_one, &askers[i]), 0);
	}
	for (int i = 0; i < 5; i++) {
		pthread_join(threads[i], NULL);
		waited += strstr(askers[i].err.text, "300 ms") != NULL;
		at_once += strstr(askers[i].err.text, "a moment ago") != NULL;
	}
	assert_int_equal(waited, 1);
	assert_int_equal(at_once, 4);
	sem_post(&t.may_answer);
	ccp_refresh_free(refresh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_once),
		cmocka_unit_test(gives_up),
		cmocka_unit_test(failure),
		cmocka_unit_test(one_tries),
	};

	return cmocka_run_group_tests_name("refresh", tests, NULL, NULL);
}
