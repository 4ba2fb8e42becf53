/*
 * ui.fcgi: GET /ui, the dashboard's page and what it loads, and GET /debug/env.
 */
#include "base/json.h"
#include "edge/plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CCP_HTMLDIR
#define CCP_HTMLDIR "/usr/share/claude-code-proxy/html"
#endif

/* The largest file of the dashboard is some 10 KiB. */
#define FILE_MAX_BYTES (1024 * 1024)
#define SETTINGS_MAX_BYTES (8 * 1024 * 1024)

/* Nothing from elsewhere, nothing inline: a name that is HTML stays text, and could do nothing. */
#define PAGE_FIELDS                                                                         \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self';" \
	" img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none';"     \
	" form-action 'self'\r\nReferrer-Policy: no-referrer\r\n"

/* The page; and its parts, for a web server that was not told to serve /ui/ from html/ itself. */
static const struct asset {
	const char *path, *file, *content_type;
} assets[] = {
	{ "/ui", "dashboard.html", "text/html; charset=utf-8" },
	{ "/ui/dashboard.css", "dashboard.css", "text/css; charset=utf-8" },
	{ "/ui/dashboard.js", "dashboard.js", "text/javascript; charset=utf-8" },
	{ "/ui/icon.svg", "icon.svg", "image/svg+xml" },
};

#define ASSET_COUNT (sizeof(assets) / sizeof(assets[0]))

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
		rc = read_asset(folder, assets[i].file, &program->files[i], err);
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

static void
serve(void *arg, struct ccp_plain_request *request)
{
	const struct ui_program *program = arg;
	bool settings =
		program->config->debug_env_enabled && ccp_plain_path_is(request, "/debug/env");
	bool slash = ccp_plain_path_is(request, "/ui/");
	size_t i = 0;

	while (i < ASSET_COUNT && !ccp_plain_path_is(request, assets[i].path))
		i++;
	if (i == ASSET_COUNT && !slash && !settings)
		ccp_plain_error(request, 404, "not_found_error", "no such path");
	else if (!ccp_plain_is_get(request))
		return;
	else if (settings)
		answer_settings(program->config, request);
	else if (slash)
		ccp_plain_answer(request, 302, "text/plain", "Location: /ui\r\n", "", 0);
	else
		ccp_plain_answer(request, 200, assets[i].content_type, PAGE_FIELDS,
		                 ccp_buf_text(&program->files[i]), program->files[i].len);
}

int
main(int argc, char **argv)
{
	struct ui_program program = { 0 };
	struct ccp_config *config;
	struct ccp_error err = { 0 };
	enum ccp_err rc;
	int status;

	if (!ccp_plain_start(argc, argv, "ui.fcgi", "the dashboard's page", &config, &status))
		return status;
	program.config = config;
	rc = read_assets(&program, &err);
	if (!rc)
		rc = ccp_plain_serve(serve, &program, &err);
	if (rc)
		fprintf(stderr, "ui.fcgi: %s\n", err.text);
	for (size_t i = 0; i < ASSET_COUNT; i++)
		ccp_buf_clear(&program.files[i]);
	ccp_config_free(config);
	return rc ? 1 : 0;
}
