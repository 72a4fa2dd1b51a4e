/* base64.h - standard base64 with padding (RFC 4648 section 4) */
#ifndef EV_BASE64_H
#define EV_BASE64_H

#include "base/buf.h"

void ev_base64_encode(struct ev_buf *out, struct ev_slice s); /* appended */

/* Strict: one text for one sequence of bytes; `out` has room for s.len / 4 * 3 bytes. False on any fault. */
bool ev_base64_decode(char *out, struct ev_slice s, size_t *len);

#endif
