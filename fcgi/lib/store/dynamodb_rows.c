#include "store/dynamodb_item.h"
#include "store/dynamodb_names.h"
#include "store/dynamodb_parts.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

/*
 * The original always called Claude Haiku 4.5 by its global profile, and kept
 * no cost: micro-dollars a token. Source: data/prices.csv, AWS's price list of
 * 2026-11.
 */
#define ORIGINAL_MODEL "claude-haiku-4-5"
#define ORIGINAL_INPUT_MICROUSD 1
#define ORIGINAL_OUTPUT_MICROUSD 5

/* There are some dozen models; what an item holds beyond goes into the last row, "other". */
#define MODELS_MAX 64

void
ccp_user_period_write(const char *user, const char *date, const char *request_type,
                      char out[CCP_USER_PERIOD_BYTES])
{
	bool plain = strcmp(request_type, CCP_REQUEST_BEDROCK) == 0;

	snprintf(out, CCP_USER_PERIOD_BYTES, "%s#%s%s%s", user, date, plain ? "" : "#",
	         plain ? "" : request_type);
}

bool
ccp_user_period_read(struct ccp_span key, struct ccp_user_period *out)
{
	static const char suffix[] = "#" CCP_REQUEST_ANTHROPIC;
	char text[CCP_USER_PERIOD_BYTES];
	size_t len, suffix_len = sizeof(suffix) - 1;
	int64_t day_s;

	if (!ccp_ddb_value_text(key, text, sizeof(text)))
		return false;
	len = strlen(text);
	out->request_type = CCP_REQUEST_BEDROCK;
	if (len > suffix_len && strcmp(text + len - suffix_len, suffix) == 0) {
		out->request_type = CCP_REQUEST_ANTHROPIC;
		len -= suffix_len;
		text[len] = '\0';
	}
	/* a name of one byte at least, '#', ten of the day */
	if (len < 1 + CCP_DAY_BYTES || len - CCP_DAY_BYTES > CCP_USER_MAX_BYTES ||
	    text[len - CCP_DAY_BYTES] != '#' ||
	    !ccp_day_parse(text + len - CCP_DAY_BYTES + 1, &day_s))
		return false;
	snprintf(out->date, sizeof(out->date), "%s", text + len - CCP_DAY_BYTES + 1);
	text[len - CCP_DAY_BYTES] = '\0';
	memcpy(out->user, text, len - CCP_DAY_BYTES + 1);
	return true;
}

struct model_row {
	char model[128];
	struct ccp_usage_sum sum;
};

struct rows {
	struct ccp_user_period period;
	struct ccp_usage_sum total;
	char request_type[16];
	int64_t ttl;
	size_t count;
	struct model_row models[MODELS_MAX];
};

/* Where a counter of that name stands in a sum; NULL when it is none. */
static int64_t *
counter_of(struct ccp_usage_sum *sum, const char *name)
{
	struct ccp_usage *t = &sum->tokens;
	const struct {
		const char *name;
		int64_t *counter;
	} all[] = {
		{ CCP_A_INPUT, &t->input_tokens },
		{ CCP_A_OUTPUT, &t->output_tokens },
		{ CCP_A_REQUESTS, &sum->request_count },
		{ CCP_A_CACHE_READ, &t->cache_read_tokens },
		{ CCP_A_CACHE_WRITE_5M, &t->cache_write_5m_tokens },
		{ CCP_A_CACHE_WRITE_1H, &t->cache_write_1h_tokens },
		{ CCP_A_COST, &sum->cost_microusd },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].counter;
	return NULL;
}

static int64_t
plus(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static struct ccp_usage_sum *
row_of(struct rows *rows, const char *model)
{
	struct model_row *row;

	for (size_t i = 0; i < rows->count; i++)
		if (strcmp(rows->models[i].model, model) == 0)
			return &rows->models[i].sum;
	if (rows->count == MODELS_MAX)
		return &rows->models[MODELS_MAX - 1].sum;
	row = &rows->models[rows->count++];
	row->sum = (struct ccp_usage_sum){ 0 };
	snprintf(row->model, sizeof(row->model), "%s", rows->count == MODELS_MAX ? "other" : model);
	return &row->sum;
}

/* A counter above 0, or that it is estimated, into a sum of that model ("" = the totals). */
static void
read_counter(struct rows *rows, const char *name, const char *model, struct ccp_span value)
{
	struct ccp_usage_sum none, *sum = model[0] ? NULL : &rows->total;
	bool is_counter = counter_of(&none, name) != NULL;
	int64_t n = 0, *counter;

	if (is_counter ? !ccp_ddb_value_int(value, &n) || n <= 0
	               : strcmp(name, CCP_A_ESTIMATED) != 0 || !ccp_ddb_value_true(value))
		return;
	if (!sum)
		sum = row_of(rows, model);
	counter = counter_of(sum, name);
	if (counter)
		*counter = plus(*counter, n);
	else
		sum->tokens.estimated = true;
}

static void
read_attribute(struct rows *rows, char *name, struct ccp_span value)
{
	char *model = strchr(name, '#');
	int64_t n;

	if (model) {
		*model++ = '\0';
		if (model[0] && strlen(model) < sizeof(rows->models[0].model))
			read_counter(rows, name, model, value);
	} else if (strcmp(name, CCP_A_TTL) == 0) {
		rows->ttl = ccp_ddb_value_int(value, &n) ? n : INT64_MAX;
	} else if (strcmp(name, CCP_A_REQUEST_TYPE) == 0) {
		ccp_ddb_value_text(value, rows->request_type, sizeof(rows->request_type));
	} else {
		read_counter(rows, name, "", value);
	}
}

/* One pass over the item's attributes. */
static void
read_rows(struct ccp_span item, struct rows *rows)
{
	struct ccp_json_iter it = ccp_json_each(item);
	struct ccp_json_item member;
	char name[CCP_A_NAME_MAX_BYTES];

	rows->total = (struct ccp_usage_sum){ 0 };
	rows->request_type[0] = '\0';
	rows->ttl = INT64_MAX;
	rows->count = 0;
	while (ccp_json_next(&it, &member))
		if (ccp_json_string_text(member.key, name, sizeof(name)))
			read_attribute(rows, name, member.value);
	if (!rows->request_type[0])
		snprintf(rows->request_type, sizeof(rows->request_type), "%s",
		         rows->period.request_type);
}

static int64_t
rest(int64_t total, int64_t part)
{
	return total > part ? total - part : 0;
}

/* What the totals hold beyond the models: the original's part. False when there is none. */
static bool
rest_of(const struct rows *rows, struct ccp_usage_sum *out)
{
	struct ccp_usage_sum ours = { 0 };
	const struct ccp_usage *all = &rows->total.tokens;
	struct ccp_usage *t = &ours.tokens;

	for (size_t i = 0; i < rows->count; i++) {
		const struct ccp_usage_sum *m = &rows->models[i].sum;

		ours.request_count = plus(ours.request_count, m->request_count);
		t->input_tokens = plus(t->input_tokens, m->tokens.input_tokens);
		t->output_tokens = plus(t->output_tokens, m->tokens.output_tokens);
	}
	*out = (struct ccp_usage_sum){
		.request_count = rest(rows->total.request_count, ours.request_count),
		.tokens = { .input_tokens = rest(all->input_tokens, t->input_tokens),
		            .output_tokens = rest(all->output_tokens, t->output_tokens),
		            .estimated = true },
	};
	if (out->tokens.output_tokens >
	    (INT64_MAX - out->tokens.input_tokens) / ORIGINAL_OUTPUT_MICROUSD)
		out->cost_microusd = INT64_MAX;
	else
		out->cost_microusd = out->tokens.input_tokens * ORIGINAL_INPUT_MICROUSD +
		                     out->tokens.output_tokens * ORIGINAL_OUTPUT_MICROUSD;
	return out->request_count > 0 || out->tokens.input_tokens > 0 ||
	       out->tokens.output_tokens > 0;
}

static bool
is_asked_for(const struct ccp_usage_reader *reader, const struct rows *rows)
{
	return rows->ttl > reader->now_s && (strcmp(reader->request_type, "all") == 0 ||
	                                     strcmp(reader->request_type, rows->request_type) == 0);
}

bool
ccp_dynamodb_usage_item(const struct ccp_usage_reader *reader, struct ccp_span item)
{
	struct ccp_usage_sum original;
	struct rows rows;

	/* the key says more surely than anything else whose it is, and of when */
	if (!ccp_user_period_read(ccp_json_member(item, CCP_A_USER_PERIOD), &rows.period) ||
	    strcmp(rows.period.date, reader->from) < 0 || strcmp(rows.period.date, reader->to) > 0)
		return true;
	read_rows(item, &rows);
	if (!is_asked_for(reader, &rows))
		return true;
	for (size_t i = 0; i < rows.count; i++)
		if (!reader->fn(reader->arg, rows.period.user, rows.period.date,
		                rows.models[i].model, &rows.models[i].sum))
			return false;
	return !rest_of(&rows, &original) ||
	       reader->fn(reader->arg, rows.period.user, rows.period.date, ORIGINAL_MODEL,
	                  &original);
}
