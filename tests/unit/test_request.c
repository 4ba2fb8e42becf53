#include "unit.h"

#include "edge/request.h"

#include <fastcgi.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Requests as web servers write them, read from the other end of a socket pair. */

#define MAX_BYTES 1000

static void
put_record(int fd, unsigned char type, const void *p, size_t n)
{
	unsigned char head[8] = { FCGI_VERSION_1,   type, 0, 1, (unsigned char)(n >> 8),
		                  (unsigned char)n, 0,    0 };

	assert_int_equal(write(fd, head, sizeof(head)), (ssize_t)sizeof(head));
	assert_int_equal(write(fd, p, n), (ssize_t)n);
}

/* params: "NAME=value" pieces, NULL at the end; the body goes in records of 100 bytes. */
static enum ccp_err
read_request(const char *const *params, const char *body, struct ccp_request *request)
{
	static const unsigned char begin[8] = { 0, FCGI_RESPONDER };
	size_t left = strlen(body);
	enum ccp_err rc;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	put_record(pair[0], FCGI_BEGIN_REQUEST, begin, sizeof(begin));
	for (; *params; params++) {
		const char *value = strchr(*params, '=') + 1;
		char pair_text[256];
		int n = snprintf(pair_text, sizeof(pair_text), "%c%c%.*s%s",
		                 (int)(value - *params - 1), (int)strlen(value),
		                 (int)(value - *params - 1), *params, value);

		put_record(pair[0], FCGI_PARAMS, pair_text, (size_t)n);
	}
	put_record(pair[0], FCGI_PARAMS, "", 0);
	while (left) {
		size_t n = left < 100 ? left : 100;

		put_record(pair[0], FCGI_STDIN, body, n);
		body += n;
		left -= n;
	}
	put_record(pair[0], FCGI_STDIN, "", 0);
	rc = ccp_request_read(pair[1], MAX_BYTES, request, NULL);
	close(pair[0]);
	return rc;
}

/* mod_proxy_fcgi says no length of a chunked body, nginx an empty one. */
static void
test_body_of_unknown_length(void **state)
{
	static const char *const without[] = { "REQUEST_METHOD=POST", NULL };
	static const char *const empty[] = { "CONTENT_LENGTH=", NULL };
	const char *const *const heads[] = { without, empty };
	static const size_t sizes[] = { 0, 1, 100, MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1 };
	char body[MAX_BYTES + 2];
	struct ccp_request request;
	size_t h, i;

	(void)state;
	for (h = 0; h < 2; h++) {
		for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			memset(body, 'x', sizes[i]);
			body[sizes[i]] = '\0';
			assert_int_equal(read_request(heads[h], body, &request), CCP_OK);
			assert_int_equal(request.too_large, sizes[i] > MAX_BYTES);
			assert_int_equal(request.body.len, sizes[i] > MAX_BYTES ? 0 : sizes[i]);
			if (request.body.len)
				assert_memory_equal(request.body.data, body, sizes[i]);
			ccp_request_clear(&request);
		}
	}
}

static void
test_a_length_that_does_not_hold(void **state)
{
	static const char *const three[] = { "CONTENT_LENGTH=3", NULL };
	struct ccp_request request;

	(void)state;
	assert_int_equal(read_request(three, "ab", &request), CCP_ERR_FORMAT);
	ccp_request_clear(&request);
	assert_int_equal(read_request(three, "abcd", &request), CCP_OK);
	assert_true(request.too_large);
	ccp_request_clear(&request);
}

/* nginx says the type twice. */
static void
test_content_type_comes_once(void **state)
{
	static const char *const both[] = { "HTTP_CONTENT_TYPE=text/plain",
		                            "CONTENT_TYPE=text/plain", "HTTP_CONTENT_LENGTH=0",
		                            NULL };
	struct ccp_request request;

	(void)state;
	assert_int_equal(read_request(both, "", &request), CCP_OK);
	assert_int_equal(request.headers.count, 1);
	assert_string_equal(ccp_headers_get(&request.headers, "content-type"), "text/plain");
	ccp_request_clear(&request);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_body_of_unknown_length),
		cmocka_unit_test(test_a_length_that_does_not_hold),
		cmocka_unit_test(test_content_type_comes_once),
	};

	FCGX_Init();
	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
