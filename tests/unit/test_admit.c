#include "unit.h"

#include "relay/admit.h"
#include "upstream/anthropic.h"

#include <string.h>

static bool
loopback(const char *remote, const char *server, const char *const *fields)
{
	struct ccp_headers headers = { 0 };
	struct ccp_peer peer = { remote, server, &headers };
	bool is;

	for (; fields[0]; fields += 2)
		ccp_headers_add(&headers, fields[0], fields[1]);
	is = ccp_admit_loopback(&peer);
	ccp_headers_clear(&headers);
	return is;
}

static bool
host_is_loopback(const char *host)
{
	return loopback("127.0.0.1", "127.0.0.1", (const char *const[]){ "host", host, NULL });
}

static void
addresses(void **state)
{
	static const char *const host[] = { "Host", "localhost", NULL };
	static const char *const good[] = {
		"127.0.0.1",       "127.255.255.254",  "::1",
		"0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::FFFF:7f00:1"
	};
	static const char *const bad[] = {
		"",           "10.0.0.1",     "126.255.255.255", "128.0.0.1",       "0.0.0.0",
		"::",         "::2",          "fe80::1",         "::ffff:10.0.0.1", "::127.0.0.1",
		"127.1",      "2130706433",   "0177.0.0.1",      "0x7f.0.0.1",      "127.0.0.1 ",
		" 127.0.0.1", "127.0.0.1:80", "[::1]",           "::1%lo",          "localhost",
		"/run/x.sock"
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(loopback(good[i], "127.0.0.1", host));
		assert_true(loopback("::1", good[i], host));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (loopback(bad[i], "127.0.0.1", host) || loopback("127.0.0.1", bad[i], host))
			fail_msg("taken for loopback: %s", bad[i]);
	}
	assert_false(loopback(NULL, "127.0.0.1", host));
	assert_false(loopback("127.0.0.1", NULL, host));
}

static void
hosts(void **state)
{
	static const char *const good[] = { "localhost", "LocalHost",   "localhost:8080",
		                            "127.0.0.1", "127.0.0.1:1", "127.1.2.3:65535",
		                            "[::1]",     "[::1]:8080" };
	static const char *const bad[] = {
		"",
		":80",
		"example.com",
		"localhost.evil.com",
		"localhost.evil",
		"evil-localhost",
		"localhost.",
		"127.0.0.1.evil.com",
		"127.0.0.1.",
		"127.1",
		"127.0.0",
		"2130706433",
		"0x7f000001",
		"0177.0.0.1",
		"127.0.0.1:",
		"localhost:x",
		"localhost:80x",
		"localhost:123456",
		"localhost:-1",
		"localhost:80:80",
		"user@localhost",
		"localhost:80@evil.com",
		"localhost@evil.com",
		"localhost/",
		"localhost/evil.com",
		"localhost#evil.com",
		"localhost evil.com",
		" localhost",
		"localhost,evil.com",
		"::1",
		"[::1",
		"::1]",
		"[::1]x",
		"[::1].evil.com",
		"[::1]:",
		"[::2]",
		"[127.0.0.1]",
		"[localhost]",
		"[]",
		"[::1%lo]",
		"10.0.0.1",
		"0.0.0.0",
		"[::]",
		"127.0.0.1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!host_is_loopback(good[i]))
			fail_msg("not taken for loopback: %s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (host_is_loopback(bad[i]))
			fail_msg("taken for loopback: %s", bad[i]);
	assert_false(loopback("127.0.0.1", "127.0.0.1", (const char *const[]){ NULL }));
	assert_false(loopback("127.0.0.1", "127.0.0.1",
	                      (const char *const[]){ "host", "localhost", "host", "evil", NULL }));
}

static const struct {
	const char *name, *value;
	bool loopback; /* beside Host: localhost:8080 */
} others[] = {
	{ "accept", "*/*", true },
	{ "x-forward", "no such field", true },
	{ "forwarded", "for=1.2.3.4", false },
	{ "Forwarded", "", false },
	{ "x-forwarded-for", "127.0.0.1", false },
	{ "X-Forwarded-Proto", "https", false },
	{ "x-forwarded-host", "localhost", false },
	{ "x-real-ip", "127.0.0.1", false },
	{ "via", "1.1 cache", false },
	{ "origin", "http://localhost:8080", true },
	{ "Origin", "HTTP://LOCALHOST:8080", true },
	{ "origin", "https://localhost:8080", true },
	{ "origin", "http://localhost", false },
	{ "origin", "http://localhost:3000", false },
	{ "origin", "http://127.0.0.1:8080", false },
	{ "origin", "http://localhost:8080.evil.com", false },
	{ "origin", "http://evil.com", false },
	{ "origin", "localhost:8080", false },
	{ "origin", "null", false },
	{ "origin", "", false },
};

static void
other_fields(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (loopback("127.0.0.1", "127.0.0.1",
		             (const char *const[]){ "host", "localhost:8080", others[i].name,
		                                    others[i].value, NULL }) != others[i].loopback)
			fail_msg("misjudged: %s: %s", others[i].name, others[i].value);
}

/* What the operator's own credential is added to. */

static char nothing[] = "", key[] = "sk-ant-operator", token[] = "operator-token";

static void
check_credential(const char *remote, const struct ccp_config *config, const char *sent_name,
                 const char *sent, bool want, const char *want_key, const char *want_bearer)
{
	struct ccp_headers client = { 0 }, to = { 0 };
	struct ccp_peer peer = { remote, "127.0.0.1", &client };
	const char *got;

	ccp_headers_add(&client, "host", "127.0.0.1:8080");
	if (sent_name)
		ccp_headers_add(&client, sent_name, sent);
	ccp_anthropic_request_headers(&client, &to);
	assert_int_equal(ccp_admit_credential(&peer, config, &to), want);
	got = ccp_headers_get(&to, "x-api-key");
	assert_string_equal(got ? got : "", want_key);
	got = ccp_headers_get(&to, "authorization");
	assert_string_equal(got ? got : "", want_bearer);
	ccp_headers_clear(&client);
	ccp_headers_clear(&to);
}

static void
credentials(void **state)
{
	struct ccp_config both = { .anthropic_api_key = key, .anthropic_auth_token = token };
	struct ccp_config bearer = { .anthropic_api_key = nothing, .anthropic_auth_token = token };
	struct ccp_config none = { .anthropic_api_key = nothing, .anthropic_auth_token = nothing };
	const char *here = "127.0.0.1", *there = "192.0.2.1";

	(void)state;
	check_credential(here, &both, NULL, NULL, true, key, "");
	check_credential(here, &bearer, NULL, NULL, true, "", "Bearer operator-token");
	check_credential(here, &none, NULL, NULL, false, "", "");
	check_credential(there, &both, NULL, NULL, false, "", "");
	check_credential(there, &bearer, NULL, NULL, false, "", "");
	/* the client's own is never replaced, nor joined by the operator's */
	check_credential(here, &both, "x-api-key", "mine", true, "mine", "");
	check_credential(here, &both, "authorization", "Bearer mine", true, "", "Bearer mine");
	check_credential(there, &both, "authorization", "Bearer mine", true, "", "Bearer mine");
	/* an empty one is none, and does not hide the operator's */
	check_credential(here, &both, "x-api-key", "", true, key, "");
	check_credential(here, &bearer, "authorization", " ", true, "", "Bearer operator-token");
	check_credential(there, &both, "x-api-key", "", false, "", "");
}

static void
spoiled_lists(void **state)
{
	struct ccp_config both = { .anthropic_api_key = key, .anthropic_auth_token = token };
	struct ccp_headers client = { 0 }, to = { .spoiled = true };
	struct ccp_peer peer = { "127.0.0.1", "127.0.0.1", &client };

	(void)state;
	ccp_headers_add(&client, "host", "localhost");
	assert_false(ccp_admit_credential(&peer, &both, &to));
	client.spoiled = true;
	assert_false(ccp_admit_loopback(&peer));
	ccp_headers_clear(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),     cmocka_unit_test(hosts),
		cmocka_unit_test(other_fields),  cmocka_unit_test(credentials),
		cmocka_unit_test(spoiled_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
