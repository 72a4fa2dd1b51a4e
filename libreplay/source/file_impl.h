/* file_impl.h - what file.c (reading), file_parts.c (partitions) and file_scan.c share; internal */
#ifndef EV_FILE_IMPL_H
#define EV_FILE_IMPL_H

#include "source/lines.h"
#include "source/source.h"
#include "source/spec.h"

#define EV_NO_LANE SIZE_MAX

/* What a read knows of the partition with the same index in the source's table. */
struct ev_file_part {
	struct ev_span span;
	int64_t last; /* greatest offset seen; low - 1 before the first */
	size_t lane;  /* the file that holds it; EV_NO_LANE: not seen yet */
	size_t topic_len;
};

struct ev_file_lane {
	struct ev_input *in;
	struct ev_lines lines;
	uint32_t recent; /* partition of the record before; mostly it comes again */
	bool kcat;       /* its lines are those of kcat -J */
	bool failed;     /* `err` is what the lane ends with */
	bool done;
	struct ev_error err;
};

struct ev_file_source {
	struct ev_source base;
	char *lines_topic; /* --lines; else NULL */
	struct ev_file_lane *lanes;
	struct ev_pool pool;

	size_t parts_cap;
	struct ev_file_part *state; /* as many as base.nparts */
	size_t state_n, state_cap;
	uint32_t *slots; /* open hash of the table: index + 1, 0 is free */
	size_t nslots;   /* a power of two */

	bool (*stopped)(void); /* asked in a scan: give up? NULL: never */
	bool whole; /* scan: everything is given, whatever the spans */
	struct ev_position from, to;
	int64_t default_from, default_to;

	struct ev_block *held; /* the block of the record that record_at gave */
};

/* file_parts.c: the partition's index, found or added with its span from the bounds. */
uint32_t ev_file_part(struct ev_file_source *fs, struct ev_slice topic, int32_t partition);
void ev_file_parts_release(struct ev_file_source *fs);

/* file.c: all lanes back to their beginning, all partitions not seen. */
int ev_file_rewind(struct ev_file_source *fs, struct ev_error *err);
enum ev_fetch ev_file_fetch(struct ev_source *s, size_t lane, struct ev_batch *batch,
			    int timeout_ms, struct ev_error *err);
void ev_file_release(struct ev_source *s, struct ev_batch *batch);

/* file_scan.c */
int ev_file_scan(struct ev_source *s, struct ev_error *err);
int ev_file_offsets_for_time(struct ev_source *s, int64_t ms, int64_t *offsets,
			     struct ev_error *err);
int ev_file_record_at(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec,
		      bool *found, struct ev_error *err);

#endif
