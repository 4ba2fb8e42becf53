#include "upstream/bedrock.h"

#include "aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX_BYTES (8 * 1024)

/* The endpoint of the settings, else AWS's own for the region; no trailing slash. */
static void
add_endpoint(const struct ccp_config *config, const char *region, struct ccp_buf *url)
{
	if (*config->aws_endpoint_url_bedrock_runtime)
		ccp_buf_puts(url, config->aws_endpoint_url_bedrock_runtime);
	else if (*config->aws_endpoint_url)
		ccp_buf_puts(url, config->aws_endpoint_url);
	else
		ccp_buf_addf(url, "https://bedrock-runtime.%s.amazonaws.com%s", region,
		             strncmp(region, "cn-", 3) == 0 ? ".cn" : "");
	while (url->len && url->data[url->len - 1] == '/')
		url->data[--url->len] = '\0';
}

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
     struct ccp_headers *headers, struct ccp_error *err)
{
	struct ccp_aws_keys keys = { 0 };
	char sha256[65];
	struct ccp_sigv4_request r = { .method = "POST",
		                       .path = path,
		                       .headers = headers,
		                       .body_sha256_hex = sha256,
		                       .region = region,
		                       .service = "bedrock",
		                       .time_s = now_s };
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
	if (!rc)
		rc = ccp_sigv4_sign(&r, &keys, headers, err);
	ccp_aws_keys_clear(&keys);
	return rc;
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
	add_endpoint(config, region, &url);
	ccp_buf_puts(&url, "/model/");
	add_escaped(&url, t->target.id);
	ccp_buf_puts(&url, t->stream ? "/invoke-with-response-stream" : "/invoke");
	if (!ccp_buf_ok(&url)) {
		rc = ccp_fail(err, CCP_ERR_LIMIT, "the Bedrock address is too long");
		goto out;
	}
	path = split_url(ccp_buf_text(&url), &host);
	ccp_headers_add(&request->headers, "host", ccp_buf_text(&host));
	ccp_headers_add(&request->headers, "content-type", "application/json");
	if (t->stream)
		ccp_headers_add(&request->headers, "x-amzn-bedrock-accept", "application/json");
	rc = sign(config, credentials, t, path, now_s, region, &request->headers, err);
	if (rc)
		goto out;
	ccp_headers_add(&request->headers, "accept",
	                t->stream ? "application/vnd.amazon.eventstream" : "application/json");
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
