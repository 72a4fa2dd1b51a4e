/*
 * scan.h - the members of a segment, found by reading all of it
 *
 * This is what its index says, from the segment itself: for verify, which compares the two, and for
 * a reader whose index is damaged. Every record line is read, and must be of the partition, its
 * offset in the segment's span and above the one before.
 */
#ifndef EV_ARCHIVE_SCAN_H
#define EV_ARCHIVE_SCAN_H

#include "archive/archive.h"
#include "record/record.h"

struct ev_scan_args {
	const char *path;
	const char *topic;
	int32_t partition;
	const struct ev_archive_segment *segment; /* `bytes` of the file are read, no more */
	bool (*stopped)(void); /* asked now and then: give up? NULL: never */
	/* Each record, borrowed for the call; not 0 (error filled) stops. NULL: not called. */
	int (*record)(void *ctx, const struct ev_record *rec, struct ev_error *err);
	void *ctx;
};

/*
 * The members into `index`, and their lines as an index has them into `text` (may be NULL). EV_DATA
 * names the file and the byte of the gzip member; EV_SOURCE when it cannot be read.
 */
int ev_archive_scan(const struct ev_scan_args *args, struct ev_archive_index *index,
		    struct ev_buf *text, struct ev_error *err);

/*
 * The index of a segment from its file, checked against the manifest's `segment`. EV_DATA when it is
 * missing or damaged, EV_SOURCE when it cannot be read; both name the file. Its text is in `text`.
 */
int ev_index_load(struct ev_archive_index *index, const char *path,
		  const struct ev_archive_segment *segment, struct ev_buf *text,
		  struct ev_error *err);

/* The bytes of a member as they stand in the file, against the CRC that its index has. EV_DATA. */
int ev_member_check(const char *path, const struct ev_archive_member *m, struct ev_error *err);

#endif
