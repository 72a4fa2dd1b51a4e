/*
 * lane.h - the first half of the work on records: decoded, routed, bound, as lists for the fold
 *
 * It depends on nothing but the record, so a second thread does some of it ahead while the first one folds. The
 * records are cut into pieces; whoever is free takes the next one, and they are folded in their order, so
 * that the result is the same with one thread or two.
 */
#ifndef EV_LANE_H
#define EV_LANE_H

#include "apply/internal.h"

#define EV_LANE_PIECE 256  /* records */
#define EV_LANE_PIECES 32  /* worked on ahead, at most */
#define EV_LANE_WINDOW (EV_LANE_PIECE * EV_LANE_PIECES)

struct ev_lane_record {
	size_t from, to;  /* its items in the piece's list */
	signed char fate; /* an enum ev_fate: EV_FATE_ERROR says that the record is not plain sailing */
};

struct ev_lane_piece {
	struct ev_fold_list *list;
	struct ev_lane_record records[EV_LANE_PIECE];
};

struct ev_lanes;

struct ev_lanes *ev_lanes_new(struct ev_apply *a);
void ev_lanes_free(struct ev_lanes *l); /* NULL allowed */

/* Up to EV_LANE_WINDOW records, borrowed until end. */
void ev_lanes_begin(struct ev_lanes *l, const struct ev_record *records, size_t n);
/* Piece `i`, once it is ready; borrowed until end. */
const struct ev_lane_piece *ev_lanes_piece(struct ev_lanes *l, size_t i);
void ev_lanes_end(struct ev_lanes *l);

#endif
