#ifndef CCP_TRANSLATE_PARTS_H
#define CCP_TRANSLATE_PARTS_H

#include "base/json.h"
#include "upstream/models_rules.h"
#include "upstream/translate.h"

/*
 * The inside of ccp_translate_request(), for the translate_*.c files only:
 * translate.c walks the top level, translate_betas.c chooses the beta flags,
 * translate_params.c edits single parameters, translate_thinking.c plans
 * thinking, translate_blocks.c messages and system, translate_tools.c tools,
 * translate_repair.c reads refusals.
 */

/* Bedrock gets each flag once; requests name some ten. */
#define CCP_FLAGS_MAX_COUNT 64

/* What becomes of `thinking`, chosen once for all its occurrences. */
enum ccp_thinking_plan { CCP_THINKING_KEEP, CCP_THINKING_REPLACE, CCP_THINKING_DROP };

struct ccp_translate_job {
	const struct ccp_models *models;
	const struct ccp_translate_input *in;
	const struct ccp_model *model; /* of the target; NULL: not known, be strict */
	enum ccp_bedrock_door door;
	struct ccp_json_index *index; /* of the body, which edits.text is */
	struct ccp_json_edits edits;
	struct ccp_error *err;

	/* the last occurrence of each, len 0 when there is none */
	struct ccp_span client_model, messages, max_tokens, thinking, output_config, tools,
		tool_choice, stream;

	struct ccp_buf flags; /* the texts of the betas that go along, each with a NUL */
	size_t flag_at[CCP_FLAGS_MAX_COUNT];
	size_t flag_count;

	int64_t ceiling;          /* of max_tokens; 0 = none known */
	int64_t max_tokens_value; /* after the ceiling; 0 = not a plain number */
	bool max_tokens_cut;
	char ceiling_text[24];
	enum ccp_thinking_plan thinking_plan;
	bool thinking_budget_added; /* thinking with a budget that the client did not ask for */
	char thinking_text[128];
	struct ccp_buf model_json; /* the target's id with quotes, for a body that names it */
	struct ccp_buf head;       /* the members of ours, put in front */
};

/* Walks a container of the body. */
struct ccp_json_iter ccp_translate_each(const struct ccp_translate_job *job,
                                        struct ccp_span container);

/* ccp_translate_request() and ccp_translate_count() to a given door. */
enum ccp_err ccp_translate_to(enum ccp_bedrock_door door, const struct ccp_models *models,
                              const struct ccp_config *config, const struct ccp_translate_input *in,
                              struct ccp_translation *out, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * What the rules say to a name (a raw JSON string; anything else counts as
 * "") in a place. *value, when wanted, is the row's value, "" without a row.
 */
enum ccp_verdict ccp_translate_rule(const struct ccp_translate_job *job, enum ccp_place place,
                                    struct ccp_span name, const char **value);
/* The same for decoded text, and the row itself (or NULL). */
const struct ccp_rule *ccp_translate_row(const struct ccp_translate_job *job, enum ccp_place place,
                                         struct ccp_span name);

/* CCP_ERR_UNSUPPORTED: "WHAT of type STRING". */
enum ccp_err ccp_translate_refuse(struct ccp_translate_job *job, const char *what,
                                  struct ccp_span string);

/* True when the repair is of that kind, and about that member (a raw key; NULL: any). */
bool ccp_translate_repairs(const struct ccp_translate_job *job, enum ccp_repair_kind kind,
                           const struct ccp_span *key);

void ccp_translate_betas(struct ccp_translate_job *job);
bool ccp_translate_has_flag(const struct ccp_translate_job *job, const char *flag);

void ccp_translate_plan_max_tokens(struct ccp_translate_job *job);
void ccp_translate_plan_thinking(struct ccp_translate_job *job);

/* Each edits one occurrence of its field and says whether that stays at all. */
typedef enum ccp_err ccp_translate_field_fn(struct ccp_translate_job *job, struct ccp_span value,
                                            bool *keep);
ccp_translate_field_fn ccp_translate_model;
ccp_translate_field_fn ccp_translate_max_tokens;
ccp_translate_field_fn ccp_translate_thinking;
ccp_translate_field_fn ccp_translate_output_config;
ccp_translate_field_fn ccp_translate_sampling;
ccp_translate_field_fn ccp_translate_metadata;
ccp_translate_field_fn ccp_translate_cache_control;
ccp_translate_field_fn ccp_translate_messages;
ccp_translate_field_fn ccp_translate_system;
ccp_translate_field_fn ccp_translate_tools;

/* Takes the members that the repair names off a field that has no edit of its own. */
void ccp_translate_object(struct ccp_translate_job *job, const struct ccp_json_item *field);

#endif
