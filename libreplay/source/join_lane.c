/* join_lane.c - one partition: the archive compared with the topic, then the topic; see join.h */
#include "source/join.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/plural.h"

void ev_join_give(struct ev_join *j, struct ev_source *from, struct ev_batch *inner, size_t at,
		  struct ev_batch *out)
{
	struct ev_join_batch *b = j->batches;

	if (b)
		j->batches = b->next;
	else
		b = ev_alloc(sizeof(*b));
	b->inner = *inner;
	b->from = from;
	*out = (struct ev_batch){ inner->records + at, inner->n - at, b };
	*inner = (struct ev_batch){ 0 };
}

void ev_join_lane_begin(struct ev_join_lane *l, uint32_t part, bool archived)
{
	*l = (struct ev_join_lane){ .part = part, .old_done = !archived, .compared = !archived };
}

void ev_join_lane_end(struct ev_join *j, struct ev_join_lane *l)
{
	if (l->old.n)
		j->archive->ops->release(j->archive, &l->old);
	if (l->new.n)
		j->topic->ops->release(j->topic, &l->new);
}

static int differs(struct ev_join *j, const struct ev_join_lane *l, const struct ev_record *r,
		   const char *what, struct ev_error *err)
{
	const struct ev_partition *p = &j->base.parts[l->part];

	ev_fail(err, EV_DATA, "%s/%" PRId32 "@%" PRId64 ": the archive %s", p->topic, p->partition,
		r->offset, what);
	return ev_hint(err, "the topic is not the log that the archive was written from: read one of "
			    "them alone");
}

/*
 * The next record of the topic below `end` into *r: 1; 0 when it has none there; -1; EV_FETCH_WAIT
 * (below) when that is not known yet.
 */
enum { NOT_KNOWN = 2 };
static int peek(struct ev_join *j, struct ev_join_lane *l, int64_t end, int timeout_ms,
		const struct ev_record **r, struct ev_error *err)
{
	enum ev_fetch rc;

	if (!l->new.n && !l->new_done) {
		int64_t passed = j->topic->ops->passed(j->topic, l->part);

		if (passed >= end)
			return 0;
		rc = j->topic->ops->fetch(j->topic, l->part, &l->new, timeout_ms, err);
		if (rc == EV_FETCH_ERROR)
			return -1;
		if (rc == EV_FETCH_WAIT)
			return NOT_KNOWN;
		l->new_done = rc == EV_FETCH_DONE;
		l->new_at = 0;
	}
	if (!l->new.n)
		return 0;
	*r = &l->new.records[l->new_at];
	return (*r)->offset < end;
}

static void used(struct ev_join *j, struct ev_join_lane *l)
{
	if (++l->new_at == l->new.n)
		j->topic->ops->release(j->topic, &l->new);
}

/* The archive's records below `offset` are the archive's alone. */
static void pass_old(struct ev_join *j, struct ev_join_lane *l, int64_t offset)
{
	int64_t low = j->topic->parts[l->part].low;

	for (; l->old_at < l->old.n && l->old.records[l->old_at].offset < offset; l->old_at++)
		l->only += l->old.records[l->old_at].offset >= low;
}

/* All of the topic below `end` against the batch at hand. 0 done, NOT_KNOWN, -1. */
static int compare(struct ev_join *j, struct ev_join_lane *l, int64_t end, int timeout_ms,
		   struct ev_error *err)
{
	const struct ev_record *r, *o;
	int rc;

	while ((rc = peek(j, l, end, timeout_ms, &r, err)) == 1) {
		pass_old(j, l, r->offset);
		o = l->old_at < l->old.n ? &l->old.records[l->old_at] : NULL;
		if (!o || o->offset != r->offset)
			return differs(j, l, r, "has no record there, and the topic has one", err);
		if (ev_record_hash(o) != ev_record_hash(r))
			return differs(j, l, r, "has another record there than the topic", err);
		l->old_at++;
		used(j, l);
	}
	if (!rc)
		pass_old(j, l, end);
	return rc;
}

static void say_only(struct ev_join *j, const struct ev_join_lane *l)
{
	const struct ev_partition *p = &j->base.parts[l->part];
	struct ev_buf text = EV_BUF_INIT;

	if (!l->only || !j->note)
		return;
	ev_buf_addf(&text, "%s/%" PRId32 ": %" PRId64 " record%s that the topic does not have any more %s "
		    "the archive's", p->topic, p->partition, l->only, ev_plural(l->only),
		    ev_agree(l->only, "is", "are"));
	j->note(j->note_ctx, ev_buf_str(&text));
	ev_buf_release(&text);
}

/* The archive's end is reached: nothing of the topic may be left below it. */
static enum ev_fetch end_old(struct ev_join *j, struct ev_join_lane *l, int timeout_ms)
{
	int64_t end = j->archive->parts[j->old[l->part]].high;
	int rc = compare(j, l, end, timeout_ms, &l->err);

	if (rc < 0)
		return EV_FETCH_ERROR;
	if (rc == NOT_KNOWN)
		return EV_FETCH_WAIT;
	l->compared = true;
	say_only(j, l);
	return EV_FETCH_SOME;
}

/* A batch of the archive, once it is compared. */
static enum ev_fetch fetch_old(struct ev_join *j, struct ev_join_lane *l, struct ev_batch *out,
			       int timeout_ms)
{
	enum ev_fetch rc;
	int done;

	if (!l->old.n) {
		rc = j->archive->ops->fetch(j->archive, j->old[l->part], &l->old, timeout_ms, &l->err);
		if (rc != EV_FETCH_SOME)
			return rc;
		l->old_at = 0;
	}
	done = compare(j, l, l->old.records[l->old.n - 1].offset + 1, timeout_ms, &l->err);
	if (done)
		return done < 0 ? EV_FETCH_ERROR : EV_FETCH_WAIT;
	for (size_t i = 0; i < l->old.n; i++)
		l->old.records[i].part = l->part;
	ev_join_give(j, j->archive, &l->old, 0, out);
	return EV_FETCH_SOME;
}

static enum ev_fetch fetch(struct ev_join *j, struct ev_join_lane *l, struct ev_batch *out,
			   int timeout_ms)
{
	enum ev_fetch rc;

	if (!l->old_done) {
		rc = fetch_old(j, l, out, timeout_ms);
		if (rc != EV_FETCH_DONE)
			return rc;
		l->old_done = true;
	}
	if (!l->compared) {
		rc = end_old(j, l, timeout_ms);
		if (rc != EV_FETCH_SOME)
			return rc;
	}
	if (!l->new.n) {
		l->new_at = 0;
		rc = l->new_done ? EV_FETCH_DONE :
				   j->topic->ops->fetch(j->topic, l->part, &l->new, timeout_ms, &l->err);
		if (rc != EV_FETCH_SOME)
			return rc;
	}
	ev_join_give(j, j->topic, &l->new, l->new_at, out);
	return EV_FETCH_SOME;
}

enum ev_fetch ev_join_lane_fetch(struct ev_join *j, struct ev_join_lane *l, struct ev_batch *out,
				 int timeout_ms, struct ev_error *err)
{
	enum ev_fetch rc = EV_FETCH_ERROR;

	out->n = 0;
	if (!l->failed)
		rc = fetch(j, l, out, timeout_ms);
	if (rc == EV_FETCH_ERROR) {
		l->failed = true;
		*err = l->err;
	}
	return rc;
}
