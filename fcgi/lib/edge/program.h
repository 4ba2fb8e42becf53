#ifndef CCP_PROGRAM_H
#define CCP_PROGRAM_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * The program on disk, which a reload (SIGHUP) puts in place of this one. It is
 * asked first, as a child with --check, whether it could start now: what it
 * would refuse is one sentence in the log, and no reason to lose what runs.
 */

/* PATH_MAX of Linux. */
#define CCP_PROGRAM_PATH_BYTES 4096

/* Where this program lies. Ask at start: a package may put another file there later. CCP_ERR_SYSTEM. */
enum ccp_err ccp_program_path(char path[CCP_PROGRAM_PATH_BYTES],
                              struct ccp_error *err) CCP_MUST_CHECK;

/* Whether fd is a listening socket, as a web server, spawn-fcgi or systemd gives it. CCP_ERR_SYSTEM: it is not, in a sentence. */
enum ccp_err ccp_program_socket(int fd, struct ccp_error *err) CCP_MUST_CHECK;

/* Becomes it, in place, with that argument or none (NULL) and descriptors 0 to 2 only. Returns when it cannot, which is in the log. */
void ccp_program_exec(const char *path, const char *argument);

/*
 * After fork(), in the child: becomes the program with that one argument, all
 * signals unblocked, and gets SIGTERM when parent dies. Does not return.
 */
void ccp_program_become(const char *path, const char *argument, pid_t parent)
	__attribute__((noreturn));

/*
 * Runs it with --check for max_ms at most. Anything but CCP_PROGRAM_LIKED is in
 * the log. SIGCHLD must not be ignored, nor another thread wait for any child.
 */
enum ccp_program_verdict {
	CCP_PROGRAM_LIKED,
	CCP_PROGRAM_REFUSED,
	CCP_PROGRAM_NO_ANSWER, /* it took too long, or died */
};
enum ccp_program_verdict ccp_program_check(const char *path, int max_ms) CCP_MUST_CHECK;

/* The same for a reload, 10 s at most; when false the log also says that everything stays as it was. */
bool ccp_program_may_reload(const char *path) CCP_MUST_CHECK;

#endif
