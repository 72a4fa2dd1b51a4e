/* clock.h - what time it is, in milliseconds */
#ifndef EV_CLOCK_H
#define EV_CLOCK_H

#include <stdint.h>

int64_t ev_clock_ms(void); /* monotonic, for intervals and time limits */
int64_t ev_clock_us(void); /* the same in microseconds */
int64_t ev_clock_boot_us(void); /* which goes on while the machine sleeps */
int64_t ev_now_ms(void);   /* since 1970 UTC; only for what people see, never for a view's rows */
/* How long ago that was, since 1970 as well; what an event claims can be any number: no more than an int64_t holds. */
int64_t ev_age_ms(int64_t time_ms);

#endif
