#include "store/dynamodb_item.h"
#include "store/dynamodb_names.h"
#include "store/dynamodb_parts.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

/*
 * Of expired until# attributes so many may lie about before some are removed:
 * few enough for the item to stay small, many enough that it costs little.
 */
#define EXPIRED_MAX 16
#define REMOVE_MAX 20

/* " AND #a19=:a19" times REMOVE_MAX, and longer ones of a write. */
#define CONDITION_BYTES 512

struct until {
	char name[CCP_A_NAME_MAX_BYTES];
	int64_t until_s;
};

/* The expired ones of an item. */
struct expired {
	struct until items[REMOVE_MAX];
	int count; /* may be more than there are items */
};

static void
find_expired(struct ccp_span attributes, int64_t now_s, struct expired *out)
{
	struct ccp_json_iter it = ccp_json_each(attributes);
	struct ccp_json_item member;
	struct until u;

	out->count = 0;
	while (ccp_json_next(&it, &member)) {
		if (!ccp_json_string_starts(member.key, CCP_A_UNTIL) ||
		    !ccp_json_string_text(member.key, u.name, sizeof(u.name)) ||
		    !ccp_ddb_value_int(member.value, &u.until_s) || u.until_s > now_s)
			continue;
		if (out->count < REMOVE_MAX)
			out->items[out->count] = u;
		out->count++;
	}
}

/* As far as each still is what it was; that somebody was faster does not matter, nor does a failure. */
static void
remove_expired(struct ccp_dynamodb *db, const char *user, struct ccp_ddb_reply *reply)
{
	struct ccp_ddb_update u = CCP_DDB_UPDATE_INIT;
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_buf condition = CCP_BUF_INIT(CONDITION_BYTES);
	struct expired expired;
	struct ccp_error ignored;

	find_expired(ccp_json_member(ccp_dynamodb_json(reply), "Attributes"),
	             ccp_dynamodb_now_s(db), &expired);
	if (expired.count <= EXPIRED_MAX)
		return;
	for (int i = 0; i < expired.count && i < REMOVE_MAX; i++) {
		int n = ccp_ddb_remove(&u, expired.items[i].name, expired.items[i].until_s);

		ccp_buf_addf(&condition, "%s#a%d=:a%d", i ? " AND " : "", n, n);
	}
	ccp_ddb_update_write(&u, db->config->rate_limit_table_name, CCP_A_USER_ID, user,
	                     ccp_buf_text(&condition), "NONE", &request);
	ccp_buf_clear(&condition);
	(void)!ccp_dynamodb_ask(db, "UpdateItem", &request, &ccp_ddb_for_request, reply, &ignored);
}

/* The flat attribute, "absent or smaller" as a condition on it. */
static void
set_flat(struct ccp_ddb_update *u, const struct ccp_limit *limit, char *condition, size_t size)
{
	char name[CCP_A_NAME_MAX_BYTES];
	int n;

	snprintf(name, sizeof(name), CCP_A_UNTIL "%s#%s", limit->credential, limit->family);
	n = ccp_ddb_set_int(u, name, limit->retry_until_s);
	snprintf(condition, size, "(attribute_not_exists(#a%d) OR #a%d<:a%d)", n, n, n);
}

/* The limit is the longest one now: the item tells of it. */
static void
write_longest(struct ccp_dynamodb *db, const char *user, const struct ccp_limit *limit,
              struct ccp_buf *request)
{
	struct ccp_ddb_update u = CCP_DDB_UPDATE_INIT;
	char flat[CONDITION_BYTES / 2], condition[CONDITION_BYTES];
	int n;

	set_flat(&u, limit, flat, sizeof(flat));
	n = ccp_ddb_set_int(&u, CCP_A_RETRY_UNTIL, limit->retry_until_s);
	snprintf(condition, sizeof(condition), "%s AND (attribute_not_exists(#a%d) OR #a%d<:a%d)",
	         flat, n, n, n);
	ccp_ddb_set_int(&u, CCP_A_RETRY_AFTER, limit->retry_after_s);
	ccp_ddb_set_int(&u, CCP_A_TTL, limit->retry_until_s + CCP_LIMIT_TTL_S);
	ccp_ddb_set_int(&u, CCP_A_CREATED_AT, limit->created_at_s);
	ccp_ddb_set_text(&u, CCP_A_REASON, limit->reason);
	ccp_ddb_set_text(&u, CCP_A_CREDENTIAL, limit->credential);
	ccp_ddb_set_text(&u, CCP_A_SCOPE, limit->family);
	ccp_ddb_update_write(&u, db->config->rate_limit_table_name, CCP_A_USER_ID, user, condition,
	                     "ALL_NEW", request);
}

/*
 * Beside a longer one, which ttl follows. Only where the item still is: when
 * it was cleared meanwhile, that came last.
 */
static void
write_beside(struct ccp_dynamodb *db, const char *user, const struct ccp_limit *limit,
             struct ccp_buf *request)
{
	struct ccp_ddb_update u = CCP_DDB_UPDATE_INIT;
	char flat[CONDITION_BYTES / 2], condition[CONDITION_BYTES];

	set_flat(&u, limit, flat, sizeof(flat));
	snprintf(condition, sizeof(condition), "attribute_exists(" CCP_A_USER_ID ") AND %s", flat);
	ccp_ddb_update_write(&u, db->config->rate_limit_table_name, CCP_A_USER_ID, user, condition,
	                     "ALL_NEW", request);
}

enum ccp_err
ccp_dynamodb_limit_put(void *self, const char *user, const struct ccp_limit *limit,
                       struct ccp_error *err)
{
	struct ccp_dynamodb *db = self;
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	enum ccp_err rc;

	write_longest(db, user, limit, &request);
	rc = ccp_dynamodb_ask(db, "UpdateItem", &request, &ccp_ddb_for_write, &reply, err);
	if (!rc && reply.end == CCP_DDB_CONDITION) {
		write_beside(db, user, limit, &request);
		rc = ccp_dynamodb_ask(db, "UpdateItem", &request, &ccp_ddb_for_write, &reply, err);
	}
	/* a condition that failed twice: it is there already */
	if (!rc && reply.end == CCP_DDB_DONE)
		remove_expired(db, user, &reply);
	else if (!rc && reply.end != CCP_DDB_CONDITION)
		rc = ccp_dynamodb_ended(&reply, "UpdateItem", db->config->rate_limit_table_name,
		                        err);
	ccp_ddb_reply_clear(&reply);
	return rc;
}

enum ccp_err
ccp_dynamodb_limits_clear(void *self, const char *user, struct ccp_error *err)
{
	struct ccp_dynamodb *db = self;
	const char *table = db->config->rate_limit_table_name;
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	enum ccp_err rc;

	ccp_ddb_add_table_key(&request, table, CCP_A_USER_ID, user);
	ccp_buf_puts(&request, "}");
	rc = ccp_dynamodb_ask(db, "DeleteItem", &request, &ccp_ddb_for_write, &reply, err);
	if (!rc && reply.end != CCP_DDB_DONE)
		rc = ccp_dynamodb_ended(&reply, "DeleteItem", table, err);
	ccp_ddb_reply_clear(&reply);
	return rc;
}

/* The limits of one item, the longest first; of too many the longest are kept. */
struct limit_list {
	struct ccp_limit items[CCP_LIMITS_PER_USER_MAX];
	size_t count;
};

static void
insert_limit(struct limit_list *list, const struct ccp_limit *limit)
{
	size_t at = list->count;

	while (at > 0 && list->items[at - 1].retry_until_s < limit->retry_until_s)
		at--;
	if (at == CCP_LIMITS_PER_USER_MAX)
		return;
	if (list->count < CCP_LIMITS_PER_USER_MAX)
		list->count++;
	memmove(&list->items[at + 1], &list->items[at],
	        (list->count - 1 - at) * sizeof(list->items[0]));
	list->items[at] = *limit;
}

/* Takes "until#CREDENTIAL#FAMILY" apart; false for what is none of ours. */
static bool
read_until(const struct ccp_json_item *member, struct ccp_limit *limit)
{
	char name[CCP_A_NAME_MAX_BYTES], *credential = name + strlen(CCP_A_UNTIL), *family;

	*limit = (struct ccp_limit){ 0 };
	if (!ccp_json_string_text(member->key, name, sizeof(name)) ||
	    !ccp_ddb_value_int(member->value, &limit->retry_until_s))
		return false;
	family = strchr(credential, '#');
	if (!family)
		return false;
	*family++ = '\0';
	if (strlen(credential) > CCP_CREDENTIAL_HEX || !family[0] ||
	    strlen(family) >= sizeof(limit->family))
		return false;
	snprintf(limit->credential, sizeof(limit->credential), "%s", credential);
	snprintf(limit->family, sizeof(limit->family), "%s", family);
	return true;
}

static void
read_amount(struct ccp_span item, const char *name, int64_t *out)
{
	if (!ccp_ddb_value_int(ccp_json_member(item, name), out) || *out < 0)
		*out = 0;
}

/* What the item tells of its longest limit; credential and family "" where it does not say. */
static void
read_main(struct ccp_span item, struct ccp_limit *limit)
{
	*limit = (struct ccp_limit){ 0 };
	read_amount(item, CCP_A_RETRY_UNTIL, &limit->retry_until_s);
	read_amount(item, CCP_A_RETRY_AFTER, &limit->retry_after_s);
	read_amount(item, CCP_A_CREATED_AT, &limit->created_at_s);
	ccp_ddb_value_text(ccp_json_member(item, CCP_A_REASON), limit->reason,
	                   sizeof(limit->reason));
	ccp_ddb_value_text(ccp_json_member(item, CCP_A_CREDENTIAL), limit->credential,
	                   sizeof(limit->credential));
	ccp_ddb_value_text(ccp_json_member(item, CCP_A_SCOPE), limit->family,
	                   sizeof(limit->family));
}

static void
read_limits(struct ccp_span item, int64_t now_s, struct limit_list *list)
{
	struct ccp_json_iter it = ccp_json_each(item);
	struct ccp_json_item member;
	struct ccp_limit head, limit;
	bool flat = false;

	list->count = 0;
	read_main(item, &head);
	while (ccp_json_next(&it, &member)) {
		if (!ccp_json_string_starts(member.key, CCP_A_UNTIL) ||
		    !read_until(&member, &limit))
			continue;
		flat = true;
		limit.created_at_s = head.created_at_s;
		if (strcmp(limit.credential, head.credential) == 0 &&
		    strcmp(limit.family, head.family) == 0) {
			limit.retry_after_s = head.retry_after_s;
			memcpy(limit.reason, head.reason, sizeof(limit.reason));
		}
		if (limit.retry_until_s > now_s)
			insert_limit(list, &limit);
	}
	/* the original's own words, or a hand's; beside them a shorter one of ours may stand */
	if ((!flat || !head.credential[0]) && head.retry_until_s > now_s) {
		if (!head.family[0])
			memcpy(head.family, "all", sizeof("all"));
		insert_limit(list, &head);
	}
}

struct limits_reader {
	int64_t now_s;
	ccp_limit_fn *fn;
	void *arg;
};

static bool
give_limits(const struct limits_reader *reader, const char *user, struct ccp_span item)
{
	struct limit_list list;

	read_limits(item, reader->now_s, &list);
	for (size_t i = 0; i < list.count; i++)
		if (!reader->fn(reader->arg, user, &list.items[i]))
			return false;
	return true;
}

static bool
give_limits_of_item(void *arg, struct ccp_span item)
{
	char user[CCP_USER_MAX_BYTES + 1];

	if (!ccp_ddb_value_text(ccp_json_member(item, CCP_A_USER_ID), user, sizeof(user)) ||
	    !user[0])
		return true;
	return give_limits(arg, user, item);
}

static enum ccp_err
limits_of_all(struct ccp_dynamodb *db, const struct limits_reader *reader, struct ccp_error *err)
{
	struct ccp_buf head = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	const char *table = db->config->rate_limit_table_name;
	struct ccp_dynamodb_pages pages = { .operation = "Scan",
		                            .table = table,
		                            .fn = give_limits_of_item,
		                            .arg = (void *)reader };
	bool stopped;
	enum ccp_err rc;

	ccp_buf_puts(&head, "{\"TableName\":");
	ccp_json_add_string(&head, table, strlen(table));
	ccp_buf_puts(&head, ",\"FilterExpression\":\"" CCP_A_RETRY_UNTIL
	                    ">:now\",\"ExpressionAttributeValues\":{\":now\":");
	ccp_ddb_add_int(&head, reader->now_s);
	ccp_buf_puts(&head, "}");
	pages.head = (struct ccp_span){ head.data, head.len };
	rc = ccp_buf_ok(&head) ? ccp_dynamodb_read_pages(db, &pages, &reply, &stopped, err)
	                       : ccp_fail(err, CCP_ERR_NOMEM, "no memory for a Scan");
	if (!rc && reply.end != CCP_DDB_DONE)
		rc = ccp_dynamodb_ended(&reply, "Scan", table, err);
	ccp_buf_clear(&head);
	ccp_ddb_reply_clear(&reply);
	return rc;
}

static enum ccp_err
limits_of_user(struct ccp_dynamodb *db, const char *user, const struct limits_reader *reader,
               struct ccp_error *err)
{
	const char *table = db->config->rate_limit_table_name;
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	enum ccp_err rc;

	ccp_ddb_add_table_key(&request, table, CCP_A_USER_ID, user);
	ccp_buf_puts(&request, ",\"ConsistentRead\":true}");
	rc = ccp_dynamodb_ask(db, "GetItem", &request, &ccp_ddb_for_request, &reply, err);
	if (!rc && reply.end != CCP_DDB_DONE)
		rc = ccp_dynamodb_ended(&reply, "GetItem", table, err);
	if (!rc)
		give_limits(reader, user, ccp_json_member(ccp_dynamodb_json(&reply), "Item"));
	ccp_ddb_reply_clear(&reply);
	return rc;
}

enum ccp_err
ccp_dynamodb_limits_each(void *self, const char *user, int64_t now_s, ccp_limit_fn *fn, void *arg,
                         struct ccp_error *err)
{
	const struct limits_reader reader = { now_s, fn, arg };

	if (user)
		return limits_of_user(self, user, &reader, err);
	return limits_of_all(self, &reader, err);
}
