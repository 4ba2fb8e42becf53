#include "unit.h"

#include "eventstream_vectors.h"
#include "vectors.h"

#include "aws/eventstream.h"

#include <zlib.h>

#include <cjson/cJSON.h>

#define VECTOR_COUNT (sizeof(eventstream_vectors) / sizeof(eventstream_vectors[0]))
#define MESSAGES_MAX 64

/* Copies of what a decoder said, one text a message. */
struct heard {
	char *messages[MESSAGES_MAX];
	size_t count;
	size_t stop_after; /* 0 = never */
};

static void
add_span(struct ccp_buf *b, struct ccp_span s)
{
	ccp_buf_add(b, s.p, s.len);
	ccp_buf_puts(b, "|");
}

static bool
hear(void *arg, const struct ccp_eventstream_message *m)
{
	struct heard *h = arg;
	struct ccp_buf b = CCP_BUF_INIT(1024 * 1024);

	assert_true(h->count < MESSAGES_MAX);
	add_span(&b, m->message_type);
	add_span(&b, m->event_type);
	add_span(&b, m->exception_type);
	add_span(&b, m->error_code);
	add_span(&b, m->error_message);
	add_span(&b, m->content_type);
	add_span(&b, m->payload);
	assert_true(ccp_buf_ok(&b));
	h->messages[h->count++] = ccp_buf_take(&b);
	return h->count != h->stop_after;
}

static void
forget(struct heard *h)
{
	while (h->count)
		free(h->messages[--h->count]);
}

/* Feeds bytes cut into parts of part_bytes after a first one of first_bytes. */
static enum ccp_err
decode(const void *bytes, size_t n, size_t first_bytes, size_t part_bytes, struct heard *h,
       bool *at_rest)
{
	struct ccp_eventstream *d = NULL;
	const unsigned char *p = bytes;
	size_t part = first_bytes;
	enum ccp_err rc;

	assert_int_equal(ccp_eventstream_new(hear, h, &d, NULL), CCP_OK);
	assert_true(ccp_eventstream_at_rest(d));
	do {
		unsigned char *copy;

		if (part > n)
			part = n;
		/* a copy of the right size, so that a sanitizer sees a look beyond it */
		copy = malloc(part ? part : 1);
		memcpy(copy, p, part);
		rc = ccp_eventstream_feed(d, copy, part, NULL);
		free(copy);
		p += part;
		n -= part;
		part = part_bytes;
	} while (n > 0 && !rc);
	*at_rest = ccp_eventstream_at_rest(d);
	ccp_eventstream_free(d);
	return rc;
}

static void
assert_vectors(struct heard *h, size_t count)
{
	size_t i;

	assert_int_equal(h->count, count);
	for (i = 0; i < count; i++) {
		const struct eventstream_vector *v = &eventstream_vectors[i];
		struct ccp_buf want = CCP_BUF_INIT(1024 * 1024);

		ccp_buf_addf(&want, "%s|%s|%s|%s|%s|%s|%s|", v->message_type, v->event_type,
		             v->exception_type, v->error_code, v->error_message, v->content_type,
		             v->payload);
		assert_string_equal(h->messages[i], want.data);
		ccp_buf_clear(&want);
	}
	forget(h);
}

static void
whole(void **state)
{
	struct heard h = { .count = 0 };
	bool at_rest;

	(void)state;
	assert_int_equal(decode(eventstream_bytes, sizeof(eventstream_bytes),
	                        sizeof(eventstream_bytes), 1, &h, &at_rest),
	                 CCP_OK);
	assert_true(at_rest);
	assert_vectors(&h, VECTOR_COUNT);
}

static void
byte_by_byte(void **state)
{
	struct heard h = { .count = 0 };
	size_t part;
	bool at_rest;

	(void)state;
	for (part = 1; part < 40; part++) {
		assert_int_equal(decode(eventstream_bytes, sizeof(eventstream_bytes), part, part,
		                        &h, &at_rest),
		                 CCP_OK);
		assert_true(at_rest);
		assert_vectors(&h, VECTOR_COUNT);
	}
}

static void
cut_everywhere(void **state)
{
	struct heard h = { .count = 0 };
	size_t at;
	bool at_rest;

	(void)state;
	for (at = 0; at <= sizeof(eventstream_bytes); at++) {
		assert_int_equal(decode(eventstream_bytes, sizeof(eventstream_bytes), at,
		                        sizeof(eventstream_bytes), &h, &at_rest),
		                 CCP_OK);
		assert_true(at_rest);
		assert_vectors(&h, VECTOR_COUNT);
	}
}

/* An end in the middle of a message is seen, one between messages is none. */
static void
truncated_everywhere(void **state)
{
	struct heard h = { .count = 0 };
	size_t at, boundary = 0, whole_count = 0;
	bool at_rest;

	(void)state;
	for (at = 0; at <= sizeof(eventstream_bytes); at++) {
		if (whole_count < VECTOR_COUNT &&
		    at == boundary + eventstream_vectors[whole_count].length) {
			boundary = at;
			whole_count++;
		}
		assert_int_equal(decode(eventstream_bytes, at, at, at, &h, &at_rest), CCP_OK);
		assert_int_equal(at_rest, at == boundary);
		assert_vectors(&h, whole_count);
	}
}

/* No byte can be changed unseen: the messages before it arrive, its own does not. */
static void
corrupted_everywhere(void **state)
{
	static const unsigned char flips[] = { 0x01, 0x80, 0xff };
	unsigned char bytes[sizeof(eventstream_bytes)];
	struct heard h = { .count = 0 };
	size_t at, i, boundary = 0, before = 0;
	bool at_rest;

	(void)state;
	for (at = 0; at < sizeof(bytes); at++) {
		if (at == boundary + eventstream_vectors[before].length) {
			boundary = at;
			before++;
		}
		for (i = 0; i < sizeof(flips); i++) {
			memcpy(bytes, eventstream_bytes, sizeof(bytes));
			bytes[at] ^= flips[i];
			assert_int_equal(decode(bytes, sizeof(bytes), i ? 7 : sizeof(bytes), 7, &h,
			                        &at_rest),
			                 CCP_ERR_FORMAT);
			assert_false(at_rest);
			assert_vectors(&h, before);
		}
	}
}

static void
put_u32(unsigned char *p, size_t n)
{
	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

/* A message with right CRCs around whatever headers; its length in *n, for free(). */
static unsigned char *
frame(const void *headers, size_t headers_len, const void *payload, size_t payload_len, size_t *n)
{
	unsigned char *p;

	*n = 16 + headers_len + payload_len;
	p = malloc(*n);
	put_u32(p, *n);
	put_u32(p + 4, headers_len);
	put_u32(p + 8, crc32(0, p, 8));
	memcpy(p + 12, headers, headers_len);
	memcpy(p + 12 + headers_len, payload, payload_len);
	put_u32(p + *n - 4, crc32(0, p, (unsigned)*n - 4));
	return p;
}

static void
broken_headers(void **state)
{
	/* right CRCs, but headers that do not fit together */
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "\x00\x00", 2 }, /* a name of no bytes */
		{ "\x05"
		  "abc",
		  4 }, /* a name cut off */
		{ "\x03"
		  "abc",
		  4 }, /* no type */
		{ "\x01"
		  "a"
		  "\x0a",
		  3 }, /* a type there is not */
		{ "\x01"
		  "a"
		  "\xff",
		  3 },
		{ "\x01"
		  "a"
		  "\x02",
		  3 }, /* a byte that is not there */
		{ "\x01"
		  "a"
		  "\x05"
		  "1234567",
		  10 },
		{ "\x01"
		  "a"
		  "\x09"
		  "123456789012345",
		  18 },
		{ "\x01"
		  "a"
		  "\x07",
		  3 }, /* a string without a length */
		{ "\x01"
		  "a"
		  "\x07\x00",
		  4 },
		{ "\x01"
		  "a"
		  "\x07\x00\x02"
		  "b",
		  6 }, /* a string cut off */
		{ "\x01"
		  "a"
		  "\x06\xff\xff"
		  "b",
		  6 },
		{ "\x01"
		  "a"
		  "\x00"
		  "\x01",
		  4 }, /* a good one, then a bad one */
	};
	struct heard h = { .count = 0 };
	size_t i, n;
	bool at_rest;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char *p = frame(cases[i].bytes, cases[i].len, "x", 1, &n);

		assert_int_equal(decode(p, n, n, n, &h, &at_rest), CCP_ERR_FORMAT);
		assert_int_equal(h.count, 0);
		free(p);
	}
}

/* Only strings are names of things: a header of another type does not count. */
static void
header_of_another_type(void **state)
{
	static const char headers[] = "\x0d:message-type\x06\x00\x05"
				      "event"
				      "\x0b:event-type\x00";
	struct heard h = { .count = 0 };
	unsigned char *p;
	size_t n;
	bool at_rest;

	(void)state;
	p = frame(headers, sizeof(headers) - 1, "x", 1, &n);
	assert_int_equal(decode(p, n, n, n, &h, &at_rest), CCP_OK);
	assert_int_equal(h.count, 1);
	assert_string_equal(h.messages[0], "||||||x|");
	forget(&h);
	free(p);
}

static void
assert_prelude(size_t total, size_t headers, enum ccp_err want)
{
	unsigned char p[12];
	struct heard h = { .count = 0 };
	bool at_rest;

	put_u32(p, total);
	put_u32(p + 4, headers);
	put_u32(p + 8, crc32(0, p, 8));
	assert_int_equal(decode(p, sizeof(p), 12, 12, &h, &at_rest), want);
	assert_false(at_rest);
}

/* Lengths are judged as soon as the prelude is there, before anything is kept for them. */
static void
lengths(void **state)
{
	(void)state;
	assert_prelude(16, 0, CCP_OK);
	assert_prelude(0, 0, CCP_ERR_FORMAT);
	assert_prelude(12, 0, CCP_ERR_FORMAT);
	assert_prelude(15, 0, CCP_ERR_FORMAT);
	assert_prelude(16, 1, CCP_ERR_FORMAT);
	assert_prelude(117, 101, CCP_OK);
	assert_prelude(117, 102, CCP_ERR_FORMAT);
	assert_prelude(1000000, CCP_EVENTSTREAM_HEADERS_MAX_BYTES, CCP_OK);
	assert_prelude(1000000, CCP_EVENTSTREAM_HEADERS_MAX_BYTES + 1, CCP_ERR_FORMAT);
	assert_prelude(16 + CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES, 0, CCP_OK);
	assert_prelude(17 + CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES, 0, CCP_ERR_FORMAT);
	assert_prelude(26 + CCP_EVENTSTREAM_PAYLOAD_MAX_BYTES, 10, CCP_OK);
	assert_prelude(0xffffffff, 0, CCP_ERR_FORMAT);
	assert_prelude(0xffffffff, 0xffffffff, CCP_ERR_FORMAT);
	assert_prelude(16, 0xffffffff, CCP_ERR_FORMAT);
}

static void
large_message(void **state)
{
	size_t payload_len = 300000, n;
	char *payload = malloc(payload_len + 1);
	unsigned char *p;
	struct heard h = { .count = 0 };
	bool at_rest;

	(void)state;
	memset(payload, 'y', payload_len);
	payload[payload_len] = '\0';
	p = frame("", 0, payload, payload_len, &n);
	assert_int_equal(decode(p, n, 1000, 1000, &h, &at_rest), CCP_OK);
	assert_true(at_rest);
	assert_int_equal(h.count, 1);
	assert_int_equal(strlen(h.messages[0]), payload_len + 7);
	forget(&h);
	free(p);
	free(payload);
}

static void
stops_when_told(void **state)
{
	struct heard h = { .stop_after = 2 };
	struct ccp_eventstream *d = NULL;

	(void)state;
	assert_int_equal(ccp_eventstream_new(hear, &h, &d, NULL), CCP_OK);
	assert_int_equal(ccp_eventstream_feed(d, eventstream_bytes, sizeof(eventstream_bytes),
	                                      NULL),
	                 CCP_OK);
	assert_int_equal(h.count, 2);
	assert_int_equal(ccp_eventstream_feed(d, eventstream_bytes, sizeof(eventstream_bytes),
	                                      NULL),
	                 CCP_OK);
	assert_true(ccp_eventstream_at_rest(d));
	assert_vectors(&h, 2);
	ccp_eventstream_free(d);
	ccp_eventstream_free(NULL);
}

static void
stays_broken(void **state)
{
	struct heard h = { .count = 0 };
	struct ccp_eventstream *d = NULL;
	struct ccp_error first = { .code = CCP_OK }, second = { .code = CCP_OK };

	(void)state;
	assert_int_equal(ccp_eventstream_new(hear, &h, &d, NULL), CCP_OK);
	assert_int_equal(ccp_eventstream_feed(d, "HTTP/1.1 200", 12, &first), CCP_ERR_FORMAT);
	assert_int_equal(ccp_eventstream_feed(d, eventstream_bytes, sizeof(eventstream_bytes),
	                                      &second),
	                 CCP_ERR_FORMAT);
	assert_int_equal(ccp_eventstream_feed(d, NULL, 0, NULL), CCP_ERR_FORMAT);
	assert_string_equal(first.text, second.text);
	assert_int_equal(h.count, 0);
	ccp_eventstream_free(d);
}

/* smithy's own messages: good ones give one message with the payload, bad ones none. */
static void
assert_smithy_file(const char *name, bool good)
{
	char path[VECTORS_PATH_BYTES], folder[200];
	struct heard h = { .count = 0 };
	size_t n;
	char *bytes;
	bool at_rest;

	snprintf(folder, sizeof(folder), "eventstream/smithy-typescript/encoded/%s/%s",
	         good ? "positive" : "negative", name);
	assert_true(vectors_path(path, folder));
	bytes = slurp(path, &n);
	assert_int_equal(decode(bytes, n, n, n, &h, &at_rest), good ? CCP_OK : CCP_ERR_FORMAT);
	assert_int_equal(h.count, good ? 1 : 0);
	if (good)
		assert_non_null(strstr(h.messages[0], strcmp(name, "empty_message") == 0
		                                              ? "|||||||"
		                                              : "|{'foo':'bar'}|"));
	forget(&h);
	free(bytes);
}

static void
smithy_messages(void **state)
{
	char path[VECTORS_PATH_BYTES];

	(void)state;
	if (!vectors_here(path, "eventstream/smithy-typescript"))
		return;
	assert_smithy_file("all_headers", true);
	assert_smithy_file("int32_header", true);
	assert_smithy_file("payload_one_str_header", true);
	assert_smithy_file("empty_message", true);
	assert_smithy_file("payload_no_headers", true);
	assert_smithy_file("corrupted_payload", false);
	assert_smithy_file("corrupted_length", false);
	assert_smithy_file("corrupted_headers", false);
	assert_smithy_file("corrupted_header_len", false);
}

static const char *
header_text(const cJSON *message, const char *name)
{
	const char *text = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItem(message, "headers"), name));

	return text ? text : "";
}

/* A Bedrock body against its index: the same messages with the same names. */
static void
assert_bedrock_body(const cJSON *entry)
{
	char path[VECTORS_PATH_BYTES], name[200];
	struct heard h = { .count = 0 };
	const cJSON *messages = cJSON_GetObjectItem(entry, "messages"), *m;
	bool at_rest, bad = strcmp(entry->string, "bad_crc.bin") == 0;
	size_t n, i = 0;
	char *bytes;

	snprintf(name, sizeof(name), "eventstream/generated/%s", entry->string);
	assert_true(vectors_path(path, name));
	bytes = slurp(path, &n);
	print_message("# %s\n", name);
	assert_int_equal(decode(bytes, n, 100, 3, &h, &at_rest), bad ? CCP_ERR_FORMAT : CCP_OK);
	assert_int_equal(at_rest, !bad && strcmp(entry->string, "truncated.bin") != 0);
	cJSON_ArrayForEach(m, messages) {
		struct ccp_buf want = CCP_BUF_INIT(65536);

		if (!cJSON_GetObjectItem(m, "headers"))
			break; /* the index says what is wrong with the rest */
		ccp_buf_addf(&want, "%s|%s|%s|%s|%s|%s|", header_text(m, ":message-type"),
		             header_text(m, ":event-type"), header_text(m, ":exception-type"),
		             header_text(m, ":error-code"), header_text(m, ":error-message"),
		             header_text(m, ":content-type"));
		assert_true(i < h.count);
		assert_memory_equal(h.messages[i], want.data, want.len);
		ccp_buf_clear(&want);
		i++;
	}
	assert_int_equal(i, h.count);
	forget(&h);
	free(bytes);
}

static void
bedrock_bodies(void **state)
{
	char path[VECTORS_PATH_BYTES];
	const cJSON *entry;
	cJSON *index;
	size_t n;
	char *text;

	(void)state;
	if (!vectors_here(path, "eventstream/generated/index.json"))
		return;
	text = slurp(path, &n);
	index = cJSON_ParseWithLength(text, n);
	assert_non_null(index);
	cJSON_ArrayForEach(entry, index)
		assert_bedrock_body(entry);
	cJSON_Delete(index);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(truncated_everywhere),
		cmocka_unit_test(corrupted_everywhere),
		cmocka_unit_test(broken_headers),
		cmocka_unit_test(header_of_another_type),
		cmocka_unit_test(lengths),
		cmocka_unit_test(large_message),
		cmocka_unit_test(stops_when_told),
		cmocka_unit_test(stays_broken),
		cmocka_unit_test(smithy_messages),
		cmocka_unit_test(bedrock_bodies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
