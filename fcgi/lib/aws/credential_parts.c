#include "aws/credential_sources.h"

#include "base/day.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* "2026-11-22T09:00:00.123456+00:00" and some to spare. */
#define TIME_MAX_BYTES 64

bool
ccp_credential_is_set(const char *s)
{
	return s && s[strspn(s, " \t")] != '\0';
}

void
ccp_aws_keys_clear(struct ccp_aws_keys *keys)
{
	OPENSSL_cleanse(keys, sizeof(*keys));
}

/* Two digits up to max; -1 when they are not that. */
static int
two_digits(const char *p, int max)
{
	int n;

	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return -1;
	n = (p[0] - '0') * 10 + p[1] - '0';
	return n <= max ? n : -1;
}

/* Seconds east of Greenwich of "Z", "+hh:mm" or "+hhmm". */
static bool
read_zone(const char *p, int64_t *east_s)
{
	int hours, minutes;

	*east_s = 0;
	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0)
		return true;
	if (*p != '+' && *p != '-')
		return false;
	hours = two_digits(p + 1, 23);
	if (hours < 0)
		return false;
	minutes = two_digits(p + (p[3] == ':' ? 4 : 3), 59);
	if (minutes < 0 || p[p[3] == ':' ? 6 : 5] != '\0')
		return false;
	*east_s = (*p == '-' ? -60 : 60) * (int64_t)(hours * 60 + minutes);
	return true;
}

bool
ccp_credential_time(const char *text, int64_t *at_s)
{
	char day[CCP_DAY_BYTES];
	int64_t day_s, east_s;
	int hour, minute, second;
	const char *p = text + 11;

	*at_s = 0;
	if (strlen(text) < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' '))
		return false;
	snprintf(day, sizeof(day), "%.10s", text);
	hour = two_digits(p, 23);
	minute = two_digits(p + 3, 59);
	second = two_digits(p + 6, 60);
	if (!ccp_day_parse(day, &day_s) || hour < 0 || minute < 0 || second < 0 || p[2] != ':' ||
	    p[5] != ':')
		return false;
	p += 8;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	if (!read_zone(p, &east_s))
		return false;
	*at_s = day_s + hour * 3600 + minute * 60 + second - east_s;
	return true;
}

/* Copies a value of printable characters without spaces. The value must not be in the sentence. */
static enum ccp_err
copy_value(char *to, size_t size, const char *value, const char *what, const char *where,
           struct ccp_error *err)
{
	const char *p;

	to[0] = '\0';
	if (!ccp_credential_is_set(value))
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

enum ccp_err
ccp_credential_fill(struct ccp_aws_keys *keys, const char *id, const char *secret,
                    const char *token, const char *expiration, const char *where,
                    struct ccp_error *err)
{
	bool has_id = ccp_credential_is_set(id), has_secret = ccp_credential_is_set(secret);
	enum ccp_err rc;

	memset(keys, 0, sizeof(*keys));
	if (!has_id || !has_secret)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%s has no %s", where,
		                has_id ? "secret access key" : "access key id");
	rc = copy_value(keys->access_key_id, sizeof(keys->access_key_id), id, "the access key id",
	                where, err);
	if (!rc)
		rc = copy_value(keys->secret_access_key, sizeof(keys->secret_access_key), secret,
		                "the secret access key", where, err);
	if (!rc)
		rc = copy_value(keys->session_token, sizeof(keys->session_token), token,
		                "the session token", where, err);
	if (!rc && ccp_credential_is_set(expiration) &&
	    !ccp_credential_time(expiration, &keys->expires_at_s))
		rc = ccp_fail(err, CCP_ERR_CREDENTIALS, "the expiration of %s is not a time",
		              where);
	if (rc)
		ccp_aws_keys_clear(keys);
	return rc;
}

/* The texts of an answer, as large as the fields they go to. */
struct answer {
	char id[sizeof(((struct ccp_aws_keys *)0)->access_key_id)];
	char secret[sizeof(((struct ccp_aws_keys *)0)->secret_access_key)];
	char token[sizeof(((struct ccp_aws_keys *)0)->session_token)];
	char expiration[TIME_MAX_BYTES];
};

/* A text member into a field; absent and null give "". */
static enum ccp_err
take_member(struct ccp_span json, const char *name, char *to, size_t size, const char *where,
            struct ccp_error *err)
{
	struct ccp_span value = ccp_json_member(json, name);

	to[0] = '\0';
	if (value.len == 0 || ccp_json_type(value) == CCP_JSON_NULL)
		return CCP_OK;
	if (!ccp_json_string_text(value, to, size))
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%s of %s is no text, or too long", name,
		                where);
	return CCP_OK;
}

enum ccp_err
ccp_credential_json(struct ccp_aws_keys *keys, struct ccp_span json, const char *token_name,
                    const char *where, struct ccp_error *err)
{
	struct answer a;
	enum ccp_err rc;

	memset(keys, 0, sizeof(*keys));
	json = ccp_json_trim(json);
	if (!ccp_json_valid(json) || ccp_json_type(json) != CCP_JSON_OBJECT)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "the answer of %s is no JSON object",
		                where);
	rc = take_member(json, "AccessKeyId", a.id, sizeof(a.id), where, err);
	if (!rc)
		rc = take_member(json, "SecretAccessKey", a.secret, sizeof(a.secret), where, err);
	if (!rc)
		rc = take_member(json, token_name, a.token, sizeof(a.token), where, err);
	if (!rc)
		rc = take_member(json, "Expiration", a.expiration, sizeof(a.expiration), where,
		                 err);
	if (!rc)
		rc = ccp_credential_fill(keys, a.id, a.secret, a.token, a.expiration, where, err);
	OPENSSL_cleanse(&a, sizeof(a));
	return rc;
}

static enum ccp_err
read_file(const char *path, struct ccp_buf *text, struct ccp_error *err)
{
	char piece[4096];
	ssize_t n;
	/* a named pipe must not hold the caller up */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = errno;

	if (fd < 0)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%.100s: %s", path, strerror(error));
	do {
		n = read(fd, piece, sizeof(piece));
		error = errno;
		if (n > 0)
			ccp_buf_add(text, piece, (size_t)n);
	} while (ccp_buf_ok(text) && (n > 0 || (n < 0 && error == EINTR)));
	close(fd);
	OPENSSL_cleanse(piece, sizeof(piece));
	if (n < 0)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%.100s: %s", path, strerror(error));
	if (!ccp_buf_ok(text))
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%.100s: over %d bytes", path,
		                CCP_TOKEN_MAX_BYTES);
	return CCP_OK;
}

enum ccp_err
ccp_credential_token(const char *path, struct ccp_buf *token, struct ccp_error *err)
{
	enum ccp_err rc;
	size_t i;

	ccp_buf_cleanse(token);
	token->max = CCP_TOKEN_MAX_BYTES;
	rc = read_file(path, token, err);
	if (rc)
		return rc;
	while (token->len && strchr("\r\n", token->data[token->len - 1]))
		token->data[--token->len] = '\0';
	if (token->len == 0)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "%.100s: empty", path);
	/* it becomes part of a header */
	for (i = 0; i < token->len; i++)
		if ((unsigned char)token->data[i] < ' ' || token->data[i] == 0x7f)
			return ccp_fail(err, CCP_ERR_CREDENTIALS,
			                "%.100s: a line end or control character inside the token",
			                path);
	return CCP_OK;
}

bool
ccp_resolve_stopped(const struct ccp_resolve *r)
{
	return r->stop && atomic_load(r->stop);
}

void
ccp_resolve_sleep(const struct ccp_resolve *r, int64_t ms)
{
	if (!ccp_resolve_stopped(r))
		r->outside->sleep_ms(r->outside->arg, ms);
}
