#include "upstream/translate_parts.h"

/* Whether a tool's member stays. place: whose members are known, or Anthropic's own tools'. */
static bool
member_passes(const struct ccp_translate_job *job, struct ccp_span key, enum ccp_place place,
              bool deferred)
{
	if (ccp_translate_repairs(job, CCP_REPAIR_TOOL, &key))
		return false;
	/* "a tool with defer_loading cannot have cache_control" */
	if (deferred && ccp_json_string_is(key, "cache_control"))
		return false;
	return ccp_translate_rule(job, place, key, NULL) == CCP_KEEP;
}

/* True when the tool will still be deferred when it arrives. */
static bool
stays_deferred(const struct ccp_translate_job *job, struct ccp_span tool, enum ccp_place place)
{
	static const struct ccp_span key = { "\"defer_loading\"", 15 };

	return ccp_json_type(ccp_json_find(ccp_translate_each(job, tool), "defer_loading")) ==
	               CCP_JSON_TRUE &&
	       member_passes(job, key, place, false);
}

static enum ccp_err
edit_tool(struct ccp_translate_job *job, struct ccp_span tool)
{
	static const struct ccp_span custom = { "\"custom\"", 8 };
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, tool);
	struct ccp_json_item item;
	struct ccp_span type = ccp_json_find(ccp_translate_each(job, tool), "type");
	enum ccp_place place;
	bool deferred, keep;

	if (ccp_json_type(type) != CCP_JSON_STRING)
		type = custom;
	if (ccp_translate_rule(job, CCP_PLACE_TOOL_TYPE, type, NULL) == CCP_REFUSE)
		return ccp_translate_refuse(job, "a server tool", type);
	place = ccp_json_string_is(type, "custom") ? CCP_PLACE_TOOL : CCP_PLACE_CLIENT_TOOL;
	deferred = stays_deferred(job, tool, place);
	while (ccp_json_next(&it, &item)) {
		if (!member_passes(job, item.key, place, deferred)) {
			ccp_json_drop(&sieve, &item);
			continue;
		}
		ccp_json_keep(&sieve, &item);
		if (ccp_json_string_is(item.key, "cache_control") &&
		    ccp_translate_cache_control(job, item.value, &keep))
			return CCP_ERR_NOMEM;
	}
	ccp_json_sieve_end(&sieve);
	return CCP_OK;
}

enum ccp_err
ccp_translate_tools(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;
	enum ccp_err rc = CCP_OK;

	*keep = true;
	if (ccp_json_type(value) != CCP_JSON_ARRAY)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item))
		if (ccp_json_type(item.value) == CCP_JSON_OBJECT)
			rc = edit_tool(job, item.value);
	return rc;
}
