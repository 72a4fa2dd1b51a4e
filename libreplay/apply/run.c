/* run.c - see run.h; identity.c holds the checks before the first record is read */
#include "apply/run.h"

#include <inttypes.h>
#include <stdio.h>

#include "apply/identity.h"
#include "base/clock.h"
#include "base/mem.h"
#include "merge/merge.h"

#define POLL_MS 200
#define LINGER_MS 50       /* a follower's transaction waits this long to fill */
#define IDLE_SAVE_MS 1000  /* holes alone are saved at most this often */
#define IDLE_LOOK_MS 1000  /* without records it is looked so often whether the view is still ours */
#define GROUP_EVERY_MS 5000
#define GROUP_WAIT_MS 3000
#define AGAIN 2            /* what was held is lost: read from the ledger's position */

/* What a read has given. */
struct input {
	struct ev_record *records;
	int n;
	bool there, done;
	int64_t *next;       /* the position behind it */
	size_t nnext;
	struct ev_error err; /* n < 0 */
};

struct run {
	struct ev_apply *a;
	struct ev_source *src;
	const struct ev_run_options *opt;
	const struct ev_run_hooks *hooks;
	struct ev_run_status *st;
	struct input in[2];  /* that at hand, and where somebody decodes it meanwhile the one behind it */
	struct input *at;
	size_t batch, batch_bytes;
	size_t mapped;       /* partitions of the source known to the ledger */
	struct ev_file_identity *files; /* file sources: what was seen of each partition */
	int64_t last_commit, last_group, last_look; /* ms, monotonic */
	bool group_due;      /* transactions since the last commit to the group */
	bool group_behind;   /* that failed */
	bool broken;         /* the read failed: what is held is kept where that can be answered for at once */
};

static void note(struct run *r, const char *text)
{
	if (r->hooks->note)
		r->hooks->note(r->hooks->ctx, text);
}

static bool stop(struct run *r)
{
	if (r->hooks->stop && r->hooks->stop(r->hooks->ctx))
		r->st->stopped = true;
	return r->st->stopped;
}

static const struct ev_ledger_part *ledger_part(struct run *r, size_t i)
{
	const struct ev_partition *p = &r->src->parts[i];

	return ev_ledger_part((struct ev_ledger *)ev_apply_ledger(r->a), p->topic, p->partition,
			      false);
}

/*
 * A file's partition begins with its first record; a topic's where its span begins. A file source
 * reads ahead of the batch, so only those partitions are told that have a record in it: where a
 * view begins may not depend on the batch size.
 */
static int map_file_partitions(struct run *r, size_t n, struct ev_error *err)
{
	if (r->src->nparts > r->mapped) {
		r->files = ev_realloc_n(r->files, r->src->nparts, sizeof(*r->files));
		while (r->mapped < r->src->nparts)
			r->files[r->mapped++] = (struct ev_file_identity){ 0 };
	}
	for (size_t i = 0; i < n; i++) {
		const struct ev_record *rec = &r->at->records[i];
		const struct ev_partition *p = &r->src->parts[rec->part];
		struct ev_file_identity *f = &r->files[rec->part];
		bool first = !f->met;

		if (ev_file_identity_next(f, first ? ledger_part(r, rec->part) : NULL, rec, r->hooks,
					  err) < 0)
			return -1;
		if (first)
			ev_apply_partition(r->a, rec->part, p->topic, p->partition, rec->offset,
					   NULL);
	}
	return 0;
}

static int end_files(struct run *r, struct ev_error *err)
{
	for (size_t i = 0; i < r->mapped; i++)
		if (ev_file_identity_end(&r->files[i], &r->src->parts[i], r->hooks, err) < 0)
			return -1;
	return 0;
}

static void map_topic_partitions(struct run *r, const struct ev_span *spans)
{
	for (; r->mapped < r->src->nparts; r->mapped++) {
		const struct ev_partition *p = &r->src->parts[r->mapped];

		ev_apply_partition(r->a, (uint32_t)r->mapped, p->topic, p->partition,
				   spans ? spans[r->mapped].begin : p->low, r->src->cluster_id);
	}
}

/* Not at an end, or told to stop: no failure of the run. Said once, and tried again. */
static int group_failed(struct run *r, struct ev_error *err)
{
	char text[sizeof(err->text) + 64];

	snprintf(text, sizeof(text), "%s; going on, the position is in the store", err->text);
	if (!r->group_behind)
		note(r, text);
	r->group_behind = true;
	*err = (struct ev_error)EV_ERROR_INIT;
	return 0;
}

static int commit_group(struct run *r, bool must, struct ev_error *err)
{
	struct ev_position pos = EV_POSITION_INIT;
	int64_t begin = ev_clock_ms(), left;
	int rc;

	if (!r->opt->group || r->src->one_sequence)
		return 0;
	rc = ev_source_still(r->src, must, err); /* a group's offset does not tell of which log it is */
	left = begin + GROUP_WAIT_MS - ev_clock_ms();
	if (rc == 0) {
		ev_ledger_position(ev_apply_ledger(r->a), &pos);
		rc = r->src->ops->commit_group(r->src, r->opt->group, &pos, must ? -1 : left < 1 ? 1 : (int)left, err);
		ev_position_release(&pos);
	}
	r->last_group = ev_clock_ms();
	if (rc < 0 && !must && err->class != EV_DATA)
		return group_failed(r, err);
	r->group_due = r->group_behind = false;
	return rc;
}

static void count(struct run *r, size_t n)
{
	r->st->records += (int64_t)n;
	for (size_t i = 0; i < n; i++)
		r->st->bytes += (int64_t)(r->at->records[i].key.len + r->at->records[i].value.len);
}

/* Is there anything to save besides records? */
static bool holes_passed(struct run *r)
{
	for (size_t i = 0; i < r->at->nnext; i++) {
		const struct ev_ledger_part *p = ledger_part(r, i);

		if (p && r->at->next[i] > p->next)
			return true;
	}
	return false;
}

static void take_next(struct run *r, const struct ev_merge *m, struct input *in)
{
	if (r->src->nparts > in->nnext)
		in->next = ev_realloc_n(in->next, r->src->nparts, sizeof(*in->next));
	in->nnext = r->src->nparts;
	for (size_t i = 0; i < in->nnext; i++)
		in->next[i] = ev_merge_next(m, (uint32_t)i);
}

static int64_t lag(const struct run *r)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->src->nparts; i++) {
		int64_t next = i < r->at->nnext ? r->at->next[i] : r->src->parts[i].low;

		if (r->src->parts[i].high > next)
			sum += r->src->parts[i].high - next;
	}
	return sum;
}

/* A file tells no end by offsets. */
static bool by_bytes(struct run *r)
{
	const struct ev_source_ops *ops = r->src->ops;
	int64_t passed, span;

	if (!ops->share || !ops->share(r->src, &passed, &span))
		return false;
	r->st->passed = passed;
	r->st->span = span;
	return true;
}

static int64_t passed_offsets(const struct run *r, const struct ev_span *spans, size_t nspans)
{
	int64_t passed = 0;

	for (size_t i = 0; i < nspans && i < r->at->nnext; i++)
		if (r->at->next[i] > spans[i].begin)
			passed += r->at->next[i] - spans[i].begin;
	return passed;
}

static void progress(struct run *r, const struct ev_span *spans, size_t nspans)
{
	if (!by_bytes(r))
		r->st->passed = passed_offsets(r, spans, nspans);
	r->st->lag = r->st->following ? lag(r) : -1;
	if (r->hooks->progress)
		r->hooks->progress(r->hooks->ctx, r->st);
}

/* True: somebody decodes what came while the next is read. */
static bool read_some(struct run *r, struct ev_merge *m, struct input *in, bool follow, int wait_ms)
{
	in->n = ev_merge_read(m, in->records, r->batch, r->batch_bytes, wait_ms, &in->done, &in->err);
	take_next(r, m, in);
	in->there = in->n || in->done;
	return !follow && in->n > 0 && ev_apply_ahead(r->a, in->records, (size_t)in->n);
}

/* What is at hand, and what comes behind it where that is decoded meanwhile. */
static int take_input(struct run *r, struct ev_merge *m, bool follow, struct ev_error *err)
{
	struct input *in = r->at, *behind = &r->in[in == r->in];
	bool ahead = in->there && in->n > 0;

	if (!in->there)
		ahead = read_some(r, m, in, follow, POLL_MS);
	if (in->n < 0) {
		*err = in->err;
		return -1;
	}
	if (ahead && !in->done)
		read_some(r, m, behind, follow, 0);
	return 0;
}

/* Nothing came: a swap shall end it all the same, and not wait for the next record. */
static int idle(struct run *r, struct ev_error *err)
{
	if (ev_clock_ms() - r->last_look < IDLE_LOOK_MS)
		return 0;
	r->last_look = ev_clock_ms();
	return ev_apply_look(r->a, err);
}

/* One read and its transaction. 1 when the read has ended, 0 to go on, AGAIN, -1. */
static int step(struct run *r, struct ev_merge *m, bool follow, struct ev_error *err)
{
	struct input *in = r->at;
	int rc;

	if (take_input(r, m, follow, err) < 0)
		return -1;
	if (!r->src->one_sequence)
		map_topic_partitions(r, NULL);
	else if (map_file_partitions(r, (size_t)in->n, err) < 0 || (in->done && end_files(r, err) < 0))
		return -1;
	count(r, (size_t)in->n);
	if (in->n == 0 && !in->done &&
	    !(follow && ev_clock_ms() - r->last_commit > IDLE_SAVE_MS && holes_passed(r)))
		return idle(r, err);
	rc = ev_apply_batch(r->a, in->records, (size_t)in->n, in->next, in->nnext, follow || in->done, in->done, err);
	if (rc)
		return rc < 0 ? -1 : AGAIN;
	in->there = false;
	r->st->committed |= !ev_apply_holds(r->a);
	r->last_commit = ev_clock_ms();
	r->group_due = true;
	return in->done;
}

/* On to the input that was read ahead, if any. */
static void next_input(struct run *r)
{
	struct input *behind = &r->in[r->at == r->in];

	if (!r->at->there && behind->there)
		r->at = behind;
}

static bool tidy(void *ctx)
{
	struct ev_source *src = ctx;

	return src->ops->tidy(src);
}

/* Once through the spans from `from` on, which begin where they do or where the ledger stands. As step. */
static int read_once(struct run *r, const struct ev_span *spans, const struct ev_span *from, size_t nspans,
		     bool follow, struct ev_error *err)
{
	struct ev_merge_options mo = {
		.merge = !r->opt->no_merge, .follow = follow, .linger_ms = LINGER_MS, .ahead = !follow,
	};
	struct ev_merge *m = ev_merge_new(r->src, from, &mo, err);
	int rc = m ? 0 : -1;

	r->in[0].there = r->in[1].there = false;
	if (m && !follow && r->src->ops->tidy)
		ev_apply_chore(r->a, tidy, r->src);
	while (rc == 0 && !stop(r)) {
		rc = step(r, m, follow, err);
		if (rc >= 0)
			progress(r, spans, nspans);
		next_input(r);
		if (rc == 0 && r->group_due && ev_clock_ms() - r->last_group > GROUP_EVERY_MS)
			rc = commit_group(r, false, err);
	}
	ev_apply_forget_ahead(r->a);
	ev_apply_chore(r->a, NULL, NULL);
	ev_merge_free(m);
	return rc;
}

/* So that nothing of another log is ever in the view. */
static int prove(void *ctx, struct ev_error *err)
{
	struct run *r = ctx;

	return ev_source_still(r->src, !r->broken, err);
}

/* What is held is committed also where the read was broken off, so that it is not done again. */
static int end_read(struct run *r, int rc, struct ev_error *err)
{
	struct ev_error none = EV_ERROR_INIT;
	int held;

	r->broken = rc < 0;
	held = rc == AGAIN ? 0 : ev_apply_checkpoint(r->a, rc < 0 ? &none : err);
	return rc < 0 || held < 0 ? -1 : held && !r->st->stopped ? AGAIN : rc;
}

/* The spans again, from where the ledger stands; a file is read from its beginning, to be recognised. */
static struct ev_span *spans_again(struct run *r, const struct ev_span *spans, size_t nspans)
{
	struct ev_span *from = ev_alloc((r->src->nparts + 1) * sizeof(*from));

	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_ledger_part *p = r->src->one_sequence ? NULL : ledger_part(r, i);

		if (i < nspans)
			from[i] = spans[i];
		else /* a file's, that has shown up meanwhile */
			r->src->ops->span(r->src, (uint32_t)i, &from[i]);
		if (p && p->next > from[i].begin)
			from[i].begin = p->next < from[i].end ? p->next : from[i].end;
	}
	if (r->mapped && r->files)
		memset(r->files, 0, r->mapped * sizeof(*r->files));
	return from;
}

static int read_spans(struct run *r, const struct ev_span *spans, bool follow, struct ev_error *err)
{
	size_t nspans = r->src->nparts;
	struct ev_span *again = NULL;
	int rc;

	r->st->following = follow;
	r->st->span = r->src->one_sequence || follow ? -1 : 0;
	for (size_t i = 0; i < nspans && r->st->span >= 0; i++)
		r->st->span += spans[i].end - spans[i].begin;
	do {
		rc = end_read(r, read_once(r, spans, again ? again : spans, nspans, follow, err), err);
		free(again);
		again = rc == AGAIN ? spans_again(r, spans, nspans) : NULL;
	} while (again);
	return rc < 0 || (follow && ev_source_still_at_stop(r->src, err)) ? -1 : 0;
}

static int read_range(struct run *r, const struct ev_span *spans, struct ev_error *err)
{
	int64_t *ends;
	int rc;

	if (!r->src->one_sequence) {
		map_topic_partitions(r, spans);
		ends = ev_alloc(r->src->nparts * sizeof(*ends));
		for (size_t i = 0; i < r->src->nparts; i++)
			ends[i] = spans[i].end;
		rc = ev_apply_target(r->a, ends, r->src->nparts, err);
		free(ends);
		if (rc < 0)
			return -1;
	}
	return read_spans(r, spans, false, err);
}

/*
 * The range that an earlier run stored and did not finish, cut short by an explicit end before it.
 * 1 and its spans when there is one.
 */
static bool stored_range(struct run *r, const struct ev_span *wanted, struct ev_span *spans)
{
	bool bounded = r->opt->range->to.kind != EV_POINT_NONE || r->opt->range->has_until;
	bool any = false, cut = false;

	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_ledger_part *p = ledger_part(r, i);

		spans[i] = (struct ev_span){ wanted[i].begin, wanted[i].begin };
		if (!p || p->target < 0)
			continue;
		any = true;
		spans[i].end = p->target;
		if (bounded && wanted[i].end < p->target) {
			spans[i].end = wanted[i].end;
			cut = true;
		}
	}
	if (cut)
		note(r, "the range that was begun before is cut short by --to or --until");
	else if (any)
		note(r, "first the range that was begun before is read to its end");
	return any;
}

static void stored_position(struct run *r, struct ev_position *pos)
{
	ev_ledger_position(ev_apply_ledger(r->a), pos);
}

static int resolve(struct run *r, struct ev_span **spans, struct ev_error *err)
{
	struct ev_range_args args = *r->opt->range;
	struct ev_position pos = EV_POSITION_INIT;
	int rc;

	args.prefix = true;
	stored_position(r, &pos);
	rc = ev_range_resolve(r->src, &args, pos.n ? &pos : NULL, spans, err);
	ev_position_release(&pos);
	return rc;
}

/* A first run that was told of no beginning takes the log's, which retention may have moved: only the user knows. */
static void tell_trimmed(struct run *r, const struct ev_span *spans)
{
	bool asked = r->opt->range->from.kind != EV_POINT_NONE || r->opt->range->has_since;
	size_t n = asked || r->src->one_sequence || ev_apply_ledger(r->a)->nparts ? 0 : r->src->nparts;
	char text[512];

	for (size_t i = 0; i < n; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		if (spans[i].begin <= 0)
			continue;
		snprintf(text, sizeof(text), "%s/%d: the log begins at offset %" PRId64 ", not at 0, and so does the "
			 "view; an archive that has what stood before is to be named before the topic: ./archive %s",
			 p->topic, p->partition, spans[i].begin, p->topic);
		note(r, text);
		return; /* one is enough */
	}
}

/* Partitions that were found since, where a broker was asked again meanwhile: the next run reads them. */
static struct ev_span *cover_found(struct run *r, struct ev_span *spans, size_t n)
{
	if (r->src->nparts > n)
		spans = ev_realloc_n(spans, r->src->nparts, sizeof(*spans));
	for (; n < r->src->nparts; n++)
		spans[n] = (struct ev_span){ r->src->parts[n].low, r->src->parts[n].low };
	return spans;
}

static int bounded(struct run *r, struct ev_error *err)
{
	struct ev_span *spans = NULL, *first;
	int rc = resolve(r, &spans, err);
	size_t n = r->src->nparts;

	if (rc == 0)
		tell_trimmed(r, spans);

	first = ev_alloc((n + 1) * sizeof(*first));
	if (rc == 0 && !r->src->one_sequence && stored_range(r, spans, first)) {
		rc = read_range(r, first, err);
		for (size_t i = 0; i < n && rc == 0; i++)
			spans[i].begin = first[i].end;
		spans = cover_found(r, spans, n);
	}
	if (rc == 0 && !r->st->stopped)
		rc = read_range(r, spans, err);
	free(first);
	free(spans);
	return rc;
}

static int follow(struct run *r, struct ev_error *err)
{
	struct ev_span *spans = ev_alloc(r->src->nparts * sizeof(*spans));
	int rc;

	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_ledger_part *p = ledger_part(r, i);

		spans[i] = (struct ev_span){ p ? p->next : r->src->parts[i].low, INT64_MAX };
	}
	map_topic_partitions(r, spans);
	rc = read_spans(r, spans, true, err);
	free(spans);
	return rc;
}

/* Records behind the end whose time lies before --until: they are not in the view. */
static int scan_late(struct run *r, struct ev_error *err)
{
	struct ev_merge_options mo = { .merge = false };
	struct ev_span *spans = ev_alloc(r->src->nparts * sizeof(*spans));
	struct ev_merge *m;
	int64_t late = 0;
	bool done = false;
	int n = 0;

	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_ledger_part *p = ledger_part(r, i);

		spans[i] = (struct ev_span){ p ? p->next : r->src->parts[i].low,
					     r->src->parts[i].high };
	}
	m = ev_merge_new(r->src, spans, &mo, err);
	free(spans);
	while (m && !done && n >= 0 && !stop(r)) {
		n = ev_merge_read(m, r->in[0].records, r->batch, r->batch_bytes, POLL_MS, &done,
				  err);
		for (int i = 0; i < n; i++)
			late += r->in[0].records[i].timestamp < r->opt->range->until;
	}
	ev_merge_free(m);
	if (done)
		r->st->late = late;
	return m && n >= 0 ? 0 : -1;
}

int ev_run(struct ev_apply *a, struct ev_source *src, const struct ev_run_options *opt,
	   const struct ev_run_hooks *hooks, struct ev_run_status *status, struct ev_error *err)
{
	struct run r = { .a = a, .src = src, .opt = opt, .hooks = hooks, .st = status };
	int rc;

	*status = (struct ev_run_status){ .span = -1, .late = -1, .lag = -1 };
	r.last_commit = r.last_group = ev_clock_ms();
	r.batch = opt->batch ? opt->batch : ev_apply_batch_size(a);
	r.batch_bytes = opt->batch_bytes ? opt->batch_bytes : ev_apply_batch_bytes(a);
	for (int i = 0; i < 2; i++)
		r.in[i].records = ev_alloc(r.batch * sizeof(*r.in[i].records));
	r.at = r.in;
	ev_apply_proof(a, prove, &r);
	rc = opt->checked ? 0 : ev_identity_check(ev_apply_ledger(a), src, opt->range, hooks, err);
	if (rc == 0)
		rc = bounded(&r, err);
	if (rc == 0 && opt->scan_late && opt->range->has_until && !status->stopped)
		rc = scan_late(&r, err);
	if (rc == 0 && opt->follow && !status->stopped && !src->one_sequence)
		rc = follow(&r, err);
	if (rc == 0)
		rc = commit_group(&r, !status->stopped, err);
	ev_apply_proof(a, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		free(r.in[i].records);
		free(r.in[i].next);
	}
	free(r.files);
	return rc;
}
