#include "aws/credential_sources.h"

#include "aws/profile_files.h"

#include <stdio.h>
#include <string.h>

/* The order in which the sources are asked, and what is said when none serves. */

struct source {
	const char *name;
	ccp_source_fn *ask;
};

enum ccp_err
ccp_source_environment(struct ccp_resolve *r, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	const struct ccp_config *config = r->config;
	enum ccp_err rc;

	if (!ccp_credential_is_set(config->aws_access_key_id) &&
	    !ccp_credential_is_set(config->aws_secret_access_key))
		return ccp_fail(err, CCP_ERR_NOT_FOUND, "not set");
	rc = ccp_credential_fill(keys, config->aws_access_key_id, config->aws_secret_access_key,
	                         config->aws_session_token, config->aws_credential_expiration,
	                         "the environment", err);
	if (!rc && keys->expires_at_s && keys->expires_at_s <= r->now_s) {
		ccp_aws_keys_clear(keys);
		rc = ccp_fail(err, CCP_ERR_CREDENTIALS,
		              "the credentials of the environment have expired "
		              "(AWS_CREDENTIAL_EXPIRATION)");
	}
	return rc;
}

enum ccp_err
ccp_source_web_identity(struct ccp_resolve *r, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	const struct ccp_config *config = r->config;
	struct ccp_sts_role role = {
		.role_arn = config->aws_role_arn,
		.session_name = config->aws_role_session_name,
	};

	if (!ccp_credential_is_set(config->aws_web_identity_token_file))
		return ccp_fail(err, CCP_ERR_NOT_FOUND, "not set");
	if (!ccp_credential_is_set(role.role_arn))
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
	return ccp_sts_web_identity(r, &role, config->aws_web_identity_token_file, keys, err);
}

enum ccp_err
ccp_credential_chain(struct ccp_resolve *r, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct source sources[] = {
		{ "environment", ccp_source_environment },
		{ "web identity", ccp_source_web_identity },
		{ "profile", ccp_source_profile },
		{ "container", ccp_source_container },
		{ "IMDS", ccp_source_imds },
	};
	const struct source web_identity = sources[1];
	char looked[sizeof(err->text)] = "";
	struct ccp_error why;
	size_t i, used = 0;
	enum ccp_err rc = CCP_ERR_NOT_FOUND;

	/* a profile that somebody named goes before what the platform set */
	if (ccp_credential_is_set(r->config->aws_profile)) {
		sources[1] = sources[2];
		sources[2] = web_identity;
	}
	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		why = (struct ccp_error){ .code = CCP_OK };
		r->from_imds = sources[i].ask == ccp_source_imds;
		r->source = sources[i].name;
		rc = sources[i].ask(r, keys, &why);
		if (!rc)
			return CCP_OK;
		used += (size_t)snprintf(looked + used, sizeof(looked) - used, "%s%s: %s",
		                         used ? "; " : "", sources[i].name, why.text);
		if (used >= sizeof(looked))
			used = sizeof(looked) - 1;
		if (rc != CCP_ERR_NOT_FOUND)
			break;
	}
	ccp_aws_keys_clear(keys);
	return ccp_fail(err, rc == CCP_ERR_NOMEM ? rc : CCP_ERR_CREDENTIALS,
	                "no AWS credentials: %s", looked);
}

enum ccp_err
ccp_credential_ask(struct ccp_resolve *r, struct ccp_profile_files *files,
                   struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_profiles profiles = CCP_PROFILES_INIT;
	struct ccp_error broken = { .code = CCP_OK };
	enum ccp_err rc;

	rc = ccp_profile_files_read(files, &profiles, &broken);
	if (rc) {
		/* A broken file is, to whoever asked, a lack of credentials. */
		rc = ccp_fail(err, rc == CCP_ERR_NOMEM ? rc : CCP_ERR_CREDENTIALS,
		              "no AWS credentials: profile: %s", broken.text);
	} else {
		r->profiles = &profiles;
		r->config_path = ccp_profile_files_config_path(files);
		r->credentials_path = ccp_profile_files_credentials_path(files);
		rc = ccp_credential_chain(r, keys, err);
	}
	r->profiles = NULL;
	ccp_profiles_clear(&profiles);
	return rc;
}
