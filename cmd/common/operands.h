/* operands.h - the words that are no options: a projection file, then perhaps sources */
#ifndef EV_OPERANDS_H
#define EV_OPERANDS_H

#include "common/source_options.h"
#include "projection/projection.h"

/* Take operand 0 away; NULL when there is none. */
char *ev_operand_shift(struct ev_operands *rest);

/* The projection file that is operand 0 (removed from `rest`); NULL with EV_USAGE without one. */
struct ev_projection *ev_operand_projection(struct ev_operands *rest, struct ev_error *err);
int ev_no_operands(const struct ev_operands *rest, struct ev_error *err);

/* A word of each handler of a topic that is not read (apply/identity.h); of a file when it was read. */
void ev_warn_unread(const struct ev_projection *p, const struct ev_source *src, struct ev_messages *msg);

/* The records whole, with headers; without a source in the words: of the topics of the file. */
int ev_use_topics(struct ev_source_args *src, const struct ev_projection *p, struct ev_error *err);

#endif
