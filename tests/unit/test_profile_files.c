#include "unit.h"

#include "aws/profile_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ccp-profile-XXXXXX";

static void
path_in(char path[200], const char *name)
{
	snprintf(path, 200, "%s/%s", folder, name);
}

static void
write_file(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	path_in(path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int
set_up(void **state)
{
	char path[200];

	(void)state;
	if (!mkdtemp(folder))
		return -1;
	path_in(path, ".aws");
	return mkdir(path, 0700);
}

static int
tear_down(void **state)
{
	static const char *const names[] = { ".aws/config", ".aws/credentials", "other", "new" };
	char path[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(path, names[i]);
		unlink(path);
	}
	path_in(path, ".aws");
	rmdir(path);
	return rmdir(folder);
}

/* Value of x in profile default, "" when there is none; NULL when reading failed. */
static const char *
read_x(struct ccp_profile_files *files)
{
	static char x[100];
	struct ccp_profiles all = CCP_PROFILES_INIT;
	const struct ccp_profile *profile;
	const char *value;
	enum ccp_err rc = ccp_profile_files_read(files, &all, NULL);

	profile = ccp_profile_find(&all, "default");
	value = profile ? ccp_profile_get(profile, "x") : NULL;
	snprintf(x, sizeof(x), "%s", value ? value : "");
	ccp_profiles_clear(&all);
	return rc ? NULL : x;
}

static void
paths(void **state)
{
	struct ccp_profile_files *files = NULL;

	(void)state;
	assert_int_equal(ccp_profile_files_new("", " ", "/home/user", &files, NULL), CCP_OK);
	assert_string_equal(ccp_profile_files_config_path(files), "/home/user/.aws/config");
	assert_string_equal(ccp_profile_files_credentials_path(files),
	                    "/home/user/.aws/credentials");
	ccp_profile_files_free(files);
	assert_int_equal(ccp_profile_files_new("/other/config", "~/c", "/home/user", &files, NULL),
	                 CCP_OK);
	assert_string_equal(ccp_profile_files_config_path(files), "/other/config");
	assert_string_equal(ccp_profile_files_credentials_path(files), "/home/user/c");
	ccp_profile_files_free(files);
	ccp_profile_files_free(NULL);
}

static void
no_home(void **state)
{
	struct ccp_profile_files *files = NULL;

	(void)state;
	assert_int_equal(ccp_profile_files_new(NULL, "~/c", NULL, &files, NULL), CCP_OK);
	assert_non_null(strstr(ccp_profile_files_config_path(files), "HOME is not set"));
	assert_string_equal(read_x(files), "");
	assert_true(ccp_profile_files_unchanged(files));
	ccp_profile_files_free(files);
}

static void
changes_are_seen(void **state)
{
	struct ccp_profile_files *files = NULL;
	char from[200], to[200];

	(void)state;
	assert_int_equal(ccp_profile_files_new(NULL, NULL, folder, &files, NULL), CCP_OK);
	assert_string_equal(read_x(files), "");
	assert_true(ccp_profile_files_unchanged(files));

	write_file(".aws/config", "[default]\nx=1\n"); /* comes */
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "1");
	assert_true(ccp_profile_files_unchanged(files));

	write_file(".aws/credentials", "[default]\nx=22\n"); /* the other comes, and wins */
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "22");

	write_file(".aws/credentials", "[default]\nx=333\n"); /* is written */
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "333");

	write_file("new", "[default]\nx=444\n"); /* is replaced, same size */
	path_in(from, "new");
	path_in(to, ".aws/credentials");
	assert_int_equal(rename(from, to), 0);
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "444");

	assert_int_equal(unlink(to), 0); /* goes */
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "1");
	assert_true(ccp_profile_files_unchanged(files));
	ccp_profile_files_free(files);
}

/* Gives a file the time stamp of another. */
static void
copy_time(const char *from, const char *to)
{
	struct stat st;
	struct timespec times[2];

	assert_int_equal(stat(from, &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, to, times, 0), 0);
}

/* Writes within one tick of the clock: the stamps are the same. */
static void
changes_within_a_tick(void **state)
{
	struct ccp_profile_files *files = NULL;
	char from[200], to[200];

	(void)state;
	path_in(from, "new");
	path_in(to, ".aws/credentials");
	write_file(".aws/credentials", "[default]\nx=1\n");
	assert_int_equal(ccp_profile_files_new("/dev/null", NULL, folder, &files, NULL), CCP_OK);
	assert_string_equal(read_x(files), "1");

	write_file("new", "[default]\nx=2\n"); /* replaced by one of the same size */
	copy_time(to, from);
	assert_int_equal(rename(from, to), 0);
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "2");

	write_file("new", "");
	copy_time(to, from);
	write_file(".aws/credentials", "[default]\nx=33\n"); /* the same file, longer */
	copy_time(from, to);
	assert_false(ccp_profile_files_unchanged(files));
	assert_string_equal(read_x(files), "33");

	copy_time("/dev/null", to); /* another time, and nothing else */
	assert_false(ccp_profile_files_unchanged(files));
	unlink(from);
	unlink(to);
	ccp_profile_files_free(files);
}

static void
unreadable(void **state)
{
	struct ccp_profile_files *files = NULL;
	struct ccp_profiles all = CCP_PROFILES_INIT;
	struct ccp_error err = { .code = CCP_OK };
	char path[200];

	(void)state;
	/* a folder opens and does not read */
	assert_int_equal(ccp_profile_files_new(folder, "/dev/null", NULL, &files, NULL), CCP_OK);
	assert_int_equal(ccp_profile_files_read(files, &all, &err), CCP_ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, folder));
	assert_non_null(strstr(err.text, "directory"));
	ccp_profiles_clear(&all);
	ccp_profile_files_free(files);

	/* endless, and a way that leads through a file */
	write_file("other", "x");
	path_in(path, "other/config");
	assert_int_equal(ccp_profile_files_new(path, "/dev/zero", NULL, &files, NULL), CCP_OK);
	assert_int_equal(ccp_profile_files_read(files, &all, &err), CCP_ERR_LIMIT);
	assert_non_null(strstr(err.text, "/dev/zero"));
	ccp_profiles_clear(&all);
	ccp_profile_files_free(files);

	path_in(path, "other");
	assert_int_equal(ccp_profile_files_new("/dev/null", path, NULL, &files, NULL), CCP_OK);
	assert_int_equal(ccp_profile_files_read(files, &all, &err), CCP_ERR_SETTING);
	assert_non_null(strstr(err.text, "other line 1: Expected"));
	ccp_profiles_clear(&all);
	ccp_profile_files_free(files);
}

/* A named pipe nobody writes to must not hold the caller up. */
static void
pipe_does_not_block(void **state)
{
	struct ccp_profile_files *files = NULL;
	char path[200];

	(void)state;
	path_in(path, "new");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(ccp_profile_files_new(path, "/dev/null", NULL, &files, NULL), CCP_OK);
	assert_string_equal(read_x(files), "");
	ccp_profile_files_free(files);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(no_home),
		cmocka_unit_test(changes_are_seen),
		cmocka_unit_test(changes_within_a_tick),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(pipe_does_not_block),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
