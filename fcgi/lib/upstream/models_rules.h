#ifndef CCP_MODELS_RULES_H
#define CCP_MODELS_RULES_H

#include "base/buf.h"
#include "upstream/models.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The rows of rules.csv: what becomes of a request on its way to Bedrock, as
 * data. The file's head is the manual; this is how the translation asks.
 */

/* What a row is about; models_rules_load.c has the words of the file's column. */
enum ccp_place {
	CCP_PLACE_BETA,
	CCP_PLACE_VERSION,
	CCP_PLACE_FIELD,
	CCP_PLACE_MAX_TOKENS,
	CCP_PLACE_MESSAGE,
	CCP_PLACE_ROLE,
	CCP_PLACE_BLOCK,
	CCP_PLACE_SOURCE,
	CCP_PLACE_TEXT,
	CCP_PLACE_SYSTEM,
	CCP_PLACE_TOOL_TYPE,
	CCP_PLACE_TOOL,
	CCP_PLACE_CLIENT_TOOL,
	CCP_PLACE_CACHE_CONTROL,
	CCP_PLACE_THINKING,
	CCP_PLACE_DISPLAY,
	CCP_PLACE_OUTPUT_CONFIG,
	CCP_PLACE_REPAIR,
	CCP_PLACE_COUNT,
};

enum ccp_verdict { CCP_KEEP, CCP_DROP, CCP_RENAME, CCP_REFUSE };

/* Longest name of the table; longer ones of a request match by their beginning. */
#define CCP_RULE_NAME_MAX_BYTES 127

struct ccp_rule {
	enum ccp_place place;
	enum ccp_verdict verdict;
	enum { CCP_NAME_IS, CCP_NAME_STARTS, CCP_NAME_ENDS, CCP_NAME_ANY } match;
	char *name; /* without its *; "(empty)" is "" */
	size_t name_len;
	char *value;    /* "" where the verdict has none */
	int64_t number; /* of the value, where the place wants one */
	char *needs;    /* "" = nothing */
	char *models;
	bool every_model; /* models is just * */
	size_t line;      /* of rules.csv */
};

/* What a rule of place does to a name that has no row. */
enum ccp_verdict ccp_rule_default(enum ccp_place place);

/* Says whether what a row needs is there. Borrowed arguments. */
typedef bool ccp_rule_needs_fn(const void *arg, const char *needs);

/*
 * The first row for a thing in a place: NULL when there is none. name is
 * decoded text, its first CCP_RULE_NAME_MAX_BYTES + 1 bytes at least; model NULL
 * is one that the table does not know. needs is asked for rows that fit
 * otherwise and need something. Borrowed from models.
 */
const struct ccp_rule *ccp_models_rule(const struct ccp_models *models, enum ccp_place place,
                                       struct ccp_span name, const struct ccp_model *model,
                                       ccp_rule_needs_fn *needs, const void *arg);

/* The rows of a place, in order: *count of them. Borrowed from models. */
const struct ccp_rule *ccp_models_rules(const struct ccp_models *models, enum ccp_place place,
                                        size_t *count);

/*
 * True when the words of a models column have the model. A version is the one
 * in the id: claude-opus-4-6 is 4.6, claude-sonnet-4-20250514 is 4.0.
 */
bool ccp_rule_fits(const char *models, const struct ccp_model *model);

#endif
