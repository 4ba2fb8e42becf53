#include "unit.h"

#include "vectors.h"

#include "aws/credentials.h"

#include <sys/stat.h>

#include <cjson/cJSON.h>

#define NOW_S INT64_C(1795339800)
#define CHAIN \
	"credentials/smithy-rs/aws/rust-runtime/aws-config/test-data/default-credential-provider-chain"

static char folder[] = "/tmp/ccp-credentials-XXXXXX";
static char config_path[200], credentials_path[200];

/* The settings of an empty environment; strings are never written to. */
static struct ccp_config
settings(void)
{
	return (struct ccp_config){
		.aws_access_key_id = (char *)"",
		.aws_secret_access_key = (char *)"",
		.aws_session_token = (char *)"",
		.aws_profile = (char *)"",
		.aws_region = (char *)"",
		.bedrock_region = (char *)"",
		.aws_config_file = config_path,
		.aws_shared_credentials_file = credentials_path,
	};
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/config", folder);
	snprintf(credentials_path, sizeof(credentials_path), "%s/credentials", folder);
	return 0;
}

static int
no_files(void **state)
{
	(void)state;
	unlink(config_path);
	unlink(credentials_path);
	return 0;
}

static int
tear_down(void **state)
{
	no_files(state);
	return rmdir(folder);
}

static void
assert_keys(struct ccp_credentials *c, const char *id, const char *secret, const char *token)
{
	struct ccp_aws_keys keys;
	struct ccp_error err = { .code = CCP_OK };

	if (ccp_credentials_get(c, NOW_S, &keys, &err))
		fail_msg("%s", err.text);
	assert_string_equal(keys.access_key_id, id);
	assert_string_equal(keys.secret_access_key, secret);
	assert_string_equal(keys.session_token, token);
	assert_int_equal(keys.expires_at_s, 0);
	ccp_aws_keys_clear(&keys);
	assert_int_equal(keys.secret_access_key[0], 0);
}

static void
assert_no_keys(struct ccp_credentials *c, const char *says)
{
	static const struct ccp_aws_keys none;
	struct ccp_aws_keys keys;
	struct ccp_error err = { .code = CCP_OK };

	assert_int_equal(ccp_credentials_get(c, NOW_S, &keys, &err), CCP_ERR_CREDENTIALS);
	assert_int_equal(err.code, CCP_ERR_CREDENTIALS);
	if (!strstr(err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
	assert_null(strstr(err.text, "SECRET"));
	assert_memory_equal(&keys, &none, sizeof(keys));
	assert_int_equal(ccp_credentials_get(c, NOW_S, &keys, NULL), CCP_ERR_CREDENTIALS);
}

/* The same for settings and file texts (NULL: no such file). */
static void
assert_static(struct ccp_config config, const char *config_text, const char *credentials_text,
              const char *id, const char *says)
{
	struct ccp_credentials *c = NULL;

	no_files(NULL);
	if (config_text)
		write_file(config_path, config_text);
	if (credentials_text)
		write_file(credentials_path, credentials_text);
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	if (says)
		assert_no_keys(c, says);
	else
		assert_keys(c, id, "SECRET", "");
	ccp_credentials_free(c);
}

static void
environment(void **state)
{
	struct ccp_config config = settings();
	struct ccp_credentials *c = NULL;

	(void)state;
	config.aws_access_key_id = (char *)"AKID";
	config.aws_secret_access_key = (char *)"SECRET";
	assert_static(config, NULL, "[default]\naws_access_key_id=other\n", "AKID", NULL);
	/* the environment wins over a profile that was named, as with the AWS CLI */
	config.aws_profile = (char *)"p";
	assert_static(config, NULL, "broken", "AKID", NULL);

	config.aws_session_token = (char *)"TOKEN";
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	assert_keys(c, "AKID", "SECRET", "TOKEN");
	ccp_credentials_refresh(c);
	assert_keys(c, "AKID", "SECRET", "TOKEN");
	ccp_credentials_free(c);
	ccp_credentials_free(NULL);
}

static void
environment_incomplete(void **state)
{
	struct ccp_config config = settings();

	(void)state;
	config.aws_access_key_id = (char *)"AKID";
	assert_static(config, NULL, NULL, NULL,
	              "the environment has an AWS access key id, but no "
	              "secret access key");
	config.aws_secret_access_key = (char *)"SECRET\n";
	assert_static(config, NULL, NULL, NULL, "the secret access key of the environment holds");
	config.aws_access_key_id = (char *)" ";
	config.aws_secret_access_key = (char *)"SECRET";
	assert_static(config, NULL, NULL, NULL, "but no access key id");
}

static void
too_long(void **state)
{
	struct ccp_config config = settings();
	char id[130];

	(void)state;
	memset(id, 'A', sizeof(id));
	id[128] = '\0';
	config.aws_access_key_id = id;
	config.aws_secret_access_key = (char *)"SECRET";
	assert_static(config, NULL, NULL, id, NULL);
	id[128] = 'A';
	id[129] = '\0';
	assert_static(config, NULL, NULL, NULL, "longer than 128");
}

static void
profiles(void **state)
{
	struct ccp_config config = settings();

	(void)state;
	assert_static(config, NULL,
	              "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET\n", "A", NULL);
	assert_static(config, "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET\n",
	              NULL, "A", NULL);
	/* property by property, the credentials file wins */
	assert_static(config, "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET\n",
	              "[default]\nAWS_ACCESS_KEY_ID=B\n", "B", NULL);
	config.aws_profile = (char *)"work";
	config.aws_access_key_id = (char *)"\t"; /* blank is not set */
	config.aws_secret_access_key = (char *)" ";
	assert_static(config, "[profile work]\nregion=x\n",
	              "[default]\naws_access_key_id=A\naws_secret_access_key=X\n"
	              "[work]\naws_access_key_id=C\naws_secret_access_key=SECRET\n",
	              "C", NULL);
}

static void
session_token_of_a_profile(void **state)
{
	struct ccp_config config = settings();
	struct ccp_credentials *c = NULL;

	(void)state;
	write_file(credentials_path,
	           "[default]\naws_access_key_id = A\naws_secret_access_key = SECRET\n"
	           "aws_session_token = T/+=\n");
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	assert_keys(c, "A", "SECRET", "T/+=");
	ccp_credentials_free(c);
}

static void
sentences(void **state)
{
	struct ccp_config config = settings();

	(void)state;
	assert_static(config, NULL, NULL, NULL,
	              "no AWS credentials: AWS_ACCESS_KEY_ID is not set, and "
	              "profile \"default\" is neither in /tmp/");
	assert_static(config, "[profile x]\n", NULL, NULL, "profile \"default\" is neither in");
	assert_static(config, "[default]\nregion=x\n", NULL, NULL,
	              "profile \"default\" has no aws_access_key_id");
	assert_static(config, NULL, "[default]\naws_access_key_id=A\n", NULL,
	              "profile \"default\" has an AWS access key id, but no secret access key");
	assert_static(config, NULL, "[default]\naws_secret_access_key=SECRET\n", NULL,
	              "but no access key id");
	assert_static(config, NULL,
	              "[default]\naws_access_key_id=A\naws_secret_access_key=SEC RET\n", NULL,
	              "the secret access key of AWS profile \"default\" holds");
	assert_static(config,
	              "[default]\nrole_arn=arn:x\nsource_profile=b\naws_access_key_id=A\n"
	              "aws_secret_access_key=SECRET\n",
	              NULL, NULL, "from a role (role_arn), which needs STS");
	assert_static(config, "[default]\nsource_profile=b\n", NULL, NULL,
	              "from another profile (source_profile), which needs STS");
	assert_static(config, "[default]\ncredential_process=/bin/SECRET\n", NULL, NULL,
	              "from a program (credential_process)");
	assert_static(config, "[default]\nsso_session=s\n", NULL, NULL, "IAM Identity Center");
	assert_static(config, "[default]\nweb_identity_token_file=/f\n", NULL, NULL,
	              "web identity");
	assert_static(config, "[default]\nSECRET\n", NULL, NULL,
	              "config line 2: Expected an '=' sign");
	config.aws_shared_credentials_file = folder;
	assert_static(config, NULL, NULL, NULL, "Is a directory");
}

static void
no_home(void **state)
{
	struct ccp_config config = settings();
	const char *home = getenv("HOME");
	char *kept = home ? strdup(home) : NULL;
	struct ccp_credentials *c = NULL;

	(void)state;
	config.aws_config_file = (char *)"";
	config.aws_shared_credentials_file = (char *)"";
	unsetenv("HOME");
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	if (kept)
		setenv("HOME", kept, 1);
	free(kept);
	assert_no_keys(c, "HOME is not set");
	assert_string_equal(ccp_credentials_region(c), "us-east-1");
	ccp_credentials_free(c);
}

static void
rotated_file_is_read_again(void **state)
{
	struct ccp_config config = settings();
	struct ccp_credentials *c = NULL;

	(void)state;
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	assert_no_keys(c, "neither");
	write_file(credentials_path,
	           "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET\n");
	assert_keys(c, "A", "SECRET", "");
	assert_keys(c, "A", "SECRET", "");
	write_file(credentials_path,
	           "[default]\naws_access_key_id=BB\naws_secret_access_key=SECRET\n");
	assert_keys(c, "BB", "SECRET", "");
	ccp_credentials_refresh(c);
	assert_keys(c, "BB", "SECRET", "");
	/* keys that were taken away are gone at once */
	assert_int_equal(unlink(credentials_path), 0);
	assert_no_keys(c, "neither");
	ccp_credentials_free(c);
}

static void
assert_region(struct ccp_config config, const char *config_text, const char *want)
{
	struct ccp_credentials *c = NULL;

	no_files(NULL);
	write_file(config_path, config_text);
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	assert_string_equal(ccp_credentials_region(c), want);
	ccp_credentials_free(c);
}

static void
region(void **state)
{
	struct ccp_config config = settings();

	(void)state;
	assert_region(config, "", "us-east-1");
	assert_region(config, "[default]\nregion = eu-central-1\n", "eu-central-1");
	assert_region(config, "[default]\nregion = evil.example/x\n", "us-east-1");
	assert_region(config, "[default]\nregion =\n", "us-east-1");
	assert_region(config, "broken", "us-east-1");
	config.aws_profile = (char *)"work";
	assert_region(config, "[default]\nregion=eu-west-1\n[profile work]\nregion=eu-west-2\n",
	              "eu-west-2");
	config.aws_region = (char *)"ap-south-1";
	assert_region(config, "[profile work]\nregion=eu-west-2\n", "ap-south-1");
	config.bedrock_region = (char *)"sa-east-1";
	assert_region(config, "[profile work]\nregion=eu-west-2\n", "sa-east-1");
}

static char *
env_text(const cJSON *env, const char *name)
{
	char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(env, name));

	return text ? text : (char *)"";
}

static cJSON *
read_json(const char *name, const char *file)
{
	char path[VECTORS_PATH_BYTES], part[400];
	char *text;
	size_t n;
	cJSON *json;

	snprintf(part, sizeof(part), CHAIN "/%s/%s", name, file);
	assert_true(vectors_path(path, part));
	text = slurp(path, &n);
	json = cJSON_ParseWithLength(text, n);
	assert_non_null(json);
	free(text);
	return json;
}

/* A case of smithy-rs: its environment and files in, its keys (or no keys) out. */
static void
assert_smithy_case(const char *name, const char *says)
{
	cJSON *env = read_json(name, "env.json"), *test = read_json(name, "test-case.json");
	const cJSON *ok = cJSON_GetObjectItem(cJSON_GetObjectItem(test, "result"), "Ok");
	struct ccp_config config = settings();
	char base[VECTORS_PATH_BYTES], part[400];
	char config_file[VECTORS_PATH_BYTES + 30], credentials_file[VECTORS_PATH_BYTES + 30];
	struct ccp_credentials *c = NULL;

	snprintf(part, sizeof(part), CHAIN "/%s", name);
	assert_true(vectors_path(base, part));
	snprintf(config_file, sizeof(config_file), "%s/fs/home/.aws/config", base);
	snprintf(credentials_file, sizeof(credentials_file), "%s/fs/home/.aws/credentials", base);
	config.aws_config_file = config_file;
	config.aws_shared_credentials_file = credentials_file;
	config.aws_access_key_id = env_text(env, "AWS_ACCESS_KEY_ID");
	config.aws_secret_access_key = env_text(env, "AWS_SECRET_ACCESS_KEY");
	config.aws_session_token = env_text(env, "AWS_SESSION_TOKEN");
	config.aws_profile = env_text(env, "AWS_PROFILE");
	config.aws_region = env_text(env, "AWS_REGION");
	print_message("# %s\n", name);
	assert_int_equal(ccp_credentials_new(&config, &c, NULL), CCP_OK);
	if (says)
		assert_no_keys(c, says);
	else
		assert_keys(c, cJSON_GetStringValue(cJSON_GetObjectItem(ok, "access_key_id")),
		            cJSON_GetStringValue(cJSON_GetObjectItem(ok, "secret_access_key")), "");
	ccp_credentials_free(c);
	cJSON_Delete(env);
	cJSON_Delete(test);
}

static void
smithy_cases(void **state)
{
	char path[VECTORS_PATH_BYTES];

	(void)state;
	if (!vectors_here(path, CHAIN))
		return;
	assert_smithy_case("environment_variables", NULL);
	assert_smithy_case("environment_variables_blank", NULL);
	assert_smithy_case("prefer_environment", NULL);
	assert_smithy_case("profile_name", NULL);
	assert_smithy_case("profile_static_keys", NULL);
	assert_smithy_case("profile_static_keys_case_insensitive", NULL);
	assert_smithy_case("profile_overrides_web_identity", "role_arn");
	assert_smithy_case("web_identity_token_source_profile", "role_arn");
	assert_smithy_case("web_identity_token_profile", "role_arn");
	assert_smithy_case("imds_config_with_no_creds", "no aws_access_key_id");
	assert_smithy_case("ecs_credentials_invalid_profile", "profile \"default\" is neither");
	assert_smithy_case("sso_no_token_file", "sso-test");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(environment, no_files),
		cmocka_unit_test_setup(environment_incomplete, no_files),
		cmocka_unit_test_setup(too_long, no_files),
		cmocka_unit_test_setup(profiles, no_files),
		cmocka_unit_test_setup(session_token_of_a_profile, no_files),
		cmocka_unit_test_setup(sentences, no_files),
		cmocka_unit_test_setup(no_home, no_files),
		cmocka_unit_test_setup(rotated_file_is_read_again, no_files),
		cmocka_unit_test_setup(region, no_files),
		cmocka_unit_test_setup(smithy_cases, no_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
