#include "unit.h"

#include "edge/route.h"

#include <string.h>

#define ALL "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

/* What a request line leads to; 0 in status means: not refused. */
struct row {
	const char *method, *uri;
	enum ccp_endpoint endpoint;
	int status;
	const char *user, *target, *allow;
};

static const struct row rows[] = {
	/* the proxy, and the four ways to name the user */
	{ "POST", "/v1/messages", CCP_ROUTE_MESSAGES, 0, "default", "/v1/messages", NULL },
	{ "POST", "/v1/messages?beta=true", CCP_ROUTE_MESSAGES, 0, "default",
	  "/v1/messages?beta=true", NULL },
	{ "POST", "/v1/messages?", CCP_ROUTE_MESSAGES, 0, "default", "/v1/messages?", NULL },
	{ "POST", "/user/alice/v1/messages?beta=true", CCP_ROUTE_MESSAGES, 0, "alice",
	  "/v1/messages?beta=true", NULL },
	{ "POST", "/v1/messages?claude-code-user=bob", CCP_ROUTE_MESSAGES, 0, "bob", "/v1/messages",
	  NULL },
	{ "POST", "/v1/messages?b=2&claude-code-user=bob&a=%31+x&&", CCP_ROUTE_MESSAGES, 0, "bob",
	  "/v1/messages?b=2&a=%31+x&&", NULL },
	{ "POST", "/v1/messages?claude-code-user=bob&claude-code-user=eve&c", CCP_ROUTE_MESSAGES, 0,
	  "bob", "/v1/messages?c", NULL },
	{ "POST", "/user/alice/v1/messages?claude-code-user=bob&x=1", CCP_ROUTE_MESSAGES, 0,
	  "alice", "/v1/messages?x=1", NULL },
	{ "POST", "/user/a%2Bb+c@d.e/v1/messages", CCP_ROUTE_MESSAGES, 0, "a+b+c@d.e",
	  "/v1/messages", NULL },
	{ "POST", "/user/%ED%99%8D%EA%B8%B8%EB%8F%99/v1/messages", CCP_ROUTE_MESSAGES, 0,
	  "\xed\x99\x8d\xea\xb8\xb8\xeb\x8f\x99", "/v1/messages", NULL },
	{ "POST", "/user/\xed\x99\x8d/v1/messages", CCP_ROUTE_MESSAGES, 0, "\xed\x99\x8d",
	  "/v1/messages", NULL },
	{ "POST", "http://127.0.0.1:8080/user/alice/v1/messages", CCP_ROUTE_MESSAGES, 0, "alice",
	  "/v1/messages", NULL },
	{ "POST", "HTTPS://h/v1/messages?x", CCP_ROUTE_MESSAGES, 0, "default", "/v1/messages?x",
	  NULL },

	/* Claude Code behind a base URL with a query */
	{ "POST", "/?claude-code-user=alice%2Fv1%2Fmessages%3Fbeta%3Dtrue", CCP_ROUTE_MESSAGES, 0,
	  "alice", "/v1/messages?beta=true", NULL },
	{ "POST", "/?claude-code-user=%ED%99%8D%2Fv1%2Fmessages", CCP_ROUTE_MESSAGES, 0,
	  "\xed\x99\x8d", "/v1/messages", NULL },
	{ "POST", "/?team=x&claude-code-user=alice/v1/messages?beta=true&k=1", CCP_ROUTE_MESSAGES,
	  0, "alice", "/v1/messages?beta=true&team=x&k=1", NULL },
	{ "GET", "http://h?claude-code-user=alice%2Fv1%2Fmodels%3Flimit%3D1000", CCP_ROUTE_PASS, 0,
	  "alice", "/v1/models?limit=1000", NULL },
	{ "POST", "/?claude-code-user=alice%2Fv1%2Fmessages%2Fcount_tokens%3Fbeta%3Dtrue",
	  CCP_ROUTE_PASS, 0, "alice", "/v1/messages/count_tokens?beta=true", NULL },
	{ "GET", "/?claude-code-user=alice%2Fv1%2Fmessages", CCP_ROUTE_REFUSED, 405, NULL, NULL,
	  "POST" },
	{ "POST", "/?claude-code-user=%2Fv1%2Fmessages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/?claude-code-user=a%2Fb%2Fv1%2Fmessages", CCP_ROUTE_REFUSED, 400, NULL, NULL,
	  NULL },
	{ "POST", "/?claude-code-user=a%252Fb%2Fv1%2Fmessages", CCP_ROUTE_REFUSED, 400, NULL, NULL,
	  NULL },
	{ "POST", "/?claude-code-user=a%2Fv1%2Fmessages%0d%0aX:%20y", CCP_ROUTE_REFUSED, 400, NULL,
	  NULL, NULL },
	{ "POST", "/?claude-code-user=a%2Fv1%2F..%2Fadmin", CCP_ROUTE_REFUSED, 400, NULL, NULL,
	  NULL },
	{ "POST", "/?claude-code-user=a%2Fv1%2F%252e%252e%2Fadmin", CCP_ROUTE_REFUSED, 400, NULL,
	  NULL, NULL },
	{ "POST", "/?claude-code-user=a%00%2Fv1%2Fmessages", CCP_ROUTE_REFUSED, 400, NULL, NULL,
	  NULL },
	{ "POST", "/?claude-code-user=a%2Fv1%2Fusage", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "/?claude-code-user=alice", CCP_ROUTE_REFUSED, 405, NULL, NULL, "GET, HEAD" },
	{ "GET", "/?claude-code-user=alice", CCP_ROUTE_HOME, 0, "default", "", NULL },

	/* other API paths */
	{ "POST", "/v1/messages/count_tokens?beta=true", CCP_ROUTE_PASS, 0, "default",
	  "/v1/messages/count_tokens?beta=true", NULL },
	{ "GET", "/user/alice/v1/models?limit=1000", CCP_ROUTE_PASS, 0, "alice",
	  "/v1/models?limit=1000", NULL },
	{ "HEAD", "/v1/models", CCP_ROUTE_PASS, 0, "default", "/v1/models", NULL },
	{ "GET", "/v1/models/claude-opus-5-5%5B1m%5D", CCP_ROUTE_PASS, 0, "default",
	  "/v1/models/claude-opus-5-5%5B1m%5D", NULL },
	{ "GET", "/v1/models/a..b", CCP_ROUTE_PASS, 0, "default", "/v1/models/a..b", NULL },
	{ "POST", "/v1/models/x/y", CCP_ROUTE_PASS, 0, "default", "/v1/models/x/y", NULL },
	{ "POST", "/v1/messages/batches", CCP_ROUTE_PASS, 0, "default", "/v1/messages/batches",
	  NULL },
	{ "DELETE", "/user/al/v1/files/file_1?x=../y//z", CCP_ROUTE_PASS, 0, "al",
	  "/v1/files/file_1?x=../y//z", NULL },
	{ "GET", "/v1/usage_report", CCP_ROUTE_PASS, 0, "default", "/v1/usage_report", NULL },
	{ "POST", "/v1/messages/", CCP_ROUTE_PASS, 0, "default", "/v1/messages/", NULL },

	/* our own */
	{ "GET", "/health", CCP_ROUTE_HEALTH, 0, "default", "", NULL },
	{ "HEAD", "/health?deep=1", CCP_ROUTE_HEALTH, 0, "default", "", NULL },
	{ "GET", "/", CCP_ROUTE_HOME, 0, "default", "", NULL },
	{ "GET", "http://127.0.0.1:8080", CCP_ROUTE_HOME, 0, "default", "", NULL },
	{ "HEAD", "/", CCP_ROUTE_HELLO, 0, "default", "", NULL },
	{ "HEAD", "/api/hello", CCP_ROUTE_HELLO, 0, "default", "", NULL },
	{ "GET", "/favicon.ico", CCP_ROUTE_FAVICON, 0, "default", "", NULL },

	/* wrong method */
	{ "GET", "/v1/messages", CCP_ROUTE_REFUSED, 405, NULL, NULL, "POST" },
	{ "HEAD", "/user/a/v1/messages", CCP_ROUTE_REFUSED, 405, NULL, NULL, "POST" },
	{ "OPTIONS", "/v1/messages", CCP_ROUTE_REFUSED, 405, NULL, NULL, "POST" },
	{ "post", "/v1/messages", CCP_ROUTE_REFUSED, 405, NULL, NULL, "POST" },
	{ "", "/v1/messages", CCP_ROUTE_REFUSED, 405, NULL, NULL, "POST" },
	{ "GET", "/v1/messages/count_tokens", CCP_ROUTE_REFUSED, 405, NULL, NULL, "POST" },
	{ "POST", "/v1/models", CCP_ROUTE_REFUSED, 405, NULL, NULL, "GET, HEAD" },
	{ "DELETE", "/v1/models/x", CCP_ROUTE_REFUSED, 405, NULL, NULL, "GET, HEAD" },
	{ "OPTIONS", "/v1/files", CCP_ROUTE_PASS, 0, "default", "/v1/files", NULL },
	{ "TRACE", "/v1/files", CCP_ROUTE_REFUSED, 405, NULL, NULL, ALL },
	{ "GET", "/api/hello", CCP_ROUTE_REFUSED, 405, NULL, NULL, "HEAD" },
	{ "POST", "/health", CCP_ROUTE_REFUSED, 405, NULL, NULL, "GET, HEAD" },
	{ "PUT", "/", CCP_ROUTE_REFUSED, 405, NULL, NULL, "GET, HEAD" },

	/* nothing there */
	{ "GET", "/nope", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/v1", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/v1/", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "/V1/messages", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "/user/alice", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "/user/alice/v1/", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/user/alice/health", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "//v1/messages", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "/v1//messages", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "POST", "/user/alice//v1/messages", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/v1/usage", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/v1/usage/me?days=7", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/metrics", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/ui", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/ui/app.js", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },
	{ "GET", "/debug/env", CCP_ROUTE_REFUSED, 404, NULL, NULL, NULL },

	/* not a target, or one that means something else to somebody else */
	{ "POST", "", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "OPTIONS", "*", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "ftp://h/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/mess ages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/messages?a\r\nb", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/messages\x7f", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/messages#x", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/./messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/../v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/files/..", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/files/.?x", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/health/../v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/%2e%2e/admin", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x/.%2E", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x/%2e", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x%2Fy", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x%5cy", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x\\y", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x%0d%0a", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x%00", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x%zz", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "GET", "/v1/x%2", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },

	/* users that cannot be */
	{ "POST", "/user//v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/%2e%2e/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/a%2Fb/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/a%23b/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/a%2541/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/a%20b/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/a%00/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/%ff/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/user/%/v1/messages", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/messages?claude-code-user=", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/messages?claude-code-user", CCP_ROUTE_REFUSED, 400, NULL, NULL, NULL },
	{ "POST", "/v1/messages?claude-code-user=%3Cb%3E", CCP_ROUTE_REFUSED, 400, NULL, NULL,
	  NULL },
};

static void
check_row(const struct row *row)
{
	struct ccp_headers headers = { 0 };
	struct ccp_route route;

	ccp_route_parse(row->method, row->uri, &headers, &route);
	if (route.endpoint != row->endpoint || route.status != row->status)
		fail_msg("%s %s: endpoint %d, status %d", row->method, row->uri,
		         (int)route.endpoint, route.status);
	if (row->status) {
		assert_non_null(route.message);
		assert_int_equal(route.target.len, 0);
		assert_string_equal(route.user, "default");
	} else {
		assert_string_equal(route.user, row->user);
		assert_string_equal(ccp_buf_text(&route.target), row->target);
		assert_null(route.message);
	}
	if (row->allow)
		assert_string_equal(route.allow, row->allow);
	else
		assert_null(route.allow);
	ccp_route_clear(&route);
}

static void
every_row(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i]);
}

static void
user_by_header(const char *value, const char *uri, int status, const char *user)
{
	struct ccp_headers headers = { 0 };
	struct ccp_route route;

	ccp_headers_add(&headers, "X-Claude-Code-User", value);
	ccp_route_parse("POST", uri, &headers, &route);
	assert_int_equal(route.status, status);
	assert_string_equal(route.user, user);
	ccp_route_clear(&route);
	ccp_headers_clear(&headers);
}

static void
header_names_the_user_last(void **state)
{
	(void)state;
	user_by_header("carol", "/v1/messages", 0, "carol");
	user_by_header("%ED%99%8D", "/v1/messages", 0, "\xed\x99\x8d");
	user_by_header("carol", "/v1/messages?claude-code-user=bob", 0, "bob");
	user_by_header("carol", "/user/alice/v1/messages", 0, "alice");
	user_by_header("a b", "/v1/messages", 400, "default");
	user_by_header("", "/v1/messages", 400, "default");
	user_by_header("a b", "/user/alice/v1/messages", 0, "alice");
}

static void
deep_health(void **state)
{
	static const struct {
		const char *uri;
		bool deep;
	} cases[] = {
		{ "/health", false },
		{ "/health?deep=1", true },
		{ "/health?x=2&deep=%31", true },
		{ "/health?deep=0", false },
		{ "/health?deep=11", false },
		{ "/health?deep", false },
	};
	struct ccp_headers headers = { 0 };
	struct ccp_route route;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ccp_route_parse("GET", cases[i].uri, &headers, &route);
		assert_int_equal(route.endpoint, CCP_ROUTE_HEALTH);
		assert_int_equal(route.deep, cases[i].deep);
		ccp_route_clear(&route);
	}
}

/* The longest target passes whole; one byte more is refused. */
static void
longest_target(void **state)
{
	char uri[CCP_TARGET_MAX_BYTES + 2] = "/v1/messages?x=";
	struct ccp_headers headers = { 0 };
	struct ccp_route route;

	(void)state;
	memset(uri + strlen(uri), 'y', sizeof(uri) - 1 - strlen(uri));
	uri[sizeof(uri) - 1] = '\0';
	ccp_route_parse("POST", uri, &headers, &route);
	assert_int_equal(route.status, 400);
	ccp_route_clear(&route);
	uri[sizeof(uri) - 2] = '\0';
	ccp_route_parse("POST", uri, &headers, &route);
	assert_int_equal(route.endpoint, CCP_ROUTE_MESSAGES);
	assert_string_equal(ccp_buf_text(&route.target), uri);
	ccp_route_clear(&route);
}

static void
user_ids(void **state)
{
	static const char *const good[] = {
		"a",     "alice@example.com", "a.b",      "...",
		"a:b|c", "-_~!$()*,;=",       "\xc3\xa9", "\xf0\x9f\x98\x80"
	};
	static const char *const bad[] = {
		"",     ".",        "..",           "a b",     "\xc2\xa0", "\xe3\x80\x80",
		"a\tb", "\x7f",     "\xc2\x85",     "#",       "/",        "\\",
		"?",    "%",        "\"",           "'",       "<",        ">",
		"&",    "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82"
	};
	char longest[CCP_USER_MAX_BYTES + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(ccp_route_user_ok(good[i], strlen(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ccp_route_user_ok(bad[i], strlen(bad[i])));
	assert_false(ccp_route_user_ok("a\0b", 3));
	memset(longest, 'u', sizeof(longest));
	assert_true(ccp_route_user_ok(longest, CCP_USER_MAX_BYTES));
	assert_false(ccp_route_user_ok(longest, CCP_USER_MAX_BYTES + 1));
}

static void
query_values(void **state)
{
	char out[8];

	(void)state;
	assert_true(ccp_route_query_value("/v1/usage?days=7&date=x", "date", out, sizeof(out)));
	assert_string_equal(out, "x");
	assert_true(ccp_route_query_value("/u?a=1+%2B2&a=3", "a", out, sizeof(out)));
	assert_string_equal(out, "1++2");
	assert_true(ccp_route_query_value("/u?a=1234567", "a", out, sizeof(out)));
	assert_false(ccp_route_query_value("/u?a=12345678", "a", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_true(ccp_route_query_value("/u?a", "a", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_false(ccp_route_query_value("/u?b=1", "a", out, sizeof(out)));
	assert_false(ccp_route_query_value("/u", "a", out, sizeof(out)));
	assert_false(ccp_route_query_value("/u?a=%0", "a", out, sizeof(out)));
	assert_false(ccp_route_query_value("/u?a=x%00y", "a", out, sizeof(out)));
	assert_false(ccp_route_query_value("/u?x=1#?a=1&a=2", "a", out, sizeof(out)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),   cmocka_unit_test(header_names_the_user_last),
		cmocka_unit_test(deep_health), cmocka_unit_test(longest_target),
		cmocka_unit_test(user_ids),    cmocka_unit_test(query_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
