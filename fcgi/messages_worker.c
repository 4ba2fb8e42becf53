#include "messages_worker.h"

#include "base/config.h"
#include "base/http.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/work.h"
#include "edge/refusal.h"
#include "edge/serve.h"
#include "relay/admit.h"
#include "relay/exchange.h"
#include "store/store.h"
#include "upstream/models.h"

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

/* Lookups and bookings are short; a large body being converted must not hold them all up. */
#define WORK_THREADS 4
/* While draining, how often it is looked whether all is over. */
#define DRAIN_LOOK_MS 50

/* Memory of a burst of requests goes back to the system this long after it, when it had this many
 * beginnings and ends. Streams run for minutes; what their beginning took would stay for as long. */
#define TRIM_AFTER_MS 2000
#define TRIM_FROM_COUNT 64

struct worker {
	struct ccp_config *config;
	struct ccp_relay relay;
	struct ccp_serve *serve;
	struct ccp_watch signals;
	struct ccp_timer drain_timer;
	struct ccp_timer trim_timer;
	struct ccp_job trim_job;
	bool trimming;
	bool trim_again;
	int turnover; /* beginnings and ends since the last trim */
	int64_t drain_until_ms;
	bool draining;
	bool alone;          /* no master: SIGHUP reloads the models file */
	struct ccp_buf icon; /* text of the dashboard's icon.svg; empty when it is not there */
};

const char *
ccp_models_path(const struct ccp_config *config)
{
	return *config->models_file ? config->models_file : PKGDATADIR "/models.csv";
}

const char *
ccp_prices_path(const struct ccp_config *config)
{
	return *config->prices_file ? config->prices_file : PKGDATADIR "/prices.csv";
}

/* The way back for an exchange: the session's response. */

static void
client_head(void *arg, int status, const struct ccp_headers *headers)
{
	ccp_response_head(&((struct ccp_session *)arg)->response, status, headers);
}

static void
client_body(void *arg, const char *p, size_t n)
{
	ccp_response_body(&((struct ccp_session *)arg)->response, p, n);
}

static bool
client_full(void *arg)
{
	return ccp_response_full(&((struct ccp_session *)arg)->response);
}

static void
client_end(void *arg)
{
	ccp_response_end(&((struct ccp_session *)arg)->response);
}

static void
client_abort(void *arg)
{
	ccp_response_abort(&((struct ccp_session *)arg)->response);
}

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
count_turnover(struct worker *w)
{
	if (++w->turnover >= TRIM_FROM_COUNT && !w->trimming && !w->trim_timer.slot &&
	    ccp_timer_set(w->relay.loop, &w->trim_timer, TRIM_AFTER_MS))
		w->turnover = 0;
}

static void
client_done(void *arg)
{
	struct ccp_session *s = arg;

	count_turnover(s->owner);
	ccp_session_release(s);
}

/* A request for Anthropic: with a credential, or not at all. */
static void
begin_exchange(struct worker *w, struct ccp_session *s)
{
	struct ccp_peer peer = { s->request.remote_addr, s->request.server_addr,
		                 &s->request.headers };
	struct ccp_client client = {
		client_head, client_body, client_full, client_end, client_abort, client_done, s
	};
	struct ccp_call call = { .id = s->id,
		                 .user = s->route.user,
		                 .method = s->request.method,
		                 .target = ccp_buf_text(&s->route.target),
		                 .messages = s->route.endpoint == CCP_ROUTE_MESSAGES,
		                 .loopback = ccp_admit_loopback(&peer) };
	struct ccp_exchange *x;

	s->owner = w;
	count_turnover(w);
	if (!ccp_admit_credential(&peer, w->config, &s->request.headers)) {
		ccp_session_error(s, 401, "authentication_error", NULL,
		                  "No credential: send x-api-key or Authorization, as for "
		                  "api.anthropic.com");
		return;
	}
	call.headers = s->request.headers;
	call.body = s->request.body;
	s->request.headers = (struct ccp_headers){ 0 };
	s->request.body = (struct ccp_body){ 0 };
	s->exchange = s; /* not NULL: it may be done before start returns */
	x = ccp_exchange_start(&w->relay, &call, &client);
	if (!x) {
		s->exchange = NULL;
		ccp_headers_clear(&call.headers);
		ccp_body_clear(&call.body);
		ccp_session_error(s, 500, "api_error", NULL, "This proxy is out of memory");
	} else if (s->exchange) {
		s->exchange = x;
	}
}

/* /health?deep=1 opens the store, off the loop. */
struct deep_health {
	struct ccp_job job;
	struct worker *worker;
	struct ccp_session *session;
	enum ccp_err rc;
	struct ccp_error err;
};

static void
run_deep_health(struct ccp_job *job)
{
	struct deep_health *h = (struct deep_health *)job;

	h->rc = h->worker->relay.store
	                ? ccp_store_check(h->worker->relay.store, &h->err)
	                : ccp_fail(&h->err, CCP_ERR_STORE, "the store could not be opened");
}

static void
deep_health_done(struct ccp_job *job)
{
	struct deep_health *h = (struct deep_health *)job;
	struct ccp_buf body = CCP_BUF_INIT(4096);
	struct ccp_session *s = h->session;

	if (h->rc)
		ccp_buf_addf(&body,
		             "{\"status\":\"unhealthy\",\"version\":\"%s\","
		             "\"reason\":\"the store does not answer\"}",
		             PACKAGE_VERSION);
	else
		ccp_buf_addf(&body, "{\"status\":\"healthy\",\"version\":\"%s\"}", PACKAGE_VERSION);
	if (h->rc)
		ccp_log(CCP_LOG_ERROR, s->id, "health: %s", h->err.text);
	ccp_session_answer(s, h->rc ? 503 : 200, NULL, "application/json", ccp_buf_text(&body));
	ccp_buf_clear(&body);
	ccp_session_release(s);
	free(h);
}

static void
answer_health(struct worker *w, struct ccp_session *s)
{
	struct deep_health *h;

	if (!s->route.deep) {
		ccp_session_answer(s, 200, NULL, "application/json", "{\"status\":\"healthy\"}");
		return;
	}
	h = calloc(1, sizeof(*h));
	if (!h) {
		ccp_session_error(s, 500, "api_error", NULL, "This proxy is out of memory");
		return;
	}
	h->job.run = run_deep_health;
	h->job.done = deep_health_done;
	h->worker = w;
	h->session = s;
	s->exchange = h;
	ccp_work_submit(w->relay.work, &h->job);
}

/* /favicon.ico: the dashboard's icon, for browsers that ask without having seen a page. */
static void
answer_icon(const struct worker *w, struct ccp_session *s)
{
	if (w->icon.len)
		ccp_session_answer(s, 200, NULL, "image/svg+xml", w->icon.data);
	else
		ccp_session_error(s, 404, "not_found_error", NULL,
		                  "The dashboard is not installed");
}

static void
on_begin(void *arg, struct ccp_session *s)
{
	struct worker *w = arg;

	if (s->request.too_large)
		s->request.error_status = 413;
	if (s->request.error_status) {
		ccp_refuse_for_web_server(s);
		return;
	}
	switch (s->route.endpoint) {
	case CCP_ROUTE_HEALTH:
		answer_health(w, s);
		break;
	case CCP_ROUTE_HELLO:
		ccp_session_answer(s, 200, NULL, NULL, "");
		break;
	case CCP_ROUTE_HOME:
		ccp_redirect(s, "/ui");
		break;
	case CCP_ROUTE_FAVICON:
		answer_icon(w, s);
		break;
	case CCP_ROUTE_MESSAGES:
	case CCP_ROUTE_PASS:
		begin_exchange(w, s);
		break;
	case CCP_ROUTE_REFUSED:
		ccp_refuse_route(s);
		break;
	}
}

static void
on_gone(void *arg, struct ccp_session *s)
{
	(void)arg;
	if (s->route.endpoint != CCP_ROUTE_HEALTH) /* its job is short and ends by itself */
		ccp_exchange_gone(s->exchange);
}

static void
on_ready(void *arg, struct ccp_session *s)
{
	(void)arg;
	if (s->route.endpoint != CCP_ROUTE_HEALTH)
		ccp_exchange_ready(s->exchange);
}

static void
look_drained(void *arg)
{
	struct worker *w = arg;

	if (ccp_serve_idle(w->serve)) {
		ccp_loop_stop(w->relay.loop);
	} else if (ccp_loop_now_ms(w->relay.loop) >= w->drain_until_ms) {
		ccp_log(CCP_LOG_WARNING, NULL, "drain: %zu requests are cut after DRAIN_SECONDS",
		        ccp_serve_session_count(w->serve));
		_exit(0);
	} else if (ccp_timer_set(w->relay.loop, &w->drain_timer, DRAIN_LOOK_MS)) {
		_exit(1);
	}
}

static void
drain(struct worker *w)
{
	if (w->draining)
		_exit(0); /* told twice */
	w->draining = true;
	w->drain_until_ms = ccp_loop_now_ms(w->relay.loop) + w->config->drain_s * 1000;
	ccp_serve_stop(w->serve);
	look_drained(w);
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
			drain(w);
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
	struct worker w = { .config = config, .alone = alone, .icon = CCP_BUF_INIT(64 * 1024) };
	struct ccp_serve_handlers handlers = { on_begin, on_gone, on_ready, &w };
	struct ccp_error err;

	raise_limits();
	read_icon(&w.icon);
	w.relay.config = config;
	w.relay.models = models;
	w.drain_timer = (struct ccp_timer){ .fn = look_drained, .arg = &w };
	w.trim_timer = (struct ccp_timer){ .fn = trim, .arg = &w };
	if (ccp_loop_new(&w.relay.loop, &err) || watch_signals(&w, &err) ||
	    ccp_http_new(config, w.relay.loop, &w.relay.http, &err) ||
	    ccp_credentials_new(config, &w.relay.credentials, &err) ||
	    ccp_work_new(w.relay.loop, WORK_THREADS, &w.relay.work, &err)) {
		ccp_log(CCP_LOG_ERROR, NULL, "%s", err.text);
		return 1;
	}
	if (ccp_store_open(config, &w.relay.store, &err))
		ccp_log(CCP_LOG_ERROR, NULL, "no limits and no usage are kept: %s", err.text);
	if (ccp_serve_new(config, w.relay.loop, STDIN_FILENO, &handlers, &w.serve, &err)) {
		ccp_log(CCP_LOG_ERROR, NULL, "%s", err.text);
		return 1;
	}
	ccp_loop_run(w.relay.loop);
	ccp_serve_free(w.serve);
	ccp_work_free(w.relay.work);
	ccp_http_free(w.relay.http);
	ccp_store_close(w.relay.store);
	ccp_credentials_free(w.relay.credentials);
	ccp_models_unref(w.relay.models);
	ccp_loop_unwatch(w.relay.loop, &w.signals);
	close(w.signals.fd);
	ccp_loop_free(w.relay.loop);
	ccp_config_free(config);
	ccp_buf_clear(&w.icon);
	return 0;
}
