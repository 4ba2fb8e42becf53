/* covers: dynamodb_tables dynamodb_dates dynamodb_describe */
#include "dynamodb_script.h"

static char said[4096];

static void
hear(void *arg, const char *sentence)
{
	(void)arg;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", sentence);
}

static void
tables(struct script *s, bool make, enum ccp_err want, int missing)
{
	int count = -1;

	said[0] = '\0';
	script_ends(s, ccp_dynamodb_tables(s->db, make, hear, NULL, &count, &s->err), want);
	assert_int_equal(count, missing);
}

static void
has_said(const char *words)
{
	if (!strstr(said, words))
		fail_msg("\"%s\" was not said, but: %s", words, said);
}

#define TABLE(status, key, type, more)                                                        \
	"{\"Table\":{\"TableStatus\":\"" status "\",\"KeySchema\":[{\"AttributeName\":\"" key \
	"\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":[{\"AttributeName\":\"" key       \
	"\",\"AttributeType\":\"" type "\"},{\"AttributeName\":\"date\",\"AttributeType\":"   \
	"\"S\"}]" more "}}"
#define INDEXED(status)                                                                        \
	",\"GlobalSecondaryIndexes\":[{\"IndexName\":\"date-index\",\"IndexStatus\":\"" status \
	"\",\"KeySchema\":[{\"AttributeName\":\"date\",\"KeyType\":\"HASH\"},{"                \
	"\"AttributeName\":\"user_id\",\"KeyType\":\"RANGE\"}],\"Projection\":{"               \
	"\"ProjectionType\":\"ALL\"}}]"
#define ON_DEMAND ",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"}"
#define LIMITS TABLE("ACTIVE", "user_id", "S", "")
#define USAGE(more) TABLE("ACTIVE", "user_period", "S", more)
#define TTL(status, name)                                            \
	"{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"" status \
	"\",\"AttributeName\":\"" name "\"}}"
#define TTL_ON TTL("ENABLED", "ttl")
#define UNKNOWN "{\"__type\":\"com.amazon.coral.service#UnknownOperationException\"}"
#define NAME(name) "{\"TableName\":\"" name "\"}"
#define SPECIFICATION(name)      \
	"{\"TableName\":\"" name \
	"\",\"TimeToLiveSpecification\":{\"AttributeName\":\"ttl\",\"Enabled\":true}}"
#define INDEX                                                                           \
	"{\"IndexName\":\"date-index\",\"KeySchema\":[{\"AttributeName\":\"date\","     \
	"\"KeyType\":\"HASH\"},{\"AttributeName\":\"user_id\",\"KeyType\":\"RANGE\"}]," \
	"\"Projection\":{\"ProjectionType\":\"ALL\"}"
#define DEFINITIONS                                                                       \
	"\"AttributeDefinitions\":[{\"AttributeName\":\"user_period\",\"AttributeType\":" \
	"\"S\"},{\"AttributeName\":\"date\",\"AttributeType\":\"S\"},{\"AttributeName\":" \
	"\"user_id\",\"AttributeType\":\"S\"}]"
#define LIMITS_FINE                                          \
	{ .op = "DescribeTable", .answer = LIMITS },         \
	{                                                    \
		.op = "DescribeTimeToLive", .answer = TTL_ON \
	}
#define DATES                                                                        \
	"{\"TableName\":\"U\",\"FilterExpression\":\"attribute_not_exists(#d)\","    \
	"\"ProjectionExpression\":\"user_period,#t\",\"ExpressionAttributeNames\":{" \
	"\"#d\":\"date\",\"#t\":\"ttl\"}"

static void
finds_nothing_and_changes_nothing(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "DescribeTable", .answer = NO_TABLE, .body = NAME("L") },
	       { .op = "DescribeTable", .answer = NO_TABLE, .body = NAME("U") });
	tables(s, false, CCP_OK, 2);
	assert_string_equal(said, "L: there is no such table\nU: there is no such table\n");
}

static void
makes_both(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "DescribeTable", .answer = NO_TABLE },
	       { .op = "CreateTable",
	         .answer = "{}",
	         .body = "{\"TableName\":\"L\",\"AttributeDefinitions\":[{\"AttributeName\":"
	                 "\"user_id\",\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":"
	                 "\"user_id\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}" },
	       { .op = "DescribeTable", .answer = NO_TABLE }, /* not seen yet */
	       { .op = "DescribeTable", .answer = TABLE("CREATING", "user_id", "S", "") },
	       { .op = "DescribeTable", .answer = LIMITS },
	       { .op = "DescribeTimeToLive", .answer = TTL("DISABLED", ""), .body = NAME("L") },
	       { .op = "UpdateTimeToLive", .answer = "{}", .body = SPECIFICATION("L") },
	       { .op = "DescribeTable", .answer = NO_TABLE },
	       { .op = "CreateTable",
	         .answer = TYPE "ResourceInUseException\"}", /* somebody else was faster */
	         .body = "{\"TableName\":\"U\"," DEFINITIONS ",\"KeySchema\":[{\"AttributeName\":"
	                 "\"user_period\",\"KeyType\":\"HASH\"}],\"BillingMode\":"
	                 "\"PAY_PER_REQUEST\",\"GlobalSecondaryIndexes\":[" INDEX "}]}" },
	       { .op = "DescribeTable", .answer = USAGE(INDEXED("CREATING")) },
	       { .op = "DescribeTable", .answer = USAGE(INDEXED("ACTIVE")) },
	       { .op = "DescribeTimeToLive", .answer = TTL("DISABLED", "") },
	       { .op = "UpdateTimeToLive", .answer = INVALID("TimeToLive is already enabled") });
	tables(s, true, CCP_OK, 0);
	assert_string_equal(said, "L: created\nL: TTL by ttl is turned on\nU: created\n"
	                          "U: TTL by ttl is turned on\n"
	                          "U: the index date-index finds usage by date\n");
	assert_int_equal(s->pause_count, 3);
}

static void
finds_all_as_it_should_be(void **state)
{
	struct script *s = *state;

	SCRIPT(s, LIMITS_FINE, { .op = "DescribeTable", .answer = USAGE(INDEXED("ACTIVE")) },
	       { .op = "DescribeTimeToLive", .answer = TTL("ENABLING", "ttl") },
	       { .op = "Scan",
	         .answer =
	                 "{\"Items\":[{\"user_period\":{\"S\":\"somebody's own\"}},"
	                 "{\"user_period\":{\"S\":\"a#2026-08-01\"},\"ttl\":{\"N\":\"1795338000\"}}]}",
	         .body = DATES "}" });
	tables(s, false, CCP_OK, 0);
	has_said("U: the index date-index finds usage by date");
	script_is(s, s->lines, s->count);
	tables(s, true, CCP_OK, 0);
}

static void
says_what_is_missing(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "DescribeTable", .answer = LIMITS },
	       { .op = "DescribeTimeToLive", .answer = TTL("ENABLED", "expires") },
	       { .op = "DescribeTable", .answer = USAGE("") },
	       { .op = "DescribeTimeToLive", .answer = TTL("DISABLED", "") },
	       { .op = "Scan",
	         .answer = "{\"Items\":[{\"user_period\":{\"S\":\"a#2026-11-22\"}}],"
	                   "\"LastEvaluatedKey\":{\"a\":1}}" });
	tables(s, false, CCP_OK, 4);
	has_said("L: TTL is on by another attribute than ttl");
	has_said("U: TTL is off");
	has_said("U: there is no index by date");
	has_said("U: items of the original have no date");
}

static void
looks_at_a_part_of_a_large_table(void **state)
{
	struct script *s = *state;
	struct line lines[4 + 20] = {
		LIMITS_FINE,
		{ .op = "DescribeTable", .answer = USAGE(INDEXED("ACTIVE")) },
		{ .op = "DescribeTimeToLive", .answer = TTL_ON },
	};

	for (int i = 4; i < 24; i++)
		lines[i] =
			(struct line){ .op = "Scan",
			               .answer = "{\"Items\":[],\"LastEvaluatedKey\":{\"a\":1}}" };
	script_is(s, lines, 24);
	tables(s, false, CCP_OK, 0);
}

/* The original's table, with provisioned units; another change is under way. */
static void
takes_a_table_of_the_original_over(void **state)
{
	struct script *s = *state;

	SCRIPT(s, LIMITS_FINE,
	       { .op = "DescribeTable",
	         .answer = USAGE(",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,"
	                         "\"WriteCapacityUnits\":6}") },
	       { .op = "DescribeTimeToLive", .answer = TTL_ON },
	       { .op = "UpdateTable", .answer = TYPE "ResourceInUseException\"}" },
	       { .op = "DescribeTable", .answer = USAGE("") },
	       { .op = "UpdateTable",
	         .answer =
	                 "{\"TableDescription\":{\"TableStatus\":\"UPDATING\","
	                 "\"AttributeDefinitions\":[{\"AttributeName\":\"date\",\"AttributeType\":\"S\"}]" INDEXED(
				 "CREATING") "}}",
	         .body = "{\"TableName\":\"U\"," DEFINITIONS ",\"GlobalSecondaryIndexUpdates\":[{"
	                 "\"Create\":" INDEX ",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,"
	                 "\"WriteCapacityUnits\":6}}}]}" },
	       { .op = "DescribeTable", .answer = USAGE("") }, /* an old picture of it */
	       { .op = "DescribeTable", .answer = USAGE(INDEXED("CREATING")) },
	       { .op = "DescribeTable", .answer = USAGE(INDEXED("ACTIVE")) },
	       { .op = "Scan",
	         .answer =
	                 "{\"Items\":[{\"user_period\":{\"S\":\"a#2026-11-22\"},\"ttl\":{\"N\":\"1795339000\"}}"
	                 "],\"LastEvaluatedKey\":{\"a\":1}}" },
	       { .op = "UpdateItem",
	         .answer = "{}",
	         .body = "{\"TableName\":\"U\",\"Key\":{\"user_period\":{\"S\":\"a#2026-11-22\"}},"
	                 "\"UpdateExpression\":\"SET #a0=:a0,#a1=if_not_exists(#a1,:a1) \","
	                 "\"ConditionExpression\":\"attribute_exists(user_period) AND "
	                 "attribute_not_exists(#a0)\",\"ExpressionAttributeNames\":{\"#a0\":\"date\","
	                 "\"#a1\":\"user_id\"},\"ExpressionAttributeValues\":{\":a0\":{\"S\":"
	                 "\"2026-11-22\"},\":a1\":{\"S\":\"a\"}},\"ReturnValues\":\"NONE\"}" },
	       { .op = "Scan",
	         .answer = "{\"Items\":[{\"user_period\":{\"S\":\"b#2026-11-21#anthropic\"}}]}",
	         .body = DATES ",\"ExclusiveStartKey\":{\"a\":1}}" },
	       { .op = "UpdateItem",
	         .answer = CONDITION_FAILED }); /* gone, or dated by somebody else */
	tables(s, true, CCP_OK, 0);
	has_said("U: items of the original that have a date now: 2");
}

static void
on_demand_has_no_units(void **state)
{
	struct script *s = *state;

	SCRIPT(s, LIMITS_FINE, { .op = "DescribeTable", .answer = USAGE(ON_DEMAND) },
	       { .op = "DescribeTimeToLive", .answer = TTL_ON },
	       { .op = "UpdateTable",
	         .answer = TYPE "AccessDeniedException\"}",
	         .part = "\"ALL\"}}}]}" });
	tables(s, true, CCP_ERR_STORE, 0);
	assert_says(s, "UpdateTable U: AccessDenied");
}

static void
another_key_is_left_alone(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "DescribeTable", .answer = TABLE("ACTIVE", "id", "S", "") },
	       { .op = "DescribeTable",
	         .answer = TABLE("ACTIVE", "user_period", "N", INDEXED("ACTIVE")) });
	tables(s, true, CCP_OK, 2);
	has_said("L: the key is not user_id (a string, alone)");
	has_said("U: the key is not user_period (a string, alone)");
}

static void
a_service_that_cannot_do_all(void **state)
{
	struct script *s = *state;

	/* dynalite 4.0.0 has no UpdateTimeToLive, and makes no index */
	SCRIPT(s, { .op = "DescribeTable", .answer = LIMITS },
	       { .op = "DescribeTimeToLive", .answer = TTL("DISABLED", "") },
	       { .op = "UpdateTimeToLive", .answer = UNKNOWN },
	       { .op = "DescribeTable", .answer = USAGE(ON_DEMAND) },
	       { .op = "DescribeTimeToLive", .answer = UNKNOWN },
	       { .op = "UpdateTable",
	         .answer = "{\"TableDescription\":{\"TableStatus\":\"ACTIVE\"}}" },
	       { .op = "Scan", .answer = "{\"Items\":[]}" });
	tables(s, true, CCP_OK, 1);
	has_said("L: this service has no TTL");
	has_said("U: this service has no TTL");
	has_said("U: there is no index by date");
}

static void
may_not_ask(void **state)
{
	struct script *s = *state;

	SCRIPT(s, { .op = "DescribeTable", .answer = DENIED });
	tables(s, false, CCP_ERR_STORE, 0);
	assert_says(s, "DescribeTable L: AccessDenied");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_SCRIPT(finds_nothing_and_changes_nothing),
		IN_A_SCRIPT(makes_both),
		IN_A_SCRIPT(finds_all_as_it_should_be),
		IN_A_SCRIPT(says_what_is_missing),
		IN_A_SCRIPT(looks_at_a_part_of_a_large_table),
		IN_A_SCRIPT(takes_a_table_of_the_original_over),
		IN_A_SCRIPT(on_demand_has_no_units),
		IN_A_SCRIPT(another_key_is_left_alone),
		IN_A_SCRIPT(a_service_that_cannot_do_all),
		IN_A_SCRIPT(may_not_ask),
	};

	return cmocka_run_group_tests_name("dynamodb_tables", tests, NULL, NULL);
}
