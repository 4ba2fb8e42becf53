#include "store/report.h"

#include "store/tally.h"

#include <stdio.h>
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
write_series(const struct ccp_tally_model *models, size_t count, const char *type, enum figure f,
             struct ccp_buf *out)
{
	static const char *const kinds[] = { "",           "input",          "output",
		                             "cache_read", "cache_write_5m", "cache_write_1h" };

	for (size_t i = 0; i < count; i++) {
		const struct ccp_usage_sum *s = &models[i].sum;
		const struct ccp_usage *t = &s->tokens;
		const int64_t values[] = { s->request_count,         t->input_tokens,
			                   t->output_tokens,         t->cache_read_tokens,
			                   t->cache_write_5m_tokens, t->cache_write_1h_tokens };

		ccp_buf_addf(out, "claude_code_proxy_%s_today{request_type=\"%s\",model=\"",
		             f == REQUESTS ? "requests"
		             : f == COST   ? "cost_usd"
		                           : "tokens",
		             type);
		write_label(models[i].name, out);
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

/* Today's sums by model, of each request type. */
struct figures {
	struct ccp_tallies tallies;
	struct ccp_tally tally[2];
	int type; /* of the rows that come now */
	bool no_memory;
};

static bool
count_row(void *arg, const char *user, const char *date, const char *model,
          const struct ccp_usage_sum *sum)
{
	struct figures *f = arg;
	uint8_t number = ccp_names_number(&f->tallies.models, model);

	(void)user;
	(void)date;
	f->no_memory = !ccp_tally_add(&f->tallies, &f->tally[f->type], number, sum);
	return !f->no_memory;
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
	snprintf(users->last, sizeof(users->last), "%s", user);
	return true;
}

static const char *const types[] = { "bedrock", "anthropic" };

static void
write_metrics(const struct figures *figures, int64_t limited_count, struct ccp_buf *out)
{
	struct ccp_tally_model models[2][CCP_NAMES_MAX];
	size_t counts[2];
	static const struct {
		const char *name, *help;
		enum figure first, last;
	} groups[] = { { "requests", "Answers counted since midnight UTC.", REQUESTS, REQUESTS },
		       { "tokens", "Tokens of these answers.", INPUT, CACHE_WRITE_1H },
		       { "cost_usd", "What these answers cost, by the price table.", COST, COST } };

	for (int i = 0; i < 2; i++)
		counts[i] = ccp_tally_list(&figures->tallies, figures->tally[i], models[i]);
	for (size_t g = 0; g < 3; g++) {
		ccp_buf_addf(out,
		             "# HELP claude_code_proxy_%s_today %s\n"
		             "# TYPE claude_code_proxy_%s_today gauge\n",
		             groups[g].name, groups[g].help, groups[g].name);
		for (int i = 0; i < 2; i++)
			for (enum figure f = groups[g].first; f <= groups[g].last; f++)
				write_series(models[i], counts[i], types[i], f, out);
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
	struct figures figures = { 0 };
	struct user_count limited = { "", 0 };
	char today[CCP_DAY_BYTES];
	enum ccp_err rc = CCP_OK;

	ccp_day_format(now_s, today);
	for (figures.type = 0; figures.type < 2 && !rc; figures.type++) {
		rc = ccp_store_usage_each(store, NULL, today, today, types[figures.type], count_row,
		                          &figures, err);
		if (!rc && figures.no_memory)
			rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory for the metrics");
	}
	if (!rc)
		rc = ccp_store_limits_each(store, NULL, now_s, count_limit, &limited, err);
	if (!rc)
		write_metrics(&figures, limited.count, out);
	ccp_tallies_clear(&figures.tallies);
	return rc;
}
