/*
 * The event-stream decoder says the same whether its bytes come in one piece
 * or in small ones, and hands on the payload that was framed.
 *
 * Input: one byte of switches (bit 0: the rest is put into a frame with right
 * CRCs, since chance never finds those), one byte for the size of the parts,
 * one for how much of the rest is headers (framed only), the rest.
 */
#include "aws/eventstream.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

struct heard {
	struct ccp_buf text;
	size_t count;
	size_t payload_bytes;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
add_span(struct ccp_buf *b, struct ccp_span s)
{
	ccp_buf_addf(b, "%zu:", s.len);
	ccp_buf_add(b, s.p, s.len);
}

static bool
hear(void *arg, const struct ccp_eventstream_message *m)
{
	struct heard *h = arg;

	add_span(&h->text, m->message_type);
	add_span(&h->text, m->event_type);
	add_span(&h->text, m->exception_type);
	add_span(&h->text, m->error_code);
	add_span(&h->text, m->error_message);
	add_span(&h->text, m->content_type);
	add_span(&h->text, m->payload);
	h->count++;
	h->payload_bytes += m->payload.len;
	return true;
}

static enum ccp_err
decode(const uint8_t *p, size_t n, size_t part, struct heard *h, bool *at_rest)
{
	struct ccp_eventstream *d = NULL;
	enum ccp_err rc = CCP_OK;

	h->text = (struct ccp_buf)CCP_BUF_INIT(64 * 1024 * 1024);
	h->count = h->payload_bytes = 0;
	if (ccp_eventstream_new(hear, h, &d, NULL))
		abort();
	while (n > 0 && !rc) {
		size_t now = n < part ? n : part;

		rc = ccp_eventstream_feed(d, p, now, NULL);
		p += now;
		n -= now;
	}
	*at_rest = ccp_eventstream_at_rest(d);
	ccp_eventstream_free(d);
	return rc;
}

static void
put_u32(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 24);
	p[1] = (uint8_t)(n >> 16);
	p[2] = (uint8_t)(n >> 8);
	p[3] = (uint8_t)n;
}

static uint8_t *
frame(const uint8_t *data, size_t size, size_t headers_len, size_t *n)
{
	uint8_t *p;

	*n = 16 + size;
	p = malloc(*n);
	if (!p)
		abort();
	put_u32(p, *n);
	put_u32(p + 4, headers_len);
	put_u32(p + 8, crc32_z(0, p, 8));
	memcpy(p + 12, data, size);
	put_u32(p + 12 + size, crc32_z(0, p, 12 + size));
	return p;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct heard whole, parts;
	bool framed, whole_rest, parts_rest;
	size_t part, headers_len, n;
	enum ccp_err whole_rc, parts_rc;
	uint8_t *bytes = NULL;

	if (size < 3)
		return 0;
	framed = data[0] & 1;
	part = data[1] ? data[1] : 1;
	headers_len = data[2];
	data += 3;
	n = size -= 3;
	if (headers_len > size)
		headers_len = size;
	if (framed)
		data = bytes = frame(data, size, headers_len, &n);

	whole_rc = decode(data, n, n ? n : 1, &whole, &whole_rest);
	parts_rc = decode(data, n, part, &parts, &parts_rest);
	if (whole_rc != parts_rc || whole_rest != parts_rest || whole.count != parts.count ||
	    whole.text.len != parts.text.len ||
	    memcmp(ccp_buf_text(&whole.text), ccp_buf_text(&parts.text), whole.text.len) != 0)
		abort();
	if (framed && !whole_rc &&
	    (whole.count != 1 || whole.payload_bytes != size - headers_len || !whole_rest))
		abort();
	if (whole.payload_bytes + 16 * whole.count > n)
		abort();
	ccp_buf_clear(&whole.text);
	ccp_buf_clear(&parts.text);
	free(bytes);
	return 0;
}
