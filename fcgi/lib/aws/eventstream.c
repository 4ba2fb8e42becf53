#include "aws/eventstream.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

/* Total length, length of the headers, CRC of these two; each a big-endian u32. */
#define PRELUDE_BYTES 12
#define CRC_BYTES 4
#define MESSAGE_MIN_BYTES (PRELUDE_BYTES + CRC_BYTES)
#define MESSAGE_MAX_BYTES \
	(MESSAGE_MIN_BYTES + CCP_EVENTSTREAM_HEADERS_MAX_BYTES + CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES)

/* Room kept between messages. Bedrock's are a few hundred bytes, and thousands of streams wait. */
#define KEPT_MAX_BYTES (4 * 1024)

enum state { READING, STOPPED, BROKEN };

struct ccp_eventstream {
	ccp_eventstream_fn *fn;
	void *arg;
	struct ccp_buf message; /* the bytes so far of the message that is arriving */
	size_t need_bytes;      /* message.len at which the next step is possible */
	enum state state;
	struct ccp_error error; /* BROKEN: what every later feed answers */
};

/* Header value types by number; the sizes of those with a fixed one. */
enum { TYPE_BYTES = 6, TYPE_STRING = 7, TYPE_COUNT = 10 };
static const size_t fixed_bytes[TYPE_COUNT] = {
	[0] = 0, [1] = 0,                    /* true, false */
	[2] = 1, [3] = 2,  [4] = 4, [5] = 8, /* integers */
	[8] = 8, [9] = 16,                   /* timestamp, uuid */
};

static uint32_t
read_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static bool
crc_matches(const char *p, size_t n)
{
	return crc32_z(0, (const unsigned char *)p, n) == read_u32(p + n);
}

/* Takes n bytes off the front of from; false when there are fewer. */
static bool
take(struct ccp_span *from, size_t n, struct ccp_span *got)
{
	if (n > from->len)
		return false;
	*got = (struct ccp_span){ from->p, n };
	from->p += n;
	from->len -= n;
	return true;
}

static bool
take_number(struct ccp_span *from, size_t bytes, size_t *number)
{
	struct ccp_span digits;
	size_t i;

	*number = 0;
	if (!take(from, bytes, &digits))
		return false;
	for (i = 0; i < bytes; i++)
		*number = *number << 8 | (unsigned char)digits.p[i];
	return true;
}

static void
keep_header(struct ccp_eventstream_message *m, struct ccp_span name, struct ccp_span value)
{
	const struct {
		const char *name;
		struct ccp_span *value;
	} wanted[] = {
		{ ":message-type", &m->message_type },     { ":event-type", &m->event_type },
		{ ":exception-type", &m->exception_type }, { ":error-code", &m->error_code },
		{ ":error-message", &m->error_message },   { ":content-type", &m->content_type },
	};
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (ccp_span_is(name, wanted[i].name))
			*wanted[i].value = value;
}

/* False when the bytes are not a sequence of whole headers. */
static bool
read_headers(struct ccp_span headers, struct ccp_eventstream_message *m)
{
	while (headers.len) {
		struct ccp_span name, value;
		size_t name_len, type, value_len;

		if (!take_number(&headers, 1, &name_len) || name_len == 0 ||
		    !take(&headers, name_len, &name) || !take_number(&headers, 1, &type) ||
		    type >= TYPE_COUNT)
			return false;
		value_len = fixed_bytes[type];
		if ((type == TYPE_BYTES || type == TYPE_STRING) &&
		    !take_number(&headers, 2, &value_len))
			return false;
		if (!take(&headers, value_len, &value))
			return false;
		if (type == TYPE_STRING)
			keep_header(m, name, value);
	}
	return true;
}

static enum ccp_err
read_prelude(struct ccp_eventstream *d, struct ccp_error *err)
{
	const char *p = d->message.data;
	size_t total = read_u32(p);
	size_t headers = read_u32(p + 4);

	if (!crc_matches(p, PRELUDE_BYTES - CRC_BYTES))
		return ccp_fail(err, CCP_ERR_FORMAT, "event stream: CRC of a prelude is wrong");
	if (headers > CCP_EVENTSTREAM_HEADERS_MAX_BYTES || total < MESSAGE_MIN_BYTES + headers ||
	    total - MESSAGE_MIN_BYTES - headers > CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES)
		return ccp_fail(
			err, CCP_ERR_FORMAT,
			"event stream: a message of %zu bytes with %zu of headers cannot be", total,
			headers);
	d->need_bytes = total;
	return CCP_OK;
}

static enum ccp_err
read_message(struct ccp_eventstream *d, struct ccp_error *err)
{
	struct ccp_eventstream_message m = { .payload = { NULL, 0 } };
	struct ccp_span rest = { d->message.data, d->message.len - CRC_BYTES };
	struct ccp_span prelude, headers;

	if (!crc_matches(rest.p, rest.len))
		return ccp_fail(err, CCP_ERR_FORMAT, "event stream: CRC of a message is wrong");
	if (!take(&rest, PRELUDE_BYTES, &prelude) ||
	    !take(&rest, read_u32(prelude.p + 4), &headers) || !read_headers(headers, &m))
		return ccp_fail(err, CCP_ERR_FORMAT,
		                "event stream: the headers of a message are broken");
	m.payload = rest;
	if (!d->fn(d->arg, &m))
		d->state = STOPPED;

	if (d->message.cap > KEPT_MAX_BYTES)
		ccp_buf_clear(&d->message);
	else
		ccp_buf_consume(&d->message, d->message.len);
	d->need_bytes = PRELUDE_BYTES;
	return CCP_OK;
}

/* What can be done with the need_bytes that are there. */
static enum ccp_err
step(struct ccp_eventstream *d, struct ccp_error *err)
{
	if (d->need_bytes == PRELUDE_BYTES)
		return read_prelude(d, err);
	return read_message(d, err);
}

enum ccp_err
ccp_eventstream_new(ccp_eventstream_fn *fn, void *arg, struct ccp_eventstream **d,
                    struct ccp_error *err)
{
	*d = calloc(1, sizeof(**d));
	if (!*d)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for an event stream");
	(*d)->fn = fn;
	(*d)->arg = arg;
	(*d)->message = (struct ccp_buf)CCP_BUF_INIT(MESSAGE_MAX_BYTES);
	(*d)->need_bytes = PRELUDE_BYTES;
	return CCP_OK;
}

void
ccp_eventstream_free(struct ccp_eventstream *d)
{
	if (!d)
		return;
	ccp_buf_clear(&d->message);
	free(d);
}

enum ccp_err
ccp_eventstream_feed(struct ccp_eventstream *d, const void *p, size_t n, struct ccp_error *err)
{
	const char *bytes = p;

	while (d->state == READING && n > 0) {
		size_t missing = d->need_bytes - d->message.len;
		size_t part = n < missing ? n : missing;
		enum ccp_err rc = CCP_OK;

		ccp_buf_add(&d->message, bytes, part);
		bytes += part;
		n -= part;
		if (!ccp_buf_ok(&d->message))
			rc = ccp_fail(&d->error, CCP_ERR_NOMEM,
			              "no memory for a message of %zu bytes", d->need_bytes);
		else if (d->message.len == d->need_bytes)
			rc = step(d, &d->error);
		if (rc)
			d->state = BROKEN;
	}
	if (d->state == BROKEN)
		return ccp_fail(err, d->error.code, "%s", d->error.text);
	return CCP_OK;
}

bool
ccp_eventstream_at_rest(const struct ccp_eventstream *d)
{
	return d->state != BROKEN && d->message.len == 0;
}
