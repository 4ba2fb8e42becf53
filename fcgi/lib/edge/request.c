#include "edge/request.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fcgiapp.h>

/* A body of unknown length is read in steps of this size, doubled each time. */
#define FIRST_STEP_BYTES (64 * 1024)

/* HTTP_X_API_KEY=… is the client's field x-api-key. */
static void
add_field(struct ccp_headers *headers, const char *param, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	char name[128];
	size_t i;

	for (i = 0; param[i] && param[i] != '=' && i + 1 < sizeof(name); i++)
		name[i] = param[i] == '_' ? '-' : (char)tolower((unsigned char)param[i]);
	name[i] = '\0';
	/* names with other marks are nobody's here; nginx says these two once more, without HTTP_ */
	if (param[i] == '=' && i && !name[strspn(name, plain)] &&
	    strcmp(name, "content-length") != 0 && strcmp(name, "content-type") != 0)
		ccp_headers_add(headers, name, value);
}

static enum ccp_err
read_params(char **params, struct ccp_request *request, struct ccp_error *err)
{
	const struct {
		const char *name;
		char **to;
	} wanted[] = { { "REQUEST_METHOD", &request->method },
		       { "REQUEST_URI", &request->uri },
		       { "REMOTE_ADDR", &request->remote_addr },
		       { "SERVER_ADDR", &request->server_addr } };
	const char *redirected;
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const char *value = FCGX_GetParam(wanted[i].name, params);

		*wanted[i].to = strdup(value ? value : "");
		if (!*wanted[i].to)
			return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the request");
	}
	/* lighttpd's server.error-handler and Apache's ErrorDocument: 400 and more; else 200 or absent */
	redirected = FCGX_GetParam("REDIRECT_STATUS", params);
	if (redirected && strtol(redirected, NULL, 10) >= 400)
		request->error_status = (int)strtol(redirected, NULL, 10);
	for (; *params; params++) {
		const char *value = strchr(*params, '=');

		if (!value)
			continue;
		if (strncmp(*params, "HTTP_", 5) == 0)
			add_field(&request->headers, *params + 5, value + 1);
		else if (strncmp(*params, "CONTENT_TYPE=", 13) == 0 && value[1])
			ccp_headers_add(&request->headers, "content-type", value + 1);
	}
	if (!ccp_headers_ok(&request->headers))
		return ccp_fail(err, CCP_ERR_LIMIT, "the request's header is too large");
	return CCP_OK;
}

/* The whole body and then its end, so that no record is left on the connection. */
static enum ccp_err
read_body(FCGX_Stream *in, const char *length, size_t max_bytes, struct ccp_request *request,
          struct ccp_error *err)
{
	size_t first = FIRST_STEP_BYTES < max_bytes ? FIRST_STEP_BYTES : max_bytes;
	size_t want = length && *length ? strtoul(length, NULL, 10) : first;
	bool known = length && *length;
	size_t got = 0;
	enum ccp_err rc;
	int next;

	if (known && want > max_bytes) {
		request->too_large = true;
		return CCP_OK;
	}
	rc = ccp_body_new(&request->body, want, err);
	while (!rc) {
		if (want > got)
			got += (size_t)FCGX_GetStr(request->body.data + got, (int)(want - got), in);
		if (got < want || (next = FCGX_GetChar(in)) == EOF)
			break;
		FCGX_UnGetChar(next, in);
		if (known || want >= max_bytes) {
			request->too_large = true;
			break;
		}
		want = want * 2 < max_bytes ? want * 2 : max_bytes;
		rc = ccp_body_resize(&request->body, want, err);
	}
	if (rc)
		return rc;
	if (FCGX_GetError(in) != 0 || (known && got < want))
		return ccp_fail(err, CCP_ERR_FORMAT, "the web server sent %zu of %zu body bytes",
		                got, want);
	if (request->too_large)
		ccp_body_clear(&request->body);
	else if (got < want)
		return ccp_body_resize(&request->body, got, err);
	return CCP_OK;
}

enum ccp_err
ccp_request_read(int fd, size_t body_max_bytes, struct ccp_request *request, struct ccp_error *err)
{
	struct timeval silence = { .tv_sec = CCP_REQUEST_SILENCE_S };
	FCGX_Request fcgi;
	enum ccp_err rc;

	*request = (struct ccp_request){ .fd = fd };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	FCGX_InitRequest(&fcgi, -1,
	                 0); /* no listener: when this one fails, it must not accept another */
	fcgi.ipcFd = fd;
	fcgi.keepConnection = 1;
	if (FCGX_Accept_r(&fcgi) != 0 || fcgi.ipcFd != fd) {
		request->fd = fcgi.ipcFd; /* libfcgi closes what it cannot read */
		rc = ccp_fail(err, CCP_ERR_FORMAT, "a connection without a FastCGI request");
	} else {
		request->fcgi_id = (uint16_t)fcgi.requestId;
		rc = read_params(fcgi.envp, request, err);
		if (!rc)
			rc = read_body(fcgi.in, FCGX_GetParam("CONTENT_LENGTH", fcgi.envp),
			               body_max_bytes, request, err);
	}
	FCGX_Free(&fcgi, 0);
	return rc;
}

void
ccp_request_clear(struct ccp_request *request)
{
	free(request->method);
	free(request->uri);
	free(request->remote_addr);
	free(request->server_addr);
	ccp_headers_clear(&request->headers);
	ccp_body_clear(&request->body);
	if (request->fd >= 0)
		close(request->fd);
	*request = (struct ccp_request){ .fd = -1 };
}
