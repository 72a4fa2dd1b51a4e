/*
 * line.h - the record line: one JSON object a line, byte-exact both ways (evtools(7), RECORD LINE)
 *
 * Writer and reader make one pass and build no tree. The writer puts a value that is a JSON
 * document (no surrounding white space, no CR or LF in it, within the limits of json/json.h)
 * verbatim as "value", other UTF-8 as "text", other bytes as "base64", null as "value":null.
 */
#ifndef EV_LINE_H
#define EV_LINE_H

#include "base/buf.h"
#include "base/error.h"
#include "record/record.h"

#define EV_LINE_MAX (512u << 20)  /* bytes of a line that is read: 64 MiB, each escaped as \u00xx */
#define EV_LINE_MAX_HEADERS 65536 /* headers of one record that is read */

/* May its line be read again? EV_DATA. */
int ev_line_check(const struct ev_record *r, struct ev_error *err);

/* Append the line of `r`, with its LF. Fails only by marking `out` failed (memory). */
void ev_line_write(struct ev_buf *out, const struct ev_record *r);

/* The key alone, as it is a member of the line, a comma before it. */
void ev_line_write_key(struct ev_buf *out, struct ev_slice key);

struct ev_line_reader; /* owns the decoded bytes of the record read last */

struct ev_line_reader *ev_line_reader_new(void);
void ev_line_reader_free(struct ev_line_reader *lr);

/*
 * Normally a read gives the bytes decoded by the read before back to the allocator. With `keep`
 * they stay until ev_line_reader_reset, so that many records can be valid at a time.
 */
void ev_line_reader_keep(struct ev_line_reader *lr, bool keep);
void ev_line_reader_reset(struct ev_line_reader *lr);

/*
 * Read one line (without its LF). `rec` borrows from `line` and from the reader and is valid until
 * the next read with the same reader (or its reset); rec->part is 0. Members come in any order,
 * with white space between tokens. Absent may be the timestamp (none), its type (create), the key
 * (null) and the headers (none). What else is missing or doubled, an unknown member, a wrong type,
 * bytes behind the object, a lone surrogate in a string, a topic that ev_topic_valid refuses: -1,
 * EV_DATA; the text says what and at which byte, from 1 ("byte 17: ..."), and the caller puts
 * file:line before it.
 */
int ev_line_read(struct ev_line_reader *lr, struct ev_slice line, struct ev_record *rec,
		 struct ev_error *err);

#endif
