/* spill_file.h - the temporary files of spill.c: one sorted run each, without a name */
#ifndef EV_SPILL_FILE_H
#define EV_SPILL_FILE_H

#include "base/buf.h"
#include "base/error.h"

struct spill_run {
	int fd;
	int64_t items, bytes; /* written */
	/* reading */
	char *buf;
	size_t cap, at, len;
	int64_t offset, left; /* of the file: read so far; items not given yet */
	struct ev_slice item; /* at hand */
};

/* A new file in `dir`. EV_STORE. */
int spill_run_create(struct spill_run *r, const char *dir, struct ev_error *err);
void spill_run_close(struct spill_run *r); /* the space is given back */

/* Append to the file through `buf`, which is written when it has `limit` bytes. */
int spill_run_put(struct spill_run *r, struct ev_buf *buf, size_t limit, struct ev_slice item,
		  struct ev_error *err);
int spill_run_flush(struct spill_run *r, struct ev_buf *buf, struct ev_error *err);

/* Read it from its beginning, `size` bytes at a time. */
void spill_run_rewind(struct spill_run *r, size_t size);
/* The next item into r->item: 1, 0 behind the last, -1. */
int spill_run_next(struct spill_run *r, struct ev_error *err);

#endif
