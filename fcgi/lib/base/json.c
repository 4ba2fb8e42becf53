#include "base/json.h"

#include "base/json_scan.h"

#include <string.h>

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

struct ccp_span
ccp_json_trim(struct ccp_span text)
{
	const char *p, *end;

	if (text.len == 0)
		return text;
	end = text.p + text.len;
	p = skip_space(text.p, end);
	while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t'))
		end--;
	return (struct ccp_span){ p, (size_t)(end - p) };
}

enum ccp_json_type
ccp_json_type(struct ccp_span value)
{
	if (value.len == 0)
		return CCP_JSON_NONE;
	switch (value.p[0]) {
	case '{':
		return CCP_JSON_OBJECT;
	case '[':
		return CCP_JSON_ARRAY;
	case '"':
		return CCP_JSON_STRING;
	case 't':
		return CCP_JSON_TRUE;
	case 'f':
		return CCP_JSON_FALSE;
	case 'n':
		return CCP_JSON_NULL;
	default:
		return CCP_JSON_NUMBER;
	}
}

/* Over the valid string at p. */
static const char *
skip_string(const char *p, const char *end)
{
	for (p++; p < end; p++) {
		p = ccp_json_skip_plain(p, end, false);
		if (p < end && *p == '"')
			return p + 1;
		if (p < end && *p == '\\')
			p++;
	}
	return end;
}

static const char *
skip_value(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		switch (*p) {
		case '"':
			p = skip_string(p, end);
			break;
		case '{':
		case '[':
			depth++;
			p++;
			continue;
		case '}':
		case ']':
			if (depth == 0)
				return p;
			depth--;
			p++;
			break;
		case ',':
		case ':':
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			if (depth == 0)
				return p;
			p++;
			continue;
		default:
			p++;
			continue;
		}
		if (depth == 0)
			return p;
	}
	return end;
}

struct ccp_json_iter
ccp_json_each(struct ccp_span container)
{
	enum ccp_json_type type = ccp_json_type(container);
	struct ccp_json_iter it = { .object = type == CCP_JSON_OBJECT };

	if (type == CCP_JSON_OBJECT || type == CCP_JSON_ARRAY) {
		it.p = container.p + 1;
		it.end = container.p + container.len;
	}
	return it;
}

/* The place in the index of the container at offset, or index->count. */
static size_t
find_container(const struct ccp_json_index *index, size_t offset)
{
	size_t low = 0, high = index->count, middle;

	if (index->last < index->count && index->items[index->last].start == offset)
		return index->last;
	while (low < high) {
		middle = low + (high - low) / 2;
		if (index->items[middle].start < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->count && index->items[low].start == offset ? low : index->count;
}

struct ccp_json_iter
ccp_json_each_in(struct ccp_json_index *index, struct ccp_span text, struct ccp_span container)
{
	struct ccp_json_iter it = ccp_json_each(container);
	size_t entry;

	if (!it.p)
		return it;
	entry = find_container(index, (size_t)(container.p - text.p));
	if (entry == index->count)
		return it; /* too small to have been noted */
	it.index = index;
	it.text = text.p;
	it.entry = entry + 1;
	return it;
}

/* The end of the value at p: from the index when it is noted there, else by a walk. */
static const char *
value_end(struct ccp_json_iter *it, const char *p)
{
	const struct ccp_json_extent *c;

	if (it->index && it->entry < it->index->count && p < it->end &&
	    (*p == '{' || *p == '[' || *p == '"')) {
		c = &it->index->items[it->entry];
		if (c->start == (size_t)(p - it->text) && c->end > 0) {
			it->index->last = it->entry;
			it->entry = c->next;
			return it->text + c->end;
		}
	}
	return skip_value(p, it->end);
}

bool
ccp_json_next(struct ccp_json_iter *it, struct ccp_json_item *item)
{
	const char *p, *start;

	*item = (struct ccp_json_item){ 0 };
	if (!it->p)
		return false;
	p = skip_space(it->p, it->end);
	if (p < it->end && *p == ',')
		p = skip_space(p + 1, it->end);
	start = p;
	if (it->object && p < it->end && *p == '"') {
		p = skip_string(p, it->end);
		item->key = (struct ccp_span){ start, (size_t)(p - start) };
		p = skip_space(p, it->end);
		if (p < it->end && *p == ':')
			p = skip_space(p + 1, it->end);
	}
	it->p = value_end(it, p);
	item->value = (struct ccp_span){ p, (size_t)(it->p - p) };
	item->whole = (struct ccp_span){ start, (size_t)(it->p - start) };
	return item->value.len > 0 && (!it->object || item->key.len > 0);
}

bool
ccp_json_at_end(const struct ccp_json_iter *it)
{
	const char *p;

	if (!it->p)
		return true;
	p = skip_space(it->p, it->end);
	return p == it->end || *p != ',';
}

struct ccp_span
ccp_json_find(struct ccp_json_iter it, const char *key)
{
	struct ccp_json_item item;
	struct ccp_span found = { NULL, 0 };

	while (it.object && ccp_json_next(&it, &item))
		if (ccp_json_string_is(item.key, key))
			found = item.value;
	return found;
}

struct ccp_span
ccp_json_member(struct ccp_span object, const char *key)
{
	return ccp_json_find(ccp_json_each(object), key);
}

bool
ccp_json_member_text(struct ccp_span object, const char *key, char *out, size_t out_size)
{
	if (out_size > 0)
		out[0] = '\0';
	if (!ccp_json_valid(object))
		return false;
	return ccp_json_string_text(ccp_json_member(ccp_json_trim(object), key), out, out_size);
}

bool
ccp_json_uint(struct ccp_span number, int64_t *out)
{
	size_t i;

	*out = 0;
	if (number.len == 0)
		return false;
	for (i = 0; i < number.len; i++) {
		int digit = number.p[i] - '0';

		if (digit < 0 || digit > 9)
			return false;
		if (*out > (INT64_MAX - digit) / 10)
			*out = INT64_MAX;
		else
			*out = *out * 10 + digit;
	}
	return true;
}
