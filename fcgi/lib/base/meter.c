#include "base/meter.h"

#include "base/json.h"

#include <string.h>

/* No answer has a trillion tokens: a larger count is broken and must not reach the books. */
#define TOKENS_MAX INT64_C(1000000000000)

/* Characters a token, for answers whose own count never came. */
#define BYTES_PER_TOKEN 4

/* Sets *count from a member that is there and sane; null and absent leave it. */
static bool
read_count(struct ccp_span object, const char *key, int64_t *count)
{
	int64_t value;

	if (!ccp_json_uint(ccp_json_member(object, key), &value) || value > TOKENS_MAX)
		return false;
	*count = value;
	return true;
}

static void
read_cache_writes(struct ccp_usage *usage, struct ccp_span object)
{
	struct ccp_span split = ccp_json_member(object, "cache_creation");
	int64_t total;
	bool has_5m, has_1h;

	has_5m = read_count(split, "ephemeral_5m_input_tokens", &usage->cache_write_5m_tokens);
	has_1h = read_count(split, "ephemeral_1h_input_tokens", &usage->cache_write_1h_tokens);
	if (has_5m && has_1h)
		return;
	if (!read_count(object, "cache_creation_input_tokens", &total))
		return;
	/* what the split known so far does not explain was written at the short rate */
	if (usage->cache_write_1h_tokens > total)
		usage->cache_write_1h_tokens = total;
	usage->cache_write_5m_tokens = total - usage->cache_write_1h_tokens;
}

static void
read_usage(struct ccp_meter *m, struct ccp_span object)
{
	if (ccp_json_type(object) != CCP_JSON_OBJECT)
		return;
	m->started = true;
	read_count(object, "input_tokens", &m->usage.input_tokens);
	read_count(object, "output_tokens", &m->usage.output_tokens);
	read_count(object, "cache_read_input_tokens", &m->usage.cache_read_tokens);
	read_cache_writes(&m->usage, object);
}

static void
count_delta(struct ccp_meter *m, struct ccp_span delta)
{
	static const char *const texts[] = { "text", "thinking", "partial_json" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		m->streamed_bytes +=
			(int64_t)ccp_json_string_bytes(ccp_json_member(delta, texts[i]));
}

void
ccp_meter_event(struct ccp_meter *m, const char *json, size_t len)
{
	struct ccp_span event = { json, len }, type;

	if (!ccp_json_valid(event))
		return;
	event = ccp_json_trim(event);
	type = ccp_json_member(event, "type");
	if (ccp_json_string_is(type, "content_block_delta"))
		count_delta(m, ccp_json_member(event, "delta"));
	else if (ccp_json_string_is(type, "message_start"))
		read_usage(m, ccp_json_member(ccp_json_member(event, "message"), "usage"));
	else if (ccp_json_string_is(type, "message_delta"))
		read_usage(m, ccp_json_member(event, "usage"));
	else if (ccp_json_string_is(type, "message_stop"))
		m->complete = true;
}

void
ccp_meter_message(struct ccp_meter *m, const char *json, size_t len)
{
	struct ccp_span message = { json, len };

	if (!ccp_json_valid(message))
		return;
	message = ccp_json_trim(message);
	if (!ccp_json_string_is(ccp_json_member(message, "type"), "message"))
		return;
	read_usage(m, ccp_json_member(message, "usage"));
	m->complete = true;
}

struct ccp_usage
ccp_meter_result(const struct ccp_meter *m)
{
	struct ccp_usage usage = m->usage;
	int64_t seen;

	if (m->complete)
		return usage;
	seen = (m->streamed_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN;
	if (usage.output_tokens < seen)
		usage.output_tokens = seen;
	usage.estimated = true;
	return usage;
}
