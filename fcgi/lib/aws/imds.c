#include "aws/credential_sources.h"

#include "base/http_wait.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

/*
 * The instance metadata service of EC2, version 2 only: a session token, the
 * role's name, the role's credentials. Version 1 answers anybody who can make
 * this machine send a GET, so it is not asked.
 *
 * Source: EC2 User Guide, "Use the Instance Metadata Service" and "Retrieve
 * security credentials from instance metadata" (2026); AWS SDKs and Tools
 * Reference Guide, "IMDS credential provider" (2026).
 */

#define TOKEN_TTL_S 21600
/* A new token is asked for so long before the old one ends. */
#define TOKEN_MARGIN_S 60
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define ANSWER_MAX_BYTES (64 * 1024)
#define URL_MAX_BYTES 1024
/* Names of roles have at most 64 characters. */
#define ROLE_MAX_BYTES 129
/* A service that answers, but with 5xx, is there: asking again holds up no laptop. */
#define ANSWERED_ATTEMPTS 3
#define PAUSE_MS 100

enum ccp_err
ccp_imds_endpoint(const struct ccp_config *config, const struct ccp_places *places,
                  struct ccp_buf *url, struct ccp_error *err)
{
	const char *given = config->aws_ec2_metadata_service_endpoint;
	const char *mode = config->aws_ec2_metadata_service_endpoint_mode;

	if (!ccp_credential_is_set(given))
		given = places->metadata_endpoint;
	if (!ccp_credential_is_set(mode))
		mode = places->metadata_mode;
	if (ccp_credential_is_set(given)) {
		if ((strncasecmp(given, "http://", 7) && strncasecmp(given, "https://", 8)) ||
		    strpbrk(given, " @\\\"<>?#"))
			return ccp_fail(err, CCP_ERR_SETTING,
			                "the metadata service's endpoint is not a URL");
		ccp_buf_puts(url, given);
		while (url->len && url->data[url->len - 1] == '/')
			url->data[--url->len] = '\0';
		return CCP_OK;
	}
	if (!ccp_credential_is_set(mode) || strcasecmp(mode, "IPv4") == 0)
		ccp_buf_puts(url, "http://169.254.169.254");
	else if (strcasecmp(mode, "IPv6") == 0)
		ccp_buf_puts(url, "http://[fd00:ec2::254]");
	else
		return ccp_fail(err, CCP_ERR_SETTING,
		                "\"%.20s\" is not a mode of the metadata service (IPv4, IPv6)",
		                mode);
	return CCP_OK;
}

/* One request for a path, repeated as the settings say. */
static enum ccp_err
fetch(struct ccp_resolve *r, const char *method, const char *path, const char *field,
      const char *value, struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct ccp_buf url = CCP_BUF_INIT(URL_MAX_BYTES);
	struct ccp_headers headers = { 0 };
	long timeout_ms = (long)r->config->aws_metadata_service_timeout_s * 1000;
	struct ccp_http_wait_request request = {
		.method = method,
		.headers = &headers,
		.connect_timeout_ms = timeout_ms,
		.timeout_ms = timeout_ms,
		.no_proxy = true,
		.max_bytes = ANSWER_MAX_BYTES,
	};
	int64_t most = r->config->aws_metadata_service_num_attempts, tries;
	enum ccp_err rc;

	rc = ccp_imds_endpoint(r->config, r->places, &url, err);
	ccp_buf_puts(&url, path);
	ccp_headers_add(&headers, field, value);
	if (!rc && (!ccp_buf_ok(&url) || !ccp_headers_ok(&headers)))
		rc = ccp_fail(err, CCP_ERR_LIMIT, "the request is too long");
	request.url = ccp_buf_text(&url);
	for (tries = 1; rc == CCP_OK; tries++) {
		rc = r->outside->http(r->outside->arg, &request, answer, err);
		if (!rc && answer->status < 500)
			break;
		if (ccp_resolve_stopped(r) ||
		    tries >= (rc || most > ANSWERED_ATTEMPTS ? most : ANSWERED_ATTEMPTS))
			break;
		rc = CCP_OK;
		ccp_resolve_sleep(r, PAUSE_MS);
	}
	ccp_headers_clear(&headers);
	ccp_buf_clear(&url);
	return rc;
}

/* A session token in r->imds; CCP_ERR_NOT_FOUND: nobody is there. */
static enum ccp_err
have_token(struct ccp_resolve *r, struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct ccp_imds_session *s = r->imds;
	const char *ttl;
	char asked[16];
	enum ccp_err rc;
	long ttl_s;
	size_t len;

	if (*s->token && r->now_s < s->until_s)
		return CCP_OK;
	OPENSSL_cleanse(s, sizeof(*s));
	snprintf(asked, sizeof(asked), "%d", TOKEN_TTL_S);
	rc = fetch(r, "PUT", "/latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds", asked,
	           answer, err);
	if (rc)
		return rc == CCP_ERR_NET ? CCP_ERR_NOT_FOUND : rc;
	if (answer->status != 200)
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                answer->status == 403
		                        ? "IMDS is disabled on this instance (%d)"
		                        : "the metadata service answers %d to the token request",
		                answer->status);
	len = strcspn(ccp_buf_text(&answer->body), " \r\n");
	if (len == 0 || len >= sizeof(s->token))
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "the metadata service's token is empty or too long");
	memcpy(s->token, answer->body.data, len);
	ttl = ccp_headers_get(&answer->headers, "x-aws-ec2-metadata-token-ttl-seconds");
	ttl_s = ttl ? strtol(ttl, NULL, 10) : TOKEN_TTL_S;
	if (ttl_s > TOKEN_TTL_S)
		ttl_s = TOKEN_TTL_S;
	s->until_s = r->now_s + (ttl_s > 2 * TOKEN_MARGIN_S ? ttl_s - TOKEN_MARGIN_S : 0);
	return CCP_OK;
}

/* The first line of the list of roles: there is one role an instance. */
static enum ccp_err
take_role(const struct ccp_http_wait_answer *answer, char role[ROLE_MAX_BYTES],
          struct ccp_error *err)
{
	const char *text = ccp_buf_text(&answer->body);
	size_t len = strcspn(text, "\r\n");

	role[0] = '\0';
	if (answer->status == 404 || (answer->status == 200 && len == 0))
		return ccp_fail(err, CCP_ERR_NOT_FOUND, "this instance has no role");
	if (answer->status != 200)
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "the metadata service answers %d to the role request",
		                answer->status);
	/* it becomes part of a path */
	if (len >= ROLE_MAX_BYTES ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-") <
	            len)
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "the metadata service's role is not a role's name");
	memcpy(role, text, len);
	role[len] = '\0';
	return CCP_OK;
}

static enum ccp_err
take_keys(const struct ccp_http_wait_answer *answer, struct ccp_aws_keys *keys,
          struct ccp_error *err)
{
	struct ccp_span body = { ccp_buf_text(&answer->body), answer->body.len };
	char code[80];

	if (answer->status != 200)
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "the metadata service answers %d to the credentials request",
		                answer->status);
	if (ccp_json_member_text(body, "Code", code, sizeof(code)) && strcmp(code, "Success"))
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "the metadata service says %s", code);
	return ccp_credential_json(keys, body, "Token", "the metadata service", err);
}

/* The three requests; *again: the token was not taken, a new one may be. */
static enum ccp_err
walk(struct ccp_resolve *r, struct ccp_http_wait_answer *answer, struct ccp_aws_keys *keys,
     bool *again, struct ccp_error *err)
{
	static const char field[] = "x-aws-ec2-metadata-token";
	char role[ROLE_MAX_BYTES], path[sizeof(ROLE_PATH) + ROLE_MAX_BYTES];
	enum ccp_err rc;

	*again = false;
	rc = have_token(r, answer, err);
	if (!rc)
		rc = fetch(r, "GET", ROLE_PATH, field, r->imds->token, answer, err);
	if (rc)
		return rc;
	*again = answer->status == 401;
	rc = take_role(answer, role, err);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s%s", ROLE_PATH, role);
	rc = fetch(r, "GET", path, field, r->imds->token, answer, err);
	if (rc)
		return rc;
	*again = answer->status == 401;
	return take_keys(answer, keys, err);
}

enum ccp_err
ccp_source_imds(struct ccp_resolve *r, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	enum ccp_err rc;
	bool again;

	if (r->config->aws_ec2_metadata_disabled)
		return ccp_fail(err, CCP_ERR_NOT_FOUND, "AWS_EC2_METADATA_DISABLED");
	rc = walk(r, &answer, keys, &again, err);
	if (rc && again) {
		r->imds->token[0] = '\0';
		rc = walk(r, &answer, keys, &again, err);
	}
	ccp_http_wait_answer_clear(&answer);
	return rc;
}
