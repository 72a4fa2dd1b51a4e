/*
 * lane.h - the first half of the work on records: decoded, routed, bound, as lists for the fold
 *
 * It depends on nothing but the record, so a second thread does it ahead while the first one reads and folds. The
 * records are cut into pieces; the second thread takes one after the other, the first one helps where it would
 * wait, and they are folded in their order, so that the result is the same with one thread or two.
 *
 * One record may come to a list that is far larger than itself (`each`, `every`): beyond a part of the memory that
 * there is, records wait until they are folded, and one that is too large for itself goes by statements.
 */
#ifndef EV_LANE_H
#define EV_LANE_H

#include "apply/internal.h"

#define EV_LANE_PIECE 256  /* records */
#define EV_LANE_PIECES 64  /* that may be there at once */
#define EV_LANE_WINDOW (EV_LANE_PIECE * EV_LANE_PIECES / 2) /* records whose pieces may be wanted again */

#define EV_LANE_LATER (-2) /* a fate: there was no room for its items; see ev_lanes_late */

struct ev_lane_record {
	size_t from, to;  /* its items in the list */
	signed char fate; /* an enum ev_fate: EV_FATE_ERROR says that the record is not plain sailing */
};

struct ev_lane_piece {
	struct ev_fold_list *list;
	struct ev_lane_record records[EV_LANE_PIECE];
};

struct ev_lanes;

struct ev_lanes *ev_lanes_new(struct ev_apply *a);
void ev_lanes_free(struct ev_lanes *l); /* NULL allowed */

/*
 * A batch that comes next, or behind the one at hand: all of it stays as it is until it is ended or forgotten.
 * False: nobody would do it ahead.
 */
bool ev_lanes_ahead(struct ev_lanes *l, const struct ev_record *records, size_t n);
void ev_lanes_forget(struct ev_lanes *l);

/* The batch at hand, borrowed until end. Best the one that was said to come. */
void ev_lanes_begin(struct ev_lanes *l, const struct ev_record *records, size_t n);
/* Piece `i`, once it is ready; borrowed until it is passed. */
const struct ev_lane_piece *ev_lanes_piece(struct ev_lanes *l, size_t i);
/* Pieces before `i` are not asked for any more. */
void ev_lanes_passed(struct ev_lanes *l, size_t i);
void ev_lanes_end(struct ev_lanes *l);

/* One record by itself, when it is to be folded, and its list, borrowed until the next. */
const struct ev_lane_record *ev_lanes_late(struct ev_lanes *l, const struct ev_record *record,
					   const struct ev_fold_list **list);
/* Bytes of the lists of all pieces that are not passed. Do they take as much as they may? */
size_t ev_lanes_bytes(struct ev_lanes *l);
bool ev_lanes_full(struct ev_lanes *l);

/*
 * What the second thread does when no piece waits, again and again until it answers false, then after the next
 * piece. NULL: nothing; it is not at it any more then.
 */
typedef bool (*ev_lanes_chore_fn)(void *ctx);
void ev_lanes_chore(struct ev_lanes *l, ev_lanes_chore_fn fn, void *ctx);

#endif
