#include "upstream/models_parts.h"

#include "base/csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *
ccp_models_grow(void *rows, size_t count, size_t size)
{
	char *grown;

	if (count >= CCP_MODELS_ROWS_MAX)
		return NULL;
	grown = realloc(rows, (count + 1) * size);
	if (grown)
		memset(grown + count * size, 0, size);
	return grown;
}

static char *
copy_unless_empty(const char *text)
{
	return *text ? strdup(text) : NULL;
}

static enum ccp_err
fill_model(const struct ccp_csv *csv, struct ccp_model *model, struct ccp_error *err)
{
	const char *bedrock_id = ccp_csv_field(csv, "bedrock_id");
	const char *successor = ccp_csv_field(csv, "successor");
	const char *family = ccp_csv_field(csv, "family");
	const char *counts = ccp_csv_field(csv, "count_tokens");

	if (*family == '\0' || strlen(family) >= sizeof(model->family))
		return ccp_csv_fail(csv, err, "family must have 1 to %d bytes",
		                    CCP_FAMILY_MAX_BYTES - 1);
	snprintf(model->family, sizeof(model->family), "%s", family);
	if (strlen(bedrock_id) + strlen(ccp_csv_field(csv, "profiles")) >= CCP_MODEL_ID_MAX_BYTES)
		return ccp_csv_fail(csv, err, "bedrock_id is too long");
	if (*bedrock_id && *successor)
		return ccp_csv_fail(csv, err, "both a bedrock_id and a successor");
	model->count_tokens = strcmp(counts, "yes") == 0;
	if (*bedrock_id && !model->count_tokens && strcmp(counts, "no") != 0)
		return ccp_csv_fail(csv, err, "count_tokens is neither yes nor no: \"%.40s\"",
		                    counts);
	model->bedrock_id = strdup(bedrock_id);
	model->profiles = strdup(ccp_csv_field(csv, "profiles"));
	model->successor = copy_unless_empty(successor);
	if (!model->bedrock_id || !model->profiles || (*successor && !model->successor))
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the model table");
	return CCP_OK;
}

static enum ccp_err
read_model(struct ccp_models *models, const struct ccp_csv *csv, struct ccp_error *err)
{
	const char *id = ccp_csv_field(csv, "anthropic_id");
	struct ccp_model *model;
	void *rows;
	size_t i;

	if (*id == '\0')
		return ccp_csv_fail(csv, err, "no anthropic_id");
	for (i = 0; i < models->model_count; i++)
		if (strcmp(models->models[i].anthropic_id, id) == 0)
			return ccp_csv_fail(csv, err, "a second row for %.100s", id);
	rows = ccp_models_grow(models->models, models->model_count, sizeof(*model));
	if (!rows)
		return ccp_fail(err, CCP_ERR_NOMEM, "no room for the model table");
	models->models = rows;
	model = &models->models[models->model_count];
	model->anthropic_id = strdup(id);
	if (!model->anthropic_id)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the model table");
	models->model_count++;
	return fill_model(csv, model, err);
}

enum ccp_err
ccp_models_load_table(struct ccp_models *models, const char *path, const char *const *columns,
                      ccp_models_read_fn *read, struct ccp_error *err)
{
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
		rc = read(models, &csv, err);
	}
	ccp_csv_close(&csv);
	return rc;
}

/* Every successor is a row of its own that lives on Bedrock. */
static enum ccp_err
check_successors(const struct ccp_models *models, const char *path, struct ccp_error *err)
{
	size_t i, j;

	for (i = 0; i < models->model_count; i++) {
		const char *successor = models->models[i].successor;

		if (!successor)
			continue;
		for (j = 0; j < models->model_count; j++)
			if (strcmp(models->models[j].anthropic_id, successor) == 0 &&
			    *models->models[j].bedrock_id)
				break;
		if (j == models->model_count)
			return ccp_fail(err, CCP_ERR_SETTING,
			                "%s: the successor of %s, %s, is no row with a bedrock_id",
			                path, models->models[i].anthropic_id, successor);
	}
	return CCP_OK;
}

static enum ccp_err
load_models(struct ccp_models *models, const char *path, struct ccp_error *err)
{
	static const char *const columns[] = { "anthropic_id", "bedrock_id",   "profiles", "family",
		                               "successor",    "count_tokens", NULL };
	enum ccp_err rc = ccp_models_load_table(models, path, columns, read_model, err);

	return rc ? rc : check_successors(models, path, err);
}

/* rules.csv in the folder of path. */
static enum ccp_err
load_rules_beside(struct ccp_models *models, const char *path, struct ccp_error *err)
{
	static const char name[] = "rules.csv";
	const char *slash = strrchr(path, '/');
	size_t folder_len = slash ? (size_t)(slash - path) + 1 : 0;
	char *beside = malloc(folder_len + sizeof(name));
	enum ccp_err rc;

	if (!beside)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for a path");
	memcpy(beside, path, folder_len);
	memcpy(beside + folder_len, name, sizeof(name));
	rc = ccp_models_load_rules(models, beside, err);
	free(beside);
	return rc;
}

const char *
ccp_models_path(const struct ccp_config *config)
{
	return *config->models_file ? config->models_file : PKGDATADIR "/models.csv";
}

const char *
ccp_prices_path(const struct ccp_config *config)
{
	return *config->prices_file ? config->prices_file : PKGDATADIR "/prices.csv";
}

enum ccp_err
ccp_models_load(const char *models_path, const char *prices_path, struct ccp_models **out,
                struct ccp_error *err)
{
	struct ccp_models *models = calloc(1, sizeof(*models));
	enum ccp_err rc;

	*out = NULL;
	if (!models)
		return ccp_fail(err, CCP_ERR_NOMEM, "no memory for the model table");
	atomic_init(&models->refs, 1);
	rc = load_models(models, models_path, err);
	if (rc)
		goto out;
	rc = ccp_models_load_prices(models, prices_path, err);
	if (rc)
		goto out;
	rc = load_rules_beside(models, models_path, err);
	if (rc == CCP_ERR_NOT_FOUND)
		rc = load_rules_beside(models, prices_path, err);
	if (rc)
		goto out;
	*out = ccp_models_ref(models);

out:
	ccp_models_unref(models);
	return rc;
}

struct ccp_models *
ccp_models_ref(struct ccp_models *models)
{
	atomic_fetch_add_explicit(&models->refs, 1, memory_order_relaxed);
	return models;
}

void
ccp_models_unref(struct ccp_models *models)
{
	size_t i;

	if (!models || atomic_fetch_sub_explicit(&models->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (i = 0; i < models->model_count; i++) {
		free(models->models[i].anthropic_id);
		free(models->models[i].bedrock_id);
		free(models->models[i].profiles);
		free(models->models[i].successor);
	}
	for (i = 0; i < models->price_count; i++)
		free(models->prices[i].bedrock_id);
	ccp_models_free_rules(models);
	free(models->models);
	free(models->prices);
	free(models);
}
