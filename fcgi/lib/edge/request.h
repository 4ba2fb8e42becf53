#ifndef CCP_REQUEST_H
#define CCP_REQUEST_H

#include "base/body.h"
#include "base/error.h"
#include "base/headers.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One FastCGI request, read whole: what the web server says of it, the
 * client's header fields and the body. libfcgi parses; afterwards nothing of
 * libfcgi is left and the connection is ours to write on.
 */
struct ccp_request {
	int fd;            /* the connection to the web server; owned */
	uint16_t fcgi_id;  /* request id for the records of the answer */
	char *method;      /* "POST"; "" when the web server did not say */
	char *uri;         /* REQUEST_URI, raw; "" likewise */
	char *remote_addr; /* "" likewise */
	char *server_addr;
	struct ccp_headers headers; /* names in lower case */
	struct ccp_body body;
	bool too_large;   /* the body is over the limit and was not read */
	int error_status; /* 0, or the error that the web server met itself and wants words for */
};

/* A peer that says nothing for this long holds up an accept thread no longer. */
#define CCP_REQUEST_SILENCE_S 30

/*
 * Reads one request from fd, which is owned by request from here on. Blocks
 * until the body is there, at most CCP_REQUEST_SILENCE_S between two bytes.
 * Fails when the peer went away or spoke no FastCGI. request is always filled
 * so that ccp_request_clear() is right.
 *
 * Source: libfcgi 2.4.2, fcgiapp.h: with ipcFd given and keepConnection set,
 * FCGX_Accept_r() does not accept a connection but parses the one that is there.
 */
enum ccp_err ccp_request_read(int fd, size_t body_max_bytes, struct ccp_request *request,
                              struct ccp_error *err) CCP_MUST_CHECK;
void ccp_request_clear(struct ccp_request *request);

#endif
