/* history.h - how evproject history prints: a table at the end, or a JSON object at once */
#ifndef EV_EVPROJECT_HISTORY_H
#define EV_EVPROJECT_HISTORY_H

#include "common/term.h"
#include "history/history.h"

struct ev_history_print {
	bool json;
	const struct ev_history *history; /* for the names of the columns */
	int64_t events;
	bool closed; /* nobody reads the output any more */
	struct ev_table table;
	struct ev_buf line;
};

void ev_history_print_init(struct ev_history_print *p, bool json);
int ev_history_print_event(struct ev_history_print *p, const struct ev_history_event *e,
			   struct ev_error *err);
void ev_history_print_end(struct ev_history_print *p); /* the table, on stdout */
void ev_history_print_release(struct ev_history_print *p);

#endif
