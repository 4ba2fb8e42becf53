#ifndef CCP_ROUTE_H
#define CCP_ROUTE_H

#include "base/buf.h"
#include "base/headers.h"
#include "store/store.h"

#include <stdbool.h>

/*
 * The one place that reads REQUEST_URI: which route, which user, and what path
 * and query go on to Anthropic. Never look at SCRIPT_NAME or PATH_INFO: the
 * web servers decode and cut them differently.
 */
enum ccp_endpoint {
	CCP_ROUTE_HEALTH,   /* GET /health */
	CCP_ROUTE_HELLO,    /* HEAD /, HEAD /api/hello */
	CCP_ROUTE_HOME,     /* GET / : to /ui */
	CCP_ROUTE_FAVICON,  /* GET /favicon.ico */
	CCP_ROUTE_MESSAGES, /* POST …/v1/messages: limits and fallback */
	CCP_ROUTE_PASS,     /* any other …/v1/… : to Anthropic */
	CCP_ROUTE_REFUSED,  /* see status */
};

/* As long as the web servers take a request's header. */
#define CCP_TARGET_MAX_BYTES (64 * 1024)

struct ccp_route {
	enum ccp_endpoint endpoint;
	char user[CCP_USER_MAX_BYTES + 1];
	struct ccp_buf target; /* path and query for Anthropic, "/v1/messages?beta=true"; owned */
	bool deep;             /* /health?deep=1 */
	int status;            /* REFUSED: 400, 404, 405; 500 without memory */
	const char *allow;     /* REFUSED with 405: the Allow field; static */
	const char *message;   /* REFUSED: one sentence; static */
};

/*
 * method: as the web server says it (case counts). uri: REQUEST_URI, raw, also
 * with scheme and host. headers: the client's, for x-claude-code-user. route is
 * always filled and needs ccp_route_clear(); user and target mean something for
 * MESSAGES and PASS only. HEAD is taken wherever GET is.
 *
 * The user: path, else the first claude-code-user of the query (which never
 * goes on; other parameters keep bytes and order), else header, else "default".
 * Percent escapes of the user are decoded once in all three, '+' is literal; an
 * empty one is an error, not an absent one. Also read is what Claude Code makes
 * of a base URL http://HOST?claude-code-user=NAME:
 * /?claude-code-user=NAME%2Fv1%2Fmessages%3Fbeta%3Dtrue, with any method.
 *
 * Refused with 400: over CCP_TARGET_MAX_BYTES, control bytes, spaces, '#', raw
 * dot segments anywhere in the path, and in a /v1/ path encoded ones, encoded
 * separators and broken escapes: nothing but the path that was looked at is
 * ever asked for. An empty segment is an empty user (400) or 404.
 */
void ccp_route_parse(const char *method, const char *uri, const struct ccp_headers *headers,
                     struct ccp_route *route);
void ccp_route_clear(struct ccp_route *route);

/* True for a user id that may be stored: valid UTF-8, 1 to 128 bytes, no control characters, spaces
 * or any of # / \ ? % " ' < > &, not "." or "..". */
bool ccp_route_user_ok(const char *user, size_t len);

/* Value of a query parameter (the first of that name), percent-decoded once, '+' literal, "" when
 * there is no '='. False, and out is "", when absent, too long (out_size counts the NUL), or a
 * broken escape or NUL is in it. */
bool ccp_route_query_value(const char *uri, const char *name, char *out, size_t out_size);

#endif
