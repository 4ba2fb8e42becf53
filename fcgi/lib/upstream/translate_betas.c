#include "upstream/translate_parts.h"

#include <string.h>

/* The longest known flag has 42 bytes; a longer one is none of the table's. */
#define FLAG_MAX_BYTES CCP_RULE_NAME_MAX_BYTES
#define FLAG_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-_."

/* True when a tool has the member and it is true. */
static bool
any_tool_has(const struct ccp_translate_job *job, const char *member)
{
	struct ccp_json_iter it = ccp_translate_each(job, job->tools);
	struct ccp_json_item tool;

	if (ccp_json_type(job->tools) != CCP_JSON_ARRAY)
		return false;
	while (ccp_json_next(&it, &tool))
		if (ccp_json_type(ccp_json_find(ccp_translate_each(job, tool.value), member)) ==
		    CCP_JSON_TRUE)
			return true;
	return false;
}

/* "MEMBER=VALUE" of an object. The load saw to the form. */
static bool
member_is(struct ccp_span object, const char *need)
{
	char member[CCP_RULE_NAME_MAX_BYTES + 1];
	size_t n = strcspn(need, "=");

	if (n >= sizeof(member) || !need[n])
		return false;
	memcpy(member, need, n);
	member[n] = '\0';
	return ccp_json_string_is(ccp_json_member(object, member), need + n + 1);
}

static bool
request_has(const void *arg, const char *needs)
{
	const struct ccp_translate_job *job = arg;

	if (strcmp(needs, "invoke") == 0 || strcmp(needs, "messages") == 0)
		return (strcmp(needs, "messages") == 0) == (job->door == CCP_DOOR_MESSAGES);
	if (strncmp(needs, "tools.", 6) == 0)
		return any_tool_has(job, needs + 6);
	if (strncmp(needs, "thinking.", 9) == 0)
		return member_is(job->thinking, needs + 9);
	if (strncmp(needs, "output_config.", 14) == 0)
		return member_is(job->output_config, needs + 14);
	return false;
}

/* True when flag is one of the words of list. */
static bool
is_named(const char *list, const char *flag)
{
	size_t n;

	for (; *list; list += n + strspn(list + n, " ")) {
		n = strcspn(list, " ");
		if (n == strlen(flag) && memcmp(list, flag, n) == 0)
			return true;
	}
	return false;
}

/* What goes along for a flag of the header, or NULL. */
static const char *
choose(const struct ccp_translate_job *job, const char *flag)
{
	const struct ccp_rule *rule = ccp_models_rule(job->models, CCP_PLACE_BETA,
	                                              (struct ccp_span){ flag, strlen(flag) },
	                                              job->model, request_has, job);
	const struct ccp_repair *repair = job->in->repair;
	const char *name;

	if (!rule || rule->verdict == CCP_DROP)
		return NULL;
	name = rule->verdict == CCP_RENAME ? rule->value : flag;
	if (repair && repair->kind == CCP_REPAIR_BETA &&
	    (strcmp(repair->name, "*") == 0 || is_named(repair->name, flag) ||
	     is_named(repair->name, name)))
		return NULL;
	return name;
}

/* The next flag of a comma separated list, trimmed, into out; false at its end. */
static bool
next_flag(const char **list, char out[FLAG_MAX_BYTES + 1])
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
	/* flags are plain words; anything else would only travel through a row with a * */
	if (n > FLAG_MAX_BYTES || strspn(p, FLAG_CHARACTERS) < n)
		n = 0;
	memcpy(out, p, n);
	out[n] = '\0';
	return true;
}

bool
ccp_translate_has_flag(const struct ccp_translate_job *job, const char *flag)
{
	size_t i;

	for (i = 0; i < job->flag_count; i++)
		if (strcmp(job->flags.data + job->flag_at[i], flag) == 0)
			return true;
	return false;
}

void
ccp_translate_betas(struct ccp_translate_job *job)
{
	const char *list = job->in->anthropic_beta ? job->in->anthropic_beta : "";
	char flag[FLAG_MAX_BYTES + 1];

	while (job->flag_count < CCP_FLAGS_MAX_COUNT && next_flag(&list, flag)) {
		const char *name = choose(job, flag);

		if (!name || ccp_translate_has_flag(job, name))
			continue;
		job->flag_at[job->flag_count] = job->flags.len;
		ccp_buf_add(&job->flags, name, strlen(name) + 1);
		if (!ccp_buf_ok(&job->flags)) {
			job->edits.spoiled = true;
			return;
		}
		job->flag_count++;
	}
}
