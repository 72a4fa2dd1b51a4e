/*
 * time.h - points in time as milliseconds since 1970-01-01T00:00:00Z (proleptic Gregorian)
 *
 * Two readers: the strict one of an event's time field, and the one of a person's --since/--until.
 * No C library time zone state is used but for `today` and `yesterday` (local midnight).
 */
#ifndef EV_TIME_H
#define EV_TIME_H

#include <stdint.h>

#include "base/error.h"
#include "json/json.h"

#define EV_TIME_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define EV_TIME_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define EV_TIME_TEXT 32 /* room for the longest ev_time_format text and its NUL */

/*
 * An event's time: a STRING in ISO 8601 (date, `T`, `t` or space, hours and minutes, seconds and a
 * fraction optional, then a zone: Z, +hh, +hhmm, +hh:mm), years 0001-9999, 24:00 and second 60
 * accepted as RFC 3339 has them; or a NUMBER: below 1e11 seconds, 1e14 milliseconds, 1e17
 * microseconds, else nanoseconds (by absolute value; fraction digits honoured). A STRING that holds
 * only such a number counts as one. Finer than a millisecond is cut off (towards the past).
 * Returns 0, or -1 with a constant text in *why.
 */
int ev_time_of_value(const struct ev_value *v, int64_t *ms, const char **why);

/* ISO 8601 text with zone alone (also without seconds, also a date with zone); 0 or -1. */
int ev_time_iso(struct ev_slice text, int64_t *ms, const char **why);

/* `2026-11-20T10:00:00.123Z`, always 24 characters; years outside 0001-9999 are clamped. */
void ev_time_format(int64_t ms, char out[EV_TIME_TEXT]);

/* The same for a person, who is not told another time: outside of those years `?` and the ms. */
void ev_time_show(int64_t ms, char out[EV_TIME_TEXT]);

/*
 * A person's TIME (evtools(7)): ISO 8601 with zone, `today`, `yesterday`, `now`, `-90m` and the like
 * (s m h d w, also composed: -1d12h), epoch seconds (10 digits or fewer) or milliseconds. A date or
 * time without a zone is an error that says how to write it. `now_ms` is the clock.
 */
int ev_time_parse(const char *text, int64_t now_ms, int64_t *ms, struct ev_error *err);

/* `250ms`, `10s`, `1.5m`, `2h`, `7d`, `1w`, `1h30m`, `1 minute`, `5 minutes`: milliseconds, > 0. */
int ev_duration_parse(const char *text, int64_t *ms, struct ev_error *err);

/* Start of the tumbling window of `size` ms that holds `ms` (windows are aligned to the epoch). */
int64_t ev_window_start(int64_t ms, int64_t size);

#endif
