/* preview.h - how the plan of a rebuild is shown */
#ifndef EV_EVPROJECT_PREVIEW_H
#define EV_EVPROJECT_PREVIEW_H

#include "rebuild/preview.h"

void ev_preview_print(const struct ev_projection *p, enum ev_dialect d, const struct ev_preview *v);

#endif
