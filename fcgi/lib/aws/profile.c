#include "aws/profile.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* Where the reader stands: what the next line may belong to. */
struct reader {
	struct ccp_profiles *profiles;
	enum ccp_profile_kind kind;
	const char *file;
	size_t line;
	bool in_section;
	bool in_property;
	bool in_subproperties;                 /* the property above has an empty value */
	struct ccp_profile *profile;           /* NULL: a section that is passed over */
	struct ccp_profile_property *property; /* NULL: a property that is passed over */
};

/* CR counts as a blank, so files with Windows line ends read the same. */
static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_comment_mark(char c)
{
	return c == '#' || c == ';';
}

static struct ccp_span
trim(struct ccp_span s)
{
	while (s.len && is_blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* The line without its comment; behind a value a comment needs a blank before it. */
static struct ccp_span
without_comment(struct ccp_span line, bool needs_blank)
{
	size_t i;

	for (i = 0; i < line.len; i++)
		if (is_comment_mark(line.p[i]) &&
		    (!needs_blank || (i && is_blank(line.p[i - 1])))) {
			line.len = i;
			break;
		}
	return trim(line);
}

static bool
is_name(struct ccp_span s, const char *marks)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
		    (c == '\0' || !strchr(marks, c)))
			return false;
	}
	return s.len > 0;
}

static enum ccp_err
no_memory(struct ccp_error *err)
{
	return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the AWS profiles");
}

static enum ccp_err
wrong(const struct reader *r, const char *what, struct ccp_error *err)
{
	return ccp_fail(err, CCP_ERR_SETTING, "%s line %zu: %s", r->file, r->line, what);
}

static struct ccp_profile *
find(const struct ccp_profile_list *list, struct ccp_span name)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		if (ccp_span_is(name, list->items[i].name))
			return &list->items[i];
	return NULL;
}

static enum ccp_err
add_profile(struct reader *r, struct ccp_profile_list *all, struct ccp_span name,
            struct ccp_error *err)
{
	struct ccp_profile *items;
	char *copy;

	if (all->count >= CCP_PROFILES_MAX_COUNT)
		return ccp_fail(err, CCP_ERR_LIMIT, "%s: more than %d profiles", r->file,
		                CCP_PROFILES_MAX_COUNT);
	items = realloc(all->items, (all->count + 1) * sizeof(*items));
	if (!items)
		return no_memory(err);
	all->items = items;
	copy = strndup(name.p, name.len);
	if (!copy)
		return no_memory(err);
	items[all->count] = (struct ccp_profile){ .name = copy };
	r->profile = &items[all->count++];
	return CCP_OK;
}

/* True, and head is what is behind it, when head begins with the word and a blank. */
static bool
cut_word(struct ccp_span *head, const char *word)
{
	size_t n = strlen(word);

	if (head->len <= n || memcmp(head->p, word, n) != 0 || !is_blank(head->p[n]))
		return false;
	*head = trim((struct ccp_span){ head->p + n, head->len - n });
	return true;
}

/* The list and the name that a section head means; false when the section is passed over. */
static bool
section_name(const struct reader *r, struct ccp_span *head, struct ccp_profile_list **list,
             bool *prefixed)
{
	*list = &r->profiles->profiles;
	*prefixed = false;
	if (r->kind == CCP_PROFILE_CONFIG) {
		*prefixed = cut_word(head, "profile");
		if (!*prefixed && cut_word(head, "services"))
			*list = &r->profiles->services;
		else if (!*prefixed && !ccp_span_is(*head, "default"))
			return false;
	}
	return is_name(*head, "-/.%@_:+");
}

static enum ccp_err
read_section(struct reader *r, struct ccp_span line, struct ccp_error *err)
{
	struct ccp_profile_list *list;
	struct ccp_span name;
	bool prefixed;
	enum ccp_err rc;

	line = without_comment(line, false);
	if (line.len < 2 || line.p[line.len - 1] != ']')
		return wrong(r, "Profile definition must end with ']'", err);
	name = trim((struct ccp_span){ line.p + 1, line.len - 2 });

	r->in_section = true;
	r->in_property = false;
	r->property = NULL;
	r->profile = NULL;
	if (!section_name(r, &name, &list, &prefixed))
		return CCP_OK;

	r->profile = find(list, name);
	if (!r->profile) {
		rc = add_profile(r, list, name, err);
		if (rc)
			return rc;
		r->profile->prefixed = prefixed;
	} else if (r->kind == CCP_PROFILE_CONFIG && prefixed && !r->profile->prefixed) {
		ccp_profile_empty(r->profile);
		r->profile->prefixed = true;
	} else if (r->kind == CCP_PROFILE_CONFIG && !prefixed && r->profile->prefixed) {
		r->profile = NULL;
	}
	return CCP_OK;
}

/* Stands r->property on the property of that name, which is added if need be. */
static enum ccp_err
stand_on_property(struct reader *r, struct ccp_span name, struct ccp_error *err)
{
	struct ccp_profile *profile = r->profile;
	struct ccp_profile_property *grown;
	char *lower = strndup(name.p, name.len);
	size_t i;

	if (!lower)
		return no_memory(err);
	for (i = 0; lower[i]; i++)
		if (lower[i] >= 'A' && lower[i] <= 'Z')
			lower[i] = (char)(lower[i] - 'A' + 'a');
	for (i = 0; i < profile->count; i++)
		if (strcmp(profile->properties[i].name, lower) == 0) {
			free(lower);
			r->property = &profile->properties[i];
			return CCP_OK;
		}
	if (profile->count >= CCP_PROFILE_PROPERTIES_MAX_COUNT) {
		free(lower);
		return ccp_fail(err, CCP_ERR_LIMIT,
		                "%s line %zu: more than %d properties in a profile", r->file,
		                r->line, CCP_PROFILE_PROPERTIES_MAX_COUNT);
	}
	grown = realloc(profile->properties, (profile->count + 1) * sizeof(*grown));
	if (!grown) {
		free(lower);
		return no_memory(err);
	}
	profile->properties = grown;
	r->property = &grown[profile->count++];
	*r->property = (struct ccp_profile_property){ .name = lower };
	return CCP_OK;
}

/* Makes s the value, or appends it on a new line; no copy of the old bytes stays behind. */
static enum ccp_err
set_value(struct reader *r, bool append, struct ccp_span s, struct ccp_error *err)
{
	const char *old = r->property->value;
	size_t old_len = append && old ? strlen(old) : 0;
	size_t at = append ? old_len + 1 : 0;
	char *value;

	if (at + s.len > CCP_PROFILE_VALUE_MAX_BYTES)
		return ccp_fail(err, CCP_ERR_LIMIT, "%s line %zu: a value over %d bytes", r->file,
		                r->line, CCP_PROFILE_VALUE_MAX_BYTES);
	value = malloc(at + s.len + 1);
	if (!value)
		return no_memory(err);
	if (old_len)
		memcpy(value, old, old_len);
	if (append)
		value[old_len] = '\n';
	memcpy(value + at, s.p, s.len);
	value[at + s.len] = '\0';
	ccp_profile_free_value(r->property->value);
	r->property->value = value;
	return CCP_OK;
}

/* Cuts "name = value"; without "=" or without a name the sentence given for that. */
static enum ccp_err
split(const struct reader *r, struct ccp_span line, const char *no_equals, const char *no_name,
      struct ccp_span *name, struct ccp_span *value, struct ccp_error *err)
{
	const char *equals = memchr(line.p, '=', line.len);

	if (!equals)
		return wrong(r, no_equals, err);
	*name = trim((struct ccp_span){ line.p, (size_t)(equals - line.p) });
	*value = trim((struct ccp_span){ equals + 1, line.len - (size_t)(equals + 1 - line.p) });
	if (name->len == 0)
		return wrong(r, no_name, err);
	return CCP_OK;
}

static enum ccp_err
read_property(struct reader *r, struct ccp_span line, struct ccp_error *err)
{
	struct ccp_span name, value;
	enum ccp_err rc;

	if (!r->in_section)
		return wrong(r, "Expected a profile definition", err);
	rc = split(r, without_comment(line, true), "Expected an '=' sign defining a property",
	           "Property did not have a name", &name, &value, err);
	if (rc)
		return rc;

	r->in_property = true;
	r->in_subproperties = value.len == 0;
	r->property = NULL;
	if (!r->profile || !is_name(name, "-_"))
		return CCP_OK;
	rc = stand_on_property(r, name, err);
	if (rc)
		return rc;
	return set_value(r, false, value, err);
}

static enum ccp_err
read_continuation(struct reader *r, struct ccp_span line, struct ccp_error *err)
{
	struct ccp_span name, value;
	enum ccp_err rc;

	if (!r->in_section)
		return wrong(r, "Expected a profile definition, found continuation", err);
	if (!r->in_property)
		return wrong(r, "Expected a property definition, found continuation", err);
	line = trim(line);
	if (r->in_subproperties) {
		rc = split(r, line, "Expected an '=' sign defining a sub-property",
		           "Sub-property did not have a name", &name, &value, err);
		if (rc)
			return rc;
	}
	return r->property ? set_value(r, true, line, err) : CCP_OK;
}

static enum ccp_err
read_line(struct reader *r, struct ccp_span line, struct ccp_error *err)
{
	struct ccp_span inside = trim(line);

	if (memchr(line.p, '\0', line.len))
		return wrong(r, "Expected text, found a NUL byte", err);
	if (inside.len == 0 || is_comment_mark(inside.p[0]))
		return CCP_OK;
	if (line.p[0] == '[')
		return read_section(r, line, err);
	if (is_blank(line.p[0]))
		return read_continuation(r, line, err);
	return read_property(r, line, err);
}

enum ccp_err
ccp_profile_parse(struct ccp_profiles *profiles, enum ccp_profile_kind kind, const char *file,
                  const char *text, size_t len, struct ccp_error *err)
{
	struct reader r = { .profiles = profiles, .kind = kind, .file = file };
	enum ccp_err rc;

	if (len > CCP_PROFILE_FILE_MAX_BYTES)
		return ccp_fail(err, CCP_ERR_LIMIT, "%s: over %d bytes", file,
		                CCP_PROFILE_FILE_MAX_BYTES);
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line_len = end ? (size_t)(end - text) : len;
		size_t used = end ? line_len + 1 : len;

		r.line++;
		rc = read_line(&r, (struct ccp_span){ text, line_len }, err);
		if (rc)
			return rc;
		text += used;
		len -= used;
	}
	return CCP_OK;
}
