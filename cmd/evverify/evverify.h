/* evverify.h - what the files of evverify share */
#ifndef EV_EVVERIFY_H
#define EV_EVVERIFY_H

#include "common/options.h"
#include "common/verdict_print.h"

extern const struct ev_command ev_verify_command;

enum ev_verdict_format { EV_FORMAT_TEXT, EV_FORMAT_JSON, EV_FORMAT_TAP, EV_FORMAT_PROM, EV_FORMAT_NAGIOS };

/* Each prints the whole verdict, as ev_print_text does for a person (common/verdict_print.h). */
void ev_print_json(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out);
void ev_print_tap(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out);
/*
 * `last_success`: seconds since 1970, < 0: never. `check`: which check of the projection it is, where it is not that of
 * its view: two files of one folder must not have the same series; or NULL.
 */
void ev_print_prom(const struct ev_verdict *v, int status, double last_success, const char *check, struct ev_buf *out);
/* The last label, which may be none, and the end of the list. */
#define EV_PROM_LABEL(check) (check) ? "check" : NULL, (check), NULL
void ev_print_nagios(const struct ev_verdict *v, int status, const struct ev_error *why, struct ev_buf *out);

/* --capabilities: the table of verify/drill.h. EV_USAGE for a format that it has not. */
int ev_print_capabilities(enum ev_verdict_format format, struct ev_buf *out, struct ev_error *err);

#endif
