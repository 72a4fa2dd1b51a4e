/* fields.h - members of the JSON objects that we wrote: of archives and receipts alone. Errors are EV_DATA. */
#ifndef EV_FIELDS_H
#define EV_FIELDS_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

/* A number from 0 that leaves room for one more. */
int ev_fields_count(json_t *o, const char *name, int64_t *out, struct ev_error *err);
int ev_fields_crc(json_t *o, const char *name, uint32_t *out, struct ev_error *err);
/* A string or null; the copy is the caller's. */
int ev_fields_text(json_t *o, const char *name, char **out, struct ev_error *err);
int ev_fields_time(json_t *o, const char *name, int64_t *ms, struct ev_error *err);

/* "oldest" and "newest": two numbers or two nulls (EV_NO_TIMESTAMP). */
int ev_fields_times(json_t *o, int64_t *oldest, int64_t *newest, struct ev_error *err);
void ev_fields_print_times(struct ev_buf *out, int64_t oldest, int64_t newest);

/* Exactly so many digits, of those that we print; what follows them is not looked at. */
bool ev_fields_hex(const char *text, int digits, uint64_t *out);
/* As we print it: no sign, no leading zero. */
bool ev_fields_partition(const char *text, int32_t *partition);

#endif
