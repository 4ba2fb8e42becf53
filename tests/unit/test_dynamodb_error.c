#include "dynamodb_outside.h"

/* What answers mean: the end, or another try. */

static void
final_answers(void **state)
{
	static const struct {
		struct step step;
		enum ccp_ddb_end end;
		enum ccp_err fails;
		const char *says;
	} rows[] = {
		{ { .status = 400,
		    .body = TYPE "ConditionalCheckFailedException\",\"message\":\"The conditional "
		                 "request failed\",\"Item\":{}}" },
		  CCP_DDB_CONDITION,
		  CCP_ERR_FORMAT,
		  "GetItem t: ConditionalCheckFailedException: The conditional request failed" },
		{ { .status = 400,
		    .body = TYPE "ResourceNotFoundException\",\"message\":\"Requested resource not "
		                 "found: arn:aws:dynamodb:us-west-2:123456789012:table/t\"}" },
		  CCP_DDB_NO_TABLE,
		  CCP_ERR_STORE,
		  "GetItem t: ResourceNotFoundException: Requested resource not found: (hidden)" },
		{ { .status = 400,
		    .body = "{\"__type\":\"com.amazon.coral.validate#ValidationException\","
		            "\"Message\":\"One\\nmore\"}" },
		  CCP_DDB_INVALID,
		  CCP_ERR_FORMAT,
		  "GetItem t: ValidationException: One" },
		{ { .status = 400,
		    .body = "{\"__type\":\"com.amazon.coral.service#SerializationException:http://x\"}" },
		  CCP_DDB_INVALID,
		  CCP_ERR_FORMAT,
		  "GetItem t: SerializationException" },
		{ { .status = 400, .body = TYPE "ItemCollectionSizeLimitExceededException\"}" },
		  CCP_DDB_INVALID,
		  CCP_ERR_FORMAT,
		  "ItemCollectionSizeLimitExceededException" },
		{ { .status = 400, .body = TYPE "ResourceInUseException\"}" },
		  CCP_DDB_IN_USE,
		  CCP_ERR_STORE,
		  "ResourceInUseException" },
		{ { .status = 400,
		    .body = "{\"__type\":\"AccessDeniedException\",\"Message\":\"User: "
		            "arn:aws:iam::123456789012:user/x is not authorized\"}" },
		  CCP_DDB_DENIED,
		  CCP_ERR_STORE,
		  "AccessDeniedException: User: (hidden) is not authorized" },
		{ { .status = 400, .body = TYPE "MissingAuthenticationTokenException\"}" },
		  CCP_DDB_DENIED,
		  CCP_ERR_STORE,
		  "MissingAuthenticationTokenException" },
		{ { .status = 400, .body = TYPE "UnknownOperationException\"}" },
		  CCP_DDB_UNKNOWN,
		  CCP_ERR_STORE,
		  "UnknownOperationException" },
		{ { .status = 400, .body = "{\"message\":\"without a name\"}" },
		  CCP_DDB_INVALID,
		  CCP_ERR_FORMAT,
		  "GetItem t: HTTP 400: without a name" },
		{ { .status = 404, .body = TYPE "NewException\"}" },
		  CCP_DDB_INVALID,
		  CCP_ERR_FORMAT,
		  "NewException" },
		{ { .status = 413, .body = "<html>" },
		  CCP_DDB_INVALID,
		  CCP_ERR_FORMAT,
		  "GetItem t: HTTP 413" },
		{ { .status = 403, .body = "<html>" },
		  CCP_DDB_DENIED,
		  CCP_ERR_STORE,
		  "GetItem t: HTTP 403" },
	};
	struct world w;
	size_t i;

	(void)state;
	begin(&w, NULL, NULL, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool json = rows[i].step.body[0] == '{';

		assert_int_equal(call(&w, &ccp_ddb_for_write, &rows[i].step, 1), CCP_OK);
		assert_int_equal(w.reply.end, rows[i].end);
		assert_int_equal(w.err.code, rows[i].fails);
		assert_says(&w, rows[i].says);
		assert_string_equal(ccp_buf_text(&w.reply.json), json ? rows[i].step.body : "");
		assert_int_equal(w.pauses_count, 0);
	}
	end(&w);
}

/* Not a word of DynamoDB's: neither to be believed nor to be asked again. */
static void
strange_answers(void **state)
{
	static const struct step rows[] = {
		{ .status = 404, .body = "<html>" },
		{ .status = 404, .body = "{\"message\":\"no such route\"}" },
		{ .status = 302, .body = "" },
		{ .status = 400, .body = "Bad Request" },
		{ .status = 204, .body = "" },
	};
	struct world w;
	size_t i;

	(void)state;
	begin(&w, NULL, NULL, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(call(&w, &ccp_ddb_for_write, &rows[i], 1), CCP_ERR_NET);
		assert_says(&w, "and not from DynamoDB");
	}
	end(&w);
}

static const struct step done = { .status = 200, .body = "{}" };

static void
transient_answers(void **state)
{
	static const struct {
		struct step step;
		int64_t pause_ms; /* at most, with ccp_ddb_for_request */
		const char *says;
	} rows[] = {
		{ { .status = 400, .body = TYPE "ProvisionedThroughputExceededException\"}" },
		  100,
		  "Throughput" },
		{ { .status = 400, .body = THROTTLED },
		  100,
		  "GetItem: ThrottlingException: Rate exceeded (tried 2 times)" },
		{ { .status = 400, .body = TYPE "Throttling\"}" }, 100, "Throttling" },
		{ { .status = 400, .body = TYPE "RequestLimitExceeded\"}" },
		  100,
		  "RequestLimitExceeded" },
		{ { .status = 400, .body = TYPE "LimitExceededException\"}" },
		  100,
		  "LimitExceededException" },
		{ { .status = 400, .body = TYPE "TransactionConflictException\"}" },
		  100,
		  "TransactionConflict" },
		{ { .status = 400, .body = TYPE "TransactionInProgressException\"}" },
		  100,
		  "TransactionInProgress" },
		{ { .status = 429, .body = "" }, 100, "HTTP 429" },
		{ { .status = 409, .body = TYPE "ReplicatedWriteConflictException\"}" },
		  50,
		  "ReplicatedWriteConflict" },
		{ { .status = 500, .body = TYPE "InternalServerError\"}" },
		  50,
		  "InternalServerError" },
		{ { .status = 500, .body = TYPE "InternalFailure\"}" }, 50, "InternalFailure" },
		{ { .status = 503, .body = "{\"__type\":\"ServiceUnavailableException\"}" },
		  50,
		  "ServiceUnavailable" },
		{ { .status = 500, .body = "" }, 50, "HTTP 500" },
		{ { .status = 502, .body = "<html>" }, 50, "HTTP 502" },
		{ { .status = 503, .body = "{}" }, 50, "HTTP 503" },
		{ { .status = 504, .body = TYPE "NewException\"}" }, 50, "NewException" },
		{ { .status = 408, .body = "" }, 50, "HTTP 408" },
		{ { .status = 200, .body = "{\"Item\":" }, 50, "not JSON" },
		{ { .status = 200, .body = "[]" }, 50, "not JSON" },
		{ { .status = 200, .body = "" }, 50, "not JSON" },
		{ { .rc = CCP_ERR_NET }, 50, "GetItem: what the network says (tried 2 times)" },
		{ { .status = 200, .body = "{}", .field = { "x-amz-crc32", "2745614146" } },
		  50,
		  "x-amz-crc32" },
		{ { .status = 200, .body = "{}", .field = { "x-amz-crc32", "0xa3a6bd43" } },
		  50,
		  "x-amz-crc32" },
		{ { .status = 400,
		    .body = TYPE "ConditionalCheckFailedException\"}",
		    .field = { "x-amz-crc32", "1" } },
		  50,
		  "x-amz-crc32" },
	};
	struct world w;
	size_t i;

	(void)state;
	begin(&w, NULL, NULL, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct step steps[] = { rows[i].step, done };
		const struct step fails[] = { rows[i].step, rows[i].step };

		assert_int_equal(call(&w, &ccp_ddb_for_request, steps, 2), CCP_OK);
		assert_int_equal(w.reply.end, CCP_DDB_DONE);
		assert_string_equal(w.reply.error, "");
		assert_string_equal(w.reply.message, "");
		assert_string_equal(ccp_buf_text(&w.reply.json), "{}");
		assert_int_equal(w.pauses_count, 1);
		assert_int_equal(w.pauses[0], RANDOM % (rows[i].pause_ms + 1));

		assert_int_equal(call(&w, &ccp_ddb_for_request, fails, 2), CCP_ERR_NET);
		assert_int_equal(w.pauses_count, 1);
		assert_says(&w, rows[i].says);
	}
	end(&w);
}

/* crc32 of "{}" is 2745614147 (zlib's own, by Python 3.11). */
static void
a_right_checksum(void **state)
{
	static const struct step step = { .status = 200,
		                          .body = "{}",
		                          .field = { "x-amz-crc32", "2745614147" } };
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, &step, 1), CCP_OK);
	end(&w);
}

static void
failures_no_try_mends(void **state)
{
	static const struct {
		enum ccp_err rc, becomes;
	} rows[] = {
		{ CCP_ERR_LIMIT, CCP_ERR_LIMIT },
		{ CCP_ERR_NOMEM, CCP_ERR_NOMEM },
		{ CCP_ERR_SETTING, CCP_ERR_NET },
	};
	static char *const none[] = { (char *)"AWS_EC2_METADATA_DISABLED=true",
		                      (char *)"AWS_CONFIG_FILE=/nowhere",
		                      (char *)"AWS_SHARED_CREDENTIALS_FILE=/nowhere",
		                      (char *)"AWS_REGION=us-west-2", NULL };
	struct world w;
	size_t i;

	(void)state;
	begin(&w, NULL, NULL, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct step step = { .rc = rows[i].rc };

		assert_int_equal(call(&w, &ccp_ddb_for_write, &step, 1), rows[i].becomes);
		assert_says(&w, "GetItem: what the network says");
	}
	end(&w);
	begin(&w, none, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_write, NULL, 0), CCP_ERR_CREDENTIALS);
	assert_says(&w, "GetItem: no AWS credentials");
	end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(final_answers),         cmocka_unit_test(strange_answers),
		cmocka_unit_test(transient_answers),     cmocka_unit_test(a_right_checksum),
		cmocka_unit_test(failures_no_try_mends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
