#include "relay/exchange_state.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Notes off the loop that Anthropic accepted a credential. */
struct vouch {
	struct ccp_job job;
	struct ccp_relay *relay;
	char credential[CCP_CREDENTIAL_HEX + 1];
	enum ccp_err rc;
};

static void
run_vouch(struct ccp_job *job)
{
	struct vouch *v = (struct vouch *)job;
	struct ccp_error err;

	v->rc = ccp_store_vouch(v->relay->store, v->credential, ccp_x_now_s(), &err);
	if (v->rc)
		ccp_log(ccp_relay_store_said(v->rc) ? CCP_LOG_DEBUG : CCP_LOG_WARNING, NULL,
		        "a vouched credential was not noted: %s", err.text);
}

/* Where this worker notes that it did: one place for each first byte of a fingerprint. */
static struct ccp_vouched *
vouched_slot(struct ccp_relay *relay, const char *credential)
{
	const char first[] = { credential[0], credential[1], '\0' };

	return &relay->vouched[strtoul(first, NULL, 16) % CCP_VOUCHED_SLOTS];
}

static void
vouch_done(struct ccp_job *job)
{
	struct vouch *v = (struct vouch *)job;
	struct ccp_vouched *slot = vouched_slot(v->relay, v->credential);

	if (!v->rc) {
		memcpy(slot->credential, v->credential, sizeof(slot->credential));
		slot->at_s = ccp_x_now_s();
	}
	v->relay->errands--;
	free(v);
}

/* Only when something besides 429 may lead to Bedrock, and for accounts that may use it. */
void
ccp_x_vouch(struct ccp_exchange *x)
{
	const char *organization = ccp_headers_get(&x->held_headers, "anthropic-organization-id");
	const struct ccp_vouched *slot;
	struct vouch *v;

	if (!*x->credential && ccp_anthropic_fingerprint(&x->call.headers, x->credential))
		return;
	if (!(x->relay->config->fallback_on & ~(unsigned)CCP_ON_429) || !*x->credential ||
	    !ccp_fallback_organization_allowed(organization ? organization : "", x->relay->config))
		return;
	slot = vouched_slot(x->relay, x->credential);
	if ((strcmp(slot->credential, x->credential) == 0 &&
	     ccp_x_now_s() - slot->at_s < CCP_VOUCH_AGAIN_S) ||
	    !(v = calloc(1, sizeof(*v))))
		return;
	v->job.run = run_vouch;
	v->job.done = vouch_done;
	v->relay = x->relay;
	memcpy(v->credential, x->credential, sizeof(v->credential));
	x->relay->errands++;
	ccp_work_submit(x->relay->writes, &v->job);
}
