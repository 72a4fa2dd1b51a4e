/* counts.c - --counts: the ledger adds up, and what it counts is what the log holds; dead letters, too */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "base/sum.h"
#include "store/dead.h"
#include "store/indexes.h"
#include "verify/internal.h"
#include "verify/replay_into.h"

struct letters {
	const struct ev_digest_key *key;
	struct ev_digest sum;
	struct ev_buf bytes;
	bool ranked;       /* by the order in which they are to be applied, for what is held */
	struct ev_buf topic;
	int64_t behind[2]; /* of the letter that the last one waits for: partition and offset */
	int64_t rank;      /* of the last one behind it */
};

static void encode(struct ev_buf *out, unsigned number, struct ev_slice text)
{
	struct ev_cell c = { .kind = text.ptr ? EV_CELL_BYTES : EV_CELL_NULL, .text = text };

	ev_digest_encode(out, number, EV_DIGEST_AS_IT_IS, &c);
}

static void add(struct letters *l, unsigned number, struct ev_slice text)
{
	encode(&l->bytes, number, text);
}

/*
 * Whose turn it is behind which letter: when that is applied, these are found by it and follow in their order. Numbers
 * of arrival are those of one store alone. Where handlers commute, no order is better than another.
 */
static void add_turn(struct letters *l, const struct ev_dead_letter *d)
{
	int64_t turn[] = { d->behind_partition, 0 };

	if (l->ranked) {
		if (!ev_slice_eq(ev_buf_slice(&l->topic), d->topic) || l->behind[0] != d->behind_partition ||
		    l->behind[1] != d->behind)
			l->rank = 0;
		ev_buf_clear(&l->topic);
		ev_buf_add_slice(&l->topic, d->topic);
		l->behind[0] = d->behind_partition;
		l->behind[1] = d->behind;
		turn[1] = ++l->rank;
	}
	add(l, 5, ev_slice((const char *)turn, sizeof(turn)));
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
	if (d->behind >= 0)
		add_turn(l, d);
	if (l->bytes.failed || l->topic.failed)
		return 1;
	ev_digest_add(&l->sum, ev_digest_hash(l->key, ev_buf_slice(&l->bytes)));
	return 0;
}

int ev_counts_letters(const struct ev_digest_key *key, const struct ev_projection *p, struct ev_store *s,
		      struct ev_digest *out, struct ev_error *err)
{
	static const char *const decided[] = { "dead", "dropped", "retried" };
	struct letters l = { .key = key };
	struct ev_buf why = EV_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < sizeof(decided) / sizeof(*decided) && rc == 0; i++)
		rc = ev_dead_each(s, p->name, decided[i], take_letter, &l, err);
	l.ranked = !ev_projection_commutes(p, &why);
	if (rc == 0)
		rc = ev_dead_each_held(s, p->name, take_letter, &l, err);
	if (rc > 0)
		rc = ev_fail(err, EV_STORE, "no memory for a dead letter");
	*out = l.sum;
	ev_buf_release(&why);
	ev_buf_release(&l.bytes);
	ev_buf_release(&l.topic);
	return rc;
}

int ev_counts_ledger(const struct ev_digest_key *key, const struct ev_ledger *l, struct ev_digest *out,
		     struct ev_error *err)
{
	struct ev_buf bytes = EV_BUF_INIT;
	bool failed = false;

	*out = (struct ev_digest){ 0 };
	for (size_t i = 0; i < l->nparts && !failed; i++) {
		const struct ev_ledger_part *p = &l->parts[i];
		int64_t at[] = { p->partition, p->begin, p->next, p->last_offset, p->last_timestamp,
				 (int64_t)p->last_hash, p->untouched };

		ev_buf_clear(&bytes);
		encode(&bytes, 0, ev_slice_str(p->topic));
		encode(&bytes, 1, ev_slice((const char *)at, sizeof(at)));
		encode(&bytes, 2, ev_slice((const char *)p->counts, sizeof(p->counts)));
		failed = bytes.failed;
		ev_digest_add(out, ev_digest_hash(key, ev_buf_slice(&bytes)));
	}
	ev_buf_release(&bytes);
	return failed ? ev_fail(err, EV_STORE, "no memory for the ledger") : 0;
}

int ev_counts_letters_made(struct ev_verifying *w, struct ev_digest *out, struct ev_error *err)
{
	*out = (struct ev_digest){ 0 }; /* nothing dead was met where it is folded in memory */
	return w->reference ? ev_counts_letters(&w->key, w->p, w->reference, out, err) : 0;
}

/* What others have put on the tables refuses rows in the store alone. */
static int read_beside(struct ev_verifying *w, struct ev_store *s, struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT, list = EV_BUF_INIT, schema = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, w->p->name, &tables, err);

	if (rc == 0)
		rc = ev_indexes_list(s, &tables, &list, err);
	for (size_t i = 0; i < w->p->nschemas; i++)
		if (w->p->schemas[i].any || w->p->schemas[i].dialect == s->ops->dialect)
			ev_buf_addf(&schema, "%s\n", w->p->schemas[i].sql);
	if (rc == 0)
		ev_indexes_beside(&list, ev_buf_str(&schema), &w->beside);
	ev_buf_release(&tables);
	ev_buf_release(&list);
	ev_buf_release(&schema);
	return rc;
}

int ev_counts_read(struct ev_verifying *w, struct ev_store *s, struct ev_error *err)
{
	if (ev_counts_letters(&w->key, w->p, s, &w->letters, err) < 0 || read_beside(w, s, err) < 0)
		return -1;
	return ev_ids_read(w, s, err);
}

struct judging {
	struct ev_verifying *w;
	struct ev_mode *m;
	int *compaction;   /* by partition of the source, as its ops say; NULL: nothing is gone, or it cannot say */
	int64_t excused;   /* records that are gone, and may be */
	bool depends;      /* a count differs that tables of @reads decide */
};

/*
 * What the store and the log disagree on, and no one knows who is right: records that are gone may have made it, or
 * tables of others, which are not those of the reference. False: it is a difference.
 */
static bool nobody_knows(const struct judging *j, const char *what)
{
	struct ev_error why = EV_ERROR_INIT;

	if (j->excused) {
		ev_fail(&why, EV_DATA, "%s are not those that the rest of the log makes, and %" PRId64 " record%s "
			"that the view has seen %s gone: not checkable", what, j->excused, ev_plural(j->excused),
			ev_agree(j->excused, "is", "are"));
		ev_hint(&why, "where compaction took them, only --rows and --checks can be proven by this log");
	} else if (j->w->p->nreads) {
		ev_fail(&why, EV_DATA, "%s are not those that the log makes alone, and they may depend on '%s', which "
			"the log does not make: not checkable", what, j->w->p->reads[0]);
	} else {
		return false;
	}
	ev_mode_unproven(j->m, &why);
	return true;
}

static int compare_letters(const struct judging *j, struct ev_error *err)
{
	struct ev_verifying *w = j->w;
	struct ev_digest mine;

	if (ev_counts_letters_made(w, &mine, err) < 0)
		return -1;
	if (ev_digest_same(&mine, &w->letters) || nobody_knows(j, "the dead letters"))
		return 0;
	ev_finding_text(ev_mode_finding(j->m, "letters", w->p->name), "the dead letters in the store, %lld, are not "
			"those that the log makes, %lld", (long long)w->letters.count, (long long)mine.count);
	for (const char *i = ev_buf_str(&w->beside), *end = i + w->beside.len; i < end; i += strlen(i) + 1)
		ev_mode_note(j->m, "%s is none of the file's: what it refuses is a dead letter in the store alone; "
			     "without it a rebuild has those rows", i);
	return 0;
}

/* What @dedupe has seen: where that cannot be told row by row, whether it is the same at all. */
static int compare_ids(const struct judging *j, struct ev_error *err)
{
	struct ev_verifying *w = j->w;
	struct ev_ids log = { 0 };
	int rc;

	if (!w->p->dedupe || !w->reference || (!j->excused && !w->p->nreads))
		return ev_ids_judge(w, j->m, err);
	rc = ev_ids_digest(&w->key, w->p, w->reference, ev_into_ledger(&w->replay)->watermark, &log, err);
	if (rc == 0 && !ev_digest_same(&log.sum, &w->ids.sum))
		nobody_knows(j, "the ids that @dedupe has seen");
	else if (rc == 0)
		rc = ev_ids_judge(w, j->m, err);
	ev_ids_release(&log);
	return rc;
}

static const struct ev_ledger_part *other(const struct ev_ledger *l, const struct ev_ledger_part *p)
{
	return ev_ledger_part((struct ev_ledger *)l, p->topic, p->partition, false);
}

static int64_t records(const struct ev_ledger_part *p)
{
	int64_t n = 0;

	for (int i = 0; i < EV_COUNTS; i++)
		n = ev_sum(n, i == EV_INVISIBLE ? 0 : p->counts[i]);
	return n;
}

/* `offsets = applied + ignored + ...`, as the ledger has it. */
static void balance(struct ev_mode *m, const struct ev_ledger_part *p, const char *subject)
{
	int64_t sum = ev_ledger_counted(p);

	for (int i = 0; i < EV_COUNTS; i++)
		if (p->counts[i] < 0)
			ev_finding_text(ev_mode_finding(m, "ledger", subject), "%s is %" PRId64, ev_count_names[i],
					p->counts[i]);
	if (sum != p->next - p->begin)
		ev_finding_text(ev_mode_finding(m, "ledger", subject), "it does not balance: offsets %" PRId64
				"..%" PRId64 " are %" PRId64 ", the counts add up to %" PRId64, p->begin,
				p->next - 1, p->next - p->begin, sum);
	if (p->last_offset >= p->next)
		ev_finding_text(ev_mode_finding(m, "ledger", subject), "the last record, offset %" PRId64
				", lies behind the position, %" PRId64, p->last_offset, p->next);
}

/* The log's own count: what the fold saw of it, up to the same position. */
static void cover(const struct judging *j, const struct ev_ledger_part *log, int64_t gone, const char *subject)
{
	const struct ev_ledger_part *base = other(&j->w->base.ledger, log);
	int64_t before = base ? base->next - base->begin : 0;
	struct ev_equation *e = ev_mode_equation(j->m, subject, "offsets", log->next - log->begin);

	if (gone > log->counts[EV_INVISIBLE])
		gone = 0;
	for (int i = 0; i < EV_COUNTS; i++)
		ev_equation_term(e, ev_count_names[i], log->counts[i] - (base ? base->counts[i] : 0) -
				 (i == EV_INVISIBLE ? gone : 0));
	if (base)
		ev_equation_term(e, "in the base", before);
	if (gone)
		ev_equation_term(e, "not checkable", gone);
	j->m->checked += log->next - log->begin - before - gone;
}

static void tell_gone(const struct judging *j, const char *subject, int64_t gone)
{
	struct ev_verifying *w = j->w;
	struct ev_error why = EV_ERROR_INIT;

	if (w->rows_match && !w->src->one_sequence) {
		ev_mode_note(j->m, "%s: %" PRId64 " record%s that the view has seen %s no longer in the log "
			     "(compaction, retention), nor is what each was counted as: not checkable; the rows are "
			     "those that the rest makes", subject, gone, ev_plural(gone), ev_agree(gone, "is", "are"));
		return;
	}
	ev_fail(&why, EV_DATA, "%s: %" PRId64 " record%s that the view has seen %s not in the log", subject, gone,
		ev_plural(gone), ev_agree(gone, "is", "are"));
	ev_hint(&why, w->src->one_sequence ? "give the whole log as the source"
					   : "where compaction took them, the view cannot be proven by this log");
	ev_mode_unproven(j->m, &why);
}

/* Records may be gone where compaction may be; what holds no policy, a file or an archive, does not say. */
static bool may_be_gone(const struct judging *j, const struct ev_ledger_part *p)
{
	const struct ev_source *src = j->w->src;

	for (size_t i = 0; j->compaction && i < src->nparts; i++)
		if (src->parts[i].partition == p->partition && strcmp(src->parts[i].topic, p->topic) == 0)
			return j->compaction[i] != 0;
	return true;
}

/* Whose count is decided by the record alone, whatever came before it. */
static bool stands_alone(int count)
{
	return count == EV_IGNORED || count == EV_FILTERED;
}

static void tell_count(const struct judging *j, const struct ev_ledger_part *log, const struct ev_ledger_part *store,
		       int count, const char *subject)
{
	ev_finding_text(ev_mode_finding(j->m, "count", subject), "%s: the ledger says %" PRId64 ", the log says %"
			PRId64, ev_count_names[count], store->counts[count], log->counts[count]);
}

/* Of a log that has lost some: what is there was counted as ever, and no count can have lost more than all did. */
static void compare_rest(const struct judging *j, const struct ev_ledger_part *log, const struct ev_ledger_part *store,
			 int64_t gone, const char *subject)
{
	for (int i = 0; i < EV_COUNTS; i++)
		if (stands_alone(i) &&
		    (store->counts[i] < log->counts[i] || store->counts[i] > ev_sum(log->counts[i], gone)))
			tell_count(j, log, store, i, subject);
}

static void compare_counts(struct judging *j, const struct ev_ledger_part *log, const struct ev_ledger_part *store,
			   const char *subject)
{
	const struct ev_verifying *w = j->w;

	for (int i = 0; i < EV_COUNTS; i++) {
		if (log->counts[i] == store->counts[i])
			continue;
		if (w->p->nreads && !stands_alone(i) && i != EV_INVISIBLE)
			j->depends = true;
		else
			tell_count(j, log, store, i, subject);
	}
	/* of a part of the keys nobody knows whether a record touched one of the others */
	if (w->slices <= 1 && !w->p->nreads && log->untouched != store->untouched)
		ev_finding_text(ev_mode_finding(j->m, "count", subject), "applied without touching a row: the ledger "
				"says %" PRId64 ", the log says %" PRId64, store->untouched, log->untouched);
}

/* The fold has met the ledger's last record, if that names one (replay.c), so its time must be the log's. */
static void compare_last(const struct judging *j, const struct ev_ledger_part *log,
			 const struct ev_ledger_part *store, const char *subject)
{
	if (log->last_offset != store->last_offset)
		ev_finding_text(ev_mode_finding(j->m, "ledger", subject), "the last record is at offset %" PRId64
				", the log says %" PRId64, store->last_offset, log->last_offset);
	else if (log->last_offset >= 0 && log->last_timestamp != store->last_timestamp)
		ev_finding_text(ev_mode_finding(j->m, "ledger", subject), "the time of the last record is %" PRId64
				", the log says %" PRId64, store->last_timestamp, log->last_timestamp);
}

static void compare(struct judging *j, const struct ev_ledger_part *log, const struct ev_ledger_part *store,
		    const char *subject)
{
	int64_t gone = ev_sum(records(store), -records(log));

	if (gone < 0 || !may_be_gone(j, store))
		gone = 0;
	cover(j, log, gone, subject);
	compare_last(j, log, store, subject);
	if (!gone) {
		compare_counts(j, log, store, subject);
		return;
	}
	j->excused = ev_sum(j->excused, gone);
	tell_gone(j, subject, gone);
	compare_rest(j, log, store, gone, subject);
}

int64_t ev_counts_gone(const struct ev_verifying *w)
{
	const struct ev_ledger *log = ev_into_ledger(&w->replay);
	int64_t sum = 0;

	for (size_t i = 0; i < w->first.ledger.nparts; i++) {
		const struct ev_ledger_part *store = &w->first.ledger.parts[i], *q = other(log, store);
		int64_t gone = ev_sum(records(store), q ? -records(q) : 0);

		sum = ev_sum(sum, gone > 0 ? gone : 0);
	}
	return sum;
}

/* Markers, aborted records, what compaction emptied: a file tells of records alone. */
static void cover_holes(struct judging *j, const struct ev_ledger_part *store, const char *subject)
{
	int64_t n = store->next - store->begin;

	ev_equation_term(ev_mode_equation(j->m, subject, "offsets", n), "not checkable", n);
	ev_mode_note(j->m, "%s: the view has seen no record in its %" PRId64 " offsets, and a file does not tell of "
		     "such: not checkable", subject, n);
}

static void judge_part(struct judging *j, const struct ev_ledger *log, const struct ev_ledger_part *store,
		       const char *subject)
{
	const struct ev_ledger_part *q = other(log, store);

	balance(j->m, store, subject);
	if (q)
		compare(j, q, store, subject);
	else if (store->next != store->begin && !records(store) && j->w->src->one_sequence)
		cover_holes(j, store, subject);
	else if (store->next != store->begin)
		ev_finding_text(ev_mode_finding(j->m, "count", subject), "the log holds nothing of it");
}

/* The policy is asked for only where it decides something. */
static void ask_compaction(struct judging *j)
{
	struct ev_source *src = j->w->src;

	if (!src->ops->compaction || !ev_counts_gone(j->w))
		return;
	j->compaction = ev_alloc((src->nparts + 1) * sizeof(*j->compaction));
	src->ops->compaction(src, j->compaction);
}

int ev_counts_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	struct judging j = { .w = w, .m = m };
	struct ev_buf subject = EV_BUF_INIT;

	ask_compaction(&j);
	for (size_t i = 0; i < w->first.ledger.nparts; i++) {
		const struct ev_ledger_part *store = &w->first.ledger.parts[i];

		ev_buf_clear(&subject);
		ev_buf_addf(&subject, "%s/%d", store->topic, store->partition);
		judge_part(&j, ev_into_ledger(&w->replay), store, ev_buf_str(&subject));
	}
	if (j.depends)
		nobody_knows(&j, "the counts");
	free(j.compaction);
	ev_buf_release(&subject);
	return compare_letters(&j, err) < 0 ? -1 : compare_ids(&j, err);
}
