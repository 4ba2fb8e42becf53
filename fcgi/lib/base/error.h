#ifndef CCP_ERROR_H
#define CCP_ERROR_H

/* What went wrong, for the caller's switch and for the HTTP answer. */
enum ccp_err {
	CCP_OK = 0,
	CCP_ERR_NOMEM,       /* allocation failed */
	CCP_ERR_LIMIT,       /* a bounded buffer or a documented ceiling was reached */
	CCP_ERR_FORMAT,      /* bytes from outside did not parse */
	CCP_ERR_SETTING,     /* a setting or an operator's file is wrong */
	CCP_ERR_CREDENTIALS, /* no usable AWS credentials */
	CCP_ERR_UNSUPPORTED, /* right, but Bedrock cannot do it */
	CCP_ERR_NOT_FOUND,   /* no such thing */
	CCP_ERR_NET,         /* the network or the other side failed */
	CCP_ERR_STORE,       /* the store answered, but not with success */
	CCP_ERR_SYSTEM,      /* the kernel said no: a file, a socket, a thread */
};

/* Words for the log; fixed size, so that failing can not itself fail. */
struct ccp_error {
	enum ccp_err code;
	char text[320];
};

#define CCP_MUST_CHECK __attribute__((warn_unused_result))

/*
 * Records code and the sentence in err (which may be NULL) and returns code.
 * A sentence too long for err->text is cut.
 */
enum ccp_err ccp_fail(struct ccp_error *err, enum ccp_err code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
