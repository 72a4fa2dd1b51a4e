/* declared.c - see declared.h */
#include "verify/declared.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "store/store.h"
#include "verify/declared_impl.h"

int declared_unknown(struct declared_comparing *c, const char *table, const struct ev_error *why)
{
	ev_fail(c->err, EV_USAGE, "what table '%s' is by the file, no fold in memory alone can tell%s%s", table,
		why ? ": " : "", why ? why->text : "");
	return ev_hint(c->err, "name a database where a schema may be made for the time: --scratch postgresql://...");
}

static bool is_owned(const struct declared_comparing *c, const char *table)
{
	const char *t = ev_buf_str(c->owned), *end = t + c->owned->len;

	while (t < end && strcmp(t, table) != 0)
		t += strlen(t) + 1;
	return t < end;
}

static int compare_table(struct declared_comparing *c, const struct declared_table *t)
{
	struct ev_table_info info = { 0 };
	int64_t before;
	int rc;

	if (t->odd)
		return declared_unknown(c, t->name, NULL);
	rc = c->s->ops->describe(c->s, t->name, &info, c->err);
	if (rc > 0 && !is_owned(c, t->name))
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "the ledger does not say that it is the "
				"projection's");
	if (rc == 0)
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "the store has no such table");
	before = c->m->found;
	if (rc > 0)
		rc = declared_columns(c, t, &info);
	if (rc == 0 && info.ncolumns)
		rc = declared_checks(c, t, &info, c->m->found > before);
	ev_table_info_release(&info);
	return rc;
}

/* CREATE UNIQUE INDEX [..] ON [ONLY] table: what it does is not compared. */
static int refuse_index(struct declared_comparing *c, const struct ev_token *t, const struct ev_token *end)
{
	char *name;

	while (t < end && !ev_token_is(*t, "on"))
		t++;
	t += t < end;
	t += t < end && ev_token_is(*t, "only");
	name = t < end ? ev_token_name(t) : ev_strdup("");
	declared_unknown(c, name, NULL);
	free(name);
	return -1;
}

/* One schema of the file; the names of what it makes are put to `made`, NUL after each. */
static int compare_schema(struct declared_comparing *c, const char *sql, struct ev_buf *made)
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
static int tell_strangers(struct declared_comparing *c, const struct ev_buf *made)
{
	struct declared_comparing names = { .owned = made };
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
	struct declared_comparing c = { .s = s, .m = m, .owned = owned, .err = err };
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
