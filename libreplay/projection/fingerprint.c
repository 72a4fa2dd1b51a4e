/* fingerprint.c - stub */
#include "projection/fingerprint.h"
void ev_projection_fingerprint(struct ev_projection *p)
{
	memset(p->fingerprint, '0', 32);
}
