#include "store/dynamodb_item.h"
#include "store/dynamodb_names.h"
#include "store/dynamodb_parts.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

/*
 * Pages of 1 MB that are only looked at: a Scan gives items in the order of
 * their keys' hashes, so where there are some of the original, here is one.
 */
#define LOOK_PAGES_MAX 20

/* Items of the original on their way to having a date. */
struct dates {
	struct ccp_dynamodb *db;
	bool make;
	int64_t now_s;
	int64_t count;
	enum ccp_err rc;
	struct ccp_error *err;
};

static enum ccp_err
add_date(struct dates *d, struct ccp_span key, const struct ccp_user_period *period)
{
	const char *table = d->db->config->usage_table_name;
	struct ccp_ddb_update u = CCP_DDB_UPDATE_INIT;
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	char text[CCP_USER_PERIOD_BYTES], condition[128];
	enum ccp_err rc;
	int n;

	ccp_ddb_value_text(key, text, sizeof(text));
	n = ccp_ddb_set_text(&u, CCP_A_DATE, period->date);
	ccp_ddb_default_text(&u, CCP_A_USER_ID, period->user); /* the index wants it */
	snprintf(condition, sizeof(condition),
	         "attribute_exists(" CCP_A_USER_PERIOD ") AND attribute_not_exists(#a%d)", n);
	ccp_ddb_update_write(&u, table, CCP_A_USER_PERIOD, text, condition, "NONE", &request);
	rc = ccp_dynamodb_ask(d->db, "UpdateItem", &request, &ccp_ddb_for_report, &reply, d->err);
	/* gone meanwhile, or somebody else was faster */
	if (!rc && reply.end != CCP_DDB_DONE && reply.end != CCP_DDB_CONDITION)
		rc = ccp_dynamodb_ended(&reply, "UpdateItem", table, d->err);
	ccp_ddb_reply_clear(&reply);
	return rc;
}

static bool
date_item(void *arg, struct ccp_span item)
{
	struct dates *d = arg;
	struct ccp_span key = ccp_json_member(item, CCP_A_USER_PERIOD);
	struct ccp_user_period period;
	int64_t ttl;

	if (!ccp_user_period_read(key, &period) ||
	    (ccp_ddb_value_int(ccp_json_member(item, CCP_A_TTL), &ttl) && ttl <= d->now_s))
		return true; /* nobody's, or of no use any more */
	d->count++;
	if (!d->make)
		return false; /* one is enough to know */
	d->rc = add_date(d, key, &period);
	return d->rc == CCP_OK;
}

enum ccp_err
ccp_dynamodb_add_dates(struct ccp_dynamodb *db, bool make, int64_t *count, struct ccp_error *err)
{
	const char *table = db->config->usage_table_name;
	struct dates d = { db, make, ccp_dynamodb_now_s(db), 0, CCP_OK, err };
	struct ccp_buf head = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	struct ccp_dynamodb_pages pages = { .operation = "Scan",
		                            .table = table,
		                            .fn = date_item,
		                            .arg = &d,
		                            .max = make ? 0 : LOOK_PAGES_MAX };
	bool stopped;
	enum ccp_err rc;

	ccp_buf_puts(&head, "{\"TableName\":");
	ccp_json_add_string(&head, table, strlen(table));
	ccp_buf_puts(&head, ",\"FilterExpression\":\"attribute_not_exists(#d)\","
	                    "\"ProjectionExpression\":\"" CCP_A_USER_PERIOD ",#t\","
	                    "\"ExpressionAttributeNames\":{\"#d\":\"" CCP_A_DATE
	                    "\",\"#t\":\"" CCP_A_TTL "\"}");
	pages.head = (struct ccp_span){ head.data, head.len };
	rc = ccp_buf_ok(&head) ? ccp_dynamodb_read_pages(db, &pages, &reply, &stopped, err)
	                       : ccp_fail(err, CCP_ERR_NOMEM, "no memory for a Scan");
	ccp_buf_clear(&head);
	if (!rc && reply.end != CCP_DDB_DONE)
		rc = ccp_dynamodb_ended(&reply, "Scan", table, err);
	ccp_ddb_reply_clear(&reply);
	*count = d.count;
	return rc ? rc : d.rc;
}
