#include "aws/credential_sources.h"

#include "base/http_wait.h"
#include "base/json.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/*
 * The endpoint that a container platform offers: ECS, EKS Pod Identity, and
 * others after them.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Container credential provider"
 * (2026); time-outs and repeats: botocore 0e6e2404 (2026-08-07).
 */

#define ECS_BASE "http://169.254.170.2"
#define TIMEOUT_MS 2000
#define ATTEMPTS 3
#define PAUSE_MS 1000
#define ANSWER_MAX_BYTES (64 * 1024)
#define URL_MAX_BYTES 2048

static bool
is_loopback(const char *host)
{
	struct in_addr four;
	struct in6_addr six;

	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* The hosts that may be asked by plain http: this machine, and ECS's and EKS's own addresses. */
static bool
plain_http_ok(const char *host)
{
	struct in6_addr six, eks;

	if (is_loopback(host) || strcmp(host, "169.254.170.2") == 0 ||
	    strcmp(host, "169.254.170.23") == 0)
		return true;
	inet_pton(AF_INET6, "fd00:ec2::23", &eks);
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_ARE_ADDR_EQUAL(&six, &eks);
}

/* Cuts the host (brackets off) out of what is behind "://"; false when it is none. */
static bool
cut_host(const char *p, char *host, size_t size)
{
	bool six = *p == '[';
	size_t n = six ? strcspn(++p, "]") : strcspn(p, ":/?#");

	if (n == 0 || n >= size || (six && p[n] != ']'))
		return false;
	memcpy(host, p, n);
	host[n] = '\0';
	p += n + (six ? 1 : 0);
	return *p == '\0' || strchr(":/?#", *p);
}

enum ccp_err
ccp_container_url(const struct ccp_config *config, struct ccp_buf *url, struct ccp_error *err)
{
	const char *relative = config->aws_container_credentials_relative_uri;
	const char *full = config->aws_container_credentials_full_uri;
	char host[256];
	bool plain;

	if (ccp_credential_is_set(relative)) {
		if (*relative != '/' || strpbrk(relative, " \\\"<>"))
			return ccp_fail(err, CCP_ERR_SETTING,
			                "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path");
		ccp_buf_puts(url, ECS_BASE);
		ccp_buf_puts(url, relative);
		return CCP_OK;
	}
	if (!ccp_credential_is_set(full))
		return ccp_fail(err, CCP_ERR_NOT_FOUND, "not set");
	plain = strncasecmp(full, "http://", 7) == 0;
	if ((!plain && strncasecmp(full, "https://", 8) != 0) || strpbrk(full, " @\\\"<>") ||
	    !cut_host(full + (plain ? 7 : 8), host, sizeof(host)))
		return ccp_fail(err, CCP_ERR_SETTING,
		                "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL with a host");
	if (plain && !plain_http_ok(host))
		return ccp_fail(
			err, CCP_ERR_SETTING,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http to a host that is "
			"neither this machine nor ECS's or EKS's");
	ccp_buf_puts(url, full);
	return CCP_OK;
}

/* The Authorization field, from the file (each time anew) or the setting; none is fine. */
static enum ccp_err
add_authorization(const struct ccp_config *config, struct ccp_headers *headers,
                  struct ccp_error *err)
{
	const char *file = config->aws_container_authorization_token_file;
	struct ccp_buf token = CCP_BUF_INIT(CCP_TOKEN_MAX_BYTES);
	enum ccp_err rc = CCP_OK;

	if (ccp_credential_is_set(file)) {
		rc = ccp_credential_token(file, &token, err);
		if (!rc)
			ccp_headers_add(headers, "authorization", ccp_buf_text(&token));
		ccp_buf_cleanse(&token);
	} else if (ccp_credential_is_set(config->aws_container_authorization_token)) {
		ccp_headers_add(headers, "authorization",
		                config->aws_container_authorization_token);
	}
	return rc;
}

static enum ccp_err
ask(struct ccp_resolve *r, const struct ccp_http_wait_request *request,
    struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	char code[80], message[160];
	struct ccp_span body;
	enum ccp_err rc;
	int tries;

	for (tries = 1;; tries++) {
		rc = r->outside->http(r->outside->arg, request, answer, err);
		if (!rc && answer->status == 200)
			return CCP_OK;
		if (tries == ATTEMPTS || (!rc && answer->status < 500 && answer->status != 429) ||
		    ccp_resolve_stopped(r))
			break;
		ccp_resolve_sleep(r, PAUSE_MS);
	}
	if (rc)
		return rc;
	body = (struct ccp_span){ ccp_buf_text(&answer->body), answer->body.len };
	(void)ccp_json_member_text(body, "Code", code, sizeof(code));
	(void)ccp_json_member_text(body, "Message", message, sizeof(message));
	if (!*message)
		(void)ccp_json_member_text(body, "message", message, sizeof(message));
	return ccp_fail(err, CCP_ERR_CREDENTIALS, "the endpoint says %d%s%s%s%.120s",
	                answer->status, *code ? " " : "", code, *message ? ": " : "", message);
}

enum ccp_err
ccp_source_container(struct ccp_resolve *r, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_buf url = CCP_BUF_INIT(URL_MAX_BYTES);
	struct ccp_headers headers = { 0 };
	struct ccp_http_wait_request request = {
		.method = "GET",
		.headers = &headers,
		.connect_timeout_ms = TIMEOUT_MS,
		.timeout_ms = TIMEOUT_MS,
		.no_proxy = true,
		.max_bytes = ANSWER_MAX_BYTES,
	};
	enum ccp_err rc;

	rc = ccp_container_url(r->config, &url, err);
	if (rc)
		goto out;
	ccp_headers_add(&headers, "accept", "application/json");
	rc = add_authorization(r->config, &headers, err);
	if (rc)
		goto out;
	if (!ccp_headers_ok(&headers) || !ccp_buf_ok(&url)) {
		rc = ccp_fail(err, CCP_ERR_LIMIT, "the request to the endpoint is too long");
		goto out;
	}
	request.url = ccp_buf_text(&url);
	rc = ask(r, &request, &answer, err);
	if (!rc)
		rc = ccp_credential_json(keys,
		                         (struct ccp_span){ ccp_buf_text(&answer.body),
		                                            answer.body.len },
		                         "Token", "the container endpoint", err);
out:
	ccp_http_wait_answer_clear(&answer);
	ccp_headers_clear(&headers);
	ccp_buf_clear(&url);
	return rc;
}
