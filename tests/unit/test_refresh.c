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
	sem_t may_answer;
	enum ccp_err rc;
};

static enum ccp_err
ask(void *arg, const char *user, struct ccp_limit *limits, size_t max, size_t *count,
    struct ccp_error *err)
{
	struct table *t = arg;

	assert_true(max >= 1);
	t->asked++;
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
	sem_init(&t->may_answer, 0, 0);
	assert_int_equal(ccp_refresh_new(ask, keep, t, &refresh, &err), CCP_OK);
	return refresh;
}

static void
let_answer(struct table *t, int count)
{
	while (count-- > 0)
		sem_post(&t->may_answer);
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static bool
says(const struct asker *a, const char *words)
{
	return strstr(a->err.text, words) != NULL;
}

/*
 * In a scene 300 ms and a second count, and a busy machine may stand still for as long: false, and
 * it is played again. A wrong program is wrong every time. What no stall excuses is asserted.
 */
#define PLAYED_MAX 5

struct scene {
	bool (*goes_right)(void);
};

static void
play(void **state)
{
	const struct scene *scene = *state;

	for (int i = 0; i < PLAYED_MAX; i++)
		if (scene->goes_right())
			return;
	fail_msg("not right once in %d times", PLAYED_MAX);
}

/* Ten who want to know the same are one question. */
static bool
asked_once(void)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker askers[10];
	pthread_t threads[10];
	int answered = 0;

	for (int i = 0; i < 10; i++) {
		askers[i] = (struct asker){ .refresh = refresh, .user = "alice" };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_one, &askers[i]), 0);
	}
	pause_ms(50); /* all join */
	let_answer(&t, 10);
	for (int i = 0; i < 10; i++) {
		pthread_join(threads[i], NULL);
		if (askers[i].rc)
			continue;
		answered++;
		assert_int_equal(askers[i].count, 1);
		assert_string_equal(askers[i].limits[0].family, "alice");
	}
	ccp_refresh_free(refresh);
	assert_int_equal(t.kept, t.asked);
	return answered == 10 && t.asked == 1;
}

/* Who waits gives up; then nobody waits for a while; the question goes on and is kept. */
static bool
gives_up(void)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker a = { .refresh = refresh, .user = "alice" };
	struct asker b = { .refresh = refresh, .user = "bob" };
	bool at_once, kept;

	ask_one(&a);
	assert_int_equal(a.rc, CCP_ERR_STORE);
	assert_int_equal(a.count, 0);
	assert_true(says(&a, "300 ms"));
	ask_one(&b);
	assert_int_equal(b.rc, CCP_ERR_STORE);
	at_once = says(&b, "a moment ago") && t.asked == 1;
	let_answer(&t, 1); /* late, but it is there: all goes on */
	for (int i = 0; i < 2000 && t.kept == 0; i++)
		pause_ms(1);
	kept = t.kept > 0;
	let_answer(&t, 2);
	ask_one(&b);
	ccp_refresh_free(refresh);
	return at_once && kept && b.rc == CCP_OK;
}

static bool
failure(void)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker a = { .refresh = refresh, .user = "alice" };
	bool told;

	t.rc = CCP_ERR_NET;
	let_answer(&t, 2);
	ask_one(&a);
	assert_int_equal(a.rc, CCP_ERR_STORE);
	told = says(&a, "the table is away");
	ask_one(&a); /* not asked again so soon */
	assert_int_equal(a.rc, CCP_ERR_STORE);
	ccp_refresh_free(refresh);
	assert_int_equal(t.kept, 0);
	return told && t.asked == 1;
}

/* While it fails, one a second tries and waits; the others know at once that nothing is known. */
static bool
one_tries(void)
{
	struct table t;
	struct ccp_refresh *refresh = start(&t);
	struct asker first = { .refresh = refresh, .user = "alice" };
	struct asker askers[5];
	pthread_t threads[5];
	int waited = 0, at_once = 0;

	t.rc = CCP_ERR_NET;
	let_answer(&t, 1);
	ask_one(&first);
	assert_int_equal(first.rc, CCP_ERR_STORE);
	pause_ms(1050); /* the pause is over */
	for (int i = 0; i < 5; i++) {
		askers[i] = (struct asker){ .refresh = refresh, .user = "bob" };
		assert_int_equal(pthread_create(&threads[i], NULL, ask_one, &askers[i]), 0);
	}
	for (int i = 0; i < 5; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(askers[i].rc, CCP_ERR_STORE);
		waited += says(&askers[i], "300 ms");
		at_once += says(&askers[i], "a moment ago");
	}
	let_answer(&t, 5);
	ccp_refresh_free(refresh);
	return waited == 1 && at_once == 4;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		{ "asked_once", play, NULL, NULL, &(struct scene){ asked_once } },
		{ "gives_up", play, NULL, NULL, &(struct scene){ gives_up } },
		{ "failure", play, NULL, NULL, &(struct scene){ failure } },
		{ "one_tries", play, NULL, NULL, &(struct scene){ one_tries } },
	};

	return cmocka_run_group_tests_name("refresh", tests, NULL, NULL);
}
