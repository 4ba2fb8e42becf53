#include "edge/route.h"

#include "base/utf8.h"
#include "edge/uri.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define USER_PARAMETER "claude-code-user"
#define USER_HEADER "x-claude-code-user"
#define DEFAULT_USER "default"

#define NOT_FOUND "There is nothing at this path."
#define NOT_HERE "This path is not answered here; the web server should have sent it elsewhere."
#define BAD_METHOD "This path does not take that method."
#define BAD_TARGET \
	"The request target is too long, is not a path, or holds a control byte or a space."
#define BAD_PATH "The path holds a dot segment, or a percent escape that no API path has."
#define BAD_USER                                                                                 \
	"The user id must be 1 to 128 bytes of UTF-8 without control characters, spaces or any " \
	"of # / \\ ? % \" ' < > &, and not . or .."

/* How a row's path is compared. */
enum match {
	EXACT, /* this path */
	ONE,   /* one more segment after it */
	UNDER, /* anything more after it */
};

struct row {
	const char *path;
	enum match match;
	bool with_user; /* may stand behind /user/{user_id} */
	enum ccp_endpoint endpoint;
	const char *methods; /* as the Allow field says them; NULL: 404 */
};

/* Walked in order; the first row whose path fits decides. */
static const struct row rows[] = {
	{ "/v1/messages", EXACT, true, CCP_ROUTE_MESSAGES, "POST" },
	{ "/v1/messages/count_tokens", EXACT, true, CCP_ROUTE_PASS, "POST" },
	{ "/v1/models", EXACT, true, CCP_ROUTE_PASS, "GET, HEAD" },
	{ "/v1/models/", ONE, true, CCP_ROUTE_PASS, "GET, HEAD" },
	{ "/v1/usage", EXACT, true, CCP_ROUTE_REFUSED, NULL },
	{ "/v1/usage/", UNDER, true, CCP_ROUTE_REFUSED, NULL },
	/* an open list, so that a new client release works on its day */
	{ "/v1/", UNDER, true, CCP_ROUTE_PASS, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
	{ "/health", EXACT, false, CCP_ROUTE_HEALTH, "GET, HEAD" },
	{ "/", EXACT, false, CCP_ROUTE_HOME, "GET, HEAD" },
	{ "/api/hello", EXACT, false, CCP_ROUTE_HELLO, "HEAD" },
	{ "/favicon.ico", EXACT, false, CCP_ROUTE_FAVICON, "GET, HEAD" },
	{ "/metrics", EXACT, false, CCP_ROUTE_REFUSED, NULL },
	{ "/ui", EXACT, false, CCP_ROUTE_REFUSED, NULL },
	{ "/ui/", UNDER, false, CCP_ROUTE_REFUSED, NULL },
	{ "/debug/env", EXACT, false, CCP_ROUTE_REFUSED, NULL },
};

/* A request target, taken apart. Spans of the URI, or of the decoded user parameter. */
struct target {
	struct ccp_span user; /* p is NULL while none was named */
	bool user_decoded;
	struct ccp_span path; /* without /user/{user_id} */
	struct ccp_span query;
	bool has_query;        /* there is a '?', even if nothing follows */
	struct ccp_span outer; /* a second query to pass on; p is NULL when there is none */
};

static void
refuse(struct ccp_route *route, int status, const char *message)
{
	route->endpoint = CCP_ROUTE_REFUSED;
	route->status = status;
	route->message = message;
}

static bool
starts_with(struct ccp_span s, const char *text)
{
	size_t n = strlen(text);

	return s.len >= n && memcmp(s.p, text, n) == 0;
}

static struct ccp_span
after(struct ccp_span s, size_t n)
{
	return (struct ccp_span){ s.p + n, s.len - n };
}

static bool
has_empty_segment(struct ccp_span path)
{
	size_t i;

	for (i = 1; i < path.len; i++)
		if (path.p[i - 1] == '/' && path.p[i] == '/')
			return true;
	return false;
}

/* Not one of the separators and quotes that user ids must be free of, nor any white space. */
static bool
is_user_character(uint32_t c)
{
	if (c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	    c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000)
		return false;
	return c >= 0x80 || !strchr("#/\\?%\"'<>&", (int)c);
}

bool
ccp_route_user_ok(const char *user, size_t len)
{
	uint32_t c = 0;
	size_t i, n;

	if (len < 1 || len > CCP_USER_MAX_BYTES || ccp_uri_is_dots(user, len))
		return false;
	for (i = 0; i < len; i += n) {
		n = ccp_utf8_char(user + i, len - i, &c);
		if (!n || !is_user_character(c))
			return false;
	}
	return true;
}

bool
ccp_route_query_value(const char *uri, const char *name, char *out, size_t out_size)
{
	struct ccp_span rest = { uri, strcspn(uri, "#") }, value;

	out[0] = '\0';
	ccp_uri_take(&rest, '?');
	value = ccp_uri_parameter(rest, name);
	return value.p && ccp_uri_decode(value, out, out_size);
}

/* Appends '?' (or '&' after a query) and the parameters of query, but those that name the user. */
static void
add_query(struct ccp_buf *target, struct ccp_span query)
{
	char separator = memchr(ccp_buf_text(target), '?', target->len) ? '&' : '?';
	struct ccp_span piece, value;
	bool more = true;

	while (more) {
		more = memchr(query.p, '&', query.len) != NULL;
		piece = ccp_uri_take(&query, '&');
		value = piece;
		if (ccp_span_is(ccp_uri_take(&value, '='), USER_PARAMETER))
			continue;
		ccp_buf_add(target, &separator, 1);
		ccp_buf_add(target, piece.p, piece.len);
		separator = '&';
	}
}

/* Takes the scheme and host of an absolute-form target off; it must be a path then. */
static bool
cut_authority(struct ccp_span *uri)
{
	size_t n = 0;

	if (uri->len >= 7 && strncasecmp(uri->p, "http://", 7) == 0)
		n = 7;
	else if (uri->len >= 8 && strncasecmp(uri->p, "https://", 8) == 0)
		n = 8;
	if (n == 0)
		return uri->len > 0 && uri->p[0] == '/';
	while (n < uri->len && uri->p[n] != '/' && uri->p[n] != '?')
		n++;
	*uri = after(*uri, n);
	return true;
}

/* Splits at the '?'; the path of "http://host" and "http://host?query" is "/". */
static struct target
split(struct ccp_span uri)
{
	struct target t = { .query = uri };

	t.has_query = uri.len && memchr(uri.p, '?', uri.len);
	t.path = ccp_uri_take(&t.query, '?');
	if (t.path.len == 0)
		t.path = CCP_SPAN("/");
	return t;
}

/* "/user/alice/v1/x": the user is cut off the path, when an API path follows. */
static void
cut_user(struct target *t)
{
	struct ccp_span rest, user;

	if (!starts_with(t->path, "/user/"))
		return;
	rest = after(t->path, 6);
	user = ccp_uri_take(&rest, '/');
	if (rest.len == 0 || !starts_with(rest, "v1/"))
		return;
	t->user = user;
	t->path = (struct ccp_span){ rest.p - 1, rest.len + 1 };
}

static bool
row_fits(const struct row *row, const struct target *t)
{
	struct ccp_span rest;

	if (t->user.p && !row->with_user)
		return false;
	if (row->match == EXACT)
		return ccp_span_is(t->path, row->path);
	if (!starts_with(t->path, row->path))
		return false;
	rest = after(t->path, strlen(row->path));
	return rest.len > 0 && (row->match == UNDER || !memchr(rest.p, '/', rest.len));
}

static const struct row *
find_row(const struct target *t)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (row_fits(&rows[i], t))
			return &rows[i];
	return NULL;
}

static bool
method_listed(const char *methods, const char *method)
{
	size_t n, len = strlen(method);

	for (; *methods; methods += n) {
		methods += strspn(methods, ", ");
		n = strcspn(methods, ", ");
		if (n == len && memcmp(methods, method, n) == 0)
			return true;
	}
	return false;
}

/*
 * Claude Code puts its path into the last query parameter when its base URL
 * ends in one: POST /?claude-code-user=alice%2Fv1%2Fmessages%3Fbeta%3Dtrue
 * (seen with 2.1.330, November 2026). Such a target becomes the one that was
 * meant; others stay. value is the room for it and must outlive t. False when
 * what comes out is no target.
 */
static bool
unfold(struct target *t, char *value, size_t value_size)
{
	struct ccp_span parameter = ccp_uri_parameter(t->query, USER_PARAMETER), outer = t->query;
	struct ccp_span inner;
	const char *api;

	if (!ccp_span_is(t->path, "/") || !parameter.p)
		return true;
	if (!ccp_uri_decode(parameter, value, value_size))
		return false;
	api = strstr(value, "/v1/");
	if (!api)
		return true;
	inner = (struct ccp_span){ api, strlen(api) };
	*t = split(inner);
	t->user = (struct ccp_span){ value, (size_t)(api - value) };
	t->user_decoded = true;
	t->outer = outer;
	return !ccp_uri_has_bad_byte(inner);
}

/* Path, else query, else header, else the default. False when the one that counts is not valid. */
static bool
find_user(const struct target *t, const struct ccp_headers *headers, char out[])
{
	const char *header = ccp_headers_get(headers, USER_HEADER);
	struct ccp_span user = t->user;
	size_t size = CCP_USER_MAX_BYTES + 1;

	if (!user.p)
		user = ccp_uri_parameter(t->query, USER_PARAMETER);
	if (!user.p && header)
		user = (struct ccp_span){ header, strlen(header) };
	if (!user.p)
		user = CCP_SPAN(DEFAULT_USER);
	if (t->user_decoded) {
		if (!ccp_route_user_ok(user.p, user.len))
			return false;
		memcpy(out, user.p, user.len);
		out[user.len] = '\0';
		return true;
	}
	return ccp_uri_decode(user, out, size) && ccp_route_user_ok(out, strlen(out));
}

/* A path of the API: its user, and what Anthropic is asked for. */
static void
parse_api(const struct target *t, const struct ccp_headers *headers, struct ccp_route *route)
{
	char user[CCP_USER_MAX_BYTES + 1];

	if (has_empty_segment(t->path)) {
		refuse(route, 404, NOT_FOUND);
		return;
	}
	if (ccp_uri_has_disguised_segment(t->path)) {
		refuse(route, 400, BAD_PATH);
		return;
	}
	if (!find_user(t, headers, user)) {
		refuse(route, 400, BAD_USER);
		return;
	}
	ccp_buf_add(&route->target, t->path.p, t->path.len);
	if (t->has_query)
		add_query(&route->target, t->query);
	if (t->outer.p)
		add_query(&route->target, t->outer);
	if (!ccp_buf_ok(&route->target)) {
		refuse(route, 500, "Out of memory.");
		return;
	}
	memcpy(route->user, user, strlen(user) + 1);
}

static void
parse_target(const char *method, const struct target *t, const struct ccp_headers *headers,
             struct ccp_route *route)
{
	const struct row *row = find_row(t);

	if (!row || !row->methods) {
		refuse(route, 404, row ? NOT_HERE : NOT_FOUND);
		return;
	}
	if (!method_listed(row->methods, method)) {
		refuse(route, 405, BAD_METHOD);
		route->allow = row->methods;
		return;
	}
	route->endpoint = row->endpoint;
	if (row->endpoint == CCP_ROUTE_HOME && strcmp(method, "HEAD") == 0)
		route->endpoint = CCP_ROUTE_HELLO; /* Claude Code's start-up probe */
	if (row->with_user)
		parse_api(t, headers, route);
}

void
ccp_route_parse(const char *method, const char *uri, const struct ccp_headers *headers,
                struct ccp_route *route)
{
	char value[CCP_TARGET_MAX_BYTES + 1], deep[2];
	struct ccp_span whole = { uri, strlen(uri) };
	struct target t;

	*route = (struct ccp_route){ .user = DEFAULT_USER,
		                     .target = CCP_BUF_INIT(CCP_TARGET_MAX_BYTES) };
	if (whole.len > CCP_TARGET_MAX_BYTES || ccp_uri_has_bad_byte(whole) ||
	    !cut_authority(&whole)) {
		refuse(route, 400, BAD_TARGET);
		return;
	}
	t = split(whole);
	if (!unfold(&t, value, sizeof(value))) {
		refuse(route, 400, BAD_TARGET);
		return;
	}
	if (ccp_uri_has_dot_segment(t.path)) {
		refuse(route, 400, BAD_PATH);
		return;
	}
	cut_user(&t);
	parse_target(method, &t, headers, route);
	route->deep = route->endpoint == CCP_ROUTE_HEALTH &&
	              ccp_route_query_value(uri, "deep", deep, sizeof(deep)) && deep[0] == '1';
}

void
ccp_route_clear(struct ccp_route *route)
{
	ccp_buf_clear(&route->target);
}
