/*
 * drill.h - the checker is checked, on a copy of the user's own view
 *
 * The store is copied to a scratch place (SQLite: a temporary file; PostgreSQL: schemas of a scratch database).
 * Untouched the copy must be consistent. Then, one after the other, each corruption of one table of them
 * (ev_drill_kinds) is done to a fresh copy, and the ordinary checker is run on it. The same table says which
 * mode sees what (`--capabilities`), so what is claimed is what is drilled: a mode that does not see what is
 * claimed for it is a finding, and so is one that sees what changes nothing.
 *
 *   drill_kinds.c the table; drill_sql.c one corruption, somewhere in the view; drill_copy.c the copies
 *   (drill_sqlite.c, drill_pg.c);
 *   drill_event.c views of a log that was applied wrongly; drill_log.c copies of the log; drill.c the sequence
 *
 * A view may have no place for a corruption (no column of reals): then it is not possible here, said, and counted
 * apart. The store itself is only read.
 */
#ifndef EV_DRILL_H
#define EV_DRILL_H

#include "verify/verify.h"

enum ev_drill_mode {
	EV_DRILL_ROWS, EV_DRILL_COUNTS, EV_DRILL_CHECKS, /* look at a view */
	EV_DRILL_LOG, EV_DRILL_AGAINST,                  /* look at a log alone */
	EV_DRILL_MODES
};
extern const char *const ev_drill_modes[EV_DRILL_MODES]; /* their names */

/* What a mode says of a corruption. */
#define EV_DRILL_SEES '+'
#define EV_DRILL_BLIND '-' /* never: it looks at something else */
#define EV_DRILL_STOPS '!' /* it says that it cannot look: the store is at fault */
#define EV_DRILL_MAYBE '~' /* it depends on the view; nothing is claimed */

enum ev_drill_place {
	EV_DRILL_VALUE,  /* a value of one column that is not of the key; or two neighbours */
	EV_DRILL_KEY,    /* a value of the key */
	EV_DRILL_TABLE,  /* rows, or the table itself */
	EV_DRILL_LEDGER,
	EV_DRILL_EVENT,  /* the view is of a log that was applied wrongly */
	EV_DRILL_RECORD, /* a copy of the log, which no store is asked about */
};

enum ev_drill_class { /* of column; SQLite asks each value for its type */
	EV_DRILL_ANY, EV_DRILL_INTEGER, EV_DRILL_REAL, EV_DRILL_DECIMAL, EV_DRILL_TEXT, EV_DRILL_BYTES,
	EV_DRILL_BOOLEAN, EV_DRILL_TIME, EV_DRILL_JSON
};

struct ev_drill_kind {
	const char *what;
	char sees[EV_DRILL_MODES + 1]; /* by mode; all blind: it changes nothing, and nobody may see it */
	enum ev_drill_place place;
	enum ev_drill_class class;
	const char *sqlite, *postgres; /* see drill_sql.c; NULL: this store cannot hold it */
};

extern const struct ev_drill_kind ev_drill_kinds[];
extern const size_t ev_drill_nkinds;

/*
 * The drill, with the modes of `opt`, into the mode "drill" of `out` (to be released, whatever is returned). Where
 * the copy itself is not consistent `out` is its verdict, as of ev_verify. -1: EV_USAGE only.
 */
int ev_drill(const struct ev_projection *p, struct ev_source *src, const struct ev_verify_options *opt,
	     const struct ev_verify_hooks *hooks, struct ev_verdict *out, struct ev_error *err);

#endif
