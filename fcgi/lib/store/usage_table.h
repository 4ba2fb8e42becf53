#ifndef CCP_USAGE_TABLE_H
#define CCP_USAGE_TABLE_H

#include "store/tally.h"

/*
 * Everybody's sums and longest limits, put together from rows in any order.
 * With three models, a limit and a name of 16 bytes a user takes 256 bytes at
 * most, all in: 32 for the name, 64 a model, 16 for the limit, 8 to be found.
 * Inside of report.c.
 */

struct ccp_usage_span {
	int64_t since_s, until_s;
};

struct ccp_usage_user {
	uint32_t next;        /* in its bucket, or in the sorted list */
	uint32_t limit;       /* a struct ccp_usage_span, 0: none */
	struct ccp_tally now; /* the period asked for */
	bool has_now : 1, has_before : 1;
	uint8_t reason; /* of the limit, in table->reasons */
	uint8_t len;
	char name[]; /* any bytes but NUL; no NUL behind them */
};

struct ccp_usage_table {
	struct ccp_tallies *tallies; /* borrowed: memory and models */
	struct ccp_names reasons;
	uint64_t seed;     /* of the hash, so that nobody can choose names that collide */
	uint32_t *buckets; /* owned; NULL once sorted */
	size_t bucket_count;
	size_t user_count; /* all that are in it */
	size_t now_count, before_count;
	uint32_t first; /* of the sorted list */
};

/* CCP_ERR_NOMEM; an all-zero table may be cleared. */
enum ccp_err ccp_usage_table_init(struct ccp_usage_table *table, struct ccp_tallies *tallies,
                                  uint64_t seed, struct ccp_error *err) CCP_MUST_CHECK;
void ccp_usage_table_clear(struct ccp_usage_table *table);

/* Adds a row of the period asked for; of the one before, where only users are counted. False: no memory. */
bool ccp_usage_table_add(struct ccp_usage_table *table, const char *user, uint8_t model,
                         const struct ccp_usage_sum *sum);
bool ccp_usage_table_add_before(struct ccp_usage_table *table, const char *user);

/* Keeps the limit when it is the user's longest so far. False: no memory. */
bool ccp_usage_table_limit(struct ccp_usage_table *table, const char *user,
                           const struct ccp_limit *limit);

/*
 * Puts the users in order: by name (bytes), or the dearest first, then by
 * tokens, then by name. Needs no memory and may be done again; nothing can be
 * added any more.
 */
void ccp_usage_table_sort(struct ccp_usage_table *table, bool by_cost);

/* The user behind user, the first one for NULL; NULL at the end. */
const struct ccp_usage_user *ccp_usage_table_next(const struct ccp_usage_table *table,
                                                  const struct ccp_usage_user *user);

#endif
