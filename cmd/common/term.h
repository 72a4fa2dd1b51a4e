/*
 * term.h - what a terminal can show
 *
 * Untrusted bytes never reach a terminal as they are: control characters (C0, DEL, C1), bidi
 * overrides and bytes that are not UTF-8 are written as \n, \x1b, \u202e. Widths count terminal
 * columns (wide East Asian characters and emoji are two, combining marks none). Outside of a UTF-8
 * locale bars are drawn in ASCII.
 */
#ifndef EV_TERM_H
#define EV_TERM_H

#include <stdbool.h>

#include "base/buf.h"

struct ev_term {
	bool tty;
	bool color; /* tty, NO_COLOR unset or empty, TERM not dumb */
	bool utf8;  /* by LC_ALL, LC_CTYPE, LANG */
	int width, height; /* 80 by 24 when not known; COLUMNS and LINES where it is no terminal */
};

void ev_term_init(struct ev_term *t, int fd);

enum ev_color { EV_PLAIN, EV_BOLD, EV_DIM, EV_RED, EV_GREEN, EV_YELLOW, EV_BLUE, EV_MAGENTA, EV_CYAN };
/* The escape sequence, or nothing without colour. EV_PLAIN resets. */
void ev_term_color(const struct ev_term *t, struct ev_buf *out, enum ev_color c);

/* Append `s` escaped for a terminal, whole. */
void ev_term_escape(struct ev_buf *out, struct ev_slice s);

/*
 * Append JSON text so that it stays the same JSON: what must not reach a terminal, which can only
 * stand in its strings, becomes \u escapes.
 */
void ev_term_json(struct ev_buf *out, struct ev_slice json);

/*
 * Append `s` escaped and cut to `width` columns; when cut the last column is an ellipsis. Returns
 * the columns used.
 */
int ev_term_cut(const struct ev_term *t, struct ev_buf *out, struct ev_slice s, int width);
int ev_term_columns(struct ev_slice s); /* columns of `s` as ev_term_escape writes it */

/* The code point at the start of s (len > 0), its length in *n; -1, *n = 1 when not UTF-8. */
int32_t ev_utf8_next(struct ev_slice s, size_t *n);

/* Must this code point not reach a terminal: a control, a bidi override, an invisible? */
bool ev_term_unsafe(int32_t c);

/* A horizontal bar of value/max of `width` columns, in eighths of a column where UTF-8 allows. */
void ev_term_bar(const struct ev_term *t, struct ev_buf *out, double value, double max, int width);

/* Numbers for people: bytes as 1.2 MiB, 90061 ms as 1m30s. */
void ev_term_bytes(struct ev_buf *out, uint64_t n);
void ev_term_duration(struct ev_buf *out, int64_t ms);

/* A small table with aligned columns: add cells row by row, then print. */
struct ev_table {
	size_t columns;
	const char *align; /* one of l, r per column */
	char **cells;      /* owned */
	size_t n, cap;
};

void ev_table_init(struct ev_table *tb, const char *align); /* e.g. "lrr" */
void ev_table_add(struct ev_table *tb, const char *text);   /* next cell, left to right */
void ev_table_addf(struct ev_table *tb, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ev_table_slice(struct ev_table *tb, struct ev_slice text);
/*
 * Print all rows, two spaces between columns, the first row as a heading where `heading`; on a
 * terminal the widest left-aligned column is cut so that rows fit its width. Cells are escaped.
 */
void ev_table_print(const struct ev_table *tb, const struct ev_term *t, bool heading,
		    struct ev_buf *out);
void ev_table_release(struct ev_table *tb);

#endif
