#include "edge/serve.h"

#include "upstream/anthropic.h"

#include <string.h>

/* Whole answers of our own. */

void
ccp_session_answer(struct ccp_session *session, int status, const struct ccp_headers *more,
                   const char *content_type, const char *body)
{
	struct ccp_headers headers = { 0 };

	ccp_headers_add(&headers, "x-claude-proxy-request-id", session->id);
	if (content_type)
		ccp_headers_add(&headers, "content-type", content_type);
	ccp_headers_addf(&headers, "content-length", "%zu", content_type ? strlen(body) : 0);
	ccp_headers_add(&headers, "cache-control", "no-store");
	if (more)
		ccp_headers_copy(&headers, more);
	ccp_response_head(&session->response, status, &headers);
	if (content_type)
		ccp_response_body(&session->response, body, strlen(body));
	ccp_response_end(&session->response);
	ccp_headers_clear(&headers);
}

void
ccp_session_error(struct ccp_session *session, int status, const char *type,
                  const struct ccp_headers *more, const char *message)
{
	struct ccp_buf body = CCP_BUF_INIT(64 * 1024);
	struct ccp_headers headers = { 0 };

	ccp_anthropic_error_json(&body, type, message, session->id);
	ccp_headers_add(&headers, "request-id", session->id);
	if (more)
		ccp_headers_copy(&headers, more);
	ccp_session_answer(session, status, &headers, "application/json", ccp_buf_text(&body));
	ccp_headers_clear(&headers);
	ccp_buf_clear(&body);
}
