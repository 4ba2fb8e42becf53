#include "aws/profile.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

/* Profiles that were read: looked at, and wiped. */

static const struct ccp_profile *
find(const struct ccp_profile_list *list, const char *name)
{
	size_t i;

	for (i = 0; name && i < list->count; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

const struct ccp_profile *
ccp_profile_find(const struct ccp_profiles *profiles, const char *name)
{
	return find(&profiles->profiles, name);
}

const struct ccp_profile *
ccp_profile_find_services(const struct ccp_profiles *profiles, const char *name)
{
	return find(&profiles->services, name);
}

const char *
ccp_profile_get(const struct ccp_profile *profile, const char *name)
{
	size_t i;

	for (i = 0; i < profile->count; i++)
		if (strcmp(profile->properties[i].name, name) == 0)
			return profile->properties[i].value;
	return NULL;
}

bool
ccp_profile_get_inner(const struct ccp_profile *profile, const char *name, const char *inner,
                      char *out, size_t out_size)
{
	const char *line = ccp_profile_get(profile, name);
	size_t n = strlen(inner), len;

	out[0] = '\0';
	/* the property itself is empty, its lines begin behind a line feed */
	while (line && (line = strchr(line, '\n'))) {
		line++;
		if (strncmp(line, inner, n) != 0)
			continue;
		len = n + strspn(line + n, " \t");
		if (line[len] != '=')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		len = strcspn(line, "\n");
		while (len &&
		       (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
			len--;
		if (len >= out_size)
			return false;
		memcpy(out, line, len);
		out[len] = '\0';
		return true;
	}
	return false;
}

void
ccp_profile_free_value(char *value)
{
	if (value)
		OPENSSL_cleanse(value, strlen(value));
	free(value);
}

void
ccp_profile_empty(struct ccp_profile *profile)
{
	size_t i;

	for (i = 0; i < profile->count; i++) {
		free(profile->properties[i].name);
		ccp_profile_free_value(profile->properties[i].value);
	}
	free(profile->properties);
	profile->properties = NULL;
	profile->count = 0;
}

static void
clear_list(struct ccp_profile_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		ccp_profile_empty(&list->items[i]);
		free(list->items[i].name);
	}
	free(list->items);
}

void
ccp_profiles_clear(struct ccp_profiles *profiles)
{
	clear_list(&profiles->profiles);
	clear_list(&profiles->services);
	*profiles = (struct ccp_profiles)CCP_PROFILES_INIT;
}
