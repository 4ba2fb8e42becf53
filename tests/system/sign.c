/*
 * Signs requests that a test makes up, with the code that ships: one a line on
 * standard input, fields separated by the unit separator (0x1f):
 *
 *     method path query host region service time keyid secret token bytes
 *
 * bytes: the body is the first so many of the file in argv[1]. Answers with the
 * value of Authorization, one a line. tests/system/signature.test.mjs compares.
 */
#include "aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 11
#define LINE_BYTES 65536
#define BODY_MAX_BYTES (25 * 1024 * 1024)

static char body[BODY_MAX_BYTES];

static int
sign_line(char *line)
{
	char *fields[FIELDS], *p = line, sha256[65];
	struct ccp_headers headers = { 0 };
	struct ccp_aws_keys keys = { 0 };
	struct ccp_sigv4_request r = { .headers = &headers, .body_sha256_hex = sha256 };
	struct ccp_error err = { 0 };
	int i, failed = 1;

	for (i = 0; i < FIELDS; i++)
		fields[i] = p ? strsep(&p, "\x1f") : line;
	r.method = fields[0];
	r.path = fields[1];
	r.query = fields[2];
	r.region = fields[4];
	r.service = fields[5];
	r.time_s = strtoll(fields[6], NULL, 10);
	snprintf(keys.access_key_id, sizeof(keys.access_key_id), "%s", fields[7]);
	snprintf(keys.secret_access_key, sizeof(keys.secret_access_key), "%s", fields[8]);
	snprintf(keys.session_token, sizeof(keys.session_token), "%s", fields[9]);
	if (ccp_sha256_hex(body, strtoul(fields[10], NULL, 10), sha256))
		goto out;
	ccp_headers_add(&headers, "host", fields[3]);
	ccp_headers_add(&headers, "content-type", "application/json");
	ccp_headers_add(&headers, "x-amz-content-sha256", sha256);
	if (ccp_sigv4_sign(&r, &keys, &headers, &err))
		goto out;
	puts(ccp_headers_get(&headers, "authorization"));
	failed = 0;
out:
	if (failed)
		fprintf(stderr, "%s\n", err.text);
	ccp_headers_clear(&headers);
	ccp_aws_keys_clear(&keys);
	return failed;
}

int
main(int argc, char **argv)
{
	static char line[LINE_BYTES];
	FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;

	if (!file || fread(body, 1, sizeof(body), file) == 0)
		return 2;
	fclose(file);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (sign_line(line))
			return 1;
	}
	return 0;
}
