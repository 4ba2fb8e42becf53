#include "admin.h"
#include "admin_text.h"
#include "store/dynamodb.h"

#include <stdio.h>
#include <string.h>

/* Each step as it is done: a new index takes minutes. */
static void
say(void *arg, const char *sentence)
{
	struct ccp_buf line = CCP_BUF_INIT(4096);

	(void)arg;
	ccp_text_add(&line, sentence, strlen(sentence));
	puts(ccp_buf_text(&line));
	fflush(stdout);
	ccp_buf_clear(&line);
}

static int
tables(const struct ccp_admin *admin, bool make)
{
	struct ccp_dynamodb *db = NULL;
	struct ccp_error err = { 0 };
	int missing = 0;
	enum ccp_err rc;

	if (!ccp_store_is_dynamodb(admin->config)) {
		puts("The store is SQLite, which needs no tables: the programs make the file "
		     "themselves. For DynamoDB set STORE=dynamodb:");
		return CCP_ADMIN_FINE;
	}
	rc = ccp_dynamodb_open(admin->config, NULL, NULL, &db, &err);
	if (!rc)
		rc = ccp_dynamodb_tables(db, make, say, NULL, &missing, &err);
	if (db)
		ccp_dynamodb_backend.close(db);
	if (rc)
		return ccp_admin_failed(err.text);
	if (missing == 0) {
		puts("Both tables are as they should be.");
		return CCP_ADMIN_FINE;
	}
	printf("%d %s not as %s should be.%s\n", missing, missing == 1 ? "thing is" : "things are",
	       missing == 1 ? "it" : "they", make ? "" : " \"tables create\" mends that.");
	return CCP_ADMIN_FAILED;
}

int
ccp_admin_tables_create(const struct ccp_admin *admin)
{
	return tables(admin, true);
}

int
ccp_admin_tables_check(const struct ccp_admin *admin)
{
	return tables(admin, false);
}
