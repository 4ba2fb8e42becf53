#ifndef CCP_DYNAMODB_NAMES_H
#define CCP_DYNAMODB_NAMES_H

/*
 * The attributes of the two DynamoDB tables: those of the Python original, and
 * ours (marked +), which its readers pass over. Times are Unix seconds. Inside
 * of the DynamoDB backend.
 *
 * Source: aws-samples/aws-kr-startup-samples, gen-ai/claude-code-proxy
 * (2025-12).
 */

/* RATE_LIMIT_TABLE_NAME: one item a user, which tells of the longest limit now on. */
#define CCP_A_USER_ID "user_id" /* S, the key */
#define CCP_A_RETRY_UNTIL "retry_until"
#define CCP_A_RETRY_AFTER "retry_after_seconds"
#define CCP_A_TTL "ttl" /* of both tables */
#define CCP_A_CREATED_AT "created_at"
#define CCP_A_REASON "reason"                /* + S */
#define CCP_A_CREDENTIAL "credential_sha256" /* + S */
#define CCP_A_SCOPE "scope"                  /* + S, the model family */
#define CCP_A_UNTIL "until#"                 /* + until#CREDENTIAL#FAMILY, N: what decides */

/* The original's readers may be an hour late. */
#define CCP_LIMIT_TTL_S 3600

/* USAGE_TABLE_NAME: one item a user, day and request type. */
#define CCP_A_USER_PERIOD "user_period" /* S, the key: USER#YYYY-MM-DD, or that and #anthropic */
#define CCP_A_INPUT "input_tokens"
#define CCP_A_OUTPUT "output_tokens"
#define CCP_A_TOTAL "total_tokens"
#define CCP_A_REQUESTS "request_count"
#define CCP_A_MODEL "model" /* S, the last one */
#define CCP_A_REQUEST_TYPE "request_type"
#define CCP_A_PERIOD_TYPE "period_type"
#define CCP_A_LAST_UPDATED_AT "last_updated_at" /* S, ISO 8601, UTC */
#define CCP_A_DATE "date"                       /* + S */
#define CCP_A_CACHE_READ "cache_read_tokens"    /* + */
#define CCP_A_CACHE_WRITE_5M "cache_write_5m_tokens"
#define CCP_A_CACHE_WRITE_1H "cache_write_1h_tokens"
#define CCP_A_COST "cost_microusd"
#define CCP_A_ESTIMATED "estimated" /* + BOOL */
#define CCP_A_SEQ "seq#"            /* + seq#JOURNAL, N: its last batch that is in here */
/* + each counter, and estimated, once more for each model: NAME#MODEL */

#define CCP_REQUEST_BEDROCK "bedrock" /* what an item without request_type is */
#define CCP_REQUEST_ANTHROPIC "anthropic"

#define CCP_USAGE_TTL_S (90 * 86400)

/* The index that tables makes; any with this HASH and all attributes serves. */
#define CCP_DATE_INDEX "date-index" /* HASH date, RANGE user_id */

/* What is asked for where only the asking matters; it need not be there. */
#define CCP_NOBODY "#health"

/* The longest name that we write: a counter, '#', a model; or until#. */
#define CCP_A_NAME_MAX_BYTES 160

#endif
