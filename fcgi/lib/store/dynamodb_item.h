#ifndef CCP_DYNAMODB_ITEM_H
#define CCP_DYNAMODB_ITEM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * DynamoDB's attribute values as JSON, {"N":"12"}: reading them from what it
 * answered, and building an UpdateItem. Inside of the DynamoDB backend.
 *
 * Source: DynamoDB API reference (2012-08-10), AttributeValue and UpdateItem.
 */

/*
 * The whole part of a number value {"N":"-1.5E3"}; what is beyond int64_t is
 * clamped to its ends. False, and 0, for anything else.
 */
bool ccp_ddb_value_int(struct ccp_span value, int64_t *out);

/* The text of a {"S":"…"}; false, and "", for anything else or what does not fit. */
bool ccp_ddb_value_text(struct ccp_span value, char *out, size_t size);

/* True for {"BOOL":true}. */
bool ccp_ddb_value_true(struct ccp_span value);

/* Appends {"S":"text"}, {"N":"n"}. */
void ccp_ddb_add_text(struct ccp_buf *out, const char *text);
void ccp_ddb_add_int(struct ccp_buf *out, int64_t n);

/* Appends {"TableName":"table","Key":{"name":{"S":"key"}} without the last brace. */
void ccp_ddb_add_table_key(struct ccp_buf *out, const char *table, const char *name,
                           const char *key);

/* A few hundred attributes of a batch of eight models; DynamoDB's own ceiling is 4 KB an expression. */
#define CCP_DDB_UPDATE_MAX_BYTES (128 * 1024)

/*
 * An UpdateItem in the making. Each attribute gets placeholders #aN and :aN
 * (many of our names are reserved words, or hold '#' and '-'); the number N is
 * returned, for the condition. Sticky like ccp_buf: one check, at the end.
 */
struct ccp_ddb_update {
	struct ccp_buf set, add, remove; /* clauses, behind each a comma */
	struct ccp_buf names, values;
	int count;
};

/* clang-format off */
#define CCP_DDB_UPDATE_INIT { CCP_BUF_INIT(CCP_DDB_UPDATE_MAX_BYTES), \
	CCP_BUF_INIT(CCP_DDB_UPDATE_MAX_BYTES), CCP_BUF_INIT(CCP_DDB_UPDATE_MAX_BYTES), \
	CCP_BUF_INIT(CCP_DDB_UPDATE_MAX_BYTES), CCP_BUF_INIT(CCP_DDB_UPDATE_MAX_BYTES), 0 }
/* clang-format on */

int ccp_ddb_set_int(struct ccp_ddb_update *u, const char *name, int64_t n);
int ccp_ddb_set_text(struct ccp_ddb_update *u, const char *name, const char *text);
int ccp_ddb_set_true(struct ccp_ddb_update *u, const char *name);
int ccp_ddb_count_up(struct ccp_ddb_update *u, const char *name, int64_t n);
/* Removes it; :aN is its value, for the condition. */
int ccp_ddb_remove(struct ccp_ddb_update *u, const char *name, int64_t value);
/* Sets it unless it is there; it is not for conditions. */
void ccp_ddb_default_text(struct ccp_ddb_update *u, const char *name, const char *text);

/*
 * Appends the whole request to out; condition "" = none. return_values: NONE,
 * ALL_NEW. out is spoiled when anything did not fit. u is cleared.
 */
void ccp_ddb_update_write(struct ccp_ddb_update *u, const char *table, const char *key_name,
                          const char *key, const char *condition, const char *return_values,
                          struct ccp_buf *out);

#endif
