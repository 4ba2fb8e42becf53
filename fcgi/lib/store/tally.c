#include "store/tally.h"

#include "base/json.h"

#include <string.h>

/* The sum of one model, with the next one of its tally: there are very many. */
struct part {
	int64_t input_tokens, output_tokens, cache_read_tokens;
	int64_t cache_write_5m_tokens, cache_write_1h_tokens;
	int64_t request_count, cost_microusd;
	uint32_t next; /* name of a chunk's record, 0: none */
	uint8_t model;
	bool estimated;
};
_Static_assert(sizeof(struct part) <= 64, "a report promises 64 bytes a user and model");

static void
add(int64_t *to, int64_t n)
{
	if (n > 0 && __builtin_add_overflow(*to, n, to))
		*to = INT64_MAX;
}

uint8_t
ccp_names_number(struct ccp_names *names, const char *text)
{
	size_t len = strnlen(text, CCP_NAME_BYTES - 1), i;

	for (i = 0; i < names->count; i++)
		if (memcmp(names->text[i], text, len) == 0 && !names->text[i][len])
			return (uint8_t)i;
	if (i == CCP_NAMES_MAX)
		return CCP_NAMES_MAX - 1;
	if (i == CCP_NAMES_MAX - 1) {
		text = "other";
		len = strlen(text);
		for (size_t n = 0; n < i; n++)
			if (strcmp(names->text[n], text) == 0)
				return (uint8_t)n;
	}
	memcpy(names->text[i], text, len);
	names->text[i][len] = '\0';
	names->count++;
	return (uint8_t)i;
}

void
ccp_tallies_clear(struct ccp_tallies *tallies)
{
	ccp_chunks_clear(&tallies->chunks);
	tallies->models.count = 0;
}

/* The part of that model, made when there is none; NULL without memory. */
static struct part *
find_part(struct ccp_tallies *tallies, struct ccp_tally *tally, uint8_t model)
{
	struct part *part;
	uint32_t name;

	for (name = tally->first; name; name = part->next) {
		part = ccp_chunks_at(&tallies->chunks, name);
		if (part->model == model)
			return part;
	}
	name = ccp_chunks_add(&tallies->chunks, sizeof(*part));
	if (!name)
		return NULL;
	part = ccp_chunks_at(&tallies->chunks, name);
	part->model = model;
	part->next = tally->first;
	tally->first = name;
	return part;
}

bool
ccp_tally_add(struct ccp_tallies *tallies, struct ccp_tally *tally, uint8_t model,
              const struct ccp_usage_sum *s)
{
	struct part *part = find_part(tallies, tally, model);

	if (!part)
		return false;
	add(&part->input_tokens, s->tokens.input_tokens);
	add(&part->output_tokens, s->tokens.output_tokens);
	add(&part->cache_read_tokens, s->tokens.cache_read_tokens);
	add(&part->cache_write_5m_tokens, s->tokens.cache_write_5m_tokens);
	add(&part->cache_write_1h_tokens, s->tokens.cache_write_1h_tokens);
	add(&part->request_count, s->request_count);
	add(&part->cost_microusd, s->cost_microusd);
	part->estimated = part->estimated || s->tokens.estimated;
	return true;
}

static void
add_part(struct ccp_usage_sum *to, const struct part *part)
{
	add(&to->tokens.input_tokens, part->input_tokens);
	add(&to->tokens.output_tokens, part->output_tokens);
	add(&to->tokens.cache_read_tokens, part->cache_read_tokens);
	add(&to->tokens.cache_write_5m_tokens, part->cache_write_5m_tokens);
	add(&to->tokens.cache_write_1h_tokens, part->cache_write_1h_tokens);
	add(&to->request_count, part->request_count);
	add(&to->cost_microusd, part->cost_microusd);
	to->tokens.estimated = to->tokens.estimated || part->estimated;
}

struct ccp_usage_sum
ccp_tally_sum(const struct ccp_tallies *tallies, struct ccp_tally tally)
{
	struct ccp_usage_sum sum = { 0 };
	const struct part *part;

	for (uint32_t name = tally.first; name; name = part->next) {
		part = ccp_chunks_at(&tallies->chunks, name);
		add_part(&sum, part);
	}
	return sum;
}

size_t
ccp_tally_list(const struct ccp_tallies *tallies, struct ccp_tally tally,
               struct ccp_tally_model list[CCP_NAMES_MAX])
{
	const struct part *part;
	size_t count = 0, i;

	for (uint32_t name = tally.first; name; name = part->next) {
		struct ccp_tally_model new = { 0 };

		part = ccp_chunks_at(&tallies->chunks, name);
		new.name = tallies->models.text[part->model];
		add_part(&new.sum, part);
		for (i = count++; i > 0 && strcmp(list[i - 1].name, new.name) > 0; i--)
			list[i] = list[i - 1];
		list[i] = new;
	}
	return count;
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
ccp_tally_write(const struct ccp_tallies *tallies, struct ccp_tally tally, bool summary,
                struct ccp_buf *out)
{
	struct ccp_tally_model models[CCP_NAMES_MAX];
	size_t count = ccp_tally_list(tallies, tally, models);
	struct ccp_usage_sum sum = ccp_tally_sum(tallies, tally);

	write_sum(&sum, summary, out);
	ccp_buf_puts(out, ",\"models\":{");
	for (size_t i = 0; i < count; i++) {
		ccp_buf_puts(out, i ? "," : "");
		ccp_json_add_string(out, models[i].name, strlen(models[i].name));
		ccp_buf_puts(out, ":{");
		write_sum(&models[i].sum, false, out);
		ccp_buf_puts(out, "}");
	}
	ccp_buf_puts(out, "}");
}
