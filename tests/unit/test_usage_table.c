/* covers: usage_table tally chunks */
#include "store/usage_table.h"

#include "base/json.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ccp_tallies tallies;
static struct ccp_usage_table table;

static int
set_up(void **state)
{
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_usage_table_init(&table, &tallies, 42, &err), CCP_OK);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	ccp_usage_table_clear(&table);
	ccp_tallies_clear(&tallies);
	return 0;
}

static void
add(const char *user, const char *model, int64_t cost, int64_t tokens)
{
	struct ccp_usage_sum sum = { .tokens = { tokens, tokens, 0, 0, 0, false },
		                     .request_count = 1,
		                     .cost_microusd = cost };

	assert_true(
		ccp_usage_table_add(&table, user, ccp_names_number(&tallies.models, model), &sum));
}

static void
limit(const char *user, int64_t since_s, int64_t until_s, const char *reason)
{
	struct ccp_limit l = { .retry_until_s = until_s, .created_at_s = since_s };

	snprintf(l.reason, sizeof(l.reason), "%s", reason);
	assert_true(ccp_usage_table_limit(&table, user, &l));
}

/* Names of the users in the order of the list, each with a space behind it. */
static const char *
order(bool by_cost)
{
	static char text[512];
	const struct ccp_usage_user *user = NULL;
	int n = 0;

	text[0] = '\0';
	ccp_usage_table_sort(&table, by_cost);
	while ((user = ccp_usage_table_next(&table, user)))
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%.*s ", user->len, user->name);
	return text;
}

static void
orders(void **state)
{
	(void)state;
	assert_string_equal(order(false), "");
	tear_down(NULL);
	set_up(NULL);
	add("b", "m", 5, 1);
	add("ab", "m", 5, 2);
	add("\xff", "m", 5, 1);
	add("a", "m", 4, 9);
	add("a", "n", 2, 9);
	add("", "m", 0, 0);
	add("abc", "m", 5, 1);
	assert_string_equal(order(false), " a ab abc b \xff ");
	assert_string_equal(order(true), "a ab abc b \xff  ");
	assert_string_equal(order(false), " a ab abc b \xff ");
}

/* Rows of thousands of users, mixed up and in parts, come out as one sum each, in order. */
static void
many(void **state)
{
	const struct ccp_usage_user *user = NULL;
	char name[16];
	int count = 5000, seen = 0;

	(void)state;
	for (int part = 0; part < 3; part++) {
		for (int i = 0; i < count; i++) {
			snprintf(name, sizeof(name), "user-%05d", i * 1237 % count);
			add(name, part == 1 ? "n" : "m", i * 1237 % count, 1);
		}
	}
	assert_int_equal(table.user_count, count);
	assert_int_equal(table.now_count, count);
	ccp_usage_table_sort(&table, false);
	for (; (user = ccp_usage_table_next(&table, user)); seen++) {
		struct ccp_usage_sum sum = ccp_tally_sum(&tallies, user->now);

		snprintf(name, sizeof(name), "user-%05d", seen);
		assert_int_equal(user->len, strlen(name));
		assert_memory_equal(user->name, name, user->len);
		assert_int_equal(sum.request_count, 3);
		assert_int_equal(sum.cost_microusd, 3 * seen);
	}
	assert_int_equal(seen, count);
}

/* The promise: 256 bytes a user with three models, a limit and a name of 16 bytes. */
static void
memory(void **state)
{
	size_t count = 10000, bytes;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "person-%09zu", i);
		add(name, "claude-opus-5-5", 1, 1);
		add(name, "claude-sonnet-5", 1, 1);
		add(name, "claude-haiku-4-5", 1, 1);
		assert_true(ccp_usage_table_add_before(&table, name));
		limit(name, 1, 2, "five_hour");
	}
	bytes = tallies.chunks.count * CCP_CHUNK_BYTES +
	        table.bucket_count * sizeof(*table.buckets);
	assert_in_range(bytes / count, 1, 256);
}

static void
before(void **state)
{
	(void)state;
	add("now", "m", 1, 1);
	add("both", "m", 1, 1);
	assert_true(ccp_usage_table_add_before(&table, "both"));
	assert_true(ccp_usage_table_add_before(&table, "before"));
	assert_true(ccp_usage_table_add_before(&table, "before"));
	limit("limited", 1, 2, "x");
	assert_int_equal(table.now_count, 2);
	assert_int_equal(table.before_count, 2);
	assert_int_equal(table.user_count, 4);
}

static void
longest_limit(void **state)
{
	const struct ccp_usage_user *user;
	const struct ccp_usage_span *span;

	(void)state;
	limit("u", 10, 100, "short");
	limit("u", 20, 300, "long");
	limit("u", 30, 200, "middle");
	ccp_usage_table_sort(&table, false);
	user = ccp_usage_table_next(&table, NULL);
	span = ccp_chunks_at(&tallies.chunks, user->limit);
	assert_int_equal(span->since_s, 20);
	assert_int_equal(span->until_s, 300);
	assert_string_equal(table.reasons.text[user->reason], "long");
	assert_null(ccp_usage_table_next(&table, user));
}

/* A store that another program wrote to may hold anything; sums stay non-negative numbers. */
static void
hostile_sums(void **state)
{
	struct ccp_usage_sum most = { .tokens = { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
		                                  INT64_MAX, false },
		                      .request_count = INT64_MAX,
		                      .cost_microusd = INT64_MAX },
			     least = { .tokens = { -1, INT64_MIN, -1, -1, -1, false },
		                       .request_count = -1,
		                       .cost_microusd = INT64_MIN };
	struct ccp_tally tally = { 0 };
	struct ccp_buf text = CCP_BUF_INIT(65536);

	(void)state;
	assert_true(ccp_tally_add(&tallies, &tally, 0, &least));
	assert_int_equal(ccp_tally_sum(&tallies, tally).tokens.output_tokens, 0);
	assert_int_equal(ccp_tally_sum(&tallies, tally).cost_microusd, 0);
	ccp_names_number(&tallies.models, "m");
	for (int i = 0; i < 3; i++)
		assert_true(ccp_tally_add(&tallies, &tally, 0, &most));
	ccp_tally_write(&tallies, tally, false, &text);
	assert_non_null(strstr(ccp_buf_text(&text), "\"total_tokens\":9223372036854775807,"));
	assert_non_null(strstr(ccp_buf_text(&text), "\"cost_usd\":9223372036854.775807,"));
	assert_null(strchr(ccp_buf_text(&text), '-'));
	ccp_buf_clear(&text);
}

static void
names(void **state)
{
	static struct ccp_names n;
	char text[300];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		assert_int_equal(ccp_names_number(&n, text), i < 63 ? i : 63);
	}
	assert_int_equal(n.count, 64);
	assert_string_equal(n.text[63], "other");
	assert_int_equal(ccp_names_number(&n, "m7"), 7); /* known ones stay apart */
	/* a word that begins like another is another; one too long counts as its beginning */
	n.count = 0;
	assert_int_equal(ccp_names_number(&n, "abc"), 0);
	assert_int_equal(ccp_names_number(&n, "ab"), 1);
	assert_int_equal(ccp_names_number(&n, ""), 2);
	memset(text, 'x', sizeof(text));
	text[299] = '\0';
	assert_int_equal(ccp_names_number(&n, text), 3);
	text[200] = '\0';
	assert_int_equal(ccp_names_number(&n, text), 3);
	assert_int_equal(strlen(n.text[3]), 127);
	/* "other" may be a model too */
	n.count = 0;
	assert_int_equal(ccp_names_number(&n, "other"), 0);
	for (int i = 0; i < 62; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		assert_int_equal(ccp_names_number(&n, text), i + 1);
	}
	assert_int_equal(ccp_names_number(&n, "one more"), 0);
}

/* The text of the worst tally keeps to the ceiling that a report makes room for. */
static void
longest_text(void **state)
{
	struct ccp_usage_sum most = { .tokens = { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX,
		                                  INT64_MAX, false },
		                      .request_count = INT64_MAX,
		                      .cost_microusd = INT64_MAX };
	struct ccp_buf text = CCP_BUF_INIT(CCP_TALLY_TEXT_MAX);
	struct ccp_tally tally = { 0 };
	char model[CCP_NAME_BYTES];

	(void)state;
	memset(model, 1, sizeof(model) - 1);
	model[sizeof(model) - 1] = '\0';
	for (int i = 0; i < 64; i++) {
		model[0] = (char)(1 + i % 8);
		model[1] = (char)(1 + i / 8);
		assert_true(ccp_tally_add(&tallies, &tally,
		                          ccp_names_number(&tallies.models, model), &most));
	}
	ccp_tally_write(&tallies, tally, true, &text);
	assert_true(ccp_buf_ok(&text));
	assert_true(text.len > CCP_TALLY_TEXT_MAX / 2);
	ccp_buf_clear(&text);
}

/* Records of all sizes lie side by side and stay where they are. */
static void
chunks(void **state)
{
	struct ccp_chunks c = { 0 };
	uint32_t first[2000];

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		size_t size = 1 + i % 300;
		char *p;

		first[i] = ccp_chunks_add(&c, size);
		assert_int_not_equal(first[i], 0);
		p = ccp_chunks_at(&c, first[i]);
		assert_int_equal((uintptr_t)p % CCP_CHUNK_UNIT, 0);
		for (size_t n = 0; n < size; n++)
			assert_int_equal(p[n], 0);
		memset(p, (int)(i % 100) + 1, size);
	}
	for (uint32_t i = 0; i < 2000; i++) {
		const char *p = ccp_chunks_at(&c, first[i]);

		assert_int_equal(p[0], i % 100 + 1);
		assert_int_equal(p[i % 300], i % 100 + 1);
	}
	assert_in_range(c.count, 5, 6);
	ccp_chunks_clear(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(orders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(longest_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile_sums, set_up, tear_down),
		cmocka_unit_test(names),
		cmocka_unit_test_setup_teardown(longest_text, set_up, tear_down),
		cmocka_unit_test(chunks),
	};

	return cmocka_run_group_tests_name("usage_table", tests, NULL, NULL);
}
