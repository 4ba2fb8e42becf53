/*
 * Both ends of a latency measurement in one process: a thread that is the upstream and sends one
 * prepared event each interval_ms to every stream, and a thread that is all the clients and notes
 * when each event came out of the proxy. One clock, no parsing, no memory to collect: what is left is
 * the proxy (and the kernel). latency.mjs prepares the bytes and compiles this with cc.
 *
 *   probe DIR UPSTREAM_PORT TARGET_PORT STREAMS EVENTS INTERVAL_MS ROUNDS
 *
 * DIR holds: request (what a client sends), head (what the upstream sends first), event-0, event-1
 * ... and tail. Event i carries "<<i>>" in its text; the request carries "stream-00", where the
 * number of the stream is written. Prints one delay in ns a line.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STREAMS_MAX 64
#define EVENTS_MAX 400
#define BYTES_MAX 65536 /* of a request, or of what is kept of an answer to search in */

struct blob {
	char *data;
	size_t len;
};

struct sender {
	int fd;
	bool asked;
	int next;
	int64_t due_ns;
	size_t got;
	char in[BYTES_MAX];
};

static struct blob request, head, tail, events[EVENTS_MAX];
static int stream_count, event_count, listener;
static int64_t interval_ns;
static int64_t sent_ns[STREAMS_MAX][EVENTS_MAX];

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static struct blob
load(const char *dir, const char *name)
{
	char path[4096];
	struct blob b = { malloc(BYTES_MAX), 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f || !b.data)
		die(path);
	b.len = fread(b.data, 1, BYTES_MAX, f);
	fclose(f);
	return b;
}

static void
put(int fd, struct blob b)
{
	if (send(fd, b.data, b.len, MSG_NOSIGNAL) != (ssize_t)b.len)
		die("send");
}

static int
no_delay(int fd)
{
	int one = 1;

	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Where the two digits of the stream's number are. */
static char *
number_in(char *bytes, size_t len)
{
	char *mark = memmem(bytes, len, "stream-", 7);

	if (!mark)
		die("no stream number in the request");
	return mark + 7;
}

/* A request is whole when its head and content-length bytes are there. */
static bool
is_whole(const struct sender *s)
{
	const char *end = memmem(s->in, s->got, "\r\n\r\n", 4);
	const char *length = end ? strcasestr(s->in, "\r\ncontent-length:") : NULL;

	return length && s->got >= (size_t)(end + 4 - s->in) + strtoul(length + 17, NULL, 10);
}

static void
take(struct sender *s)
{
	ssize_t n = recv(s->fd, s->in + s->got, BYTES_MAX - 1 - s->got, MSG_DONTWAIT);
	const char *number;

	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
		return;
	}
	s->got += (size_t)n;
	s->in[s->got] = '\0';
	if (!is_whole(s))
		return;
	s->asked = true;
	number = number_in(s->in, s->got);
	s->next = ((number[0] - '0') * 10 + number[1] - '0') * EVENTS_MAX;
	s->due_ns = now_ns() + interval_ns;
	put(s->fd, head);
}

static void
give(struct sender *s)
{
	int slot = s->next / EVENTS_MAX, i = s->next % EVENTS_MAX;

	sent_ns[slot][i] = now_ns();
	put(s->fd, events[i]);
	s->next++;
	s->due_ns += interval_ns;
	if (i + 1 < event_count)
		return;
	put(s->fd, tail);
	s->asked = false;
	s->got = 0;
}

static void *
upstream(void *arg)
{
	static struct sender senders[STREAMS_MAX * 2];
	struct pollfd polled[STREAMS_MAX * 2 + 1];
	int count = 0;

	(void)arg;
	for (;;) {
		int64_t next = INT64_MAX;
		struct timespec wait = { 1, 0 };

		polled[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
		for (int i = 0; i < count; i++) {
			polled[i + 1] = (struct pollfd){ .fd = senders[i].fd, .events = POLLIN };
			if (senders[i].asked && senders[i].due_ns < next)
				next = senders[i].due_ns;
		}
		if (next != INT64_MAX) {
			int64_t left = next > now_ns() ? next - now_ns() : 0;

			wait = (struct timespec){ left / 1000000000, left % 1000000000 };
		}
		if (ppoll(polled, (nfds_t)count + 1, &wait, NULL) < 0)
			die("poll");
		for (int i = 0; i < count; i++) {
			if (polled[i + 1].revents && senders[i].fd >= 0)
				take(&senders[i]);
			if (senders[i].asked && senders[i].due_ns <= now_ns())
				give(&senders[i]);
		}
		if (polled[0].revents && count < STREAMS_MAX * 2)
			senders[count++].fd = no_delay(accept(listener, NULL, NULL));
	}
	return NULL;
}

static int
connect_to(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = no_delay(socket(AF_INET, SOCK_STREAM, 0));

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return fd;
}

/* Prints the delay of each event whose mark is in the bytes so far. */
static void
note(int stream, int *seen, const char *bytes, size_t len, int64_t came_ns)
{
	char mark[16];

	for (; *seen < event_count; ++*seen) {
		int n = snprintf(mark, sizeof(mark), "<<%d>>", *seen);

		if (!memmem(bytes, len, mark, (size_t)n))
			return;
		printf("%lld\n", (long long)(came_ns - sent_ns[stream][*seen]));
	}
}

static void
one_round(int port)
{
	static char in[STREAMS_MAX][BYTES_MAX];
	struct pollfd polled[STREAMS_MAX];
	size_t got[STREAMS_MAX] = { 0 };
	int seen[STREAMS_MAX] = { 0 }, open_count = 0, done = 0;
	int64_t start = now_ns();

	while (done < stream_count) {
		if (open_count < stream_count &&
		    now_ns() >= start + open_count * interval_ns / stream_count) {
			polled[open_count] = (struct pollfd){ connect_to(port), POLLIN, 0 };
			number_in(request.data, request.len)[0] = (char)('0' + open_count / 10);
			number_in(request.data, request.len)[1] = (char)('0' + open_count % 10);
			put(polled[open_count++].fd, request);
		}
		if (poll(polled, (nfds_t)open_count, open_count < stream_count ? 1 : 5000) == 0 &&
		    open_count == stream_count)
			die("no event for 5 s");
		for (int i = 0; i < open_count; i++) {
			ssize_t n;
			int64_t came;

			if (!polled[i].revents)
				continue;
			n = recv(polled[i].fd, in[i] + got[i], BYTES_MAX - got[i], MSG_DONTWAIT);
			came = now_ns();
			if (n <= 0)
				die("an answer ended early");
			got[i] += (size_t)n;
			note(i, &seen[i], in[i], got[i], came);
			if (seen[i] < event_count)
				continue;
			close(polled[i].fd);
			polled[i].fd = -1;
			done++;
		}
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char name[32];
	pthread_t thread;
	int one = 1;

	if (argc != 8)
		return 2;
	stream_count = (int)strtol(argv[4], NULL, 10);
	event_count = (int)strtol(argv[5], NULL, 10);
	interval_ns = strtol(argv[6], NULL, 10) * 1000000;
	if (stream_count > STREAMS_MAX || event_count > EVENTS_MAX)
		return 2;
	request = load(argv[1], "request");
	head = load(argv[1], "head");
	tail = load(argv[1], "tail");
	for (int i = 0; i < event_count; i++) {
		snprintf(name, sizeof(name), "event-%d", i);
		events[i] = load(argv[1], name);
	}
	at.sin_port = htons((uint16_t)strtol(argv[2], NULL, 10));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		die("listen");
	if (pthread_create(&thread, NULL, upstream, NULL))
		die("thread");
	for (int i = (int)strtol(argv[7], NULL, 10); i > 0; i--)
		one_round((int)strtol(argv[3], NULL, 10));
	fflush(stdout);
	_exit(0);
}
