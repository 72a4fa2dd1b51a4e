/* cause_touch.c - the records that touched a row: see cause.h */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/line.h"
#include "store/row.h"
#include "verify/cause.h"

#define KEPT 40   /* touches of a row; with more the cause is not looked for */
#define BATCH 1000
#define LINES_PART 16 /* of --memory, for the lines of all */

struct watched {
	struct ev_row_value *values; /* of the key, owned */
	size_t n;
	int64_t touches;             /* counted by the store, where it can */
	struct ev_query *version;    /* else: asked for */
	struct ev_buf was;
};

struct touching {
	struct ev_store *store;
	const struct ev_suspect *suspects;
	struct watched *watched;
	struct ev_touches *out;
	size_t n;
	bool watches;
	int64_t *told;               /* by partition of the source: the next offset to be told of */
	size_t ntold;
	size_t bytes, most;          /* of all lines that are kept; how many they may be */
	struct ev_buf line, now;
};

static char *value_text(struct ev_slice raw)
{
	struct ev_buf text = EV_BUF_INIT;
	unsigned tag = (unsigned char)raw.ptr[2];
	struct ev_slice rest = raw, all;
	char *out = NULL;

	if (tag == 4 && !memchr(raw.ptr + 7, '\0', raw.len - 7))
		out = ev_strndup(raw.ptr + 7, raw.len - 7);
	else if ((tag == 1 || tag == 2 || tag == 3 || tag == 6) && ev_row_column(&rest, &text, &all))
		out = ev_strdup(ev_buf_str(&text));
	ev_buf_release(&text);
	return out;
}

/* False: a key that cannot be named (NULL, bytes). */
static bool name_key(const struct ev_suspect *s, struct watched *w)
{
	const struct ev_shape *shape = &s->table->shape;
	struct ev_slice rest = s->bytes, raw;

	for (size_t i = 0; i < shape->nkeys && ev_row_column(&rest, NULL, &raw); i++) {
		char *value = value_text(raw);

		if (!value)
			return false;
		*EV_PUSH(w->values, w->n) = (struct ev_row_value){ shape->columns[i].name, value, true };
	}
	return w->n > 0 && w->n == shape->nkeys;
}

static struct ev_query *prepare_version(struct touching *t, const struct ev_shape *shape, const struct watched *w,
					struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_query *q;
	size_t at;

	ev_buf_adds(&sql, "SELECT r.ctid::text || ' ' || r.xmin::text || ' ' || r.cmin::text FROM ");
	ev_buf_add_quoted(&sql, shape->table, '"');
	ev_buf_adds(&sql, " r WHERE ");
	ev_row_condition(t->store->ops->dialect, w->values, w->n, &sql);
	q = t->store->ops->prepare(t->store, ev_buf_str(&sql), false, NULL, NULL, &at, err);
	ev_buf_release(&sql);
	return q;
}

static int watch(struct touching *t, size_t i, struct ev_error *err)
{
	const struct ev_shape *shape = &t->suspects[i].table->shape;
	struct watched *w = &t->watched[i];

	if (!shape->keyed || !name_key(&t->suspects[i], w)) {
		w->n = 0;
		return 0;
	}
	if (t->watches)
		return t->store->ops->watch(t->store, shape->table, w->values, w->n, &w->touches, err);
	w->version = prepare_version(t, shape, w, err);
	return w->version ? 0 : -1;
}

static bool holds(struct ev_slice bytes, const char *text)
{
	return bytes.ptr && memmem(bytes.ptr, bytes.len, text, strlen(text)) != NULL;
}

static int take_version(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	ev_buf_add_slice(ctx, c[0].text);
	return 0;
}

/* 1: another version of the row than after the record before. */
static int version_changed(struct touching *t, struct watched *w, const struct ev_record *r, struct ev_error *err)
{
	bool named = false;
	int rc;

	for (size_t i = 0; i < w->n; i++)
		named |= holds(r->value, w->values[i].value) || holds(r->key, w->values[i].value);
	if (!named)
		return 0;
	ev_buf_clear(&t->now);
	if (t->store->ops->select(t->store, w->version, NULL, 0, take_version, &t->now, err) < 0) {
		err->class = EV_STORE; /* ours, not the record's */
		return -1;
	}
	rc = !ev_slice_eq(ev_buf_slice(&t->now), ev_buf_slice(&w->was));
	ev_buf_clear(&w->was);
	ev_buf_add_slice(&w->was, ev_buf_slice(&t->now));
	return rc;
}

static void free_touch(struct ev_touch *t)
{
	free(t->line);
	free(t->place);
}

static void forget(struct touching *t, struct ev_touches *out)
{
	for (size_t i = 0; i < out->n; i++) {
		t->bytes -= strlen(out->v[i].line);
		free_touch(&out->v[i]);
	}
	out->forgotten += out->n;
	out->n = 0;
}

/*
 * Where there are too many, or they take too much, the last one is what is told, and no cause is looked for: the
 * others go, and of the last its place is enough.
 */
static void keep(struct touching *t, struct ev_touches *out, const struct ev_record *r)
{
	struct ev_buf place = EV_BUF_INIT;

	ev_buf_addf(&place, "%.*s/%d@%" PRId64, (int)r->topic.len, r->topic.ptr, r->partition, r->offset);
	ev_buf_clear(&t->line);
	if (!out->forgotten)
		ev_line_write(&t->line, r);
	while (t->line.len && t->line.data[t->line.len - 1] == '\n')
		t->line.data[--t->line.len] = '\0';
	if (out->forgotten || out->n == KEPT || t->line.failed || t->line.len > t->most - t->bytes) {
		forget(t, out);
		out->forgotten += !out->forgotten;
		ev_buf_clear(&t->line);
	}
	t->bytes += t->line.len;
	EV_GROW(out->v, out->n, out->cap);
	out->v[out->n++] = (struct ev_touch){ ev_strdup(ev_buf_str(&t->line)), ev_strdup(ev_buf_str(&place)) };
	ev_buf_release(&place);
}

/* Records of a batch that is done again, for poison behind them, were kept before. */
static bool told_before(struct touching *t, const struct ev_record *r)
{
	while (r->part >= t->ntold)
		*EV_PUSH(t->told, t->ntold) = INT64_MIN;
	if (r->offset < t->told[r->part])
		return true;
	t->told[r->part] = r->offset + 1;
	return false;
}

static int observe(void *ctx, const struct ev_record *r, enum ev_count fate, int64_t touched,
		   struct ev_error *err)
{
	struct touching *t = ctx;
	bool again = told_before(t, r);

	for (size_t i = 0; i < t->n; i++) {
		struct watched *w = &t->watched[i];
		int changed = w->touches > 0;

		w->touches = 0;
		if (fate != EV_APPLIED || !w->n)
			continue;
		if (!t->watches && touched)
			changed = version_changed(t, w, r, err);
		if (changed < 0)
			return -1;
		if (changed && !again)
			keep(t, &t->out[i], r);
	}
	return 0;
}

static int fold(struct ev_verifying *w, struct touching *t, const struct ev_snapshot *at, struct ev_error *err)
{
	struct ev_observer observer = { t, observe };
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_replay replay = { .src = w->src, .hooks = &w->replay_hooks, .batch = BATCH };
	int rc = 0;

	ao.exact = ao.dead = ao.decided = true;
	ao.observer = &observer;
	replay.apply = ev_apply_open(t->store, w->p, &ao, err);
	if (!replay.apply)
		return -1;
	for (size_t i = 0; i < t->n && rc == 0; i++)
		rc = watch(t, i, err);
	if (rc == 0)
		rc = ev_replay_to(&replay, at, err);
	for (size_t i = 0; i < t->n; i++)
		if (t->watched[i].version)
			t->store->ops->finish(t->store, t->watched[i].version);
	ev_apply_close(replay.apply);
	return rc;
}

int ev_touches_find(struct ev_verifying *w, const struct ev_snapshot *at, const struct ev_suspect *suspects,
		    size_t n, struct ev_touches *out, struct ev_error *err)
{
	struct touching t = { .suspects = suspects, .out = out, .n = n, .most = w->opt->memory / LINES_PART };
	int rc;

	t.store = ev_reference_scratch(w, err);
	if (!t.store)
		return -1;
	t.watches = t.store->ops->watch != NULL;
	t.watched = ev_alloc((n + 1) * sizeof(*t.watched));
	rc = fold(w, &t, at, err);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < t.watched[i].n; k++)
			free((char *)t.watched[i].values[k].value);
		free(t.watched[i].values);
		ev_buf_release(&t.watched[i].was);
	}
	free(t.watched);
	free(t.told);
	ev_buf_release(&t.line);
	ev_buf_release(&t.now);
	t.store->ops->close(t.store);
	return rc;
}

void ev_touches_release(struct ev_touches *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < t[i].n; k++)
			free_touch(&t[i].v[k]);
		free(t[i].v);
	}
	free(t);
}
