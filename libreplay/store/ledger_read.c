/* ledger_read.c - a projection's ledger as the store has it; see ledger.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/ledger.h"

static const char load_projection_sql[] =
	"SELECT version, fingerprint, generation, watermark, updated_at, cuts, last_error, holder, mode "
	"FROM ev_projection WHERE name = ?1";
static const char load_ledger_sql[] =
	"SELECT topic, partition, begin_offset, next_offset, target_offset, cluster_id, last_offset, "
	"last_timestamp, last_hash, applied, ignored, filtered, deduplicated, dead, held, dropped, "
	"invisible, untouched FROM ev_ledger WHERE projection = ?1 ORDER BY topic, partition";

struct loading {
	struct ev_ledger *l;
	const struct ev_store *store;
	struct ev_error *err;
};

static int damaged(const struct loading *d)
{
	return ev_hint(d->err, "no run writes that: put back a copy of the store, or build the view anew in another "
			       "one");
}

static int load_projection(void *ctx, const struct ev_cell *c, size_t n)
{
	const struct loading *d = ctx;
	struct ev_ledger *l = d->l;

	(void)n;
	if (c[1].text.len >= sizeof(l->fingerprint)) {
		ev_fail(d->err, EV_STORE, "store '%s': the ledger of '%s' is damaged: fingerprint is %.*s",
			d->store->url, l->projection, (int)c[1].text.len, c[1].text.ptr);
		return damaged(d);
	}
	l->exists = true;
	l->version = c[0].i;
	snprintf(l->fingerprint, sizeof(l->fingerprint), "%.*s", (int)c[1].text.len, c[1].text.ptr);
	l->generation = c[2].i;
	l->watermark = c[3].kind == EV_CELL_NULL ? INT64_MIN : c[3].i;
	l->updated_at = c[4].i;
	l->cuts = c[5].i;
	l->last_error = ev_slice_dup(c[6].text);
	l->holder = ev_slice_dup(c[7].text);
	l->dead = ev_slice_is(c[8].text, "dead");
	return 0;
}

/* What no run ever writes, and nothing can be read by. Else NULL. */
static const char *damaged_column(const struct ev_cell *c, const struct ev_cell **at)
{
	static const struct { const char *name; size_t cell; int64_t least, most; } columns[] = {
		{ "partition", 1, 0, INT32_MAX },        { "begin_offset", 2, 0, INT64_MAX },
		{ "next_offset", 3, 0, INT64_MAX },      { "target_offset", 4, -1, INT64_MAX },
		{ "last_offset", 6, -1, INT64_MAX - 1 },
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		*at = &c[columns[i].cell];
		if ((*at)->kind != EV_CELL_INT || (*at)->i < columns[i].least || (*at)->i > columns[i].most)
			return columns[i].name;
	}
	for (size_t i = 0; i < EV_COUNTS; i++) {
		*at = &c[9 + i];
		if ((*at)->kind != EV_CELL_INT)
			return ev_count_names[i];
	}
	return NULL;
}

static int load_part(void *ctx, const struct ev_cell *c, size_t n)
{
	const struct loading *d = ctx;
	struct ev_ledger *l = d->l;
	const struct ev_cell *at;
	struct ev_ledger_part *p;
	const char *name;
	char *topic;

	(void)n;
	name = damaged_column(c, &at);
	if (name) {
		ev_fail(d->err, EV_STORE, "store '%s': the ledger of '%s' is damaged: %s is %.*s for topic '%.*s', "
			"partition %.*s", d->store->url, l->projection, name, (int)at->text.len, at->text.ptr,
			(int)c[0].text.len, c[0].text.ptr, (int)c[1].text.len, c[1].text.ptr);
		return damaged(d);
	}
	topic = ev_slice_dup(c[0].text);
	/* sorted anew, as the store's collation may be another */
	p = ev_ledger_part(l, topic, (int32_t)c[1].i, true);
	free(topic);
	p->begin = c[2].i;
	p->next = c[3].i;
	p->target = c[4].i;
	p->cluster_id = ev_slice_dup(c[5].text);
	p->last_offset = c[6].i;
	p->last_timestamp = c[7].kind == EV_CELL_NULL ? EV_NO_TIMESTAMP : c[7].i;
	p->last_hash = (uint64_t)c[8].i;
	p->untouched = c[9 + EV_COUNTS].i;
	for (int i = 0; i < EV_COUNTS; i++)
		p->counts[i] = c[9 + i].i;
	return 0;
}

int ev_ledger_load(struct ev_store *s, const char *projection, struct ev_ledger *l,
		   struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(projection);
	struct loading to = { l, s, err };
	int present = ev_ledger_present(s, err);

	*l = (struct ev_ledger){ .projection = ev_strdup(projection), .watermark = INT64_MIN };
	if (present <= 0)
		return present;
	if (ev_store_select(s, load_projection_sql, &name, 1, load_projection, &to, err) < 0)
		return -1;
	return ev_store_select(s, load_ledger_sql, &name, 1, load_part, &to, err);
}

static int look_for(struct ev_store *s, const struct ev_buf *tables, struct ev_buf *absent, struct ev_error *err)
{
	int there = 1;

	for (const char *t = ev_buf_str(tables), *end = t + tables->len; there >= 0 && t < end; t += strlen(t) + 1) {
		there = s->ops->has_table(s, t, err);
		if (there == 0)
			ev_buf_add(absent, t, strlen(t) + 1);
	}
	return there < 0 ? -1 : 0;
}

/* What a swap or a drop has taken off the list meanwhile is missed by nobody. */
int ev_ledger_missing(struct ev_store *s, const char *projection, struct ev_buf *tables, struct ev_error *err)
{
	struct ev_buf listed = EV_BUF_INIT, absent = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, projection, &listed, err);

	if (rc == 0)
		rc = look_for(s, &listed, &absent, err);
	ev_buf_clear(&listed);
	if (rc == 0 && absent.len)
		rc = ev_ledger_tables(s, projection, &listed, err);
	for (const char *t = ev_buf_str(&absent), *end = t + absent.len; rc == 0 && t < end; t += strlen(t) + 1)
		if (ev_buf_lists(&listed, t, true))
			ev_buf_add(tables, t, strlen(t) + 1);
	ev_buf_release(&listed);
	ev_buf_release(&absent);
	return rc;
}
