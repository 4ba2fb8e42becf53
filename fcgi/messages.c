/*
 * messages.fcgi: the proxy. The master keeps workers alive (edge/master.h); a
 * worker serves (messages_worker.h).
 */
#include "messages_worker.h"

#include "edge/master.h"
#include "store/dynamodb.h"

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
	printf("Usage: messages.fcgi [--help | --version | --check | --given NAME | --settings-markdown]\n\n"
	       "The proxy of claude-code-proxy: a FastCGI program, started by a web server,\n"
	       "spawn-fcgi or systemd with a listening socket as standard input.\n"
	       "--check reads the settings and the models file, looks at the keys of DynamoDB's\n"
	       "tables when they are the store, and says what is wrong;\n"
	       "--given prints a setting that the environment or the settings file gives.\n\n"
	       "Settings, from the environment or the settings file:\n%s",
	       ccp_buf_text(&help));
	ccp_buf_clear(&help);
	return 0;
}

/* What infra/serve asks: the value of a setting, when the environment or the file gave one. */
static int
print_given(const struct ccp_config *config, const char *name)
{
	struct ccp_buf value = CCP_BUF_INIT(64 * 1024);
	const struct ccp_config_row *row;
	size_t n;

	for (n = 0; (row = ccp_config_row(n)); n++) {
		if (strcmp(row->name, name) != 0 || row->secret ||
		    !ccp_config_is_given(config, name))
			continue;
		ccp_config_value(config, n, &value);
		puts(ccp_buf_text(&value));
	}
	ccp_buf_clear(&value);
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

/*
 * Tables with other keys than ours: every worker would refuse them. A store
 * that is down is another matter, it may come. Nothing is made or changed.
 */
static enum ccp_err
check_tables(const struct ccp_config *config, struct ccp_error *err)
{
	struct ccp_dynamodb *db = NULL;
	enum ccp_err rc;

	if (!ccp_store_is_dynamodb(config))
		return CCP_OK;
	rc = ccp_dynamodb_open(config, NULL, NULL, &db, err);
	if (!rc)
		rc = ccp_dynamodb_try(db, err);
	ccp_dynamodb_backend.close(db);
	return rc == CCP_ERR_SETTING ? rc : CCP_OK;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	struct ccp_config *config = NULL;
	struct ccp_models *models = NULL;
	struct ccp_error err;
	int status = 0;

	if (strcmp(what, "--help") == 0)
		return print_help();
	if (strcmp(what, "--settings-markdown") == 0)
		return print_markdown();
	if (strcmp(what, "--version") == 0)
		return printf("claude-code-proxy %s\n", PACKAGE_VERSION) < 0;
	if (ccp_config_load(environ, &config, &err))
		goto refused;
	if (strcmp(what, "--given") == 0) {
		print_given(config, argc > 2 ? argv[2] : "");
		goto out;
	}
	if (ccp_models_load(ccp_models_path(config), ccp_prices_path(config), &models, &err) ||
	    ccp_models_check_overrides(config->bedrock_model_overrides, &err))
		goto refused;
	ccp_log_setup(config->log_level, config->log_json);
	if (strcmp(what, "--check") == 0) {
		if (check_tables(config, &err))
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
