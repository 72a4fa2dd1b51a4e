/* declared.c - see declared.h */
#include "verify/declared.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "store/store.h"
#include "verify/declared_impl.h"

struct comparing {
	struct ev_store *s;
	struct ev_mode *m;
	const struct ev_buf *owned;
	struct ev_error *err;
};

static void found(struct comparing *c, const char *table, const char *column, const char *what)
{
	struct ev_finding *f = ev_mode_finding(c->m, "column", table);

	ev_finding_text(f, "column %s %s", column, what);
}

static int take_row(void *ctx, const struct ev_cell *cells, size_t n)
{
	(void)cells;
	(void)n;
	*(bool *)ctx = true;
	return 0;
}

/* Does the query give a row? */
static int holds(struct comparing *c, const char *sql, bool *yes)
{
	size_t at;
	struct ev_query *q = c->s->ops->prepare(c->s, sql, false, NULL, NULL, &at, c->err);
	int rc = q ? c->s->ops->select(c->s, q, NULL, 0, take_row, yes, c->err) : -1;

	c->s->ops->finish(c->s, q);
	return rc < 0 ? -1 : 0;
}

static int compare_default(struct comparing *c, const struct declared_table *t, const struct declared_column *k,
			   const struct ev_column_info *info)
{
	const char *mine = k->fallback ? k->fallback : "NULL", *store = info->fallback ? info->fallback : "NULL";
	struct ev_buf sql = EV_BUF_INIT;
	bool same = strcmp(mine, store) == 0;
	int rc = 0;

	ev_buf_addf(&sql, "SELECT 1 WHERE ((%s)::%s)::text IS NOT DISTINCT FROM ((%s)::%s)::text", mine, info->type,
		    store, info->type);
	if (!same)
		rc = holds(c, ev_buf_str(&sql), &same);
	if (rc == 0 && !same)
		found(c, t->name, k->name, "has another default in the store");
	ev_buf_release(&sql);
	return rc;
}

static int compare_column(struct comparing *c, const struct declared_table *t, const struct declared_column *k,
			  const struct ev_column_info *info)
{
	struct ev_buf type = EV_BUF_INIT;
	int rc = c->s->ops->type_name(c->s, k->type, &type, c->err);

	if (rc == 0 && strcmp(ev_buf_str(&type), info->type) != 0)
		found(c, t->name, k->name, "has another type in the store");
	else if (rc == 0)
		rc = compare_default(c, t, k, info);
	if (rc == 0 && k->key != info->key)
		found(c, t->name, k->name, "has another place in the primary key of the store");
	if (rc == 0 && k->not_null != info->not_null)
		found(c, t->name, k->name, k->not_null ? "may be NULL in the store" : "may not be NULL in the store");
	ev_buf_release(&type);
	return rc;
}

static int dont_know(struct comparing *c, const char *table)
{
	ev_fail(c->err, EV_USAGE, "what table '%s' is by the file, no fold in memory alone can tell", table);
	return ev_hint(c->err, "name a database where a schema may be made for the time: --scratch postgresql://...");
}

/* The store's CHECKs as texts that are the same where the conditions are. */
static int meanings(struct comparing *c, const struct ev_table_info *info, char **out)
{
	for (size_t i = 0; i < info->nchecks; i++)
		if (declared_meaning(c->s, info->name, info->checks[i], &out[i], c->err) < 0)
			return -1;
	return 0;
}

/* Each of the store's is that of one in the file at most. */
static int compare_check(struct comparing *c, const struct declared_table *t, const char *condition,
			 const struct ev_table_info *info, char **store)
{
	char *mine;
	size_t i = 0;

	if (declared_meaning(c->s, info->name, condition, &mine, c->err) < 0)
		return c->err->class == EV_STORE ? -1 : dont_know(c, t->name);
	while (i < info->nchecks && !(store[i] && strcmp(store[i], mine) == 0))
		i++;
	if (i < info->nchecks) {
		free(store[i]);
		store[i] = NULL;
	} else {
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "CHECK (%s) is another in the store",
				condition);
	}
	free(mine);
	return 0;
}

/* `before`: findings. A condition on a column that is not there would end the snapshot. */
static int compare_checks(struct comparing *c, const struct declared_table *t, const struct ev_table_info *info,
			  int64_t before)
{
	char **store;
	int rc;

	if (t->nchecks != info->nchecks) {
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "it has %zu CHECKs in the store, %zu in the "
				"file", info->nchecks, t->nchecks);
		return 0;
	}
	if (c->m->found > before)
		return 0;
	store = ev_alloc((info->nchecks + 1) * sizeof(*store));
	rc = meanings(c, info, store);
	for (size_t i = 0; i < t->nchecks && rc == 0; i++)
		rc = compare_check(c, t, t->checks[i], info, store);
	for (size_t i = 0; i < info->nchecks; i++)
		free(store[i]);
	free(store);
	return rc;
}

static const struct ev_column_info *find(const struct ev_table_info *info, const char *name)
{
	for (size_t i = 0; i < info->ncolumns; i++)
		if (strcmp(info->columns[i].name, name) == 0)
			return &info->columns[i];
	return NULL;
}

/* Values go by it where an INSERT names no columns. */
static void compare_order(struct comparing *c, const struct declared_table *t, const struct ev_table_info *info)
{
	size_t i = 0;

	while (i < t->ncolumns && strcmp(t->columns[i].name, info->columns[i].name) == 0)
		i++;
	if (i < t->ncolumns)
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "its columns are in another order in the "
				"store, from '%s' on", t->columns[i].name);
}

static int compare_columns(struct comparing *c, const struct declared_table *t, const struct ev_table_info *info)
{
	int rc = 0;

	for (size_t i = 0; i < t->ncolumns && rc == 0; i++) {
		const struct ev_column_info *k = find(info, t->columns[i].name);

		if (k)
			rc = compare_column(c, t, &t->columns[i], k);
		else
			found(c, t->name, t->columns[i].name, "is not in the store");
	}
	for (size_t i = 0; i < info->ncolumns; i++) {
		size_t k = 0;

		while (k < t->ncolumns && strcmp(t->columns[k].name, info->columns[i].name) != 0)
			k++;
		if (k == t->ncolumns)
			found(c, t->name, info->columns[i].name, "is not of the projection");
	}
	if (rc == 0 && t->ncolumns == info->ncolumns)
		compare_order(c, t, info);
	return rc;
}

static bool is_owned(const struct comparing *c, const char *table)
{
	const char *t = ev_buf_str(c->owned), *end = t + c->owned->len;

	while (t < end && strcmp(t, table) != 0)
		t += strlen(t) + 1;
	return t < end;
}

static int compare_table(struct comparing *c, const struct declared_table *t)
{
	struct ev_table_info info = { 0 };
	int64_t before;
	int rc;

	if (t->odd)
		return dont_know(c, t->name);
	rc = c->s->ops->describe(c->s, t->name, &info, c->err);
	if (rc > 0 && !is_owned(c, t->name))
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "the ledger does not say that it is the "
				"projection's");
	if (rc == 0)
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "the store has no such table");
	before = c->m->found;
	if (rc > 0)
		rc = compare_columns(c, t, &info) < 0 ? -1 : compare_checks(c, t, &info, before);
	ev_table_info_release(&info);
	return rc;
}

/* CREATE UNIQUE INDEX [..] ON [ONLY] table: what it does is not compared. */
static int refuse_index(struct comparing *c, const struct ev_token *t, const struct ev_token *end)
{
	char *name;

	while (t < end && !ev_token_is(*t, "on"))
		t++;
	t += t < end;
	t += t < end && ev_token_is(*t, "only");
	name = t < end ? ev_token_name(t) : ev_strdup("");
	dont_know(c, name);
	free(name);
	return -1;
}

/* One schema of the file; the names of what it makes are put to `made`, NUL after each. */
static int compare_schema(struct comparing *c, const char *sql, struct ev_buf *made)
{
	size_t n;
	struct ev_token *v = ev_sql_tokens(sql, &n);
	const struct ev_token *t = v, *end = v + n;
	int rc = 0;

	while (t + 2 < end && rc == 0) {
		struct declared_table table = { 0 };

		if (ev_token_is(*t, "create") && ev_token_is(t[1], "table")) {
			t = declared_read(&table, t + 2, end);
			ev_buf_add(made, table.name, strlen(table.name) + 1);
			rc = compare_table(c, &table);
		} else if (ev_token_is(*t, "create") && ev_token_is(t[1], "unique")) {
			rc = refuse_index(c, t, end);
		} else {
			t++;
		}
		declared_release(&table);
	}
	free(v);
	return rc;
}

/* Tables that the ledger says are the projection's, and its file does not make. */
static int tell_strangers(struct comparing *c, const struct ev_buf *made)
{
	struct comparing names = { .owned = made };
	const char *t = ev_buf_str(c->owned), *end = t + c->owned->len;
	struct ev_table_info info = { 0 };
	int rc = 0;

	for (; t < end && rc >= 0; t += strlen(t) + 1) {
		if (is_owned(&names, t))
			continue;
		rc = c->s->ops->describe(c->s, t, &info, c->err);
		ev_table_info_release(&info);
		if (rc > 0) /* a view is none */
			ev_finding_text(ev_mode_finding(c->m, "table", t),
					"the ledger owns it, and the projection does not make it");
	}
	return rc < 0 ? -1 : 0;
}

int ev_declared_compare(const struct ev_projection *p, struct ev_store *s, const struct ev_buf *owned,
			struct ev_mode *m, struct ev_error *err)
{
	struct comparing c = { s, m, owned, err };
	struct ev_buf made = EV_BUF_INIT;
	int64_t before = m->found;
	int rc = 0;

	for (size_t i = 0; i < p->nschemas && rc == 0; i++)
		if (p->schemas[i].any || p->schemas[i].dialect == s->ops->dialect)
			rc = compare_schema(&c, p->schemas[i].sql, &made);
	if (rc == 0)
		rc = tell_strangers(&c, &made);
	if (rc == 0 && m->found > before)
		ev_mode_note(m, "the log is folded into tables as the store has them, which may make rows differ: "
			     "--scratch has those of the file");
	ev_buf_release(&made);
	return rc;
}
