/* covers: dynamodb_client */
#include "dynamodb_outside.h"
#include "listen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

/* What is sent, how often and when; test_dynamodb_error.c has what answers mean. */

/* --- what is sent --- */

/* The signature is that of @smithy/signature-v4 5.7.5 for the same request. */
static void
signed_as_aws_does(void **state)
{
	static const struct step steps[] = { { .status = 200, .body = "{\"Item\":{}}" } };
	static char *const plain[] = { (char *)"AWS_ACCESS_KEY_ID=A",
		                       (char *)"AWS_SECRET_ACCESS_KEY=" SECRET,
		                       (char *)"AWS_REGION=us-west-2", NULL };
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, steps, 1), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DONE);
	assert_string_equal(w.reply.error, "");
	assert_string_equal(ccp_buf_text(&w.reply.json), "{\"Item\":{}}");
	assert_string_equal(w.authorization[0],
	                    "AWS4-HMAC-SHA256 "
	                    "Credential=AKIDEXAMPLE/20261122/us-west-2/dynamodb/aws4_request, "
	                    "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;"
	                    "x-amz-target, Signature="
	                    "f260dbbbceb83468dfda868198535b7c40f7d67fac76e8a79ecf5e6ef6c052b2");
	assert_int_equal(w.timeout_ms[0], 1500);
	assert_int_equal(call(&w, &ccp_ddb_for_write, steps, 1), CCP_OK);
	assert_int_equal(w.timeout_ms[0], 2000);
	assert_int_equal(w.connect_timeout_ms[0], 2000);
	end(&w);

	begin(&w, plain, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, steps, 1), CCP_OK);
	end(&w);
}

/* --- pauses and patience --- */

static void
pauses_double(void **state)
{
	static const struct {
		const struct ccp_ddb_patience *patience;
		const char *body;
		int status;
		int64_t most_ms[5];
	} rows[] = {
		{ &ccp_ddb_for_write, "", 500, { 50, 100, 200 } },
		{ &ccp_ddb_for_write, THROTTLED, 400, { 250, 500, 1000 } },
		{ &ccp_ddb_for_report, "", 500, { 50, 100, 200, 400, 800 } },
	};
	struct world w;
	size_t i;
	int n;

	(void)state;
	begin(&w, NULL, NULL, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct step steps[6];

		for (n = 0; n < rows[i].patience->tries; n++)
			steps[n] = (struct step){ .status = rows[i].status, .body = rows[i].body };
		assert_int_equal(call(&w, rows[i].patience, steps, (size_t)n), CCP_ERR_NET);
		assert_int_equal(w.pauses_count, n - 1);
		for (n = 0; n < rows[i].patience->tries - 1; n++)
			assert_int_equal(w.pauses[n], RANDOM % (rows[i].most_ms[n] + 1));
	}
	end(&w);
}

static void
pauses_that_are_asked_for(void **state)
{
	static const struct {
		const char *field, *value;
		int64_t pause_ms;
	} rows[] = {
		{ "x-amz-retry-after", "700", 700 },
		{ "retry-after", "1", 1000 },
		{ "retry-after", "2", RANDOM % 101 }, /* no time would be left: not heeded */
		{ "x-amz-retry-after", "1951", RANDOM % 101 },
		{ "x-amz-retry-after", "1950", 1950 },
		{ "x-amz-retry-after", "99999999999999999999", RANDOM % 101 },
		{ "retry-after", "9223372036854775807", RANDOM % 101 },
		{ "retry-after", "soon", RANDOM % 101 },
		{ "x-amz-retry-after", "1", RANDOM % 101 },
	};
	struct world w;
	size_t i;

	(void)state;
	begin(&w, NULL, NULL, 0);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct step steps[] = {
			{ .status = 400,
			  .body = THROTTLED,
			  .field = { rows[i].field, rows[i].value } },
			{ .status = 200, .body = "{}" },
		};

		assert_int_equal(call(&w, &ccp_ddb_for_request, steps, 2), CCP_OK);
		assert_int_equal(w.pauses[0], rows[i].pause_ms);
	}
	end(&w);
}

static void
the_total_is_kept(void **state)
{
	static const struct step slow[] = {
		{ .rc = CCP_ERR_NET, .takes_ms = 1900 },
		{ .rc = CCP_ERR_NET, .takes_ms = 1 },
	};
	static const struct step silent = { .rc = CCP_ERR_NET, .takes_ms = 2000 };
	static const struct step late = { .rc = CCP_ERR_NET, .takes_ms = 1960 };
	static const struct step back[] = {
		{ .rc = CCP_ERR_NET, .takes_ms = -3600 * 1000 },
		{ .rc = CCP_ERR_NET },
	};
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, slow, 2), CCP_ERR_NET);
	assert_int_equal(w.pauses[0], RANDOM % 51); /* half of what is left */
	assert_int_equal(w.timeout_ms[1], 100 - w.pauses[0]);
	assert_int_equal(w.connect_timeout_ms[1], w.timeout_ms[1]);
	assert_int_equal(call(&w, &ccp_ddb_for_request, &silent, 1), CCP_ERR_NET);
	assert_int_equal(w.pauses_count, 0);
	assert_string_equal(w.err.text, "GetItem: what the network says");
	assert_int_equal(call(&w, &ccp_ddb_for_request, &late, 1), CCP_ERR_NET);
	assert_int_equal(w.pauses_count, 0);
	/* somebody sets the clock back */
	assert_int_equal(call(&w, &ccp_ddb_for_request, back, 2), CCP_ERR_NET);
	assert_int_equal(w.timeout_ms[1], 1500);
	end(&w);
}

/* --- credentials and clock --- */

#define EXPIRED TYPE "ExpiredTokenException\",\"message\":\"The security token is expired\"}"
#define URI "http://127.0.0.1:9/c"

static char *const from_container[] = { (char *)"AWS_CONTAINER_CREDENTIALS_FULL_URI=" URI,
	                                (char *)"AWS_EC2_METADATA_DISABLED=true",
	                                (char *)"AWS_CONFIG_FILE=/nowhere",
	                                (char *)"AWS_SHARED_CREDENTIALS_FILE=/nowhere",
	                                (char *)"AWS_REGION=us-west-2",
	                                NULL };

static void
expired_credentials_are_renewed_once(void **state)
{
	static const struct outside_step sources[] = {
		{ "GET " URI, 200, OUTSIDE_JSON("FIRST", "2026-11-22T10:00:00Z"), NULL },
		{ "GET " URI, 200, OUTSIDE_JSON("SECOND", "2026-11-22T11:00:00Z"), NULL },
		{ "GET " URI, 200, OUTSIDE_JSON("THIRD", "2026-11-22T11:00:00Z"), NULL },
	};
	static const struct step steps[] = { { .status = 400, .body = EXPIRED },
		                             { .status = 200, .body = "{}" } };
	static const struct step stays[] = {
		{ .status = 400,
		  .body = TYPE "UnrecognizedClientException\",\"message\":\"invalid\"}" },
		{ .status = 400, .body = EXPIRED },
	};
	static const struct ccp_ddb_patience one_try = { .tries = 1, .total_ms = 2000 };
	struct world w;

	(void)state;
	begin(&w, from_container, sources, 3);
	assert_int_equal(call(&w, &one_try, steps, 2), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DONE);
	assert_int_equal(w.pauses_count, 0);
	assert_non_null(strstr(w.authorization[0], "Credential=FIRST/"));
	assert_non_null(strstr(w.authorization[1], "Credential=SECOND/"));

	assert_int_equal(call(&w, &ccp_ddb_for_write, stays, 2), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DENIED);
	assert_non_null(strstr(w.authorization[1], "Credential=THIRD/"));
	assert_says(&w, "GetItem t: ExpiredTokenException: The security token is expired");
	end(&w);
}

/* Time ran out while the credentials were found wrong: it may still be right with the next. */
static void
expired_and_no_time_left(void **state)
{
	static const struct step step = { .status = 400, .body = EXPIRED, .takes_ms = 1990 };
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, &step, 1), CCP_ERR_NET);
	assert_says(&w, "ExpiredTokenException");
	end(&w);
}

/* What AWS says of a wrong signature quotes the request, with its token. */
#define WRONG                                                                                             \
	"{\"__type\":\"com.amazon.coral.service#InvalidSignatureException\",\"message\":\"Signature not " \
	"yet current\\n\\nThe Canonical String\\nx-amz-security-token:" TOKEN "\"}"

static void
a_wrong_clock_is_corrected_once(void **state)
{
	static const char later[] = "Sun, 22 Nov 2026 09:10:00 GMT";
	static const char much_later[] = "Sun, 22 Nov 2026 09:20:00 GMT";
	static const struct step steps[] = {
		{ .status = 400, .body = WRONG, .date = later },
		{ .status = 200, .body = "{}", .date = later },
	};
	static const struct step twice[] = {
		{ .status = 403, .body = TYPE "RequestTimeTooSkewed\"}", .date = much_later },
		{ .status = 400,
		  .body = TYPE "RequestExpired\"}",
		  .date = "Sun, 22 Nov 2026 09:30:00 GMT" },
	};
	static const struct step right_clock = { .status = 403,
		                                 .body = TYPE "SignatureDoesNotMatch\"}",
		                                 .date = "Sun, 22 Nov 2026 09:30:10 GMT" };
	static const struct step no_date = { .status = 400, .body = WRONG };
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, steps, 2), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DONE);
	assert_int_equal(w.pauses_count, 0);
	assert_string_equal(w.date[0], "20261122T090000Z");
	assert_string_equal(w.date[1], "20261122T091000Z");
	assert_int_equal(call(&w, &ccp_ddb_for_write, twice, 2), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DENIED);
	assert_string_equal(w.date[0], "20261122T091000Z");
	assert_string_equal(w.date[1], "20261122T092000Z");
	end(&w);

	begin(&w, NULL, NULL, 0);
	assert_true(ccp_credentials_note_date(w.credentials, OUTSIDE_NOW_S + 1800, OUTSIDE_NOW_S));
	assert_int_equal(call(&w, &ccp_ddb_for_write, &right_clock, 1), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DENIED);
	assert_int_equal(call(&w, &ccp_ddb_for_write, &no_date, 1), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DENIED);
	assert_string_equal(w.err.text,
	                    "GetItem t: InvalidSignatureException: Signature not yet current");
	end(&w);
}

/* Two calls are refused for the clock; the first corrects it, and the second gains as well. */
static void
a_clock_that_another_call_corrected(void **state)
{
	static const struct step steps[] = {
		{ .status = 400,
		  .body = WRONG,
		  .date = "Sun, 22 Nov 2026 09:10:00 GMT",
		  .corrected_s = OUTSIDE_NOW_S + 600 },
		{ .status = 200, .body = "{}" },
	};
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	assert_int_equal(call(&w, &ccp_ddb_for_request, steps, 2), CCP_OK);
	assert_int_equal(w.reply.end, CCP_DDB_DONE);
	end(&w);
}

/* --- the end of the process --- */

static void
no_try_after_stop(void **state)
{
	static const struct step steps[] = { { .status = 500, .body = "" } };
	struct world w;

	(void)state;
	begin(&w, NULL, NULL, 0);
	w.stops_in_pause = true;
	assert_int_equal(call(&w, &ccp_ddb_for_report, steps, 1), CCP_ERR_NET);
	assert_int_equal(w.pauses_count, 1);
	assert_int_equal(call(&w, &ccp_ddb_for_report, NULL, 0), CCP_ERR_NET);
	assert_says(&w, "this process ends");
	end(&w);
}

/* --- the real outside --- */

static struct ccp_config *
real_config(int port)
{
	char endpoint[80];
	char *env[] = { endpoint, (char *)"AWS_ACCESS_KEY_ID=A",
		        (char *)"AWS_SECRET_ACCESS_KEY=" SECRET, NULL };

	snprintf(endpoint, sizeof(endpoint), "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:%d", port);
	return outside_config(env);
}

static void
nobody_listens(void **state)
{
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	struct ccp_config *config = real_config(1);
	struct ccp_credentials *credentials;
	struct ccp_error err = { .code = CCP_OK };
	struct ccp_ddb *ddb;

	(void)state;
	assert_int_equal(ccp_credentials_new(config, &credentials, NULL), CCP_OK);
	assert_int_equal(ccp_ddb_new(config, credentials, NULL, &ddb, NULL), CCP_OK);
	assert_int_equal(ccp_ddb_call(ddb, "GetItem", CCP_SPAN("{}"), &ccp_ddb_for_request, &reply,
	                              &err),
	                 CCP_ERR_NET);
	assert_int_equal(strncmp(err.text, "GetItem: ", 9), 0);
	assert_non_null(strstr(err.text, "(tried 2 times)"));
	assert_null(strstr(err.text, "SECRET"));
	ccp_ddb_free(ddb);
	ccp_ddb_free(NULL);
	ccp_credentials_free(credentials);
	ccp_config_free(config);
}

/* A server that refuses each request, and asks to be left alone for 15 s. */
static int listener = -1;
static atomic_int requests_count;

static void *
refuse(void *arg)
{
	static const char body[] = THROTTLED;
	char buf[4096], head[200];
	ssize_t n;
	int fd;

	(void)arg;
	snprintf(head, sizeof(head),
	         "HTTP/1.1 400 Bad Request\r\nx-amz-retry-after: 15000\r\n"
	         "Content-Length: %zu\r\n\r\n",
	         sizeof(body) - 1);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
			if (buf[n - 1] != '}') /* the body comes in a piece of its own, or not */
				continue;
			send(fd, head, strlen(head), MSG_NOSIGNAL);
			send(fd, body, strlen(body), MSG_NOSIGNAL);
			atomic_fetch_add(&requests_count, 1);
		}
		close(fd);
	}
	return NULL;
}

static void *
call_for_report(void *ddb)
{
	static struct ccp_error err;
	struct ccp_ddb_reply reply = CCP_DDB_REPLY_INIT;
	enum ccp_err rc =
		ccp_ddb_call(ddb, "Query", CCP_SPAN("{}"), &ccp_ddb_for_report, &reply, &err);

	ccp_ddb_reply_clear(&reply);
	return rc == CCP_ERR_NET ? &err : NULL;
}

static int64_t
monotonic_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static void
a_pause_ends_with_the_process(void **state)
{
	struct sockaddr_in address;
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct ccp_credentials *credentials;
	struct ccp_config *config;
	struct ccp_ddb *ddb;
	pthread_t server, caller;
	int64_t begun_s = monotonic_s();
	void *err = NULL;

	(void)state;
	listener = unit_listen(&address);
	assert_true(listener >= 0);
	config = real_config(ntohs(address.sin_port));
	assert_int_equal(ccp_credentials_new(config, &credentials, NULL), CCP_OK);
	assert_int_equal(ccp_ddb_new(config, credentials, NULL, &ddb, NULL), CCP_OK);
	assert_int_equal(pthread_create(&server, NULL, refuse, NULL), 0);
	assert_int_equal(pthread_create(&caller, NULL, call_for_report, ddb), 0);
	while (atomic_load(&requests_count) == 0 && monotonic_s() - begun_s < 10)
		nanosleep(&moment, NULL);
	ccp_ddb_stop(ddb);
	pthread_join(caller, &err);
	assert_non_null(err);
	assert_non_null(strstr(((struct ccp_error *)err)->text, "ThrottlingException"));
	assert_int_equal(atomic_load(&requests_count), 1);
	assert_true(monotonic_s() - begun_s < 10); /* the pause was to be 15 s */
	ccp_ddb_free(ddb);
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(listener);
	ccp_credentials_free(credentials);
	ccp_config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_as_aws_does),
		cmocka_unit_test(pauses_double),
		cmocka_unit_test(pauses_that_are_asked_for),
		cmocka_unit_test(the_total_is_kept),
		cmocka_unit_test(expired_credentials_are_renewed_once),
		cmocka_unit_test(expired_and_no_time_left),
		cmocka_unit_test(a_wrong_clock_is_corrected_once),
		cmocka_unit_test(a_clock_that_another_call_corrected),
		cmocka_unit_test(no_try_after_stop),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(a_pause_ends_with_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
