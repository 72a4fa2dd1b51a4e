/*
 * writer.h - records into an archive, so that it is valid at every moment
 *
 * What was put is in the archive after a flush, and not before: the manifest, replaced atomically,
 * is the commit. A kill, a full disk or a failed fsync leaves the archive as of the last flush (or
 * of the last segment that was finished: that flushes its partition); the next writer cuts off what
 * stands behind it, and its position says where each partition goes on. After an error the writer
 * gives the same error for ever.
 *
 * Per partition offsets only rise. An offset passed over was empty in the log: the caller knows.
 */
#ifndef EV_ARCHIVE_WRITER_H
#define EV_ARCHIVE_WRITER_H

#include "archive/archive.h"
#include "archive/sys.h"
#include "record/record.h"

struct ev_archive_options { /* texts are borrowed for the call */
	bool append;            /* go on where it ends; else it must not be there yet */
	const char *written_by; /* "evtools 0.1.0" */
	const char *cluster_id; /* where the records are from; NULL: not known */
	const char *filter;     /* options that keep records out or change them; NULL: none does */
	int level;              /* of gzip, 1 to 9 */
	int threads;            /* that pack; 0: the calling one */
	size_t member_bytes;    /* of record lines in a gzip member, about */
	int64_t segment_bytes;  /* a segment that has them is finished */
	int64_t segment_records; /* likewise; 0: no limit */
	int64_t index_bytes;    /* likewise, of its index: many empty offsets; 0: a quarter of what is read */
	size_t memory;          /* bytes for lines that are gathered */
	const struct ev_archive_sys *sys; /* NULL: the real one */
};

#define EV_ARCHIVE_OPTIONS_INIT                                                                  \
	{ .level = 1, .member_bytes = 1u << 20, .segment_bytes = 256 << 20, .memory = 64u << 20 }

struct ev_archive_writer;

/*
 * Makes the folder where there is none (its parent must be there). EV_USAGE: there is an archive
 * and append is not asked for; the folder holds other things; the filter is another one. EV_HELD:
 * another writer has it. EV_DATA: the archive is damaged, or of another cluster.
 */
struct ev_archive_writer *ev_archive_writer_open(const char *dir,
						 const struct ev_archive_options *opt,
						 struct ev_error *err);
/*
 * Would it be opened? What it holds goes into *out (empty where there is none yet). For a plan: nothing is
 * made, locked or cut. The errors of open but EV_HELD.
 */
int ev_archive_writer_peek(const char *dir, const struct ev_archive_options *opt, struct ev_manifest *out,
			   struct ev_error *err);
/* What was not flushed is not in the archive. NULL is fine. */
void ev_archive_writer_close(struct ev_archive_writer *w);

/* The next offset of each partition: what was put, flushed or not. */
void ev_archive_writer_position(const struct ev_archive_writer *w, struct ev_position *out);

/* Of one partition; -1 when the archive has none of it. */
int64_t ev_archive_writer_next(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition);

/* What the archive held when it was opened, and holds since the last flush; borrowed. */
const struct ev_manifest *ev_archive_writer_manifest(const struct ev_archive_writer *w);

/* Records of a partition from this offset on, behind what ends at `next`: EV_DATA names what would be missing. */
int ev_archive_gap(struct ev_slice topic, int32_t partition, int64_t next, int64_t offset, struct ev_error *err);

/*
 * A partition's records will come from this offset on. A new one begins there; of one that is there
 * the offset is at most its next, else EV_DATA names what would be missing, and the writer goes on.
 * `count` is the number of partitions of the topic (0: not known).
 */
int ev_archive_writer_begin(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition,
			    int64_t offset, int32_t count, struct ev_error *err);

/*
 * These three: EV_STORE where it cannot be written (also out of memory, or a topic or partition that an archive has no
 * place for); EV_DATA of a record below the partition's next, or one that was put and is not in the file any more.
 *
 * The record is borrowed for the call. One of a partition that was not begun begins it.
 */
int ev_archive_writer_put(struct ev_archive_writer *w, const struct ev_record *rec,
			  struct ev_error *err);

/* Nothing more comes below `next`: the end of a read, which may be empty offsets. */
int ev_archive_writer_pass(struct ev_archive_writer *w, struct ev_slice topic, int32_t partition,
			   int64_t next, struct ev_error *err);

int ev_archive_writer_flush(struct ev_archive_writer *w, struct ev_error *err);

#endif
