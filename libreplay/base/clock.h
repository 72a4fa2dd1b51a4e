/* clock.h - what time it is, in milliseconds */
#ifndef EV_CLOCK_H
#define EV_CLOCK_H

#include <stdint.h>

int64_t ev_clock_ms(void); /* monotonic, for intervals and time limits */
int64_t ev_now_ms(void);   /* since 1970 UTC; only for what people see, never for a view's rows */

#endif
