/* declared_read.c - the columns, defaults and CHECKs of a CREATE TABLE: see declared_impl.h */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "verify/declared_impl.h"

#define LONGEST_NAME 63

void declared_release(struct declared_table *t)
{
	for (size_t i = 0; i < t->ncolumns; i++) {
		free(t->columns[i].name);
		free(t->columns[i].type);
		free(t->columns[i].fallback);
		free(t->columns[i].collation);
	}
	for (size_t i = 0; i < t->nchecks; i++)
		free(t->checks[i].condition);
	free(t->columns);
	free(t->checks);
	free(t->name);
}

/*
 * As the server has it: without quotes it is folded, between them it is not, and what is longer than 63 bytes is cut.
 * Where, among other letters than ASCII, depends on the database's encoding.
 */
static char *name_of(struct declared_table *table, const struct ev_token *t)
{
	struct ev_buf b = EV_BUF_INIT;
	char *name;

	if (t->kind != EV_TOKEN_QUOTED)
		ev_sql_name(*t, &b);
	else if (t->text.ptr[0] != '"') /* U&"" */
		table->odd = true;
	for (size_t i = 1; t->kind == EV_TOKEN_QUOTED && i + 1 < t->text.len; i++) {
		ev_buf_addc(&b, t->text.ptr[i]);
		i += t->text.ptr[i] == '"'; /* it is doubled */
	}
	name = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	for (size_t i = 0, len = strlen(name); len > LONGEST_NAME && i < len; i++)
		table->odd |= (unsigned char)name[i] > 0x7f;
	if (strlen(name) > LONGEST_NAME)
		name[LONGEST_NAME] = '\0';
	return name;
}

static bool is_any(const struct ev_token *t, const char *const *words)
{
	for (; *words; words++)
		if (ev_token_is(*t, *words))
			return true;
	return false;
}

static char *text_of(const struct ev_token *from, const struct ev_token *end)
{
	return from < end ? ev_strndup(from->text.ptr, (size_t)(end[-1].text.ptr + end[-1].text.len - from->text.ptr))
			  : ev_strdup("");
}

/* +1, -1: what is behind belongs together. */
static int opens(const struct ev_token *t)
{
	return ev_token_is(*t, "(") || ev_token_is(*t, "case") ? 1 : -(ev_token_is(*t, ")") || ev_token_is(*t, "end"));
}

/* Where the clause of a column ends whose first word is before `t`: that may be NULL, or open a bracket. */
static const struct ev_token *clause_end(const struct ev_token *t, const struct ev_token *end)
{
	static const char *const words[] = { "not", "null", "default", "primary", "unique", "check", "references",
					     "collate", "generated", "constraint", "storage", "compression",
					     "deferrable", "initially", NULL };
	int depth = opens(t - 1);

	for (; t < end && (depth > 0 || !is_any(t, words)); t++)
		depth += opens(t);
	return t;
}

static const struct ev_token *closing(const struct ev_token *t, const struct ev_token *end)
{
	int depth = 0;

	for (; t < end; t++) {
		depth += ev_token_is(*t, "(") - ev_token_is(*t, ")");
		if (!depth)
			break;
	}
	return t;
}

static const struct ev_token *read_check(struct declared_table *t, const struct ev_token *at,
					 const struct ev_token *end)
{
	const struct ev_token *close = closing(at + 1, end);
	struct declared_check *k;

	if (close == end) {
		t->odd = true;
		return end;
	}
	k = EV_PUSH(t->checks, t->nchecks);
	*k = (struct declared_check){ .condition = text_of(at + 2, close) };
	for (at = close + 1; end - at > 1; at += 2)
		if (ev_token_is(at[0], "no") && ev_token_is(at[1], "inherit"))
			k->alone = true;
		else if (ev_token_is(at[0], "not") && ev_token_is(at[1], "enforced"))
			k->idle = true;
		else
			break;
	return at;
}

static void mark_key(struct declared_table *t, const char *name, int place)
{
	for (size_t i = 0; i < t->ncolumns; i++)
		if (strcmp(t->columns[i].name, name) == 0) {
			t->columns[i].not_null = true;
			t->columns[i].key = place;
		}
}

/* A row depends on more than its columns, key and CHECKs. */
static bool is_more(const struct ev_token *t)
{
	static const char *const words[] = { "unique", "references", "foreign", "exclude", "include", NULL };

	return is_any(t, words);
}

/* PRIMARY KEY (a, b) */
static const struct ev_token *read_key(struct declared_table *t, const struct ev_token *at, const struct ev_token *end)
{
	int place = 0;

	for (; at < end && !ev_token_is(*at, ")"); at++) {
		char *name = at->kind == EV_TOKEN_WORD || at->kind == EV_TOKEN_QUOTED ? name_of(t, at) : NULL;

		if (name)
			mark_key(t, name, ++place);
		free(name);
	}
	return at;
}

/* Of a table. */
static void read_constraint(struct declared_table *t, const struct ev_token *at, const struct ev_token *end)
{
	while (at < end) {
		if (ev_token_is(*at, "check"))
			at = read_check(t, at, end);
		else if (ev_token_is(*at, "primary") && end - at > 2)
			at = read_key(t, at + 2, end);
		else
			t->odd |= is_more(at++);
	}
}

static void read_column(struct declared_table *t, const struct ev_token *at, const struct ev_token *end)
{
	struct declared_column c = { .name = name_of(t, at) };
	const struct ev_token *to = clause_end(at + 1, end);

	c.type = text_of(at + 1, to);
	for (at = to; at < end;) {
		if (ev_token_is(*at, "default") && at + 1 < end) {
			to = clause_end(at + 2, end);
			free(c.fallback);
			c.fallback = text_of(at + 1, to);
			at = to;
		} else if (ev_token_is(*at, "collate") && at + 1 < end) {
			to = clause_end(at + 2, end);
			free(c.collation);
			c.collation = text_of(at + 1, to);
			at = to;
		} else if (ev_token_is(*at, "check")) {
			at = read_check(t, at, end);
		} else {
			c.key |= ev_token_is(*at, "primary");
			c.not_null |= c.key ||
				      (ev_token_is(*at, "not") && at + 1 < end && ev_token_is(at[1], "null"));
			t->odd |= ev_token_is(*at, "generated") || is_more(at);
			at++;
		}
	}
	*EV_PUSH(t->columns, t->ncolumns) = c;
}

/* EXCLUDE may be a column's name as well. */
static bool is_constraint(const struct ev_token *t, const struct ev_token *end)
{
	static const char *const words[] = { "constraint", "primary", "unique", "check", "foreign", NULL };

	return is_any(t, words) || (ev_token_is(*t, "exclude") && t + 1 < end &&
				    (ev_token_is(t[1], "using") || ev_token_is(t[1], "(")));
}

static void read_element(struct declared_table *t, const struct ev_token *at, const struct ev_token *end,
			 bool constraints)
{
	if (at == end || (at->kind != EV_TOKEN_WORD && at->kind != EV_TOKEN_QUOTED) || ev_token_is(*at, "like"))
		t->odd = true;
	else if (is_constraint(at, end) && constraints)
		read_constraint(t, at, end);
	else if (!is_constraint(at, end) && !constraints)
		read_column(t, at, end);
}

/* What stands between the brackets, `t` being the first: where that ends; `end` when it does not. */
static const struct ev_token *read_elements(struct declared_table *out, const struct ev_token *t,
					    const struct ev_token *end, bool constraints)
{
	const struct ev_token *first = t + 1;
	int depth = 0;

	for (; t < end; t++) {
		depth += ev_token_is(*t, "(") - ev_token_is(*t, ")");
		if (depth && !(depth == 1 && ev_token_is(*t, ",")))
			continue;
		read_element(out, first, t, constraints);
		first = t + 1;
		if (!depth)
			return t + 1;
	}
	out->odd = true;
	return t;
}

/* Columns first: a key may be named before them. */
const struct ev_token *declared_read(struct declared_table *out, const struct ev_token *t, const struct ev_token *end)
{
	if (end - t > 3 && ev_token_is(*t, "if")) /* IF NOT EXISTS */
		t += 3;
	out->name = t < end ? name_of(out, t++) : ev_strdup("");
	if (t >= end || !ev_token_is(*t, "(")) {
		out->odd = true;
		return t;
	}
	read_elements(out, t, end, false);
	return read_elements(out, t, end, true);
}
