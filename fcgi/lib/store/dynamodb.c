#include "store/dynamodb_item.h"
#include "store/dynamodb_names.h"
#include "store/dynamodb_parts.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both tables one after the other: 2 s to start, 3 s to be found healthy. */
static const struct ccp_ddb_patience for_try = { 2, 800, 1000 };
static const struct ccp_ddb_patience for_check = { 2, 1000, 1500 };

int64_t
ccp_dynamodb_now_ms(struct ccp_dynamodb *db)
{
	return db->ddb->outside.now_ms(db->ddb->outside.arg);
}

int64_t
ccp_dynamodb_now_s(struct ccp_dynamodb *db)
{
	return ccp_dynamodb_now_ms(db) / 1000;
}

bool
ccp_dynamodb_pause(struct ccp_dynamodb *db, int64_t ms)
{
	const struct ccp_ddb_outside *outside = &db->ddb->outside;

	if (ccp_ddb_is_stopped(db->ddb))
		return false;
	outside->sleep_ms(outside->arg, ms);
	return !ccp_ddb_is_stopped(db->ddb);
}

enum ccp_err
ccp_dynamodb_ask(struct ccp_dynamodb *db, const char *operation, struct ccp_buf *request,
                 const struct ccp_ddb_patience *patience, struct ccp_ddb_reply *reply,
                 struct ccp_error *err)
{
	enum ccp_err rc;

	if (!ccp_buf_ok(request)) {
		rc = ccp_fail(err, CCP_ERR_NOMEM, "%s: no memory for the request", operation);
		goto out;
	}
	rc = ccp_ddb_call(db->ddb, operation, (struct ccp_span){ request->data, request->len },
	                  patience, reply, err);
	if (rc == CCP_ERR_LIMIT)
		rc = ccp_fail(err, CCP_ERR_FORMAT, "%s: the answer is over %d MiB", operation,
		              CCP_DDB_ANSWER_MAX_BYTES / 1024 / 1024);
out:
	ccp_buf_clear(request);
	return rc;
}

enum ccp_err
ccp_dynamodb_ended(const struct ccp_ddb_reply *reply, const char *operation, const char *table,
                   struct ccp_error *err)
{
	if (reply->end == CCP_DDB_NO_TABLE)
		return ccp_fail(err, CCP_ERR_STORE,
		                "table %.120s is not there: claude-code-proxy-admin tables create",
		                table);
	ccp_ddb_fail(reply, operation, table, err);
	if (err)
		err->code = reply->end == CCP_DDB_INVALID ? CCP_ERR_FORMAT : CCP_ERR_STORE;
	return reply->end == CCP_DDB_INVALID ? CCP_ERR_FORMAT : CCP_ERR_STORE;
}

struct ccp_span
ccp_dynamodb_json(const struct ccp_ddb_reply *reply)
{
	return ccp_json_trim((struct ccp_span){ ccp_buf_text(&reply->json), reply->json.len });
}

/* The items of one page; false when fn stopped. */
static bool
give_items(const struct ccp_dynamodb_pages *pages, struct ccp_span items)
{
	struct ccp_json_iter it = ccp_json_each(items);
	struct ccp_json_item item;

	while (ccp_json_next(&it, &item))
		if (!pages->fn(pages->arg, item.value))
			return false;
	return true;
}

enum ccp_err
ccp_dynamodb_read_pages(struct ccp_dynamodb *db, const struct ccp_dynamodb_pages *pages,
                        struct ccp_ddb_reply *reply, bool *stopped, struct ccp_error *err)
{
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_span next = { NULL, 0 };
	int count = 0;
	enum ccp_err rc;

	*stopped = false;
	do {
		ccp_buf_add(&request, pages->head.p, pages->head.len);
		if (next.len > 0) {
			ccp_buf_puts(&request, ",\"ExclusiveStartKey\":");
			ccp_buf_add(&request, next.p, next.len);
		}
		ccp_buf_puts(&request, "}");
		rc = ccp_dynamodb_ask(db, pages->operation, &request,
		                      next.len ? &ccp_ddb_for_report : &ccp_ddb_for_first, reply,
		                      err);
		if (!rc && reply->end != CCP_DDB_DONE && next.len > 0)
			rc = ccp_dynamodb_ended(reply, pages->operation, pages->table, err);
		if (rc || reply->end != CCP_DDB_DONE)
			return rc;
		*stopped = !give_items(pages, ccp_json_member(ccp_dynamodb_json(reply), "Items"));
		next = ccp_json_member(ccp_dynamodb_json(reply), "LastEvaluatedKey");
		if (!*stopped && next.len > 0 && ccp_ddb_is_stopped(db->ddb))
			return ccp_fail(err, CCP_ERR_NET, "%s %.120s: the process ends",
			                pages->operation, pages->table);
	} while (!*stopped && ccp_json_type(next) == CCP_JSON_OBJECT && ++count != pages->max);
	return CCP_OK;
}

/* One table and what its settings and key are called. */
struct table {
	const char *name;
	const char *setting;
	const char *key;
};

/*
 * What DynamoDB says of a key that is not the table's: "The provided key
 * element does not match the schema", and DynamoDB Local also "One of the
 * required keys was not given a value". There is nothing else in the request.
 */
static bool
is_other_key(const struct ccp_ddb_reply *reply)
{
	return reply->end == CCP_DDB_INVALID && strstr(reply->message, "key");
}

static enum ccp_err
look_into(struct ccp_dynamodb *db, const struct table *table,
          const struct ccp_ddb_patience *patience, struct ccp_error *err)
{
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	enum ccp_err rc;

	ccp_ddb_add_table_key(&request, table->name, table->key, CCP_NOBODY);
	ccp_buf_puts(&request, "}");
	rc = ccp_dynamodb_ask(db, "GetItem", &request, patience, &reply, err);
	if (!rc && is_other_key(&reply))
		rc = ccp_fail(err, CCP_ERR_SETTING,
		              "%s: table %.100s has another key than %s (a string, alone)",
		              table->setting, table->name, table->key);
	else if (!rc && reply.end != CCP_DDB_DONE) {
		ccp_dynamodb_ended(&reply, "GetItem", table->name, err);
		rc = CCP_ERR_STORE; /* nothing can be done, if this cannot */
		if (err)
			err->code = rc;
	}
	ccp_ddb_reply_clear(&reply);
	return rc;
}

/* A table that the settings have no use for need not be there. */
static enum ccp_err
look_into_both(struct ccp_dynamodb *db, const struct ccp_ddb_patience *patience,
               struct ccp_error *err)
{
	const struct table limits = { db->config->rate_limit_table_name, "RATE_LIMIT_TABLE_NAME",
		                      CCP_A_USER_ID };
	const struct table usage = { db->config->usage_table_name, "USAGE_TABLE_NAME",
		                     CCP_A_USER_PERIOD };
	enum ccp_err rc = CCP_OK;

	if (db->config->rate_limit_tracking_enabled)
		rc = look_into(db, &limits, patience, err);
	if (!rc && db->config->usage_tracking_enabled)
		rc = look_into(db, &usage, patience, err);
	return rc;
}

enum ccp_err
ccp_dynamodb_try(struct ccp_dynamodb *db, struct ccp_error *err)
{
	return look_into_both(db, &for_try, err);
}

static enum ccp_err
check(void *self, struct ccp_error *err)
{
	enum ccp_err rc = look_into_both(self, &for_check, err);

	if (rc != CCP_ERR_SETTING)
		return rc;
	if (err) /* a table that was replaced while we run: down, like anything else */
		err->code = CCP_ERR_STORE;
	return CCP_ERR_STORE;
}

void
ccp_dynamodb_name(const struct ccp_dynamodb *db, char *name, size_t size)
{
	snprintf(name, size, "dynamodb:%s %s", ccp_ddb_url(db->ddb), db->config->usage_table_name);
}

void
ccp_dynamodb_stop(struct ccp_dynamodb *db)
{
	ccp_ddb_stop(db->ddb);
	if (db->own)
		ccp_credentials_stop(db->own);
}

static void
dynamodb_close(void *self)
{
	struct ccp_dynamodb *db = self;

	if (!db)
		return;
	ccp_ddb_free(db->ddb);
	if (db->own)
		ccp_credentials_free(db->own);
	pthread_mutex_destroy(&db->lock);
	free(db);
}

enum ccp_err
ccp_dynamodb_open(const struct ccp_config *config, struct ccp_credentials *credentials,
                  const struct ccp_ddb_outside *outside, struct ccp_dynamodb **out,
                  struct ccp_error *err)
{
	struct ccp_dynamodb *db = calloc(1, sizeof(*db));
	enum ccp_err rc = CCP_OK;

	*out = NULL;
	if (!db)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the store");
	db->config = config;
	pthread_mutex_init(&db->lock, NULL);
	if (!credentials) {
		rc = ccp_credentials_new(config, &db->own, err);
		credentials = db->own;
	}
	if (!rc)
		rc = ccp_ddb_new(config, credentials, outside, &db->ddb, err);
	if (rc)
		dynamodb_close(db);
	else
		*out = db;
	return rc;
}

const struct ccp_store_backend ccp_dynamodb_backend = {
	.name = "dynamodb",
	.remote = true,
	.close = dynamodb_close,
	.check = check,
	.limit_put = ccp_dynamodb_limit_put,
	.limits_clear = ccp_dynamodb_limits_clear,
	.limits_each = ccp_dynamodb_limits_each,
	.usage_apply = ccp_dynamodb_usage_apply,
	.usage_each = ccp_dynamodb_usage_each,
};
