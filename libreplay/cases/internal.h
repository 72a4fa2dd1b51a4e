/* internal.h - shared by cases.c (file and runs), given.c (records) and expect.c (rows) */
#ifndef EV_CASES_INTERNAL_H
#define EV_CASES_INTERNAL_H

#include "cases/cases.h"
#include "record/line.h"
#include "store/store.h"

struct ev_case {
	char *name;
	struct ev_value given, expect, dead, held; /* borrowed from the file's text */
	struct ev_record *records;                 /* with lines and readers of their own */
	struct ev_line_reader **readers;
	struct ev_buf *lines;
	size_t n;
};

/* Make the records of `given`. EV_USAGE names the element. */
int ev_case_given(struct ev_case *c, const struct ev_projection *p, struct ev_error *err);
void ev_case_release(struct ev_case *c);

/* Append to `out` how the store differs from what the case expects; nothing when it does not. */
int ev_case_compare(const struct ev_case *c, struct ev_store *s, const struct ev_projection *p,
		    struct ev_buf *out, struct ev_error *err);

/* All tables of the projection, rows sorted by all columns: for run against run. */
int ev_case_dump(struct ev_store *s, const char *projection, struct ev_buf *out,
		 struct ev_error *err);

#endif
