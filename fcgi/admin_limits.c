#include "admin.h"
#include "admin_text.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A fingerprint's beginning tells two credentials apart; the whole is nobody's business. */
#define CREDENTIAL_SHOWN 8

/* Every user of a large house, each with a few limits of 300 bytes. */
#define JSON_MAX_BYTES (64 * 1024 * 1024)

struct listing {
	int64_t now_s;
	int count;
	struct ccp_table table;
	struct ccp_buf json;
};

static void
add_row(struct listing *list, const char *user, const struct ccp_limit *limit)
{
	struct ccp_buf text = CCP_BUF_INIT(256);
	struct ccp_table *t = &list->table;

	ccp_table_text(t, user);
	ccp_text_time(&text, limit->retry_until_s);
	ccp_table_text(t, ccp_buf_text(&text));
	ccp_buf_clear(&text);
	ccp_text_span(&text, limit->retry_until_s - list->now_s);
	ccp_table_text(t, ccp_buf_text(&text));
	ccp_buf_clear(&text);
	ccp_table_text(t, limit->family);
	ccp_table_cell(t, limit->credential, strnlen(limit->credential, CREDENTIAL_SHOWN));
	ccp_table_text(t, limit->reason);
}

static void
add_json(struct listing *list, const char *user, const struct ccp_limit *limit)
{
	struct ccp_buf *out = &list->json;

	ccp_buf_puts(out, list->count > 1 ? ",{\"user\":" : "{\"user\":");
	ccp_json_add_string(out, user, strlen(user));
	ccp_buf_addf(out, ",\"since\":%lld,\"retry_until\":%lld,\"remaining_seconds\":%lld",
	             (long long)limit->created_at_s, (long long)limit->retry_until_s,
	             (long long)(limit->retry_until_s - list->now_s));
	ccp_buf_puts(out, ",\"family\":");
	ccp_json_add_string(out, limit->family, strlen(limit->family));
	ccp_buf_puts(out, ",\"credential\":");
	ccp_json_add_string(out, limit->credential, strnlen(limit->credential, CREDENTIAL_SHOWN));
	ccp_buf_puts(out, ",\"reason\":");
	ccp_json_add_string(out, limit->reason, strlen(limit->reason));
	ccp_buf_puts(out, "}");
}

static bool
take_limit(void *arg, const char *user, const struct ccp_limit *limit)
{
	struct listing *list = arg;

	list->count++;
	add_row(list, user, limit);
	add_json(list, user, limit);
	return ccp_buf_ok(&list->table.cells) && ccp_buf_ok(&list->json);
}

/* The limits of user, or of everybody, as they are now; to be cleared, also on failure. */
static enum ccp_err
read_limits(struct ccp_store *store, const char *user, struct listing *list, struct ccp_error *err)
{
	static const char *const heads[] = { "USER",   "UNTIL",      "REMAINING",
		                             "FAMILY", "CREDENTIAL", "REASON" };
	enum ccp_err rc;

	*list = (struct listing){ .now_s = time(NULL),
		                  .table = CCP_TABLE_INIT("llllll"),
		                  .json = CCP_BUF_INIT(JSON_MAX_BYTES) };
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		ccp_table_text(&list->table, heads[i]);
	rc = ccp_store_limits_each(store, user, list->now_s, take_limit, list, err);
	if (!rc && (!ccp_buf_ok(&list->table.cells) || !ccp_buf_ok(&list->json)))
		rc = ccp_fail(err, CCP_ERR_LIMIT, "too many limits to show: name a user");
	return rc;
}

static void
listing_clear(struct listing *list)
{
	ccp_table_clear(&list->table);
	ccp_buf_clear(&list->json);
}

static void
print_none(const char *user)
{
	if (user)
		printf("%s has no limits: Anthropic is asked.\n", user);
	else
		puts("No limits: Anthropic is asked for everybody.");
}

int
ccp_admin_limits_list(const struct ccp_admin *admin)
{
	struct ccp_store *store = NULL;
	struct listing list = { 0 };
	struct ccp_error err = { 0 };
	enum ccp_err rc = ccp_admin_open_store(admin->config, &store, &err);

	if (!rc)
		rc = read_limits(store, admin->user, &list, &err);
	if (!rc && admin->json)
		printf("{\"limits\":[%s]}\n", ccp_buf_text(&list.json));
	else if (!rc && list.count == 0)
		print_none(admin->user);
	else if (!rc)
		ccp_table_print(&list.table);
	listing_clear(&list);
	ccp_admin_close_store(admin->config, store);
	return rc ? ccp_admin_failed(err.text) : CCP_ADMIN_FINE;
}

int
ccp_admin_limits_clear(const struct ccp_admin *admin)
{
	const struct ccp_config *config = admin->config;
	struct ccp_store *store = NULL;
	struct listing list = { 0 };
	struct ccp_error err = { 0 };
	enum ccp_err rc = ccp_admin_open_store(config, &store, &err);

	if (!rc)
		rc = read_limits(store, admin->user, &list, &err);
	if (!rc)
		rc = ccp_store_limits_clear(store, admin->user, &err);
	if (!rc && list.count == 0) {
		printf("%s had no limits; nothing to clear.\n", admin->user);
	} else if (!rc) {
		printf("Cleared %d %s of %s:\n", list.count, list.count == 1 ? "limit" : "limits",
		       admin->user);
		ccp_table_print(&list.table);
		if (ccp_store_is_dynamodb(config) && config->limit_cache_s > 0)
			printf("Other machines notice within %lld s.\n",
			       (long long)config->limit_cache_s);
	}
	listing_clear(&list);
	ccp_admin_close_store(admin->config, store);
	return rc ? ccp_admin_failed(err.text) : CCP_ADMIN_FINE;
}
