#include "base/config.h"

#include "base/config_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

/* All settings with long comments are some 10 KiB; a file a hundred times that is a mistake. */
#define FILE_MAX_BYTES (1024 * 1024)

/* One value; the longest real one is a JSON map of models. Linux takes 128 KiB at most. */
#define VALUE_MAX_BYTES (64 * 1024)

/* Row of the setting of that name; -1 when the table has none. */
static int
row_of(const char *name, size_t len)
{
	for (size_t i = 0; i < ccp_settings_count; i++)
		if (strlen(ccp_settings[i].row.name) == len &&
		    memcmp(ccp_settings[i].row.name, name, len) == 0)
			return (int)i;
	return -1;
}

/* Value of name in env, NULL when it is absent or blank. Borrowed. */
static const char *
environment(char *const *env, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	for (; len && env && *env; env++)
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=' &&
		    (*env)[len + 1 + strspn(*env + len + 1, " \t")])
			return *env + len + 1;
	return NULL;
}

static struct ccp_span
trim(struct ccp_span s)
{
	while (s.len && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct ccp_span){ s.p + 1, s.len - 1 };
	while (s.len && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t' || s.p[s.len - 1] == '\r'))
		s.len--;
	return s;
}

/* The value of a line: quotes off, comment off. False when a quote does not end well. */
static bool
unquote(struct ccp_span *value)
{
	struct ccp_span v = *value, rest;
	const char *end;

	if (v.len == 0 || (v.p[0] != '"' && v.p[0] != '\'')) {
		for (size_t i = 0; i < v.len; i++) {
			if (v.p[i] == '#' && (i == 0 || v.p[i - 1] == ' ' || v.p[i - 1] == '\t'))
				v.len = i;
		}
		*value = trim(v);
		return true;
	}
	end = memchr(v.p + 1, v.p[0], v.len - 1);
	if (!end)
		return false;
	rest = trim((struct ccp_span){ end + 1, (size_t)(v.p + v.len - end - 1) });
	*value = (struct ccp_span){ v.p + 1, (size_t)(end - v.p - 1) };
	return rest.len == 0 || rest.p[0] == '#';
}

static enum ccp_err
copy_value(struct ccp_config *config, int row, const char *p, size_t len, char origin,
           struct ccp_error *err)
{
	if (len > VALUE_MAX_BYTES)
		return ccp_fail(err, CCP_ERR_SETTING, "%s: longer than %d bytes",
		                ccp_settings[row].row.name, VALUE_MAX_BYTES);
	config->text[row] = strndup(p, len);
	if (!config->text[row])
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the settings");
	config->origin[row] = origin;
	return CCP_OK;
}

/* One line of the settings file; len without its newline. */
static enum ccp_err
take_line(struct ccp_config *config, const char *file, int line, struct ccp_span text,
          struct ccp_error *err)
{
	const char *equals;
	struct ccp_span name, value;
	int row;

	text = trim(text);
	if (text.len == 0 || text.p[0] == '#')
		return CCP_OK;
	equals = memchr(text.p, '=', text.len);
	if (!equals)
		return ccp_fail(err, CCP_ERR_SETTING, "%s line %d: not NAME=value", file, line);
	name = trim((struct ccp_span){ text.p, (size_t)(equals - text.p) });
	value = trim((struct ccp_span){ equals + 1, (size_t)(text.p + text.len - equals - 1) });
	row = row_of(name.p, name.len);
	if (row < 0 || ccp_settings[row].offset == offsetof(struct ccp_config, settings_file))
		return ccp_fail(err, CCP_ERR_SETTING, "%s line %d: no setting of that name (%.*s)",
		                file, line, name.len < 60 ? (int)name.len : 60, name.p);
	if (!unquote(&value))
		return ccp_fail(err, CCP_ERR_SETTING, "%s line %d: %s: the quote does not end",
		                file, line, ccp_settings[row].row.name);
	if (memchr(value.p, '\0', value.len))
		return ccp_fail(err, CCP_ERR_SETTING, "%s line %d: %s: a NUL byte", file, line,
		                ccp_settings[row].row.name);
	if (config->text[row])
		return ccp_fail(err, CCP_ERR_SETTING, "%s line %d: %s is given twice", file, line,
		                ccp_settings[row].row.name);
	return value.len ? copy_value(config, row, value.p, value.len, 'f', err) : CCP_OK;
}

static enum ccp_err
take_file(struct ccp_config *config, const char *file, const char *text, size_t len,
          struct ccp_error *err)
{
	enum ccp_err rc = CCP_OK;

	for (int line = 1; len > 0 && !rc; line++) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;

		rc = take_line(config, file, line, (struct ccp_span){ text, n }, err);
		n += newline ? 1 : 0;
		text += n;
		len -= n;
	}
	return rc;
}

static void
forget(char **text)
{
	if (*text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

/* Environment over file, the table where both are silent; then each row's own rule. */
static enum ccp_err
settle(struct ccp_config *config, char *const *env, int row, struct ccp_error *err)
{
	const struct ccp_setting *setting = &ccp_settings[row];
	const char *value = environment(env, setting->row.name);
	enum ccp_err rc = CCP_OK;

	if (!value)
		value = environment(env, setting->alias);
	if (value) {
		forget(&config->text[row]);
		rc = copy_value(config, row, value, strlen(value), 'e', err);
	} else if (!config->text[row]) {
		value = setting->row.default_text;
		rc = copy_value(config, row, value, strlen(value), 'd', err);
	}
	if (rc)
		return rc;
	if (!ccp_setting_text_ok(config->text[row]))
		return ccp_fail(err, CCP_ERR_SETTING, "%s: a control character, or not UTF-8",
		                setting->row.name);
	if (config->text[row][0] == '\0')
		return ccp_setting_text(setting, config->text[row], config, err);
	return setting->parse(setting, config->text[row], config, err);
}

/* What one row alone cannot say. */
static enum ccp_err
check_together(struct ccp_config *config, struct ccp_error *err)
{
	for (size_t i = 0; i < ccp_settings_count && !config->allow_insecure_upstream; i++)
		if (ccp_settings[i].parse == ccp_setting_url &&
		    ccp_setting_url_is_exposed(config->text[i]))
			return ccp_fail(err, CCP_ERR_SETTING,
			                "%s: plain http to another machine would send credentials"
			                " unencrypted; use https, or ALLOW_INSECURE_UPSTREAM=true",
			                ccp_settings[i].row.name);
	if (config->aws_region[0] == '\0')
		config->aws_region = config->aws_default_region;
	return CCP_OK;
}

enum ccp_err
ccp_config_load_text(char *const *env, const char *file_name, const char *text, size_t len,
                     struct ccp_config **config, struct ccp_error *err)
{
	struct ccp_config *c = calloc(1, sizeof(*c));
	enum ccp_err rc;

	*config = NULL;
	if (!c)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the settings");
	rc = take_file(c, file_name, text, len, err);
	for (size_t i = 0; i < ccp_settings_count && !rc; i++)
		rc = settle(c, env, (int)i, err);
	if (!rc)
		rc = check_together(c, err);
	if (rc) {
		ccp_config_free(c);
		return rc;
	}
	*config = c;
	return CCP_OK;
}

/* Appends the whole file to text. may_miss: its absence is no failure. */
static enum ccp_err
read_file(const char *path, bool may_miss, struct ccp_buf *text, struct ccp_error *err)
{
	char piece[4096];
	enum ccp_err rc = CCP_OK;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && may_miss && (errno == ENOENT || errno == ENOTDIR))
		return CCP_OK;
	while (fd >= 0 && ccp_buf_ok(text) &&
	       ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0)
			ccp_buf_add(text, piece, (size_t)n);
	if (fd < 0 || n < 0)
		rc = ccp_fail(err, CCP_ERR_SETTING, "settings file %.120s: %s", path,
		              strerror(errno));
	else if (!ccp_buf_ok(text))
		rc = ccp_fail(err, CCP_ERR_SETTING, "settings file %.120s: over %d bytes", path,
		              FILE_MAX_BYTES);
	if (fd >= 0)
		close(fd);
	OPENSSL_cleanse(piece, sizeof(piece));
	return rc;
}

enum ccp_err
ccp_config_load(char *const *env, struct ccp_config **config, struct ccp_error *err)
{
	struct ccp_buf text = CCP_BUF_INIT(FILE_MAX_BYTES);
	const char *named = environment(env, "CLAUDE_CODE_PROXY_CONF"), *path = named;
	enum ccp_err rc;

	*config = NULL;
	for (size_t i = 0; i < ccp_settings_count && !path; i++)
		if (ccp_settings[i].offset == offsetof(struct ccp_config, settings_file))
			path = ccp_settings[i].row.default_text;
	rc = read_file(path, !named, &text, err);
	if (!rc)
		rc = ccp_config_load_text(env, path, ccp_buf_text(&text), text.len, config, err);
	ccp_buf_cleanse(&text);
	return rc;
}

void
ccp_config_free(struct ccp_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < CCP_CONFIG_ROWS_MAX; i++)
		forget(&config->text[i]);
	free(config);
}

bool
ccp_config_is_given(const struct ccp_config *config, const char *name)
{
	int row = row_of(name, strlen(name));

	return row >= 0 && (config->origin[row] == 'e' || config->origin[row] == 'f');
}

const char *
ccp_config_value(const struct ccp_config *config, size_t n, struct ccp_buf *value)
{
	const struct ccp_setting *setting = n < ccp_settings_count ? &ccp_settings[n] : NULL;
	const char *text = setting && config->text[n] ? config->text[n] : "";
	bool hide = setting && (setting->row.secret ||
	                        (setting->parse == ccp_setting_proxy && strchr(text, '@')));

	ccp_buf_puts(value, hide && text[0] ? "(set)" : text);
	if (!setting)
		return "default";
	return config->origin[n] == 'e'   ? "environment"
	       : config->origin[n] == 'f' ? "file"
	                                  : "default";
}
