#ifndef CCP_CONFIG_H
#define CCP_CONFIG_H

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Settings: one table (config_table.c) with name, type, unit, range, default,
 * secret or not, and one line of help. Parsing (config_parse.c), --help,
 * /debug/env and the docs check walk it. A value comes from the environment,
 * else from the settings file (CLAUDE_CODE_PROXY_CONF), else from the table. An
 * empty or blank value counts as not set. Strings are never NULL: not set is "".
 *
 * The file: NAME=value, one a line; blanks around both are dropped. A line
 * that begins with # is a comment, and so is what follows a blank and # after
 * a value. A value in single or double quotes is taken as it stands (no
 * escapes). No value goes over a line's end. A name that the table does not
 * have, or one given twice, is an error that names the line.
 */

/* When Bedrock may answer besides a 429; FALLBACK_ON, comma separated. */
enum ccp_fallback_on {
	CCP_ON_429 = 1,
	CCP_ON_529 = 2,
	CCP_ON_5XX = 4,
	CCP_ON_CONNECT = 8,
	CCP_ON_SPEND = 16,
};

enum ccp_bedrock_api { CCP_BEDROCK_INVOKE, CCP_BEDROCK_MESSAGES };

/* Of X-Amzn-Bedrock-Service-Tier; default goes without the header. */
enum ccp_bedrock_tier { CCP_TIER_DEFAULT, CCP_TIER_PRIORITY, CCP_TIER_FLEX, CCP_TIER_RESERVED };

/* More than the table has rows; checked at compile time. */
#define CCP_CONFIG_ROWS_MAX 128

struct ccp_config {
	/* the proxy */
	bool bedrock_fallback_enabled;
	bool rate_limit_tracking_enabled;
	bool usage_tracking_enabled;
	bool track_anthropic_usage;
	bool force_rate_limit;
	bool debug_env_enabled;
	bool dashboard_enabled;
	int64_t retry_threshold_s; /* 0 = never wait */
	int64_t max_retry_wait_s;
	unsigned fallback_on;         /* enum ccp_fallback_on, or-ed */
	char *fallback_organizations; /* comma separated; "" = any */
	int64_t ping_interval_s;
	int64_t max_body_bytes;
	int64_t connect_timeout_s;
	int64_t first_byte_timeout_s;
	int64_t idle_timeout_s;
	int64_t max_answer_s; /* 0 = as long as it takes */
	int64_t workers;      /* 0 = one a core */
	int64_t accept_threads;
	int64_t drain_s;
	int64_t limit_cache_s;
	int64_t port; /* of ./run's web server */
	char *listen;
	enum ccp_log_level log_level;
	bool log_json;

	/* Anthropic */
	char *anthropic_api_base;   /* no trailing slash */
	char *anthropic_api_key;    /* secret */
	char *anthropic_auth_token; /* secret */
	bool allow_insecure_upstream;

	/* store */
	char *store; /* sqlite:PATH | dynamodb: | "" */
	char *state_directory;
	char *rate_limit_table_name;
	char *usage_table_name;

	/* Bedrock and AWS */
	enum ccp_bedrock_api bedrock_api;
	char *bedrock_region;  /* "" = the AWS region */
	char *bedrock_profile; /* global, us, eu, … */
	char *bedrock_default_model;
	char *bedrock_model_overrides; /* JSON object text */
	char *bedrock_guardrail;       /* id or ARN, with :VERSION or without; "" = none */
	enum ccp_bedrock_tier bedrock_service_tier;
	char *models_file;
	char *prices_file;
	char *aws_region;            /* "" when neither AWS_REGION nor AWS_DEFAULT_REGION is set */
	char *aws_default_region;    /* already looked at for aws_region */
	char *aws_access_key_id;     /* secret */
	char *aws_secret_access_key; /* secret */
	char *aws_session_token;     /* secret */
	char *aws_credential_expiration; /* of the three above, ISO 8601 */
	char *aws_bearer_token_bedrock;  /* secret */
	char *aws_profile;
	char *aws_config_file;
	char *aws_shared_credentials_file;
	char *aws_web_identity_token_file;
	char *aws_role_arn;
	char *aws_role_session_name;
	char *aws_container_credentials_relative_uri;
	char *aws_container_credentials_full_uri;
	char *aws_container_authorization_token; /* secret */
	char *aws_container_authorization_token_file;
	char *aws_lambda_function_name; /* "" = not on AWS Lambda */
	bool aws_ec2_metadata_disabled;
	char *aws_ec2_metadata_service_endpoint;
	char *aws_ec2_metadata_service_endpoint_mode;
	int64_t aws_metadata_service_timeout_s;
	int64_t aws_metadata_service_num_attempts;
	bool aws_use_fips_endpoint;
	bool aws_use_dualstack_endpoint;
	bool aws_ignore_configured_endpoint_urls;
	char *aws_endpoint_url;
	char *aws_endpoint_url_bedrock_runtime;
	char *aws_endpoint_url_dynamodb;
	char *aws_endpoint_url_sts;

	/* network, names as everywhere */
	char *https_proxy;
	char *no_proxy;
	char *ssl_cert_file;

	char *settings_file; /* CLAUDE_CODE_PROXY_CONF */

	/*
	 * By row of the table: the value in force (owned; the strings above point
	 * into these), and where it came from: 'e' environment, 'f' file, 'd' default.
	 */
	char *text[CCP_CONFIG_ROWS_MAX];
	char origin[CCP_CONFIG_ROWS_MAX];
};

/*
 * Reads all settings. env: like environ (borrowed). On failure err holds one
 * sentence naming the setting (never a secret's value) and *config is NULL.
 * Blocks to read the settings file; a missing file is not an error unless
 * CLAUDE_CODE_PROXY_CONF named it.
 */
enum ccp_err ccp_config_load(char *const *env, struct ccp_config **config,
                             struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The same with the bytes of the settings file in hand (borrowed; len 0 = no
 * file); file_name is for the sentences. Reads nothing, never blocks.
 */
enum ccp_err ccp_config_load_text(char *const *env, const char *file_name, const char *text,
                                  size_t len, struct ccp_config **config,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/* Overwrites every value (some are credentials) and frees. */
void ccp_config_free(struct ccp_config *config);

/*
 * True when a URL from elsewhere (a profile) is one that a setting could have:
 * http or https, host, port and path only, and plain http only to this machine
 * unless ALLOW_INSECURE_UPSTREAM.
 */
bool ccp_config_url_ok(const struct ccp_config *config, const char *url);

/* True when the environment or the file gave that setting a value, not the table. */
bool ccp_config_is_given(const struct ccp_config *config, const char *name);

/* One row for --help, /debug/env and the docs. */
struct ccp_config_row {
	const char *name;
	const char *type; /* "switch", "seconds", "bytes", "count", "text", "url", "list", … */
	const char *default_text; /* "" = none */
	const char *help;
	bool secret;
};

/* The n-th row, or NULL after the last. */
const struct ccp_config_row *ccp_config_row(size_t n);

/*
 * Appends the value of row n as text: secrets, and a proxy URL with a password,
 * as "(set)" or "" only, everything else as given. Returns where it came from:
 * "environment", "file" or "default".
 */
const char *ccp_config_value(const struct ccp_config *config, size_t n, struct ccp_buf *value);

/*
 * The table as text (config_print.c), for --help and for the documents, which
 * ./check compares: Markdown for doc/settings.md, mdoc for the man page, and
 * the settings file that ships, with every setting commented out but those
 * that an installed proxy needs otherwise.
 */
void ccp_config_help(struct ccp_buf *out);
void ccp_config_markdown(struct ccp_buf *out);
void ccp_config_man(struct ccp_buf *out);
void ccp_config_conf(struct ccp_buf *out);

#endif
