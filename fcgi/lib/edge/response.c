#include "edge/response.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <fastcgi.h>

/* The most that waits for one client; beyond, it is treated as gone. A held answer of 32 MiB fits. */
#define OUT_MAX_BYTES (64 * 1024 * 1024)
/* Content of one record: 65,535 at most, rounded down to 8 as the specification advises. */
#define RECORD_MAX_BYTES 65528
/* An answer given without reading the body: the web server may still be sending. */
#define LINGER_MS 5000

static void
leave(struct ccp_response *r)
{
	bool ended = r->ended;

	if (r->gone)
		return;
	r->gone = true;
	ccp_loop_unwatch(r->loop, &r->watch);
	ccp_timer_stop(r->loop, &r->timer);
	if (ended)
		r->events.closed(r->events.arg);
	else
		r->events.gone(r->events.arg);
}

static void
wish(struct ccp_response *r)
{
	uint32_t events = EPOLLIN | EPOLLRDHUP | (r->out.len ? EPOLLOUT : 0);

	if (ccp_loop_watch(r->loop, &r->watch, events, NULL))
		leave(r);
}

static void
linger_over(void *arg)
{
	leave(arg);
}

/* All is written: done, unless unread input would make the kernel reset the connection. */
static void
finished(struct ccp_response *r)
{
	if (r->linger) {
		shutdown(r->watch.fd, SHUT_WR);
		wish(r);
		if (!r->gone && ccp_timer_set(r->loop, &r->timer, LINGER_MS) == CCP_OK)
			return;
	}
	leave(r);
}

static void
flush(struct ccp_response *r)
{
	ssize_t n;

	while (r->out.len) {
		n = send(r->watch.fd, r->out.data, r->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0) {
			leave(r);
			return;
		}
		ccp_buf_consume(&r->out, (size_t)n);
	}
	if (!r->out.len) {
		ccp_buf_clear(&r->out); /* a stream waits most of the time: give the memory back */
		if (r->ended) {
			finished(r);
			return;
		}
	}
	wish(r);
	if (!r->gone && r->was_full && r->out.len < CCP_RESPONSE_FULL_BYTES / 2) {
		r->was_full = false;
		r->events.ready(r->events.arg);
	}
}

/* What comes after the request: the end of the connection, or a word to abort. */
static void
read_rest(struct ccp_response *r)
{
	unsigned char bytes[16384] = { 0 };
	ssize_t n = recv(r->watch.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	/* one piece a turn: a peer that floods must not hold the loop */
	if (n > 0 && (r->linger || bytes[1] != FCGI_ABORT_REQUEST))
		return;
	if (n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		leave(r);
}

static void
on_event(void *arg, uint32_t events)
{
	struct ccp_response *r = arg;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
		read_rest(r);
		if (r->gone)
			return;
	}
	if (events & EPOLLOUT)
		flush(r);
}

enum ccp_err
ccp_response_open(struct ccp_response *r, struct ccp_loop *loop, int fd, uint16_t fcgi_id,
                  const struct ccp_response_events *events, struct ccp_error *err)
{
	*r = (struct ccp_response){ .loop = loop, .fcgi_id = fcgi_id, .events = *events };
	r->out = (struct ccp_buf)CCP_BUF_INIT(OUT_MAX_BYTES);
	r->watch = (struct ccp_watch){ .fd = fd, .fn = on_event, .arg = r };
	r->timer = (struct ccp_timer){ .fn = linger_over, .arg = r };
	return ccp_loop_watch(loop, &r->watch, EPOLLIN | EPOLLRDHUP, err);
}

void
ccp_response_close(struct ccp_response *r)
{
	if (!r->loop)
		return;
	r->gone = true;
	ccp_loop_unwatch(r->loop, &r->watch);
	ccp_timer_stop(r->loop, &r->timer);
	ccp_buf_clear(&r->out);
}

static void
record_head(unsigned char head[8], const struct ccp_response *r, unsigned char type, size_t n)
{
	head[0] = FCGI_VERSION_1;
	head[1] = type;
	head[2] = (unsigned char)(r->fcgi_id >> 8);
	head[3] = (unsigned char)r->fcgi_id;
	head[4] = (unsigned char)(n >> 8);
	head[5] = (unsigned char)n;
	head[6] = head[7] = 0;
}

/* Sends one record, or keeps what the socket does not take. */
static void
send_record(struct ccp_response *r, unsigned char type, const char *p, size_t n)
{
	unsigned char head[8];
	struct iovec parts[2] = { { head, sizeof(head) }, { (void *)(uintptr_t)p, n } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = n ? 2 : 1 };
	ssize_t sent = 0;
	size_t skip;

	record_head(head, r, type, n);
	if (!r->out.len) {
		sent = sendmsg(r->watch.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
			leave(r);
			return;
		}
		sent = sent < 0 ? 0 : sent;
	}
	if ((size_t)sent >= sizeof(head) + n)
		return;
	skip = (size_t)sent;
	if (skip < sizeof(head)) {
		ccp_buf_add(&r->out, head + skip, sizeof(head) - skip);
		skip = sizeof(head);
	}
	ccp_buf_add(&r->out, p + (skip - sizeof(head)), n - (skip - sizeof(head)));
	if (!ccp_buf_ok(&r->out)) /* the records would not be in step any more */
		leave(r);
	else
		wish(r);
}

static void
send_stdout(struct ccp_response *r, const char *p, size_t n)
{
	while (n && !r->gone) {
		size_t now = n < RECORD_MAX_BYTES ? n : RECORD_MAX_BYTES;

		send_record(r, FCGI_STDOUT, p, now);
		p += now;
		n -= now;
	}
}

/* The words of RFC 9110; Anthropic's 529 has none. */
static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *words;
	} table[] = { { 200, "OK" },
		      { 302, "Found" },
		      { 400, "Bad Request" },
		      { 401, "Unauthorized" },
		      { 403, "Forbidden" },
		      { 404, "Not Found" },
		      { 405, "Method Not Allowed" },
		      { 413, "Content Too Large" },
		      { 429, "Too Many Requests" },
		      { 500, "Internal Server Error" },
		      { 502, "Bad Gateway" },
		      { 503, "Service Unavailable" },
		      { 504, "Gateway Timeout" } };
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
			return table[i].words;
	return "";
}

void
ccp_response_head(struct ccp_response *r, int status, const struct ccp_headers *headers)
{
	struct ccp_buf head = CCP_BUF_INIT(2 * CCP_HEADERS_MAX_BYTES);
	size_t i;

	if (r->gone || r->head_sent)
		return;
	r->head_sent = true;
	ccp_buf_addf(&head, "Status: %d %s\r\n", status, reason(status));
	for (i = 0; i < headers->count; i++) {
		ccp_buf_puts(&head, headers->items[i].name);
		ccp_buf_puts(&head, ": ");
		ccp_buf_puts(&head, headers->items[i].value);
		ccp_buf_puts(&head, "\r\n");
	}
	ccp_buf_puts(&head, "\r\n");
	if (ccp_buf_ok(&head))
		send_stdout(r, head.data, head.len);
	else
		leave(r);
	ccp_buf_clear(&head);
}

void
ccp_response_body(struct ccp_response *r, const char *p, size_t n)
{
	if (!r->head_only)
		send_stdout(r, p, n);
}

bool
ccp_response_full(struct ccp_response *r)
{
	if (r->out.len >= CCP_RESPONSE_FULL_BYTES)
		r->was_full = true;
	return r->was_full;
}

void
ccp_response_end(struct ccp_response *r)
{
	static const char end[8] = { 0 }; /* application status 0, FCGI_REQUEST_COMPLETE */

	if (r->gone || r->ended)
		return;
	r->ended = true;
	send_record(r, FCGI_STDOUT, end, 0);
	if (!r->gone)
		send_record(r, FCGI_END_REQUEST, end, sizeof(end));
	if (!r->gone && !r->out.len)
		finished(r);
}

void
ccp_response_abort(struct ccp_response *r)
{
	if (r->gone)
		return;
	r->ended = true;
	r->linger = false;
	if (!r->out.len)
		finished(r);
}
