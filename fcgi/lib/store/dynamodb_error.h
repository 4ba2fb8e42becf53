#ifndef CCP_DYNAMODB_ERROR_H
#define CCP_DYNAMODB_ERROR_H

#include "store/dynamodb_call.h"

/* What an answer means. Pure; inside of dynamodb_call. */

enum ccp_ddb_next {
	CCP_DDB_SETTLED,   /* answered for good, as reply says */
	CCP_DDB_TRANSIENT, /* the next try may well be better */
	CCP_DDB_THROTTLED, /* the same, when it comes a little later */
	CCP_DDB_EXPIRED,   /* the same with other credentials; else it stands as reply says */
	CCP_DDB_MISSIGNED, /* the same with a right clock; else it stands as reply says */
	CCP_DDB_STRANGE,   /* nothing that DynamoDB says: somebody else answered */
};

/*
 * Fills reply (empty) from an answer of any status; a body that is a JSON object
 * moves into it. why gets a sentence for everything but a success.
 */
enum ccp_ddb_next ccp_ddb_judge(struct ccp_http_wait_answer *answer, struct ccp_ddb_reply *reply,
                                struct ccp_error *why);

/*
 * How long the answer asks to be left alone (x-amz-retry-after, milliseconds;
 * retry-after, seconds); 0: it does not say, or in some other form.
 */
int64_t ccp_ddb_retry_after_ms(const struct ccp_headers *headers);

#endif
