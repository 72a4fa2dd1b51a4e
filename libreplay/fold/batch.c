/*
 * batch.c - a batch of statements collected, folded at sync, its rows written and forgotten
 *
 * For projections of which only some statements fold.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "fold/internal.h"

#define MOST_OPS 16384
#define LEAST_OPS 64
#define MOST_BYTES (64u << 20)

static size_t most_bytes(const struct ev_fold *f)
{
	return f->limit && f->limit < MOST_BYTES ? f->limit : MOST_BYTES;
}

int ev_fold_apply(struct ev_fold *f, size_t handler, size_t statement, struct ev_query *q,
		  const struct ev_bind *b, size_t n, uint64_t tag, struct ev_error *err)
{
	const struct ev_fold_statement *s = &f->statements[handler][statement];
	enum ev_fold_found found;
	struct ev_fold_row *row;
	struct ev_fold_op *op;

	if ((f->nops == (f->most_ops ? f->most_ops : MOST_OPS) || f->arena.bytes - f->synced > most_bytes(f) / 4) &&
	    ev_fold_sync(f, err) < 0)
		return -1;
	if (!f->nops && f->arena.bytes + ev_fold_bytes(f) > most_bytes(f) && ev_fold_flush(f, err) < 0)
		return -1;
	EV_GROW(f->ops, f->nops, f->ops_cap);
	op = &f->ops[f->nops++];
	*op = (struct ev_fold_op){ .s = s, .query = q, .nparams = n, .tag = tag };
	op->params = ev_arena_take(&f->arena, (n + 1) * sizeof(*op->params));
	op->binds = ev_arena_take(&f->arena, (n + 1) * sizeof(*op->binds));
	for (size_t i = 0; i < n; i++) {
		ev_fold_value(&f->arena, &b[i], f->store->ops->dialect, &op->params[i]);
		op->binds[i] = b[i];
		if (op->params[i].text.ptr)
			op->binds[i].text = op->params[i].text;
		else if (b[i].text.ptr)
			op->binds[i].text = ev_arena_copy(&f->arena, b[i].text);
	}
	row = ev_fold_find(f, s, op->params, &found);
	if (s->sweeps)
		ev_fold_want_group(s->table, op->group = row);
	else if ((op->row = row))
		ev_fold_want_row(s->table, row);
	op->none = found == EV_KEY_NONE;
	op->plain = ev_fold_binds(f, s, op->params);
	return 0;
}

/* The store's word on a statement that was left to it; the engine hears it too. */
static void hear(void *ctx, uint64_t tag, int64_t touched, const struct ev_error *err)
{
	struct ev_fold *f = ctx;

	f->failed |= touched < 0;
	f->on_result(f->on_result_ctx, tag, touched, err);
}

static int ask_store(struct ev_fold *f, const struct ev_fold_op *op, struct ev_error *err)
{
	int rc;

	f->on_result = f->store->on_result;
	f->on_result_ctx = f->store->on_result_ctx;
	f->store->on_result = hear;
	f->store->on_result_ctx = f;
	rc = f->store->ops->apply(f->store, op->query, op->binds, op->nparams, op->tag, err);
	if (rc == 0)
		rc = f->store->ops->sync(f->store, err);
	f->store->on_result = f->on_result;
	f->store->on_result_ctx = f->on_result_ctx;
	return rc;
}

/* Written before, run by the store, read again when it is next wanted. */
static int leave_to_store(struct ev_fold *f, const struct ev_fold_op *op, struct ev_error *err)
{
	struct ev_fold_table *t = op->s->table;

	f->left++;
	if (op->row ? ev_fold_write_one(f, t, op->row, err) : ev_fold_write(f, t, err))
		return -1;
	if (ask_store(f, op, err) < 0)
		return -1;
	ev_fold_unsure(f, t, op->row);
	return 0;
}

/* `touched` -1: not for us to do. */
static int fold_one(struct ev_fold *f, const struct ev_fold_op *op, int64_t *touched, struct ev_error *err)
{
	int rc = 0;

	*touched = -1;
	if (!op->plain)
		return 0;
	if (op->none) {
		*touched = 0;
		return 0;
	}
	if (op->s->sweeps) {
		rc = ev_fold_sweep(f, op->s, op->group, op->params, touched, err);
		if (rc)
			*touched = -1;
		return rc < 0 ? -1 : 0;
	}
	if (!op->row || (op->row->state == EV_ROW_UNKNOWN && ev_fold_over(f)))
		return 0;
	if (op->row->state == EV_ROW_UNKNOWN)
		rc = ev_fold_load_one(f, op->s->table, op->row, err);
	if (rc == 0)
		*touched = ev_fold_step(f, op->s, op->row, op->params);
	return rc < 0 ? -1 : 0;
}

/*
 * Memory is full: fewer at once, the next time. As many as that did not fill it: a few more, as what was so large may
 * have passed.
 */
static void adapt(struct ev_fold *f)
{
	if (ev_fold_full(f))
		f->most_ops = f->nops / 2 > LEAST_OPS ? f->nops / 2 : LEAST_OPS;
	else if (f->most_ops && f->nops >= f->most_ops)
		f->most_ops = f->most_ops < MOST_OPS ? f->most_ops + f->most_ops / 8 : 0;
}

int ev_fold_sync(struct ev_fold *f, struct ev_error *err)
{
	struct ev_error none = EV_ERROR_INIT;

	if (!f->nops)
		return 0;
	f->beside = f->arena.bytes;
	if (ev_fold_fetch(f, err) < 0)
		return -1;
	adapt(f);
	for (size_t i = 0; i < f->nops && !f->failed; i++) {
		const struct ev_fold_op *op = &f->ops[i];
		int64_t touched;

		if (fold_one(f, op, &touched, err) < 0)
			return -1;
		ev_fold_keep(f);
		if (touched < 0 && leave_to_store(f, op, err) < 0)
			return -1;
		if (touched >= 0) {
			f->folded++;
			f->store->on_result(f->store->on_result_ctx, op->tag, touched, &none);
		}
	}
	f->nops = 0;
	f->synced = f->arena.bytes;
	return 0;
}

int ev_fold_flush(struct ev_fold *f, struct ev_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < f->ntables && rc == 0; i++)
		if (f->tables[i].plain)
			rc = ev_fold_write(f, &f->tables[i], err);
	ev_fold_drop(f);
	return rc;
}

void ev_fold_drop(struct ev_fold *f)
{
	ev_fold_forget(f);
	f->nops = 0;
	f->failed = false;
	ev_arena_clear(&f->arena);
	f->synced = 0;
}
