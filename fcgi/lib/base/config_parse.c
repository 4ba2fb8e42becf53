#include "base/config_table.h"
#include "base/utf8.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

/* A sentence shows at most so much of a wrong value: enough to find it, short enough to be read. */
#define SHOWN_BYTES 60

/* A region or profile name; AWS's longest today is "us-isob-east-1". */
#define NAME_MAX_BYTES 32

static void *
field(struct ccp_config *config, const struct ccp_setting *setting)
{
	return (char *)config + setting->offset;
}

static enum ccp_err
wrong(const struct ccp_setting *setting, const char *text, const char *is_not,
      struct ccp_error *err)
{
	return ccp_fail(err, CCP_ERR_SETTING, "%s: \"%.*s\" is not %s", setting->row.name,
	                SHOWN_BYTES, text, is_not);
}

bool
ccp_setting_text_ok(const char *text)
{
	const char *end = text + strlen(text);
	uint32_t c = 0;
	size_t n;

	for (; text < end; text += n) {
		n = ccp_utf8_char(text, (size_t)(end - text), &c);
		if (n == 0 || c < 0x20 || c == 0x7f)
			return false;
	}
	return true;
}

enum ccp_err
ccp_setting_switch(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                   struct ccp_error *err)
{
	static const char *const words[] = { "true", "1", "yes", "on", "false", "0", "no", "off" };

	for (size_t i = 0; i < 8; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*(bool *)field(config, setting) = i < 4;
			return CCP_OK;
		}
	}
	return wrong(setting, text, "true or false", err);
}

enum ccp_err
ccp_setting_number(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                   struct ccp_error *err)
{
	char range[80];
	int64_t value = 0;
	size_t len = strlen(text);
	bool ok = len > 0 && len <= 18; /* so that value cannot overflow */

	for (size_t i = 0; ok && i < len; i++) {
		ok = text[i] >= '0' && text[i] <= '9';
		value = value * 10 + (text[i] - '0');
	}
	if (ok && value >= setting->min && value <= setting->max) {
		*(int64_t *)field(config, setting) = value;
		return CCP_OK;
	}
	snprintf(range, sizeof(range), "a whole number from %lld to %lld", (long long)setting->min,
	         (long long)setting->max);
	return wrong(setting, text, range, err);
}

/* Index of text among the setting's choices, or -1 and the sentence. */
static int
choose(const struct ccp_setting *setting, const char *text, struct ccp_error *err)
{
	char all[80] = "";
	size_t used = 0;

	for (int i = 0; i < CCP_SETTING_CHOICES_MAX && setting->choices[i]; i++) {
		bool last = i + 1 == CCP_SETTING_CHOICES_MAX || !setting->choices[i + 1];

		if (strcasecmp(text, setting->choices[i]) == 0)
			return i;
		used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
		                         i == 0 ? ""
		                         : last ? " or "
		                                : ", ",
		                         setting->choices[i]);
	}
	wrong(setting, text, all, err);
	return -1;
}

enum ccp_err
ccp_setting_choice(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                   struct ccp_error *err)
{
	int i = choose(setting, text, err);

	if (i < 0)
		return CCP_ERR_SETTING;
	/* the fields are enums that count from 0 in the order of the choices */
	*(unsigned *)field(config, setting) = (unsigned)i;
	return CCP_OK;
}

enum ccp_err
ccp_setting_log_format(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                       struct ccp_error *err)
{
	int i = choose(setting, text, err);

	if (i < 0)
		return CCP_ERR_SETTING;
	*(bool *)field(config, setting) = i == 1;
	return CCP_OK;
}

enum ccp_err
ccp_setting_text(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                 struct ccp_error *err)
{
	(void)err;
	*(char **)field(config, setting) = text;
	return CCP_OK;
}

enum ccp_err
ccp_setting_secret(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                   struct ccp_error *err)
{
	/* it becomes part of a header; and its value must not be in a sentence */
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f)
			return ccp_fail(
				err, CCP_ERR_SETTING,
				"%s: the value has a blank or a character that is not ASCII",
				setting->row.name);
	return ccp_setting_text(setting, text, config, err);
}

enum ccp_err
ccp_setting_name(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                 struct ccp_error *err)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t len = strlen(text);

	/* it becomes part of a host name */
	if (len > NAME_MAX_BYTES || strspn(text, chars) != len)
		return wrong(setting, text, "made of a to z, 0 to 9 and - (at most 32)", err);
	return ccp_setting_text(setting, text, config, err);
}

enum ccp_err
ccp_setting_guardrail(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                      struct ccp_error *err)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789:/-";
	const char *draft = strstr(text, ":DRAFT");
	size_t len = draft && !draft[6] ? (size_t)(draft - text) : strlen(text);

	/* it becomes part of a header; botocore (2026-08-07) allows 2048 bytes */
	if (len == 0 || len > 2048 || strspn(text, chars) < len)
		return wrong(setting, text, "a guardrail's id or ARN, :VERSION behind it or not",
		             err);
	return ccp_setting_text(setting, text, config, err);
}

/* Length of "http://" or "https://" at the beginning of text, else 0. */
static size_t
scheme_length(const char *text)
{
	if (strncasecmp(text, "https://", 8) == 0)
		return 8;
	return strncasecmp(text, "http://", 7) == 0 ? 7 : 0;
}

/* Length of the host at p, brackets of an IPv6 address included; 0 when it is none. */
static size_t
host_length(const char *p)
{
	static const char name[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	char address[INET6_ADDRSTRLEN];
	struct in6_addr parsed;
	size_t n;

	if (*p != '[')
		return strspn(p, name);
	n = strcspn(p, "]");
	if (p[n] != ']' || n < 2 || n > sizeof(address))
		return 0;
	memcpy(address, p + 1, n - 1);
	address[n - 1] = '\0';
	return inet_pton(AF_INET6, address, &parsed) == 1 ? n + 1 : 0;
}

/* True when p is the end of an authority: nothing, ":port", and then a path or nothing. */
static bool
port_and_path_ok(const char *p)
{
	if (*p == ':') {
		size_t digits = strspn(p + 1, "0123456789");
		long port = strtol(p + 1, NULL, 10);

		if (digits == 0 || digits > 5 || port < 1 || port > 65535)
			return false;
		p += 1 + digits;
	}
	return *p == '\0' || (*p == '/' && !strpbrk(p, "?#@\\ \"'<>"));
}

/* Bytes of scheme and host; 0 when text is no URL of host, port and path only. */
static size_t
url_authority_length(const char *text)
{
	size_t scheme = scheme_length(text);
	size_t host = scheme ? host_length(text + scheme) : 0;

	return host && port_and_path_ok(text + scheme + host) ? scheme + host : 0;
}

enum ccp_err
ccp_setting_url(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                struct ccp_error *err)
{
	size_t authority = url_authority_length(text), len = strlen(text);

	/* the value is not shown: people do put passwords into URLs */
	if (authority == 0)
		return ccp_fail(err, CCP_ERR_SETTING,
		                "%s: not an http:// or https:// URL of host, port and path only"
		                " (no user, no query, no fragment)",
		                setting->row.name);
	while (len > authority && text[len - 1] == '/')
		text[--len] = '\0';
	return ccp_setting_text(setting, text, config, err);
}

bool
ccp_config_url_ok(const struct ccp_config *config, const char *url)
{
	return url_authority_length(url) > 0 &&
	       (config->allow_insecure_upstream || !ccp_setting_url_is_exposed(url));
}

bool
ccp_setting_url_is_exposed(const char *url)
{
	size_t scheme = scheme_length(url), len;
	char host[INET6_ADDRSTRLEN + 2];
	struct in6_addr six;
	struct in_addr four;

	if (scheme != 7)
		return false;
	len = host_length(url + scheme);
	if (len >= sizeof(host))
		return true;
	memcpy(host, url + scheme, len);
	host[len] = '\0';
	if (strcasecmp(host, "localhost") == 0)
		return false;
	if (inet_pton(AF_INET, host, &four) == 1)
		return ntohl(four.s_addr) >> 24 != 127;
	if (host[0] != '[')
		return true;
	host[len - 1] = '\0';
	return inet_pton(AF_INET6, host + 1, &six) != 1 || !IN6_IS_ADDR_LOOPBACK(&six);
}

enum ccp_err
ccp_setting_proxy(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                  struct ccp_error *err)
{
	/* libcurl judges the rest: proxies have more schemes, and may have a user and password */
	if (strpbrk(text, " \"'<>\\"))
		return ccp_fail(err, CCP_ERR_SETTING, "%s: not a proxy URL", setting->row.name);
	return ccp_setting_text(setting, text, config, err);
}

enum ccp_err
ccp_setting_store(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                  struct ccp_error *err)
{
	if (strncmp(text, "sqlite:", 7) != 0 && strcmp(text, "dynamodb:") != 0)
		return wrong(setting, text, "sqlite:PATH or dynamodb:", err);
	return ccp_setting_text(setting, text, config, err);
}

enum ccp_err
ccp_setting_fallback_on(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                        struct ccp_error *err)
{
	static const struct {
		const char *word;
		unsigned flag;
	} words[] = { { "429", CCP_ON_429 },
		      { "529", CCP_ON_529 },
		      { "5xx", CCP_ON_5XX },
		      { "connect", CCP_ON_CONNECT },
		      { "spend", CCP_ON_SPEND } };
	unsigned flags = 0;

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ", ");
		unsigned flag = 0;

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			if (strlen(words[i].word) == len && strncasecmp(p, words[i].word, len) == 0)
				flag = words[i].flag;
		if (len > 0 && flag == 0)
			return wrong(setting, text, "a list of 429, 529, 5xx, connect, spend", err);
		flags |= flag;
		p += len + strspn(p + len, ", ");
	}
	if (flags == 0)
		return wrong(setting, text, "a list of 429, 529, 5xx, connect, spend", err);
	*(unsigned *)field(config, setting) = flags;
	return CCP_OK;
}

enum ccp_err
ccp_setting_model_map(const struct ccp_setting *setting, char *text, struct ccp_config *config,
                      struct ccp_error *err)
{
	cJSON *map = cJSON_ParseWithOpts(text, NULL, true);
	const cJSON *item = NULL;
	bool ok = cJSON_IsObject(map);

	cJSON_ArrayForEach(item, map)
		ok = ok && item->string && item->string[0] && cJSON_IsString(item) &&
		     item->valuestring[0];
	cJSON_Delete(map);
	if (!ok)
		return wrong(setting, text, "a JSON object of model ids, {\"id\": \"Bedrock id\"}",
		             err);
	return ccp_setting_text(setting, text, config, err);
}
