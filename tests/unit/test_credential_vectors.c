/* covers: credential_chain profile_roles */
#include "vectors.h"

#include "aws_outside.h"

#include "aws/profile_files.h"

#include <dirent.h>

#include <cjson/cJSON.h>

/* The cases of smithy-rs (aws-config, commit 56ee88c5, 2026-08-21), where they are there. */

#define DATA "credentials/smithy-rs/aws/rust-runtime/aws-config/test-data"

static char folder[] = "/tmp/ccp-vectors-XXXXXX";
static char config_path[200], credentials_path[200], token_path[200];

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/config", folder);
	snprintf(credentials_path, sizeof(credentials_path), "%s/credentials", folder);
	snprintf(token_path, sizeof(token_path), "%s/token.jwt", folder);
	return 0;
}

static void
no_files(void)
{
	unlink(config_path);
	unlink(credentials_path);
	unlink(token_path);
}

static int
tear_down(void **state)
{
	(void)state;
	no_files();
	return rmdir(folder);
}

static cJSON *
read_json(const char *name)
{
	char path[VECTORS_PATH_BYTES];
	size_t n;
	char *text;
	cJSON *json;

	assert_true(vectors_path(path, name));
	text = slurp(path, &n);
	json = cJSON_ParseWithLength(text, n);
	assert_non_null(json);
	free(text);
	return json;
}

static const char *
text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* Appends text with every "/token.jwt" made the path of our own. */
static void
add_with_token_path(struct ccp_buf *out, const char *text)
{
	static const char *const names[] = { "/var/token.jwt", "/token.jwt" };
	size_t i;

	while (*text) {
		for (i = 0; i < 2; i++)
			if (strncmp(text, names[i], strlen(names[i])) == 0) {
				ccp_buf_puts(out, token_path);
				text += strlen(names[i]);
				break;
			}
		if (i == 2)
			ccp_buf_add(out, text++, 1);
	}
}

/* A file of a case, to where the settings say it is; none when the case has none. */
static void
copy_file(const char *name, const char *inner, const char *to)
{
	char part[400], path[VECTORS_PATH_BYTES], *text;
	struct ccp_buf out = CCP_BUF_INIT(1024 * 1024);
	size_t n;

	snprintf(part, sizeof(part), "%s/fs/%s", name, inner);
	if (!vectors_path(path, part))
		return;
	text = slurp(path, &n);
	add_with_token_path(&out, text);
	outside_write(to, ccp_buf_text(&out));
	ccp_buf_clear(&out);
	free(text);
}

/* The settings of env.json and of our files. */
static struct ccp_config *
case_config(const cJSON *env)
{
	char *vars[40];
	size_t n = 0, i;
	struct ccp_config *config;
	const cJSON *item;
	struct ccp_buf b;

	cJSON_ArrayForEach(item, env) {
		b = (struct ccp_buf)CCP_BUF_INIT(4096);
		ccp_buf_addf(&b, "%s=", item->string);
		add_with_token_path(&b, cJSON_GetStringValue(item));
		vars[n++] = ccp_buf_take(&b);
	}
	for (i = 0; i < 3; i++) {
		static const char *const names[] = { "AWS_CONFIG_FILE",
			                             "AWS_SHARED_CREDENTIALS_FILE",
			                             "ALLOW_INSECURE_UPSTREAM" };
		const char *const values[] = { config_path, credentials_path, "true" };

		b = (struct ccp_buf)CCP_BUF_INIT(4096);
		ccp_buf_addf(&b, "%s=%s", names[i], values[i]);
		vars[n++] = ccp_buf_take(&b);
	}
	vars[n] = NULL;
	config = outside_config(vars);
	while (n > 0)
		free(vars[--n]);
	return config;
}

/* --- recorded traffic --- */

struct traffic {
	const cJSON *events;
	int connection;
	struct outside_step step;
	char line[1024], body[16384], sent[16384];
};

static void
add_data(const cJSON *data, char *to, size_t size)
{
	const char *text = text_of(data, "Utf8");

	snprintf(to + strlen(to), size - strlen(to), "%s", text ? text : "");
}

/* The request and answer of one connection; false when there is no such one. */
static bool
load_connection(struct traffic *t)
{
	const cJSON *event;
	bool found = false;

	t->line[0] = t->body[0] = t->sent[0] = '\0';
	t->step = (struct outside_step){ .request = t->line, .body = t->body };
	cJSON_ArrayForEach(event, t->events) {
		const cJSON *action = cJSON_GetObjectItem(event, "action");
		const cJSON *request = cJSON_GetObjectItem(action, "Request");
		const cJSON *response = cJSON_GetObjectItem(action, "Response");
		const cJSON *data = cJSON_GetObjectItem(action, "Data");

		if (cJSON_GetObjectItem(event, "connection_id")->valueint != t->connection)
			continue;
		found = true;
		if (request) {
			const cJSON *r = cJSON_GetObjectItem(request, "request");
			const char *uri = text_of(r, "uri");
			size_t end = strlen(uri);

			snprintf(t->line, sizeof(t->line), "%s %s%s", text_of(r, "method"), uri,
			         strchr(strstr(uri, "://") + 3, '/') || end == 0 ? "" : "/");
		} else if (response) {
			const cJSON *ok =
				cJSON_GetObjectItem(cJSON_GetObjectItem(response, "response"),
			                            "Ok");

			t->step.status = cJSON_GetObjectItem(ok, "status")->valueint;
		} else if (data && strcmp(text_of(data, "direction"), "Response") == 0) {
			add_data(cJSON_GetObjectItem(data, "data"), t->body, sizeof(t->body));
		} else if (data) {
			add_data(cJSON_GetObjectItem(data, "data"), t->sent, sizeof(t->sent));
		}
	}
	return found;
}

static enum ccp_err
replay(void *arg, const struct ccp_http_wait_request *request, struct ccp_http_wait_answer *answer,
       struct ccp_error *err)
{
	struct traffic *t = arg;
	struct outside o = { .steps = &t->step, .count = 1 };
	enum ccp_err rc;

	if (!load_connection(t))
		fail_msg("nobody expected %s %s", request->method, request->url);
	t->connection++;
	rc = outside_http(&o, request, answer, err);
	/* the recordings were scrubbed, so values differ: the action is compared */
	if (*t->sent) {
		size_t n = strcspn(t->sent, "&");

		assert_int_equal(strncmp(o.body, t->sent, n), 0);
		assert_int_equal(*o.authorization != '\0',
		                 strncmp(t->sent, "Action=AssumeRole&", 18) == 0);
	}
	return rc;
}

static void
no_sleep(void *arg, int64_t ms)
{
	(void)arg;
	(void)ms;
}

/* --- whole cases --- */

struct case_row {
	const char *name;
	const char *says; /* what our error says; NULL: credentials come */
	const char *skip; /* why it is not run */
};

#define SSO "IAM Identity Center (SSO) is not walked"

static const struct case_row chain_rows[] = {
	{ "e2e_fips_and_dual_stack_sso", NULL, SSO },
	{ "ecs_assume_role", NULL, NULL },
	{ "ecs_credentials", NULL, NULL },
	{ "ecs_credentials_invalid_profile", NULL, NULL },
	{ "eks_pod_identity_credentials", NULL, NULL },
	{ "eks_pod_identity_no_token_file", "container: /tmp/", NULL },
	{ "environment_variables", NULL, NULL },
	{ "environment_variables_blank", NULL, NULL },
	{ "imds_assume_role", NULL, NULL },
	{ "imds_config_with_no_creds", NULL, NULL },
	{ "imds_default_chain_error", "IMDS: this instance has no role", NULL },
	{ "imds_default_chain_retries", NULL, NULL },
	{ "imds_default_chain_success", NULL, NULL },
	{ "imds_disabled", "IMDS: AWS_EC2_METADATA_DISABLED", NULL },
	{ "imds_no_iam_role", "profile: Ec2InstanceMetadata: this instance has no role", NULL },
	{ "imds_token_fail", "IMDS is disabled on this instance (403)", NULL },
	{ "prefer_environment", NULL, NULL },
	{ "profile_name", NULL, NULL },
	{ "profile_overrides_web_identity", "profile: Environment: not set", NULL },
	{ "profile_static_keys", NULL, NULL },
	{ "profile_static_keys_case_insensitive", NULL, NULL },
	{ "sso_assume_role", NULL, SSO },
	{ "sso_no_token_file", NULL, SSO },
	{ "sso_server_error", NULL, SSO },
	{ "web_identity_source_profile_no_env", "has a web_identity_token_file, but no role_arn",
	  NULL },
	{ "web_identity_token_env", NULL, NULL },
	{ "web_identity_token_invalid_jwt",
	  "STS says 400 InvalidIdentityToken: No OpenIDConnect provider found in your account",
	  NULL },
	{ "web_identity_token_profile", NULL, NULL },
	{ "web_identity_token_source_profile", NULL, NULL },
};

static const struct case_row profile_rows[] = {
	{ "assume_role_override_global_env_url", NULL, NULL },
	{ "assume_role_override_global_profile_url", NULL, NULL },
	{ "assume_role_override_service_env_url", NULL, NULL },
	{ "assume_role_override_service_profile_url", NULL, NULL },
	{ "credential_process", NULL, NULL },
	{ "credential_process_account_id_fallback", NULL, NULL },
	{ "credential_process_failure", "credential_process ended with status 1", NULL },
	{ "credential_process_invalid", "answer of credential_process is no JSON", NULL },
	{ "e2e_assume_role", NULL, NULL },
	{ "e2e_fips_and_dual_stack_sts", NULL, NULL },
	{ "empty_config", "\"default\" is neither in", NULL },
	{ "invalid_config", "line 2: Property did not have a name", NULL },
	{ "invalid_sso_credentials_config", "signs in with IAM Identity Center (SSO)", NULL },
	{ "region_override", NULL, NULL },
	{ "retry_on_error", NULL, NULL },
	{ "sso_credentials", NULL, SSO },
	{ "sso_override_global_env_url", NULL, SSO },
	{ "sso_token", NULL, SSO },
};

/* The chain, or the profile alone as its own cases have it. */
static enum ccp_err
resolve(struct ccp_resolve *r, bool whole_chain, struct ccp_aws_keys *keys, struct ccp_error *err)
{
	struct ccp_profiles profiles = CCP_PROFILES_INIT;
	struct ccp_places places;
	struct ccp_profile_files *files = NULL;
	const char *name = r->config->aws_profile;
	enum ccp_err rc;

	assert_int_equal(ccp_profile_files_new(config_path, credentials_path, NULL, &files, err),
	                 CCP_OK);
	rc = ccp_profile_files_read(files, &profiles, err);
	if (!rc) {
		ccp_places_read(&places, r->config, &profiles, *name ? name : "default");
		r->places = &places;
		r->profiles = &profiles;
		r->config_path = config_path;
		r->credentials_path = credentials_path;
		rc = whole_chain ? ccp_credential_ask(r, files, keys, err)
		                 : ccp_source_profile(r, keys, err);
	}
	ccp_profiles_clear(&profiles);
	ccp_profile_files_free(files);
	return rc;
}

static void
assert_result(const cJSON *ok, const struct case_row *row, enum ccp_err rc,
              const struct ccp_aws_keys *keys, const struct ccp_error *err)
{
	const cJSON *expiry = cJSON_GetObjectItem(ok, "expiry");
	const char *token = text_of(ok, "session_token");

	if (row->says) {
		assert_null(ok);
		assert_int_not_equal(rc, CCP_OK);
		if (!strstr(err->text, row->says))
			fail_msg("\"%s\" does not say \"%s\"", err->text, row->says);
		return;
	}
	if (rc)
		fail_msg("%s", err->text);
	assert_non_null(ok);
	assert_string_equal(keys->access_key_id, text_of(ok, "access_key_id"));
	assert_string_equal(keys->secret_access_key, text_of(ok, "secret_access_key"));
	assert_string_equal(keys->session_token, token ? token : "");
	assert_int_equal(keys->expires_at_s, expiry ? (int64_t)expiry->valuedouble : 0);
}

static void
run_case(const char *group, const struct case_row *row)
{
	char name[300], part[400];
	cJSON *env, *test, *http;
	struct traffic traffic = { .connection = 0 };
	struct ccp_aws_outside outside = { .http = replay, .sleep_ms = no_sleep, .arg = &traffic };
	struct ccp_imds_session imds = { .until_s = 0 };
	struct ccp_resolve r = { .outside = &outside, .imds = &imds, .now_s = 1 };
	struct ccp_aws_keys keys = { .expires_at_s = 0 };
	struct ccp_error err = { .code = CCP_OK };
	struct ccp_config *config;
	enum ccp_err rc;

	print_message("# %s%s%s\n", row->name, row->skip ? " skipped: " : "",
	              row->skip ? row->skip : "");
	if (row->skip)
		return;
	snprintf(name, sizeof(name), DATA "/%s/%s", group, row->name);
	snprintf(part, sizeof(part), "%s/env.json", name);
	env = read_json(part);
	snprintf(part, sizeof(part), "%s/test-case.json", name);
	test = read_json(part);
	snprintf(part, sizeof(part), "%s/http-traffic.json", name);
	http = read_json(part);
	no_files();
	copy_file(name, "home/.aws/config", config_path);
	copy_file(name, "home/.aws/credentials", credentials_path);
	copy_file(name, "token.jwt", token_path);
	traffic.events = cJSON_GetObjectItem(http, "events");
	r.config = config = case_config(env);
	rc = resolve(&r, strncmp(group, "default", 7) == 0, &keys, &err);
	assert_result(cJSON_GetObjectItem(cJSON_GetObjectItem(test, "result"), "Ok"), row, rc,
	              &keys, &err);
	assert_false(load_connection(&traffic)); /* all that was recorded was asked */
	ccp_config_free(config);
	cJSON_Delete(env);
	cJSON_Delete(test);
	cJSON_Delete(http);
}

/* Runs all, and sees to it that no case is forgotten. */
static void
run_group(const char *group, const struct case_row *rows, size_t count)
{
	char path[VECTORS_PATH_BYTES], part[400];
	struct dirent *entry;
	size_t i;
	DIR *dir;

	snprintf(part, sizeof(part), DATA "/%s", group);
	if (!vectors_here(path, part))
		return;
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		for (i = 0; i < count && strcmp(rows[i].name, entry->d_name); i++)
			;
		if (i == count && entry->d_name[0] != '.')
			fail_msg("no row for the case %s", entry->d_name);
	}
	closedir(dir);
	for (i = 0; i < count; i++)
		run_case(group, &rows[i]);
}

static void
chain_cases(void **state)
{
	(void)state;
	run_group("default-credential-provider-chain", chain_rows,
	          sizeof(chain_rows) / sizeof(chain_rows[0]));
}

static void
profile_cases(void **state)
{
	(void)state;
	run_group("profile-provider", profile_rows, sizeof(profile_rows) / sizeof(profile_rows[0]));
}

/* --- assume-role-tests.json: which way a profile goes --- */

/* What was asked of STS and IMDS, as text. */
struct way_log {
	struct ccp_buf text;
	int roles;
};

static void
add_form_field(struct ccp_buf *out, const char *form, const char *name)
{
	char key[40];
	const char *p;

	snprintf(key, sizeof(key), "&%s=", name);
	p = strstr(form, key);
	if (!p)
		return;
	ccp_buf_addf(out, " %s=", name);
	for (p += strlen(key); *p && *p != '&'; p++)
		if (*p == '%') {
			char hex[3] = { p[1], p[2], '\0' };
			char c = (char)strtol(hex, NULL, 16);

			ccp_buf_add(out, &c, 1);
			p += 2;
		} else {
			ccp_buf_add(out, p, 1);
		}
}

static enum ccp_err
log_way(void *arg, const struct ccp_http_wait_request *request, struct ccp_http_wait_answer *answer,
        struct ccp_error *err)
{
	struct way_log *log = arg;
	const char *auth = ccp_headers_get(request->headers, "authorization");
	char form[8192];

	(void)err;
	ccp_http_wait_answer_clear(answer);
	answer->status = 200;
	answer->body.max = 64 * 1024;
	if (strstr(request->url, "169.254.169.254")) {
		ccp_buf_puts(&answer->body, strstr(request->url, "/role")
		                                    ? OUTSIDE_JSON("IMDS", "2030-01-01T00:00:00Z")
		                            : strstr(request->url, "/api/") ? "token"
		                                                            : "role");
		return CCP_OK;
	}
	snprintf(form, sizeof(form), "%.*s", (int)request->body.len, request->body.p);
	if (auth)
		ccp_buf_addf(&log->text, "%.*s -> ", (int)strcspn(strchr(auth, '=') + 1, "/"),
		             strchr(auth, '=') + 1);
	ccp_buf_addf(&log->text, "%.*s", (int)strcspn(form + 7, "&"), form + 7);
	add_form_field(&log->text, form, "RoleArn");
	if (!strstr(form, "RoleSessionName=claude-code-proxy-"))
		add_form_field(&log->text, form, "RoleSessionName");
	add_form_field(&log->text, form, "ExternalId");
	ccp_buf_addf(&log->text, "; ");
	log->roles++;
	ccp_buf_addf(&answer->body,
	             "<Credentials><AccessKeyId>ROLE%d</AccessKeyId><SecretAccessKey>x"
	             "</SecretAccessKey></Credentials>",
	             log->roles);
	return CCP_OK;
}

static void
add_optional(struct ccp_buf *out, const cJSON *step, const char *json_name, const char *name)
{
	if (text_of(step, json_name))
		ccp_buf_addf(out, " %s=%s", name, text_of(step, json_name));
}

/* The same text from the case's output; the last part is the key that comes out. */
static void
expected_way(const cJSON *chain, struct ccp_buf *out)
{
	char key[64] = "";
	const cJSON *item;
	int roles = 0;

	cJSON_ArrayForEach(item, chain) {
		const cJSON *step = item->child;

		if (strcmp(step->string, "AccessKey") == 0) {
			snprintf(key, sizeof(key), "%s", text_of(step, "access_key_id"));
			continue;
		}
		if (strcmp(step->string, "NamedSource") == 0) {
			snprintf(key, sizeof(key), "IMDS");
			continue;
		}
		if (strcmp(step->string, "AssumeRole") == 0)
			ccp_buf_addf(out, "%s -> AssumeRole", key);
		else
			ccp_buf_addf(out, "AssumeRoleWithWebIdentity");
		add_optional(out, step, "role_arn", "RoleArn");
		add_optional(out, step, "role_session_name", "RoleSessionName");
		if (!text_of(step, "role_session_name"))
			add_optional(out, step, "session_name", "RoleSessionName");
		add_optional(out, step, "external_id", "ExternalId");
		ccp_buf_puts(out, "; ");
		snprintf(key, sizeof(key), "ROLE%d", ++roles);
	}
	ccp_buf_puts(out, key);
}

static void
write_profiles(const cJSON *profiles)
{
	struct ccp_buf out = CCP_BUF_INIT(64 * 1024);
	const cJSON *profile, *property;

	cJSON_ArrayForEach(profile, profiles) {
		ccp_buf_addf(&out, "[profile %s]\n", profile->string);
		cJSON_ArrayForEach(property, profile) {
			ccp_buf_addf(&out, "%s = ", property->string);
			add_with_token_path(&out, cJSON_GetStringValue(property));
			ccp_buf_puts(&out, "\n");
		}
	}
	outside_write(config_path, ccp_buf_text(&out));
	ccp_buf_clear(&out);
}

static void
run_way(const cJSON *test)
{
	static char *env[] = { (char *)"AWS_PROFILE=A", NULL };
	const cJSON *output = cJSON_GetObjectItem(test, "output");
	const cJSON *chain = cJSON_GetObjectItem(output, "ProfileChain");
	struct way_log log = { .text = CCP_BUF_INIT(64 * 1024) };
	struct ccp_aws_outside outside = { .http = log_way, .sleep_ms = no_sleep, .arg = &log };
	struct ccp_imds_session imds = { .until_s = 0 };
	struct ccp_resolve r = { .outside = &outside, .imds = &imds, .now_s = 1 };
	struct ccp_buf want = CCP_BUF_INIT(64 * 1024);
	struct ccp_aws_keys keys = { .expires_at_s = 0 };
	struct ccp_error err = { .code = CCP_OK };
	struct ccp_config *config = outside_config(env);
	enum ccp_err rc;

	r.config = config;
	write_profiles(cJSON_GetObjectItem(cJSON_GetObjectItem(test, "input"), "profiles"));
	rc = resolve(&r, false, &keys, &err);
	print_message("#   %s\n", rc ? err.text : ccp_buf_text(&log.text));
	assert_int_equal(rc == CCP_OK, chain != NULL);
	if (chain) {
		expected_way(chain, &want);
		ccp_buf_puts(&log.text, keys.access_key_id);
		assert_string_equal(ccp_buf_text(&log.text), ccp_buf_text(&want));
	} else {
		assert_int_equal(log.roles, 0); /* said before anybody was asked */
		assert_true(strlen(err.text) > 10);
	}
	ccp_buf_clear(&want);
	ccp_buf_clear(&log.text);
	ccp_config_free(config);
}

static void
assume_role_cases(void **state)
{
	char path[VECTORS_PATH_BYTES];
	const cJSON *test;
	cJSON *tests;

	(void)state;
	if (!vectors_here(path, DATA "/assume-role-tests.json"))
		return;
	no_files();
	outside_write(token_path, "sometoken\n");
	tests = read_json(DATA "/assume-role-tests.json");
	cJSON_ArrayForEach(test, tests) {
		bool sso = strstr(text_of(test, "docs"), "SSO");

		print_message("# %s%s\n", text_of(test, "docs"), sso ? " skipped: " SSO : "");
		if (!sso)
			run_way(test);
	}
	cJSON_Delete(tests);
}

/* --- URLs --- */

static void
container_url_cases(void **state)
{
	char path[VECTORS_PATH_BYTES];
	const cJSON *test;
	cJSON *all;

	(void)state;
	if (!vectors_here(path, DATA "/ecs-tests.json"))
		return;
	all = read_json(DATA "/ecs-tests.json");
	cJSON_ArrayForEach(test, cJSON_GetObjectItem(all, "tests")) {
		const char *want = text_of(cJSON_GetObjectItem(test, "result"), "Ok");
		struct ccp_config *config = case_config(cJSON_GetObjectItem(test, "env"));
		struct ccp_buf url = CCP_BUF_INIT(2048);

		print_message("# %s\n", text_of(test, "docs"));
		assert_int_equal(ccp_container_url(config, &url, NULL) == CCP_OK, want != NULL);
		assert_string_equal(ccp_buf_text(&url), want ? want : "");
		ccp_buf_clear(&url);
		ccp_config_free(config);
	}
	cJSON_Delete(all);
}

static void
imds_endpoint_cases(void **state)
{
	char path[VECTORS_PATH_BYTES];
	const cJSON *test;
	cJSON *all;

	(void)state;
	if (!vectors_here(path, DATA "/imds-config/imds-endpoint-tests.json"))
		return;
	all = read_json(DATA "/imds-config/imds-endpoint-tests.json");
	cJSON_ArrayForEach(test, cJSON_GetObjectItem(all, "tests")) {
		const char *want = text_of(cJSON_GetObjectItem(test, "result"), "Ok");
		const char *file = text_of(cJSON_GetObjectItem(test, "fs"), "config");
		struct ccp_profiles profiles = CCP_PROFILES_INIT;
		struct ccp_config *config;
		struct ccp_places places;
		struct ccp_buf url = CCP_BUF_INIT(2048);

		if (text_of(test, "endpoint_override") || text_of(test, "mode_override")) {
			print_message("# %s skipped: an override in code is not offered\n",
			              text_of(test, "docs"));
			continue;
		}
		print_message("# %s\n", text_of(test, "docs"));
		config = case_config(cJSON_GetObjectItem(test, "env"));
		if (file)
			assert_int_equal(ccp_profile_parse(&profiles, CCP_PROFILE_CONFIG, "config",
			                                   file, strlen(file), NULL),
			                 CCP_OK);
		ccp_places_read(&places, config, &profiles, "default");
		assert_int_equal(ccp_imds_endpoint(config, &places, &url, NULL) == CCP_OK,
		                 want != NULL);
		if (want) {
			ccp_buf_puts(&url, "/latest/api/token");
			assert_string_equal(ccp_buf_text(&url), want);
		}
		ccp_buf_clear(&url);
		ccp_profiles_clear(&profiles);
		ccp_config_free(config);
	}
	cJSON_Delete(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_cases),         cmocka_unit_test(profile_cases),
		cmocka_unit_test(assume_role_cases),   cmocka_unit_test(container_url_cases),
		cmocka_unit_test(imds_endpoint_cases),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
