/*
 * What a request to Bedrock costs before it is sent: conversion of the body and
 * the signature, in microseconds, for bodies of the shape that Claude Code
 * sends. Prints; asserts nothing. Figures of a build with sanitizers are no
 * figures.
 *
 *     convert [FOLDER OF models.csv]
 */
#include "upstream/bedrock.h"
#include "upstream/translate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY_MAX_BYTES (8 * 1024 * 1024)

/* Time of this thread on a processor: other work of the machine does not count. */
static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Part of a file as a tool result has it: escapes, some letters beyond ASCII. */
static void
add_lines(struct ccp_buf *body, int count)
{
	int i;

	for (i = 0; i < count; i++)
		ccp_buf_addf(body,
		             "%6d\\tif (check(\\\"name\\\", %d)) return fail(err); /* %s */\\n", i,
		             i, i % 8 ? "plain" : "\xea\xb0\x80\xeb\x82\x98");
}

/* 14 KB of tools, 10 KB of system prompt, then turns of tool use until bytes are reached. */
static void
make_body(struct ccp_buf *body, size_t bytes)
{
	int i;

	ccp_buf_puts(body,
	             "{\"model\":\"claude-opus-5-5\",\"max_tokens\":32000,\"stream\":true,"
	             "\"thinking\":{\"type\":\"adaptive\"},\"context_management\":{\"edits\":[]},"
	             "\"metadata\":{\"user_id\":\"{\\\"device_id\\\":\\\"x\\\"}\"},\"tools\":[");
	for (i = 0; i < 14; i++)
		ccp_buf_addf(
			body,
			"%s{\"name\":\"Tool%d\",\"description\":\"%0700d\\nline\",\"input_schema\":"
			"{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\","
			"\"description\":\"where\"},\"limit\":{\"type\":\"number\"}},\"required\":"
			"[\"path\"]}}",
			i ? "," : "", i, i);
	ccp_buf_addf(
		body,
		"],\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: v\"},"
		"{\"type\":\"text\",\"text\":\"%010000d\",\"cache_control\":{\"type\":\"ephemeral\","
		"\"ttl\":\"1h\"}}],\"messages\":[{\"role\":\"user\",\"content\":\"go\"}",
		1);
	for (i = 0; body->len < bytes - 2500; i++) {
		ccp_buf_addf(
			body,
			",{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":"
			"\"%0300d\",\"signature\":\"%0200d\"},{\"type\":\"tool_use\",\"id\":\"toolu_%d\","
			"\"name\":\"Read\",\"input\":{\"path\":\"/a/b\",\"limit\":%d}}]},{\"role\":\"user\","
			"\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_%d\",\"content\":"
			"[{\"type\":\"text\",\"text\":\"",
			i, i, i, i, i);
		add_lines(body, 10 + i % 80);
		ccp_buf_puts(body, "\"}]}]}");
	}
	ccp_buf_puts(body, "]}");
	if (!ccp_buf_ok(body))
		abort();
}

struct bench {
	struct ccp_config *config;
	struct ccp_credentials *credentials;
	struct ccp_models *models;
};

static int
one(const struct bench *b, const struct ccp_buf *body, double *convert_us, double *sign_us)
{
	struct ccp_translate_input in = {
		.body = { body->data, body->len },
		.anthropic_version = "2023-06-01",
		.anthropic_beta = "claude-code-20250219,interleaved-thinking-2025-05-14,"
				  "context-management-2025-06-27,effort-2025-11-24",
	};
	struct ccp_translation t;
	struct ccp_bedrock_request r = { 0 };
	struct ccp_error err;
	double start = now_us();
	int rc = ccp_translate_request(b->models, b->config, &in, &t, &err) != CCP_OK;

	*convert_us = now_us() - start;
	start = now_us();
	rc = rc || ccp_bedrock_request_new(b->config, b->credentials, &t, 1795305600, &r, &err);
	*sign_us = now_us() - start;
	if (rc)
		fprintf(stderr, "convert: %s\n", err.text);
	ccp_bedrock_request_clear(&r);
	ccp_translation_clear(&t);
	return rc;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of each part; the first rounds warm the caches. */
static int
run(const struct bench *b, const char *name, size_t bytes, double target_us)
{
	enum { ROUNDS = 201 };
	struct ccp_buf body = CCP_BUF_INIT(BODY_MAX_BYTES);
	double convert[ROUNDS], sign[ROUNDS], sum[ROUNDS];
	int i, rc = 0;

	make_body(&body, bytes);
	for (i = 0; i < ROUNDS && !rc; i++) {
		rc = one(b, &body, &convert[i], &sign[i]);
		sum[i] = convert[i] + sign[i];
	}
	qsort(convert, ROUNDS, sizeof(double), by_size);
	qsort(sign, ROUNDS, sizeof(double), by_size);
	qsort(sum, ROUNDS, sizeof(double), by_size);
	if (!rc)
		printf("convert %s (%zu bytes): conversion %.0f us, signature %.0f us, both %.0f us"
		       " (target %.0f)\n",
		       name, body.len, convert[ROUNDS / 2], sign[ROUNDS / 2], sum[ROUNDS / 2],
		       target_us);
	ccp_buf_clear(&body);
	return rc;
}

int
main(int argc, char **argv)
{
	const char *root = getenv("abs_top_srcdir");
	char *env[] = { "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		        "AWS_REGION=us-east-1", NULL };
	struct bench b = { 0 };
	struct ccp_error err = { 0 };
	char folder[512], models[600], prices[600];
	int rc;

	snprintf(folder, sizeof(folder), "%s/data", root ? root : ".");
	if (argc > 1)
		snprintf(folder, sizeof(folder), "%s", argv[1]);
	snprintf(models, sizeof(models), "%s/models.csv", folder);
	snprintf(prices, sizeof(prices), "%s/prices.csv", folder);
	rc = ccp_config_load(env, &b.config, &err) ||
	     ccp_credentials_new(b.config, &b.credentials, &err) ||
	     ccp_models_load(models, prices, &b.models, &err);
	if (rc)
		fprintf(stderr, "convert: %s\n", err.text);
	rc = rc || run(&b, "50 KB", (size_t)50 * 1024, 150) ||
	     run(&b, "1 MB", (size_t)1024 * 1024, 3000);
	ccp_models_unref(b.models);
	ccp_credentials_free(b.credentials);
	ccp_config_free(b.config);
	return rc;
}
