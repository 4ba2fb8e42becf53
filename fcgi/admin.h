#ifndef CCP_ADMIN_H
#define CCP_ADMIN_H

#include "base/config.h"
#include "store/store.h"

#include <stdbool.h>

/*
 * claude-code-proxy-admin: what an operator asks on a terminal. admin.c reads
 * the command line and calls one of these; each says what it did on standard
 * output, what went wrong on standard error, and gives the exit status.
 */
#define CCP_ADMIN_NAME "claude-code-proxy-admin"

enum ccp_admin_exit {
	CCP_ADMIN_FINE = 0,
	CCP_ADMIN_FAILED = 1, /* something failed, or is missing */
	CCP_ADMIN_USAGE = 2,  /* the command line is wrong */
};

/* What was asked for; all borrowed. */
struct ccp_admin {
	const struct ccp_config *config; /* NULL for doctor, which reads the settings itself */
	const char *user;                /* NULL: none named */
	const char *date;                /* NULL: none given; else a day that exists */
	int days;                        /* 0: not given */
	bool json;
	bool yes;
};

typedef int ccp_admin_fn(const struct ccp_admin *admin);
ccp_admin_fn ccp_admin_tables_create;
ccp_admin_fn ccp_admin_tables_check;
ccp_admin_fn ccp_admin_limits_list;
ccp_admin_fn ccp_admin_limits_clear;
ccp_admin_fn ccp_admin_usage;
ccp_admin_fn ccp_admin_doctor;

/* One sentence on standard error, its control characters escaped; gives CCP_ADMIN_FAILED. */
int ccp_admin_failed(const char *sentence);

/*
 * Opens the store to be read. A SQLite store that is not there yet is not made
 * (CCP_ERR_NOT_FOUND, with a sentence that says what to do): an empty one in
 * the wrong place would only look like nothing was used.
 */
enum ccp_err ccp_admin_open_store(const struct ccp_config *config, struct ccp_store **store,
                                  struct ccp_error *err) CCP_MUST_CHECK;

/*
 * NULL is fine. Files that root made in the state directory meanwhile are given
 * to the directory's owner, whose programs have to write them.
 */
void ccp_admin_close_store(const struct ccp_config *config, struct ccp_store *store);

#endif
