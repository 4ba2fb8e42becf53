#include "store/report.h"

#include "store/tally.h"

#include <string.h>

/* Prometheus text format 0.0.4: backslash, quote and newline are escaped in a label. */
static void
write_label(const char *text, struct ccp_buf *out)
{
	for (; *text; text++) {
		if (*text == '\n') {
			ccp_buf_puts(out, "\\n");
		} else {
			if (*text == '\\' || *text == '"')
				ccp_buf_puts(out, "\\");
			ccp_buf_add(out, text, 1);
		}
	}
}

enum figure { REQUESTS, INPUT, OUTPUT, CACHE_READ, CACHE_WRITE_5M, CACHE_WRITE_1H, COST };

static void
write_series(const struct ccp_tally *tally, const char *type, enum figure f, struct ccp_buf *out)
{
	static const char *const kinds[] = { "",           "input",          "output",
		                             "cache_read", "cache_write_5m", "cache_write_1h" };

	for (size_t i = 0; i < tally->count; i++) {
		const struct ccp_usage_sum *s = &tally->models[i].sum;
		const struct ccp_usage *t = &s->tokens;
		const int64_t values[] = { s->request_count,         t->input_tokens,
			                   t->output_tokens,         t->cache_read_tokens,
			                   t->cache_write_5m_tokens, t->cache_write_1h_tokens };

		ccp_buf_addf(out, "claude_code_proxy_%s_today{request_type=\"%s\",model=\"",
		             f == REQUESTS ? "requests"
		             : f == COST   ? "cost_usd"
		                           : "tokens",
		             type);
		write_label(tally->models[i].name, out);
		if (f == COST) {
			ccp_buf_puts(out, "\"} ");
			ccp_tally_write_usd(s->cost_microusd, out);
			ccp_buf_puts(out, "\n");
			continue;
		}
		if (f != REQUESTS)
			ccp_buf_addf(out, "\",kind=\"%s", kinds[f]);
		ccp_buf_addf(out, "\"} %lld\n", (long long)values[f]);
	}
}

static bool
count_row(void *arg, const char *user, const char *date, const char *model,
          const struct ccp_usage_sum *sum)
{
	(void)user;
	(void)date;
	return ccp_tally_add(arg, model, sum);
}

struct user_count {
	char last[CCP_USER_MAX_BYTES + 1];
	int64_t count;
};

/* A user may have several limits; they come one after the other. */
static bool
count_limit(void *arg, const char *user, const struct ccp_limit *limit)
{
	struct user_count *users = arg;

	(void)limit;
	if (users->count == 0 || strcmp(user, users->last) != 0)
		users->count++;
	memcpy(users->last, user, strlen(user) + 1);
	return true;
}

static const char *const types[] = { "bedrock", "anthropic" };

static void
write_metrics(const struct ccp_tally tallies[2], int64_t limited_count, struct ccp_buf *out)
{
	static const struct {
		const char *name, *help;
		enum figure first, last;
	} groups[] = { { "requests", "Answers counted since midnight UTC.", REQUESTS, REQUESTS },
		       { "tokens", "Tokens of these answers.", INPUT, CACHE_WRITE_1H },
		       { "cost_usd", "What these answers cost, by the price table.", COST, COST } };

	for (size_t g = 0; g < 3; g++) {
		ccp_buf_addf(out,
		             "# HELP claude_code_proxy_%s_today %s\n"
		             "# TYPE claude_code_proxy_%s_today gauge\n",
		             groups[g].name, groups[g].help, groups[g].name);
		for (int i = 0; i < 2; i++)
			for (enum figure f = groups[g].first; f <= groups[g].last; f++)
				write_series(&tallies[i], types[i], f, out);
	}
	ccp_buf_addf(out,
	             "# HELP claude_code_proxy_users_limited Users whom Anthropic has rate"
	             " limited now.\n# TYPE claude_code_proxy_users_limited gauge\n"
	             "claude_code_proxy_users_limited %lld\n",
	             (long long)limited_count);
}

enum ccp_err
ccp_report_metrics(struct ccp_store *store, int64_t now_s, struct ccp_buf *out,
                   struct ccp_error *err)
{
	struct ccp_tally tallies[2] = { { .count = 0 }, { .count = 0 } };
	struct user_count limited = { "", 0 };
	char today[CCP_DAY_BYTES];
	enum ccp_err rc = CCP_OK;

	ccp_day_format(now_s, today);
	for (int i = 0; i < 2 && !rc; i++)
		rc = ccp_store_usage_each(store, NULL, today, today, types[i], count_row,
		                          &tallies[i], err);
	if (!rc)
		rc = ccp_store_limits_each(store, NULL, now_s, count_limit, &limited, err);
	if (!rc)
		write_metrics(tallies, limited.count, out);
	ccp_tally_clear(&tallies[0]);
	ccp_tally_clear(&tallies[1]);
	return rc;
}
