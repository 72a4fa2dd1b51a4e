/*
 * decide.c - dead letters of old and new: which there are, and what was decided on them
 *
 * A decision stands in the old ledger with its cut. The shadow is read up to the cut's position, then
 * the letter is dropped or retried there too, if it is dead there at all: a new version may have
 * no trouble with the record.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rebuild/internal.h"

struct collect {
	struct ev_decisions *out;
	int64_t after;
	bool drop;
};

static int collect(void *ctx, const struct ev_dead_letter *d)
{
	struct collect *c = ctx;

	if (d->decided_seq <= c->after || d->behind >= 0)
		return 0;
	EV_GROW(c->out->v, c->out->n, c->out->cap);
	c->out->v[c->out->n++] = (struct ev_decision){ ev_slice_dup(d->topic), d->partition, d->offset,
						       d->decided_seq, c->drop };
	return 0;
}

static int by_seq(const void *a, const void *b)
{
	const struct ev_decision *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

int ev_decisions_load(struct ev_store *s, const char *projection, int64_t after,
		      struct ev_decisions *out, struct ev_error *err)
{
	struct collect c = { out, after, true };
	int rc = ev_dead_each(s, projection, "dropped", collect, &c, err);

	c.drop = false;
	if (rc == 0)
		rc = ev_dead_each(s, projection, "retried", collect, &c, err);
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_seq);
	return rc;
}

void ev_decisions_release(struct ev_decisions *d)
{
	for (size_t i = 0; i < d->n; i++)
		free(d->v[i].topic);
	free(d->v);
	*d = (struct ev_decisions){ 0 };
}

static int collect_name(void *ctx, const struct ev_dead_letter *d)
{
	struct ev_letters *l = ctx;
	struct ev_buf text = EV_BUF_INIT;

	if (d->behind >= 0)
		return 0;
	ev_letter_name(d, &text);
	EV_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = ev_strdup(ev_buf_str(&text));
	ev_buf_release(&text);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void ev_letter_name(const struct ev_dead_letter *d, struct ev_buf *out)
{
	ev_buf_add_slice(out, d->topic);
	ev_buf_addf(out, "/%d@%" PRId64, d->partition, d->offset);
}

int ev_letters_load(struct ev_store *s, const char *projection, struct ev_letters *l, struct ev_error *err)
{
	static const char *const states[] = { "dead", "dropped", "retried", NULL };
	int rc = 0;

	for (const char *const *state = states; *state && rc == 0; state++)
		rc = ev_dead_each(s, projection, *state, collect_name, l, err);
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_text);
	return rc;
}

bool ev_letters_have(const struct ev_letters *l, const char *name)
{
	return l->n && bsearch(&name, l->v, l->n, sizeof(*l->v), by_text);
}

void ev_letters_release(struct ev_letters *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
}

static int take_position(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	ev_buf_add_slice(ctx, c[0].text);
	return 0;
}

int ev_decision_position(struct ev_store *s, const char *projection, int64_t seq,
			 struct ev_position *out, struct ev_error *err)
{
	static const char sql[] = "SELECT position FROM ev_cut WHERE projection = "
				  EV_ROWS_KEY("?1") " AND seq = ?2";
	struct ev_bind b[] = { ev_bind_text(projection), ev_bind_int(seq) };
	struct ev_buf text = EV_BUF_INIT;
	int rc = ev_store_select(s, sql, b, 2, take_position, &text, err);

	if (rc == 0 && text.len)
		rc = ev_position_read(out, ev_buf_slice(&text), err);
	ev_buf_release(&text);
	return rc;
}

int ev_decisions_replay(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_decisions *d,
			int64_t seq, struct ev_error *err)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct ev_decision *c = &d->v[i];
		struct ev_error why = EV_ERROR_INIT;
		int64_t applied;

		if (c->seq != seq || ev_apply_retry(a, c->topic, c->partition, c->offset, c->drop,
						    &applied, &why) == 0)
			continue;
		if (why.class == EV_DATA) /* it was retried with success, in another version */
			ev_rebuilding_note(r, "%s/%d@%" PRId64 " stays dead: %s", c->topic, c->partition,
					   c->offset, why.text);
		else if (why.class != EV_USAGE) { /* usage: not dead here */
			*err = why;
			return -1;
		}
	}
	return 0;
}
