/* batch.c - transactions: guard, records, ledger, commit; see apply.h for the protocol */
#include "apply/internal.h"

#include <inttypes.h>

#include "base/mem.h"

void ev_batch_reserve(struct ev_apply *a, size_t n)
{
	if (n > a->batch_cap) {
		a->touched = ev_realloc_n(a->touched, n, sizeof(*a->touched));
		a->fates = ev_realloc_n(a->fates, n, sizeof(*a->fates));
		a->batch_cap = n;
	}
	if (n)
		memset(a->touched, 0, n * sizeof(*a->touched));
	a->failed = false;
}

void ev_batch_snapshot(struct ev_apply *a)
{
	if (a->ledger.nparts > a->nsaved)
		a->saved = ev_realloc_n(a->saved, a->ledger.nparts, sizeof(*a->saved));
	a->nsaved = a->ledger.nparts;
	if (a->nsaved)
		memcpy(a->saved, a->ledger.parts, a->nsaved * sizeof(*a->saved));
	a->saved_watermark = a->ledger.watermark;
	a->saved_cuts = a->ledger.cuts;
	a->saved_generation = a->ledger.generation;
	a->saved_cut_first = a->cut_first;
	a->saved_skipped = a->skipped;
	a->saved_guarded = a->guarded;
	a->saved_indexed = a->indexed;
	a->saved_letters = a->letters;
}

/* Partitions that have come since stand where they began. */
static void restore_parts(struct ev_apply *a)
{
	for (size_t i = 0, j = 0; i < a->ledger.nparts; i++) {
		struct ev_ledger_part *p = &a->ledger.parts[i];

		if (j < a->nsaved && a->saved[j].topic == p->topic && a->saved[j].partition == p->partition) {
			*p = a->saved[j++];
			continue;
		}
		p->dirty = true;
		p->next = p->begin;
		p->last_offset = -1;
		p->last_timestamp = EV_NO_TIMESTAMP;
		p->untouched = 0;
		memset(p->counts, 0, sizeof(p->counts));
	}
}

void ev_transaction_undo(struct ev_apply *a)
{
	a->store->ops->rollback(a->store);
	ev_whole_drop(a);
	restore_parts(a);
	a->ledger.watermark = a->saved_watermark;
	a->ledger.cuts = a->saved_cuts;
	a->ledger.generation = a->saved_generation;
	a->cut_first = a->saved_cut_first || (a->nsaved < 2 && a->ledger.nparts > 1); /* the second has come since */
	a->skipped = a->saved_skipped;
	a->guarded = a->saved_guarded; /* those made since are gone with the transaction */
	a->indexed = a->saved_indexed;
	a->letters = a->saved_letters;
}

/* Does every partition still stand where we left it? Those that are ours alone, and not saved yet, are added. */
static bool stands(const struct ev_ledger *mine, struct ev_ledger *now)
{
	for (size_t i = 0; i < mine->nparts; i++) {
		const struct ev_ledger_part *m = &mine->parts[i];
		struct ev_ledger_part *p = ev_ledger_part(now, m->topic, m->partition, false);

		if (p ? p->next != m->next : m->next != m->begin)
			return false;
		if (!p) {
			p = ev_ledger_part(now, m->topic, m->partition, true);
			p->begin = p->next = m->begin;
			p->cluster_id = ev_strdup(m->cluster_id);
			p->dirty = true;
		}
	}
	return now->nparts == mine->nparts;
}

/*
 * Another writer (a dead letter's retry, a repair) has bumped the generation: take over what it
 * wrote, if every partition still stands where we left it; beside a run, which reads the log, wherever. 0, or -1 when
 * it does not (`err` is the guard's).
 */
int ev_batch_take_over(struct ev_apply *a, struct ev_error *err)
{
	struct ev_ledger now = { 0 };
	struct ev_error err2 = EV_ERROR_INIT;

	if (ev_ledger_load(a->store, a->projection->name, &now, &err2) < 0) {
		ev_ledger_release(&now);
		*err = err2;
		return -1;
	}
	if (!now.exists || strcmp(now.fingerprint, a->ledger.fingerprint) != 0 ||
	    (!a->opt.beside && (now.generation == a->ledger.generation || !stands(&a->ledger, &now)))) {
		ev_ledger_release(&now);
		return -1;
	}
	ev_ledger_release(&a->ledger);
	a->ledger = now;
	ev_whole_drop(a);
	return ev_poison_count(a, err);
}

int ev_transaction_begin(struct ev_apply *a, struct ev_error *err)
{
	if (a->store->ops->begin(a->store, err) < 0) {
		if (err->class == EV_HELD)
			ev_ledger_name_holder(a->store, a->projection->name, err);
		return -1;
	}
	/* retriable: the row was locked for too long, and nothing can be read in this transaction */
	if ((ev_ledger_guard(a->store, &a->ledger, err) < 0 &&
	     (err->class != EV_HELD || err->retriable || ev_batch_take_over(a, err) < 0)) ||
	    ev_fold_check_tied(a->fold, err) < 0) {
		a->store->ops->rollback(a->store);
		return -1;
	}
	a->store->on_result = ev_record_result; /* several projections may share the connection */
	a->store->on_result_ctx = a;
	a->store->vague = false;
	ev_batch_snapshot(a);
	if (a->cut_first && ev_poison_ordered(a)) {
		if (ev_ledger_save(a->store, &a->ledger, true, err) < 0) {
			ev_transaction_undo(a);
			return -1;
		}
		a->cut_first = false;
	}
	return 0;
}

static int try_look(struct ev_apply *a, struct ev_error *err)
{
	int rc = ev_ledger_moved(a->store, &a->ledger, err);

	if (rc <= 0)
		return rc;
	rc = a->store->ops->begin(a->store, err);
	if (rc == 0)
		rc = ev_ledger_guard(a->store, &a->ledger, err);
	if (rc < 0 && err->class == EV_HELD && !err->retriable)
		rc = ev_batch_take_over(a, err);
	a->store->ops->rollback(a->store);
	return rc;
}

int ev_apply_look(struct ev_apply *a, struct ev_error *err)
{
	int rc;

	if (a->holding || a->open)
		return 0;
	do
		rc = try_look(a, err);
	while (rc < 0 && ev_transaction_retry(a, err));
	if (rc == 0)
		a->trouble = (struct ev_trouble){ 0 };
	if (rc == 0 || (err->class == EV_HELD && err->retriable)) { /* others are at work: another time */
		*err = (struct ev_error)EV_ERROR_INIT;
		return 0;
	}
	return -1;
}

/*
 * The answer to COMMIT was lost. The ledger says what came of it, under the lock of its row, which
 * waits for the lost session to end: 1 committed, 0 not (`err` as it was), -1 another error. All of it is
 * looked at: a transaction may move no position, and store the end of a range or a cut.
 */
static int settle_commit(struct ev_apply *a, struct ev_error *err)
{
	struct ev_error why = *err, found = EV_ERROR_INIT;
	int rc;

	do {
		a->store->ops->rollback(a->store);
		if (a->store->ops->recover(a->store, &a->trouble, err) < 0)
			return -1;
		found = (struct ev_error)EV_ERROR_INIT;
		rc = a->store->ops->begin(a->store, &found);
		if (rc == 0)
			rc = ev_ledger_guard(a->store, &a->ledger, &found);
		if (rc == 0)
			rc = ev_ledger_saved(a->store, &a->ledger, &found);
	} while (rc < 0 && ev_transaction_may_retry(a->store, &found));
	a->store->ops->rollback(a->store);
	if (rc > 0)
		return 1;
	*err = rc == 0 || found.class == EV_HELD ? why : found;
	return rc == 0 || found.class == EV_HELD ? 0 : -1;
}

int ev_transaction_commit(struct ev_apply *a, struct ev_error *err)
{
	if (a->store->ops->commit(a->store, err) < 0 &&
	    (!ev_transaction_may_retry(a->store, err) || settle_commit(a, err) != 1)) {
		ev_transaction_undo(a);
		return -1;
	}
	a->trouble = (struct ev_trouble){ 0 };
	return 0;
}

bool ev_transaction_may_retry(const struct ev_store *s, const struct ev_error *err)
{
	return s->ops->recover && err->class == EV_STORE && err->retriable;
}

bool ev_transaction_retry(struct ev_apply *a, struct ev_error *err)
{
	return ev_store_recover(a->store, &a->trouble, err);
}

/* One record; `careful`: a poison record becomes a dead letter. An enum ev_fate. */
static int take(struct ev_apply *a, const struct ev_record *r, size_t index, bool careful,
		struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	const int *handlers = NULL;
	int64_t behind;
	int fate = ev_record_stages(a, r, &handlers, &why), rc;

	if (fate != EV_APPLIED && !(fate == EV_FATE_ERROR && why.class == EV_DATA)) {
		if (fate == EV_FATE_ERROR)
			*err = why;
		return fate;
	}
	rc = ev_poison_blocks(a, r, &behind, err);
	if (rc < 0)
		return EV_FATE_ERROR;
	if (rc)
		return ev_poison_keep(a, r, behind, NULL, err);
	if (fate == EV_APPLIED)
		rc = careful ? ev_record_guarded(a, index, handlers, &why)
			     : ev_record_apply(a, index, handlers, &why);
	else
		rc = -1;
	if (rc == 0)
		return EV_APPLIED;
	if (careful && why.class == EV_DATA && ev_poison_keeps(a, r)) {
		a->poison = why;
		return ev_poison_keep(a, r, -1, &why, err);
	}
	*err = why;
	return EV_FATE_ERROR;
}

void ev_batch_advance(struct ev_ledger_part *p, const struct ev_record *r, int fate)
{
	p->counts[EV_INVISIBLE] += r->offset - p->next;
	p->counts[fate]++;
	p->next = r->offset + 1;
	p->last_offset = r->offset;
	p->last_timestamp = r->timestamp;
	p->dirty = true;
}

/*
 * Record `at` is poison by what was seen of it here; what is still under way, of records before it or of its own
 * statements, may have failed, too, and then comes first.
 */
static size_t first_fault(struct ev_apply *a, size_t at, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;

	if (a->failed && a->failed_at <= at) { /* after which the store did nothing more */
		*err = a->poison;
		return a->failed_at;
	}
	if (err->class != EV_DATA)
		return at;
	if (ev_record_sync(a, &why) < 0) {
		*err = why;
		return at;
	}
	if (a->failed && a->failed_at <= at) {
		*err = a->poison;
		return a->failed_at;
	}
	return at;
}

/* Tell the observer, to whom the tables must show what the record has done. */
static int observe(struct ev_apply *a, const struct ev_record *r, size_t index, int fate,
		   struct ev_error *err)
{
	const struct ev_observer *o = a->opt.observer;

	if (a->store->ops->sync(a->store, err) < 0)
		return -1;
	if (a->failed) {
		*err = a->poison;
		return -1;
	}
	return o->record(o->ctx, r, (enum ev_count)fate, a->touched[index], err);
}

/*
 * Records [0, n) inside the open transaction. Returns n, or the index of the record at which `err`
 * happened; everything before it is in the transaction.
 */
static size_t take_all(struct ev_apply *a, const struct ev_record *records, size_t n, bool careful,
		       struct ev_error *err)
{
	ev_batch_reserve(a, n);
	for (size_t i = 0; i < n; i++) {
		struct ev_ledger_part *p = ev_record_part(a, &records[i]);
		int fate;

		if (records[i].offset < p->next) {
			a->fates[i] = EV_FATE_SKIPPED;
			continue;
		}
		fate = take(a, &records[i], i, careful, err);
		if (fate == EV_FATE_ERROR)
			return first_fault(a, i, err);
		if (a->failed) {
			*err = a->poison;
			return a->failed_at;
		}
		if (a->opt.observer && observe(a, &records[i], i, fate, err) < 0)
			return i;
		a->fates[i] = (unsigned char)fate;
		ev_batch_advance(p, &records[i], fate);
	}
	if (ev_record_sync(a, err) < 0)
		return n ? n - 1 : 0;
	if (a->failed) {
		*err = a->poison;
		return a->failed_at;
	}
	if (a->way == EV_BY_BATCH && ev_fold_flush(a->fold, err) < 0)
		return n ? n - 1 : 0;
	err->class = EV_OK;
	return n;
}

/* Rows touched, and the identity of each partition's last record; only once all results are in. */
void ev_batch_settle(struct ev_apply *a, const struct ev_record *records, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ev_ledger_part *p = ev_record_part(a, &records[i]);

		if (a->fates[i] == EV_FATE_SKIPPED)
			a->skipped++;
		else if (p->last_offset == records[i].offset)
			p->last_hash = ev_record_hash(&records[i]);
		if (a->fates[i] == EV_APPLIED && !a->touched[i])
			p->untouched++;
	}
}

void ev_batch_pass_holes(struct ev_apply *a, const int64_t *next, size_t nparts, bool finished)
{
	for (size_t i = 0; i < nparts && i < a->nparts; i++) {
		struct ev_ledger_part *p;

		if (a->parts[i] == SIZE_MAX)
			continue;
		p = &a->ledger.parts[a->parts[i]];
		if (next && next[i] > p->next) {
			p->counts[EV_INVISIBLE] += next[i] - p->next;
			p->next = next[i];
			p->dirty = true;
		}
		if (finished && p->target != -1) {
			p->target = -1;
			p->dirty = true;
		}
	}
}

/*
 * Ids that lie behind the watermark are garbage. They are swept each time that it crosses half a
 * span, so that the table holds at most one and a half, at the cost of a look at each row per half.
 */
static int sweep(struct ev_apply *a, struct ev_error *err)
{
	int64_t half = a->projection->dedupe_ms / 2, now = a->ledger.watermark;

	if (!a->projection->dedupe || half <= 0 || now == INT64_MIN ||
	    (a->saved_watermark != INT64_MIN &&
	     ev_window_start(now, half) == ev_window_start(a->saved_watermark, half)))
		return 0;
	return ev_seen_sweep(a->store, a->projection->name, a->projection->dedupe_ms, now, err);
}

static int finish(struct ev_apply *a, const struct ev_record *records, size_t n,
		  const int64_t *next, size_t nparts, bool cut, bool finished, struct ev_error *err)
{
	ev_batch_settle(a, records, n);
	ev_batch_pass_holes(a, next, nparts, finished);
	if (sweep(a, err) < 0 ||
	    ev_ledger_save(a->store, &a->ledger, cut && ev_poison_ordered(a) && a->ledger.nparts > 1,
			   err) < 0) {
		ev_transaction_undo(a);
		return -1;
	}
	return ev_transaction_commit(a, err);
}

/* What is wrong with record `at`, of a store that did not say for which value. */
static int look_closely(struct ev_apply *a, const struct ev_record *records, size_t at, struct ev_error *why,
			struct ev_error *err)
{
	struct ev_error again = EV_ERROR_INIT;

	if (!a->store->vague)
		return 0;
	ev_transaction_undo(a);
	if (ev_transaction_begin(a, err) < 0)
		return -1;
	a->store->closely = true;
	take_all(a, records, at + 1, false, &again);
	a->store->closely = false;
	if (again.class == EV_DATA)
		*why = again;
	return 0;
}

/*
 * A limit was reached in careful mode, or the run stops at poison: commit what stands before it.
 * The transaction is done anew, as the record at `at` may have left something: its id among those
 * seen.
 */
static int stop_at(struct ev_apply *a, const struct ev_record *records, size_t at, bool careful,
		   bool cut, struct ev_error *err)
{
	struct ev_error why = *err, err2 = EV_ERROR_INIT;

	if (look_closely(a, records, at, &why, err) < 0)
		return -1;
	ev_transaction_undo(a);
	if (ev_transaction_begin(a, err) < 0)
		return -1;
	if (take_all(a, records, at, careful, &err2) != at || err2.class != EV_OK) {
		ev_transaction_undo(a);
		*err = err2;
		return ev_context(err, "a second try differs from the first");
	}
	if (finish(a, records, at, NULL, 0, cut, false, err) < 0)
		return -1;
	*err = why;
	return ev_poison_stops(a, &records[at], err);
}

static int try_batch(struct ev_apply *a, const struct ev_record *records, size_t n,
		     const int64_t *next, size_t nparts, bool cut, bool finished, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	bool careful = false;
	size_t at;

	a->way = EV_BY_STORE;
	if (ev_transaction_begin(a, err) < 0)
		return -1;
	if (ev_open_guard(a, err) < 0) {
		ev_transaction_undo(a);
		return -1;
	}
	a->way = a->fold && ev_fold_pays(a->fold) ? EV_BY_BATCH : EV_BY_STORE;
	at = take_all(a, records, n, false, &why);
	if (a->way == EV_BY_BATCH && why.class != EV_OK && !why.retriable && why.class != EV_HELD) {
		/* what is at fault, and how, is for the statements to say */
		a->way = EV_BY_STORE;
		ev_transaction_undo(a);
		if (ev_transaction_begin(a, err) < 0)
			return -1;
		why = (struct ev_error)EV_ERROR_INIT;
		at = take_all(a, records, n, false, &why);
	}
	if (why.class == EV_DATA && ev_poison_keeps(a, &records[at])) {
		careful = true;
		ev_transaction_undo(a);
		if (ev_transaction_begin(a, err) < 0)
			return -1;
		why = (struct ev_error)EV_ERROR_INIT;
		at = take_all(a, records, n, true, &why);
	}
	if (why.class == EV_DATA) {
		*err = why;
		return stop_at(a, records, at, careful, cut && !finished, err);
	}
	if (why.class != EV_OK) {
		ev_transaction_undo(a);
		*err = why;
		return -1;
	}
	return finish(a, records, n, next, nparts, cut, finished, err);
}

void ev_apply_proof(struct ev_apply *a, int (*fn)(void *ctx, struct ev_error *err), void *ctx)
{
	a->proof = fn;
	a->proof_ctx = ctx;
}

int ev_batch_prove(struct ev_apply *a, struct ev_error *err)
{
	if (!a->proven && a->proof && a->proof(a->proof_ctx, err))
		return -1;
	a->proven = true;
	return 0;
}

int ev_apply_batch(struct ev_apply *a, const struct ev_record *records, size_t n,
		   const int64_t *next, size_t nparts, bool cut, bool finished, struct ev_error *err)
{
	int rc;

	a->proven = false;
	if (a->whole)
		return ev_whole_batch(a, records, n, next, nparts, cut, finished, err);
	if (ev_batch_prove(a, err) < 0)
		return -1;
	do
		rc = try_batch(a, records, n, next, nparts, cut, finished, err);
	while (rc < 0 && ev_transaction_retry(a, err));
	return rc;
}

static int try_target(struct ev_apply *a, const int64_t *ends, size_t nparts, struct ev_error *err)
{
	if (ev_transaction_begin(a, err) < 0)
		return -1;
	for (size_t i = 0; i < nparts && i < a->nparts; i++) {
		struct ev_ledger_part *p;

		if (a->parts[i] == SIZE_MAX)
			continue;
		p = &a->ledger.parts[a->parts[i]];
		p->target = ends[i];
		p->dirty = true;
	}
	if (ev_ledger_save(a->store, &a->ledger, false, err) < 0) {
		ev_transaction_undo(a);
		return -1;
	}
	return ev_transaction_commit(a, err);
}

int ev_apply_target(struct ev_apply *a, const int64_t *ends, size_t nparts, struct ev_error *err)
{
	int rc;

	if (ev_apply_checkpoint(a, err) < 0)
		return -1;
	do
		rc = try_target(a, ends, nparts, err);
	while (rc < 0 && ev_transaction_retry(a, err));
	return rc;
}
