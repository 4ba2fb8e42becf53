#include "aws/sigv4.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Web servers are told to take 64 KiB of head; encoding makes three bytes of one. */
#define QUERY_MAX_BYTES (3 * 64 * 1024)

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

static void
add_encoded_byte(struct ccp_buf *b, char c)
{
	if (is_unreserved(c))
		ccp_buf_add(b, &c, 1);
	else
		ccp_buf_addf(b, "%%%02X", (unsigned)(unsigned char)c);
}

static void
add_path(struct ccp_buf *b, const char *path)
{
	if (!*path)
		path = "/";
	for (; *path; path++)
		if (*path == '/')
			ccp_buf_add(b, path, 1);
		else
			add_encoded_byte(b, *path);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/*
 * A name or a value of the query, decoded and encoded again: the receiver
 * signs what it decoded. "+" is a plus sign, as SigV4 has it, and a "%" that
 * starts no escape stands for itself.
 */
static void
add_query_text(struct ccp_buf *b, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char c = p[i];

		if (c == '%' && n - i > 2 && hex_digit(p[i + 1]) >= 0 && hex_digit(p[i + 2]) >= 0) {
			c = (char)(hex_digit(p[i + 1]) << 4 | hex_digit(p[i + 2]));
			i += 2;
		}
		add_encoded_byte(b, c);
	}
}

/* One parameter in the encoded text; offsets, since the text moves while it grows. */
struct param {
	const char *text; /* set when the text no longer moves */
	size_t at;
	size_t name_len;
	size_t value_len;
};

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

/* By name, then value; not by "name=value", where "-" would sort before "=". */
static int
compare_params(const void *a, const void *b)
{
	const struct param *x = a, *y = b;
	const char *xs = x->text + x->at, *ys = y->text + y->at;
	int order = compare_bytes(xs, x->name_len, ys, y->name_len);

	if (order)
		return order;
	return compare_bytes(xs + x->name_len, x->value_len, ys + y->name_len, y->value_len);
}

static size_t
count_params(const char *query)
{
	size_t count = 1;

	while ((query = strchr(query, '&')) != NULL) {
		query++;
		count++;
	}
	return count;
}

/* Encodes the parameters one behind the other into text; returns how many there are. */
static size_t
encode_params(const char *query, struct ccp_buf *text, struct param *params)
{
	size_t count = 0;

	while (*query) {
		size_t len = strcspn(query, "&");
		size_t name_len = strcspn(query, "=&");
		struct param *p = &params[count];

		if (len > 0) {
			count++;
			p->at = text->len;
			add_query_text(text, query, name_len);
			p->name_len = text->len - p->at;
			if (name_len < len)
				add_query_text(text, query + name_len + 1, len - name_len - 1);
			p->value_len = text->len - p->at - p->name_len;
		}
		query += len + (query[len] == '&');
	}
	return count;
}

static void
add_query(struct ccp_buf *b, const char *query)
{
	struct ccp_buf text = CCP_BUF_INIT(QUERY_MAX_BYTES);
	struct param *params = NULL;
	size_t count, i;

	if (!query || !*query)
		return;
	params = calloc(count_params(query), sizeof(*params));
	if (!params) {
		b->spoiled = true;
		goto out;
	}
	count = encode_params(query, &text, params);
	if (!ccp_buf_ok(&text)) {
		b->spoiled = true;
		goto out;
	}
	for (i = 0; i < count; i++)
		params[i].text = ccp_buf_text(&text);
	qsort(params, count, sizeof(*params), compare_params);
	for (i = 0; i < count; i++) {
		const char *name = params[i].text + params[i].at;

		if (i)
			ccp_buf_add(b, "&", 1);
		ccp_buf_add(b, name, params[i].name_len);
		ccp_buf_add(b, "=", 1);
		ccp_buf_add(b, name + params[i].name_len, params[i].value_len);
	}

out:
	ccp_buf_clear(&text);
	free(params);
}

/* By name; equal names keep the order they are sent in, which is that of their addresses. */
static int
compare_headers(const void *a, const void *b)
{
	const struct ccp_header *x = *(const struct ccp_header *const *)a;
	const struct ccp_header *y = *(const struct ccp_header *const *)b;
	int order = strcasecmp(x->name, y->name);

	if (order)
		return order;
	return (x > y) - (x < y);
}

static void
add_lower(struct ccp_buf *b, const char *name)
{
	for (; *name; name++) {
		char c = *name;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		ccp_buf_add(b, &c, 1);
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The value without blanks around it, runs of blanks inside as one space. */
static void
add_header_value(struct ccp_buf *b, const char *value)
{
	while (is_blank(*value))
		value++;
	while (*value) {
		if (!is_blank(*value)) {
			ccp_buf_add(b, value++, 1);
			continue;
		}
		while (is_blank(*value))
			value++;
		if (*value)
			ccp_buf_add(b, " ", 1);
	}
}

static void
add_headers(struct ccp_buf *b, const struct ccp_headers *headers, struct ccp_buf *names)
{
	const struct ccp_header *order[CCP_HEADERS_MAX_COUNT];
	size_t count = headers->count, i;

	for (i = 0; i < count; i++)
		order[i] = &headers->items[i];
	qsort(order, count, sizeof(order[0]), compare_headers);
	for (i = 0; i < count; i++) {
		bool repeated = i && strcasecmp(order[i - 1]->name, order[i]->name) == 0;

		if (i)
			ccp_buf_puts(b, repeated ? "," : "\n");
		if (!repeated) {
			if (i)
				ccp_buf_puts(names, ";");
			add_lower(names, order[i]->name);
			add_lower(b, order[i]->name);
			ccp_buf_puts(b, ":");
		}
		add_header_value(b, order[i]->value);
	}
	ccp_buf_puts(b, "\n");
}

void
ccp_sigv4_canonical(const struct ccp_sigv4_request *r, struct ccp_buf *canonical,
                    struct ccp_buf *signed_names)
{
	ccp_buf_puts(canonical, r->method);
	ccp_buf_puts(canonical, "\n");
	add_path(canonical, r->path);
	ccp_buf_puts(canonical, "\n");
	add_query(canonical, r->query);
	ccp_buf_puts(canonical, "\n");
	add_headers(canonical, r->headers, signed_names);
	ccp_buf_puts(canonical, "\n");
	ccp_buf_puts(canonical, ccp_buf_text(signed_names));
	ccp_buf_puts(canonical, "\n");
	ccp_buf_puts(canonical, r->body_sha256_hex);
	if (!ccp_buf_ok(signed_names))
		canonical->spoiled = true;
}
