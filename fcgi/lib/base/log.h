#ifndef CCP_LOG_H
#define CCP_LOG_H

#include <stdbool.h>

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

#endif
