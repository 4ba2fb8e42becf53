/* covers: dynamodb dynamodb_limits */
#include "dynamodb_script.h"

#define A "0123456789abcdef0123456789abcdef"
#define B "fedcba9876543210fedcba9876543210"
#define KEY(table, name, key) \
	"{\"TableName\":\"" table "\",\"Key\":{\"" name "\":{\"S\":\"" key "\"}}"

static const struct ccp_store_backend *const backend = &ccp_dynamodb_backend;

/* --- try and check --- */

static void
looks_at_both_tables(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "GetItem", .answer = "{}", .body = KEY("L", "user_id", "#health") "}" },
	       { .op = "GetItem", .answer = "{}", .body = KEY("U", "user_period", "#health") "}" });
	script_ends(s, ccp_dynamodb_try(s->db, &s->err), CCP_OK);
	assert_int_equal(s->timeout_ms, 800); /* of each: 2 s of both */
	script_is(s, s->lines, s->count);
	script_ends(s, backend->check(s->db, &s->err), CCP_OK);
	assert_int_equal(s->timeout_ms, 1000);
}

static void
says_what_is_wrong_with_a_table(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "GetItem", .answer = "{}" }, { .op = "GetItem", .answer = NO_TABLE });
	script_ends(s, ccp_dynamodb_try(s->db, &s->err), CCP_ERR_STORE);
	assert_says(s, "table U is not there: claude-code-proxy-admin tables create");

	SCRIPT(s, { .op = "GetItem", .answer = "{}" },
	       { .op = "GetItem",
	         .answer = INVALID("The provided key element does not match the schema") });
	script_ends(s, ccp_dynamodb_try(s->db, &s->err), CCP_ERR_SETTING);
	assert_says(s, "USAGE_TABLE_NAME: table U has another key than user_period");

	SCRIPT(s, { .op = "GetItem",
	            .answer = INVALID("The provided key element does not match the schema") });
	script_ends(s, backend->check(s->db, &s->err), CCP_ERR_STORE); /* we are running */

	SCRIPT(s, { .op = "GetItem", .answer = DENIED });
	script_ends(s, ccp_dynamodb_try(s->db, &s->err), CCP_ERR_STORE);
	assert_says(s, "GetItem L: AccessDenied");
}

static void
leaves_a_table_alone_that_is_not_used(void **state)
{
	static struct script s;

	(void)state;
	begin_with(&s, "RATE_LIMIT_TRACKING_ENABLED=false");
	SCRIPT(&s, { .op = "GetItem", .answer = "{}", .part = "\"U\"" });
	script_ends(&s, ccp_dynamodb_try(s.db, &s.err), CCP_OK);
	backend->close(s.db);
	ccp_config_free(s.config);
}

static void
stopped(void **state)
{
	struct script *s = *state;

	ccp_dynamodb_stop(s->db);
	script_is(s, NULL, 0);
	script_ends(s, backend->check(s->db, &s->err), CCP_ERR_NET);
}

/* --- writing limits --- */

static const struct ccp_limit opus = { .credential = A,
	                               .family = "opus",
	                               .retry_until_s = NOW_S + 100,
	                               .retry_after_s = 60,
	                               .created_at_s = NOW_S,
	                               .reason = "five_hour" };

#define LONGEST                                                                                   \
	KEY("L", "user_id", "al\\\"ice")                                                          \
	",\"UpdateExpression\":\"SET #a0=:a0,#a1=:a1,#a2=:a2,#a3=:a3,#a4=:a4,#a5=:a5,#a6=:a6,"    \
	"#a7=:a7 \",\"ConditionExpression\":\"(attribute_not_exists(#a0) OR #a0<:a0) AND "        \
	"(attribute_not_exists(#a1) OR #a1<:a1)\",\"ExpressionAttributeNames\":{"                 \
	"\"#a0\":\"until#" A "#opus\",\"#a1\":\"retry_until\",\"#a2\":\"retry_after_seconds\","   \
	"\"#a3\":\"ttl\",\"#a4\":\"created_at\",\"#a5\":\"reason\",\"#a6\":\"credential_sha256\"" \
	",\"#a7\":\"scope\"},\"ExpressionAttributeValues\":{\":a0\":{\"N\":\"1795338100\"},"      \
	"\":a1\":{\"N\":\"1795338100\"},\":a2\":{\"N\":\"60\"},\":a3\":{\"N\":\"1795341700\"},"   \
	"\":a4\":{\"N\":\"1795338000\"},\":a5\":{\"S\":\"five_hour\"},\":a6\":{\"S\":\"" A "\"}," \
	"\":a7\":{\"S\":\"opus\"}},\"ReturnValues\":\"ALL_NEW\"}"
#define BESIDE                                                                     \
	KEY("L", "user_id", "al\\\"ice")                                           \
	",\"UpdateExpression\":\"SET #a0=:a0 \",\"ConditionExpression\":\""        \
	"attribute_exists(user_id) AND (attribute_not_exists(#a0) OR #a0<:a0)\","  \
	"\"ExpressionAttributeNames\":{\"#a0\":\"until#" A                         \
	"#opus\"},\"ExpressionAttributeValues\":{\":a0\":{\"N\":\"1795338100\"}}," \
	"\"ReturnValues\":\"ALL_NEW\"}"

static void
puts_a_limit(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "UpdateItem", .answer = "{}", .body = LONGEST });
	script_ends(s, backend->limit_put(s->db, "al\"ice", &opus, &s->err), CCP_OK);
	/* another one lasts longer, or as long: it stands beside that */
	SCRIPT(s, { .op = "UpdateItem", .answer = CONDITION_FAILED, .body = LONGEST },
	       { .op = "UpdateItem", .answer = "{}", .body = BESIDE });
	script_ends(s, backend->limit_put(s->db, "al\"ice", &opus, &s->err), CCP_OK);
	/* it is there already */
	SCRIPT(s, { .op = "UpdateItem", .answer = CONDITION_FAILED, .body = LONGEST },
	       { .op = "UpdateItem", .answer = CONDITION_FAILED, .body = BESIDE });
	script_ends(s, backend->limit_put(s->db, "al\"ice", &opus, &s->err), CCP_OK);

	SCRIPT(s, { .op = "UpdateItem", .answer = NO_TABLE });
	script_ends(s, backend->limit_put(s->db, "a", &opus, &s->err), CCP_ERR_STORE);
	SCRIPT(s, { .op = "UpdateItem",
	            .answer = INVALID("Item size to update has exceeded the maximum") });
	script_ends(s, backend->limit_put(s->db, "a", &opus, &s->err), CCP_ERR_FORMAT);
	SCRIPT(s, { .op = "DeleteItem",
	            .answer = "{}",
	            .body = KEY("L", "user_id", "al\\\"ice") "}" });
	script_ends(s, backend->limits_clear(s->db, "al\"ice", &s->err), CCP_OK);
}

/* Attributes of an item: count expired until#, and one that is on. */
static void
add_expired(struct ccp_buf *answer, int count)
{
	ccp_buf_puts(answer, "{\"Attributes\":{\"user_id\":{\"S\":\"a\"},\"until#" A
	                     "#on\":{\"N\":\"1795338001\"},\"until#x\":{\"S\":\"1\"}");
	for (int i = 0; i < count; i++)
		ccp_buf_addf(answer, ",\"until#" B "#f%d\":{\"N\":\"%d\"}", i, 1000 + i);
	ccp_buf_puts(answer, "}}");
}

static void
removes_what_expired(void **state)
{
	struct script *s = *state;
	struct ccp_buf few = CCP_BUF_INIT(65536), many = CCP_BUF_INIT(65536);

	add_expired(&few, 16);
	add_expired(&many, 40);
	const struct line quiet[] = { { .op = "UpdateItem", .answer = ccp_buf_text(&few) } };
	const struct line busy[] = {
		{ .op = "UpdateItem", .answer = ccp_buf_text(&many) },
		{ .op = "UpdateItem",
		  .answer = CONDITION_FAILED,
		  .part = "REMOVE #a0,#a1," }, /* no matter */
	};
	const struct line busy2[] = {
		{ .op = "UpdateItem", .answer = ccp_buf_text(&many) },
		{ .op = "UpdateItem",
		  .answer = "{}",
		  .part = "#a19 \",\"ConditionExpression\":\"#a0=:a0 AND #a1=:a1 AND " },
	};

	script_is(s, quiet, 1);
	script_ends(s, backend->limit_put(s->db, "a", &opus, &s->err), CCP_OK);
	script_is(s, busy, 2);
	script_ends(s, backend->limit_put(s->db, "a", &opus, &s->err), CCP_OK);
	script_is(s, busy2, 2);
	script_ends(s, backend->limit_put(s->db, "a", &opus, &s->err), CCP_OK);
	ccp_buf_clear(&few);
	ccp_buf_clear(&many);
}

/* --- reading limits --- */

struct seen {
	char text[4096];
	size_t len, count, stop_after;
};

static bool
note(void *arg, const char *user, const struct ccp_limit *l)
{
	struct seen *seen = arg;

	if (seen->len < sizeof(seen->text) - 200)
		seen->len +=
			(size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
		                         "%s %.4s %s %+d after%d created%+d %s\n", user,
		                         l->credential, l->family, (int)(l->retry_until_s - NOW_S),
		                         (int)l->retry_after_s, (int)(l->created_at_s - NOW_S),
		                         l->reason);
	return ++seen->count != seen->stop_after;
}

static void
limits_are(struct script *s, const char *user, const char *want)
{
	struct seen seen = { "", 0, 0, 0 };

	script_ends(s, backend->limits_each(s->db, user, NOW_S, note, &seen, &s->err), CCP_OK);
	assert_string_equal(seen.text, want);
}

#define MAIN                                                                    \
	"\"user_id\":{\"S\":\"alice\"},\"retry_until\":{\"N\":\"1795338500\"}," \
	"\"retry_after_seconds\":{\"N\":\"61\"},\"created_at\":{\"N\":\"1795337999\"}"
#define OURS                                                                      \
	MAIN ",\"credential_sha256\":{\"S\":\"" A "\"},\"scope\":{\"S\":\"all\"}" \
	     ",\"reason\":{\"S\":\"seven_day\"}"

static void
reads_the_limits_of_one(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "GetItem",
	            .answer = "{\"Item\":{\"until#" B "#opus\":{\"N\":\"1795338400\"}," OURS
	                      ",\"until#" A "#all\":{\"N\":\"1795338500\"},\"until#" A
	                      "#opus\":{\"N\":\"1795338000\"},"
	                      "\"until#" A "#s#x\":{\"N\":\"1795338001.5\"}}}",
	            .body = KEY("L", "user_id", "alice") ",\"ConsistentRead\":true}" });
	limits_are(s, "alice",
	           "alice 0123 all +500 after61 created-1 seven_day\n"
	           "alice fedc opus +400 after0 created-1 \n"
	           "alice 0123 s#x +1 after0 created-1 \n");
	assert_int_equal(s->timeout_ms, 1500); /* somebody waits */

	SCRIPT(s, { .op = "GetItem", .answer = "{}" });
	limits_are(s, "alice", "");
	SCRIPT(s, { .op = "GetItem", .answer = NO_TABLE });
	script_ends(s, backend->limits_each(s->db, "alice", NOW_S, note, NULL, &s->err),
	            CCP_ERR_STORE);
}

static void
reads_the_originals_item(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "GetItem", .answer = "{\"Item\":{" MAIN "}}" });
	limits_are(s, "alice", "alice  all +500 after61 created-1 \n");
	/* one of ours beside it */
	SCRIPT(s,
	       { .op = "GetItem",
	         .answer = "{\"Item\":{" MAIN ",\"until#" A "#opus\":{\"N\":\"1795338100\"}}}" });
	limits_are(s, "alice",
	           "alice  all +500 after61 created-1 \n"
	           "alice 0123 opus +100 after0 created-1 \n");
	/* a hand's, of one credential */
	SCRIPT(s, { .op = "GetItem", .answer = "{\"Item\":{" OURS "}}" });
	limits_are(s, "alice", "alice 0123 all +500 after61 created-1 seven_day\n");
	SCRIPT(s, { .op = "GetItem",
	            .answer = "{\"Item\":{\"retry_until\":{\"N\":\"1795338000\"}}}" });
	limits_are(s, "alice", ""); /* over, whether TTL took it or not */
}

static void
passes_over_nonsense(void **state)
{
	struct script *s = *state;

	SCRIPT(s,
	       { .op = "GetItem",
	         .answer =
	                 "{\"Item\":{\"retry_until\":{\"S\":\"1795338500\"},\"until#\":{\"N\":\"1795339000\"},"
	                 "\"until#a\":{\"N\":\"1795339000\"},\"until#a#\":{\"N\":\"1795339000\"},"
	                 "\"until#" A
	                 "0#all\":{\"N\":\"1795339000\"},\"until#a#b\":{\"S\":\"1795339000\"},"
	                 "\"until#a#c\":{\"N\":\"x\"},\"until#a#d\":{\"M\":{}},\"until#a#e\":null,"
	                 "\"until#a#123456789012345678901234567890123\":{\"N\":\"1795339000\"},"
	                 "\"until#a#far\":{\"N\":\"99999999999999999999999999999999999999\"},"
	                 "\"until#\\u0000#z\":{\"N\":\"1795339000\"},\"created_at\":{\"N\":\"-5\"},"
	                 "\"reason\":{\"S\":\"a reason that is longer than any of the reasons that we know\"}"
	                 "}}" });
	struct seen seen = { "", 0, 0, 0 };

	script_ends(s, backend->limits_each(s->db, "a", NOW_S, note, &seen, &s->err), CCP_OK);
	assert_int_equal(seen.count, 1);
	assert_non_null(strstr(seen.text, "a a far "));
	SCRIPT(s, { .op = "GetItem", .answer = "{\"Item\":[1,\"until#a#b\"]}" });
	limits_are(s, "a", "");
}

static void
keeps_the_longest_of_too_many(void **state)
{
	struct script *s = *state;
	struct ccp_buf answer = CCP_BUF_INIT(65536);
	struct seen seen = { "", 0, 0, 0 };

	ccp_buf_puts(&answer, "{\"Item\":{\"x\":{\"N\":\"1\"}");
	for (int i = 0; i < 100; i++)
		ccp_buf_addf(&answer, ",\"until#a#f%d\":{\"N\":\"%d\"}", i,
		             (int)NOW_S + 1 + i * 37 % 100);
	ccp_buf_puts(&answer, "}}");
	const struct line line = { .op = "GetItem", .answer = ccp_buf_text(&answer) };

	script_is(s, &line, 1);
	script_ends(s, backend->limits_each(s->db, "a", NOW_S, note, &seen, &s->err), CCP_OK);
	assert_int_equal(seen.count, CCP_LIMITS_PER_USER_MAX);
	assert_memory_equal(seen.text, "a a f27 +100 ", 13); /* 27*37%100 is 99 */
	ccp_buf_clear(&answer);
}

#define SCAN                                                              \
	"{\"TableName\":\"L\",\"FilterExpression\":\"retry_until>:now\"," \
	"\"ExpressionAttributeValues\":{\":now\":{\"N\":\"1795338000\"}}"
#define ITEM(user) "{\"user_id\":{\"S\":\"" user "\"},\"retry_until\":{\"N\":\"1795338009\"}}"

static void
reads_the_limits_of_all(void **state)
{
	struct script *s = *state;
	struct seen first = { "", 0, 0, 1 };

	SCRIPT(s,
	       { .op = "Scan",
	         .answer = "{\"Items\":[" ITEM("a") "," ITEM(
			 "") ",{\"user_id\":{\"N\":\"1\"}},7],"
	                     "\"LastEvaluatedKey\":{\"user_id\":{\"S\":\"a\\u00e9\"}}}",
	         .body = SCAN "}" },
	       { .op = "Scan",
	         .answer = "{\"Items\":[],\"LastEvaluatedKey\":{\"user_id\":{\"S\":\"b\"}}}",
	         .body = SCAN ",\"ExclusiveStartKey\":{\"user_id\":{\"S\":\"a\\u00e9\"}}}" },
	       { .op = "Scan",
	         .answer = "{\"Items\":[" ITEM("c") "]}",
	         .body = SCAN ",\"ExclusiveStartKey\":{\"user_id\":{\"S\":\"b\"}}}" });
	limits_are(s, NULL,
	           "a  all +9 after0 created-1795338000 \n"
	           "c  all +9 after0 created-1795338000 \n");
	/* enough seen: no further page is asked for */
	script_is(s, s->lines, 1);
	script_ends(s, backend->limits_each(s->db, NULL, NOW_S, note, &first, &s->err), CCP_OK);
	assert_int_equal(first.count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_SCRIPT(looks_at_both_tables),
		IN_A_SCRIPT(says_what_is_wrong_with_a_table),
		cmocka_unit_test(leaves_a_table_alone_that_is_not_used),
		IN_A_SCRIPT(stopped),
		IN_A_SCRIPT(puts_a_limit),
		IN_A_SCRIPT(removes_what_expired),
		IN_A_SCRIPT(reads_the_limits_of_one),
		IN_A_SCRIPT(reads_the_originals_item),
		IN_A_SCRIPT(passes_over_nonsense),
		IN_A_SCRIPT(keeps_the_longest_of_too_many),
		IN_A_SCRIPT(reads_the_limits_of_all),
	};

	return cmocka_run_group_tests_name("dynamodb", tests, NULL, NULL);
}
