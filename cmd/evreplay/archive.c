/* archive.c - evreplay and archives: the sink, and --verify */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/verify.h"
#include "base/mem.h"
#include "base/plural.h"
#include "common/term.h"
#include "evreplay/replay.h"
#include "sink/archive.h"

/* `filter` holds a text of the options. */
static int options_of(const struct replay *r, struct ev_archive_options *opt, struct ev_buf *filter,
		      struct ev_error *err)
{
	const struct replay_args *a = r->args;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t chosen;

	if (replay_describe(r, filter, &chosen, err))
		return -1;
	*opt = (struct ev_archive_options)EV_ARCHIVE_OPTIONS_INIT;
	opt->append = a->append;
	opt->written_by = "evtools " EV_VERSION;
	opt->cluster_id = r->src->cluster_id;
	opt->filter = filter->len ? ev_buf_str(filter) : NULL;
	opt->level = (int)a->level;
	if (a->src.memory / 4 < opt->memory)
		opt->memory = a->src.memory / 4; /* as lines; packed ones and the source's queues come beside */
	opt->threads = a->threads >= 0 ? (int)a->threads : cores > 1 ? (int)(cores < 16 ? cores : 16) : 0;
	return 0;
}

int replay_open_archive(struct replay *r, struct ev_error *err)
{
	struct ev_archive_options opt;
	struct ev_buf filter = EV_BUF_INIT;

	if (!options_of(r, &opt, &filter, err))
		r->sink = ev_archive_sink_open(r->args->into, &opt, r->src, err);
	ev_buf_release(&filter);
	return r->sink ? 0 : -1;
}

int replay_peek_archive(struct replay *r, bool *known, struct ev_error *err)
{
	struct ev_archive_options opt;
	struct ev_buf filter = EV_BUF_INIT;
	const struct ev_manifest *m = &r->archived;
	int rc;

	rc = options_of(r, &opt, &filter, err) ||
	     ev_archive_writer_peek(r->args->into, &opt, &r->archived, err) ? -1 : 0;
	ev_buf_release(&filter);
	for (size_t i = 0; !rc && i < m->ntopics; i++)
		for (size_t k = 0; k < m->topics[i].nparts; k++)
			ev_position_set(&r->stored, m->topics[i].name, m->topics[i].parts[k].partition,
					m->topics[i].parts[k].next);
	*known = r->stored.n > 0;
	return rc;
}

static const struct ev_manifest *manifest_of(const struct replay *r)
{
	return r->sink ? ev_archive_sink_manifest(r->sink) : &r->archived;
}

/* As it would be written: so it can be compared with what was. */
static bool change(void *ctx, struct ev_record *rec)
{
	struct ev_error ignored;

	return !replay_change(ctx, rec, &ignored);
}

int replay_begin_archive(struct replay *r, struct ev_error *err)
{
	struct ev_archive_log log = { r->src, r->spans, r->nspans, &r->args->src.spec, change, r };
	int rc;

	if (replay_into(r->args) != INTO_ARCHIVE)
		return 0;
	if (r->stored.n && !ev_archive_sink_comparable(manifest_of(r)))
		ev_warn(r->msg, "archive '%s' has other timestamps than its source: whether that is still the same log "
			"is not checkable", r->args->into);
	rc = r->args->dry_run ? ev_archive_sink_plan(&r->archived, &log, err) :
				ev_archive_sink_begin(r->sink, &log, err);
	r->dropped = r->unredacted = 0; /* what was compared is not copied */
	if (r->redact)
		ev_redact_forget(r->redact);
	return rc;
}

int replay_plan_archive(struct replay *r, struct replay_part *p, const struct ev_record *rec, struct ev_error *err)
{
	int rc;

	if (!r->src->one_sequence)
		return 0; /* a topic's were asked for before */
	rc = ev_archive_sink_plan_record(r->args->into, &r->archived, rec, !p->copied && !p->held, err);
	if (rc > 0)
		p->held++;
	return rc;
}

int64_t replay_archive_last(const struct replay *r, const struct ev_partition *p)
{
	const struct ev_archive_topic *t = ev_manifest_topic(manifest_of(r), ev_slice_str(p->topic));
	const struct ev_archive_part *a = t ? ev_manifest_part(t, p->partition) : NULL;

	return a ? a->last_offset : -1;
}

struct findings {
	struct ev_messages *msg;
	bool quiet;
	char **notes; /* -q: said only where the archive is not whole */
	size_t nnotes;
};

static void fault(void *ctx, const char *text)
{
	ev_warn(((struct findings *)ctx)->msg, "%s", text);
}

static void note(void *ctx, const char *text)
{
	struct findings *f = ctx;

	if (f->quiet)
		*EV_PUSH(f->notes, f->nnotes) = ev_strdup(text);
	else
		ev_say(f->msg, "%s", text);
}

static void end_findings(struct findings *f, bool whole)
{
	for (size_t i = 0; i < f->nnotes; i++) {
		if (!whole)
			ev_say(f->msg, "%s", f->notes[i]);
		free(f->notes[i]);
	}
	free(f->notes);
}

/* ARCHIVE/TOPIC is a source, and cannot be verified. */
static int refuse_part(const char *dir, struct ev_error *err)
{
	size_t n = strlen(dir);
	char *above;
	int rc = 0;

	while (n && dir[n - 1] == '/')
		n--;
	while (n && dir[n - 1] != '/')
		n--;
	above = ev_strndup(dir, n ? n - 1 : 0);
	if (!ev_archive_is(dir) && *above && ev_archive_is(above)) {
		rc = ev_fail(err, EV_SOURCE, "'%s' is a part of an archive", dir);
		ev_hint(err, "it is verified as a whole: evreplay --verify %s", above);
	}
	free(above);
	return rc;
}

/* *blind: nothing could be read of it. */
static int verify(const char *dir, struct replay *r, bool *blind, struct ev_error *err)
{
	struct findings f = { .msg = r->msg, .quiet = r->args->quiet };
	struct ev_archive_check c = { .dir = dir, .fault = fault, .note = note, .ctx = &f, .stopped = ev_stopped };
	struct ev_buf out = EV_BUF_INIT;
	int rc = refuse_part(dir, err) ? -1 : ev_archive_verify(&c, err);

	end_findings(&f, !rc && !c.faults);
	if (rc)
		return -1;
	*blind |= c.blind; /* one that is not there has no manifest, either */
	if (r->args->quiet && !c.faults)
		return 0;
	ev_buf_addf(&out, "%s: %" PRIu64 " record%s in %" PRIu64 " partition%s, %" PRIu64 " segment%s, %" PRIu64
		    " member%s, ", dir, c.records, ev_plural(c.records), c.partitions,
		    ev_plural(c.partitions), c.segments, ev_plural(c.segments), c.members, ev_plural(c.members));
	ev_term_bytes(&out, c.bytes);
	ev_buf_addf(&out, " (");
	ev_term_bytes(&out, c.lines);
	ev_buf_addf(&out, " of lines), %" PRIu64 " empty offset%s, %" PRIu64 " fault%s\n", c.empty, ev_plural(c.empty),
		    c.faults, ev_plural(c.faults));
	rc = ev_stdout_write(out.data, out.len, err);
	ev_buf_release(&out);
	return rc < 0 ? -1 : c.faults ? EV_NO : 0;
}

int replay_verify(struct replay *r, const struct ev_operands *rest, struct ev_error *err)
{
	int status = 0, unread = 0;
	bool blind = false;

	if (!rest->n) {
		ev_fail(err, EV_USAGE, "which archive?");
		return ev_hint(err, "name its folder: evreplay --verify ./archive");
	}
	if (replay_check_options(r->args, err))
		return -1;
	for (size_t i = 0; i < rest->n; i++) {
		int rc = verify(rest->v[i], r, &blind, err);
		bool unseen = rc < 0 && (err->class == EV_SOURCE || err->class == EV_USAGE);

		if (rc < 0 && (!unseen || ev_stopped() || (i + 1 == rest->n && !status && !unread)))
			return -1;
		if (rc < 0) { /* the next one is looked at all the same; what is found outweighs what is not read */
			ev_report(r->msg, err);
			unread++;
		}
		status = rc > 0 ? rc : status;
	}
	if (!status && !unread)
		return 0;
	if (!status)
		return ev_fail(err, EV_SOURCE, "%d archive%s could not be verified", unread, ev_plural(unread));
	ev_fail(err, EV_DATA, "not whole");
	if (blind)
		return ev_hint(err, "without its archive.json nothing of it is read: take that from another copy, or "
			       "archive the topic anew while it has the records");
	return ev_hint(err, "what stands before a fault is good: --to with its offset reads it; take the damaged "
			    "files from another copy, or archive the topic anew while it has the records");
}
