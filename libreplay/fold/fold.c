/* fold.c - which tables and statements fold; see fold.h */
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "projection/ddl.h"
#include "store/indexes.h"

#define ENOUGH 1000 /* statements, before it is judged whether the fold pays */

/* ---- tables ---- */

static void say(struct ev_buf *why, const char *table, const char *reason)
{
	ev_buf_addf(why, "table '%s' goes by statements: %s\n", table, reason);
}

/* Indexes that wait for the rows are those of the table, too. */
static void expect_indexes(struct ev_table_info *info, const char *table, const struct ev_buf *waiting)
{
	for (size_t i = 0; i < info->ncolumns; i++)
		info->columns[i].in_place |= ev_indexes_have(waiting, table, info->columns[i].name);
}

/* What somebody's trigger reads must be there, and what it writes be seen. */
static void leave_all(struct ev_fold *f, const char *acts, struct ev_buf *why)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].plain) {
			f->tables[i].plain = false;
			ev_buf_addf(why, "table '%s' goes by statements: a trigger or a rule of table '%s' may read or "
				    "write it\n", f->tables[i].name, acts);
		}
}

static int describe_tables(struct ev_fold *f, const struct ev_buf *tables, const struct ev_buf *waiting,
			   struct ev_buf *why, struct ev_error *err)
{
	const char *name = ev_buf_str(tables), *end = name + tables->len, *acts = NULL;

	for (; name < end; name += strlen(name) + 1) {
		struct ev_fold_table *t = EV_PUSH(f->tables, f->ntables);
		struct ev_table_info info;
		int there = f->store->ops->describe(f->store, name, &info, err);
		const char *reason;

		expect_indexes(&info, name, waiting);
		t->name = ev_fold_lower(name);
		reason = there > 0 ? ev_fold_take_table(f, t, &info) : "it is a view";
		t->plain = !reason;
		t->view = there == 0;
		if (there > 0 && reason)
			say(why, name, reason);
		if (info.acts)
			acts = name;
		ev_table_info_release(&info);
		if (there < 0)
			return -1;
	}
	if (acts)
		leave_all(f, acts, why);
	return 0;
}

/* ---- statements ---- */

static void leave_table(struct ev_fold_table *t, int line, const char *reason, struct ev_buf *why)
{
	if (!t->plain)
		return;
	t->plain = false;
	ev_buf_addf(why, "table '%s' goes by statements: that of line %d is not one that is folded", t->name, line);
	ev_buf_addf(why, reason ? ": %s\n" : "\n", reason);
}

/* A statement of another shape: the tables that it mentions go by statements; with a view, all do. */
static void spoil(struct ev_fold *f, const struct ev_statement *s, const char *reason, struct ev_buf *why)
{
	size_t n;
	struct ev_token *t = ev_sql_tokens(s->sql[f->store->ops->dialect], &n);

	for (size_t i = 0; i < n; i++) {
		char *name = t[i].kind == EV_TOKEN_WORD || t[i].kind == EV_TOKEN_QUOTED ? ev_token_name(&t[i])
										       : NULL;

		for (size_t k = 0; name && k < f->ntables; k++) {
			if (strcmp(f->tables[k].name, name) != 0)
				continue;
			for (size_t m = 0; m < f->ntables; m++)
				if (m == k || f->tables[k].view)
					leave_table(&f->tables[m], s->place.line, reason, why);
		}
		free(name);
	}
	free(t);
}

/* For the types of its parameters; NULL where they have none, or the store does not take it: `err` says why. */
static struct ev_query *prepare_for_types(struct ev_fold *f, const struct ev_statement *s, const struct ev_buf *tables,
					  struct ev_error *err)
{
	struct ev_buf reads = EV_BUF_INIT;
	struct ev_query *q = NULL;
	size_t at;

	for (size_t i = 0; i < f->projection->nreads; i++)
		ev_buf_add(&reads, f->projection->reads[i], strlen(f->projection->reads[i]) + 1);
	if (f->store->ops->param_type)
		q = f->store->ops->prepare(f->store, s->sql[f->store->ops->dialect], true, tables, &reads, &at, err);
	ev_buf_release(&reads);
	return q;
}

static void read_statement(struct ev_fold *f, size_t h, size_t i, struct ev_query *q, const struct ev_buf *tables,
			   struct ev_buf *why)
{
	const struct ev_statement *s = &f->projection->handlers[h].statements[i];
	struct ev_fold_statement *read = &f->statements[h][i];
	struct ev_error refused = EV_ERROR_INIT;
	struct ev_query *own = q ? NULL : prepare_for_types(f, s, tables, &refused);

	ev_fold_read(f, s, q ? q : own, refused.text, read);
	if (own)
		f->store->ops->finish(f->store, own);
	if (!read->table)
		spoil(f, s, read->why, why);
}

static void read_statements(struct ev_fold *f, struct ev_query ***queries, const struct ev_buf *tables,
			    struct ev_buf *why)
{
	const struct ev_projection *p = f->projection;

	f->nhandlers = p->nhandlers;
	f->statements = ev_alloc(p->nhandlers * sizeof(*f->statements));
	for (size_t h = 0; h < p->nhandlers; h++) {
		f->statements[h] = ev_alloc(p->handlers[h].nstatements * sizeof(**f->statements));
		for (size_t i = 0; i < p->handlers[h].nstatements; i++)
			read_statement(f, h, i, queries ? queries[h][i] : NULL, tables, why);
	}
}

/* By what the row is found, and what of it the expressions read; once all is known of the statement. */
static void find_columns(struct ev_fold_statement *s)
{
	struct ev_fold_table *t = s->table;

	s->key = ev_alloc((t->nkey + 1) * sizeof(*s->key));
	for (size_t k = 0; k < t->nkey; k++) {
		if (s->verb != EV_FOLD_INSERT)
			s->key[k] = s->where[k]; /* not all of them are given to one that sweeps */
		for (size_t i = 0; s->verb == EV_FOLD_INSERT && i < s->nvalues; i++)
			if (s->values[i].column == t->key[k])
				s->key[k] = s->values[i].expr;
	}
	for (size_t c = 0; c < t->ncolumns; c++)
		for (size_t i = 0; i < s->nexpr; i++)
			if (s->expr[i].kind == EV_FX_OLD && s->expr[i].index == c) {
				*EV_PUSH(s->olds, s->nolds) = c;
				break;
			}
	/* what the table's CHECKs read is tried on the row as it will be */
	for (size_t c = 0; c < t->ncolumns; c++) {
		bool there = false;

		for (size_t i = 0; i < s->nolds; i++)
			there |= s->olds[i] == c;
		for (size_t i = 0; i < t->rules->nexpr && !there; i++)
			if (t->rules->expr[i].kind == EV_FX_OLD && t->rules->expr[i].index == c) {
				*EV_PUSH(s->olds, s->nolds) = c;
				there = true;
			}
	}
}

static void find_all_columns(struct ev_fold *f)
{
	f->whole = true;
	for (size_t h = 0; h < f->nhandlers; h++)
		for (size_t i = 0; i < f->projection->handlers[h].nstatements; i++) {
			struct ev_fold_statement *s = &f->statements[h][i];

			f->whole &= s->table && s->table->plain;
			if (s->table)
				find_columns(s);
		}
}

static void make_room(struct ev_fold *f)
{
	size_t widest = 1;

	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].ncolumns > widest)
			widest = f->tables[i].ncolumns;
	f->fresh = ev_alloc(widest * sizeof(*f->fresh));
	f->after = ev_alloc(widest * sizeof(*f->after));
	f->old = ev_alloc(widest * sizeof(*f->old));
	f->binds = ev_alloc(widest * sizeof(*f->binds));
	f->params = ev_alloc(ev_projection_widest(f->projection) * sizeof(*f->params));
	find_all_columns(f);
}

static bool any_plain(const struct ev_fold *f)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].plain)
			return true;
	return false;
}

static struct ev_fold *read_all(struct ev_store *s, const struct ev_projection *p, struct ev_query ***queries,
				const struct ev_buf *tables, const struct ev_buf *waiting, struct ev_buf *why,
				struct ev_error *err)
{
	struct ev_fold *f = ev_alloc(sizeof(*f));

	f->store = s;
	f->projection = p;
	if (describe_tables(f, tables, waiting, why, err) == 0) {
		read_statements(f, queries, tables, why);
		make_room(f);
		if (any_plain(f))
			return f;
	}
	ev_fold_free(f);
	return NULL;
}

struct ev_fold *ev_fold_new(struct ev_store *s, const struct ev_projection *p, struct ev_query ***queries,
			    const struct ev_buf *tables, const struct ev_buf *waiting, struct ev_buf *why,
			    struct ev_error *err)
{
	struct ev_fold *f;
	int64_t stamp = 0;

	if (s->ops->stamp(s, tables, &stamp, err) < 0)
		return NULL;
	f = read_all(s, p, queries, tables, waiting, why, err);
	if (f) {
		f->stamp = stamp;
		ev_buf_add(&f->names, tables->data, tables->len);
	}
	for (size_t i = 0; f && i < f->ntables; i++)
		if (f->tables[i].plain && ev_fold_prepare(f, &f->tables[i], err) < 0) {
			ev_fold_free(f);
			return NULL;
		}
	return f;
}

struct ev_fold *ev_fold_detached(struct ev_store *s, const struct ev_projection *p, const struct ev_buf *tables,
				 uint32_t slice, uint32_t slices, struct ev_buf *why, struct ev_error *err)
{
	struct ev_fold *f = read_all(s, p, NULL, tables, NULL, why, err);

	if (f && !f->whole) {
		ev_fold_free(f);
		return NULL;
	}
	for (size_t i = 0; f && i < f->ntables; i++)
		f->tables[i].complete = true;
	if (f) {
		f->slice = slice;
		f->slices = slices;
	}
	return f;
}

void ev_fold_free(struct ev_fold *f)
{
	if (!f)
		return;
	ev_fold_forget(f);
	for (size_t h = 0; h < f->nhandlers; h++) {
		for (size_t i = 0; i < f->projection->handlers[h].nstatements; i++) {
			free(f->statements[h][i].key);
			free(f->statements[h][i].olds);
			ev_fold_statement_release(&f->statements[h][i]);
		}
		free(f->statements[h]);
	}
	free(f->statements);
	for (size_t i = 0; i < f->ntables; i++) {
		struct ev_fold_table *t = &f->tables[i];

		for (size_t c = 0; c < t->ncolumns; c++) {
			free(t->columns[c].name);
			free(t->columns[c].type);
			free(t->columns[c].value);
		}
		f->store->ops->finish(f->store, t->load);
		f->store->ops->finish(f->store, t->write);
		f->store->ops->finish(f->store, t->erase);
		f->store->ops->finish(f->store, t->any);
		f->store->ops->finish(f->store, t->insert);
		ev_fold_free_group(f, t);
		if (t->rules)
			ev_fold_statement_release(t->rules);
		free(t->rules);
		free(t->why);
		free(t->columns);
		free(t->key);
		free(t->name);
	}
	free(f->tables);
	ev_buf_release(&f->names);
	free(f->fresh);
	free(f->after);
	free(f->old);
	free(f->params);
	free(f->binds);
	free(f->saved);
	ev_buf_release(&f->copies);
	ev_buf_release(&f->digits);
	free(f->spent);
	free(f->named);
	free(f->ops);
	ev_arena_release(&f->arena);
	ev_pool_end(&f->pool);
	free(f);
}

bool ev_fold_takes(const struct ev_fold *f, size_t handler, size_t statement)
{
	const struct ev_fold_table *t = f ? f->statements[handler][statement].table : NULL;

	return t && t->plain;
}

bool ev_fold_pays(const struct ev_fold *f)
{
	return f->folded + f->left < ENOUGH || f->left * 20 < f->folded;
}

/*
 * What others have done to a table, or NULL; what is certain to refuse rows first. The waiting indexes of a first build
 * are not asked for: of them we know.
 */
static const char *changed(const struct ev_fold_table *t, const struct ev_table_info *now)
{
	const char *what = NULL;

	if (now->odd || now->ncolumns != t->ncolumns || now->nchecks != t->nchecks)
		return now->odd ? now->odd : now->ncolumns == t->ncolumns ? "it has other CHECKs" :
		       "it has other columns";
	for (size_t c = 0; c < t->ncolumns; c++) {
		const struct ev_column_info *k = &now->columns[c];

		if (strcmp(k->type, t->columns[c].type) != 0)
			return "it has a column of another type";
		if (k->not_null && !t->columns[c].not_null)
			return "it has a column that is NOT NULL now";
		if (k->in_place && !t->columns[c].in_place)
			what = "it has another index";
	}
	return what;
}

bool ev_fold_outdated(const struct ev_fold *f, struct ev_buf *what)
{
	for (size_t i = 0; i < f->ntables && !what->len; i++) {
		const struct ev_fold_table *t = &f->tables[i];
		struct ev_error ignored = EV_ERROR_INIT;
		struct ev_table_info info;
		const char *how = NULL;

		if (!t->plain)
			continue;
		if (f->store->ops->describe(f->store, t->name, &info, &ignored) > 0)
			how = changed(t, &info);
		if (how)
			ev_buf_addf(what, "table '%s' has been changed under it: %s", t->name, how);
		ev_table_info_release(&info);
	}
	return what->len > 0;
}

/* What is done with each write of a row of a table, where rows that are folded miss it, or NULL. 0, -1. */
static int find_tied(struct ev_store *s, const struct ev_fold_table *t, const char **tied, struct ev_error *err)
{
	struct ev_table_info info;
	int there = s->ops->describe(s, t->name, &info, err);

	*tied = there > 0 && (t->plain || info.acts) ? info.tied : NULL;
	ev_table_info_release(&info);
	return there < 0 ? -1 : 0;
}

int ev_fold_check_tied(struct ev_fold *f, struct ev_error *err)
{
	const char *tied = NULL;
	int64_t now = 0;

	if (!f)
		return 0;
	if (f->store->ops->stamp(f->store, &f->names, &now, err) < 0)
		return -1;
	for (size_t i = 0; i < f->ntables && now != f->stamp && !tied; i++) {
		const struct ev_fold_table *t = &f->tables[i];

		if (find_tied(f->store, t, &tied, err) < 0)
			return -1;
		if (tied)
			ev_fail(err, EV_STORE, "table '%s' has been changed under it: %s", t->name, tied);
	}
	f->stamp = now;
	return tied ? ev_hint(err, "started again it goes on by statements; or drop what was put there") : 0;
}
