#ifndef CCP_SIGV4_SUITE_H
#define CCP_SIGV4_SUITE_H

/*
 * Reads the two published SigV4 test suites for test_sigv4.c and
 * test_sigv4_canonical.c: that of aws-c-auth (one folder a case: request.txt,
 * context.json, header-*.txt) and the older aws4_testsuite as botocore keeps
 * it (.req, .creq, .sts, .authz).
 */
#include "vectors.h"

#include "aws/sigv4.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

#include <cjson/cJSON.h>

#define SUITE_AWS_C_AUTH "sigv4/aws-c-auth/tests/aws-signing-test-suite/v4"
#define SUITE_BOTOCORE "sigv4/botocore-aws4_testsuite"

struct suite_case {
	char name[512];
	char method[16];
	char path[512];
	char query[512];
	char body_sha256_hex[65];
	char region[32];
	char service[32];
	int64_t time_s;
	struct ccp_headers headers; /* without those the signer adds */
	struct ccp_aws_keys keys;
	char *canonical;
	char *string_to_sign;
	char *signature; /* the hex digits */
};

typedef void suite_check_fn(const struct suite_case *c);

/*
 * "." and ".." and empty segments taken out of a path, as the cases for all
 * services but S3 want it. The signer leaves that to its caller.
 */
static inline void
suite_normalize(char *path)
{
	char out[512] = "";
	char *segment, *save = NULL;
	size_t len = strlen(path);
	bool folder = path[len - 1] == '/' || (len > 1 && strcmp(path + len - 2, "/.") == 0);

	for (segment = strtok_r(path, "/", &save); segment; segment = strtok_r(NULL, "/", &save)) {
		if (strcmp(segment, ".") == 0)
			continue;
		if (strcmp(segment, "..") == 0) {
			char *slash = strrchr(out, '/');

			if (slash)
				*slash = '\0';
			continue;
		}
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "/%s", segment);
	}
	snprintf(path, 512, "%s%s", out, folder || !out[0] ? "/" : "");
}

/* Joins folded lines with a space, as a client does before it signs. */
static inline void
suite_headers(struct suite_case *c, char *text)
{
	char line[4096] = "";
	char *next, *save = NULL;

	for (next = strtok_r(text, "\n", &save);; next = strtok_r(NULL, "\n", &save)) {
		if (next && (next[0] == ' ' || next[0] == '\t')) {
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", next);
			continue;
		}
		if (strncasecmp(line, "X-Amz-Security-Token:", 21) == 0)
			snprintf(c->keys.session_token, sizeof(c->keys.session_token), "%s",
			         line + 21);
		else if (line[0] && strncasecmp(line, "X-Amz-Date:", 11) != 0)
			(void)ccp_headers_add_line(&c->headers, line, strlen(line));
		if (!next)
			break;
		snprintf(line, sizeof(line), "%s", next);
	}
}

static inline void
suite_request(struct suite_case *c, char *text)
{
	char *body = strstr(text, "\n\n");
	char *headers = strchr(text, '\n');
	char *path, *query, *end;

	if (body) {
		*body = '\0';
		body += 2;
	} else {
		body = text + strlen(text);
	}
	if (headers)
		*headers++ = '\0';
	path = strchr(text, ' ');
	end = strrchr(text, ' ');
	*path++ = '\0';
	*end = '\0';
	snprintf(c->method, sizeof(c->method), "%s", text);
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->query, sizeof(c->query), "%s", query ? query : "");
	if (headers)
		suite_headers(c, headers);
	if (ccp_sha256_hex(body, strlen(body), c->body_sha256_hex))
		abort();
}

static inline char *
suite_file(const char *folder, const char *name)
{
	char path[VECTORS_PATH_BYTES];
	char *text, *cr;
	size_t len;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	text = slurp(path, &len);
	/* some files have Windows line ends */
	while (text && (cr = strchr(text, '\r')) != NULL)
		memmove(cr, cr + 1, strlen(cr));
	return text;
}

static inline void
suite_context(struct suite_case *c, const char *text)
{
	cJSON *json = cJSON_Parse(text);
	const cJSON *credentials = cJSON_GetObjectItem(json, "credentials");
	const char *token = cJSON_GetStringValue(cJSON_GetObjectItem(credentials, "token"));
	struct tm tm = { 0 };

	if (!json || !strptime(cJSON_GetStringValue(cJSON_GetObjectItem(json, "timestamp")),
	                       "%Y-%m-%dT%H:%M:%SZ", &tm))
		abort();
	c->time_s = timegm(&tm);
	if (cJSON_IsTrue(cJSON_GetObjectItem(json, "normalize")))
		suite_normalize(c->path);
	/* this one signs first and adds the token after */
	if (token && !cJSON_IsTrue(cJSON_GetObjectItem(json, "omit_session_token")))
		snprintf(c->keys.session_token, sizeof(c->keys.session_token), "%s", token);
	if (cJSON_IsTrue(cJSON_GetObjectItem(json, "sign_body")))
		ccp_headers_add(&c->headers, "x-amz-content-sha256", c->body_sha256_hex);
	cJSON_Delete(json);
}

static inline void
suite_finish(struct suite_case *c, suite_check_fn *check)
{
	snprintf(c->keys.access_key_id, sizeof(c->keys.access_key_id), "AKIDEXAMPLE");
	snprintf(c->keys.secret_access_key, sizeof(c->keys.secret_access_key),
	         "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
	snprintf(c->region, sizeof(c->region), "us-east-1");
	snprintf(c->service, sizeof(c->service), "service");
	check(c);
	ccp_headers_clear(&c->headers);
	free(c->canonical);
	free(c->string_to_sign);
	free(c->signature);
}

static inline void
suite_aws_c_auth_case(const char *folder, suite_check_fn *check)
{
	struct suite_case c = { 0 };
	char *request = suite_file(folder, "request.txt");
	char *context = suite_file(folder, "context.json");

	snprintf(c.name, sizeof(c.name), "%s", folder);
	suite_request(&c, request);
	suite_context(&c, context);
	c.canonical = suite_file(folder, "header-canonical-request.txt");
	c.string_to_sign = suite_file(folder, "header-string-to-sign.txt");
	c.signature = suite_file(folder, "header-signature.txt");
	free(request);
	free(context);
	suite_finish(&c, check);
}

static inline void
suite_botocore_case(const char *folder, const char *name, suite_check_fn *check)
{
	struct suite_case c = { 0 };
	char file[300];
	char *request, *authorization, *token;

	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(file, sizeof(file), "%s.req", name);
	request = suite_file(folder, file);
	suite_request(&c, request);
	suite_normalize(c.path);
	c.time_s = 1440938160; /* 2015-08-30T12:36:00Z in every case */
	snprintf(file, sizeof(file), "%s.creq", name);
	c.canonical = suite_file(folder, file);
	/* one case has its token nowhere else */
	token = strstr(c.canonical, "x-amz-security-token:");
	if (token)
		snprintf(c.keys.session_token, sizeof(c.keys.session_token), "%.*s",
		         (int)strcspn(token + 21, "\n"), token + 21);
	snprintf(file, sizeof(file), "%s.sts", name);
	c.string_to_sign = suite_file(folder, file);
	snprintf(file, sizeof(file), "%s.authz", name);
	authorization = suite_file(folder, file);
	c.signature = strdup(strstr(authorization, "Signature=") + strlen("Signature="));
	free(request);
	free(authorization);
	suite_finish(&c, check);
}

/* Calls check for every case below folder; returns how many there were. */
static inline int
suite_walk(const char *folder, suite_check_fn *check)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)) != NULL) {
		char path[VECTORS_PATH_BYTES], inner[VECTORS_PATH_BYTES];
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >=
		            (int)sizeof(path) ||
		    stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		if (snprintf(inner, sizeof(inner), "%s/%s.req", path, entry->d_name) >=
		    (int)sizeof(inner))
			continue;
		if (access(inner, R_OK) == 0) {
			suite_botocore_case(path, entry->d_name, check);
			count++;
			continue;
		}
		if (snprintf(inner, sizeof(inner), "%s/context.json", path) >= (int)sizeof(inner))
			continue;
		if (access(inner, R_OK) == 0) {
			suite_aws_c_auth_case(path, check);
			count++;
			continue;
		}
		count += suite_walk(path, check);
	}
	if (dir)
		closedir(dir);
	return count;
}

#endif
