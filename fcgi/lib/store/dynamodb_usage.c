#include "store/dynamodb_item.h"
#include "store/dynamodb_names.h"
#include "store/dynamodb_parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* "attribute_not_exists(#a99) OR #a99<:a99" and to spare. */
#define CONDITION_BYTES 96

/* The counters that the original's readers need stand in every item, zero or not. */
static void
count_up_all(struct ccp_ddb_update *u, const struct ccp_usage_sum *total)
{
	const struct ccp_usage *t = &total->tokens;

	ccp_ddb_count_up(u, CCP_A_INPUT, t->input_tokens);
	ccp_ddb_count_up(u, CCP_A_OUTPUT, t->output_tokens);
	ccp_ddb_count_up(u, CCP_A_TOTAL, t->input_tokens + t->output_tokens);
	ccp_ddb_count_up(u, CCP_A_REQUESTS, total->request_count);
	ccp_ddb_count_up(u, CCP_A_CACHE_READ, t->cache_read_tokens);
	ccp_ddb_count_up(u, CCP_A_CACHE_WRITE_5M, t->cache_write_5m_tokens);
	ccp_ddb_count_up(u, CCP_A_CACHE_WRITE_1H, t->cache_write_1h_tokens);
	ccp_ddb_count_up(u, CCP_A_COST, total->cost_microusd);
	if (t->estimated)
		ccp_ddb_set_true(u, CCP_A_ESTIMATED);
}

static void
count_up_of(struct ccp_ddb_update *u, const char *counter, const char *model, int64_t n)
{
	char name[CCP_A_NAME_MAX_BYTES];

	if (n == 0)
		return;
	snprintf(name, sizeof(name), "%s#%s", counter, model);
	ccp_ddb_count_up(u, name, n);
}

static void
count_up_model(struct ccp_ddb_update *u, const struct ccp_batch_model *m)
{
	const struct ccp_usage *t = &m->sum.tokens;
	char name[CCP_A_NAME_MAX_BYTES];

	count_up_of(u, CCP_A_INPUT, m->model, t->input_tokens);
	count_up_of(u, CCP_A_OUTPUT, m->model, t->output_tokens);
	count_up_of(u, CCP_A_REQUESTS, m->model, m->sum.request_count);
	count_up_of(u, CCP_A_CACHE_READ, m->model, t->cache_read_tokens);
	count_up_of(u, CCP_A_CACHE_WRITE_5M, m->model, t->cache_write_5m_tokens);
	count_up_of(u, CCP_A_CACHE_WRITE_1H, m->model, t->cache_write_1h_tokens);
	count_up_of(u, CCP_A_COST, m->model, m->sum.cost_microusd);
	if (t->estimated) {
		snprintf(name, sizeof(name), CCP_A_ESTIMATED "#%s", m->model);
		ccp_ddb_set_true(u, name);
	}
}

static void
set_words(struct ccp_ddb_update *u, const struct ccp_usage_batch *batch)
{
	time_t at = (time_t)batch->last_at_s;
	char iso[32] = "";
	struct tm tm;

	if (gmtime_r(&at, &tm))
		strftime(iso, sizeof(iso), "%Y-%m-%dT%H:%M:%SZ", &tm);
	ccp_ddb_set_text(u, CCP_A_MODEL, batch->last_model);
	ccp_ddb_set_text(u, CCP_A_REQUEST_TYPE, batch->request_type);
	ccp_ddb_set_text(u, CCP_A_PERIOD_TYPE, "daily");
	ccp_ddb_set_text(u, CCP_A_USER_ID, batch->user);
	ccp_ddb_set_text(u, CCP_A_LAST_UPDATED_AT, iso);
	ccp_ddb_set_text(u, CCP_A_DATE, batch->date);
	ccp_ddb_set_int(u, CCP_A_TTL, batch->last_at_s + CCP_USAGE_TTL_S);
}

static void
write_batch(const struct ccp_usage_batch *batch, const char *table, struct ccp_buf *request)
{
	const struct ccp_usage_sum total = ccp_batch_total(batch);
	struct ccp_ddb_update u = CCP_DDB_UPDATE_INIT;
	char key[CCP_USER_PERIOD_BYTES], seq[CCP_A_NAME_MAX_BYTES], condition[CONDITION_BYTES];
	int n;

	snprintf(seq, sizeof(seq), CCP_A_SEQ "%s", batch->journal);
	n = ccp_ddb_set_int(&u, seq, batch->seq);
	snprintf(condition, sizeof(condition), "attribute_not_exists(#a%d) OR #a%d<:a%d", n, n, n);
	count_up_all(&u, &total);
	for (size_t i = 0; i < batch->model_count; i++)
		count_up_model(&u, &batch->models[i]);
	set_words(&u, batch);
	ccp_user_period_write(batch->user, batch->date, batch->request_type, key);
	ccp_ddb_update_write(&u, table, CCP_A_USER_PERIOD, key, condition, "NONE", request);
}

enum ccp_err
ccp_dynamodb_usage_apply(void *self, const struct ccp_usage_batch *batch, struct ccp_error *err)
{
	struct ccp_dynamodb *db = self;
	const char *table = db->config->usage_table_name;
	struct ccp_buf request = CCP_BUF_INIT(CCP_DDB_REQUEST_MAX_BYTES);
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	enum ccp_err rc;

	write_batch(batch, table, &request);
	rc = ccp_dynamodb_ask(db, "UpdateItem", &request, &ccp_ddb_for_write, &reply, err);
	/* a failed condition: an earlier try, whose answer was lost, did it */
	if (!rc && reply.end != CCP_DDB_DONE && reply.end != CCP_DDB_CONDITION)
		rc = ccp_dynamodb_ended(&reply, "UpdateItem", table, err);
	ccp_ddb_reply_clear(&reply);
	return rc;
}
