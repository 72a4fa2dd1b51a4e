/* suggest.c - see suggest.h */
#include "base/suggest.h"

#include <string.h>

#define MAX_WORD 64
#define MAX_DISTANCE 2

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][MAX_WORD + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2], *t;

	for (size_t j = 0; j <= nb; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			row[j] = last[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
			row[j] = min(row[j], min(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = min(row[j], before[j - 2] + 1);
		}
		t = before;
		before = last;
		last = row;
		row = t;
	}
	return last[nb];
}

const char *ev_suggest(const char *word, const char *const *words)
{
	size_t n = strlen(word), best = MAX_DISTANCE + 1, d;
	const char *found = NULL;

	if (!n || n > MAX_WORD)
		return NULL;
	for (; *words; words++) {
		size_t m = strlen(*words);

		if (m > MAX_WORD || m > n + MAX_DISTANCE || n > m + MAX_DISTANCE)
			continue;
		d = distance(word, n, *words, m);
		/* of `id` every letter may not be wrong, and of `rate` not half of them */
		if (d < best && d < min(n, m) && (d < 2 || min(n, m) > 4)) {
			best = d;
			found = *words;
		}
	}
	return found;
}
