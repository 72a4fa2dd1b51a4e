/* retry.c - dead letters: another try, or given up; then what they held back (see apply.h) */
#include <inttypes.h>
#include <stdio.h>

#include "apply/internal.h"
#include "base/mem.h"
#include "projection/late.h"
#include "record/line.h"

struct letter {
	char *topic;
	int32_t partition;
	int64_t offset, behind, tries;
	char *line;
	size_t line_len; /* without the line feed */
};

struct chain {
	struct letter *v;
	size_t n, cap;
};

static int collect(void *ctx, const struct ev_dead_letter *d)
{
	struct chain *c = ctx;

	size_t len = d->line.len;

	EV_GROW(c->v, c->n, c->cap);
	len -= len && d->line.ptr[len - 1] == '\n';
	c->v[c->n++] = (struct letter){ ev_slice_dup(d->topic), d->partition, d->offset, d->behind, d->tries,
					ev_slice_dup(d->line), len };
	return 0;
}

static void release(struct chain *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].topic);
		free(c->v[i].line);
	}
	free(c->v);
}

static int read_letter(struct ev_line_reader *lr, const struct letter *l, struct ev_record *rec,
		       struct ev_error *err)
{
	if (ev_line_read(lr, ev_slice(l->line, l->line_len), rec, err) == 0)
		return 0;
	err->class = EV_STORE;
	return ev_context(err, "the letter's line in the store is damaged");
}

/*
 * The record of a letter through its handlers; filter and dedupe have let it pass already, but for
 * an event that is dead because it has no id.
 */
static int apply_letter(struct ev_apply *a, struct ev_line_reader *lr, const struct letter *l,
			struct ev_error *err)
{
	const int *handlers = NULL;
	struct ev_record rec;
	struct ev_slice id;
	int fate;

	if (read_letter(lr, l, &rec, err) < 0)
		return -1;
	fate = ev_record_route(a, &rec, &handlers, err);
	if (fate == EV_FATE_ERROR)
		return -1;
	if (fate == EV_APPLIED && a->projection->dedupe && rec.value.ptr &&
	    ev_record_id(a, &id, err) < 0)
		return -1;
	return fate == EV_APPLIED ? ev_record_guarded(a, 0, handlers, err) : 0;
}

static int forget_id(struct ev_apply *a, struct ev_line_reader *lr, const struct letter *l,
		     struct ev_error *err)
{
	struct ev_record rec;

	if (!a->projection->dedupe)
		return 0;
	if (read_letter(lr, l, &rec, err) < 0)
		return -1;
	return ev_seen_forget(a->store, a->projection->name, &rec, err);
}

static int unknown_part(const struct letter *l, struct ev_error *err)
{
	return ev_fail(err, EV_BUG, "a dead letter of %s/%d, which the ledger lacks", l->topic, l->partition);
}

static int decide(struct ev_apply *a, const struct letter *l, bool dropped, struct ev_error *err)
{
	struct ev_ledger_part *p = ev_ledger_part(&a->ledger, l->topic, l->partition, false);

	if (!p)
		return unknown_part(l, err);
	p->counts[l->behind >= 0 ? EV_HELD_BACK : EV_DEAD]--;
	p->counts[dropped ? EV_DROPPED : EV_APPLIED]++;
	p->untouched += !dropped && !a->touched[0];
	p->dirty = true;
	return ev_dead_set_state(a->store, a->projection->name, ev_slice_str(l->topic),
				 l->partition, l->offset, dropped ? "dropped" : "retried",
				 a->ledger.cuts + 1, err);
}

/*
 * The chain in the open transaction, up to the letter at *at. -1: `err` is of that; 0: all are applied, or the one at
 * hand, which was held back, is poison, for `why`, and has left nothing.
 */
static int apply_chain(struct ev_apply *a, const struct chain *c, bool drop, size_t *at, struct ev_error *why,
		       struct ev_error *err)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	int rc = 0;

	for (*at = 0; *at < c->n; ++*at) {
		bool dropped = drop && *at == 0;

		ev_batch_reserve(a, 1);
		rc = dropped ? forget_id(a, lr, &c->v[*at], why) : apply_letter(a, lr, &c->v[*at], why);
		if (rc < 0) {
			if (*at && why->class == EV_DATA)
				rc = 0;
			else
				*err = *why;
			break;
		}
		rc = decide(a, &c->v[*at], dropped, err);
		if (rc < 0)
			break;
	}
	ev_line_reader_free(lr);
	return rc;
}

/* The letter is decided on, and `at` of its chain are; the next of it, if there is one, is poison for `why`. */
static int conclude(struct ev_apply *a, const struct chain *c, size_t at, bool drop, const struct ev_error *why,
		    struct ev_retried *done, struct ev_error *err)
{
	const struct letter *first = &c->v[0], *l = &c->v[at];
	struct ev_ledger_part *p;
	struct ev_record r = { 0 };

	*done = (struct ev_retried){ .applied = (int64_t)at - drop, .offset = -1 };
	ev_poison_decided(a, ev_slice_str(first->topic), first->partition, first->offset, at - 1);
	if (at == c->n)
		return 0;
	done->offset = l->offset;
	done->partition = l->partition;
	done->held = (int64_t)(c->n - at) - 1;
	snprintf(done->why, sizeof(done->why), "%s", why->text);
	r.topic = ev_slice_str(l->topic);
	r.partition = l->partition;
	r.offset = l->offset;
	p = ev_ledger_part(&a->ledger, l->topic, l->partition, false);
	if (!p)
		return unknown_part(l, err);
	p->counts[EV_HELD_BACK]--;
	p->counts[EV_DEAD]++;
	p->dirty = true;
	return ev_poison_promote(a, &r, first->partition, first->offset, why, err);
}

static int try_to_keep(struct ev_apply *a, const struct letter *l, int64_t most, const struct ev_error *why,
		       struct ev_error *err)
{
	if (ev_transaction_begin(a, err) < 0)
		return -1;
	if (ev_dead_tried(a->store, a->projection->name, ev_slice_str(l->topic), l->partition,
			  l->offset, most, why->text, err) == 0 &&
	    a->store->ops->commit(a->store, err) == 0)
		return 0;
	ev_transaction_undo(a);
	return -1;
}

/* The ledger does not tell whether a commit was done whose answer is lost: nothing of it changes. The tries do. */
static int keep_reason(struct ev_apply *a, const struct letter *l, const struct ev_error *why, struct ev_error *err)
{
	int rc = try_to_keep(a, l, INT64_MAX, why, err);

	while (rc < 0 && ev_transaction_retry(a, err))
		rc = try_to_keep(a, l, l->tries, why, err);
	return rc;
}

static int failed_again(struct ev_apply *a, const struct letter *l, struct ev_error *err)
{
	struct ev_error why = *err;

	ev_transaction_undo(a);
	if (why.class == EV_DATA && keep_reason(a, l, &why, err) < 0)
		return -1;
	*err = why;
	ev_context(err, "%s/%d@%" PRId64, l->topic, l->partition, l->offset);
	if (err->class == EV_DATA)
		ev_hint(err, "a letter that fails is left as it was, but for its count of tries and the reason; when "
			"what the reason says is mended try again (a file that is mended wants rebuild), or give it "
			"up: dead drop");
	return -1;
}

/*
 * 0 when the letter and its followers may be applied now, though records of other keys have been
 * applied meanwhile. What cannot be routed fails when it is applied, by its own reason.
 */
static int may_be_late(struct ev_apply *a, const struct chain *c, struct ev_error *err)
{
	struct ev_line_reader *lr = ev_line_reader_new();
	struct ev_buf why = EV_BUF_INIT, key = EV_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < c->n && rc == 0; i++) {
		const struct letter *l = &c->v[i];
		struct ev_error ignored = EV_ERROR_INIT;
		const int *handlers = NULL;
		struct ev_record rec;

		rc = read_letter(lr, l, &rec, err);
		if (rc < 0 || ev_record_route(a, &rec, &handlers, &ignored) != EV_APPLIED ||
		    ev_projection_may_be_late(a->projection, handlers, &why))
			continue;
		if (ev_projection_late_by_key(a->projection, handlers, &key))
			ev_buf_addf(&why, " (if %s is every record's key, a line -- @key %s in the file would make "
				    "them so)", ev_buf_str(&key), ev_buf_str(&key));
		rc = ev_fail(err, EV_DATA, "cannot retry %s/%d@%" PRId64 ": its rows may be shared "
			     "with other keys: %s", l->topic, l->partition, l->offset,
			     ev_buf_str(&why));
		ev_hint(err, "nothing was changed: records of other keys came after it and may depend on it; rebuild "
			"applies it in its place, with the file mended, or with --again where the fault was not the "
			"file's; or give it up: dead drop");
	}
	ev_buf_release(&why);
	ev_buf_release(&key);
	ev_line_reader_free(lr);
	return rc;
}

struct decision { /* whose COMMIT got no answer */
	const char *topic;
	int32_t partition;
	int64_t offset, seq; /* seq -1: there is none */
	bool found;
};

static int compare_decision(void *ctx, const struct ev_dead_letter *d)
{
	struct decision *w = ctx;

	w->found = ev_slice_is(d->topic, w->topic) && d->partition == w->partition && d->offset == w->offset &&
		   d->decided_seq == w->seq;
	return w->found;
}

/*
 * No such letter: were we the ones who took it? A follower that has gone on since makes it look as if the transaction
 * had come to nothing. 0, -1.
 */
static int find_decision(struct ev_apply *a, struct decision *w, bool drop, struct ev_error *err)
{
	if (w->seq >= 0 && ev_dead_each(a->store, a->projection->name, drop ? "dropped" : "retried", compare_decision,
					w, err) < 0)
		return -1;
	return w->found ? 0 : ev_fail(err, EV_USAGE, "no dead letter at %s/%d@%" PRId64, w->topic, w->partition,
				      w->offset);
}

static int try_retry(struct ev_apply *a, struct decision *w, bool drop, struct ev_retried *done, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	struct chain c = { 0 };
	size_t at = 0;
	int rc = -1;

	if (ev_transaction_begin(a, err) < 0)
		return -1;
	if (ev_open_guard(a, err) < 0) {
		ev_transaction_undo(a);
		return -1;
	}
	if (ev_dead_chain(a->store, a->projection->name, ev_slice_str(w->topic), w->partition, w->offset,
			  collect, &c, err) < 0) {
		ev_transaction_undo(a);
	} else if (!c.n || c.v[0].behind >= 0) {
		rc = find_decision(a, w, drop, err);
		ev_transaction_undo(a);
	} else if (!drop && !a->opt.decided && may_be_late(a, &c, err) < 0) {
		ev_transaction_undo(a);
	} else if ((!drop || c.n > 1) && ev_open_indexes(a, err) < 0) { /* a drop alone writes no row */
		ev_transaction_undo(a);
	} else if (apply_chain(a, &c, drop, &at, &why, err) < 0) {
		failed_again(a, &c.v[at], err);
	} else if (conclude(a, &c, at, drop, &why, done, err) < 0 || ev_ledger_bump(a->store, &a->ledger, err) < 0) {
		ev_transaction_undo(a);
	} else {
		w->seq = a->ledger.cuts;
		rc = ev_transaction_commit(a, err);
	}
	release(&c);
	return rc;
}

int ev_apply_retry(struct ev_apply *a, const char *topic, int32_t partition, int64_t offset,
		   bool drop, struct ev_retried *done, struct ev_error *err)
{
	struct decision w = { topic, partition, offset, -1, false };
	int rc;

	if (ev_apply_checkpoint(a, err) < 0)
		return -1;
	ev_whole_drop(a); /* it goes by statements */
	a->way = EV_BY_STORE;
	a->trouble = (struct ev_trouble){ 0 };
	*done = (struct ev_retried){ .offset = -1 };
	do
		rc = try_retry(a, &w, drop, done, err);
	while (rc < 0 && ev_transaction_retry(a, err));
	return rc;
}
