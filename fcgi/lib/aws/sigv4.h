#ifndef CCP_SIGV4_H
#define CCP_SIGV4_H

#include "aws/credentials.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/headers.h"

#include <stdint.h>

/*
 * AWS Signature Version 4, header form. Three stages with a text each, so that
 * a wrong signature can be traced to one of them (AWS's answer to a wrong one
 * quotes its own texts of stage 1 and 2). Pure: no clock, no I/O.
 *
 * Path: the wire path URI-encoded once more (every byte but A-Z a-z 0-9
 * - . _ ~ /); dot segments and double slashes are left alone, so a caller that
 * wants them gone sends them gone. libcurl 7.88's own signer does not encode
 * again, and is refused for model ids with ':'.
 * Query: names and values decoded and encoded, sorted by name, then value; "+"
 * is a plus sign.
 * Headers: sorted by name, repeats joined by "," in their order, blanks around
 * values cut and runs of blanks inside made one space.
 *
 * Source: IAM User Guide, "Create a signed AWS API request" (2026), checked
 * against @smithy/signature-v4 5.7.5 and the header cases of aws-c-auth
 * (495329c2, 2026-08-18) and botocore (0e6e2404, 2026-08-07).
 */
struct ccp_sigv4_request {
	const char *method;
	const char *path;  /* as on the request line, without query */
	const char *query; /* as on the request line, without '?'; "" or NULL = none */
	const struct ccp_headers *headers; /* all of these are signed; must hold host */
	const char *body_sha256_hex;       /* 64 lower-case hex digits */
	const char *region;
	const char *service;
	int64_t time_s; /* Unix time of signing */
};

/*
 * Stage 1, for tests and for tracing: appends the canonical request and the
 * names of the signed headers ("host;x-amz-date"). r->headers must already
 * hold x-amz-date here; region, service and time_s are not looked at. When a
 * buffer is too small or memory is short, canonical is spoiled.
 */
void ccp_sigv4_canonical(const struct ccp_sigv4_request *r, struct ccp_buf *canonical,
                         struct ccp_buf *signed_names);

/*
 * Stage 2: appends the string to sign for a canonical request. Of r it looks
 * at region, service and time_s. out is spoiled when it is too small, and for
 * a time outside the years 1970 to 9999.
 */
void ccp_sigv4_string_to_sign(const struct ccp_sigv4_request *r, const char *canonical,
                              struct ccp_buf *out);

/*
 * Signs. Appends to out, which may be the same list as r->headers or another:
 * x-amz-date, x-amz-security-token (when there is a token) and authorization;
 * x-amz-content-sha256 must be among r->headers when the service wants it
 * signed. Keys derived on the way are wiped.
 *
 * CCP_ERR_FORMAT: no host header, one of the three fields is there already
 * (signed before, or a client's own credential), or a time as above.
 * CCP_ERR_LIMIT: no memory, a spoiled list, a head over 128 KiB, or keys that
 * hold a line end. On these out gets nothing, or is spoiled.
 */
enum ccp_err ccp_sigv4_sign(const struct ccp_sigv4_request *r, const struct ccp_aws_keys *keys,
                            struct ccp_headers *out, struct ccp_error *err) CCP_MUST_CHECK;

/* SHA-256 of bytes (p may be NULL when n is 0) as 64 lower-case hex digits and NUL. */
enum ccp_err ccp_sha256_hex(const void *p, size_t n, char hex[65]) CCP_MUST_CHECK;

#endif
