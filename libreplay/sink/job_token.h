/*
 * job_token.h - what an exactly-once copy keeps of itself on its target
 *
 * A token is JSON, written in the transaction of the records that it stands behind:
 *
 *	{"source":CLUSTER,"how":TEXT,"chosen":TEXT,"into":{"a":"copy"},"position":{"a":{"0":12}},
 *	 "first":{"a":{"0":3}},"first_hash":{"a":{"0":HASH}},"last":{"a":{"0":11}},"last_hash":{"a":{"0":HASH}},
 *	 "ends":{"copy":{"0":12}},"witness":{"copy":{"0":4}},"witness_hash":{"copy":{"0":HASH}},
 *	 "partitions":{"copy":3},"since":MS,"until":MS,"begun":MS,"mapped":true}
 *
 * The position is what the next run goes on from; all else is there to tell that it would go on in
 * the wrong place: with other options, into another topic, from a topic or into one that was
 * deleted and made again, or into one that has grown and spreads keys otherwise. A token may lack
 * all but the position (then nothing of it is checked).
 */
#ifndef EV_SINK_JOB_TOKEN_H
#define EV_SINK_JOB_TOKEN_H

#include "position/position.h"

struct ev_job_route {
	char *from, *into; /* topics */
};

struct ev_job_topic { /* of the target */
	char *name;
	int32_t partitions;
};

struct ev_job_bounds { /* of the timestamps that the job chooses: from since on, before until */
	bool has_since, has_until;
	int64_t since, until;
};

struct ev_job_token {
	char *source;  /* id of the source's cluster; NULL: it has none, or it is not known */
	char *how;     /* the options that choose and change records; NULL: not known */
	char *chosen;  /* those of them that leave some of a range out; NULL: not known */
	struct ev_job_bounds bounds; /* what they leave out is in `how`, too; none: not known, or all */
	struct ev_job_route *routes;
	size_t nroutes;
	struct ev_position next;      /* of the source: where the copy goes on */
	struct ev_position first;     /* of files: the offset of the first record that was ever read */
	struct ev_position first_hash; /* and its hash, without the sign bit */
	struct ev_position last;      /* of the source: the offset of the last record that was read */
	struct ev_position last_hash; /* and its hash, as above */
	struct ev_position ends;      /* of the target: as far at least was written */
	struct ev_position witness;   /* of the target: the offset of a record that the job wrote */
	struct ev_position witness_hash; /* and its hash, as above */
	int64_t begun;                /* when the job was begun, or begun anew; 0: not known */
	bool mapped;                  /* the run that wrote it had an offset map, or did not tell */
	struct ev_job_topic *topics;  /* how many partitions records were spread over */
	size_t ntopics;
};

void ev_job_token_release(struct ev_job_token *t);

/* *t is empty before. EV_DATA. */
int ev_job_token_read(struct ev_job_token *t, struct ev_slice json, struct ev_error *err);
/* One line, no LF. */
void ev_job_token_print(const struct ev_job_token *t, struct ev_buf *out);

/* Where records of the topic went; NULL when there were none. */
const char *ev_job_token_route(const struct ev_job_token *t, const char *from);
void ev_job_token_set_route(struct ev_job_token *t, const char *from, const char *into);
/* Does it tell of records in the topic of the target? */
bool ev_job_token_wrote(const struct ev_job_token *t, const char *topic);
/* Over how many partitions of the target's topic it has spread records; 0: not known. */
int32_t ev_job_token_partitions(const struct ev_job_token *t, const char *topic);
void ev_job_token_set_partitions(struct ev_job_token *t, const char *topic, int32_t partitions);
/* Of the first record that was read of a partition; one that is known stays. */
void ev_job_token_set_first(struct ev_job_token *t, const char *topic, int32_t partition, int64_t offset,
			    uint64_t hash);
/* Is that the hash that was kept? */
bool ev_job_token_is_first(const struct ev_job_token *t, const char *topic, int32_t partition,
			   uint64_t hash);
/* The same of the last one; that is always the newest. */
void ev_job_token_set_last(struct ev_job_token *t, const char *topic, int32_t partition, int64_t offset,
			   uint64_t hash);
bool ev_job_token_is_last(const struct ev_job_token *t, const char *topic, int32_t partition,
			  uint64_t hash);
/* The same of a record in the target. */
void ev_job_token_set_witness(struct ev_job_token *t, const char *topic, int32_t partition,
			      int64_t offset, uint64_t hash);
bool ev_job_token_is_witness(const struct ev_job_token *t, const char *topic, int32_t partition,
			     uint64_t hash);

/* Every entry of `from` into `to`, where it is further. */
void ev_job_token_advance(struct ev_position *to, const struct ev_position *from);

#endif
