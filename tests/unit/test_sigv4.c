/* strptime and timegm of sigv4_suite.h */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "unit.h"

#include "sigv4_suite.h"
#include "sigv4_vectors.h"

#define VECTOR_COUNT (sizeof(sigv4_vectors) / sizeof(sigv4_vectors[0]))

static struct ccp_aws_keys
make_keys(const char *id, const char *secret, const char *token)
{
	struct ccp_aws_keys keys = { .expires_at_s = 0 };

	snprintf(keys.access_key_id, sizeof(keys.access_key_id), "%s", id);
	snprintf(keys.secret_access_key, sizeof(keys.secret_access_key), "%s", secret);
	snprintf(keys.session_token, sizeof(keys.session_token), "%s", token);
	return keys;
}

static void
agrees_with_smithy(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < VECTOR_COUNT; i++) {
		const struct sigv4_vector *v = &sigv4_vectors[i];
		struct ccp_aws_keys keys =
			make_keys(v->access_key_id, v->secret_access_key, v->session_token);
		struct ccp_headers headers = { 0 };
		struct ccp_sigv4_request r = {
			.method = v->method,
			.path = v->path,
			.query = v->query,
			.headers = &headers,
			.body_sha256_hex = v->body_sha256_hex,
			.region = v->region,
			.service = v->service,
			.time_s = v->time_s,
		};
		struct ccp_buf text = CCP_BUF_INIT(4096);
		struct ccp_error err = { .code = CCP_OK };

		for (j = 0; v->headers[j][0]; j++)
			ccp_headers_add(&headers, v->headers[j][0], v->headers[j][1]);
		ccp_sigv4_string_to_sign(&r, v->canonical, &text);
		assert_string_equal(ccp_buf_text(&text), v->string_to_sign);
		/* out is the request's own list here, another one below */
		assert_int_equal(ccp_sigv4_sign(&r, &keys, &headers, &err), CCP_OK);
		assert_string_equal(ccp_headers_get(&headers, "authorization"), v->authorization);
		if (v->session_token[0])
			assert_string_equal(ccp_headers_get(&headers, "x-amz-security-token"),
			                    v->session_token);
		else
			assert_null(ccp_headers_get(&headers, "x-amz-security-token"));
		ccp_buf_clear(&text);
		ccp_headers_clear(&headers);
	}
}

static void
another_list(void **state)
{
	const struct sigv4_vector *v = &sigv4_vectors[4];
	struct ccp_aws_keys keys =
		make_keys(v->access_key_id, v->secret_access_key, v->session_token);
	struct ccp_headers headers = { 0 }, out = { 0 };
	struct ccp_sigv4_request r = {
		.method = v->method,
		.path = v->path,
		.headers = &headers,
		.body_sha256_hex = v->body_sha256_hex,
		.region = v->region,
		.service = v->service,
		.time_s = v->time_s,
	};
	size_t j;

	(void)state;
	for (j = 0; v->headers[j][0]; j++)
		ccp_headers_add(&headers, v->headers[j][0], v->headers[j][1]);
	assert_int_equal(ccp_sigv4_sign(&r, &keys, &out, NULL), CCP_OK);
	assert_int_equal(headers.count, j);
	assert_int_equal(out.count, 3);
	assert_string_equal(out.items[0].name, "x-amz-date");
	assert_string_equal(out.items[0].value, "20261122T093000Z");
	assert_string_equal(out.items[1].name, "x-amz-security-token");
	assert_string_equal(out.items[2].name, "authorization");
	assert_string_equal(out.items[2].value, v->authorization);
	ccp_headers_clear(&headers);
	ccp_headers_clear(&out);
}

static void
assert_refused(struct ccp_sigv4_request r, const char *name, const char *value, const char *says)
{
	struct ccp_aws_keys keys = make_keys("AKIDEXAMPLE", "secretsecret", "");
	struct ccp_headers headers = { 0 }, out = { 0 };
	struct ccp_error err = { .code = CCP_OK };
	enum ccp_err rc;

	r.headers = &headers;
	ccp_headers_add(&headers, name, value);
	if (strcmp(name, "x-other") != 0)
		ccp_headers_add(&headers, "host", "h");
	rc = ccp_sigv4_sign(&r, &keys, &out, &err);
	assert_int_not_equal(rc, CCP_OK);
	assert_int_equal(rc, err.code);
	assert_non_null(strstr(err.text, says));
	assert_null(strstr(err.text, "secretsecret"));
	assert_int_equal(out.count, 0);
	ccp_headers_clear(&headers);
	ccp_headers_clear(&out);
}

static void
refuses(void **state)
{
	struct ccp_sigv4_request r = {
		.method = "POST",
		.path = "/",
		.body_sha256_hex = "x",
		.region = "r",
		.service = "s",
		.time_s = 1,
	};

	(void)state;
	assert_refused(r, "x-other", "1", "no host");
	assert_refused(r, "Authorization", "Bearer x", "authorization already");
	assert_refused(r, "X-AMZ-Date", "x", "x-amz-date already");
	assert_refused(r, "X-Amz-Security-Token", "x", "x-amz-security-token already");
	assert_refused(r, "bad", "a\r\nb", "spoiled");
	r.time_s = -1;
	assert_refused(r, "a", "b", "time");
	r.time_s = INT64_C(253402300800);
	assert_refused(r, "a", "b", "time");
}

/* A key that is no header value must not become a header of its own. */
static void
refuses_keys_with_line_ends(void **state)
{
	struct ccp_aws_keys keys = make_keys("AKID\r\nx: y", "secret", "");
	struct ccp_headers headers = { 0 }, out = { 0 };
	struct ccp_sigv4_request r = {
		.method = "POST",
		.path = "/",
		.headers = &headers,
		.body_sha256_hex = "x",
		.region = "r",
		.service = "s",
		.time_s = 1,
	};

	(void)state;
	ccp_headers_add(&headers, "host", "h");
	assert_int_equal(ccp_sigv4_sign(&r, &keys, &out, NULL), CCP_ERR_LIMIT);
	keys = make_keys("AKID", "secret", "token\nx: y");
	ccp_headers_clear(&out);
	assert_int_equal(ccp_sigv4_sign(&r, &keys, &out, NULL), CCP_ERR_LIMIT);
	ccp_headers_clear(&headers);
	ccp_headers_clear(&out);
}

static void
sha256(void **state)
{
	char hex[65];

	(void)state;
	assert_int_equal(ccp_sha256_hex(NULL, 0, hex), CCP_OK);
	assert_string_equal(hex,
	                    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	/* FIPS 180-2, appendix B.1 */
	assert_int_equal(ccp_sha256_hex("abc", 3, hex), CCP_OK);
	assert_string_equal(hex,
	                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
check_case(const struct suite_case *c)
{
	struct ccp_headers out = { 0 };
	struct ccp_sigv4_request r = {
		.method = c->method,
		.path = c->path,
		.query = c->query,
		.headers = &c->headers,
		.body_sha256_hex = c->body_sha256_hex,
		.region = c->region,
		.service = c->service,
		.time_s = c->time_s,
	};
	struct ccp_buf text = CCP_BUF_INIT(4096);
	const char *signature;

	print_message("# %s\n", c->name);
	ccp_sigv4_string_to_sign(&r, c->canonical, &text);
	assert_string_equal(ccp_buf_text(&text), c->string_to_sign);
	assert_int_equal(ccp_sigv4_sign(&r, &c->keys, &out, NULL), CCP_OK);
	signature = strstr(ccp_headers_get(&out, "authorization"), "Signature=");
	assert_non_null(signature);
	assert_string_equal(signature + strlen("Signature="), c->signature);
	ccp_buf_clear(&text);
	ccp_headers_clear(&out);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_smithy),
		cmocka_unit_test(another_list),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_keys_with_line_ends),
		cmocka_unit_test(sha256),
		cmocka_unit_test(aws_c_auth_suite),
		cmocka_unit_test(botocore_suite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
