/*
 * lines.h - the lines of an input, borrowed from blocks
 *
 * Lines are found in the block that is being filled. ev_lines_take gives that block away with all
 * lines handed out of it, and goes on in another one, to which the rest of the bytes moves: so
 * lines stay valid as long as their block, however much is read meanwhile. Blocks come from a pool
 * and go back to it.
 */
#ifndef EV_LINES_H
#define EV_LINES_H

#include "record/line.h"
#include "source/input.h"
#include "source/source.h"

struct ev_block {
	struct ev_block *next; /* in the pool */
	char *data;
	size_t len, cap;
	struct ev_line_reader *decoded; /* what records of this block own besides its bytes */
	struct ev_record *records;
	size_t nrecords, records_cap;
};

struct ev_pool {
	size_t block_size;
	struct ev_block **all; /* also those given away, so that nothing is ever lost */
	size_t n, cap;
	struct ev_block *free;
};

void ev_pool_release(struct ev_pool *pool);                    /* frees every block */
void ev_pool_put(struct ev_pool *pool, struct ev_block *block); /* to be used again */

struct ev_lines {
	struct ev_input *in;
	struct ev_pool *pool;
	size_t max;             /* bytes of a line, without its LF */
	uint64_t number;        /* of the line handed out last, from 1 */
	struct ev_block *block; /* being filled */
	size_t at;              /* first byte not handed out */
	size_t scanned;         /* no LF between at and here */
	bool eof;
	bool failed;            /* `err` stands behind the lines that are there */
	struct ev_error err;
};

void ev_lines_begin(struct ev_lines *l, struct ev_input *in, struct ev_pool *pool, size_t max);

/*
 * See to it that there is a line to hand out: EV_FETCH_SOME, or WAIT, DONE or ERROR (without name
 * or number; the same for ever).
 */
enum ev_fetch ev_lines_fill(struct ev_lines *l, int timeout_ms, struct ev_error *err);

/*
 * The next line that is there, without its LF; false when none is. `whole` is false for a last line
 * that has no LF.
 */
bool ev_lines_next(struct ev_lines *l, struct ev_slice *line, bool *whole);

struct ev_block *ev_lines_take(struct ev_lines *l);

#endif
