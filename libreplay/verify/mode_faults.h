/* mode_faults.h - faults of a log as findings of a mode; of log_mode.c and against_mode.c alone */
#ifndef EV_MODE_FAULTS_H
#define EV_MODE_FAULTS_H

#include "audit/fault.h"
#include "verify/verdict.h"

/* Faults go to the mode, up to `max` of each kind; information is only counted. */
void ev_mode_faults(struct ev_faults *fs, struct ev_mode *m, int64_t max);
/* Those past the limit are counted in the mode. */
void ev_mode_faults_end(const struct ev_faults *fs, struct ev_mode *m);

/* What a mode came to: -1 for EV_USAGE, else 0, the error in the mode; stopped is an error too. */
int ev_mode_settle(struct ev_mode *m, int rc, struct ev_error *err);

#endif
