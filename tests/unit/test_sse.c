#include "unit.h"

#include "base/sse.h"

#include <stdio.h>
#include <string.h>

/* What was seen, as "name=data;" */
static char seen[4096];

static bool
note(void *arg, struct ccp_span name, struct ccp_span data)
{
	size_t n = strlen(seen);

	snprintf(seen + n, sizeof(seen) - n, "%.*s=%.*s;", (int)name.len, name.p, (int)data.len,
	         data.p);
	return !arg || strstr(seen, arg) == NULL;
}

/* Feeds text in pieces of step bytes. */
static const char *
feed(const char *text, size_t len, size_t step, void *stop_at)
{
	struct ccp_sse *sse;
	size_t at, n;

	seen[0] = '\0';
	assert_int_equal(ccp_sse_new(note, stop_at, &sse, NULL), CCP_OK);
	for (at = 0; at < len; at += n) {
		n = len - at < step ? len - at : step;
		assert_int_equal(ccp_sse_feed(sse, text + at, n, NULL), CCP_OK);
	}
	ccp_sse_free(sse);
	return seen;
}

static const struct {
	const char *text, *events;
} cases[] = {
	{ "event: ping\ndata: {}\n\n", "ping={};" },
	{ "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "message=a;message=b;message=c;" },
	{ "\xef\xbb\xbf"
	  "data: a\n\n",
	  "message=a;" },
	{ ": comment\n\ndata: a\n: inside\ndata: b\n\n", "message=a\nb;" },
	{ "event: x\n\ndata: a\n\n",
	  "message=a;" }, /* no data: no event, and its name is forgotten */
	{ "data\n\n", "message=;" },
	{ "data:  two\n\n", "message= two;" },
	{ "id: 1\nretry: 5\nunknown\ndata: a\n\n", "message=a;" },
	{ "event: a\nevent: b\ndata: 1\n\n", "b=1;" },
	{ "data: not whole\n", "" },
	{ "data: \xed\x95\x9c\n\n", "message=\xed\x95\x9c;" },
	{ "\n\n\n", "" },
};

static void
any_split_gives_the_same_events(void **state)
{
	size_t i, step, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = strlen(cases[i].text);
		for (step = 1; step <= len; step++)
			assert_string_equal(feed(cases[i].text, len, step, NULL), cases[i].events);
	}
}

static void
stop_means_stop(void **state)
{
	char stop[] = "b";

	(void)state;
	assert_string_equal(feed("data: a\n\ndata: b\n\ndata: c\n\n", 27, 27, stop),
	                    "message=a;message=b;");
}

static void
too_long_an_event_is_an_error(void **state)
{
	static char piece[1 << 20];
	struct ccp_sse *sse;
	struct ccp_error err;
	enum ccp_err rc = CCP_OK;
	int i;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(ccp_sse_new(note, NULL, &sse, NULL), CCP_OK);
	for (i = 0; i < 30 && !rc; i++)
		rc = ccp_sse_feed(sse, piece, sizeof(piece), &err);
	assert_int_equal(rc, CCP_ERR_LIMIT);
	assert_in_range(i, 24, 26);
	assert_int_equal(ccp_sse_feed(sse, "\n\n", 2, &err), CCP_ERR_LIMIT);
	ccp_sse_free(sse);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_gives_the_same_events),
		cmocka_unit_test(stop_means_stop),
		cmocka_unit_test(too_long_an_event_is_an_error),
	};

	return cmocka_run_group_tests_name("sse", tests, NULL, NULL);
}
