/* fingerprint.h - fills projection->fingerprint; for the parser */
#ifndef EV_FINGERPRINT_H
#define EV_FINGERPRINT_H

#include "projection/projection.h"

/* `envelope` is the text of the mapping. */
void ev_projection_fingerprint(struct ev_projection *p, const char *envelope);

#endif
