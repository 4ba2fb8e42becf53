#ifndef CCP_RESPONSE_H
#define CCP_RESPONSE_H

#include "base/buf.h"
#include "base/headers.h"
#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * One answer on its way to the web server, as FastCGI records, from the loop
 * and never blocking: what the socket does not take waits in a buffer. The
 * same socket tells when the client has gone (lighttpd and nginx close or
 * half-close it; Apache only fails the second write).
 *
 * Source: FastCGI Specification 1.0, sections 3.3 and 5; Debian's lighttpd
 * 1.4.69 with tcp-fin-propagate.
 */
struct ccp_response {
	struct ccp_loop *loop;
	struct ccp_watch watch;
	struct ccp_buf out; /* what the socket has not taken yet */
	uint16_t fcgi_id;
	bool head_only; /* HEAD: no body goes out */
	bool head_sent;
	bool ended;  /* nothing will be added any more */
	bool gone;   /* the other side left */
	bool linger; /* unread input: wait for the other side to close first */
	struct ccp_timer timer;
	struct ccp_response_events {
		void (*gone)(void *arg);   /* the client left before the end; once */
		void (*ready)(void *arg);  /* there is room again after ccp_response_full() */
		void (*closed)(void *arg); /* all is sent, or gone after the end; last */
		void *arg;
	} events;
	bool was_full;
};

/* Above this much waiting a slow client's upstream is paused. */
#define CCP_RESPONSE_FULL_BYTES (64 * 1024)

/* Watches fd (borrowed; made non-blocking). r is the caller's memory. */
enum ccp_err ccp_response_open(struct ccp_response *r, struct ccp_loop *loop, int fd,
                               uint16_t fcgi_id, const struct ccp_response_events *events,
                               struct ccp_error *err) CCP_MUST_CHECK;

/* Stops watching and frees; close(fd) is the caller's, afterwards. */
void ccp_response_close(struct ccp_response *r);

/* Status and fields, once, first. Never a body's length: the web server finds it out. */
void ccp_response_head(struct ccp_response *r, int status, const struct ccp_headers *headers);
void ccp_response_body(struct ccp_response *r, const char *p, size_t n);
bool ccp_response_full(struct ccp_response *r);

/* The answer is whole. events.closed follows, perhaps before this returns. */
void ccp_response_end(struct ccp_response *r);

/* The answer stays cut and must not look whole: closes without an end record. */
void ccp_response_abort(struct ccp_response *r);

#endif
