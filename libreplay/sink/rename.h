/*
 * rename.h - what a topic is called in the target (--map 'orders.*=test.\1')
 *
 * PATTERN=NAME: in the pattern `*` stands for any text, also none; in the name \1 to \9 are what the
 * first, second, ... of them stood for. The first rule that fits counts.
 */
#ifndef EV_RENAME_H
#define EV_RENAME_H

#include "base/buf.h"
#include "base/error.h"

/* Is this a rule? EV_USAGE says what is wrong with it. */
int ev_rename_check(const char *rule, struct ev_error *err);

/*
 * Append the new name of `topic` by the first of the rules that fits; false when none does. A new
 * name may be no topic name: the caller checks.
 */
bool ev_rename(const char *const *rules, size_t n, struct ev_slice topic, struct ev_buf *out);

#endif
