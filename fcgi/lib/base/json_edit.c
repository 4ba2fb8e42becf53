#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define FEW (sizeof(((struct ccp_json_edits *)0)->few) / sizeof(struct ccp_json_edit))

void
ccp_json_edits_init(struct ccp_json_edits *edits, struct ccp_span text)
{
	edits->text = text;
	edits->items = edits->few;
	edits->count = 0;
	edits->cap = FEW;
	edits->spoiled = false;
	edits->unsorted = false;
}

void
ccp_json_edits_clear(struct ccp_json_edits *edits)
{
	if (edits->items != edits->few)
		free(edits->items);
	ccp_json_edits_init(edits, edits->text);
}

static bool
grow(struct ccp_json_edits *edits)
{
	size_t cap = edits->cap * 2;
	struct ccp_json_edit *items;

	if (edits->count < edits->cap)
		return true;
	if (cap > CCP_JSON_EDITS_MAX_COUNT)
		return false;
	items = realloc(edits->items == edits->few ? NULL : edits->items, cap * sizeof(*items));
	if (!items)
		return false;
	if (edits->items == edits->few)
		memcpy(items, edits->few, sizeof(edits->few));
	edits->items = items;
	edits->cap = cap;
	return true;
}

/*
 * By place; at one place the insertion first, then the longest cut, so that a
 * cut swallows what lies in it.
 */
static int
compare(const void *a, const void *b)
{
	const struct ccp_json_edit *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	if ((x->len == 0) != (y->len == 0))
		return x->len == 0 ? -1 : 1;
	if (x->len != y->len)
		return x->len > y->len ? -1 : 1;
	return 0;
}

void
ccp_json_replace(struct ccp_json_edits *edits, struct ccp_span span, const char *with,
                 size_t with_len)
{
	struct ccp_json_edit *edit;

	if (edits->spoiled)
		return;
	if (!grow(edits)) {
		edits->spoiled = true;
		return;
	}
	edit = &edits->items[edits->count++];
	*edit = (struct ccp_json_edit){ (size_t)(span.p - edits->text.p), span.len, with,
		                        with_len };
	if (edits->count > 1 && compare(edit - 1, edit) > 0)
		edits->unsorted = true;
}

void
ccp_json_cut(struct ccp_json_edits *edits, struct ccp_span span)
{
	ccp_json_replace(edits, span, "", 0);
}

/* Walks the edits that count. With out: appends the result. Returns its size. */
static size_t
walk(const struct ccp_json_edits *edits, struct ccp_buf *out)
{
	size_t at = 0, total = 0, i;

	for (i = 0; i < edits->count; i++) {
		const struct ccp_json_edit *edit = &edits->items[i];

		if (edit->offset < at) {
			/* inside a cut: moot, but a cut that reaches further still cuts */
			if (edit->offset + edit->len > at)
				at = edit->offset + edit->len;
			continue;
		}
		total += edit->offset - at + edit->text_len;
		if (out) {
			ccp_buf_add(out, edits->text.p + at, edit->offset - at);
			ccp_buf_add(out, edit->text, edit->text_len);
		}
		at = edit->offset + edit->len;
	}
	if (out)
		ccp_buf_add(out, edits->text.p + at, edits->text.len - at);
	return total + edits->text.len - at;
}

/* Room for all of the result at once, so that it is not moved while it grows. */
static void
reserve(struct ccp_buf *out, size_t total)
{
	if (out->data || out->spoiled)
		return;
	out->data = malloc(total + 1);
	if (!out->data)
		return; /* the appends will say so */
	out->data[0] = '\0';
	out->cap = total + 1;
}

enum ccp_err
ccp_json_apply(struct ccp_json_edits *edits, struct ccp_buf *out, struct ccp_error *err)
{
	size_t total;

	if (edits->spoiled)
		return ccp_fail(err,
		                edits->count > CCP_JSON_EDITS_MAX_COUNT / 2 ? CCP_ERR_LIMIT
		                                                            : CCP_ERR_NOMEM,
		                "no room for the edits of a JSON text (%zu)", edits->count);
	if (edits->unsorted)
		qsort(edits->items, edits->count, sizeof(*edits->items), compare);
	edits->unsorted = false;
	total = walk(edits, NULL);
	if (total > out->max - out->len)
		return ccp_fail(err, CCP_ERR_LIMIT, "the edited JSON is over %zu bytes", out->max);
	reserve(out, total);
	walk(edits, out);
	if (!ccp_buf_ok(out))
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the edited JSON");
	return CCP_OK;
}

void
ccp_json_keep(struct ccp_json_sieve *sieve, const struct ccp_json_item *item)
{
	if (sieve->drop_start) {
		ccp_json_cut(sieve->edits,
		             (struct ccp_span){ sieve->drop_start,
		                                (size_t)(item->whole.p - sieve->drop_start) });
		sieve->drop_start = NULL;
	}
	sieve->kept_end = item->whole.p + item->whole.len;
	sieve->kept_count++;
}

void
ccp_json_drop(struct ccp_json_sieve *sieve, const struct ccp_json_item *item)
{
	if (!sieve->drop_start)
		sieve->drop_start = item->whole.p;
	sieve->drop_end = item->whole.p + item->whole.len;
	sieve->dropped_count++;
}

void
ccp_json_sieve_end(struct ccp_json_sieve *sieve)
{
	const char *start = sieve->kept_end ? sieve->kept_end : sieve->drop_start;

	if (!sieve->drop_start)
		return;
	ccp_json_cut(sieve->edits, (struct ccp_span){ start, (size_t)(sieve->drop_end - start) });
	sieve->drop_start = NULL;
}
