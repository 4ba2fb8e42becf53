#include "store/usage_table.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_AT_FIRST 256

/* A sorted list of 2^n users in place n: more than there is memory for. */
#define MERGE_LISTS 32

static struct ccp_usage_user *
at(const struct ccp_usage_table *table, uint32_t name)
{
	return ccp_chunks_at(&table->tallies->chunks, name);
}

enum ccp_err
ccp_usage_table_init(struct ccp_usage_table *table, struct ccp_tallies *tallies, uint64_t seed,
                     struct ccp_error *err)
{
	*table = (struct ccp_usage_table){ .tallies = tallies, .seed = seed };
	table->buckets = calloc(BUCKETS_AT_FIRST, sizeof(*table->buckets));
	if (!table->buckets)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the report");
	table->bucket_count = BUCKETS_AT_FIRST;
	return CCP_OK;
}

void
ccp_usage_table_clear(struct ccp_usage_table *table)
{
	free(table->buckets);
	*table = (struct ccp_usage_table){ 0 };
}

/* FNV-1a of 64 bits from a seed, folded. */
static uint32_t *
bucket_of(const struct ccp_usage_table *table, const char *user, size_t len)
{
	uint64_t h = 0xcbf29ce484222325 ^ table->seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)user[i]) * 0x100000001b3;
	h ^= h >> 32;
	return &table->buckets[h & (table->bucket_count - 1)];
}

/* Twice the buckets. Without memory for them the table is slower, not wrong. */
static void
add_buckets(struct ccp_usage_table *table)
{
	uint32_t *old = table->buckets, *new;
	size_t count = table->bucket_count;

	new = calloc(count * 2, sizeof(*new));
	if (!new)
		return;
	table->buckets = new;
	table->bucket_count = count * 2;
	for (size_t i = 0; i < count; i++) {
		for (uint32_t name = old[i], next; name; name = next) {
			struct ccp_usage_user *user = at(table, name);
			uint32_t *bucket = bucket_of(table, user->name, user->len);

			next = user->next;
			user->next = *bucket;
			*bucket = name;
		}
	}
	free(old);
}

/* The user of that name, made when there is none; NULL without memory. */
static struct ccp_usage_user *
find_user(struct ccp_usage_table *table, const char *text)
{
	/* what is longer than a user can be shares the first 128 bytes */
	size_t len = strnlen(text, CCP_USER_MAX_BYTES);
	uint32_t *bucket = bucket_of(table, text, len), name;
	struct ccp_usage_user *user;

	for (name = *bucket; name; name = user->next) {
		user = at(table, name);
		if (user->len == len && memcmp(user->name, text, len) == 0)
			return user;
	}
	name = ccp_chunks_add(&table->tallies->chunks, offsetof(struct ccp_usage_user, name) + len);
	if (!name)
		return NULL;
	user = at(table, name);
	user->len = (uint8_t)len;
	memcpy(user->name, text, len);
	user->next = *bucket;
	*bucket = name;
	if (++table->user_count > table->bucket_count)
		add_buckets(table);
	return user;
}

bool
ccp_usage_table_add(struct ccp_usage_table *table, const char *name, uint8_t model,
                    const struct ccp_usage_sum *sum)
{
	struct ccp_usage_user *user = find_user(table, name);

	if (!user)
		return false;
	table->now_count += !user->has_now;
	user->has_now = true;
	return ccp_tally_add(table->tallies, &user->now, model, sum);
}

bool
ccp_usage_table_add_before(struct ccp_usage_table *table, const char *name)
{
	struct ccp_usage_user *user = find_user(table, name);

	if (!user)
		return false;
	table->before_count += !user->has_before;
	user->has_before = true;
	return true;
}

bool
ccp_usage_table_limit(struct ccp_usage_table *table, const char *name,
                      const struct ccp_limit *limit)
{
	struct ccp_usage_user *user = find_user(table, name);
	struct ccp_usage_span *span;

	if (user && !user->limit)
		user->limit = ccp_chunks_add(&table->tallies->chunks, sizeof(*span));
	if (!user || !user->limit)
		return false;
	span = ccp_chunks_at(&table->tallies->chunks, user->limit);
	if (limit->retry_until_s > span->until_s) {
		span->until_s = limit->retry_until_s;
		span->since_s = limit->created_at_s;
		user->reason = ccp_names_number(&table->reasons, limit->reason);
	}
	return true;
}

static int
compare_names(const struct ccp_usage_user *a, const struct ccp_usage_user *b)
{
	int order = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	return order ? order : a->len - b->len;
}

/* Negative when a comes before b. */
static int
compare(const struct ccp_usage_table *table, bool by_cost, const struct ccp_usage_user *a,
        const struct ccp_usage_user *b)
{
	struct ccp_usage_sum x, y;
	int64_t x_total, y_total;

	if (!by_cost)
		return compare_names(a, b);
	x = ccp_tally_sum(table->tallies, a->now);
	y = ccp_tally_sum(table->tallies, b->now);
	if (x.cost_microusd != y.cost_microusd)
		return x.cost_microusd > y.cost_microusd ? -1 : 1;
	x_total = ccp_tally_total(&x);
	y_total = ccp_tally_total(&y);
	if (x_total != y_total)
		return x_total > y_total ? -1 : 1;
	return compare_names(a, b);
}

static uint32_t
merge(struct ccp_usage_table *table, bool by_cost, uint32_t a, uint32_t b)
{
	uint32_t first = 0, *end = &first;

	while (a && b) {
		uint32_t *less = compare(table, by_cost, at(table, a), at(table, b)) < 0 ? &a : &b;

		*end = *less;
		end = &at(table, *less)->next;
		*less = *end;
	}
	*end = a ? a : b;
	return first;
}

/* The buckets' lists become one. */
static void
link_all(struct ccp_usage_table *table)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		for (uint32_t name = table->buckets[i], next; name; name = next) {
			next = at(table, name)->next;
			at(table, name)->next = table->first;
			table->first = name;
		}
	}
	free(table->buckets);
	table->buckets = NULL;
	table->bucket_count = 0;
}

void
ccp_usage_table_sort(struct ccp_usage_table *table, bool by_cost)
{
	uint32_t lists[MERGE_LISTS] = { 0 }, sorted = 0;

	if (table->buckets)
		link_all(table);
	for (uint32_t name = table->first, next; name; name = next) {
		uint32_t list = name;
		size_t i = 0;

		next = at(table, name)->next;
		at(table, name)->next = 0;
		for (; lists[i]; i++) {
			list = merge(table, by_cost, lists[i], list);
			lists[i] = 0;
		}
		lists[i] = list;
	}
	for (size_t i = 0; i < MERGE_LISTS; i++)
		sorted = merge(table, by_cost, lists[i], sorted);
	table->first = sorted;
}

const struct ccp_usage_user *
ccp_usage_table_next(const struct ccp_usage_table *table, const struct ccp_usage_user *user)
{
	uint32_t name = user ? user->next : table->first;

	return name ? at(table, name) : NULL;
}
