#include "upstream/models_parts.h"

#include "base/csv.h"

#include <string.h>

#define MICRO 1000000

/* A million dollars a million tokens: a typing error, not a price. */
#define PRICE_MAX_DOLLARS 1000000

/* "0.1375" dollars exactly as micro-dollars; six decimals at most. */
static bool
parse_dollars(const char *text, int64_t *micro)
{
	int64_t whole = 0, part = 0, unit = MICRO;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		whole = whole * 10 + (*p - '0');
		if (whole > PRICE_MAX_DOLLARS)
			return false;
	}
	if (p == text)
		return false;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			unit /= 10;
			if (unit == 0)
				return false;
			part += (*p - '0') * unit;
		}
		if (p[-1] == '.')
			return false;
	}
	*micro = whole * MICRO + part;
	return *p == '\0';
}

static enum ccp_err
read_rates(const struct ccp_csv *csv, const char *const columns[5], struct ccp_rates *rates,
           struct ccp_error *err)
{
	int64_t *const to[5] = { &rates->input, &rates->output, &rates->cache_write_5m,
		                 &rates->cache_write_1h, &rates->cache_read };
	size_t i;

	for (i = 0; i < 5; i++)
		if (!parse_dollars(ccp_csv_field(csv, columns[i]), to[i]))
			return ccp_csv_fail(csv, err, "%s is not a price in dollars: \"%.40s\"",
			                    columns[i], ccp_csv_field(csv, columns[i]));
	return CCP_OK;
}

static bool
parse_threshold(const char *text, int64_t *value)
{
	*value = 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		*value = *value * 10 + (*text - '0');
		if (*value > INT32_MAX)
			return false;
	}
	return *text == '\0';
}

static enum ccp_err
read_price(struct ccp_models *models, const struct ccp_csv *csv, struct ccp_error *err)
{
	static const char *const base[5] = { "input", "output", "cache_write_5m", "cache_write_1h",
		                             "cache_read" };
	static const char *const longer[5] = { "long_input", "long_output", "long_cache_write_5m",
		                               "long_cache_write_1h", "long_cache_read" };
	const char *id = ccp_csv_field(csv, "bedrock_id");
	struct ccp_price *price;
	void *rows;
	size_t i;
	enum ccp_err rc;

	for (i = 0; i < models->price_count; i++)
		if (strcmp(models->prices[i].bedrock_id, id) == 0)
			return ccp_csv_fail(csv, err, "a second price for %.100s", id);
	if (*id == '\0')
		return ccp_csv_fail(csv, err, "no bedrock_id");
	rows = ccp_models_grow(models->prices, models->price_count, sizeof(*price));
	if (!rows)
		return ccp_fail(err, CCP_ERR_NOMEM, "no room for the price table");
	models->prices = rows;
	price = &models->prices[models->price_count];
	price->bedrock_id = strdup(id);
	if (!price->bedrock_id)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the price table");
	models->price_count++;
	rc = read_rates(csv, base, &price->rates, err);
	if (rc)
		return rc;
	if (!parse_threshold(ccp_csv_field(csv, "long_threshold"), &price->long_threshold))
		return ccp_csv_fail(csv, err, "long_threshold is not a number of tokens");
	return price->long_threshold > 0 ? read_rates(csv, longer, &price->long_rates, err)
	                                 : CCP_OK;
}

enum ccp_err
ccp_models_load_prices(struct ccp_models *models, const char *path, struct ccp_error *err)
{
	static const char *const columns[] = {
		"bedrock_id",
		"input",
		"output",
		"cache_write_5m",
		"cache_write_1h",
		"cache_read",
		"long_threshold",
		"long_input",
		"long_output",
		"long_cache_write_5m",
		"long_cache_write_1h",
		"long_cache_read",
		NULL,
	};
	struct ccp_csv csv;
	bool more = true;
	enum ccp_err rc;

	rc = ccp_csv_open(&csv, path, err);
	if (!rc)
		rc = ccp_csv_require(&csv, columns, err);
	while (!rc) {
		rc = ccp_csv_next(&csv, &more, err);
		if (rc || !more)
			break;
		rc = read_price(models, &csv, err);
	}
	ccp_csv_close(&csv);
	return rc;
}

static const struct ccp_price *
find_price(const struct ccp_models *models, const char *bedrock_id)
{
	const char *slash = strrchr(bedrock_id, '/');
	size_t i;

	/* arn:aws:bedrock:REGION:ACCOUNT:inference-profile/PROFILE and foundation-model/ID */
	if (strncmp(bedrock_id, "arn:", 4) == 0 && slash)
		bedrock_id = slash + 1;
	for (i = 0; i < models->price_count; i++)
		if (strcmp(models->prices[i].bedrock_id, bedrock_id) == 0)
			return &models->prices[i];
	return NULL;
}

static unsigned __int128
times(int64_t tokens, int64_t rate)
{
	return tokens > 0 ? (unsigned __int128)tokens * (unsigned __int128)rate : 0;
}

int64_t
ccp_models_cost_microusd(const struct ccp_models *models, const char *bedrock_id,
                         const struct ccp_usage *usage)
{
	const struct ccp_price *price = find_price(models, bedrock_id);
	const struct ccp_rates *rates;
	unsigned __int128 sum, prompt;

	if (!price)
		return -1;
	prompt = times(usage->input_tokens, 1) + times(usage->cache_read_tokens, 1) +
	         times(usage->cache_write_5m_tokens, 1) + times(usage->cache_write_1h_tokens, 1);
	rates = &price->rates;
	if (price->long_threshold > 0 && prompt > (unsigned __int128)price->long_threshold)
		rates = &price->long_rates;
	sum = times(usage->input_tokens, rates->input) +
	      times(usage->output_tokens, rates->output) +
	      times(usage->cache_write_5m_tokens, rates->cache_write_5m) +
	      times(usage->cache_write_1h_tokens, rates->cache_write_1h) +
	      times(usage->cache_read_tokens, rates->cache_read);
	sum = (sum + MICRO / 2) / MICRO;
	return sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
}
