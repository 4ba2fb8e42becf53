#include "aws/credentials.h"

#include "aws/profile.h"
#include "aws/profile_files.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#define DEFAULT_PROFILE "default"
#define DEFAULT_REGION "us-east-1"
/* A label of a host name; the longest region in 2026 has 14 characters. */
#define REGION_MAX_BYTES 64

struct ccp_credentials {
	const struct ccp_config *config;
	pthread_mutex_t lock; /* for everything below but region */
	struct ccp_profile_files *files;
	bool cached;
	struct ccp_aws_keys keys;
	char region[REGION_MAX_BYTES]; /* fixed by ccp_credentials_new(), so it can be lent */
};

void
ccp_aws_keys_clear(struct ccp_aws_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

static bool
is_set(const char *s)
{
	return s && s[strspn(s, " \t")] != '\0';
}

static const char *
profile_name(const struct ccp_credentials *c)
{
	return is_set(c->config->aws_profile) ? c->config->aws_profile : DEFAULT_PROFILE;
}

/*
 * Copies a value of printable characters without spaces. What and where are
 * for the sentence; the value must not be in it.
 */
static enum ccp_err
copy_value(char *to, size_t size, const char *value, const char *what, const char *where,
           struct ccp_error *err)
{
	const char *p;

	to[0] = '\0';
	if (!is_set(value))
		return CCP_OK;
	for (p = value; *p; p++)
		if (*p <= ' ' || *p > '~')
			return ccp_fail(err, CCP_ERR_CREDENTIALS,
			                "%s of %s holds a space, a line end or another character "
			                "that is in no AWS key",
			                what, where);
	if ((size_t)(p - value) >= size)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%s of %s is longer than %zu characters",
		                what, where, size - 1);
	memcpy(to, value, (size_t)(p - value) + 1);
	return CCP_OK;
}

static enum ccp_err
copy_keys(struct ccp_aws_keys *keys, const char *id, const char *secret, const char *token,
          const char *where, struct ccp_error *err)
{
	enum ccp_err rc;

	if (is_set(id) != is_set(secret))
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%s has an AWS %s, but no %s", where,
		                is_set(id) ? "access key id" : "secret access key",
		                is_set(id) ? "secret access key" : "access key id");
	rc = copy_value(keys->access_key_id, sizeof(keys->access_key_id), id, "the access key id",
	                where, err);
	if (rc)
		return rc;
	rc = copy_value(keys->secret_access_key, sizeof(keys->secret_access_key), secret,
	                "the secret access key", where, err);
	if (rc)
		return rc;
	return copy_value(keys->session_token, sizeof(keys->session_token), token,
	                  "the session token", where, err);
}

static bool
has(const struct ccp_profile *profile, const char *name)
{
	return is_set(ccp_profile_get(profile, name));
}

/* Ways to credentials that a profile can name and that are not walked here. */
static const char *
other_way(const struct ccp_profile *profile)
{
	if (has(profile, "web_identity_token_file"))
		return "a web identity (web_identity_token_file), which needs STS";
	if (has(profile, "sso_session") || has(profile, "sso_start_url"))
		return "IAM Identity Center (sso_session)";
	if (has(profile, "credential_process"))
		return "a program (credential_process)";
	if (has(profile, "source_profile"))
		return "another profile (source_profile), which needs STS";
	return NULL;
}

/* Credentials of a profile that is there. A role goes first: keys beside it are its source's. */
static enum ccp_err
use_profile(const struct ccp_profile *profile, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	char where[160];
	const char *other;

	snprintf(where, sizeof(where), "AWS profile \"%s\"", profile->name);
	if (has(profile, "role_arn"))
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "%s takes its credentials from a role (role_arn), which needs STS: "
		                "not supported here, only static keys are",
		                where);
	if (has(profile, "aws_access_key_id") || has(profile, "aws_secret_access_key"))
		return copy_keys(keys, ccp_profile_get(profile, "aws_access_key_id"),
		                 ccp_profile_get(profile, "aws_secret_access_key"),
		                 ccp_profile_get(profile, "aws_session_token"), where, err);
	other = other_way(profile);
	if (other)
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "%s takes its credentials from %s: "
		                "not supported here, only static keys are",
		                where, other);
	return ccp_fail(err, CCP_ERR_CREDENTIALS, "%s has no aws_access_key_id", where);
}

static enum ccp_err
from_files(struct ccp_credentials *c, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_profiles profiles = CCP_PROFILES_INIT;
	const struct ccp_profile *profile;
	struct ccp_error broken = { .code = CCP_OK };
	enum ccp_err rc;

	rc = ccp_profile_files_read(c->files, &profiles, &broken);
	if (rc) {
		/* A broken file is, to whoever asked, a lack of credentials. */
		if (rc != CCP_ERR_NOMEM)
			rc = CCP_ERR_CREDENTIALS;
		rc = ccp_fail(err, rc, "no AWS credentials: %s", broken.text);
		goto out;
	}
	profile = ccp_profile_find(&profiles, profile_name(c));
	if (!profile) {
		rc = ccp_fail(
			err, CCP_ERR_CREDENTIALS,
			"no AWS credentials: AWS_ACCESS_KEY_ID is not set, and profile \"%.64s\" "
			"is neither in %s nor in %s",
			profile_name(c), ccp_profile_files_credentials_path(c->files),
			ccp_profile_files_config_path(c->files));
		goto out;
	}
	rc = use_profile(profile, keys, err);

out:
	ccp_profiles_clear(&profiles);
	return rc;
}

static enum ccp_err
from_settings(const struct ccp_config *config, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	return copy_keys(keys, config->aws_access_key_id, config->aws_secret_access_key,
	                 config->aws_session_token, "the environment", err);
}

static bool
is_region(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s) &&
	       strlen(s) < REGION_MAX_BYTES;
}

/* Decides the region once. The files may be broken: whoever needs keys of them is told then. */
static enum ccp_err
choose_region(struct ccp_credentials *c, struct ccp_error *err)
{
	struct ccp_profiles profiles = CCP_PROFILES_INIT;
	const struct ccp_profile *profile;
	const char *region = NULL;
	struct ccp_error broken = { .code = CCP_OK };
	enum ccp_err rc;

	rc = ccp_profile_files_read(c->files, &profiles, &broken);
	if (rc == CCP_ERR_NOMEM) {
		rc = ccp_fail(err, rc, "AWS region: %s", broken.text);
		goto out;
	}
	if (rc)
		ccp_log(CCP_LOG_WARNING, NULL, "AWS region not read: %s", broken.text);
	rc = CCP_OK;
	profile = ccp_profile_find(&profiles, profile_name(c));
	if (profile)
		region = ccp_profile_get(profile, "region");
	if (is_set(region) && !is_region(region)) {
		ccp_log(CCP_LOG_WARNING, NULL,
		        "the region of AWS profile \"%s\" is not a region's name", profile_name(c));
		region = NULL;
	}
	snprintf(c->region, sizeof(c->region), "%s", is_set(region) ? region : DEFAULT_REGION);

out:
	ccp_profiles_clear(&profiles);
	return rc;
}

enum ccp_err
ccp_credentials_new(const struct ccp_config *config, struct ccp_credentials **out,
                    struct ccp_error *err)
{
	struct ccp_credentials *c;
	enum ccp_err rc;

	*out = NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the AWS credentials");
	pthread_mutex_init(&c->lock, NULL); /* default attributes: cannot fail with glibc */
	c->config = config;
	rc = ccp_profile_files_new(config->aws_config_file, config->aws_shared_credentials_file,
	                           getenv("HOME"), &c->files, err);
	if (!rc && !is_set(config->bedrock_region) && !is_set(config->aws_region))
		rc = choose_region(c, err);
	if (rc) {
		ccp_credentials_free(c);
		return rc;
	}
	*out = c;
	return CCP_OK;
}

void
ccp_credentials_free(struct ccp_credentials *c)
{
	if (!c)
		return;
	ccp_aws_keys_clear(&c->keys);
	ccp_profile_files_free(c->files);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

enum ccp_err
ccp_credentials_get(struct ccp_credentials *c, int64_t now_s, struct ccp_aws_keys *keys,
                    struct ccp_error *err)
{
	const struct ccp_config *config = c->config;
	enum ccp_err rc = CCP_OK;

	memset(keys, 0, sizeof(*keys));
	if (is_set(config->aws_access_key_id) || is_set(config->aws_secret_access_key)) {
		rc = from_settings(config, keys, err);
		goto out;
	}
	pthread_mutex_lock(&c->lock);
	if (!c->cached || (c->keys.expires_at_s && c->keys.expires_at_s <= now_s) ||
	    !ccp_profile_files_unchanged(c->files)) {
		ccp_aws_keys_clear(&c->keys);
		rc = from_files(c, &c->keys, err);
		c->cached = rc == CCP_OK;
	}
	if (!rc)
		*keys = c->keys;
	pthread_mutex_unlock(&c->lock);

out:
	if (rc)
		ccp_aws_keys_clear(keys);
	return rc;
}

void
ccp_credentials_refresh(struct ccp_credentials *c)
{
	pthread_mutex_lock(&c->lock);
	c->cached = false;
	pthread_mutex_unlock(&c->lock);
}

const char *
ccp_credentials_region(struct ccp_credentials *c)
{
	if (is_set(c->config->bedrock_region))
		return c->config->bedrock_region;
	if (is_set(c->config->aws_region))
		return c->config->aws_region;
	return c->region;
}
