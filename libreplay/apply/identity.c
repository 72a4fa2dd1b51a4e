/* identity.c - see identity.h */
#include "apply/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static bool ledger_has_topic(const struct ev_ledger *l, const char *topic)
{
	for (size_t i = 0; i < l->nparts; i++)
		if (strcmp(l->parts[i].topic, topic) == 0)
			return true;
	return false;
}

static int same_topics(const struct ev_ledger *l, const struct ev_source *src, struct ev_error *err)
{
	const char *missing = NULL, *added = NULL;

	for (size_t i = 0; i < l->nparts; i++)
		if (!ev_source_has_topic(src, l->parts[i].topic))
			missing = l->parts[i].topic;
	for (size_t i = 0; i < src->nparts; i++)
		if (!ledger_has_topic(l, src->parts[i].topic))
			added = src->parts[i].topic;
	if (missing)
		ev_fail(err, EV_USAGE, "the view stands on topic '%s', which is not read", missing);
	else if (added)
		ev_fail(err, EV_USAGE, "the view does not stand on topic '%s'", added);
	else
		return 0;
	return ev_hint(err, "give the same topics as before, or build the view anew: rebuild");
}

/* Its stored range could not be finished; asked last, so that a topic made anew is told as such. */
static int same_partitions(const struct ev_ledger *l, const struct ev_source *src,
			   struct ev_error *err)
{
	for (size_t k = 0; k < l->nparts; k++) {
		if (ev_source_partition(src, l->parts[k].topic, l->parts[k].partition))
			continue;
		ev_fail(err, EV_USAGE, "the view stands on partition '%s/%d', which is not read",
			l->parts[k].topic, l->parts[k].partition);
		return ev_hint(err, "give the same partitions as before, or build the view anew: "
				    "rebuild");
	}
	return 0;
}

static int recreated(const struct ev_ledger_part *p, const char *what, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%d is not the log that the view was built from: %s", p->topic,
		p->partition, what);
	return ev_hint(err, "the topic was deleted and created again, or this is another cluster; "
			    "the view can only be built anew: rebuild");
}

/* An archive is behind its topic sooner than it is another log. */
static int archive_ends(const struct ev_ledger_part *p, int64_t end, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%d: the archive ends at offset %" PRId64 ", the view stands at %" PRId64, p->topic,
		p->partition, end, p->next);
	return ev_hint(err, "append to the archive, or read the topic behind it, as in ./archive %s",
		       p->topic);
}

/* What stands at the last offsets, of each of the source's partitions. */
struct witness {
	struct ev_source *src;
	int64_t *offsets; /* -1: not asked for */
	uint64_t *hashes;
	bool *found, *lost; /* lost: not found, although nothing takes it away */
};

/* Can the record be asked for? 1, 0, -1. */
static int may_ask(const struct ev_ledger_part *p, struct ev_source *src, struct ev_error *err)
{
	const struct ev_partition *at = ev_source_partition(src, p->topic, p->partition);
	char text[256];
	size_t i;

	if (!at)
		return 0;
	i = (size_t)(at - src->parts); /* the table may move */
	if (p->cluster_id && src->cluster_id && strcmp(p->cluster_id, src->cluster_id) != 0)
		return recreated(p, "the cluster's id is another", err);
	if (p->last_offset < 0)
		return 0;
	/* the view may have been carried on since the source was looked at */
	if (src->parts[i].high < p->next && src->ops->refresh(src, err) < 0)
		return -1;
	if (src->parts[i].high >= p->next)
		return 1;
	if (strcmp(src->ops->name, "archive") == 0)
		return archive_ends(p, src->parts[i].high, err);
	snprintf(text, sizeof(text), "it ends at offset %" PRId64 ", the view stands at %" PRId64,
		 src->parts[i].high, p->next);
	return recreated(p, text, err);
}

static int take_hash(void *ctx, const struct ev_record *rec, struct ev_error *err)
{
	struct witness *w = ctx;

	(void)err;
	if (rec->offset == w->offsets[rec->part]) {
		w->found[rec->part] = true;
		w->hashes[rec->part] = ev_record_hash(rec);
	}
	return 0;
}

static int judge(const struct witness *w, const struct ev_ledger_part *p, const struct ev_run_hooks *hooks,
		 struct ev_error *err)
{
	const struct ev_partition *at = ev_source_partition(w->src, p->topic, p->partition);
	size_t i = (size_t)(at - w->src->parts);
	char text[256];

	if (w->found[i] && w->hashes[i] == p->last_hash)
		return 0;
	if (w->found[i]) {
		snprintf(text, sizeof(text), "another record stands at offset %" PRId64, p->last_offset);
		return recreated(p, text, err);
	}
	if (w->lost[i]) {
		snprintf(text, sizeof(text), "no record stands at offset %" PRId64, p->last_offset);
		return recreated(p, text, err);
	}
	snprintf(text, sizeof(text), "%s/%d: no record at offset %" PRId64
		 " any more: identity not checkable, going on by the cluster's id", p->topic, p->partition,
		 p->last_offset);
	if (hooks->note)
		hooks->note(hooks->ctx, text);
	return 0;
}

/* All records at once: one by one each would wait for a fetch of its own. `asked`: of the ledger's partitions. */
static int ask(struct witness *w, const struct ev_ledger *l, const bool *asked, const struct ev_run_hooks *hooks,
	       struct ev_error *err)
{
	int rc;

	for (size_t i = 0; i < w->src->nparts; i++)
		w->offsets[i] = -1;
	for (size_t i = 0; i < l->nparts; i++) {
		const struct ev_ledger_part *p = &l->parts[i];
		const struct ev_partition *at = asked[i] ? ev_source_partition(w->src, p->topic, p->partition) : NULL;

		if (at)
			w->offsets[at - w->src->parts] = p->last_offset;
	}
	rc = ev_source_records_at(w->src, w->offsets, take_hash, w, err);
	if (!rc)
		w->lost = ev_source_keeps(w->src, w->offsets, w->found);
	for (size_t i = 0; i < l->nparts && !rc; i++)
		rc = asked[i] ? judge(w, &l->parts[i], hooks, err) : 0;
	return rc ? -1 : 0;
}

int ev_identity_partitions(const struct ev_ledger *l, struct ev_source *src,
			   const struct ev_run_hooks *hooks, struct ev_error *err)
{
	struct witness w = { .src = src };
	bool *asked, any = false;
	int rc = 0;

	if (src->one_sequence)
		return 0;
	asked = ev_alloc((l->nparts + 1) * sizeof(*asked));
	for (size_t i = 0; i < l->nparts && rc >= 0; i++) {
		rc = may_ask(&l->parts[i], src, err);
		asked[i] = rc > 0;
		any |= asked[i];
	}
	if (rc >= 0 && any) { /* the table has grown, if it has, by now */
		w.offsets = ev_alloc((src->nparts + 1) * sizeof(*w.offsets));
		w.hashes = ev_alloc((src->nparts + 1) * sizeof(*w.hashes));
		w.found = ev_alloc((src->nparts + 1) * sizeof(*w.found));
		rc = ask(&w, l, asked, hooks, err);
	}
	free(w.offsets);
	free(w.hashes);
	free(w.found);
	free(w.lost);
	free(asked);
	return rc < 0 ? -1 : 0;
}

int ev_identity_check(const struct ev_ledger *l, struct ev_source *src,
		      const struct ev_range_args *range, const struct ev_run_hooks *hooks,
		      struct ev_error *err)
{
	if (l->nparts && (range->from.kind != EV_POINT_NONE || range->has_since)) {
		ev_fail(err, EV_USAGE, "the view has a position already: --from and --since are for "
				       "the first run");
		return ev_hint(err, "leave it out to go on from the stored position");
	}
	if (!l->nparts || src->one_sequence)
		return 0;
	if (same_topics(l, src, err) < 0 || ev_identity_partitions(l, src, hooks, err) < 0)
		return -1;
	return same_partitions(l, src, err);
}

static bool names_topic(const struct ev_projection *p, const char *topic)
{
	for (size_t i = 0; i < p->ntopics; i++)
		if (strcmp(p->topics[i], topic) == 0)
			return true;
	return false;
}

bool ev_identity_unread(const struct ev_projection *p, const struct ev_source *src, size_t *i, struct ev_buf *out)
{
	bool other = !src->one_sequence;

	for (size_t k = 0; k < src->nparts && !other; k++)
		other = !names_topic(p, src->parts[k].topic);
	while (other && *i < p->nhandlers) {
		const struct ev_handler *h = &p->handlers[(*i)++];

		if (!h->of_topic || ev_source_has_topic(src, h->of_topic))
			continue;
		ev_buf_addf(out, "%s:%d: this handler is of topic '%s', which is not read: it is never called",
			    p->file, h->of_place.line, h->of_topic);
		return true;
	}
	return false;
}

static int lost(const struct ev_file_identity *f, const struct ev_record *rec, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%.*s/%d: offsets %" PRId64 "..%" PRId64 " are lost: the view stands at %"
		PRId64 ", the file begins at %" PRId64, (int)rec->topic.len, rec->topic.ptr,
		rec->partition, f->next, rec->offset - 1, f->next, rec->offset);
	if (f->last < 0)
		return ev_hint(err, "give a file that begins at offset %" PRId64, f->next);
	return ev_hint(err, "give a file that begins earlier; one with offset %" PRId64 ", the last that the "
			    "view holds, shows where only holes lie between", f->last);
}

int ev_file_identity_next(struct ev_file_identity *f, const struct ev_ledger_part *p,
			  const struct ev_record *rec, const struct ev_run_hooks *hooks,
			  struct ev_error *err)
{
	char text[256];

	f->newest = rec->offset;
	if (!f->met) {
		*f = (struct ev_file_identity){ .met = true, .newest = rec->offset };
		if (!p)
			return 0;
		f->stored = true;
		f->next = p->next;
		f->last = p->last_offset;
		f->hash = p->last_hash;
		f->open = rec->offset <= f->last;
		if (rec->offset > f->next)
			return lost(f, rec, err);
	}
	if (!f->open || rec->offset < f->last)
		return 0;
	f->open = false;
	if (rec->offset > f->last) {
		snprintf(text, sizeof(text), "%.*s/%d: no record at offset %" PRId64
			 " in the file: identity not checkable, going on", (int)rec->topic.len,
			 rec->topic.ptr, rec->partition, f->last);
		if (hooks->note)
			hooks->note(hooks->ctx, text);
		return 0;
	}
	if (ev_record_hash(rec) == f->hash)
		return 0;
	ev_fail(err, EV_DATA, "%.*s/%d is not the log that the view was built from: another record stands "
		"at offset %" PRId64, (int)rec->topic.len, rec->topic.ptr, rec->partition, rec->offset);
	return ev_hint(err, "this is another file, or it was written anew; the view can only be built anew: "
			    "rebuild");
}

int ev_file_identity_end(const struct ev_file_identity *f, const struct ev_partition *p,
			 const struct ev_run_hooks *hooks, struct ev_error *err)
{
	char text[256];

	if (!f->stored || f->newest >= f->last)
		return 0;
	snprintf(text, sizeof(text), "%s/%d: the file ends at offset %" PRId64 ", the view stands at %" PRId64,
		 p->topic, p->partition, f->newest + 1, f->next);
	if (p->low == 1) { /* offsets are line numbers */
		ev_fail(err, EV_DATA, "%s", text);
		return ev_hint(err, "it is not the file that the view was built from, or was cut short");
	}
	if (hooks->note)
		hooks->note(hooks->ctx, text);
	return 0;
}
