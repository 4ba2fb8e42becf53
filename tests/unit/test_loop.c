/* covers: work */
#include "unit.h"

#include "base/loop.h"
#include "base/work.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What fired, in order. */
static int order[16];
static int fired;

struct named {
	struct ccp_timer timer;
	struct ccp_loop *loop;
	int name;
	int last; /* this one stops the loop */
};

static void
on_timer(void *arg)
{
	struct named *n = arg;

	order[fired++] = n->name;
	if (n->last)
		ccp_loop_stop(n->loop);
}

static void
name_timer(struct named *n, struct ccp_loop *loop, int name)
{
	*n = (struct named){ .loop = loop, .name = name, .timer = { .fn = on_timer, .arg = n } };
}

static void
test_timers_fire_in_order_of_time(void **state)
{
	struct ccp_loop *loop;
	struct named t[6];
	static const int in_ms[] = { 500, 100, 400, 0, 200, 300 };
	int i;

	(void)state;
	fired = 0;
	assert_int_equal(ccp_loop_new(&loop, NULL), CCP_OK);
	for (i = 0; i < 6; i++) {
		name_timer(&t[i], loop, in_ms[i]);
		assert_int_equal(ccp_timer_set(loop, &t[i].timer, in_ms[i]), CCP_OK);
	}
	ccp_timer_stop(loop, &t[4].timer);                               /* 200 is taken back */
	assert_int_equal(ccp_timer_set(loop, &t[1].timer, 600), CCP_OK); /* 100 becomes 600 */
	t[1].last = 1;
	ccp_loop_run(loop);
	assert_int_equal(fired, 5);
	assert_int_equal(order[0], 0);
	assert_int_equal(order[1], 300);
	assert_int_equal(order[2], 400);
	assert_int_equal(order[3], 500);
	assert_int_equal(order[4], 100);
	ccp_loop_free(loop);
}

/* Two descriptors ready in one turn; the first's callback takes the second away. */
struct pair {
	struct ccp_loop *loop;
	struct ccp_watch a, b;
	int called;
};

static void
on_either(void *arg, uint32_t events)
{
	struct pair *p = arg;

	(void)events;
	p->called++;
	ccp_loop_unwatch(p->loop, &p->a);
	ccp_loop_unwatch(p->loop, &p->b);
	ccp_loop_stop(p->loop);
}

static void
test_no_callback_after_unwatch_in_the_same_turn(void **state)
{
	struct pair p = { 0 };

	(void)state;
	assert_int_equal(ccp_loop_new(&p.loop, NULL), CCP_OK);
	p.a = (struct ccp_watch){ .fd = eventfd(1, 0), .fn = on_either, .arg = &p };
	p.b = (struct ccp_watch){ .fd = eventfd(1, 0), .fn = on_either, .arg = &p };
	assert_int_equal(ccp_loop_watch(p.loop, &p.a, EPOLLIN, NULL), CCP_OK);
	assert_int_equal(ccp_loop_watch(p.loop, &p.b, EPOLLIN, NULL), CCP_OK);
	ccp_loop_run(p.loop);
	assert_int_equal(p.called, 1);
	close(p.a.fd);
	close(p.b.fd);
	ccp_loop_free(p.loop);
}

#define JOBS 200

struct counted {
	struct ccp_job job;
	struct ccp_loop *loop;
	pthread_t ran_on;
};

static int done_count;
static int done_elsewhere;

static void
run_job(struct ccp_job *job)
{
	((struct counted *)job)->ran_on = pthread_self();
}

static void
job_done(struct ccp_job *job)
{
	struct counted *c = (struct counted *)job;

	done_elsewhere += pthread_equal(c->ran_on, pthread_self()) != 0;
	if (++done_count == JOBS)
		ccp_loop_stop(c->loop);
}

static void
test_jobs_run_elsewhere_and_end_on_the_loop(void **state)
{
	static struct counted jobs[JOBS];
	struct ccp_loop *loop;
	struct ccp_work *work;
	int i;

	(void)state;
	assert_int_equal(ccp_loop_new(&loop, NULL), CCP_OK);
	assert_int_equal(ccp_work_new(loop, 4, &work, NULL), CCP_OK);
	for (i = 0; i < JOBS; i++) {
		jobs[i] = (struct counted){ .job = { .run = run_job, .done = job_done },
			                    .loop = loop };
		ccp_work_submit(work, &jobs[i].job);
	}
	ccp_loop_run(loop);
	assert_int_equal(done_count, JOBS);
	assert_int_equal(done_elsewhere, 0);
	ccp_work_free(work);
	ccp_loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers_fire_in_order_of_time),
		cmocka_unit_test(test_no_callback_after_unwatch_in_the_same_turn),
		cmocka_unit_test(test_jobs_run_elsewhere_and_end_on_the_loop),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
