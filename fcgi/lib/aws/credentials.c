#include "aws/credentials.h"

#include "aws/credential_sources.h"
#include "aws/profile_files.h"
#include "base/clock.h"
#include "base/log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

/* Renewal begins so long before the end, and up to as much earlier, by a process's own number. */
#define RENEW_BEFORE_S 300
/* Expired credentials of the instance: asked for again after 5 minutes, and up to as much later. */
#define STABLE_RETRY_S 300
/* A renewal that failed, or gave credentials that end soon, is not tried again before. */
#define RENEW_RETRY_S 30
/* A failure answers the requests of so many seconds: each would wait for IMDS's time-out. */
#define FAILURE_KEPT_S 10
/* AWS refuses a signature that is five minutes off. */
#define SKEW_MIN_S 240

struct ccp_credentials {
	const struct ccp_config *config;
	struct ccp_aws_outside outside;
	struct ccp_http_wait *http; /* ours, when the outside is the real one */
	struct ccp_places places;   /* fixed, so it can be lent */
	atomic_bool stop;

	/* of the one that asks: whoever set asking under the lock */
	struct ccp_imds_session imds;

	pthread_mutex_t lock; /* for everything below */
	pthread_cond_t answered;
	struct ccp_profile_files *files; /* while asking: of the one that asks */
	bool asking;
	bool joinable; /* that thread was started, and not joined yet */
	pthread_t thread;
	int64_t thread_now_s;

	bool have;
	bool distrusted; /* AWS called keys expired */
	bool stable;     /* keys are the instance's: good beyond their end */
	struct ccp_aws_keys keys;
	const char *source; /* of keys, or "environment"; NULL = none served yet */
	int64_t renew_at_s; /* 0 = never */
	int64_t offset_s;   /* AWS's clock less ours */

	int64_t failed_at_s; /* 0 = the last asking did not fail */
	uint64_t failure_count;
	struct ccp_error failure;
};

static void
real_sleep_ms(void *arg, int64_t ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)arg;
	nanosleep(&t, NULL);
}

static const char *
profile_name(const struct ccp_config *config)
{
	return ccp_credential_is_set(config->aws_profile) ? config->aws_profile : "default";
}

/* The files may be broken: whoever needs keys of them is told then. */
static enum ccp_err
read_places(struct ccp_credentials *c, struct ccp_error *err)
{
	struct ccp_profiles profiles = CCP_PROFILES_INIT;
	struct ccp_error broken = { .code = CCP_OK };
	enum ccp_err rc;

	rc = ccp_profile_files_read(c->files, &profiles, &broken);
	if (rc == CCP_ERR_NOMEM) {
		rc = ccp_fail(err, rc, "AWS region: %s", broken.text);
	} else {
		if (rc)
			ccp_log(CCP_LOG_WARNING, NULL, "AWS region not read: %s", broken.text);
		ccp_places_read(&c->places, c->config, &profiles, profile_name(c->config));
		rc = CCP_OK;
	}
	ccp_profiles_clear(&profiles);
	return rc;
}

enum ccp_err
ccp_credentials_new_with(const struct ccp_config *config, const struct ccp_aws_outside *outside,
                         struct ccp_credentials **out, struct ccp_error *err)
{
	struct ccp_credentials *c;
	enum ccp_err rc;

	*out = NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the AWS credentials");
	pthread_mutex_init(&c->lock, NULL); /* default attributes: cannot fail with glibc */
	pthread_cond_init(&c->answered, NULL);
	c->config = config;
	c->outside = *outside;
	rc = ccp_profile_files_new(config->aws_config_file, config->aws_shared_credentials_file,
	                           getenv("HOME"), &c->files, err);
	if (!rc)
		rc = read_places(c, err);
	if (rc) {
		ccp_credentials_free(c);
		return rc;
	}
	*out = c;
	return CCP_OK;
}

enum ccp_err
ccp_credentials_new(const struct ccp_config *config, struct ccp_credentials **out,
                    struct ccp_error *err)
{
	struct ccp_aws_outside outside = { .http = ccp_http_wait_call, .sleep_ms = real_sleep_ms };
	struct ccp_http_wait *http;
	enum ccp_err rc;

	*out = NULL;
	rc = ccp_http_wait_new(config, &http, err);
	if (rc)
		return rc;
	outside.arg = http;
	if (RAND_bytes((unsigned char *)&outside.random, sizeof(outside.random)) != 1)
		outside.random = (uint32_t)(uintptr_t)http;
	rc = ccp_credentials_new_with(config, &outside, out, err);
	if (rc)
		ccp_http_wait_free(http);
	else
		(*out)->http = http;
	return rc;
}

void
ccp_credentials_stop(struct ccp_credentials *c)
{
	atomic_store(&c->stop, true);
}

void
ccp_credentials_free(struct ccp_credentials *c)
{
	if (!c)
		return;
	ccp_credentials_stop(c);
	if (c->joinable)
		pthread_join(c->thread, NULL);
	ccp_aws_keys_clear(&c->keys);
	OPENSSL_cleanse(&c->imds, sizeof(c->imds));
	ccp_profile_files_free(c->files);
	ccp_http_wait_free(c->http);
	pthread_cond_destroy(&c->answered);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int64_t
stable_retry_time(const struct ccp_credentials *c, int64_t now_s)
{
	return now_s + STABLE_RETRY_S + c->outside.random % STABLE_RETRY_S;
}

/* When keys that were got at now_s are to be renewed. With the lock. */
static int64_t
renewal_time(const struct ccp_credentials *c, const struct ccp_aws_keys *keys, int64_t now_s)
{
	int64_t at_s = keys->expires_at_s - RENEW_BEFORE_S - c->outside.random % RENEW_BEFORE_S;

	if (keys->expires_at_s == 0)
		return 0;
	if (keys->expires_at_s <= now_s) /* the instance's, expired as they came */
		return stable_retry_time(c, now_s);
	if (at_s < now_s + RENEW_RETRY_S)
		at_s = now_s + RENEW_RETRY_S;
	return at_s < keys->expires_at_s ? at_s : keys->expires_at_s;
}

/* Keeps what an asking brought. With the lock. */
static void
keep(struct ccp_credentials *c, const struct ccp_resolve *r, enum ccp_err rc,
     const struct ccp_aws_keys *keys, const struct ccp_error *err)
{
	if (!rc && keys->expires_at_s && keys->expires_at_s <= r->now_s && !r->from_imds)
		rc = ccp_fail(&c->failure, CCP_ERR_CREDENTIALS,
		              "no AWS credentials: those that came have expired already");
	else if (rc)
		c->failure = *err;
	if (!rc) {
		c->keys = *keys;
		c->source = r->source;
		c->have = true;
		c->distrusted = false;
		c->stable = r->from_imds;
		c->failed_at_s = 0;
		c->renew_at_s = renewal_time(c, keys, r->now_s);
		if (keys->expires_at_s && keys->expires_at_s <= r->now_s)
			ccp_log(CCP_LOG_WARNING, NULL,
			        "IMDS has expired credentials only: used, and asked again in %d min",
			        (int)((c->renew_at_s - r->now_s) / 60));
		return;
	}
	c->failed_at_s = r->now_s;
	c->renew_at_s = r->now_s + RENEW_RETRY_S;
	if (!c->have || !c->stable)
		return;
	c->distrusted = false;
	if (c->keys.expires_at_s && c->keys.expires_at_s <= r->now_s)
		c->renew_at_s = stable_retry_time(c, r->now_s);
}

/*
 * Asks and keeps, from setting asking to clearing it; the lock is held before
 * and after. now_s is our clock's.
 */
static void
ask_and_keep(struct ccp_credentials *c, int64_t now_s)
{
	struct ccp_error err = { .code = CCP_OK };
	struct ccp_aws_keys keys = { .expires_at_s = 0 };
	struct ccp_resolve r = {
		.config = c->config,
		.outside = &c->outside,
		.places = &c->places,
		.imds = &c->imds,
		.stop = &c->stop,
		.now_s = now_s + c->offset_s,
	};
	int64_t begun_s = ccp_clock_ms() / 1000;
	enum ccp_err rc;

	pthread_mutex_unlock(&c->lock);
	rc = ccp_credential_ask(&r, c->files, &keys, &err);
	pthread_mutex_lock(&c->lock);
	if (r.skew_s)
		c->offset_s = r.now_s - now_s;
	keep(c, &r, rc, &keys, &err);
	if (rc) { /* the failure is news from now on, however long the asking took */
		c->failed_at_s += ccp_clock_ms() / 1000 - begun_s;
		c->failure_count++;
	}
	if (rc && c->have)
		ccp_log(CCP_LOG_WARNING, NULL, "AWS credentials not renewed: %s", c->failure.text);
	ccp_aws_keys_clear(&keys);
	c->asking = false;
	pthread_cond_broadcast(&c->answered);
}

static void *
renew_thread(void *arg)
{
	struct ccp_credentials *c = arg;

	pthread_mutex_lock(&c->lock);
	ask_and_keep(c, c->thread_now_s);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* Starts a renewal beside the requests. With the lock; nobody is asking. */
static void
renew(struct ccp_credentials *c, int64_t now_s)
{
	if (c->joinable) /* it has cleared asking, so it is about to end */
		pthread_join(c->thread, NULL);
	c->joinable = false;
	c->asking = true;
	c->thread_now_s = now_s;
	if (pthread_create(&c->thread, NULL, renew_thread, c) == 0) {
		c->joinable = true;
		return;
	}
	c->asking = false;
	c->renew_at_s = now_s + c->offset_s + RENEW_RETRY_S;
	ccp_log(CCP_LOG_WARNING, NULL, "AWS credentials not renewed: no thread for it");
}

/* Credentials of the settings are looked at by each call: nothing to cache, nothing to wait for. */
static enum ccp_err
from_environment(struct ccp_credentials *c, int64_t now_s, struct ccp_aws_keys *keys,
                 struct ccp_error *err)
{
	struct ccp_resolve r = { .config = c->config, .now_s = now_s };
	struct ccp_error why = { .code = CCP_OK };
	enum ccp_err rc = ccp_source_environment(&r, keys, &why);

	if (!rc)
		c->source = "environment";
	else if (rc != CCP_ERR_NOT_FOUND)
		ccp_fail(err, rc, "no AWS credentials: environment: %s", why.text);
	return rc;
}

/* What is cached counts no more when a profile file has changed. With the lock; nobody is asking. */
static void
look_at_files(struct ccp_credentials *c)
{
	if ((c->have || c->failed_at_s) && !ccp_profile_files_unchanged(c->files)) {
		ccp_aws_keys_clear(&c->keys);
		c->have = false;
		c->failed_at_s = 0;
	}
}

static bool
is_usable(const struct ccp_credentials *c, int64_t now_s)
{
	return c->have && !c->distrusted &&
	       (c->keys.expires_at_s == 0 || c->keys.expires_at_s > now_s || c->stable);
}

enum ccp_err
ccp_credentials_get(struct ccp_credentials *c, int64_t now_s, struct ccp_aws_keys *keys,
                    struct ccp_error *err)
{
	uint64_t failure_count;
	enum ccp_err rc;

	memset(keys, 0, sizeof(*keys));
	pthread_mutex_lock(&c->lock);
	failure_count = c->failure_count;
	rc = from_environment(c, now_s + c->offset_s, keys, err);
	if (rc != CCP_ERR_NOT_FOUND)
		goto out;
	for (;;) {
		int64_t aws_now_s = now_s + c->offset_s; /* an asking may find it out */

		if (!c->asking)
			look_at_files(c);
		if (is_usable(c, aws_now_s)) {
			rc = CCP_OK;
			*keys = c->keys;
			if (!c->asking && c->renew_at_s && aws_now_s >= c->renew_at_s)
				renew(c, now_s);
			break;
		}
		if (c->asking) {
			pthread_cond_wait(&c->answered, &c->lock);
			continue;
		}
		/* one that came while this call asked or waited is its answer, whatever the time */
		if (c->failed_at_s && (c->failure_count != failure_count ||
		                       (aws_now_s >= c->failed_at_s &&
		                        aws_now_s < c->failed_at_s + FAILURE_KEPT_S))) {
			rc = ccp_fail(err, c->failure.code, "%s", c->failure.text);
			break;
		}
		c->asking = true;
		ask_and_keep(c, now_s);
	}
out:
	pthread_mutex_unlock(&c->lock);
	if (rc)
		ccp_aws_keys_clear(keys);
	return rc;
}

const char *
ccp_credentials_source(struct ccp_credentials *c)
{
	const char *source;

	pthread_mutex_lock(&c->lock);
	source = c->source ? c->source : "";
	pthread_mutex_unlock(&c->lock);
	return source;
}

void
ccp_credentials_refresh(struct ccp_credentials *c, const char *access_key_id)
{
	pthread_mutex_lock(&c->lock);
	if (!access_key_id || strcmp(c->keys.access_key_id, access_key_id) == 0) {
		c->distrusted = true;
		c->failed_at_s = 0;
	}
	pthread_mutex_unlock(&c->lock);
}

bool
ccp_credentials_note_date(struct ccp_credentials *c, int64_t server_date_s, int64_t now_s)
{
	bool off;

	pthread_mutex_lock(&c->lock);
	off = server_date_s > 0 && llabs(server_date_s - now_s - c->offset_s) > SKEW_MIN_S;
	if (off) {
		c->offset_s = server_date_s - now_s;
		ccp_log(CCP_LOG_WARNING, NULL,
		        "this machine's clock is %lld s off AWS's: signing by AWS's",
		        (long long)-c->offset_s);
	}
	pthread_mutex_unlock(&c->lock);
	return off;
}

int64_t
ccp_credentials_clock_offset_s(struct ccp_credentials *c)
{
	int64_t offset_s;

	pthread_mutex_lock(&c->lock);
	offset_s = c->offset_s;
	pthread_mutex_unlock(&c->lock);
	return offset_s;
}

const char *
ccp_credentials_region(struct ccp_credentials *c)
{
	return ccp_places_region(&c->places, c->config);
}

void
ccp_credentials_endpoint(struct ccp_credentials *c, enum ccp_aws_service service,
                         const char *region, struct ccp_buf *url)
{
	ccp_places_endpoint(&c->places, c->config, service, region, url);
}
