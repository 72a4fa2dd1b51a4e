/* counts.c - --counts: the ledger adds up, and what it counts is what the log holds; dead letters, too */
#include <inttypes.h>
#include <stdlib.h>

#include "store/dead.h"
#include "verify/internal.h"
#include "verify/replay_into.h"

struct letters {
	const struct ev_digest_key *key;
	struct ev_digest sum;
	struct ev_buf bytes;
};

static void add(struct letters *l, unsigned number, struct ev_slice text)
{
	struct ev_cell c = { .kind = text.ptr ? EV_CELL_BYTES : EV_CELL_NULL, .text = text };

	ev_digest_encode(&l->bytes, number, EV_DIGEST_AS_IT_IS, &c);
}

/* What is the same however often it was tried, and at which cut it was decided. */
static int take_letter(void *ctx, const struct ev_dead_letter *d)
{
	int64_t place[] = { d->partition, d->offset, d->behind };
	struct letters *l = ctx;

	ev_buf_clear(&l->bytes);
	add(l, 0, d->topic);
	add(l, 1, ev_slice((const char *)place, sizeof(place)));
	add(l, 2, d->state);
	add(l, 3, d->line);
	add(l, 4, d->key);
	ev_digest_add(&l->sum, ev_digest_hash(l->key, ev_buf_slice(&l->bytes)));
	return 0;
}

int ev_counts_letters(const struct ev_digest_key *key, const char *projection, struct ev_store *s,
		      struct ev_digest *out, struct ev_error *err)
{
	static const char *const states[] = { "dead", "held", "dropped", "retried" };
	struct letters l = { .key = key };
	int rc = 0;

	for (size_t i = 0; i < sizeof(states) / sizeof(*states) && rc == 0; i++)
		rc = ev_dead_each(s, projection, states[i], take_letter, &l, err);
	*out = l.sum;
	ev_buf_release(&l.bytes);
	return rc;
}

int ev_counts_read(struct ev_verifying *w, struct ev_store *s, struct ev_error *err)
{
	if (ev_counts_letters(&w->key, w->p->name, s, &w->letters, err) < 0)
		return -1;
	return ev_ids_read(w, s, err);
}

static int compare_letters(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	struct ev_digest mine = { 0 }; /* nothing dead was met where it is folded in memory */

	if (w->reference && ev_counts_letters(&w->key, w->p->name, w->reference, &mine, err) < 0)
		return -1;
	if (!ev_digest_same(&mine, &w->letters))
		ev_finding_text(ev_mode_finding(m, "letters", w->p->name), "the dead letters in the store, %lld, are "
				"not those that the log makes, %lld", (long long)w->letters.count,
				(long long)mine.count);
	return 0;
}

static const struct ev_ledger_part *other(const struct ev_ledger *l, const struct ev_ledger_part *p)
{
	return ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);
}

static int64_t records(const struct ev_ledger_part *p)
{
	int64_t n = 0;

	for (int i = 0; i < EV_COUNTS; i++)
		n += i == EV_INVISIBLE ? 0 : p->counts[i];
	return n;
}

/* `offsets = applied + ignored + ...`, as the ledger has it. */
static void balance(struct ev_mode *m, const struct ev_ledger_part *p, const char *subject)
{
	int64_t sum = 0;

	for (int i = 0; i < EV_COUNTS; i++) {
		sum += p->counts[i];
		if (p->counts[i] < 0)
			ev_finding_text(ev_mode_finding(m, "ledger", subject), "%s is %" PRId64, ev_count_names[i],
					p->counts[i]);
	}
	if (sum != p->next - p->begin)
		ev_finding_text(ev_mode_finding(m, "ledger", subject), "it does not balance: offsets %" PRId64
				"..%" PRId64 " are %" PRId64 ", the counts add up to %" PRId64, p->begin,
				p->next - 1, p->next - p->begin, sum);
	if (p->last_offset >= p->next)
		ev_finding_text(ev_mode_finding(m, "ledger", subject), "the last record, offset %" PRId64
				", lies behind the position, %" PRId64, p->last_offset, p->next);
}

/* The log's own count: what the fold saw of it, up to the same position. */
static void cover(const struct ev_verifying *w, struct ev_mode *m, const struct ev_ledger_part *log,
		  const struct ev_ledger_part *store, const char *subject)
{
	const struct ev_ledger_part *base = other(&w->base.ledger, log);
	int64_t before = base ? base->next - base->begin : 0;
	struct ev_equation *e = ev_mode_equation(m, subject, "offsets", log->next - log->begin);
	int64_t gone = records(store) - records(log);

	if (gone < 0 || gone > log->counts[EV_INVISIBLE])
		gone = 0;
	for (int i = 0; i < EV_COUNTS; i++)
		ev_equation_term(e, ev_count_names[i], log->counts[i] - (base ? base->counts[i] : 0) -
				 (i == EV_INVISIBLE ? gone : 0));
	if (base)
		ev_equation_term(e, "in the base", before);
	if (gone)
		ev_equation_term(e, "not checkable", gone);
	m->checked += log->next - log->begin - before - gone;
}

static void tell_gone(struct ev_verifying *w, struct ev_mode *m, const char *subject, int64_t gone)
{
	struct ev_error why = EV_ERROR_INIT;

	if (w->rows_match && !w->src->one_sequence) {
		ev_mode_note(m, "%s: %" PRId64 " records that the view has seen are no longer in the log (compaction, "
			     "retention): not checkable; the rows are those that the rest makes", subject, gone);
		return;
	}
	ev_fail(&why, EV_DATA, "%s: %" PRId64 " records that the view has seen are not in the log", subject, gone);
	ev_hint(&why, w->src->one_sequence ? "give the whole log as the source"
					   : "where compaction took them, the view cannot be proven by this log");
	ev_mode_unproven(m, &why);
}

static void compare(struct ev_verifying *w, struct ev_mode *m, const struct ev_ledger_part *log,
		    const struct ev_ledger_part *store, const char *subject)
{
	int64_t gone = records(store) - records(log);

	if (gone > 0) {
		tell_gone(w, m, subject, gone);
		return;
	}
	for (int i = 0; i < EV_COUNTS; i++)
		if (log->counts[i] != store->counts[i])
			ev_finding_text(ev_mode_finding(m, "count", subject), "%s: the ledger says %" PRId64
					", the log says %" PRId64, ev_count_names[i], store->counts[i],
					log->counts[i]);
	if (log->last_offset == store->last_offset && log->last_timestamp != store->last_timestamp)
		ev_finding_text(ev_mode_finding(m, "ledger", subject), "the time of the last record is %" PRId64
				", the log says %" PRId64, store->last_timestamp, log->last_timestamp);
	if (w->replay.apply && !w->p->nreads && log->untouched != store->untouched)
		ev_finding_text(ev_mode_finding(m, "count", subject), "applied without touching a row: the ledger "
				"says %" PRId64 ", the log says %" PRId64, store->untouched, log->untouched);
}

int64_t ev_counts_gone(const struct ev_verifying *w)
{
	const struct ev_ledger *log = ev_into_ledger(&w->replay);
	int64_t sum = 0;

	for (size_t i = 0; i < w->first.ledger.nparts; i++) {
		const struct ev_ledger_part *store = &w->first.ledger.parts[i], *q = other(log, store);
		int64_t gone = records(store) - (q ? records(q) : 0);

		sum += gone > 0 ? gone : 0;
	}
	return sum;
}

int ev_counts_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	const struct ev_ledger *log = ev_into_ledger(&w->replay);
	struct ev_buf subject = EV_BUF_INIT;

	for (size_t i = 0; i < w->first.ledger.nparts; i++) {
		const struct ev_ledger_part *store = &w->first.ledger.parts[i], *q = other(log, store);

		ev_buf_clear(&subject);
		ev_buf_addf(&subject, "%s/%d", store->topic, store->partition);
		balance(m, store, ev_buf_str(&subject));
		if (!q && store->next == store->begin)
			continue;
		if (!q) { /* a file that holds nothing of it */
			ev_finding_text(ev_mode_finding(m, "count", ev_buf_str(&subject)),
					"the log holds nothing of it");
			continue;
		}
		cover(w, m, q, store, ev_buf_str(&subject));
		compare(w, m, q, store, ev_buf_str(&subject));
	}
	ev_buf_release(&subject);
	if (ev_counts_gone(w)) /* what they were of cannot be asked any more */
		return 0;
	return compare_letters(w, m, err) < 0 ? -1 : ev_ids_judge(w, m, err);
}
