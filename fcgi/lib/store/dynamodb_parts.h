#ifndef CCP_DYNAMODB_PARTS_H
#define CCP_DYNAMODB_PARTS_H

#include "base/day.h"
#include "store/dynamodb.h"
#include "store/dynamodb_client.h"

#include <pthread.h>

/*
 * What the parts of the DynamoDB backend share: dynamodb.c (open, try, one
 * question), dynamodb_limits.c, dynamodb_usage.c (adding), dynamodb_read.c
 * (usage by day), dynamodb_tables.c.
 */
#define CCP_DDB_INDEX_NAME_BYTES 256 /* DynamoDB: 255 characters */

struct ccp_dynamodb {
	const struct ccp_config *config; /* borrowed */
	struct ccp_credentials *own;     /* when none were given */
	struct ccp_ddb *ddb;

	pthread_mutex_t lock;                 /* of what is remembered of the usage table's index */
	int64_t index_until_ms;               /* 0: nothing is */
	char index[CCP_DDB_INDEX_NAME_BYTES]; /* "": none */
};

/* Unix time, by the outside. */
int64_t ccp_dynamodb_now_ms(struct ccp_dynamodb *db);
int64_t ccp_dynamodb_now_s(struct ccp_dynamodb *db);

/* Sleeps; false at once when the process ends. */
bool ccp_dynamodb_pause(struct ccp_dynamodb *db, int64_t ms);

/* As much as a page of 16 MB could ask back in UnprocessedKeys, and any request of ours. */
#define CCP_DDB_REQUEST_MAX_BYTES (1024 * 1024)

/*
 * One operation, as ccp_ddb_call(), but CCP_ERR_FORMAT for an answer that is
 * too large. request is checked and cleared.
 */
enum ccp_err ccp_dynamodb_ask(struct ccp_dynamodb *db, const char *operation,
                              struct ccp_buf *request, const struct ccp_ddb_patience *patience,
                              struct ccp_ddb_reply *reply, struct ccp_error *err) CCP_MUST_CHECK;

/* What a DONE reply says, borrowed from it. */
struct ccp_span ccp_dynamodb_json(const struct ccp_ddb_reply *reply);

/* Fails for a reply that is not DONE: CCP_ERR_FORMAT when INVALID, else CCP_ERR_STORE. */
enum ccp_err ccp_dynamodb_ended(const struct ccp_ddb_reply *reply, const char *operation,
                                const char *table, struct ccp_error *err);

/* False stops. */
typedef bool ccp_dynamodb_item_fn(void *arg, struct ccp_span item);

/*
 * A Query or Scan, page by page: fn gets each item. head is the request without
 * its last brace. CCP_OK with a reply->end that is not DONE: the first page was
 * refused, nothing was given to fn, and the caller says what it means. A later
 * page refused is a failure. *stopped: by fn.
 */
struct ccp_dynamodb_pages {
	const char *operation;
	const char *table;
	struct ccp_span head;
	ccp_dynamodb_item_fn *fn;
	void *arg;
	int max; /* no more pages than this; 0: all */
};
enum ccp_err ccp_dynamodb_read_pages(struct ccp_dynamodb *db,
                                     const struct ccp_dynamodb_pages *pages,
                                     struct ccp_ddb_reply *reply, bool *stopped,
                                     struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Asks DescribeTable for an active index of the usage table with HASH date (a
 * string) and all attributes: "" when there is none, CCP_DATE_INDEX when we may
 * not ask.
 */
enum ccp_err ccp_dynamodb_find_index(struct ccp_dynamodb *db, char name[CCP_DDB_INDEX_NAME_BYTES],
                                     struct ccp_error *err) CCP_MUST_CHECK;

/* The functions of struct ccp_store_backend; self is a struct ccp_dynamodb. */
enum ccp_err ccp_dynamodb_limit_put(void *self, const char *user, const struct ccp_limit *limit,
                                    struct ccp_error *err);
enum ccp_err ccp_dynamodb_limits_clear(void *self, const char *user, struct ccp_error *err);
enum ccp_err ccp_dynamodb_limits_each(void *self, const char *user, int64_t now_s, ccp_limit_fn *fn,
                                      void *arg, struct ccp_error *err);
enum ccp_err ccp_dynamodb_usage_apply(void *self, const struct ccp_usage_batch *batch,
                                      struct ccp_error *err);
enum ccp_err ccp_dynamodb_usage_each(void *self, const char *user, const char *from_date,
                                     const char *to_date, const char *request_type,
                                     ccp_usage_fn *fn, void *arg, struct ccp_error *err);

/* What the key of a usage item says: USER#YYYY-MM-DD or USER#YYYY-MM-DD#anthropic. */
struct ccp_user_period {
	char user[CCP_USER_MAX_BYTES + 1];
	char date[CCP_DAY_BYTES];
	const char *request_type; /* static */
};

/* '#', day, '#', "anthropic", NUL */
#define CCP_USER_PERIOD_BYTES (CCP_USER_MAX_BYTES + 32)

void ccp_user_period_write(const char *user, const char *date, const char *request_type,
                           char out[CCP_USER_PERIOD_BYTES]);

/* False when key (an attribute value) is no such key. */
bool ccp_user_period_read(struct ccp_span key, struct ccp_user_period *out);

/*
 * The models of a usage item and what its totals hold beyond them, a row each;
 * sum and model as for ccp_usage_fn. False when fn stopped. now_s: items that
 * expired before it are passed over.
 */
struct ccp_usage_reader {
	const char *from, *to;    /* days, both included */
	const char *request_type; /* or "all" */
	int64_t now_s;
	ccp_usage_fn *fn;
	void *arg;
};
bool ccp_dynamodb_usage_item(const struct ccp_usage_reader *reader, struct ccp_span item);

/*
 * Gives items of the original the attribute date, by which the index finds
 * them; *count: how many. Not make: only looks whether there are any, *count 1,
 * in the first 20 MB of the table.
 */
enum ccp_err ccp_dynamodb_add_dates(struct ccp_dynamodb *db, bool make, int64_t *count,
                                    struct ccp_error *err) CCP_MUST_CHECK;

#endif
