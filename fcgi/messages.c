/*
 * messages.fcgi: the proxy. The master keeps workers alive (edge/master.h); a
 * worker serves (messages_worker.h).
 */
#include "messages_worker.h"

#include "edge/master.h"

#include <errno.h>
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

/* The program's own path: on a reload it is started again from there. */
static int
run_master(const struct ccp_config *config)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0) {
		ccp_log(CCP_LOG_ERROR, NULL, "/proc/self/exe: %s", strerror(errno));
		return 1;
	}
	path[n] = '\0';
	return ccp_master_run(path, worker_count(config));
}

static int
print_help(void)
{
	struct ccp_buf help = CCP_BUF_INIT(64 * 1024);

	ccp_config_help(&help);
	printf("Usage: messages.fcgi [--help | --version | --check | --settings-markdown]\n\n"
	       "The proxy of claude-code-proxy: a FastCGI program, started by a web server,\n"
	       "spawn-fcgi or systemd with a listening socket as standard input.\n"
	       "--check reads the settings and the models file and says what is wrong.\n\n"
	       "Settings, from the environment or the settings file:\n%s",
	       ccp_buf_text(&help));
	ccp_buf_clear(&help);
	return 0;
}

static int
print_markdown(void)
{
	struct ccp_buf table = CCP_BUF_INIT(64 * 1024);

	ccp_config_markdown(&table);
	fputs(ccp_buf_text(&table), stdout);
	ccp_buf_clear(&table);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct ccp_config *config = NULL;
	struct ccp_models *models = NULL;
	struct ccp_error err;

	if (strcmp(what, "--help") == 0)
		return print_help();
	if (strcmp(what, "--settings-markdown") == 0)
		return print_markdown();
	if (strcmp(what, "--version") == 0)
		return printf("claude-code-proxy %s\n", PACKAGE_VERSION) < 0;
	if (ccp_config_load(environ, &config, &err) ||
	    ccp_models_load(ccp_models_path(config), ccp_prices_path(config), &models, &err) ||
	    ccp_models_check_overrides(config->bedrock_model_overrides, &err)) {
		ccp_log(CCP_LOG_ERROR, NULL, "%s", err.text);
		ccp_models_unref(models);
		ccp_config_free(config);
		return 1;
	}
	ccp_log_setup(config->log_level, config->log_json);
	if (strcmp(what, "--check") == 0) {
		ccp_models_unref(models);
		ccp_config_free(config);
		return 0;
	}
	if (strcmp(what, "--worker") != 0 && config->workers != 1) {
		int status = run_master(config);

		ccp_models_unref(models);
		ccp_config_free(config);
		return status;
	}
	return ccp_messages_worker(config, models, strcmp(what, "--worker") != 0);
}
