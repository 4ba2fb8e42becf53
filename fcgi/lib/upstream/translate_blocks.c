#include "upstream/translate_parts.h"

#include <string.h>

/* A tool_result holds a document, that holds blocks: 3 levels; one more for what comes next. */
#define BLOCK_LEVELS_MAX 4

/* First words of the text block that Claude Code puts in front of the system prompt. */
static const char BILLING_MARK[] = "x-anthropic-billing-header";

/* What a block is, as far as it matters here; found on the way through its members. */
struct block {
	struct ccp_span type;
	struct ccp_span text;
};

static enum ccp_err edit_blocks(struct ccp_translate_job *job, struct ccp_span array, int level,
                                size_t *kept_count);

static enum ccp_err
edit_source(struct ccp_translate_job *job, struct ccp_span source, int level)
{
	struct ccp_json_iter it = ccp_translate_each(job, source);
	struct ccp_json_item item;
	size_t kept_count;
	enum ccp_err rc = CCP_OK;

	if (ccp_json_type(source) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, "type") &&
		    ccp_translate_rule(job, CCP_PLACE_SOURCE, item.value, NULL) == CCP_REFUSE)
			rc = ccp_translate_refuse(job, "a source", item.value);
		else if (ccp_json_string_is(item.key, "content"))
			rc = edit_blocks(job, item.value, level + 1, &kept_count);
	}
	return rc;
}

/* True for blocks whose members a repair names. */
static bool
is_repaired(const struct ccp_translate_job *job, struct ccp_span object)
{
	return ccp_translate_repairs(job, CCP_REPAIR_BLOCK, NULL) &&
	       (!*job->in->repair->of ||
	        ccp_json_string_is(ccp_json_find(ccp_translate_each(job, object), "type"),
	                           job->in->repair->of));
}

static enum ccp_err
edit_member(struct ccp_translate_job *job, const struct ccp_json_item *item, int level,
            struct block *block)
{
	size_t kept_count;
	bool keep;

	if (ccp_json_string_is(item->key, "type"))
		block->type = item->value;
	else if (ccp_json_string_is(item->key, "text"))
		block->text = item->value;
	else if (ccp_json_string_is(item->key, "cache_control"))
		return ccp_translate_cache_control(job, item->value, &keep);
	else if (ccp_json_string_is(item->key, "source"))
		return edit_source(job, item->value, level);
	else if (ccp_json_string_is(item->key, "content"))
		return edit_blocks(job, item->value, level + 1, &kept_count);
	return CCP_OK;
}

/*
 * Edits a block and tells what it is. Whoever then drops the block need not
 * mind the edits: inside a cut they are moot.
 */
static enum ccp_err
edit_block(struct ccp_translate_job *job, struct ccp_span object, int level, struct block *block)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, object);
	struct ccp_json_item item;
	bool repaired;
	enum ccp_err rc = CCP_OK;

	*block = (struct block){ 0 };
	if (ccp_json_type(object) != CCP_JSON_OBJECT)
		return CCP_OK;
	repaired = is_repaired(job, object);
	while (!rc && ccp_json_next(&it, &item)) {
		if (repaired && ccp_translate_repairs(job, CCP_REPAIR_BLOCK, &item.key)) {
			ccp_json_drop(&sieve, &item);
			continue;
		}
		ccp_json_keep(&sieve, &item);
		rc = edit_member(job, &item, level, block);
	}
	ccp_json_sieve_end(&sieve);
	return rc;
}

static bool
is_thinking(const struct block *block)
{
	return ccp_json_string_is(block->type, "thinking") ||
	       ccp_json_string_is(block->type, "redacted_thinking");
}

/* Whether a block goes, by the rules and the repair; or the request cannot. */
static enum ccp_err
judge_block(struct ccp_translate_job *job, const struct block *block, bool *drop)
{
	enum ccp_verdict verdict = ccp_translate_rule(job, CCP_PLACE_BLOCK, block->type, NULL);

	*drop = verdict == CCP_DROP;
	if (verdict == CCP_REFUSE)
		return ccp_translate_refuse(job, "a content block", block->type);
	if (block->text.len > 0 && ccp_json_string_is(block->type, "text")) {
		*drop |= ccp_translate_rule(job, CCP_PLACE_TEXT, block->text, NULL) == CCP_DROP;
		*drop |= ccp_translate_repairs(job, CCP_REPAIR_BILLING_HEADER, NULL) &&
		         ccp_json_string_starts(block->text, BILLING_MARK);
	}
	*drop |= is_thinking(block) &&
	         (ccp_translate_repairs(job, CCP_REPAIR_THINKING_BLOCKS, NULL) ||
	          ccp_translate_repairs(job, CCP_REPAIR_THINKING, NULL));
	return CCP_OK;
}

/* Blocks of a message, or in a tool_result or document. Bounded recursion: level. */
static enum ccp_err
edit_blocks(struct ccp_translate_job *job, struct ccp_span array, int level, size_t *kept_count)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, array);
	struct ccp_json_item item;
	struct block block;
	bool drop;
	enum ccp_err rc = CCP_OK;

	*kept_count = 0;
	if (ccp_json_type(array) != CCP_JSON_ARRAY || level > BLOCK_LEVELS_MAX)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		rc = edit_block(job, item.value, level, &block);
		if (!rc)
			rc = judge_block(job, &block, &drop);
		if (rc)
			return rc;
		if (drop)
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
is_emptied(const struct ccp_translate_job *job, const struct message *message, bool last)
{
	if (ccp_json_type(message->content) == CCP_JSON_ARRAY)
		return message->kept_count == 0;
	/* an absent content is Bedrock's to judge */
	return ccp_json_string_is(message->content, "") &&
	       ccp_translate_rule(job, CCP_PLACE_TEXT, message->content, NULL) == CCP_DROP &&
	       !(last && ccp_json_string_is(message->role, "assistant"));
}

/* Another role where the model does not take this one. The rules' names are plain words. */
static void
edit_role(struct ccp_translate_job *job, struct ccp_span role)
{
	static const char user[] = "\"user\"";
	size_t n;
	const char *value;

	if (ccp_translate_repairs(job, CCP_REPAIR_SYSTEM_ROLE, NULL) &&
	    ccp_json_string_is(role, "system")) {
		ccp_json_replace(&job->edits, role, user, sizeof(user) - 1);
		return;
	}
	if (ccp_translate_rule(job, CCP_PLACE_ROLE, role, &value) != CCP_RENAME)
		return;
	n = strlen(value);
	/* inside the quotes, so that nothing has to be built */
	ccp_json_replace(&job->edits, (struct ccp_span){ role.p + 1, role.len - 2 }, value, n);
}

static enum ccp_err
edit_message(struct ccp_translate_job *job, struct ccp_span object, struct message *message)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, object);
	struct ccp_json_item item;
	enum ccp_err rc = CCP_OK;

	*message = (struct message){ 0 };
	if (ccp_json_type(object) != CCP_JSON_OBJECT)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		if (ccp_translate_repairs(job, CCP_REPAIR_MESSAGE, &item.key) ||
		    ccp_translate_rule(job, CCP_PLACE_MESSAGE, item.key, NULL) != CCP_KEEP) {
			ccp_json_drop(&sieve, &item);
			continue;
		}
		ccp_json_keep(&sieve, &item);
		if (ccp_json_string_is(item.key, "content")) {
			message->content = item.value;
			rc = edit_blocks(job, item.value, 1, &message->kept_count);
		} else if (ccp_json_string_is(item.key, "role") &&
		           ccp_json_type(item.value) == CCP_JSON_STRING) {
			message->role = item.value;
			edit_role(job, item.value);
		}
	}
	ccp_json_sieve_end(&sieve);
	return rc;
}

enum ccp_err
ccp_translate_messages(struct ccp_translate_job *job, struct ccp_span value, bool *keep)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&job->edits);
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;
	struct message message;
	enum ccp_err rc = CCP_OK;

	*keep = true;
	if (ccp_json_type(value) != CCP_JSON_ARRAY)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		rc = edit_message(job, item.value, &message);
		if (is_emptied(job, &message, ccp_json_at_end(&it)))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	return rc;
}

/* True for a system text that goes by its first words. */
static bool
is_dropped_system(const struct ccp_translate_job *job, struct ccp_span text)
{
	return ccp_translate_rule(job, CCP_PLACE_SYSTEM, text, NULL) == CCP_DROP ||
	       (ccp_translate_repairs(job, CCP_REPAIR_BILLING_HEADER, NULL) &&
	        ccp_json_string_starts(text, BILLING_MARK));
}

/* A system prompt in one string: its first line goes when a block with it would. */
static bool
keep_system_text(struct ccp_translate_job *job, struct ccp_span string)
{
	const char *p = string.p + 1, *end = string.p + string.len - 1;

	if (!is_dropped_system(job, string))
		return ccp_translate_rule(job, CCP_PLACE_TEXT, string, NULL) != CCP_DROP;
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
	struct ccp_json_iter it = ccp_translate_each(job, value);
	struct ccp_json_item item;
	struct block block;
	bool drop;
	enum ccp_err rc = CCP_OK;

	*keep = true;
	if (ccp_json_type(value) == CCP_JSON_STRING)
		*keep = keep_system_text(job, value);
	if (ccp_json_type(value) != CCP_JSON_ARRAY)
		return CCP_OK;
	while (!rc && ccp_json_next(&it, &item)) {
		rc = edit_block(job, item.value, 1, &block);
		if (!rc)
			rc = judge_block(job, &block, &drop);
		if (rc)
			return rc;
		if (drop || is_dropped_system(job, block.text))
			ccp_json_drop(&sieve, &item);
		else
			ccp_json_keep(&sieve, &item);
	}
	*keep = sieve.kept_count > 0 || sieve.dropped_count == 0;
	ccp_json_sieve_end(&sieve);
	return rc;
}
