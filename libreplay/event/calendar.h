/* calendar.h - what time.c and time_ask.c share; nobody else's */
#ifndef EV_CALENDAR_H
#define EV_CALENDAR_H

#include <stdint.h>

#define EV_TIME_MIN INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define EV_TIME_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Days since 1970-01-01 of a valid proleptic Gregorian date. */
int64_t ev_days_from_civil(int year, int month, int day);

#endif
