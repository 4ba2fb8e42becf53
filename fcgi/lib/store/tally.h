#ifndef CCP_TALLY_H
#define CCP_TALLY_H

#include "store/chunks.h"
#include "store/store.h"

/*
 * Sums by model and their JSON. There are a hundred thousands of them, one a
 * user and model, so that one takes 64 bytes: no name, a number of the model.
 * Inside of report.c, metrics.c and usage_table.c.
 */

/* There are some dozen models; what a client invents beyond goes into the last one, "other". */
#define CCP_NAMES_MAX 64

/* A model's id has 127 bytes in a usage record. */
#define CCP_NAME_BYTES 128

/* Words that come again and again, numbered in the order of their first sight. */
struct ccp_names {
	size_t count;
	char text[CCP_NAMES_MAX][CCP_NAME_BYTES];
};

/* The number of a word (its first 127 bytes). Never fails: see "other". */
uint8_t ccp_names_number(struct ccp_names *names, const char *text);

/* Where tallies have their memory. All zeros: empty. */
struct ccp_tallies {
	struct ccp_chunks chunks;
	struct ccp_names models;
};
void ccp_tallies_clear(struct ccp_tallies *tallies);

/* Sums by model; all zeros: empty. Freed with its tallies. */
struct ccp_tally {
	uint32_t first; /* in tallies->chunks */
};

/*
 * Adds a sum of that model (see ccp_names_number()). Sums stop at INT64_MAX;
 * what is negative, which no store of ours holds, counts as 0. False: no memory.
 */
bool ccp_tally_add(struct ccp_tallies *tallies, struct ccp_tally *tally, uint8_t model,
                   const struct ccp_usage_sum *sum);

/* The sum of all its models. */
struct ccp_usage_sum ccp_tally_sum(const struct ccp_tallies *tallies, struct ccp_tally tally);

struct ccp_tally_model {
	const char *name; /* borrowed from tallies */
	struct ccp_usage_sum sum;
};

/* Lists its models by name, whatever order they came in; gives how many. */
size_t ccp_tally_list(const struct ccp_tallies *tallies, struct ccp_tally tally,
                      struct ccp_tally_model list[CCP_NAMES_MAX]);

/* input_tokens + output_tokens: the original's "total" leaves the cache out. */
int64_t ccp_tally_total(const struct ccp_usage_sum *sum);

/*
 * Appends the members (no braces): input_tokens … models. summary: with the
 * names of the original's summary, total_input_tokens … total_requests.
 * At most CCP_TALLY_TEXT_MAX bytes: 64 names of which each byte is escaped
 * sixfold, eight numbers of 20 digits with each.
 */
#define CCP_TALLY_TEXT_MAX (80 * 1024)
void ccp_tally_write(const struct ccp_tallies *tallies, struct ccp_tally tally, bool summary,
                     struct ccp_buf *out);

/* Appends dollars with six decimals. */
void ccp_tally_write_usd(int64_t microusd, struct ccp_buf *out);

#endif
