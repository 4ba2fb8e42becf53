#ifndef CCP_MODELS_PARTS_H
#define CCP_MODELS_PARTS_H

#include "base/csv.h"
#include "upstream/models.h"
#include "upstream/models_rules.h"

#include <stdatomic.h>

/*
 * The inside of struct ccp_models, for models*.c and prices.c only. Tables are
 * read whole at load and searched from the top: they have some dozens of rows.
 */

/* Micro-dollars a million tokens. */
struct ccp_rates {
	int64_t input;
	int64_t output;
	int64_t cache_write_5m;
	int64_t cache_write_1h;
	int64_t cache_read;
};

struct ccp_price {
	char *bedrock_id;
	struct ccp_rates rates;
	int64_t long_threshold; /* prompt tokens above which long_rates hold for all; 0 = never */
	struct ccp_rates long_rates;
};

struct ccp_models {
	atomic_int refs;
	struct ccp_model *models;
	size_t model_count;
	struct ccp_price *prices;
	size_t price_count;
	struct ccp_rule *rules; /* by place, then as in the file */
	size_t rule_count;
	size_t rules_at[CCP_PLACE_COUNT + 1]; /* index of the first one of each place */
};

/* Largest number of rows of one file; the shipped ones have up to a hundred. */
#define CCP_MODELS_ROWS_MAX 2000

/* rows, of count elements, moved to have a zeroed one more; NULL: no memory, rows stays. */
void *ccp_models_grow(void *rows, size_t count, size_t size);

/* Takes one record of a table into models. */
typedef enum ccp_err ccp_models_read_fn(struct ccp_models *models, const struct ccp_csv *csv,
                                        struct ccp_error *err);

/* Gives every record of the file at path to read, after a look for the columns (NULL ends them). */
enum ccp_err ccp_models_load_table(struct ccp_models *models, const char *path,
                                   const char *const *columns, ccp_models_read_fn *read,
                                   struct ccp_error *err) CCP_MUST_CHECK;

/* Needs the models, which the rules name. */
enum ccp_err ccp_models_load_rules(struct ccp_models *models, const char *path,
                                   struct ccp_error *err) CCP_MUST_CHECK;
void ccp_models_free_rules(struct ccp_models *models);

/* True when a word of a rule's models column means something. */
bool ccp_rule_word_ok(const struct ccp_models *models, const char *word, size_t len);

enum ccp_err ccp_models_load_prices(struct ccp_models *models, const char *path,
                                    struct ccp_error *err) CCP_MUST_CHECK;

#endif
