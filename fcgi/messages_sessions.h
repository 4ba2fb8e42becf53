#ifndef CCP_MESSAGES_SESSIONS_H
#define CCP_MESSAGES_SESSIONS_H

#include "base/buf.h"
#include "edge/serve.h"
#include "messages_health.h"
#include "relay/exchange.h"

/*
 * What messages.fcgi does with each request: answers it at once, or starts an
 * exchange. Everything here runs on the loop thread; arg of the handlers is a
 * struct ccp_sessions, which outlives all sessions.
 */
struct ccp_sessions {
	struct ccp_relay *relay;
	struct ccp_health health; /* zeroed at first */
	struct ccp_buf icon;      /* text of the dashboard's icon.svg; empty when it is not there */
	void (*turnover)(void *arg); /* told of each beginning and end of an exchange */
	void *arg;
};

/* The handlers of edge/serve.h. */
void ccp_sessions_begin(void *arg, struct ccp_session *session);
void ccp_sessions_gone(void *arg, struct ccp_session *session);
void ccp_sessions_ready(void *arg, struct ccp_session *session);

/* The process is about to end: the session's answer gets an end. */
void ccp_sessions_stop(struct ccp_session *session);

#endif
