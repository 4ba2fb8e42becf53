#include "relay/admit.h"

#include "base/buf.h"
#include "upstream/anthropic.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <netinet/in.h>

/* Room for the longest text of an address, its NUL counted: more is no address. */
#define ADDRESS_SIZE INET6_ADDRSTRLEN

static bool
is_loopback_v4(const char *address)
{
	struct in_addr v4;

	/* inet_pton, not inet_aton: "127.1", "2130706433" and "0177.0.0.1" are not taken */
	return inet_pton(AF_INET, address, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static bool
is_loopback_v6(const char *address)
{
	struct in6_addr v6;

	if (inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

static bool
is_loopback_address(const char *address)
{
	return address && (is_loopback_v4(address) || is_loopback_v6(address));
}

/* "" or ":PORT". */
static bool
is_port_or_nothing(const char *text)
{
	size_t digits;

	if (!*text)
		return true;
	if (*text != ':')
		return false;
	digits = strspn(text + 1, "0123456789");
	return digits >= 1 && digits <= 5 && text[1 + digits] == '\0';
}

static bool
is_loopback_host(const char *host)
{
	char name[ADDRESS_SIZE];
	bool bracket = host[0] == '[';
	const char *end = host + strcspn(host, bracket ? "]" : ":");
	const char *start = bracket ? host + 1 : host;
	size_t len;

	if (bracket && *end != ']')
		return false;
	len = (size_t)(end - start);
	if (len >= sizeof(name) || !is_port_or_nothing(bracket ? end + 1 : end))
		return false;
	memcpy(name, start, len);
	name[len] = '\0';
	if (bracket)
		return is_loopback_v6(name);
	return strcasecmp(name, "localhost") == 0 || is_loopback_v4(name);
}

/* A page of another site, or of another port, has another origin. */
static bool
is_origin_of_host(const char *origin, const char *host)
{
	if (strncasecmp(origin, "http://", 7) == 0)
		return strcasecmp(origin + 7, host) == 0;
	return strncasecmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

/* Somebody between the client and the web server says so: REMOTE_ADDR is then only the last hop. */
static bool
is_sign_of_a_proxy(const char *name)
{
	return strcasecmp(name, "forwarded") == 0 || strncasecmp(name, "x-forwarded-", 12) == 0 ||
	       strcasecmp(name, "x-real-ip") == 0 || strcasecmp(name, "via") == 0;
}

bool
ccp_admit_loopback(const struct ccp_peer *peer)
{
	const struct ccp_header *field;
	const char *host = ccp_headers_get(peer->headers, "host");
	size_t i;

	if (!is_loopback_address(peer->remote_addr) || !is_loopback_address(peer->server_addr) ||
	    !host || !ccp_headers_ok(peer->headers))
		return false;
	for (i = 0; i < peer->headers->count; i++) {
		field = &peer->headers->items[i];
		if (is_sign_of_a_proxy(field->name))
			return false;
		if (strcasecmp(field->name, "host") == 0 && !is_loopback_host(field->value))
			return false;
		if (strcasecmp(field->name, "origin") == 0 &&
		    !is_origin_of_host(field->value, host))
			return false;
	}
	return true;
}

/* Not by ccp_headers_addf: its copy on the stack is small, and would keep the token. */
static void
add_bearer(struct ccp_headers *headers, const char *token)
{
	struct ccp_buf value = CCP_BUF_INIT(CCP_HEADERS_MAX_BYTES);

	ccp_buf_puts(&value, "Bearer ");
	ccp_buf_puts(&value, token);
	if (ccp_buf_ok(&value))
		ccp_headers_add(headers, "authorization", ccp_buf_text(&value));
	ccp_buf_cleanse(&value);
}

bool
ccp_admit_credential(const struct ccp_peer *peer, const struct ccp_config *config,
                     struct ccp_headers *headers)
{
	if (ccp_anthropic_has_credential(headers))
		return true;
	if (!ccp_admit_loopback(peer))
		return false;
	if (config->anthropic_api_key[0])
		ccp_headers_add(headers, "x-api-key", config->anthropic_api_key);
	else if (config->anthropic_auth_token[0])
		add_bearer(headers, config->anthropic_auth_token);
	return ccp_headers_ok(headers) && ccp_anthropic_has_credential(headers);
}
