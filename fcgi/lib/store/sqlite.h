#ifndef CCP_SQLITE_H
#define CCP_SQLITE_H

#include "store/store_backend.h"

/*
 * A SQLite file of ours: the store itself (ccp_sqlite_backend), a box's
 * state.db, or both in one. All tables are in each of them.
 */
struct ccp_sqlite;

/*
 * Opens the file at path; made with mode 0600, its directory with 0700, when
 * absent. Several processes may do so at the same moment. CCP_ERR_STORE with a
 * sentence when it is corrupt, read-only, another program's, or newer than
 * this build; CCP_ERR_NOMEM. path is copied.
 */
enum ccp_err ccp_sqlite_open(const char *path, struct ccp_sqlite **s,
                             struct ccp_error *err) CCP_MUST_CHECK;
void ccp_sqlite_close(struct ccp_sqlite *s); /* no call may be running; NULL is fine */

/* CCP_ERR_STORE when the path does not name the file that was opened any more. */
enum ccp_err ccp_sqlite_present(struct ccp_sqlite *s, struct ccp_error *err) CCP_MUST_CHECK;

/* Of state.db: see store.h. */
enum ccp_err ccp_sqlite_vouch(struct ccp_sqlite *s, const char *credential, int64_t now_s,
                              struct ccp_error *err) CCP_MUST_CHECK;
enum ccp_err ccp_sqlite_vouched(struct ccp_sqlite *s, const char *credential, int64_t since_s,
                                bool *vouched, struct ccp_error *err) CCP_MUST_CHECK;

/* Writes something that changes nothing: whether the disk takes it. */
enum ccp_err ccp_sqlite_probe(struct ccp_sqlite *s, struct ccp_error *err) CCP_MUST_CHECK;

/*
 * Of state.db: notes for all processes of the box that these uses of the store
 * (enum ccp_store_use of store_parts.h, or-ed) are down, or work. *before and
 * *after: all that were and are, so that one process tells the log.
 */
enum ccp_err ccp_sqlite_note_down(struct ccp_sqlite *s, unsigned use, bool down, unsigned *before,
                                  unsigned *after, struct ccp_error *err) CCP_MUST_CHECK;

#endif
