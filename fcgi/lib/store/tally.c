#include "store/tally.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add(int64_t *to, int64_t n)
{
	if (__builtin_add_overflow(*to, n, to))
		*to = INT64_MAX;
}

static void
add_sum(struct ccp_usage_sum *to, const struct ccp_usage_sum *s)
{
	add(&to->tokens.input_tokens, s->tokens.input_tokens);
	add(&to->tokens.output_tokens, s->tokens.output_tokens);
	add(&to->tokens.cache_read_tokens, s->tokens.cache_read_tokens);
	add(&to->tokens.cache_write_5m_tokens, s->tokens.cache_write_5m_tokens);
	add(&to->tokens.cache_write_1h_tokens, s->tokens.cache_write_1h_tokens);
	add(&to->request_count, s->request_count);
	add(&to->cost_microusd, s->cost_microusd);
	to->tokens.estimated = to->tokens.estimated || s->tokens.estimated;
}

/* The entry of that model, made when there is none; NULL without memory. */
static struct ccp_tally_model *
entry(struct ccp_tally *tally, const char *model)
{
	struct ccp_tally_model *m;

	if (tally->count >= CCP_TALLY_MODELS_MAX - 1)
		model = "other";
	for (size_t i = 0; i < tally->count; i++)
		if (strcmp(tally->models[i].name, model) == 0)
			return &tally->models[i];
	if (tally->count == tally->cap) {
		size_t cap = tally->cap ? tally->cap * 2 : 4;

		m = realloc(tally->models, cap * sizeof(*m));
		if (!m)
			return NULL;
		tally->models = m;
		tally->cap = cap;
	}
	m = &tally->models[tally->count++];
	*m = (struct ccp_tally_model){ 0 };
	snprintf(m->name, sizeof(m->name), "%s", model);
	return m;
}

bool
ccp_tally_add(struct ccp_tally *tally, const char *model, const struct ccp_usage_sum *sum)
{
	struct ccp_tally_model *m = entry(tally, model);

	if (!m)
		return false;
	add_sum(&m->sum, sum);
	add_sum(&tally->sum, sum);
	return true;
}

void
ccp_tally_reset(struct ccp_tally *tally)
{
	tally->sum = (struct ccp_usage_sum){ 0 };
	tally->count = 0;
}

void
ccp_tally_clear(struct ccp_tally *tally)
{
	free(tally->models);
	*tally = (struct ccp_tally){ 0 };
}

int64_t
ccp_tally_total(const struct ccp_usage_sum *sum)
{
	int64_t total = sum->tokens.input_tokens;

	add(&total, sum->tokens.output_tokens);
	return total;
}

void
ccp_tally_write_usd(int64_t microusd, struct ccp_buf *out)
{
	ccp_buf_addf(out, "%lld.%06lld", (long long)(microusd / 1000000),
	             (long long)(microusd % 1000000));
}

static void
write_sum(const struct ccp_usage_sum *s, bool summary, struct ccp_buf *out)
{
	const char *total = summary ? "total_" : "";
	int64_t cache_write = s->tokens.cache_write_5m_tokens;

	add(&cache_write, s->tokens.cache_write_1h_tokens);
	ccp_buf_addf(out,
	             "\"%sinput_tokens\":%lld,\"%soutput_tokens\":%lld,\"total_tokens\":%lld,"
	             "\"%srequests\":%lld,\"cache_read_tokens\":%lld,\"cache_write_tokens\":%lld,"
	             "\"cost_usd\":",
	             total, (long long)s->tokens.input_tokens, total,
	             (long long)s->tokens.output_tokens, (long long)ccp_tally_total(s), total,
	             (long long)s->request_count, (long long)s->tokens.cache_read_tokens,
	             (long long)cache_write);
	ccp_tally_write_usd(s->cost_microusd, out);
	ccp_buf_addf(out, ",\"estimated\":%s", s->tokens.estimated ? "true" : "false");
}

void
ccp_tally_write(const struct ccp_tally *tally, bool summary, struct ccp_buf *out)
{
	write_sum(&tally->sum, summary, out);
	ccp_buf_puts(out, ",\"models\":{");
	for (size_t i = 0; i < tally->count; i++) {
		const struct ccp_tally_model *m = &tally->models[i];

		ccp_buf_puts(out, i ? "," : "");
		ccp_json_add_string(out, m->name, strlen(m->name));
		ccp_buf_puts(out, ":{");
		write_sum(&m->sum, false, out);
		ccp_buf_puts(out, "}");
	}
	ccp_buf_puts(out, "}");
}
