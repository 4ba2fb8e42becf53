/* What a refusal of Anthropic's says about a limit: its header fields and its small JSON body. */
#include "upstream/anthropic.h"

#include "base/httpdate.h"

#include <string.h>

#include <cjson/cJSON.h>

#define RETRY_AFTER_MAX_MS ((int64_t)CCP_LIMIT_MAX_S * 1000)

/* Error codes of a spend cap; wire names of @anthropic-ai/sdk 1.12.0. */
static const char *const spend_codes[] = {
	"enforced_spend_limit_reached",
	"contract_spend_limit_reached",
	"linked_organization_spend_limit_reached",
};

/* How the message of the 400 form begins, which has no code. */
#define SPEND_MESSAGE "You have reached your specified API usage limits"

static struct ccp_span
trimmed(const char *text)
{
	struct ccp_span s = { text, text ? strlen(text) : 0 };

	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.len--;
	}
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool
is_token(struct ccp_span s)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_-.:";
	size_t i;

	for (i = 0; i < s.len; i++)
		if (!s.p[i] || !strchr(good, s.p[i]))
			return false;
	return true;
}

/* These texts end up in the store, the log and a header field: names only, whole or not at all. */
static void
copy_token(char *out, size_t size, const char *text)
{
	struct ccp_span s = trimmed(text);

	out[0] = '\0';
	if (s.len == 0 || s.len >= size || !is_token(s))
		return;
	memcpy(out, s.p, s.len);
	out[s.len] = '\0';
}

/*
 * "12" or "1.5" in thousandths, rounded up; numbers too large for any use stop
 * growing. -1 when s is nothing of the kind: a sign, an exponent, a word.
 */
static int64_t
thousandths(struct ccp_span s)
{
	const int64_t enough = RETRY_AFTER_MAX_MS * 1000;
	int64_t whole = 0, part = 0, unit = 100;
	bool more = false;
	size_t i = 0;

	for (; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (whole < enough)
			whole = whole * 10 + (s.p[i] - '0');
	if (i == 0)
		return -1;
	if (i < s.len && s.p[i] == '.') {
		for (i++; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++, unit /= 10) {
			part += (s.p[i] - '0') * unit;
			more = more || (unit == 0 && s.p[i] != '0');
		}
	}
	if (i < s.len)
		return -1;
	return whole * 1000 + part + (more ? 1 : 0);
}

static int64_t
retry_after_ms(const struct ccp_headers *headers, int64_t now_s)
{
	struct ccp_span text = trimmed(ccp_headers_get(headers, "retry-after-ms"));
	int64_t ms = thousandths(text), at_s;

	if (ms > 0)
		ms = (ms + 999) / 1000;
	if (ms <= 0) {
		text = trimmed(ccp_headers_get(headers, "retry-after"));
		ms = thousandths(text);
		if (ms < 0 && ccp_httpdate_parse(text, now_s, &at_s) && at_s > now_s)
			ms = at_s - now_s < CCP_LIMIT_MAX_S ? (at_s - now_s) * 1000
			                                    : RETRY_AFTER_MAX_MS;
	}
	if (ms <= 0)
		return 0;
	return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

static void
read_headers(const struct ccp_headers *headers, int64_t now_s, struct ccp_limit_signs *signs)
{
	const char *status = ccp_headers_get(headers, "anthropic-ratelimit-unified-status");
	int64_t reset =
		thousandths(trimmed(ccp_headers_get(headers, "anthropic-ratelimit-unified-reset")));

	signs->unified_rejected = ccp_span_is(trimmed(status), "rejected");
	signs->unified_reset_s = reset > 0 ? reset / 1000 : 0;
	copy_token(signs->unified_claim, sizeof(signs->unified_claim),
	           ccp_headers_get(headers, "anthropic-ratelimit-unified-representative-claim"));
	copy_token(signs->organization, sizeof(signs->organization),
	           ccp_headers_get(headers, "anthropic-organization-id"));
	signs->retry_after_ms = retry_after_ms(headers, now_s);
	signs->has_retry_after = signs->retry_after_ms > 0;
}

/* Cuts the next line, with its end, off the front of text. */
static struct ccp_span
next_line(struct ccp_span *text)
{
	struct ccp_span line = { text->p, 0 };

	while (line.len < text->len && line.p[line.len] != '\n' && line.p[line.len] != '\r')
		line.len++;
	if (line.len < text->len)
		line.len++;
	text->p += line.len;
	text->len -= line.len;
	return line;
}

/*
 * Copies text; when its later lines begin with "data:" it is what several data
 * lines of one SSE event span, and only their values are JSON. No JSON has such
 * a line, since a string cannot hold a line end, so whole bodies stay whole.
 */
static void
copy_json(struct ccp_buf *out, struct ccp_span text)
{
	static const char data[] = "data:";
	struct ccp_span rest = text, line = next_line(&rest);
	bool is_event = false;

	ccp_buf_add(out, line.p, line.len);
	while (rest.len) {
		line = next_line(&rest);
		if (line.len < sizeof(data) - 1 || memcmp(line.p, data, sizeof(data) - 1) != 0)
			continue;
		is_event = true;
		ccp_buf_add(out, line.p + sizeof(data) - 1, line.len - (sizeof(data) - 1));
	}
	if (is_event)
		return;
	ccp_buf_consume(out, out->len);
	ccp_buf_add(out, text.p, text.len);
}

/*
 * The error object of the shape {"type":"error","error":{…}}, or NULL. cJSON
 * gets a NUL-terminated copy: 1.7.15 reads past the end of bare bytes
 * (CVE-2023-53154).
 */
static cJSON *
parse_error(struct ccp_span text)
{
	struct ccp_buf copy = CCP_BUF_INIT(CCP_ERROR_BODY_MAX_BYTES);
	cJSON *json = NULL;
	const char *type;

	if (text.len == 0 || text.len > CCP_ERROR_BODY_MAX_BYTES || memchr(text.p, '\0', text.len))
		return NULL;
	copy_json(&copy, text);
	if (ccp_buf_ok(&copy))
		json = cJSON_ParseWithOpts(ccp_buf_text(&copy), NULL, 1);
	ccp_buf_clear(&copy);
	type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "type"));
	if (!type || strcmp(type, "error") != 0) {
		cJSON_Delete(json);
		return NULL;
	}
	return json;
}

bool
ccp_anthropic_is_error(struct ccp_span text)
{
	cJSON *json = parse_error(text);
	bool is = json != NULL;

	cJSON_Delete(json);
	return is;
}

static const char *
text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static bool
is_spend_limit(const char *error_code, const char *message)
{
	size_t i;

	for (i = 0; i < sizeof(spend_codes) / sizeof(spend_codes[0]); i++)
		if (strcmp(error_code, spend_codes[i]) == 0)
			return true;
	/* codes are new (November 2026): before them there were only words */
	return message && (strncmp(message, SPEND_MESSAGE, sizeof(SPEND_MESSAGE) - 1) == 0 ||
	                   strcasestr(message, "spend limit"));
}

static void
read_body(struct ccp_span body, struct ccp_limit_signs *signs)
{
	cJSON *json = parse_error(body);
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
	const cJSON *details = cJSON_GetObjectItemCaseSensitive(error, "details");

	copy_token(signs->error_type, sizeof(signs->error_type), text_of(error, "type"));
	copy_token(signs->error_code, sizeof(signs->error_code), text_of(details, "error_code"));
	signs->rate_limit_json = strcmp(signs->error_type, "rate_limit_error") == 0;
	signs->spend_limit = is_spend_limit(signs->error_code, text_of(error, "message"));
	cJSON_Delete(json);
}

void
ccp_anthropic_limit_signs(const struct ccp_headers *headers, struct ccp_span body, int64_t now_s,
                          struct ccp_limit_signs *signs)
{
	*signs = (struct ccp_limit_signs){ 0 };
	read_headers(headers, now_s, signs);
	read_body(body, signs);
}
