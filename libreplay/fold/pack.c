/*
 * pack.c - rows on their way out: their values side by side, made ready by a second thread
 *
 * Rows come from all over memory, and the store takes its time for each. So where there are many, a second thread
 * goes ahead and copies their values into blocks, a few at most, which the first one hands to the store in order.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "fold/internal.h"

#define ROWS 128                 /* in a block, at most */
#define BLOCKS 8
#define WORTH_A_THREAD 5000      /* rows */
#define TEXTS ((size_t)32 << 10) /* bytes of a block, where a row does not need more */

struct block {
	struct ev_bind *binds;
	struct ev_fold_row *rows[ROWS];
	struct ev_buf texts;
	size_t n;
};

struct ev_fold_pack {
	const struct ev_fold_table *t;
	struct block blocks[BLOCKS];
	size_t from, at; /* the next row to be packed; the row at hand, in its block */

	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t more, room;
	size_t made, taken; /* blocks, all in all; the one at hand is taken when the next is asked for */
	bool ended, stopped; /* no row is left; nobody wants any */
};

/* A row that the store does not have yet. */
bool ev_fold_is_new(const struct ev_fold_row *row)
{
	return row->dirty && row->state == EV_ROW_PRESENT && !row->stored;
}

void ev_fold_look_ahead(const struct ev_fold_rows *rows, const struct ev_fold_table *t, size_t i)
{
	if (i + 16 < rows->n) {
		__builtin_prefetch(rows->v[i + 16].row);
		__builtin_prefetch((const char *)rows->v[i + 16].row + 64);
	}
	if (i + 8 >= rows->n)
		return;
	for (size_t c = 0; c < t->ncolumns; c++) {
		unsigned char kind = ev_fold_kinds(t, rows->v[i + 8].row)[c];

		if (ev_fv_has_text(kind))
			__builtin_prefetch(rows->v[i + 8].row->v[c].text);
	}
}

static bool has_room(const struct ev_fold_pack *p, struct block *b, const struct ev_fold_row *row)
{
	size_t need = b->texts.len + row->bytes + p->t->ncolumns * EV_FOLD_DIGITS + 1;

	if (need <= b->texts.cap)
		return true;
	if (b->n) /* what is packed points to where it is */
		return false;
	ev_buf_reserve(&b->texts, need < TEXTS ? TEXTS : need);
	return true;
}

static void pack_row(const struct ev_fold_table *t, struct block *b, const struct ev_fold_row *row)
{
	struct ev_bind *bind = b->binds + b->n * t->ncolumns;

	for (size_t c = 0; c < t->ncolumns; c++) {
		struct ev_fv v = ev_fold_get(t, row, c);

		bind[c] = ev_fold_bind(&v, &b->texts);
		if (!ev_fv_has_text(v.kind))
			continue;
		memcpy(b->texts.data + b->texts.len, v.text.ptr, v.text.len);
		bind[c].text.ptr = b->texts.data + b->texts.len;
		b->texts.len += v.text.len;
	}
}

/* False: there is no row left. */
static bool fill(struct ev_fold_pack *p, struct block *b)
{
	const struct ev_fold_rows *rows = &p->t->dirty;

	b->n = 0;
	ev_buf_clear(&b->texts);
	for (; p->from < rows->n && b->n < ROWS; p->from++) {
		struct ev_fold_row *row = rows->v[p->from].row;

		ev_fold_look_ahead(rows, p->t, p->from);
		if (!ev_fold_is_new(row))
			continue;
		if (!has_room(p, b, row))
			break;
		pack_row(p->t, b, row);
		row->dirty = false;
		row->stored = true;
		b->rows[b->n++] = row;
	}
	return b->n;
}

static void *fill_all(void *ctx)
{
	struct ev_fold_pack *p = ctx;

	pthread_mutex_lock(&p->lock);
	while (!p->ended && !p->stopped) {
		size_t made = p->made;
		bool some;

		if (made - p->taken == BLOCKS) {
			pthread_cond_wait(&p->room, &p->lock);
			continue;
		}
		pthread_mutex_unlock(&p->lock);
		some = fill(p, &p->blocks[made % BLOCKS]);
		pthread_mutex_lock(&p->lock);
		p->made += some;
		p->ended = !some;
		pthread_cond_signal(&p->more);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are the caller's. Without a thread it is done row by row. */
static void start(struct ev_fold_pack *p)
{
	sigset_t all, old;

	if (p->t->dirty.n < WORTH_A_THREAD || sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	p->threaded = pthread_create(&p->thread, NULL, fill_all, p) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct ev_fold_pack *ev_fold_pack_new(const struct ev_fold_table *t)
{
	struct ev_fold_pack *p = ev_alloc(sizeof(*p));

	p->t = t;
	for (size_t i = 0; i < BLOCKS; i++)
		p->blocks[i].binds = ev_alloc(ROWS * t->ncolumns * sizeof(*p->blocks[i].binds));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	pthread_cond_init(&p->room, NULL);
	start(p);
	return p;
}

/* On to the next block; false: there is none. */
static bool turn(struct ev_fold_pack *p)
{
	bool some;

	if (!p->threaded) {
		some = !p->ended && fill(p, &p->blocks[p->made % BLOCKS]);
		p->ended = !some;
		p->made += some;
		return some;
	}
	pthread_mutex_lock(&p->lock);
	while (p->made == p->taken && !p->ended)
		pthread_cond_wait(&p->more, &p->lock);
	some = p->made != p->taken;
	pthread_mutex_unlock(&p->lock);
	return some;
}

/* The block at hand is done with. */
static void pass(struct ev_fold_pack *p)
{
	pthread_mutex_lock(&p->lock);
	p->taken++;
	pthread_cond_signal(&p->room);
	pthread_mutex_unlock(&p->lock);
	p->at = 0;
}

const struct ev_bind *ev_fold_pack_next(struct ev_fold_pack *p, const struct ev_fold_row **row)
{
	struct block *b = &p->blocks[p->taken % BLOCKS];

	if (p->at && p->at == b->n) {
		pass(p);
		b = &p->blocks[p->taken % BLOCKS];
	}
	if (!p->at && !turn(p))
		return NULL;
	*row = b->rows[p->at];
	return b->binds + p->at++ * p->t->ncolumns;
}

void ev_fold_pack_free(struct ev_fold_pack *p)
{
	if (p->threaded) {
		pthread_mutex_lock(&p->lock);
		p->stopped = true;
		pthread_cond_signal(&p->room);
		pthread_mutex_unlock(&p->lock);
		pthread_join(p->thread, NULL);
	}
	pthread_cond_destroy(&p->room);
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	for (size_t i = 0; i < BLOCKS; i++) {
		free(p->blocks[i].binds);
		ev_buf_release(&p->blocks[i].texts);
	}
	free(p);
}
