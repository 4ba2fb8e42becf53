#include "upstream/translate_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* platform.claude.com, "Extended thinking" (2026): the smallest budget_tokens. */
#define BUDGET_MIN 1024

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

/* True when a member of thinking may stay: all but a display that the rules do not have. */
static bool
member_passes(const struct ccp_translate_job *job, const struct ccp_json_item *item)
{
	if (ccp_translate_repairs(job, CCP_REPAIR_MEMBER, &item->key) &&
	    strcmp(job->in->repair->of, "thinking") == 0)
		return ccp_json_string_is(item->key, "type");
	return !ccp_json_string_is(item->key, "display") ||
	       ccp_translate_rule(job, CCP_PLACE_DISPLAY, item->value, NULL) == CCP_KEEP;
}

/* adaptive in place of a budget, or of a kind newer than Bedrock's. */
static void
plan_adaptive(struct ccp_translate_job *job)
{
	struct ccp_json_item display = { .key = CCP_SPAN("\"display\"") };
	char text[32];
	bool passes;

	display.value = ccp_json_member(job->thinking, "display");
	passes = ccp_json_string_text(display.value, text, sizeof(text)) &&
	         display.value.len < sizeof(text) && member_passes(job, &display);
	job->thinking_plan = CCP_THINKING_REPLACE;
	snprintf(job->thinking_text, sizeof(job->thinking_text), "{\"type\":\"adaptive\"%s%.*s}",
	         passes ? ",\"display\":" : "", passes ? (int)display.value.len : 0,
	         passes ? display.value.p : "");
}

/* Kept as it is: only a budget that no longer fits is changed. */
static void
plan_kept(struct ccp_translate_job *job)
{
	int64_t budget;

	job->thinking_plan = CCP_THINKING_KEEP;
	if (!job->max_tokens_cut ||
	    !ccp_json_uint(ccp_json_member(job->thinking, "budget_tokens"), &budget) ||
	    budget < job->max_tokens_value)
		return;
	plan_budget(job, job->max_tokens_value - 1);
}

/* A budget in place of adaptive thinking. */
static void
plan_enabled(struct ccp_translate_job *job)
{
	struct ccp_span choice = ccp_json_member(job->tool_choice, "type");

	/* "Thinking may not be enabled when tool_choice forces tool use." */
	if (ccp_json_string_is(choice, "any") || ccp_json_string_is(choice, "tool"))
		return;
	plan_budget(job, budget_for_effort(job));
	job->thinking_budget_added = job->thinking_plan == CCP_THINKING_REPLACE;
}

/*
 * With a budget, the turn that is under way (tool results last) must begin with
 * its thinking block; adaptive thinking does not ask for it.
 */
static bool
turn_needs_thinking(const struct ccp_translate_job *job)
{
	struct ccp_json_iter it = ccp_translate_each(job, job->messages), blocks;
	struct ccp_json_item item, last = { 0 };

	if (job->thinking_plan == CCP_THINKING_DROP ||
	    (job->thinking_plan == CCP_THINKING_KEEP
	             ? !ccp_json_string_is(ccp_json_member(job->thinking, "type"), "enabled")
	             : !strstr(job->thinking_text, "budget_tokens")))
		return false;
	while (ccp_json_next(&it, &item))
		last = item;
	blocks = ccp_translate_each(job,
	                            ccp_json_find(ccp_translate_each(job, last.value), "content"));
	while (ccp_json_next(&blocks, &item))
		if (ccp_json_string_is(ccp_json_member(item.value, "type"), "tool_result"))
			return true;
	return false;
}

void
ccp_translate_plan_thinking(struct ccp_translate_job *job)
{
	struct ccp_span type = ccp_json_member(job->thinking, "type");
	const char *value;

	job->thinking_plan = CCP_THINKING_DROP;
	if (ccp_json_type(job->thinking) != CCP_JSON_OBJECT ||
	    ccp_translate_repairs(job, CCP_REPAIR_THINKING, NULL))
		return;
	switch (ccp_translate_rule(job, CCP_PLACE_THINKING, type, &value)) {
	case CCP_KEEP:
		plan_kept(job);
		break;
	case CCP_RENAME:
		if (strcmp(value, "adaptive") == 0)
			plan_adaptive(job);
		else
			plan_enabled(job);
		break;
	default:
		break;
	}
	if (ccp_translate_repairs(job, CCP_REPAIR_THINKING_BLOCKS, NULL) &&
	    turn_needs_thinking(job)) {
		job->thinking_plan = CCP_THINKING_DROP;
		job->thinking_budget_added = false;
	}
}

enum ccp_err
ccp_translate_thinking(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;

	*keep = job->thinking_plan != CCP_THINKING_DROP;
	if (job->thinking_plan == CCP_THINKING_REPLACE)
		ccp_json_replace(&job->edits, value, job->thinking_text,
		                 strlen(job->thinking_text));
	if (job->thinking_plan != CCP_THINKING_KEEP || ccp_json_type(value) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (ccp_json_next(&it, &item)) {
		if (member_passes(job, &item))
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	return CCP_OK;
}
