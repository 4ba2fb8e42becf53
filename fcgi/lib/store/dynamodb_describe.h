#ifndef CCP_DYNAMODB_DESCRIBE_H
#define CCP_DYNAMODB_DESCRIBE_H

#include "store/dynamodb_parts.h"

/*
 * What DescribeTable says, as far as it matters to us. Inside of the DynamoDB
 * backend.
 *
 * Source: DynamoDB API reference (2012-08-10), TableDescription.
 */
struct ccp_table_state {
	bool exists;
	bool active;
	bool key_fits; /* that key, a string, and no other */
	bool on_demand;
	int64_t read_units, write_units; /* when not on demand; at least 1 */

	/* an active index with HASH date (a string) and all attributes; "" = none */
	char index[CCP_DDB_INDEX_NAME_BYTES];
	bool index_coming; /* there will be one */
	bool name_taken;   /* date-index is there, and another index than ours */
};

/* Reads a TableDescription. */
void ccp_dynamodb_read_table(struct ccp_span table, const char *key, struct ccp_table_state *state);

/*
 * CCP_OK with state filled when reply->end is DONE or NO_TABLE; any other end
 * is CCP_OK too, state is then all zeros and the caller says what it means.
 */
enum ccp_err ccp_dynamodb_describe(struct ccp_dynamodb *db, const char *table, const char *key,
                                   const struct ccp_ddb_patience *patience,
                                   struct ccp_table_state *state, struct ccp_ddb_reply *reply,
                                   struct ccp_error *err) CCP_MUST_CHECK;

#endif
