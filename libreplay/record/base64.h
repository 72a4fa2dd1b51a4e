/* base64.h - decoding into memory of the caller; internal to record/ */
#ifndef EV_BASE64_H
#define EV_BASE64_H

#include "base/slice.h"

/* Strict; `out` has room for s.len / 4 * 3 bytes. False on any fault. */
bool ev_base64_decode_to(char *out, struct ev_slice s, size_t *len);

#endif
