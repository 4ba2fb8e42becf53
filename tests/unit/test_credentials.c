#include "aws_outside.h"

#include "aws/credentials.h"

#include <pthread.h>
#include <stdatomic.h>

/* The cache: who is asked when, what is kept how long, and one asking at a time. */

#define NOW_S OUTSIDE_NOW_S
#define URI "http://127.0.0.1:9/c"
#define GET_URI "GET " URI
#define IMDS "http://169.254.169.254/latest/"
#define ROLES IMDS "meta-data/iam/security-credentials/"

static char folder[] = "/tmp/ccp-credentials-XXXXXX";
static char config_path[200], credentials_path[200];

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

/* Settings over the two files of ours and no IMDS ("-": with it). */
static struct ccp_config *
settings(const char *one, const char *two, const char *three)
{
	char files[2][260];
	char *env[7];
	size_t n = 0;
	bool imds = one && strcmp(one, "-") == 0;

	snprintf(files[0], sizeof(files[0]), "AWS_CONFIG_FILE=%s", config_path);
	snprintf(files[1], sizeof(files[1]), "AWS_SHARED_CREDENTIALS_FILE=%s", credentials_path);
	env[n++] = files[0];
	env[n++] = files[1];
	if (!imds)
		env[n++] = (char *)"AWS_EC2_METADATA_DISABLED=true";
	if (one && !imds)
		env[n++] = (char *)one;
	if (two)
		env[n++] = (char *)two;
	if (three)
		env[n++] = (char *)three;
	env[n] = NULL;
	return outside_config(env);
}

struct scene {
	struct outside net;
	atomic_size_t asked; /* net.at, for other threads than the one that asks */
	struct ccp_config *config;
	struct ccp_credentials *c;
};

static enum ccp_err
scene_http(void *arg, const struct ccp_http_wait_request *request,
           struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct scene *s = arg;
	enum ccp_err rc = outside_http(&s->net, request, answer, err);

	atomic_store(&s->asked, s->net.at);
	return rc;
}

static void
scene_sleep(void *arg, int64_t ms)
{
	outside_sleep(&((struct scene *)arg)->net, ms);
}

static void
begin(struct scene *s, struct ccp_config *config, const struct outside_step *steps, size_t count)
{
	struct ccp_aws_outside outside = { scene_http, scene_sleep, s, 7 };

	memset(&s->net, 0, sizeof(s->net));
	atomic_store(&s->asked, 0);
	s->net.steps = steps;
	s->net.count = count;
	s->config = config;
	assert_int_equal(ccp_credentials_new_with(config, &outside, &s->c, NULL), CCP_OK);
}

#define BEGIN(s, config, step_list) \
	begin(s, config, step_list, sizeof(step_list) / sizeof((step_list)[0]))

static void
end(struct scene *s)
{
	ccp_credentials_free(s->c); /* a renewal under way is waited for */
	assert_int_equal(s->net.at, s->net.count);
	ccp_config_free(s->config);
}

static void
assert_keys_at(struct ccp_credentials *c, int64_t now_s, const char *id)
{
	struct ccp_aws_keys keys;
	struct ccp_error err = { .code = CCP_OK };

	if (ccp_credentials_get(c, now_s, &keys, &err))
		fail_msg("%s", err.text);
	assert_string_equal(keys.access_key_id, id);
	assert_string_equal(keys.secret_access_key, "SECRET");
	ccp_aws_keys_clear(&keys);
	assert_int_equal(keys.secret_access_key[0], 0);
}

static void
assert_no_keys_at(struct ccp_credentials *c, int64_t now_s, const char *says)
{
	static const struct ccp_aws_keys none;
	struct ccp_aws_keys keys;
	struct ccp_error err = { .code = CCP_OK };

	assert_int_equal(ccp_credentials_get(c, now_s, &keys, &err), CCP_ERR_CREDENTIALS);
	assert_int_equal(err.code, CCP_ERR_CREDENTIALS);
	if (!strstr(err.text, says))
		fail_msg("\"%s\" does not say \"%s\"", err.text, says);
	assert_null(strstr(err.text, "SECRET"));
	assert_memory_equal(&keys, &none, sizeof(keys));
	assert_int_equal(ccp_credentials_get(c, now_s, &keys, NULL), CCP_ERR_CREDENTIALS);
}

static const struct outside_step nobody[1] = { { "", 0, NULL, NULL } };

/* Settings and file texts (NULL: no such file): the id and where it is from, or what is said. */
static void
assert_static(struct ccp_config *config, const char *config_text, const char *credentials_text,
              const char *id, const char *says)
{
	struct scene s;

	no_files(NULL);
	if (config_text)
		outside_write(config_path, config_text);
	if (credentials_text)
		outside_write(credentials_path, credentials_text);
	begin(&s, config, nobody, 0);
	assert_string_equal(ccp_credentials_source(s.c), "");
	if (id) {
		assert_keys_at(s.c, NOW_S, id);
		assert_string_equal(ccp_credentials_source(s.c),
		                    strcmp(id, "AKIDENV") == 0 ? "environment" : "profile");
	} else
		assert_no_keys_at(s.c, NOW_S, says);
	end(&s);
}

/* --- the environment and the files --- */

#define ID "AWS_ACCESS_KEY_ID=AKIDENV"
#define KEY "AWS_SECRET_ACCESS_KEY=SECRET"
#define PROFILE "[default]\naws_access_key_id=AKIDFILE\naws_secret_access_key=SECRET\n"

static void
environment(void **state)
{
	struct ccp_aws_keys keys;
	struct scene s;

	(void)state;
	assert_static(settings(ID, KEY, NULL), PROFILE, NULL, "AKIDENV", NULL);
	/* also over a profile that was named */
	assert_static(settings(ID, KEY, "AWS_PROFILE=none"), PROFILE, NULL, "AKIDENV", NULL);
	assert_static(settings(ID, NULL, NULL), PROFILE, NULL, NULL,
	              "environment: the environment has no secret access key");
	assert_static(settings(NULL, KEY, NULL), PROFILE, NULL, NULL,
	              "the environment has no access key id");
	assert_static(settings("AWS_ACCESS_KEY_ID=\t ", "AWS_SECRET_ACCESS_KEY= ", NULL), PROFILE,
	              NULL, "AKIDFILE", NULL);
	assert_static(settings(ID, KEY, "AWS_CREDENTIAL_EXPIRATION=2026-11-22T09:00:01Z"), NULL,
	              NULL, "AKIDENV", NULL);
	assert_static(settings(ID, KEY, "AWS_CREDENTIAL_EXPIRATION=2026-11-22T09:00:00Z"), NULL,
	              NULL, NULL, "have expired (AWS_CREDENTIAL_EXPIRATION)");
	assert_static(settings(ID, KEY, "AWS_CREDENTIAL_EXPIRATION=tomorrow"), NULL, NULL, NULL,
	              "the expiration of the environment is not a time");

	begin(&s, settings(ID, KEY, "AWS_SECURITY_TOKEN=OLD/NAME="), nobody, 0);
	assert_int_equal(ccp_credentials_get(s.c, NOW_S, &keys, NULL), CCP_OK);
	assert_string_equal(keys.session_token, "OLD/NAME=");
	end(&s);
	ccp_credentials_free(NULL);
}

static void
too_long(void **state)
{
	char text[20000] = "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET\n"
			   "aws_session_token=";
	size_t n = strlen(text);

	(void)state;
	memset(text + n, 't', 8192);
	assert_static(settings(NULL, NULL, NULL), text, NULL, "A", NULL);
	memset(text + n, 't', 8193);
	assert_static(settings(NULL, NULL, NULL), text, NULL, NULL,
	              "the session token of \"default\" is longer than 8192 characters");
}

static void
profiles(void **state)
{
	static const char credentials[] = "[default]\naws_access_key_id=AKIDWINS\n"
					  "[work]\naws_access_key_id=C\n"
					  "aws_secret_access_key=SECRET\n";

	(void)state;
	assert_static(settings(NULL, NULL, NULL), PROFILE, NULL, "AKIDFILE", NULL);
	assert_static(settings(NULL, NULL, NULL), PROFILE, credentials, "AKIDWINS", NULL);
	assert_static(settings("AWS_PROFILE=work", NULL, NULL), PROFILE, credentials, "C", NULL);
	assert_static(settings("AWS_PROFILE= ", NULL, NULL), PROFILE, NULL, "AKIDFILE", NULL);
}

/* Each source that was looked at, and why it did not serve. */
static void
sentences(void **state)
{
	struct ccp_config *c = settings(NULL, NULL, NULL);

	(void)state;
	assert_static(c, NULL, NULL, NULL,
	              "no AWS credentials: environment: not set; web identity: not set; "
	              "profile: \"default\" is neither in /tmp/");
	assert_static(settings(NULL, NULL, NULL), "[default]\nregion=x\n", NULL, NULL,
	              "profile: \"default\" holds no credentials; container: not set; "
	              "IMDS: AWS_EC2_METADATA_DISABLED");
	assert_static(settings(NULL, NULL, NULL), "[default]\naws_access_key_id=A\n", NULL, NULL,
	              "\"default\" has no secret access key");
	assert_static(settings(NULL, NULL, NULL),
	              "[default]\naws_access_key_id=A\naws_secret_access_key=SEC RET\n", NULL, NULL,
	              "the secret access key of \"default\" holds");
	assert_static(settings(NULL, NULL, NULL), "[default]\nSECRET\n", NULL, NULL,
	              "config line 2: Expected an '=' sign");
	/* who names a profile means it: nothing else is asked */
	assert_static(settings("AWS_PROFILE=nobody", "AWS_CONTAINER_CREDENTIALS_FULL_URI=" URI,
	                       NULL),
	              PROFILE, NULL, NULL, "profile: \"nobody\" is neither in");
	assert_static(settings("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://10.0.0.1/", NULL, NULL),
	              NULL, NULL, NULL, "container: AWS_CONTAINER_CREDENTIALS_FULL_URI is plain");
	assert_static(settings(NULL, NULL, NULL),
	              "[default]\nrole_arn=arn:x\nsource_profile=default\nmfa_serial=1\n", NULL,
	              NULL, "wants an MFA code");
	assert_static(settings(NULL, NULL, NULL),
	              "[default]\nrole_arn=arn:x\ncredential_source=Moon\n", NULL, NULL,
	              "\"Moon\" is no credential_source");
}

static void
no_home(void **state)
{
	struct ccp_config *config;
	const char *home = getenv("HOME");
	char *kept = home ? strdup(home) : NULL;
	static char *env[] = { (char *)"AWS_EC2_METADATA_DISABLED=true", NULL };
	struct scene s;

	(void)state;
	config = outside_config(env);
	unsetenv("HOME");
	begin(&s, config, nobody, 0);
	if (kept)
		setenv("HOME", kept, 1);
	free(kept);
	assert_no_keys_at(s.c, NOW_S, "HOME is not set");
	assert_string_equal(ccp_credentials_region(s.c), "us-east-1");
	end(&s);
}

static void
rotated_file_is_read_again(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, settings(NULL, NULL, NULL), nobody, 0);
	assert_no_keys_at(s.c, NOW_S, "neither");
	outside_write(credentials_path,
	              "[default]\naws_access_key_id=A\naws_secret_access_key=SECRET\n");
	assert_keys_at(s.c, NOW_S, "A");
	assert_keys_at(s.c, NOW_S, "A");
	outside_write(credentials_path,
	              "[default]\naws_access_key_id=BB\naws_secret_access_key=SECRET\n");
	assert_keys_at(s.c, NOW_S, "BB");
	ccp_credentials_refresh(s.c, NULL);
	assert_keys_at(s.c, NOW_S, "BB");
	/* keys that were taken away are gone at once */
	assert_int_equal(unlink(credentials_path), 0);
	assert_no_keys_at(s.c, NOW_S, "neither");
	end(&s);
}

static void
assert_region(struct ccp_config *config, const char *config_text, const char *want)
{
	struct scene s;

	no_files(NULL);
	outside_write(config_path, config_text);
	begin(&s, config, nobody, 0);
	assert_string_equal(ccp_credentials_region(s.c), want);
	end(&s);
}

static void
regions_and_endpoints(void **state)
{
	static const char two[] = "[default]\nregion=eu-west-1\n[profile work]\nregion=eu-west-2\n"
				  "endpoint_url = http://127.0.0.1:8/\n";
	struct ccp_buf url = CCP_BUF_INIT(1024);
	struct scene s;

	(void)state;
	assert_region(settings(NULL, NULL, NULL), "", "us-east-1");
	assert_region(settings(NULL, NULL, NULL), "[default]\nregion = eu-central-1\n",
	              "eu-central-1");
	assert_region(settings(NULL, NULL, NULL), "[default]\nregion = evil.example/x\n",
	              "us-east-1");
	assert_region(settings(NULL, NULL, NULL), "[default]\nregion =\n", "us-east-1");
	assert_region(settings(NULL, NULL, NULL), "broken", "us-east-1");
	assert_region(settings("AWS_PROFILE=work", NULL, NULL), two, "eu-west-2");
	assert_region(settings("AWS_PROFILE=work", "AWS_REGION=ap-south-1", NULL), two,
	              "ap-south-1");
	/* Bedrock's own region is not where the tables are */
	assert_region(settings("AWS_PROFILE=work", "AWS_REGION=ap-south-1",
	                       "BEDROCK_REGION=sa-east-1"),
	              two, "ap-south-1");

	begin(&s, settings("AWS_PROFILE=work", NULL, NULL), nobody, 0);
	ccp_credentials_endpoint(s.c, CCP_AWS_BEDROCK_RUNTIME, ccp_credentials_region(s.c), &url);
	assert_string_equal(ccp_buf_text(&url), "http://127.0.0.1:8");
	ccp_buf_clear(&url);
	end(&s);
}

/* --- what ends --- */

#define CONTAINER "AWS_CONTAINER_CREDENTIALS_FULL_URI=" URI
#define TEN "2026-11-22T10:00:00Z"
#define ELEVEN "2026-11-22T11:00:00Z"

/* Waits for a renewal under way: the one way to see its end from outside is its result. */
static void
wait_for_keys(struct ccp_credentials *c, int64_t now_s, const char *id)
{
	struct ccp_aws_keys keys;
	int tries;

	for (tries = 0; tries < 5000; tries++) {
		assert_int_equal(ccp_credentials_get(c, now_s, &keys, NULL), CCP_OK);
		if (strcmp(keys.access_key_id, id) == 0)
			return;
		usleep(1000);
	}
	fail_msg("%s did not come", id);
}

static void
renewed_before_the_end(void **state)
{
	static const struct outside_step steps[] = {
		{ GET_URI, 200, OUTSIDE_JSON("ONE", TEN), NULL },
		{ GET_URI, 200, OUTSIDE_JSON("TWO", ELEVEN), NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings(CONTAINER, NULL, NULL), steps);
	assert_keys_at(s.c, NOW_S, "ONE");
	/* the process's own number is 7: 307 s before the end */
	assert_keys_at(s.c, NOW_S + 3600 - 308, "ONE");
	assert_int_equal(atomic_load(&s.asked), 1);
	assert_keys_at(s.c, NOW_S + 3600 - 307, "ONE"); /* at once, the new ones come later */
	wait_for_keys(s.c, NOW_S + 3600 - 307, "TWO");
	assert_keys_at(s.c, NOW_S + 3600 + 1, "TWO");
	end(&s);
}

/* Waits until so many requests were made and their answers are in. */
static void
wait_for_steps(struct scene *s, int64_t now_s, size_t count, const char *id)
{
	int tries;

	for (tries = 0; tries < 5000 && atomic_load(&s->asked) < count; tries++) {
		assert_keys_at(s->c, now_s, id);
		usleep(1000);
	}
	assert_int_equal(atomic_load(&s->asked), count);
}

static void
renewal_that_fails(void **state)
{
	static const struct outside_step steps[] = {
		{ GET_URI, 200, OUTSIDE_JSON("ONE", TEN), NULL },
		{ GET_URI, 404, "", NULL },
		{ GET_URI, 404, "", NULL },
		{ GET_URI, 200, OUTSIDE_JSON("TWO", ELEVEN), NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings(CONTAINER, NULL, NULL), steps);
	assert_keys_at(s.c, NOW_S, "ONE");
	assert_keys_at(s.c, NOW_S + 3595, "ONE");
	wait_for_steps(&s, NOW_S + 3595, 2, "ONE");
	assert_keys_at(s.c, NOW_S + 3599, "ONE"); /* not tried again for half a minute */
	/* they have ended: what failed just now is not asked again for each request */
	assert_no_keys_at(s.c, NOW_S + 3604, "container: the endpoint says 404");
	assert_no_keys_at(s.c, NOW_S + 3605, "container: the endpoint says 404");
	assert_no_keys_at(s.c, NOW_S + 3614, "container: the endpoint says 404");
	assert_keys_at(s.c, NOW_S + 3615, "TWO");
	end(&s);
}

static void
expired_as_they_come(void **state)
{
	static const struct outside_step steps[] = {
		{ GET_URI, 200, OUTSIDE_JSON("OLD", "2026-11-22T08:59:59Z"), NULL },
		{ GET_URI, 200, OUTSIDE_JSON("NEW", TEN), NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings(CONTAINER, NULL, NULL), steps);
	assert_no_keys_at(s.c, NOW_S, "have expired already");
	assert_no_keys_at(s.c, NOW_S + 9, "have expired already");
	assert_keys_at(s.c, NOW_S + 10, "NEW");
	end(&s);
}

static void
expired_token_answer(void **state)
{
	static const struct outside_step steps[] = {
		{ GET_URI, 200, OUTSIDE_JSON("ONE", TEN), NULL },
		{ GET_URI, 200, OUTSIDE_JSON("TWO", TEN), NULL },
		{ GET_URI, 403, "{\"Code\":\"Gone\",\"Message\":\"m\"}", NULL },
		{ GET_URI, 200, OUTSIDE_JSON("THREE", TEN), NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings(CONTAINER, NULL, NULL), steps);
	assert_keys_at(s.c, NOW_S, "ONE");
	ccp_credentials_refresh(s.c, NULL);
	assert_keys_at(s.c, NOW_S, "TWO");
	assert_keys_at(s.c, NOW_S, "TWO");
	ccp_credentials_refresh(s.c, NULL);
	assert_no_keys_at(s.c, NOW_S, "403 Gone: m"); /* the old ones are known to be bad */
	assert_keys_at(s.c, NOW_S + 20, "THREE");
	end(&s);
}

/* The instance's end in a minute: used until then, and beyond while new ones are asked for. */
static void
short_lives(void **state)
{
	static const char soon[] = OUTSIDE_JSON("OLD", "2026-11-22T09:00:20Z");
	static const char future[] = OUTSIDE_JSON("NEW", TEN);
	const struct outside_step steps[] = {
		{ "PUT " IMDS "api/token", 200, "t", NULL }, { "GET " ROLES, 200, "r", NULL },
		{ "GET " ROLES "r", 200, soon, NULL },       { "GET " ROLES, 200, "r", NULL },
		{ "GET " ROLES "r", 200, future, NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings("-", NULL, NULL), steps);
	assert_keys_at(s.c, NOW_S, "OLD");
	assert_keys_at(s.c, NOW_S + 19, "OLD");
	assert_int_equal(atomic_load(&s.asked), 3);
	assert_keys_at(s.c, NOW_S + 20, "OLD");
	wait_for_keys(s.c, NOW_S + 20, "NEW");
	end(&s);
}

/* AWS: an instance goes on with what it has when IMDS has nothing newer. */
static void
static_stability(void **state)
{
	static const char past[] = OUTSIDE_JSON("OLD", "2026-11-22T08:00:00Z");
	static const char future[] = OUTSIDE_JSON("NEW", TEN);
	const struct outside_step steps[] = {
		{ "PUT " IMDS "api/token", 200, "t", NULL },
		{ "GET " ROLES, 200, "r", NULL },
		{ "GET " ROLES "r", 200, past, NULL },
		/* 5 minutes and 7 seconds later */
		{ "GET " ROLES, 0, NULL, NULL },
		{ "GET " ROLES, 200, "r", NULL },
		{ "GET " ROLES "r", 200, future, NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings("-", NULL, NULL), steps);
	assert_keys_at(s.c, NOW_S, "OLD");
	assert_keys_at(s.c, NOW_S + 306, "OLD");
	assert_int_equal(atomic_load(&s.asked), 3);
	assert_keys_at(s.c, NOW_S + 307, "OLD");
	wait_for_steps(&s, NOW_S + 307, 4, "OLD");
	assert_keys_at(s.c, NOW_S + 307 + 306, "OLD");
	assert_keys_at(s.c, NOW_S + 307 + 307, "OLD");
	wait_for_keys(s.c, NOW_S + 307 + 307, "NEW");
	end(&s);
}

static void
clocks(void **state)
{
	static const struct outside_step steps[] = {
		{ GET_URI, 200, OUTSIDE_JSON("ONE", TEN), NULL },
		{ GET_URI, 200, OUTSIDE_JSON("TWO", "2026-11-22T12:00:00Z"), NULL },
	};
	struct scene s;

	(void)state;
	BEGIN(&s, settings(CONTAINER, NULL, NULL), steps);
	assert_int_equal(ccp_credentials_clock_offset_s(s.c), 0);
	assert_keys_at(s.c, NOW_S, "ONE");
	assert_false(ccp_credentials_note_date(s.c, NOW_S + 240, NOW_S));
	assert_false(ccp_credentials_note_date(s.c, 0, NOW_S));
	assert_int_equal(ccp_credentials_clock_offset_s(s.c), 0);
	assert_true(ccp_credentials_note_date(s.c, NOW_S + 7200, NOW_S));
	assert_int_equal(ccp_credentials_clock_offset_s(s.c), 7200);
	assert_false(ccp_credentials_note_date(s.c, NOW_S + 7200, NOW_S)); /* once */
	/* by AWS's clock the keys have ended */
	assert_keys_at(s.c, NOW_S, "TWO");
	assert_true(ccp_credentials_note_date(s.c, NOW_S, NOW_S));
	assert_int_equal(ccp_credentials_clock_offset_s(s.c), 0);
	end(&s);
}

/* Our clock is two hours fast, and STS says so: what it gives has not ended, by its clock. */
static void
clock_that_is_fast(void **state)
{
	static const char url[] = "POST http://127.0.0.1:9/";
	const struct outside_step steps[] = {
		{ url, 403, "<Code>SignatureDoesNotMatch</Code>", "Sun, 22 Nov 2026 09:00:00 GMT" },
		{ url, 200, OUTSIDE_STS("ASIAX"), NULL },
	};
	struct ccp_aws_keys keys;
	struct scene s;

	(void)state;
	outside_write(config_path, "[default]\nrole_arn=arn:r\nsource_profile=default\n"
	                           "aws_access_key_id=A\naws_secret_access_key=SECRET\n");
	BEGIN(&s, settings("AWS_ENDPOINT_URL_STS=http://127.0.0.1:9", NULL, NULL), steps);
	assert_int_equal(ccp_credentials_get(s.c, NOW_S + 7200, &keys, NULL), CCP_OK);
	assert_string_equal(keys.access_key_id, "ASIAX");
	assert_int_equal(ccp_credentials_clock_offset_s(s.c), -7200);
	assert_int_equal(ccp_credentials_get(s.c, NOW_S + 7200, &keys, NULL), CCP_OK);
	end(&s);
}

/* --- many threads --- */

#define THREADS 8

/* A network that is slow, counts, and sees to it that nobody asks beside another. */
struct slow {
	atomic_int inside, asked;
	atomic_bool fails;
	useconds_t takes_us; /* 0: 20 ms */
};

static enum ccp_err
slow_http(void *arg, const struct ccp_http_wait_request *request,
          struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct slow *slow = arg;
	int n;

	(void)err;
	if (atomic_fetch_add(&slow->inside, 1) != 0)
		abort();
	usleep(slow->takes_us ? slow->takes_us : 20000);
	n = atomic_fetch_add(&slow->asked, 1) + 1;
	ccp_http_wait_answer_clear(answer);
	answer->status = atomic_load(&slow->fails) ? 404 : 200;
	answer->body.max = request->max_bytes;
	ccp_buf_addf(&answer->body,
	             "{\"AccessKeyId\":\"N%d\",\"SecretAccessKey\":\"SECRET\",\"Token\":\"N%d\","
	             "\"Expiration\":\"2026-11-22T%02d:00:00Z\"}",
	             n, n, 9 + n);
	atomic_fetch_sub(&slow->inside, 1);
	return CCP_OK;
}

static void
slow_sleep(void *arg, int64_t ms)
{
	(void)arg;
	(void)ms;
}

struct many {
	struct ccp_credentials *c;
	int64_t now_s;
	pthread_barrier_t *start;
	char id[16];
};

static void *
get_once(void *arg)
{
	struct many *m = arg;
	struct ccp_aws_keys keys;

	pthread_barrier_wait(m->start);
	if (ccp_credentials_get(m->c, m->now_s, &keys, NULL))
		snprintf(m->id, sizeof(m->id), "-");
	else
		snprintf(m->id, sizeof(m->id), "%.10s", keys.access_key_id);
	/* never half of one and half of another */
	if (strcmp(keys.access_key_id, keys.session_token) != 0)
		abort();
	return NULL;
}

static void
all_at_once(struct ccp_credentials *c, int64_t now_s, const char *want)
{
	pthread_t threads[THREADS];
	struct many many[THREADS];
	pthread_barrier_t start;
	int i;

	pthread_barrier_init(&start, NULL, THREADS);
	for (i = 0; i < THREADS; i++) {
		many[i] = (struct many){ .c = c, .now_s = now_s, .start = &start };
		assert_int_equal(pthread_create(&threads[i], NULL, get_once, &many[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_string_equal(many[i].id, want);
	}
	pthread_barrier_destroy(&start);
}

static void
one_asks_for_all(void **state)
{
	struct slow slow = { .asked = 0 };
	struct ccp_aws_outside outside = { slow_http, slow_sleep, &slow, 7 };
	struct ccp_config *config = settings(CONTAINER, NULL, NULL);
	struct ccp_credentials *c = NULL;

	(void)state;
	assert_int_equal(ccp_credentials_new_with(config, &outside, &c, NULL), CCP_OK);
	all_at_once(c, NOW_S, "N1"); /* nothing there: all wait for the one */
	assert_int_equal(slow.asked, 1);
	all_at_once(c, NOW_S + 3400, "N1"); /* nearly at the end: all go on, one renews */
	wait_for_keys(c, NOW_S + 3400, "N2");
	assert_int_equal(slow.asked, 2);
	ccp_credentials_refresh(c, NULL); /* AWS calls them expired: all wait */
	all_at_once(c, NOW_S + 3400, "N3");
	assert_int_equal(slow.asked, 3);
	atomic_store(&slow.fails, true);
	ccp_credentials_refresh(c, NULL);
	all_at_once(c, NOW_S + 3400, "-"); /* and all hear of the one failure */
	assert_int_equal(slow.asked, 4);
	ccp_credentials_free(c);
	ccp_config_free(config);
}

/* A source that fails after more than a second: asked once, and all who wait have that answer. */
static void
slow_failure(void **state)
{
	struct slow slow = { .asked = 0, .fails = true, .takes_us = 1100000 };
	struct ccp_aws_outside outside = { slow_http, slow_sleep, &slow, 7 };
	struct ccp_config *config = settings(CONTAINER, NULL, NULL);
	struct ccp_credentials *c = NULL;

	(void)state;
	assert_int_equal(ccp_credentials_new_with(config, &outside, &c, NULL), CCP_OK);
	all_at_once(c, NOW_S, "-");
	assert_int_equal(slow.asked, 1);
	ccp_credentials_free(c);
	ccp_config_free(config);
}

/* The process ends while a renewal is under way. */
static void
ends_in_a_renewal(void **state)
{
	struct slow slow = { .asked = 0 };
	struct ccp_aws_outside outside = { slow_http, slow_sleep, &slow, 7 };
	struct ccp_config *config = settings(CONTAINER, NULL, NULL);
	struct ccp_credentials *c = NULL;

	(void)state;
	assert_int_equal(ccp_credentials_new_with(config, &outside, &c, NULL), CCP_OK);
	all_at_once(c, NOW_S, "N1");
	all_at_once(c, NOW_S + 3400, "N1");
	ccp_credentials_free(c);
	assert_int_equal(slow.asked, 2);
	ccp_config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(environment, no_files),
		cmocka_unit_test_setup(too_long, no_files),
		cmocka_unit_test_setup(profiles, no_files),
		cmocka_unit_test_setup(sentences, no_files),
		cmocka_unit_test_setup(no_home, no_files),
		cmocka_unit_test_setup(rotated_file_is_read_again, no_files),
		cmocka_unit_test_setup(regions_and_endpoints, no_files),
		cmocka_unit_test_setup(renewed_before_the_end, no_files),
		cmocka_unit_test_setup(renewal_that_fails, no_files),
		cmocka_unit_test_setup(expired_as_they_come, no_files),
		cmocka_unit_test_setup(expired_token_answer, no_files),
		cmocka_unit_test_setup(short_lives, no_files),
		cmocka_unit_test_setup(static_stability, no_files),
		cmocka_unit_test_setup(clocks, no_files),
		cmocka_unit_test_setup(clock_that_is_fast, no_files),
		cmocka_unit_test_setup(one_asks_for_all, no_files),
		cmocka_unit_test_setup(slow_failure, no_files),
		cmocka_unit_test_setup(ends_in_a_renewal, no_files),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
