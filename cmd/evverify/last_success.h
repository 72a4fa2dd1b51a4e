/* last_success.h - what a Prometheus textfile said before it is replaced */
#ifndef EV_LAST_SUCCESS_H
#define EV_LAST_SUCCESS_H

#include "base/error.h"

/*
 * evverify_last_success_timestamp_seconds of that check (evverify.h) of the projection in the file; -1: there is none,
 * or no file. One that is there and cannot be read is an error, as what it says would be lost.
 */
int ev_last_success(const char *file, const char *projection, const char *check, double *out, struct ev_error *err);

#endif
