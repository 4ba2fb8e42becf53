#ifndef CCP_ADMIT_H
#define CCP_ADMIT_H

#include "base/config.h"
#include "base/headers.h"

#include <stdbool.h>

/*
 * Who may use what the operator pays for. A loopback request is judged per
 * request, since a FastCGI program cannot see the listener: REMOTE_ADDR and
 * SERVER_ADDR are loopback (IPv4 in IPv6 counts), Host is localhost,
 * 127.0.0.0/8 or [::1] with any port, no Forwarded or X-Forwarded-* (nor Via
 * or X-Real-IP: they, too, say that REMOTE_ADDR is only the last hop), no
 * Origin but http:// or https:// and this very Host, port and all. Host is
 * what stops a page of somebody else's that has its name point to 127.0.0.1.
 */
struct ccp_peer {
	const char *remote_addr;           /* REMOTE_ADDR; "" or NULL = not told: not loopback */
	const char *server_addr;           /* SERVER_ADDR; likewise */
	const struct ccp_headers *headers; /* as the client sent them, Host among them */
};

/* Pure; borrows peer. */
bool ccp_admit_loopback(const struct ccp_peer *peer);

/*
 * Adds the operator's own credential (ANTHROPIC_API_KEY as x-api-key, else
 * ANTHROPIC_AUTH_TOKEN as Authorization: Bearer) to a request that carries
 * none, when the request is a loopback one. headers: what goes to Anthropic
 * (ccp_anthropic_request_headers); it may be peer->headers itself. False: no
 * credential at all, to be answered 401 authentication_error; or no memory for
 * it, then headers is spoiled.
 */
bool ccp_admit_credential(const struct ccp_peer *peer, const struct ccp_config *config,
                          struct ccp_headers *headers);

#endif
