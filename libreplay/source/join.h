/*
 * join.h - an archive and then the topic that it was written from, as one source
 *
 * Per partition: the archive's records up to its end, then the topic's. Where both hold a span the
 * topic is read along, and every record that it still has must be the archive's (by its hash), before
 * the archive's is given: a topic that was deleted and created again cannot slip in. What the topic
 * has compacted away meanwhile comes from the archive, is counted, and said by the spec's `note`. An
 * archive that begins behind the topic's start adds nothing, and is left aside for that partition.
 *
 *   join.c        open, the tables of the two, questions
 *   join_lane.c   the lanes of a bounded read
 */
#ifndef EV_JOIN_H
#define EV_JOIN_H

#include "source/archive_impl.h"

struct ev_join;

struct ev_join_batch { /* says whose a batch is that was given */
	struct ev_join_batch *next;
	struct ev_batch inner;
	struct ev_source *from;
};

struct ev_join_lane {
	uint32_t part;
	struct ev_batch old; /* of the archive, to be compared; n == 0: none */
	size_t old_at;       /* compared up to here */
	struct ev_batch new; /* of the topic, not given yet */
	size_t new_at;
	bool old_done, new_done, compared;
	int64_t only;        /* records in the topic's span that the archive alone has */
	bool failed;
	struct ev_error err;
};

struct ev_join {
	struct ev_source base; /* its table has the topic's partitions, at the same places */
	struct ev_source *archive, *topic;
	size_t parts_cap, old_cap, nold;
	uint32_t *old;         /* index in the archive's table; EV_NO_PART */
	struct ev_join_lane *lanes;
	bool through;          /* the read is the topic's alone */
	struct ev_join_batch *batches; /* at rest */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
};

#define EV_NO_PART UINT32_MAX

/* Both are taken over, also by a failure; either may be NULL (`err` is filled then). */
struct ev_source *ev_join_new(struct ev_source *archive, struct ev_source *topic,
			      const struct ev_source_spec *spec, struct ev_error *err);

/* join_lane.c */
void ev_join_lane_begin(struct ev_join_lane *l, uint32_t part, bool archived);
enum ev_fetch ev_join_lane_fetch(struct ev_join *j, struct ev_join_lane *l, struct ev_batch *out,
				 int timeout_ms, struct ev_error *err);
void ev_join_lane_end(struct ev_join *j, struct ev_join_lane *l);
/* The batch of one of the two as one of ours. */
void ev_join_give(struct ev_join *j, struct ev_source *from, struct ev_batch *inner, size_t at,
		  struct ev_batch *out);

#endif
