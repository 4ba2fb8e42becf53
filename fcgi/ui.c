/*
 * ui.fcgi: GET /ui, the dashboard's page and what it loads, and GET /debug/env.
 */
#include "base/json.h"
#include "edge/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef CCP_HTMLDIR
#define CCP_HTMLDIR "/usr/share/claude-code-proxy/html"
#endif

/* The largest file of the dashboard is some 50 KiB. */
#define FILE_MAX_BYTES (1024 * 1024)
#define SETTINGS_MAX_BYTES (8 * 1024 * 1024)

/* Nothing from elsewhere, nothing inline: a name that is HTML stays text, and could do nothing. */
#define PAGE_FIELDS                                                                         \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';" \
	" img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none';"     \
	" form-action 'self'\r\nReferrer-Policy: no-referrer\r\n"

#define SCRIPT "text/javascript; charset=utf-8"
#define UPLOT "vendor/uplot-1.6.32/"

/*
 * Files of html/. The page is at /ui; the others are at /ui/NAME, for a web
 * server that was not told to serve /ui/ from html/ itself.
 */
static const struct asset {
	const char *name, *content_type;
} assets[] = {
	{ "dashboard.html", "text/html; charset=utf-8" },
	{ "dashboard.css", "text/css; charset=utf-8" },
	{ "icon.svg", "image/svg+xml" },
	{ UPLOT "uPlot.iife.min.js", SCRIPT },
	{ "api.js", SCRIPT },
	{ "bars.js", SCRIPT },
	{ "cards.js", SCRIPT },
	{ "chart-table.js", SCRIPT },
	{ "chart.js", SCRIPT },
	{ "clocks.js", SCRIPT },
	{ "csv.js", SCRIPT },
	{ "dom.js", SCRIPT },
	{ "early.js", SCRIPT },
	{ "figures.js", SCRIPT },
	{ "format.js", SCRIPT },
	{ "limits.js", SCRIPT },
	{ "main.js", SCRIPT },
	{ "notice.js", SCRIPT },
	{ "overview.js", SCRIPT },
	{ "series.js", SCRIPT },
	{ "state.js", SCRIPT },
	{ "table.js", SCRIPT },
	{ "text.js", SCRIPT },
	{ "user.js", SCRIPT },
	{ "users.js", SCRIPT },
	{ "words-en.js", SCRIPT },
	{ "words-ko.js", SCRIPT },
	{ "words-notice.js", SCRIPT },
};

#define ASSET_COUNT (sizeof(assets) / sizeof(assets[0]))
#define PAGE 0 /* its place in the table */
#define PLACE_COUNT 3

struct ui_program {
	const struct ccp_config *config;
	struct ccp_buf files[ASSET_COUNT]; /* read once, at start */
};

static enum ccp_err
read_asset(const char *folder, const char *name, struct ccp_buf *text, struct ccp_error *err)
{
	char path[4096], piece[4096];
	enum ccp_err rc = CCP_OK;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f)
		return ccp_fail(err, CCP_ERR_SYSTEM, "%.160s: %s (CCP_HTML names its folder)", path,
		                strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		ccp_buf_add(text, piece, n);
	if (ferror(f) || !ccp_buf_ok(text))
		rc = ccp_fail(err, CCP_ERR_SYSTEM, "%.160s: cannot be read, or over %d bytes", path,
		              FILE_MAX_BYTES);
	fclose(f);
	return rc;
}

static enum ccp_err
read_assets(struct ui_program *program, struct ccp_error *err)
{
	const char *folder = getenv("CCP_HTML");
	enum ccp_err rc = CCP_OK;

	if (!folder || !folder[0])
		folder = CCP_HTMLDIR;
	for (size_t i = 0; i < ASSET_COUNT && !rc; i++) {
		program->files[i].max = FILE_MAX_BYTES;
		rc = read_asset(folder, assets[i].name, &program->files[i], err);
	}
	return rc;
}

/* Every setting, where it came from; secrets only as set or not. */
static void
answer_settings(const struct ccp_config *config, struct ccp_plain_request *request)
{
	struct ccp_buf body = CCP_BUF_INIT(SETTINGS_MAX_BYTES);
	const struct ccp_config_row *row;

	ccp_buf_puts(&body, "[");
	for (size_t i = 0; (row = ccp_config_row(i)); i++) {
		struct ccp_buf value = CCP_BUF_INIT(SETTINGS_MAX_BYTES);
		const char *origin = ccp_config_value(config, i, &value);

		ccp_buf_addf(&body, "%s{\"name\":\"%s\",\"value\":", i ? ",\n" : "\n", row->name);
		ccp_json_add_string(&body, ccp_buf_text(&value), value.len);
		ccp_buf_addf(&body, ",\"origin\":\"%s\",\"secret\":%s}", origin,
		             row->secret ? "true" : "false");
		ccp_buf_clear(&value);
	}
	ccp_buf_puts(&body, "\n]\n");
	if (ccp_buf_ok(&body))
		ccp_plain_answer(request, 200, "application/json", "", ccp_buf_text(&body),
		                 body.len);
	else
		ccp_plain_error(request, 500, "api_error", "no memory");
	ccp_buf_clear(&body);
}

/* text inside an attribute's quotes, or between tags, is text and nothing else. */
static void
add_html(struct ccp_buf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text))
			ccp_buf_addf(out, "&#%d;", *text);
		else
			ccp_buf_add(out, text, 1);
	}
}

/* The page's language for a reader who has not chosen one: the first of Accept-Language that it has. */
static const char *
language_of(const struct ccp_plain_request *request)
{
	const char *p = ccp_plain_param(request, "HTTP_ACCEPT_LANGUAGE");

	/* browsers list them by preference; whoever writes other weights by hand can switch on the page */
	while (*p) {
		p += strspn(p, " \t,");
		if (strncasecmp(p, "ko", 2) == 0 && strchr("-,; \t", p[2]))
			return "ko";
		if (strncasecmp(p, "en", 2) == 0 && strchr("-,; \t", p[2]))
			return "en";
		p += strcspn(p, ",");
	}
	return "en";
}

/* The page with what it has to know in place of @language@, @version@ and @anthropic@. */
static void
write_page(const struct ui_program *program, const struct ccp_plain_request *request,
           struct ccp_buf *out)
{
	const struct {
		const char *name, *value;
	} places[PLACE_COUNT] = {
		{ "@language@", language_of(request) },
		{ "@version@", PACKAGE_VERSION },
		{ "@anthropic@", program->config->track_anthropic_usage ? "true" : "false" },
	};
	const char *p = ccp_buf_text(&program->files[PAGE]), *at;

	while ((at = strchr(p, '@'))) {
		size_t i = 0, len = 1;

		while (i < PLACE_COUNT && strncmp(at, places[i].name, strlen(places[i].name)) != 0)
			i++;
		ccp_buf_add(out, p, (size_t)(at - p));
		if (i < PLACE_COUNT) {
			add_html(out, places[i].value);
			len = strlen(places[i].name);
		} else {
			ccp_buf_puts(out, "@");
		}
		p = at + len;
	}
	ccp_buf_puts(out, p);
}

static void
answer_page(const struct ui_program *program, struct ccp_plain_request *request)
{
	struct ccp_buf page = CCP_BUF_INIT(2 * FILE_MAX_BYTES);

	write_page(program, request, &page);
	if (ccp_buf_ok(&page))
		ccp_plain_answer(request, 200, assets[PAGE].content_type, PAGE_FIELDS,
		                 ccp_buf_text(&page), page.len);
	else
		ccp_plain_error(request, 500, "api_error", "no memory");
	ccp_buf_clear(&page);
}

/* Index of the file that is asked for, ASSET_COUNT when it is none of them. */
static size_t
find_asset(const struct ccp_plain_request *request)
{
	char path[128];
	size_t i = PAGE + 1;

	if (ccp_plain_path_is(request, "/ui"))
		return PAGE;
	for (; i < ASSET_COUNT; i++) {
		snprintf(path, sizeof(path), "/ui/%s", assets[i].name);
		if (ccp_plain_path_is(request, path))
			break;
	}
	return i;
}

static void
serve(void *arg, struct ccp_plain_request *request)
{
	const struct ui_program *program = arg;
	bool settings =
		program->config->debug_env_enabled && ccp_plain_path_is(request, "/debug/env");
	bool slash = ccp_plain_path_is(request, "/ui/");
	size_t i = find_asset(request);

	if (i == ASSET_COUNT && !slash && !settings)
		ccp_plain_error(request, 404, "not_found_error", "no such path");
	else if (!settings && !program->config->dashboard_enabled)
		ccp_plain_closed(request);
	else if (!ccp_plain_is_get(request))
		return;
	else if (settings)
		answer_settings(program->config, request);
	else if (slash)
		ccp_plain_answer(request, 302, "text/plain", "Location: /ui\r\n", "", 0);
	else if (i == PAGE)
		answer_page(program, request);
	else
		ccp_plain_answer(request, 200, assets[i].content_type, PAGE_FIELDS,
		                 ccp_buf_text(&program->files[i]), program->files[i].len);
}

int
main(int argc, char **argv)
{
	struct ui_program program = { 0 };
	struct ccp_plain plain;
	struct ccp_error err = { 0 };
	enum ccp_err rc;

	if (!ccp_plain_start(&plain, argc, argv, "ui.fcgi", "the dashboard's page"))
		return plain.status;
	program.config = plain.config;
	rc = read_assets(&program, &err);
	if (!rc)
		rc = ccp_plain_serve(&plain, serve, &program, &err);
	if (rc)
		fprintf(stderr, "ui.fcgi: %s\n", err.text);
	for (size_t i = 0; i < ASSET_COUNT; i++)
		ccp_buf_clear(&program.files[i]);
	ccp_config_free(plain.config);
	return rc ? 1 : 0;
}
