/* drill_sql.c - one corruption by SQL, in the first place of the view that can hold it */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/drill_impl.h"

struct place {
	struct ev_drill_copy *c;
	const char *projection;
	const struct ev_drill_kind *k;
	enum ev_dialect dialect;
	const struct ev_table_info *t;
	const struct ev_column_info *column, *next; /* next: NULL at the last one */
};

static void quote(struct ev_buf *out, const char *name)
{
	ev_buf_add_quoted(out, name, '"');
}

static void schema(const struct place *p, struct ev_buf *out)
{
	if (p->dialect == EV_POSTGRESQL) {
		quote(out, p->c->work);
		ev_buf_addc(out, '.');
	}
}

static void table(const struct place *p, struct ev_buf *out)
{
	schema(p, out);
	quote(out, p->t->name);
}

/* What tells one row from others. (The copy in PostgreSQL has no keys.) */
static void row_name(const struct place *p, struct ev_buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < p->t->ncolumns && p->dialect == EV_SQLITE; i++)
		if (p->t->columns[i].key) {
			ev_buf_adds(out, n++ ? ", " : "");
			quote(out, p->t->columns[i].name);
		}
	if (!n)
		ev_buf_adds(out, p->dialect == EV_SQLITE ? "rowid" : "ctid");
}

static void is_of_class(const struct place *p, struct ev_buf *out)
{
	static const char *const types[] = {
		[EV_DRILL_INTEGER] = "integer", [EV_DRILL_REAL] = "real", [EV_DRILL_TEXT] = "text",
		[EV_DRILL_BYTES] = "blob", [EV_DRILL_JSON] = NULL,
	};
	const char *type = p->dialect == EV_SQLITE ? types[p->k->class] : NULL;

	ev_buf_adds(out, type ? "typeof(" : "");
	quote(out, p->column->name);
	if (type)
		ev_buf_addf(out, ") = '%s'", type);
	else
		ev_buf_adds(out, " IS NOT NULL");
}

static enum ev_drill_class class_of(const char *type)
{
	static const struct { const char *type; enum ev_drill_class class; } types[] = {
		{ "smallint", EV_DRILL_INTEGER }, { "integer", EV_DRILL_INTEGER }, { "bigint", EV_DRILL_INTEGER },
		{ "double", EV_DRILL_REAL }, { "numeric", EV_DRILL_DECIMAL }, { "text", EV_DRILL_TEXT },
		{ "character", EV_DRILL_TEXT }, { "bytea", EV_DRILL_BYTES }, { "boolean", EV_DRILL_BOOLEAN },
		{ "timestamp", EV_DRILL_TIME }, { "jsonb", EV_DRILL_JSON },
	};
	size_t n = strlen(type);

	for (size_t i = 0; i < sizeof(types) / sizeof(*types) && type[n - 1] != ']'; i++)
		if (strncmp(type, types[i].type, strlen(types[i].type)) == 0)
			return types[i].class;
	return EV_DRILL_ANY;
}

/* Another key, which no row has. */
static void new_value(const struct place *p, struct ev_buf *out)
{
	enum ev_drill_class class = p->dialect == EV_POSTGRESQL ? class_of(p->column->type) : EV_DRILL_ANY;
	struct ev_buf c = EV_BUF_INIT, t = EV_BUF_INIT;

	quote(&c, p->column->name);
	table(p, &t);
	if (p->dialect == EV_SQLITE)
		ev_buf_addf(out, "CASE typeof(%s) WHEN 'integer' THEN (SELECT max(%s) FROM %s) + 1 ELSE %s || '~' END",
			    ev_buf_str(&c), ev_buf_str(&c), ev_buf_str(&t), ev_buf_str(&c));
	else if (class == EV_DRILL_INTEGER)
		ev_buf_addf(out, "(SELECT max(%s) FROM %s) + 1", ev_buf_str(&c), ev_buf_str(&t));
	else if (class == EV_DRILL_TIME)
		ev_buf_addf(out, "(SELECT max(%s) FROM %s) + interval '1 day'", ev_buf_str(&c), ev_buf_str(&t));
	else
		ev_buf_addf(out, "%s || '~'", ev_buf_str(&c));
	ev_buf_release(&c);
	ev_buf_release(&t);
}

static void columns(const struct place *p, bool changed, struct ev_buf *out)
{
	for (size_t i = 0; i < p->t->ncolumns; i++) {
		ev_buf_adds(out, i ? ", " : "");
		if (changed && &p->t->columns[i] == p->column)
			new_value(p, out);
		else
			quote(out, p->t->columns[i].name);
	}
}

static void expand(const struct place *p, const char *sql, size_t n, struct ev_buf *out);

/* A row from the middle of those that the condition holds for. */
static void one_row(const struct place *p, const char *cond, size_t n, struct ev_buf *out)
{
	ev_buf_addc(out, '(');
	row_name(p, out);
	ev_buf_adds(out, p->dialect == EV_SQLITE ? ") IN (SELECT " : ") = (SELECT ");
	row_name(p, out);
	ev_buf_adds(out, " FROM ");
	table(p, out);
	ev_buf_adds(out, " WHERE ");
	expand(p, cond, n, out);
	ev_buf_adds(out, " LIMIT 1 OFFSET (SELECT count(*) / 2 FROM ");
	table(p, out);
	ev_buf_adds(out, " WHERE ");
	expand(p, cond, n, out);
	ev_buf_adds(out, "))");
}

/* The busiest one. */
static void one_partition(const struct place *p, const char *cond, size_t n, struct ev_buf *out)
{
	ev_buf_adds(out, "(topic, partition) IN (SELECT topic, partition FROM ");
	schema(p, out);
	ev_buf_adds(out, "ev_ledger WHERE projection = ");
	ev_buf_add_quoted(out, p->projection, '\'');
	ev_buf_adds(out, " AND ");
	expand(p, cond, n, out);
	ev_buf_adds(out, " ORDER BY applied DESC, topic, partition LIMIT 1)");
}

static size_t closing(const char *sql, size_t n)
{
	size_t i = 0;

	for (int depth = 1; i < n; i++) {
		depth += (sql[i] == '{') - (sql[i] == '}');
		if (!depth)
			break;
	}
	return i;
}

static const struct marker {
	const char *word;
	enum { TABLE, COLUMN, NEXT, SCHEMA, NAME, IS, OTHER, NEW, COLUMNS, VALUES, ROW, PART } what;
} markers[] = { /* the longer ones first */
	{ "@cols", COLUMNS }, { "@vals", VALUES }, { "@row{", ROW }, { "@part{", PART }, { "@new", NEW },
	{ "@is", IS }, { "@ne", OTHER }, { "@t", TABLE }, { "@c", COLUMN }, { "@d", NEXT }, { "@S", SCHEMA },
	{ "@p", NAME },
};

static void expand_marker(const struct place *p, const struct marker *m, const char *inner, size_t n,
			  struct ev_buf *out)
{
	switch (m->what) {
	case TABLE: table(p, out); break;
	case COLUMN: quote(out, p->column->name); break;
	case NEXT: quote(out, p->next->name); break;
	case SCHEMA: schema(p, out); break;
	case NAME: ev_buf_add_quoted(out, p->projection, '\''); break;
	case IS: is_of_class(p, out); break;
	case OTHER: ev_buf_adds(out, p->dialect == EV_SQLITE ? "IS NOT" : "IS DISTINCT FROM"); break;
	case NEW: new_value(p, out); break;
	case COLUMNS: columns(p, false, out); break;
	case VALUES: columns(p, true, out); break;
	case ROW: one_row(p, inner, n, out); break;
	case PART: one_partition(p, inner, n, out); break;
	}
}

static void expand(const struct place *p, const char *sql, size_t n, struct ev_buf *out)
{
	for (size_t i = 0; i < n;) {
		const struct marker *m = NULL;
		size_t len = 1, inner = 0;

		for (size_t k = 0; k < sizeof(markers) / sizeof(*markers) && sql[i] == '@' && !m; k++)
			if (strncmp(sql + i, markers[k].word, strlen(markers[k].word)) == 0)
				m = &markers[k];
		if (!m) {
			ev_buf_addc(out, sql[i++]);
			continue;
		}
		len = strlen(m->word);
		if (m->what == ROW || m->what == PART)
			inner = closing(sql + i + len, n - i - len);
		expand_marker(p, m, sql + i + len, inner, out);
		i += len + (m->what == ROW || m->what == PART ? inner + 1 : 0);
	}
}

/* 1 it was done, 0 not here: no row for it, or the store refuses it; -1. */
static int execute(struct ev_store *s, const char *sql, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_query *q;
	int64_t rc;
	size_t at;

	if (*sql == '!')
		rc = s->ops->script(s, sql + 1, &why) < 0 ? -1 : 1;
	else if ((q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &why))) {
		s->ops->blame(q);
		rc = s->ops->begin(s, &why) < 0 ? -1 : s->ops->run(s, q, NULL, 0, &why);
		if (rc > 0)
			rc = s->ops->commit(s, &why) < 0 ? -1 : 1;
		s->ops->rollback(s);
		s->ops->finish(s, q);
	} else {
		rc = -1;
	}
	if (rc >= 0)
		return rc > 0;
	if (!why.retriable && (*sql == '!' || why.class == EV_DATA || why.class == EV_USAGE))
		return 0;
	*err = why;
	return -1;
}

static int attempt(struct place *p, struct ev_store *s, struct ev_buf *where, struct ev_error *err)
{
	const char *sql = p->dialect == EV_SQLITE ? p->k->sqlite : p->k->postgres;
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	if (strstr(sql, "@d") && !p->next)
		return 0;
	expand(p, sql, strlen(sql), &text);
	rc = execute(s, ev_buf_str(&text), err);
	ev_buf_release(&text);
	if (rc > 0 && p->t)
		ev_buf_addf(where, "%s%s%s", p->t->name, p->column ? "." : "", p->column ? p->column->name : "");
	return rc;
}

static bool keyed(const struct ev_table_info *t)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		if (t->columns[i].key)
			return true;
	return false;
}

static bool fits(const struct place *p, const struct ev_column_info *c)
{
	if (p->k->place == EV_DRILL_VALUE ? c->key : !c->key && keyed(p->t))
		return false;
	return p->dialect == EV_SQLITE || p->k->class == EV_DRILL_ANY || class_of(c->type) == p->k->class;
}

static int in_table(struct place *p, struct ev_store *s, struct ev_buf *where, struct ev_error *err)
{
	int rc = 0;

	if (p->k->place == EV_DRILL_TABLE)
		return attempt(p, s, where, err);
	for (size_t i = 0; i < p->t->ncolumns && rc == 0; i++) {
		p->column = &p->t->columns[i];
		p->next = i + 1 < p->t->ncolumns && fits(p, p->column + 1) ? p->column + 1 : NULL;
		if (fits(p, p->column))
			rc = attempt(p, s, where, err);
	}
	p->column = p->next = NULL;
	return rc;
}

static int in_tables(struct place *p, struct ev_store *s, struct ev_buf *where, struct ev_error *err)
{
	struct ev_store *from = p->c->holder[0] ? p->c->holder[0] : s; /* whose tables have their keys */
	int rc = 0;

	for (size_t i = 0; i < p->c->ntables && rc == 0; i++) {
		struct ev_table_info t = { 0 };

		rc = from->ops->describe(from, p->c->tables[i], &t, err);
		p->t = &t;
		if (rc > 0)
			rc = in_table(p, s, where, err);
		p->t = NULL;
		ev_table_info_release(&t);
	}
	return rc;
}

int ev_drill_sql(struct ev_drill_copy *c, const struct ev_projection *p, const struct ev_drill_kind *k,
		 struct ev_buf *where, struct ev_error *err)
{
	struct ev_store *s = ev_drill_copy_open(c, err);
	struct place at = { .c = c, .projection = p->name, .k = k };
	int rc = 0;

	if (!s)
		return -1;
	at.dialect = s->ops->dialect;
	if (at.dialect == EV_SQLITE ? k->sqlite : k->postgres)
		rc = k->place == EV_DRILL_LEDGER ? attempt(&at, s, where, err) : in_tables(&at, s, where, err);
	s->ops->close(s);
	return rc;
}
