#include "base/http_easy.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

/* Whether certificates are found there by their names: 8 hex digits, dot, a number (openssl rehash). */
static bool
is_hashed(const char *dir)
{
	const char *const hex = "0123456789abcdef";
	struct dirent *entry;
	bool found = false;
	DIR *d = opendir(dir);

	if (!d)
		return false;
	while (!found && (entry = readdir(d)))
		found = strspn(entry->d_name, hex) == 8 && entry->d_name[8] == '.' &&
		        isdigit((unsigned char)entry->d_name[9]);
	closedir(d);
	return found;
}

/*
 * libcurl 7.88 would read the whole bundle for every connection (its store
 * cache is off when a CApath is set, as in Debian: lib/vtls/openssl.c): 20 ms
 * of CPU and half a megabyte each. So it gets a store that is read once; and
 * where the system has them by name only the few that are needed, since the
 * bundle takes each process 50 ms at its start (OpenSSL 3.0).
 */
enum ccp_err
ccp_http_easy_trust(const struct ccp_config *config, X509_STORE **trusted, struct ccp_error *err)
{
	const char *file = config->ssl_cert_file;
	const char *dir = getenv(X509_get_default_cert_dir_env());
	X509_STORE *store = X509_STORE_new();

	*trusted = NULL;
	if (!store)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for certificates");
	if (!dir)
		dir = X509_get_default_cert_dir();
	if (!*file && is_hashed(dir)) {
		X509_STORE_load_path(store, dir);
	} else if (!*file) {
		X509_STORE_set_default_paths(store);
	} else if (X509_STORE_load_file(store, file) != 1) {
		X509_STORE_free(store);
		return ccp_fail(err, CCP_ERR_SETTING, "SSL_CERT_FILE: no certificates in %s", file);
	} else {
		X509_STORE_load_path(store, dir);
	}
	*trusted = store;
	return CCP_OK;
}

static CURLcode
use_trusted(CURL *easy, void *ssl_ctx, void *arg)
{
	X509_STORE **trusted = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(ssl_ctx, *trusted);
	return CURLE_OK;
}

void
ccp_http_easy_setup(CURL *easy, const struct ccp_config *config, X509_STORE **trusted,
                    const char *url)
{
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, use_trusted);
	curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trusted);
	/* "" = none, whatever the environment says: plain http is for loopback and link-local */
	curl_easy_setopt(easy, CURLOPT_PROXY,
	                 strncasecmp(url, "https:", 6) == 0 ? config->https_proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, config->no_proxy);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

enum ccp_err
ccp_http_easy_fields(CURL *easy, const struct ccp_headers *headers, struct curl_slist **fields,
                     struct ccp_error *err)
{
	static const char *const own[] = { "Expect", "Accept", "Content-Type" };
	struct ccp_buf line = CCP_BUF_INIT(CCP_HEADERS_MAX_BYTES + 8);
	struct curl_slist *more;
	size_t i;

	*fields = NULL;
	for (i = 0; i < headers->count; i++) {
		const struct ccp_header *h = &headers->items[i];

		line.len = 0;
		/* libcurl's way to send a field without a value */
		ccp_buf_addf(&line, *h->value ? "%s: %s" : "%s;", h->name, h->value);
		more = ccp_buf_ok(&line) ? curl_slist_append(*fields, line.data) : NULL;
		if (!more)
			goto fail;
		*fields = more;
	}
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		char none[16];

		if (ccp_headers_get(headers, own[i]))
			continue;
		snprintf(none, sizeof(none), "%s:", own[i]);
		more = curl_slist_append(*fields, none);
		if (!more)
			goto fail;
		*fields = more;
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *fields);
	ccp_buf_cleanse(&line);
	return CCP_OK;
fail:
	ccp_buf_cleanse(&line);
	return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request's header");
}

void
ccp_http_easy_fields_free(struct curl_slist *fields)
{
	struct curl_slist *f;

	for (f = fields; f; f = f->next)
		OPENSSL_cleanse(f->data, strlen(f->data)); /* credentials */
	curl_slist_free_all(fields);
}

bool
ccp_http_easy_method(CURL *easy, const char *method, size_t body_len)
{
	if (strcmp(method, "GET") == 0 && body_len == 0) {
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
		return false;
	}
	if (strcmp(method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return false;
	}
	if (strcmp(method, "DELETE") == 0 && body_len == 0) {
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
		return false;
	}
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_len);
	if (strcmp(method, "POST") != 0)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return true;
}

size_t
ccp_http_easy_give(char *out, size_t size, size_t count, void *arg)
{
	struct ccp_http_upload *upload = arg;
	size_t n = size * count;

	if (n > upload->body.len - upload->sent)
		n = upload->body.len - upload->sent;
	if (n)
		memcpy(out, upload->body.p + upload->sent, n);
	upload->sent += n;
	return n;
}

int
ccp_http_easy_rewind(void *arg, curl_off_t offset, int origin)
{
	struct ccp_http_upload *upload = arg;

	if (origin != SEEK_SET || offset < 0 || (size_t)offset > upload->body.len)
		return CURL_SEEKFUNC_CANTSEEK;
	upload->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}
