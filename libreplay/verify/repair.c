/* repair.c - see repair.h */
#include "verify/repair.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"

#define TRIES 10 /* a writer may move the ledger between our look and our lock */

struct repairing {
	struct ev_verifying *w;
	const struct ev_snapshot *at; /* where they are wrong */
	struct ev_store *store;
	struct ev_wrong_row *rows; /* by table and key */
	size_t n;
	const struct ev_table_check *t;
	struct ev_table_info info; /* of t in the store */
	struct ev_query *insert;
	struct ev_buf texts;       /* of the values that are bound */
	int64_t deleted, written;
};

static int by_table_key(const void *a, const void *b)
{
	const struct ev_wrong_row *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return ev_hash128_cmp(x->key, y->key);
}

static uint64_t little(const char *p)
{
	uint64_t v = 0;

	for (size_t i = 8; i--;)
		v = v << 8 | (unsigned char)p[i];
	return v;
}

/* SQLite takes each value as what it is. */
static struct ev_bind bind_typed(struct ev_slice raw)
{
	struct ev_slice text = ev_slice(raw.ptr + 7, raw.len - 7);

	switch (raw.ptr[2]) {
	case 0:
		return (struct ev_bind){ .kind = EV_BIND_NULL };
	case 1:
		return ev_bind_int((int64_t)little(raw.ptr + 3));
	case 2:
		return (struct ev_bind){ .kind = EV_BIND_REAL, .i = (int64_t)little(raw.ptr + 3) };
	case 5:
		return ev_bind_bytes(text);
	default:
		return ev_bind_slice(text);
	}
}

/* PostgreSQL casts a text to the column's type; the text stands in `texts`, which must not move. */
static struct ev_bind bind_text(struct ev_buf *texts, struct ev_slice raw)
{
	size_t at = texts->len;
	uint64_t bits;
	double v;

	if (raw.ptr[2] == 0 || raw.ptr[2] >= 3) {
		if (raw.ptr[2] != 6)
			return bind_typed(raw);
		ev_buf_adds(texts, raw.ptr[3] ? "true" : "false");
	} else {
		bits = little(raw.ptr + 3);
		memcpy(&v, &bits, sizeof(v));
		if (raw.ptr[2] == 1)
			ev_buf_add_i64(texts, (int64_t)bits);
		else
			ev_buf_addf(texts, "%.17g", v);
	}
	return ev_bind_slice(ev_slice(texts->data + at, texts->len - at));
}

static int bind_columns(struct repairing *r, struct ev_slice bytes, size_t n, struct ev_bind *out,
			struct ev_error *err)
{
	struct ev_slice raw;

	ev_buf_clear(&r->texts);
	if (!ev_buf_reserve(&r->texts, n * 40))
		return ev_fail(err, EV_STORE, "no memory for a row");
	for (size_t i = 0; i < n && ev_row_column(&bytes, NULL, &raw); i++)
		out[i] = r->store->ops->dialect == EV_SQLITE ? bind_typed(raw) : bind_text(&r->texts, raw);
	return 0;
}

/* The store may know the type by another name than the reference. */
static const char *type_of(const struct repairing *r, const char *column)
{
	size_t i = 0;

	while (i < r->info.ncolumns && strcmp(r->info.columns[i].name, column) != 0)
		i++;
	return i < r->info.ncolumns ? r->info.columns[i].type : "text";
}

static void placeholder(const struct repairing *r, size_t i, struct ev_buf *sql)
{
	const char *type = type_of(r, r->t->shape.columns[i].name);

	ev_buf_addf(sql, "?%zu", i + 1);
	if (r->store->ops->dialect == EV_POSTGRESQL && strcmp(type, "bytea") != 0)
		ev_buf_addf(sql, "::text::%s", type);
}

static struct ev_query *prepare(struct repairing *r, bool insert, struct ev_error *err)
{
	const struct ev_shape *shape = &r->t->shape;
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;

	ev_buf_adds(&sql, insert ? "INSERT INTO " : "DELETE FROM ");
	ev_buf_add_quoted(&sql, shape->table, '"');
	ev_buf_adds(&sql, insert ? " (" : " WHERE ");
	for (size_t i = 0; i < (insert ? shape->ncolumns : shape->nkeys); i++) {
		ev_buf_adds(&sql, !i ? "" : insert ? ", " : " AND ");
		ev_buf_add_quoted(&sql, shape->columns[i].name, '"');
		if (!insert) {
			/* SQLite's keys may be NULL, of which = is never true */
			ev_buf_adds(&sql, r->store->ops->dialect == EV_SQLITE ? " IS " : " = ");
			placeholder(r, i, &sql);
		}
	}
	for (size_t i = 0; insert && i < shape->ncolumns; i++) {
		ev_buf_adds(&sql, i ? ", " : ") VALUES (");
		placeholder(r, i, &sql);
	}
	ev_buf_adds(&sql, insert ? ")" : "");
	q = r->store->ops->prepare(r->store, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	ev_buf_release(&sql);
	return q;
}

static int delete_rows(struct repairing *r, struct ev_error *err)
{
	struct ev_bind *b = ev_alloc((r->t->shape.nkeys + 1) * sizeof(*b));
	struct ev_query *q = prepare(r, false, err);
	int64_t rc = q ? 0 : -1;

	for (size_t i = 0; i < r->n && rc >= 0; i++) {
		if (r->rows[i].table != r->t)
			continue;
		rc = bind_columns(r, r->rows[i].bytes, r->t->shape.nkeys, b, err);
		if (rc == 0)
			rc = r->store->ops->run(r->store, q, b, r->t->shape.nkeys, err);
		r->deleted += rc > 0 ? rc : 0;
	}
	r->store->ops->finish(r->store, q);
	free(b);
	return rc < 0 ? -1 : 0;
}

static int insert_row(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	struct repairing *r = ctx;
	struct ev_wrong_row want = { .table = r->t, .key = row->key };
	size_t n = r->t->shape.ncolumns;
	struct ev_bind *b;
	int64_t rc;

	if (!bsearch(&want, r->rows, r->n, sizeof(*r->rows), by_table_key))
		return 0;
	b = ev_alloc((n + 1) * sizeof(*b));
	rc = bind_columns(r, row->bytes, n, b, err);
	if (rc == 0)
		rc = r->store->ops->run(r->store, r->insert, b, n, err);
	free(b);
	r->written += rc > 0 ? rc : 0;
	return rc < 0 ? -1 : 0;
}

static int replace_rows(struct repairing *r, struct ev_error *err)
{
	int rc;

	if (delete_rows(r, err) < 0)
		return -1;
	r->insert = prepare(r, true, err);
	rc = r->insert ? ev_reference_scan(r->w, &r->t->shape, insert_row, r, err) : -1;
	r->store->ops->finish(r->store, r->insert);
	return rc;
}

static int rewrite_table(struct repairing *r, const struct ev_table_check *t, struct ev_error *err)
{
	int rc = r->store->ops->describe(r->store, t->shape.table, &r->info, err);

	r->t = t;
	if (rc == 0)
		rc = ev_fail(err, EV_STORE, "table '%s' is gone", t->shape.table);
	if (rc > 0)
		rc = replace_rows(r, err);
	ev_table_info_release(&r->info);
	return rc;
}

static const char *ignored_of(const struct ev_shape *shape)
{
	for (size_t i = 0; i < shape->ncolumns; i++)
		if (shape->columns[i].ignored)
			return shape->columns[i].name;
	return "";
}

/*
 * What a row is of others, or others of it, is not for us to guess; and what the log does not make, or is not to be
 * looked at, would be lost with the row.
 */
static const char *hindrance(struct repairing *r, const struct ev_table_check *t, const struct ev_table_info *info,
			     struct ev_buf *why)
{
	if (!t->shape.keyed)
		return "it has no primary key";
	if (info->tied)
		return info->tied;
	if (!ev_shape_fits(&t->shape, info, r->store->ops->dialect, why))
		return ev_buf_str(why);
	if (!t->shape.ignored)
		return NULL;
	ev_buf_addf(why, "its column '%s' is ignored, and would be overwritten", ignored_of(&t->shape));
	return ev_buf_str(why);
}

static int may_rewrite(struct repairing *r, const struct ev_table_check *t, struct ev_error *err)
{
	struct ev_table_info info;
	struct ev_buf text = EV_BUF_INIT;
	int rc = r->store->ops->describe(r->store, t->shape.table, &info, err);
	const char *why = rc > 0 ? hindrance(r, t, &info, &text) : "it is not there";

	if (rc >= 0 && why) {
		rc = ev_fail(err, EV_USAGE, "cannot repair table '%s': %s", t->shape.table, why);
		ev_hint(err, "build the view anew: evproject rebuild --again");
	}
	ev_buf_release(&text);
	ev_table_info_release(&info);
	return rc < 0 ? -1 : 0;
}

static int64_t rows_of(const struct ev_verifying *w)
{
	int64_t n = 0;

	for (size_t i = 0; i < w->ntables; i++)
		n += (int64_t)w->tables[i].sum[EV_SIDE_LOG].count;
	return n;
}

static int refuse(struct repairing *r, struct ev_error *err)
{
	double share = 100.0 * (double)r->n / (double)(rows_of(r->w) ? rows_of(r->w) : 1);

	if (share > r->w->opt->max_repair) {
		ev_fail(err, EV_USAGE, "%zu row%s wrong, %.1f %% of all, more than the %g %% of --max-repair", r->n,
			ev_agree(r->n, " is", "s are"), share, r->w->opt->max_repair);
		return ev_hint(err, "build the view anew: evproject rebuild --again");
	}
	for (size_t i = 0; i < r->n; i++)
		if ((!i || r->rows[i].table != r->rows[i - 1].table) && may_rewrite(r, r->rows[i].table, err) < 0)
			return -1;
	return 0;
}

/*
 * Under the lock: are the rows those that were found to be wrong? A follower may have gone on, and nothing else may
 * have happened. The key is read again, as the rest was before the lock was ours.
 */
static int same_view(struct repairing *r, struct ev_snapshot *now, struct ev_error *err)
{
	if (ev_snapshot_rows_key(r->store, r->w->p->name, &now->rows_key, err) < 0)
		return -1;
	if (ev_snapshot_follows(r->at, now) && now->ledger.generation == r->at->ledger.generation)
		return 0;
	ev_fail(err, EV_HELD, "the view was changed while causes were sought: nothing is repaired");
	return ev_hint(err, "run it again");
}

/* In the open transaction, with the ledger's row locked: 0, 1 it has moved meanwhile, -1. */
static int rewrite(struct repairing *r, struct ev_error *err)
{
	struct ev_snapshot now = { .store = r->store };
	int rc = ev_snapshot_load(&now, r->w->p->name, 0, err);

	if (rc == 0 && ev_ledger_guard(r->store, &now.ledger, err) < 0)
		rc = err->class == EV_HELD ? 1 : -1;
	if (rc == 0)
		rc = same_view(r, &now, err);
	if (rc == 0)
		rc = ev_replay_to(&r->w->replay, &now, err);
	for (size_t i = 0; i < r->n && rc == 0; i++)
		if (!i || r->rows[i].table != r->rows[i - 1].table)
			rc = rewrite_table(r, r->rows[i].table, err);
	if (rc == 0)
		rc = ev_ledger_bump(r->store, &now.ledger, err);
	now.store = NULL; /* ours */
	ev_snapshot_release(&now);
	return rc;
}

static int transaction(struct repairing *r, struct ev_error *err)
{
	int rc = 1;

	for (int i = 0; i < TRIES && rc == 1; i++) {
		if (r->store->ops->begin(r->store, err) < 0)
			return -1;
		r->deleted = r->written = 0;
		rc = rewrite(r, err);
		if (rc == 0)
			rc = r->store->ops->commit(r->store, err);
		if (rc)
			r->store->ops->rollback(r->store);
	}
	if (rc < 0 && err->class == EV_DATA)
		err->class = EV_STORE;
	return rc ? -1 : 0;
}

int ev_repair(struct ev_verifying *w, const struct ev_snapshot *at, struct ev_wrong_row *rows, size_t n,
	      struct ev_mode *m, struct ev_error *err)
{
	struct repairing r = { .w = w, .at = at, .rows = rows, .n = n };
	struct ev_store_options opt = *w->opt->store;
	int rc;

	qsort(rows, n, sizeof(*rows), by_table_key);
	opt.read_only = !w->opt->repair_now;
	r.store = ev_store_open(w->opt->url, &opt, err);
	if (!r.store)
		return -1;
	rc = refuse(&r, err);
	if (rc == 0 && !w->opt->repair_now)
		ev_mode_note(m, "to be repaired: %zu row%s (--yes does it)", n, ev_plural(n));
	else if (rc == 0)
		rc = transaction(&r, err);
	if (rc == 0 && w->opt->repair_now) {
		w->repaired = true;
		ev_mode_note(m, "repaired: %" PRId64 " row%s deleted, %" PRId64 " written", r.deleted,
			     ev_plural(r.deleted), r.written);
	}
	ev_buf_release(&r.texts);
	r.store->ops->close(r.store);
	return rc;
}
