/* calendar.h - what time.c and time_ask.c share; nobody else's */
#ifndef EV_CALENDAR_H
#define EV_CALENDAR_H

#include <stdint.h>

/* Days since 1970-01-01 of a valid proleptic Gregorian date. */
int64_t ev_days_from_civil(int year, int month, int day);

#endif
