/*
 * watch.h - a call into another library that may never come back, bounded all the same
 *
 * The call runs in a thread of its own, and the caller waits for it. One that does not come back in
 * time goes on in its thread for as long as the process lives, with all that it was given: the
 * caller must leave that alone from then on, and free none of it.
 */
#ifndef EV_WATCH_H
#define EV_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Did call(ctx) come back within that time? `over` (NULL: nobody) is asked meanwhile, with `asked`, and may end it. */
bool ev_watch(void (*call)(void *ctx), void *ctx, int64_t timeout_ms, bool (*over)(void *asked), void *asked);

#endif
