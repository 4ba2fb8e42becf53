#include "upstream/anthropic.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

/* In the order in which the fingerprint takes them. */
static const char *const credential_names[] = { "x-api-key", "authorization" };
#define CREDENTIAL_NAME_COUNT (sizeof(credential_names) / sizeof(credential_names[0]))

/* A name that ends in '*' stands for all that begin so. Lists end in NULL. */
static const char *const to_anthropic[] = {
	"content-type",    "content-encoding",
	"accept",          "user-agent",
	"x-api-key",       "authorization",
	"anthropic-*",     "x-app",
	"x-claude-code-*", "x-stainless-*",
	"traceparent",     "tracestate",
	"baggage",         NULL,
};

static const char *const never_to_anthropic[] = { "x-claude-code-user", NULL };

static const char *const never_back[] = {
	/* hop-by-hop: RFC 9110 7.6.1, RFC 2616 13.5.1 */
	"connection",
	"keep-alive",
	"proxy-authenticate",
	"proxy-authorization",
	"proxy-connection",
	"te",
	"trailer",
	"transfer-encoding",
	"upgrade",
	/* ours or the web server's to say */
	"set-cookie",
	"server",
	"date",
	/* orders to the web server */
	"status",
	"x-sendfile",
	"x-lighttpd-*",
	"x-accel-*",
	NULL,
};

static bool
name_in(const char *name, const char *const *list)
{
	size_t n;

	for (; *list; list++) {
		n = strlen(*list);
		if ((*list)[n - 1] == '*' ? strncasecmp(name, *list, n - 1) == 0
		                          : strcasecmp(name, *list) == 0)
			return true;
	}
	return false;
}

static struct ccp_span
trimmed(const char *text)
{
	size_t start = strspn(text, " \t");
	struct ccp_span s = { text + start, strlen(text + start) };

	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool
is_credential_name(const char *name)
{
	size_t i;

	for (i = 0; i < CREDENTIAL_NAME_COUNT; i++)
		if (strcasecmp(name, credential_names[i]) == 0)
			return true;
	return false;
}

void
ccp_anthropic_request_headers(const struct ccp_headers *from, struct ccp_headers *to)
{
	const struct ccp_header *field;
	size_t i;

	for (i = 0; i < from->count; i++) {
		field = &from->items[i];
		if (!name_in(field->name, to_anthropic) || name_in(field->name, never_to_anthropic))
			continue;
		if (is_credential_name(field->name) && trimmed(field->value).len == 0)
			continue;
		ccp_headers_add(to, field->name, field->value);
	}
	if (from->spoiled)
		to->spoiled = true;
}

/* True when a Connection field of headers names this field as belonging to one hop only. */
static bool
named_by_connection(const struct ccp_headers *headers, const char *name)
{
	size_t i, n, name_len = strlen(name);
	const char *p;

	for (i = 0; i < headers->count; i++) {
		if (strcasecmp(headers->items[i].name, "connection") != 0)
			continue;
		for (p = headers->items[i].value; *p; p += n) {
			p += strspn(p, ", \t");
			n = strcspn(p, ", \t");
			if (n == name_len && strncasecmp(p, name, n) == 0)
				return true;
		}
	}
	return false;
}

/* A length goes back when it is that of the bytes that follow: a stream may get an end of ours. */
static bool
length_holds(const struct ccp_headers *from)
{
	const char *type = ccp_headers_get(from, "content-type");

	return !ccp_headers_get(from, "transfer-encoding") &&
	       !(type && strncmp(type, "text/event-stream", 17) == 0);
}

void
ccp_anthropic_response_headers(const struct ccp_headers *from, struct ccp_headers *to)
{
	const struct ccp_header *field;
	size_t i;

	for (i = 0; i < from->count; i++) {
		field = &from->items[i];
		if (strcasecmp(field->name, "content-length") == 0 && !length_holds(from))
			continue;
		if (!name_in(field->name, never_back) && !named_by_connection(from, field->name))
			ccp_headers_add(to, field->name, field->value);
	}
	if (from->spoiled)
		to->spoiled = true;
}

bool
ccp_anthropic_has_credential(const struct ccp_headers *headers)
{
	size_t i;

	for (i = 0; i < headers->count; i++)
		if (is_credential_name(headers->items[i].name) &&
		    trimmed(headers->items[i].value).len > 0)
			return true;
	return false;
}

/* Every field of that name that has a value, as "name:value\n". */
static bool
digest_fields(EVP_MD_CTX *digest, const struct ccp_headers *headers, const char *name)
{
	struct ccp_span value;
	size_t i;

	for (i = 0; i < headers->count; i++) {
		value = trimmed(headers->items[i].value);
		if (strcasecmp(headers->items[i].name, name) != 0 || value.len == 0)
			continue;
		if (EVP_DigestUpdate(digest, name, strlen(name)) != 1 ||
		    EVP_DigestUpdate(digest, ":", 1) != 1 ||
		    EVP_DigestUpdate(digest, value.p, value.len) != 1 ||
		    EVP_DigestUpdate(digest, "\n", 1) != 1)
			return false;
	}
	return true;
}

enum ccp_err
ccp_anthropic_fingerprint(const struct ccp_headers *headers, char out[33])
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *digest = NULL;
	enum ccp_err rc = CCP_ERR_NOMEM;
	size_t i;

	out[0] = '\0';
	if (!ccp_anthropic_has_credential(headers))
		return CCP_OK;

	digest = EVP_MD_CTX_new();
	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1)
		goto out;
	for (i = 0; i < CREDENTIAL_NAME_COUNT; i++)
		if (!digest_fields(digest, headers, credential_names[i]))
			goto out;
	if (EVP_DigestFinal_ex(digest, hash, NULL) != 1)
		goto out;
	for (i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
	rc = CCP_OK;

out:
	EVP_MD_CTX_free(digest);
	return rc;
}

/* Cuts the next line off the front of text; false while its end is not there yet. */
static bool
take_line(struct ccp_span *text, struct ccp_span *line)
{
	size_t n = 0, end;

	while (n < text->len && text->p[n] != '\n' && text->p[n] != '\r')
		n++;
	if (n == text->len)
		return false;
	end = n + 1 < text->len && text->p[n] == '\r' && text->p[n + 1] == '\n' ? n + 2 : n + 1;
	*line = (struct ccp_span){ text->p, n };
	text->p += end;
	text->len -= end;
	return true;
}

static bool
field_value(struct ccp_span line, const char *name, struct ccp_span *value)
{
	size_t n = strlen(name);

	if (line.len < n || memcmp(line.p, name, n) != 0 || (line.len > n && line.p[n] != ':'))
		return false;
	if (line.len > n)
		n++;
	if (line.len > n && line.p[n] == ' ')
		n++;
	*value = (struct ccp_span){ line.p + n, line.len - n };
	return true;
}

int
ccp_anthropic_first_event(struct ccp_span text, struct ccp_span *error_json)
{
	struct ccp_span rest = text, line, value, name = { text.p, 0 }, data = { text.p, 0 };
	bool has_data = false;

	*error_json = (struct ccp_span){ text.p, 0 };
	if (rest.len > CCP_FIRST_EVENT_MAX_BYTES)
		rest.len = CCP_FIRST_EVENT_MAX_BYTES;
	if (rest.len >= 3 && memcmp(rest.p, "\xef\xbb\xbf", 3) == 0)
		rest = (struct ccp_span){ rest.p + 3, rest.len - 3 };
	while (take_line(&rest, &line)) {
		if (line.len == 0 && (name.len || has_data)) {
			if (!ccp_span_is(name, "error") && !ccp_anthropic_is_error(data))
				return 1;
			*error_json = data;
			return 2;
		}
		if (field_value(line, "event", &value)) {
			name = value;
		} else if (field_value(line, "data", &value)) {
			if (!has_data)
				data.p = value.p;
			data.len = (size_t)(value.p + value.len - data.p);
			has_data = true;
		}
	}
	return text.len > CCP_FIRST_EVENT_MAX_BYTES ? 1 : 0;
}

/* A JSON string of the text with everything replaced that is not UTF-8; NULL without memory. */
static cJSON *
safe_string(const char *text)
{
	size_t len = strlen(text), n;
	struct ccp_buf safe = CCP_BUF_INIT(3 * len); /* each bad byte becomes three */
	cJSON *string = NULL;

	for (; len; text += n, len -= n) {
		n = ccp_utf8_char(text, len, NULL);
		ccp_buf_add(&safe, n ? text : "\xef\xbf\xbd", n ? n : 3);
		if (!n)
			n = 1;
	}
	if (ccp_buf_ok(&safe))
		string = cJSON_CreateString(ccp_buf_text(&safe));
	ccp_buf_clear(&safe);
	return string;
}

/* Adds item under name; an item that could not be added is freed. */
static bool
add_item(cJSON *object, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObject(object, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

void
ccp_anthropic_error_json(struct ccp_buf *out, const char *type, const char *message,
                         const char *request_id)
{
	cJSON *root = cJSON_CreateObject();
	cJSON *error = NULL;
	char *text = NULL;

	if (!add_item(root, "type", cJSON_CreateString("error")))
		goto out;
	error = cJSON_AddObjectToObject(root, "error");
	if (error && add_item(error, "type", safe_string(type)) &&
	    add_item(error, "message", safe_string(message)) &&
	    add_item(root, "request_id", request_id ? safe_string(request_id) : cJSON_CreateNull()))
		text = cJSON_PrintUnformatted(root);

out:
	ccp_buf_puts(out, text ? text
	                       : "{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
	                         "\"message\":\"Out of memory.\"},\"request_id\":null}");
	cJSON_free(text);
	cJSON_Delete(root);
}
