#ifndef CCP_MESSAGES_WORKER_H
#define CCP_MESSAGES_WORKER_H

#include "base/config.h"
#include "upstream/models.h"

#include <stdbool.h>

/*
 * A worker of messages.fcgi: one event loop, a few accept threads and a few
 * work threads. Each request is a session (edge) that is answered at once or
 * by an exchange (relay). Takes config and models; returns the exit status
 * when it has drained. alone: there is no master, SIGHUP reads the models anew.
 */
int ccp_messages_worker(struct ccp_config *config, struct ccp_models *models, bool alone);

#endif
