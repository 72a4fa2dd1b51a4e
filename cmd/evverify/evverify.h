/* evverify.h - what the files of evverify share */
#ifndef EV_EVVERIFY_H
#define EV_EVVERIFY_H

#include "common/options.h"
#include "verify/verdict.h"

extern const struct ev_command ev_verify_command;

enum ev_verdict_format { EV_FORMAT_TEXT, EV_FORMAT_JSON, EV_FORMAT_TAP, EV_FORMAT_PROM, EV_FORMAT_NAGIOS };

/* Each prints the whole verdict, appended to `out`; `status` is the exit status, `why` its reason past 1. */
void ev_print_text(const struct ev_verdict *v, int status, const struct ev_error *why, bool color,
		   struct ev_buf *out);
void ev_print_json(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out);
void ev_print_tap(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out);
/* `last_success`: seconds since 1970, < 0: never. */
void ev_print_prom(const struct ev_verdict *v, int status, double last_success, struct ev_buf *out);
void ev_print_nagios(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out);

/* --capabilities: the table of verify/drill.h. EV_USAGE for a format that it has not. */
int ev_print_capabilities(enum ev_verdict_format format, struct ev_buf *out, struct ev_error *err);

/* consistent, different, not proven */
const char *ev_verdict_word(int status);
/* the same of one mode, or "nothing to check", where that is allowed */
const char *ev_mode_word(const struct ev_mode *m);
/* One finding in one line, without its mode: `changed orders order_id='42': total: log 5, store 6`. */
void ev_finding_line(const struct ev_finding *f, struct ev_buf *out);
/* `store rows 12 = matched 10 + differing 1 + extra 1`; of a long sum only what is not 0. */
void ev_equation_line(const struct ev_equation *e, struct ev_buf *out);

#endif
