#ifndef CCP_DYNAMODB_CALL_H
#define CCP_DYNAMODB_CALL_H

#include "aws/credentials.h"
#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/http_wait.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One operation of DynamoDB: signed, sent, judged, and tried again where that
 * can help, with full jitter between tries. Throttles and server errors (and
 * throttles arrive as 400), lost connections, and answers whose x-amz-crc32 is
 * not that of their body are tried again; expired credentials are renewed and a
 * wrong clock is corrected by the answer's Date, once each. Inside of the
 * DynamoDB backend and of the admin command.
 *
 * Source: DynamoDB API reference (2012-08-10), "Error handling with DynamoDB"
 * (2026); which errors are transient: botocore 0e6e2404 (2026-08-07) and AWS
 * SDKs and Tools Reference Guide, "Retry behavior" (2026).
 */
struct ccp_ddb;

/* What is outside of the process, for tests to replace. */
struct ccp_ddb_outside {
	ccp_http_wait_fn *http;
	int64_t (*now_ms)(void *arg); /* Unix time */
	void (*sleep_ms)(void *arg, int64_t ms);
	uint32_t (*random)(void *arg);
	void *arg; /* of all four */
};

/* How long one caller waits. */
struct ccp_ddb_patience {
	int tries;
	int64_t try_ms;   /* one of them; 0: as long as all */
	int64_t total_ms; /* all of them, and the pauses between */
};

extern const struct ccp_ddb_patience ccp_ddb_for_request; /* somebody waits: 2 tries, 2 s */
extern const struct ccp_ddb_patience ccp_ddb_for_write;   /* the courier: 4 tries, 5 s */
extern const struct ccp_ddb_patience ccp_ddb_for_first;  /* the first page of many: 2 tries, 10 s */
extern const struct ccp_ddb_patience ccp_ddb_for_report; /* a further page: 6 tries, 20 s */

/* How an operation ended that was answered for good. */
enum ccp_ddb_end {
	CCP_DDB_DONE,      /* 200 */
	CCP_DDB_CONDITION, /* ConditionalCheckFailedException: a normal outcome */
	CCP_DDB_NO_TABLE,  /* ResourceNotFoundException: the table, or the index */
	CCP_DDB_INVALID,   /* ValidationException, SerializationException, item too large, … */
	CCP_DDB_IN_USE,    /* ResourceInUseException: it is there already, or being changed */
	CCP_DDB_DENIED,    /* AccessDenied, UnrecognizedClient, a signature that stays wrong */
	CCP_DDB_UNKNOWN,   /* UnknownOperationException: this service cannot do it */
};

/* A page of Query or Scan is 1 MB of item; as JSON some three times that. */
#define CCP_DDB_ANSWER_MAX_BYTES (16 * 1024 * 1024)

struct ccp_ddb_reply {
	enum ccp_ddb_end end;
	char error[64];      /* its name, as ValidationException; "" when DONE */
	char message[160];   /* AWS's words, cut; ARNs and account ids cut out */
	struct ccp_buf json; /* the body, of errors too; empty when that is no JSON object */
};

/* clang-format off */
#define CCP_DDB_REPLY_INIT { CCP_DDB_DONE, "", "", CCP_BUF_INIT(CCP_DDB_ANSWER_MAX_BYTES) }
/* clang-format on */

void ccp_ddb_reply_clear(struct ccp_ddb_reply *reply);

/* Borrows config and credentials until freed; outside (copied) NULL: the real one. */
enum ccp_err ccp_ddb_new(const struct ccp_config *config, struct ccp_credentials *credentials,
                         const struct ccp_ddb_outside *outside, struct ccp_ddb **ddb,
                         struct ccp_error *err) CCP_MUST_CHECK;
void ccp_ddb_free(struct ccp_ddb *ddb); /* no call may be running; NULL is fine */

/* Where it is asked. Borrowed until freed. */
const char *ccp_ddb_url(const struct ccp_ddb *ddb);

/* From now on calls end after the try under way: the process ends. Any thread. */
void ccp_ddb_stop(struct ccp_ddb *ddb);

/*
 * Does one operation ("GetItem"); json is its body, borrowed. reply (from _INIT
 * or of a call before) is overwritten, and is the caller's to clear.
 *
 * CCP_OK: DynamoDB answered for good; reply->end says what, and the caller
 * decides. CCP_ERR_NET: no answer, or only transient errors, within patience
 * (a write may have been done); CCP_ERR_CREDENTIALS; CCP_ERR_NOMEM;
 * CCP_ERR_LIMIT: over CCP_DDB_ANSWER_MAX_BYTES. Sentences hold no secret.
 * Thread-safe.
 */
enum ccp_err ccp_ddb_call(struct ccp_ddb *ddb, const char *operation, struct ccp_span json,
                          const struct ccp_ddb_patience *patience, struct ccp_ddb_reply *reply,
                          struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The sentence for a reply that is not DONE, as "UpdateItem claude-proxy-usage: …":
 * CCP_ERR_FORMAT for INVALID and CONDITION, which say no to this request alone,
 * else CCP_ERR_STORE.
 */
enum ccp_err ccp_ddb_fail(const struct ccp_ddb_reply *reply, const char *operation,
                          const char *table, struct ccp_error *err);

#endif
