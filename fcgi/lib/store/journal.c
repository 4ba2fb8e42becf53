#include "store/journal.h"

#include "store/sqlite_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* "HOST BOOT DEVICE INODE": a copied file, or one of a copied machine, has another one. */
#define BOX_BYTES 192

struct ccp_usage_sum
ccp_batch_total(const struct ccp_usage_batch *batch)
{
	struct ccp_usage_sum total = { 0 };

	for (size_t i = 0; i < batch->model_count; i++) {
		const struct ccp_usage_sum *s = &batch->models[i].sum;

		total.tokens.input_tokens += s->tokens.input_tokens;
		total.tokens.output_tokens += s->tokens.output_tokens;
		total.tokens.cache_read_tokens += s->tokens.cache_read_tokens;
		total.tokens.cache_write_5m_tokens += s->tokens.cache_write_5m_tokens;
		total.tokens.cache_write_1h_tokens += s->tokens.cache_write_1h_tokens;
		total.tokens.estimated = total.tokens.estimated || s->tokens.estimated;
		total.request_count += s->request_count;
		total.cost_microusd += s->cost_microusd;
	}
	return total;
}

struct record_of {
	const char *store;
	const struct ccp_usage_record *record;
	const char *day;
};

static void
bind_record(sqlite3_stmt *stmt, const void *arg)
{
	const struct record_of *u = arg;
	const struct ccp_usage_record *r = u->record;

	ccp_sqlite_bind_text(stmt, 1, r->user);
	ccp_sqlite_bind_text(stmt, 2, u->day);
	ccp_sqlite_bind_text(stmt, 3, r->request_type);
	ccp_sqlite_bind_text(stmt, 4, r->model);
	sqlite3_bind_int64(stmt, 5, r->tokens.input_tokens);
	sqlite3_bind_int64(stmt, 6, r->tokens.output_tokens);
	sqlite3_bind_int64(stmt, 7, r->tokens.cache_read_tokens);
	sqlite3_bind_int64(stmt, 8, r->tokens.cache_write_5m_tokens);
	sqlite3_bind_int64(stmt, 9, r->tokens.cache_write_1h_tokens);
	sqlite3_bind_int64(stmt, 10, r->cost_microusd < 0 ? 0 : r->cost_microusd);
	sqlite3_bind_int(stmt, 11, r->tokens.estimated || r->cost_microusd < 0);
	sqlite3_bind_int64(stmt, 12, r->at_s);
	ccp_sqlite_bind_text(stmt, 13, u->store);
}

enum ccp_err
ccp_journal_add(struct ccp_sqlite *state, const char *store, const struct ccp_usage_record *record,
                const char *day, struct ccp_error *err)
{
	const struct record_of r = { store, record, day };

	return ccp_sqlite_write(state, CCP_ST_JOURNAL_ADD, bind_record, &r, record->at_s, NULL,
	                        err);
}

/* --- freezing --- */

struct journal_state {
	char id[CCP_JOURNAL_ID_BYTES];
	char box[BOX_BYTES];
	int64_t seq;
};

static bool
row_state(sqlite3_stmt *stmt, void *arg)
{
	struct journal_state *state = arg;

	ccp_sqlite_column(stmt, 0, state->id, sizeof(state->id));
	ccp_sqlite_column(stmt, 1, state->box, sizeof(state->box));
	state->seq = sqlite3_column_int64(stmt, 2);
	return false;
}

static void
bind_state(sqlite3_stmt *stmt, const void *arg)
{
	const struct journal_state *state = arg;

	ccp_sqlite_bind_text(stmt, 1, state->id);
	ccp_sqlite_bind_text(stmt, 2, state->box);
	sqlite3_bind_int64(stmt, 3, state->seq);
}

static void
read_boot_id(char *id, size_t size)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, id, size - 1) : 0;

	id[n > 0 ? n : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

/* What was numbered in this file, here, before; or a new beginning when it is a copy. */
static enum ccp_err
read_state(struct ccp_sqlite_tx *tx, struct journal_state *state, struct ccp_error *err)
{
	const struct stat *file = &tx->s->pool->file;
	char box[BOX_BYTES], boot[40] = "", host[65] = "";
	uint64_t random;
	enum ccp_err rc;

	*state = (struct journal_state){ 0 };
	rc = ccp_sqlite_step(tx, CCP_ST_JOURNAL_STATE, ccp_sqlite_bind_nothing, NULL, row_state,
	                     state, NULL, err);
	if (rc)
		return rc;
	(void)gethostname(host, sizeof(host) - 1);
	read_boot_id(boot, sizeof(boot));
	snprintf(box, sizeof(box), "%.64s %s %llu %llu", host, boot,
	         (unsigned long long)file->st_dev, (unsigned long long)file->st_ino);
	if (state->id[0] && strcmp(box, state->box) == 0)
		return CCP_OK;
	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return ccp_fail(err, CCP_ERR_STORE, "no random number for a journal id");
	snprintf(state->id, sizeof(state->id), "%016llx", (unsigned long long)random);
	memcpy(state->box, box, sizeof(state->box));
	return CCP_OK;
}

struct item {
	char user[CCP_USER_MAX_BYTES + 1];
	char date[11];
	char request_type[16];
};

/* Of one call: more wait for the next. */
#define FREEZE_MAX 64

struct freezing {
	const char *store;
	struct item items[FREEZE_MAX];
	size_t count, max;
	const struct item *item; /* of the step */
	const struct journal_state *state;
};

static void
bind_max(sqlite3_stmt *stmt, const void *arg)
{
	const struct freezing *f = arg;

	sqlite3_bind_int64(stmt, 1, (int64_t)f->max);
	ccp_sqlite_bind_text(stmt, 2, f->store);
}

static bool
row_item(sqlite3_stmt *stmt, void *arg)
{
	struct freezing *f = arg;
	struct item *item = &f->items[f->count++];

	ccp_sqlite_column(stmt, 0, item->user, sizeof(item->user));
	ccp_sqlite_column(stmt, 1, item->date, sizeof(item->date));
	ccp_sqlite_column(stmt, 2, item->request_type, sizeof(item->request_type));
	return f->count < f->max;
}

static void
bind_freeze(sqlite3_stmt *stmt, const void *arg)
{
	const struct freezing *f = arg;

	ccp_sqlite_bind_text(stmt, 1, f->item->user);
	ccp_sqlite_bind_text(stmt, 2, f->item->date);
	ccp_sqlite_bind_text(stmt, 3, f->item->request_type);
	sqlite3_bind_int64(stmt, 4, f->state->seq);
	ccp_sqlite_bind_text(stmt, 5, f->state->id);
	sqlite3_bind_int64(stmt, 6, CCP_BATCH_MODELS_MAX);
	ccp_sqlite_bind_text(stmt, 7, f->store);
}

/* Gives a number to what waits of each item that has no batch under way. */
static enum ccp_err
freeze(struct ccp_sqlite_tx *tx, const char *store, int64_t now_ms, size_t max,
       struct ccp_error *err)
{
	struct freezing f = { .store = store, .max = max < FREEZE_MAX ? max : FREEZE_MAX };
	struct journal_state state;
	enum ccp_err rc;

	if (max == 0)
		return CCP_OK;
	rc = ccp_sqlite_step(tx, CCP_ST_JOURNAL_TO_FREEZE, bind_max, &f, row_item, &f, NULL, err);
	if (rc || f.count == 0)
		return rc;
	rc = read_state(tx, &state, err);
	f.state = &state;
	for (size_t i = 0; i < f.count && !rc; i++) {
		f.item = &f.items[i];
		state.seq = state.seq + 1 > now_ms ? state.seq + 1 : now_ms;
		rc = ccp_sqlite_step(tx, CCP_ST_JOURNAL_FREEZE, bind_freeze, &f, NULL, NULL, NULL,
		                     err);
	}
	if (!rc)
		rc = ccp_sqlite_step(tx, CCP_ST_JOURNAL_STATE_PUT, bind_state, &state, NULL, NULL,
		                     NULL, err);
	return rc;
}

/* --- reading --- */

struct reading {
	struct ccp_usage_batch *batches;
	size_t count, max;
};

static void
read_sum(sqlite3_stmt *stmt, struct ccp_usage_sum *sum)
{
	sum->tokens.input_tokens = sqlite3_column_int64(stmt, 6);
	sum->tokens.output_tokens = sqlite3_column_int64(stmt, 7);
	sum->tokens.cache_read_tokens = sqlite3_column_int64(stmt, 8);
	sum->tokens.cache_write_5m_tokens = sqlite3_column_int64(stmt, 9);
	sum->tokens.cache_write_1h_tokens = sqlite3_column_int64(stmt, 10);
	sum->request_count = sqlite3_column_int64(stmt, 11);
	sum->cost_microusd = sqlite3_column_int64(stmt, 12);
	sum->tokens.estimated = sqlite3_column_int(stmt, 13) != 0;
}

/* Rows come by number: those of one are one batch. */
static bool
row_frozen(sqlite3_stmt *stmt, void *arg)
{
	struct reading *r = arg;
	int64_t seq = sqlite3_column_int64(stmt, 0), at_s = sqlite3_column_int64(stmt, 14);
	struct ccp_usage_batch *b = r->count ? &r->batches[r->count - 1] : NULL;
	struct ccp_batch_model *m;

	if (!b || b->seq != seq) {
		if (r->count == r->max)
			return false;
		b = &r->batches[r->count++];
		*b = (struct ccp_usage_batch){ .seq = seq };
		ccp_sqlite_column(stmt, 1, b->journal, sizeof(b->journal));
		ccp_sqlite_column(stmt, 2, b->user, sizeof(b->user));
		ccp_sqlite_column(stmt, 3, b->date, sizeof(b->date));
		ccp_sqlite_column(stmt, 4, b->request_type, sizeof(b->request_type));
	}
	if (b->model_count == CCP_BATCH_MODELS_MAX)
		return true; /* never frozen so; a hand in the file */
	m = &b->models[b->model_count++];
	ccp_sqlite_column(stmt, 5, m->model, sizeof(m->model));
	read_sum(stmt, &m->sum);
	if (at_s >= b->last_at_s) {
		b->last_at_s = at_s;
		memcpy(b->last_model, m->model, sizeof(b->last_model));
	}
	return true;
}

struct after {
	int64_t seq;
	const char *store;
};

static void
bind_after(sqlite3_stmt *stmt, const void *arg)
{
	const struct after *a = arg;

	sqlite3_bind_int64(stmt, 1, a->seq);
	ccp_sqlite_bind_text(stmt, 2, a->store);
}

enum ccp_err
ccp_journal_next(struct ccp_sqlite *state, const char *store, int64_t after_seq, int64_t now_ms,
                 struct ccp_usage_batch *batches, size_t max, size_t *count, struct ccp_error *err)
{
	const struct after after = { after_seq, store };
	struct reading r = { batches, 0, max };
	struct ccp_sqlite_tx tx;
	bool any = false;
	enum ccp_err rc;

	*count = 0;
	/* mostly there is nothing, and looking costs no write */
	rc = ccp_sqlite_read(state, CCP_ST_JOURNAL_ANY, bind_after, &after, ccp_sqlite_row_exists,
	                     &any, err);
	if (rc || !any)
		return rc;
	rc = ccp_sqlite_begin(state, 0, &tx, err);
	if (rc)
		return rc;
	rc = ccp_sqlite_step(&tx, CCP_ST_JOURNAL_FROZEN, bind_after, &after, row_frozen, &r, NULL,
	                     err);
	if (!rc && r.count < max)
		rc = freeze(&tx, store, now_ms, max - r.count, err);
	if (!rc && r.count < max) {
		r.count = 0;
		rc = ccp_sqlite_step(&tx, CCP_ST_JOURNAL_FROZEN, bind_after, &after, row_frozen, &r,
		                     NULL, err);
	}
	rc = ccp_sqlite_end(&tx, rc, err);
	if (!rc)
		*count = r.count;
	return rc;
}

static void
bind_batch(sqlite3_stmt *stmt, const void *arg)
{
	const struct ccp_usage_batch *b = arg;

	sqlite3_bind_int64(stmt, 1, b->seq);
	ccp_sqlite_bind_text(stmt, 2, b->journal);
}

enum ccp_err
ccp_journal_done(struct ccp_sqlite *state, const struct ccp_usage_batch *batches,
                 const bool *stored, size_t count, struct ccp_error *err)
{
	struct ccp_sqlite_tx tx;
	enum ccp_err rc = ccp_sqlite_begin(state, 0, &tx, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < count && !rc; i++)
		if (stored[i])
			rc = ccp_sqlite_step(&tx, CCP_ST_JOURNAL_DONE, bind_batch, &batches[i],
			                     NULL, NULL, NULL, err);
	return ccp_sqlite_end(&tx, rc, err);
}

static void
bind_store(sqlite3_stmt *stmt, const void *arg)
{
	ccp_sqlite_bind_text(stmt, 1, arg);
}

enum ccp_err
ccp_journal_waiting(struct ccp_sqlite *state, const char *store, int64_t *count,
                    struct ccp_error *err)
{
	*count = 0;
	return ccp_sqlite_read(state, CCP_ST_JOURNAL_WAITING, bind_store, store,
	                       ccp_sqlite_row_number, count, err);
}
