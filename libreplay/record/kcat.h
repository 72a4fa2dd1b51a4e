/*
 * kcat.h - the lines that `kcat -J` prints, read as records
 *
 *   {"topic":"t","partition":0,"offset":3,"tstype":"create","ts":1700000000000,"broker":1,
 *    "headers":["name","value","name",null],"key":"k","payload":"v"}
 *
 * Bytes that are not UTF-8 stand in its strings as they are (which makes it no JSON), and are taken
 * so: null, empty, binary and header order survive, as long as nothing in between (jq, say) repaired
 * them. Not carried: `broker`, the leader it was read from. Refused, as the record cannot be made of
 * it: keys and values that kcat has unpacked (`key_schema_id`, `value_schema_id`, anything that is no
 * string).
 */
#ifndef EV_KCAT_H
#define EV_KCAT_H

#include "record/line.h"

/* Does the line look like one (it has a "payload" and is no record line)? */
bool ev_kcat_line(struct ev_slice line);

/* As ev_line_read, same ownership; EV_DATA. */
int ev_kcat_read(struct ev_line_reader *lr, struct ev_slice line, struct ev_record *rec,
		 struct ev_error *err);

#endif
