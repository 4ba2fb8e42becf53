#include "unit.h"

#include "vectors.h"

#include "aws/profile.h"
#include "base/buf.h"

#include <cjson/cJSON.h>

/*
 * What a config and a credentials file hold together, as text: "[name]" and
 * "name=value" lines in the order of the files. On failure the error instead.
 */
static char *
show(const char *config, const char *credentials)
{
	struct ccp_profiles all = CCP_PROFILES_INIT;
	struct ccp_buf b = CCP_BUF_INIT(1024 * 1024);
	struct ccp_error err = { .code = CCP_OK };
	size_t i, j;
	enum ccp_err rc;

	rc = ccp_profile_parse(&all, CCP_PROFILE_CONFIG, "config", config, strlen(config), &err);
	if (!rc)
		rc = ccp_profile_parse(&all, CCP_PROFILE_CREDENTIALS, "credentials", credentials,
		                       strlen(credentials), &err);
	if (rc)
		ccp_buf_addf(&b, "error: %s", err.text);
	for (i = 0; !rc && i < all.profiles.count; i++) {
		ccp_buf_addf(&b, "[%s]\n", all.profiles.items[i].name);
		for (j = 0; j < all.profiles.items[i].count; j++)
			ccp_buf_addf(&b, "%s=%s\n", all.profiles.items[i].properties[j].name,
			             all.profiles.items[i].properties[j].value);
	}
	ccp_profiles_clear(&all);
	assert_true(ccp_buf_ok(&b));
	return b.data ? ccp_buf_take(&b) : strdup("");
}

static void
assert_shows(const char *config, const char *credentials, const char *want)
{
	char *got = show(config, credentials);

	assert_string_equal(got, want);
	free(got);
}

static void
services(void **state)
{
	static const char text[] =
		"[profile a]\nservices = t\n[services t]\nx = 1\nsts =\n"
		"  endpoint_url_not = http://0\n\tendpoint_url  =  http://h:1 \r\n"
		"  endpoint_url = http://later\nbedrock_runtime =\n  other = 2\n";
	struct ccp_profiles all = CCP_PROFILES_INIT;
	const struct ccp_profile *t;
	char url[12];

	(void)state;
	assert_int_equal(ccp_profile_parse(&all, CCP_PROFILE_CONFIG, "config", text,
	                                   sizeof(text) - 1, NULL),
	                 CCP_OK);
	assert_null(ccp_profile_find(&all, "t"));
	assert_null(ccp_profile_find_services(&all, "a"));
	assert_null(ccp_profile_find_services(&all, NULL));
	t = ccp_profile_find_services(&all, "t");
	assert_non_null(t);
	assert_true(ccp_profile_get_inner(t, "sts", "endpoint_url", url, sizeof(url)));
	assert_string_equal(url, "http://h:1");
	assert_false(ccp_profile_get_inner(t, "sts", "endpoint_url", url, 10));
	assert_string_equal(url, "");
	assert_false(ccp_profile_get_inner(t, "bedrock_runtime", "endpoint_url", url, 12));
	assert_false(ccp_profile_get_inner(t, "x", "endpoint_url", url, sizeof(url)));
	assert_false(ccp_profile_get_inner(t, "none", "endpoint_url", url, sizeof(url)));
	ccp_profiles_clear(&all);
	/* only the config file has them */
	assert_int_equal(ccp_profile_parse(&all, CCP_PROFILE_CREDENTIALS, "credentials", text,
	                                   sizeof(text) - 1, NULL),
	                 CCP_OK);
	assert_null(ccp_profile_find_services(&all, "t"));
	ccp_profiles_clear(&all);
}

static void
sections(void **state)
{
	(void)state;
	assert_shows("", "", "");
	assert_shows("[default]\nregion=eu-west-1", "", "[default]\nregion=eu-west-1\n");
	assert_shows("[profile a-b/c.d%e@f_g:h+]\nx=1\n", "", "[a-b/c.d%e@f_g:h+]\nx=1\n");
	assert_shows("[ \tprofile\t a \t] ; comment\nx=1\n", "", "[a]\nx=1\n");
	assert_shows("[a]\nx=1\n[profilea]\nx=1\n[profile]\nx=1\n[profile ]\nx=1\n[]\n", "", "");
	assert_shows("", "[profile a]\nx=1\n[ b ]#comment\nx=2\n", "[b]\nx=2\n");
	assert_shows("[sso-session s]\nx=1\n[services t]\nsts =\n endpoint_url = http://h\n", "",
	             "");
	assert_shows("[profile a]\nx=1\n", "[a]\nx=2\ny=3\n", "[a]\nx=2\ny=3\n");
	assert_shows("[profile a]\nx=1\n[profile b]\nx=9\n[profile a]\ny=2\n", "",
	             "[a]\nx=1\ny=2\n[b]\nx=9\n");
}

static void
default_with_prefix_wins(void **state)
{
	(void)state;
	assert_shows("[default]\nx=1\n[profile default]\ny=2\n", "", "[default]\ny=2\n");
	assert_shows("[profile default]\ny=2\n[default]\nx=1\n", "", "[default]\ny=2\n");
	assert_shows("[profile default]\ny=2\n", "[default]\nx=1\n", "[default]\ny=2\nx=1\n");
}

static void
properties(void **state)
{
	(void)state;
	assert_shows("", "[a]\r\nX = 1\r\nx-Y_9\t=\ta=b\r\n", "[a]\nx=1\nx-y_9=a=b\n");
	assert_shows("", "[a]\nx=1\nX=2\n", "[a]\nx=2\n");
	assert_shows("", "[a]\nx=#1\ny=1;2 ;3\nz=1 #2\n", "[a]\nx=#1\ny=1;2\nz=1\n");
	assert_shows("", "#c\n[a]\n;c\n\n \t\r\nx=1\n", "[a]\nx=1\n");
	assert_shows("", "[a]\nx y = 1\n more\nz=2\n", "[a]\nz=2\n");
	assert_shows("", "[a]\nx=\n", "[a]\nx=\n");
	assert_shows("", "[a]\nx=1", "[a]\nx=1\n");
}

static void
continuations(void **state)
{
	(void)state;
	assert_shows("", "[a]\nx=1\n  2 ; kept \n\n\t3\n", "[a]\nx=1\n2 ; kept\n3\n");
	assert_shows("", "[a]\nx=1\n  # not a value\ny=2\n", "[a]\nx=1\ny=2\n");
	assert_shows("", "[a]\ns3 =\n k = v\n l =\n", "[a]\ns3=\nk = v\nl =\n");
}

/* Name and line, never the text: it may be a secret in the wrong place. */
static void
errors(void **state)
{
	(void)state;
	assert_shows("\n\nx=SECRET", "", "error: config line 3: Expected a profile definition");
	assert_shows(" SECRET", "",
	             "error: config line 1: Expected a profile definition, found continuation");
	assert_shows("", "[SECRET\n",
	             "error: credentials line 1: Profile definition must end with ']'");
	assert_shows("", "[", "error: credentials line 1: Profile definition must end with ']'");
	assert_shows("", "[a]\nSECRET\n",
	             "error: credentials line 2: Expected an '=' sign defining a property");
	assert_shows("", "[a]\n=SECRET\n",
	             "error: credentials line 2: Property did not have a name");
	assert_shows(
		"", "[a]\n SECRET\n",
		"error: credentials line 2: Expected a property definition, found continuation");
	assert_shows("", "[a]\nx=\n SECRET\n",
	             "error: credentials line 3: Expected an '=' sign defining a sub-property");
	assert_shows("", "[a]\nx=\n =SECRET\n",
	             "error: credentials line 3: Sub-property did not have a name");
}

static enum ccp_err
parse_code(const char *text, size_t len)
{
	struct ccp_profiles all = CCP_PROFILES_INIT;
	enum ccp_err rc = ccp_profile_parse(&all, CCP_PROFILE_CREDENTIALS, "f", text, len, NULL);

	ccp_profiles_clear(&all);
	return rc;
}

static void
limits(void **state)
{
	struct ccp_buf b = CCP_BUF_INIT(2 * CCP_PROFILE_FILE_MAX_BYTES);
	char *large = calloc(1, CCP_PROFILE_FILE_MAX_BYTES + 1);
	int i;

	(void)state;
	memset(large, '\n', CCP_PROFILE_FILE_MAX_BYTES + 1);
	assert_int_equal(parse_code(large, CCP_PROFILE_FILE_MAX_BYTES), CCP_OK);
	assert_int_equal(parse_code(large, CCP_PROFILE_FILE_MAX_BYTES + 1), CCP_ERR_LIMIT);

	memset(large, 'x', CCP_PROFILE_FILE_MAX_BYTES + 1);
	memcpy(large, "[a]\ny=", 6);
	assert_int_equal(parse_code(large, 6 + CCP_PROFILE_VALUE_MAX_BYTES), CCP_OK);
	assert_int_equal(parse_code(large, 7 + CCP_PROFILE_VALUE_MAX_BYTES), CCP_ERR_LIMIT);
	free(large);

	for (i = 0; i < CCP_PROFILES_MAX_COUNT; i++)
		ccp_buf_addf(&b, "[p%d]\n", i);
	assert_int_equal(parse_code(b.data, b.len), CCP_OK);
	ccp_buf_puts(&b, "[one-more]\n");
	assert_int_equal(parse_code(b.data, b.len), CCP_ERR_LIMIT);
	ccp_buf_clear(&b);

	ccp_buf_puts(&b, "[a]\n");
	for (i = 0; i < CCP_PROFILE_PROPERTIES_MAX_COUNT; i++)
		ccp_buf_addf(&b, "k%d=1\n", i);
	assert_int_equal(parse_code(b.data, b.len), CCP_OK);
	ccp_buf_puts(&b, "one-more=1\n");
	assert_int_equal(parse_code(b.data, b.len), CCP_ERR_LIMIT);
	ccp_buf_clear(&b);

	assert_int_equal(parse_code("[a]\nx=\0y\n", 9), CCP_ERR_SETTING);
}

static void
lookups(void **state)
{
	static const char text[] = "[a]\nx=1\n[A]\nx=2\n";
	struct ccp_profiles all = CCP_PROFILES_INIT;

	(void)state;
	assert_int_equal(ccp_profile_parse(&all, CCP_PROFILE_CREDENTIALS, "f", text, strlen(text),
	                                   NULL),
	                 CCP_OK);
	assert_string_equal(ccp_profile_get(ccp_profile_find(&all, "a"), "x"), "1");
	assert_string_equal(ccp_profile_get(ccp_profile_find(&all, "A"), "x"), "2");
	assert_null(ccp_profile_get(ccp_profile_find(&all, "a"), "y"));
	assert_null(ccp_profile_find(&all, "aa"));
	assert_null(ccp_profile_find(&all, ""));
	ccp_profiles_clear(&all);
	assert_null(ccp_profile_find(&all, "a"));
	ccp_profiles_clear(&all);
}

static void
assert_holds(const struct ccp_profiles *all, const cJSON *want)
{
	const cJSON *profile, *property;

	assert_int_equal(all->profiles.count, cJSON_GetArraySize(want));
	cJSON_ArrayForEach(profile, want) {
		const struct ccp_profile *got = ccp_profile_find(all, profile->string);

		assert_non_null(got);
		assert_int_equal(got->count, cJSON_GetArraySize(profile));
		cJSON_ArrayForEach(property, profile) {
			const char *value = ccp_profile_get(got, property->string);

			assert_non_null(value);
			assert_string_equal(value, cJSON_GetStringValue(property));
		}
	}
}

static void
assert_smithy_case(const cJSON *test)
{
	const cJSON *input = cJSON_GetObjectItem(test, "input");
	const cJSON *output = cJSON_GetObjectItem(test, "output");
	const char *config = cJSON_GetStringValue(cJSON_GetObjectItem(input, "configFile"));
	const char *credentials =
		cJSON_GetStringValue(cJSON_GetObjectItem(input, "credentialsFile"));
	const char *error = cJSON_GetStringValue(cJSON_GetObjectItem(output, "errorContaining"));
	struct ccp_profiles all = CCP_PROFILES_INIT;
	struct ccp_error err = { .code = CCP_OK };
	enum ccp_err rc = CCP_OK;

	print_message("# %s\n", cJSON_GetStringValue(cJSON_GetObjectItem(test, "name")));
	if (config)
		rc = ccp_profile_parse(&all, CCP_PROFILE_CONFIG, "c", config, strlen(config), &err);
	if (credentials && !rc)
		rc = ccp_profile_parse(&all, CCP_PROFILE_CREDENTIALS, "c", credentials,
		                       strlen(credentials), &err);
	if (error) {
		assert_int_equal(rc, CCP_ERR_SETTING);
		assert_non_null(strstr(err.text, error));
	} else {
		assert_int_equal(rc, CCP_OK);
		assert_holds(&all, cJSON_GetObjectItem(cJSON_GetObjectItem(output, "config"),
		                                       "profiles"));
	}
	ccp_profiles_clear(&all);
}

static void
smithy_cases(void **state)
{
	char path[VECTORS_PATH_BYTES];
	const cJSON *tests, *test;
	cJSON *json;
	size_t n;
	char *text;

	(void)state;
	if (!vectors_here(path, "credentials/smithy-rs/aws/rust-runtime/aws-runtime/test-data/"
	                        "profile-parser-tests.json"))
		return;
	text = slurp(path, &n);
	json = cJSON_ParseWithLength(text, n);
	tests = cJSON_GetObjectItem(json, "tests");
	assert_true(cJSON_GetArraySize(tests) > 50);
	cJSON_ArrayForEach(test, tests)
		assert_smithy_case(test);
	cJSON_Delete(json);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections),
		cmocka_unit_test(services),
		cmocka_unit_test(default_with_prefix_wins),
		cmocka_unit_test(properties),
		cmocka_unit_test(continuations),
		cmocka_unit_test(errors),
		cmocka_unit_test(limits),
		cmocka_unit_test(lookups),
		cmocka_unit_test(smithy_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
