/* fold.c - the batch: what is collected, folded, and left to the store; see fold.h */
#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "projection/ddl.h"

#define MOST_KEYS 16
#define MOST_OPS 16384
#define MOST_TEXT 2000 /* bytes of a row: an entry of an index holds 2704, other columns among them */
#define MOST_BYTES (64u << 20)
#define ENOUGH 1000 /* statements, before it is judged whether the fold pays */

/* ---- tables ---- */

static const struct type {
	const char *name;
	enum ev_fold_class class;
	int64_t min, max;
} pg_types[] = {
	{ "smallint", EV_FC_INT, INT16_MIN, INT16_MAX }, { "integer", EV_FC_INT, INT32_MIN, INT32_MAX },
	{ "bigint", EV_FC_INT, INT64_MIN, INT64_MAX },	 { "boolean", EV_FC_BOOL, 0, 0 },
	{ "text", EV_FC_TEXT, 0, 0 },			 { "character varying", EV_FC_TEXT, 0, 0 },
	{ "timestamp with time zone", EV_FC_TIME, 0, 0 },
};

/* Types that unnest hands back as they were: not arrays, nor rows, nor what we do not know. */
static bool is_carried(const char *type)
{
	static const char *const names[] = { "numeric", "real", "double precision", "uuid", "json", "jsonb",
		"date", "time", "timestamp", "interval", "character", "bit", "inet", "cidr", "macaddr", NULL };
	size_t len = strlen(type);

	if (len > 1 && strcmp(type + len - 2, "[]") == 0)
		return false;
	for (const char *const *n = names; *n; n++) {
		size_t k = strlen(*n);

		if (strncmp(type, *n, k) == 0 && (!type[k] || type[k] == '(' || type[k] == ' '))
			return true;
	}
	return false;
}

/* False for a type of which we know nothing. */
static bool classify_pg(struct ev_fold_column *c)
{
	c->class = EV_FC_CARRIED;
	for (size_t i = 0; i < sizeof(pg_types) / sizeof(*pg_types); i++)
		if (strcmp(c->type, pg_types[i].name) == 0) {
			c->class = pg_types[i].class;
			c->min = pg_types[i].min;
			c->max = pg_types[i].max;
			return true;
		}
	return is_carried(c->type);
}

/* By affinity; false for one under which a value may become another. */
static bool classify_sqlite(struct ev_fold_column *c)
{
	if (strcasestr(c->type, "INT")) {
		c->class = EV_FC_INT;
		c->min = INT64_MIN;
		c->max = INT64_MAX;
		return true;
	}
	if (strcasestr(c->type, "CHAR") || strcasestr(c->type, "CLOB") || strcasestr(c->type, "TEXT")) {
		c->class = EV_FC_TEXT;
		return true;
	}
	if (strcasestr(c->type, "BOOL")) {
		c->class = EV_FC_INT;
		c->max = 1;
		return true;
	}
	return false;
}

static void to_lower(char *s)
{
	for (; *s; s++)
		*s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
}

static bool has_capitals(const char *s)
{
	return strpbrk(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

/* A default that is a literal; anything else is the store's to compute. */
static struct ev_fv default_of(struct ev_fold *f, const struct ev_fold_column *c, const char *text)
{
	struct ev_fv v = { .kind = EV_FV_DOUBT };
	char *end;

	if (!text || strcasecmp(text, "NULL") == 0) {
		v.kind = EV_FV_NULL;
		return v;
	}
	if (c->class == EV_FC_INT && strlen(text) < 10) {
		v.i = strtoll(text, &end, 10);
		if (end != text && !*end)
			v.kind = EV_FV_INT;
	} else if (c->class == EV_FC_BOOL && f->store->ops->dialect == EV_POSTGRESQL) {
		v.i = strcmp(text, "true") == 0;
		if (v.i || strcmp(text, "false") == 0)
			v.kind = EV_FV_BOOL;
	}
	return v;
}

static const char *take_column(struct ev_fold *f, struct ev_fold_table *t, const struct ev_column_info *k)
{
	struct ev_fold_column *c = EV_PUSH(t->columns, t->ncolumns);

	c->name = ev_strdup(k->name);
	c->type = ev_strdup(k->type);
	c->value = ev_strdup(k->value);
	c->not_null = k->not_null || k->key;
	if (strcmp(k->type, "bytea") == 0)
		return "it holds bytes";
	if (f->store->ops->dialect == EV_SQLITE) {
		to_lower(c->name); /* as ev_token_name gives names; here case says nothing */
		if (!classify_sqlite(c))
			return "it has a column of a type that SQLite may convert";
	} else if (has_capitals(c->name)) {
		return "it has a column whose name has capitals";
	} else if (!classify_pg(c)) {
		return "it has a column of an array or of another type that is not folded";
	}
	if (k->key && c->class != EV_FC_INT && c->class != EV_FC_TEXT)
		return "its key is neither whole numbers nor text";
	c->fallback = default_of(f, c, k->fallback);
	return NULL;
}

/* NULL, or why the table goes by statements. */
static const char *take_table(struct ev_fold *f, struct ev_fold_table *t, const struct ev_table_info *info)
{
	const char *why = NULL;

	if (info->odd)
		return info->odd;
	/* PostgreSQL tells "A" from a, our tokens do not */
	if (f->store->ops->dialect == EV_POSTGRESQL && has_capitals(info->name))
		return "its name has capitals";
	for (size_t i = 0; i < info->ncolumns && !why; i++)
		why = take_column(f, t, &info->columns[i]);
	for (int k = 1; !why && k <= (int)info->ncolumns; k++)
		for (size_t i = 0; i < info->ncolumns; i++)
			if (info->columns[i].key == k)
				*EV_PUSH(t->key, t->nkey) = i;
	if (!why && !t->nkey)
		return "it has no primary key";
	return !why && t->nkey > MOST_KEYS ? "its key has too many columns" : why;
}

static void say(struct ev_buf *why, const char *table, const char *reason)
{
	ev_buf_addf(why, "table '%s' goes by statements: %s\n", table, reason);
}

static int describe_tables(struct ev_fold *f, const struct ev_buf *tables, struct ev_buf *why,
			   struct ev_error *err)
{
	const char *name = ev_buf_str(tables), *end = name + tables->len;

	for (; name < end; name += strlen(name) + 1) {
		struct ev_fold_table *t = EV_PUSH(f->tables, f->ntables);
		struct ev_table_info info;
		int there = f->store->ops->describe(f->store, name, &info, err);
		const char *reason;

		t->name = ev_strdup(name);
		to_lower(t->name); /* as ev_token_name gives names */
		reason = there > 0 ? take_table(f, t, &info) : "it is a view";
		t->plain = !reason;
		if (there > 0 && reason)
			say(why, name, reason);
		ev_table_info_release(&info);
		if (there < 0)
			return -1;
	}
	return 0;
}

/* ---- statements ---- */

/* A statement of another shape: the tables that it mentions go by statements; with a view, all do. */
static void spoil(struct ev_fold *f, const struct ev_statement *s, int line, struct ev_buf *why)
{
	size_t n;
	struct ev_token *t = ev_sql_tokens(s->sql[f->store->ops->dialect], &n);

	for (size_t i = 0; i < n; i++) {
		char *name = t[i].kind == EV_TOKEN_WORD || t[i].kind == EV_TOKEN_QUOTED ? ev_token_name(&t[i])
										       : NULL;

		for (size_t k = 0; name && k < f->ntables; k++) {
			if (strcmp(f->tables[k].name, name) != 0)
				continue;
			for (size_t m = 0; m < f->ntables; m++) {
				if ((m != k && f->tables[k].ncolumns) || !f->tables[m].plain)
					continue;
				f->tables[m].plain = false;
				ev_buf_addf(why, "table '%s' goes by statements: that of line %d is not "
					    "one that is folded\n", f->tables[m].name, line);
			}
		}
		free(name);
	}
	free(t);
}

static void read_statements(struct ev_fold *f, const struct ev_projection *p, struct ev_buf *why)
{
	f->nhandlers = p->nhandlers;
	f->statements = ev_alloc(p->nhandlers * sizeof(*f->statements));
	for (size_t h = 0; h < p->nhandlers; h++) {
		f->statements[h] = ev_alloc(p->handlers[h].nstatements * sizeof(**f->statements));
		for (size_t i = 0; i < p->handlers[h].nstatements; i++) {
			const struct ev_statement *s = &p->handlers[h].statements[i];

			ev_fold_read(f, s, &f->statements[h][i]);
			if (!f->statements[h][i].table)
				spoil(f, s, s->place.line, why);
		}
	}
}

static int prepare_tables(struct ev_fold *f, struct ev_error *err)
{
	size_t widest = 1;

	for (size_t i = 0; i < f->ntables; i++) {
		if (f->tables[i].ncolumns > widest)
			widest = f->tables[i].ncolumns;
		if (f->tables[i].plain && ev_fold_prepare(f, &f->tables[i], err) < 0)
			return -1;
	}
	f->fresh = ev_alloc(widest * sizeof(*f->fresh));
	f->after = ev_alloc(widest * sizeof(*f->after));
	return 0;
}

static bool any_plain(const struct ev_fold *f)
{
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].plain)
			return true;
	return false;
}

struct ev_fold *ev_fold_new(struct ev_store *s, const struct ev_projection *p,
			    const struct ev_buf *tables, struct ev_buf *why, struct ev_error *err)
{
	struct ev_fold *f = ev_alloc(sizeof(*f));

	f->store = s;
	f->projection = p;

	if (describe_tables(f, tables, why, err) == 0) {
		read_statements(f, p, why);
		if (any_plain(f) && prepare_tables(f, err) == 0)
			return f;
	}
	ev_fold_free(f);
	return NULL;
}

void ev_fold_free(struct ev_fold *f)
{
	if (!f)
		return;
	for (size_t h = 0; h < f->nhandlers; h++) {
		for (size_t i = 0; i < f->projection->handlers[h].nstatements; i++)
			ev_fold_statement_release(&f->statements[h][i]);
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
		free(t->columns);
		free(t->key);
		free(t->buckets);
		free(t->rows);
		free(t->name);
	}
	free(f->tables);
	free(f->fresh);
	free(f->after);
	free(f->ops);
	ev_arena_release(&f->arena);
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

/* ---- the batch ---- */

/* The row that a statement is about, or NULL when its key is not plainly one that the column holds. */
static struct ev_fold_row *find_row(struct ev_fold *f, const struct ev_fold_statement *s,
				    const struct ev_fv *params)
{
	struct ev_fold_table *t = s->table;

	for (size_t k = 0; k < t->nkey; k++) {
		size_t column = t->key[k], expr = 0;

		if (s->verb != EV_FOLD_INSERT)
			expr = s->where[k];
		for (size_t i = 0; s->verb == EV_FOLD_INSERT && i < s->nvalues; i++)
			if (s->values[i].column == column)
				expr = s->values[i].expr;
		f->fresh[column] = ev_fold_eval(f, s, expr, params, NULL, NULL);
		if (!ev_fold_fits(f, &t->columns[column], &f->fresh[column]))
			return NULL;
		if (t->columns[column].class == EV_FC_TEXT)
			f->fresh[column].kind = EV_FV_TEXT;
	}
	return ev_fold_row(f, t, f->fresh);
}

int ev_fold_apply(struct ev_fold *f, size_t handler, size_t statement, struct ev_query *q,
		  const struct ev_bind *b, size_t n, uint64_t tag, struct ev_error *err)
{
	const struct ev_fold_statement *s = &f->statements[handler][statement];
	struct ev_fold_op *op;

	if (f->nops == MOST_OPS && ev_fold_sync(f, err) < 0)
		return -1;
	if (!f->nops && f->arena.bytes > MOST_BYTES && ev_fold_flush(f, err) < 0)
		return -1;
	EV_GROW(f->ops, f->nops, f->ops_cap);
	op = &f->ops[f->nops++];
	*op = (struct ev_fold_op){ .s = s, .query = q, .nparams = n, .tag = tag };
	op->params = ev_arena_take(&f->arena, (n + 1) * sizeof(*op->params));
	op->binds = ev_arena_take(&f->arena, (n + 1) * sizeof(*op->binds));
	for (size_t i = 0; i < n; i++) {
		op->params[i] = ev_fold_value(&f->arena, &b[i], f->store->ops->dialect);
		op->binds[i] = b[i];
		if (op->params[i].text.ptr)
			op->binds[i].text = op->params[i].text;
		else if (b[i].text.ptr)
			op->binds[i].text = ev_arena_copy(&f->arena, b[i].text);
	}
	op->row = find_row(f, s, op->params);
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
	if (op->row)
		op->row->state = EV_ROW_UNKNOWN;
	for (size_t i = 0; !op->row && i < t->nrows; i++)
		t->rows[i]->state = EV_ROW_UNKNOWN;
	return 0;
}

/*
 * Could an index of PostgreSQL refuse the row for its size? What is then overwritten in the same batch
 * would be refused by the store, and not by us.
 */
static bool too_long(const struct ev_fold *f, const struct ev_fold_table *t, const struct ev_fv *v)
{
	size_t bytes = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		bytes += v[c].text.len;
	return bytes > MOST_TEXT && f->store->ops->dialect == EV_POSTGRESQL;
}

/* The row that an INSERT proposes, into f->fresh; false when it is not plain. */
static bool propose(struct ev_fold *f, const struct ev_fold_op *op)
{
	const struct ev_fold_table *t = op->s->table;

	for (size_t c = 0; c < t->ncolumns; c++)
		f->fresh[c] = t->columns[c].fallback;
	for (size_t i = 0; i < op->s->nvalues; i++)
		f->fresh[op->s->values[i].column] =
			ev_fold_eval(f, op->s, op->s->values[i].expr, op->params, NULL, NULL);
	for (size_t c = 0; c < t->ncolumns; c++) {
		if (!ev_fold_fits(f, &t->columns[c], &f->fresh[c]))
			return false;
		if (t->columns[c].class == EV_FC_TEXT && f->fresh[c].kind == EV_FV_TIME)
			f->fresh[c].kind = EV_FV_TEXT;
	}
	return !too_long(f, t, f->fresh);
}

/* SET: all of them see the row as it was. */
static bool assign(struct ev_fold *f, const struct ev_fold_op *op, const struct ev_fv *fresh)
{
	const struct ev_fold_table *t = op->s->table;
	struct ev_fv few[16], *v = op->s->nsets > 16 ? ev_arena_take(&f->arena, op->s->nsets * sizeof(*v)) : few;

	for (size_t i = 0; i < op->s->nsets; i++) {
		const struct ev_fold_column *c = &t->columns[op->s->sets[i].column];

		v[i] = ev_fold_eval(f, op->s, op->s->sets[i].expr, op->params, op->row->v, fresh);
		if (!ev_fold_fits(f, c, &v[i]))
			return false;
		if (c->class == EV_FC_TEXT && v[i].kind == EV_FV_TIME)
			v[i].kind = EV_FV_TEXT;
	}
	memcpy(f->after, op->row->v, t->ncolumns * sizeof(*f->after));
	for (size_t i = 0; i < op->s->nsets; i++)
		f->after[op->s->sets[i].column] = v[i];
	if (too_long(f, t, f->after))
		return false;
	memcpy(op->row->v, f->after, t->ncolumns * sizeof(*f->after));
	op->row->dirty = true;
	return true;
}

/* Rows touched, or -1: not for us to do. */
static int insert(struct ev_fold *f, const struct ev_fold_op *op)
{
	struct ev_fold_row *row = op->row;

	if (!propose(f, op) || (row->state == EV_ROW_PRESENT && op->s->conflict == EV_FOLD_FAIL))
		return -1;
	if (row->state == EV_ROW_PRESENT && op->s->conflict == EV_FOLD_NOTHING)
		return 0;
	if (row->state == EV_ROW_PRESENT)
		return assign(f, op, f->fresh) ? 1 : -1;
	memcpy(row->v, f->fresh, op->s->table->ncolumns * sizeof(*row->v));
	row->state = EV_ROW_PRESENT;
	row->dirty = true;
	return 1;
}

static int fold_one(struct ev_fold *f, const struct ev_fold_op *op)
{
	struct ev_fold_row *row = op->row;

	if (!row || !op->plain)
		return -1;
	if (op->s->verb == EV_FOLD_INSERT)
		return insert(f, op);
	if (row->state == EV_ROW_ABSENT)
		return 0;
	if (op->s->verb == EV_FOLD_UPDATE)
		return assign(f, op, NULL) ? 1 : -1;
	row->state = EV_ROW_ABSENT;
	row->dirty = true;
	return 1;
}

int ev_fold_sync(struct ev_fold *f, struct ev_error *err)
{
	struct ev_error none = EV_ERROR_INIT;

	if (!f->nops)
		return 0;
	for (size_t i = 0; i < f->ntables; i++)
		if (f->tables[i].plain && ev_fold_load(f, &f->tables[i], err) < 0)
			return -1;
	for (size_t i = 0; i < f->nops && !f->failed; i++) {
		const struct ev_fold_op *op = &f->ops[i];
		int touched;

		if (op->row && op->row->state == EV_ROW_UNKNOWN &&
		    ev_fold_load_one(f, op->s->table, op->row, err) < 0)
			return -1;
		touched = fold_one(f, op);
		if (touched < 0 && leave_to_store(f, op, err) < 0)
			return -1;
		if (touched >= 0) {
			f->folded++;
			f->store->on_result(f->store->on_result_ctx, op->tag, touched, &none);
		}
	}
	f->nops = 0;
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
	for (size_t i = 0; i < f->ntables; i++)
		ev_fold_forget(&f->tables[i]);
	f->nops = 0;
	f->failed = false;
	ev_arena_clear(&f->arena);
}
