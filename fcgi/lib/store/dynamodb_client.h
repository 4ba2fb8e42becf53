#ifndef CCP_DYNAMODB_CLIENT_H
#define CCP_DYNAMODB_CLIENT_H

#include "store/dynamodb_call.h"

#include <pthread.h>

/* What calls share: the place to ask, the outside, and the word "stop". Inside of the DynamoDB
 * backend. */
struct ccp_ddb {
	struct ccp_credentials *credentials; /* borrowed */
	struct ccp_ddb_outside outside;
	struct ccp_http_wait *wait; /* NULL with another outside */
	struct ccp_buf url, host;
	const char *path; /* in url */
	pthread_mutex_t lock;
	pthread_cond_t stops; /* on the monotonic clock */
	bool stopped;         /* with the lock */
};

/* Thread-safe. */
bool ccp_ddb_is_stopped(struct ccp_ddb *ddb);

#endif
