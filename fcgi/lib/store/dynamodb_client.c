#include "store/dynamodb_client.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#define URL_MAX_BYTES (2 * CCP_ENDPOINT_MAX_BYTES)

/* --- the real outside; arg is the struct ccp_ddb --- */

static enum ccp_err
real_http(void *arg, const struct ccp_http_wait_request *request,
          struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	return ccp_http_wait_call(((struct ccp_ddb *)arg)->wait, request, answer, err);
}

static int64_t
real_now_ms(void *arg)
{
	(void)arg;
	return ccp_clock_unix_ms();
}

/* Ends at once when the process does. */
static void
real_sleep_ms(void *arg, int64_t ms)
{
	struct ccp_ddb *ddb = arg;
	const struct timespec until = ccp_clock_in(ms);

	pthread_mutex_lock(&ddb->lock);
	while (!ddb->stopped && pthread_cond_timedwait(&ddb->stops, &ddb->lock, &until) == 0)
		continue;
	pthread_mutex_unlock(&ddb->lock);
}

static uint32_t
real_random(void *arg)
{
	uint32_t n;

	(void)arg;
	if (RAND_bytes((unsigned char *)&n, sizeof(n)) != 1)
		n = (uint32_t)real_now_ms(NULL); /* only spreads the tries of several processes */
	return n;
}

/* --- new, stop, free --- */

static void
init_lock(struct ccp_ddb *ddb)
{
	pthread_condattr_t attr;

	/* cannot fail with glibc */
	pthread_mutex_init(&ddb->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ddb->stops, &attr);
	pthread_condattr_destroy(&attr);
}

/* The endpoint and "/", and its parts. */
static bool
find_place(struct ccp_ddb *ddb)
{
	const char *host;

	ccp_credentials_endpoint(ddb->credentials, CCP_AWS_DYNAMODB,
	                         ccp_credentials_region(ddb->credentials), &ddb->url);
	ccp_buf_puts(&ddb->url, "/");
	if (!ccp_buf_ok(&ddb->url))
		return false;
	host = strstr(ccp_buf_text(&ddb->url), "://") + 3;
	ddb->path = strchr(host, '/');
	ccp_buf_add(&ddb->host, host, (size_t)(ddb->path - host));
	return ccp_buf_ok(&ddb->host);
}

enum ccp_err
ccp_ddb_new(const struct ccp_config *config, struct ccp_credentials *credentials,
            const struct ccp_ddb_outside *outside, struct ccp_ddb **out, struct ccp_error *err)
{
	struct ccp_ddb *ddb = calloc(1, sizeof(*ddb));

	*out = NULL;
	if (!ddb)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for DynamoDB");
	init_lock(ddb);
	ddb->credentials = credentials;
	ddb->url = ddb->host = (struct ccp_buf)CCP_BUF_INIT(URL_MAX_BYTES);
	if (!find_place(ddb)) {
		ccp_ddb_free(ddb);
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for DynamoDB's address");
	}
	if (outside) {
		ddb->outside = *outside;
	} else {
		enum ccp_err rc = ccp_http_wait_new(config, &ddb->wait, err);

		if (rc) {
			ccp_ddb_free(ddb);
			return rc;
		}
		ddb->outside = (struct ccp_ddb_outside){ real_http, real_now_ms, real_sleep_ms,
			                                 real_random, ddb };
	}
	*out = ddb;
	return CCP_OK;
}

void
ccp_ddb_free(struct ccp_ddb *ddb)
{
	if (!ddb)
		return;
	ccp_http_wait_free(ddb->wait);
	ccp_buf_clear(&ddb->url);
	ccp_buf_clear(&ddb->host);
	pthread_cond_destroy(&ddb->stops);
	pthread_mutex_destroy(&ddb->lock);
	free(ddb);
}

const char *
ccp_ddb_url(const struct ccp_ddb *ddb)
{
	return ccp_buf_text(&ddb->url);
}

void
ccp_ddb_stop(struct ccp_ddb *ddb)
{
	pthread_mutex_lock(&ddb->lock);
	ddb->stopped = true;
	pthread_cond_broadcast(&ddb->stops);
	pthread_mutex_unlock(&ddb->lock);
}

bool
ccp_ddb_is_stopped(struct ccp_ddb *ddb)
{
	bool stopped;

	pthread_mutex_lock(&ddb->lock);
	stopped = ddb->stopped;
	pthread_mutex_unlock(&ddb->lock);
	return stopped;
}
