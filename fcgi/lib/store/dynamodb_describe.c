#include "store/dynamodb_describe.h"

#include "store/dynamodb_names.h"

#include "base/json.h"

#include <string.h>

/* The text of a member, "" for anything else. */
static void
text_member(struct ccp_span object, const char *name, char *out, size_t size)
{
	ccp_json_string_text(ccp_json_member(object, name), out, size);
}

static bool
member_is(struct ccp_span object, const char *name, const char *text)
{
	return ccp_json_string_is(ccp_json_member(object, name), text);
}

/* True when a KeySchema has that attribute as its HASH. *count: how many keys it has. */
static bool
hash_is(struct ccp_span schema, const char *attribute, int *count)
{
	struct ccp_json_iter it = ccp_json_each(schema);
	struct ccp_json_item key;
	bool found = false;

	for (*count = 0; ccp_json_next(&it, &key); (*count)++)
		if (member_is(key.value, "AttributeName", attribute) &&
		    member_is(key.value, "KeyType", "HASH"))
			found = true;
	return found;
}

/* Keys are defined once for table and indexes. */
static bool
is_string(struct ccp_span table, const char *attribute)
{
	struct ccp_json_iter it = ccp_json_each(ccp_json_member(table, "AttributeDefinitions"));
	struct ccp_json_item definition;

	while (ccp_json_next(&it, &definition))
		if (member_is(definition.value, "AttributeName", attribute))
			return member_is(definition.value, "AttributeType", "S");
	return false;
}

static void
read_index(struct ccp_span table, struct ccp_span index, struct ccp_table_state *state)
{
	int keys;
	bool fits = hash_is(ccp_json_member(index, "KeySchema"), CCP_A_DATE, &keys) &&
	            is_string(table, CCP_A_DATE) &&
	            member_is(ccp_json_member(index, "Projection"), "ProjectionType", "ALL") &&
	            !member_is(index, "IndexStatus", "DELETING");

	if (!fits) {
		if (member_is(index, "IndexName", CCP_DATE_INDEX))
			state->name_taken = true;
	} else if (!member_is(index, "IndexStatus", "ACTIVE")) {
		state->index_coming = true;
	} else {
		text_member(index, "IndexName", state->index, sizeof(state->index));
	}
}

static void
read_units(struct ccp_span table, struct ccp_table_state *state)
{
	struct ccp_span units = ccp_json_member(table, "ProvisionedThroughput");

	state->on_demand = member_is(ccp_json_member(table, "BillingModeSummary"), "BillingMode",
	                             "PAY_PER_REQUEST");
	if (!ccp_json_uint(ccp_json_member(units, "ReadCapacityUnits"), &state->read_units) ||
	    state->read_units < 1)
		state->read_units = 1;
	if (!ccp_json_uint(ccp_json_member(units, "WriteCapacityUnits"), &state->write_units) ||
	    state->write_units < 1)
		state->write_units = 1;
}

void
ccp_dynamodb_read_table(struct ccp_span table, const char *key, struct ccp_table_state *state)
{
	struct ccp_json_iter it = ccp_json_each(ccp_json_member(table, "GlobalSecondaryIndexes"));
	struct ccp_json_item index;
	int keys;

	*state = (struct ccp_table_state){ 0 };
	state->exists = !member_is(table, "TableStatus", "DELETING");
	state->active = member_is(table, "TableStatus", "ACTIVE");
	state->key_fits = hash_is(ccp_json_member(table, "KeySchema"), key, &keys) && keys == 1 &&
	                  is_string(table, key);
	read_units(table, state);
	while (ccp_json_next(&it, &index))
		read_index(table, index.value, state);
}

enum ccp_err
ccp_dynamodb_describe(struct ccp_dynamodb *db, const char *table, const char *key,
                      const struct ccp_ddb_patience *patience, struct ccp_table_state *state,
                      struct ccp_ddb_reply *reply, struct ccp_error *err)
{
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	enum ccp_err rc;

	*state = (struct ccp_table_state){ 0 };
	ccp_buf_puts(&request, "{\"TableName\":");
	ccp_json_add_string(&request, table, strlen(table));
	ccp_buf_puts(&request, "}");
	rc = ccp_dynamodb_ask(db, "DescribeTable", &request, patience, reply, err);
	if (!rc && reply->end == CCP_DDB_DONE)
		ccp_dynamodb_read_table(ccp_json_member(ccp_dynamodb_json(reply), "Table"), key,
		                        state);
	return rc;
}

enum ccp_err
ccp_dynamodb_find_index(struct ccp_dynamodb *db, char name[CCP_DDB_INDEX_NAME_BYTES],
                        struct ccp_error *err)
{
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	struct ccp_table_state state;
	enum ccp_err rc = ccp_dynamodb_describe(db, db->config->usage_table_name, CCP_A_USER_PERIOD,
	                                        &ccp_ddb_for_request, &state, &reply, err);

	memcpy(name, state.index, CCP_DDB_INDEX_NAME_BYTES);
	if (!rc && (reply.end == CCP_DDB_DENIED || reply.end == CCP_DDB_UNKNOWN))
		memcpy(name, CCP_DATE_INDEX, sizeof(CCP_DATE_INDEX));
	else if (!rc && reply.end != CCP_DDB_DONE)
		rc = ccp_dynamodb_ended(&reply, "DescribeTable", db->config->usage_table_name, err);
	ccp_ddb_reply_clear(&reply);
	return rc;
}
