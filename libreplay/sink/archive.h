/*
 * archive.h - the sink that writes an archive (archive/writer.h)
 *
 * It remembers how far it has come: `resume` tells where each partition of the archive ends, and a
 * flush puts records and position into its manifest at once. An archive keeps the topics' names.
 */
#ifndef EV_SINK_ARCHIVE_H
#define EV_SINK_ARCHIVE_H

#include "archive/writer.h"
#include "sink/sink.h"
#include "source/spec.h"

/*
 * `opt` is copied, its texts are borrowed for the call. The errors of ev_archive_writer_open. The
 * source is kept: it outlives the sink.
 */
struct ev_sink *ev_archive_sink_open(const char *dir, const struct ev_archive_options *opt,
				     struct ev_source *src, struct ev_error *err);

struct ev_archive_log { /* what is read; all of it borrowed */
	struct ev_source *src;
	const struct ev_span *spans; /* as the source was started with */
	size_t nspans;
	const struct ev_source_spec *spec; /* tells how many partitions a topic has, where all are read */
	bool (*change)(void *ctx, struct ev_record *rec); /* NULL: as it is; else to what is put, false: nothing is */
	void *ctx;
};

/*
 * Before the first put, once it is known what will be read. EV_DATA where offsets between the archive's end and a span
 * would be missing, or the source is not the log that the archive was written from: another record stands at the
 * offset of its last one. Partitions of a one_sequence source begin with their first record; there too what the
 * archive has already is passed over. `log->spec` outlives the sink: of a partition that is added while it is read
 * that is looked at again.
 */
int ev_archive_sink_begin(struct ev_sink *s, const struct ev_archive_log *log, struct ev_error *err);

/* Can it be told whether the source is the same? A record that got the time of writing is no more what it was. */
bool ev_archive_sink_comparable(const struct ev_manifest *m);

/* What the archive holds by now. */
const struct ev_manifest *ev_archive_sink_manifest(struct ev_sink *s);

/* Would that be refused, of the archive `m` (ev_archive_writer_peek)? For a plan; the same errors. */
int ev_archive_sink_plan(const struct ev_manifest *m, const struct ev_archive_log *log, struct ev_error *err);

/*
 * Of a one_sequence source: has the archive `m` in `dir` the record already? 1: it would be passed over, 0: it would be
 * written. EV_DATA where it is another one than the archive's, which is looked at of the archive's last and of the
 * `first` of its partition, or where that is behind a gap.
 */
int ev_archive_sink_plan_record(const char *dir, const struct ev_manifest *m, const struct ev_record *r, bool first,
				struct ev_error *err);

#endif
