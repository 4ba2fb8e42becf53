#include "aws/credential_sources.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/*
 * A profile's way to credentials: its keys, a program, a web identity, or a
 * role that is assumed with the credentials of another profile, which may do
 * the same.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Assume role credential provider"
 * (2026), and the cases of smithy-rs (aws-config assume-role-tests.json, commit
 * 56ee88c5, 2026-08-21).
 */

/* Organizations chain two or three roles. */
#define ROLES_MAX_COUNT 16

/* The roles on the way, first the one that is assumed last. */
struct way {
	const struct ccp_profile *roles[ROLES_MAX_COUNT];
	size_t count;
	const struct ccp_profile *base;
	bool base_keys_only; /* the base is to give its static keys, nothing else */
};

static const char *
get(const struct ccp_profile *profile, const char *name)
{
	const char *value = ccp_profile_get(profile, name);

	return ccp_credential_is_set(value) ? value : NULL;
}

static bool
has_keys(const struct ccp_profile *profile)
{
	return get(profile, "aws_access_key_id") || get(profile, "aws_secret_access_key");
}

/* What is wrong with a profile that has a role_arn; NULL: nothing. */
static const char *
role_fault(const struct ccp_profile *profile)
{
	bool source = get(profile, "source_profile"), named = get(profile, "credential_source");

	if (source && named)
		return "has both source_profile and credential_source";
	if (!source && !named)
		return "has a role_arn, but neither source_profile nor credential_source";
	if (get(profile, "mfa_serial"))
		return "wants an MFA code (mfa_serial), which a server has not";
	return NULL;
}

static bool
is_on_way(const struct way *way, const struct ccp_profile *profile)
{
	size_t i;

	for (i = 0; i < way->count; i++)
		if (way->roles[i] == profile)
			return true;
	return false;
}

/* Follows source_profile from profile on, up to what gives credentials by itself. */
static enum ccp_err
find_way(const struct ccp_resolve *r, const struct ccp_profile *profile, struct way *way,
         struct ccp_error *err)
{
	const char *fault, *source;

	*way = (struct way){ .base = profile };
	/* a web identity's role is assumed with the token, and needs no source */
	while (get(way->base, "role_arn") && !get(way->base, "web_identity_token_file")) {
		profile = way->base;
		if (way->count && has_keys(profile))
			return CCP_OK; /* a source's own keys go before its role */
		fault = role_fault(profile);
		if (fault)
			return ccp_fail(err, CCP_ERR_CREDENTIALS, "\"%.64s\" %s", profile->name,
			                fault);
		if (way->count == ROLES_MAX_COUNT)
			return ccp_fail(err, CCP_ERR_CREDENTIALS, "over %d roles in a row",
			                ROLES_MAX_COUNT);
		way->roles[way->count++] = profile;
		source = get(profile, "source_profile");
		if (!source)
			return CCP_OK; /* credential_source: of the last role */
		way->base = ccp_profile_find(r->profiles, source);
		if (!way->base)
			return ccp_fail(err, CCP_ERR_CREDENTIALS,
			                "source_profile \"%.64s\" of \"%.64s\" is not there",
			                source, profile->name);
		if (way->base == profile) {
			way->base_keys_only = true; /* its own keys assume its role */
			return CCP_OK;
		}
		if (is_on_way(way, way->base))
			return ccp_fail(err, CCP_ERR_CREDENTIALS,
			                "source_profile leads in a circle at \"%.64s\"", source);
	}
	return CCP_OK;
}

/* credential_source: where the first role's credentials come from. */
static enum ccp_err
from_named_source(struct ccp_resolve *r, const char *name, struct ccp_aws_keys *keys,
                  struct ccp_error *err)
{
	static const struct {
		const char *name;
		ccp_source_fn *source;
	} named[] = { { "Environment", ccp_source_environment },
		      { "EcsContainer", ccp_source_container },
		      { "Ec2InstanceMetadata", ccp_source_imds } };
	struct ccp_error why = { .code = CCP_OK };
	enum ccp_err rc;
	size_t i;

	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (strcasecmp(name, named[i].name) != 0)
			continue;
		rc = named[i].source(r, keys, &why);
		return rc ? ccp_fail(err, rc, "%s: %s", named[i].name, why.text) : CCP_OK;
	}
	return ccp_fail(err, CCP_ERR_CREDENTIALS, "\"%.40s\" is no credential_source", name);
}

static enum ccp_err
from_web_identity(struct ccp_resolve *r, const struct ccp_profile *profile,
                  struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_sts_role role = {
		.role_arn = get(profile, "role_arn"),
		.session_name = get(profile, "role_session_name"),
		.duration_s = get(profile, "duration_seconds"),
	};

	if (!role.role_arn)
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "\"%.64s\" has a web_identity_token_file, but no role_arn",
		                profile->name);
	return ccp_sts_web_identity(r, &role, get(profile, "web_identity_token_file"), keys, err);
}

static enum ccp_err
from_static_keys(const struct ccp_profile *profile, struct ccp_aws_keys *keys,
                 struct ccp_error *err)
{
	char where[80];

	snprintf(where, sizeof(where), "\"%.64s\"", profile->name);
	return ccp_credential_fill(keys, get(profile, "aws_access_key_id"),
	                           get(profile, "aws_secret_access_key"),
	                           get(profile, "aws_session_token"), NULL, where, err);
}

/* What the way starts from. */
static enum ccp_err
from_base(struct ccp_resolve *r, const struct way *way, struct ccp_aws_keys *keys,
          struct ccp_error *err)
{
	const struct ccp_profile *base = way->base;

	if (way->count && base == way->roles[way->count - 1] && !way->base_keys_only)
		return from_named_source(r, get(base, "credential_source"), keys, err);
	if (way->base_keys_only || (way->count && has_keys(base)))
		return from_static_keys(base, keys, err);
	if (get(base, "web_identity_token_file"))
		return from_web_identity(r, base, keys, err);
	if (has_keys(base))
		return from_static_keys(base, keys, err);
	if (get(base, "credential_process"))
		return ccp_process_run(r, get(base, "credential_process"), keys, err);
	if (get(base, "sso_session") || get(base, "sso_start_url"))
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "\"%.64s\" signs in with IAM Identity Center (SSO), which a server "
		                "cannot; credential_process = aws configure export-credentials can",
		                base->name);
	return ccp_fail(err, way->count ? CCP_ERR_CREDENTIALS : CCP_ERR_NOT_FOUND,
	                "\"%.64s\" holds no credentials", base->name);
}

static enum ccp_err
assume_roles(struct ccp_resolve *r, const struct way *way, struct ccp_aws_keys *keys,
             struct ccp_error *err)
{
	struct ccp_aws_keys base;
	enum ccp_err rc = CCP_OK;
	size_t i;

	for (i = way->count; i > 0 && !rc; i--) {
		const struct ccp_profile *p = way->roles[i - 1];
		struct ccp_sts_role role = {
			.role_arn = get(p, "role_arn"),
			.session_name = get(p, "role_session_name"),
			.external_id = get(p, "external_id"),
			.duration_s = get(p, "duration_seconds"),
		};

		base = *keys;
		rc = ccp_sts_assume_role(r, &role, &base, keys, err);
		ccp_aws_keys_clear(&base);
	}
	return rc;
}

enum ccp_err
ccp_source_profile(struct ccp_resolve *r, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	bool named = ccp_credential_is_set(r->config->aws_profile);
	const char *name = named ? r->config->aws_profile : "default";
	const struct ccp_profile *profile = ccp_profile_find(r->profiles, name);
	struct way way;
	enum ccp_err rc;

	/* who named one meant it: other credentials could be another account's */
	if (!profile)
		return ccp_fail(err, named ? CCP_ERR_CREDENTIALS : CCP_ERR_NOT_FOUND,
		                "\"%.40s\" is neither in %.50s nor in %.50s", name, r->config_path,
		                r->credentials_path);
	rc = find_way(r, profile, &way, err);
	if (!rc)
		rc = from_base(r, &way, keys, err);
	if (rc == CCP_ERR_NOT_FOUND && way.count)
		rc = CCP_ERR_CREDENTIALS;
	if (rc)
		return rc;
	/* credentials that a role was assumed with are not the instance's own any more */
	r->from_imds = false;
	return assume_roles(r, &way, keys, err);
}
