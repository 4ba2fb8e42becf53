/* covers: dynamodb_usage dynamodb_read dynamodb_rows dynamodb_describe */
#include "dynamodb_script.h"

static const struct ccp_store_backend *const backend = &ccp_dynamodb_backend;

/* --- adding --- */

static const struct ccp_usage_batch one = {
	.journal = "00112233445566aa",
	.seq = 1795338000001,
	.user = "alice",
	.date = "2026-11-22",
	.request_type = "bedrock",
	.last_at_s = NOW_S - 1,
	.last_model = "m-2",
	.models = { { "m-1", { { 10, 20, 300, 4, 5, false }, 2, 77 } },
	            { "m-2", { { 1, 0, 0, 0, 0, true }, 1, 0 } } },
	.model_count = 2,
};

#define APPLIED                                                                                    \
	"{\"TableName\":\"U\",\"Key\":{\"user_period\":{\"S\":\"alice#2026-11-22\"}},"             \
	"\"UpdateExpression\":\"ADD #a1 :a1,#a2 :a2,#a3 :a3,#a4 :a4,#a5 :a5,#a6 :a6,#a7 :a7,"      \
	"#a8 :a8,#a10 :a10,#a11 :a11,#a12 :a12,#a13 :a13,#a14 :a14,#a15 :a15,#a16 :a16,#a17 :a17," \
	"#a18 :a18 SET #a0=:a0,#a9=:a9,#a19=:a19,#a20=:a20,#a21=:a21,#a22=:a22,#a23=:a23,"         \
	"#a24=:a24,#a25=:a25,#a26=:a26 \",\"ConditionExpression\":\"attribute_not_exists(#a0) OR " \
	"#a0<:a0\",\"ExpressionAttributeNames\":{\"#a0\":\"seq#00112233445566aa\","                \
	"\"#a1\":\"input_tokens\",\"#a2\":\"output_tokens\",\"#a3\":\"total_tokens\","             \
	"\"#a4\":\"request_count\",\"#a5\":\"cache_read_tokens\",\"#a6\":"                         \
	"\"cache_write_5m_tokens\",\"#a7\":\"cache_write_1h_tokens\",\"#a8\":\"cost_microusd\","   \
	"\"#a9\":\"estimated\",\"#a10\":\"input_tokens#m-1\",\"#a11\":\"output_tokens#m-1\","      \
	"\"#a12\":\"request_count#m-1\",\"#a13\":\"cache_read_tokens#m-1\",\"#a14\":"              \
	"\"cache_write_5m_tokens#m-1\",\"#a15\":\"cache_write_1h_tokens#m-1\",\"#a16\":"           \
	"\"cost_microusd#m-1\",\"#a17\":\"input_tokens#m-2\",\"#a18\":\"request_count#m-2\","      \
	"\"#a19\":\"estimated#m-2\",\"#a20\":\"model\",\"#a21\":\"request_type\","                 \
	"\"#a22\":\"period_type\",\"#a23\":\"user_id\",\"#a24\":\"last_updated_at\","              \
	"\"#a25\":\"date\",\"#a26\":\"ttl\"},\"ExpressionAttributeValues\":{"                      \
	"\":a0\":{\"N\":\"1795338000001\"},\":a1\":{\"N\":\"11\"},\":a2\":{\"N\":\"20\"},"         \
	"\":a3\":{\"N\":\"31\"},\":a4\":{\"N\":\"3\"},\":a5\":{\"N\":\"300\"},\":a6\":{\"N\":"     \
	"\"4\"},\":a7\":{\"N\":\"5\"},\":a8\":{\"N\":\"77\"},\":a9\":{\"BOOL\":true},"             \
	"\":a10\":{\"N\":\"10\"},\":a11\":{\"N\":\"20\"},\":a12\":{\"N\":\"2\"},\":a13\":{"        \
	"\"N\":\"300\"},\":a14\":{\"N\":\"4\"},\":a15\":{\"N\":\"5\"},\":a16\":{\"N\":\"77\"},"    \
	"\":a17\":{\"N\":\"1\"},\":a18\":{\"N\":\"1\"},\":a19\":{\"BOOL\":true},"                  \
	"\":a20\":{\"S\":\"m-2\"},\":a21\":{\"S\":\"bedrock\"},\":a22\":{\"S\":\"daily\"},"        \
	"\":a23\":{\"S\":\"alice\"},\":a24\":{\"S\":\"2026-11-22T08:59:59Z\"},"                    \
	"\":a25\":{\"S\":\"2026-11-22\"},\":a26\":{\"N\":\"1803113999\"}},"                        \
	"\"ReturnValues\":\"NONE\"}"

static void
applies_a_batch(void **state)
{
	struct script *s = *state;
	struct ccp_usage_batch other = one;

	SCRIPT(s, { .op = "UpdateItem", .answer = "{}", .body = APPLIED });
	script_ends(s, backend->usage_apply(s->db, &one, &s->err), CCP_OK);
	SCRIPT(s,
	       { .op = "UpdateItem", .answer = CONDITION_FAILED, .body = APPLIED }); /* it is in */
	script_ends(s, backend->usage_apply(s->db, &one, &s->err), CCP_OK);
	/* nobody knows whether that was done: the same again */
	SCRIPT(s, { .op = "UpdateItem", .answer = "{}", .body = APPLIED, .status = 500 },
	       { .op = "UpdateItem", .answer = CONDITION_FAILED, .body = APPLIED });
	script_ends(s, backend->usage_apply(s->db, &one, &s->err), CCP_OK);

	memcpy(other.request_type, "anthropic", sizeof("anthropic"));
	SCRIPT(s, { .op = "UpdateItem",
	            .answer = "{}",
	            .part = "{\"S\":\"alice#2026-11-22#anthropic\"}" });
	script_ends(s, backend->usage_apply(s->db, &other, &s->err), CCP_OK);
}

static void
fails_to_apply(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "UpdateItem",
	            .answer = INVALID("Item size to update has exceeded the maximum") });
	script_ends(s, backend->usage_apply(s->db, &one, &s->err), CCP_ERR_FORMAT);
	assert_says(s, "UpdateItem U: ValidationException: Item size");
	SCRIPT(s, { .op = "UpdateItem", .answer = NO_TABLE });
	script_ends(s, backend->usage_apply(s->db, &one, &s->err), CCP_ERR_STORE);
	assert_says(s, "tables create");
	SCRIPT(s, { .op = "UpdateItem", .answer = DENIED });
	script_ends(s, backend->usage_apply(s->db, &one, &s->err), CCP_ERR_STORE);
}

/* DynamoDB takes 4 KB of one expression, 300 operators in an update. */
static void
the_largest_batch_fits(void **state)
{
	struct script *s = *state;
	struct ccp_usage_batch all = one;

	for (size_t i = 0; i < CCP_BATCH_MODELS_MAX; i++) {
		all.models[i] = one.models[0];
		all.models[i].sum.tokens.estimated = true;
		memset(all.models[i].model, 'a' + (int)i, sizeof(all.models[i].model) - 1);
	}
	all.model_count = CCP_BATCH_MODELS_MAX;
	SCRIPT(s, { .op = "UpdateItem", .answer = "{}", .part = "\"cache_write_1h_tokens#hhh" });
	script_ends(s, backend->usage_apply(s->db, &all, &s->err), CCP_OK);
}

/* --- reading --- */

struct seen {
	char text[8192];
	size_t len, count, stop_after;
};

static bool
note(void *arg, const char *user, const char *date, const char *model,
     const struct ccp_usage_sum *sum)
{
	struct seen *seen = arg;
	const struct ccp_usage *t = &sum->tokens;

	if (seen->len < sizeof(seen->text) - 512)
		seen->len +=
			(size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
		                         "%s %s %s n%lld %lld/%lld r%lld 5m%lld 1h%lld $%lld%s\n",
		                         user, date + 5, model, (long long)sum->request_count,
		                         (long long)t->input_tokens, (long long)t->output_tokens,
		                         (long long)t->cache_read_tokens,
		                         (long long)t->cache_write_5m_tokens,
		                         (long long)t->cache_write_1h_tokens,
		                         (long long)sum->cost_microusd, t->estimated ? " est" : "");
	return ++seen->count != seen->stop_after;
}

static void
usage_is(struct script *s, const char *user, const char *from, const char *type, const char *want)
{
	struct seen seen = { "", 0, 0, 0 };

	script_ends(s,
	            backend->usage_each(s->db, user, from, "2026-11-22", type, note, &seen,
	                                &s->err),
	            CCP_OK);
	assert_string_equal(seen.text, want);
}

#define N(name, n) "\"" name "\":{\"N\":\"" n "\"}"
#define OURS                                                                                                                                                                                                          \
	"{\"user_period\":{\"S\":\"alice#2026-11-22\"}," N("input_tokens", "11") "," N("output_tokens", "20") "," N("total_tokens", "31") "," N(                                                                      \
		"request_count",                                                                                                                                                                                      \
		"3") "," N("cost_microusd",                                                                                                                                                                           \
	                   "77") "," N("input_tokens#m-1",                                                                                                                                                            \
	                               "10") "," N("output_tokens#m-1",                                                                                                                                               \
	                                           "20") "," N("request_count#m-1",                                                                                                                                   \
	                                                       "2") "," N("cache_read_tokens#m-1",                                                                                                                    \
	                                                                  "300") "," N("cache_write_5m_tokens#m-1",                                                                                                   \
	                                                                               "4") "," N("cache_write_1h_tokens#m-1",                                                                                        \
	                                                                                          "5") "," N("cost_microusd#m-1",                                                                                     \
	                                                                                                     "77") "," N("input_tokens#m-2",                                                                          \
	                                                                                                                 "1") "," N("request_count#m-2",                                                              \
	                                                                                                                            "1") ",\"estimated#m-2\":{\"BOOL\":true},\"estimated\":{\"BOOL\":true}," N("ttl", \
	                                                                                                                                                                                                       "1803113999") ",\"date\":{\"S\":\"2026-11-22\"}}"
#define OURS_SEEN                                     \
	"alice 11-22 m-1 n2 10/20 r300 5m4 1h5 $77\n" \
	"alice 11-22 m-2 n1 1/0 r0 5m0 1h0 $0 est\n"
#define ORIGINAL(period)                                                                   \
	"{\"user_period\":{\"S\":\"" period                                                \
	"\"}," N("input_tokens", "1000") "," N("output_tokens",                            \
	                                       "100") "," N("total_tokens",                \
	                                                    "1100") "," N("request_count", \
	                                                                  "3") "}"
/* part: from here on, one by one */
#define KEYS(keys) "{\"RequestItems\":{\"U\":{\"ConsistentRead\":true,\"Keys\":[" keys "]}}}"
#define PERIOD(period) "{\"user_period\":{\"S\":\"" period "\"}}"
#define RESPONSES(items) "{\"Responses\":{\"U\":[" items "]},\"UnprocessedKeys\":{}}"

static void
reads_one_user_by_keys(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "BatchGetItem",
	            .answer = RESPONSES(OURS),
	            .body = KEYS(PERIOD("alice#2026-11-21") "," PERIOD("alice#2026-11-22")) });
	usage_is(s, "alice", "2026-11-21", "bedrock", OURS_SEEN);
	SCRIPT(s, { .op = "BatchGetItem",
	            .answer = RESPONSES(""),
	            .body = KEYS(PERIOD("a\\\"#2026-11-22#anthropic")) });
	usage_is(s, "a\"", "2026-11-22", "anthropic", "");
	SCRIPT(s, { .op = "BatchGetItem",
	            .answer = RESPONSES(OURS "," ORIGINAL("alice#2026-11-22#anthropic")),
	            .body = KEYS(
			    PERIOD("alice#2026-11-22") "," PERIOD("alice#2026-11-22#anthropic")) });
	usage_is(s, "alice", "2026-11-22", "all",
	         OURS_SEEN "alice 11-22 claude-haiku-4-5 n3 1000/100 r0 5m0 1h0 $1500 est\n");
}

static void
asks_for_a_hundred_keys_at_a_time(void **state)
{
	struct script *s = *state;

	/* 51 days, two keys each */
	SCRIPT(s,
	       { .op = "BatchGetItem",
	         .answer = RESPONSES(""),
	         .part = PERIOD("a#2026-11-21#anthropic") "]" },
	       { .op = "BatchGetItem",
	         .answer = RESPONSES(""),
	         .body = KEYS(PERIOD("a#2026-11-22") "," PERIOD("a#2026-11-22#anthropic")) });
	usage_is(s, "a", "2026-10-03", "all", "");
}

#define UNREAD "{\"U\":{\"ConsistentRead\":true,\"Keys\":[" PERIOD("alice#2026-11-22") "]}}"

static void
asks_again_for_what_was_left(void **state)
{
	struct script *s = *state;
	static const struct line left = { .op = "BatchGetItem",
		                          .answer = "{\"Responses\":{},\"UnprocessedKeys\":" UNREAD
		                                    "}" };
	const struct line lines[] = { left, left, left, left, left, left, left, left };

	SCRIPT(s,
	       { .op = "BatchGetItem",
	         .answer = "{\"Responses\":{\"U\":[" OURS "]},\"UnprocessedKeys\":" UNREAD "}" },
	       { .op = "BatchGetItem",
	         .answer = RESPONSES(ORIGINAL("alice#2026-11-22")),
	         .body = "{\"RequestItems\":" UNREAD "}" });
	usage_is(s, "alice", "2026-11-22", "bedrock",
	         OURS_SEEN "alice 11-22 claude-haiku-4-5 n3 1000/100 r0 5m0 1h0 $1500 est\n");
	assert_int_equal(s->pause_count, 1);
	assert_int_equal(s->pauses[0], 4000000007 % 51);
	/* not for ever */
	script_is(s, lines, 8);
	script_ends(s,
	            backend->usage_each(s->db, "alice", "2026-11-22", "2026-11-22", "bedrock", note,
	                                NULL, &s->err),
	            CCP_ERR_NET);
	assert_int_equal(s->pause_count, 7);
	assert_int_equal(s->pauses[6], 4000000007 % 2001);
}

static void
what_the_original_counted_is_a_row(void **state)
{
	struct script *s = *state;

	/* its part of an item of both */
	SCRIPT(s,
	       { .op = "BatchGetItem",
	         .answer = RESPONSES(
			 "{\"user_period\":{\"S\":\"a#2026-11-22\"}," N("input_tokens", "15") "," N(
				 "output_tokens",
				 "7") "," N("request_count",
	                                    "3") "," N("input_tokens#m",
	                                               "5") "," N("output_tokens#m",
	                                                          "7") "," N("request_count#m",
	                                                                     "1") "," N("cost_microusd#m",
	                                                                                "9") "}") });
	usage_is(s, "a", "2026-11-22", "bedrock",
	         "a 11-22 m n1 5/7 r0 5m0 1h0 $9\n"
	         "a 11-22 claude-haiku-4-5 n2 10/0 r0 5m0 1h0 $10 est\n");
	/* expired, whether TTL took it or not; and one that is not */
	SCRIPT(s,
	       { .op = "BatchGetItem",
	         .answer = RESPONSES(
			 "{\"user_period\":{\"S\":\"a#2026-11-22\"}," N("request_count", "1") "," N(
				 "ttl",
				 "1795338000") "},"
					       "{\"user_period\":{\"S\":\"a#2026-11-22\"}," N(
						       "request_count",
						       "2") "," N("ttl", "1795338001") "}") });
	usage_is(s, "a", "2026-11-22", "all",
	         "a 11-22 claude-haiku-4-5 n2 0/0 r0 5m0 1h0 $0 est\n");
}

static void
passes_over_nonsense(void **state)
{
	struct script *s = *state;
	static char long_name[300];
	struct ccp_buf answer = CCP_BUF_INIT(65536);
	struct line line = { .op = "BatchGetItem" };

	memset(long_name, 'x', sizeof(long_name) - 1);
	ccp_buf_puts(&answer,
	             "{\"Responses\":{\"U\":[7,{},[],{\"user_period\":{\"N\":\"1\"}},"
	             "{\"user_period\":{\"S\":\"#2026-11-22\"},\"request_count\":{\"N\":\"1\"}},"
	             "{\"user_period\":{\"S\":\"a#2026-02-30\"},\"request_count\":{\"N\":\"1\"}},"
	             "{\"user_period\":{\"S\":\"a#2026-11-20\"},\"request_count\":{\"N\":\"1\"}},"
	             "{\"user_period\":{\"S\":\"#anthropic\"},\"request_count\":{\"N\":\"1\"}},"
	             "{\"user_period\":{\"S\":\"a#2026-11-22\"},\"request_type\":{\"S\":\"other\"},"
	             "\"request_count\":{\"N\":\"1\"}},");
	ccp_buf_addf(&answer, "{\"user_period\":{\"S\":\"%s#2026-11-22\"},\"ttl\":{\"N\":\"x\"}},",
	             long_name);
	ccp_buf_addf(
		&answer,
		"{\"user_period\":{\"S\":\"a#b#2026-11-22\"},\"input_tokens#%s\":{\"N\":\"1\"},"
		"\"input_tokens#%.128s\":{\"N\":\"1\"},\"input_tokens#\":{\"N\":\"1\"},"
		"\"input_tokens#m\":{\"S\":\"1\"},\"output_tokens#m\":{\"N\":\"-3\"},"
		"\"request_count#m#n\":{\"N\":\"1.5e3\"},\"cost_microusd#m#n\":{\"N\":\"%s\"},"
		"\"request_count\":{\"L\":[]},\"output_tokens\":{\"N\":\"%s\"},"
		"\"ttl\":{\"S\":\"1\"},\"what#m\":{\"N\":\"1\"}}]}}",
		long_name, long_name, "99999999999999999999999999999999999999",
		"99999999999999999999999999999999999999");
	line.answer = ccp_buf_text(&answer);
	script_is(s, &line, 1);
	usage_is(s, "a", "2026-11-22", "bedrock",
	         "a#b 11-22 m#n n1500 0/0 r0 5m0 1h0 $9223372036854775807\n"
	         "a#b 11-22 claude-haiku-4-5 n0 0/9223372036854775807 r0 5m0 1h0 "
	         "$9223372036854775807 est\n");
	ccp_buf_clear(&answer);
}

static void
too_many_models(void **state)
{
	struct script *s = *state;
	struct ccp_buf answer = CCP_BUF_INIT(65536);
	struct line line = { .op = "BatchGetItem" };
	struct seen seen = { "", 0, 0, 0 };

	ccp_buf_puts(&answer, "{\"Responses\":{\"U\":[{\"user_period\":{\"S\":\"a#2026-11-22\"},"
	                      "\"request_count\":{\"N\":\"100\"}");
	for (int i = 0; i < 100; i++)
		ccp_buf_addf(&answer, ",\"request_count#m%d\":{\"N\":\"1\"}", i);
	ccp_buf_puts(&answer, "}]}}");
	line.answer = ccp_buf_text(&answer);
	script_is(s, &line, 1);
	script_ends(s,
	            backend->usage_each(s->db, "a", "2026-11-22", "2026-11-22", "bedrock", note,
	                                &seen, &s->err),
	            CCP_OK);
	assert_int_equal(seen.count, 64); /* and no rest: all are in one row or another */
	assert_non_null(strstr(seen.text, " m62 n1 "));
	assert_non_null(strstr(seen.text, " other n37 "));
	ccp_buf_clear(&answer);
}

/* --- everybody --- */

#define INDEX(name, status, hash, projection)                   \
	"{\"IndexName\":\"" name "\",\"IndexStatus\":\"" status \
	"\",\"KeySchema\":[{\"AttributeName\":\"" hash          \
	"\",\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":\"" projection "\"}}"
#define TABLE(indexes, date_type)                                                             \
	"{\"Table\":{\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":"           \
	"\"user_period\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{"                  \
	"\"AttributeName\":\"user_period\",\"AttributeType\":\"S\"},{\"AttributeName\":"      \
	"\"date\",\"AttributeType\":\"" date_type "\"}],\"GlobalSecondaryIndexes\":[" indexes \
	"]}}"
#define QUERY(index, date)                                                     \
	"{\"TableName\":\"U\",\"ExpressionAttributeNames\":{\"#d\":\"date\"}," \
	"\"IndexName\":\"" index "\",\"KeyConditionExpression\":\"#d=:d\","    \
	"\"ExpressionAttributeValues\":{\":d\":{\"S\":\"" date "\"}}"
#define SCAN                                                                             \
	"{\"TableName\":\"U\",\"ExpressionAttributeNames\":{\"#d\":\"date\"},"           \
	"\"FilterExpression\":\"#d BETWEEN :from AND :to OR attribute_not_exists(#d)\"," \
	"\"ExpressionAttributeValues\":{\":from\":{\"S\":\"2026-11-21\"},"               \
	"\":to\":{\"S\":\"2026-11-22\"}}"
#define CAROL_SEEN "carol 11-21 claude-haiku-4-5 n3 1000/100 r0 5m0 1h0 $1500 est\n"

static void
reads_all_by_any_index_of_the_date(void **state)
{
	struct script *s = *state;

	SCRIPT(s,
	       { .op = "DescribeTable",
	         .answer = TABLE(INDEX("keys", "ACTIVE", "date", "KEYS_ONLY") "," INDEX(
					 "new", "CREATING", "date",
					 "ALL") "," INDEX("who", "ACTIVE", "user_id",
	                                                  "ALL") "," INDEX("by-day", "ACTIVE",
	                                                                   "date", "ALL"),
	                         "S") },
	       { .op = "Query",
	         .answer = "{\"Items\":[" ORIGINAL(
			 "carol#2026-11-21") "],\"LastEvaluatedKey\":{\"a\":1}}",
	         .body = QUERY("by-day", "2026-11-21") "}" },
	       { .op = "Query",
	         .answer = "{\"Items\":[]}",
	         .body = QUERY("by-day", "2026-11-21") ",\"ExclusiveStartKey\":{\"a\":1}}" },
	       { .op = "Query",
	         .answer = "{\"Items\":[" OURS "]}",
	         .body = QUERY("by-day", "2026-11-22") "}" });
	usage_is(s, NULL, "2026-11-21", "all", CAROL_SEEN OURS_SEEN);
	/* that is remembered for five minutes */
	s->now_ms += 5 * 60 * 1000 - 1;
	SCRIPT(s, { .op = "Query", .answer = "{\"Items\":[" OURS "]}" });
	usage_is(s, NULL, "2026-11-22", "all", OURS_SEEN);
	s->now_ms += 1;
	SCRIPT(s, { .op = "DescribeTable", .answer = TABLE("", "S") },
	       { .op = "Scan", .answer = "{\"Items\":[" OURS "]}" });
	usage_is(s, NULL, "2026-11-22", "all", OURS_SEEN);
}

static void
scans_where_there_is_no_index(void **state)
{
	struct script *s = *state;

	SCRIPT(s,
	       { .op = "DescribeTable", .answer = TABLE(INDEX("n", "ACTIVE", "date", "ALL"), "N") },
	       { .op = "Scan",
	         .answer = "{\"Items\":[" OURS
	                   "," ORIGINAL("old#2026-11-20") "],"
	                                                  "\"LastEvaluatedKey\":{\"a\":1}}",
	         .body = SCAN "}" },
	       { .op = "Scan",
	         .answer = "{\"Items\":[" ORIGINAL("carol#2026-11-21") "]}",
	         .body = SCAN ",\"ExclusiveStartKey\":{\"a\":1}}" });
	usage_is(s, NULL, "2026-11-21", "bedrock", OURS_SEEN CAROL_SEEN);
}

static void
guesses_where_it_may_not_ask(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "DescribeTable", .answer = DENIED },
	       { .op = "Query",
	         .answer = "{\"Items\":[]}",
	         .body = QUERY("date-index", "2026-11-21") "}" },
	       { .op = "Query",
	         .answer = "{\"Items\":[" OURS "]}",
	         .body = QUERY("date-index", "2026-11-22") "}" });
	usage_is(s, NULL, "2026-11-21", "bedrock", OURS_SEEN);
	/* the index was taken away */
	SCRIPT(s,
	       { .op = "Query",
	         .answer = INVALID("The table does not have the specified index: date-index") },
	       { .op = "Scan",
	         .answer = "{\"Items\":[" ORIGINAL("carol#2026-11-21") "]}",
	         .body = SCAN "}" });
	usage_is(s, NULL, "2026-11-21", "bedrock", CAROL_SEEN);
	SCRIPT(s, { .op = "Scan", .answer = "{\"Items\":[]}" });
	usage_is(s, NULL, "2026-11-21", "bedrock", "");
}

static void
fails_in_the_middle(void **state)
{
	struct script *s = *state;
	struct seen seen = { "", 0, 0, 0 };

	/* what was given would come twice by a Scan */
	SCRIPT(s, { .op = "DescribeTable", .answer = DENIED },
	       { .op = "Query", .answer = "{\"Items\":[" OURS "]}" },
	       { .op = "Query", .answer = INVALID("The table does not have the specified index") });
	script_ends(s,
	            backend->usage_each(s->db, NULL, "2026-11-21", "2026-11-22", "all", note, &seen,
	                                &s->err),
	            CCP_ERR_FORMAT);
	SCRIPT(s,
	       { .op = "Query", .answer = "{\"Items\":[" OURS "],\"LastEvaluatedKey\":{\"a\":1}}" },
	       { .op = "Query", .answer = NO_TABLE });
	script_ends(s,
	            backend->usage_each(s->db, NULL, "2026-11-22", "2026-11-22", "all", note, &seen,
	                                &s->err),
	            CCP_ERR_STORE);
	script_is(s, NULL, 0);
	script_ends(s,
	            backend->usage_each(s->db, NULL, "2026-11-22", "tomorrow", "all", note, &seen,
	                                &s->err),
	            CCP_ERR_FORMAT);
}

static void
stops_when_told(void **state)
{
	struct script *s = *state;
	struct seen first = { "", 0, 0, 1 }, second = { "", 0, 0, 2 };

	SCRIPT(s, { .op = "DescribeTable", .answer = DENIED },
	       { .op = "Query",
	         .answer = "{\"Items\":[" OURS "," OURS "],\"LastEvaluatedKey\":{\"a\":1}}" });
	script_ends(s,
	            backend->usage_each(s->db, NULL, "2026-11-20", "2026-11-22", "all", note,
	                                &first, &s->err),
	            CCP_OK);
	assert_int_equal(first.count, 1);
	SCRIPT(s, { .op = "BatchGetItem", .answer = RESPONSES(OURS "," OURS) });
	script_ends(s,
	            backend->usage_each(s->db, "a", "2026-08-01", "2026-11-22", "all", note,
	                                &second, &s->err),
	            CCP_OK);
	assert_int_equal(second.count, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_SCRIPT(applies_a_batch),
		IN_A_SCRIPT(fails_to_apply),
		IN_A_SCRIPT(the_largest_batch_fits),
		IN_A_SCRIPT(reads_one_user_by_keys),
		IN_A_SCRIPT(asks_for_a_hundred_keys_at_a_time),
		IN_A_SCRIPT(asks_again_for_what_was_left),
		IN_A_SCRIPT(what_the_original_counted_is_a_row),
		IN_A_SCRIPT(passes_over_nonsense),
		IN_A_SCRIPT(too_many_models),
		IN_A_SCRIPT(reads_all_by_any_index_of_the_date),
		IN_A_SCRIPT(scans_where_there_is_no_index),
		IN_A_SCRIPT(guesses_where_it_may_not_ask),
		IN_A_SCRIPT(fails_in_the_middle),
		IN_A_SCRIPT(stops_when_told),
	};

	return cmocka_run_group_tests_name("dynamodb_usage", tests, NULL, NULL);
}
