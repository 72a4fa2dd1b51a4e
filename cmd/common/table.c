/* table.c - small aligned tables; see term.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "common/term.h"

#define GAP 2
#define LEAST 8 /* columns that a cut column keeps */

void ev_table_init(struct ev_table *tb, const char *align)
{
	*tb = (struct ev_table){ .columns = strlen(align), .align = align };
}

void ev_table_slice(struct ev_table *tb, struct ev_slice text)
{
	struct ev_buf cell = EV_BUF_INIT;

	EV_GROW(tb->cells, tb->n, tb->cap);
	ev_buf_add_seen(&cell, text);
	tb->cells[tb->n++] = ev_strdup(ev_buf_str(&cell));
	ev_buf_release(&cell);
}

void ev_table_add(struct ev_table *tb, const char *text)
{
	ev_table_slice(tb, ev_slice_str(text));
}

void ev_table_addf(struct ev_table *tb, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ev_table_add(tb, text);
}

void ev_table_release(struct ev_table *tb)
{
	for (size_t i = 0; i < tb->n; i++)
		free(tb->cells[i]);
	free(tb->cells);
	*tb = (struct ev_table){ .columns = tb->columns, .align = tb->align };
}

/* The widest left-aligned column by one; false when none is to be had. */
static bool shrink(const struct ev_table *tb, int *widths)
{
	int *widest = NULL;

	for (size_t c = 0; c < tb->columns; c++)
		if (tb->align[c] == 'l' && widths[c] > (widest ? *widest : LEAST))
			widest = &widths[c];
	if (widest)
		--*widest;
	return widest != NULL;
}

/* Widths of the columns, the widest left-aligned ones shrunk until a row fits a terminal. */
static void measure(const struct ev_table *tb, const struct ev_term *t, int *widths)
{
	int total = GAP * (int)(tb->columns - 1);

	for (size_t c = 0; c < tb->columns; c++)
		widths[c] = 0;
	for (size_t i = 0; i < tb->n; i++) {
		int w = ev_term_columns(ev_slice_str(tb->cells[i]));

		if (w > widths[i % tb->columns])
			widths[i % tb->columns] = w;
	}
	for (size_t c = 0; c < tb->columns; c++)
		total += widths[c];
	while (t->tty && total > t->width && shrink(tb, widths))
		total--;
}

static void spaces(struct ev_buf *out, int n)
{
	while (n-- > 0)
		ev_buf_addc(out, ' ');
}

static void print_row(const struct ev_table *tb, const struct ev_term *t, size_t row, const int *widths,
		      struct ev_buf *out)
{
	size_t end = tb->columns;

	while (end && !*tb->cells[row * tb->columns + end - 1])
		end--; /* nothing is behind it, no blanks either */
	for (size_t c = 0; c < end; c++) {
		struct ev_slice cell = ev_slice_str(tb->cells[row * tb->columns + c]);
		int used = ev_term_columns(cell);
		bool last = c + 1 == end;

		if (tb->align[c] == 'r')
			spaces(out, widths[c] - used);
		used = ev_term_cut(t, out, cell, widths[c]);
		if (tb->align[c] == 'l' && !last)
			spaces(out, widths[c] - used);
		if (!last)
			spaces(out, GAP);
	}
}

void ev_table_print(const struct ev_table *tb, const struct ev_term *t, bool heading,
		    struct ev_buf *out)
{
	int *widths = ev_alloc((tb->columns ? tb->columns : 1) * sizeof(int));

	measure(tb, t, widths);
	for (size_t row = 0; row < tb->n / tb->columns; row++) {
		if (heading && row == 0)
			ev_term_color(t, out, EV_BOLD);
		print_row(tb, t, row, widths, out);
		if (heading && row == 0)
			ev_term_color(t, out, EV_PLAIN);
		ev_buf_addc(out, '\n');
	}
	free(widths);
}
