#include "aws/profile_files.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

/*
 * What tells one state of a file from the next. Size and inode are there for
 * writes within one tick of the clock that stamps files.
 */
struct stamp {
	bool exists;
	dev_t device;
	ino_t inode;
	off_t size_bytes;
	struct timespec modified;
};

/* A profile file: its name ("" when there is no home to look in) and the state last read. */
struct source {
	char *path;
	struct stamp stamp;
};

struct ccp_profile_files {
	struct source config;
	struct source credentials;
};

static bool
is_set(const char *s)
{
	return s && s[strspn(s, " \t")] != '\0';
}

/* The file a setting names ("~/" is the home), else the one in the home's .aws; NULL: no memory. */
static char *
choose_path(const char *setting, const char *home, const char *name)
{
	struct ccp_buf path = CCP_BUF_INIT(PATH_MAX);

	if (is_set(setting) && strncmp(setting, "~/", 2) != 0)
		return strdup(setting);
	if (!is_set(home))
		return strdup("");
	ccp_buf_puts(&path, home);
	if (is_set(setting)) {
		ccp_buf_puts(&path, setting + 1);
	} else {
		ccp_buf_puts(&path, "/.aws/");
		ccp_buf_puts(&path, name);
	}
	if (!ccp_buf_ok(&path))
		ccp_buf_clear(&path);
	return ccp_buf_take(&path);
}

static struct stamp
make_stamp(const struct stat *st)
{
	return (struct stamp){
		.exists = true,
		.device = st->st_dev,
		.inode = st->st_ino,
		.size_bytes = st->st_size,
		.modified = st->st_mtim,
	};
}

static bool
unchanged(const struct source *s)
{
	struct stamp now = { 0 };
	const struct stamp *then = &s->stamp;
	struct stat st;

	if (s->path[0] && stat(s->path, &st) == 0)
		now = make_stamp(&st);
	return now.exists == then->exists && now.device == then->device &&
	       now.inode == then->inode && now.size_bytes == then->size_bytes &&
	       now.modified.tv_sec == then->modified.tv_sec &&
	       now.modified.tv_nsec == then->modified.tv_nsec;
}

/* Reads up to max bytes; -1 and errno when the kernel said no. */
static ssize_t
read_all(int fd, char *to, size_t max)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, to + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static enum ccp_err
cannot_read(const struct source *s, struct ccp_error *err)
{
	return ccp_fail(err, CCP_ERR_CREDENTIALS, "%s: %s", s->path, strerror(errno));
}

/*
 * Adds what the file holds; a file that is not there holds nothing. The stamp
 * is taken from the open file before reading, so a change meanwhile is seen
 * the next time.
 */
static enum ccp_err
read_source(struct source *s, enum ccp_profile_kind kind, struct ccp_profiles *profiles,
            struct ccp_error *err)
{
	/* one more, to see that a file is too large */
	const size_t max = CCP_PROFILE_FILE_MAX_BYTES + 1;
	struct stat st;
	char *text = NULL;
	ssize_t len = 0;
	int fd = -1;
	enum ccp_err rc = CCP_OK;

	s->stamp = (struct stamp){ 0 };
	if (!s->path[0])
		return CCP_OK;
	/* A named pipe must not hold the caller up. */
	fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? CCP_OK : cannot_read(s, err);
	text = malloc(max);
	if (!text) {
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory to read %s", s->path);
		goto out;
	}
	if (fstat(fd, &st) != 0) {
		rc = cannot_read(s, err);
		goto out;
	}
	s->stamp = make_stamp(&st);
	len = read_all(fd, text, max);
	if (len < 0) {
		rc = cannot_read(s, err);
		goto out;
	}
	rc = ccp_profile_parse(profiles, kind, s->path, text, (size_t)len, err);

out:
	if (text && len > 0)
		OPENSSL_cleanse(text, (size_t)len);
	free(text);
	close(fd);
	return rc;
}

enum ccp_err
ccp_profile_files_new(const char *config_setting, const char *credentials_setting, const char *home,
                      struct ccp_profile_files **files, struct ccp_error *err)
{
	struct ccp_profile_files *f = calloc(1, sizeof(*f));

	*files = NULL;
	if (f) {
		f->config.path = choose_path(config_setting, home, "config");
		f->credentials.path = choose_path(credentials_setting, home, "credentials");
	}
	if (!f || !f->config.path || !f->credentials.path) {
		ccp_profile_files_free(f);
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the AWS profile files");
	}
	*files = f;
	return CCP_OK;
}

void
ccp_profile_files_free(struct ccp_profile_files *files)
{
	if (!files)
		return;
	free(files->config.path);
	free(files->credentials.path);
	free(files);
}

enum ccp_err
ccp_profile_files_read(struct ccp_profile_files *files, struct ccp_profiles *profiles,
                       struct ccp_error *err)
{
	enum ccp_err rc;

	rc = read_source(&files->config, CCP_PROFILE_CONFIG, profiles, err);
	if (rc)
		return rc;
	return read_source(&files->credentials, CCP_PROFILE_CREDENTIALS, profiles, err);
}

bool
ccp_profile_files_unchanged(const struct ccp_profile_files *files)
{
	return unchanged(&files->config) && unchanged(&files->credentials);
}

static const char *
path_text(const struct source *s)
{
	return s->path[0] ? s->path : "a home directory (HOME is not set)";
}

const char *
ccp_profile_files_config_path(const struct ccp_profile_files *files)
{
	return path_text(&files->config);
}

const char *
ccp_profile_files_credentials_path(const struct ccp_profile_files *files)
{
	return path_text(&files->credentials);
}
