#include "upstream/translate_parts.h"

#include <string.h>

#include <openssl/evp.h>

/* The largest body in base64, and what stands around it. */
#define WRAPPED_MAX_BYTES (CCP_BEDROCK_BODY_MAX_BYTES / 3 * 4 + 256)

/* A piece of the body at a time; a multiple of 3, so that the pieces join. */
#define PIECE_BYTES (48 * 1024)

static void
add_base64(struct ccp_buf *out, const char *p, size_t len)
{
	unsigned char text[PIECE_BYTES / 3 * 4 + 1];
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len < PIECE_BYTES ? len : PIECE_BYTES;
		ccp_buf_add(out, text,
		            (size_t)EVP_EncodeBlock(text, (const unsigned char *)p, (int)n));
	}
}

enum ccp_err
ccp_translate_count(const struct ccp_models *models, const struct ccp_config *config,
                    const struct ccp_translate_input *in, struct ccp_translation *out,
                    struct ccp_error *err)
{
	struct ccp_buf wrapped = CCP_BUF_INIT(WRAPPED_MAX_BYTES);
	enum ccp_err rc = ccp_translate_to(CCP_DOOR_COUNT_TOKENS, models, config, in, out, err);

	if (rc)
		return rc;
	ccp_buf_puts(&wrapped, "{\"input\":{\"invokeModel\":{\"body\":\"");
	add_base64(&wrapped, out->body.data, out->body.len);
	ccp_buf_puts(&wrapped, "\"}}}");
	ccp_buf_clear(&out->body);
	if (!ccp_buf_ok(&wrapped)) {
		ccp_buf_clear(&wrapped);
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the body to count");
	}
	out->body = wrapped;
	out->stream = false;
	return CCP_OK;
}

enum ccp_err
ccp_translate_count_answer(struct ccp_span json, struct ccp_buf *out, struct ccp_error *err)
{
	struct ccp_span tokens = { NULL, 0 };
	int64_t number;

	if (ccp_json_valid(json))
		tokens = ccp_json_member(ccp_json_trim(json), "inputTokens");
	if (!ccp_json_uint(tokens, &number))
		return ccp_fail(err, CCP_ERR_FORMAT, "Bedrock's answer is no count of tokens");
	ccp_buf_puts(out, "{\"input_tokens\":");
	ccp_buf_add(out, tokens.p, tokens.len);
	ccp_buf_puts(out, "}");
	if (!ccp_buf_ok(out))
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for a count of tokens");
	return CCP_OK;
}
