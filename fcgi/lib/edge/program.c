#include "edge/program.h"

#include "base/log.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A file on a dead network must not keep a reload, and all requests with it, waiting. */
#define RELOAD_CHECK_MAX_MS 10000
#define CHECK_LOOK_MS 5

enum ccp_err
ccp_program_path(char path[CCP_PROGRAM_PATH_BYTES], struct ccp_error *err)
{
	ssize_t n = readlink("/proc/self/exe", path, CCP_PROGRAM_PATH_BYTES - 1);

	path[n > 0 ? n : 0] = '\0';
	return n > 0 ? CCP_OK
	             : ccp_fail(err, CCP_ERR_SYSTEM, "/proc/self/exe: %s", strerror(errno));
}

enum ccp_err
ccp_program_socket(int fd, struct ccp_error *err)
{
	socklen_t size = sizeof(int);
	int listening = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening)
		return CCP_OK;
	return ccp_fail(err, CCP_ERR_SYSTEM,
	                "standard input is not a listening socket: start this program from a web"
	                " server, spawn-fcgi or a systemd socket");
}

void
ccp_program_exec(const char *path, const char *argument)
{
	/* libcurl's are not close-on-exec: its pair to wake itself up, a connection that is kept */
	(void)!close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	execl(path, path, argument, (char *)NULL);
	ccp_log(CCP_LOG_ERROR, NULL, "cannot start %s: %s", path, strerror(errno));
}

void
ccp_program_become(const char *path, const char *argument, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* should the parent be killed, its workers finish their streams and leave */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent) /* it was, before that could be said */
		_exit(0);
	ccp_program_exec(path, argument);
	_exit(127);
}

enum ccp_program_verdict
ccp_program_check(const char *path, int max_ms)
{
	pid_t parent = getpid(), pid = fork();
	int status = 0, left_ms;

	if (pid == 0)
		ccp_program_become(path, "--check", parent);
	if (pid < 0) {
		ccp_log(CCP_LOG_ERROR, NULL, "cannot start --check: %s", strerror(errno));
		return CCP_PROGRAM_NO_ANSWER;
	}
	for (left_ms = max_ms; left_ms > 0; left_ms -= CHECK_LOOK_MS) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			goto answered;
		usleep(CHECK_LOOK_MS * 1000);
	}
	ccp_log(CCP_LOG_ERROR, NULL, "--check took longer than %d s", max_ms / 1000);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return CCP_PROGRAM_NO_ANSWER;
answered:
	if (WIFEXITED(status))
		return WEXITSTATUS(status) ? CCP_PROGRAM_REFUSED : CCP_PROGRAM_LIKED;
	ccp_log(CCP_LOG_ERROR, NULL, "--check died of signal %d", WTERMSIG(status));
	return CCP_PROGRAM_NO_ANSWER;
}

bool
ccp_program_may_reload(const char *path)
{
	if (ccp_program_check(path, RELOAD_CHECK_MAX_MS) == CCP_PROGRAM_LIKED)
		return true;
	ccp_log(CCP_LOG_ERROR, NULL,
	        "reload: refused, see the line before; everything stays as it was");
	return false;
}
