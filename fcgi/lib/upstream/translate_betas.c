#include "upstream/translate_parts.h"

#include <string.h>

/* Flags that let a field of the body stay. */
static const char TOOL_SEARCH[] = "tool-search-tool-2025-10-19";
static const char FINE_GRAINED[] = "fine-grained-tool-streaming-2025-05-14";
static const char DISPLAY_UPDATES[] = "thinking-display-updates-2026-08-18";

/* The longest known flag has 42 bytes; a longer one is none of the table's. */
#define FLAG_MAX_BYTES 128

/* Bedrock gets each flag once; the table has fewer rows than this that are not dropped. */
#define FLAGS_MAX_COUNT 64

/* True when a tool has the field and it is not false or null. */
static bool
any_tool_has(struct ccp_span tools, const char *field)
{
	struct ccp_json_iter it = ccp_json_each(tools);
	struct ccp_json_item tool;

	if (ccp_json_type(tools) != CCP_JSON_ARRAY)
		return false;
	while (ccp_json_next(&it, &tool))
		if (ccp_json_type(ccp_json_member(tool.value, field)) == CCP_JSON_TRUE)
			return true;
	return false;
}

static bool
need_is_met(const struct ccp_translate_job *job, const char *needs)
{
	bool value;

	if (*needs == '\0')
		return true;
	if (strcmp(needs, CCP_BETA_NEEDS_DEFERRED_TOOL) == 0 ||
	    strcmp(needs, CCP_BETA_NEEDS_EAGER_TOOL) == 0)
		return any_tool_has(job->tools, needs);
	if (strcmp(needs, CCP_BETA_NEEDS_DISPLAY_UPDATES) == 0)
		return ccp_json_string_is(ccp_json_member(job->thinking, "display"), "updates");
	return ccp_models_flag(job->rules, needs, &value) && value;
}

/* What goes into the body for a flag of the header, or NULL. */
static const char *
choose(const struct ccp_translate_job *job, const char *flag)
{
	const struct ccp_beta *beta = ccp_models_beta(job->models, flag);
	const char *drop = job->in->drop_beta;

	if (!beta || !beta->bedrock_flag || !job->rules)
		return NULL;
	if (drop && (strcmp(drop, "*") == 0 || strcmp(drop, flag) == 0 ||
	             strcmp(drop, beta->bedrock_flag) == 0))
		return NULL;
	if (!ccp_models_beta_fits(beta, job->rules) || !need_is_met(job, beta->needs))
		return NULL;
	return beta->bedrock_flag;
}

/* The next flag of a comma separated list, trimmed, into out; false at its end. */
static bool
next_flag(const char **list, char out[FLAG_MAX_BYTES])
{
	const char *p = *list;
	size_t n;

	p += strspn(p, ", \t");
	if (*p == '\0')
		return false;
	n = strcspn(p, ",");
	*list = p + n;
	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t'))
		n--;
	if (n >= FLAG_MAX_BYTES)
		n = 0;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

void
ccp_translate_betas(struct ccp_translate_job *job)
{
	const char *list = job->in->anthropic_beta ? job->in->anthropic_beta : "";
	const char *chosen[FLAGS_MAX_COUNT];
	char flag[FLAG_MAX_BYTES];
	size_t count = 0, i;

	while (count < FLAGS_MAX_COUNT && next_flag(&list, flag)) {
		const char *name = choose(job, flag);

		for (i = 0; name && i < count; i++)
			if (strcmp(chosen[i], name) == 0)
				name = NULL;
		if (!name)
			continue;
		chosen[count++] = name;
		if (job->betas.len > 0)
			ccp_buf_puts(&job->betas, ",");
		ccp_json_add_string(&job->betas, name, strlen(name));
		job->tool_search |= strcmp(name, TOOL_SEARCH) == 0;
		job->fine_grained |= strcmp(name, FINE_GRAINED) == 0;
		job->display_updates |= strcmp(name, DISPLAY_UPDATES) == 0;
	}
}
