#ifndef CCP_WORK_H
#define CCP_WORK_H

#include "base/error.h"
#include "base/loop.h"

/*
 * A few threads for what blocks or takes long: the store, credentials,
 * conversion of large bodies. A job runs on one of them, then its done
 * function runs on the loop thread. Jobs run in the order they came, a few at
 * once; their number is bounded by the number of requests.
 */
struct ccp_work;

/* Owned by the submitter, at a fixed address until done was called. */
struct ccp_job {
	void (*run)(struct ccp_job *job);  /* on a work thread */
	void (*done)(struct ccp_job *job); /* on the loop thread; may free the job */
	struct ccp_task task;              /* the pool's */
	struct ccp_work *work;             /* the pool's */
	struct ccp_job *next;              /* the pool's */
};

/* Starts the threads; loop must outlive the pool. */
enum ccp_err ccp_work_new(struct ccp_loop *loop, int thread_count, struct ccp_work **work,
                          struct ccp_error *err) CCP_MUST_CHECK;

/* Finishes the jobs already submitted and joins the threads. */
void ccp_work_free(struct ccp_work *work);

/* Loop thread. */
void ccp_work_submit(struct ccp_work *work, struct ccp_job *job);

#endif
