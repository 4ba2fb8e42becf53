#include "base/config_table.h"

#include <string.h>

/* Titles in the man page and the settings file; each stands above the row of that name. */
static const struct section {
	const char *first, *title;
} sections[] = {
	{ "BEDROCK_FALLBACK_ENABLED", "What the proxy does" },
	{ "ANTHROPIC_API_BASE", "Anthropic" },
	{ "BEDROCK_API", "Bedrock" },
	{ "AWS_REGION", "AWS, with the names that AWS's own tools know" },
	{ "STORE", "What is remembered, and where" },
	{ "PING_INTERVAL_SECONDS", "Limits and time-outs" },
	{ "WORKERS", "Processes" },
	{ "LOG_LEVEL", "What is logged and shown" },
	{ "HTTPS_PROXY", "Network, with the names that many programs know" },
	{ "PORT",
	  "For ./run in the source folder only: else the web server's file says where it listens" },
	{ "CLAUDE_CODE_PROXY_CONF", "The settings file" },
};

/* What the file that ships sets, and why. */
static const struct shipped {
	const char *name, *value, *why;
} shipped[] = {
	{ "WORKERS", "0",
	  "# Set, because only workers can be replaced by new ones without cutting a stream\n"
	  "# (systemctl reload). Under mod_fcgid, Apache's file says WORKERS=1 to the program.\n" },
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char conf_head[] =
	"# Settings of claude-code-proxy: of messages.fcgi, usage.fcgi, ui.fcgi and\n"
	"# claude-code-proxy-admin. man claude-code-proxy.conf says more.\n"
	"#\n"
	"# NAME=value, one a line. What is commented out shows the default. What follows a blank\n"
	"# and # is a comment too; a value in \"double\" or 'single' quotes is taken as it stands.\n"
	"# The environment of a program goes before this file.\n"
	"#\n"
	"# systemctl reload 'claude-code-proxy-*.service' puts a change in force; running streams go on.\n"
	"# What cannot be right it names in the journal, and changes nothing.\n"
	"#\n"
	"# Secrets (keys of AWS and Anthropic) may stand here: keep this file readable by root and\n"
	"# the proxy's group only (root:claude-code-proxy, mode 0640). A secret is never logged.\n";

typedef void write_fn(struct ccp_buf *out, const struct ccp_setting *s, const char *title);

/* title: of the section that begins with this row, or NULL. */
static void
walk(struct ccp_buf *out, write_fn *write)
{
	for (size_t i = 0; i < ccp_settings_count; i++) {
		const char *title = NULL;

		for (size_t j = 0; j < COUNT(sections); j++)
			if (strcmp(sections[j].first, ccp_settings[i].row.name) == 0)
				title = sections[j].title;
		write(out, &ccp_settings[i], title);
	}
}

static void
add_kind(struct ccp_buf *out, const struct ccp_setting *s)
{
	ccp_buf_puts(out, s->row.type);
	if (s->parse == ccp_setting_number)
		ccp_buf_addf(out, ", %lld to %lld", (long long)s->min, (long long)s->max);
}

static void
write_help(struct ccp_buf *out, const struct ccp_setting *s, const char *title)
{
	(void)title;
	ccp_buf_addf(out, "  %s (", s->row.name);
	add_kind(out, s);
	if (s->row.default_text[0])
		ccp_buf_addf(out, "; default %s", s->row.default_text);
	ccp_buf_addf(out, ")\n      %s\n", s->row.help);
}

void
ccp_config_help(struct ccp_buf *out)
{
	ccp_buf_puts(out, "Settings, from the environment, else from the file that\n"
	                  "CLAUDE_CODE_PROXY_CONF names:\n");
	walk(out, write_help);
}

static void
write_markdown(struct ccp_buf *out, const struct ccp_setting *s, const char *title)
{
	const char *tick = s->row.default_text[0] ? "`" : "";

	(void)title;
	ccp_buf_addf(out, "| `%s` | ", s->row.name);
	add_kind(out, s);
	ccp_buf_addf(out, " | %s%s%s | %s |\n", tick, s->row.default_text, tick, s->row.help);
}

void
ccp_config_markdown(struct ccp_buf *out)
{
	ccp_buf_puts(out, "| setting | type | default | meaning |\n| --- | --- | --- | --- |\n");
	walk(out, write_markdown);
}

/* text as it stands, wherever in a line of roff it comes to stand. */
static void
add_roff(struct ccp_buf *out, const char *text)
{
	if (text[0] == '.' || text[0] == '\'')
		ccp_buf_puts(out, "\\&");
	for (; *text; text++) {
		if (*text == '\\')
			ccp_buf_puts(out, "\\e");
		else if (*text == '-')
			ccp_buf_puts(
				out,
				"\\-"); /* else it may be printed as a hyphen, which cannot be pasted */
		else
			ccp_buf_add(out, text, 1);
	}
}

static void
write_man(struct ccp_buf *out, const struct ccp_setting *s, const char *title)
{
	if (title) {
		ccp_buf_puts(out, s == ccp_settings ? ".Ss " : ".El\n.Ss ");
		add_roff(out, title);
		ccp_buf_puts(out, "\n.Bl -tag -width indent\n");
	}
	ccp_buf_addf(out, ".It Ev %s\n", s->row.name);
	add_roff(out, s->row.help);
	ccp_buf_puts(out, "\n.br\n");
	add_kind(out, s);
	if (s->row.default_text[0]) {
		ccp_buf_puts(out, "; default: ");
		add_roff(out, s->row.default_text);
	}
	ccp_buf_puts(out, "\n");
}

void
ccp_config_man(struct ccp_buf *out)
{
	walk(out, write_man);
	ccp_buf_puts(out, ".El\n");
}

static void
write_conf(struct ccp_buf *out, const struct ccp_setting *s, const char *title)
{
	if (s->offset == offsetof(struct ccp_config, settings_file))
		return; /* the file cannot name itself */
	if (title)
		ccp_buf_addf(out, "\n\n### %s\n", title);
	ccp_buf_addf(out, "\n# %s (", s->row.help);
	add_kind(out, s);
	ccp_buf_puts(out, ")\n");
	for (size_t i = 0; i < COUNT(shipped); i++) {
		if (strcmp(shipped[i].name, s->row.name) != 0)
			continue;
		ccp_buf_addf(out, "%s%s=%s\n", shipped[i].why, s->row.name, shipped[i].value);
		return;
	}
	ccp_buf_addf(out, "#%s=%s\n", s->row.name, s->row.default_text);
}

void
ccp_config_conf(struct ccp_buf *out)
{
	ccp_buf_puts(out, conf_head);
	walk(out, write_conf);
}
