#ifndef CCP_TALLY_H
#define CCP_TALLY_H

#include "store/store.h"

/*
 * A sum, whole and by model, and its JSON. Inside of report.c.
 */
struct ccp_tally_model {
	char name[128];
	struct ccp_usage_sum sum;
};

/* There are some dozen models; what a client invents beyond goes into the last entry, "other". */
#define CCP_TALLY_MODELS_MAX 64

struct ccp_tally {
	struct ccp_usage_sum sum;
	struct ccp_tally_model *models; /* owned */
	size_t count, cap;
};

/* Sums stop at INT64_MAX. False: no memory. */
bool ccp_tally_add(struct ccp_tally *tally, const char *model, const struct ccp_usage_sum *sum);

/* Empties it; the memory stays for the next. */
void ccp_tally_reset(struct ccp_tally *tally);
void ccp_tally_clear(struct ccp_tally *tally);

/* input_tokens + output_tokens: the original's "total" leaves the cache out. */
int64_t ccp_tally_total(const struct ccp_usage_sum *sum);

/*
 * Appends the members (no braces): input_tokens … models. summary: with the
 * names of the original's summary, total_input_tokens … total_requests.
 */
void ccp_tally_write(const struct ccp_tally *tally, bool summary, struct ccp_buf *out);

/* Appends dollars with six decimals. */
void ccp_tally_write_usd(int64_t microusd, struct ccp_buf *out);

#endif
