/*
 * offsets.h - evreplay offsets: offsets.c (from the map to the commit) -> offsets_gaps.c (what the group would miss)
 */
#ifndef EVREPLAY_OFFSETS_H
#define EVREPLAY_OFFSETS_H

#include "common/source_options.h"
#include "position/offset_map.h"

struct offsets_args {
	struct ev_source_args src;
	const char *map, *group, *into_broker, *into_config;
	bool dry_run, yes, accept_gap, rewind;
};

struct offsets {
	const struct offsets_args *args;
	struct ev_map *map;
	struct ev_position group, now, next; /* in the source; in the target, before and after */
	int64_t again;
	struct ev_source *copy; /* the target's topics */
	char *cluster[2]; /* ids: of the target, of the source; NULL: not known */
	bool committing;
	size_t back;         /* partitions of the copy where the group stands further than it is to stand */
	size_t gaps, tails; /* partitions of which the copy lacks what it has not read: within, behind its end */
	size_t holes;       /* spans of which the map does not know where they are, if they are in the copy */
	size_t early;       /* spans that it has read and that the copy, or its map, lacks: more is read again */
	size_t others;      /* partitions of the copy where it would pass over what others have written there */
};

/*
 * Records that the group has still to read, by its offsets in the source, and that the copy or its map does not
 * have: told, and counted in o.
 */
int offsets_find_gaps(struct offsets *o, struct ev_source *src, const struct ev_position *group,
		      struct ev_messages *msg, struct ev_error *err);
/*
 * The same of o->copy, where the group is to stand at o->next, which moves to what is left. EV_DATA where it is not
 * what the map tells of.
 */
int offsets_check_copy(struct offsets *o, struct ev_messages *msg, struct ev_error *err);
/* How many of all that are not accepted. */
size_t offsets_misses(const struct offsets *o);
/* EV_DATA, and what to do, where there are any. Not for a dry run. */
int offsets_refuse_gaps(const struct offsets *o, struct ev_error *err);

#endif
