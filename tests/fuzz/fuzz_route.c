/*
 * Input: "METHOD URI[\nvalue of x-claude-code-user]". Property: whatever goes
 * to Anthropic is a plain API path without the user's name in it, and reads the
 * same when it is parsed again; whatever is refused says why.
 */
#include "edge/route.h"

#include "edge/uri.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(what)                                                        \
	do {                                                               \
		if (!(what)) {                                             \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
			abort();                                           \
		}                                                          \
	} while (0)

static void
check_refusal(const struct ccp_route *route)
{
	HOLDS(route->status == 400 || route->status == 404 || route->status == 405);
	HOLDS(route->message && route->message[0]);
	HOLDS((route->allow != NULL) == (route->status == 405));
	HOLDS(route->target.len == 0);
	HOLDS(strcmp(route->user, "default") == 0);
}

static void
check_target(const struct ccp_route *route)
{
	struct ccp_span target = { ccp_buf_text(&route->target), route->target.len }, rest = target;
	struct ccp_span path = ccp_uri_take(&rest, '?');

	HOLDS(target.len <= CCP_TARGET_MAX_BYTES && strlen(target.p) == target.len);
	HOLDS(path.len > 4 && memcmp(path.p, "/v1/", 4) == 0);
	HOLDS(!ccp_uri_has_bad_byte(target));
	HOLDS(!ccp_uri_has_dot_segment(path) && !ccp_uri_has_disguised_segment(path));
	HOLDS(!ccp_uri_parameter(rest, "claude-code-user").p);
	HOLDS(ccp_route_user_ok(route->user, strlen(route->user)));
}

static void
check_again(const char *method, const struct ccp_route *route)
{
	struct ccp_headers none = { 0 };
	struct ccp_route again;

	ccp_route_parse(method, ccp_buf_text(&route->target), &none, &again);
	HOLDS(again.endpoint == route->endpoint);
	HOLDS(strcmp(ccp_buf_text(&again.target), ccp_buf_text(&route->target)) == 0);
	HOLDS(strcmp(again.user, "default") == 0);
	ccp_route_clear(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ccp_headers headers = { 0 };
	struct ccp_route route;
	char *method = malloc(size + 1), *uri, *user;

	if (!method)
		return 0;
	memcpy(method, data, size);
	method[size] = '\0';
	uri = strchr(method, ' ');
	if (uri)
		*uri++ = '\0';
	user = uri ? strchr(uri, '\n') : NULL;
	if (user) {
		*user++ = '\0';
		ccp_headers_add(&headers, "x-claude-code-user", user);
	}
	ccp_route_parse(method, uri ? uri : "", &headers, &route);
	HOLDS(ccp_buf_ok(&route.target));
	if (route.endpoint == CCP_ROUTE_REFUSED) {
		check_refusal(&route);
	} else if (route.endpoint == CCP_ROUTE_MESSAGES || route.endpoint == CCP_ROUTE_PASS) {
		check_target(&route);
		check_again(method, &route);
	} else {
		HOLDS(route.target.len == 0 && route.status == 0);
	}
	ccp_route_clear(&route);
	ccp_headers_clear(&headers);
	free(method);
	return 0;
}
