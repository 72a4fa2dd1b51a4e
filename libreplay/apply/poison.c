/* poison.c - what becomes of poison: a dead letter, held back behind one, or the end of the run; see apply.h */
#include "apply/internal.h"

#include <inttypes.h>

bool ev_poison_keeps(const struct ev_apply *a, const struct ev_record *r)
{
	const struct ev_known_poison *k = a->opt.known;
	bool decided = false;

	return a->opt.dead ||
	       (k && k->letter(k->ctx, r->topic, r->partition, r->offset, &decided) && decided);
}

static bool knows(const struct ev_apply *a)
{
	return a->opt.known && (a->opt.max_dead >= 0 || a->opt.max_held >= 0);
}

static bool is_known(const struct ev_apply *a, struct ev_slice topic, int32_t partition, int64_t offset)
{
	bool decided;

	return a->opt.known->letter(a->opt.known->ctx, topic, partition, offset, &decided);
}

static int count_known(void *ctx, const struct ev_dead_letter *d)
{
	struct ev_apply *a = ctx;

	if (d->behind >= 0)
		a->letters.known_held += is_known(a, d->topic, d->behind_partition, d->behind);
	else
		a->letters.known_dead += is_known(a, d->topic, d->partition, d->offset);
	return 0;
}

int ev_poison_count(struct ev_apply *a, struct ev_error *err)
{
	a->letters = (struct ev_letter_count){ 0 };
	if (ev_dead_count(a->store, a->projection->name, &a->letters.dead, &a->letters.held, err) < 0)
		return -1;
	return knows(a) ? ev_dead_each(a->store, a->projection->name, NULL, count_known, a, err) : 0;
}

/* Is it known poison, or behind such? 1, 0, -1. */
static int counts_not(struct ev_apply *a, const struct ev_record *r, bool held, struct ev_error *err)
{
	int32_t partition = r->partition;
	int64_t offset = r->offset;

	if (!knows(a))
		return 0;
	if (held)
		offset = ev_dead_blocking(a->store, a->projection->name, r, &partition, err);
	return offset == -2 ? -1 : is_known(a, r->topic, partition, offset);
}

static int limit_reached(const struct ev_apply *a, bool held, const struct ev_error *why, struct ev_error *err)
{
	const struct ev_letter_count *n = &a->letters;
	int64_t most = held ? a->opt.max_held : a->opt.max_dead;
	int64_t now = held ? n->held - n->known_held : n->dead - n->known_dead;

	if (most < 0 || now < most)
		return 0;
	ev_fail(err, EV_DATA, "%s", held ? "too many records are held back" : why->text);
	ev_hint(err, "the store keeps %" PRId64 " %s%s already, the limit of --max-%s: a higher one goes on",
		now, a->opt.known ? "new " : "", held ? "held records" : "dead letters", held ? "held" : "dead");
	return -1;
}

bool ev_poison_ordered(const struct ev_apply *a)
{
	return !a->commutes || a->letters.dead > 0;
}

/* From now on it matters: what came before is told apart, in whatever order it came. */
static int cut_before_first(struct ev_apply *a, struct ev_error *err)
{
	if (ev_poison_ordered(a) || a->ledger.nparts < 2)
		return 0;
	a->cut_first = false;
	return ev_ledger_cut(a->store, &a->ledger, err);
}

int ev_poison_keep(struct ev_apply *a, const struct ev_record *r, int64_t behind, const struct ev_error *why,
		   struct ev_error *err)
{
	bool held = behind >= 0;
	int known = counts_not(a, r, held, err);

	if (known < 0 || (!known && limit_reached(a, held, why, err) < 0))
		return EV_FATE_ERROR;
	if (cut_before_first(a, err) < 0 ||
	    ev_dead_add(a->store, a->projection->name, r, behind, held ? "" : why->text, err) < 0) {
		if (err->class == EV_DATA)
			err->class = EV_STORE; /* ours, not the record's */
		return EV_FATE_ERROR;
	}
	*(held ? &a->letters.held : &a->letters.dead) += 1;
	*(held ? &a->letters.known_held : &a->letters.known_dead) += known;
	return held ? EV_HELD_BACK : EV_DEAD;
}

void ev_poison_decided(struct ev_apply *a, struct ev_slice topic, int32_t partition, int64_t offset, size_t held)
{
	bool known = knows(a) && is_known(a, topic, partition, offset);

	a->letters.dead--;
	a->letters.held -= (int64_t)held;
	a->letters.known_dead -= known;
	a->letters.known_held -= known ? (int64_t)held : 0;
}

int ev_poison_promote(struct ev_apply *a, const struct ev_record *r, int32_t partition, int64_t offset,
		      const struct ev_error *why, struct ev_error *err)
{
	bool known = knows(a) && is_known(a, r->topic, r->partition, r->offset), keeps = ev_poison_keeps(a, r);

	if (!keeps)
		*err = *why;
	if (!keeps || (!known && limit_reached(a, false, why, err) < 0))
		return ev_poison_stops(a, r, err);
	if (ev_dead_promote(a->store, a->projection->name, r->topic, r->partition, r->offset, partition, offset,
			    why->text, err) < 0)
		return -1;
	return ev_poison_count(a, err); /* what waits is behind another one, which may be known or not */
}

int ev_poison_blocks(struct ev_apply *a, const struct ev_record *r, int64_t *behind, struct ev_error *err)
{
	*behind = -1;
	if (!a->letters.dead || !r->key.ptr)
		return 0;
	*behind = ev_dead_blocking(a->store, a->projection->name, r, NULL, err);
	return *behind == -2 ? -1 : *behind >= 0;
}

int ev_poison_stops(const struct ev_apply *a, const struct ev_record *r, struct ev_error *err)
{
	static const char of_a_run[] = "nothing after it was applied; mend the projection, or keep such records with "
				       "--on-error dead";

	if (!err->hint[0] && !a->opt.dead)
		ev_hint(err, "%s", a->opt.remedy ? a->opt.remedy : of_a_run);
	if (err->class == EV_DATA)
		ev_context(err, "%.*s/%d@%" PRId64, (int)r->topic.len, r->topic.ptr, r->partition, r->offset);
	return -1;
}
