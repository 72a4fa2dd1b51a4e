/*
 * order.c - rows in the order of their keys
 *
 * Sorted in place, as there may be as many as memory holds. What is compared is mostly eight bytes that stand
 * beside the pointer: of a whole number all of it, of texts what follows the beginning that all have in common.
 */
#include "fold/internal.h"

#define FEW 12

static int compare_slots(const struct ev_fold_row *x, const struct ev_fold_row *y, size_t c, unsigned char kind)
{
	if (kind == EV_FV_INT)
		return (x->v[c].i > y->v[c].i) - (x->v[c].i < y->v[c].i);
	return ev_slice_cmp(ev_slice(x->v[c].text->bytes, x->v[c].text->len),
			    ev_slice(y->v[c].text->bytes, y->v[c].text->len));
}

static int compare(const struct ev_fold_table *t, const struct ev_fold_sorted *a, const struct ev_fold_sorted *b)
{
	const unsigned char *ka = ev_fold_kinds(t, a->row), *kb = ev_fold_kinds(t, b->row);
	int by = (a->head > b->head) - (a->head < b->head);

	for (size_t i = 0; i < t->nkey && !by; i++) {
		size_t c = t->key[i];

		by = ka[c] != kb[c] ? (ka[c] > kb[c]) - (ka[c] < kb[c]) : compare_slots(a->row, b->row, c, ka[c]);
	}
	return by;
}

static void swap(struct ev_fold_sorted *a, struct ev_fold_sorted *b)
{
	struct ev_fold_sorted t = *a;

	*a = *b;
	*b = t;
}

static void insertion_sort(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t j = i; j && compare(t, &v[j - 1], &v[j]) > 0; j--)
			swap(&v[j - 1], &v[j]);
}

static void sift(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t at, size_t n)
{
	for (size_t child; (child = at * 2 + 1) < n; at = child) {
		if (child + 1 < n && compare(t, &v[child], &v[child + 1]) < 0)
			child++;
		if (compare(t, &v[at], &v[child]) >= 0)
			return;
		swap(&v[at], &v[child]);
	}
}

static void heap_sort(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t n)
{
	for (size_t i = n / 2; i; i--)
		sift(t, v, i - 1, n);
	for (size_t i = n; i > 1; i--) {
		swap(&v[0], &v[i - 1]);
		sift(t, v, 0, i - 1);
	}
}

/* Quicksort; where the data is against it (`depth` is used up), heapsort. */
static void sort(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t n, int depth)
{
	while (n > FEW && depth-- > 0) {
		size_t i = 0, j = n - 1;
		struct ev_fold_sorted pivot;

		if (compare(t, &v[0], &v[n / 2]) > 0)
			swap(&v[0], &v[n / 2]);
		if (compare(t, &v[n / 2], &v[n - 1]) > 0)
			swap(&v[n / 2], &v[n - 1]);
		if (compare(t, &v[0], &v[n / 2]) > 0)
			swap(&v[0], &v[n / 2]);
		pivot = v[n / 2];
		for (;;) {
			while (compare(t, &v[i], &pivot) < 0)
				i++;
			while (compare(t, &v[j], &pivot) > 0)
				j--;
			if (i >= j)
				break;
			swap(&v[i++], &v[j--]);
		}
		sort(t, v, j + 1, depth);
		v += j + 1;
		n -= j + 1;
	}
	if (n > FEW)
		heap_sort(t, v, n);
	else
		insertion_sort(t, v, n);
}

/* How many bytes do all texts of this column begin with alike? */
static size_t common(const struct ev_fold_rows *rows, size_t c)
{
	const struct ev_fold_text *first = rows->v[0].row->v[c].text;
	size_t n = first->len;

	for (size_t i = 1; i < rows->n && n; i++) {
		const struct ev_fold_text *x = rows->v[i].row->v[c].text;
		size_t k = 0;

		if (x->len < n)
			n = x->len;
		while (k < n && x->bytes[k] == first->bytes[k])
			k++;
		n = k;
	}
	return n;
}

static uint64_t head_of(const struct ev_fold_text *x, size_t from)
{
	uint64_t head = 0;

	for (size_t i = from; i < from + 8; i++)
		head = head << 8 | (i < x->len ? (unsigned char)x->bytes[i] : 0);
	return head;
}

void ev_fold_sort(const struct ev_fold_table *t, struct ev_fold_rows *rows)
{
	size_t c = t->key[0], skip = 0;
	bool whole;

	if (rows->n < 2)
		return;
	whole = t->columns[c].class == EV_FC_INT;
	if (!whole)
		skip = common(rows, c);
	for (size_t i = 0; i < rows->n; i++) {
		const struct ev_fold_row *r = rows->v[i].row;

		rows->v[i].head = whole ? (uint64_t)r->v[c].i ^ (uint64_t)1 << 63 : head_of(r->v[c].text, skip);
	}
	sort(t, rows->v, rows->n, 64);
}
