/* drill_log.c - see drill_log.h; what is done to the records: drill_record.c */
#include "verify/drill_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "record/line.h"
#include "source/range.h"
#include "verify/drill_record.h"
#include "verify/log_mode.h"

struct said { /* by a mode: of the untouched file, or of a damaged one */
	int64_t found;
	bool unproven;
};

struct ev_drill_log {
	const struct ev_projection *p;
	const struct ev_verify_options *opt;
	const struct ev_replay_hooks *hooks;
	struct ev_drill_records records;
	struct ev_buf lines;
	size_t nlines;
	struct ev_line_reader *reader; /* owns what the records borrow, beside the lines */
	struct ev_paths *paths;        /* of @envelope, and of --sequence */
	int sequence;
	char *dir;
	struct ev_buf file[2];         /* paths: untouched, damaged */
	struct said before[EV_DRILL_MODES];
};

#define ENOUGH 2 /* behind EV_READ_STOPPED */

static int take(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct ev_drill_log *d = ctx;

	if (d->nlines >= EV_DRILL_LOG_RECORDS || d->lines.len > d->opt->memory / 8)
		return ENOUGH;
	ev_line_write(&d->lines, r);
	*EV_PUSH(d->records.part, d->nlines) = r->part;
	return d->lines.failed ? ev_fail(err, EV_SOURCE, "no memory for the records of the drill") : 0;
}

/* The first of each partition, so that all have some. */
static struct ev_span *first_spans(const struct ev_source *src)
{
	struct ev_span *spans = ev_alloc((src->nparts + 1) * sizeof(*spans));
	int64_t each = EV_DRILL_LOG_RECORDS / (int64_t)(src->nparts ? src->nparts : 1);

	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *at = &src->parts[i];
		int64_t n = at->stable - at->low;

		spans[i] = (struct ev_span){ at->low, at->low + (n < 0 ? 0 : n < each ? n : each) };
	}
	return spans;
}

/* Where a file's partitions begin and end is not known before it is read: of it the first records are taken. */
static int read_some(struct ev_drill_log *d, struct ev_source *src, struct ev_error *err)
{
	struct ev_read_hooks hooks = { .ctx = d->hooks->ctx, .stop = d->hooks->stop };
	struct ev_range_args whole = EV_RANGE_ARGS_INIT;
	struct ev_span *spans = NULL;
	int rc = src->ops->refresh(src, err);

	if (rc == 0 && src->one_sequence)
		rc = ev_range_resolve(src, &whole, NULL, &spans, err);
	else if (rc == 0)
		spans = first_spans(src);
	if (rc == 0)
		rc = ev_read_spans(src, spans, true, take, d, &hooks, err);
	if (rc == 0 && !d->nlines && !src->one_sequence) { /* compaction may have emptied the heads of all */
		for (size_t i = 0; i < src->nparts; i++)
			spans[i].end = src->parts[i].stable > spans[i].begin ? src->parts[i].stable : spans[i].begin;
		rc = ev_read_spans(src, spans, true, take, d, &hooks, err);
	}
	free(spans);
	if (rc == EV_READ_STOPPED)
		return ev_fail(err, EV_SOURCE, "stopped before the log was read");
	if (rc >= 0 && !d->nlines) {
		ev_fail(err, EV_DATA, "the log has no record that could be damaged");
		return ev_hint(err, "--drill with --rows, --counts and --checks leaves the log out");
	}
	return rc < 0 ? -1 : 0;
}

/* The lines as records, which stay as long as their reader. */
static int parse(struct ev_drill_log *d, struct ev_error *err)
{
	const char *at = ev_buf_str(&d->lines), *end = at + d->lines.len, *lf;

	d->reader = ev_line_reader_new();
	ev_line_reader_keep(d->reader, true);
	for (; at < end; at = lf + 1) {
		uint32_t part = d->records.part[d->records.n];
		struct ev_record *r = EV_PUSH(d->records.v, d->records.n);

		lf = memchr(at, '\n', (size_t)(end - at));
		if (ev_line_read(d->reader, ev_slice(at, (size_t)(lf - at)), r, err) < 0)
			return ev_context(err, "a record that we have written ourselves");
		r->part = part;
	}
	return 0;
}

static int make_files(struct ev_drill_log *d, struct ev_error *err)
{
	const char *tmp = getenv("TMPDIR");
	struct ev_buf dir = EV_BUF_INIT;

	ev_buf_addf(&dir, "%s/evdrill.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	d->dir = ev_strdup(ev_buf_str(&dir));
	ev_buf_release(&dir);
	if (!mkdtemp(d->dir)) {
		ev_fail(err, EV_STORE, "cannot make the folder '%s': %s", d->dir, strerror(errno));
		free(d->dir);
		d->dir = NULL;
		return -1;
	}
	for (int i = 0; i < 2; i++)
		ev_buf_addf(&d->file[i], "%s/%s.ndjson", d->dir, i ? "damaged" : "log");
	return 0;
}

static int write_file(const struct ev_drill_records *r, const struct ev_buf *file, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	int rc;

	for (size_t i = 0; i < r->n; i++)
		ev_line_write(&out, &r->v[i]);
	rc = out.failed ? ev_fail(err, EV_STORE, "no memory for the records of the drill")
			: ev_file_replace(ev_buf_str(file), ev_buf_slice(&out), err);
	ev_buf_release(&out);
	return rc;
}

static struct ev_source *open_file(const struct ev_drill_log *d, const struct ev_buf *file, struct ev_error *err)
{
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_source *src = NULL;

	spec.need_headers = true;
	spec.memory = d->opt->memory / 8;
	if (ev_source_spec_add(&spec, ev_buf_str(file), err) == 0)
		src = ev_source_open(&spec, err);
	ev_source_spec_release(&spec);
	return src;
}

static int run_log(const struct ev_drill_log *d, struct ev_source *src, struct ev_verdict *v, struct ev_error *err)
{
	struct ev_log_mode m = { .log = EV_LOG_OPTIONS_INIT, .sequence = d->opt->sequence, .allow_empty = true };
	struct ev_envelope env = d->p->envelope;
	struct ev_range_args whole = EV_RANGE_ARGS_INIT;
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	int rc;

	env.path[EV_FIELD_CAUSATION] = -1; /* of a beginning of the log: a cause may lie behind it */
	m.log.paths = d->paths;
	m.log.envelope = &env;
	m.log.sequence = d->sequence;
	m.log.dedupe = d->p->dedupe;
	m.log.across = d->p->dedupe_across;
	m.log.memory = d->opt->memory / 4;
	rc = ev_log_mode(src, &spec, &whole, &m, v, err);
	ev_point_release(&whole.from);
	ev_point_release(&whole.to);
	return rc;
}

static int run_against(const struct ev_drill_log *d, struct ev_source *copy, struct ev_verdict *v,
		       struct ev_error *err)
{
	struct ev_against_mode m = { .allow_empty = true };
	struct ev_range_args whole = EV_RANGE_ARGS_INIT;
	struct ev_source *first = open_file(d, &d->file[0], err);
	int rc;

	if (!first)
		return -1;
	m.against.memory = d->opt->memory / 4;
	rc = ev_against_mode(first, copy, &whole, &m, v, err);
	first->ops->close(first);
	ev_point_release(&whole.from);
	ev_point_release(&whole.to);
	return rc;
}

/* What a mode says of a file. Anything but findings and what cannot be proven is our own failure. */
static int ask(const struct ev_drill_log *d, const struct ev_buf *file, int mode, struct said *said,
	       struct ev_error *err)
{
	struct ev_source *src = open_file(d, file, err);
	struct ev_verdict v;
	int rc;

	if (!src)
		return -1;
	ev_verdict_init(&v, 0);
	rc = mode == EV_DRILL_LOG ? run_log(d, src, &v, err) : run_against(d, src, &v, err);
	src->ops->close(src);
	if (rc == 0 && v.modes[0]->state == EV_MODE_UNPROVEN && v.modes[0]->error.class != EV_DATA) {
		*err = v.modes[0]->error;
		rc = -1;
	}
	*said = (struct said){ rc ? 0 : v.modes[0]->found, rc == 0 && v.modes[0]->state == EV_MODE_UNPROVEN };
	ev_verdict_release(&v);
	return rc;
}

static bool asked(const struct ev_drill_log *d, int mode)
{
	return mode == EV_DRILL_LOG ? d->opt->log : d->opt->against;
}

static int learn_paths(struct ev_drill_log *d, struct ev_error *err)
{
	d->paths = d->p->paths;
	d->sequence = -1;
	if (!d->opt->sequence)
		return 0;
	d->sequence = ev_paths_add(d->paths, d->opt->sequence, strlen(d->opt->sequence), err);
	return d->sequence < 0 ? ev_context(err, "option '--sequence'") : 0;
}

static int open_log(struct ev_drill_log *d, struct ev_source *src, struct ev_error *err)
{
	int rc = learn_paths(d, err);

	if (rc == 0)
		rc = read_some(d, src, err);
	if (rc == 0)
		rc = parse(d, err);
	if (rc < 0)
		return -1;
	d->records.ids = d->p->envelope.path[EV_FIELD_ID] >= 0 && !d->p->dedupe;
	d->records.sequence = d->sequence;
	d->records.paths = d->paths;
	ev_drill_records_number(&d->records);
	rc = make_files(d, err);
	if (rc == 0)
		rc = write_file(&d->records, &d->file[0], err);
	for (int i = EV_DRILL_LOG; i <= EV_DRILL_AGAINST && rc == 0; i++)
		if (asked(d, i))
			rc = ask(d, &d->file[0], i, &d->before[i], err);
	return rc;
}

struct ev_drill_log *ev_drill_log_open(const struct ev_projection *p, struct ev_source *src,
				       const struct ev_verify_options *opt, const struct ev_replay_hooks *hooks,
				       struct ev_error *err)
{
	struct ev_drill_log *d = ev_alloc(sizeof(*d));

	d->p = p;
	d->opt = opt;
	d->hooks = hooks;
	if (open_log(d, src, err) == 0)
		return d;
	ev_drill_log_close(d);
	return NULL;
}

int ev_drill_log_try(struct ev_drill_log *d, const struct ev_drill_kind *k, struct ev_buf *where,
		     bool seen[EV_DRILL_MODES], struct ev_error *err)
{
	struct ev_drill_records damaged = { 0 };
	int rc = ev_drill_records_damage(&d->records, k->sqlite, &damaged, where);

	if (rc > 0 && write_file(&damaged, &d->file[1], err) < 0)
		rc = -1;
	for (int i = EV_DRILL_LOG; i <= EV_DRILL_AGAINST && rc > 0; i++) {
		struct said now = { 0 };

		if (!asked(d, i))
			continue;
		rc = ask(d, &d->file[1], i, &now, err) < 0 ? -1 : 1;
		seen[i] = now.found > d->before[i].found || (now.unproven && !d->before[i].unproven);
	}
	ev_drill_records_release(&damaged);
	return rc;
}

void ev_drill_log_close(struct ev_drill_log *d)
{
	if (!d)
		return;
	for (int i = 0; i < 2; i++) {
		if (d->dir && d->file[i].len)
			unlink(ev_buf_str(&d->file[i]));
		ev_buf_release(&d->file[i]);
	}
	if (d->dir)
		rmdir(d->dir);
	free(d->dir);
	free(d->records.v);
	free(d->records.part);
	ev_line_reader_free(d->reader);
	ev_buf_release(&d->lines);
	free(d);
}
