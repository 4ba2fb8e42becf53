/* covers: credential_parts container endpoint imds process sts */
#include "aws_outside.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

static char folder[] = "/tmp/ccp-sources-XXXXXX";
static char token_path[200];

static int
set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(token_path, sizeof(token_path), "%s/token", folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unlink(token_path);
	return rmdir(folder);
}

/* One source under a script; all of it must have been asked. */
struct scene {
	struct outside net;
	struct ccp_aws_outside outside;
	struct ccp_config *config;
	struct ccp_places places;
	struct ccp_imds_session imds;
	struct ccp_profiles profiles;
	struct ccp_resolve r;
	struct ccp_aws_keys keys;
	struct ccp_error err;
};

#define SCENE(s, env_list, step_list)                          \
	begin(s, (char *const[]){ env_list, NULL }, step_list, \
	      sizeof(step_list) / sizeof((step_list)[0]))
/* clang-format off */
#define ENV(...) (char *)__VA_ARGS__
/* clang-format on */

static void
begin(struct scene *s, char *const *env, const struct outside_step *steps, size_t count)
{
	memset(s, 0, sizeof(*s));
	s->net.steps = steps;
	s->net.count = count;
	s->outside = outside_of(&s->net);
	s->config = outside_config(env);
	s->r = (struct ccp_resolve){ .config = s->config,
		                     .outside = &s->outside,
		                     .places = &s->places,
		                     .profiles = &s->profiles,
		                     .imds = &s->imds,
		                     .now_s = OUTSIDE_NOW_S };
}

static void
end(struct scene *s)
{
	assert_int_equal(s->net.at, s->net.count);
	ccp_config_free(s->config);
}

static void
assert_source(struct scene *s, ccp_source_fn *source, enum ccp_err want, const char *says)
{
	s->err = (struct ccp_error){ .code = CCP_OK };
	assert_int_equal(source(&s->r, &s->keys, &s->err), want);
	if (want == CCP_OK)
		assert_string_equal(s->keys.access_key_id, says);
	else if (!strstr(s->err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", s->err.text, says);
	assert_null(strstr(s->err.text, "SECRET"));
}

/* --- parts --- */

static void
times(void **state)
{
	static const struct {
		const char *text;
		int64_t at_s;
	} rows[] = {
		{ "2026-11-22T09:00:00Z", OUTSIDE_NOW_S },
		{ "2026-11-22T09:00:00z", OUTSIDE_NOW_S },
		{ "2026-11-22 09:00:00Z", OUTSIDE_NOW_S },
		{ "2026-11-22T09:00:00.123456Z", OUTSIDE_NOW_S },
		{ "2026-11-22T18:00:00+09:00", OUTSIDE_NOW_S },
		{ "2026-11-22T18:00:00+0900", OUTSIDE_NOW_S },
		{ "2026-11-22T05:30:00-03:30", OUTSIDE_NOW_S },
		{ "2026-11-22T09:00:00+00:00", OUTSIDE_NOW_S },
		{ "2026-02-30T09:00:00Z", 0 },
		{ "2026-11-22T24:00:00Z", 0 },
		{ "2026-11-22T09:60:00Z", 0 },
		{ "2026-11-22T09:00:00", 0 },
		{ "2026-11-22T09:00:00 Z", 0 },
		{ "2026-11-22T09:00:00Zx", 0 },
		{ "2026-11-22T09:00:00+9", 0 },
		{ "2026-11-22T09:00:00+09:0", 0 },
		{ "2026-11-22", 0 },
		{ "1795338000", 0 },
		{ "", 0 },
	};
	int64_t at_s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (ccp_credential_time(rows[i].text, &at_s) != (rows[i].at_s != 0))
			fail_msg("%s", rows[i].text);
		assert_int_equal(at_s, rows[i].at_s);
	}
}

static void
json_answers(void **state)
{
	static const struct {
		const char *json, *says; /* says NULL: keys come */
	} rows[] = {
		{ " {\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\"}\n", NULL },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"Token\":null,"
		  "\"Expiration\":null}",
		  NULL },
		{ "{\"AccessKeyId\":\"\\u0041\",\"SecretAccessKey\":\"SECRET\\/\"}", NULL },
		{ "[]", "is no JSON object" },
		{ "", "is no JSON object" },
		{ "{\"AccessKeyId\":\"A\"}", "x has no secret access key" },
		{ "{\"SecretAccessKey\":\"SECRET\"}", "x has no access key id" },
		{ "{\"AccessKeyId\":1,\"SecretAccessKey\":\"SECRET\"}", "AccessKeyId of x is no" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\\n\"}", "a line end or" },
		{ "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"Expiration\":\"soon\"}",
		  "the expiration of x is not a time" },
	};
	struct ccp_aws_keys keys;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ccp_error err = { .code = CCP_OK };
		struct ccp_span json = { rows[i].json, strlen(rows[i].json) };
		enum ccp_err rc = ccp_credential_json(&keys, json, "Token", "x", &err);

		assert_int_equal(rc, rows[i].says ? CCP_ERR_CREDENTIALS : CCP_OK);
		if (rows[i].says && !strstr(err.text, rows[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].says);
		assert_null(strstr(err.text, "SECRET"));
		assert_string_equal(keys.access_key_id, rows[i].says ? "" : "A");
	}
}

static void
tokens(void **state)
{
	struct ccp_buf token = CCP_BUF_INIT(1);
	struct ccp_error err;
	char *huge = calloc(1, CCP_TOKEN_MAX_BYTES + 2);

	(void)state;
	outside_write(token_path, "a b.c\r\n");
	assert_int_equal(ccp_credential_token(token_path, &token, &err), CCP_OK);
	assert_string_equal(ccp_buf_text(&token), "a b.c");
	outside_write(token_path, "SECRET\nX-Evil: 1");
	assert_int_equal(ccp_credential_token(token_path, &token, &err), CCP_ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, "inside the token"));
	assert_null(strstr(err.text, "SECRET"));
	outside_write(token_path, "\n\n");
	assert_int_equal(ccp_credential_token(token_path, &token, &err), CCP_ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, "empty"));
	assert_non_null(huge);
	memset(huge, 'a', CCP_TOKEN_MAX_BYTES + 1);
	outside_write(token_path, huge);
	assert_int_equal(ccp_credential_token(token_path, &token, &err), CCP_ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, "over 20480 bytes"));
	assert_int_equal(ccp_credential_token(folder, &token, &err), CCP_ERR_CREDENTIALS);
	assert_int_equal(ccp_credential_token("/nowhere/t", &token, &err), CCP_ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, "No such file"));
	free(huge);
	ccp_buf_cleanse(&token);
}

/* --- endpoints --- */

static void
assert_endpoint(char *const *env, const char *profile, enum ccp_aws_service service,
                const char *region, const char *want)
{
	struct ccp_config *config = outside_config(env);
	struct ccp_profiles profiles = CCP_PROFILES_INIT;
	struct ccp_buf url = CCP_BUF_INIT(2048);
	struct ccp_places places;

	assert_int_equal(ccp_profile_parse(&profiles, CCP_PROFILE_CONFIG, "c", profile,
	                                   strlen(profile), NULL),
	                 CCP_OK);
	ccp_places_read(&places, config, &profiles, "default");
	ccp_places_endpoint(&places, config, service, region, &url);
	assert_string_equal(ccp_buf_text(&url), want);
	ccp_buf_clear(&url);
	ccp_profiles_clear(&profiles);
	ccp_config_free(config);
}

static void
endpoints(void **state)
{
	static char *none[] = { NULL };
	static char *both[] = { (char *)"AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1/",
		                (char *)"AWS_ENDPOINT_URL=https://all.example/base//", NULL };
	static char *ignore[] = { (char *)"AWS_ENDPOINT_URL=https://all.example",
		                  (char *)"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", NULL };
	static char *fips[] = { (char *)"AWS_USE_FIPS_ENDPOINT=true", NULL };
	static const char profile[] =
		"[default]\nservices = s\nendpoint_url = https://profile.example/\n"
		"[services s]\nbedrock_runtime =\n  endpoint_url = https://service.example\n"
		"sts =\n  endpoint_url = http://away.example\n";
	static const char dual[] = "[default]\nuse_dualstack_endpoint = true\n";

	(void)state;
	assert_endpoint(none, "", CCP_AWS_BEDROCK_RUNTIME, "eu-central-1",
	                "https://bedrock-runtime.eu-central-1.amazonaws.com");
	assert_endpoint(none, "", CCP_AWS_DYNAMODB, "cn-north-1",
	                "https://dynamodb.cn-north-1.amazonaws.com.cn");
	assert_endpoint(none, "", CCP_AWS_STS, "us-gov-west-1",
	                "https://sts.us-gov-west-1.amazonaws.com");
	assert_endpoint(fips, dual, CCP_AWS_BEDROCK_RUNTIME, "us-east-1",
	                "https://bedrock-runtime-fips.us-east-1.api.aws");
	assert_endpoint(both, profile, CCP_AWS_DYNAMODB, "x", "http://127.0.0.1:1");
	assert_endpoint(both, profile, CCP_AWS_BEDROCK_RUNTIME, "x", "https://all.example/base");
	assert_endpoint(none, profile, CCP_AWS_BEDROCK_RUNTIME, "x", "https://service.example");
	assert_endpoint(none, profile, CCP_AWS_DYNAMODB, "x", "https://profile.example");
	/* plain http to another machine is left out, with a warning */
	assert_endpoint(none, profile, CCP_AWS_STS, "us-east-1",
	                "https://sts.us-east-1.amazonaws.com");
	assert_endpoint(ignore, profile, CCP_AWS_STS, "us-east-1",
	                "https://sts.us-east-1.amazonaws.com");
	assert_endpoint(none,
	                "[default]\nendpoint_url=https://u:SECRET@e.example\n"
	                "ignore_configured_endpoint_urls=true\n",
	                CCP_AWS_DYNAMODB, "us-east-1", "https://dynamodb.us-east-1.amazonaws.com");
}

/* --- STS --- */

#define STS "POST https://sts.us-east-1.amazonaws.com/"
#define STS_ERROR(code)                                        \
	"<ErrorResponse><Error><Type>Sender</Type><Code>" code \
	"</Code><Message>So &lt;it&gt; is</Message></Error></ErrorResponse>"

static enum ccp_err
assume(struct scene *s)
{
	static const struct ccp_aws_keys base = { .access_key_id = "AKIDBASE",
		                                  .secret_access_key = "SECRET" };
	static const struct ccp_sts_role role = { .role_arn = "arn:aws:iam::1:role/a+b c/한",
		                                  .external_id = "e&=",
		                                  .duration_s = "900" };

	s->err = (struct ccp_error){ .code = CCP_OK };
	return ccp_sts_assume_role(&s->r, &role, &base, &s->keys, &s->err);
}

static void
sts_assume_role(void **state)
{
	static const struct outside_step steps[] = { { STS, 200, OUTSIDE_STS("ASIAX"), NULL } };
	struct scene s;

	(void)state;
	SCENE(&s, ENV("AWS_REGION=us-east-1"), steps);
	assert_int_equal(assume(&s), CCP_OK);
	assert_string_equal(s.net.body,
	                    "Action=AssumeRole&Version=2011-06-15&"
	                    "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%2Bb%20c%2F%ED%95%9C&"
	                    "RoleSessionName=claude-code-proxy-1795338000&ExternalId=e%26%3D&"
	                    "DurationSeconds=900");
	assert_non_null(strstr(s.net.authorization,
	                       "Credential=AKIDBASE/20261122/us-east-1/sts/aws4_request, "
	                       "SignedHeaders=content-type;host;x-amz-date, "));
	assert_int_equal(s.net.timeout_ms, 5000);
	assert_string_equal(s.keys.access_key_id, "ASIAX");
	assert_string_equal(s.keys.secret_access_key, "SECRET&+/");
	assert_string_equal(s.keys.session_token, "TOKEN==");
	assert_int_equal(s.keys.expires_at_s, OUTSIDE_NOW_S + 3600);
	end(&s);
}

static void
sts_failures(void **state)
{
	static const struct outside_step denied[] = { { STS, 403, STS_ERROR("AccessDenied"),
		                                        NULL } };
	static const struct outside_step busy[] = { { STS, 500, "", NULL },
		                                    { STS, 400, STS_ERROR("IDPCommunicationError"),
		                                      NULL },
		                                    { STS, 400, STS_ERROR("Throttling"), NULL } };
	static const struct outside_step silent[] = { { STS, 0, NULL, NULL },
		                                      { STS, 0, NULL, NULL } };
	static const struct outside_step odd[] = { { STS, 200, "<html><Credentials>", NULL } };
	struct scene s;

	(void)state;
	SCENE(&s, ENV("AWS_REGION=us-east-1"), denied);
	assert_int_equal(assume(&s), CCP_ERR_CREDENTIALS);
	assert_string_equal(s.err.text, "STS says 403 AccessDenied: So <it> is");
	end(&s);
	SCENE(&s, ENV("AWS_REGION=us-east-1"), busy);
	assert_int_equal(assume(&s), CCP_ERR_CREDENTIALS);
	assert_int_equal(s.net.slept_ms, 400);
	end(&s);
	SCENE(&s, ENV("AWS_REGION=us-east-1"), silent);
	assert_int_equal(assume(&s), CCP_ERR_CREDENTIALS);
	assert_string_equal(s.err.text, "STS: no answer in time");
	end(&s);
	SCENE(&s, ENV("AWS_REGION=us-east-1"), odd);
	assert_int_equal(assume(&s), CCP_ERR_CREDENTIALS);
	assert_string_equal(s.err.text, "STS's answer holds no credentials");
	end(&s);
}

/* An answer cut at any place gives all or nothing, and nothing is read beyond it. */
static void
sts_cut_answers(void **state)
{
	static const char whole[] = OUTSIDE_STS("ASIAX");
	const char *enough = strstr(whole, "</Credentials>") + strlen("</Credentials>");
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(whole); n++) {
		char *cut = strndup(whole, n);
		struct outside_step steps[] = { { STS, 200, cut, NULL } };
		bool ok = n >= (size_t)(enough - whole);
		struct scene s;

		SCENE(&s, ENV("AWS_REGION=us-east-1"), steps);
		assert_int_equal(assume(&s) == CCP_OK, ok);
		assert_string_equal(s.keys.session_token, ok ? "TOKEN==" : "");
		end(&s);
		free(cut);
	}
}

/* Our clock is ten minutes slow: one asking more, signed by AWS's clock. */
static void
sts_clock(void **state)
{
	static const struct outside_step steps[] = {
		{ STS, 403, STS_ERROR("SignatureDoesNotMatch"), "Sun, 22 Nov 2026 09:10:00 GMT" },
		{ STS, 200, OUTSIDE_STS("ASIAX"), NULL },
	};
	static const struct outside_step twice[] = {
		{ STS, 403, STS_ERROR("SignatureDoesNotMatch"), "Sun, 22 Nov 2026 09:10:00 GMT" },
		{ STS, 403, STS_ERROR("SignatureDoesNotMatch"), "Sun, 22 Nov 2026 10:10:00 GMT" },
	};
	struct scene s;

	(void)state;
	SCENE(&s, ENV("AWS_REGION=us-east-1"), steps);
	assert_int_equal(assume(&s), CCP_OK);
	assert_int_equal(s.r.skew_s, 600);
	end(&s);
	SCENE(&s, ENV("AWS_REGION=us-east-1"), twice);
	assert_int_equal(assume(&s), CCP_ERR_CREDENTIALS);
	end(&s);
}

static void
sts_web_identity(void **state)
{
	static const struct outside_step steps[] = {
		{ "POST http://127.0.0.1:99/sts/", 200, OUTSIDE_STS("ASIAX"), NULL },
		{ "POST http://127.0.0.1:99/sts/", 200, OUTSIDE_STS("ASIAX"), NULL }
	};
	char setting[260];
	struct scene s;

	(void)state;
	snprintf(setting, sizeof(setting), "AWS_WEB_IDENTITY_TOKEN_FILE=%s", token_path);
	SCENE(&s,
	      ENV(setting, (char *)"AWS_ROLE_ARN=arn:r", (char *)"AWS_ROLE_SESSION_NAME=me",
	          (char *)"AWS_ENDPOINT_URL_STS=http://127.0.0.1:99/sts"),
	      steps);
	outside_write(token_path, "one\n");
	assert_source(&s, ccp_source_web_identity, CCP_OK, "ASIAX");
	assert_string_equal(s.net.body,
	                    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Ar&"
	                    "RoleSessionName=me&WebIdentityToken=one");
	assert_string_equal(s.net.authorization, "");
	/* Kubernetes has put a new one there */
	outside_write(token_path, "two\n");
	assert_source(&s, ccp_source_web_identity, CCP_OK, "ASIAX");
	assert_non_null(strstr(s.net.body, "&WebIdentityToken=two"));
	unlink(token_path);
	assert_source(&s, ccp_source_web_identity, CCP_ERR_CREDENTIALS, "No such file");
	end(&s);
	SCENE(&s, ENV(setting), steps);
	assert_source(&s, ccp_source_web_identity, CCP_ERR_CREDENTIALS, "AWS_ROLE_ARN is not");
	s.net.count = 0;
	end(&s);
}

/* --- container --- */

static void
container(void **state)
{
	static const char url[] = "GET http://169.254.170.23/v1/credentials";
	const struct outside_step steps[] = {
		{ url, 200, OUTSIDE_JSON("ASIAC", "2026-11-22T10:00:00Z"), NULL },
		{ url, 0, NULL, NULL },
		{ url, 503, "", NULL },
		{ url, 200, OUTSIDE_JSON("ASIAD", "2026-11-22T10:00:00Z"), NULL },
		{ url, 404, "{\"Code\":\"NoSuch\",\"Message\":\"not here\"}", NULL },
		{ url, 0, NULL, NULL },
		{ url, 0, NULL, NULL },
		{ url, 0, NULL, NULL },
	};
	char setting[260];
	struct scene s;

	(void)state;
	snprintf(setting, sizeof(setting), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=%s", token_path);
	SCENE(&s,
	      ENV("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials",
	          setting, (char *)"AWS_CONTAINER_AUTHORIZATION_TOKEN=not-this-one",
	          (char *)"HTTPS_PROXY=http://proxy.example:1"),
	      steps);
	outside_write(token_path, "jwt.one\n");
	assert_source(&s, ccp_source_container, CCP_OK, "ASIAC");
	assert_string_equal(s.net.authorization, "jwt.one");
	assert_true(s.net.no_proxy);
	assert_int_equal(s.net.timeout_ms, 2000);
	outside_write(token_path, "jwt.two\n");
	assert_source(&s, ccp_source_container, CCP_OK, "ASIAD");
	assert_string_equal(s.net.authorization, "jwt.two");
	assert_int_equal(s.net.slept_ms, 2000);
	assert_source(&s, ccp_source_container, CCP_ERR_CREDENTIALS, "404 NoSuch: not here");
	assert_source(&s, ccp_source_container, CCP_ERR_NET, "no answer in time");
	unlink(token_path);
	assert_source(&s, ccp_source_container, CCP_ERR_CREDENTIALS, "No such file");
	end(&s);
}

static void
container_hosts(void **state)
{
	static const struct {
		const char *uri;
		bool ok;
	} rows[] = {
		{ "http://127.0.0.1:80/x", true },
		{ "http://127.9.9.9/", true },
		{ "http://[::1]:9/x", true },
		{ "http://LOCALHOST/x", true },
		{ "http://[fd00:ec2::23]", true },
		{ "http://[fd00:ec2:0::23]/x", true },
		{ "https://any.example/x?y=1", true },
		{ "HTTP://169.254.170.2?x", true },
		{ "http://169.254.169.254/x", false },
		{ "http://10.0.0.1/x", false },
		{ "http://localhost.evil/x", false },
		{ "http://127.0.0.1.evil/x", false },
		{ "http://localhost@evil/x", false },
		{ "http://evil\\@localhost/", false },
		{ "http://127.1/x", false },
		{ "http://0x7f.0.0.1/", false },
		{ "http://[::1", false },
		{ "http://[::1]evil/", false },
		{ "http://[fd00:ec2::24]/", false },
		{ "http://", false },
		{ "ftp://localhost/", false },
		{ "localhost", false },
		{ "https:///x", false },
		{ "http://[::ffff:10.0.0.1]/", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ccp_config config = { .aws_container_credentials_full_uri =
			                             (char *)rows[i].uri };
		struct ccp_buf url = CCP_BUF_INIT(2048);

		if ((ccp_container_url(&config, &url, NULL) == CCP_OK) != rows[i].ok)
			fail_msg("%s", rows[i].uri);
		ccp_buf_clear(&url);
	}
}

/* --- IMDS --- */

#define IMDS "http://169.254.169.254/latest/"
#define ROLES IMDS "meta-data/iam/security-credentials/"

static void
imds(void **state)
{
	static const struct outside_step steps[] = {
		{ "PUT " IMDS "api/token", 200, "token-1", NULL },
		{ "GET " ROLES, 200, "my-role\n", NULL },
		{ "GET " ROLES "my-role", 200, OUTSIDE_JSON("ASIA1", "2026-11-22T10:00:00Z"),
		  NULL },
		/* the token is kept */
		{ "GET " ROLES, 200, "my-role", NULL },
		{ "GET " ROLES "my-role", 200, OUTSIDE_JSON("ASIA2", "2026-11-22T10:00:00Z"),
		  NULL },
		/* and renewed when it is not taken any more, wherever that is said */
		{ "GET " ROLES, 401, "", NULL },
		{ "PUT " IMDS "api/token", 200, "token-2", NULL },
		{ "GET " ROLES, 200, "my-role", NULL },
		{ "GET " ROLES "my-role", 200, OUTSIDE_JSON("ASIA3", "2026-11-22T10:00:00Z"),
		  NULL },
		{ "GET " ROLES, 200, "my-role", NULL },
		{ "GET " ROLES "my-role", 401, "", NULL },
		{ "PUT " IMDS "api/token", 200, "token-3", NULL },
		{ "GET " ROLES, 401, "", NULL },
		/* a day later the token has ended */
		{ "PUT " IMDS "api/token", 200, "token-4", NULL },
		{ "GET " ROLES, 404, "", NULL },
	};
	struct scene s;

	(void)state;
	SCENE(&s, ENV("X=1"), steps);
	assert_source(&s, ccp_source_imds, CCP_OK, "ASIA1");
	assert_string_equal(s.net.imds_token, "token-1");
	assert_true(s.net.no_proxy);
	assert_int_equal(s.net.timeout_ms, 1000);
	assert_source(&s, ccp_source_imds, CCP_OK, "ASIA2");
	assert_string_equal(s.net.imds_token, "token-1");
	assert_source(&s, ccp_source_imds, CCP_OK, "ASIA3");
	assert_string_equal(s.net.imds_token, "token-2");
	assert_source(&s, ccp_source_imds, CCP_ERR_CREDENTIALS, "answers 401 to the role request");
	s.r.now_s += 86400;
	assert_source(&s, ccp_source_imds, CCP_ERR_NOT_FOUND, "this instance has no role");
	end(&s);
}

static void
imds_failures(void **state)
{
	static const struct outside_step silent[] = { { "PUT " IMDS "api/token", 0, NULL, NULL } };
	static const struct outside_step thrice[] = { { "PUT " IMDS "api/token", 0, NULL, NULL },
		                                      { "PUT " IMDS "api/token", 0, NULL, NULL },
		                                      { "PUT " IMDS "api/token", 0, NULL, NULL } };
	static const struct outside_step evil[] = { { "PUT " IMDS "api/token", 200, "t", NULL },
		                                    { "GET " ROLES, 200, "../../x", NULL } };
	static const struct outside_step not_yet[] = {
		{ "PUT " IMDS "api/token", 200, "t", NULL },
		{ "GET " ROLES, 200, "r", NULL },
		{ "GET " ROLES "r", 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}", NULL }
	};
	static const struct outside_step six[] = { { "PUT http://[fd00:ec2::254]/latest/api/token",
		                                     403, "", NULL } };
	struct scene s;

	(void)state;
	SCENE(&s, ENV("X=1"), silent);
	assert_source(&s, ccp_source_imds, CCP_ERR_NOT_FOUND, "no answer in time");
	end(&s);
	SCENE(&s,
	      ENV("AWS_METADATA_SERVICE_NUM_ATTEMPTS=3", (char *)"AWS_METADATA_SERVICE_TIMEOUT=2"),
	      thrice);
	assert_source(&s, ccp_source_imds, CCP_ERR_NOT_FOUND, "no answer in time");
	assert_int_equal(s.net.timeout_ms, 2000);
	end(&s);
	SCENE(&s, ENV("X=1"), evil);
	assert_source(&s, ccp_source_imds, CCP_ERR_CREDENTIALS, "is not a role's name");
	end(&s);
	SCENE(&s, ENV("X=1"), not_yet);
	assert_source(&s, ccp_source_imds, CCP_ERR_CREDENTIALS, "AssumeRoleUnauthorizedAccess");
	end(&s);
	SCENE(&s, ENV("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6"), six);
	assert_source(&s, ccp_source_imds, CCP_ERR_CREDENTIALS, "disabled on this instance (403)");
	end(&s);
	SCENE(&s, ENV("AWS_EC2_METADATA_DISABLED=TRUE"), six);
	assert_source(&s, ccp_source_imds, CCP_ERR_NOT_FOUND, "AWS_EC2_METADATA_DISABLED");
	s.net.count = 0;
	end(&s);
}

/* --- credential_process --- */

static void
assert_process(const char *command, const char *says)
{
	static const struct outside_step none[] = { { "", 0, NULL, NULL } };
	struct scene s;
	enum ccp_err rc;

	SCENE(&s, ENV("X=1"), none);
	s.net.count = 0;
	rc = ccp_process_run(&s.r, command, &s.keys, &s.err);
	if (says) {
		assert_int_equal(rc, CCP_ERR_CREDENTIALS);
		if (!strstr(s.err.text, says))
			fail_msg("\"%s\" does not say \"%s\"", s.err.text, says);
		assert_null(strstr(s.err.text, "SECRET"));
	} else {
		if (rc)
			fail_msg("%s", s.err.text);
		assert_string_equal(s.keys.access_key_id, "A");
		assert_string_equal(s.keys.session_token, "T");
	}
	end(&s);
}

#define PRINT(version)                \
	"echo '{\"Version\":" version \
	",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"SECRET\",\"SessionToken\":\"T\"}'"

static void
process(void **state)
{
	(void)state;
	assert_process(PRINT("1"), NULL);
	assert_process(PRINT("2"), "did not print \"Version\": 1");
	assert_process(PRINT("\"1\""), "did not print \"Version\": 1");
	assert_process(PRINT("1") "; exit 3", "ended with status 3");
	assert_process("kill -TERM $$", "ended with signal 15");
	assert_process("echo SECRET", "is no JSON object");
	assert_process("/nowhere/program 2>/dev/null", "ended with status 127");
	assert_process("head -c 70000 /dev/zero", "printed over 65536 bytes");
	/* nothing of ours is open in it, and nothing is blocked or ignored */
	assert_process("test $(ls /proc/$$/fd | wc -l) -le 3 && read x; test $? = 1 && " PRINT("1"),
	               NULL);
	assert_process("kill -PIPE $$", "ended with signal 13");
}

/* A process that ends waits for nobody's program. */
static void
process_stopped(void **state)
{
	static const struct outside_step none[] = { { "", 0, NULL, NULL } };
	static const char *const commands[] = { "sleep 1000", "exec >&-; sleep 1000" };
	struct timespec before, after;
	atomic_bool stop = true;
	struct scene s;
	size_t i;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (i = 0; i < 2; i++) {
		SCENE(&s, ENV("X=1"), none);
		s.net.count = 0;
		s.r.stop = &stop;
		assert_int_equal(ccp_process_run(&s.r, commands[i], &s.keys, &s.err),
		                 CCP_ERR_CREDENTIALS);
		assert_non_null(strstr(s.err.text, "was not done in"));
		end(&s);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 500); /* it did not sleep to its end */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(json_answers),
		cmocka_unit_test(tokens),
		cmocka_unit_test(endpoints),
		cmocka_unit_test(sts_assume_role),
		cmocka_unit_test(sts_failures),
		cmocka_unit_test(sts_cut_answers),
		cmocka_unit_test(sts_clock),
		cmocka_unit_test(sts_web_identity),
		cmocka_unit_test(container),
		cmocka_unit_test(container_hosts),
		cmocka_unit_test(imds),
		cmocka_unit_test(imds_failures),
		cmocka_unit_test(process),
		cmocka_unit_test(process_stopped),
	};

	/* as in a worker: what is blocked here must not be blocked in programs */
	sigset_t blocked;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
