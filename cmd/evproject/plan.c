/* plan.c - what evproject check prints: tables, which handler does what, why order matters */
#include <stdio.h>
#include <stdlib.h>

#include "evproject/evproject.h"
#include "projection/ddl.h"

static void print_names(const char *label, char **v, size_t n)
{
	if (!n)
		return;
	printf("  %-9s ", label);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? ", " : "", v[i]);
	putchar('\n');
}

static void print_queries(const char *label, const struct ev_query_def *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("  %-9s %s\n", i ? "" : label, v[i].name);
}

/* Those that this kind of store gets. */
static void print_tables(const struct ev_tables *tables, enum ev_dialect dialect)
{
	const char *label = "tables";

	for (size_t i = 0; i < tables->n; i++) {
		const struct ev_table *t = &tables->v[i];

		if (!t->schema->any && t->schema->dialect != dialect)
			continue;
		printf("  %-9s %s (", label, t->name);
		label = "";
		for (size_t c = 0; c < t->ncolumns; c++)
			printf("%s%s%s%s", c ? ", " : "", t->columns[c].name,
			       *t->columns[c].declared ? " " : "", t->columns[c].declared);
		puts(")");
	}
}

/* `order.created of orders, each $.data.items`: what a handler waits for. */
static void describe_event(const struct ev_handler *h, struct ev_buf *out)
{
	ev_buf_clear(out);
	if (h->tombstone)
		ev_buf_adds(out, "tombstone");
	for (size_t i = 0; i < h->ntypes; i++)
		ev_buf_addf(out, "%s%s", i ? ", " : "", h->types[i]);
	if (h->of_topic)
		ev_buf_addf(out, " of %s", h->of_topic);
	if (h->each_text)
		ev_buf_addf(out, " each %s", h->each_text);
	if (h->every_ms)
		ev_buf_adds(out, " per window");
}

/* The token at which one of two words in a row starts, from `at` on; n when there is none. */
static size_t find_words(const struct ev_token *t, size_t n, size_t at, const char *a, const char *b)
{
	for (; at + 1 < n; at++)
		if (ev_token_is(t[at], a) && ev_token_is(t[at + 1], b))
			return at;
	return n;
}

/* `upsert orders`: what a statement does to which table. */
static void describe_statement(const struct ev_statement *s, struct ev_buf *out)
{
	size_t n, into;
	struct ev_token *t = ev_sql_tokens(s->sql[EV_SQLITE], &n);
	const char *verb = "run SQL on";
	size_t name = n;

	if (n && ev_token_is(t[0], "insert")) {
		for (into = 1; into + 1 < n && !ev_token_is(t[into], "into"); into++)
			;
		name = into + 1;
		verb = find_words(t, n, name, "do", "update") < n    ? "upsert"
		       : find_words(t, n, name, "do", "nothing") < n ? "insert if new into"
		       : into > 1				     ? "insert or replace in"
								     : "insert into";
	} else if (n > 1 && ev_token_is(t[0], "update")) {
		verb = "update";
		name = 1;
	} else if (n > 2 && ev_token_is(t[0], "delete")) {
		verb = "delete from";
		name = 2;
	}
	ev_buf_clear(out);
	ev_buf_adds(out, verb);
	ev_buf_addc(out, ' ');
	if (name < n)
		ev_sql_name(t[name], out);
	else
		ev_buf_adds(out, "its tables");
	free(t);
}

static void print_handlers(const struct ev_projection *p)
{
	struct ev_buf event = EV_BUF_INIT, what = EV_BUF_INIT;
	size_t width = 0;

	for (size_t i = 0; i < p->nhandlers; i++) {
		describe_event(&p->handlers[i], &event);
		width = event.len > width && event.len <= 40 ? event.len : width;
	}
	for (size_t i = 0; i < p->nhandlers; i++) {
		const struct ev_handler *h = &p->handlers[i];

		describe_event(h, &event);
		for (size_t k = 0; k < h->nstatements; k++) {
			describe_statement(&h->statements[k], &what);
			printf("  %-9s %-*s  line %-4d %s%s\n", i || k ? "" : "handlers", (int)width,
			       k ? "" : ev_buf_str(&event), h->statements[k].place.line,
			       ev_buf_str(&what), h->must_touch ? ", must touch a row" : "");
		}
	}
	ev_buf_release(&event);
	ev_buf_release(&what);
}

static void print_lines(const char *lines)
{
	while (*lines) {
		const char *end = strchrnul(lines, '\n');

		printf("            %.*s\n", (int)(end - lines), lines);
		lines = *end ? end + 1 : end;
	}
}

static void print_order(bool commutes, const char *why)
{
	if (commutes) {
		puts("  order     does not matter between partitions, but behind a dead letter: all handlers commute");
		return;
	}
	puts("  order     matters between partitions, so every transaction stores its cut:");
	print_lines(why);
}

static void print_speed(const char *folds)
{
	if (!*folds) {
		puts("  speed     a transaction's events are folded in memory, each row is written once");
		return;
	}
	puts("  speed     folded in memory, each row written once, but for:");
	print_lines(folds);
}

/* What evverify, and a rebuild that wants a receipt, take for a proof of it. */
static void print_proof(const struct ev_projection *p, enum ev_dialect dialect, const char *folds)
{
	if (p->nreads)
		puts("  proof     not provable: it reads tables of others (@reads)");
	else if (dialect == EV_POSTGRESQL && ev_makes_views(p, dialect))
		puts("  proof     wants --scratch URL: SQL views are compared with those that are made there");
	else if (dialect == EV_POSTGRESQL && (*folds || p->dedupe))
		puts("  proof     wants --scratch URL: not all of it folds in memory alone");
	else if (dialect == EV_POSTGRESQL)
		puts("  proof     in memory alone; wants --scratch URL once a record was poison (a dead letter)");
}

void ev_plan_print(const struct ev_projection *p, enum ev_dialect dialect, bool commutes, const char *why,
		   const char *folds)
{
	struct ev_tables tables = { 0 };

	ev_tables_of(p, &tables);
	printf("%s version %lld, fingerprint %s\n", p->name, (long long)p->version, p->fingerprint);
	print_names("topics", p->topics, p->ntopics);
	print_names("reads", p->reads, p->nreads);
	if (p->dedupe)
		puts("  dedupe    by id");
	if (p->key_text)
		printf("  key       %s is the record's key\n", p->key_text);
	print_tables(&tables, dialect);
	print_handlers(p);
	print_queries("checks", p->checks, p->nchecks);
	print_queries("samples", p->samples, p->nsamples);
	print_order(commutes, why);
	print_speed(folds);
	print_proof(p, dialect, folds);
	ev_tables_free(&tables);
}

/* Does SQLite keep a fraction of such a column as a binary number? (affinities REAL and NUMERIC) */
static bool is_inexact(const char *type)
{
	static const char *const words[] = { "real", "float", "double", "numeric", "decimal", "number", NULL };

	for (const char *const *w = words; type && *w; w++)
		if (strcmp(type, *w) == 0)
			return true;
	return false;
}

static const struct ev_table *find_table(const struct ev_tables *tables, struct ev_token name)
{
	const struct ev_table *found = NULL;
	char *s = ev_token_name(&name);

	for (size_t i = 0; s && i < tables->n; i++)
		if (strcmp(tables->v[i].name, s) == 0)
			found = &tables->v[i];
	free(s);
	return found;
}

/*
 * Does `t[at..]` read `c = ... + ...` with a column name of its own in the sum? Such a SET adds to
 * what is there. The token behind the assignment into *end.
 */
static bool is_sum(const struct ev_token *t, size_t n, size_t at, size_t *end)
{
	bool same = false, sign = false;
	int depth = 0;
	size_t i;

	for (i = at + 2; i < n; i++) {
		depth += ev_token_is(t[i], "(");
		depth -= ev_token_is(t[i], ")");
		if (depth < 0 || (depth == 0 && (ev_token_is(t[i], ",") || ev_token_is(t[i], "where"))))
			break;
		sign |= ev_token_is(t[i], "+") || ev_token_is(t[i], "-");
		same |= ev_slice_eq(t[i].text, t[at].text);
	}
	*end = i;
	return same && sign;
}

static void warn_statement(const struct ev_projection *p, const struct ev_statement *s,
			   const struct ev_tables *tables, struct ev_messages *msg)
{
	size_t n, end, name;
	struct ev_token *t = ev_sql_tokens(s->sql[EV_SQLITE], &n);
	const struct ev_table *table = NULL;

	for (name = 0; name < n && !table; name++)
		if (t[name].kind == EV_TOKEN_WORD || t[name].kind == EV_TOKEN_QUOTED)
			table = find_table(tables, t[name]);
	for (size_t i = name; table && i + 2 < n; i++) {
		char *column;

		if (!ev_token_is(t[i + 1], "=") ||
		    (!ev_token_is(t[i - 1], "set") && !ev_token_is(t[i - 1], ",")))
			continue;
		column = ev_token_name(&t[i]);
		if (column && is_inexact(ev_table_type(table, column)) && is_sum(t, n, i, &end)) {
			struct ev_place at = ev_statement_place(s, EV_SQLITE,
						(size_t)(t[i].text.ptr - s->sql[EV_SQLITE]));

			ev_warn(msg, "%s:%d:%d: %s.%s is %s: SQLite adds decimals inexactly, by the order "
				"they come in; keep an integer by :scaled()", p->file, at.line, at.column,
				table->name, column, ev_table_type(table, column));
		}
		free(column);
	}
	free(t);
}

void ev_plan_warn(const struct ev_projection *p, struct ev_messages *msg)
{
	struct ev_tables tables = { 0 };

	ev_tables_of(p, &tables);
	for (size_t i = 0; i < p->nhandlers; i++)
		for (size_t k = 0; k < p->handlers[i].nstatements; k++)
			warn_statement(p, &p->handlers[i].statements[k], &tables, msg);
	ev_tables_free(&tables);
}
