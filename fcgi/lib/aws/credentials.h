#ifndef CCP_CREDENTIALS_H
#define CCP_CREDENTIALS_H

#include "aws/endpoint.h"
#include "base/config.h"
#include "base/error.h"
#include "base/http_wait.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Where AWS credentials come from. The first of these that is set up serves:
 *
 *   environment    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   web identity   AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, by STS
 *   profile        AWS_PROFILE, else "default": keys, source_profile and
 *                  credential_source with role_arn (by STS),
 *                  web_identity_token_file, credential_process
 *   container      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI (ECS), _FULL_URI (EKS)
 *   IMDS           the instance's role, version 2 only
 *
 * With AWS_PROFILE set the profile goes before the web identity. A source that
 * is set up and fails ends the search: credentials of the next one might be
 * another account's. IAM Identity Center (SSO) is not walked.
 *
 * Cached, and renewed in the background from 5 to 10 minutes before they
 * expire (each process at a time of its own). Profile files are read again
 * when they change. Credentials of the instance are kept when they expire and
 * IMDS has no newer ones (AWS's "static stability"), and IMDS is asked again
 * after 5 to 10 minutes.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Standardized credential
 * providers" and "Shared config and credentials files" (2026); order and
 * time-outs of botocore 0e6e2404 (2026-08-07).
 */
struct ccp_credentials;

/* Fixed sizes, so that a copy can be wiped whole with ccp_aws_keys_clear(). */
struct ccp_aws_keys {
	char access_key_id[129]; /* STS API: at most 128 characters */
	char secret_access_key[129];
	char session_token[8193]; /* "" = none; AWS sets no fixed size and calls 4096 typical */
	int64_t expires_at_s;     /* Unix time; 0 = never */
};

/* What is outside of the process, for tests to replace. */
struct ccp_aws_outside {
	ccp_http_wait_fn *http;
	void (*sleep_ms)(void *arg, int64_t ms);
	void *arg;       /* of both */
	uint32_t random; /* any number; spreads the renewals of several processes */
};

/*
 * config is borrowed and must outlive the result. Reads HOME from the process's
 * environment, and the profile files for region and endpoints (a broken one is
 * a warning in the log here, and an error of ccp_credentials_get()). Asks
 * nobody yet. CCP_ERR_NOMEM.
 */
enum ccp_err ccp_credentials_new(const struct ccp_config *config, struct ccp_credentials **c,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* The same with another outside, which is copied. */
enum ccp_err ccp_credentials_new_with(const struct ccp_config *config,
                                      const struct ccp_aws_outside *outside,
                                      struct ccp_credentials **c,
                                      struct ccp_error *err) CCP_MUST_CHECK;

/* The process ends: whoever is asking a source gives up within a moment. Thread-safe. */
void ccp_credentials_stop(struct ccp_credentials *c);

/* Waits for a renewal under way (its time-outs are short). No other call may be running. */
void ccp_credentials_free(struct ccp_credentials *c);

/*
 * Copies the credentials valid at now_s; keys is all zeros on failure and is
 * wiped by the caller with ccp_aws_keys_clear() when done. CCP_ERR_CREDENTIALS
 * with a sentence that names every source asked and why it did not serve
 * (never a secret), or CCP_ERR_NOMEM. A failure is repeated for 10 s without
 * asking again, unless a profile file changes meanwhile.
 *
 * Thread-safe, and for work threads. As long as there are valid credentials it
 * costs two stat(2) calls, also while they are being renewed. When there are
 * none one thread asks and the others wait for it: IMDS 1 s, container 8 s, a
 * role of STS 10 s, a program 20 s at most.
 */
enum ccp_err ccp_credentials_get(struct ccp_credentials *c, int64_t now_s,
                                 struct ccp_aws_keys *keys, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Which source gave the credentials of the last ccp_credentials_get() that
 * worked: "environment", "web identity", "profile", "container", "IMDS"; "" =
 * none has. Static text. Thread-safe, never blocks for long.
 */
const char *ccp_credentials_source(struct ccp_credentials *c);

/*
 * After an answer that says the credentials with that id expired (NULL: any):
 * unless there are others by now, the next ccp_credentials_get() asks the
 * sources again, and everybody waits for that. Thread-safe, never
 * blocks for long.
 */
void ccp_credentials_refresh(struct ccp_credentials *c, const char *access_key_id);

/*
 * Notes AWS's time from the Date field of an answer that refused the signature,
 * and that it was now_s here when the answer came. True when our clock is more
 * than 4 minutes off what was believed (AWS takes 5): the request may then be
 * signed and sent once more. Thread-safe, never blocks for long.
 */
bool ccp_credentials_note_date(struct ccp_credentials *c, int64_t server_date_s, int64_t now_s);

/* Seconds to add to the clock's time for signing: 0 unless a date was noted. Thread-safe. */
int64_t ccp_credentials_clock_offset_s(struct ccp_credentials *c);

/*
 * The region: AWS_REGION, then the profile's, then us-east-1. BEDROCK_REGION is
 * Bedrock's alone and not looked at. Fixed when c was made; borrowed until c is
 * freed. Thread-safe, never blocks.
 */
const char *ccp_credentials_region(struct ccp_credentials *c);

/*
 * Appends a service's URL for that region, without a slash at its end: what the
 * settings or the profile say, else AWS's own (see aws/endpoint.h). Fixed when
 * c was made. Thread-safe, never blocks.
 */
void ccp_credentials_endpoint(struct ccp_credentials *c, enum ccp_aws_service service,
                              const char *region, struct ccp_buf *url);

/* Overwrites all of *keys with zeros. */
void ccp_aws_keys_clear(struct ccp_aws_keys *keys);

#endif
