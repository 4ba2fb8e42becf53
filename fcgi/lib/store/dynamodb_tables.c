#include "store/dynamodb_describe.h"
#include "store/dynamodb_names.h"

#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A table is active in seconds; an index over a large table takes minutes. */
#define WAIT_STEP_MS 1000
#define WAIT_STEPS_MAX 600

/* While a table changes, another change is refused: it is tried again so often. */
#define CHANGE_TRIES 20

/* One table's check: what it should be, and what was found. */
struct work {
	struct ccp_dynamodb *db;
	bool make;
	ccp_dynamodb_say_fn *say;
	void *arg;
	int *missing;
	struct ccp_error *err;

	const char *table;
	const char *key;
	bool indexed; /* the usage table: wants an index by date */
	bool created; /* by us, just now */
	struct ccp_table_state state;
	struct ccp_ddb_reply reply;
};

static void say(struct work *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One sentence, about the table. */
static void
say(struct work *w, const char *format, ...)
{
	char sentence[400];
	va_list ap;
	int n = snprintf(sentence, sizeof(sentence), "%.255s: ", w->table);

	va_start(ap, format);
	vsnprintf(sentence + n, sizeof(sentence) - (size_t)n, format, ap);
	va_end(ap);
	w->say(w->arg, sentence);
}

static enum ccp_err
ask(struct work *w, const char *operation, struct ccp_buf *request)
{
	return ccp_dynamodb_ask(w->db, operation, request, &ccp_ddb_for_report, &w->reply, w->err);
}

static enum ccp_err
ended(struct work *w, const char *operation)
{
	enum ccp_err rc = ccp_dynamodb_ended(&w->reply, operation, w->table, w->err);

	if (rc == CCP_ERR_FORMAT && w->err)
		w->err->code = CCP_ERR_STORE;
	return CCP_ERR_STORE;
}

static enum ccp_err
describe(struct work *w)
{
	enum ccp_err rc = ccp_dynamodb_describe(w->db, w->table, w->key, &ccp_ddb_for_report,
	                                        &w->state, &w->reply, w->err);

	if (!rc && w->reply.end != CCP_DDB_DONE && w->reply.end != CCP_DDB_NO_TABLE)
		rc = ended(w, "DescribeTable");
	return rc;
}

/* Until the table, and an index that is coming, are active; a new table is not seen at once. */
static enum ccp_err
wait_until_active(struct work *w)
{
	bool index = w->state.index_coming;
	enum ccp_err rc = describe(w);

	for (int i = 0;
	     !rc && (!w->state.active || w->state.index_coming || (index && !w->state.index[0]));
	     i++) {
		if (i == WAIT_STEPS_MAX || !ccp_dynamodb_pause(w->db, WAIT_STEP_MS))
			return ccp_fail(w->err, CCP_ERR_STORE,
			                "%.100s: not active yet; run this again later", w->table);
		rc = describe(w);
	}
	return rc;
}

static void
begin_table(const struct work *w, struct ccp_buf *request)
{
	ccp_buf_puts(request, "{\"TableName\":");
	ccp_json_add_string(request, w->table, strlen(w->table));
}

static void
add_definitions(const struct work *w, struct ccp_buf *request)
{
	ccp_buf_addf(request,
	             ",\"AttributeDefinitions\":[{\"AttributeName\":\"%s\",\"AttributeType\":\"S\"}"
	             "%s]",
	             w->key,
	             w->indexed ? ",{\"AttributeName\":\"" CCP_A_DATE "\",\"AttributeType\":\"S\"}"
	                          ",{\"AttributeName\":\"" CCP_A_USER_ID "\",\"AttributeType\":"
	                          "\"S\"}"
	                        : "");
}

/* The index, without its last brace. */
#define INDEX_JSON                                                        \
	"{\"IndexName\":\"" CCP_DATE_INDEX "\","                          \
	"\"KeySchema\":[{\"AttributeName\":\"" CCP_A_DATE "\","           \
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"" CCP_A_USER_ID "\"," \
	"\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}"

static enum ccp_err
create_table(struct work *w)
{
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	enum ccp_err rc;

	begin_table(w, &request);
	add_definitions(w, &request);
	ccp_buf_addf(&request,
	             ",\"KeySchema\":[{\"AttributeName\":\"%s\",\"KeyType\":\"HASH\"}]"
	             ",\"BillingMode\":\"PAY_PER_REQUEST\"%s}",
	             w->key, w->indexed ? ",\"GlobalSecondaryIndexes\":[" INDEX_JSON "}]" : "");
	rc = ask(w, "CreateTable", &request);
	/* somebody else may be making it at this moment */
	if (!rc && w->reply.end != CCP_DDB_DONE && w->reply.end != CCP_DDB_IN_USE)
		rc = ended(w, "CreateTable");
	if (!rc)
		rc = wait_until_active(w);
	if (!rc) {
		w->created = true;
		say(w, "created");
	}
	return rc;
}

/* A change of the table, again while another one is under way; ends with reply. */
static enum ccp_err
change(struct work *w, const char *operation, struct ccp_span json)
{
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	enum ccp_err rc = CCP_OK;

	for (int i = 0; i < CHANGE_TRIES && !rc; i++) {
		if (i > 0)
			rc = wait_until_active(w);
		if (!rc && i > 0 && !ccp_dynamodb_pause(w->db, WAIT_STEP_MS))
			rc = ccp_fail(w->err, CCP_ERR_NET, "%s: the process ends", operation);
		if (rc)
			break;
		ccp_buf_add(&request, json.p, json.len);
		rc = ask(w, operation, &request);
		if (!rc && w->reply.end != CCP_DDB_IN_USE)
			break;
	}
	return rc;
}

/* What DescribeTimeToLive says. */
enum ttl { TTL_ON, TTL_OFF, TTL_OTHER, TTL_NOT_HERE };

static enum ccp_err
look_at_ttl(struct work *w, enum ttl *ttl)
{
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_span description, status;
	enum ccp_err rc;

	*ttl = TTL_NOT_HERE;
	begin_table(w, &request);
	ccp_buf_puts(&request, "}");
	rc = ask(w, "DescribeTimeToLive", &request);
	if (rc || w->reply.end == CCP_DDB_UNKNOWN)
		return rc;
	if (w->reply.end != CCP_DDB_DONE)
		return ended(w, "DescribeTimeToLive");
	description = ccp_json_member(ccp_dynamodb_json(&w->reply), "TimeToLiveDescription");
	status = ccp_json_member(description, "TimeToLiveStatus");
	*ttl = TTL_OFF;
	if (ccp_json_string_is(status, "ENABLED") || ccp_json_string_is(status, "ENABLING"))
		*ttl = ccp_json_string_is(ccp_json_member(description, "AttributeName"), CCP_A_TTL)
		               ? TTL_ON
		               : TTL_OTHER;
	return CCP_OK;
}

static enum ccp_err
turn_ttl_on(struct work *w)
{
	struct ccp_buf json = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	enum ccp_err rc;

	begin_table(w, &json);
	ccp_buf_puts(&json, ",\"TimeToLiveSpecification\":{\"AttributeName\":\"" CCP_A_TTL
	                    "\",\"Enabled\":true}}");
	rc = change(w, "UpdateTimeToLive", (struct ccp_span){ json.data, json.len });
	ccp_buf_clear(&json);
	if (rc)
		return rc;
	if (w->reply.end == CCP_DDB_UNKNOWN) {
		say(w, "this service has no TTL; expired items stay, and are ignored");
	} else if (w->reply.end == CCP_DDB_DONE ||
	           (w->reply.end == CCP_DDB_INVALID && strstr(w->reply.message, "already"))) {
		say(w, "TTL by " CCP_A_TTL " is turned on");
	} else if (w->reply.end == CCP_DDB_INVALID) {
		say(w, "TTL cannot be turned on now: %s", w->reply.message);
		(*w->missing)++;
	} else {
		return ended(w, "UpdateTimeToLive");
	}
	return CCP_OK;
}

static enum ccp_err
check_ttl(struct work *w)
{
	enum ttl ttl;
	enum ccp_err rc = look_at_ttl(w, &ttl);

	if (rc)
		return rc;
	if (ttl == TTL_OFF && w->make)
		return turn_ttl_on(w);
	if (ttl == TTL_ON) {
		say(w, "TTL by " CCP_A_TTL " is on");
	} else if (ttl == TTL_NOT_HERE) {
		say(w, "this service has no TTL; expired items stay, and are ignored");
	} else {
		say(w, ttl == TTL_OFF ? "TTL is off; it should be on, by the attribute " CCP_A_TTL
		                      : "TTL is on by another attribute than " CCP_A_TTL
		                        "; turn that off first");
		(*w->missing)++;
	}
	return CCP_OK;
}

static enum ccp_err
make_index(struct work *w)
{
	struct ccp_buf json = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	enum ccp_err rc;

	say(w, "making the index " CCP_DATE_INDEX "; in a large table that takes minutes");
	begin_table(w, &json);
	add_definitions(w, &json);
	ccp_buf_puts(&json, ",\"GlobalSecondaryIndexUpdates\":[{\"Create\":" INDEX_JSON);
	if (!w->state.on_demand)
		ccp_buf_addf(&json,
		             ",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":%lld,"
		             "\"WriteCapacityUnits\":%lld}",
		             (long long)w->state.read_units, (long long)w->state.write_units);
	ccp_buf_puts(&json, "}}]}");
	rc = change(w, "UpdateTable", (struct ccp_span){ json.data, json.len });
	ccp_buf_clear(&json);
	if (!rc && w->reply.end != CCP_DDB_DONE)
		rc = ended(w, "UpdateTable");
	if (rc)
		return rc;
	/* dynalite says yes, and makes none */
	ccp_dynamodb_read_table(ccp_json_member(ccp_dynamodb_json(&w->reply), "TableDescription"),
	                        w->key, &w->state);
	return w->state.index_coming ? wait_until_active(w) : CCP_OK;
}

static enum ccp_err
check_index(struct work *w)
{
	enum ccp_err rc = CCP_OK;

	if (w->state.index_coming && !w->state.index[0] && w->make)
		rc = wait_until_active(w);
	if (!rc && !w->state.index[0] && !w->state.index_coming && !w->state.name_taken && w->make)
		rc = make_index(w);
	if (rc)
		return rc;
	if (w->state.index[0]) {
		say(w, "the index %s finds usage by date", w->state.index);
		return CCP_OK;
	}
	(*w->missing)++;
	if (w->state.index_coming)
		say(w, "an index by " CCP_A_DATE " is being made");
	else if (w->state.name_taken)
		say(w, CCP_DATE_INDEX " has other keys than " CCP_A_DATE
		                      ", or not all attributes; delete it, and run this again");
	else
		say(w, "there is no index by " CCP_A_DATE "; all usage is found by a slow Scan");
	return CCP_OK;
}

static enum ccp_err
check_dates(struct work *w)
{
	int64_t count;
	enum ccp_err rc = ccp_dynamodb_add_dates(w->db, w->make, &count, w->err);

	if (rc || count == 0)
		return rc;
	if (w->make) {
		say(w, "items of the original that have a " CCP_A_DATE " now: %lld",
		    (long long)count);
	} else {
		say(w,
		    "items of the original have no " CCP_A_DATE "; the index does not find them");
		(*w->missing)++;
	}
	return CCP_OK;
}

/* A table that is there: what it should have besides its key. */
static enum ccp_err
check_parts(struct work *w)
{
	enum ccp_err rc = CCP_OK;

	if (!w->state.active && w->make)
		rc = wait_until_active(w);
	if (rc)
		return rc;
	if (!w->state.active) {
		say(w, "not active yet");
		(*w->missing)++;
	}
	rc = check_ttl(w);
	if (!rc && w->indexed)
		rc = check_index(w);
	if (!rc && w->indexed && !w->created)
		rc = check_dates(w);
	return rc;
}

static enum ccp_err
check_table(struct work *w)
{
	enum ccp_err rc = describe(w);

	if (!rc && !w->state.exists && w->make)
		rc = create_table(w);
	if (rc)
		return rc;
	if (w->state.exists && w->state.key_fits) {
		if (!w->created)
			say(w, "there, with the key %s", w->key);
		return check_parts(w);
	}
	if (w->state.exists)
		say(w, "the key is not %s (a string, alone); name another table, or delete this",
		    w->key);
	else
		say(w, "there is no such table");
	(*w->missing)++;
	return CCP_OK;
}

enum ccp_err
ccp_dynamodb_tables(struct ccp_dynamodb *db, bool make, ccp_dynamodb_say_fn *say_fn, void *arg,
                    int *missing, struct ccp_error *err)
{
	const struct {
		const char *table, *key;
		bool indexed;
	} tables[] = { { db->config->rate_limit_table_name, CCP_A_USER_ID, false },
		       { db->config->usage_table_name, CCP_A_USER_PERIOD, true } };
	enum ccp_err rc = CCP_OK;

	*missing = 0;
	for (size_t i = 0; i < 2 && !rc; i++) {
		struct work w = { .db = db,
			          .make = make,
			          .say = say_fn,
			          .arg = arg,
			          .missing = missing,
			          .err = err,
			          .table = tables[i].table,
			          .key = tables[i].key,
			          .indexed = tables[i].indexed,
			          .reply = CCP_DDB_REPLY_INIT };

		rc = check_table(&w);
		ccp_ddb_reply_clear(&w.reply);
	}
	/* what was remembered of the index may be wrong now */
	pthread_mutex_lock(&db->lock);
	db->index_until_ms = 0;
	pthread_mutex_unlock(&db->lock);
	return rc;
}
