/* covers: http_easy */
#include "listen.h"
#include "unit.h"

#include "base/config.h"
#include "base/http_wait.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server of one thread on a free port, which answers each request by its path. */
struct server {
	int fd;
	int port;
	atomic_int connections;
	char reading[8192];
	pthread_mutex_t lock;
	char seen[8192]; /* with the lock: the last request, head and body */
	pthread_t thread;
};

static const char *
answer_for(const char *request)
{
	if (strstr(request, " /redirect "))
		return "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n";
	if (strstr(request, " /long "))
		return "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n01234567890123456789";
	if (strstr(request, " /cut "))
		return "HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n0";
	if (strstr(request, " /silent "))
		return "";
	return "HTTP/1.1 201 Created\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello";
}

/* Reads one request, whose body (if any) is "SECRET body". False: the other side left. */
static bool
read_request(struct server *s, int fd)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = recv(fd, s->reading + n, sizeof(s->reading) - 1 - n, 0);
		const char *body;

		if (got <= 0)
			return false;
		n += (size_t)got;
		s->reading[n] = '\0';
		body = strstr(s->reading, "\r\n\r\n");
		if (body && (!strstr(s->reading, "Content-Length: 11") || strlen(body + 4) == 11))
			return true;
	}
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		atomic_fetch_add(&s->connections, 1);
		while (read_request(s, fd)) {
			const char *answer = answer_for(s->reading);

			pthread_mutex_lock(&s->lock);
			memcpy(s->seen, s->reading, sizeof(s->seen));
			pthread_mutex_unlock(&s->lock);
			if (*answer)
				send(fd, answer, strlen(answer), MSG_NOSIGNAL);
			if (strstr(answer, "Connection: close"))
				break;
		}
		close(fd);
	}
	return NULL;
}

static struct server server = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct ccp_config *config;
static struct ccp_http_wait *wait_client;

/* The last request, until the next call. */
static const char *
seen(void)
{
	static char copy[sizeof(server.seen)];

	pthread_mutex_lock(&server.lock);
	memcpy(copy, server.seen, sizeof(copy));
	pthread_mutex_unlock(&server.lock);
	return copy;
}

static int
set_up(void **state)
{
	static char *env[] = { (char *)"HTTPS_PROXY=http://127.0.0.1:1", NULL };
	struct sockaddr_in address;

	(void)state;
	server.fd = unit_listen(&address);
	if (server.fd < 0)
		return -1;
	server.port = ntohs(address.sin_port);
	return pthread_create(&server.thread, NULL, serve, &server) ||
	       ccp_config_load_text(env, "none", "", 0, &config, NULL) ||
	       ccp_http_wait_new(config, &wait_client, NULL);
}

static int
tear_down(void **state)
{
	(void)state;
	ccp_http_wait_free(wait_client);
	ccp_http_wait_free(NULL);
	shutdown(server.fd, SHUT_RDWR);
	pthread_join(server.thread, NULL);
	close(server.fd);
	ccp_config_free(config);
	return 0;
}

static enum ccp_err
call(const char *method, const char *path, const char *body, long timeout_ms,
     struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct ccp_headers headers = { 0 };
	char url[200];
	struct ccp_http_wait_request request = {
		.method = method,
		.url = url,
		.headers = &headers,
		.body = { body, strlen(body) },
		.connect_timeout_ms = 5000,
		.timeout_ms = timeout_ms,
		.max_bytes = 10,
	};
	enum ccp_err rc;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", server.port, path);
	ccp_headers_add(&headers, "X-Token", "SECRET");
	ccp_headers_add(&headers, "x-empty", "");
	rc = ccp_http_wait_call(wait_client, &request, answer, err);
	ccp_headers_clear(&headers);
	return rc;
}

static void
requests_and_answers(void **state)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_error err;

	(void)state;
	assert_int_equal(call("POST", "/a/../b%3A", "SECRET body", 5000, &answer, &err), CCP_OK);
	assert_int_equal(answer.status, 201);
	assert_string_equal(ccp_buf_text(&answer.body), "hello");
	assert_string_equal(ccp_headers_get(&answer.headers, "x-one"), "1");
	assert_int_equal(strncmp(seen(), "POST /a/../b%3A HTTP/1.1\r\n", 26), 0);
	assert_non_null(strstr(seen(), "\r\nX-Token: SECRET\r\n"));
	assert_non_null(strstr(seen(), "\r\nx-empty:\r\n"));
	assert_non_null(strstr(seen(), "\r\n\r\nSECRET body"));
	assert_null(strstr(seen(), "Expect"));
	assert_null(strstr(seen(), "Accept"));
	assert_null(strstr(seen(), "Content-Type"));
	/* the same connection, and nothing of the request before */
	assert_int_equal(call("GET", "/x", "", 5000, &answer, &err), CCP_OK);
	assert_int_equal(strncmp(seen(), "GET /x HTTP/1.1\r\n", 17), 0);
	assert_null(strstr(seen(), "Content-Length"));
	assert_int_equal(call("PUT", "/x", "", 5000, &answer, &err), CCP_OK);
	assert_int_equal(strncmp(seen(), "PUT /x HTTP/1.1\r\n", 17), 0);
	assert_non_null(strstr(seen(), "\r\nContent-Length: 0\r\n"));
	assert_int_equal(atomic_load(&server.connections), 1);
	ccp_http_wait_answer_clear(&answer);
	assert_int_equal(answer.status, 0);
	assert_string_equal(ccp_buf_text(&answer.body), "");
}

static void
redirects_are_answers(void **state)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;

	(void)state;
	assert_int_equal(call("GET", "/redirect", "", 5000, &answer, NULL), CCP_OK);
	assert_int_equal(answer.status, 302);
	ccp_http_wait_answer_clear(&answer);
}

static void
failures(void **state)
{
	static const struct {
		const char *path, *says;
		enum ccp_err rc;
	} rows[] = {
		{ "/long", "the answer is over 10 bytes", CCP_ERR_LIMIT },
		{ "/silent", "no answer in time", CCP_ERR_NET },
		/* after it, so that the server has come to both connections */
		{ "/cut", "", CCP_ERR_NET },
	};
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_error err;
	int port = server.port;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long timeout_ms = strcmp(rows[i].path, "/silent") == 0 ? 50 : 5000;

		err.text[0] = '\0';
		assert_int_equal(call("POST", rows[i].path, "SECRET body", timeout_ms, &answer,
		                      &err),
		                 rows[i].rc);
		if (!err.text[0] || !strstr(err.text, rows[i].says) || strstr(err.text, "SECRET") ||
		    strstr(err.text, rows[i].path))
			fail_msg("%s: %s", rows[i].path, err.text);
		ccp_http_wait_answer_clear(&answer);
	}
	server.port = 1; /* nobody listens there */
	assert_int_equal(call("GET", "/", "", 5000, &answer, &err), CCP_ERR_NET);
	server.port = port;
	ccp_http_wait_answer_clear(&answer);
}

/* HTTPS_PROXY (a dead one here) is for https alone, and not for services of this machine. */
static void
proxies(void **state)
{
	struct ccp_headers none = { 0 };
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_http_wait_request request = {
		.method = "GET",
		.headers = &none,
		.connect_timeout_ms = 5000,
		.timeout_ms = 5000,
		.max_bytes = 100,
	};
	struct ccp_error err;
	char url[200];
	int before = atomic_load(&server.connections);

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", server.port);
	request.url = url;
	assert_int_equal(ccp_http_wait_call(wait_client, &request, &answer, &err), CCP_ERR_NET);
	assert_int_equal(atomic_load(&server.connections), before);
	request.no_proxy = true;
	request.timeout_ms = 300; /* the server speaks no TLS, and only listens */
	assert_int_equal(ccp_http_wait_call(wait_client, &request, &answer, &err), CCP_ERR_NET);
	for (int i = 0; i < 10000 && atomic_load(&server.connections) == before; i++)
		usleep(1000); /* it may come to it later */
	assert_int_equal(atomic_load(&server.connections), before + 1);
	ccp_http_wait_answer_clear(&answer);
}

static void
no_certificates(void **state)
{
	static char *env[] = { (char *)"SSL_CERT_FILE=/nowhere.pem", NULL };
	struct ccp_headers none = { 0 };
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_http_wait_request request = { .method = "GET",
		                                 .url = "https://127.0.0.1:1/",
		                                 .headers = &none,
		                                 .connect_timeout_ms = 100,
		                                 .timeout_ms = 100,
		                                 .max_bytes = 1 };
	struct ccp_http_wait *other = NULL;
	struct ccp_config *bad = NULL;
	struct ccp_error err;

	(void)state;
	assert_int_equal(ccp_config_load_text(env, "none", "", 0, &bad, NULL), CCP_OK);
	assert_int_equal(ccp_http_wait_new(bad, &other, NULL), CCP_OK);
	assert_int_equal(ccp_http_wait_call(other, &request, &answer, &err), CCP_ERR_SETTING);
	assert_non_null(strstr(err.text, "SSL_CERT_FILE"));
	ccp_http_wait_free(other);
	ccp_config_free(bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_and_answers),
		cmocka_unit_test(redirects_are_answers),
		cmocka_unit_test(failures),
		cmocka_unit_test(proxies),
		cmocka_unit_test(no_certificates),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
