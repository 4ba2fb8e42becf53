#include "upstream/translate_parts.h"

#include <string.h>

/* A tool_result holds a document, that holds blocks: 3 levels; one more for what comes next. */
#define BLOCK_LEVELS_MAX 4

/* First words of the text block that Claude Code puts in front of the system prompt. */
static const char BILLING_MARK[] = "x-anthropic-billing-header";

/* Tools with a type of their own that run at the client, so any model provider can serve them. */
static const char *const CLIENT_TOOLS[] = { "bash_", "text_editor_", "computer_", "memory_" };

/* Blocks of tools that ran at Anthropic. */
static const char *const SERVER_BLOCKS[] = { "server_tool_use", "mcp_tool_use",
	                                     "container_upload" };

static bool
is_any(struct ccp_span string, const char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (ccp_json_string_is(string, names[i]))
			return true;
	return false;
}

static enum ccp_err
refuse(struct ccp_translate_job *job, const char *what, struct ccp_span string)
{
	char text[64];

	if (!ccp_json_string_text(string, text, sizeof(text)))
		strncpy(text, "?", sizeof(text));
	return ccp_fail(job->err, CCP_ERR_UNSUPPORTED, "%s of type %s", what, text);
}

void
ccp_translate_cache_control(struct ccp_translate_job *job, struct ccp_span value)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;

	while (ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, "type") ||
		    (ccp_json_string_is(item.key, "ttl") && CCP_RULE(job, cache_ttl)))
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
}

/* What a block is, as far as it matters here; found on the way through its members. */
struct block {
	struct ccp_span type;
	struct ccp_span text;
};

/* "messages: text content blocks must be non-empty" */
static bool
is_empty_text(const struct block *block)
{
	return ccp_json_string_is(block->type, "text") && ccp_json_string_is(block->text, "");
}

static enum ccp_err edit_blocks(struct ccp_translate_job *job, struct ccp_span array, int level,
                                size_t *kept_count);

static enum ccp_err
edit_source(struct ccp_translate_job *job, struct ccp_span source, int level)
{
	struct ccp_json_iter it = ccp_json_each(source);
	struct ccp_json_item item;
	size_t kept_count;
	enum ccp_err rc = CCP_OK;

	if (ccp_json_type(source) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, "type") &&
		    (ccp_json_string_is(item.value, "url") ||
		     ccp_json_string_is(item.value, "file")))
			rc = refuse(job, "a source", item.value);
		else if (ccp_json_string_is(item.key, "content"))
			rc = edit_blocks(job, item.value, level + 1, &kept_count);
	}
	return rc;
}

static enum ccp_err
check_block_type(struct ccp_translate_job *job, struct ccp_span type)
{
	static const char suffix[] = "_tool_result";
	char text[64];
	size_t n;

	if (is_any(type, SERVER_BLOCKS, sizeof(SERVER_BLOCKS) / sizeof(SERVER_BLOCKS[0])))
		return refuse(job, "a content block", type);
	if (!ccp_json_string_text(type, text, sizeof(text)))
		return CCP_OK;
	n = strlen(text);
	if (n >= sizeof(suffix) && strcmp(text + n - (sizeof(suffix) - 1), suffix) == 0)
		return refuse(job, "a content block", type);
	return CCP_OK;
}

/*
 * Edits a block and tells what it is. Whoever then drops the block need not
 * mind the edits: inside a cut they are moot.
 */
static enum ccp_err
edit_block(struct ccp_translate_job *job, struct ccp_span object, int level, struct block *block)
{
	struct ccp_json_iter it = ccp_json_each(object);
	struct ccp_json_item item;
	size_t kept_count;
	enum ccp_err rc = CCP_OK;

	*block = (struct block){ 0 };
	if (ccp_json_type(object) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, "type"))
			block->type = item.value;
		else if (ccp_json_string_is(item.key, "text"))
			block->text = item.value;
		else if (ccp_json_string_is(item.key, "cache_control"))
			ccp_translate_cache_control(job, item.value);
		else if (ccp_json_string_is(item.key, "source"))
			rc = edit_source(job, item.value, level);
		else if (ccp_json_string_is(item.key, "content"))
			rc = edit_blocks(job, item.value, level + 1, &kept_count);
	}
	return rc ? rc : check_block_type(job, block->type);
}

/* Blocks of a message, or in a tool_result or document. Bounded recursion: level. */
static enum ccp_err
edit_blocks(struct ccp_translate_job *job, struct ccp_span array, int level, size_t *kept_count)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(array);
	struct ccp_json_item item;
	struct block block;
	enum ccp_err rc = CCP_OK;

	*kept_count = 0;
	if (ccp_json_type(array) != CCP_JSON_ARRAY || level > BLOCK_LEVELS_MAX)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		rc = edit_block(job, item.value, level, &block);
		if (is_empty_text(&block))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	*kept_count = sieve.kept_count;
	return rc;
}

/* A message on its way through: the last role and content, and what is left of that. */
struct message {
	struct ccp_span role;
	struct ccp_span content;
	size_t kept_count;
};

/* "all messages must have non-empty content except for the optional final assistant message" */
static bool
is_emptied(const struct message *message, bool last)
{
	if (ccp_json_type(message->content) == CCP_JSON_ARRAY)
		return message->kept_count == 0;
	/* an absent content is Bedrock's to judge */
	return ccp_json_string_is(message->content, "") &&
	       !(last && ccp_json_string_is(message->role, "assistant"));
}

static enum ccp_err
edit_message(struct ccp_translate_job *job, struct ccp_span object, struct message *message)
{
	static const char user[] = "\"user\"";
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(object);
	struct ccp_json_item item;
	enum ccp_err rc = CCP_OK;

	*message = (struct message){ 0 };
	if (ccp_json_type(object) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, "content")) {
			ccp_json_keep(&sieve, &item);
			message->content = item.value;
			rc = edit_blocks(job, item.value, 1, &message->kept_count);
		} else if (ccp_json_string_is(item.key, "role")) {
			ccp_json_keep(&sieve, &item);
			message->role = item.value;
			if (ccp_json_string_is(item.value, "system") && !CCP_RULE(job, system_role))
				ccp_json_replace(&job->edits, item.value, user, sizeof(user) - 1);
		} else { /* output_config and what comes next */
			ccp_json_drop(&sieve, &item);
		}
	}
	ccp_json_sieve_end(&sieve);
	return rc;
}

enum ccp_err
ccp_translate_messages(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;
	struct message message;
	enum ccp_err rc = CCP_OK;

	*keep = true;
	if (ccp_json_type(value) != CCP_JSON_ARRAY)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		rc = edit_message(job, item.value, &message);
		if (is_emptied(&message, ccp_json_at_end(&it)))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	return rc;
}

/* A system prompt in one string: its first line goes when it is the mark's. */
static bool
keep_system_text(struct ccp_translate_job *job, struct ccp_span string)
{
	const char *p = string.p + 1, *end = string.p + string.len - 1;

	if (!ccp_json_string_starts(string, BILLING_MARK))
		return !ccp_json_string_is(string, "");
	for (; p + 1 < end; p += *p == '\\' ? 2 : 1) {
		if (p[0] != '\\' || p[1] != 'n')
			continue;
		if (p + 2 == end)
			return false;
		ccp_json_cut(&job->edits,
		             (struct ccp_span){ string.p + 1, (size_t)(p + 2 - string.p - 1) });
		return true;
	}
	return false;
}

enum ccp_err
ccp_translate_system(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(value);
	struct ccp_json_item item;
	struct block block;
	enum ccp_err rc = CCP_OK;

	*keep = true;
	if (ccp_json_type(value) == CCP_JSON_STRING)
		*keep = keep_system_text(job, value);
	if (ccp_json_type(value) != CCP_JSON_ARRAY)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		rc = edit_block(job, item.value, 1, &block);
		if (is_empty_text(&block) || ccp_json_string_starts(block.text, BILLING_MARK))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	*keep = sieve.kept_count > 0 || sieve.dropped_count == 0;
	ccp_json_sieve_end(&sieve);
	return rc;
}

static bool
is_client_tool(struct ccp_span type)
{
	size_t i;

	for (i = 0; i < sizeof(CLIENT_TOOLS) / sizeof(CLIENT_TOOLS[0]); i++)
		if (ccp_json_string_starts(type, CLIENT_TOOLS[i]))
			return true;
	return false;
}

/* Whether a tool's field stays. custom: a tool of the client's own, whose fields are known. */
static bool
tool_field_passes(const struct ccp_translate_job *job, struct ccp_span key, bool custom,
                  bool deferred)
{
	static const char *const known[] = { "type", "name", "description", "input_schema" };
	static const char *const refused[] = { "strict", "input_examples", "allowed_callers" };

	if (ccp_json_string_is(key, "defer_loading"))
		return job->tool_search;
	if (ccp_json_string_is(key, "eager_input_streaming"))
		return job->fine_grained;
	if (ccp_json_string_is(key, "cache_control"))
		return !deferred; /* together they are refused */
	if (custom)
		return is_any(key, known, sizeof(known) / sizeof(known[0]));
	return !is_any(key, refused, sizeof(refused) / sizeof(refused[0]));
}

static enum ccp_err
edit_tool(struct ccp_translate_job *job, struct ccp_span tool)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_json_each(tool);
	struct ccp_json_item item;
	struct ccp_span type = ccp_json_member(tool, "type");
	bool custom = type.len == 0 || ccp_json_type(type) == CCP_JSON_NULL ||
	              ccp_json_string_is(type, "custom");
	bool deferred = job->tool_search &&
	                ccp_json_type(ccp_json_member(tool, "defer_loading")) == CCP_JSON_TRUE;

	if (!custom && !is_client_tool(type))
		return refuse(job, "a server tool", type);
	while (ccp_json_next(&it, &item)) {
		if (!tool_field_passes(job, item.key, custom, deferred)) {
			ccp_json_drop(&sieve, &item);
			continue;
		}
		ccp_json_keep(&sieve, &item);
		if (ccp_json_string_is(item.key, "cache_control"))
			ccp_translate_cache_control(job, item.value);
	}
	ccp_json_sieve_end(&sieve);
	return CCP_OK;
}

enum ccp_err
ccp_translate_tools(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_iter it = ccp_json_each(value);
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
