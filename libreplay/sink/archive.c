/* archive.c - see archive.h */
#include "sink/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "record/line.h"
#include "source/source.h"

struct archive_sink {
	struct ev_sink base;
	struct ev_archive_writer *writer;
	char *dir;
	struct ev_source *src;
	const struct ev_source_spec *spec; /* NULL before `begin` */
	int64_t *next; /* of each partition of the source: where the archive goes on; -1 not known yet */
	size_t nnext;
};

static struct archive_sink *sink_of(struct ev_sink *s)
{
	return (struct archive_sink *)s; /* base comes first */
}

static int resume(struct ev_sink *s, struct ev_position *stored, bool *known, struct ev_error *err)
{
	(void)err;
	ev_archive_writer_position(sink_of(s)->writer, stored);
	*known = stored->n > 0;
	return 0;
}

static int add_context(struct ev_sink *s, struct ev_error *err)
{
	s->lost = access(sink_of(s)->dir, F_OK); /* somebody has removed it */
	return ev_context(err, "cannot write %s", s->target);
}

/* How many partitions the topic has, where the command line names all of it; else 0. */
static int32_t count_of(const struct ev_source *src, const struct ev_source_spec *spec, const char *topic)
{
	int32_t n = 0;

	for (size_t k = 0; spec && ev_source_spec_whole(spec, topic) && k < src->nparts; k++)
		n += strcmp(src->parts[k].topic, topic) == 0;
	return n;
}

/* A topic loses no partition: one that the archive has tells that it was made again. */
static int check_parts(const struct ev_manifest *m, const struct ev_source *src, const struct ev_source_spec *spec,
		       struct ev_error *err)
{
	for (size_t i = 0; i < m->ntopics; i++) {
		const struct ev_archive_topic *t = &m->topics[i];

		for (size_t k = 0; ev_source_spec_whole(spec, t->name) && k < t->nparts; k++) {
			if (ev_source_partition(src, t->name, t->parts[k].partition))
				continue;
			ev_fail(err, EV_DATA, "the archive has %s/%" PRId32 ", and the topic has no such partition",
				t->name, t->parts[k].partition);
			return ev_hint(err, "the topic was deleted and created again; write another archive");
		}
	}
	return 0;
}

bool ev_archive_sink_comparable(const struct ev_manifest *m)
{
	return !(ev_manifest_kind(m) & EV_ARCHIVE_RETIMED);
}

static const struct ev_archive_part *part_of(const struct ev_manifest *m, struct ev_slice topic, int32_t partition)
{
	const struct ev_archive_topic *t = ev_manifest_topic(m, topic);

	return t ? ev_manifest_part(t, partition) : NULL;
}

/* Of each partition of the source: the last record of the archive. */
struct lasts {
	const struct ev_manifest *m;
	const struct ev_archive_log *log;
	int64_t *at; /* is looked for there; -1: it is not */
	bool *found;
	bool *gone;  /* the log begins behind it, and where the archive ends or before */
};

static int last_at(struct lasts *l, size_t i, struct ev_error *err)
{
	const struct ev_partition *p = &l->log->src->parts[i];
	const struct ev_archive_part *a = part_of(l->m, ev_slice_str(p->topic), p->partition);

	l->at[i] = -1;
	l->gone[i] = a && a->last_offset >= 0 && a->last_offset < p->low && a->next >= p->low &&
		     ev_archive_sink_comparable(l->m);
	if (!a || a->last_offset < p->low)
		return 0;
	if (a->next > p->high)
		return ev_fail(err, EV_DATA, "%s/%" PRId32 " is not the log that the archive was written from: "
			       "it ends at offset %" PRId64 ", the archive at %" PRId64, p->topic,
			       p->partition, p->high, a->next);
	if (ev_archive_sink_comparable(l->m))
		l->at[i] = a->last_offset;
	return 0;
}

static int check_last(void *ctx, const struct ev_record *rec, struct ev_error *err)
{
	const struct lasts *l = ctx;
	const struct ev_partition *p = &l->log->src->parts[rec->part];
	struct ev_record is = *rec;

	l->found[rec->part] = true;
	if ((!l->log->change || l->log->change(l->log->ctx, &is)) &&
	    ev_record_hash(&is) == part_of(l->m, ev_slice_str(p->topic), p->partition)->last_hash)
		return 0;
	ev_fail(err, EV_DATA, "%s/%" PRId32 " is not the log that the archive was written from: another "
		"record stands at offset %" PRId64, p->topic, p->partition, rec->offset);
	return ev_hint(err, "the topic was deleted and created again; write another archive");
}

static void say_unknown(const struct lasts *l, const struct ev_partition *p)
{
	char text[EV_TOPIC_MAX + 120];

	snprintf(text, sizeof(text), "%s/%" PRId32 ": no record at offset %" PRId64 " any more: identity not "
		 "checkable, going on", p->topic, p->partition,
		 part_of(l->m, ev_slice_str(p->topic), p->partition)->last_offset);
	if (l->log->spec->note)
		l->log->spec->note(l->log->spec->note_ctx, text);
}

/* Those that did not come: of another log, or gone, which is said. */
static int check_missing(const struct lasts *l, struct ev_error *err)
{
	struct ev_source *src = l->log->src;
	size_t n = src->nparts;
	bool *keeps = ev_source_keeps(src, l->at, l->found);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct ev_partition *p = &src->parts[i];

		if (!l->gone[i] && (l->at[i] < 0 || l->found[i]))
			continue;
		if (!keeps[i]) {
			say_unknown(l, p);
			continue;
		}
		ev_fail(err, EV_DATA, "%s/%" PRId32 " is not the log that the archive was written from: no record "
			"stands at offset %" PRId64 " any more", p->topic, p->partition, l->at[i]);
		rc = ev_hint(err, "the topic was deleted and created again; write another archive");
	}
	free(keeps);
	return rc;
}

/* Where the archive's last records were, the source must still have those, or none where compaction takes some. */
static int check_lasts(const struct ev_manifest *m, const struct ev_archive_log *log, struct ev_error *err)
{
	size_t n = log->src->nparts + 1;
	struct lasts l = { m, log, ev_alloc(n * sizeof(*l.at)), ev_alloc(n * sizeof(*l.found)),
			   ev_alloc(n * sizeof(*l.gone)) };
	int rc = 0;

	for (size_t i = 0; i < log->src->nparts && !rc; i++)
		rc = last_at(&l, i, err);
	if (!rc)
		rc = ev_source_records_at(log->src, l.at, check_last, &l, err) || check_missing(&l, err) ? -1 : 0;
	free(l.at);
	free(l.found);
	free(l.gone);
	return rc;
}

static void need_parts(struct archive_sink *as)
{
	if (as->src->nparts <= as->nnext)
		return;
	as->next = ev_realloc_n(as->next, as->src->nparts, sizeof(*as->next));
	while (as->nnext < as->src->nparts)
		as->next[as->nnext++] = -1;
}

static int begin_part(struct archive_sink *as, uint32_t part, int64_t offset, struct ev_error *err)
{
	const struct ev_partition *p = &as->src->parts[part];
	int32_t count = as->src->one_sequence ? 0 : count_of(as->src, as->spec, p->topic);
	struct ev_slice topic = ev_slice_str(p->topic);

	if (ev_archive_writer_begin(as->writer, topic, p->partition, offset, count, err))
		return add_context(&as->base, err);
	need_parts(as);
	as->next[part] = ev_archive_writer_next(as->writer, topic, p->partition);
	return 0;
}

int ev_archive_sink_begin(struct ev_sink *s, const struct ev_archive_log *log, struct ev_error *err)
{
	struct archive_sink *as = sink_of(s);
	const struct ev_manifest *m = ev_archive_writer_manifest(as->writer);

	as->spec = log->spec;
	if (check_parts(m, log->src, log->spec, err) || (!log->src->one_sequence && check_lasts(m, log, err)))
		return -1;
	for (uint32_t i = 0; i < log->nspans && !log->src->one_sequence; i++)
		if (begin_part(as, i, log->spans[i].begin, err))
			return -1;
	return 0;
}

const struct ev_manifest *ev_archive_sink_manifest(struct ev_sink *s)
{
	return ev_archive_writer_manifest(sink_of(s)->writer);
}

int ev_archive_sink_plan(const struct ev_manifest *m, const struct ev_archive_log *log, struct ev_error *err)
{
	if (check_parts(m, log->src, log->spec, err) || (!log->src->one_sequence && check_lasts(m, log, err)))
		return -1;
	for (uint32_t i = 0; i < log->nspans && !log->src->one_sequence; i++) {
		const struct ev_partition *p = &log->src->parts[i];
		struct ev_slice topic = ev_slice_str(p->topic);
		const struct ev_archive_part *a = part_of(m, topic, p->partition);

		if (a && ev_archive_gap(topic, p->partition, a->next, log->spans[i].begin, err))
			return -1;
	}
	return 0;
}

/* Of a file: what the archive holds of it already has to be the same. */
static int check_held(const struct ev_manifest *m, const struct ev_archive_part *a, const struct ev_record *r,
		      struct ev_error *err)
{
	if (!a || r->offset != a->last_offset || ev_record_hash(r) == a->last_hash ||
	    !ev_archive_sink_comparable(m))
		return 0;
	return ev_fail(err, EV_DATA, "it is another record than the last one of the archive");
}

static int pass_over(struct archive_sink *as, const struct ev_record *r, struct ev_error *err)
{
	const struct ev_manifest *m = ev_archive_writer_manifest(as->writer);

	as->base.passed++;
	return check_held(m, part_of(m, r->topic, r->partition), r, err);
}

static int other_file(struct ev_error *err)
{
	ev_fail(err, EV_DATA, "it is another record than that of the archive");
	return ev_hint(err, "it is another file, and goes into another archive");
}

/*
 * With the archive's own, where that has one there: so another file is known, though it ends before the archive does.
 * What is damaged is not compared; --verify tells of it.
 */
static int compare(struct ev_source *held, const struct ev_record *r, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;
	struct ev_record there;
	bool found = false;

	for (uint32_t i = 0; i < held->nparts; i++)
		if (held->parts[i].partition == r->partition && ev_slice_is(r->topic, held->parts[i].topic) &&
		    held->ops->record_at(held, i, r->offset, &there, &found, &why))
			break;
	if (why.class && why.class != EV_DATA) {
		*err = why;
		return -1;
	}
	return found && ev_record_hash(&there) != ev_record_hash(r) ? other_file(err) : 0;
}

/* The first record of a partition of a file. */
static int check_first(const char *dir, const struct ev_manifest *m, const struct ev_record *r, struct ev_error *err)
{
	const struct ev_archive_part *a = part_of(m, r->topic, r->partition);
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_source *held;
	int rc;

	if (!a || r->offset < a->first || r->offset >= a->last_offset || !ev_archive_sink_comparable(m))
		return 0;
	spec.archive = ev_strdup(dir);
	spec.archive_whole = true;
	held = ev_archive_open(&spec, err);
	ev_source_spec_release(&spec);
	if (!held)
		return -1;
	rc = compare(held, r, err);
	held->ops->close(held);
	return rc;
}

int ev_archive_sink_plan_record(const char *dir, const struct ev_manifest *m, const struct ev_record *r, bool first,
				struct ev_error *err)
{
	const struct ev_archive_part *a = part_of(m, r->topic, r->partition);

	if (!a)
		return 0;
	if (first && check_first(dir, m, r, err))
		return -1;
	if (r->offset < a->next)
		return check_held(m, a, r, err) ? -1 : 1;
	return first ? ev_archive_gap(r->topic, r->partition, a->next, r->offset, err) : 0;
}

static int put(struct ev_sink *s, const struct ev_record *r, struct ev_error *err)
{
	struct archive_sink *as = sink_of(s);
	const struct ev_partition *p = &as->src->parts[r->part];

	if (!ev_slice_is(r->topic, p->topic))
		return ev_fail(err, EV_USAGE, "an archive keeps the names of topics: '%s' cannot be '%.*s' in "
			       "it", p->topic, (int)r->topic.len, r->topic.ptr);
	if (r->part >= as->nnext || as->next[r->part] < 0) {
		/* a file's, or one that was added to a topic meanwhile */
		int64_t first = as->src->one_sequence ? r->offset : p->low;

		if (begin_part(as, r->part, first, err) ||
		    (as->src->one_sequence &&
		     check_first(as->dir, ev_archive_writer_manifest(as->writer), r, err)))
			return -1;
	}
	if (r->offset < as->next[r->part])
		return pass_over(as, r, err);
	if (ev_line_check(r, err))
		return -1;
	if (r->offset == INT64_MAX - 1)
		return ev_fail(err, EV_DATA, "no archive holds this offset: none comes behind it");
	if (ev_archive_writer_put(as->writer, r, err))
		return add_context(s, err);
	ev_sink_count(s, r);
	return 0;
}

static int flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err)
{
	struct archive_sink *as = sink_of(s);
	int rc = 0;

	for (size_t i = 0; i < next->n && !rc; i++) {
		const struct ev_position_entry *e = &next->v[i];

		/* of a file's partition that has given no record nothing is known */
		if (ev_archive_writer_next(as->writer, ev_slice_str(e->topic), e->partition) >= 0)
			rc = ev_archive_writer_pass(as->writer, ev_slice_str(e->topic), e->partition,
						    e->offset, err);
	}
	return rc || ev_archive_writer_flush(as->writer, err) ? add_context(s, err) : 0;
}

static void close_sink(struct ev_sink *s)
{
	struct archive_sink *as = sink_of(s);

	ev_archive_writer_close(as->writer);
	free(as->next);
	free(as->dir);
	free(s->target);
	free(as);
}

static const struct ev_sink_ops ops = {
	.name = "archive",
	.resume = resume,
	.put = put,
	.flush = flush,
	.close = close_sink,
};

struct ev_sink *ev_archive_sink_open(const char *dir, const struct ev_archive_options *opt,
				     struct ev_source *src, struct ev_error *err)
{
	struct ev_archive_writer *w = ev_archive_writer_open(dir, opt, err);
	struct ev_buf target = EV_BUF_INIT;
	struct archive_sink *as;

	if (!w)
		return NULL;
	as = ev_alloc(sizeof(*as));
	ev_buf_addf(&target, "archive '%s'", dir);
	as->base.target = ev_slice_dup(ev_buf_slice(&target));
	ev_buf_release(&target);
	as->base.ops = &ops;
	as->writer = w;
	as->dir = ev_strdup(dir);
	as->src = src;
	return &as->base;
}
