#ifndef CCP_EXCHANGE_STATE_H
#define CCP_EXCHANGE_STATE_H

#include "relay/exchange.h"

#include "base/meter.h"
#include "base/sse.h"
#include "relay/fallback.h"
#include "upstream/anthropic.h"
#include "upstream/bedrock.h"
#include "upstream/translate.h"

/* The inside of an exchange, for the files exchange*.c only. */

/* A refusal, an SSE beginning or a JSON answer is kept whole up to here; more is relayed as it comes. */
#define CCP_HELD_MAX_BYTES (1024 * 1024)
/* An answer of InvokeModel: far above the longest that max_tokens allows. */
#define CCP_ANSWER_MAX_BYTES (32 * 1024 * 1024)
/* An event longer than this is passed on in pieces. */
#define CCP_EVENT_MAX_BYTES (256 * 1024)
/* The upstream's address: its base and a target as long as a web server takes. */
#define CCP_URL_MAX_BYTES (72 * 1024)
/* Holds message_stop, or the head of an error event, at the end of a stream. */
#define CCP_TAIL_BYTES 256
/*
 * The last bytes of an answer wait this long for their usage to be booked, and
 * Bedrock, or the refusal, for a new limit to be stored. On AWS Lambda, where
 * the end of an answer freezes all, the last bytes and the refusal wait longer.
 */
#define CCP_STORE_WAIT_MS 1000
/* Vouched = accepted by Anthropic within this time; noted anew after this one. */
#define CCP_VOUCHED_S (24 * 3600)
#define CCP_VOUCH_AGAIN_S 3600

enum ccp_state {
	CCP_X_LOOKUP,    /* job: stored limits */
	CCP_X_CONVERT,   /* job: the body for Bedrock, or why not */
	CCP_X_ANTHROPIC, /* asking */
	CCP_X_WAIT,      /* timer: before asking once more */
	CCP_X_REMEMBER,  /* waiting, not for long, while the limit gets into the store */
	CCP_X_SIGN,      /* job: credentials and signature */
	CCP_X_BEDROCK,   /* asking */
	CCP_X_BOOK,      /* job: usage */
	CCP_X_OVER,
};

/* What is done with the answer of an upstream as it arrives. */
enum ccp_mode {
	CCP_M_NONE,  /* no head yet */
	CCP_M_FIRST, /* a 200 stream of Anthropic: until its first event is whole */
	CCP_M_HOLD,  /* kept until its end, then decided */
	CCP_M_RELAY, /* passed on as it comes */
};

/* Why the proxy itself ends an exchange, in the client's words. */
struct ccp_stop {
	int status; /* when nothing was sent yet */
	const char *type, *sentence;
};

struct ccp_exchange {
	struct ccp_relay *relay;
	struct ccp_call call;
	struct ccp_client client;
	struct ccp_models *models; /* a reference */
	enum ccp_state state;
	enum ccp_mode mode;
	bool gone;      /* the client left */
	bool head_sent; /* the client has a status: no other answer is possible */
	bool job_running;
	bool sse;     /* the answer is a stream of events */
	bool encoded; /* Anthropic's, compressed: its events cannot be seen */
	bool paused;
	bool second_time;   /* Anthropic was asked again after a wait */
	bool from_store;    /* a stored limit led to Bedrock without asking */
	bool bedrock_tried; /* and failed: it will not be tried again */
	bool forced;        /* FORCE_RATE_LIMIT */
	bool timed_out;     /* Anthropic was silent for too long */
	bool vouched;
	bool signed_again;        /* after expired credentials or by a corrected clock */
	bool repaired;            /* Bedrock was asked once more without what it named */
	struct ccp_repair repair; /* and this is left out */
	char credential[CCP_CREDENTIAL_HEX + 1];
	char model[160];
	const char *family;
	int64_t started_ms;

	struct ccp_http_call *http; /* the upstream call under way, or NULL */
	struct ccp_timer timer;     /* of the state: wait, silence, ping, booking, limit */
	struct ccp_timer deadline;  /* MAX_ANSWER_SECONDS */
	int64_t last_byte_ms;       /* of the upstream */
	int64_t last_sent_ms;       /* to the client */

	struct ccp_job job;
	struct ccp_error job_error;
	enum ccp_err job_rc;
	struct ccp_limit *limits; /* of the lookup, until it was looked at */
	size_t limit_count;
	struct ccp_decision decision;

	/* Anthropic's refusal, given to the client when Bedrock fails too */
	char tail[CCP_TAIL_BYTES]; /* the last bytes of a stream of Anthropic's */
	size_t tail_len;
	int held_status; /* 0 = none */
	struct ccp_headers held_headers;
	struct ccp_buf held_body;
	enum ccp_answer_kind held_kind;
	enum ccp_http_end held_end;

	struct ccp_bedrock *bedrock;   /* while Bedrock is asked, or NULL */
	struct ccp_remember *remember; /* the limit being stored that this waits for, or NULL */
	struct ccp_account *account;   /* of an answer that is counted, or NULL */
};

/* What an answer used, on its way into the store. */
struct ccp_account {
	struct ccp_meter meter;
	struct ccp_usage_record record; /* the booking's, once it runs */
	bool anthropic;                 /* its answer; else Bedrock's */
	bool given;                     /* nothing of the answer waits for the booking any more */
	bool end_waits;         /* all of it but its end was given: see ccp_x_count_end_client() */
	struct ccp_sse *events; /* Anthropic's stream, for the meter */
	struct ccp_buf copy;    /* Anthropic's JSON, for the meter; its last piece waits here */
	size_t copy_given;      /* bytes of it that the client has */
};

/* What only a request to Bedrock needs; most never do. */
struct ccp_bedrock {
	struct ccp_translation translation;
	struct ccp_bedrock_request request;
	struct ccp_bedrock_stream *stream;
	struct ccp_buf out;         /* SSE not given to the client yet, or the JSON answer */
	struct ccp_headers headers; /* of the answer, as far as they go on */
	struct ccp_bedrock_failure failure;
	int status;
	bool convertible;
};

/* exchange.c */
void ccp_x_over(struct ccp_exchange *x);
void ccp_x_job(struct ccp_exchange *x, enum ccp_state state, void (*run)(struct ccp_job *job),
               void (*done)(struct ccp_job *job));
struct ccp_exchange *ccp_x_of(struct ccp_job *job);
bool ccp_x_job_done(struct ccp_exchange *x); /* false: the client is gone, all is over */
bool ccp_x_timer(struct ccp_exchange *x, int64_t in_ms); /* false: no memory, it will not fire */
void ccp_x_head(struct ccp_exchange *x, int status, struct ccp_headers *headers);
void ccp_x_body(struct ccp_exchange *x, const char *p, size_t n);
void ccp_x_end(struct ccp_exchange *x);
/* An error of our own, as the whole answer; more: further fields, or NULL. */
void ccp_x_error_with(struct ccp_exchange *x, int status, const char *type, const char *message,
                      const struct ccp_headers *more);
void ccp_x_hang_up(struct ccp_exchange *x); /* ends the upstream call under way, if any */
void ccp_x_error(struct ccp_exchange *x, int status, const char *type, const char *message);
void ccp_x_error_event(struct ccp_exchange *x, const char *type, const char *message);
void ccp_x_free_request(struct ccp_exchange *x);
int64_t ccp_x_now_s(void);

/* exchange_anthropic.c */
void ccp_x_ask_anthropic(struct ccp_exchange *x);
void ccp_x_refused(
	struct ccp_exchange *x); /* a held answer is whole: convert if it matters, decide */
void ccp_x_relay_held(struct ccp_exchange *x); /* the held answer, or 502/504 */
void ccp_x_anthropic_timer(struct ccp_exchange *x);
void ccp_x_stop_anthropic(struct ccp_exchange *x, const struct ccp_stop *why);

/* exchange_relay.c */
void ccp_x_start_relay(struct ccp_exchange *x); /* sends the head, and what is held of the body */
void ccp_x_relay(struct ccp_exchange *x, const char *p, size_t n); /* of a stream, whole events */
void ccp_x_pass(struct ccp_exchange *x, const char *p, size_t n);  /* whatever it is */
/* After the upstream's end: the rest, and an end that says whether all was whole. */
void ccp_x_relay_end(struct ccp_exchange *x);
bool ccp_x_stream_is_whole(const struct ccp_exchange *x); /* what the client has of it */

/* exchange_count.c */
void ccp_x_count_start(struct ccp_exchange *x); /* with the head: an account, if this counts */
/* Counts some whole events; gives how many bytes may go at once, less than n when the rest waits
 * for the booking. */
size_t ccp_x_count_events(struct ccp_exchange *x, const char *p, size_t n);
void ccp_x_count_json(struct ccp_exchange *x, const char *p, size_t n); /* passes it on as well */
void ccp_x_count_end(struct ccp_exchange *x); /* the upstream's end is there: so is ours */
/* Ends the answer for the client; where that freezes this machine, when it is booked. */
void ccp_x_count_end_client(struct ccp_exchange *x);
void ccp_x_count_cut(struct ccp_exchange *x);    /* the client needs no more: books what was seen */
void ccp_x_count_give(struct ccp_exchange *x);   /* what waited */
void ccp_x_count_booked(struct ccp_exchange *x); /* over, or on with the relay */

/* vouch.c */
void ccp_x_vouch(struct ccp_exchange *x); /* Anthropic accepted this credential just now */

/* remember.c */
/* Begins to store the limit decided on: true when x waits for ccp_x_remembered(), false to go on. */
bool ccp_x_remember(struct ccp_exchange *x);
void ccp_x_remember_timer(struct ccp_exchange *x);
void ccp_x_remember_leave(
	struct ccp_exchange *x); /* waits no more; the limit is stored all the same */

/* exchange_convert.c */
void ccp_x_convert(struct ccp_exchange *x, void (*done)(struct ccp_job *job));
void ccp_x_run_sign(struct ccp_job *job);
void ccp_x_bedrock_free(struct ccp_exchange *x);

/* exchange_bedrock.c */
void ccp_x_settle(struct ccp_exchange *x);     /* remembers, then does what was decided */
void ccp_x_remembered(struct ccp_exchange *x); /* does it */
void ccp_x_bedrock_timer(struct ccp_exchange *x);
void ccp_x_bedrock_gone(struct ccp_exchange *x); /* books what was streamed */
void ccp_x_stop_bedrock(struct ccp_exchange *x, const struct ccp_stop *why);

/* exchange_refused.c */
void ccp_x_bedrock_failed(struct ccp_exchange *x, const char *why); /* Anthropic has the word */
void ccp_x_bedrock_refused(struct ccp_exchange *x); /* x->bedrock->failure says how */

/* exchange_book.c */
bool ccp_x_account_open(struct ccp_exchange *x); /* an empty one; false: no memory */
void ccp_x_account_close(struct ccp_exchange *x);
/* The answer is over: books it, then gives what waited. Bedrock's, and one that was cut, end so. */
void ccp_x_book(struct ccp_exchange *x);
void ccp_x_book_timer(struct ccp_exchange *x);
int64_t ccp_x_store_wait_ms(const struct ccp_exchange *x);

#endif
