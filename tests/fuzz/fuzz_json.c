#include "base/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static bool
same(struct ccp_span a, struct ccp_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Nothing is read outside the span, valid or not; what cannot be decoded says so. */
static void
read_all(struct ccp_span text)
{
	struct ccp_json_iter it = ccp_json_each(text);
	struct ccp_json_item item;
	char out[64];
	int64_t n;

	while (ccp_json_next(&it, &item)) {
		REQUIRE(item.whole.p >= text.p &&
		        item.whole.p + item.whole.len <= text.p + text.len);
		ccp_json_string_text(item.key, out, sizeof(out));
		ccp_json_string_bytes(item.value);
		ccp_json_string_starts(item.value, "x-");
		ccp_json_string_head(item.value, out, sizeof(out));
		ccp_json_uint(item.value, &n);
		ccp_json_at_end(&it);
	}
}

/* With an index a walk finds the same as without one, level by level. */
static void
walk_both(struct ccp_json_index *index, struct ccp_span text, struct ccp_span value, int level)
{
	struct ccp_json_iter plain = ccp_json_each(value);
	struct ccp_json_iter fast = ccp_json_each_in(index, text, value);
	struct ccp_json_item a, b;

	while (ccp_json_next(&plain, &a)) {
		REQUIRE(ccp_json_next(&fast, &b));
		REQUIRE(a.whole.p == b.whole.p && a.whole.len == b.whole.len);
		REQUIRE(a.value.p == b.value.p && a.value.len == b.value.len);
		if (level < 6)
			walk_both(index, text, b.value, level + 1);
	}
	REQUIRE(!ccp_json_next(&fast, &b));
}

static void
check_index(struct ccp_span text)
{
	struct ccp_json_index index = CCP_JSON_INDEX_INIT;

	REQUIRE(ccp_json_valid_index(text, &index));
	walk_both(&index, text, text, 0);
	ccp_json_index_clear(&index);
}

/* A sieve removes what it is told to and nothing else, and leaves valid text. */
static void
sift(struct ccp_span text, uint8_t mask)
{
	struct ccp_buf out = CCP_BUF_INIT(1 << 20);
	struct ccp_json_edits edits;
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(&edits);
	struct ccp_json_iter it = ccp_json_each(text), after;
	struct ccp_json_item item, is;
	unsigned i;

	ccp_json_edits_init(&edits, text);
	for (i = 0; ccp_json_next(&it, &item); i++) {
		REQUIRE(ccp_json_valid(item.value));
		if (mask & 1u << i % 8)
			ccp_json_keep(&sieve, &item);
		else
			ccp_json_drop(&sieve, &item);
	}
	ccp_json_sieve_end(&sieve);
	REQUIRE(ccp_json_apply(&edits, &out, NULL) == CCP_OK);
	REQUIRE(ccp_json_valid((struct ccp_span){ out.data, out.len }));
	it = ccp_json_each(text);
	after = ccp_json_each((struct ccp_span){ out.data, out.len });
	for (i = 0; ccp_json_next(&it, &item); i++) {
		if (!(mask & 1u << i % 8))
			continue;
		REQUIRE(ccp_json_next(&after, &is));
		REQUIRE(same(item.whole, is.whole) && same(item.value, is.value));
	}
	REQUIRE(!ccp_json_next(&after, &is));
	ccp_json_edits_clear(&edits);
	ccp_buf_clear(&out);
}

/* Text made a JSON string means itself again. */
static void
escape(const char *p, size_t len)
{
	struct ccp_buf out = CCP_BUF_INIT(6 * len + 2);
	struct ccp_span string;

	ccp_json_add_string(&out, p, len);
	REQUIRE(ccp_buf_ok(&out));
	string = (struct ccp_span){ out.data, out.len };
	REQUIRE(ccp_json_valid(string));
	ccp_buf_clear(&out);
}

/* First byte: which members stay. The rest: the text. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ccp_span text;

	if (size == 0)
		return 0;
	text = ccp_json_trim((struct ccp_span){ (const char *)data + 1, size - 1 });
	read_all(text);
	escape((const char *)data, size);
	if (ccp_json_valid(text)) {
		check_index(text);
		sift(text, data[0]);
	}
	return 0;
}
