/*
 * sqlite_copy.c - the shadow into the live file, by pieces that the live writer hardly feels
 *
 * Each piece is a transaction of about PIECE_MS, and after it the lock is left alone for as long, so that
 * a writer who waits gets it. How far the copy is stands in the plan, in the same transaction.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/plural.h"
#include "rebuild/sqlite_kit.h"

#define PIECE_MS 40
#define MIN_ROWS 64
#define MAX_ROWS 65536

/* Ledger rows of the shadow, which stand in the live file under another name. */
static const char *const ledgers[] = { "ev_cut", "ev_dead", "ev_seen", NULL };

struct step {
	char *from, *to;    /* tables */
	struct ev_buf into, values; /* lists of columns */
	char *rowid;        /* how the rowid can be called, as SQL; NULL: it cannot */
	bool keep_rowid;
	struct ev_buf key, key_down; /* WITHOUT ROWID: its primary key, and backwards */
};

struct copy {
	struct ev_shadow_sqlite *sh;
	struct ev_sqlite *s;
	struct ev_plan *plan;
	const struct ev_shadow_hooks *hooks;
	int64_t rows, total, limit;
};

static void pause_ms(int64_t ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

static void step_release(struct step *st)
{
	sqlite3_free(st->from);
	sqlite3_free(st->to);
	sqlite3_free(st->rowid);
	ev_buf_release(&st->into);
	ev_buf_release(&st->values);
	ev_buf_release(&st->key);
	ev_buf_release(&st->key_down);
}

static void add_name(struct ev_buf *out, const char *name, const char *tail)
{
	char *quoted = sqlite3_mprintf("%s\"%w\"%s", out->len ? ", " : "", name, tail);

	ev_buf_adds(out, quoted ? quoted : "");
	sqlite3_free(quoted);
}

/* A name for the rowid that no column has taken, generated ones included: NULL when all are. */
static const char *free_name(const struct ev_buf *columns)
{
	static const char *const names[] = { "rowid", "_rowid_", "oid", NULL };

	for (const char *const *n = names; *n; n++) {
		const char *c = ev_kit_first(columns);

		while (c && strcasecmp(c, *n) != 0)
			c = ev_kit_next(columns, c, 1);
		if (!c)
			return *n;
	}
	return NULL;
}

/* Columns of a table of the shadow, but for generated ones: name, place in the primary key. */
static int columns_of(struct copy *cp, const char *table, struct ev_buf *out, struct ev_error *err)
{
	return ev_kit_rows(cp->s, out, err,
			   "SELECT name, pk FROM pragma_table_xinfo(%Q, 'ev_shadow') WHERE hidden = 0", table);
}

static int key_of(struct copy *cp, const char *table, struct step *st, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(cp->s, &rows, err, "SELECT name FROM pragma_table_xinfo(%Q, 'ev_shadow') "
			     "WHERE pk > 0 ORDER BY pk", table);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 1)) {
		add_name(&st->key, c, "");
		add_name(&st->key_down, c, " DESC");
	}
	ev_buf_release(&rows);
	return rc;
}

/* How to call the rowid of a table, and whether it is to be copied besides the columns. */
static int rowid_of(struct copy *cp, const char *table, struct step *st, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT;
	const char *name;
	int rc = ev_kit_rows(cp->s, &names, err,
			     "SELECT name FROM pragma_table_xinfo(%Q, 'ev_shadow')", table);

	name = free_name(&names);
	st->keep_rowid = name != NULL;
	if (rc == 0 && name) {
		st->rowid = sqlite3_mprintf("%s", name);
	} else if (rc == 0) {
		/* an INTEGER PRIMARY KEY is the rowid, whatever its name; any other key has an index */
		ev_buf_clear(&names);
		rc = ev_kit_rows(cp->s, &names, err, "SELECT name FROM "
				 "pragma_table_xinfo(%Q, 'ev_shadow') WHERE pk AND NOT EXISTS (SELECT 1 FROM "
				 "pragma_index_list(%Q, 'ev_shadow') WHERE origin = 'pk')", table, table);
		if (rc == 0 && names.len)
			st->rowid = sqlite3_mprintf("\"%w\"", ev_kit_first(&names));
	}
	ev_buf_release(&names);
	return rc;
}

static int table_step(struct copy *cp, const char *table, struct step *st, struct ev_error *err)
{
	struct ev_buf columns = EV_BUF_INIT;
	int64_t wr = 0;
	int rc = columns_of(cp, table, &columns, err);

	if (rc == 0)
		rc = ev_kit_number(cp->s, &wr, err, "SELECT wr FROM pragma_table_list WHERE "
				   "schema = 'ev_shadow' AND name = %Q COLLATE NOCASE", table);
	st->from = sqlite3_mprintf("%s", table);
	st->to = sqlite3_mprintf("%s%s", ev_role_prefix(EV_ROLE_NEW), table);
	for (const char *c = ev_kit_first(&columns); c; c = ev_kit_next(&columns, c, 2)) {
		add_name(&st->into, c, "");
		add_name(&st->values, c, "");
	}
	if (rc == 0 && wr)
		rc = key_of(cp, table, st, err);
	if (rc == 0 && !wr)
		rc = rowid_of(cp, table, st, err);
	ev_buf_release(&columns);
	return rc;
}

/* What the new version's rows have for a projection in a table of ours, as SQL; to be freed. */
static char *new_key(struct copy *cp)
{
	return sqlite3_mprintf("(SELECT w.rows_key FROM main.ev_rows w WHERE w.projection = '%q (new)')",
			       cp->sh->base.projection);
}

/* A dead letter that the old version has, too, is one since then; the same place in another log has other bytes. */
static void add_since(struct copy *cp, struct ev_buf *values)
{
	char *since = sqlite3_mprintf(
		", min(created_at, coalesce((SELECT o.created_at FROM main.ev_dead o WHERE o.projection = "
		EV_ROWS_KEY("%Q") " AND o.topic = ev_shadow.ev_dead.topic "
		"AND o.partition = ev_shadow.ev_dead.partition "
		"AND o.record_offset = ev_shadow.ev_dead.record_offset "
		"AND o.line = ev_shadow.ev_dead.line), created_at))",
		cp->sh->base.projection, cp->sh->base.projection);

	ev_buf_adds(values, since ? since : "");
	sqlite3_free(since);
}

/* Rows of ours: those of the shadow's projection, under the key of the new version's rows. */
static int ledger_step(struct copy *cp, const char *table, struct step *st, struct ev_error *err)
{
	struct ev_buf columns = EV_BUF_INIT;
	int rc = columns_of(cp, table, &columns, err);
	char *key = new_key(cp);

	st->from = sqlite3_mprintf("%s", table);
	st->to = sqlite3_mprintf("%s", table);
	st->rowid = sqlite3_mprintf("rowid");
	for (const char *c = ev_kit_first(&columns); c; c = ev_kit_next(&columns, c, 2)) {
		add_name(&st->into, c, "");
		if (strcmp(c, "projection") == 0)
			ev_buf_addf(&st->values, "%s%s", st->values.len ? ", " : "", key ? key : "");
		else if (strcmp(c, "created_at") == 0)
			add_since(cp, &st->values);
		else
			add_name(&st->values, c, "");
	}
	sqlite3_free(key);
	ev_buf_release(&columns);
	return rc;
}

/* Copy up to `limit` rows behind the last; *n of them. */
static int piece_by_rowid(struct copy *cp, const struct step *st, int64_t *n, struct ev_error *err)
{
	int64_t last = 0, low = cp->plan->copy_rowid;
	const char *r = st->rowid, *comma = st->keep_rowid ? ", " : "", *own = st->keep_rowid ? r : "";
	/* the lowest is a rowid too: a piece that ends with it is the only one, so nothing comes twice */
	const char *past = low == INT64_MIN ? ">=" : ">";

	if (ev_kit_number(cp->s, n, err, "SELECT count(*) FROM (SELECT 1 FROM ev_shadow.\"%w\" WHERE %s %s "
			  "%lld ORDER BY %s LIMIT %lld)", st->from, r, past, low, r, cp->limit) < 0)
		return -1;
	if (!*n)
		return 0;
	if (ev_kit_number(cp->s, &last, err, "SELECT max(r) FROM (SELECT %s AS r FROM ev_shadow.\"%w\" "
			  "WHERE %s %s %lld ORDER BY %s LIMIT %lld)", r, st->from, r, past, low, r,
			  cp->limit) < 0 ||
	    ev_kit_exec(cp->s, err, "INSERT INTO main.\"%w\" (%s%s%s) SELECT %s%s%s FROM "
			"ev_shadow.\"%w\" WHERE %s %s %lld AND %s <= %lld ORDER BY %s", st->to, own, comma,
			ev_buf_str(&st->into), own, comma, ev_buf_str(&st->values), st->from, r, past, low,
			r, last, r) < 0)
		return -1;
	cp->plan->copy_rowid = last;
	return 0;
}

/* A table whose rowid nothing calls: there is no place in it at which a piece could begin. */
static int all_at_once(struct copy *cp, const struct step *st, struct ev_error *err)
{
	int rc = ev_kit_exec(cp->s, err, "INSERT INTO main.\"%w\" (%s) SELECT %s FROM ev_shadow.\"%w\"",
			     st->to, ev_buf_str(&st->into), ev_buf_str(&st->values), st->from);

	cp->rows += rc == 0 ? sqlite3_changes64(cp->s->db) : 0;
	return rc;
}

static int piece_by_key(struct copy *cp, const struct step *st, int64_t *n, struct ev_error *err)
{
	const char *key = ev_buf_str(&st->key);
	int64_t begun;
	char *where;
	int rc;

	if (ev_kit_number(cp->s, &begun, err, "SELECT EXISTS (SELECT 1 FROM main.\"%w\")", st->to) < 0)
		return -1;
	where = begun ? sqlite3_mprintf("WHERE (%s) > (SELECT %s FROM main.\"%w\" ORDER BY %s LIMIT 1)", key,
					key, st->to, ev_buf_str(&st->key_down))
		      : sqlite3_mprintf("");
	rc = ev_kit_exec(cp->s, err, "INSERT INTO main.\"%w\" (%s) SELECT %s FROM ev_shadow.\"%w\" %s "
			 "ORDER BY %s LIMIT %lld", st->to, ev_buf_str(&st->into), ev_buf_str(&st->values),
			 st->from, where ? where : "", key, cp->limit);
	*n = sqlite3_changes64(cp->s->db);
	sqlite3_free(where);
	return rc;
}

/* One transaction; where the table is done, the plan goes to the next step. */
static int piece(struct copy *cp, const struct step *st, struct ev_error *err)
{
	struct ev_store *live = &cp->s->base;
	int64_t n = 0, start, took;
	int rc = live->ops->begin(live, err);

	if (rc < 0)
		return -1;
	start = ev_clock_ms();
	if (st->rowid)
		rc = piece_by_rowid(cp, st, &n, err);
	else
		rc = st->key.len ? piece_by_key(cp, st, &n, err) : all_at_once(cp, st, err);
	if (rc == 0 && n < cp->limit) {
		cp->plan->copy_step++;
		cp->plan->copy_rowid = INT64_MIN;
	}
	if (rc == 0)
		rc = ev_plan_save(live, cp->plan, err);
	if (rc == 0)
		rc = live->ops->commit(live, err);
	if (rc < 0) {
		live->ops->rollback(live);
		return ev_context(err, "copying '%s'", st->from);
	}
	took = ev_clock_ms() - start;
	cp->rows += n;
	if (n == cp->limit && took < PIECE_MS / 2 && cp->limit < MAX_ROWS)
		cp->limit *= 2;
	else if (took > PIECE_MS * 2 && cp->limit > MIN_ROWS)
		cp->limit /= 2;
	pause_ms(took);
	return 0;
}

static bool stopped(struct copy *cp)
{
	return cp->hooks->stop && cp->hooks->stop(cp->hooks->ctx);
}

/* 0 done, 1 stopped, -1. */
static int copy_step(struct copy *cp, const struct step *st, struct ev_error *err)
{
	int64_t step = cp->plan->copy_step;

	cp->limit = 1024;
	while (cp->plan->copy_step == step) {
		if (stopped(cp))
			return 1;
		if (piece(cp, st, err) < 0)
			return -1;
		if (cp->hooks->copied)
			cp->hooks->copied(cp->hooks->ctx, cp->rows, cp->total);
	}
	return 0;
}

/* The version's rows of a table of ours, under its new name. By columns' names: another evproject may have made it. */
static int copy_row(struct copy *cp, const char *table, const char *key, struct ev_error *err)
{
	struct ev_buf columns = EV_BUF_INIT, into = EV_BUF_INIT, values = EV_BUF_INIT;
	int rc = columns_of(cp, table, &columns, err);

	for (const char *c = ev_kit_first(&columns); rc == 0 && c; c = ev_kit_next(&columns, c, 2)) {
		add_name(&into, c, "");
		add_name(&values, c, strcmp(c, key) == 0 ? " || ' (new)'" : "");
	}
	if (rc == 0)
		rc = ev_kit_exec(cp->s, err, "INSERT INTO main.\"%w\" (%s) SELECT %s FROM ev_shadow.\"%w\" "
				 "WHERE \"%w\" = %Q", table, ev_buf_str(&into), ev_buf_str(&values), table, key,
				 cp->sh->base.projection);
	ev_buf_release(&columns);
	ev_buf_release(&into);
	ev_buf_release(&values);
	return rc;
}

/* The small tables of the ledger, in one go. */
static int copy_ledger(struct copy *cp, struct ev_error *err)
{
	const char *name = cp->sh->base.projection;
	struct ev_buf key = EV_BUF_INIT;
	int rc = copy_row(cp, "ev_projection", "name", err) < 0 || copy_row(cp, "ev_ledger", "projection", err) < 0;

	ev_rows_key_free(&key, name, cp->plan->began);
	if (rc == 0)
		rc = ev_kit_exec(cp->s, err, "INSERT INTO main.ev_rows SELECT %Q || ' (new)', %s", name,
				 ev_buf_str(&key));
	ev_buf_release(&key);
	return rc ? -1 : 0;
}

/* The first transaction: empty tables, the ledger, and that the copy has begun. */
static int begin_copy(struct copy *cp, struct ev_buf *carried, bool adopt, struct ev_error *err)
{
	struct ev_store *live = &cp->s->base;
	struct ev_store *fresh = cp->sh->base.ops->store(&cp->sh->base, err);
	int rc = -1;

	/* one that has come since the load, as while somebody was asked whether to swap, is tried on its rows */
	if (fresh && ev_kit_expect_indexes(cp->sh, ev_sqlite_of(fresh), EV_SHADOW_LOADED, err) >= 0)
		rc = live->ops->begin(live, err);
	if (rc == 0 && ((adopt && ev_kit_adopt(cp->s, cp->sh->base.projection, ev_sqlite_of(fresh),
						 &cp->plan->adopted, err) < 0) ||
			ev_kit_create(cp->s, cp->sh->base.projection, ev_sqlite_of(fresh), carried, err) < 0))
		rc = -1;
	cp->sh->base.ops->close_store(&cp->sh->base);
	if (rc == 0)
		rc = copy_ledger(cp, err);
	ev_plan_enter(cp->plan, EV_PHASE_COPY);
	cp->plan->copy_step = 1;
	cp->plan->copy_rowid = INT64_MIN;
	if (rc == 0)
		rc = ev_plan_save(live, cp->plan, err);
	if (rc == 0)
		rc = live->ops->commit(live, err);
	if (rc < 0)
		live->ops->rollback(live);
	return rc;
}

static int count_rows(struct copy *cp, const struct ev_buf *tables, struct ev_error *err)
{
	int64_t n;

	for (const char *c = ev_kit_first(tables); c; c = ev_kit_next(tables, c, 1)) {
		if (ev_kit_number(cp->s, &n, err, "SELECT count(*) FROM ev_shadow.\"%w\"", c) < 0)
			return -1;
		cp->total += n;
	}
	return 0;
}

/* What is about to serve must be all of it, whatever went wrong on the way. `where`: of the copy's rows. */
static int check_count(struct copy *cp, const char *table, const char *prefix, const char *where,
		       struct ev_error *err)
{
	int64_t want, got;

	if (ev_kit_number(cp->s, &want, err, "SELECT count(*) FROM ev_shadow.\"%w\"", table) < 0 ||
	    ev_kit_number(cp->s, &got, err, "SELECT count(*) FROM main.\"%w%w\"%s", prefix, table, where) < 0)
		return -1;
	if (want == got)
		return 0;
	ev_fail(err, EV_STORE, "the copy of table '%s' has %" PRId64 " row%s, and the new version %" PRId64, table,
		got, ev_plural(got), want);
	return ev_hint(err, "the old version serves as before; give this rebuild up with --abandon");
}

/* The first `own` bytes of `tables` are names of the projection's, the others those of ours. */
static int check_counts(struct copy *cp, const struct ev_buf *tables, size_t own, struct ev_error *err)
{
	int rc = 0;

	for (const char *c = ev_kit_first(tables); rc == 0 && c; c = ev_kit_next(tables, c, 1)) {
		bool ours = (size_t)(c - tables->data) >= own;
		char *key = new_key(cp), *where = sqlite3_mprintf(" WHERE projection = %s", key);

		rc = check_count(cp, c, ours ? "" : ev_role_prefix(EV_ROLE_NEW), ours && where ? where : "", err);
		sqlite3_free(key);
		sqlite3_free(where);
	}
	return rc;
}

/* Steps 1..: the projection's tables, then ours. */
static int copy_all(struct copy *cp, struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT;
	int64_t step = 1;
	int rc = ev_kit_rows(cp->s, &tables, err,
			     "SELECT t.table_name FROM ev_shadow.ev_table t JOIN ev_shadow.sqlite_schema m "
			     "ON m.name = t.table_name COLLATE NOCASE AND m.type = 'table' "
			     "WHERE t.projection = %Q ORDER BY t.table_name", cp->sh->base.projection);
	size_t own = tables.len;

	for (const char *const *t = ledgers; *t; t++)
		ev_buf_add(&tables, *t, strlen(*t) + 1);
	if (rc == 0)
		rc = count_rows(cp, &tables, err);
	for (const char *c = ev_kit_first(&tables); rc == 0 && c; c = ev_kit_next(&tables, c, 1), step++) {
		struct step st = { 0 };

		if (step < cp->plan->copy_step)
			continue;
		rc = (size_t)(c - tables.data) < own ? table_step(cp, c, &st, err)
						     : ledger_step(cp, c, &st, err);
		if (rc == 0)
			rc = copy_step(cp, &st, err);
		step_release(&st);
	}
	if (rc == 0)
		rc = check_counts(cp, &tables, own, err);
	ev_buf_release(&tables);
	return rc;
}

/* Statistics of what is about to serve, from a sample, so that it takes no time to speak of. */
static int analyze(struct copy *cp, struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT;
	int rc = ev_kit_rows(cp->s, &tables, err, "SELECT t.table_name FROM main.ev_table t JOIN "
			     "main.sqlite_schema m ON m.name = t.table_name AND m.type = 'table' "
			     "WHERE t.projection = %Q || ' (new)'", cp->sh->base.projection);

	if (rc == 0)
		rc = ev_kit_exec(cp->s, err, "PRAGMA analysis_limit=1000");
	for (const char *c = ev_kit_first(&tables); rc == 0 && c; c = ev_kit_next(&tables, c, 1))
		rc = ev_kit_exec(cp->s, err, "ANALYZE main.\"%w\"", c);
	ev_buf_release(&tables);
	return rc;
}

static void tell(struct copy *cp, const struct ev_buf *carried)
{
	const char *p = ev_buf_str(carried), *end;

	for (; (end = strchr(p, '\n')); p = end + 1) {
		char *line = sqlite3_mprintf("%.*s", (int)(end - p), p);

		if (line && strstr(line, "NOT carried") && cp->hooks->note)
			cp->hooks->note(cp->hooks->ctx, line);
		sqlite3_free(line);
	}
}

static int run(struct copy *cp, bool adopt, struct ev_error *err)
{
	struct ev_buf carried = EV_BUF_INIT;
	int rc = 0;

	if (!cp->plan->copy_step)
		rc = begin_copy(cp, &carried, adopt, err);
	tell(cp, &carried);
	ev_buf_release(&carried);
	if (rc == 0)
		rc = copy_all(cp, err);
	if (rc == 0)
		rc = analyze(cp, err);
	if (rc != 0)
		return rc;
	ev_plan_enter(cp->plan, EV_PHASE_READY);
	return ev_plan_save(&cp->s->base, cp->plan, err);
}

int ev_kit_copy(struct ev_shadow_sqlite *sh, struct ev_plan *plan, bool adopt,
		const struct ev_shadow_hooks *hooks, struct ev_error *err)
{
	struct copy cp = { .sh = sh, .s = sh->live, .plan = plan, .hooks = hooks };
	struct ev_error err2 = EV_ERROR_INIT;
	int rc;

	if (ev_kit_foreign_keys(sh->live, false, err) < 0 || /* they held where the rows come from */
	    ev_kit_exec(sh->live, err, "ATTACH %Q AS ev_shadow", sh->path) < 0)
		return -1;
	rc = run(&cp, adopt, err);
	if (ev_kit_exec(sh->live, &err2, "DETACH ev_shadow") < 0 && rc == 0) {
		*err = err2;
		rc = -1;
	}
	return rc;
}
