#include "upstream/translate_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* platform.claude.com, "Extended thinking": the smallest budget_tokens. */
#define BUDGET_MIN 1024

/* Bedrock's pattern for metadata: at most so many characters. */
#define USER_ID_MAX_BYTES 256

void
ccp_translate_plan_max_tokens(struct ccp_translate_job *job)
{
	int64_t ceiling = job->rules ? job->rules->max_output_tokens : 0;

	if (!ccp_json_uint(job->max_tokens, &job->max_tokens_value))
		return;
	if (ceiling > 0 && job->max_tokens_value > ceiling) {
		job->max_tokens_value = ceiling;
		job->max_tokens_cut = true;
	}
	snprintf(job->max_tokens_text, sizeof(job->max_tokens_text), "%" PRId64, ceiling);
}

enum ccp_err
ccp_translate_max_tokens(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	int64_t ceiling = job->rules ? job->rules->max_output_tokens : 0, asked;

	*keep = true;
	if (ceiling > 0 && ccp_json_uint(value, &asked) && asked > ceiling)
		ccp_json_replace(&job->edits, value, job->max_tokens_text,
		                 strlen(job->max_tokens_text));
	return CCP_OK;
}

/*
 * A budget in place of adaptive thinking: the share of max_tokens that the
 * effort stands for. 0 when there is no room for the smallest.
 */
static int64_t
budget_for_effort(const struct ccp_translate_job *job)
{
	static const struct {
		const char *effort;
		int percent;
	} shares[] = { { "low", 20 }, { "medium", 50 }, { "xhigh", 95 }, { "max", 95 } };
	struct ccp_span effort = ccp_json_member(job->output_config, "effort");
	int64_t percent = 80, budget; /* high, which is also the default */
	size_t i;

	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		if (ccp_json_string_is(effort, shares[i].effort))
			percent = shares[i].percent;
	if (job->max_tokens_value <= BUDGET_MIN)
		return 0;
	/* in this order nothing overflows; what the division cuts off does not matter */
	budget = job->max_tokens_value / 100 * percent;
	return budget < BUDGET_MIN ? BUDGET_MIN : budget;
}

static void
plan_budget(struct ccp_translate_job *job, int64_t budget)
{
	job->thinking_plan = CCP_THINKING_DROP;
	if (budget < BUDGET_MIN)
		return;
	job->thinking_plan = CCP_THINKING_REPLACE;
	snprintf(job->thinking_text, sizeof(job->thinking_text),
	         "{\"type\":\"enabled\",\"budget_tokens\":%" PRId64 "}", budget);
}

/* True when a display of that value may stay. */
static bool
display_passes(const struct ccp_translate_job *job, struct ccp_span display)
{
	if (!CCP_RULE(job, thinking_display))
		return false;
	return job->display_updates || !ccp_json_string_is(display, "updates");
}

static void
plan_adaptive(struct ccp_translate_job *job)
{
	struct ccp_span display = ccp_json_member(job->thinking, "display");
	char text[32];
	bool passes = ccp_json_string_text(display, text, sizeof(text)) && display.len < 32 &&
	              display_passes(job, display);

	job->thinking_plan = CCP_THINKING_REPLACE;
	snprintf(job->thinking_text, sizeof(job->thinking_text), "{\"type\":\"adaptive\"%s%.*s}",
	         passes ? ",\"display\":" : "", passes ? (int)display.len : 0,
	         passes ? display.p : "");
}

/* enabled, for a model that takes it: only a budget that no longer fits is changed. */
static void
plan_enabled(struct ccp_translate_job *job)
{
	int64_t budget;

	job->thinking_plan = CCP_THINKING_KEEP;
	if (!job->max_tokens_cut ||
	    !ccp_json_uint(ccp_json_member(job->thinking, "budget_tokens"), &budget) ||
	    budget < job->max_tokens_value)
		return;
	plan_budget(job, job->max_tokens_value - 1);
}

/* adaptive, for a model that takes budgets only. */
static void
plan_adaptive_as_budget(struct ccp_translate_job *job)
{
	struct ccp_span choice = ccp_json_member(job->tool_choice, "type");

	/* "Thinking may not be enabled when tool_choice forces tool use." */
	if (ccp_json_string_is(choice, "any") || ccp_json_string_is(choice, "tool")) {
		job->thinking_plan = CCP_THINKING_DROP;
		return;
	}
	plan_budget(job, budget_for_effort(job));
	job->thinking_budget_added = job->thinking_plan == CCP_THINKING_REPLACE;
}

void
ccp_translate_plan_thinking(struct ccp_translate_job *job)
{
	struct ccp_span type = ccp_json_member(job->thinking, "type");
	bool adaptive = CCP_RULE(job, thinking_adaptive), enabled = CCP_RULE(job, thinking_enabled);

	job->thinking_plan = CCP_THINKING_DROP;
	if (!adaptive && !enabled)
		return;
	if (ccp_json_string_is(type, "disabled"))
		job->thinking_plan = CCP_THINKING_KEEP;
	else if (ccp_json_string_is(type, "enabled") && enabled)
		plan_enabled(job);
	else if (ccp_json_string_is(type, "adaptive") && adaptive)
		job->thinking_plan = CCP_THINKING_KEEP;
	else if (adaptive) /* enabled, or a kind newer than Bedrock's */
		plan_adaptive(job);
	else
		plan_adaptive_as_budget(job);
}

enum ccp_err
ccp_translate_thinking(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;

	*keep = job->thinking_plan != CCP_THINKING_DROP;
	if (job->thinking_plan == CCP_THINKING_REPLACE)
		ccp_json_replace(&job->edits, value, job->thinking_text,
		                 strlen(job->thinking_text));
	if (job->thinking_plan != CCP_THINKING_KEEP || ccp_json_type(value) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, "display") && !display_passes(job, item.value))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	return CCP_OK;
}

enum ccp_err
ccp_translate_output_config(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;

	while (ccp_json_next(&it, &item)) {
		if ((ccp_json_string_is(item.key, "effort") && CCP_RULE(job, effort)) ||
		    (ccp_json_string_is(item.key, "format") && CCP_RULE(job, output_format)))
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	*keep = sieve.kept_count > 0;
	if (*keep)
		ccp_json_sieve_end(&sieve);
	return CCP_OK;
}

enum ccp_err
ccp_translate_sampling(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	(void)value;
	/* thinking with a budget takes no other temperature than its own */
	*keep = CCP_RULE(job, sampling) && !job->thinking_budget_added;
	return CCP_OK;
}

/* Bedrock's [a-zA-Z0-9\s:_@$#=/+,-.]{0,256}. */
static bool
is_plain_user_id(struct ccp_span string)
{
	char text[USER_ID_MAX_BYTES + 1];

	if (!ccp_json_string_text(string, text, sizeof(text)))
		return false;
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                         " \t\n\r\f\v:_@$#=/+,-.")] == '\0';
}

enum ccp_err
ccp_translate_metadata(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;

	(void)job;
	*keep = ccp_json_type(value) == CCP_JSON_OBJECT;
	while (*keep && ccp_json_next(&it, &item))
		*keep = ccp_json_string_is(item.key, "user_id") &&
		        (ccp_json_type(item.value) == CCP_JSON_NULL ||
		         is_plain_user_id(item.value));
	return CCP_OK;
}

enum ccp_err
ccp_translate_top_cache_control(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	*keep = CCP_RULE(job, top_cache_control);
	if (*keep)
		ccp_translate_cache_control(job, value);
	return CCP_OK;
}

enum ccp_err
ccp_translate_container(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	(void)value;
	*keep = false;
	return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "the request names a container");
}

enum ccp_err
ccp_translate_mcp_servers(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;

	*keep = false;
	if (ccp_json_next(&it, &item))
		return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "the request has MCP servers");
	return CCP_OK;
}
