#include "unit.h"

#include "upstream/anthropic.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

/* Both header filters: each field, and whether it passes. */
struct field {
	const char *name, *value;
	bool passes;
};

static void
check_filter(void (*filter)(const struct ccp_headers *from, struct ccp_headers *to),
             const struct field *fields, size_t count)
{
	struct ccp_headers from = { 0 }, to = { 0 };
	size_t i, n = 0;

	for (i = 0; i < count; i++)
		ccp_headers_add(&from, fields[i].name, fields[i].value);
	filter(&from, &to);
	assert_true(ccp_headers_ok(&to));
	for (i = 0; i < count; i++) {
		if (!fields[i].passes)
			continue;
		assert_true(n < to.count);
		assert_string_equal(to.items[n].name, fields[i].name);
		assert_string_equal(to.items[n].value, fields[i].value);
		n++;
	}
	assert_int_equal(to.count, n);
	from.spoiled = true;
	filter(&from, &to);
	assert_false(ccp_headers_ok(&to));
	ccp_headers_clear(&from);
	ccp_headers_clear(&to);
}

static void
request_headers(void **state)
{
	static const struct field fields[] = {
		{ "Content-Type", "application/json", true },
		{ "content-encoding", "gzip", true },
		{ "accept", "application/json", true },
		{ "user-agent", "claude-cli/2.1.330", true },
		{ "X-Api-Key", "sk-ant-1", true },
		{ "authorization", "Bearer t", true },
		{ "authorization", " ", false },
		{ "anthropic-beta", "a", true },
		{ "anthropic-beta", "b", true },
		{ "Anthropic-Version", "2023-06-01", true },
		{ "anthropic-something-new", "", true },
		{ "x-app", "cli", true },
		{ "x-application", "no", false },
		{ "x-claude-code-session-id", "s", true },
		{ "x-claude-code-user", "alice", false },
		{ "X-Claude-Code-User", "alice", false },
		{ "x-stainless-lang", "js", true },
		{ "traceparent", "00-1", true },
		{ "tracestate", "a=1", true },
		{ "baggage", "b", true },
		{ "accept-encoding", "gzip, br", false },
		{ "accept-language", "ko", false },
		{ "cookie", "a=b", false },
		{ "host", "127.0.0.1", false },
		{ "connection", "keep-alive", false },
		{ "content-length", "3", false },
		{ "transfer-encoding", "chunked", false },
		{ "x-proxy-key", "secret", false },
		{ "x-forwarded-for", "1.2.3.4", false },
		{ "origin", "http://x", false },
		{ "anthropic", "no", false },
	};

	(void)state;
	check_filter(ccp_anthropic_request_headers, fields, sizeof(fields) / sizeof(fields[0]));
}

/* The length of a plain answer goes back; that of a stream, or beside chunks, does not. */
static void
length_of_the_answer(void **state)
{
	static const struct {
		const char *name, *value;
		bool kept;
	} rows[] = {
		{ "x-nothing", "", true },
		{ "content-type", "application/json", true },
		{ "content-type", "text/event-stream; charset=utf-8", false },
		{ "transfer-encoding", "chunked", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ccp_headers from = { 0 }, to = { 0 };

		ccp_headers_add(&from, "Content-Length", "3");
		ccp_headers_add(&from, rows[i].name, rows[i].value);
		ccp_anthropic_response_headers(&from, &to);
		assert_int_equal(ccp_headers_get(&to, "content-length") != NULL, rows[i].kept);
		ccp_headers_clear(&from);
		ccp_headers_clear(&to);
	}
}

static void
response_headers(void **state)
{
	static const struct field fields[] = {
		{ "content-type", "text/event-stream", true },
		{ "Request-Id", "req_1", true },
		{ "retry-after", "3", true },
		{ "anthropic-ratelimit-unified-status", "allowed", true },
		{ "content-encoding", "gzip", true },
		{ "x-should-retry", "false", true },
		{ "cf-ray", "1", true },
		{ "status-detail", "kept", true },
		{ "Content-Length", "3", false },
		{ "Transfer-Encoding", "chunked", false },
		{ "connection", "close, X-Hop ,x-hop2", false },
		{ "x-hop", "1", false },
		{ "X-Hop2", "1", false },
		{ "x-hop22", "1", true },
		{ "keep-alive", "timeout=5", false },
		{ "proxy-authenticate", "Basic", false },
		{ "te", "trailers", false },
		{ "trailer", "x", false },
		{ "upgrade", "h2c", false },
		{ "set-cookie", "a=b", false },
		{ "Server", "cloudflare", false },
		{ "date", "today", false },
		{ "status", "500", false },
		{ "x-sendfile", "/etc/passwd", false },
		{ "X-LIGHTTPD-send-file", "/etc/passwd", false },
		{ "x-accel-redirect", "/x", false },
	};

	(void)state;
	check_filter(ccp_anthropic_response_headers, fields, sizeof(fields) / sizeof(fields[0]));
}

static void
fingerprint_of(const char *const *fields, const char *want)
{
	struct ccp_headers headers = { 0 };
	char out[33] = "unset";

	for (; fields[0]; fields += 2)
		ccp_headers_add(&headers, fields[0], fields[1]);
	assert_int_equal(ccp_anthropic_fingerprint(&headers, out), CCP_OK);
	assert_string_equal(out, want);
	assert_int_equal(ccp_anthropic_has_credential(&headers), want[0] != '\0');
	ccp_headers_clear(&headers);
}

/* Expected values: printf 'x-api-key:sk-ant-1\n' | sha256sum, and so on; GNU coreutils 9.1. */
static void
fingerprints(void **state)
{
	(void)state;
	fingerprint_of((const char *const[]){ NULL }, "");
	fingerprint_of((const char *const[]){ "accept", "x", NULL }, "");
	fingerprint_of((const char *const[]){ "x-api-key", "", "authorization", " \t", NULL }, "");
	fingerprint_of((const char *const[]){ "x-api-key", "sk-ant-1", NULL },
	               "a0bef1705aa3493dfff32180d34848d8");
	fingerprint_of((const char *const[]){ "X-API-Key", " sk-ant-1 ", "authorization", "",
	                                      NULL },
	               "a0bef1705aa3493dfff32180d34848d8");
	fingerprint_of((const char *const[]){ "Authorization", "Bearer t", NULL },
	               "9f53b29bcf4c02d08d75cc356b329c0c");
	fingerprint_of((const char *const[]){ "authorization", "Bearer t", "x-api-key", "sk-ant-1",
	                                      NULL },
	               "fd963a2246326bdce0fbe55782b34c16");
	fingerprint_of((const char *const[]){ "x-api-key", "sk-ant-1", "x-api-key", "sk-ant-2",
	                                      NULL },
	               "344f4513caacfe442437ab3a1fa2f59e");
}

/* The first event of a stream: what is said of it, and what is its data when it is an error. */
static const struct {
	const char *text;
	int want;
	const char *error;
} streams[] = {
	{ "", 0, NULL },
	{ "event: message_start\n", 0, NULL },
	{ "event: message_start\ndata: {\"type\":\"message_start\"}\n", 0, NULL },
	{ "event: message_start\ndata: {\"type\":\"message_start\"}\n\n", 1, NULL },
	{ "event: message_start\r\ndata: {\"type\":\"message_start\"}\r\n\r\n", 1, NULL },
	{ "event: message_start\rdata: {\"type\":\"message_start\"}\r\r", 1, NULL },
	{ "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {}\n\n", 1, NULL },
	{ "event: error\ndata: {\"type\":\"error\"}\n\n", 2, "{\"type\":\"error\"}" },
	{ "\xef\xbb\xbf"
	  "event: error\ndata: {\"type\":\"error\"}\n\n",
	  2, "{\"type\":\"error\"}" },
	{ ": hello\n\n:\n\n\n\r\nevent:error\ndata:{}\n\nmore", 2, "{}" },
	{ ": hello\n\n: again\n\n", 0, NULL },
	{ "id: 1\nretry: 3\n\n", 0, NULL },
	{ "data: {\"type\":\"error\",\"error\":{}}\n\n", 2, "{\"type\":\"error\",\"error\":{}}" },
	{ "event: x\ndata: { \"type\" : \"error\" }\r\n\r\n", 2, "{ \"type\" : \"error\" }" },
	{ "data: {\"type\":\ndata:\"error\"}\n\n", 2, "{\"type\":\ndata:\"error\"}" },
	{ "data: {\"type\":\nevent: error\ndata:1}\n\n", 2, "{\"type\":\nevent: error\ndata:1}" },
	{ "event: error\n\n", 2, "" },
	{ "event: error\nevent: ping\n\n", 1, NULL },
	{ "event:  error\n\n", 1, NULL },
	{ "event\n\n", 0, NULL },
	{ "event:\n\nevent: error\n\n", 2, "" },
	{ "data\n\n", 1, NULL },
	{ "data: \"error\"\n\n", 1, NULL },
	{ "data: {\"type\":\"message_start\",\"x\":{\"type\":\"error\"}}\n\n", 1, NULL },
	{ "dataset: 1\nevents: error\n\n", 0, NULL },
};

static int
first_event(const char *text, size_t len, struct ccp_span *error)
{
	return ccp_anthropic_first_event((struct ccp_span){ text, len }, error);
}

static void
first_events(void **state)
{
	struct ccp_span error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		if (first_event(streams[i].text, strlen(streams[i].text), &error) !=
		    streams[i].want)
			fail_msg("misjudged: %s", streams[i].text);
		if (streams[i].want == 2)
			assert_true(ccp_span_is(error, streams[i].error));
		else
			assert_int_equal(error.len, 0);
	}
}

/* Byte by byte: nothing is said until the event is whole, then what is said stays. */
static void
first_events_arriving(void **state)
{
	struct ccp_span error, now_error;
	int said, now;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		said = 0;
		for (n = 0; n <= strlen(streams[i].text); n++) {
			now = first_event(streams[i].text, n, &now_error);
			if (said) {
				assert_int_equal(now, said);
				assert_int_equal(now_error.len, error.len);
			}
			said = now;
			error = now_error;
		}
		assert_int_equal(said, streams[i].want);
	}
}

static void
first_event_too_large(void **state)
{
	char *text = malloc(CCP_FIRST_EVENT_MAX_BYTES + 1);
	struct ccp_span error;

	(void)state;
	assert_non_null(text);
	memset(text, ':', CCP_FIRST_EVENT_MAX_BYTES + 1);
	assert_int_equal(first_event(text, CCP_FIRST_EVENT_MAX_BYTES, &error), 0);
	assert_int_equal(first_event(text, CCP_FIRST_EVENT_MAX_BYTES + 1, &error), 1);
	free(text);
}

static void
error_json(void **state)
{
	struct ccp_buf out = CCP_BUF_INIT(4096);

	(void)state;
	ccp_anthropic_error_json(&out, "api_error", "No \"luck\" \\ today\n\x01", "req_1");
	assert_string_equal(ccp_buf_text(&out),
	                    "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
	                    "\"No \\\"luck\\\" \\\\ today\\n\\u0001\"},\"request_id\":\"req_1\"}");
	ccp_buf_clear(&out);
	ccp_anthropic_error_json(&out, "api_error", "\xed\x99\x8d \xff\xc3( \xe2\x82", NULL);
	assert_string_equal(ccp_buf_text(&out),
	                    "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
	                    "\"\xed\x99\x8d \xef\xbf\xbd\xef\xbf\xbd( \xef\xbf\xbd\xef\xbf\xbd\"},"
	                    "\"request_id\":null}");
	ccp_buf_clear(&out);
	ccp_anthropic_error_json(&out, "", "", "");
	assert_string_equal(ccp_buf_text(&out), "{\"type\":\"error\",\"error\":{\"type\":\"\","
	                                        "\"message\":\"\"},\"request_id\":\"\"}");
	ccp_buf_clear(&out);
	out.max = 20;
	ccp_anthropic_error_json(&out, "api_error", "x", NULL);
	assert_false(ccp_buf_ok(&out));
	ccp_buf_clear(&out);
}

/* What is said can be read back, whichever byte the message holds. */
static void
error_json_of_every_byte(void **state)
{
	struct ccp_buf out = CCP_BUF_INIT(4096);
	char message[3] = "";
	const cJSON *error;
	cJSON *json;
	int a, b;

	(void)state;
	for (a = 1; a < 256; a++) {
		for (b = 0; b < 256; b += a < 0xc0 ? 85 : 1) {
			message[0] = (char)a;
			message[1] = (char)b;
			ccp_anthropic_error_json(&out, "api_error", message, message);
			json = cJSON_Parse(ccp_buf_text(&out));
			error = cJSON_GetObjectItemCaseSensitive(json, "error");
			assert_non_null(cJSON_GetObjectItemCaseSensitive(error, "message"));
			cJSON_Delete(json);
			ccp_buf_clear(&out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_headers),
		cmocka_unit_test(response_headers),
		cmocka_unit_test(length_of_the_answer),
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(first_events),
		cmocka_unit_test(first_events_arriving),
		cmocka_unit_test(first_event_too_large),
		cmocka_unit_test(error_json),
		cmocka_unit_test(error_json_of_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
