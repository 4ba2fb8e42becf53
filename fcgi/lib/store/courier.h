#ifndef CCP_COURIER_H
#define CCP_COURIER_H

#include "store/store.h"

/*
 * A thread that brings what a box has written down into its store: usage from
 * the journal, limits from the copy, records kept in memory. Every process that
 * adds usage has one; the journal is delivered by one of them at a time, the one
 * that holds the lock on $STATE_DIRECTORY/deliver-STORE.lock (flock(2): the
 * kernel lets it go when the process dies). So a process may die at any moment, and the
 * next one, or another, goes on with what it left.
 */
struct ccp_courier;

enum ccp_err ccp_courier_new(struct ccp_store *store, struct ccp_courier **courier,
                             struct ccp_error *err) CCP_MUST_CHECK;

/* There is something to deliver. Any thread, never blocks for long. NULL is fine. */
void ccp_courier_wake(struct ccp_courier *courier);

/*
 * The same, and blocks until all that there was at this call is in the store; for most_ms
 * at most, in which it is tried again and again. NULL is fine.
 */
void ccp_courier_deliver(struct ccp_courier *courier, int64_t most_ms);

/* Delivers what waits, for at most most_ms, and ends the thread. NULL is fine. */
void ccp_courier_free(struct ccp_courier *courier, int64_t most_ms);

/* The lock: a descriptor to close, or -1 when another process (or courier) has it. */
int ccp_courier_lock(const struct ccp_store *store);

#endif
