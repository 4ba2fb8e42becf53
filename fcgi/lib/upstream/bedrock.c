#include "upstream/bedrock.h"

#include "aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES (8 * 1024)

/* As AWS's SDKs do: everything but A-Z a-z 0-9 - . _ ~ is escaped, ':' and '/' too. */
static void
add_escaped(struct ccp_buf *out, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++) {
		if (strchr(plain, *text))
			ccp_buf_add(out, text, 1);
		else
			ccp_buf_addf(out, "%%%02X", (unsigned char)*text);
	}
}

/* Splits "https://host:port/path" into host:port (appended to host) and the path (borrowed). */
static const char *
split_url(const char *url, struct ccp_buf *host)
{
	const char *start = strstr(url, "://");
	const char *path;

	start = start ? start + 3 : url;
	path = strchr(start, '/');
	if (!path)
		path = start + strlen(start);
	ccp_buf_add(host, start, (size_t)(path - start));
	return path;
}

static enum ccp_err
sign(const struct ccp_config *config, struct ccp_credentials *credentials,
     const struct ccp_translation *t, const char *path, int64_t now_s, const char *region,
     struct ccp_bedrock_request *request, struct ccp_error *err)
{
	struct ccp_headers *headers = &request->headers;
	struct ccp_aws_keys keys = { 0 };
	char sha256[65];
	struct ccp_sigv4_request r = { .method = "POST",
		                       .path = path,
		                       .headers = headers,
		                       .body_sha256_hex = sha256,
		                       .region = region,
		                       .service = "bedrock" };
	enum ccp_err rc;

	if (*config->aws_bearer_token_bedrock) {
		struct ccp_buf bearer = CCP_BUF_INIT(CCP_HEADERS_MAX_BYTES);

		ccp_buf_addf(&bearer, "Bearer %s", config->aws_bearer_token_bedrock);
		ccp_headers_add(headers, "authorization", ccp_buf_text(&bearer));
		ccp_buf_cleanse(&bearer);
		return CCP_OK;
	}
	rc = ccp_sha256_hex(ccp_buf_text(&t->body), t->body.len, sha256);
	if (rc)
		return ccp_fail(err, rc, "SHA-256 of the request failed");
	ccp_headers_add(headers, "x-amz-content-sha256", sha256);
	rc = ccp_credentials_get(credentials, now_s, &keys, err);
	/* fetching them may have corrected the clock */
	request->clock_offset_s = ccp_credentials_clock_offset_s(credentials);
	r.time_s = now_s + request->clock_offset_s;
	if (!rc)
		rc = ccp_sigv4_sign(&r, &keys, headers, err);
	memcpy(request->access_key_id, keys.access_key_id, sizeof(request->access_key_id));
	ccp_aws_keys_clear(&keys);
	return rc;
}

/* Appends the path of the operation that t is for. */
static void
add_path(struct ccp_buf *url, const struct ccp_translation *t)
{
	if (t->door == CCP_DOOR_MESSAGES) {
		ccp_buf_puts(url, "/anthropic/v1/messages");
		return;
	}
	ccp_buf_puts(url, "/model/");
	add_escaped(url, t->target.id);
	if (t->door == CCP_DOOR_COUNT_TOKENS)
		ccp_buf_puts(url, "/count-tokens");
	else
		ccp_buf_puts(url, t->stream ? "/invoke-with-response-stream" : "/invoke");
}

/* The version stands behind the last colon; an ARN's other colons are not that. */
static void
add_guardrail(struct ccp_headers *headers, const char *guardrail)
{
	const char *colon = strrchr(guardrail, ':');
	bool versioned = colon && (strcmp(colon + 1, "DRAFT") == 0 ||
	                           colon[1 + strspn(colon + 1, "0123456789")] == '\0');
	struct ccp_buf id = CCP_BUF_INIT(CCP_HEADERS_MAX_BYTES);

	ccp_buf_add(&id, guardrail, versioned ? (size_t)(colon - guardrail) : strlen(guardrail));
	ccp_headers_add(headers, "x-amzn-bedrock-guardrailidentifier", ccp_buf_text(&id));
	ccp_headers_add(headers, "x-amzn-bedrock-guardrailversion",
	                versioned ? colon + 1 : "DRAFT");
	ccp_buf_clear(&id);
}

/* The fields that are signed besides what the signature adds. */
static void
add_fields(const struct ccp_config *config, const struct ccp_translation *t, const char *host,
           struct ccp_headers *headers)
{
	static const char *const tiers[] = { NULL, "priority", "flex", "reserved" };

	ccp_headers_add(headers, "host", host);
	ccp_headers_add(headers, "content-type", "application/json");
	if (t->door == CCP_DOOR_INVOKE && t->stream)
		ccp_headers_add(headers, "x-amzn-bedrock-accept", "application/json");
	if (t->version_header)
		ccp_headers_add(headers, "anthropic-version", t->version_header);
	if (t->beta_header)
		ccp_headers_add(headers, "anthropic-beta", t->beta_header);
	if (t->door == CCP_DOOR_COUNT_TOKENS)
		return;
	if (config->bedrock_guardrail && *config->bedrock_guardrail)
		add_guardrail(headers, config->bedrock_guardrail);
	if (tiers[config->bedrock_service_tier])
		ccp_headers_add(headers, "x-amzn-bedrock-service-tier",
		                tiers[config->bedrock_service_tier]);
}

/* What kind of answer is wanted. */
static const char *
accept_of(const struct ccp_translation *t)
{
	if (!t->stream)
		return "application/json";
	return t->door == CCP_DOOR_MESSAGES ? "text/event-stream"
	                                    : "application/vnd.amazon.eventstream";
}

enum ccp_err
ccp_bedrock_request_new(const struct ccp_config *config, struct ccp_credentials *credentials,
                        const struct ccp_translation *t, int64_t now_s,
                        struct ccp_bedrock_request *request, struct ccp_error *err)
{
	const char *region = *config->bedrock_region ? config->bedrock_region
	                                             : ccp_credentials_region(credentials);
	struct ccp_buf url = CCP_BUF_INIT(URL_MAX_BYTES), host = CCP_BUF_INIT(URL_MAX_BYTES);
	const char *path;
	enum ccp_err rc;

	*request = (struct ccp_bedrock_request){ 0 };
	ccp_credentials_endpoint(credentials, CCP_AWS_BEDROCK_RUNTIME, region, &url);
	add_path(&url, t);
	if (!ccp_buf_ok(&url)) {
		rc = ccp_fail(err, CCP_ERR_LIMIT, "the Bedrock address is too long");
		goto out;
	}
	path = split_url(ccp_buf_text(&url), &host);
	add_fields(config, t, ccp_buf_text(&host), &request->headers);
	rc = sign(config, credentials, t, path, now_s, region, request, err);
	if (rc)
		goto out;
	ccp_headers_add(&request->headers, "accept", accept_of(t));
	request->url = ccp_buf_take(&url);
	if (!ccp_headers_ok(&request->headers))
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request to Bedrock");
out:
	ccp_buf_clear(&host);
	ccp_buf_clear(&url);
	return rc;
}

void
ccp_bedrock_request_clear(struct ccp_bedrock_request *request)
{
	free(request->url);
	ccp_headers_clear(&request->headers);
	*request = (struct ccp_bedrock_request){ 0 };
}
