#include "upstream/bedrock_failure.h"

#include "base/redact.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cjson/cJSON.h>

/* A sentence longer than this is not meant for people. */
#define MESSAGE_MAX_BYTES (64 * 1024)

/*
 * Source: botocore service model of bedrock-runtime (2026-08-07) for the
 * names; code.claude.com "Gateway protocol reference" (2026-08-22) for what
 * Claude Code makes of the types.
 */
static const struct {
	const char *name;
	const char *type;
} types[] = {
	{ "ValidationException", "invalid_request_error" },
	{ "AccessDeniedException", "permission_error" },
	{ "ResourceNotFoundException", "not_found_error" },
	{ "ThrottlingException", "rate_limit_error" },
	{ "ServiceQuotaExceededException", "rate_limit_error" },
	{ "ModelNotReadyException", "overloaded_error" },
	{ "ServiceUnavailableException", "overloaded_error" },
	{ "ModelTimeoutException", "timeout_error" },
	{ "RequestEntityTooLargeException", "request_too_large" },
};

void
ccp_bedrock_failure_set(struct ccp_bedrock_failure *failure, struct ccp_span name,
                        struct ccp_span message)
{
	size_t i;

	*failure = (struct ccp_bedrock_failure){ 0 };
	snprintf(failure->name, sizeof(failure->name), "%.*s", (int)(name.len < 63 ? name.len : 63),
	         name.p);
	snprintf(failure->type, sizeof(failure->type), "api_error");
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(failure->name, types[i].name) == 0)
			snprintf(failure->type, sizeof(failure->type), "%s", types[i].type);
	failure->clients_fault = strcasecmp(failure->name, "ValidationException") == 0;
	ccp_redact(failure->message, sizeof(failure->message), message);
	if (!*failure->message)
		snprintf(failure->message, sizeof(failure->message), "Bedrock gave no reason (%s)",
		         failure->name);
	/* Claude Code compacts the conversation when it reads these words */
	if (failure->clients_fault && strncasecmp(failure->message, "Input is too long", 17) == 0)
		snprintf(failure->message, sizeof(failure->message),
		         "prompt is too long (capability_rejected: prompt_too_long)");
}

void
ccp_bedrock_failure_message(struct ccp_span json, struct ccp_buf *message)
{
	cJSON *body = cJSON_ParseWithLength(json.p, json.len);
	const cJSON *text = cJSON_GetObjectItem(body, "message"); /* any case: Message too */
	const cJSON *inner = cJSON_GetObjectItem(cJSON_GetObjectItem(body, "error"), "message");

	if (cJSON_IsString(inner))
		text = inner;
	if (cJSON_IsString(text)) {
		/* newer models: Anthropic's whole error, as text, inside the message */
		cJSON *nested = cJSON_Parse(text->valuestring);
		const cJSON *deep =
			cJSON_GetObjectItem(cJSON_GetObjectItem(nested, "error"), "message");

		ccp_buf_puts(message, cJSON_IsString(deep) ? deep->valuestring : text->valuestring);
		cJSON_Delete(nested);
	}
	cJSON_Delete(body);
}

/* "namespace#Name:http://…" is Name. */
static struct ccp_span
bare_name(const char *text)
{
	const char *hash = strchr(text, '#');
	const char *name = hash ? hash + 1 : text;

	return (struct ccp_span){ name, strcspn(name, ":") };
}

void
ccp_bedrock_failure_of_http(int status, const struct ccp_headers *headers, struct ccp_span body,
                            struct ccp_bedrock_failure *failure)
{
	const char *header = ccp_headers_get(headers, "x-amzn-errortype");
	struct ccp_buf message = CCP_BUF_INIT(MESSAGE_MAX_BYTES);
	cJSON *json = cJSON_ParseWithLength(body.p, body.len);
	const cJSON *typed = cJSON_GetObjectItemCaseSensitive(json, "__type");
	struct ccp_span name = CCP_SPAN("");
	char fallback[32];

	if (!cJSON_IsString(typed))
		typed = cJSON_GetObjectItemCaseSensitive(json, "code");
	if (header)
		name = bare_name(header);
	else if (cJSON_IsString(typed))
		name = bare_name(typed->valuestring);
	if (!name.len && status == 400) {
		name = CCP_SPAN("ValidationException");
	} else if (!name.len) {
		snprintf(fallback, sizeof(fallback), "HTTP %d", status);
		name = (struct ccp_span){ fallback, strlen(fallback) };
	}
	ccp_bedrock_failure_message(body, &message);
	ccp_bedrock_failure_set(failure, name,
	                        (struct ccp_span){ ccp_buf_text(&message), message.len });
	if (status != 400)
		failure->clients_fault = false;
	cJSON_Delete(json);
	ccp_buf_clear(&message);
}

/*
 * Source: IAM and SigV4 common errors of the AWS API references (2026); the
 * names with and without "Exception" are both seen.
 */
static const struct {
	const char *name;
	bool expired;
} credential_errors[] = {
	{ "ExpiredToken", true },
	{ "ExpiredTokenException", true },
	{ "UnrecognizedClientException", true }, /* also what a deleted session says */
	{ "InvalidClientTokenId", true },
	{ "InvalidSignatureException", false },
	{ "SignatureDoesNotMatch", false },
	{ "RequestExpired", false },
	{ "RequestTimeTooSkewed", false },
};

static int
credential_error(const struct ccp_bedrock_failure *failure)
{
	size_t i;

	for (i = 0; i < sizeof(credential_errors) / sizeof(credential_errors[0]); i++)
		if (strcasecmp(failure->name, credential_errors[i].name) == 0)
			return (int)i;
	return -1;
}

bool
ccp_bedrock_refused_credentials(const struct ccp_bedrock_failure *failure)
{
	return credential_error(failure) >= 0;
}

bool
ccp_bedrock_credentials_expired(const struct ccp_bedrock_failure *failure)
{
	int i = credential_error(failure);

	return i >= 0 && credential_errors[i].expired;
}
