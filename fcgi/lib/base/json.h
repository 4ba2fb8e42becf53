#ifndef CCP_JSON_H
#define CCP_JSON_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * JSON as text: finds where things stand and edits them there, so that
 * everything that is not named keeps its bytes (digits of numbers, escapes,
 * order, duplicate keys, white space). Nothing here recurses or builds a tree.
 *
 * Source: RFC 8259 (December 2017). As there, a key may occur twice; where one
 * value is asked for the last one counts, as in ECMAScript's JSON.parse.
 */

/* Requests nest some 20 deep; the ceiling keeps the scanner's state at 3 KiB of stack. */
#define CCP_JSON_DEPTH_MAX 512

enum ccp_json_type {
	CCP_JSON_NONE, /* no value */
	CCP_JSON_NULL,
	CCP_JSON_FALSE,
	CCP_JSON_TRUE,
	CCP_JSON_NUMBER,
	CCP_JSON_STRING,
	CCP_JSON_ARRAY,
	CCP_JSON_OBJECT,
};

/*
 * True when text is one JSON value and nothing else: RFC 8259 to the letter,
 * strings in valid UTF-8, at most CCP_JSON_DEPTH_MAX brackets deep (brackets
 * inside strings do not count). \ud800 alone is grammatical and passes.
 */
bool ccp_json_valid(struct ccp_span text);

/*
 * Where the larger containers and strings of a text end, found while it is
 * checked, so that a walk need not look into those that it goes past. Offsets
 * are from text.p.
 */
struct ccp_json_extent {
	uint32_t start;
	uint32_t end;  /* behind its last byte; 0: not known, the walk finds it */
	uint32_t next; /* index of the first one behind it */
};

/* 12 MiB for a body of nothing but small things; what is over is walked. */
#define CCP_JSON_INDEX_MAX_COUNT (1024 * 1024)

struct ccp_json_index {
	struct ccp_json_extent *items; /* owned, in the order of the text */
	size_t count;
	size_t cap;
	size_t last; /* the one that a walk gave last: it is likely the next one walked */
	bool full;
};

#define CCP_JSON_INDEX_INIT \
	{                   \
		0           \
	}

/* The same; fills index, which was empty. It is good as long as text stays where it is. */
bool ccp_json_valid_index(struct ccp_span text, struct ccp_json_index *index);
void ccp_json_index_clear(struct ccp_json_index *index);

/*
 * What follows reads text that ccp_json_valid() has accepted. Other text gives
 * other nonsense, but is never read outside its span.
 */

/* By the first byte; white space before it is not skipped (values are spans without any). */
enum ccp_json_type ccp_json_type(struct ccp_span value);

/* The value without the white space around it. */
struct ccp_span ccp_json_trim(struct ccp_span text);

/* Walks an object's members or an array's elements; no steps over anything else. */
struct ccp_json_iter {
	const char *p;
	const char *end;
	bool object;
	struct ccp_json_index *index; /* or NULL */
	const char *text;             /* of the index */
	size_t entry;                 /* of the next one in the index */
};

struct ccp_json_item {
	struct ccp_span key;   /* with its quotes; empty in an array */
	struct ccp_span value; /* raw */
	struct ccp_span whole; /* from the key's (or value's) first byte to the value's last */
};

struct ccp_json_iter ccp_json_each(struct ccp_span container);
/* The same with the index of the text that container is a part of; it is borrowed, and changed. */
struct ccp_json_iter ccp_json_each_in(struct ccp_json_index *index, struct ccp_span text,
                                      struct ccp_span container);
bool ccp_json_next(struct ccp_json_iter *it, struct ccp_json_item *item);

/* True when the item that ccp_json_next() gave last is the last of all. */
bool ccp_json_at_end(const struct ccp_json_iter *it);

/* True when the raw string (with its quotes) means text; escapes are looked through. */
bool ccp_json_string_is(struct ccp_span string, const char *text);

/* True when the raw string means something that starts with prefix. */
bool ccp_json_string_starts(struct ccp_span string, const char *prefix);

/*
 * The beginning of what a raw string means: up to size bytes of it, decoded in
 * buf, or a part of the string itself when that has no escapes there. len 0 for
 * what is no string.
 */
struct ccp_span ccp_json_string_head(struct ccp_span string, char *buf, size_t size);

/* Bytes of UTF-8 that the raw string means, 0 when it is not a string. */
size_t ccp_json_string_bytes(struct ccp_span string);

/*
 * Decodes a raw string into out with a NUL. False, and out is "", when it is
 * no string, does not fit, or means a NUL. A lone surrogate becomes U+FFFD.
 */
bool ccp_json_string_text(struct ccp_span string, char *out, size_t out_size);

/* An integer in plain digits; false for everything else. What is larger gives INT64_MAX. */
bool ccp_json_uint(struct ccp_span number, int64_t *out);

/* Value of the last member of that key, len 0 when there is none or object is no object. */
struct ccp_span ccp_json_member(struct ccp_span object, const char *key);

/* The value of the last member of that key, of any iterator's rest. */
struct ccp_span ccp_json_find(struct ccp_json_iter it, const char *key);

/*
 * Decoded text of a top-level member of text that nobody has checked yet: false,
 * and out is "", when text is not valid JSON or not an object, or the member is
 * absent, no string, or too long for out.
 */
bool ccp_json_member_text(struct ccp_span object, const char *key, char *out, size_t out_size);

/* Appends text as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
void ccp_json_add_string(struct ccp_buf *out, const char *text, size_t len);

/*
 * A list of edits of one text: cuts, replacements and insertions by place, in
 * any order, at most one insertion at one place; applied they come out in the
 * order of the text. An edit inside something that another edit cuts is moot.
 * Like ccp_buf, the list is spoiled by the first failure and checked at its
 * end. Not to be copied: items may point into the struct itself.
 */
struct ccp_json_edit {
	size_t offset;
	size_t len;       /* bytes that go */
	const char *text; /* bytes that come; borrowed until applied */
	size_t text_len;
};

/* One edit a block of the largest body (32 MiB, blocks of 60 bytes) and some to spare. */
#define CCP_JSON_EDITS_MAX_COUNT 600000

struct ccp_json_edits {
	struct ccp_span text;        /* borrowed */
	struct ccp_json_edit *items; /* owned, or few */
	size_t count;
	size_t cap;
	bool spoiled;
	bool unsorted;
	struct ccp_json_edit few[8]; /* most texts need no more */
};

void ccp_json_edits_init(struct ccp_json_edits *edits, struct ccp_span text);
void ccp_json_edits_clear(struct ccp_json_edits *edits);

/* span is a part of the text; with, if any, is borrowed until the edits are applied. */
void ccp_json_cut(struct ccp_json_edits *edits, struct ccp_span span);
void ccp_json_replace(struct ccp_json_edits *edits, struct ccp_span span, const char *with,
                      size_t with_len);

/*
 * Appends the edited text to out. CCP_ERR_LIMIT when it is larger than out may
 * get or there were too many edits, CCP_ERR_NOMEM.
 */
enum ccp_err ccp_json_apply(struct ccp_json_edits *edits, struct ccp_buf *out,
                            struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Removes some members of an object or elements of an array and leaves the
 * rest valid: call keep or drop for each in order, then end. A removed one goes
 * with everything up to the next one kept; a removed tail with everything from
 * the end of the last one kept.
 */
struct ccp_json_sieve {
	struct ccp_json_edits *edits;
	const char *kept_end;   /* of the last one kept, or NULL */
	const char *drop_start; /* of the run now being removed, or NULL */
	const char *drop_end;
	size_t kept_count;
	size_t dropped_count;
};

#define CCP_JSON_SIEVE_INIT(list) \
	{                         \
		.edits = (list)   \
	}

void ccp_json_keep(struct ccp_json_sieve *sieve, const struct ccp_json_item *item);
void ccp_json_drop(struct ccp_json_sieve *sieve, const struct ccp_json_item *item);
void ccp_json_sieve_end(struct ccp_json_sieve *sieve);

#endif
