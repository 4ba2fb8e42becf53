#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As long as the ids that sessions make; it is for the log only. */
#define ID_BYTES 64

/* A store whose file somebody else holds fails after some seconds: until then and some more. */
#define TRIES 4

/*
 * A limit on its way into the store, off the loop. Its exchange waits for it,
 * but not for long, and may end before it: nothing here belongs to the exchange.
 */
struct ccp_remember {
	struct ccp_job job;
	struct ccp_relay *relay;
	struct ccp_exchange *exchange; /* the one that waits, or NULL */
	char id[ID_BYTES];
	char user[CCP_USER_MAX_BYTES + 1];
	struct ccp_limit limit;
};

static void
run_remember(struct ccp_job *job)
{
	struct ccp_remember *r = (struct ccp_remember *)job;
	struct ccp_error err;
	enum ccp_err rc = CCP_ERR_STORE;

	for (int i = 0; i < TRIES && rc == CCP_ERR_STORE; i++)
		rc = ccp_store_limit_put(r->relay->store, r->user, &r->limit, &err);
	if (rc)
		ccp_log(ccp_relay_store_said(rc) ? CCP_LOG_DEBUG : CCP_LOG_ERROR, r->id,
		        "the limit was not stored: %s", err.text);
}

static void
remember_done(struct ccp_job *job)
{
	struct ccp_remember *r = (struct ccp_remember *)job;
	struct ccp_exchange *x = r->exchange;

	r->relay->errands--;
	free(r);
	if (!x)
		return;
	x->remember = NULL;
	ccp_timer_stop(x->relay->loop, &x->timer);
	ccp_x_remembered(x);
}

bool
ccp_x_remember(struct ccp_exchange *x)
{
	struct ccp_remember *r;

	if (!*x->credential)
		return false;
	r = calloc(1, sizeof(*r));
	if (!r) {
		ccp_log(CCP_LOG_ERROR, x->call.id, "no memory to store the limit");
		return false;
	}
	r->job.run = run_remember;
	r->job.done = remember_done;
	r->relay = x->relay;
	snprintf(r->id, sizeof(r->id), "%s", x->call.id);
	snprintf(r->user, sizeof(r->user), "%s", x->call.user);
	r->limit = x->decision.limit;
	memcpy(r->limit.credential, x->credential, sizeof(r->limit.credential));
	r->relay->errands++;
	ccp_work_submit(r->relay->writes, &r->job);
	/* what Bedrock answers ends when its usage is handed over, and this limit with it */
	if (!ccp_x_timer(x, x->decision.next == CCP_NEXT_BEDROCK ? CCP_STORE_WAIT_MS
	                                                         : ccp_x_store_wait_ms(x)))
		return false;
	x->state = CCP_X_REMEMBER;
	x->remember = r;
	r->exchange = x;
	return true;
}

void
ccp_x_remember_leave(struct ccp_exchange *x)
{
	if (!x->remember)
		return;
	x->remember->exchange = NULL;
	x->remember = NULL;
}

void
ccp_x_remember_timer(struct ccp_exchange *x)
{
	ccp_log(CCP_LOG_WARNING, x->call.id,
	        "storing the limit takes long: the request goes on before it");
	ccp_x_remember_leave(x);
	ccp_x_remembered(x);
}
