#ifndef CCP_MESSAGES_HEALTH_H
#define CCP_MESSAGES_HEALTH_H

#include "edge/serve.h"
#include "relay/exchange.h"

/*
 * GET /health?deep=1 asks the store, off the loop: one check at a time, whose
 * answer goes to everybody who asks meanwhile and for a while after, so that
 * however many ask, a silent network holds one of the lookups' threads.
 */

/* A check no older than this is good enough. */
#define CCP_HEALTH_FRESH_MS 1000

/* Zeroed at first; outlives the sessions. Loop thread. */
struct ccp_health {
	struct ccp_job job;
	struct ccp_relay *relay;
	struct ccp_session *waiting; /* linked by owner */
	bool running;
	bool known; /* there was a check: */
	int64_t checked_ms;
	enum ccp_err rc;
	struct ccp_error err;
};

/* Answers now or later; a client that leaves meanwhile is no matter. */
void ccp_health_answer(struct ccp_health *health, struct ccp_relay *relay,
                       struct ccp_session *session);

#endif
