/*
 * offset_map.h - which offset of the target each copied record has (--offset-map), run-length
 *
 * A file of JSON lines, written before the records are committed or reported as done:
 *   {"job":"j","cluster":"ID","begun":MS,"begin":{"orders":{"0":12}}}
 *                                     a run (of that job, if it is one, into that cluster, if it has a name) begins
 *                                     there: what stands above for these and later offsets of the source is void (an
 *                                     aborted transaction); of all offsets, where "begun" is another than above it:
 *                                     the job was begun again, and what it had copied before does not count; with
 *                                     "unmapped":true the run before had no map, so nobody knows of what stands above
 *                                     between the last two "end" whether it was committed, or, where nothing stands
 *                                     above, of what lies before the beginning: a gap
 *   {"from":"orders","partition":0,"offset":12,"into":"copy","into_partition":1,"into_offset":5,
 *    "count":40}
 *   {"end":{"orders":{"0":52}}}       so far the copy has come, in partitions where it has got on: lines above it
 *                                     are whole up to there. A run that begins behind that of the one before leaves a
 *                                     gap: what was copied between them went into no map
 *   {"settled":true}                  the run has ended, and all above is committed
 *
 * A group's offset becomes, for each partition of the target, the first offset there whose record
 * the group has not passed in the source. Where a partition of the target holds records of several
 * of the source, some behind it may have been passed: they are read again, none is left out.
 */
#ifndef EV_OFFSET_MAP_H
#define EV_OFFSET_MAP_H

#include "position/position.h"

#define EV_MAP_MAX (1u << 30) /* bytes of a file that is read; where keys go elsewhere it has a line for each record */

struct ev_map_run {
	struct ev_slice topic, into; /* borrowed */
	int32_t partition, into_partition;
	int64_t offset, into_offset, count;
};

/* ---- writing ---- */

struct ev_map_writer;

struct ev_map_spec {
	const char *path;
	const char *job;     /* NULL: none */
	const char *cluster; /* id of the target's; NULL: it has none, or it is not known yet */
	int64_t begun;       /* of the job; what it has written with another is void. 0: not known */
	bool unmapped;       /* the job's run before this one had no map */
};

/* Before anything is done: may it be written by ev_map_writer_open? The same errors. */
int ev_map_writer_check(const struct ev_map_spec *spec, struct ev_error *err);
/*
 * `begin`: where the copy begins. A file that is there is continued where it is of the same job on the same cluster,
 * else EV_USAGE (so it is without a job); a last line that a kill has cut is taken off it.
 */
struct ev_map_writer *ev_map_writer_open(const struct ev_map_spec *spec, const struct ev_position *begin,
					 struct ev_error *err);
/* Before its first record: the copy goes on in the partition only there, and has nothing of what lies between. */
void ev_map_writer_skip(struct ev_map_writer *w, const char *topic, int32_t partition, int64_t to);
/* One record (count 1); for each partition of the target in the order of its offsets. */
void ev_map_writer_add(struct ev_map_writer *w, const struct ev_map_run *one);
/* The next flush says that the copy has come there. */
void ev_map_writer_end(struct ev_map_writer *w, const struct ev_position *end);
/* All of it on the disk. EV_STORE. */
int ev_map_writer_flush(struct ev_map_writer *w, struct ev_error *err);
/* What was flushed is committed, and no more comes. Where that cannot be written the last part is not believed. */
void ev_map_writer_settled(struct ev_map_writer *w);
/* Has the file become larger than EV_MAP_MAX, so that nobody reads it? */
bool ev_map_writer_too_large(const struct ev_map_writer *w);
void ev_map_writer_close(struct ev_map_writer *w); /* what was not flushed is lost; NULL is allowed */

/* ---- reading ---- */

struct ev_map;

/* EV_USAGE where the file cannot be read, EV_DATA with its line where it is none. */
struct ev_map *ev_map_load(const char *path, struct ev_error *err);
/* The same of a text; `name` for messages. */
struct ev_map *ev_map_read(struct ev_slice text, const char *name, struct ev_error *err);
void ev_map_free(struct ev_map *m);

/* The id of the copy's cluster; NULL: it does not tell. */
const char *ev_map_cluster(const struct ev_map *m);

/* A copy of what counts of it, to be freed; topics end with a NUL and stay the map's. */
struct ev_map_run *ev_map_runs(const struct ev_map *m, size_t *n);

/* All partitions of the source that the map knows, those without a copied record, too; offset 0. */
void ev_map_sources(const struct ev_map *m, struct ev_position *out);
/* Those of the source, and of the target, that it has records of; offset 0. */
void ev_map_copied(const struct ev_map *m, struct ev_position *out);
void ev_map_targets(const struct ev_map *m, struct ev_position *out);

/*
 * From which offset of the source on the copy has the partition's records; -1 where it knows of none.
 */
int64_t ev_map_begin(const struct ev_map *m, const char *topic, int32_t partition);
/* Up to which offset of the source it has come; -1 where it knows of none. */
int64_t ev_map_end(const struct ev_map *m, const char *topic, int32_t partition);
/*
 * The first span that ends behind `at` and that no run with this map has copied, to *from and *to (offsets of the
 * source, between begin and end). False: there is none.
 */
bool ev_map_gap(const struct ev_map *m, const char *topic, int32_t partition, int64_t at, int64_t *from,
		int64_t *to);

/*
 * `group`: next offsets in the source; a partition that it lacks was not read at all. Into *out the
 * next offsets in the target, for every partition of it that the map knows. *again: records behind
 * these that the group has passed in the source.
 */
void ev_map_translate(const struct ev_map *m, const struct ev_position *group, struct ev_position *out,
		      int64_t *again);

#endif
