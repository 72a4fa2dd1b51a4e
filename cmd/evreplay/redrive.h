/*
 * redrive.h - evreplay redrive, beside the copy that it is (replay.h)
 *
 * A record goes to the topic that its headers name, with the count of such tries in a header of
 * ours; past --max-redrives into quarantine. The group is committed only behind records that are
 * safe where they were sent, and never past one that a filter has left: that would lose it.
 */
#ifndef EVREPLAY_REDRIVE_H
#define EVREPLAY_REDRIVE_H

#include "evreplay/replay.h"
#include "sink/origin.h"

struct redrive *redrive_new(void);
void redrive_free(struct redrive *d);

/*
 * The record as it is sent, its topic, and what is known of that (NULL in a dry run: nowhere). What
 * it points to stays until the next call.
 */
int redrive_route(struct replay *r, struct ev_record *rec, struct replay_topic **target,
		  struct ev_error *err);
/* And it was: it counts. */
void redrive_sent(struct replay *r);
/* A filter has left it. */
void redrive_leave(struct replay *r, struct replay_part *p, int64_t offset);
bool redrive_full(const struct replay *r); /* --max is reached */
/* Is the lag of a group the backlog? Not of a file or a pipe, which have none, nor with --from. */
bool redrive_by_group(const struct replay *r);
/* What was read, and is not reached any more. */
void redrive_rest(struct replay *r, const struct ev_record *v, size_t n);
/* The backlog is known, r->stored: where the group stands now. With --accept-gap it begins where the topic does. */
int redrive_begin(struct replay *r, struct ev_error *err);
/* Commit the group; not with --from, which began anywhere. */
int redrive_commit(struct replay *r, const struct ev_position *next, struct ev_error *err);
int redrive_print(struct replay *r, struct ev_error *err);
/* One record has ended it, and those before it are committed: how many arrived. */
void redrive_ended(const struct replay *r);

extern const struct ev_command redrive_command, offsets_command;

#endif
