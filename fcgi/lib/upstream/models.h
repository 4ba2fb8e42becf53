#ifndef CCP_MODELS_H
#define CCP_MODELS_H

#include "base/config.h"
#include "base/error.h"
#include "base/meter.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What is known of each model: ids, family, what Bedrock's copy refuses
 * (models.csv), prices per Bedrock profile (prices.csv), and which beta flags
 * Bedrock takes (betas.csv). The files are installed, replaceable (MODELS_FILE,
 * PRICES_FILE; betas.csv is looked for beside the first, then beside the second)
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
	char *successor;           /* anthropic id of the living model to use instead, or NULL */
	int64_t max_output_tokens; /* 0 = not known */
	bool thinking_adaptive;    /* takes thinking.type adaptive */
	bool thinking_enabled;     /* takes thinking.type enabled with a budget */
	bool thinking_display;     /* takes thinking.display */
	bool sampling;             /* takes temperature, top_p, top_k */
	bool effort;               /* takes output_config.effort */
	bool system_role;          /* takes role "system" inside messages */
	bool interleaved_beta;     /* takes interleaved-thinking-2025-05-14 */
	bool version_2026;         /* takes anthropic_version 2026-10-21 */
	bool cache_ttl;            /* takes cache_control.ttl */
	bool output_format;        /* takes output_config.format */
	bool top_cache_control;    /* takes cache_control beside messages */
};

/* One row of betas.csv: what becomes of a flag of the anthropic-beta header. */
struct ccp_beta {
	char *flag;
	char *bedrock_flag; /* what goes into the body; NULL: the flag is dropped */
	char *needs;  /* a bool of struct ccp_model, or what the request must hold; "" = nothing */
	char *models; /* space separated anthropic ids, a * at the end for any rest; "" = all */
};

/*
 * Reads the three files. On failure err names file, line and reason, and
 * *models is NULL: CCP_ERR_SETTING (the content), CCP_ERR_NOT_FOUND,
 * CCP_ERR_SYSTEM (reading), CCP_ERR_LIMIT, CCP_ERR_NOMEM. Blocks for the reads.
 */
enum ccp_err ccp_models_load(const char *models_path, const char *prices_path,
                             struct ccp_models **models, struct ccp_error *err) CCP_MUST_CHECK;
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

/* The row for a beta flag, or NULL: not known, so dropped. Borrowed from models. */
const struct ccp_beta *ccp_models_beta(const struct ccp_models *models, const char *flag);

/* True when the row's models column has the model (NULL: a model not known, only "" fits). */
bool ccp_models_beta_fits(const struct ccp_beta *beta, const struct ccp_model *model);

/*
 * A yes-or-no column of models.csv by name: true and *value when there is such
 * a column (model NULL: *value is false), else false.
 */
bool ccp_models_flag(const struct ccp_model *model, const char *column, bool *value);

/* What a row's needs may name besides such a column: things a request holds. */
#define CCP_BETA_NEEDS_DEFERRED_TOOL "defer_loading"
#define CCP_BETA_NEEDS_EAGER_TOOL "eager_input_streaming"
#define CCP_BETA_NEEDS_DISPLAY_UPDATES "display_updates"

/* Where a request for a model goes on Bedrock. */
struct ccp_target {
	const struct ccp_model
		*model; /* rules to translate by; borrowed; NULL: unknown, be strict */
	char id[CCP_MODEL_ID_MAX_BYTES + 1]; /* for the path: profile id, ARN or base id */
};

/*
 * Applies BEDROCK_MODEL_OVERRIDES ("*" for all), the table, successors,
 * BEDROCK_PROFILE (a model without that profile: global, else its first, else
 * the base id) and BEDROCK_DEFAULT_MODEL, in this order. CCP_ERR_UNSUPPORTED
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
