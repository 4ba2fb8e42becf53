#ifndef CCP_STORE_BACKEND_H
#define CCP_STORE_BACKEND_H

#include "store/store.h"

/*
 * What a backend of the store has to offer: store.h's calls without the
 * checks of arguments, which store.c does once for all. Every function is
 * thread-safe and may block. self is what the backend's open gave.
 *
 * state.db of a box is always there: a backend on the network keeps its copy
 * of limits, the vouched credentials and its journal in the SQLite one.
 */
struct ccp_store_backend {
	const char *name;
	void (*close)(void *self);
	enum ccp_err (*check)(void *self, struct ccp_error *err);
	enum ccp_err (*limit_put)(void *self, const char *user, const struct ccp_limit *limit,
	                          struct ccp_error *err);
	enum ccp_err (*limits_clear)(void *self, const char *user, struct ccp_error *err);
	/* user NULL: everybody; ordered by user, then the longest limit first */
	enum ccp_err (*limits_each)(void *self, const char *user, int64_t now_s, ccp_limit_fn *fn,
	                            void *arg, struct ccp_error *err);
	enum ccp_err (*vouch)(void *self, const char *credential, int64_t now_s,
	                      struct ccp_error *err);
	enum ccp_err (*vouched)(void *self, const char *credential, int64_t since_s, bool *vouched,
	                        struct ccp_error *err);
	enum ccp_err (*usage_add)(void *self, const struct ccp_usage_record *record,
	                          const char *day, struct ccp_error *err);
	enum ccp_err (*usage_each)(void *self, const char *user, const char *from_date,
	                           const char *to_date, const char *request_type, ccp_usage_fn *fn,
	                           void *arg, struct ccp_error *err);
};

/*
 * Opens the file at path; made with mode 0600, its directory with 0700, when
 * absent. Several processes may do so at the same moment. CCP_ERR_STORE with a
 * sentence when it is corrupt, read-only, another program's, or newer than
 * this build. path is copied.
 */
enum ccp_err ccp_sqlite_open(const char *path, void **self, struct ccp_error *err) CCP_MUST_CHECK;

extern const struct ccp_store_backend ccp_sqlite_backend;

#endif
