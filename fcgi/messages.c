/*
 * messages.fcgi: the proxy. The master keeps workers alive (edge/master.h); a
 * worker serves (messages_worker.h).
 */
#include "messages_worker.h"

#include "edge/master.h"
#include "edge/program.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static int
worker_count(const struct ccp_config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return config->workers > 0 ? (int)config->workers : cores > 0 ? (int)cores : 1;
}

static int
run_master(const struct ccp_config *config)
{
	char path[CCP_PROGRAM_PATH_BYTES];
	struct ccp_error err;

	/* every worker would say so, and be started again */
	if (!ccp_program_socket(STDIN_FILENO, &err) && !ccp_program_path(path, &err))
		return ccp_master_run(path, worker_count(config));
	ccp_log(CCP_LOG_ERROR, NULL, "%s", err.text);
	return 1;
}

static void
write_help(struct ccp_buf *out)
{
	ccp_buf_puts(
		out,
		"Usage: messages.fcgi [OPTION]\n\n"
		"The proxy of claude-code-proxy: a FastCGI program, started by a web server,\n"
		"spawn-fcgi or systemd with a listening socket as standard input.\n\n"
		"Options:\n"
		"  --check              read the settings and the models file, look at the keys of\n"
		"                       DynamoDB's tables when they are the store; say what is wrong\n"
		"  --given NAME...      print settings that the environment or the settings file gives,\n"
		"                       a line for each, empty for those that they do not\n"
		"  --settings-man       print the table of settings for the man page,\n"
		"  --settings-markdown  for doc/settings.md,\n"
		"  --settings-conf      as the settings file that ships\n"
		"  --help               say what there is\n"
		"  --version            say which version this is\n\n");
	ccp_config_help(out);
}

/* --help, and the table of settings for doc/ and data/, which ./check compares. */
static const struct printer {
	const char *option;
	void (*write)(struct ccp_buf *out);
} printers[] = {
	{ "--help", write_help },
	{ "--settings-markdown", ccp_config_markdown },
	{ "--settings-man", ccp_config_man },
	{ "--settings-conf", ccp_config_conf },
};

#define PRINTER_COUNT (sizeof(printers) / sizeof(printers[0]))

/* False: the option is none of these. */
static bool
print_table(const char *option)
{
	struct ccp_buf text = CCP_BUF_INIT(64 * 1024);
	size_t i = 0;

	while (i < PRINTER_COUNT && strcmp(printers[i].option, option) != 0)
		i++;
	if (i < PRINTER_COUNT) {
		printers[i].write(&text);
		fputs(ccp_buf_text(&text), stdout);
	}
	ccp_buf_clear(&text);
	return i < PRINTER_COUNT;
}

/* --worker is what the master says to its own. */
static bool
is_known(const char *what)
{
	static const char *const known[] = { "", "--check", "--given", "--worker" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], what) == 0)
			return true;
	return false;
}

/* What infra/serve and the container ask: the value of a setting, when the environment or the file gave one. */
static void
print_given(const struct ccp_config *config, const char *name)
{
	struct ccp_buf value = CCP_BUF_INIT(64 * 1024);
	const struct ccp_config_row *row;
	size_t n;

	for (n = 0; (row = ccp_config_row(n)); n++)
		if (strcmp(row->name, name) == 0 && !row->secret &&
		    ccp_config_is_given(config, name))
			ccp_config_value(config, n, &value);
	puts(ccp_buf_text(&value));
	ccp_buf_clear(&value);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct ccp_config *config = NULL;
	struct ccp_models *models = NULL;
	struct ccp_error err;
	int status = 0;

	if (print_table(what))
		return 0;
	if (strcmp(what, "--version") == 0)
		return printf("claude-code-proxy %s\n", PACKAGE_VERSION) < 0;
	if (!is_known(what)) {
		fprintf(stderr, "messages.fcgi: unknown argument; --help lists what there is\n");
		return 1;
	}
	if (ccp_config_load(environ, &config, &err))
		goto refused;
	if (strcmp(what, "--given") == 0) {
		for (int i = 2; i < argc; i++)
			print_given(config, argv[i]);
		goto out;
	}
	if (ccp_models_load(ccp_models_path(config), ccp_prices_path(config), &models, &err) ||
	    ccp_models_check_overrides(config->bedrock_model_overrides, &err))
		goto refused;
	ccp_log_setup(config->log_level, config->log_json);
	if (strcmp(what, "--check") == 0) {
		if (ccp_store_try(config, &err))
			goto refused;
		goto out;
	}
	if (strcmp(what, "--worker") == 0 || config->workers == 1)
		return ccp_messages_worker(config, models, strcmp(what, "--worker") != 0);
	status = run_master(config);
	goto out;
refused:
	ccp_log(CCP_LOG_ERROR, NULL, "%s", err.text);
	status = 1;
out:
	ccp_models_unref(models);
	ccp_config_free(config);
	return status;
}
