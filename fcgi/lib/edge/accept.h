#ifndef CCP_ACCEPT_H
#define CCP_ACCEPT_H

#include "base/error.h"

#include <stdbool.h>

/*
 * Threads that accept connections of a listening socket and do the first thing with each, which
 * may block: read a request. Of workers that share the socket the first gets them all, as far as it
 * does not let the others go first.
 */
struct ccp_accept;

/* Threads at most: each may be held up by one slow uploader. */
#define CCP_ACCEPT_THREADS_MAX 64

/*
 * On an accept thread, on many at once, and perhaps before ccp_accept_new() has returned. fd
 * (blocking, close-on-exec) is the function's to close. True: others may have the next ones, those
 * of this worker and of all that share the socket.
 */
typedef bool ccp_accept_fn(void *arg, int fd);

/*
 * Starts accepting on listen_fd, a listening socket, which becomes non-blocking. threads: as many
 * wait while nothing comes, 1 to CCP_ACCEPT_THREADS_MAX; when all are busy more are started. Out of
 * descriptors or memory connections wait, which the log says once a minute.
 * CCP_ERR_SYSTEM: it is no such socket, or a thread could not be started; CCP_ERR_NOMEM.
 */
enum ccp_err ccp_accept_new(int listen_fd, int threads, ccp_accept_fn *fn, void *arg,
                            struct ccp_accept **accept, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * No more connections are taken, but for those that woke a thread already. Does not block; what
 * threads have in hand they finish. Any thread.
 */
void ccp_accept_stop(struct ccp_accept *accept);

/* True when no thread is left, and so fn is not called any more. Any thread. */
bool ccp_accept_over(struct ccp_accept *accept);

/* Stops, and waits for the threads. NULL: nothing. */
void ccp_accept_free(struct ccp_accept *accept);

#endif
