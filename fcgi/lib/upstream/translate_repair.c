#include "upstream/translate_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/*
 * Refusals have been seen in these forms (public reports, February to September
 * 2026): "invalid beta flag", "Unexpected value(s) `x` for the `anthropic-beta`
 * header", "context_management: Extra inputs are not permitted",
 * "tools.0.custom.defer_loading: Extra…", "messages.3.content.0.text.
 * cache_control.ephemeral.ttl: Extra…", "system.0.cache_control.scope: Extra…".
 */

/* A path of more parts is not about anything that can be left out. */
#define PARTS_MAX_COUNT 12
#define PART_MAX_BYTES 80
#define PATH_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

struct path {
	char parts[PARTS_MAX_COUNT][PART_MAX_BYTES];
	size_t count;
};

/* Without these a request is none, whatever a refusal names. */
static bool
is_vital(const char *member)
{
	static const char *const vital[] = { "messages", "max_tokens",  "model", "role",
		                             "content",  "type",        "text",  "name",
		                             "source",   "tool_use_id", "id",    "input",
		                             "thinking", "signature",   "data",  "input_schema" };
	size_t i;

	for (i = 0; i < sizeof(vital) / sizeof(vital[0]); i++)
		if (strcmp(vital[i], member) == 0)
			return true;
	return false;
}

static bool
split(const char *text, size_t len, struct path *path)
{
	const char *end = text + len, *dot;

	for (path->count = 0; path->count < PARTS_MAX_COUNT; text = dot + 1) {
		dot = memchr(text, '.', (size_t)(end - text));
		if (!dot)
			dot = end;
		if (dot == text || dot - text >= PART_MAX_BYTES)
			return false;
		memcpy(path->parts[path->count], text, (size_t)(dot - text));
		path->parts[path->count++][dot - text] = '\0';
		if (dot == end)
			return true;
	}
	return false;
}

static bool
part_is(const struct path *path, size_t i, const char *text)
{
	return i < path->count && strcmp(path->parts[i], text) == 0;
}

static bool
part_is_number(const struct path *path, size_t i)
{
	return i < path->count && isdigit((unsigned char)path->parts[i][0]);
}

static bool
set(struct ccp_repair *repair, enum ccp_repair_kind kind, const char *name, const char *of)
{
	repair->kind = kind;
	snprintf(repair->name, sizeof(repair->name), "%s", name);
	snprintf(repair->of, sizeof(repair->of), "%.*s", (int)sizeof(repair->of) - 1, of);
	return true;
}

/* In system.0 or messages.3.content.0, or the blocks inside them: [TYPE.]NAME at i. */
static bool
repair_block(const struct path *path, size_t i, const char *name, struct ccp_repair *repair)
{
	while (part_is(path, i + 1, "content") && part_is_number(path, i + 2))
		i += 3;
	if (path->count == i + 1)
		return set(repair, CCP_REPAIR_BLOCK, name, "");
	if (path->count == i + 2)
		return set(repair, CCP_REPAIR_BLOCK, name, path->parts[i]);
	return false;
}

static bool
repair_path(const struct path *path, struct ccp_repair *repair)
{
	const char *name = path->parts[path->count - 1];
	size_t i;

	if (is_vital(name))
		return false;
	for (i = 0; i + 1 < path->count; i++)
		if (part_is(path, i, "cache_control"))
			return set(repair, CCP_REPAIR_CACHE_CONTROL, name, "");
	if (path->count == 1)
		return set(repair, CCP_REPAIR_FIELD, name, "");
	if (part_is(path, 0, "tools"))
		return part_is_number(path, 1) && path->count <= 4 &&
		       set(repair, CCP_REPAIR_TOOL, name, "");
	if (part_is(path, 0, "system") && part_is_number(path, 1))
		return repair_block(path, 2, name, repair);
	if (part_is(path, 0, "messages") && part_is(path, 2, "content") && part_is_number(path, 3))
		return repair_block(path, 4, name, repair);
	if (part_is(path, 0, "messages"))
		return part_is_number(path, 1) && path->count == 3 &&
		       set(repair, CCP_REPAIR_MESSAGE, name, "");
	/* thinking.display, thinking.adaptive.display, output_config.format */
	return path->count <= 3 && set(repair, CCP_REPAIR_MEMBER, name, path->parts[0]);
}

/* The path that stands in front of the words of the row. */
static bool
repair_named_input(const char *refusal, const char *words, struct ccp_repair *repair)
{
	const char *start = words;
	struct path path;

	while (start > refusal && strchr(PATH_CHARACTERS, start[-1]))
		start--;
	return start < words && split(start, (size_t)(words - start), &path) &&
	       repair_path(&path, repair);
}

/* Beta flags end in a date: name-2025-11-20. */
static bool
is_flag(const char *word, size_t n)
{
	return n > 11 && word[n - 11] == '-' && word[n - 6] == '-' && word[n - 3] == '-' &&
	       isdigit((unsigned char)word[n - 1]);
}

/* Every flag that the refusal names, separated by blanks; all flags when it names none, or too many. */
static bool
repair_beta(const char *refusal, struct ccp_repair *repair)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n, used = 0;

	(void)set(repair, CCP_REPAIR_BETA, "", "");
	for (; *refusal; refusal += n ? n : 1) {
		n = strspn(refusal, letters);
		if (!is_flag(refusal, n))
			continue;
		if (used + n + 2 > sizeof(repair->name))
			return set(repair, CCP_REPAIR_BETA, "*", "");
		if (used)
			repair->name[used++] = ' ';
		memcpy(repair->name + used, refusal, n);
		used += n;
		repair->name[used] = '\0';
	}
	return used || set(repair, CCP_REPAIR_BETA, "*", "");
}

static bool
apply_row(const struct ccp_rule *row, const char *refusal, const char *words,
          struct ccp_repair *repair)
{
	static const struct {
		const char *value;
		enum ccp_repair_kind kind;
	} plain[] = {
		{ "BILLING_HEADER", CCP_REPAIR_BILLING_HEADER },
		{ "THINKING_BLOCKS", CCP_REPAIR_THINKING_BLOCKS },
		{ "THINKING", CCP_REPAIR_THINKING },
		{ "SYSTEM_ROLE", CCP_REPAIR_SYSTEM_ROLE },
	};
	struct path path;
	size_t i;

	if (strcmp(row->value, "BETA") == 0)
		return repair_beta(refusal, repair);
	if (strcmp(row->value, "INPUT") == 0)
		return repair_named_input(refusal, words, repair);
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(row->value, plain[i].value) == 0)
			return set(repair, plain[i].kind, "", "");
	return split(row->value, strlen(row->value), &path) && repair_path(&path, repair);
}

bool
ccp_translate_repair(const struct ccp_models *models, const char *refusal,
                     struct ccp_repair *repair)
{
	size_t count, i;
	const struct ccp_rule *rows = ccp_models_rules(models, CCP_PLACE_REPAIR, &count);

	*repair = (struct ccp_repair){ 0 };
	for (i = 0; i < count; i++) {
		const char *words = strstr(refusal, rows[i].name);

		if (words && apply_row(&rows[i], refusal, words, repair))
			return true;
	}
	return false;
}

void
ccp_repair_text(const struct ccp_repair *repair, char *out, size_t out_size)
{
	static const char *const words[] = {
		[CCP_REPAIR_NONE] = "nothing",
		[CCP_REPAIR_BETA] = "beta flag",
		[CCP_REPAIR_FIELD] = "field",
		[CCP_REPAIR_MEMBER] = "member",
		[CCP_REPAIR_MESSAGE] = "of every message, member",
		[CCP_REPAIR_BLOCK] = "of every block, member",
		[CCP_REPAIR_TOOL] = "of every tool, member",
		[CCP_REPAIR_CACHE_CONTROL] = "of every cache_control, member",
		[CCP_REPAIR_BILLING_HEADER] = "the billing header",
		[CCP_REPAIR_THINKING_BLOCKS] = "thinking blocks of earlier turns",
		[CCP_REPAIR_THINKING] = "thinking",
		[CCP_REPAIR_SYSTEM_ROLE] = "role system inside messages",
	};

	snprintf(out, out_size, "%s%s%s%s%s", words[repair->kind], *repair->name ? " " : "",
	         *repair->of ? repair->of : "", *repair->of ? "." : "", repair->name);
}
