#ifndef CCP_LOG_H
#define CCP_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One line an event on standard error, which every FastCGI server keeps.
 * LOG_FORMAT text: "2026-11-22T09:00:00.123Z info req_… sentence"; json: one
 * object with time, level, request_id, message. Control bytes and quotes in
 * the sentence are escaped, so text from outside cannot forge a line. Never
 * give it a credential, a body or a header value.
 */
enum ccp_log_level { CCP_LOG_ERROR, CCP_LOG_WARNING, CCP_LOG_INFO, CCP_LOG_DEBUG };

/* The longest line; a longer sentence is cut. Below PIPE_BUF, so lines of several processes do not mix. */
#define CCP_LOG_MAX_BYTES 2048

/* Process-wide, set once before threads start. */
void ccp_log_setup(enum ccp_log_level most, bool json);

/* request_id may be NULL. Thread-safe; one write(2). */
void ccp_log(enum ccp_log_level level, const char *request_id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The same with figures that a machine may add up, alarms on cost for example:
 * json has them as fields beside the message, text has the sentence only. At
 * most CCP_LOG_FIGURES_MAX; names are JSON-safe literals.
 */
struct ccp_log_figure {
	const char *name;
	int64_t value;
};
#define CCP_LOG_FIGURES_MAX 8
void ccp_log_figures(enum ccp_log_level level, const char *request_id,
                     const struct ccp_log_figure *figures, size_t count, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
