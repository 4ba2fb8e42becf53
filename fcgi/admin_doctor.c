#include "admin_doctor.h"

#include "admin_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* A sentence is at most an error's text and what stands around it. */
#define SENTENCE_MAX_BYTES 1024

void
ccp_doctor_say(struct ccp_doctor *d, enum ccp_finding finding, const char *what, const char *fmt,
               ...)
{
	static const char *const words[] = { "ok", "warning", "FAILED", "skipped" };
	struct ccp_buf safe = CCP_BUF_INIT((size_t)8 * SENTENCE_MAX_BYTES);
	char sentence[SENTENCE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	ccp_text_add(&safe, sentence, strlen(sentence));
	printf("%-8s %-17s %s\n", words[finding], what, ccp_buf_text(&safe));
	fflush(stdout); /* the next check may take a while */
	ccp_buf_clear(&safe);
	d->counts[finding]++;
}

bool
ccp_doctor_needs_bedrock(const struct ccp_doctor *d)
{
	return d->config->bedrock_fallback_enabled;
}

bool
ccp_doctor_needs_keys(const struct ccp_doctor *d)
{
	return ccp_store_is_dynamodb(d->config) ||
	       (ccp_doctor_needs_bedrock(d) && !*d->config->aws_bearer_token_bedrock);
}

static void
say_settings(struct ccp_doctor *d)
{
	const struct ccp_config *config = d->config;
	int environment = 0, file = 0;
	char names[160] = "";
	size_t used = 0;
	char state[CCP_STORE_PATH_BYTES], path[CCP_STORE_PATH_BYTES];
	char count[32];
	bool tables = ccp_store_is_dynamodb(config), there;

	for (size_t i = 0; ccp_config_row(i); i++) {
		file += config->origin[i] == 'f';
		if (config->origin[i] != 'e')
			continue;
		if (used < sizeof(names)) /* cut at that */
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
			                         environment ? ", " : " (",
			                         ccp_config_row(i)->name);
		environment++;
	}
	snprintf(count, sizeof(count), " gives %d", file);
	(void)ccp_store_paths(config, state, path); /* shown, and cut at that */
	there = access(config->settings_file, F_OK) == 0;
	ccp_doctor_say(d, CCP_FOUND_OK, "settings",
	               "%s%.160s%s, the environment gives %d%s%s; the store is %s%.160s%s%.160s",
	               there ? "" : "there is no ", config->settings_file, there ? count : "",
	               environment, names, environment ? ")" : "",
	               tables ? "DynamoDB, tables " : "SQLite, ",
	               tables ? config->rate_limit_table_name : path, tables ? " and " : "",
	               tables ? config->usage_table_name : "");
}

/* Settings that are right and still not what an operator wants for long. */
static void
warn_of_settings(struct ccp_doctor *d)
{
	if (d->config->force_rate_limit)
		ccp_doctor_say(d, CCP_FOUND_WARNING, "settings",
		               "FORCE_RATE_LIMIT is on: Anthropic is never asked for messages; "
		               "it is for trying the fallback out");
	if (!d->config->bedrock_fallback_enabled)
		ccp_doctor_say(d, CCP_FOUND_WARNING, "settings",
		               "BEDROCK_FALLBACK_ENABLED is off: whoever is limited stays limited");
	if (!d->config->usage_tracking_enabled)
		ccp_doctor_say(d, CCP_FOUND_WARNING, "settings",
		               "USAGE_TRACKING_ENABLED is off: what Bedrock costs is not counted");
}

/* False: nothing can be checked without settings. */
static bool
check_settings(struct ccp_doctor *d)
{
	struct ccp_error err = { 0 };

	if (ccp_config_load(environ, &d->config, &err)) {
		ccp_doctor_say(d, CCP_FOUND_FAILED, "settings",
		               "%s; nothing else can be checked before that is mended", err.text);
		return false;
	}
	if (ccp_models_check_overrides(d->config->bedrock_model_overrides, &err))
		ccp_doctor_say(d, CCP_FOUND_FAILED, "settings", "%s", err.text);
	else
		say_settings(d);
	warn_of_settings(d);
	return true;
}

static void
check_files(struct ccp_doctor *d)
{
	const char *path = ccp_models_path(d->config);
	struct ccp_error err = { 0 };
	size_t n = 0;

	if (ccp_models_load(path, ccp_prices_path(d->config), &d->models, &err)) {
		ccp_doctor_say(d, CCP_FOUND_FAILED, "models, prices",
		               "%s; MODELS_FILE and PRICES_FILE name these files, rules.csv lies "
		               "beside them",
		               err.text);
		return;
	}
	while (ccp_models_row(d->models, n))
		n++;
	ccp_doctor_say(d, CCP_FOUND_OK, "models, prices",
	               "%zu models in %.200s; prices and rules "
	               "can be read",
	               n, path);
}

static int
sum_up(const struct ccp_doctor *d)
{
	const int *n = d->counts;

	printf("\n%d ok, %d %s, %d failed, %d skipped\n", n[CCP_FOUND_OK], n[CCP_FOUND_WARNING],
	       n[CCP_FOUND_WARNING] == 1 ? "warning" : "warnings", n[CCP_FOUND_FAILED],
	       n[CCP_FOUND_SKIPPED]);
	return n[CCP_FOUND_FAILED] ? CCP_ADMIN_FAILED : CCP_ADMIN_FINE;
}

int
ccp_admin_doctor(const struct ccp_admin *admin)
{
	struct ccp_doctor d = { .yes = admin->yes };
	struct ccp_error err = { 0 };
	int status;

	if (!check_settings(&d))
		return sum_up(&d);
	if (ccp_http_wait_new(d.config, &d.http, &err) ||
	    ccp_credentials_new(d.config, &d.credentials, &err)) {
		status = ccp_admin_failed(err.text);
		goto out;
	}
	check_files(&d);
	ccp_doctor_state(&d);
	ccp_doctor_credentials(&d);
	ccp_doctor_anthropic(&d);
	ccp_doctor_bedrock(&d);
	ccp_doctor_clock(&d);
	ccp_doctor_store(&d);
	ccp_doctor_journal(&d);
	ccp_doctor_model(&d);
	status = sum_up(&d);
out:
	ccp_credentials_free(d.credentials);
	ccp_http_wait_free(d.http);
	ccp_models_unref(d.models);
	ccp_config_free(d.config);
	return status;
}
