#ifndef CCP_REFUSAL_H
#define CCP_REFUSAL_H

#include "edge/serve.h"

/*
 * Answers that need no upstream: what the route refused, what the web server
 * refused by itself and wants words for, and a redirect. Each ends the answer.
 */

/* session->route.status with its sentence; 405 carries Allow. */
void ccp_refuse_route(struct ccp_session *session);

/*
 * session->request.error_status: lighttpd's server.error-handler and Apache's
 * ErrorDocument ask for the words of an error of their own.
 */
void ccp_refuse_for_web_server(struct ccp_session *session);

/* 302 to where, a path on this host. */
void ccp_redirect(struct ccp_session *session, const char *where);

#endif
