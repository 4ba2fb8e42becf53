#include "unit.h"

#include "edge/response.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fastcgi.h>

/* A response on one end of a socket pair, the web server's end in the test's hand. */
struct fixture {
	struct ccp_loop *loop;
	struct ccp_response response;
	int server;
	int ours;
	int gone;
	int ready;
	int closed;
};

static void
on_gone(void *arg)
{
	struct fixture *f = arg;

	f->gone++;
	ccp_loop_stop(f->loop);
}

static void
on_ready(void *arg)
{
	((struct fixture *)arg)->ready++;
}

static void
on_closed(void *arg)
{
	struct fixture *f = arg;

	f->closed++;
	ccp_loop_stop(f->loop);
}

static void
open_fixture(struct fixture *f)
{
	struct ccp_response_events events = { on_gone, on_ready, on_closed, f };
	int pair[2];

	*f = (struct fixture){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	f->server = pair[0];
	f->ours = pair[1];
	assert_int_equal(ccp_loop_new(&f->loop, NULL), CCP_OK);
	assert_int_equal(ccp_response_open(&f->response, f->loop, f->ours, 0x0102, &events, NULL),
	                 CCP_OK);
}

static void
close_fixture(struct fixture *f)
{
	ccp_response_close(&f->response);
	close(f->ours);
	if (f->server >= 0)
		close(f->server);
	ccp_loop_free(f->loop);
}

/* Reads all there is and gives the content of STDOUT records; checks the frame of each. */
static size_t
read_stdout(struct fixture *f, char *out, size_t size, int *ends)
{
	static unsigned char raw[1 << 20];
	size_t got = 0, at = 0, n = 0;
	ssize_t r;

	while ((r = recv(f->server, raw + got, sizeof(raw) - got, MSG_DONTWAIT)) > 0)
		got += (size_t)r;
	while (at + 8 <= got) {
		size_t len = (size_t)raw[at + 4] << 8 | raw[at + 5];

		assert_int_equal(raw[at], 1);
		assert_int_equal(raw[at + 2] << 8 | raw[at + 3], 0x0102);
		if (raw[at + 1] == FCGI_END_REQUEST)
			(*ends)++;
		else
			assert_int_equal(raw[at + 1], FCGI_STDOUT);
		if (raw[at + 1] == FCGI_STDOUT && n + len < size) {
			memcpy(out + n, raw + at + 8, len);
			n += len;
		}
		at += 8 + len;
	}
	assert_int_equal(at, got); /* no half record */
	out[n] = '\0';
	return n;
}

static void
test_head_body_end(void **state)
{
	struct ccp_headers headers = { 0 };
	struct fixture f;
	char text[1024];
	int ends = 0;

	(void)state;
	open_fixture(&f);
	ccp_headers_add(&headers, "content-type", "application/json");
	ccp_headers_add(&headers, "retry-after", "60");
	ccp_response_head(&f.response, 429, &headers);
	ccp_response_body(&f.response, "{}", 2);
	ccp_response_end(&f.response);
	read_stdout(&f, text, sizeof(text), &ends);
	assert_string_equal(text,
	                    "Status: 429 Too Many Requests\r\ncontent-type: application/json\r\n"
	                    "retry-after: 60\r\n\r\n{}");
	assert_int_equal(ends, 1);
	assert_int_equal(f.closed, 1);
	assert_int_equal(f.gone, 0);
	ccp_headers_clear(&headers);
	close_fixture(&f);
}

static void
test_head_request_gets_no_body(void **state)
{
	struct ccp_headers headers = { 0 };
	struct fixture f;
	char text[1024];
	int ends = 0;

	(void)state;
	open_fixture(&f);
	f.response.head_only = true;
	ccp_response_head(&f.response, 200, &headers);
	ccp_response_body(&f.response, "body", 4);
	ccp_response_end(&f.response);
	read_stdout(&f, text, sizeof(text), &ends);
	assert_string_equal(text, "Status: 200 OK\r\n\r\n");
	assert_int_equal(ends, 1);
	close_fixture(&f);
}

static void
test_a_cut_answer_has_no_end_record(void **state)
{
	struct ccp_headers headers = { 0 };
	struct fixture f;
	char text[1024];
	int ends = 0;

	(void)state;
	open_fixture(&f);
	ccp_response_head(&f.response, 200, &headers);
	ccp_response_body(&f.response, "half", 4);
	ccp_response_abort(&f.response);
	read_stdout(&f, text, sizeof(text), &ends);
	assert_int_equal(ends, 0);
	assert_int_equal(f.closed, 1);
	close_fixture(&f);
}

static void
test_client_gone_is_told_once(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	shutdown(f.server, SHUT_WR); /* what lighttpd does with tcp-fin-propagate */
	ccp_loop_run(f.loop);
	assert_int_equal(f.gone, 1);
	ccp_response_body(&f.response, "x", 1); /* into nothing */
	ccp_response_end(&f.response);
	assert_int_equal(f.gone, 1);
	assert_int_equal(f.closed, 0);
	close_fixture(&f);
}

/* A client that reads a little each millisecond. */
struct reader {
	struct ccp_timer timer;
	struct fixture *f;
	struct ccp_buf raw;
};

static void
read_a_little(void *arg)
{
	struct reader *r = arg;
	char bytes[30000];
	ssize_t n = recv(r->f->server, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0)
		ccp_buf_add(&r->raw, bytes, (size_t)n);
	assert_int_equal(ccp_timer_set(r->f->loop, &r->timer, 1), CCP_OK);
}

#define PIECES 40
#define PIECE_BYTES 100000

static void
test_a_slow_client_gets_everything_in_order(void **state)
{
	static char piece[PIECE_BYTES];
	struct ccp_headers headers = { 0 };
	struct fixture f;
	struct reader r = { .timer = { .fn = read_a_little, .arg = &r }, .f = &f };
	size_t at, content = 0;
	int i;

	(void)state;
	r.raw = (struct ccp_buf)CCP_BUF_INIT(1 << 24);
	open_fixture(&f);
	ccp_response_head(&f.response, 200, &headers); /* 18 bytes of head */
	for (i = 0; i < PIECES; i++) {
		memset(piece, 'a' + i % 26, sizeof(piece));
		ccp_response_body(&f.response, piece, sizeof(piece));
	}
	assert_true(ccp_response_full(&f.response));
	assert_int_equal(ccp_timer_set(f.loop, &r.timer, 1), CCP_OK);
	ccp_response_end(&f.response);
	ccp_loop_run(f.loop);
	read_a_little(&r);
	ccp_timer_stop(f.loop, &r.timer);
	for (i = 0; i < 20; i++) { /* what is still in the socket */
		read_a_little(&r);
		ccp_timer_stop(f.loop, &r.timer);
	}
	assert_int_equal(f.closed, 1);
	for (at = 0; at + 8 <= r.raw.len;) {
		const unsigned char *record = (const unsigned char *)r.raw.data + at;
		size_t len = (size_t)record[4] << 8 | record[5], k;

		for (k = 0; record[1] == FCGI_STDOUT && k < len; k++, content++)
			if (content >= 18)
				assert_int_equal(record[8 + k],
				                 'a' + (int)((content - 18) / PIECE_BYTES % 26));
		at += 8 + len;
	}
	assert_int_equal(at, r.raw.len);
	assert_int_equal(content, 18 + PIECES * PIECE_BYTES);
	ccp_buf_clear(&r.raw);
	close_fixture(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head_body_end),
		cmocka_unit_test(test_head_request_gets_no_body),
		cmocka_unit_test(test_a_cut_answer_has_no_end_record),
		cmocka_unit_test(test_client_gone_is_told_once),
		cmocka_unit_test(test_a_slow_client_gets_everything_in_order),
	};

	return cmocka_run_group_tests_name("response", tests, NULL, NULL);
}
