#ifndef CCP_PROFILE_H
#define CCP_PROFILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The format of ~/.aws/config and ~/.aws/credentials: profiles with
 * properties. Pure: text in, profiles out.
 *
 * What the format is: "[profile NAME]" (config; "default" may go without the
 * word) or "[NAME]" (credentials), then "name = value" lines. A comment is a
 * line that starts with # or ;, a # or ; after blanks behind a value, and one
 * anywhere behind a section's bracket. A line that starts with a blank
 * continues the value above it (joined by a line feed, comments included);
 * below an empty value such lines are sub-properties and need a "=" and a
 * name. Property names are kept in lower case, blanks around names and values
 * are cut. "[services NAME]" of the config file holds endpoints of services as
 * sub-properties. Sections and properties with other names than the format
 * allows (sso-session among them) are passed over; lines that are none of all
 * this are errors.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials
 * files" (2026), and the parser cases of smithy-rs (aws-runtime
 * profile-parser-tests.json, commit 56ee88c5, 2026-08-21). One difference: an
 * indented line that is only a comment is a comment here, as it is for the AWS
 * CLI, and no part of a value.
 */

/* A file of AWS profiles is a few KiB; people with hundreds of accounts reach 100 KiB. */
#define CCP_PROFILE_FILE_MAX_BYTES (1024 * 1024)
/* Profiles and properties are looked up one by one: these keep the worst file quick. */
#define CCP_PROFILES_MAX_COUNT 4096
#define CCP_PROFILE_PROPERTIES_MAX_COUNT 256
/* Twice the longest session token that credentials.h takes. */
#define CCP_PROFILE_VALUE_MAX_BYTES (16 * 1024)

enum ccp_profile_kind { CCP_PROFILE_CONFIG, CCP_PROFILE_CREDENTIALS };

struct ccp_profile_property {
	char *name;  /* lower case */
	char *value; /* "" when empty; may be a secret */
};

struct ccp_profile {
	char *name;
	struct ccp_profile_property *properties;
	size_t count;
	bool prefixed; /* "[profile default]", which beats "[default]" */
};

struct ccp_profile_list {
	struct ccp_profile *items; /* owned */
	size_t count;
};

struct ccp_profiles {
	struct ccp_profile_list profiles;
	struct ccp_profile_list services;
};

/* clang-format off */
#define CCP_PROFILES_INIT { { NULL, 0 }, { NULL, 0 } }
/* clang-format on */

/*
 * Adds the profiles of one file to those already there; properties that are
 * there get the new value. So read config first: the credentials file wins.
 *
 * profiles  from CCP_PROFILES_INIT; on failure it holds what was read so far
 *           and is to be cleared all the same.
 * file      what the file is called in errors; borrowed.
 * text      len bytes; borrowed. At most CCP_PROFILE_FILE_MAX_BYTES.
 *
 * CCP_ERR_SETTING with file, line number and what was expected (never the
 * line itself: it may hold a secret), CCP_ERR_LIMIT, CCP_ERR_NOMEM.
 */
enum ccp_err ccp_profile_parse(struct ccp_profiles *profiles, enum ccp_profile_kind kind,
                               const char *file, const char *text, size_t len,
                               struct ccp_error *err) CCP_MUST_CHECK;

/* The profile of that name (case counts; NULL = none), or NULL. Borrowed until the next parse. */
const struct ccp_profile *ccp_profile_find(const struct ccp_profiles *profiles, const char *name);

/* The services section of that name, likewise. */
const struct ccp_profile *ccp_profile_find_services(const struct ccp_profiles *profiles,
                                                    const char *name);

/* Value of a property (name in lower case), or NULL. Borrowed likewise. */
const char *ccp_profile_get(const struct ccp_profile *profile, const char *name);

/*
 * Copies a sub-property ("endpoint_url" of "sts"). False, and out is "", when
 * there is none or it is too long for out.
 */
bool ccp_profile_get_inner(const struct ccp_profile *profile, const char *name, const char *inner,
                           char *out, size_t out_size);

/* For the parser: takes all properties off; overwrites and frees one value (NULL is fine). */
void ccp_profile_empty(struct ccp_profile *profile);
void ccp_profile_free_value(char *value);

/* Overwrites the values (some are secrets) and frees; the list is empty afterwards. */
void ccp_profiles_clear(struct ccp_profiles *profiles);

#endif
