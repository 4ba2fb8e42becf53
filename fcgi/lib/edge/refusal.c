#include "edge/refusal.h"

void
ccp_redirect(struct ccp_session *s, const char *where)
{
	struct ccp_headers headers = { 0 };

	ccp_headers_add(&headers, "location", where);
	ccp_session_answer(s, 302, &headers, NULL, "");
	ccp_headers_clear(&headers);
}

void
ccp_refuse_route(struct ccp_session *s)
{
	const char *type = s->route.status == 404   ? "not_found_error"
	                   : s->route.status >= 500 ? "api_error"
	                                            : "invalid_request_error";
	struct ccp_headers headers = { 0 };

	if (s->route.allow)
		ccp_headers_add(&headers, "allow", s->route.allow);
	ccp_session_error(s, s->route.status, type, &headers, s->route.message);
	ccp_headers_clear(&headers);
}

void
ccp_refuse_for_web_server(struct ccp_session *s)
{
	static const struct {
		int status;
		const char *type, *message;
	} table[] = {
		{ 404, "not_found_error", "No such page" },
		{ 405, "invalid_request_error", "This method is not allowed here" },
		{ 408, "timeout_error", "The request did not arrive in time" },
		{ 411, "invalid_request_error", "The request needs a Content-Length" },
		{ 413, "request_too_large",
		  "The request body is larger than this proxy takes (MAX_BODY_BYTES)" },
		{ 414, "request_too_large", "The request line is too long" },
		{ 431, "request_too_large", "The request header is too large" },
		{ 502, "api_error", "The web server got no answer from the proxy" },
		{ 503, "api_error", "The proxy is not running; try again in a moment" },
		{ 504, "timeout_error", "The proxy did not answer in time" },
	};
	int status = s->request.error_status;
	size_t i;

	if (status == 500) /* so lighttpd says that a program ended before its answer began */
		status = 502;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].status == status) {
			ccp_session_error(s, status, table[i].type, NULL, table[i].message);
			return;
		}
	}
	ccp_session_error(s, status, status < 500 ? "invalid_request_error" : "api_error", NULL,
	                  "The web server refused this request");
}
