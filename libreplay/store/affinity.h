/*
 * affinity.h - what a column of SQLite holds, by the type that it is declared with
 *
 * The rules are those of SQLite's datatype3 document, section 3.1; BOOL and DATE are what we make of two that are
 * NUMERIC there. Guards (sqlite_guard.c), the binding of texts (sqlite_text.c) and the fold go by the same.
 */
#ifndef EV_AFFINITY_H
#define EV_AFFINITY_H

enum ev_affinity {
	EV_AFFINITY_NONE, /* anything fits */
	EV_AFFINITY_INT,
	EV_AFFINITY_TEXT,
	EV_AFFINITY_REAL,
	EV_AFFINITY_BOOL,
	EV_AFFINITY_DATE, /* a number, or the text of a moment */
	EV_AFFINITY_NUMERIC,
};

enum ev_affinity ev_sqlite_affinity(const char *type);

#endif
