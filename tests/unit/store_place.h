#ifndef CCP_STORE_PLACE_H
#define CCP_STORE_PLACE_H

#include "base/day.h"
#include "store/store_parts.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * A store to test in a folder of its own: SQLite, or what the settings in the
 * file CCP_TEST_STORE_ENV say (NAME=value lines; tests/system/store.test.mjs
 * writes it for DynamoDB). Names of users carry a tag, so that tables may be
 * used by many runs.
 */
#define CRED_A "0123456789abcdef0123456789abcdef"
#define CRED_B "fedcba9876543210fedcba9876543210"

struct place {
	char folder[32]; /* state is in folder/a/b, which the store makes */
	char setting[64];
	char other[512]; /* the file's settings */
	struct ccp_config *config;
	int64_t now_s; /* the beginning of today, UTC */
	char tag[24];
};

static inline bool
place_is_sqlite(void)
{
	return getenv("CCP_TEST_STORE_ENV") == NULL;
}

static inline int
set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	const char *file = getenv("CCP_TEST_STORE_ENV");
	char *env[16] = { p->setting };
	struct ccp_error err = { 0 };
	struct timespec t;
	FILE *f;

	snprintf(p->folder, sizeof(p->folder), "/tmp/ccp-store-XXXXXX");
	assert_non_null(mkdtemp(p->folder));
	snprintf(p->setting, sizeof(p->setting), "STATE_DIRECTORY=%s/a/b", p->folder);
	if (file) {
		char *line = p->other;

		f = fopen(file, "r");
		assert_non_null(f);
		for (int i = 1; i < 15 && fgets(line, 200, f); i++) {
			env[i] = line;
			line[strcspn(line, "\n")] = '\0';
			line += strlen(line) + 1;
			assert_true(line - p->other < (long)sizeof(p->other) - 200);
		}
		fclose(f);
	}
	if (ccp_config_load_text(env, "", "", 0, &p->config, &err))
		fail_msg("%s", err.text);
	clock_gettime(CLOCK_REALTIME, &t);
	p->now_s = t.tv_sec - t.tv_sec % CCP_DAY_S;
	snprintf(p->tag, sizeof(p->tag), "%lx", (long)t.tv_nsec ^ (long)getpid() << 32);
	*state = p;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct place *p = *state;
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", p->folder);
	assert_int_equal(system(command), 0);
	ccp_config_free(p->config);
	free(p);
	return 0;
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static inline struct ccp_store *
opened(const struct place *p)
{
	struct ccp_store *store;
	struct ccp_error err = { 0 };

	if (ccp_store_open(p->config, NULL, &store, &err))
		fail_msg("%s", err.text);
	return store;
}

/* "name-TAG", in one of a few places that take turns. */
static inline const char *
tagged(const struct place *p, const char *name)
{
	static char names[8][160];
	static unsigned turn;
	char *n = names[turn++ % 8];

	snprintf(n, sizeof(names[0]), "%s-%s", name, p->tag);
	return n;
}

static inline struct ccp_limit
limit_of(const struct place *p, const char *credential, const char *family, int64_t for_s)
{
	struct ccp_limit l = { .retry_until_s = p->now_s + for_s,
		               .retry_after_s = 60,
		               .created_at_s = p->now_s,
		               .reason = "retry_after" };

	snprintf(l.credential, sizeof(l.credential), "%s", credential);
	snprintf(l.family, sizeof(l.family), "%s", family);
	return l;
}

static inline void
put(struct ccp_store *store, const char *user, struct ccp_limit l)
{
	struct ccp_error err = { 0 };

	if (ccp_store_limit_put(store, user, &l, &err))
		fail_msg("%s", err.text);
}

/* A network is waited for 300 ms at most: while the machine stands still it is asked again. */
static inline size_t
limits_of(struct ccp_store *store, const char *user, int64_t now_s, struct ccp_limit *l, size_t max)
{
	struct ccp_error err = { 0 };
	size_t count;
	enum ccp_err rc;

	for (int i = 0; i < 300; i++) {
		rc = ccp_store_limits_get(store, user, now_s, l, max, &count, &err);
		if (rc != CCP_ERR_STORE || !store->backend->remote)
			break;
		usleep(100000);
	}
	if (rc)
		fail_msg("%s", err.text);
	return count;
}

/* Every record the same: in 10, out 20, read 300, 5m 4, 1h 5. */
static inline enum ccp_err
try_add(struct ccp_store *store, const char *user, const char *model, const char *type,
        int64_t at_s, int64_t cost, struct ccp_error *err)
{
	struct ccp_usage_record r = { .at_s = at_s,
		                      .cost_microusd = cost,
		                      .tokens = { 10, 20, 300, 4, 5, false } };

	snprintf(r.user, sizeof(r.user), "%s", user);
	snprintf(r.model, sizeof(r.model), "%s", model);
	snprintf(r.request_type, sizeof(r.request_type), "%s", type);
	return ccp_store_usage_add(store, &r, err);
}

static inline void
add(struct ccp_store *store, const char *user, const char *model, const char *type, int64_t at_s,
    int64_t cost)
{
	struct ccp_error err = { 0 };

	if (try_add(store, user, model, type, at_s, cost, &err))
		fail_msg("%s", err.text);
}

/* Sums by user, date and model, in that order: rows come in none, and several times. */
struct seen {
	const char *tag; /* only users with it, and without it in the text */
	struct {
		char key[200];
		struct ccp_usage_sum sum;
	} rows[32];
	int count;
};

static inline bool
note(void *arg, const char *user, const char *date, const char *model,
     const struct ccp_usage_sum *sum)
{
	struct seen *s = arg;
	const char *tag = strstr(user, s->tag);
	char key[200];
	int i;

	if (!tag)
		return true;
	snprintf(key, sizeof(key), "%.*s %s %s", (int)(tag - user) - 1, user, date, model);
	for (i = 0; i < s->count && strcmp(s->rows[i].key, key) < 0; i++)
		;
	if (i == s->count || strcmp(s->rows[i].key, key) != 0) {
		assert_true(s->count < 32);
		memmove(&s->rows[i + 1], &s->rows[i], (size_t)(s->count - i) * sizeof(s->rows[0]));
		memset(&s->rows[i], 0, sizeof(s->rows[0]));
		memcpy(s->rows[i].key, key, sizeof(key));
		s->count++;
	}
	s->rows[i].sum.request_count += sum->request_count;
	s->rows[i].sum.cost_microusd += sum->cost_microusd;
	s->rows[i].sum.tokens.input_tokens += sum->tokens.input_tokens;
	s->rows[i].sum.tokens.output_tokens += sum->tokens.output_tokens;
	s->rows[i].sum.tokens.cache_read_tokens += sum->tokens.cache_read_tokens;
	s->rows[i].sum.tokens.cache_write_5m_tokens += sum->tokens.cache_write_5m_tokens;
	s->rows[i].sum.tokens.cache_write_1h_tokens += sum->tokens.cache_write_1h_tokens;
	s->rows[i].sum.tokens.estimated |= sum->tokens.estimated;
	return true;
}

static inline void
usage_text(struct ccp_store *store, const struct place *p, const char *user, int from_day,
           int to_day, const char *type, char text[4096])
{
	struct seen s = { .tag = p->tag };
	struct ccp_error err = { 0 };
	char from[CCP_DAY_BYTES], to[CCP_DAY_BYTES];
	size_t n = 0;

	ccp_day_format(p->now_s + from_day * (int64_t)CCP_DAY_S, from);
	ccp_day_format(p->now_s + to_day * (int64_t)CCP_DAY_S, to);
	if (ccp_store_usage_each(store, user, from, to, type, note, &s, &err))
		fail_msg("%s", err.text);
	text[0] = '\0';
	for (int i = 0; i < s.count; i++) {
		const struct ccp_usage_sum *sum = &s.rows[i].sum;

		n += (size_t)snprintf(text + n, 4096 - n,
		                      "%s n%d in%d out%d read%d 5m%d 1h%d $%d%s\n", s.rows[i].key,
		                      (int)sum->request_count, (int)sum->tokens.input_tokens,
		                      (int)sum->tokens.output_tokens,
		                      (int)sum->tokens.cache_read_tokens,
		                      (int)sum->tokens.cache_write_5m_tokens,
		                      (int)sum->tokens.cache_write_1h_tokens,
		                      (int)sum->cost_microusd, sum->tokens.estimated ? " est" : "");
	}
}

/* expected: lines whose dates are written TODAY and YESTERDAY. Delivers the journal first. */
static inline void
usage_is(struct ccp_store *store, const struct place *p, const char *user, int from_day, int to_day,
         const char *type, const char *expected)
{
	char text[4096], wanted[4096], day[CCP_DAY_BYTES];
	size_t n = 0;

	while (*expected) {
		int back = strncmp(expected, "TODAY", 5) == 0       ? 5
		           : strncmp(expected, "YESTERDAY", 9) == 0 ? 9
		                                                    : 0;

		if (back) {
			ccp_day_format(p->now_s - (back == 9 ? CCP_DAY_S : 0), day);
			n += (size_t)snprintf(wanted + n, sizeof(wanted) - n, "%s", day);
			expected += back;
		} else {
			wanted[n++] = *expected++;
		}
	}
	wanted[n] = '\0';
	ccp_store_deliver(store, 10000);
	usage_text(store, p, user, from_day, to_day, type, text);
	assert_string_equal(text, wanted);
}

#endif
