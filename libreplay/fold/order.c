/*
 * order.c - rows in the order of their keys
 *
 * Sorted in place, as there may be as many as memory holds. What is compared is mostly eight bytes that stand
 * beside the pointer: of a whole number all of it, of texts what follows the beginning that all have in common.
 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "fold/internal.h"

#define FEW 12
#define DEPTH 64
#define SAMPLES 256
#define WORTH_A_THREAD 20000 /* rows */

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

/* Around the middle one of three; how many come before the rest. There are more than a few. */
static size_t part(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t n)
{
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
			return j + 1;
		swap(&v[i++], &v[j--]);
	}
}

/* Quicksort; where the data is against it (`depth` is used up), heapsort. */
static void sort(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t n, int depth)
{
	while (n > FEW && depth-- > 0) {
		size_t before = part(t, v, n);

		sort(t, v, before, depth);
		v += before;
		n -= before;
	}
	if (n > FEW)
		heap_sort(t, v, n);
	else
		insertion_sort(t, v, n);
}

/* Half of it for a second thread. */
struct share {
	const struct ev_fold_table *t;
	struct ev_fold_sorted *v;
	size_t n;
};

static void *sort_share(void *ctx)
{
	struct share *s = ctx;

	sort(s->t, s->v, s->n, DEPTH);
	return NULL;
}

static void sort_all(const struct ev_fold_table *t, struct ev_fold_sorted *v, size_t n)
{
	struct share share = { t, v, 0 };
	sigset_t all, old;
	pthread_t thread;
	bool two;

	if (n < WORTH_A_THREAD || sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		sort(t, v, n, DEPTH);
		return;
	}
	share.n = part(t, v, n);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old); /* signals are the caller's */
	two = pthread_create(&thread, NULL, sort_share, &share) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	sort(t, v + share.n, n - share.n, DEPTH);
	if (two)
		pthread_join(thread, NULL);
	else
		sort_share(&share);
}

/* How many bytes does the text begin with as the first one does? */
static size_t alike(const struct ev_fold_text *first, const struct ev_fold_text *x, size_t most)
{
	size_t k = 0;

	if (x->len < most)
		most = x->len;
	while (k < most && x->bytes[k] == first->bytes[k])
		k++;
	return k;
}

static uint64_t head_of(const struct ev_fold_text *x, size_t from)
{
	uint64_t head = 0;

	for (size_t i = from; i < from + 8; i++)
		head = head << 8 | (i < x->len ? (unsigned char)x->bytes[i] : 0);
	return head;
}

static void look_ahead(const struct ev_fold_rows *rows, size_t c, bool text, size_t i)
{
	if (i + 16 < rows->n)
		__builtin_prefetch(&rows->v[i + 16].row->v[c]);
	if (text && i + 8 < rows->n)
		__builtin_prefetch(rows->v[i + 8].row->v[c].text);
}

/* The shortest beginning, not above `skip`, that rows from `i` on, each `step`th, have in common with the first. */
static size_t common(const struct ev_fold_rows *rows, size_t c, size_t i, size_t step, size_t skip)
{
	const struct ev_fold_text *first = rows->v[0].row->v[c].text;

	for (; i < rows->n && skip; i += step) {
		look_ahead(rows, c, true, i);
		skip = alike(first, rows->v[i].row->v[c].text, skip);
	}
	return skip;
}

/*
 * Heads of texts: what follows the beginning that all have in common. Some are looked at to learn how long that
 * is; when one comes that has less of it, the others are asked, and all is done again.
 */
static void take_text_heads(struct ev_fold_rows *rows, size_t c)
{
	const struct ev_fold_text *first = rows->v[0].row->v[c].text;
	size_t skip = common(rows, c, 0, rows->n / SAMPLES + 1, first->len);

	for (size_t i = 0; i < rows->n; i++) {
		const struct ev_fold_text *x = rows->v[i].row->v[c].text;

		look_ahead(rows, c, true, i);
		rows->v[i].head = head_of(x, skip);
		if (alike(first, x, skip) < skip) {
			skip = common(rows, c, i, 1, skip);
			i = SIZE_MAX; /* and from the first on again */
		}
	}
}

void ev_fold_sort(const struct ev_fold_table *t, struct ev_fold_rows *rows)
{
	size_t c = t->key[0];

	if (rows->n < 2)
		return;
	if (t->columns[c].class != EV_FC_INT)
		take_text_heads(rows, c);
	for (size_t i = 0; t->columns[c].class == EV_FC_INT && i < rows->n; i++) {
		look_ahead(rows, c, false, i);
		rows->v[i].head = (uint64_t)rows->v[i].row->v[c].i ^ (uint64_t)1 << 63;
	}
	sort_all(t, rows->v, rows->n);
}
