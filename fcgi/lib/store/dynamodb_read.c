#include "store/dynamodb_item.h"
#include "store/dynamodb_names.h"
#include "store/dynamodb_parts.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* BatchGetItem takes so many keys. */
#define BATCH_KEYS_MAX 100

/* Keys that DynamoDB gave back unread are asked for again so often, after longer and longer. */
#define BATCH_TRIES 8
#define BATCH_PAUSE_MS 50
#define BATCH_PAUSE_MAX_MS 2000

/* An index comes and goes by an operator's hand. */
#define INDEX_REMEMBERED_MS (5 * 60 * 1000)

struct days {
	int64_t at_s, end_s; /* beginnings of the first day and the last */
};

static enum ccp_err
days_between(const char *from, const char *to, struct days *days, struct ccp_error *err)
{
	if (!ccp_day_parse(from, &days->at_s) || !ccp_day_parse(to, &days->end_s))
		return ccp_fail(err, CCP_ERR_FORMAT, "from %.20s to %.20s: these are no days", from,
		                to);
	return CCP_OK;
}

/* The keys of one user's items, some at a time. */
struct keys {
	const char *user;
	const char *request_type;
	struct days days;
	bool anthropic_next; /* of the day at days.at_s; bedrock comes first */
};

/* Writes the next key; false when there is none. */
static bool
next_key(struct keys *keys, char key[CCP_USER_PERIOD_BYTES])
{
	char date[CCP_DAY_BYTES];
	const char *type;

	do {
		if (keys->days.at_s > keys->days.end_s)
			return false;
		ccp_day_format(keys->days.at_s, date);
		type = keys->anthropic_next ? CCP_REQUEST_ANTHROPIC : CCP_REQUEST_BEDROCK;
		if (keys->anthropic_next)
			keys->days.at_s += CCP_DAY_S;
		keys->anthropic_next = !keys->anthropic_next;
	} while (strcmp(keys->request_type, "all") != 0 && strcmp(keys->request_type, type) != 0);
	ccp_user_period_write(keys->user, date, type, key);
	return true;
}

/* False when no keys are left. */
static bool
write_keys(struct keys *keys, const char *table, struct ccp_buf *request)
{
	char key[CCP_USER_PERIOD_BYTES];
	int count = 0;

	ccp_buf_puts(request, "{\"RequestItems\":{");
	ccp_json_add_string(request, table, strlen(table));
	ccp_buf_puts(request, ":{\"ConsistentRead\":true,\"Keys\":[");
	while (count < BATCH_KEYS_MAX && next_key(keys, key)) {
		ccp_buf_puts(request, count ? ",{\"" CCP_A_USER_PERIOD "\":"
		                            : "{\"" CCP_A_USER_PERIOD "\":");
		ccp_ddb_add_text(request, key);
		ccp_buf_puts(request, "}");
		count++;
	}
	ccp_buf_puts(request, "]}}}");
	return count > 0;
}

/* Full jitter: anything up to twice as much as before. */
static bool
pause_before(struct ccp_dynamodb *db, int try)
{
	int64_t most = BATCH_PAUSE_MS;

	for (int i = 1; i < try && most < BATCH_PAUSE_MAX_MS; i++)
		most *= 2;
	if (most > BATCH_PAUSE_MAX_MS)
		most = BATCH_PAUSE_MAX_MS;
	return ccp_dynamodb_pause(db, (int64_t)(db->ddb->outside.random(db->ddb->outside.arg) %
	                                        (uint32_t)(most + 1)));
}

/* The items of a BatchGetItem's answer, whatever the table is called there; false when fn stopped. */
static bool
give_responses(struct ccp_span answer, const struct ccp_usage_reader *reader)
{
	struct ccp_json_iter tables = ccp_json_each(ccp_json_member(answer, "Responses")), items;
	struct ccp_json_item table, item;

	while (ccp_json_next(&tables, &table)) {
		items = ccp_json_each(table.value);
		while (ccp_json_next(&items, &item))
			if (!ccp_dynamodb_usage_item(reader, item.value))
				return false;
	}
	return true;
}

static bool
is_empty(struct ccp_span object)
{
	struct ccp_json_iter it = ccp_json_each(object);
	struct ccp_json_item member;

	return !ccp_json_next(&it, &member);
}

/* One BatchGetItem and what it leaves unread, to the end. */
static enum ccp_err
read_batch(struct ccp_dynamodb *db, struct ccp_buf *request, struct ccp_ddb_reply *reply,
           const struct ccp_usage_reader *reader, bool *stopped, struct ccp_error *err)
{
	const char *table = db->config->usage_table_name;
	struct ccp_span unread;
	enum ccp_err rc;

	for (int try = 1;; try++) {
		rc = ccp_dynamodb_ask(db, "BatchGetItem", request, &ccp_ddb_for_first, reply, err);
		if (rc)
			return rc;
		if (reply->end != CCP_DDB_DONE)
			return ccp_dynamodb_ended(reply, "BatchGetItem", table, err);
		*stopped = !give_responses(ccp_dynamodb_json(reply), reader);
		unread = ccp_json_member(ccp_dynamodb_json(reply), "UnprocessedKeys");
		if (*stopped || is_empty(unread))
			return CCP_OK;
		if (try == BATCH_TRIES || !pause_before(db, try))
			return ccp_fail(err, CCP_ERR_NET,
			                "BatchGetItem %.120s: keys were left unread %d times",
			                table, try);
		ccp_buf_puts(request, "{\"RequestItems\":");
		ccp_buf_add(request, unread.p, unread.len);
		ccp_buf_puts(request, "}");
	}
}

static enum ccp_err
usage_of_user(struct ccp_dynamodb *db, const char *user, struct days days,
              const struct ccp_usage_reader *reader, struct ccp_error *err)
{
	struct keys keys = { user, reader->request_type, days, false };
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	bool stopped = false;
	enum ccp_err rc = CCP_OK;

	while (!rc && !stopped && write_keys(&keys, db->config->usage_table_name, &request))
		rc = read_batch(db, &request, &reply, reader, &stopped, err);
	ccp_buf_clear(&request);
	ccp_ddb_reply_clear(&reply);
	return rc;
}

static bool
give_item(void *arg, struct ccp_span item)
{
	return ccp_dynamodb_usage_item(arg, item);
}

/* Asks, once in a while, which index finds items by date; "" = none. */
static enum ccp_err
recall_index(struct ccp_dynamodb *db, char name[CCP_DDB_INDEX_NAME_BYTES], struct ccp_error *err)
{
	const int64_t now_ms = ccp_dynamodb_now_ms(db);
	enum ccp_err rc = CCP_OK;

	/* under the lock: who comes meanwhile needs the same answer */
	pthread_mutex_lock(&db->lock);
	if (db->index_until_ms <= now_ms || db->index_until_ms > now_ms + INDEX_REMEMBERED_MS) {
		rc = ccp_dynamodb_find_index(db, db->index, err);
		db->index_until_ms = rc ? 0 : now_ms + INDEX_REMEMBERED_MS;
	}
	memcpy(name, db->index, CCP_DDB_INDEX_NAME_BYTES);
	pthread_mutex_unlock(&db->lock);
	return rc;
}

/* It does not serve: not there after all, or not allowed. */
static void
forget_index(struct ccp_dynamodb *db)
{
	pthread_mutex_lock(&db->lock);
	db->index[0] = '\0';
	pthread_mutex_unlock(&db->lock);
}

static void
begin_pages(struct ccp_dynamodb *db, struct ccp_buf *head)
{
	const char *table = db->config->usage_table_name;

	ccp_buf_clear(head);
	ccp_buf_puts(head, "{\"TableName\":");
	ccp_json_add_string(head, table, strlen(table));
	ccp_buf_puts(head, ",\"ExpressionAttributeNames\":{\"#d\":\"" CCP_A_DATE "\"}");
}

static enum ccp_err
query_day(struct ccp_dynamodb *db, const char *index, const char *date,
          const struct ccp_usage_reader *reader, struct ccp_ddb_reply *reply, bool *stopped,
          struct ccp_error *err)
{
	struct ccp_buf head = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_dynamodb_pages pages = { .operation = "Query",
		                            .table = db->config->usage_table_name,
		                            .fn = give_item,
		                            .arg = (void *)reader };
	enum ccp_err rc;

	begin_pages(db, &head);
	ccp_buf_puts(&head, ",\"IndexName\":");
	ccp_json_add_string(&head, index, strlen(index));
	ccp_buf_puts(&head, ",\"KeyConditionExpression\":\"#d=:d\","
	                    "\"ExpressionAttributeValues\":{\":d\":");
	ccp_ddb_add_text(&head, date);
	ccp_buf_puts(&head, "}");
	pages.head = (struct ccp_span){ head.data, head.len };
	rc = ccp_buf_ok(&head) ? ccp_dynamodb_read_pages(db, &pages, reply, stopped, err)
	                       : ccp_fail(err, CCP_ERR_NOMEM, "no memory for a Query");
	ccp_buf_clear(&head);
	return rc;
}

/* *served: false when the index is no use, and nothing was given yet. */
static enum ccp_err
usage_by_index(struct ccp_dynamodb *db, const char *index, struct days days,
               const struct ccp_usage_reader *reader, bool *served, struct ccp_error *err)
{
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	bool stopped = false, first = true;
	char date[CCP_DAY_BYTES];
	enum ccp_err rc = CCP_OK;

	*served = true;
	for (; days.at_s <= days.end_s && !stopped && !rc; days.at_s += CCP_DAY_S) {
		ccp_day_format(days.at_s, date);
		rc = query_day(db, index, date, reader, &reply, &stopped, err);
		if (!rc && reply.end != CCP_DDB_DONE) {
			*served = !first;
			if (*served)
				rc = ccp_dynamodb_ended(&reply, "Query",
				                        db->config->usage_table_name, err);
			break;
		}
		first = false;
	}
	ccp_ddb_reply_clear(&reply);
	return rc;
}

/* Items of the original have no date: they all come, and their key says it. */
static enum ccp_err
usage_by_scan(struct ccp_dynamodb *db, const struct ccp_usage_reader *reader, struct ccp_error *err)
{
	struct ccp_buf head = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	struct ccp_dynamodb_pages pages = { .operation = "Scan",
		                            .table = db->config->usage_table_name,
		                            .fn = give_item,
		                            .arg = (void *)reader };
	bool stopped;
	enum ccp_err rc;

	begin_pages(db, &head);
	ccp_buf_puts(&head, ",\"FilterExpression\":\"#d BETWEEN :from AND :to OR "
	                    "attribute_not_exists(#d)\","
	                    "\"ExpressionAttributeValues\":{\":from\":");
	ccp_ddb_add_text(&head, reader->from);
	ccp_buf_puts(&head, ",\":to\":");
	ccp_ddb_add_text(&head, reader->to);
	ccp_buf_puts(&head, "}");
	pages.head = (struct ccp_span){ head.data, head.len };
	rc = ccp_buf_ok(&head) ? ccp_dynamodb_read_pages(db, &pages, &reply, &stopped, err)
	                       : ccp_fail(err, CCP_ERR_NOMEM, "no memory for a Scan");
	if (!rc && reply.end != CCP_DDB_DONE)
		rc = ccp_dynamodb_ended(&reply, "Scan", pages.table, err);
	ccp_buf_clear(&head);
	ccp_ddb_reply_clear(&reply);
	return rc;
}

static enum ccp_err
usage_of_all(struct ccp_dynamodb *db, struct days days, const struct ccp_usage_reader *reader,
             struct ccp_error *err)
{
	char index[CCP_DDB_INDEX_NAME_BYTES];
	bool served = false;
	enum ccp_err rc = recall_index(db, index, err);

	if (!rc && index[0]) {
		rc = usage_by_index(db, index, days, reader, &served, err);
		if (!rc && !served)
			forget_index(db);
	}
	return rc || served ? rc : usage_by_scan(db, reader, err);
}

enum ccp_err
ccp_dynamodb_usage_each(void *self, const char *user, const char *from_date, const char *to_date,
                        const char *request_type, ccp_usage_fn *fn, void *arg,
                        struct ccp_error *err)
{
	struct ccp_dynamodb *db = self;
	const struct ccp_usage_reader reader = { from_date,    to_date,
		                                 request_type, ccp_dynamodb_now_s(db),
		                                 fn,           arg };
	struct days days;
	enum ccp_err rc = days_between(from_date, to_date, &days, err);

	if (rc)
		return rc;
	return user ? usage_of_user(db, user, days, &reader, err)
	            : usage_of_all(db, days, &reader, err);
}
