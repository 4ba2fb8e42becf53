#include "base/config_table.h"

#include <string.h>

#define FIELD(name) offsetof(struct ccp_config, name)

/* clang-format off */
#define SWITCH(name, field, def, help) \
	{ { name, "switch", def, help, false }, \
	  ccp_setting_switch, FIELD(field), 0, 0, { NULL }, NULL }
#define NUMBER(name, field, unit, def, min, max, help) \
	{ { name, unit, def, help, false }, \
	  ccp_setting_number, FIELD(field), min, max, { NULL }, NULL }
#define TEXT(name, field, type, def, help) \
	{ { name, type, def, help, false }, ccp_setting_text, FIELD(field), 0, 0, { NULL }, NULL }
#define SECRET(name, field, help) \
	{ { name, "secret", "", help, true }, \
	  ccp_setting_secret, FIELD(field), 0, 0, { NULL }, NULL }
#define OTHER(name, field, type, parse, def, help) \
	{ { name, type, def, help, false }, parse, FIELD(field), 0, 0, { NULL }, NULL }
#define PROXY(name, alias, field, type, parse, help) \
	{ { name, type, "", help, false }, parse, FIELD(field), 0, 0, { NULL }, alias }
#define DAY_S 86400

const struct ccp_setting ccp_settings[] = {
	/* what it does */
	SWITCH("BEDROCK_FALLBACK_ENABLED", bedrock_fallback_enabled, "true",
	       "answer from Bedrock when Anthropic is limited"),
	OTHER("FALLBACK_ON", fallback_on, "list", ccp_setting_fallback_on, "429",
	      "when Bedrock may answer: 429, 529, 5xx, connect, spend; comma separated"),
	TEXT("FALLBACK_ORGANIZATIONS", fallback_organizations, "list", "",
	     "only a 429 of these anthropic-organization-id values opens Bedrock; none = any"),
	SWITCH("RATE_LIMIT_TRACKING_ENABLED", rate_limit_tracking_enabled, "true",
	       "remember until when Anthropic is closed, per user and credential"),
	NUMBER("RETRY_THRESHOLD_SECONDS", retry_threshold_s, "seconds", "30", 0, DAY_S,
	       "a retry-after up to this is waited for, above it: Bedrock; 0 = never wait"),
	NUMBER("MAX_RETRY_WAIT_SECONDS", max_retry_wait_s, "seconds", "10", 0, 3600,
	       "the longest such wait"),
	SWITCH("FORCE_RATE_LIMIT", force_rate_limit, "false",
	       "test: play a 429 for every message of a loopback client, without asking Anthropic"),
	SWITCH("USAGE_TRACKING_ENABLED", usage_tracking_enabled, "true",
	       "count tokens and cost of Bedrock answers"),
	SWITCH("TRACK_ANTHROPIC_USAGE", track_anthropic_usage, "false",
	       "count answers of Anthropic too"),

	/* Anthropic */
	OTHER("ANTHROPIC_API_BASE", anthropic_api_base, "url", ccp_setting_url,
	      "https://api.anthropic.com", "where messages go; plain http only to loopback"),
	SECRET("ANTHROPIC_API_KEY", anthropic_api_key,
	       "for loopback clients that send no credential"),
	SECRET("ANTHROPIC_AUTH_TOKEN", anthropic_auth_token,
	       "the same, sent as a bearer token; ANTHROPIC_API_KEY goes first"),
	SWITCH("ALLOW_INSECURE_UPSTREAM", allow_insecure_upstream, "false",
	       "allow plain http to other machines: credentials travel unencrypted"),

	/* Bedrock */
	{ { "BEDROCK_API", "choice", "invoke", "which Bedrock API: invoke or messages", false },
	  ccp_setting_choice, FIELD(bedrock_api), 0, 0, { "invoke", "messages" }, NULL },
	OTHER("BEDROCK_REGION", bedrock_region, "region", ccp_setting_name, "",
	      "region of Bedrock; none = AWS_REGION"),
	OTHER("BEDROCK_PROFILE", bedrock_profile, "name", ccp_setting_name, "global",
	      "inference profile: global, us, eu, jp, au, ..."),
	TEXT("BEDROCK_DEFAULT_MODEL", bedrock_default_model, "text", "",
	     "Bedrock id or ARN for a model that is not in the table; none = no fallback for it"),
	OTHER("BEDROCK_MODEL_OVERRIDES", bedrock_model_overrides, "json", ccp_setting_model_map, "",
	      "JSON object: Anthropic id or * to Bedrock id or ARN"),
	OTHER("BEDROCK_GUARDRAIL", bedrock_guardrail, "text", ccp_setting_guardrail, "",
	      "guardrail for every answer: id or ARN, :VERSION behind it (none = DRAFT)"),
	{ { "BEDROCK_SERVICE_TIER", "choice", "default", "default, priority, flex or reserved",
	    false },
	  ccp_setting_choice, FIELD(bedrock_service_tier), 0, 0,
	  { "default", "priority", "flex", "reserved" }, NULL },
	TEXT("MODELS_FILE", models_file, "path", "", "table of models; none = the installed one"),
	TEXT("PRICES_FILE", prices_file, "path", "", "table of prices; none = the installed one"),

	/* AWS, names as everywhere */
	OTHER("AWS_REGION", aws_region, "region", ccp_setting_name, "",
	      "region of AWS; none = AWS_DEFAULT_REGION, the profile's, us-east-1"),
	OTHER("AWS_DEFAULT_REGION", aws_default_region, "region", ccp_setting_name, "",
	      "used when AWS_REGION is not set"),
	SECRET("AWS_ACCESS_KEY_ID", aws_access_key_id, "AWS credential"),
	SECRET("AWS_SECRET_ACCESS_KEY", aws_secret_access_key, "AWS credential"),
	{ { "AWS_SESSION_TOKEN", "secret", "", "AWS credential, of temporary keys", true },
	  ccp_setting_secret, FIELD(aws_session_token), 0, 0, { NULL }, "AWS_SECURITY_TOKEN" },
	TEXT("AWS_CREDENTIAL_EXPIRATION", aws_credential_expiration, "text", "",
	     "when those end, as 2026-11-22T09:00:00Z; none = never"),
	SECRET("AWS_BEARER_TOKEN_BEDROCK", aws_bearer_token_bedrock, "Bedrock API key"),
	TEXT("AWS_PROFILE", aws_profile, "text", "", "profile in the AWS files; none = default"),
	TEXT("AWS_CONFIG_FILE", aws_config_file, "path", "", "none = ~/.aws/config"),
	TEXT("AWS_SHARED_CREDENTIALS_FILE", aws_shared_credentials_file, "path", "",
	     "none = ~/.aws/credentials"),
	TEXT("AWS_WEB_IDENTITY_TOKEN_FILE", aws_web_identity_token_file, "path", "",
	     "token of a web identity (EKS, OIDC), read at each refresh; needs AWS_ROLE_ARN"),
	TEXT("AWS_ROLE_ARN", aws_role_arn, "text", "", "role of that web identity"),
	TEXT("AWS_ROLE_SESSION_NAME", aws_role_session_name, "text", "",
	     "name of its sessions; none = one made up"),
	TEXT("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", aws_container_credentials_relative_uri,
	     "text", "", "credentials of an ECS task; ECS sets it"),
	TEXT("AWS_CONTAINER_CREDENTIALS_FULL_URI", aws_container_credentials_full_uri, "text", "",
	     "credentials of an EKS pod and others; plain http only to this machine"),
	SECRET("AWS_CONTAINER_AUTHORIZATION_TOKEN", aws_container_authorization_token,
	       "sent to that URI"),
	TEXT("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", aws_container_authorization_token_file,
	     "path", "", "the same from a file, read at each refresh"),
	TEXT("AWS_LAMBDA_FUNCTION_NAME", aws_lambda_function_name, "text", "",
	     "AWS Lambda sets it; an answer then ends when its usage is in the store"),
	SWITCH("AWS_EC2_METADATA_DISABLED", aws_ec2_metadata_disabled, "false",
	       "do not ask the instance metadata service (IMDSv2) for credentials"),
	TEXT("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws_ec2_metadata_service_endpoint, "text", "",
	     "where that service is; none = 169.254.169.254"),
	TEXT("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", aws_ec2_metadata_service_endpoint_mode,
	     "text", "", "IPv4 or IPv6; none = the profile's, IPv4"),
	NUMBER("AWS_METADATA_SERVICE_TIMEOUT", aws_metadata_service_timeout_s, "seconds", "1", 1, 60,
	       "how long it is waited for"),
	NUMBER("AWS_METADATA_SERVICE_NUM_ATTEMPTS", aws_metadata_service_num_attempts, "count",
	       "1", 1, 10, "how often it is asked when it does not answer"),
	OTHER("AWS_ENDPOINT_URL", aws_endpoint_url, "url", ccp_setting_url, "",
	      "endpoint for all of AWS instead of the region's"),
	OTHER("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", aws_endpoint_url_bedrock_runtime, "url",
	      ccp_setting_url, "", "endpoint for Bedrock"),
	OTHER("AWS_ENDPOINT_URL_DYNAMODB", aws_endpoint_url_dynamodb, "url", ccp_setting_url, "",
	      "endpoint for DynamoDB"),
	OTHER("AWS_ENDPOINT_URL_STS", aws_endpoint_url_sts, "url", ccp_setting_url, "",
	      "endpoint for STS, which gives the credentials of roles"),
	SWITCH("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", aws_ignore_configured_endpoint_urls, "false",
	       "use the region's endpoints, whatever these and the profile say"),
	SWITCH("AWS_USE_FIPS_ENDPOINT", aws_use_fips_endpoint, "false",
	       "the region's FIPS endpoints"),
	SWITCH("AWS_USE_DUALSTACK_ENDPOINT", aws_use_dualstack_endpoint, "false",
	       "the region's endpoints with IPv6"),

	/* store */
	OTHER("STORE", store, "text", ccp_setting_store, "",
	      "sqlite:PATH or dynamodb:; none = SQLite, DynamoDB when a table name is set"),
	TEXT("STATE_DIRECTORY", state_directory, "path", "/var/lib/claude-code-proxy",
	     "where state.db lives"),
	TEXT("RATE_LIMIT_TABLE_NAME", rate_limit_table_name, "text", "claude-proxy-rate-limits",
	     "DynamoDB table of limits"),
	TEXT("USAGE_TABLE_NAME", usage_table_name, "text", "claude-proxy-usage",
	     "DynamoDB table of usage"),
	NUMBER("LIMIT_CACHE_SECONDS", limit_cache_s, "seconds", "5", 0, 3600,
	       "how long a limit read from DynamoDB is believed"),

	/* limits and time-outs */
	NUMBER("PING_INTERVAL_SECONDS", ping_interval_s, "seconds", "15", 1, 3600,
	       "a ping after so much silence of a Bedrock stream"),
	NUMBER("MAX_BODY_BYTES", max_body_bytes, "bytes", "33554432", 1024, 1073741824,
	       "the longest request body"),
	NUMBER("CONNECT_TIMEOUT_SECONDS", connect_timeout_s, "seconds", "10", 1, 300,
	       "to reach Anthropic or AWS"),
	NUMBER("FIRST_BYTE_TIMEOUT_SECONDS", first_byte_timeout_s, "seconds", "600", 1, DAY_S,
	       "until the first byte of an answer"),
	NUMBER("IDLE_TIMEOUT_SECONDS", idle_timeout_s, "seconds", "300", 1, DAY_S,
	       "between two bytes of an answer"),
	NUMBER("MAX_ANSWER_SECONDS", max_answer_s, "seconds", "0", 0, DAY_S,
	       "an answer that takes longer is cut, with an error; 0 = none is"),

	/* processes */
	NUMBER("WORKERS", workers, "count", "1", 0, 256,
	       "worker processes of messages.fcgi; 0 = one a core"),
	NUMBER("ACCEPT_THREADS", accept_threads, "count", "4", 1, 64,
	       "threads that read requests, in each worker"),
	NUMBER("DRAIN_SECONDS", drain_s, "seconds", "600", 0, DAY_S,
	       "how long running streams may go on after SIGTERM"),

	/* what it says */
	{ { "LOG_LEVEL", "choice", "info", "error, warning, info or debug", false },
	  ccp_setting_choice, FIELD(log_level), 0, 0, { "error", "warning", "info", "debug" },
	  NULL },
	{ { "LOG_FORMAT", "choice", "text", "text or json", false },
	  ccp_setting_log_format, FIELD(log_json), 0, 0, { "text", "json" }, NULL },
	SWITCH("DEBUG_ENV_ENABLED", debug_env_enabled, "false",
	       "show the settings at /debug/env, secrets masked"),
	SWITCH("DASHBOARD_ENABLED", dashboard_enabled, "true",
	       "serve /ui, /v1/usage and /metrics; false = 403 there, /v1/usage/me stays"),

	/* network, names as everywhere */
	PROXY("HTTPS_PROXY", "https_proxy", https_proxy, "url", ccp_setting_proxy,
	      "proxy for https to Anthropic and AWS"),
	PROXY("NO_PROXY", "no_proxy", no_proxy, "list", ccp_setting_text,
	      "hosts that are reached without it; comma separated"),
	TEXT("SSL_CERT_FILE", ssl_cert_file, "path", "", "CA bundle; none = the system's"),

	/* for what starts the web server; the programs only have to know the names */
	NUMBER("PORT", port, "port", "8080", 1, 65535, "./run: where the web server listens"),
	TEXT("LISTEN", listen, "text", "127.0.0.1",
	     "./run: on which address; 0.0.0.0 = all of this machine"),

	/* where the rest is; the only one that the file itself cannot set */
	{ { "CLAUDE_CODE_PROXY_CONF", "path", "/etc/claude-code-proxy/claude-code-proxy.conf",
	    "file of NAME=value lines; the environment goes first", false },
	  ccp_setting_text, FIELD(settings_file), 0, 0, { NULL }, NULL },
};
/* clang-format on */

const size_t ccp_settings_count = sizeof(ccp_settings) / sizeof(ccp_settings[0]);

_Static_assert(sizeof(ccp_settings) / sizeof(ccp_settings[0]) <= CCP_CONFIG_ROWS_MAX,
               "CCP_CONFIG_ROWS_MAX is too small");

const struct ccp_config_row *
ccp_config_row(size_t n)
{
	return n < ccp_settings_count ? &ccp_settings[n].row : NULL;
}
