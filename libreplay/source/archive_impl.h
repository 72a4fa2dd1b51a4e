/*
 * archive_impl.h - the archive as a source, from inside: archive.c, archive_lane.c, archive_find.c
 *
 * A lane reads one partition member by member: the index says where each stands, its CRC is checked
 * over the packed bytes before anything of it is given, then it is unpacked block by block. So no
 * damaged record ever comes out, and what a lane holds in memory does not depend on the member.
 */
#ifndef EV_ARCHIVE_IMPL_H
#define EV_ARCHIVE_IMPL_H

#include "archive/archive.h"
#include "source/lines.h"
#include "source/source.h"
#include "source/spec.h"

struct ev_archive_source;

struct ev_archive_lane {
	struct ev_archive_source *src;
	uint32_t index;    /* of the partition in the table */
	struct ev_span span;
	size_t segment;    /* in the partition; what `members` are of */
	struct ev_archive_index members;
	bool loaded;
	size_t member;     /* the next one, or the one being read */
	bool reading;
	int64_t seen, last; /* records of the member so far; offset of the last of all */
	struct ev_input *in; /* of the segment; NULL: not open */
	struct ev_lines lines;
	bool done, failed;
	struct ev_error err;
};

struct ev_archive_source {
	struct ev_source base;
	char *dir;
	struct ev_manifest manifest;
	struct ev_topic_spec *selected; /* none: all */
	size_t nselected;
	const struct ev_archive_part **kept; /* one for each of base.parts, of the manifest */
	size_t parts_cap, kept_cap, nkept;
	size_t memory;
	struct ev_pool pool;
	struct ev_archive_lane *lanes; /* of the read under way */
	struct ev_archive_lane probe;  /* for single records and times */
	struct ev_block *held;         /* of the record that record_at gave */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
	struct ev_buf path, text;      /* scratch */
};

/* archive_lane.c */
void ev_archive_lane_begin(struct ev_archive_lane *l, struct ev_archive_source *src, uint32_t part,
			   struct ev_span span);
enum ev_fetch ev_archive_lane_fetch(struct ev_archive_lane *l, struct ev_batch *batch,
				    struct ev_error *err);
void ev_archive_lane_release(struct ev_archive_lane *l);
/* The members of a segment: from its index, or where that is damaged from the segment itself. */
int ev_archive_members(struct ev_archive_source *as, uint32_t part, size_t segment,
		       struct ev_archive_index *out, struct ev_error *err);

/* archive_find.c */
int ev_archive_offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets,
				struct ev_error *err);
int ev_archive_record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
			 bool *found, struct ev_error *err);

#endif
