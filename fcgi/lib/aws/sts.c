#include "aws/credential_sources.h"

#include "aws/sigv4.h"
#include "base/http_wait.h"
#include "base/httpdate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/*
 * Roles: STS's AssumeRole and AssumeRoleWithWebIdentity.
 *
 * Source: AWS Security Token Service API reference (API version 2011-06-15).
 */

#define TIMEOUT_MS 5000
/* An answer is some 2 KiB of XML. */
#define ANSWER_MAX_BYTES (64 * 1024)
/* The token, each byte of it escaped, and the rest. */
#define FORM_MAX_BYTES (3 * CCP_TOKEN_MAX_BYTES + 16 * 1024)
/* Three askings when STS answers with a failure of the moment; two when it does not answer. */
#define PATIENCE 3
#define PATIENCE_FOR_SILENCE 2
#define PAUSE_MS 200
/* AWS refuses a signature that is five minutes off. */
#define SKEW_MIN_S 240

/* As forms have it: everything but A-Z a-z 0-9 - . _ ~ is escaped. */
static void
add_field(struct ccp_buf *form, const char *name, const char *value)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	if (!ccp_credential_is_set(value))
		return;
	ccp_buf_addf(form, "&%s=", name);
	for (; *value; value++) {
		if (strchr(plain, *value))
			ccp_buf_add(form, value, 1);
		else
			ccp_buf_addf(form, "%%%02X", (unsigned char)*value);
	}
}

/* What is between <name> (or <name attributes>) and </name>; NULL when it is not there. */
static const char *
element(struct ccp_span xml, const char *name, struct ccp_span *inner)
{
	char open[40], close[40];
	const char *start, *end;

	snprintf(open, sizeof(open), "<%s", name);
	snprintf(close, sizeof(close), "</%s>", name);
	for (;;) {
		start = memmem(xml.p, xml.len, open, strlen(open));
		if (!start)
			return NULL;
		start += strlen(open);
		xml.len -= (size_t)(start - xml.p);
		xml.p = start;
		if (xml.len && strchr("> \r\n\t", *start))
			break; /* else it was another name that begins the same */
	}
	start = memchr(xml.p, '>', xml.len);
	if (!start)
		return NULL;
	start++;
	end = memmem(start, xml.len - (size_t)(start - xml.p), close, strlen(close));
	if (!end)
		return NULL;
	*inner = (struct ccp_span){ start, (size_t)(end - start) };
	return start;
}

/* The character that an entity at p stands for, and its length; 0: none of plain ASCII. */
static char
entity(const char *p, size_t len, size_t *used)
{
	static const struct {
		const char *text;
		char c;
	} named[] = { { "&amp;", '&' },
		      { "&lt;", '<' },
		      { "&gt;", '>' },
		      { "&quot;", '"' },
		      { "&apos;", '\'' } };
	const char *end = memchr(p, ';', len < 10 ? len : 10);
	char digits[10];
	long code;
	size_t i;

	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		*used = strlen(named[i].text);
		if (len >= *used && memcmp(p, named[i].text, *used) == 0)
			return named[i].c;
	}
	if (!end || len < 4 || p[1] != '#')
		return '\0';
	*used = (size_t)(end - p) + 1;
	snprintf(digits, sizeof(digits), "%.*s", (int)*used - 3, p + 2);
	code = digits[0] == 'x' ? strtol(digits + 1, NULL, 16) : strtol(digits, NULL, 10);
	return code > 0 && code < 0x7f ? (char)code : '\0';
}

/* Text of an element, decoded; "" when it is not there or does not fit. */
static void
element_text(struct ccp_span xml, const char *name, char *out, size_t out_size)
{
	struct ccp_span inner;
	size_t i = 0, n = 0;

	out[0] = '\0';
	if (!element(xml, name, &inner))
		return;
	while (i < inner.len && n + 1 < out_size) {
		size_t used = 1;
		char c = inner.p[i];

		if (c == '&') {
			c = entity(inner.p + i, inner.len - i, &used);
			if (!c) {
				c = '&';
				used = 1;
			}
		}
		out[n++] = c;
		i += used;
	}
	out[i < inner.len ? 0 : n] = '\0';
}

struct texts {
	char id[sizeof(((struct ccp_aws_keys *)0)->access_key_id)];
	char secret[sizeof(((struct ccp_aws_keys *)0)->secret_access_key)];
	char token[sizeof(((struct ccp_aws_keys *)0)->session_token)];
	char expiration[64];
};

static enum ccp_err
read_success(struct ccp_span xml, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct texts t;
	struct ccp_span inner;
	enum ccp_err rc;

	if (!element(xml, "Credentials", &inner))
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "STS's answer holds no credentials");
	element_text(inner, "AccessKeyId", t.id, sizeof(t.id));
	element_text(inner, "SecretAccessKey", t.secret, sizeof(t.secret));
	element_text(inner, "SessionToken", t.token, sizeof(t.token));
	element_text(inner, "Expiration", t.expiration, sizeof(t.expiration));
	rc = ccp_credential_fill(keys, t.id, t.secret, t.token, t.expiration, "STS's answer", err);
	OPENSSL_cleanse(&t, sizeof(t));
	return rc;
}

/* A failed answer in words; true when the next try may well be better. */
static bool
read_failure(const struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct ccp_span xml = { ccp_buf_text(&answer->body), answer->body.len };
	char code[80], message[512];

	element_text(xml, "Code", code, sizeof(code));
	element_text(xml, "Message", message, sizeof(message));
	ccp_fail(err, CCP_ERR_CREDENTIALS, "STS says %d%s%s%s%.120s", answer->status,
	         *code ? " " : "", code, *message ? ": " : "", message);
	return answer->status >= 500 || answer->status == 429 || strstr(code, "Throttl") ||
	       strcmp(code, "IDPCommunicationError") == 0;
}

/* The clock was wrong: true once, when the answer's date shows it. */
static bool
correct_clock(struct ccp_resolve *r, const struct ccp_http_wait_answer *answer)
{
	const char *date = ccp_headers_get(&answer->headers, "date");
	int64_t at_s;

	if (r->skew_s || !date || answer->status < 400 || answer->status > 403 ||
	    !ccp_httpdate_parse((struct ccp_span){ date, strlen(date) }, r->now_s, &at_s) ||
	    llabs(at_s - r->now_s) <= SKEW_MIN_S)
		return false;
	r->skew_s = at_s - r->now_s;
	r->now_s = at_s;
	return true;
}

/* Fields of one asking; base NULL: unsigned. */
static enum ccp_err
make_headers(const struct ccp_resolve *r, const struct ccp_buf *url, const struct ccp_buf *form,
             const struct ccp_aws_keys *base, struct ccp_headers *headers, struct ccp_error *err)
{
	const char *host = strstr(ccp_buf_text(url), "://") + 3;
	const char *path = strchr(host, '/');
	char sha256[65];
	struct ccp_sigv4_request sign = {
		.method = "POST",
		.path = path,
		.headers = headers,
		.body_sha256_hex = sha256,
		.region = ccp_places_region(r->places, r->config),
		.service = "sts",
		.time_s = r->now_s,
	};

	ccp_headers_addf(headers, "host", "%.*s", (int)(path - host), host);
	ccp_headers_add(headers, "content-type", "application/x-www-form-urlencoded");
	if (base && (ccp_sha256_hex(ccp_buf_text(form), form->len, sha256) ||
	             ccp_sigv4_sign(&sign, base, headers, err)))
		return ccp_fail(err, CCP_ERR_NOMEM, "the request to STS could not be signed");
	if (!ccp_headers_ok(headers))
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request to STS");
	return CCP_OK;
}

/* Asks until there is an answer that stands. */
static enum ccp_err
ask(struct ccp_resolve *r, const struct ccp_buf *url, const struct ccp_buf *form,
    const struct ccp_aws_keys *base, struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct ccp_headers headers = { 0 };
	struct ccp_http_wait_request request = {
		.method = "POST",
		.url = ccp_buf_text(url),
		.headers = &headers,
		.body = { ccp_buf_text(form), form->len },
		.connect_timeout_ms = TIMEOUT_MS,
		.timeout_ms = TIMEOUT_MS,
		.max_bytes = ANSWER_MAX_BYTES,
	};
	int patience = PATIENCE;
	struct ccp_error why;
	enum ccp_err rc;

	for (;;) {
		rc = make_headers(r, url, form, base, &headers, err);
		if (rc)
			break;
		rc = r->outside->http(r->outside->arg, &request, answer, &why);
		ccp_headers_clear(&headers);
		if (rc) {
			ccp_fail(err, rc, "STS: %s", why.text);
			patience -= PATIENCE_FOR_SILENCE;
		} else if (answer->status == 200) {
			return CCP_OK;
		} else {
			bool again = read_failure(answer, err);

			rc = CCP_ERR_CREDENTIALS;
			patience -= again || (base && correct_clock(r, answer)) ? 1 : PATIENCE;
		}
		if (patience <= 0 || rc == CCP_ERR_NOMEM || ccp_resolve_stopped(r))
			break;
		ccp_resolve_sleep(r, PAUSE_MS);
	}
	ccp_headers_clear(&headers);
	return rc == CCP_ERR_NOMEM ? rc : CCP_ERR_CREDENTIALS;
}

/* Sends the form and takes the credentials out of the answer. */
static enum ccp_err
call(struct ccp_resolve *r, const struct ccp_buf *form, const struct ccp_aws_keys *base,
     struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_buf url = CCP_BUF_INIT(2 * CCP_ENDPOINT_MAX_BYTES);
	enum ccp_err rc;

	ccp_places_endpoint(r->places, r->config, CCP_AWS_STS,
	                    ccp_places_region(r->places, r->config), &url);
	ccp_buf_puts(&url, "/");
	if (!ccp_buf_ok(form) || !ccp_buf_ok(&url))
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request to STS");
	else
		rc = ask(r, &url, form, base, &answer, err);
	if (!rc)
		rc = read_success((struct ccp_span){ ccp_buf_text(&answer.body), answer.body.len },
		                  keys, err);
	ccp_http_wait_answer_clear(&answer);
	ccp_buf_clear(&url);
	return rc;
}

static void
add_role(const struct ccp_resolve *r, const struct ccp_sts_role *role, struct ccp_buf *form)
{
	char made_up[48];

	snprintf(made_up, sizeof(made_up), "claude-code-proxy-%lld", (long long)r->now_s);
	add_field(form, "RoleArn", role->role_arn);
	add_field(form, "RoleSessionName",
	          ccp_credential_is_set(role->session_name) ? role->session_name : made_up);
	add_field(form, "ExternalId", role->external_id);
	add_field(form, "DurationSeconds", role->duration_s);
}

enum ccp_err
ccp_sts_assume_role(struct ccp_resolve *r, const struct ccp_sts_role *role,
                    const struct ccp_aws_keys *base, struct ccp_aws_keys *keys,
                    struct ccp_error *err)
{
	struct ccp_buf form = CCP_BUF_INIT(FORM_MAX_BYTES);
	enum ccp_err rc;

	ccp_buf_puts(&form, "Action=AssumeRole&Version=2011-06-15");
	add_role(r, role, &form);
	rc = call(r, &form, base, keys, err);
	ccp_buf_cleanse(&form);
	return rc;
}

enum ccp_err
ccp_sts_web_identity(struct ccp_resolve *r, const struct ccp_sts_role *role, const char *token_file,
                     struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_buf form = CCP_BUF_INIT(FORM_MAX_BYTES);
	struct ccp_buf token = CCP_BUF_INIT(CCP_TOKEN_MAX_BYTES);
	enum ccp_err rc;

	rc = ccp_credential_token(token_file, &token, err);
	if (!rc) {
		ccp_buf_puts(&form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
		add_role(r, role, &form);
		add_field(&form, "WebIdentityToken", ccp_buf_text(&token));
		rc = call(r, &form, NULL, keys, err);
	}
	ccp_buf_cleanse(&token);
	ccp_buf_cleanse(&form);
	return rc;
}
