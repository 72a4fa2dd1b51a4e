/*
 * commute.c - do the handlers provably commute? See projection.h
 *
 * If they do, the tables depend on the set of records alone, not on how partitions are interleaved,
 * and no cut need be stored. The proof is by shape; what is not recognised does not commute. Each
 * table must be written only by statements of these two shapes, all with the same columns and key:
 *
 *   INSERT INTO t (k, c) VALUES (...) ON CONFLICT (k) DO UPDATE SET c = <fold>, ...
 *   INSERT INTO t (k) VALUES (...) ON CONFLICT (k) DO NOTHING
 *
 * - VALUES holds parameters, literals and operators only, so it is a function of the record.
 * - Every column that is not in the key has a fold, so no column keeps what came first. The fold is
 *   `t.c + excluded.c`, or `t.c + E` where E is what VALUES gives to c, or min or max of t.c and
 *   excluded.c; and the same for a column in all handlers. NULL swallows sums and minima alike, in
 *   whatever order.
 * - Sums are of whole numbers: REAL addition is not associative. Minima are of whole numbers or
 *   text: where different values compare equal, the first would win. For that reason also keys are
 *   of such types, and no COLLATE may stand in the table.
 * - No CHECK, foreign key or second unique key, which could refuse a row in one order only.
 * - A lone INTEGER key may not be NULL: SQLite would number the row by order of arrival.
 * - Nothing is deleted or updated otherwise: an UPDATE that comes before its row is lost.
 *
 * Left to the store: a sum that leaves 64 bits on its way is refused there, in whatever order.
 */
#include "base/mem.h"
#include "projection/ddl.h"
#include "projection/late.h"

enum fold { FOLD_NONE, FOLD_KEY, FOLD_SUM, FOLD_MIN, FOLD_MAX };

struct item { /* a column of the INSERT, with the tokens of its value */
	char *name;
	size_t from, to;
	enum fold fold;
};

struct upsert {
	const struct ev_statement *s;
	const struct ev_token *t; /* all tokens; one END behind them */
	size_t n, at;
	char *table;
	struct item *items;
	size_t nitems, nkeys;
	bool nothing;
};

static bool take(struct upsert *u, const char *word)
{
	if (!ev_token_is(u->t[u->at], word))
		return false;
	u->at++;
	return true;
}

static char *take_name(struct upsert *u)
{
	enum ev_token_kind kind = u->t[u->at].kind;

	if (kind != EV_TOKEN_WORD && kind != EV_TOKEN_QUOTED)
		return NULL;
	return ev_token_name(&u->t[u->at++]);
}

/* Is the name at hand `name`? Then take it. */
static bool take_same(struct upsert *u, const char *name)
{
	size_t at = u->at;
	char *s = take_name(u);
	bool same = s && strcmp(s, name) == 0;

	free(s);
	if (!same)
		u->at = at;
	return same;
}

static struct item *find(const struct upsert *u, const char *name)
{
	for (size_t i = 0; name && i < u->nitems; i++)
		if (strcmp(u->items[i].name, name) == 0)
			return &u->items[i];
	return NULL;
}

static const char *read_columns(struct upsert *u)
{
	char *name;

	if (!take(u, "("))
		return "its INSERT names no columns";
	do {
		name = take_name(u);
		if (!name)
			return "its INSERT is not understood";
		EV_PUSH(u->items, u->nitems)->name = name;
	} while (take(u, ","));
	return take(u, ")") ? NULL : "its INSERT is not understood";
}

/* May this token stand in a value? Only what makes it a function of the record. */
static bool is_plain(const struct ev_token *t)
{
	static const char *const words[] = { "null", "true", "false", "case", "when", "then", "else", "end",
					     "is", "not", "and", "or", "like", "glob", "between", "in",
					     NULL };

	if (t->kind != EV_TOKEN_WORD)
		return t->kind != EV_TOKEN_QUOTED && t->kind != EV_TOKEN_END;
	for (const char *const *w = words; *w; w++)
		if (ev_token_is(*t, *w))
			return true;
	return false;
}

static const char *read_values(struct upsert *u)
{
	size_t k = 0;
	int depth = 1;

	if (!take(u, "values") || !take(u, "("))
		return "its INSERT has no plain VALUES";
	u->items[0].from = u->at;
	for (;; u->at++) {
		const struct ev_token *t = &u->t[u->at];

		depth += ev_token_is(*t, "(");
		depth -= ev_token_is(*t, ")");
		if (depth == 0 || (depth == 1 && ev_token_is(*t, ","))) {
			u->items[k].to = u->at;
			if (!depth)
				break;
			if (++k == u->nitems)
				return "its INSERT has more values than columns";
			u->items[k].from = u->at + 1;
		} else if (!is_plain(t)) {
			return "its VALUES use more than parameters and literals";
		}
	}
	u->at++;
	return k + 1 == u->nitems ? NULL : "its INSERT has fewer values than columns";
}

static const char *read_target(struct upsert *u)
{
	if (!take(u, "on") || !take(u, "conflict") || !take(u, "("))
		return "its INSERT has no ON CONFLICT (key)";
	do {
		char *name = take_name(u);
		struct item *item = find(u, name);

		free(name);
		if (!item || item->fold == FOLD_KEY)
			return "its ON CONFLICT is not understood";
		item->fold = FOLD_KEY;
		u->nkeys++;
	} while (take(u, ","));
	return take(u, ")") && take(u, "do") ? NULL : "its ON CONFLICT is not understood";
}

/* `t.c`, or `excluded.c`. */
static bool take_column(struct upsert *u, const char *table, const char *column)
{
	size_t at = u->at;

	if (take_same(u, table) && take(u, ".") && take_same(u, column))
		return true;
	u->at = at;
	return false;
}

/* The parameter that a placeholder stands for, or NULL. */
static const struct ev_param *param_of(const struct upsert *u, const struct ev_token *t)
{
	size_t n = 0;

	if (t->kind != EV_TOKEN_PARAM)
		return NULL;
	for (size_t i = 1; i < t->text.len; i++)
		n = n * 10 + (size_t)(t->text.ptr[i] - '0');
	return n && n <= u->s->nparams ? &u->s->params[n - 1] : NULL;
}

static bool same_value(const struct upsert *u, const struct ev_token *a, const struct ev_token *b)
{
	const struct ev_param *p = param_of(u, a), *q = param_of(u, b);

	return p && q ? ev_param_same(p, q) : ev_slice_eq(a->text, b->text);
}

/* The new value as VALUES gives it: excluded.c, or the same single token once more. */
static bool take_new(struct upsert *u, const struct item *item)
{
	if (take_column(u, "excluded", item->name))
		return true;
	if (item->to != item->from + 1 || !same_value(u, &u->t[u->at], &u->t[item->from]))
		return false;
	u->at++;
	return true;
}

static bool take_old(struct upsert *u, const struct item *item)
{
	return take_column(u, u->table, item->name) || take_same(u, item->name);
}

/* Two operands in whatever order with `op` between them. */
static bool take_pair(struct upsert *u, const struct item *item, const char *op)
{
	if (take_old(u, item))
		return take(u, op) && take_new(u, item);
	return take_new(u, item) && take(u, op) && take_old(u, item);
}

static enum fold read_fold(struct upsert *u, const struct item *item)
{
	static const struct {
		const char *name;
		enum fold fold;
	} functions[] = { { "min", FOLD_MIN }, { "least", FOLD_MIN }, { "max", FOLD_MAX },
			  { "greatest", FOLD_MAX } };

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		if (!ev_token_is(u->t[u->at + 1], "(") || !take(u, functions[i].name))
			continue;
		u->at++;
		return take_pair(u, item, ",") && take(u, ")") ? functions[i].fold : FOLD_NONE;
	}
	return take_pair(u, item, "+") ? FOLD_SUM : FOLD_NONE;
}

static const char *read_sets(struct upsert *u)
{
	if (take(u, "nothing")) {
		u->nothing = true;
		return u->nkeys == u->nitems ? NULL : "with DO NOTHING the first to come wins";
	}
	if (!take(u, "update") || !take(u, "set"))
		return "its ON CONFLICT is not understood";
	do {
		char *name = take_name(u);
		struct item *item = find(u, name);

		free(name);
		if (!item || item->fold != FOLD_NONE || !take(u, "="))
			return "its SET is not understood";
		item->fold = read_fold(u, item);
		if (item->fold == FOLD_NONE)
			return "its SET is more than a sum, minimum or maximum of old and new";
	} while (take(u, ","));
	for (size_t i = 0; i < u->nitems; i++)
		if (u->items[i].fold == FOLD_NONE)
			return "a column keeps what came first";
	return NULL;
}

/* Read the statement into `u`; NULL, or why it is none of the shapes. u->table where known. */
static const char *read_upsert(struct upsert *u)
{
	const char *why;
	bool insert = take(u, "insert") && take(u, "into");

	if (!insert && (take(u, "update") || (take(u, "delete") && take(u, "from")))) {
		u->table = take_name(u);
		return "UPDATE and DELETE depend on what came before";
	}
	if (!insert)
		return "its statement is not understood";
	u->table = take_name(u);
	if (!u->table)
		return "its statement is not understood";
	if ((why = read_columns(u)) || (why = read_values(u)) || (why = read_target(u)) ||
	    (why = read_sets(u)))
		return why;
	return u->at == u->n ? NULL : "its ON CONFLICT is not understood";
}

static bool is_among(const char *word, const char *const *list)
{
	for (; word && *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static bool is_whole(const char *type)
{
	static const char *const types[] = { "integer", "int", "bigint", "smallint", "int2", "int4", "int8",
					     "tinyint", "mediumint", NULL };

	return is_among(type, types);
}

static bool is_text(const char *type)
{
	static const char *const types[] = { "text", "varchar", NULL };

	return is_among(type, types);
}

/* Can the value of this column never be NULL? */
static bool is_never_null(const struct upsert *u, const struct item *item)
{
	const struct ev_token *t = &u->t[item->from];
	const struct ev_param *q = param_of(u, t);

	if (item->to != item->from + 1)
		return false;
	if (t->kind != EV_TOKEN_PARAM)
		return t->kind == EV_TOKEN_NUMBER;
	return q && (q->required || q->kind == EV_PARAM_PARTITION || q->kind == EV_PARAM_OFFSET);
}

/* Does one definition of the table bear the statement out? */
static const char *check_table(const struct upsert *u, const struct ev_table *table)
{
	if (table->odd)
		return "the table has constraints or collations that order may matter for";
	if (table->keys != 1)
		return "the table has not exactly one key";
	for (size_t i = 0; i < u->nitems; i++) {
		const struct item *item = &u->items[i];
		const char *type = ev_table_type(table, item->name);

		if (item->fold == FOLD_SUM && !is_whole(type))
			return "it sums a column that is not declared as integer";
		if (!is_whole(type) && !is_text(type))
			return "a key, minimum or maximum is neither integer nor text";
		if (item->fold == FOLD_KEY && u->nkeys == 1 && !strcmp(type, "integer") &&
		    !is_never_null(u, item))
			return "its integer key can be NULL, which SQLite would number by itself; "
			       "write ! behind it";
	}
	return NULL;
}

static const char *check_tables(const struct upsert *u, const struct ev_tables *tables)
{
	const char *why = NULL;
	size_t found = 0;

	for (size_t i = 0; i < tables->n && !why; i++) {
		if (!tables->v[i].name || strcmp(tables->v[i].name, u->table) != 0)
			continue;
		found++;
		why = check_table(u, &tables->v[i]);
	}
	return why || found ? why : "the table is not in '@schema'";
}

/* Two statements on one table: the same columns, each folded the same way. */
static const char *check_pair(const struct upsert *a, const struct upsert *b)
{
	if (a->nitems != b->nitems || a->nothing != b->nothing)
		return "another handler writes other columns of the table";
	for (size_t i = 0; i < a->nitems; i++) {
		const struct item *other = find(b, a->items[i].name);

		if (!other)
			return "another handler writes other columns of the table";
		if (other->fold != a->items[i].fold)
			return "another handler folds a column in another way";
	}
	return NULL;
}

static void release(struct upsert *u)
{
	for (size_t i = 0; i < u->nitems; i++)
		free(u->items[i].name);
	free(u->items);
	free(u->table);
	free((void *)u->t);
}

struct proof {
	const struct ev_projection *p;
	struct ev_tables tables;
	struct upsert *v; /* those read so far */
	size_t n;
};

static const char *prove(struct proof *pr, const struct ev_handler *h, const struct ev_statement *s)
{
	struct upsert *u = EV_PUSH(pr->v, pr->n);
	struct ev_token *t = ev_sql_tokens(s->sql[EV_SQLITE], &u->n);
	const char *why;

	t = ev_realloc_n(t, u->n + 2, sizeof(*t));
	t[u->n] = t[u->n + 1] = (struct ev_token){ EV_TOKEN_END, { "", 0 } };
	u->t = t;
	u->s = s;
	if ((why = read_upsert(u)) || (why = check_tables(u, &pr->tables)))
		return why;
	if (u->nothing && h->must_touch)
		return "with 'must touch' the second to come is poison";
	for (size_t i = 0; i + 1 < pr->n; i++)
		if (strcmp(pr->v[i].table, u->table) == 0 && (why = check_pair(&pr->v[i], u)) != NULL)
			return why;
	return NULL;
}

static bool is_on(const struct ev_statement *s, const char *table)
{
	char *name = ev_statement_table(s);
	bool same = name && strcmp(name, table) == 0;

	free(name);
	return same;
}

/* All statements, or those on table `only`. */
static bool prove_all(const struct ev_projection *p, const char *only, struct ev_buf *why)
{
	struct proof pr = { .p = p };
	const char *reason = NULL;

	ev_tables_of(p, &pr.tables);
	for (size_t i = 0; i < p->nhandlers && !reason; i++) {
		const struct ev_handler *h = &p->handlers[i];

		for (size_t k = 0; k < h->nstatements && !reason; k++) {
			if (only && !is_on(&h->statements[k], only))
				continue;
			reason = prove(&pr, h, &h->statements[k]);
			if (!reason)
				continue;
			if (pr.v[pr.n - 1].table)
				ev_buf_addf(why, "table '%s', ", pr.v[pr.n - 1].table);
			ev_buf_addf(why, "handler at line %d: %s", h->statements[k].place.line, reason);
		}
	}
	for (size_t i = 0; i < pr.n; i++)
		release(&pr.v[i]);
	free(pr.v);
	ev_tables_free(&pr.tables);
	return !reason;
}

bool ev_table_commutes(const struct ev_projection *p, const char *table, struct ev_buf *why)
{
	return prove_all(p, table, why);
}

bool ev_projection_commutes(const struct ev_projection *p, struct ev_buf *why)
{
	if (p->dedupe) {
		ev_buf_adds(why, "with '@dedupe' the first of two records wins");
		return false;
	}
	return prove_all(p, NULL, why);
}
