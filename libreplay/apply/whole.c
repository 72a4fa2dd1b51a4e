/*
 * whole.c - batches of a projection that folds as a whole: record by record, over rows that stay
 *
 * A record is folded in memory. What the fold does not say (fold.h) goes by statements, under a savepoint: it
 * is that record alone that is undone, and becomes a dead letter or stops the run. So a batch is never done
 * twice, but when the store fails.
 *
 * Rows that are not known are named by the whole batch first and loaded at once. Where all rows of all tables
 * are in memory, as when the tables were empty at the start, that is left out.
 *
 * Held, no transaction is open while records are folded; the one that writes it all compares the ledger with
 * what it was at the last commit. When another writer was there, or the store fails, all of it is forgotten
 * and read again.
 */
#include "apply/lane.h"
#include "base/clock.h"

#define LOOK_EVERY 16 /* records, before memory is looked at */

void ev_whole_drop(struct ev_apply *a)
{
	if (a->fold)
		ev_fold_drop(a->fold);
	a->open = a->holding = a->due = a->looked = a->indexed = false;
}

/* ---- transactions ---- */

/* Is the ledger in the store as it was at the last commit? */
static int guard(struct ev_apply *a, struct ev_error *err)
{
	struct ev_ledger was = a->ledger;

	was.parts = a->saved;
	was.nparts = a->nsaved;
	was.generation = a->saved_generation;
	return ev_ledger_guard(a->store, &was, err);
}

static int open_held(struct ev_apply *a, struct ev_error *err)
{
	if (a->open)
		return 0;
	if (ev_batch_prove(a, err) < 0)
		return -1;
	if (a->store->ops->begin(a->store, err) < 0) {
		if (err->class == EV_HELD)
			ev_ledger_name_holder(a->store, a->projection->name, err);
		return -1;
	}
	if (guard(a, err) < 0) {
		a->moved = err->class == EV_HELD && !err->retriable;
		a->store->ops->rollback(a->store);
		return -1;
	}
	if (ev_fold_check_tied(a->fold, err) < 0) {
		a->store->ops->rollback(a->store);
		return -1;
	}
	a->store->on_result = ev_record_result;
	a->store->on_result_ctx = a;
	a->open = true;
	return 0;
}

/* A cut that is to be stored before the records to come is the business of ev_transaction_begin. */
static int start(struct ev_apply *a, struct ev_error *err)
{
	bool held = a->opt.hold_ms && !(a->cut_first && ev_poison_ordered(a));

	if (!held && !a->open) {
		if (ev_batch_prove(a, err) < 0 || ev_transaction_begin(a, err) < 0)
			return -1;
		a->open = true;
	} else if (!a->holding) {
		ev_batch_snapshot(a);
	}
	if (!a->holding)
		a->held_since = ev_clock_ms();
	a->holding = true;
	if (!a->looked && ev_fold_look(a->fold, err) < 0)
		return -1;
	a->looked = true;
	/* reading row by row is cheaper inside of one */
	return a->opt.alone && !ev_fold_complete(a->fold) ? open_held(a, err) : 0;
}

static int commit(struct ev_apply *a, bool cut, struct ev_error *err)
{
	if (ev_batch_prove(a, err) < 0)
		return -1;
	if (!a->open && a->opt.load && a->store->ops->load && ev_fold_loads(a->fold))
		a->store->ops->load(a->store, a->projection->name);
	if (open_held(a, err) < 0 || ev_fold_write_all(a->fold, err) < 0 ||
	    ev_ledger_save(a->store, &a->ledger, cut && ev_poison_ordered(a) && a->ledger.nparts > 1, err) < 0)
		return -1;
	a->open = a->holding = a->due = false;
	return ev_transaction_commit(a, err);
}

/* The store has refused what the fold let through: was it for what somebody has put on a table meanwhile? */
static void blame_others(struct ev_apply *a, struct ev_error *err)
{
	struct ev_buf what = EV_BUF_INIT;

	if (err->class == EV_BUG && ev_fold_outdated(a->fold, &what)) {
		err->class = EV_STORE;
		ev_context(err, "%s", ev_buf_str(&what));
		ev_hint(err, "started again it goes on, and what the table refuses is poison: a dead letter with "
			     "--on-error dead; or drop what was put there");
	}
	ev_buf_release(&what);
}

/*
 * It went wrong: back to the last commit. 1 when the records are to be given again, from there on, by the
 * caller; 0 when they may be tried again here.
 */
static int go_back(struct ev_apply *a, struct ev_error *err)
{
	bool moved = a->moved, hold = a->opt.hold_ms > 0;
	int rc = -1;

	a->moved = false;
	if (a->holding) /* else it has not begun, or a commit that failed has undone it */
		ev_transaction_undo(a);
	if (ev_transaction_retry(a, err))
		return hold;
	if (!moved) {
		blame_others(a, err);
		return -1;
	}
	if (a->store->ops->begin(a->store, err) == 0) {
		rc = ev_batch_take_over(a, err);
		a->store->ops->rollback(a->store);
	}
	return rc < 0 ? -1 : hold;
}

bool ev_apply_holds(const struct ev_apply *a)
{
	return a->holding;
}

int ev_apply_checkpoint(struct ev_apply *a, struct ev_error *err)
{
	if (!a->holding)
		return 0;
	return commit(a, false, err) < 0 ? go_back(a, err) : 0;
}

/* ---- records ---- */

/* By statements, where the fold does not say. 0 applied, 1 poison (`why`), -1. */
static int by_store(struct ev_apply *a, size_t index, const int *handlers, struct ev_error *why,
		    struct ev_error *err)
{
	struct ev_error ignored = EV_ERROR_INIT;
	int rc;

	if (open_held(a, err) < 0 || ev_open_guard(a, err) < 0)
		return -1;
	a->due |= !a->opt.alone;
	ev_fold_naming(a->fold, true);
	a->way = EV_BY_NAME;
	ev_record_apply(a, index, handlers, &ignored); /* what fails here fails there */
	a->way = EV_BY_STORE;
	if ((ev_fold_named_long(a->fold) && ev_open_indexes(a, err) < 0) || ev_fold_yield(a->fold, err) < 0)
		return -1;
	rc = ev_record_guarded(a, index, handlers, why);
	if (rc == 0)
		ev_fold_resume(a->fold);
	ev_fold_naming(a->fold, false);
	if (rc == 0 || why->class == EV_DATA)
		return rc < 0;
	*err = *why;
	return -1;
}

/* A record that is not folded. 0 applied, 1 poison (`why`), -1. */
static int apply_record(struct ev_apply *a, const struct ev_record *r, size_t index, struct ev_error *why,
			struct ev_error *err)
{
	const int *handlers = NULL;
	int rc = ev_record_stages(a, r, &handlers, why);

	if (rc == EV_APPLIED)
		return by_store(a, index, handlers, why, err);
	if (rc == EV_FATE_ERROR && why->class == EV_DATA)
		return 1;
	*err = *why;
	return rc == EV_FATE_ERROR ? -1 : ev_fail(err, EV_BUG, "a record is routed in two ways");
}

/* Poison, or behind it; in a transaction. An enum ev_fate. */
static int keep(struct ev_apply *a, const struct ev_record *r, int64_t behind, const struct ev_error *why,
		struct ev_error *err)
{
	if (open_held(a, err) < 0)
		return EV_FATE_ERROR;
	a->due |= !a->opt.alone;
	return ev_poison_keep(a, r, behind, why, err);
}

/* One that is not folded: applied, kept, or an error. An enum ev_fate. */
static int take_apart(struct ev_apply *a, const struct ev_record *r, size_t index, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	int rc = apply_record(a, r, index, &why, err);

	if (rc <= 0)
		return rc < 0 ? EV_FATE_ERROR : EV_APPLIED;
	if (ev_poison_keeps(a, r)) {
		a->poison = why;
		return keep(a, r, -1, &why, err);
	}
	*err = why;
	return EV_FATE_ERROR;
}

/* One record. An enum ev_fate. No struct ev_error of its own: to clear one takes as long as to fold an event. */
static int take(struct ev_apply *a, const struct ev_record *r, size_t index, const struct ev_fold_list *list,
		const struct ev_lane_record *lane, struct ev_error *err)
{
	int64_t behind;
	int rc;

	if (lane->fate != EV_APPLIED && lane->fate != EV_FATE_ERROR)
		return lane->fate;
	rc = ev_poison_blocks(a, r, &behind, err);
	if (rc < 0)
		return EV_FATE_ERROR;
	if (rc)
		return keep(a, r, behind, NULL, err);
	rc = lane->fate == EV_APPLIED
	     ? ev_fold_list_run(a->fold, list, lane->from, lane->to, &a->touched[index], err) : 1;
	if (rc == 0) {
		ev_fold_keep(a->fold);
		return EV_APPLIED;
	}
	ev_fold_undo(a->fold);
	a->touched[index] = 0;
	return rc < 0 ? EV_FATE_ERROR : take_apart(a, r, index, err);
}

/* The window of records at hand: the batch's from `base` on, which is where a piece begins. */
struct window {
	const struct ev_record *records;
	size_t base, n;
};

/* Want the rows of records [i, n), as far as memory lasts and the last ones did not fill it; the end of them. */
static size_t want_rows(struct ev_apply *a, const struct window *w, size_t i)
{
	size_t n = a->most && a->most < w->n - i ? i + a->most : w->n, first = i;

	for (; i < n; i++) {
		const struct ev_lane_piece *piece = ev_lanes_piece(a->lanes, (w->base + i) / EV_LANE_PIECE);
		const struct ev_lane_record *lane = &piece->records[i % EV_LANE_PIECE];

		if (i > first && i % EV_LANE_PIECE == 0 && ev_lanes_full(a->lanes))
			return i;
		if (w->records[i].offset < ev_record_part(a, &w->records[i])->next)
			continue;
		ev_fold_list_want(a->fold, piece->list, lane->from, lane->to);
		if (i % LOOK_EVERY == 0 && ev_fold_full(a->fold))
			return i + 1;
	}
	return n;
}

/* How many are wanted the next time, when it was full `done` records after those of `wanted` were loaded. */
static void adapt(struct ev_apply *a, size_t wanted, size_t done)
{
	if (done <= LOOK_EVERY && done < wanted)
		a->most = wanted / 2 > LOOK_EVERY ? wanted / 2 : LOOK_EVERY;
	else if (a->most)
		a->most = a->most < EV_LANE_WINDOW ? a->most * 2 : 0;
}

/* Outside of a transaction SQLite would lock and unlock the file for each row. */
static int fetch(struct ev_apply *a, struct ev_error *err)
{
	const struct ev_store_ops *ops = a->store->ops;
	bool own = !a->open && ops->dialect == EV_SQLITE;
	int rc = own ? ops->script(a->store, "BEGIN", err) : 0;

	if (rc == 0)
		rc = ev_fold_fetch(a->fold, err);
	if (own)
		ops->rollback(a->store); /* nothing was written */
	return rc;
}

/* One for which there was no room before. */
static int take_late(struct ev_apply *a, const struct ev_record *r, size_t index, struct ev_error *err)
{
	const struct ev_fold_list *list;
	const struct ev_lane_record *lane = ev_lanes_late(a->lanes, r, &list);

	ev_fold_beside(a->fold, a->batch_bytes + ev_lanes_bytes(a->lanes) + ev_fold_list_bytes(list));
	if (!ev_fold_complete(a->fold)) {
		ev_fold_list_want(a->fold, list, lane->from, lane->to);
		if (fetch(a, err) < 0)
			return EV_FATE_ERROR;
	}
	return take(a, r, index, list, lane, err);
}

/* Memory is full: what has changed into the store, and nothing is known any more. */
static int spill(struct ev_apply *a, struct ev_error *err)
{
	if (open_held(a, err) < 0 || ev_fold_write_all(a->fold, err) < 0)
		return -1;
	ev_fold_drop(a->fold);
	a->due = true;
	return 0;
}

/* Records [i, end); the index of the one at which `err` happened, or of the first not done, as memory is full. */
static size_t fold_some(struct ev_apply *a, const struct window *w, size_t i, size_t end, struct ev_error *err)
{
	const struct ev_lane_piece *piece = NULL;

	for (; i < end; i++) {
		const struct ev_record *r = &w->records[i];
		struct ev_ledger_part *p = ev_record_part(a, r);
		size_t index = w->base + i;
		const struct ev_lane_record *lane;
		bool late;
		int fate;

		if (!piece || i % EV_LANE_PIECE == 0) {
			ev_lanes_passed(a->lanes, index / EV_LANE_PIECE);
			piece = ev_lanes_piece(a->lanes, index / EV_LANE_PIECE);
			ev_fold_beside(a->fold, a->batch_bytes + ev_lanes_bytes(a->lanes));
		}
		if (r->offset < p->next) {
			a->fates[index] = EV_FATE_SKIPPED;
			continue;
		}
		lane = &piece->records[i % EV_LANE_PIECE];
		late = lane->fate == EV_LANE_LATER;
		fate = late ? take_late(a, r, index, err) : take(a, r, index, piece->list, lane, err);
		if (fate == EV_FATE_ERROR)
			return i;
		a->fates[index] = (unsigned char)fate;
		ev_batch_advance(p, r, fate);
		if ((late || i % LOOK_EVERY == 0) && ev_fold_full(a->fold)) {
			spill(a, err);
			return i + 1;
		}
	}
	return end;
}

static size_t fold_window(struct ev_apply *a, const struct window *w, struct ev_error *err)
{
	size_t i = 0;

	while (i < w->n && err->class == EV_OK) {
		size_t end = w->n, from = i;
		bool load = !ev_fold_complete(a->fold);

		if (load) {
			end = want_rows(a, w, i);
			if (fetch(a, err) < 0)
				break;
		}
		i = fold_some(a, w, from, end, err);
		if (load)
			adapt(a, end - from, i - from);
	}
	return i;
}

static bool do_chore(void *ctx)
{
	struct ev_apply *a = ctx;
	bool did = a->chore && a->chore(a->chore_ctx);

	return ev_fold_ahead(a->fold) || did;
}

void ev_apply_chore(struct ev_apply *a, bool (*fn)(void *ctx), void *ctx)
{
	if (a->lanes)
		ev_lanes_chore(a->lanes, NULL, NULL);
	a->chore = fn;
	a->chore_ctx = ctx;
	if (a->lanes)
		ev_lanes_chore(a->lanes, do_chore, a);
}

static void need_lanes(struct ev_apply *a)
{
	if (a->lanes)
		return;
	a->lanes = ev_lanes_new(a);
	ev_lanes_chore(a->lanes, do_chore, a);
}

bool ev_apply_ahead(struct ev_apply *a, const struct ev_record *records, size_t n)
{
	if (!a->whole)
		return false;
	need_lanes(a);
	return ev_lanes_ahead(a->lanes, records, n);
}

void ev_apply_forget_ahead(struct ev_apply *a)
{
	if (a->lanes)
		ev_lanes_forget(a->lanes);
}

static size_t bytes_of(const struct ev_record *records, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += records[i].key.len + records[i].value.len;
	return bytes;
}

static size_t fold_all(struct ev_apply *a, const struct ev_record *records, size_t n, struct ev_error *err)
{
	size_t i = 0;

	need_lanes(a);
	ev_batch_reserve(a, n);
	a->batch_bytes = bytes_of(records, n) * 2;
	ev_lanes_begin(a->lanes, records, n);
	while (i < n && err->class == EV_OK) {
		struct window w = { records + i, i, n - i < EV_LANE_WINDOW ? n - i : EV_LANE_WINDOW };

		i += fold_window(a, &w, err);
	}
	if (err->class == EV_OK)
		ev_lanes_end(a->lanes);
	else
		ev_lanes_forget(a->lanes);
	return i;
}

/* Records [0, at) stay, then the run ends. */
static int stop_at(struct ev_apply *a, const struct ev_record *records, size_t at, bool cut,
		   const struct ev_error *why, struct ev_error *err)
{
	ev_batch_settle(a, records, at);
	if (commit(a, cut, err) < 0)
		return -1;
	*err = *why;
	return ev_poison_stops(a, &records[at], err);
}

static bool may_wait(const struct ev_apply *a)
{
	return a->opt.hold_ms && !a->due && ev_clock_ms() - a->held_since < a->opt.hold_ms &&
	       (!a->opt.hold_rows || ev_fold_changed(a->fold) < a->opt.hold_rows);
}

static int try_whole(struct ev_apply *a, const struct ev_record *records, size_t n, const int64_t *next,
		     size_t nparts, bool cut, bool finished, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	size_t at;

	if (start(a, err) < 0)
		return -1;
	at = fold_all(a, records, n, &why);
	if (why.class == EV_DATA)
		return stop_at(a, records, at, cut && !finished, &why, err);
	if (why.class != EV_OK) {
		*err = why;
		return -1;
	}
	ev_batch_settle(a, records, n);
	ev_batch_pass_holes(a, next, nparts, finished);
	if (!cut && !finished && may_wait(a))
		return 0;
	return commit(a, cut, err);
}

int ev_whole_batch(struct ev_apply *a, const struct ev_record *records, size_t n, const int64_t *next,
		   size_t nparts, bool cut, bool finished, struct ev_error *err)
{
	int rc = 0;

	if (a->holding && a->cut_first && ev_poison_ordered(a))
		rc = ev_apply_checkpoint(a, err);
	while (rc == 0) {
		if (try_whole(a, records, n, next, nparts, cut, finished, err) == 0)
			break;
		if (err->class == EV_DATA && !a->holding) /* all before it is committed */
			return -1;
		rc = go_back(a, err);
	}
	if (rc == 0 && !a->holding && !ev_fold_pays(a->fold)) {
		ev_whole_drop(a);
		ev_apply_forget_ahead(a); /* what it reads ahead would be of records that are given back */
		a->whole = false;
		rc = ev_open_indexes(a, err);
	}
	return rc;
}
