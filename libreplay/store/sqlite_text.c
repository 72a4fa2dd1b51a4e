/*
 * sqlite_text.c - which parameters of a statement go straight into a TEXT column
 *
 * SQLite makes a text of a floating point number by its first 15 digits. A JSON number that is no
 * integer is therefore bound as its own text where that is all that becomes of it: as a value of
 * INSERT ... VALUES or the right side of SET column = value. Anywhere else, in an expression or
 * where the same parameter is used otherwise too, it has to be a number.
 */
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "projection/ddl.h"
#include "store/affinity.h"
#include "store/sqlite_internal.h"

struct column {
	char *name;
	bool text; /* affinity */
};

struct looking {
	const struct ev_token *t;
	size_t n;
	struct column *columns;
	size_t ncolumns, columns_cap;
	int *uses; /* of each parameter, less those straight into a TEXT column */
	int nparams;
};

static int add_column(void *ctx, int n, char **cells, char **names)
{
	struct looking *k = ctx;

	(void)n;
	(void)names;
	EV_GROW(k->columns, k->ncolumns, k->columns_cap);
	k->columns[k->ncolumns++] =
		(struct column){ ev_strdup(cells[0]),
				 ev_sqlite_affinity(cells[1] ? cells[1] : "") == EV_AFFINITY_TEXT };
	return 0;
}

/* In their order, those that are computed left out: as INSERT without a list fills them. */
static void load_columns(struct ev_sqlite *s, struct looking *k, struct ev_token table)
{
	char *name = ev_token_name(&table);
	char *sql = sqlite3_mprintf("SELECT name, type FROM pragma_table_xinfo(%Q) WHERE hidden = 0 "
				    "ORDER BY cid", name ? name : "");

	if (sql)
		sqlite3_exec(s->db, sql, add_column, k, NULL);
	sqlite3_free(sql);
	free(name);
}

static bool is(const struct looking *k, size_t i, const char *word)
{
	return i < k->n && ev_token_is(k->t[i], word);
}

static const struct column *find(const struct looking *k, size_t i)
{
	const struct column *found = NULL;
	char *name = i < k->n ? ev_token_name(&k->t[i]) : NULL;

	for (size_t c = 0; name && c < k->ncolumns; c++)
		if (strcasecmp(k->columns[c].name, name) == 0)
			found = &k->columns[c];
	free(name);
	return found;
}

/* The number of the parameter that the token is, from 0; -1: it is none. */
static int param(const struct looking *k, size_t i)
{
	int number;

	if (i >= k->n || k->t[i].kind != EV_TOKEN_PARAM || k->t[i].text.ptr[0] != '?')
		return -1;
	number = (int)strtol(k->t[i].text.ptr + 1, NULL, 10) - 1;
	return number < k->nparams ? number : -1;
}

static void straight(struct looking *k, size_t i, const struct column *c)
{
	int number = param(k, i);

	if (number >= 0 && c && c->text)
		k->uses[number]--;
}

/* Behind the bracket that t[i] opens. */
static size_t behind(const struct looking *k, size_t i)
{
	int depth = 0;

	for (; i < k->n; i++) {
		depth += is(k, i, "(");
		depth -= is(k, i, ")");
		if (!depth)
			return i + 1;
	}
	return k->n;
}

/* `(a, b) VALUES (?1, f(?2)), ...`: `list` is the bracket of the names, 0 when there is none. */
static size_t look_at_values(struct looking *k, size_t list, size_t i)
{
	for (; is(k, i, "("); i += is(k, i, ",")) {
		size_t end = behind(k, i), name = list + 1, c = 0;

		for (size_t at = i + 1; at < end;) {
			size_t next = at;

			while (next + 1 < end && !is(k, next, ","))
				next = is(k, next, "(") ? behind(k, next) : next + 1;
			if (next == at + 1)
				straight(k, at, list ? find(k, name)
						     : c < k->ncolumns ? &k->columns[c] : NULL);
			at = next + 1;
			name += 2;
			c++;
		}
		i = end;
	}
	return i;
}

static bool ends_assignment(const struct looking *k, size_t i)
{
	static const char *const words[] = { ",", ";", "where", "from", "returning", "on", NULL };

	for (const char *const *w = words; *w; w++)
		if (is(k, i, *w))
			return true;
	return i >= k->n;
}

/* `SET a = ?1, b = b + ?2 WHERE`, from behind SET. */
static void look_at_set(struct looking *k, size_t i)
{
	for (;;) {
		if (is(k, i + 1, "=") && ends_assignment(k, i + 3))
			straight(k, i + 2, find(k, i));
		while (!ends_assignment(k, i))
			i = is(k, i, "(") ? behind(k, i) : i + 1;
		if (!is(k, i, ","))
			return;
		i++;
	}
}

static void look_at(struct ev_sqlite *s, struct looking *k)
{
	size_t i = 1, list = 0;

	if (is(k, 0, "insert") || is(k, 0, "update"))
		i += is(k, 1, "or") ? 2 : 0; /* OR REPLACE */
	else if (!is(k, 0, "replace"))
		return;
	i += is(k, i, "into");
	if (i >= k->n || is(k, i + 1, "."))
		return;
	load_columns(s, k, k->t[i++]);
	i += is(k, i, "as") ? 2 : 0;
	if (!is(k, 0, "update")) {
		if (is(k, i, "(")) {
			list = i;
			i = behind(k, i);
		}
		if (is(k, i, "values"))
			i = look_at_values(k, list, i + 1);
	}
	for (; i < k->n; i = is(k, i, "(") ? behind(k, i) : i + 1)
		if (is(k, i, "set"))
			look_at_set(k, i + 1);
}

bool *ev_sqlite_text_params(struct ev_sqlite *s, const char *sql, int nparams)
{
	struct looking k = { .nparams = nparams };
	struct ev_token *t = ev_sql_tokens(sql, &k.n);
	bool *texts = NULL;

	k.t = t;
	k.uses = ev_alloc((size_t)(nparams ? nparams : 1) * sizeof(*k.uses));
	for (size_t i = 0; i < k.n; i++)
		if (param(&k, i) >= 0)
			k.uses[param(&k, i)]++;
	look_at(s, &k);
	for (int i = 0; i < nparams; i++) {
		if (k.uses[i])
			continue;
		if (!texts)
			texts = ev_alloc((size_t)nparams * sizeof(*texts));
		texts[i] = true;
	}
	for (size_t i = 0; i < k.ncolumns; i++)
		free(k.columns[i].name);
	free(k.columns);
	free(k.uses);
	free(t);
	return texts;
}
