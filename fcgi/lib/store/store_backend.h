#ifndef CCP_STORE_BACKEND_H
#define CCP_STORE_BACKEND_H

#include "store/journal.h"
#include "store/store.h"

/*
 * What a backend of the store has to offer. store.c checks arguments and keeps
 * copy, journal and the word "down"; a backend only does what it is told and
 * fails with a sentence. Every function is thread-safe and may block. self is
 * what the backend's open gave.
 *
 * CCP_ERR_STORE, CCP_ERR_NET, CCP_ERR_CREDENTIALS: the backend is down, or does
 * not let us; all other calls would fail as well. CCP_ERR_FORMAT: this one
 * cannot be done, others can. CCP_ERR_NOMEM.
 */
struct ccp_store_backend {
	const char *name;
	bool remote; /* on the network: limits are copied to state.db */
	void (*close)(void *self);
	enum ccp_err (*check)(void *self, struct ccp_error *err);
	enum ccp_err (*limit_put)(void *self, const char *user, const struct ccp_limit *limit,
	                          struct ccp_error *err);
	enum ccp_err (*limits_clear)(void *self, const char *user, struct ccp_error *err);
	/* user NULL: everybody. Each user's together, the longest first. */
	enum ccp_err (*limits_each)(void *self, const char *user, int64_t now_s, ccp_limit_fn *fn,
	                            void *arg, struct ccp_error *err);
	/*
	 * Adds a batch, whole or not at all, unless it is in already: CCP_OK for
	 * both. May have been done when it fails with CCP_ERR_NET.
	 */
	enum ccp_err (*usage_apply)(void *self, const struct ccp_usage_batch *batch,
	                            struct ccp_error *err);
	/* as ccp_store_usage_each() */
	enum ccp_err (*usage_each)(void *self, const char *user, const char *from_date,
	                           const char *to_date, const char *request_type, ccp_usage_fn *fn,
	                           void *arg, struct ccp_error *err);
};

extern const struct ccp_store_backend ccp_sqlite_backend; /* sqlite.c; self: struct ccp_sqlite */
extern const struct ccp_store_backend
	ccp_dynamodb_backend; /* dynamodb.c; self: struct ccp_dynamodb */

#endif
