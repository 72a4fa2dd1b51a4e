/*
 * archive.h - what an archive holds: its manifest, and the indexes of its segments
 *
 *   DIR/archive.json                        the manifest: what is in the archive, and where it is from
 *   DIR/archive.lock                        locked while somebody writes
 *   DIR/TOPIC/PARTITION/NNN.ndjson.gz       a segment: record lines in gzip members
 *   DIR/TOPIC/PARTITION/NNN.index           a line about each of its members
 *
 * docs/archive-format.md has every member of every object. The manifest is the only truth: bytes
 * that it does not count do not belong to the archive, so it alone decides what a crash has left.
 * Spans tile: a partition's begins where the archive does, a segment begins where the one before
 * ends, a member likewise. An offset of a span that has no record was empty in the log.
 *
 * Here are the two formats and paths; writer.h writes, scan.h reads a segment without its index,
 * verify.h checks a whole archive. Who reads it as a source is source/archive.c, who writes what a
 * copy gives is sink/archive.c.
 */
#ifndef EV_ARCHIVE_H
#define EV_ARCHIVE_H

#include "base/buf.h"
#include "base/error.h"
#include "position/position.h"

#define EV_ARCHIVE_VERSION 1
#define EV_ARCHIVE_MANIFEST "archive.json"
#define EV_ARCHIVE_LOCK "archive.lock"
#define EV_ARCHIVE_MOUNT "lost+found" /* of a file system whose root the archive is: nobody's, and no name of a topic */
#define EV_ARCHIVE_MAX_PARTITIONS 65536
#define EV_ARCHIVE_MANIFEST_MAX (256u << 20) /* bytes of a manifest, or of one segment's index */

struct ev_archive_segment {
	int64_t offset, next;   /* its span */
	int64_t records;
	int64_t bytes;          /* of the .gz file */
	int64_t index_bytes;
	uint32_t index_crc;     /* CRC-32 of the index */
	int64_t oldest, newest; /* timestamps; EV_NO_TIMESTAMP when no record has one */
};

struct ev_archive_part {
	int32_t partition;
	int64_t first, next; /* its span */
	int64_t records;
	int64_t last_offset; /* of the last record; -1 when there is none */
	uint64_t last_hash;  /* ev_record_hash of it */
	struct ev_archive_segment *segments;
	size_t nsegments, segments_cap;
};

struct ev_archive_topic {
	char *name;
	int32_t partition_count; /* of the topic it came from; 0 when not known */
	struct ev_archive_part *parts; /* by partition */
	size_t nparts, parts_cap;
};

struct ev_manifest {
	char *written_by; /* "evtools 0.1.0" */
	char *cluster_id; /* NULL when not known */
	char *filter;     /* the options that kept records out or changed them; NULL: none did */
	int64_t created, changed; /* ms */
	struct ev_archive_topic *topics; /* by name, bytewise */
	size_t ntopics, topics_cap;
};

struct ev_archive_member {
	int64_t offset, next;   /* its span; a record stands at next - 1 */
	int64_t records;        /* at least one */
	int64_t position, bytes; /* in the .gz file */
	int64_t size;           /* of the record lines */
	uint32_t crc;           /* CRC-32 of the member as it stands in the file */
	int64_t oldest, newest; /* as of a segment */
};

struct ev_archive_index {
	struct ev_archive_member *v;
	size_t n, cap;
};

/* manifest.c */
void ev_manifest_release(struct ev_manifest *m);
void ev_manifest_print(const struct ev_manifest *m, struct ev_buf *out);
/* Strict in all that is said above: EV_DATA. */
int ev_manifest_read(struct ev_manifest *m, struct ev_slice text, struct ev_error *err);
/* That of the archive `dir`. EV_SOURCE when there is none, EV_DATA (with the file) when it is bad. */
int ev_manifest_load(struct ev_manifest *m, const char *dir, struct ev_error *err);
struct ev_archive_topic *ev_manifest_topic(const struct ev_manifest *m, struct ev_slice name);
struct ev_archive_part *ev_manifest_part(const struct ev_archive_topic *t, int32_t partition);
/* The same, made (span empty at `first`) where there is none. */
struct ev_archive_topic *ev_manifest_add_topic(struct ev_manifest *m, struct ev_slice name);
struct ev_archive_part *ev_manifest_add_part(struct ev_archive_topic *t, int32_t partition,
					     int64_t first);

/* filter.c: what the filter says of the records. Of a text that is not known: that some were kept out. */
enum { EV_ARCHIVE_PART = 1, EV_ARCHIVE_CHANGED = 2, EV_ARCHIVE_RETIMED = 4, EV_ARCHIVE_UNCOMMITTED = 8 };
unsigned ev_manifest_kind(const struct ev_manifest *m);
/* As it stands behind "the archive holds", the filter in brackets. Only where there is one. */
void ev_manifest_tell(const struct ev_manifest *m, struct ev_buf *out);

/*
 * index.c: one line of JSON, with its LF. `empty` is the text of the runs of offsets in the
 * member's span that had no record, as ev_index_empty appends them: [5,7],[9,10]
 */
void ev_index_empty(struct ev_buf *runs, int64_t begin, int64_t end);
void ev_index_print(const struct ev_archive_member *m, struct ev_slice empty, struct ev_buf *out);
/* The lines of one segment's index: members that tile the segment's span and file. EV_DATA. */
int ev_index_read(struct ev_archive_index *index, struct ev_slice text,
		  const struct ev_archive_segment *segment, struct ev_error *err);
void ev_index_release(struct ev_archive_index *index);

/* Append DIR/TOPIC/PARTITION/NNN and `suffix`; the path in `out` is replaced. */
#define EV_ARCHIVE_DATA ".ndjson.gz"
#define EV_ARCHIVE_INDEX ".index"
void ev_archive_path(struct ev_buf *out, const char *dir, const char *topic, int32_t partition,
		     int64_t offset, const char *suffix);

/* Is there an archive in this folder? */
bool ev_archive_is(const char *dir);
/* A folder is none: EV_USAGE; EV_DATA where it was one, and has lost its manifest. -1. */
int ev_archive_none(const char *dir, struct ev_error *err);

#endif
