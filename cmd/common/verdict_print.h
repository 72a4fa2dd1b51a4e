/* verdict_print.h - a verdict for people, and the words and lines that all its formats share */
#ifndef EV_VERDICT_PRINT_H
#define EV_VERDICT_PRINT_H

#include "verify/verdict.h"

/* The whole verdict, appended to `out`; `status` is the exit status, `why` its reason past 1. */
void ev_print_text(const struct ev_verdict *v, int status, const struct ev_error *why, bool color,
		   struct ev_buf *out);

/* consistent, different, not proven */
const char *ev_verdict_word(int status);
/* the same of one mode, or "nothing to check", where that is allowed */
const char *ev_mode_word(const struct ev_mode *m);
/* One finding in one line, without its mode: `changed orders order_id='42': total: log 5, store 6`. */
void ev_finding_line(const struct ev_finding *f, struct ev_buf *out);
/* `store rows 12 = matched 10 + differing 1 + extra 1`; of a long sum only what is not 0. */
void ev_equation_line(const struct ev_equation *e, struct ev_buf *out);

#endif
