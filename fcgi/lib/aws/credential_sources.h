#ifndef CCP_CREDENTIAL_SOURCES_H
#define CCP_CREDENTIAL_SOURCES_H

#include "aws/credentials.h"
#include "aws/endpoint.h"
#include "aws/profile.h"
#include "base/buf.h"

#include <stdatomic.h>

/*
 * The inside of aws/credentials: the ways to credentials, one function each,
 * and the chain that tries them in order. Nothing here keeps credentials; all
 * of it may block. One thread at a time.
 *
 * A source answers CCP_OK; CCP_ERR_NOT_FOUND when it is not set up here, so
 * that the next one is asked; anything else ends the chain. On failure err
 * says why, without a secret, and keys holds nothing. Where CCP_OK is not
 * answered no part of keys is to be used.
 */

/* IMDSv2's session token, kept between refreshes. */
struct ccp_imds_session {
	char token[256]; /* AWS's has 56 characters; "" = none */
	int64_t until_s;
};

/* One walk along the chain. */
struct ccp_resolve {
	const struct ccp_config *config;
	const struct ccp_aws_outside *outside;
	const struct ccp_places *places;
	const struct ccp_profiles *profiles;
	const char *config_path, *credentials_path; /* for sentences */
	struct ccp_imds_session *imds;
	const atomic_bool *stop; /* the process ends: give up */
	int64_t now_s;           /* AWS's time as far as known */
	int64_t skew_s;          /* out: what an answer's Date added to now_s */
	const char *source;      /* out: name of the one that served; static */
	bool from_imds;          /* out: the instance's own credentials, which may be kept longer */
};

typedef enum ccp_err ccp_source_fn(struct ccp_resolve *r, struct ccp_aws_keys *keys,
                                   struct ccp_error *err);

ccp_source_fn ccp_source_environment;
ccp_source_fn ccp_source_web_identity; /* of the environment */
ccp_source_fn ccp_source_profile;
ccp_source_fn ccp_source_container;
ccp_source_fn ccp_source_imds;

/* All of them in order. CCP_ERR_CREDENTIALS names each one and why it did not serve. */
ccp_source_fn ccp_credential_chain;

struct ccp_profile_files;

/* Reads the profile files into r and walks the chain. CCP_ERR_CREDENTIALS, CCP_ERR_NOMEM. */
enum ccp_err ccp_credential_ask(struct ccp_resolve *r, struct ccp_profile_files *files,
                                struct ccp_aws_keys *keys, struct ccp_error *err) CCP_MUST_CHECK;

/* True when the process ends: what waits or repeats gives up. */
bool ccp_resolve_stopped(const struct ccp_resolve *r);
/* Waits, unless the process ends. */
void ccp_resolve_sleep(const struct ccp_resolve *r, int64_t ms);

/* --- STS (sts.c) --- */

struct ccp_sts_role {
	const char *role_arn;
	const char *session_name; /* NULL or "": one is made up */
	const char *external_id;  /* NULL or "": none */
	const char *duration_s;   /* NULL or "": STS's own, an hour */
};

/* base: the keys that may assume the role; may be the same struct as keys. */
enum ccp_err ccp_sts_assume_role(struct ccp_resolve *r, const struct ccp_sts_role *role,
                                 const struct ccp_aws_keys *base, struct ccp_aws_keys *keys,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* The token is read from its file now: what puts it there renews it. */
enum ccp_err ccp_sts_web_identity(struct ccp_resolve *r, const struct ccp_sts_role *role,
                                  const char *token_file, struct ccp_aws_keys *keys,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/* --- parts that can be tested alone --- */

/* credential_process: runs the command by /bin/sh and reads what it prints. */
enum ccp_err ccp_process_run(const struct ccp_resolve *r, const char *command,
                             struct ccp_aws_keys *keys, struct ccp_error *err) CCP_MUST_CHECK;

/* Appends the container endpoint's URL. CCP_ERR_NOT_FOUND: none; CCP_ERR_SETTING: not allowed. */
enum ccp_err ccp_container_url(const struct ccp_config *config, struct ccp_buf *url,
                               struct ccp_error *err) CCP_MUST_CHECK;

/* Appends the metadata service's URL without a path. CCP_ERR_SETTING. */
enum ccp_err ccp_imds_endpoint(const struct ccp_config *config, const struct ccp_places *places,
                               struct ccp_buf *url, struct ccp_error *err) CCP_MUST_CHECK;

/* --- what several sources need (credential_parts.c) --- */

/* True for text that is there and is not blank. */
bool ccp_credential_is_set(const char *text);

/* Unix time of "2026-11-22T09:00:00Z" (fraction and +hh:mm, too); false: not such a time. */
bool ccp_credential_time(const char *text, int64_t *at_s);

/*
 * Fills keys from texts; NULL and blank: none. where is for the sentence, in
 * which no value is. CCP_ERR_CREDENTIALS: half of a pair, too long, or
 * characters that are in no AWS key, or no time.
 */
enum ccp_err ccp_credential_fill(struct ccp_aws_keys *keys, const char *id, const char *secret,
                                 const char *token, const char *expiration, const char *where,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Fills keys from a JSON object {"AccessKeyId","SecretAccessKey",…,"Expiration"};
 * token_name is what the session token is called. CCP_ERR_CREDENTIALS.
 */
enum ccp_err ccp_credential_json(struct ccp_aws_keys *keys, struct ccp_span json,
                                 const char *token_name, const char *where,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/* Tokens in files are a few KiB; a JWT of Kubernetes is at most some 8 KiB. */
#define CCP_TOKEN_MAX_BYTES (20 * 1024)

/*
 * Reads a small file with a token; the line end behind it is cut. To be wiped
 * with ccp_buf_cleanse(). CCP_ERR_CREDENTIALS: cannot be read, empty, too long,
 * or holds line ends or other control characters.
 */
enum ccp_err ccp_credential_token(const char *path, struct ccp_buf *token,
                                  struct ccp_error *err) CCP_MUST_CHECK;

#endif
