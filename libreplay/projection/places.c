/* places.c - see places.h */
#include "projection/places.h"

#include <stdlib.h>

#include "base/mem.h"

/* Between two brackets, or outside of all. */
struct level {
	bool query;   /* it has a SELECT, DELETE or UPDATE, whose FROM is a clause: that of extract(x FROM y) is none */
	bool from;    /* behind a comma comes a table */
	bool columns; /* of CREATE TABLE */
};

struct scan {
	const struct ev_token *t;
	size_t n;
	struct level *levels;
	size_t depth;
	bool table;    /* a table comes next */
	bool creating; /* CREATE TABLE, and its bracket is not open yet */
};

static bool is_any(struct ev_token t, const char *const *words)
{
	for (; *words; words++)
		if (ev_token_is(t, *words))
			return true;
	return false;
}

static struct level *top(struct scan *s)
{
	return &s->levels[s->depth - 1];
}

static void open(struct scan *s)
{
	struct level l = { .from = s->table, .columns = s->creating };

	*EV_PUSH(s->levels, s->depth) = l;
	s->creating = false;
}

static void close(struct scan *s)
{
	if (s->depth > 1)
		s->depth--;
	s->table = false;
}

static bool is_before(const struct scan *s, size_t i, size_t back, const char *word)
{
	return i >= back && ev_token_is(s->t[i - back], word);
}

/* Is it the beginning of a clause, and not part of IS DISTINCT FROM, nor of a function's arguments? */
static bool is_clause(struct scan *s, size_t i)
{
	if (is_before(s, i, 1, "distinct") && (is_before(s, i, 2, "is") || is_before(s, i, 2, "not")))
		return false;
	return top(s)->query;
}

/* CREATE INDEX ... ON t (...) or ON t USING ... */
static bool is_indexed(const struct scan *s, size_t i)
{
	size_t behind = i + (i + 2 < s->n && ev_token_is(s->t[i + 2], ".") ? 4 : 2);

	return behind < s->n && (ev_token_is(s->t[behind], "(") || ev_token_is(s->t[behind], "using"));
}

/* What a word, or an operator that is no bracket, says of what comes next. */
static void pass(struct scan *s, size_t i)
{
	static const char *const named[] = { "into", "table", "references", "view", "only", "exists", "inherits", "of",
					     "as", "::", NULL };
	static const char *const on[] = { "if", "not", "lateral", "concurrently", NULL };
	static const char *const ends[] = { "where", "set", "group", "order", "having", "limit", "values", "returning",
					    "union", "except", "intersect", "window", "fetch", "offset", "for", NULL };
	struct ev_token t = s->t[i];
	struct level *l = top(s);

	if (ev_token_is(t, ",")) {
		s->table = l->from;
	} else if (ev_token_is(t, "from") || ev_token_is(t, "join") || ev_token_is(t, "using")) {
		s->table = !ev_token_is(t, "from") || is_clause(s, i);
		l->from |= s->table;
	} else if (ev_token_is(t, "select") || ev_token_is(t, "delete") || ev_token_is(t, "update")) {
		l->query = true;
		l->from = false;
		s->table = ev_token_is(t, "update");
	} else if (is_any(t, named)) {
		s->table = true;
		s->creating |= ev_token_is(t, "table") &&
			       (is_before(s, i, 1, "create") || is_before(s, i, 1, "unlogged"));
	} else if (ev_token_is(t, "like")) {
		s->table = l->columns;
	} else if (ev_token_is(t, "on")) {
		s->table = is_indexed(s, i);
	} else if (is_any(t, ends)) {
		s->table = l->from = false;
	} else if (!is_any(t, on)) {
		s->table = false;
	}
}

static enum ev_place_kind place(struct scan *s, size_t i)
{
	bool name = (s->t[i].kind == EV_TOKEN_WORD || s->t[i].kind == EV_TOKEN_QUOTED) && !is_before(s, i, 1, ".");
	enum ev_place_kind kind = !name ? EV_PLACE_OTHER : s->table ? EV_PLACE_TABLE :
				  top(s)->columns ? EV_PLACE_COLUMNS : EV_PLACE_OTHER;

	if (ev_token_is(s->t[i], "(")) {
		open(s);
	} else if (ev_token_is(s->t[i], ")")) {
		close(s);
	} else if (ev_token_is(s->t[i], ";")) {
		s->depth = 1;
		*top(s) = (struct level){ 0 };
		s->table = s->creating = false;
	} else if (is_before(s, i, 1, ".")) { /* no keyword, whatever it is called */
		s->table = false;
	} else {
		pass(s, i);
	}
	return kind;
}

unsigned char *ev_sql_places(const struct ev_token *t, size_t n)
{
	unsigned char *places = ev_alloc((n ? n : 1) * sizeof(*places));
	struct scan s = { .t = t, .n = n };

	*EV_PUSH(s.levels, s.depth) = (struct level){ 0 };
	for (size_t i = 0; i < n; i++)
		places[i] = (unsigned char)place(&s, i);
	free(s.levels);
	return places;
}
