#ifndef CCP_PROFILE_FILES_H
#define CCP_PROFILE_FILES_H

#include "aws/profile.h"
#include "base/error.h"

#include <stdbool.h>

/*
 * The two profile files of a machine: where they are, what they hold, and
 * whether they have changed since. Not thread-safe: the owner locks.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Location of the shared config
 * and credentials files" (2026).
 */
struct ccp_profile_files;

/*
 * config_setting, credentials_setting
 *          AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE; "~/" in front is
 *          the home; blank means home/.aws/config and home/.aws/credentials.
 * home     the home directory, or NULL or "": a file that would be in it
 *          counts as one that is not there.
 *
 * All are copied. CCP_ERR_NOMEM.
 */
enum ccp_err ccp_profile_files_new(const char *config_setting, const char *credentials_setting,
                                   const char *home, struct ccp_profile_files **files,
                                   struct ccp_error *err) CCP_MUST_CHECK;
void ccp_profile_files_free(struct ccp_profile_files *files);

/*
 * Reads both into profiles (from CCP_PROFILES_INIT; to be cleared by the
 * caller, also on failure). A file that is not there holds nothing.
 * CCP_ERR_CREDENTIALS (cannot be read), and what ccp_profile_parse() answers.
 */
enum ccp_err ccp_profile_files_read(struct ccp_profile_files *files, struct ccp_profiles *profiles,
                                    struct ccp_error *err) CCP_MUST_CHECK;

/* False when a file came, went or was written since it was last read. Two calls of stat(2). */
bool ccp_profile_files_unchanged(const struct ccp_profile_files *files);

/* Where the files are looked for, for sentences. Borrowed from files. */
const char *ccp_profile_files_config_path(const struct ccp_profile_files *files);
const char *ccp_profile_files_credentials_path(const struct ccp_profile_files *files);

#endif
