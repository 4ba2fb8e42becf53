#include "admin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file of root's becomes uid's. Not through links: the directory is somebody else's. */
static void
give_file(int directory, const char *name, const struct stat *owner)
{
	struct stat st;
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == 0)
		(void)!fchownat(fd, "", owner->st_uid, owner->st_gid, AT_EMPTY_PATH);
	close(fd);
}

/*
 * What root made in somebody else's state directory becomes theirs: else the
 * proxy could not write its own state.db, or lock it.
 */
static void
give_away(const struct ccp_config *config)
{
	DIR *directory = geteuid() == 0 ? opendir(config->state_directory) : NULL;
	struct dirent *entry;
	struct stat owner;

	if (!directory)
		return;
	if (fstat(dirfd(directory), &owner) == 0 && owner.st_uid != 0)
		while ((entry = readdir(directory)))
			if (strncmp(entry->d_name, "state.", 6) == 0 ||
			    strncmp(entry->d_name, "deliver-", 8) == 0)
				give_file(dirfd(directory), entry->d_name, &owner);
	closedir(directory);
}

enum ccp_err
ccp_admin_open_store(const struct ccp_config *config, struct ccp_store **store,
                     struct ccp_error *err)
{
	char state[CCP_STORE_PATH_BYTES], path[CCP_STORE_PATH_BYTES];

	*store = NULL;
	if (ccp_store_paths(config, state, path) && !ccp_store_is_dynamodb(config) &&
	    access(path, F_OK) < 0)
		return ccp_fail(err, CCP_ERR_NOT_FOUND,
		                "%.120s: %s. Nothing was stored yet, or STATE_DIRECTORY and STORE "
		                "are not those of the proxy",
		                path, strerror(errno));
	return ccp_store_visit(config, store, err);
}

void
ccp_admin_close_store(const struct ccp_config *config, struct ccp_store *store)
{
	ccp_store_close(store);
	give_away(config);
}
