/*
 * claude-code-proxy-admin: limits, usage, tables, and what is wrong. This file
 * reads the command line; each command has a file of its own.
 */
#include "admin.h"

#include "admin_text.h"
#include "base/day.h"
#include "edge/route.h"
#include "store/report.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

enum option {
	OPT_HELP = 1,
	OPT_VERSION = 2,
	OPT_JSON = 4,
	OPT_DAYS = 8,
	OPT_DATE = 16,
	OPT_YES = 32,
};

static const struct option_row {
	enum option option;
	const char *name, *value, *help; /* value: what it is called; NULL: takes none */
} options[] = {
	{ OPT_JSON, "--json", NULL, "JSON instead of a table" },
	{ OPT_DAYS, "--days", "N", "so many days up to today, 1 to 90 (default 7)" },
	{ OPT_DATE, "--date", "D", "that day only, as 2026-11-22 (UTC)" },
	{ OPT_YES, "--yes", NULL, "ask Bedrock for one word without asking you" },
	{ OPT_HELP, "--help", NULL, "say what there is, also for one command" },
	{ OPT_VERSION, "--version", NULL, "say which version this is" },
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

enum user { NO_USER, MAY_USER, MUST_USER };

static const struct command {
	const char *word, *second; /* second: NULL when one word is all */
	enum user user;
	unsigned options;
	ccp_admin_fn *run;
	const char *help;
} commands[] = {
	{ "tables", "create", NO_USER, 0, ccp_admin_tables_create,
	  "create what is missing of the DynamoDB tables" },
	{ "tables", "check", NO_USER, 0, ccp_admin_tables_check,
	  "say what is missing of the DynamoDB tables" },
	{ "limits", "list", MAY_USER, OPT_JSON, ccp_admin_limits_list,
	  "who is limited, until when and why" },
	{ "limits", "clear", MUST_USER, 0, ccp_admin_limits_clear,
	  "forget a user's limits: Anthropic is asked again" },
	{ "usage", NULL, MAY_USER, OPT_DAYS | OPT_DATE | OPT_JSON, ccp_admin_usage,
	  "tokens and cost by user, or of one user by day" },
	{ "doctor", NULL, NO_USER, OPT_YES, ccp_admin_doctor,
	  "check everything, and say what to do" },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* Words of the command line: two of the command, one user, and one too many to complain about. */
#define WORDS_MAX 4

struct line {
	const char *words[WORDS_MAX];
	size_t word_count;
	unsigned given; /* enum option, or-ed */
	struct ccp_admin admin;
};

int
ccp_admin_failed(const char *sentence)
{
	struct ccp_buf safe = CCP_BUF_INIT(4096);

	ccp_text_add(&safe, sentence, strlen(sentence));
	fprintf(stderr, "%s: %s\n", CCP_ADMIN_NAME, ccp_buf_text(&safe));
	ccp_buf_clear(&safe);
	return CCP_ADMIN_FAILED;
}

/* Says what is wrong with the command line. about: a word of it, or NULL. */
static int
misused(const char *what, const char *about)
{
	const char *quote = about ? "\"" : "";
	char sentence[512];

	snprintf(sentence, sizeof(sentence), "%s%s%s%.200s%s; --help says what there is", what,
	         about ? " " : "", quote, about ? about : "", quote);
	ccp_admin_failed(sentence);
	return CCP_ADMIN_USAGE;
}

static void
print_command(const struct command *command, FILE *out)
{
	static const char *const users[] = { "", " [USER]", " USER" };
	char text[96];
	int n = snprintf(text, sizeof(text), "%s%s%s%s", command->word, command->second ? " " : "",
	                 command->second ? command->second : "", users[command->user]);

	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (command->options & options[i].option)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " [%s%s%s]",
			              options[i].name, options[i].value ? " " : "",
			              options[i].value ? options[i].value : "");
	fprintf(out, "  %-44s %s\n", text, command->help);
}

/* True when command is the one, or one of those, that the words name. */
static bool
is_meant(const struct command *command, const struct line *line)
{
	return (line->word_count < 1 || strcmp(line->words[0], command->word) == 0) &&
	       (line->word_count < 2 || !command->second ||
	        strcmp(line->words[1], command->second) == 0);
}

/* "limits --help" names no command, but two of them. */
static bool
names_some(const struct line *line)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (is_meant(&commands[i], line))
			return true;
	return false;
}

/* Of all commands, or of those that the words name. */
static void
print_help(const struct line *line, FILE *out)
{
	unsigned wanted = OPT_HELP | OPT_VERSION;

	fprintf(out, "Usage: %s COMMAND [USER] [OPTION]...\n\nCommands:\n", CCP_ADMIN_NAME);
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (!is_meant(&commands[i], line))
			continue;
		print_command(&commands[i], out);
		wanted |= commands[i].options;
	}
	fputs("\nOptions, before or after the words:\n", out);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char text[32];

		if (!(wanted & options[i].option))
			continue;
		snprintf(text, sizeof(text), "%s%s%s", options[i].name, options[i].value ? " " : "",
		         options[i].value ? options[i].value : "");
		fprintf(out, "  %-12s %s\n", text, options[i].help);
	}
	fputs("\nSettings are the proxy's, from the environment or from the file that\n"
	      "CLAUDE_CODE_PROXY_CONF names. Exit status: 0 fine, 1 something failed or is\n"
	      "missing, 2 wrong use.\n",
	      out);
}

/* False: the value is wrong, and *status is the exit status. */
static bool
take_value(struct line *line, enum option option, const char *value, int *status)
{
	size_t len = strlen(value);
	int64_t at_s;

	if (option == OPT_DAYS) {
		line->admin.days = len >= 1 && len <= 3 && strspn(value, "0123456789") == len
		                           ? (int)strtol(value, NULL, 10)
		                           : 0;
		if (line->admin.days >= 1 && line->admin.days <= CCP_REPORT_DAYS_MAX)
			return true;
		*status = misused("--days: must be a whole number from 1 to 90, not", value);
		return false;
	}
	line->admin.date = value;
	if (ccp_day_parse(value, &at_s))
		return true;
	*status = misused("--date: must be a day that exists, as 2026-11-22, not", value);
	return false;
}

/* Takes argv[*i], and the value behind it. False: ends with *status. */
static bool
take_option(struct line *line, int argc, char **argv, int *i, int *status)
{
	const char *text = argv[*i], *value = strchr(text, '=');
	size_t len = value ? (size_t)(value - text) : strlen(text);

	for (size_t n = 0; n < OPTION_COUNT; n++) {
		const struct option_row *row = &options[n];

		if (strlen(row->name) != len || memcmp(row->name, text, len) != 0)
			continue;
		line->given |= row->option;
		if (!row->value && value)
			break;
		if (!row->value)
			return true;
		value = value ? value + 1 : *i + 1 < argc ? argv[++*i] : NULL;
		if (value)
			return take_value(line, row->option, value, status);
		*status = misused("a value is missing after", row->name);
		return false;
	}
	*status = misused("unknown option", text);
	return false;
}

/* False: ends with *status. */
static bool
read_line(struct line *line, int argc, char **argv, int *status)
{
	bool words_only = false;

	for (int i = 1; i < argc; i++) {
		if (!words_only && strcmp(argv[i], "--") == 0)
			words_only = true;
		else if (!words_only && argv[i][0] == '-') {
			if (!take_option(line, argc, argv, &i, status))
				return false;
		} else if (line->word_count < WORDS_MAX) {
			line->words[line->word_count++] = argv[i];
		}
	}
	line->admin.json = line->given & OPT_JSON;
	line->admin.yes = line->given & OPT_YES;
	return true;
}

/* The command that the words name, or NULL; then *status. */
static const struct command *
find_command(const struct line *line, int *status)
{
	const struct command *of_word = NULL;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].word, line->words[0]) != 0)
			continue;
		of_word = &commands[i];
		if (!of_word->second ||
		    (line->word_count > 1 && strcmp(of_word->second, line->words[1]) == 0))
			return of_word;
	}
	if (!of_word)
		*status = misused("unknown command", line->words[0]);
	else if (line->word_count > 1)
		*status = misused("unknown word behind the first:", line->words[1]);
	else
		*status = misused("a second word is missing after", line->words[0]);
	return NULL;
}

/* Whether user and options are those that the command takes. */
static int
check_use(const struct command *command, struct line *line)
{
	size_t words = command->second ? 2 : 1;
	size_t most = words + (command->user == NO_USER ? 0 : 1);

	if (line->word_count > most)
		return misused("one word too many:", line->words[most]);
	if (line->word_count > words)
		line->admin.user = line->words[words];
	if (!line->admin.user && command->user == MUST_USER)
		return misused("a user is missing after", command->second);
	if (line->admin.user && !ccp_route_user_ok(line->admin.user, strlen(line->admin.user)))
		return misused("a user has 1 to 128 bytes of UTF-8 without control characters, "
		               "spaces or any of # / \\ ? % \" ' < > &; not",
		               line->admin.user);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (line->given & options[i].option & ~command->options)
			return misused("this command has no option", options[i].name);
	if (line->admin.days && line->admin.date)
		return misused("either --days or --date, not both", NULL);
	return CCP_ADMIN_FINE;
}

static int
run(const struct command *command, struct line *line)
{
	struct ccp_config *config = NULL;
	struct ccp_error err = { 0 };
	int status;

	if (command->run != ccp_admin_doctor && ccp_config_load(environ, &config, &err))
		return ccp_admin_failed(err.text);
	line->admin.config = config;
	status = command->run(&line->admin);
	ccp_config_free(config);
	/* what was printed into a full disk was not said */
	if (fflush(stdout) != 0 || ferror(stdout))
		return ccp_admin_failed("standard output cannot be written");
	return status;
}

int
main(int argc, char **argv)
{
	struct line line = { .word_count = 0 };
	const struct command *command;
	int status = CCP_ADMIN_FINE;

	/* for the widths of names on a terminal; times and numbers stay as they are */
	setlocale(LC_CTYPE, "C.UTF-8");
	ccp_log_setup(CCP_LOG_ERROR, false); /* what goes wrong is said by the commands */
	if (!read_line(&line, argc, argv, &status))
		return status;
	if (line.given & OPT_VERSION)
		return printf("%s (claude-code-proxy) %s\n", CCP_ADMIN_NAME, PACKAGE_VERSION) < 0;
	if (line.given & OPT_HELP && names_some(&line)) {
		print_help(&line, stdout);
		return CCP_ADMIN_FINE;
	}
	if (line.word_count == 0) {
		print_help(&line, stderr);
		return CCP_ADMIN_USAGE;
	}
	command = find_command(&line, &status);
	if (!command)
		return status;
	status = check_use(command, &line);
	return status ? status : run(command, &line);
}
