#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                             \
	do {                                                    \
		if (!(what)) {                                  \
			fprintf(stderr, "not so: %s\n", #what); \
			abort();                                \
		}                                               \
	} while (0)

/* Gives every value back as the environment; what is hidden stays out. */
static void
round_trip(const struct ccp_config *config)
{
	static char *env[CCP_CONFIG_ROWS_MAX + 1];
	const struct ccp_config_row *row;
	struct ccp_config *again = NULL;
	struct ccp_error err = { 0 };
	size_t count = 0;

	for (size_t i = 0; (row = ccp_config_row(i)); i++) {
		struct ccp_buf one = CCP_BUF_INIT(256 * 1024);

		ccp_buf_addf(&one, "%s=", row->name);
		ccp_config_value(config, i, &one);
		CHECK(ccp_buf_ok(&one));
		env[count++] = ccp_buf_take(&one);
	}
	env[count] = NULL;
	CHECK(ccp_config_load_text(env, "", "", 0, &again, &err) == CCP_OK);
	for (size_t i = 0; i < count; i++) {
		struct ccp_buf one = CCP_BUF_INIT(256 * 1024);

		ccp_buf_addf(&one, "%s=", ccp_config_row(i)->name);
		ccp_config_value(again, i, &one);
		CHECK(strcmp(env[i], ccp_buf_text(&one)) == 0);
		ccp_buf_clear(&one);
		free(env[i]);
	}
	CHECK(again->fallback_on == config->fallback_on && again->workers == config->workers);
	ccp_config_free(again);
}

/*
 * A settings file of any bytes: refused with a sentence, or taken; and then
 * every number is in its range, plain http stays on the machine, and the
 * values in force, set as environment, give the same settings.
 */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *env[] = { NULL };
	struct ccp_config *c = NULL;
	struct ccp_error err = { 0 };

	if (ccp_config_load_text(env, "fuzz", (const char *)data, size, &c, &err)) {
		CHECK(c == NULL && err.text[0] && err.code == CCP_ERR_SETTING);
		return 0;
	}
	CHECK(c->retry_threshold_s >= 0 && c->retry_threshold_s <= 86400);
	CHECK(c->max_body_bytes >= 1024 && c->accept_threads >= 1 && c->accept_threads <= 64);
	CHECK(c->fallback_on != 0 && strchr(c->anthropic_api_base, '@') == NULL);
	if (!c->allow_insecure_upstream && strncmp(c->anthropic_api_base, "http:", 5) == 0)
		CHECK(strncmp(c->anthropic_api_base + 7, "127.", 4) == 0 ||
		      strncasecmp(c->anthropic_api_base + 7, "localhost", 9) == 0 ||
		      c->anthropic_api_base[7] == '[');
	round_trip(c);
	ccp_config_free(c);
	return 0;
}
