#ifndef CCP_TRANSLATE_PARTS_H
#define CCP_TRANSLATE_PARTS_H

#include "base/json.h"
#include "upstream/translate.h"

/*
 * The inside of ccp_translate_request(), for the translate_*.c files only:
 * translate.c walks the top level, translate_betas.c chooses the beta flags,
 * translate_params.c edits single parameters, translate_blocks.c messages,
 * system and tools.
 */

/* What becomes of `thinking`, chosen once for all its occurrences. */
enum ccp_thinking_plan { CCP_THINKING_KEEP, CCP_THINKING_REPLACE, CCP_THINKING_DROP };

struct ccp_translate_job {
	const struct ccp_models *models;
	const struct ccp_translate_input *in;
	const struct ccp_model *rules; /* of the target; NULL: not known, be strict */
	struct ccp_json_edits edits;
	struct ccp_error *err;

	/* the last occurrence of each, len 0 when there is none */
	struct ccp_span model, messages, max_tokens, thinking, output_config, tools, tool_choice,
		stream;

	struct ccp_buf betas; /* "flag","flag": the inside of anthropic_beta */
	bool tool_search;     /* these betas go along */
	bool fine_grained;
	bool display_updates;

	int64_t max_tokens_value; /* after the ceiling; 0 = not a plain number */
	bool max_tokens_cut;
	char max_tokens_text[24];
	enum ccp_thinking_plan thinking_plan;
	bool thinking_budget_added; /* thinking with a budget that the client did not ask for */
	char thinking_text[128];
	struct ccp_buf head; /* the members of ours, put in front */
};

/* True when the member of a value that may be NULL rules is allowed. */
#define CCP_RULE(job, flag) ((job)->rules && (job)->rules->flag)

void ccp_translate_betas(struct ccp_translate_job *job);

void ccp_translate_plan_max_tokens(struct ccp_translate_job *job);
void ccp_translate_plan_thinking(struct ccp_translate_job *job);

/* Each edits one occurrence of its field and says whether that stays at all. */
typedef enum ccp_err ccp_translate_field_fn(struct ccp_translate_job *job, struct ccp_span value,
                                            bool *keep);
ccp_translate_field_fn ccp_translate_max_tokens;
ccp_translate_field_fn ccp_translate_thinking;
ccp_translate_field_fn ccp_translate_output_config;
ccp_translate_field_fn ccp_translate_sampling;
ccp_translate_field_fn ccp_translate_metadata;
ccp_translate_field_fn ccp_translate_top_cache_control;
ccp_translate_field_fn ccp_translate_container;
ccp_translate_field_fn ccp_translate_mcp_servers;
ccp_translate_field_fn ccp_translate_messages;
ccp_translate_field_fn ccp_translate_system;
ccp_translate_field_fn ccp_translate_tools;

/* Leaves type, and ttl where the model takes it, of a cache_control. */
void ccp_translate_cache_control(struct ccp_translate_job *job, struct ccp_span value);

#endif
