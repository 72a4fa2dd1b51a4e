/*
 * input.h - bytes of a file, pipe or standard input, plain or gzip
 *
 * What is gzip is told by its first two bytes; a name that ends in .gz must hold it. Members of a
 * gzip file may follow each other. A regular file can be read again from where it began.
 */
#ifndef EV_INPUT_H
#define EV_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct ev_input;

enum { EV_INPUT_END = 0, EV_INPUT_ERROR = -1, EV_INPUT_WAIT = -2 };

/* `path` is a path, or "-"; `room` (at least 2): bytes that are read at a time. EV_SOURCE when it cannot be opened. */
struct ev_input *ev_input_open(const char *path, size_t room, struct ev_error *err);
void ev_input_close(struct ev_input *in);

/* Of very many: a regular file gives its descriptor back, and is opened again by the next read. */
void ev_input_park(struct ev_input *in);

const char *ev_input_name(const struct ev_input *in); /* for messages: the path, or "stdin" */
bool ev_input_regular(const struct ev_input *in); /* else it can be read once only, and may wait */

/* Bytes read since the beginning, and how many there are, packed where it is gzip; false: that is not known. */
bool ev_input_share(const struct ev_input *in, int64_t *done, int64_t *total);

/* Back to the beginning. Of what is not regular EV_USAGE, unless nothing has been read yet. */
int ev_input_rewind(struct ev_input *in, struct ev_error *err);

/* Of a regular file: read again, but only the bytes from `begin` to `end`. 0, or -1 as above. */
int ev_input_part(struct ev_input *in, int64_t begin, int64_t end, struct ev_error *err);

/*
 * Up to `cap` (at least 1) bytes: their number, EV_INPUT_END, EV_INPUT_WAIT (nothing within
 * timeout_ms, or a signal came), or EV_INPUT_ERROR: EV_SOURCE (read error) or EV_DATA (gzip cut
 * short or corrupt; what could be unpacked before it was given). The text is without the name.
 */
long ev_input_read(struct ev_input *in, char *buf, size_t cap, int timeout_ms,
		   struct ev_error *err);

#endif
