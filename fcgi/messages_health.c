#include "messages_health.h"

#include "base/json.h"
#include "base/log.h"

#include <string.h>

/* Version and a sentence of the store, escaped. */
#define ANSWER_MAX_BYTES 4096

static void
answer(const struct ccp_health *h, struct ccp_session *s)
{
	struct ccp_buf body = CCP_BUF_INIT(ANSWER_MAX_BYTES);

	ccp_buf_addf(&body, "{\"status\":\"%s\",\"version\":\"%s\"",
	             h->rc ? "unhealthy" : "healthy", PACKAGE_VERSION);
	if (h->rc) {
		ccp_buf_puts(&body, ",\"reason\":");
		ccp_json_add_string(&body, h->err.text, strlen(h->err.text));
	}
	ccp_buf_puts(&body, "}");
	ccp_session_answer(s, h->rc ? 503 : 200, NULL, "application/json", ccp_buf_text(&body));
	ccp_buf_clear(&body);
}

static void
run_check(struct ccp_job *job)
{
	struct ccp_health *h = (struct ccp_health *)job;

	h->rc = ccp_store_check(h->relay->store, &h->err);
}

static void
check_done(struct ccp_job *job)
{
	struct ccp_health *h = (struct ccp_health *)job;
	struct ccp_session *s = h->waiting, *next;

	h->running = false;
	h->known = true;
	h->checked_ms = ccp_loop_now_ms(h->relay->loop);
	h->waiting = NULL;
	if (h->rc)
		ccp_log(ccp_relay_store_said(h->rc) ? CCP_LOG_DEBUG : CCP_LOG_ERROR, NULL,
		        "health: %s", h->err.text);
	for (; s; s = next) {
		next = s->owner;
		answer(h, s);
		ccp_session_release(s);
	}
}

void
ccp_health_answer(struct ccp_health *h, struct ccp_relay *relay, struct ccp_session *s)
{
	if (!h->running && h->known &&
	    ccp_loop_now_ms(relay->loop) - h->checked_ms < CCP_HEALTH_FRESH_MS) {
		answer(h, s);
		return;
	}
	s->exchange = h; /* not NULL: the session stays until it is released */
	s->owner = h->waiting;
	h->waiting = s;
	if (h->running)
		return;
	h->running = true;
	h->relay = relay;
	h->job.run = run_check;
	h->job.done = check_done;
	ccp_work_submit(relay->lookups, &h->job);
}
