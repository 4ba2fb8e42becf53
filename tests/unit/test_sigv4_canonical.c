/* strptime and timegm of sigv4_suite.h */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "unit.h"

#include "sigv4_suite.h"
#include "sigv4_vectors.h"

#define VECTOR_COUNT (sizeof(sigv4_vectors) / sizeof(sigv4_vectors[0]))
#define TEXT_MAX_BYTES (512 * 1024)

static const char empty_sha256_hex[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void
assert_canonical(const struct ccp_sigv4_request *r, const char *want)
{
	struct ccp_buf canonical = CCP_BUF_INIT(TEXT_MAX_BYTES),
		       names = CCP_BUF_INIT(TEXT_MAX_BYTES);

	ccp_sigv4_canonical(r, &canonical, &names);
	assert_true(ccp_buf_ok(&canonical));
	assert_string_equal(ccp_buf_text(&canonical), want);
	assert_non_null(strstr(want, ccp_buf_text(&names)));
	ccp_buf_clear(&canonical);
	ccp_buf_clear(&names);
}

/* Line number `line` (from 0) of the canonical request for a path and a query. */
static void
assert_line(const char *path, const char *query, int line, const char *want)
{
	struct ccp_headers headers = { 0 };
	struct ccp_sigv4_request r = {
		.method = "GET",
		.path = path,
		.query = query,
		.headers = &headers,
		.body_sha256_hex = empty_sha256_hex,
	};
	struct ccp_buf canonical = CCP_BUF_INIT(TEXT_MAX_BYTES),
		       names = CCP_BUF_INIT(TEXT_MAX_BYTES);
	char *p;

	ccp_headers_add(&headers, "host", "h");
	ccp_sigv4_canonical(&r, &canonical, &names);
	assert_true(ccp_buf_ok(&canonical));
	for (p = canonical.data; line > 0; line--)
		p = strchr(p, '\n') + 1;
	*strchr(p, '\n') = '\0';
	assert_string_equal(p, want);
	ccp_buf_clear(&canonical);
	ccp_buf_clear(&names);
	ccp_headers_clear(&headers);
}

static void
agrees_with_smithy(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < VECTOR_COUNT; i++) {
		const struct sigv4_vector *v = &sigv4_vectors[i];
		struct ccp_headers headers = { 0 };
		struct ccp_sigv4_request r = {
			.method = v->method,
			.path = v->path,
			.query = v->query,
			.headers = &headers,
			.body_sha256_hex = v->body_sha256_hex,
		};
		const char *date = strstr(v->string_to_sign, "\n") + 1;
		char stamp[17];

		for (j = 0; v->headers[j][0]; j++)
			ccp_headers_add(&headers, v->headers[j][0], v->headers[j][1]);
		snprintf(stamp, sizeof(stamp), "%s", date);
		ccp_headers_add(&headers, "X-Amz-Date", stamp);
		if (v->session_token[0])
			ccp_headers_add(&headers, "X-Amz-Security-Token", v->session_token);
		assert_canonical(&r, v->canonical);
		ccp_headers_clear(&headers);
	}
}

static void
query_is_sorted_and_encoded(void **state)
{
	(void)state;
	assert_line("/", NULL, 2, "");
	assert_line("/", "", 2, "");
	assert_line("/", "&&", 2, "");
	assert_line("/", "b&a=2&a=1&a", 2, "a=&a=1&a=2&b=");
	assert_line("/", "=x&a", 2, "=x&a=");
	assert_line("/", "a=b=c", 2, "a=b%3Dc");
	assert_line("/", "a=b+c&d=%2b", 2, "a=b%2Bc&d=%2B");
	assert_line("/", "a=%", 2, "a=%25");
	assert_line("/", "a=%4&b=%zz", 2, "a=%254&b=%25zz");
	assert_line("/", "a=%00&b=%2f%7e", 2, "a=%00&b=%2F~");
	assert_line("/", "A-=1&A=2&AA=3", 2, "A=2&A-=1&AA=3");
}

static void
path_is_encoded_once_more(void **state)
{
	(void)state;
	assert_line("", NULL, 1, "/");
	assert_line("/a//b/../c/.", NULL, 1, "/a//b/../c/.");
	assert_line("/a:b%3Ac%2Fd e", NULL, 1, "/a%3Ab%253Ac%252Fd%20e");
	assert_line("/\xc3\xa9~", NULL, 1, "/%C3%A9~");
}

static void
many_parameters(void **state)
{
	struct ccp_buf query = CCP_BUF_INIT(TEXT_MAX_BYTES), want = CCP_BUF_INIT(TEXT_MAX_BYTES);
	int i;

	(void)state;
	for (i = 2999; i >= 0; i--)
		ccp_buf_addf(&query, "p%04d=%d&", i, i);
	for (i = 0; i < 3000; i++)
		ccp_buf_addf(&want, "%sp%04d=%d", i ? "&" : "", i, i);
	assert_line("/", query.data, 2, want.data);
	ccp_buf_clear(&query);
	ccp_buf_clear(&want);
}

static void
headers_repeat_and_trim(void **state)
{
	struct ccp_headers headers = { 0 };
	struct ccp_sigv4_request r = {
		.method = "GET",
		.path = "/",
		.headers = &headers,
		.body_sha256_hex = "x",
	};

	(void)state;
	ccp_headers_add(&headers, "My-Header", " z  \t y ");
	ccp_headers_add(&headers, "Host", "h");
	ccp_headers_add(&headers, "a", "");
	ccp_headers_add(&headers, "MY-HEADER", "a,b");
	ccp_headers_add(&headers, "my-header", "   ");
	assert_canonical(&r, "GET\n/\n\na:\nhost:h\nmy-header:z y,a,b,\n\na;host;my-header\nx");
	ccp_headers_clear(&headers);
}

static void
too_long_is_spoiled(void **state)
{
	struct ccp_headers headers = { 0 };
	struct ccp_sigv4_request r = {
		.method = "GET",
		.path = "/",
		.query = "a=1",
		.headers = &headers,
		.body_sha256_hex = "x",
	};
	size_t max;

	(void)state;
	ccp_headers_add(&headers, "host", "h");
	for (max = 0; max < 24; max++) {
		struct ccp_buf canonical = CCP_BUF_INIT(max), names = CCP_BUF_INIT(TEXT_MAX_BYTES);

		ccp_sigv4_canonical(&r, &canonical, &names);
		assert_false(ccp_buf_ok(&canonical));
		ccp_buf_clear(&canonical);
		ccp_buf_clear(&names);
	}
	for (max = 0; max < 4; max++) {
		struct ccp_buf canonical = CCP_BUF_INIT(TEXT_MAX_BYTES), names = CCP_BUF_INIT(max);

		ccp_sigv4_canonical(&r, &canonical, &names);
		assert_false(ccp_buf_ok(&canonical));
		ccp_buf_clear(&canonical);
		ccp_buf_clear(&names);
	}
	ccp_headers_clear(&headers);
}

static void
check_case(const struct suite_case *c)
{
	struct ccp_headers all = { 0 };
	struct ccp_sigv4_request r = {
		.method = c->method,
		.path = c->path,
		.query = c->query,
		.headers = &all,
		.body_sha256_hex = c->body_sha256_hex,
	};

	ccp_headers_copy(&all, &c->headers);
	ccp_headers_add(&all, "x-amz-date", "20150830T123600Z");
	if (c->keys.session_token[0])
		ccp_headers_add(&all, "x-amz-security-token", c->keys.session_token);
	print_message("# %s\n", c->name);
	assert_canonical(&r, c->canonical);
	ccp_headers_clear(&all);
}

static void
aws_c_auth_suite(void **state)
{
	char path[VECTORS_PATH_BYTES];

	(void)state;
	if (!vectors_here(path, SUITE_AWS_C_AUTH))
		return;
	assert_true(suite_walk(path, check_case) >= 38);
}

static void
botocore_suite(void **state)
{
	char path[VECTORS_PATH_BYTES];

	(void)state;
	if (!vectors_here(path, SUITE_BOTOCORE))
		return;
	assert_true(suite_walk(path, check_case) >= 34);
}

static void
bedrock_paths(void **state)
{
	static const char *const pairs[][2] = { { "wire", "canonical" },
		                                { "anthropic_wire", "anthropic_canonical" } };
	char path[VECTORS_PATH_BYTES];
	cJSON *json;
	const cJSON *one;
	char *text;
	size_t len, i;

	(void)state;
	if (!vectors_here(path, "bedrock_paths.json"))
		return;
	text = slurp(path, &len);
	json = cJSON_ParseWithLength(text, len);
	assert_non_null(json);
	cJSON_ArrayForEach(one, cJSON_GetObjectItem(json, "cases"))
		for (i = 0; i < 2; i++)
			assert_line(cJSON_GetStringValue(cJSON_GetObjectItem(one, pairs[i][0])),
			            NULL, 1,
			            cJSON_GetStringValue(cJSON_GetObjectItem(one, pairs[i][1])));
	cJSON_Delete(json);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_smithy),
		cmocka_unit_test(query_is_sorted_and_encoded),
		cmocka_unit_test(path_is_encoded_once_more),
		cmocka_unit_test(many_parameters),
		cmocka_unit_test(headers_repeat_and_trim),
		cmocka_unit_test(too_long_is_spoiled),
		cmocka_unit_test(aws_c_auth_suite),
		cmocka_unit_test(botocore_suite),
		cmocka_unit_test(bedrock_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
