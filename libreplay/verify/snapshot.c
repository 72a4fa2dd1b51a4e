/* snapshot.c - see snapshot.h */
#include "verify/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/dead.h"

struct loading {
	struct ev_snapshot *s;
	int64_t after;
	bool drop;
	struct ev_error *err;
};

/* The cells of a row are its number and its position. */
static int take_cut(struct ev_snapshot *s, const struct ev_cell *c, int64_t *next, struct ev_error *err)
{
	struct ev_stored_cut cut = { .seq = c[0].i, .next = next };
	struct ev_position p = EV_POSITION_INIT;

	if (ev_position_read(&p, c[1].text, err) < 0) {
		err->class = EV_STORE;
		return ev_context(err, "cut %lld in the store is damaged", (long long)c[0].i);
	}
	for (size_t i = 0; i < s->ledger.nparts; i++)
		next[i] = ev_position_get(&p, s->ledger.parts[i].topic, s->ledger.parts[i].partition);
	ev_position_release(&p);
	return ev_cuts_add(s->cuts, &cut, err);
}

static int read_cuts(struct ev_snapshot *s, struct ev_cursor *c, struct ev_error *err)
{
	int64_t *next = ev_alloc((s->ledger.nparts + 1) * sizeof(*next));
	const struct ev_cell *cells;
	int rc;

	while ((rc = s->store->ops->fetch(c, &cells, err)) > 0) {
		rc = take_cut(s, cells, next, err);
		if (rc < 0)
			break;
	}
	free(next);
	return rc;
}

/* They may be more than fit into memory. */
static int load_cuts(struct ev_snapshot *s, int64_t after, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT, name = EV_BUF_INIT;
	struct ev_cursor *c;
	int rc;

	s->cuts = ev_cuts_new(s->ledger.nparts);
	ev_buf_add_quoted(&name, s->ledger.projection, '\'');
	ev_buf_addf(&sql, "SELECT seq, position FROM ev_cut WHERE projection = " EV_ROWS_KEY("%s") " AND seq > %lld "
		    "ORDER BY seq", ev_buf_str(&name), ev_buf_str(&name), (long long)after);
	c = s->store->ops->cursor(s->store, ev_buf_str(&sql), err);
	rc = c ? read_cuts(s, c, err) : -1;
	s->store->ops->cursor_close(c);
	ev_buf_release(&sql);
	ev_buf_release(&name);
	return rc;
}

static int take_letter(void *ctx, const struct ev_dead_letter *d)
{
	struct loading *l = ctx;

	if (d->decided_seq <= l->after || d->behind >= 0)
		return 0;
	return ev_taken_add(l->s->taken, d->decided_seq, d->topic, d->partition, d->offset, l->drop, l->err);
}

static int load_decisions(struct ev_snapshot *s, int64_t after, struct ev_error *err)
{
	struct loading l = { s, after, true, err };
	int rc;

	s->taken = ev_taken_new();
	rc = ev_dead_each(s->store, s->ledger.projection, "dropped", take_letter, &l, err);
	l.drop = false;
	if (rc == 0)
		rc = ev_dead_each(s->store, s->ledger.projection, "retried", take_letter, &l, err);
	return rc;
}

static int take_key(void *ctx, const struct ev_cell *cells, size_t n)
{
	char **key = ctx;

	(void)n;
	free(*key);
	*key = ev_slice_dup(cells[0].text);
	return 0;
}

int ev_snapshot_rows_key(struct ev_store *store, const char *projection, char **key, struct ev_error *err)
{
	static const char sql[] = "SELECT " EV_ROWS_KEY("p.name") " FROM ev_projection p WHERE p.name = ?1";
	struct ev_bind name = ev_bind_text(projection);

	return ev_store_select(store, sql, &name, 1, take_key, key, err);
}

bool ev_snapshot_follows(const struct ev_snapshot *was, const struct ev_snapshot *now)
{
	const struct ev_ledger *a = &was->ledger, *b = &now->ledger;
	bool same = strcmp(a->fingerprint, b->fingerprint) == 0 && was->rows_key && now->rows_key &&
		    strcmp(was->rows_key, now->rows_key) == 0 && b->generation >= a->generation &&
		    b->cuts >= a->cuts && b->nparts >= a->nparts;

	for (size_t i = 0; i < a->nparts && same; i++) {
		const struct ev_ledger_part *p = ev_ledger_part((struct ev_ledger *)b, a->parts[i].topic,
								a->parts[i].partition, false);

		same = p && p->begin == a->parts[i].begin && p->next >= a->parts[i].next;
	}
	return same;
}

int ev_snapshot_ledger(struct ev_store *s, const char *projection, struct ev_ledger *l, struct ev_error *err)
{
	int present = ev_ledger_present(s, err);

	if (present <= 0)
		return present < 0 ? -1 : ev_ledger_no_view(s, projection, err);
	if (ev_ledger_readable(s, err) < 0 || ev_ledger_load(s, projection, l, err) < 0)
		return -1;
	return l->exists ? 0 : ev_ledger_no_view(s, projection, err);
}

int ev_snapshot_load(struct ev_snapshot *s, const char *projection, int64_t after, struct ev_error *err)
{
	if (ev_snapshot_ledger(s->store, projection, &s->ledger, err) < 0)
		return -1;
	if (ev_snapshot_rows_key(s->store, projection, &s->rows_key, err) < 0 ||
	    ev_ledger_tables(s->store, projection, &s->tables, err) < 0 || load_cuts(s, after, err) < 0)
		return -1;
	return load_decisions(s, after, err);
}

int ev_snapshot_take(struct ev_snapshot *s, const char *url, const struct ev_store_options *opt,
		     const char *projection, int64_t after, struct ev_error *err)
{
	struct ev_store_options ro = *opt;

	*s = (struct ev_snapshot){ 0 };
	ro.read_only = true;
	s->store = ev_store_open(url, &ro, err);
	if (!s->store || s->store->ops->freeze(s->store, err) < 0)
		return -1;
	return ev_snapshot_load(s, projection, after, err);
}

void ev_snapshot_let_go(struct ev_snapshot *s)
{
	if (s->store)
		s->store->ops->close(s->store);
	s->store = NULL;
}

void ev_snapshot_release(struct ev_snapshot *s)
{
	ev_snapshot_let_go(s);
	ev_ledger_release(&s->ledger);
	free(s->rows_key);
	ev_buf_release(&s->tables);
	ev_cuts_free(s->cuts);
	ev_taken_free(s->taken);
	*s = (struct ev_snapshot){ 0 };
}
