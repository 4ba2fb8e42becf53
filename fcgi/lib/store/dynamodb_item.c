#include "store/dynamodb_item.h"

#include "base/json.h"

#include <string.h>

/* 38 digits, sign, point and exponent are what DynamoDB sends; it never writes leading zeros. */
#define NUMBER_MAX_BYTES 64

#define EXPONENT_MAX 1000 /* DynamoDB's own end is 125 */

/* The value behind the one type that value has, when that is type. */
static struct ccp_span
typed(struct ccp_span value, const char *type)
{
	if (ccp_json_type(value) != CCP_JSON_OBJECT)
		return (struct ccp_span){ NULL, 0 };
	return ccp_json_member(value, type);
}

struct decimal {
	char digits[NUMBER_MAX_BYTES];
	int count; /* of digits */
	int point; /* digits before the point */
	bool negative;
};

/* The exponent at p to the end; false when it is none. */
static bool
read_exponent(const char *p, int *exponent)
{
	bool negative = *p == '-';
	int n = 0;

	if (*p == '-' || *p == '+')
		p++;
	if (!*p)
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		n = n > EXPONENT_MAX ? n : n * 10 + (*p - '0');
	*exponent = negative ? -n : n;
	return *p == '\0';
}

static bool
read_decimal(const char *p, struct decimal *d)
{
	bool pointed = false;
	int exponent = 0;

	*d = (struct decimal){ .negative = *p == '-' };
	if (*p == '-' || *p == '+')
		p++;
	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !pointed); p++) {
		if (*p == '.')
			pointed = true;
		else
			d->digits[d->count++] = *p;
		if (!pointed)
			d->point = d->count;
	}
	if (d->count == 0 || (*p && *p != 'e' && *p != 'E'))
		return false;
	if (*p && !read_exponent(p + 1, &exponent))
		return false;
	d->point += exponent;
	return true;
}

bool
ccp_ddb_value_int(struct ccp_span value, int64_t *out)
{
	char text[NUMBER_MAX_BYTES];
	struct decimal d;
	int64_t n = 0;

	*out = 0;
	if (!ccp_json_string_text(typed(value, "N"), text, sizeof(text)) || !read_decimal(text, &d))
		return false;
	for (int i = 0; i < d.point; i++) {
		int digit = i < d.count ? d.digits[i] - '0' : 0;

		if (n > (INT64_MAX - digit) / 10) {
			n = INT64_MAX;
			break;
		}
		n = n * 10 + digit;
	}
	*out = d.negative ? -n : n;
	return true;
}

bool
ccp_ddb_value_text(struct ccp_span value, char *out, size_t size)
{
	return ccp_json_string_text(typed(value, "S"), out, size);
}

bool
ccp_ddb_value_true(struct ccp_span value)
{
	return ccp_json_type(typed(value, "BOOL")) == CCP_JSON_TRUE;
}

void
ccp_ddb_add_text(struct ccp_buf *out, const char *text)
{
	ccp_buf_puts(out, "{\"S\":");
	ccp_json_add_string(out, text, strlen(text));
	ccp_buf_puts(out, "}");
}

void
ccp_ddb_add_int(struct ccp_buf *out, int64_t n)
{
	ccp_buf_addf(out, "{\"N\":\"%lld\"}", (long long)n);
}

void
ccp_ddb_add_table_key(struct ccp_buf *out, const char *table, const char *name, const char *key)
{
	ccp_buf_puts(out, "{\"TableName\":");
	ccp_json_add_string(out, table, strlen(table));
	ccp_buf_addf(out, ",\"Key\":{\"%s\":", name);
	ccp_ddb_add_text(out, key);
	ccp_buf_puts(out, "}");
}

/* Takes the next placeholder for a name; the beginning of its value follows in values. */
static int
name_one(struct ccp_ddb_update *u, const char *name)
{
	int n = u->count++;

	ccp_buf_addf(&u->names, "%s\"#a%d\":", n ? "," : "", n);
	ccp_json_add_string(&u->names, name, strlen(name));
	ccp_buf_addf(&u->values, "%s\":a%d\":", n ? "," : "", n);
	return n;
}

static int
set_next(struct ccp_ddb_update *u, const char *name)
{
	int n = name_one(u, name);

	ccp_buf_addf(&u->set, "#a%d=:a%d,", n, n);
	return n;
}

int
ccp_ddb_set_int(struct ccp_ddb_update *u, const char *name, int64_t value)
{
	int n = set_next(u, name);

	ccp_ddb_add_int(&u->values, value);
	return n;
}

int
ccp_ddb_set_text(struct ccp_ddb_update *u, const char *name, const char *text)
{
	int n = set_next(u, name);

	ccp_ddb_add_text(&u->values, text);
	return n;
}

int
ccp_ddb_set_true(struct ccp_ddb_update *u, const char *name)
{
	int n = set_next(u, name);

	ccp_buf_puts(&u->values, "{\"BOOL\":true}");
	return n;
}

int
ccp_ddb_count_up(struct ccp_ddb_update *u, const char *name, int64_t value)
{
	int n = name_one(u, name);

	ccp_ddb_add_int(&u->values, value);
	ccp_buf_addf(&u->add, "#a%d :a%d,", n, n);
	return n;
}

int
ccp_ddb_remove(struct ccp_ddb_update *u, const char *name, int64_t value)
{
	int n = name_one(u, name);

	ccp_ddb_add_int(&u->values, value);
	ccp_buf_addf(&u->remove, "#a%d,", n);
	return n;
}

void
ccp_ddb_default_text(struct ccp_ddb_update *u, const char *name, const char *text)
{
	int n = name_one(u, name);

	ccp_ddb_add_text(&u->values, text);
	ccp_buf_addf(&u->set, "#a%d=if_not_exists(#a%d,:a%d),", n, n, n);
}

/* Moves "WORD clauses " to out, without the last comma. */
static void
take_clauses(struct ccp_buf *clauses, const char *word, struct ccp_buf *out)
{
	if (clauses->len > 0) {
		ccp_buf_puts(out, word);
		ccp_buf_add(out, clauses->data, clauses->len - 1);
		ccp_buf_puts(out, " ");
	}
	out->spoiled |= clauses->spoiled;
	ccp_buf_clear(clauses);
}

static void
take_map(struct ccp_buf *map, const char *name, struct ccp_buf *out)
{
	ccp_buf_addf(out, ",\"%s\":{", name);
	ccp_buf_add(out, map->data, map->len);
	ccp_buf_puts(out, "}");
	out->spoiled |= map->spoiled;
	ccp_buf_clear(map);
}

void
ccp_ddb_update_write(struct ccp_ddb_update *u, const char *table, const char *key_name,
                     const char *key, const char *condition, const char *return_values,
                     struct ccp_buf *out)
{
	ccp_ddb_add_table_key(out, table, key_name, key);
	ccp_buf_puts(out, ",\"UpdateExpression\":\"");
	take_clauses(&u->add, "ADD ", out);
	take_clauses(&u->set, "SET ", out);
	take_clauses(&u->remove, "REMOVE ", out);
	ccp_buf_puts(out, "\"");
	if (condition[0])
		ccp_buf_addf(out, ",\"ConditionExpression\":\"%s\"", condition);
	take_map(&u->names, "ExpressionAttributeNames", out);
	take_map(&u->values, "ExpressionAttributeValues", out);
	ccp_buf_addf(out, ",\"ReturnValues\":\"%s\"}", return_values);
	u->count = 0;
}
