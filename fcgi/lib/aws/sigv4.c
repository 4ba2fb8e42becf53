#include "aws/sigv4.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SHA256_BYTES 32
#define SHA256_BLOCK_BYTES 64
#define SHA256_HEX_BYTES 65
/* 20261122T093000Z and NUL. */
#define TIMESTAMP_BYTES 17
#define DATE_LEN 8

/* All header fields, their names once more, and as much again for an encoded path and query. */
#define CANONICAL_MAX_BYTES (4 * CCP_HEADERS_MAX_BYTES)
#define NAMES_MAX_BYTES CCP_HEADERS_MAX_BYTES
/* Fixed words, a date, a hash, and names of a region and a service. */
#define STRING_TO_SIGN_MAX_BYTES 1024
#define AUTHORIZATION_MAX_BYTES CCP_HEADERS_MAX_BYTES

/* 9999-12-31T23:59:59Z: later years do not fit the timestamp. */
#define TIME_MAX_S INT64_C(253402300799)

static void
hex(const unsigned char *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

/* Fetched once for the process; NULL when there is no memory. */
static EVP_MD *sha256;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;

static void
fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

enum ccp_err
ccp_sha256_hex(const void *p, size_t n, char hex_text[65])
{
	unsigned char digest[SHA256_BYTES];

	hex_text[0] = '\0';
	pthread_once(&fetched, fetch);
	if (!sha256 || EVP_Digest(n ? p : "", n, digest, NULL, sha256, NULL) != 1)
		return CCP_ERR_NOMEM;
	hex(digest, sizeof(digest), hex_text);
	return CCP_OK;
}

static bool
timestamp(int64_t time_s, char out[TIMESTAMP_BYTES])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	out[0] = '\0';
	if (time_s < 0 || time_s > TIME_MAX_S || !gmtime_r(&t, &tm))
		return false;
	return strftime(out, TIMESTAMP_BYTES, "%Y%m%dT%H%M%SZ", &tm) == TIMESTAMP_BYTES - 1;
}

/* DATE/REGION/SERVICE/aws4_request */
static void
add_scope(struct ccp_buf *b, const struct ccp_sigv4_request *r, const char *stamp)
{
	ccp_buf_add(b, stamp, DATE_LEN);
	ccp_buf_addf(b, "/%s/%s/aws4_request", r->region, r->service);
}

void
ccp_sigv4_string_to_sign(const struct ccp_sigv4_request *r, const char *canonical,
                         struct ccp_buf *out)
{
	char stamp[TIMESTAMP_BYTES], digest[SHA256_HEX_BYTES];

	if (!timestamp(r->time_s, stamp) || ccp_sha256_hex(canonical, strlen(canonical), digest)) {
		out->spoiled = true;
		return;
	}
	ccp_buf_puts(out, ALGORITHM "\n");
	ccp_buf_puts(out, stamp);
	ccp_buf_puts(out, "\n");
	add_scope(out, r, stamp);
	ccp_buf_puts(out, "\n");
	ccp_buf_puts(out, digest);
}

/* The digest of pad xor key, followed by text: one half of HMAC. */
static bool
half_hmac(EVP_MD_CTX *digest, const unsigned char key[SHA256_BLOCK_BYTES], unsigned char pad,
          const void *text, size_t len, unsigned char out[SHA256_BYTES])
{
	unsigned char block[SHA256_BLOCK_BYTES];
	bool done;
	size_t i;

	for (i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	done = EVP_DigestInit_ex2(digest, sha256, NULL) == 1 &&
	       EVP_DigestUpdate(digest, block, sizeof(block)) == 1 &&
	       EVP_DigestUpdate(digest, text, len) == 1 &&
	       EVP_DigestFinal_ex(digest, out, NULL) == 1;
	OPENSSL_cleanse(block, sizeof(block));
	return done;
}

/*
 * HMAC (RFC 2104) by EVP: OpenSSL 3's HMAC() looks its algorithms up at each of
 * the five calls of a signature, which takes as long as hashing 20 KB.
 */
static bool
hmac(const unsigned char *key, size_t key_len, const char *text, size_t len,
     unsigned char out[SHA256_BYTES])
{
	unsigned char block[SHA256_BLOCK_BYTES] = { 0 };
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool done = digest && sha256;

	if (done && key_len > sizeof(block))
		done = EVP_Digest(key, key_len, block, NULL, sha256, NULL) == 1;
	else if (done)
		memcpy(block, key, key_len);
	done = done && half_hmac(digest, block, 0x36, text, len, out) &&
	       half_hmac(digest, block, 0x5c, out, SHA256_BYTES, out);
	EVP_MD_CTX_free(digest);
	OPENSSL_cleanse(block, sizeof(block));
	return done;
}

/* The signature: the text under a key derived from secret, date, region and service. */
static bool
sign_text(const struct ccp_sigv4_request *r, const struct ccp_aws_keys *keys, const char *stamp,
          const struct ccp_buf *text, char signature[SHA256_HEX_BYTES])
{
	struct ccp_buf seed = CCP_BUF_INIT(sizeof("AWS4") + sizeof(keys->secret_access_key));
	unsigned char k[SHA256_BYTES];
	bool done;

	pthread_once(&fetched, fetch);
	ccp_buf_addf(&seed, "AWS4%s", keys->secret_access_key);
	done = ccp_buf_ok(&seed) &&
	       hmac((const unsigned char *)seed.data, seed.len, stamp, DATE_LEN, k) &&
	       hmac(k, sizeof(k), r->region, strlen(r->region), k) &&
	       hmac(k, sizeof(k), r->service, strlen(r->service), k) &&
	       hmac(k, sizeof(k), "aws4_request", strlen("aws4_request"), k) &&
	       hmac(k, sizeof(k), text->data, text->len, k);
	if (done)
		hex(k, sizeof(k), signature);
	OPENSSL_cleanse(k, sizeof(k));
	ccp_buf_cleanse(&seed);
	return done;
}

/* Fields the signer itself adds: there already, the request was signed before or is not ours. */
static enum ccp_err
check_headers(const struct ccp_headers *headers, struct ccp_error *err)
{
	static const char *const ours[] = { "x-amz-date", "x-amz-security-token", "authorization" };
	size_t i;

	if (!ccp_headers_ok(headers))
		return ccp_fail(err, CCP_ERR_LIMIT, "signing: the list of headers is spoiled");
	if (!ccp_headers_get(headers, "host"))
		return ccp_fail(err, CCP_ERR_FORMAT, "signing: there is no host header");
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (ccp_headers_get(headers, ours[i]))
			return ccp_fail(err, CCP_ERR_FORMAT,
			                "signing: there is a header %s already", ours[i]);
	return CCP_OK;
}

/* Gives authorization's value for the request, whose headers hold all that is signed. */
static bool
authorize(const struct ccp_sigv4_request *r, const struct ccp_aws_keys *keys, const char *stamp,
          struct ccp_buf *authorization)
{
	struct ccp_buf canonical = CCP_BUF_INIT(CANONICAL_MAX_BYTES);
	struct ccp_buf names = CCP_BUF_INIT(NAMES_MAX_BYTES);
	struct ccp_buf text = CCP_BUF_INIT(STRING_TO_SIGN_MAX_BYTES);
	char signature[SHA256_HEX_BYTES];
	bool done = false;

	ccp_sigv4_canonical(r, &canonical, &names);
	if (!ccp_buf_ok(&canonical))
		goto out;
	ccp_sigv4_string_to_sign(r, ccp_buf_text(&canonical), &text);
	if (!ccp_buf_ok(&text) || !sign_text(r, keys, stamp, &text, signature))
		goto out;
	ccp_buf_addf(authorization, ALGORITHM " Credential=%s/", keys->access_key_id);
	add_scope(authorization, r, stamp);
	ccp_buf_addf(authorization, ", SignedHeaders=%s, Signature=%s", ccp_buf_text(&names),
	             signature);
	done = ccp_buf_ok(authorization);

out:
	ccp_buf_clear(&text);
	ccp_buf_clear(&names);
	ccp_buf_cleanse(&canonical);
	return done;
}

enum ccp_err
ccp_sigv4_sign(const struct ccp_sigv4_request *r, const struct ccp_aws_keys *keys,
               struct ccp_headers *out, struct ccp_error *err)
{
	struct ccp_buf authorization = CCP_BUF_INIT(AUTHORIZATION_MAX_BYTES);
	struct ccp_headers all = { 0 }, added = { 0 };
	struct ccp_sigv4_request with_all = *r;
	char stamp[TIMESTAMP_BYTES];
	enum ccp_err rc;

	rc = check_headers(r->headers, err);
	if (rc)
		goto out;
	if (!timestamp(r->time_s, stamp)) {
		rc = ccp_fail(err, CCP_ERR_FORMAT, "signing: the time is not one of this era");
		goto out;
	}
	ccp_headers_add(&added, "x-amz-date", stamp);
	if (keys->session_token[0])
		ccp_headers_add(&added, "x-amz-security-token", keys->session_token);
	ccp_headers_copy(&all, r->headers);
	ccp_headers_copy(&all, &added);
	with_all.headers = &all;
	if (!ccp_headers_ok(&all) || !authorize(&with_all, keys, stamp, &authorization)) {
		rc = ccp_fail(err, CCP_ERR_LIMIT,
		              "signing: no memory, or the request's head is too large");
		goto out;
	}
	ccp_headers_add(&added, "authorization", ccp_buf_text(&authorization));
	ccp_headers_copy(out, &added);
	if (!ccp_headers_ok(out))
		rc = ccp_fail(err, CCP_ERR_LIMIT, "signing: no room for the signature's headers");

out:
	ccp_headers_clear(&added);
	ccp_headers_clear(&all);
	ccp_buf_clear(&authorization);
	return rc;
}
