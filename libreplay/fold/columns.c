/* columns.c - tables as the fold knows them, from what the store says of them */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "fold/internal.h"
#include "store/affinity.h"

#define MOST_FIXED 250 /* columns, of some 16 bytes each */

static const struct type {
	const char *name;
	enum ev_fold_class class;
	int64_t min, max;
} pg_types[] = {
	{ "smallint", EV_FC_INT, INT16_MIN, INT16_MAX }, { "integer", EV_FC_INT, INT32_MIN, INT32_MAX },
	{ "bigint", EV_FC_INT, INT64_MIN, INT64_MAX },	 { "boolean", EV_FC_BOOL, 0, 0 },
	{ "text", EV_FC_TEXT, 0, 0 },			 { "character varying", EV_FC_TEXT, 0, 0 },
	{ "timestamp with time zone", EV_FC_TIME, 0, 0 }, { "numeric", EV_FC_NUMERIC, 0, 0 },
};

void ev_fold_param_type(const char *name, struct ev_fold_param *p)
{
	*p = (struct ev_fold_param){ .class = name ? EV_FC_CARRIED : EV_FC_ANY };
	for (size_t i = 0; name && i < sizeof(pg_types) / sizeof(*pg_types); i++)
		if (strcmp(name, pg_types[i].name) == 0)
			*p = (struct ev_fold_param){ pg_types[i].class, pg_types[i].min, pg_types[i].max };
}

/*
 * Types that unnest hands back as they were: not arrays, nor rows, nor what we do not know; and not documents, which
 * would come back as the texts that they were handed over as.
 */
static bool is_carried(const char *type)
{
	static const char *const names[] = { "real", "double precision", "uuid", "date", "time", "timestamp",
		"interval", "character", "bit", "inet", "cidr", "macaddr", NULL };
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
	struct ev_fold_param p;
	int end = 0;

	ev_fold_param_type(c->type, &p);
	c->class = p.class;
	c->min = p.min;
	c->max = p.max;
	if (sscanf(c->type, "numeric(%d,%d)%n", &c->precision, &c->scale, &end) == 2 && !c->type[end] &&
	    c->scale >= 0 && c->scale <= c->precision)
		c->class = EV_FC_NUMERIC;
	end = 0;
	if (sscanf(c->type, "character varying(%zu)%n", &c->longest, &end) == 1 && !c->type[end])
		c->class = EV_FC_TEXT;
	return c->class != EV_FC_CARRIED || is_carried(c->type);
}

/* By affinity; false for one that takes values of any kind. */
static bool classify_sqlite(struct ev_fold_column *c)
{
	if (strcasecmp(c->type, "ANY") == 0)
		return false;
	switch (ev_sqlite_affinity(c->type)) {
	case EV_AFFINITY_NONE:
		return false;
	case EV_AFFINITY_INT:
		c->class = EV_FC_INT;
		c->min = INT64_MIN;
		c->max = INT64_MAX;
		return true;
	case EV_AFFINITY_TEXT:
		c->class = EV_FC_TEXT;
		return true;
	case EV_AFFINITY_REAL:
		c->class = EV_FC_REAL;
		return true;
	case EV_AFFINITY_BOOL:
		c->class = EV_FC_INT;
		c->max = 1;
		return true;
	case EV_AFFINITY_DATE:
	case EV_AFFINITY_NUMERIC:
		break;
	}
	c->class = EV_FC_NUMERIC;
	c->dates = ev_sqlite_affinity(c->type) == EV_AFFINITY_DATE;
	return true;
}

static void to_lower(char *s)
{
	for (; *s; s++)
		*s = *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s;
}

char *ev_fold_lower(const char *name)
{
	char *s = ev_strdup(name);

	to_lower(s);
	return s;
}

static bool has_capitals(const char *s)
{
	return strpbrk(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != NULL;
}

/* A default that is a literal; anything else is the store's to compute. */
static struct ev_fv default_of(struct ev_fold *f, struct ev_fold_table *t, const struct ev_fold_column *c,
			       const char *text)
{
	struct ev_fv v = { .kind = EV_FV_NULL };

	if (!text)
		return v;
	v = ev_fold_read_default(f, t, text);
	if (v.kind != EV_FV_NULL && !ev_fold_fits(f, c, &v))
		v.kind = EV_FV_DOUBT;
	return v;
}

static const char *take_column(struct ev_fold *f, struct ev_fold_table *t, const struct ev_column_info *k)
{
	struct ev_fold_column *c = EV_PUSH(t->columns, t->ncolumns);

	c->name = ev_strdup(k->name);
	c->type = ev_strdup(k->type);
	c->value = ev_strdup(k->value);
	c->not_null = k->not_null || k->key;
	c->collation = k->collation;
	c->bytewise = k->bytewise;
	c->in_place = k->in_place;
	if (strcmp(k->type, "bytea") == 0)
		return "it holds bytes";
	if (strcasecmp(k->name, "true") == 0 || strcasecmp(k->name, "false") == 0)
		return "it has a column whose name is a value's";
	if (f->store->ops->dialect == EV_SQLITE) {
		to_lower(c->name); /* as ev_token_name gives names; here case says nothing */
		if (!classify_sqlite(c))
			return "it has a column of no type, or of one that takes anything";
	} else if (has_capitals(c->name)) {
		return "it has a column whose name has capitals";
	} else if (!classify_pg(c)) {
		return "it has a column of an array or of another type that is not folded";
	}
	if (k->key && c->class != EV_FC_INT && c->class != EV_FC_TEXT)
		return "its key is neither whole numbers nor text";
	/* a rowid of its own: the guard takes -1 for one that is missing */
	if (k->key && f->store->ops->dialect == EV_SQLITE && strcasecmp(k->type, "INTEGER") == 0)
		c->min = 0;
	return NULL;
}

/* What the columns default to, and the CHECKs, once all columns are known. */
static const char *take_rules(struct ev_fold *f, struct ev_fold_table *t, const struct ev_table_info *info)
{
	t->rules = ev_alloc(sizeof(*t->rules));
	for (size_t i = 0; i < info->ncolumns; i++)
		t->columns[i].fallback = default_of(f, t, &t->columns[i], info->columns[i].fallback);
	t->nchecks = info->nchecks;
	for (size_t i = 0; i < info->nchecks && !t->why; i++)
		t->why = ev_fold_read_check(f, t, info->checks[i]);
	return t->why;
}

/* With texts as far as EV_FOLD_MOST_TEXT lets them stay, is a page of PostgreSQL sure to hold the row? */
static bool fits_page(const struct ev_fold *f, const struct ev_fold_table *t)
{
	size_t n = 0;

	for (size_t c = 0; c < t->ncolumns; c++)
		n += t->columns[c].class != EV_FC_TEXT;
	return n <= MOST_FIXED || f->store->ops->dialect != EV_POSTGRESQL;
}

const char *ev_fold_take_table(struct ev_fold *f, struct ev_fold_table *t, const struct ev_table_info *info)
{
	const char *why = NULL;

	if (info->odd)
		return info->odd;
	f->bytewise = info->bytewise;
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
	if (!why && t->nkey > EV_FOLD_MOST_KEYS)
		return "its key has too many columns";
	if (!why && !fits_page(f, t))
		return "it has so many columns that a row may be too large for a page";
	return why ? why : take_rules(f, t, info);
}
