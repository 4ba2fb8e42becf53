/*
 * usage.fcgi: who used how much. GET /v1/usage/me, GET /v1/usage, GET /metrics.
 */
#include "edge/plain.h"
#include "edge/route.h"
#include "edge/uri.h"
#include "store/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_DAYS 7

/* How long an answer waits for what is on its way from the journal to the store. */
#define DELIVER_MS 1000

/* Decoded value of a parameter. False and answered 400 when it cannot be one. */
static bool
read_parameter(struct ccp_plain_request *request, const char *name, char *value, size_t size,
               bool *given)
{
	struct ccp_span query = { request->uri, strcspn(request->uri, "#") }, raw;
	char message[96];

	value[0] = '\0';
	ccp_uri_take(&query, '?');
	raw = ccp_uri_parameter(query, name);
	*given = raw.p != NULL;
	if (!raw.p || ccp_uri_decode(raw, value, size))
		return true;
	snprintf(message, sizeof(message), "%s: not a value this parameter can have", name);
	ccp_plain_error(request, 400, "invalid_request_error", message);
	return false;
}

/* A whole number from 1 to max; *number stays as it is when the parameter is not there. */
static bool
read_number(struct ccp_plain_request *request, const char *name, int max, int *number)
{
	char text[32], message[96];
	bool given;
	size_t len;

	if (!read_parameter(request, name, text, sizeof(text), &given))
		return false;
	if (!given)
		return true;
	len = strlen(text);
	if (len >= 1 && len <= 5 && strspn(text, "0123456789") == len) {
		int n = (int)strtol(text, NULL, 10);

		if (n >= 1 && n <= max) {
			*number = n;
			return true;
		}
	}
	snprintf(message, sizeof(message), "%s: must be a whole number from 1 to %d", name, max);
	ccp_plain_error(request, 400, "invalid_request_error", message);
	return false;
}

static bool
read_date(struct ccp_plain_request *request, struct ccp_report_query *query)
{
	char text[32];
	int64_t at_s;
	bool given;

	if (!read_parameter(request, "date", text, sizeof(text), &given))
		return false;
	if (!given)
		return true;
	if (!ccp_day_parse(text, &at_s)) {
		ccp_plain_error(request, 400, "invalid_request_error",
		                "date: must be a day that exists, as YYYY-MM-DD");
		return false;
	}
	memcpy(query->date, text, CCP_DAY_BYTES);
	query->days = 0; /* a date says more than a number of days */
	return true;
}

static bool
read_type(struct ccp_plain_request *request, struct ccp_report_query *query)
{
	static const char *const types[] = { "bedrock", "anthropic", "all" };
	char text[32];
	bool given;

	if (!read_parameter(request, "request_type", text, sizeof(text), &given))
		return false;
	if (!given)
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(text, types[i]) == 0) {
			query->request_type = types[i];
			return true;
		}
	}
	ccp_plain_error(request, 400, "invalid_request_error",
	                "request_type: must be bedrock, anthropic or all");
	return false;
}

/* The query says who, else the header, else it is the default user. */
static bool
read_user(struct ccp_plain_request *request, char *user, size_t size)
{
	static const char wrong[] =
		"claude-code-user: must be 1 to 128 bytes of UTF-8 without control"
		" characters, spaces or any of # / \\ ? % \" ' < > &";
	const char *header = ccp_plain_param(request, "HTTP_X_CLAUDE_CODE_USER");
	struct ccp_span text = { header, strlen(header) };
	bool given;

	if (!read_parameter(request, "claude-code-user", user, size, &given))
		return false;
	if (!given && !text.len)
		text = CCP_SPAN("default");
	if ((given || ccp_uri_decode(text, user, size)) && ccp_route_user_ok(user, strlen(user)))
		return true;
	ccp_plain_error(request, 400, "invalid_request_error", wrong);
	return false;
}

/* The answer begins with the first piece: until then it can still be an error. */
struct answer {
	struct ccp_plain_request *request;
	bool begun;
};

static bool
write_piece(void *arg, const char *p, size_t n)
{
	struct answer *answer = arg;

	if (!answer->begun)
		ccp_plain_begin(answer->request, 200, "application/json", "");
	answer->begun = true;
	return ccp_plain_write(answer->request, p, n);
}

/* Says why there is no report. A store that is down is in the log already, once. */
static void
refuse(struct ccp_plain_request *request, enum ccp_err rc, const struct ccp_error *err)
{
	if (rc != CCP_ERR_STORE && rc != CCP_ERR_NET && rc != CCP_ERR_CREDENTIALS)
		ccp_log(CCP_LOG_WARNING, request->id, "usage report: %s", err->text);
	if (rc == CCP_ERR_LIMIT || rc == CCP_ERR_NOMEM)
		ccp_plain_error(request, 500, "api_error", err->text);
	else
		ccp_plain_error(request, 503, "api_error", "the store of usage cannot be read now");
}

static void
report(struct ccp_store *store, struct ccp_plain_request *request, bool me)
{
	struct answer answer = { request, false };
	char user[CCP_TARGET_MAX_BYTES];
	struct ccp_report_query query = { .days = DEFAULT_DAYS,
		                          .user = user,
		                          .request_type = me ? "all" : "bedrock",
		                          .now_s = time(NULL) };
	struct ccp_error err = { 0 };
	int top = 0;
	enum ccp_err rc;

	if (!read_number(request, "days", CCP_REPORT_DAYS_MAX, &query.days) ||
	    !read_date(request, &query) || !read_type(request, &query))
		return;
	if (me ? !read_user(request, user, sizeof(user))
	       : !read_number(request, "top", CCP_REPORT_TOP_MAX, &top))
		return;
	query.top = (size_t)top;
	ccp_store_deliver(store, DELIVER_MS);
	rc = me ? ccp_report_user(store, &query, write_piece, &answer, &err)
	        : ccp_report_all(store, &query, write_piece, &answer, &err);
	if (rc)
		refuse(request, rc, &err);
}

/* A store that is down is a figure too: a failed scrape would only say that something is wrong. */
static void
metrics(struct ccp_store *store, struct ccp_plain_request *request)
{
	struct ccp_buf body = CCP_BUF_INIT(CCP_METRICS_MAX_BYTES), figures = body;
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	ccp_store_deliver(store, DELIVER_MS);
	rc = ccp_report_metrics(store, time(NULL), &figures, &err);
	ccp_buf_addf(&body,
	             "# HELP claude_code_proxy_store_up Whether limits and usage can be read.\n"
	             "# TYPE claude_code_proxy_store_up gauge\n"
	             "claude_code_proxy_store_up %d\n",
	             rc ? 0 : 1);
	if (!rc)
		ccp_buf_add(&body, figures.data, figures.len);
	if (ccp_buf_ok(&body) && ccp_buf_ok(&figures)) {
		ccp_plain_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", "",
		                 ccp_buf_text(&body), body.len);
	} else {
		rc = ccp_fail(&err, CCP_ERR_NOMEM, "no memory for the metrics");
		refuse(request, rc, &err);
	}
	ccp_buf_clear(&figures);
	ccp_buf_clear(&body);
}

struct usage_program {
	struct ccp_store *store;
	bool dashboard_enabled;
};

static void
serve(void *arg, struct ccp_plain_request *request)
{
	const struct usage_program *program = arg;
	bool me = ccp_plain_path_is(request, "/v1/usage/me");
	bool all = ccp_plain_path_is(request, "/v1/usage");

	if (!me && !all && !ccp_plain_path_is(request, "/metrics"))
		ccp_plain_error(request, 404, "not_found_error", "no such path");
	else if (!me && !program->dashboard_enabled)
		ccp_plain_closed(request);
	else if (!ccp_plain_is_get(request))
		return;
	else if (strlen(request->uri) >= CCP_TARGET_MAX_BYTES)
		ccp_plain_error(request, 400, "invalid_request_error", "the query is too long");
	else if (me || all)
		report(program->store, request, me);
	else
		metrics(program->store, request);
}

int
main(int argc, char **argv)
{
	struct usage_program program = { 0 };
	struct ccp_plain plain;
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	if (!ccp_plain_start(&plain, argc, argv, "usage.fcgi",
	                     "usage by user, day and model, from the store"))
		return plain.status;
	rc = plain.check ? ccp_store_try(plain.config, &err)
	                 : ccp_store_open(plain.config, NULL, &program.store, &err);
	program.dashboard_enabled = plain.config->dashboard_enabled;
	if (!rc)
		rc = ccp_plain_serve(&plain, serve, &program, &err);
	if (rc)
		fprintf(stderr, "usage.fcgi: %s\n", err.text);
	ccp_store_close(program.store);
	ccp_config_free(plain.config);
	return rc ? 1 : 0;
}
