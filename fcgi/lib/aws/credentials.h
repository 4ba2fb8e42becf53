#ifndef CCP_CREDENTIALS_H
#define CCP_CREDENTIALS_H

#include "base/config.h"
#include "base/error.h"

#include <stdint.h>

/*
 * Where AWS credentials come from: environment (through the settings), then
 * the profile files (static keys of AWS_PROFILE, else of "default"; see
 * aws/profile_files.h). Keys in the environment win, also over a profile that
 * was named, as with the AWS CLI. A profile that points to a role, a web
 * identity, IAM Identity Center or a program gives an error that says so.
 * Cached; read again when they expire or a file has changed.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Standardized credential
 * providers" and "Shared config and credentials files" (2026).
 */
struct ccp_credentials;

/* Fixed sizes, so that a copy can be wiped whole with ccp_aws_keys_clear(). */
struct ccp_aws_keys {
	char access_key_id[129]; /* STS API: at most 128 characters */
	char secret_access_key[129];
	char session_token[8193]; /* "" = none; AWS sets no fixed size and calls 4096 typical */
	int64_t expires_at_s;     /* Unix time; 0 = never */
};

/*
 * config is borrowed and must outlive the result. Reads HOME from the process's
 * environment, and, when the settings name no region, the profile files (a
 * broken one is a warning in the log here, and an error of
 * ccp_credentials_get()). CCP_ERR_NOMEM.
 */
enum ccp_err ccp_credentials_new(const struct ccp_config *config, struct ccp_credentials **c,
                                 struct ccp_error *err) CCP_MUST_CHECK;
void ccp_credentials_free(struct ccp_credentials *c);

/*
 * Copies the credentials valid at now_s; keys is all zeros on failure and is
 * wiped by the caller with ccp_aws_keys_clear() when done. CCP_ERR_CREDENTIALS
 * with a sentence that says what was looked for and where (never a value), or
 * CCP_ERR_NOMEM. Failures are not cached. Thread-safe; may block for file
 * reads, and costs two stat(2) calls when it does not.
 */
enum ccp_err ccp_credentials_get(struct ccp_credentials *c, int64_t now_s,
                                 struct ccp_aws_keys *keys, struct ccp_error *err) CCP_MUST_CHECK;

/* Forgets the cache: after an answer that says the token expired. Thread-safe. */
void ccp_credentials_refresh(struct ccp_credentials *c);

/*
 * The region: BEDROCK_REGION and AWS_REGION are settings; this adds the
 * profile's, then us-east-1. Fixed when c was made; borrowed until c is freed.
 * Thread-safe, never blocks.
 */
const char *ccp_credentials_region(struct ccp_credentials *c);

/* Overwrites all of *keys with zeros. */
void ccp_aws_keys_clear(struct ccp_aws_keys *keys);

#endif
