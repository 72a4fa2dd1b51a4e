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
	struct ev_error *err;
};

static int collect(void *ctx, const struct ev_dead_letter *d)
{
	struct collect *c = ctx;

	if (d->decided_seq <= c->after || d->behind >= 0)
		return 0;
	c->out->n++;
	return ev_taken_add(c->out->taken, d->decided_seq, d->topic, d->partition, d->offset, c->drop, c->err);
}

int ev_decisions_load(struct ev_store *s, const char *projection, int64_t after,
		      struct ev_decisions *out, struct ev_error *err)
{
	struct collect c = { out, after, true, err };
	int rc;

	out->taken = ev_taken_new();
	rc = ev_dead_each(s, projection, "dropped", collect, &c, err);
	c.drop = false;
	if (rc == 0)
		rc = ev_dead_each(s, projection, "retried", collect, &c, err);
	return rc == 0 ? ev_taken_first(out->taken, after, &out->at, err) : rc;
}

void ev_decisions_release(struct ev_decisions *d)
{
	ev_taken_free(d->taken);
	*d = (struct ev_decisions){ 0 };
}

static int collect_place(void *ctx, const struct ev_dead_letter *d)
{
	struct ev_letters *l = ctx;

	if (d->behind >= 0)
		return 0;
	EV_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct ev_letter_place){ ev_slice(ev_slice_dup(d->topic), d->topic.len), d->partition,
						 d->offset };
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct ev_letter_place *x = a, *y = b;
	int c = ev_slice_cmp(x->topic, y->topic);

	if (!c)
		c = (x->partition > y->partition) - (x->partition < y->partition);
	return c ? c : (x->offset > y->offset) - (x->offset < y->offset);
}

void ev_letter_name(const struct ev_letter_place *at, struct ev_buf *out)
{
	ev_buf_add_slice(out, at->topic);
	ev_buf_addf(out, "/%d@%" PRId64, at->partition, at->offset);
}

int ev_letters_load(struct ev_store *s, const char *projection, bool decided, struct ev_letters *l,
		    struct ev_error *err)
{
	static const char *const states[] = { "dead", "dropped", "retried", NULL };
	int rc = 0;

	for (const char *const *state = states + decided; *state && rc == 0; state++)
		rc = ev_dead_each(s, projection, *state, collect_place, l, err);
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_place);
	return rc;
}

bool ev_letters_have(const struct ev_letters *l, const struct ev_letter_place *at)
{
	return l->n && bsearch(at, l->v, l->n, sizeof(*l->v), by_place);
}

void ev_letters_release(struct ev_letters *l)
{
	for (size_t i = 0; i < l->n; i++)
		free((char *)l->v[i].topic.ptr);
	free(l->v);
	*l = (struct ev_letters){ 0 };
}

static bool is_letter(void *ctx, struct ev_slice topic, int32_t partition, int64_t offset, bool *decided)
{
	struct ev_letter_place at = { topic, partition, offset };
	struct ev_rebuilding *r = ctx;

	if (r->plan.detached) /* those are of another log */
		return false;
	*decided = ev_letters_have(&r->decided, &at);
	return ev_letters_have(&r->letters, &at);
}

int ev_rebuilding_know(struct ev_rebuilding *r, struct ev_error *err)
{
	const struct ev_apply_options *ao = &r->ao;

	r->ao.known = NULL;
	if (!r->old.exists || (ao->dead && ao->max_dead < 0 && ao->max_held < 0)) /* nobody would ask */
		return 0;
	ev_letters_release(&r->letters);
	ev_letters_release(&r->decided);
	r->known = (struct ev_known_poison){ r, is_letter };
	r->ao.known = &r->known;
	if (ev_letters_load(r->sh->live, r->p->name, false, &r->letters, err) < 0)
		return -1;
	return ev_letters_load(r->sh->live, r->p->name, true, &r->decided, err);
}

static int take_again(struct ev_rebuilding *r, struct ev_apply *a, const struct ev_taken_decision *d,
		      struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_retried done;

	if (ev_apply_retry(a, d->topic, d->partition, d->offset, d->drop, &done, &why) == 0)
		return 0;
	if (why.class == EV_DATA && done.offset < 0) { /* it was retried with success, in another version */
		ev_rebuilding_note(r, "%s/%d@%" PRId64 " was retried in the old version and stays a dead letter in "
				   "the new one, where this fails: %s", d->topic, d->partition, d->offset, why.text);
	} else if (why.class != EV_USAGE) { /* usage: not dead here */
		*err = why;
		return -1;
	}
	return 0;
}

int ev_decisions_replay(struct ev_rebuilding *r, struct ev_apply *a, struct ev_decisions *d, int64_t seq,
			struct ev_error *err)
{
	while (d->at && d->at->seq <= seq)
		if ((d->at->seq == seq && take_again(r, a, d->at, err) < 0) ||
		    ev_taken_next(d->taken, &d->at, err) < 0)
			return -1;
	return 0;
}
