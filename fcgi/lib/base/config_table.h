#ifndef CCP_CONFIG_TABLE_H
#define CCP_CONFIG_TABLE_H

#include "base/config.h"

/*
 * Inside of config.c, config_table.c and config_parse.c: one row of the table
 * of settings. Everybody else uses base/config.h.
 */
struct ccp_setting;

/*
 * Checks text (not empty, valid UTF-8, no control characters) and puts it into
 * config's field at setting->offset. text belongs to config for its whole life,
 * so a string field points at it; it may be shortened in place. CCP_ERR_SETTING
 * with a sentence that begins with the setting's name.
 */
typedef enum ccp_err ccp_setting_fn(const struct ccp_setting *setting, char *text,
                                    struct ccp_config *config, struct ccp_error *err);

#define CCP_SETTING_CHOICES_MAX 4

struct ccp_setting {
	struct ccp_config_row row;
	ccp_setting_fn *parse;
	size_t offset;                                /* of the field in struct ccp_config */
	int64_t min, max;                             /* numbers only */
	const char *choices[CCP_SETTING_CHOICES_MAX]; /* choices only; index = value */
	const char *alias; /* a second name in the environment, or NULL */
};

extern const struct ccp_setting ccp_settings[];
extern const size_t ccp_settings_count;

ccp_setting_fn ccp_setting_switch;      /* bool */
ccp_setting_fn ccp_setting_number;      /* int64_t, min to max */
ccp_setting_fn ccp_setting_choice;      /* one of choices, as int */
ccp_setting_fn ccp_setting_log_format;  /* bool: json */
ccp_setting_fn ccp_setting_text;        /* char * */
ccp_setting_fn ccp_setting_secret;      /* char *, visible ASCII */
ccp_setting_fn ccp_setting_name;        /* char *, lower case letters, digits and '-' */
ccp_setting_fn ccp_setting_url;         /* char *, no trailing slash */
ccp_setting_fn ccp_setting_proxy;       /* char * */
ccp_setting_fn ccp_setting_store;       /* char * */
ccp_setting_fn ccp_setting_fallback_on; /* unsigned, enum ccp_fallback_on */
ccp_setting_fn ccp_setting_guardrail;   /* char *, id or ARN, perhaps with :VERSION */
ccp_setting_fn ccp_setting_model_map;   /* char *, JSON object of strings */

/* True for a plain-http URL (already checked by ccp_setting_url) that leaves this machine. */
bool ccp_setting_url_is_exposed(const char *url);

/* What every value must be, before its row's own rule: UTF-8 without control characters. */
bool ccp_setting_text_ok(const char *text);

#endif
