/* covers: accept */
#include "listen.h"
#include "unit.h"

#include "edge/accept.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MAX_MS 30000

/* Who takes connections: counts them, and has each in hand until it is let go. */
struct taker {
	atomic_int taken, done;
	sem_t go;
};

/* It lets others go first. */
static bool
take(void *arg, int fd)
{
	struct taker *t = arg;

	t->taken++;
	sem_wait(&t->go);
	close(fd);
	t->done++;
	return true;
}

static void
let_go(struct taker *t, int count)
{
	while (count-- > 0)
		sem_post(&t->go);
}

/* Until the counter is that high. */
static bool
reaches(atomic_int *counter, int count)
{
	for (int ms = 0; ms < WAIT_MAX_MS && *counter < count; ms++)
		usleep(1000);
	return *counter >= count;
}

static void
connect_to(int fd, const struct sockaddr_in *at)
{
	assert_int_equal(connect(fd, (const struct sockaddr *)at, sizeof(*at)), 0);
}

static int
connected(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	connect_to(fd, at);
	return fd;
}

/* What the next descriptor will be. */
static int
next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* All of its threads wait: each has a descriptor, as its end has one. */
static struct ccp_accept *
accepting(int fd, int threads, struct taker *t)
{
	struct ccp_accept *accept = NULL;
	struct ccp_error err;
	int before = next_descriptor();

	*t = (struct taker){ 0 };
	sem_init(&t->go, 0, 0);
	if (ccp_accept_new(fd, threads, take, t, &accept, &err))
		fail_msg("%s", err.text);
	for (int ms = 0; ms < WAIT_MAX_MS && next_descriptor() < before + 1 + threads; ms++)
		usleep(1000);
	return accept;
}

/* One after the other, as of a client that asks again when it was answered. */
static void
two_take_turns(void **state)
{
	struct sockaddr_in at;
	struct taker one, other;
	int fd = unit_listen(&at), clients = 0;
	struct ccp_accept *first = accepting(fd, 2, &one), *second = accepting(fd, 2, &other);

	(void)state;
	for (; clients < 40; clients++) {
		int client = connected(&at);

		for (int ms = 0; ms < WAIT_MAX_MS && one.taken + other.taken <= clients; ms++)
			usleep(1000);
		let_go(&one, one.taken - one.done);
		let_go(&other, other.taken - other.done);
		close(client);
	}
	assert_int_equal(one.taken + other.taken, 40);
	assert_true(one.taken >= 10 && other.taken >= 10);
	let_go(&one, 40);
	let_go(&other, 40);
	ccp_accept_free(first);
	ccp_accept_free(second);
	close(fd);
}

/* As many as may be are held up, and then the next ones are taken all the same. */
static void
busy_ones_hold_up_nobody(void **state)
{
	struct sockaddr_in at;
	struct taker t;
	int fd = unit_listen(&at), clients[CCP_ACCEPT_THREADS_MAX + 1];
	struct ccp_accept *accept = accepting(fd, 1, &t);

	(void)state;
	for (int i = 0; i < CCP_ACCEPT_THREADS_MAX; i++) {
		clients[i] = connected(&at);
		assert_true(reaches(&t.taken, i + 1));
	}
	clients[CCP_ACCEPT_THREADS_MAX] = connected(&at); /* waits for its turn */
	let_go(&t, CCP_ACCEPT_THREADS_MAX);
	assert_true(reaches(&t.taken, CCP_ACCEPT_THREADS_MAX + 1));
	let_go(&t, 1);
	assert_true(reaches(&t.done, CCP_ACCEPT_THREADS_MAX + 1));
	for (int i = 0; i < 20; i++) { /* and the few that are left go on */
		int client = connected(&at);

		assert_true(reaches(&t.taken, CCP_ACCEPT_THREADS_MAX + 2 + i));
		let_go(&t, 1);
		close(client);
	}
	ccp_accept_free(accept);
	for (int i = 0; i <= CCP_ACCEPT_THREADS_MAX; i++)
		close(clients[i]);
	close(fd);
}

/* Its end waits for what is in hand, and takes nothing more. */
static void
stops(void **state)
{
	struct sockaddr_in at;
	struct taker t;
	int fd = unit_listen(&at), before = connected(&at), after;
	struct ccp_accept *accept = accepting(fd, 2, &t);

	(void)state;
	assert_true(reaches(&t.taken, 1));
	ccp_accept_stop(accept);
	ccp_accept_stop(accept); /* as often as somebody likes */
	assert_false(ccp_accept_over(accept));
	let_go(&t, 1);
	for (int ms = 0; ms < WAIT_MAX_MS && !ccp_accept_over(accept); ms++)
		usleep(1000);
	assert_true(ccp_accept_over(accept));
	after = connected(&at);
	usleep(20000);
	assert_int_equal(t.taken, 1);
	assert_int_equal(t.done, 1);
	ccp_accept_free(accept);
	close(before);
	close(after);
	close(fd);
}

/* One is left, and a connection gets it: the thread that would wait next comes to its wait set later. */
static void
out_of_descriptors(void **state)
{
	struct sockaddr_in at;
	struct taker t;
	struct rlimit usual, tight;
	int fd = unit_listen(&at), first = socket(AF_INET, SOCK_STREAM, 0),
	    second = socket(AF_INET, SOCK_STREAM, 0);
	struct ccp_accept *accept;

	(void)state;
	accept = accepting(fd, 1, &t);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	tight = usual;
	tight.rlim_cur = (rlim_t)next_descriptor() + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	connect_to(first, &at);
	assert_true(reaches(&t.taken, 1));
	usleep(50000); /* the next one tries, in vain */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	connect_to(second, &at);
	assert_true(reaches(&t.taken, 2)); /* while the first one is in hand */
	let_go(&t, 2);
	ccp_accept_free(accept);
	close(first);
	close(second);
	close(fd);
}

static void
no_listening_socket(void **state)
{
	struct ccp_accept *accept;
	struct ccp_error err;
	struct taker t;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(ccp_accept_new(pair[0], 1, take, &t, &accept, &err), CCP_ERR_SYSTEM);
	assert_non_null(strstr(err.text, "is not a listening socket"));
	assert_null(accept);
	ccp_accept_free(accept);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_take_turns),
		cmocka_unit_test(busy_ones_hold_up_nobody),
		cmocka_unit_test(stops),
		cmocka_unit_test(out_of_descriptors),
		cmocka_unit_test(no_listening_socket),
	};

	return cmocka_run_group_tests_name("accept", tests, NULL, NULL);
}
