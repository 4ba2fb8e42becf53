/*
 * A process that only counts, for tests/system/store-load.test.mjs. The store is
 * the one of the environment's settings.
 *
 *     store-load add USER THREADS ADDS    each thread books ADDS answers of 1, 2, 3, 4 and 5 tokens;
 *                                         it ends when all are written down
 *     store-load total USER               delivers what waits, prints what the store has: {"requests":…}
 */
#include "base/day.h"
#include "store/store_parts.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS_MAX 256
#define DELIVER_MS 20000
#define KEPT_TRIES 15 /* of two seconds, while others hold the file */

extern char **environ;

struct work {
	struct ccp_store *store;
	const char *user;
	long adds;
	long failed;
};

static void *
add(void *arg)
{
	static const char *const models[] = { "claude-opus-5-5", "claude-sonnet-5-5" };
	struct work *w = arg;

	for (long i = 0; i < w->adds; i++) {
		struct ccp_usage_record r = { .request_type = "bedrock",
			                      .at_s = time(NULL),
			                      .tokens = { 1, 2, 3, 4, 5, false },
			                      .cost_microusd = 6 };
		struct ccp_error err = { 0 };
		enum ccp_err rc;

		snprintf(r.user, sizeof(r.user), "%s", w->user);
		snprintf(r.model, sizeof(r.model), "%s", models[i % 2]);
		rc = ccp_store_usage_add(w->store, &r, &err);
		if (rc && rc != CCP_ERR_STORE) { /* that one is kept in memory */
			fprintf(stderr, "add: %s\n", err.text);
			w->failed++;
		}
	}
	return NULL;
}

static int
add_all(struct ccp_store *store, const char *user, long threads, long adds)
{
	static struct work work[THREADS_MAX];
	static pthread_t ids[THREADS_MAX];
	long failed = 0, started = 0;

	for (; started < threads && started < THREADS_MAX; started++) {
		work[started] = (struct work){ store, user, adds, 0 };
		if (pthread_create(&ids[started], NULL, add, &work[started]))
			break;
	}
	for (long i = 0; i < started; i++) {
		pthread_join(ids[i], NULL);
		failed += work[i].failed;
	}
	for (int i = 0; i < KEPT_TRIES && !ccp_store_deliver_kept(store); i++)
		; /* waits by itself */
	return started < threads || failed > 0;
}

static bool
sum_up(void *arg, const char *user, const char *date, const char *model,
       const struct ccp_usage_sum *sum)
{
	struct ccp_usage_sum *total = arg;

	(void)user;
	(void)date;
	(void)model;
	total->request_count += sum->request_count;
	total->cost_microusd += sum->cost_microusd;
	total->tokens.input_tokens += sum->tokens.input_tokens;
	total->tokens.output_tokens += sum->tokens.output_tokens;
	total->tokens.cache_read_tokens += sum->tokens.cache_read_tokens;
	total->tokens.cache_write_5m_tokens += sum->tokens.cache_write_5m_tokens;
	total->tokens.cache_write_1h_tokens += sum->tokens.cache_write_1h_tokens;
	return true;
}

static int
print_total(struct ccp_store *store, const char *user)
{
	struct ccp_usage_sum t = { 0 };
	struct ccp_error err = { 0 };
	char yesterday[CCP_DAY_BYTES], today[CCP_DAY_BYTES];

	ccp_store_deliver(store, DELIVER_MS);
	ccp_day_format(time(NULL) - CCP_DAY_S, yesterday); /* it may have begun before midnight */
	ccp_day_format(time(NULL), today);
	if (ccp_store_usage_each(store, user, yesterday, today, "all", sum_up, &t, &err)) {
		fprintf(stderr, "total: %s\n", err.text);
		return 1;
	}
	printf("{\"requests\":%" PRId64 ",\"input\":%" PRId64 ",\"output\":%" PRId64
	       ",\"read\":%" PRId64 ",\"write_5m\":%" PRId64 ",\"write_1h\":%" PRId64
	       ",\"cost\":%" PRId64 "}\n",
	       t.request_count, t.tokens.input_tokens, t.tokens.output_tokens,
	       t.tokens.cache_read_tokens, t.tokens.cache_write_5m_tokens,
	       t.tokens.cache_write_1h_tokens, t.cost_microusd);
	return 0;
}

int
main(int argc, char **argv)
{
	bool adds = argc == 5 && !strcmp(argv[1], "add");
	struct ccp_config *config = NULL;
	struct ccp_store *store = NULL;
	struct ccp_error err = { 0 };
	int failed = 1;

	if (!adds && (argc != 3 || strcmp(argv[1], "total")))
		return 2;
	if (ccp_config_load(environ, &config, &err) || ccp_store_open(config, NULL, &store, &err) ||
	    (adds && ccp_store_start(store, &err)))
		fprintf(stderr, "%s\n", err.text);
	else if (adds)
		failed = add_all(store, argv[2], strtol(argv[3], NULL, 10),
		                 strtol(argv[4], NULL, 10));
	else
		failed = print_total(store, argv[2]);
	ccp_store_close(store);
	ccp_config_free(config);
	return failed;
}
