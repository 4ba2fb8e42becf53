#ifndef CCP_SHIPPED_MODELS_H
#define CCP_SHIPPED_MODELS_H

#include "upstream/models.h"

#include <stdio.h>
#include <stdlib.h>

/* The models, prices and rules that ship, as a group's setup and teardown. */
static struct ccp_models *models;

static int
load(void **state)
{
	const char *root = getenv("abs_top_srcdir");
	char models_path[512], prices_path[512];
	struct ccp_error err = { 0 };

	(void)state;
	snprintf(models_path, sizeof(models_path), "%s/data/models.csv", root ? root : ".");
	snprintf(prices_path, sizeof(prices_path), "%s/data/prices.csv", root ? root : ".");
	if (ccp_models_load(models_path, prices_path, &models, &err)) {
		fprintf(stderr, "# %s\n", err.text);
		return -1;
	}
	return 0;
}

static int
unload(void **state)
{
	(void)state;
	ccp_models_unref(models);
	return 0;
}

#endif
