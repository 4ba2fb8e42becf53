#ifndef CCP_DYNAMODB_H
#define CCP_DYNAMODB_H

#include "store/dynamodb_call.h"
#include "store/store_backend.h"

/*
 * The store in two DynamoDB tables, RATE_LIMIT_TABLE_NAME and USAGE_TABLE_NAME,
 * in the schema of the Python original, so that its tables can be taken over
 * and its readers read ours. Attribute names and types: dynamodb_names.h.
 */
struct ccp_dynamodb;

/*
 * Borrows config and credentials until closed; credentials NULL: some of its
 * own. outside (copied) NULL: the real one. Asks nobody. CCP_ERR_NOMEM.
 */
enum ccp_err ccp_dynamodb_open(const struct ccp_config *config, struct ccp_credentials *credentials,
                               const struct ccp_ddb_outside *outside, struct ccp_dynamodb **db,
                               struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Asks both tables for an item that is never there, 2 s at most:
 * CCP_ERR_SETTING when a table has other keys than ours; CCP_ERR_STORE (no such
 * table: the sentence says what to do; not allowed), CCP_ERR_NET, …
 */
enum ccp_err ccp_dynamodb_try(struct ccp_dynamodb *db, struct ccp_error *err) CCP_MUST_CHECK;

/* Names the usage table and its place, for the journal; cut to size. */
void ccp_dynamodb_name(const struct ccp_dynamodb *db, char *name, size_t size);

/* The process ends: calls end after the try under way. Any thread. */
void ccp_dynamodb_stop(struct ccp_dynamodb *db);

/*
 * What `claude-code-proxy-admin tables` does, reporting each step in a sentence.
 *
 * make: creates what is missing (PAY_PER_REQUEST; TTL where the service has it;
 * date-index, on a table of the original too) and gives items of the original
 * the attribute date, by which the index finds them. Waits for tables and index
 * to become active. False in make: changes nothing, says what is missing.
 *
 * *missing: how many things are (still) not as they should be. Blocks for
 * minutes at worst.
 */
typedef void ccp_dynamodb_say_fn(void *arg, const char *sentence);
enum ccp_err ccp_dynamodb_tables(struct ccp_dynamodb *db, bool make, ccp_dynamodb_say_fn *say,
                                 void *arg, int *missing, struct ccp_error *err) CCP_MUST_CHECK;

#endif
