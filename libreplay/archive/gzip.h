/*
 * gzip.h - gzip members packed, by threads where there are some
 *
 * Members are given one after the other, and come back in that order: what is written is the same
 * for any number of threads. A member is packed by zlib in one piece; its header carries neither
 * name nor time.
 */
#ifndef EV_GZIP_H
#define EV_GZIP_H

#include "archive/archive.h"

struct ev_gzip; /* the packers; used by one thread */

struct ev_gzip_job {
	struct ev_buf lines, empty;      /* to be packed; text of the empty runs (archive.h) */
	struct ev_archive_member member; /* bytes and crc are filled in by packing */
	struct ev_buf packed;
	void *owner;                     /* the giver's */
};

/* `threads` 0 packs in the calling thread. `level` 1 to 9. EV_STORE when threads cannot be made. */
struct ev_gzip *ev_gzip_new(int level, int threads, struct ev_error *err);
void ev_gzip_free(struct ev_gzip *g);

/*
 * An empty job to fill and submit, its buffers still of the size they had; NULL while all are
 * under way: take the next one first.
 */
struct ev_gzip_job *ev_gzip_job(struct ev_gzip *g);
void ev_gzip_submit(struct ev_gzip *g, struct ev_gzip_job *job);

/*
 * The job that was submitted first and not taken yet, packed; waits for it. NULL when there is
 * none. It goes back by ev_gzip_done. `packed.failed` says that memory was out.
 */
struct ev_gzip_job *ev_gzip_take(struct ev_gzip *g);
void ev_gzip_done(struct ev_gzip *g, struct ev_gzip_job *job);

#endif
