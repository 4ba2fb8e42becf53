#include "base/sse.h"

#include <stdlib.h>
#include <string.h>

/* Names are short words; a longer one is not one that anybody knows. */
#define NAME_MAX_BYTES 128

struct ccp_sse {
	ccp_sse_fn *fn;
	void *arg;
	struct ccp_buf line; /* what came of a line that is not whole yet */
	struct ccp_buf name;
	struct ccp_buf data; /* of the event under way, a LF after each line */
	bool after_cr;       /* a LF now belongs to the CR before it */
	bool begun;          /* the first line was seen */
	bool stopped;
	bool failed;
};

enum ccp_err
ccp_sse_new(ccp_sse_fn *fn, void *arg, struct ccp_sse **out, struct ccp_error *err)
{
	struct ccp_sse *sse = calloc(1, sizeof(*sse));

	*out = NULL;
	if (!sse)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for a stream of events");
	sse->fn = fn;
	sse->arg = arg;
	sse->line = (struct ccp_buf)CCP_BUF_INIT(CCP_SSE_EVENT_MAX_BYTES);
	sse->name = (struct ccp_buf)CCP_BUF_INIT(NAME_MAX_BYTES);
	sse->data = (struct ccp_buf)CCP_BUF_INIT(CCP_SSE_EVENT_MAX_BYTES);
	*out = sse;
	return CCP_OK;
}

void
ccp_sse_free(struct ccp_sse *sse)
{
	if (!sse)
		return;
	ccp_buf_clear(&sse->line);
	ccp_buf_clear(&sse->name);
	ccp_buf_clear(&sse->data);
	free(sse);
}

/* A blank line: the event is whole. */
static void
dispatch(struct ccp_sse *sse)
{
	struct ccp_span name = { "message", 7 };

	if (sse->data.len) {
		if (sse->name.len)
			name = (struct ccp_span){ sse->name.data, sse->name.len };
		sse->stopped = !sse->fn(sse->arg, name,
		                        (struct ccp_span){ sse->data.data, sse->data.len - 1 });
	}
	ccp_buf_clear(&sse->name);
	ccp_buf_clear(&sse->data);
}

static void
take_field(struct ccp_sse *sse, struct ccp_span line)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct ccp_span field = { line.p, colon ? (size_t)(colon - line.p) : line.len };
	struct ccp_span value = { NULL, 0 };

	if (colon)
		value = (struct ccp_span){ colon + 1, line.len - field.len - 1 };
	if (value.len && value.p[0] == ' ') {
		value.p++;
		value.len--;
	}
	if (ccp_span_is(field, "event")) {
		ccp_buf_clear(&sse->name);
		if (value.len <= NAME_MAX_BYTES)
			ccp_buf_add(&sse->name, value.p, value.len);
	} else if (ccp_span_is(field, "data")) {
		ccp_buf_add(&sse->data, value.p, value.len);
		ccp_buf_add(&sse->data, "\n", 1);
	}
}

static void
take_line(struct ccp_sse *sse, struct ccp_span line)
{
	if (!sse->begun && line.len >= 3 && memcmp(line.p, "\xef\xbb\xbf", 3) == 0) {
		line.p += 3;
		line.len -= 3;
	}
	sse->begun = true;
	if (line.len == 0)
		dispatch(sse);
	else if (line.p[0] != ':')
		take_field(sse, line);
}

/* Length of the text before the end of its line; n when the end is not there. */
static size_t
line_length(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == '\n' || p[i] == '\r')
			break;
	return i;
}

enum ccp_err
ccp_sse_feed(struct ccp_sse *sse, const char *p, size_t n, struct ccp_error *err)
{
	size_t len;

	while (n && !sse->stopped && !sse->failed) {
		if (sse->after_cr && *p == '\n') {
			sse->after_cr = false;
			p++;
			n--;
			continue;
		}
		sse->after_cr = false;
		len = line_length(p, n);
		if (len == n || sse->line.len)
			ccp_buf_add(&sse->line, p, len);
		if (len < n) {
			sse->after_cr = p[len] == '\r';
			take_line(sse, sse->line.len
			                       ? (struct ccp_span){ sse->line.data, sse->line.len }
			                       : (struct ccp_span){ p, len });
			sse->line.len = 0;
			len++;
		}
		p += len;
		n -= len;
		sse->failed = !ccp_buf_ok(&sse->line) || !ccp_buf_ok(&sse->data);
	}
	if (!sse->line.len)
		ccp_buf_clear(&sse->line); /* a stream waits most of the time */
	if (sse->failed)
		return ccp_fail(err, CCP_ERR_LIMIT, "an event is longer than %d bytes",
		                CCP_SSE_EVENT_MAX_BYTES);
	return CCP_OK;
}
