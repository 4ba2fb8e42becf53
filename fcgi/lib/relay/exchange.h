#ifndef CCP_EXCHANGE_H
#define CCP_EXCHANGE_H

#include "aws/credentials.h"
#include "base/body.h"
#include "base/config.h"
#include "base/headers.h"
#include "base/http.h"
#include "base/loop.h"
#include "base/work.h"
#include "store/store.h"
#include "upstream/models.h"

#include <stdbool.h>

/*
 * One request from start to end: look up the limit, ask Anthropic, perhaps
 * wait, perhaps ask Bedrock, relay, book. A state machine on the loop thread;
 * what blocks runs as a job on a work thread.
 */
struct ccp_exchange;

/* A credential that this worker noted as vouched, and when; so that not every answer writes. */
struct ccp_vouched {
	char credential[CCP_CREDENTIAL_HEX + 1];
	int64_t at_s;
};
#define CCP_VOUCHED_SLOTS 256

/* What all exchanges of a worker share. Owned by the program; outlives them. */
struct ccp_relay {
	const struct ccp_config *config;
	struct ccp_loop *loop;
	struct ccp_http *http;
	/* Pools of threads, by what their jobs may wait for: nobody waits behind another kind. */
	struct ccp_work *work;    /* a processor: conversion */
	struct ccp_work *lookups; /* the store, when it is a network: CCP_LIMIT_WAIT_MS each */
	struct ccp_work *writes;  /* a lock of state.db that another process holds */
	struct ccp_work *signs;   /* credentials, which may be long in coming */
	struct ccp_store *store;  /* down or not: it says so itself */
	struct ccp_credentials *credentials;
	struct ccp_models *models; /* replaced on reload; each exchange holds a reference */
	int errands; /* limits and vouched credentials being stored that no exchange needs any more */
	struct ccp_vouched vouched[CCP_VOUCHED_SLOTS]; /* by the first byte of the fingerprint */
};

/*
 * True for errors of a store that is down: it says once itself when that begins
 * and ends, so a line for each request that meets it is for debugging.
 */
bool ccp_relay_store_said(enum ccp_err rc);

/* What is asked. The exchange takes headers and body; strings are borrowed until it is done. */
struct ccp_call {
	const char *id; /* req_…, for the log and our header */
	const char *user;
	const char *method;
	const char *target; /* path and query for Anthropic */
	bool messages;      /* POST …/v1/messages: limits and fallback apply */
	bool count_tokens;  /* POST …/count_tokens: Bedrock counts when Anthropic says 429 */
	bool loopback;      /* see admit.h */
	struct ccp_headers headers;
	struct ccp_body body;
};

/* The way back. done comes last, exactly once, also after the client is gone. */
struct ccp_client {
	void (*head)(void *arg, int status, const struct ccp_headers *headers);
	void (*body)(void *arg, const char *p, size_t n);
	bool (*full)(void *arg); /* too much is waiting: ready will be told */
	void (*end)(void *arg);
	void (*abort)(void *arg); /* the answer stays cut and must not look whole */
	void (*done)(void *arg);
	void *arg;
};

/*
 * Starts. call is the caller's memory; its headers and body are taken (empty
 * afterwards). NULL when there is no memory; then nothing was called.
 */
struct ccp_exchange *ccp_exchange_start(struct ccp_relay *relay, struct ccp_call *call,
                                        const struct ccp_client *client);

/* The client left: upstream is cancelled at once; done follows. */
void ccp_exchange_gone(struct ccp_exchange *x);

/*
 * The process is about to end: the answer gets an end that does not look
 * whole, and what was streamed so far is booked; done follows.
 */
void ccp_exchange_stop(struct ccp_exchange *x);

/* After full() said true: there is room again. */
void ccp_exchange_ready(struct ccp_exchange *x);

#endif
