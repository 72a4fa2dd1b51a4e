/*
 * drill_pg.c - the copies of a view in PostgreSQL: two schemas of the scratch database
 *
 * The rows come by COPY, in one snapshot of the store. `work` has tables without keys or constraints, so
 * that it can hold what the original never would.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/drill_impl.h"
#include "verify/table_make.h"

/* As the text that the column's type takes. */
static struct ev_bind bind_cell(const struct ev_cell *c, const char *type, struct ev_buf *hex)
{
	size_t at = hex->len;

	if (c->kind == EV_CELL_NULL)
		return (struct ev_bind){ .kind = EV_BIND_NULL };
	if (c->kind == EV_CELL_INT && strcmp(type, "boolean") == 0)
		return ev_bind_text(c->i ? "t" : "f");
	if (c->kind != EV_CELL_BYTES)
		return ev_bind_slice(c->text);
	ev_buf_adds(hex, "\\x");
	ev_buf_add_hex(hex, c->text);
	return ev_bind_slice(ev_slice(hex->data + at, hex->len - at));
}

static int copy_row(struct ev_store *to, const struct ev_table_info *t, const struct ev_cell *cells,
		    struct ev_bind *b, struct ev_buf *hex, struct ev_error *err)
{
	size_t room = 0;

	for (size_t i = 0; i < t->ncolumns; i++)
		room += cells[i].kind == EV_CELL_BYTES ? cells[i].text.len * 2 + 8 : 0;
	ev_buf_clear(hex);
	ev_buf_reserve(hex, room);
	for (size_t i = 0; i < t->ncolumns; i++)
		b[i] = bind_cell(&cells[i], t->columns[i].type, hex);
	if (hex->failed)
		return ev_fail(err, EV_STORE, "no memory for a row");
	return to->ops->copy_add(to, b, t->ncolumns, err);
}

static int copy_rows(struct ev_store *from, struct ev_store *to, const struct ev_table_info *t, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, names = EV_BUF_INIT, hex = EV_BUF_INIT;
	struct ev_bind *b = ev_alloc((t->ncolumns + 1) * sizeof(*b));
	const struct ev_cell *cells;
	struct ev_error later = EV_ERROR_INIT;
	struct ev_cursor *rows;
	int rc, end;

	ev_buf_adds(&sql, "SELECT ");
	for (size_t i = 0; i < t->ncolumns; i++)
		ev_buf_addf(&sql, "%s%s", i ? ", " : "", t->columns[i].value);
	ev_buf_adds(&sql, " FROM ");
	ev_buf_add_quoted(&sql, t->name, '"');
	ev_table_columns(t, false, &names);
	rows = from->ops->cursor(from, ev_buf_str(&sql), err);
	rc = rows ? to->ops->copy_begin(to, t->name, ev_buf_str(&names), err) : -1;
	if (rc == 0) {
		while ((rc = from->ops->fetch(rows, &cells, err)) > 0)
			if ((rc = copy_row(to, t, cells, b, &hex, err)) < 0)
				break;
		end = to->ops->copy_end(to, rc < 0 ? &later : err);
		rc = rc < 0 ? -1 : end;
	}
	from->ops->cursor_close(rows);
	ev_buf_release(&sql);
	ev_buf_release(&names);
	ev_buf_release(&hex);
	free(b);
	return rc;
}

static int copy_table(struct ev_store *from, struct ev_store *to, const char *name, struct ev_error *err)
{
	struct ev_table_info t = { 0 };
	int rc = from->ops->describe(from, name, &t, err);

	if (rc > 0)
		rc = ev_table_make(to, &t, err) < 0 || copy_rows(from, to, &t, err) < 0 ? -1 : 0;
	ev_table_info_release(&t);
	return rc < 0 ? ev_context(err, "table '%s'", name) : 0;
}

static int take_text(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(char **)ctx = ev_slice_dup(c[0].text);
	return 0;
}

static char *schema_of(struct ev_store *s, struct ev_error *err)
{
	char *name = NULL;

	if (ev_store_select(s, "SELECT current_schema()::text", NULL, 0, take_text, &name, err) == 0 && !name)
		ev_fail(err, EV_STORE, "the scratch schema is gone");
	return name;
}

static int hold(struct ev_drill_copy *c, size_t i, char **name, const char *projection, struct ev_error *err)
{
	struct ev_store_options opt = c->opt;

	opt.schema = NULL;
	c->holder[i] = ev_store_scratch(c->scratch, projection, &opt, true, err);
	if (c->holder[i])
		*name = schema_of(c->holder[i], err);
	return *name ? 0 : -1;
}

static int copy_schema(struct ev_drill_copy *c, struct ev_store *from, const char *projection, struct ev_error *err)
{
	struct ev_store *to;
	int rc;

	if (hold(c, 0, &c->pristine, projection, err) < 0 || ev_pg_alike(from, c->holder[0], err) < 0 ||
	    hold(c, 1, &c->work, projection, err) < 0)
		return -1;
	c->opt.schema = c->work;
	c->url = c->scratch;
	to = c->holder[0];
	rc = to->ops->begin(to, err);
	for (size_t i = 0; i < c->nledgers && rc == 0; i++)
		rc = copy_table(from, to, c->ledgers[i], err);
	for (size_t i = 0; i < c->ntables && rc == 0; i++)
		rc = copy_table(from, to, c->tables[i], err);
	if (rc == 0)
		rc = to->ops->commit(to, err);
	to->ops->rollback(to);
	return rc;
}

static void add_clone(const struct ev_drill_copy *c, const char *table, struct ev_buf *sql)
{
	ev_buf_adds(sql, "; CREATE TABLE ");
	ev_drill_copy_place(sql, c->work, table);
	ev_buf_adds(sql, " AS TABLE ");
	ev_drill_copy_place(sql, c->pristine, table);
}

/* The name of a table may be folded (store.h describe); the catalogue has it as it is. */
int ev_drill_pg_renew(struct ev_drill_copy *c, bool empty, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	struct ev_store *s = c->holder[1];
	int rc = 0;

	ev_buf_add_quoted(&name, c->work, '"');
	ev_buf_addf(&sql, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", ev_buf_str(&name), ev_buf_str(&name));
	for (size_t i = 0; i < c->nledgers && !empty; i++)
		add_clone(c, c->ledgers[i], &sql);
	for (size_t i = 0; i < c->ntables && !empty && rc >= 0; i++) {
		struct ev_table_info t = { 0 };

		rc = c->holder[0]->ops->describe(c->holder[0], c->tables[i], &t, err);
		if (rc > 0)
			add_clone(c, t.name, &sql);
		ev_table_info_release(&t);
	}
	if (rc >= 0)
		rc = s->ops->script(s, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	ev_buf_release(&name);
	return rc;
}

int ev_drill_pg_take(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_verify_options *opt,
			 struct ev_error *err)
{
	struct ev_store *from = ev_store_open(opt->url, opt->store, err);
	int rc = from ? from->ops->freeze(from, err) : -1;

	if (rc == 0)
		rc = ev_drill_copy_tables(c, from, p->name, err);
	if (rc == 0)
		rc = copy_schema(c, from, p->name, err);
	if (from)
		from->ops->close(from);
	return rc;
}
