#ifndef CCP_MASTER_H
#define CCP_MASTER_H

#include "base/error.h"

/*
 * The small parent of several workers on one socket. It starts each worker as
 * the program on disk (path, with --worker), so that SIGHUP is also the way to
 * a new version; starts a new one when one dies; hands on SIGTERM.
 *
 * Before it starts any, and at SIGHUP, it asks the program on disk (--check)
 * whether it likes the settings, the models file and the store's tables; what is
 * refused is one sentence in the log.
 *
 * SIGTERM, SIGINT: workers drain, then all is over; a second one ends now
 * (SIGQUIT to the workers: SIGTERM may reach them several times, from us, from
 * a supervisor that signals the whole group, and when we die).
 * SIGHUP: if it likes them new workers start and the old ones drain, if not the
 * old ones stay.
 */

/* More processes than this on one machine are a mistake in a setting. */
#define CCP_WORKERS_MAX 64
/* A worker that dies at once is started again after a pause that doubles up to this. */
#define CCP_RESPAWN_PAUSE_MAX_MS 5000

/* Returns the exit status when all is over, 1 when --check refused before it began. path: the program; count: workers, 1 or more. */
int ccp_master_run(const char *path, int count);

#endif
