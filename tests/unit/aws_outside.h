#ifndef CCP_AWS_OUTSIDE_H
#define CCP_AWS_OUTSIDE_H

#include "unit.h"

#include "aws/credential_sources.h"
#include "base/config.h"
#include "base/http_wait.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For tests of aws/credentials: a network that answers by a script, and a time that does not pass. */

struct outside_step {
	const char *request; /* "GET http://host/path", as it must come */
	int status;          /* 0: nobody answers */
	const char *body;
	const char *date; /* or NULL */
};

struct outside {
	const struct outside_step *steps;
	size_t count, at;
	char body[16384]; /* of the last request */
	char authorization[16384];
	char imds_token[256];
	bool no_proxy;
	long timeout_ms;
	int64_t slept_ms;
};

static inline void
outside_copy_field(char *to, size_t size, const struct ccp_headers *headers, const char *name)
{
	const char *value = ccp_headers_get(headers, name);

	snprintf(to, size, "%s", value ? value : "");
}

static inline enum ccp_err
outside_http(void *arg, const struct ccp_http_wait_request *request,
             struct ccp_http_wait_answer *answer, struct ccp_error *err)
{
	struct outside *o = arg;
	const struct outside_step *step = &o->steps[o->at];
	char line[2048];

	snprintf(line, sizeof(line), "%s %s", request->method, request->url);
	if (o->at >= o->count)
		fail_msg("nobody expected %s", line);
	assert_string_equal(line, step->request);
	o->at++;
	snprintf(o->body, sizeof(o->body), "%.*s", (int)request->body.len,
	         request->body.len ? request->body.p : "");
	outside_copy_field(o->authorization, sizeof(o->authorization), request->headers,
	                   "authorization");
	outside_copy_field(o->imds_token, sizeof(o->imds_token), request->headers,
	                   "x-aws-ec2-metadata-token");
	o->no_proxy = request->no_proxy;
	o->timeout_ms = request->timeout_ms;
	ccp_http_wait_answer_clear(answer);
	if (step->status == 0)
		return ccp_fail(err, CCP_ERR_NET, "no answer in time");
	answer->status = step->status;
	answer->body.max = request->max_bytes;
	if (step->body)
		ccp_buf_puts(&answer->body, step->body);
	if (step->date)
		ccp_headers_add(&answer->headers, "date", step->date);
	return CCP_OK;
}

static inline void
outside_sleep(void *arg, int64_t ms)
{
	((struct outside *)arg)->slept_ms += ms;
}

static inline struct ccp_aws_outside
outside_of(struct outside *o)
{
	return (struct ccp_aws_outside){
		.http = outside_http, .sleep_ms = outside_sleep, .arg = o, .random = 7
	};
}

static inline void
outside_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The settings of an environment and no file; CCP_ALLOW: with ALLOW_INSECURE_UPSTREAM. */
static inline struct ccp_config *
outside_config(char *const *env)
{
	struct ccp_config *config = NULL;
	struct ccp_error err = { .code = CCP_OK };

	if (ccp_config_load_text(env, "none", "", 0, &config, &err))
		fail_msg("%s", err.text);
	return config;
}

#define OUTSIDE_STS(id)                                                                              \
	"<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>" \
	"<CredentialsNot/><Credentials>\n<AccessKeyId>" id                                           \
	"</AccessKeyId><SecretAccessKey>SECRET&amp;&#43;&#x2f;</SecretAccessKey>"                    \
	"<SessionToken>TOKEN==</SessionToken><Expiration>2026-11-22T10:00:00Z</Expiration>"          \
	"</Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define OUTSIDE_JSON(id, expiration)                  \
	"{\"Code\":\"Success\",\"AccessKeyId\":\"" id \
	"\",\"SecretAccessKey\":\"SECRET\",\"Token\":\"TOKEN\",\"Expiration\":\"" expiration "\"}"

/* 2026-11-22T09:00:00Z */
#define OUTSIDE_NOW_S INT64_C(1795338000)

#endif
