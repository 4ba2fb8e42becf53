#ifndef CCP_MODELS_H
#define CCP_MODELS_H

#include "base/config.h"
#include "base/error.h"
#include "base/meter.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What is known of each model: ids and family (models.csv), prices per Bedrock
 * profile (prices.csv), and what Bedrock takes of a request (rules.csv; see
 * models_rules.h). The files are installed, replaceable (MODELS_FILE,
 * PRICES_FILE; rules.csv is looked for beside the first, then beside the second)
 * and read anew on SIGHUP. A loaded table never changes; requests hold a
 * reference while they run. The files say where their facts are from.
 */
struct ccp_models;

#define CCP_MODEL_ID_MAX_BYTES 2048 /* botocore: modelId of InvokeModel, max 2048 */
#define CCP_FAMILY_MAX_BYTES 32

struct ccp_model {
	char *anthropic_id;
	char *bedrock_id;                  /* without profile prefix */
	char *profiles;                    /* space separated: "global us eu" ; "" = base id only */
	char family[CCP_FAMILY_MAX_BYTES]; /* opus, sonnet, haiku, fable, mythos */
	char *successor;   /* anthropic id of the living model to use instead, or NULL */
	bool count_tokens; /* bedrock-runtime's CountTokens takes the bedrock_id */
};

/*
 * Reads the three files. On failure err names file, line and reason, and
 * *models is NULL: CCP_ERR_SETTING (the content), CCP_ERR_NOT_FOUND,
 * CCP_ERR_SYSTEM (reading), CCP_ERR_LIMIT, CCP_ERR_NOMEM. Blocks for the reads.
 */
enum ccp_err ccp_models_load(const char *models_path, const char *prices_path,
                             struct ccp_models **models, struct ccp_error *err) CCP_MUST_CHECK;

/* MODELS_FILE and PRICES_FILE, else the installed files. Borrowed from config, or static. */
const char *ccp_models_path(const struct ccp_config *config);
const char *ccp_prices_path(const struct ccp_config *config);

struct ccp_models *ccp_models_ref(struct ccp_models *models); /* any thread */
void ccp_models_unref(struct ccp_models *models);             /* any thread; NULL is fine */

/*
 * The row for an id as a client sends it: a trailing "[1m]" (any case) is
 * ignored, dateless aliases are rows of their own, retired ids lead to their
 * successor. NULL when the table does not know it. Borrowed from models.
 */
const struct ccp_model *ccp_models_find(const struct ccp_models *models, const char *id);

/* Family of an id: of its row, else from the words in the id, else "other". Never NULL. */
const char *ccp_models_family(const struct ccp_models *models, const char *id);

/* The n-th row of models.csv, retired ones too, or NULL after the last. Borrowed from models. */
const struct ccp_model *ccp_models_row(const struct ccp_models *models, size_t n);

/* Where a request for a model goes on Bedrock. */
struct ccp_target {
	const struct ccp_model
		*model; /* rules to translate by; borrowed; NULL: unknown, be strict */
	char id[CCP_MODEL_ID_MAX_BYTES + 1]; /* for the path: profile id, ARN or base id */
};

/*
 * Applies BEDROCK_MODEL_OVERRIDES ("*" for all), the table, successors,
 * BEDROCK_PROFILE (a model without that profile: apac for jp, au and in, global,
 * else its first, else the base id) and BEDROCK_DEFAULT_MODEL, in this order. CCP_ERR_UNSUPPORTED
 * with a sentence when the model has no home on Bedrock.
 *
 * Overrides and the default are Bedrock ids, ARNs or ids of the table. The
 * rules for an ARN that does not show its model (an application inference
 * profile) are those of the client's model when the override names that model,
 * and none (be strict) for "*" and the default.
 */
enum ccp_err ccp_models_target(const struct ccp_models *models, const struct ccp_config *config,
                               const char *client_model, struct ccp_target *target,
                               struct ccp_error *err) CCP_MUST_CHECK;

/*
 * The name an answer is booked under: the id of the target's row, else what
 * answered (the Bedrock id; of an ARN what is behind its last '/'). Never the
 * client's own word: names without end would each become a part of the books.
 * Borrowed from target or its models.
 */
const char *ccp_models_name_of(const struct ccp_target *target);

/*
 * Price of one answer in micro-dollars, exact and rounded half up once: prices
 * are US dollars a million tokens, kept as integers (micro-dollars a million
 * tokens). bedrock_id as in ccp_target; long-context tier by the whole prompt
 * (input + cache read + cache writes). -1 when no price is known.
 */
int64_t ccp_models_cost_microusd(const struct ccp_models *models, const char *bedrock_id,
                                 const struct ccp_usage *usage);

/*
 * Says whether the text of BEDROCK_MODEL_OVERRIDES is "" or a JSON object of
 * strings that can be model ids; CCP_ERR_SETTING with a sentence. For start-up.
 */
enum ccp_err ccp_models_check_overrides(const char *text, struct ccp_error *err) CCP_MUST_CHECK;

#endif
