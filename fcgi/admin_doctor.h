#ifndef CCP_ADMIN_DOCTOR_H
#define CCP_ADMIN_DOCTOR_H

#include "admin.h"
#include "aws/credentials.h"
#include "base/http_wait.h"
#include "upstream/models.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The doctor's checks: each prints one line, "ok", "warning", "FAILED" or
 * "skipped", what it looked at, and a sentence that says what to do.
 */
enum ccp_finding { CCP_FOUND_OK, CCP_FOUND_WARNING, CCP_FOUND_FAILED, CCP_FOUND_SKIPPED };
#define CCP_FINDINGS_COUNT 4

struct ccp_doctor {
	struct ccp_config *config;
	struct ccp_models *models;           /* NULL when they cannot be read */
	struct ccp_credentials *credentials; /* NULL likewise */
	struct ccp_http_wait *http;
	bool yes;               /* Bedrock may be asked */
	bool has_keys;          /* AWS keys were found */
	bool bedrock_reachable; /* its endpoint answered */

	/* The clock of whoever said it last, AWS before Anthropic. */
	const char *clock_of; /* NULL: nobody said it */
	int64_t clock_server_s, clock_ours_s;

	int counts[CCP_FINDINGS_COUNT];
};

void ccp_doctor_say(struct ccp_doctor *d, enum ccp_finding finding, const char *what,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* True when settings ask for Bedrock, or for DynamoDB. */
bool ccp_doctor_needs_bedrock(const struct ccp_doctor *d);
bool ccp_doctor_needs_keys(const struct ccp_doctor *d);

/* admin_doctor_store.c */
void ccp_doctor_state(struct ccp_doctor *d);
void ccp_doctor_store(struct ccp_doctor *d);
void ccp_doctor_journal(struct ccp_doctor *d);

/* admin_doctor_net.c */
void ccp_doctor_credentials(struct ccp_doctor *d);
void ccp_doctor_anthropic(struct ccp_doctor *d);
void ccp_doctor_bedrock(struct ccp_doctor *d);
void ccp_doctor_clock(struct ccp_doctor *d);

/* admin_doctor_model.c */
void ccp_doctor_model(struct ccp_doctor *d);

#endif
