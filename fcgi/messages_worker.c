#include "messages_worker.h"

#include "base/http.h"
#include "base/log.h"
#include "messages_sessions.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Conversions: a large body must not hold up all others. */
#define WORK_THREADS 4
/* With DynamoDB a lookup may wait CCP_LIMIT_WAIT_MS for the network; waiting costs no processor. */
#define LOOKUP_THREADS 8
/* Bookings, limits: they may wait for a lock of another process. */
#define WRITE_THREADS 2
/* A signature takes 0.1 ms, but credentials may be long in coming. */
#define SIGN_THREADS 2
/* What runs when DRAIN_SECONDS are over gets this long to be booked and to end. */
#define LAST_WORDS_MS 2000
/* mod_fcgid sends SIGTERM twice, a second apart, and waits: that is one order, not two. */
#define SAME_ORDER_MS 1500
/* While draining, how often it is looked whether all is over. */
#define DRAIN_LOOK_MS 50

/* Memory of a burst of requests goes back to the system this long after it, when it had this many
 * beginnings and ends. Streams run for minutes; what their beginning took would stay for as long. */
#define TRIM_AFTER_MS 2000
#define TRIM_FROM_COUNT 64

struct worker {
	struct ccp_config *config;
	struct ccp_relay relay;
	struct ccp_sessions sessions;
	struct ccp_serve *serve;
	struct ccp_watch signals;
	bool alone; /* no master: SIGHUP reloads the models file */

	struct ccp_timer drain_timer;
	int64_t drain_until_ms;
	int64_t told_ms; /* the first SIGTERM */
	bool draining;
	bool last_words;

	struct ccp_timer trim_timer;
	struct ccp_job trim_job;
	bool trimming;
	bool trim_again;
	int turnover; /* beginnings and ends since the last trim */
};

/* On a work thread: it takes milliseconds with a thousand streams. */
static void
run_trim(struct ccp_job *job)
{
	(void)job;
	malloc_trim(0);
}

static void
trim_done(struct ccp_job *job)
{
	struct worker *w = (struct worker *)((char *)job - offsetof(struct worker, trim_job));

	w->trimming = false;
}

static void
trim(void *arg)
{
	struct worker *w = arg;

	if (w->trimming)
		return; /* the one that runs will do */
	w->turnover = 0;
	w->trimming = true;
	/* once more when the burst is surely over: handshakes may still have been under way */
	w->trim_again = !w->trim_again;
	if (w->trim_again && ccp_timer_set(w->relay.loop, &w->trim_timer, TRIM_AFTER_MS))
		w->trim_again = false;
	w->trim_job.run = run_trim;
	w->trim_job.done = trim_done;
	ccp_work_submit(w->relay.work, &w->trim_job);
}

static void
count_turnover(void *arg)
{
	struct worker *w = arg;

	if (++w->turnover >= TRIM_FROM_COUNT && !w->trimming && !w->trim_timer.slot &&
	    ccp_timer_set(w->relay.loop, &w->trim_timer, TRIM_AFTER_MS))
		w->turnover = 0;
}

/* Ends without waiting; what that may cost is said. */
static void
end_now(struct worker *w)
{
	size_t running = ccp_serve_session_count(w->serve);

	if (running)
		ccp_log(CCP_LOG_WARNING, NULL,
		        "ending with %zu requests still running: as many answers may be uncounted",
		        running);
	if (w->relay.errands)
		ccp_log(CCP_LOG_WARNING, NULL,
		        "ending with %d limits or vouched credentials not stored yet",
		        w->relay.errands);
	_exit(0);
}

static void
look_drained(void *arg)
{
	struct worker *w = arg;
	bool late = ccp_loop_now_ms(w->relay.loop) >= w->drain_until_ms;

	if (ccp_serve_idle(w->serve) && !w->relay.errands) {
		ccp_loop_stop(w->relay.loop);
		return;
	}
	if (late && w->last_words)
		end_now(w);
	if (late) {
		if (ccp_serve_session_count(w->serve))
			ccp_log(CCP_LOG_WARNING, NULL,
			        "drain: %zu requests are cut after DRAIN_SECONDS",
			        ccp_serve_session_count(w->serve));
		w->last_words = true;
		w->drain_until_ms += LAST_WORDS_MS;
		ccp_serve_each(w->serve, ccp_sessions_stop);
	}
	if (ccp_timer_set(w->relay.loop, &w->drain_timer, DRAIN_LOOK_MS))
		_exit(1);
}

static void
drain(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	w->told_ms = ccp_loop_now_ms(w->relay.loop);
	w->drain_until_ms = w->told_ms + w->config->drain_s * 1000;
	ccp_serve_stop(w->serve);
	look_drained(w);
}

/* SIGTERM may come several times when there is a master: it says SIGQUIT for "now". */
static void
told_to_end(struct worker *w, uint32_t number)
{
	int64_t now_ms = ccp_loop_now_ms(w->relay.loop);

	if (number == SIGQUIT ||
	    (w->alone && w->draining && (number == SIGINT || now_ms - w->told_ms >= SAME_ORDER_MS)))
		end_now(w);
	drain(w);
}

static void
reload_models(struct worker *w)
{
	struct ccp_models *models;
	struct ccp_error err;

	if (!w->alone)
		return; /* the master starts new workers */
	if (ccp_models_load(ccp_models_path(w->config), ccp_prices_path(w->config), &models,
	                    &err)) {
		ccp_log(CCP_LOG_ERROR, NULL, "reload refused, the old models stay: %s", err.text);
		return;
	}
	ccp_models_unref(w->relay.models);
	w->relay.models = models;
	ccp_log(CCP_LOG_INFO, NULL, "reload: models read anew");
}

static void
on_signals(void *arg, uint32_t events)
{
	struct worker *w = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->signals.fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload_models(w);
		else
			told_to_end(w, info.ssi_signo);
	}
}

/* All threads inherit the blocked signals; only the loop reads them. */
static enum ccp_err
watch_signals(struct worker *w, struct ccp_error *err)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGUSR1); /* what libfcgi's programs take for "finish" */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	w->signals = (struct ccp_watch){ .fn = on_signals, .arg = w };
	w->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w->signals.fd < 0)
		return ccp_fail(err, CCP_ERR_SYSTEM, "signalfd: %s", strerror(errno));
	return ccp_loop_watch(w->relay.loop, &w->signals, EPOLLIN, err);
}

/* Two descriptors a stream: the usual 1,024 would end at 500 users. */
static void
raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* few arenas and a fixed threshold: memory of a burst goes back to the system */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

static void
read_icon(struct ccp_buf *icon)
{
	const char *dir = getenv("CCP_HTML");
	char path[4096], bytes[4096];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/icon.svg", dir && *dir ? dir : CCP_HTMLDIR);
	file = fopen(path, "re");
	if (!file)
		return;
	while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
		ccp_buf_add(icon, bytes, n);
	fclose(file);
}

int
ccp_messages_worker(struct ccp_config *config, struct ccp_models *models, bool alone)
{
	struct worker w = { .config = config,
		            .alone = alone,
		            .sessions.icon = CCP_BUF_INIT(64 * 1024) };
	int status = 0;
	struct ccp_serve_handlers handlers = { ccp_sessions_begin, ccp_sessions_gone,
		                               ccp_sessions_ready, &w.sessions };
	struct ccp_error err;

	raise_limits();
	read_icon(&w.sessions.icon);
	w.relay.config = config;
	w.sessions.relay = &w.relay;
	w.sessions.turnover = count_turnover;
	w.sessions.arg = &w;
	w.relay.models = models;
	w.drain_timer = (struct ccp_timer){ .fn = look_drained, .arg = &w };
	w.trim_timer = (struct ccp_timer){ .fn = trim, .arg = &w };
	if (ccp_loop_new(&w.relay.loop, &err) || watch_signals(&w, &err) ||
	    ccp_http_new(config, w.relay.loop, &w.relay.http, &err) ||
	    ccp_credentials_new(config, &w.relay.credentials, &err) ||
	    ccp_work_new(w.relay.loop, WORK_THREADS, &w.relay.work, &err) ||
	    ccp_work_new(w.relay.loop, LOOKUP_THREADS, &w.relay.lookups, &err) ||
	    ccp_work_new(w.relay.loop, WRITE_THREADS, &w.relay.writes, &err) ||
	    ccp_work_new(w.relay.loop, SIGN_THREADS, &w.relay.signs, &err) ||
	    ccp_store_open(config, w.relay.credentials, &w.relay.store, &err) ||
	    ccp_store_start(w.relay.store, &err) ||
	    ccp_serve_new(config, w.relay.loop, STDIN_FILENO, &handlers, &w.serve, &err)) {
		ccp_log(CCP_LOG_ERROR, NULL, "%s", err.text);
		status = 1;
		goto out;
	}
	ccp_loop_run(w.relay.loop);
out:
	ccp_serve_free(w.serve);
	ccp_work_free(w.relay.work);
	ccp_work_free(w.relay.lookups);
	ccp_work_free(w.relay.writes);
	ccp_store_close(w.relay.store); /* it may want credentials for what it delivers last */
	if (w.relay.credentials)
		ccp_credentials_stop(w.relay.credentials);
	ccp_work_free(w.relay.signs);
	ccp_http_free(w.relay.http);
	ccp_credentials_free(w.relay.credentials);
	ccp_models_unref(w.relay.models);
	if (w.signals.on) {
		ccp_loop_unwatch(w.relay.loop, &w.signals);
		close(w.signals.fd);
	}
	ccp_loop_free(w.relay.loop);
	ccp_config_free(config);
	ccp_buf_clear(&w.sessions.icon);
	return status;
}
