#ifndef CCP_HTTP_EASY_H
#define CCP_HTTP_EASY_H

#include "base/buf.h"
#include "base/config.h"
#include "base/error.h"
#include "base/headers.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

/*
 * What base/http (calls on the loop) and base/http_wait (blocking calls) both
 * tell libcurl of a call: whom to trust, TLS, protocols, proxy, fields, method.
 * For http*.c only.
 */

/*
 * The certificates we trust: SSL_CERT_FILE, read once, and SSL_CERT_DIR, else the
 * system's; what is in a folder by name is read when it is needed. Given to the caller (X509_STORE_free()); may be used by several
 * threads. CCP_ERR_SETTING: SSL_CERT_FILE cannot be read.
 */
enum ccp_err ccp_http_easy_trust(const struct ccp_config *config, X509_STORE **trusted,
                                 struct ccp_error *err) CCP_MUST_CHECK;

/*
 * TLS 1.2 or newer with *trusted (read when a connection is made, so it may be
 * filled later), HTTP/1.1, no redirects, HTTPS_PROXY and NO_PROXY for https and
 * never a proxy for plain http. The url is sent as it is.
 */
void ccp_http_easy_setup(CURL *easy, const struct ccp_config *config, X509_STORE **trusted,
                         const char *url);

/*
 * Fields of the request, and the absence of those libcurl would add by itself.
 * *fields is to be freed with ccp_http_easy_fields_free(), also on failure.
 */
enum ccp_err ccp_http_easy_fields(CURL *easy, const struct ccp_headers *headers,
                                  struct curl_slist **fields, struct ccp_error *err) CCP_MUST_CHECK;

/* A request's body on its way. */
struct ccp_http_upload {
	struct ccp_span body;
	size_t sent; /* bytes handed to libcurl */
};

/*
 * CURLOPT_READFUNCTION and CURLOPT_SEEKFUNCTION for a struct ccp_http_upload;
 * the second serves when libcurl finds a kept connection dead before anything
 * came back, and sends again on another.
 */
size_t ccp_http_easy_give(char *out, size_t size, size_t count, void *upload);
int ccp_http_easy_rewind(void *upload, curl_off_t offset, int origin);

/* Wipes what may be a credential. NULL is fine. */
void ccp_http_easy_fields_free(struct curl_slist *fields);

/* The method. True: body_len bytes (0, too) will be read by the read callback. */
bool ccp_http_easy_method(CURL *easy, const char *method, size_t body_len);

#endif
