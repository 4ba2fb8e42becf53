#include "aws/credential_sources.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * credential_process: a program of the operator's that prints credentials.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Process credential provider"
 * (2026).
 */

/* It holds a work thread: long enough for one that signs in somewhere, not for a person. */
#define TIMEOUT_MS 20000
#define OUTPUT_MAX_BYTES (64 * 1024)
/* How soon the process's end is noticed while the program runs. */
#define SLICE_MS 200

extern char **environ;

/*
 * Signals as a program expects them (ours are blocked for the loop), a group of
 * its own to be killed by, and none of our sockets: a client's connection must
 * not stay open for as long as it runs.
 */
static int
spawn(const char *command, int out, pid_t *pid)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
#endif
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
	                                              POSIX_SPAWN_SETPGROUP);
	rc = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Time is up, or the process ends. */
static bool
is_over(const struct ccp_resolve *r, int64_t end_ms)
{
	return ccp_resolve_stopped(r) || ccp_clock_ms() > end_ms;
}

/* Reads until the end of the output; false: it was over before. */
static bool
read_output(const struct ccp_resolve *r, int fd, int64_t end_ms, struct ccp_buf *output)
{
	char piece[4096];
	ssize_t n = 1;

	while (n != 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		if (is_over(r, end_ms) || !ccp_buf_ok(output))
			return false;
		if (poll(&wait, 1, SLICE_MS) <= 0)
			continue;
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			ccp_buf_add(output, piece, (size_t)n);
		else if (n < 0 && errno != EINTR)
			n = 0;
		explicit_bzero(piece, sizeof(piece));
	}
	return true;
}

/*
 * Waits for its end; kills it and what it started when time is over before, or
 * when its output did not end (it may be gone, and a child of it hold the pipe);
 * false then.
 */
static bool
reap(const struct ccp_resolve *r, pid_t pid, bool whole, int64_t end_ms, int *status)
{
	struct timespec slice = { 0, 1000000 };
	pid_t done;

	*status = 0; /* somebody else reaped it: what it printed decides */
	while (whole) {
		done = waitpid(pid, status, WNOHANG);
		if (done == pid || (done < 0 && errno != EINTR))
			return true;
		if (is_over(r, end_ms))
			break;
		nanosleep(&slice, NULL);
		if (slice.tv_nsec < SLICE_MS * 1000000L)
			slice.tv_nsec *= 2;
	}
	kill(-pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	return false;
}

static enum ccp_err
run(const struct ccp_resolve *r, const char *command, struct ccp_buf *output, struct ccp_error *err)
{
	int64_t end_ms = ccp_clock_ms() + TIMEOUT_MS;
	int pipe_fd[2], rc, status;
	bool whole, done;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "credential_process: no pipe: %s",
		                strerror(errno));
	rc = spawn(command, pipe_fd[1], &pid);
	close(pipe_fd[1]);
	if (rc) {
		close(pipe_fd[0]);
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "credential_process: /bin/sh: %s",
		                strerror(rc));
	}
	whole = read_output(r, pipe_fd[0], end_ms, output);
	close(pipe_fd[0]);
	done = reap(r, pid, whole, end_ms, &status);
	if (!ccp_buf_ok(output))
		return ccp_fail(err, CCP_ERR_CREDENTIALS,
		                "credential_process printed over %d bytes", OUTPUT_MAX_BYTES);
	if (!done)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "credential_process was not done in %d s",
		                TIMEOUT_MS / 1000);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return ccp_fail(err, CCP_ERR_CREDENTIALS, "credential_process ended with %s %d",
		                WIFEXITED(status) ? "status" : "signal",
		                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return CCP_OK;
}

enum ccp_err
ccp_process_run(const struct ccp_resolve *r, const char *command, struct ccp_aws_keys *keys,
                struct ccp_error *err)
{
	struct ccp_buf output = CCP_BUF_INIT(OUTPUT_MAX_BYTES);
	struct ccp_span json;
	int64_t version;
	enum ccp_err rc;

	rc = run(r, command, &output, err);
	if (rc)
		goto out;
	json = (struct ccp_span){ ccp_buf_text(&output), output.len };
	rc = ccp_credential_json(keys, json, "SessionToken", "credential_process", err);
	if (rc)
		goto out;
	if (!ccp_json_uint(ccp_json_member(ccp_json_trim(json), "Version"), &version) ||
	    version != 1) {
		ccp_aws_keys_clear(keys);
		rc = ccp_fail(err, CCP_ERR_CREDENTIALS,
		              "credential_process did not print \"Version\": 1");
	}
out:
	ccp_buf_cleanse(&output);
	return rc;
}
