/* comparison.h - a comparison of two views as people and programs read it */
#ifndef EV_EVPROJECT_COMPARISON_H
#define EV_EVPROJECT_COMPARISON_H

#include "common/term.h"
#include "rebuild/compare.h"

/* Tables with their counts, then the rows that were kept, a line each; appended. */
void ev_comparison_text(const struct ev_comparison *c, const struct ev_term *term, struct ev_buf *out);

/* Members of a JSON object: "same":..,"tables":[..]; appended. */
void ev_comparison_json(const struct ev_comparison *c, struct ev_buf *out);

#endif
