/* declared_checks.c - the CHECKs of a table in the store against those in the file: see declared_impl.h */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "verify/declared_impl.h"
#include "verify/verdict.h"

struct check {
	char *condition, *meaning; /* the second NULL: of one in the file already */
	bool valid, alone, idle;
};

struct checks {
	struct check *v;
	size_t n;
};

static int take_check(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct checks *all = ctx;

	if (n == 4)
		*EV_PUSH(all->v, all->n) = (struct check){
			.condition = ev_slice_dup(cells[0].text), .valid = cells[1].text.ptr[0] == 't',
			.alone = cells[2].text.ptr[0] == 't', .idle = cells[3].text.ptr[0] == 'f',
		};
	return 0;
}

static int load(struct declared_comparing *c, const char *table, struct checks *out, struct ev_error *why)
{
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	int rc;

	ev_buf_add_quoted(&name, table, '"');
	ev_buf_adds(&sql, "SELECT pg_catalog.pg_get_expr(k.conbin, k.conrelid), k.convalidated::text, "
			  "k.connoinherit::text, " /* 18 and later */
			  "coalesce(pg_catalog.to_jsonb(k) ->> 'conenforced', 'true') FROM pg_catalog.pg_constraint k "
			  "WHERE k.contype = 'c' AND k.conrelid = ");
	ev_buf_add_quoted(&sql, ev_buf_str(&name), '\'');
	ev_buf_adds(&sql, "::pg_catalog.regclass ORDER BY k.conname");
	rc = declared_ask(c, ev_buf_str(&sql), take_check, out, why);
	ev_buf_release(&name);
	ev_buf_release(&sql);
	return rc;
}

static void release(struct checks *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->v[i].condition);
		free(all->v[i].meaning);
	}
	free(all->v);
}

/* The plan's lines, but for one that is of the words and not of what they mean. */
static int take_line(void *ctx, const struct ev_cell *cells, size_t n)
{
	struct ev_slice line = n ? cells[0].text : ev_slice("", 0);

	if (!memmem(line.ptr, line.len, "Query Identifier:", strlen("Query Identifier:"))) {
		ev_buf_add_slice(ctx, line);
		ev_buf_addc(ctx, '\n');
	}
	return 0;
}

/*
 * A text that two conditions on this table share when they mean the same. Planned and not run: what the planner prints
 * has all types, casts and brackets, and constants worked out. That is the same for the words of a file and for those
 * that the catalogue has made of them.
 */
static int meaning(struct declared_comparing *c, const char *table, const char *condition, char **out,
		   struct ev_error *why)
{
	struct ev_buf sql = EV_BUF_INIT, plan = EV_BUF_INIT;
	int rc;

	ev_buf_addf(&sql, "EXPLAIN (VERBOSE, COSTS OFF) SELECT (%s) FROM ", condition);
	ev_buf_add_quoted(&sql, table, '"');
	rc = declared_ask(c, ev_buf_str(&sql), take_line, &plan, why);
	*out = rc == 0 ? ev_strdup(ev_buf_str(&plan)) : NULL;
	ev_buf_release(&plan);
	ev_buf_release(&sql);
	return rc;
}

static const char *difference(const struct check *store, const struct declared_check *k)
{
	if (store->idle != k->idle)
		return k->idle ? "is not NOT ENFORCED in the store" : "is NOT ENFORCED in the store";
	if (!store->valid && !store->idle)
		return "is NOT VALID in the store";
	if (store->alone != k->alone)
		return k->alone ? "is not NO INHERIT in the store" : "is NO INHERIT in the store";
	return NULL;
}

/* Each of the store's is that of one in the file at most. */
static int compare_check(struct declared_comparing *c, const struct declared_table *t, const struct declared_check *k,
			 struct checks *store, struct ev_error *why)
{
	const char *what = NULL;
	char *mine;
	size_t i = 0;
	int rc = meaning(c, t->name, k->condition, &mine, why);

	if (rc != 0)
		return rc;
	while (i < store->n && !(store->v[i].meaning && strcmp(store->v[i].meaning, mine) == 0))
		i++;
	free(mine);
	if (i == store->n) {
		what = "is another in the store";
	} else {
		what = difference(&store->v[i], k);
		free(store->v[i].meaning);
		store->v[i].meaning = NULL;
	}
	if (what)
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "CHECK (%s) %s", k->condition, what);
	return 0;
}

static int compare_all(struct declared_comparing *c, const struct declared_table *t, struct checks *store,
		       struct ev_error *why)
{
	int rc = load(c, t->name, store, why);

	for (size_t i = 0; i < store->n && rc == 0; i++)
		rc = meaning(c, t->name, store->v[i].condition, &store->v[i].meaning, why);
	for (size_t i = 0; i < t->nchecks && rc == 0; i++)
		rc = compare_check(c, t, &t->checks[i], store, why);
	return rc;
}

int declared_checks(struct declared_comparing *c, const struct declared_table *t, const struct ev_table_info *info,
		    bool columns_differ)
{
	struct checks store = { 0 };
	struct ev_error why;
	int rc;

	if (t->nchecks != info->nchecks) {
		ev_finding_text(ev_mode_finding(c->m, "table", t->name), "it has %zu CHECKs in the store, %zu in the "
				"file", info->nchecks, t->nchecks);
		return 0;
	}
	if (columns_differ) /* a condition may be of those that are not there */
		return 0;
	rc = compare_all(c, t, &store, &why);
	release(&store);
	return rc > 0 ? declared_unknown(c, t->name, &why) : rc;
}
