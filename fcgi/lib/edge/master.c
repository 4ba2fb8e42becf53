#include "edge/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "edge/program.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* A start must not wait: the tables have 2 s, credentials may take any time, and workers ask for them too. */
#define START_CHECK_MAX_MS 4000
/* Died within this time of its start: something is wrong with it. */
#define AT_ONCE_MS 1000
/* While old workers drain there are twice as many, or more after several reloads. */
#define SLOTS (4 * CCP_WORKERS_MAX)

struct worker {
	pid_t pid; /* 0 = free slot */
	bool draining;
	bool old; /* of the generation that a reload replaces */
	int64_t started_ms;
};

struct master {
	const char *path;
	int count;
	struct worker workers[SLOTS];
	sigset_t signals;
	int pause_ms;          /* before the next start, after one died at once */
	int64_t not_before_ms; /* the time until which that pause lasts */
	int ending;            /* number of SIGTERM so far */
};

/* False: not now; m->not_before_ms says when to try again. */
static bool
start_worker(struct master *m)
{
	pid_t parent = getpid(), pid;
	int i;

	for (i = 0; i < SLOTS && m->workers[i].pid; i++)
		;
	pid = i < SLOTS ? fork() : -1;
	if (pid == 0)
		ccp_program_become(m->path, "--worker", parent);
	if (pid < 0) {
		ccp_log(CCP_LOG_ERROR, NULL, "cannot start a worker: %s",
		        i < SLOTS ? strerror(errno) : "too many old ones are still draining");
		m->not_before_ms = ccp_clock_ms() + CCP_RESPAWN_PAUSE_MAX_MS;
		return false;
	}
	m->workers[i] = (struct worker){ .pid = pid, .started_ms = ccp_clock_ms() };
	return true;
}

static int
count_workers(const struct master *m, bool draining_too)
{
	int i, n = 0;

	for (i = 0; i < SLOTS; i++)
		n += m->workers[i].pid && (draining_too || !m->workers[i].draining);
	return n;
}

static void
signal_workers(const struct master *m, int number)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		if (m->workers[i].pid)
			kill(m->workers[i].pid, number);
}

static void
note_death(struct master *m, struct worker *w, int status)
{
	int64_t now = ccp_clock_ms();

	if (!w->draining && !m->ending) {
		if (WIFSIGNALED(status))
			ccp_log(CCP_LOG_ERROR, NULL,
			        "worker %d died of signal %d, starting another", (int)w->pid,
			        WTERMSIG(status));
		else
			ccp_log(CCP_LOG_ERROR, NULL,
			        "worker %d ended with status %d, starting another", (int)w->pid,
			        WEXITSTATUS(status));
		if (now - w->started_ms < AT_ONCE_MS) {
			m->pause_ms = m->pause_ms ? m->pause_ms * 2 : 100;
			if (m->pause_ms > CCP_RESPAWN_PAUSE_MAX_MS)
				m->pause_ms = CCP_RESPAWN_PAUSE_MAX_MS;
			m->not_before_ms = now + m->pause_ms;
		} else {
			m->pause_ms = 0;
		}
	}
	*w = (struct worker){ 0 };
}

static void
reap(struct master *m)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < SLOTS; i++)
			if (m->workers[i].pid == pid)
				note_death(m, &m->workers[i], status);
}

static void
reload(struct master *m)
{
	int started = 0, retired = 0, i;

	if (!ccp_program_may_reload(m->path))
		return;
	for (i = 0; i < SLOTS; i++)
		m->workers[i].old = m->workers[i].pid && !m->workers[i].draining;
	while (started < m->count && start_worker(m))
		started++;
	/* as many go as have come: a reload that cannot start anything takes nothing away */
	for (i = 0; i < SLOTS && (retired < started || started == m->count); i++) {
		if (!m->workers[i].old)
			continue;
		m->workers[i].draining = true;
		kill(m->workers[i].pid, SIGTERM);
		retired++;
	}
	ccp_log(CCP_LOG_INFO, NULL, "reload: %d new workers, %d old ones finish their streams",
	        started, retired);
}

static void
on_signal(struct master *m, uint32_t number)
{
	if (number == SIGCHLD) {
		reap(m);
	} else if (number == SIGHUP) {
		if (!m->ending)
			reload(m);
	} else {
		/* workers take SIGTERM once and do not mind more of it; SIGQUIT ends them now */
		m->ending++;
		signal_workers(m, m->ending == 1 ? SIGTERM : SIGQUIT);
	}
}

int
ccp_master_run(const char *path, int count)
{
	struct master *m = calloc(1, sizeof(*m));
	struct signalfd_siginfo info;
	struct pollfd wait = { .events = POLLIN };
	int64_t now, left;
	int status = 1;

	if (!m)
		return 1;
	m->path = path;
	m->count = count > CCP_WORKERS_MAX ? CCP_WORKERS_MAX : count;
	sigemptyset(&m->signals);
	sigaddset(&m->signals, SIGTERM);
	sigaddset(&m->signals, SIGINT);
	sigaddset(&m->signals, SIGHUP);
	sigaddset(&m->signals, SIGUSR1);
	sigaddset(&m->signals, SIGCHLD);
	signal(SIGPIPE, SIG_IGN); /* a log that is gone is no reason to go */
	signal(SIGCHLD, SIG_DFL); /* ignored by who started us, no child could be waited for */
	sigprocmask(SIG_BLOCK, &m->signals, NULL);
	/* what every worker would refuse is said once; no answer says nothing about them */
	if (ccp_program_check(path, START_CHECK_MAX_MS) == CCP_PROGRAM_REFUSED)
		goto out;
	wait.fd = signalfd(-1, &m->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (wait.fd < 0) {
		ccp_log(CCP_LOG_ERROR, NULL, "signalfd: %s", strerror(errno));
		goto out;
	}
	while (!m->ending || count_workers(m, true) > 0) {
		now = ccp_clock_ms();
		while (!m->ending && now >= m->not_before_ms &&
		       count_workers(m, false) < m->count && start_worker(m))
			;
		left = m->not_before_ms > now ? m->not_before_ms - now : 60000;
		if (poll(&wait, 1, (int)left) > 0)
			while (read(wait.fd, &info, sizeof(info)) == sizeof(info))
				on_signal(m, info.ssi_signo);
		reap(m); /* SIGCHLD of several children may come as one */
	}
	close(wait.fd);
	status = 0;
out:
	free(m);
	return status;
}
