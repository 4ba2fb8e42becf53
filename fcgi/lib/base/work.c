#include "base/work.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define THREADS_MAX 16

/* SQLite and the translation need little stack; the default of 8 MiB is only address space. */
#define STACK_BYTES (512 * 1024)

struct ccp_work {
	struct ccp_loop *loop;
	pthread_t threads[THREADS_MAX];
	int thread_count;
	pthread_mutex_t lock; /* guards the four below */
	pthread_cond_t some;
	struct ccp_job *first;
	struct ccp_job *last;
	bool ending;
};

static void
job_done(struct ccp_task *task)
{
	struct ccp_job *job = (struct ccp_job *)((char *)task - offsetof(struct ccp_job, task));

	job->done(job);
}

static void *
work_thread(void *arg)
{
	struct ccp_work *work = arg;
	struct ccp_job *job;

	for (;;) {
		pthread_mutex_lock(&work->lock);
		while (!work->first && !work->ending)
			pthread_cond_wait(&work->some, &work->lock);
		job = work->first;
		if (job) {
			work->first = job->next;
			if (!work->first)
				work->last = NULL;
		}
		pthread_mutex_unlock(&work->lock);
		if (!job)
			return NULL;
		job->run(job);
		job->task.fn = job_done;
		ccp_loop_post(work->loop, &job->task);
	}
}

enum ccp_err
ccp_work_new(struct ccp_loop *loop, int thread_count, struct ccp_work **out, struct ccp_error *err)
{
	struct ccp_work *work = calloc(1, sizeof(*work));
	pthread_attr_t attr;

	*out = NULL;
	if (!work)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the work threads");
	work->loop = loop;
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->some, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (work->thread_count < thread_count && work->thread_count < THREADS_MAX) {
		if (pthread_create(&work->threads[work->thread_count], &attr, work_thread, work) !=
		    0)
			break;
		work->thread_count++;
	}
	pthread_attr_destroy(&attr);
	if (work->thread_count == 0) {
		ccp_work_free(work);
		return ccp_fail(err, CCP_ERR_SYSTEM, "no work thread could be started");
	}
	*out = work;
	return CCP_OK;
}

void
ccp_work_free(struct ccp_work *work)
{
	int i;

	if (!work)
		return;
	pthread_mutex_lock(&work->lock);
	work->ending = true;
	pthread_cond_broadcast(&work->some);
	pthread_mutex_unlock(&work->lock);
	for (i = 0; i < work->thread_count; i++)
		pthread_join(work->threads[i], NULL);
	pthread_cond_destroy(&work->some);
	pthread_mutex_destroy(&work->lock);
	free(work);
}

void
ccp_work_submit(struct ccp_work *work, struct ccp_job *job)
{
	job->work = work;
	job->next = NULL;
	pthread_mutex_lock(&work->lock);
	if (work->last)
		work->last->next = job;
	else
		work->first = job;
	work->last = job;
	pthread_cond_signal(&work->some);
	pthread_mutex_unlock(&work->lock);
}
