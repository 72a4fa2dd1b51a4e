/* last_success.h - what a Prometheus textfile said before it is replaced */
#ifndef EV_LAST_SUCCESS_H
#define EV_LAST_SUCCESS_H

/* The projection's evverify_last_success_timestamp_seconds in the file; -1: there is none. */
double ev_last_success(const char *file, const char *projection);

#endif
