#ifndef CCP_BEDROCK_FAILURE_H
#define CCP_BEDROCK_FAILURE_H

#include "upstream/bedrock.h"

/* Fills failure from an exception's name and text, as AWS wrote them; borrows both. */
void ccp_bedrock_failure_set(struct ccp_bedrock_failure *failure, struct ccp_span name,
                             struct ccp_span message);

/* The sentence of an error's JSON body: message, Message, or error.message, nested or not. */
void ccp_bedrock_failure_message(struct ccp_span json, struct ccp_buf *message);

#endif
