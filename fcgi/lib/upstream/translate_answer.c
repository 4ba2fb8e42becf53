#include "base/json.h"
#include "upstream/translate.h"

#include <string.h>

/* What Bedrock adds to the last event of a stream, or to an answer. */
static const char METRICS[] = "amazon-bedrock-invocationMetrics";

/* Event types are words; anything else would break the line it stands on. */
static bool
is_event_name(const char *type)
{
	return *type && type[strspn(type, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* A model's name with quotes; escapes can make six bytes of one. */
static void
name_json(struct ccp_buf *out, const char *client_model)
{
	ccp_json_add_string(out, client_model, strlen(client_model));
}

static void
set_model(struct ccp_json_edits *edits, struct ccp_span message, const struct ccp_buf *name)
{
	struct ccp_json_iter it = ccp_json_each(message);
	struct ccp_json_item item;

	if (ccp_json_type(message) != CCP_JSON_OBJECT)
		return;
	while (ccp_json_next(&it, &item))
		if (ccp_json_string_is(item.key, "model"))
			ccp_json_replace(edits, item.value, ccp_buf_text(name), name->len);
}

/* Takes Bedrock's metrics off an object; in the members called inner the model is renamed. */
static void
clean(struct ccp_json_edits *edits, struct ccp_span object, const char *inner,
      const struct ccp_buf *name)
{
	struct ccp_json_sieve sieve = CCP_JSON_SIEVE_INIT(edits);
	struct ccp_json_iter it = ccp_json_each(object);
	struct ccp_json_item item;

	while (ccp_json_next(&it, &item)) {
		if (ccp_json_string_is(item.key, METRICS)) {
			ccp_json_drop(&sieve, &item);
			continue;
		}
		ccp_json_keep(&sieve, &item);
		if (inner && ccp_json_string_is(item.key, inner))
			set_model(edits, item.value, name);
	}
	ccp_json_sieve_end(&sieve);
}

/* One line of data: valid JSON has line ends between its tokens only. */
static void
join_lines(char *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] == '\n' || p[i] == '\r')
			p[i] = ' ';
}

enum ccp_err
ccp_translate_event(struct ccp_span json, const char *client_model, struct ccp_buf *sse,
                    struct ccp_meter *meter, bool *is_error, struct ccp_error *err)
{
	struct ccp_buf name = CCP_BUF_INIT(6 * CCP_MODEL_ID_MAX_BYTES + 2);
	struct ccp_json_edits edits;
	struct ccp_span event;
	char type[64];
	size_t data_at;
	enum ccp_err rc = CCP_OK;

	*is_error = false;
	if (!ccp_json_valid(json))
		return ccp_fail(err, CCP_ERR_FORMAT, "an event of the stream is not JSON");
	event = ccp_json_trim(json);
	ccp_json_edits_init(&edits, event);
	if (!ccp_json_string_text(ccp_json_member(event, "type"), type, sizeof(type)) ||
	    !is_event_name(type))
		goto out;
	*is_error = strcmp(type, "error") == 0;
	if (*is_error)
		goto out;
	ccp_meter_event(meter, event.p, event.len);
	if (strcmp(type, "message_start") == 0)
		name_json(&name, client_model);
	clean(&edits, event, name.len > 0 ? "message" : NULL, &name);
	ccp_buf_addf(sse, "event: %s\ndata: ", type);
	data_at = sse->len;
	rc = ccp_buf_ok(&name) ? ccp_json_apply(&edits, sse, err)
	                       : ccp_fail(err, CCP_ERR_NOMEM, "no memory for the model's name");
	if (rc)
		goto out;
	if (sse->data)
		join_lines(sse->data + data_at, sse->len - data_at);
	ccp_buf_puts(sse, "\n\n");
	if (!ccp_buf_ok(sse))
		rc = ccp_fail(err, CCP_ERR_NOMEM, "no memory for an event");

out:
	ccp_json_edits_clear(&edits);
	ccp_buf_clear(&name);
	return rc;
}

enum ccp_err
ccp_translate_answer(struct ccp_span json, const char *client_model, struct ccp_buf *out,
                     struct ccp_meter *meter, struct ccp_error *err)
{
	struct ccp_buf name = CCP_BUF_INIT(6 * CCP_MODEL_ID_MAX_BYTES + 2);
	struct ccp_json_edits edits;
	struct ccp_span message = ccp_json_trim(json);
	enum ccp_err rc;

	if (!ccp_json_valid(json) || ccp_json_type(message) != CCP_JSON_OBJECT)
		return ccp_fail(err, CCP_ERR_FORMAT, "Bedrock's answer is not a JSON object");
	ccp_json_edits_init(&edits, message);
	ccp_meter_message(meter, message.p, message.len);
	name_json(&name, client_model);
	clean(&edits, message, NULL, &name);
	set_model(&edits, message, &name);
	rc = ccp_buf_ok(&name) ? ccp_json_apply(&edits, out, err)
	                       : ccp_fail(err, CCP_ERR_NOMEM, "no memory for the model's name");
	ccp_json_edits_clear(&edits);
	ccp_buf_clear(&name);
	return rc;
}
