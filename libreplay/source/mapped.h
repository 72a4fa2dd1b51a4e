/*
 * mapped.h - an archive as the topic that it was restored into tells it, by the map of that copy
 *
 * `evreplay ./arch --into T --partition keep --offset-map FILE` writes which offset of T each record
 * has. Through that file the archive's records get T's names and offsets, so that they can stand before
 * T (join.h). Each partition of T must hold one of the archive's, in its order; other maps are refused.
 * A record of the archive that the map does not know is EV_DATA when it is read: it was not restored;
 * a whole partition of the copy's that it does not know is EV_DATA at once.
 */
#ifndef EV_MAPPED_H
#define EV_MAPPED_H

#include "source/source.h"

/* `archive` is taken over, also by a failure. EV_USAGE, EV_DATA: the map. */
struct ev_source *ev_mapped_new(struct ev_source *archive, const char *path, struct ev_error *err);

#endif
