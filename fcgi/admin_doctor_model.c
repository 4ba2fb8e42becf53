#include "admin_doctor.h"

#include "upstream/bedrock.h"
#include "upstream/translate.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* The smallest question there is; its answer is one token. */
#define QUESTION "Hi"
#define QUESTION_TOKENS 10 /* with what the format adds; models differ a little */

#define CONNECT_MS 10000
#define ANSWER_MS 60000 /* a model that nobody used for long takes its time */
#define ANSWER_MAX_BYTES (1024 * 1024)

/* Whoever was asked and does not answer has left the terminal. */
#define REPLY_WAIT_MS 60000

#define CHECK "model access"

struct question {
	const struct ccp_model *model; /* NULL: there is none */
	struct ccp_target target;
	int64_t cost_microusd; /* -1: no price is known */
};

static int64_t
cost_of(const struct ccp_doctor *d, const char *id)
{
	const struct ccp_usage usage = { .input_tokens = QUESTION_TOKENS, .output_tokens = 1 };

	return ccp_models_cost_microusd(d->models, id, &usage);
}

/* True when a is the cheaper one; whose price is not known is dearest. */
static bool
is_cheaper(int64_t a, int64_t b)
{
	return a >= 0 && (b < 0 || a < b);
}

/* The cheapest Haiku that the settings lead to; of equals the first, which is the newest. */
static void
find_cheapest(const struct ccp_doctor *d, struct question *q)
{
	const struct ccp_model *model;

	*q = (struct question){ .cost_microusd = -1 };
	for (size_t i = 0; (model = ccp_models_row(d->models, i)); i++) {
		struct ccp_target target;
		int64_t cost;

		if (strcmp(model->family, "haiku") != 0 || model->successor ||
		    ccp_models_target(d->models, d->config, model->anthropic_id, &target, NULL))
			continue;
		cost = cost_of(d, target.id);
		if (q->model && !is_cheaper(cost, q->cost_microusd))
			continue;
		q->model = model;
		q->target = target;
		q->cost_microusd = cost;
	}
}

/* "about $0.0001": rounded up, so that it is never more. */
static void
cost_text(int64_t microusd, char *out, size_t size)
{
	if (microusd < 0)
		snprintf(out, size, "at a price that is not known here");
	else
		snprintf(out, size, "about $%.4f",
		         (double)(microusd < 100 ? 1 : (microusd + 99) / 100) / 10000);
}

/* What somebody at the terminal answers; nothing for a while is no. */
static bool
agreed(const struct question *q, const char *cost)
{
	struct pollfd terminal = { .fd = STDIN_FILENO, .events = POLLIN };
	char reply[64];
	ssize_t n = 0;

	printf("Ask %s on Bedrock for one word (%s)? [y/N] ", q->model->anthropic_id, cost);
	fflush(stdout);
	if (poll(&terminal, 1, REPLY_WAIT_MS) == 1)
		n = read(STDIN_FILENO, reply, sizeof(reply));
	else
		puts("");
	return n > 0 && (reply[0] == 'y' || reply[0] == 'Y');
}

/* What to do about a refusal. */
static const char *
advice_for(const struct ccp_bedrock_failure *failure)
{
	if (strncasecmp(failure->name, "AccessDenied", 12) == 0)
		return "allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream, and "
		       "ask for access to the model in the console of Bedrock";
	if (ccp_bedrock_refused_credentials(failure))
		return "AWS does not know these credentials: look where they come from (above)";
	if (strncasecmp(failure->name, "ResourceNotFound", 16) == 0 || failure->clients_fault)
		return "look at AWS_REGION, BEDROCK_PROFILE and BEDROCK_MODEL_OVERRIDES";
	return "try again later";
}

static void
judge(struct ccp_doctor *d, const struct question *q, const struct ccp_http_wait_answer *answer)
{
	struct ccp_bedrock_failure failure = { 0 };
	bool busy = answer->status == 429 || answer->status == 503;

	if (answer->status == 200) {
		ccp_doctor_say(d, CCP_FOUND_OK, CHECK, "%s answers", q->target.id);
		return;
	}
	ccp_bedrock_failure_of_http(answer->status, &answer->headers,
	                            (struct ccp_span){ ccp_buf_text(&answer->body),
	                                               answer->body.len },
	                            &failure);
	ccp_doctor_say(d, busy ? CCP_FOUND_WARNING : CCP_FOUND_FAILED, CHECK,
	               "%.100s: %s: %.300s; %s", q->target.id, failure.name, failure.message,
	               advice_for(&failure));
}

/* The request that the proxy would make of it; both are to be cleared, also on failure. */
static enum ccp_err
make_request(const struct ccp_doctor *d, const struct question *q, struct ccp_translation *t,
             struct ccp_bedrock_request *request, struct ccp_error *err)
{
	struct ccp_buf body = CCP_BUF_INIT(4096);
	struct ccp_translate_input in = { .anthropic_version = "2023-06-01" };
	enum ccp_err rc;

	*t = (struct ccp_translation){ 0 };
	*request = (struct ccp_bedrock_request){ 0 };
	ccp_buf_addf(&body,
	             "{\"model\":\"%s\",\"max_tokens\":1,"
	             "\"messages\":[{\"role\":\"user\",\"content\":\"" QUESTION "\"}]}",
	             q->model->anthropic_id);
	in.body = (struct ccp_span){ ccp_buf_text(&body), body.len };
	rc = ccp_translate_request(d->models, d->config, &in, t, err);
	if (!rc)
		rc = ccp_bedrock_request_new(d->config, d->credentials, t, time(NULL), request,
		                             err);
	ccp_buf_clear(&body);
	return rc;
}

static void
ask(struct ccp_doctor *d, const struct question *q)
{
	struct ccp_http_wait_answer answer = CCP_HTTP_WAIT_ANSWER_INIT;
	struct ccp_translation t;
	struct ccp_bedrock_request request;
	struct ccp_error err = { 0 };
	enum ccp_err rc = make_request(d, q, &t, &request, &err);

	if (!rc) {
		const struct ccp_http_wait_request call = { .method = "POST",
			                                    .url = request.url,
			                                    .headers = &request.headers,
			                                    .body = { ccp_buf_text(&t.body),
			                                              t.body.len },
			                                    .connect_timeout_ms = CONNECT_MS,
			                                    .timeout_ms = ANSWER_MS,
			                                    .max_bytes = ANSWER_MAX_BYTES };

		rc = ccp_http_wait_call(d->http, &call, &answer, &err);
	}
	if (rc)
		ccp_doctor_say(d, CCP_FOUND_FAILED, CHECK, "%s: %s", q->target.id, err.text);
	else
		judge(d, q, &answer);
	ccp_http_wait_answer_clear(&answer);
	ccp_bedrock_request_clear(&request);
	ccp_translation_clear(&t);
}

/* Why there is nothing to ask, or nobody; NULL: there is. */
static const char *
obstacle(const struct ccp_doctor *d)
{
	if (!ccp_doctor_needs_bedrock(d))
		return "not needed: BEDROCK_FALLBACK_ENABLED is off";
	if (!d->models)
		return "the models cannot be read";
	if (!d->has_keys && !*d->config->aws_bearer_token_bedrock)
		return "there are no AWS credentials";
	return d->bedrock_reachable ? NULL : "Bedrock cannot be reached";
}

void
ccp_doctor_model(struct ccp_doctor *d)
{
	const char *why = obstacle(d);
	struct question q;
	char cost[64];

	if (why) {
		ccp_doctor_say(d, CCP_FOUND_SKIPPED, CHECK, "%s", why);
		return;
	}
	find_cheapest(d, &q);
	if (!q.model) {
		ccp_doctor_say(d, CCP_FOUND_SKIPPED, CHECK,
		               "the models file has no Haiku that is on Bedrock");
		return;
	}
	cost_text(q.cost_microusd, cost, sizeof(cost));
	if (!d->yes && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		ccp_doctor_say(
			d, CCP_FOUND_SKIPPED, CHECK,
			"there is no terminal to ask on; with --yes %s is asked for one word "
			"(%s)",
			q.model->anthropic_id, cost);
	else if (!d->yes && !agreed(&q, cost))
		ccp_doctor_say(d, CCP_FOUND_SKIPPED, CHECK, "not asked");
	else
		ask(d, &q);
}
