/* cause_try.c - a row's events folded alone, as they were and as they may have been: see cause.h */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/line.h"
#include "verify/cause.h"

#define MOST 64         /* events of one trial */
#define MOST_PARTS 1000 /* partitions that a store is given: each transaction writes them all */

struct ev_trial {
	struct ev_verifying *w;
	struct ev_store *store;
	struct ev_apply *apply;
	struct ev_line_reader *readers[MOST]; /* a record is borrowed from its reader */
	struct ev_record records[MOST];
	uint32_t parts;                       /* given out so far */
};

/* The row with a key, if there is one. */
struct finding_row {
	struct ev_hash128 key, row;
	bool found;
};

static void close_store(struct ev_trial *t)
{
	ev_apply_close(t->apply);
	t->apply = NULL;
	if (t->store)
		t->store->ops->close(t->store);
	t->store = NULL;
}

static int open_store(struct ev_trial *t, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;

	ao.exact = ao.dead = ao.decided = true;
	close_store(t);
	t->parts = 0;
	t->store = ev_reference_scratch(t->w, err);
	if (t->store)
		t->apply = ev_apply_open(t->store, t->w->p, &ao, err);
	return t->apply ? 0 : -1;
}

struct ev_trial *ev_trial_open(struct ev_verifying *w, struct ev_error *err)
{
	struct ev_trial *t = ev_alloc(sizeof(*t));

	t->w = w;
	for (size_t i = 0; i < MOST; i++)
		t->readers[i] = ev_line_reader_new();
	if (open_store(t, err) == 0)
		return t;
	ev_trial_close(t);
	return NULL;
}

void ev_trial_close(struct ev_trial *t)
{
	if (!t)
		return;
	close_store(t);
	for (size_t i = 0; i < MOST; i++)
		ev_line_reader_free(t->readers[i]);
	free(t);
}

/*
 * All tables are empty again, no id was ever seen, and nothing waits behind a dead letter: what an event makes of the
 * events of one trial must not be in the way of the next.
 */
static int forget(struct ev_trial *t, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	for (size_t i = t->w->ntables; i--;) {
		ev_buf_adds(&sql, "DELETE FROM ");
		ev_buf_add_quoted(&sql, t->w->tables[i].shape.table, '"');
		ev_buf_addc(&sql, ';');
	}
	ev_buf_adds(&sql, "DELETE FROM ev_seen;DELETE FROM ev_dead");
	rc = t->store->ops->script(t->store, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return rc;
}

static int take_row(void *ctx, const struct ev_scanned *row, struct ev_error *err)
{
	struct finding_row *f = ctx;

	(void)err;
	if (row->key.lo == f->key.lo && row->key.hi == f->key.hi) {
		f->found = true;
		f->row = row->row;
	}
	return 0;
}

/*
 * Fold events in this order; 1 when the row comes out as `want` (NULL: as no row), 0, -1. Each is given as if it were
 * the first of a partition of its own: to the engine none is one that it had before.
 */
static int fold(struct ev_trial *t, const struct ev_suspect *s, const size_t *order, size_t n,
		const struct ev_hash128 *want, struct ev_error *err)
{
	struct ev_record batch[MOST];
	struct finding_row f = { .key = s->key };
	char topic[EV_TOPIC_MAX + 1];

	if (t->w->hooks->stop && t->w->hooks->stop(t->w->hooks->ctx))
		return ev_fail(err, EV_SOURCE, "stopped while causes were looked for");
	if ((t->parts + n > MOST_PARTS ? open_store(t, err) : forget(t, err)) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		batch[i] = t->records[order[i]];
		batch[i].part = t->parts;
		snprintf(topic, sizeof(topic), "%.*s", (int)batch[i].topic.len, batch[i].topic.ptr);
		ev_apply_partition(t->apply, t->parts, topic, (int32_t)(1000000 + t->parts), batch[i].offset, NULL);
		t->parts++;
	}
	if (ev_apply_batch(t->apply, batch, n, NULL, 0, false, false, err) < 0 ||
	    ev_table_scan(t->store, &s->table->shape, &t->w->key, NULL, take_row, &f, err) < 0)
		return -1;
	if (!want)
		return !f.found;
	return f.found && f.row.lo == want->lo && f.row.hi == want->hi;
}

enum change { AS_IT_WAS, LEFT_OUT, DOUBLED, SWAPPED, ENDED };

/* The order of events with one change at event `at`; its length. */
static size_t arrange(enum change change, size_t at, size_t n, size_t *order)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if ((change == LEFT_OUT && i == at) || (change == ENDED && i >= at))
			continue;
		order[k++] = change == SWAPPED && i == at ? at + 1 : change == SWAPPED && i == at + 1 ? at : i;
		if (change == DOUBLED && i == at)
			order[k++] = i;
	}
	return k;
}

/* Of a row that is gone without an event's doing there is a second cause, as likely. */
static void say(enum change change, size_t at, const struct ev_touches *t, bool gone, struct ev_buf *cause)
{
	const char *place = t->v[at].place;

	if (change == LEFT_OUT)
		ev_buf_addf(cause, "%s was skipped", place);
	else if (change == DOUBLED)
		ev_buf_addf(cause, "%s was applied twice", place);
	else if (change == SWAPPED)
		ev_buf_addf(cause, "%s was applied after %s", place, t->v[at + 1].place);
	else
		ev_buf_addf(cause, "none of its events from %s on was applied", place);
	if (gone)
		ev_buf_adds(cause, ", or something else deleted it");
}

/* The newest events first, as what went wrong last is what one meets. */
static int try_changes(struct ev_trial *t, const struct ev_suspect *s, const struct ev_touches *touches,
		       struct ev_buf *cause, struct ev_error *err)
{
	const struct ev_hash128 *want = s->in_store ? &s->store : NULL;
	size_t n = touches->n, order[MOST + 1];

	for (int change = LEFT_OUT; change <= ENDED; change++) {
		for (size_t at = n; at--;) {
			int rc;

			if (change == SWAPPED && at + 1 == n)
				continue;
			rc = fold(t, s, order, arrange((enum change)change, at, n, order), want, err);
			if (rc < 0)
				return -1;
			if (rc) {
				say((enum change)change, at, touches, !want, cause);
				return 0;
			}
		}
	}
	return 0;
}

int ev_trial_explain(struct ev_trial *t, const struct ev_suspect *s, const struct ev_touches *touches,
		     struct ev_buf *cause, struct ev_error *err)
{
	size_t order[MOST + 1];
	int rc;

	if (touches->n >= MOST)
		return 0;
	for (size_t i = 0; i < touches->n; i++)
		if (ev_line_read(t->readers[i], ev_slice_str(touches->v[i].line), &t->records[i], err) < 0)
			return -1;
	rc = fold(t, s, order, arrange(AS_IT_WAS, 0, touches->n, order), s->in_log ? &s->log : NULL, err);
	if (rc <= 0) /* it depends on other rows: alone, its events do not make it */
		return rc;
	return try_changes(t, s, touches, cause, err);
}
