#include "base/config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ccp_config *
load(char *const *env, const char *file)
{
	struct ccp_config *config;
	struct ccp_error err = { 0 };

	if (ccp_config_load_text(env, "t.conf", file, strlen(file), &config, &err))
		fail_msg("%s", err.text);
	return config;
}

/* The settings are refused, with this sentence (or its beginning, when it ends in '*'). */
static void
refused(char *setting, const char *file, const char *sentence)
{
	char *env[] = { setting, NULL };
	struct ccp_config *config = (struct ccp_config *)env;
	struct ccp_error err = { 0 };
	size_t len = strlen(sentence);

	assert_int_equal(ccp_config_load_text(env, "t.conf", file, strlen(file), &config, &err),
	                 CCP_ERR_SETTING);
	assert_null(config);
	if (sentence[len - 1] == '*')
		err.text[len - 1 < sizeof(err.text) ? len - 1
		                                    : 0] = '*',
						      err.text[len < sizeof(err.text) ? len : 0] =
							      '\0';
	assert_string_equal(err.text, sentence);
}

static void
defaults(void **state)
{
	char *env[] = { NULL };
	struct ccp_config *c = load(env, "");

	(void)state;
	assert_true(c->bedrock_fallback_enabled && c->rate_limit_tracking_enabled);
	assert_true(c->usage_tracking_enabled && !c->force_rate_limit && !c->debug_env_enabled);
	assert_int_equal(c->retry_threshold_s, 30);
	assert_int_equal(c->max_retry_wait_s, 10);
	assert_int_equal(c->max_body_bytes, 33554432);
	assert_int_equal(c->workers, 1);
	assert_int_equal(c->fallback_on, CCP_ON_429);
	assert_int_equal(c->bedrock_api, CCP_BEDROCK_INVOKE);
	assert_int_equal(c->log_level, CCP_LOG_INFO);
	assert_false(c->log_json);
	assert_string_equal(c->anthropic_api_base, "https://api.anthropic.com");
	assert_string_equal(c->state_directory, "/var/lib/claude-code-proxy");
	assert_string_equal(c->rate_limit_table_name, "claude-proxy-rate-limits");
	assert_string_equal(c->aws_region, "");
	assert_string_equal(c->anthropic_api_key, "");
	assert_false(ccp_config_is_given(c, "USAGE_TABLE_NAME"));
	ccp_config_free(c);
}

/* text with every line that begins with "#NAME=" uncommented. Free it. */
static char *
uncommented(const char *text)
{
	char *all = malloc(strlen(text) + 1), *to = all;

	assert_non_null(all);
	while (*text) {
		size_t len = strcspn(text, "\n") + 1;
		bool setting = text[0] == '#' && text[1] >= 'A' && text[1] <= 'Z';

		memcpy(to, text + setting, len - setting);
		to += len - setting;
		text += len;
	}
	*to = '\0';
	return all;
}

static void
file_that_ships(void **state)
{
	char *env[] = { NULL };
	struct ccp_buf text = CCP_BUF_INIT(65536);
	struct ccp_config *none = load(env, ""), *c;
	const struct ccp_config_row *row;
	char *all, line[128];

	(void)state;
	ccp_config_conf(&text);
	c = load(env, ccp_buf_text(&text));
	assert_int_equal(c->workers, 0);
	for (size_t i = 0; (row = ccp_config_row(i)); i++)
		assert_int_equal(ccp_config_is_given(c, row->name),
		                 strcmp(row->name, "WORKERS") == 0);
	ccp_config_free(c);
	/* what is commented out is the default, and a value that the file can have */
	all = uncommented(ccp_buf_text(&text));
	c = load(env, all);
	for (size_t i = 0; (row = ccp_config_row(i)); i++) {
		snprintf(line, sizeof(line), "\n%s=", row->name);
		assert_int_equal(strstr(all, line) != NULL,
		                 strcmp(row->name, "CLAUDE_CODE_PROXY_CONF") != 0);
		if (strcmp(row->name, "WORKERS") != 0)
			assert_string_equal(c->text[i], none->text[i]);
	}
	ccp_config_free(c);
	ccp_config_free(none);
	ccp_buf_clear(&text);
	free(all);
}

static void
man_page(void **state)
{
	struct ccp_buf text = CCP_BUF_INIT(65536);
	const struct ccp_config_row *row;
	char line[128];

	(void)state;
	ccp_config_man(&text);
	for (size_t i = 0; (row = ccp_config_row(i)); i++) {
		snprintf(line, sizeof(line), "\n.It Ev %s\n", row->name);
		assert_non_null(strstr(ccp_buf_text(&text), line));
	}
	/* a dash stays one, and a line that begins with a dot is no macro */
	assert_non_null(
		strstr(ccp_buf_text(&text), "of these anthropic\\-organization\\-id values"));
	assert_non_null(strstr(ccp_buf_text(&text), "\n\\&./run: where the web server listens\n"));
	assert_null(strstr(ccp_buf_text(&text), "\n./run"));
	ccp_buf_clear(&text);
}

static void
every_row_is_whole(void **state)
{
	char *env[] = { NULL };
	struct ccp_config *c = load(env, "");
	struct ccp_buf help = CCP_BUF_INIT(65536), table = CCP_BUF_INIT(65536);
	const struct ccp_config_row *row;

	(void)state;
	ccp_config_help(&help);
	ccp_config_markdown(&table);
	assert_true(ccp_buf_ok(&help) && ccp_buf_ok(&table));
	for (size_t i = 0; (row = ccp_config_row(i)); i++) {
		struct ccp_buf value = CCP_BUF_INIT(65536);

		assert_string_equal(ccp_config_value(c, i, &value), "default");
		assert_string_equal(ccp_buf_text(&value), row->default_text);
		assert_non_null(strstr(ccp_buf_text(&help), row->name));
		assert_non_null(strstr(ccp_buf_text(&table), row->help));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(row->name, ccp_config_row(j)->name);
		ccp_buf_clear(&value);
	}
	ccp_buf_clear(&help);
	ccp_buf_clear(&table);
	ccp_config_free(c);
}

static void
environment_over_file_over_table(void **state)
{
	char *env[] = { "WORKERS=3", "DRAIN_SECONDS=", "WORKERS_X=9", NULL };
	struct ccp_config *c = load(env, "# comment\n\n WORKERS = 7 \r\nDRAIN_SECONDS=5 # short\n"
	                                 "AWS_PROFILE=\"a # b\"  # c\nSTORE='sqlite:/x y'\n"
	                                 "LOG_FORMAT=json\nPING_INTERVAL_SECONDS=\nMODELS_FILE=#\n"
	                                 "SSL_CERT_FILE=/a#b");

	(void)state;
	assert_int_equal(c->workers, 3);
	assert_int_equal(c->drain_s, 5);
	assert_int_equal(c->ping_interval_s, 15);
	assert_string_equal(c->aws_profile, "a # b");
	assert_string_equal(c->store, "sqlite:/x y");
	assert_string_equal(c->models_file, "");
	assert_string_equal(c->ssl_cert_file, "/a#b");
	assert_true(c->log_json);
	assert_true(ccp_config_is_given(c, "WORKERS") && ccp_config_is_given(c, "STORE"));
	assert_false(ccp_config_is_given(c, "PING_INTERVAL_SECONDS"));
	assert_false(ccp_config_is_given(c, "NO_SUCH"));
	ccp_config_free(c);
}

static void
kinds(void **state)
{
	char *env[] = { "FORCE_RATE_LIMIT=Yes",
		        "USAGE_TRACKING_ENABLED=OFF",
		        "FALLBACK_ON=429, 5XX,spend",
		        "BEDROCK_API=messages",
		        "LOG_LEVEL=Debug",
		        "AWS_DEFAULT_REGION=ap-northeast-2",
		        "https_proxy=http://p:3128",
		        "ANTHROPIC_API_BASE=http://[::1]:9/x//",
		        "BEDROCK_MODEL_OVERRIDES={\"*\":\"arn:aws:x\"}",
		        NULL };
	struct ccp_config *c = load(env, "");

	(void)state;
	assert_true(c->force_rate_limit && !c->usage_tracking_enabled);
	assert_int_equal(c->fallback_on, CCP_ON_429 | CCP_ON_5XX | CCP_ON_SPEND);
	assert_int_equal(c->bedrock_api, CCP_BEDROCK_MESSAGES);
	assert_int_equal(c->log_level, CCP_LOG_DEBUG);
	assert_string_equal(c->aws_region, "ap-northeast-2");
	assert_string_equal(c->https_proxy, "http://p:3128");
	assert_string_equal(c->anthropic_api_base, "http://[::1]:9/x");
	ccp_config_free(c);
}

static void
wrong_values(void **state)
{
	static char *const bad_urls[] = {
		"ftp://a",      "https://",     "https://u:p@a/",  "https://a/?q",
		"https://a/#f", "https://a:0",  "https://a:70000", "https://a:",
		"https://a b",  "https:///x",   "https://[::1",    "https://[zz]",
		"//a",          "https://a\\b", "https://a?x"
	};
	char setting[160];

	(void)state;
	refused("RETRY_THRESHOLD_SECONDS=abc", "",
	        "RETRY_THRESHOLD_SECONDS: \"abc\" is not a whole number from 0 to 86400");
	refused("RETRY_THRESHOLD_SECONDS=-1", "",
	        "RETRY_THRESHOLD_SECONDS: \"-1\" is not a whole*");
	refused("WORKERS=257", "", "WORKERS: \"257\" is not a whole number from 0 to 256");
	refused("WORKERS=99999999999999999999", "", "WORKERS: \"99999999999999999999\" is not*");
	refused("DRAIN_SECONDS=1 ", "", "DRAIN_SECONDS: \"1 \" is not a whole*");
	refused("FORCE_RATE_LIMIT=maybe", "", "FORCE_RATE_LIMIT: \"maybe\" is not true or false");
	refused("BEDROCK_API=x", "", "BEDROCK_API: \"x\" is not invoke or messages");
	refused("LOG_LEVEL=x", "", "LOG_LEVEL: \"x\" is not error, warning, info or debug");
	refused("FALLBACK_ON=430", "", "FALLBACK_ON: \"430\" is not a list*");
	refused("FALLBACK_ON=,", "", "FALLBACK_ON: \",\" is not a list*");
	refused("AWS_REGION=us_east.evil", "", "AWS_REGION: \"us_east.evil\" is not made of*");
	refused("STORE=mysql:x", "", "STORE: \"mysql:x\" is not sqlite:PATH or dynamodb:");
	refused("BEDROCK_MODEL_OVERRIDES=[]", "", "BEDROCK_MODEL_OVERRIDES: \"[]\" is not a JSON*");
	refused("BEDROCK_MODEL_OVERRIDES={\"a\":1}", "", "BEDROCK_MODEL_OVERRIDES: *");
	refused("BEDROCK_MODEL_OVERRIDES={} x", "", "BEDROCK_MODEL_OVERRIDES: *");
	refused("AWS_PROFILE=a\nb", "", "AWS_PROFILE: a control character, or not UTF-8");
	refused("AWS_PROFILE=a\xff", "", "AWS_PROFILE: a control character, or not UTF-8");
	refused("ANTHROPIC_API_KEY=sk secret", "",
	        "ANTHROPIC_API_KEY: the value has a blank or a character that is not ASCII");
	for (size_t i = 0; i < sizeof(bad_urls) / sizeof(bad_urls[0]); i++) {
		snprintf(setting, sizeof(setting), "ANTHROPIC_API_BASE=%s", bad_urls[i]);
		refused(setting, "", "ANTHROPIC_API_BASE: not an http:// or https:// URL*");
	}
}

static void
plain_http_stays_here(void **state)
{
	static char *const here[] = { "http://localhost:8080", "http://127.9.9.9", "http://[::1]",
		                      "HTTP://LOCALHOST/", "https://example.com" };
	static char *const away[] = { "http://10.0.0.1", "http://127.0.0.1.example.com",
		                      "http://localhost.example.com", "http://[::2]:80",
		                      "http://127.1" };
	char setting[160];
	char *env[] = { setting, NULL, NULL };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		snprintf(setting, sizeof(setting), "ANTHROPIC_API_BASE=%s", here[i]);
		ccp_config_free(load(env, ""));
		snprintf(setting, sizeof(setting), "AWS_ENDPOINT_URL_BEDROCK_RUNTIME=%s", away[i]);
		refused(setting, "", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME: plain http to another*");
		env[1] = "ALLOW_INSECURE_UPSTREAM=true";
		ccp_config_free(load(env, ""));
		env[1] = NULL;
	}
}

static void
wrong_files(void **state)
{
	char *env[] = { NULL };
	struct ccp_config *config;
	struct ccp_error err;

	(void)state;
	refused("X=1", "WORKERS=1\nWORKER=2\n", "t.conf line 2: no setting of that name (WORKER)");
	refused("X=1", "hello\n", "t.conf line 1: not NAME=value");
	refused("X=1", "=1\n", "t.conf line 1: no setting of that name ()");
	refused("X=1", "export WORKERS=1\n", "t.conf line 1: no setting of that name*");
	refused("X=1", "AWS_PROFILE=\"a\nb\"\n", "t.conf line 1: AWS_PROFILE: the quote does*");
	refused("X=1", "AWS_PROFILE='a'b\n", "t.conf line 1: AWS_PROFILE: the quote does not end");
	refused("X=1", "WORKERS=1\n\nWORKERS=1", "t.conf line 3: WORKERS is given twice");
	refused("X=1", "CLAUDE_CODE_PROXY_CONF=/x", "t.conf line 1: no setting of that name*");
	assert_int_equal(ccp_config_load_text(env, "t.conf", "WORKERS=1\0", 10, &config, &err),
	                 CCP_ERR_SETTING);
}

static void
secrets_are_masked(void **state)
{
	char *env[] = { "ANTHROPIC_API_KEY=sk-ant-1", "HTTPS_PROXY=http://u:pw@p", NULL };
	struct ccp_config *c = load(env, "AWS_SECRET_ACCESS_KEY=hush\n");
	const struct ccp_config_row *row;

	(void)state;
	assert_string_equal(c->anthropic_api_key, "sk-ant-1");
	assert_string_equal(c->aws_secret_access_key, "hush");
	for (size_t i = 0; (row = ccp_config_row(i)); i++) {
		struct ccp_buf value = CCP_BUF_INIT(65536);
		const char *origin = ccp_config_value(c, i, &value);

		assert_null(strstr(ccp_buf_text(&value), "sk-ant"));
		assert_null(strstr(ccp_buf_text(&value), "hush"));
		assert_null(strstr(ccp_buf_text(&value), "pw"));
		if (strcmp(row->name, "AWS_SECRET_ACCESS_KEY") == 0) {
			assert_string_equal(origin, "file");
			assert_string_equal(ccp_buf_text(&value), "(set)");
		}
		ccp_buf_clear(&value);
	}
	ccp_config_free(c);
}

static void
files_on_disk(void **state)
{
	char path[] = "/tmp/ccp-config-XXXXXX", named[64];
	char *env[] = { named, NULL };
	int fd = mkstemp(path);
	struct ccp_config *c;
	struct ccp_error err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "WORKERS=4\n", 10), 10);
	close(fd);
	snprintf(named, sizeof(named), "CLAUDE_CODE_PROXY_CONF=%s", path);
	assert_int_equal(ccp_config_load(env, &c, &err), CCP_OK);
	assert_int_equal(c->workers, 4);
	assert_string_equal(c->settings_file, path);
	ccp_config_free(c);
	unlink(path);
	assert_int_equal(ccp_config_load(env, &c, &err), CCP_ERR_SETTING);
	assert_non_null(strstr(err.text, "No such file"));
	snprintf(named, sizeof(named), "CLAUDE_CODE_PROXY_CONF=/tmp");
	assert_int_equal(ccp_config_load(env, &c, &err), CCP_ERR_SETTING);
	assert_null(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(file_that_ships),
		cmocka_unit_test(man_page),
		cmocka_unit_test(environment_over_file_over_table),
		cmocka_unit_test(kinds),
		cmocka_unit_test(wrong_values),
		cmocka_unit_test(plain_http_stays_here),
		cmocka_unit_test(wrong_files),
		cmocka_unit_test(secrets_are_masked),
		cmocka_unit_test(files_on_disk),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
