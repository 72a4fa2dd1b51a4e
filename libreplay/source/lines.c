/* lines.c - see lines.h */
#include "source/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static struct ev_block *pool_get(struct ev_pool *pool)
{
	struct ev_block *b = pool->free;

	if (b) {
		pool->free = b->next;
		return b;
	}
	EV_GROW(pool->all, pool->n, pool->cap);
	b = ev_alloc(sizeof(*b));
	b->decoded = ev_line_reader_new();
	ev_line_reader_keep(b->decoded, true);
	pool->all[pool->n++] = b;
	return b;
}

void ev_pool_put(struct ev_pool *pool, struct ev_block *b)
{
	if (b->cap > 4 * pool->block_size) { /* grown by a long line */
		free(b->data);
		b->data = NULL;
		b->cap = 0;
	}
	ev_line_reader_reset(b->decoded);
	b->len = 0;
	b->nrecords = 0;
	b->next = pool->free;
	pool->free = b;
}

void ev_pool_release(struct ev_pool *pool)
{
	for (size_t i = 0; i < pool->n; i++) {
		ev_line_reader_free(pool->all[i]->decoded);
		free(pool->all[i]->records);
		free(pool->all[i]->data);
		free(pool->all[i]);
	}
	free(pool->all);
	pool->all = NULL;
	pool->free = NULL;
	pool->n = pool->cap = 0;
}

/* Make the block hold `want` bytes; false when memory is out. */
static bool make_room(struct ev_block *b, size_t want, size_t block_size)
{
	size_t cap = b->cap < block_size ? block_size : b->cap;
	char *data;

	if (want <= b->cap)
		return true;
	while (cap < want)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return false;
	b->data = data;
	b->cap = cap;
	return true;
}

void ev_lines_begin(struct ev_lines *l, struct ev_input *in, struct ev_pool *pool, size_t max)
{
	struct ev_block *block = l->block;

	if (block)
		block->len = 0;
	*l = (struct ev_lines){ .in = in, .pool = pool, .max = max };
	l->block = block ? block : pool_get(pool);
}

static int fail_memory(struct ev_lines *l, size_t n)
{
	l->failed = true;
	return ev_fail(&l->err, EV_SOURCE, "out of memory in a line of %zu bytes", n);
}

static int fail_long(struct ev_lines *l)
{
	l->failed = true;
	return ev_fail(&l->err, EV_DATA, "a line longer than %zu bytes", l->max);
}

/* The LF that ends the next line; NULL when it is not there, or the line is too long. */
static const char *find_end(struct ev_lines *l)
{
	const struct ev_block *b = l->block;
	const char *end = l->scanned < b->len ?
				  memchr(b->data + l->scanned, '\n', b->len - l->scanned) : NULL;

	l->scanned = end ? (size_t)(end - b->data) : b->len;
	if (end && l->scanned - l->at > l->max) {
		fail_long(l);
		return NULL;
	}
	return end;
}

static int read_more(struct ev_lines *l, int timeout_ms)
{
	struct ev_block *b = l->block;
	long n;

	if (b->len - l->at > l->max)
		return fail_long(l);
	if (!make_room(b, b->len + 1, l->pool->block_size))
		return fail_memory(l, b->len - l->at);
	n = ev_input_read(l->in, b->data + b->len, b->cap - b->len, timeout_ms, &l->err);
	if (n == EV_INPUT_END)
		l->eof = true;
	else if (n > 0)
		b->len += (size_t)n;
	return n < 0 ? (int)n : 0;
}

enum ev_fetch ev_lines_fill(struct ev_lines *l, int timeout_ms, struct ev_error *err)
{
	while (!find_end(l)) {
		int rc;

		if (l->failed) {
			*err = l->err;
			return EV_FETCH_ERROR;
		}
		if (l->eof)
			return l->at < l->block->len ? EV_FETCH_SOME : EV_FETCH_DONE;
		rc = read_more(l, timeout_ms);
		if (rc == EV_INPUT_WAIT)
			return EV_FETCH_WAIT;
		l->failed = rc < 0;
	}
	return EV_FETCH_SOME;
}

bool ev_lines_next(struct ev_lines *l, struct ev_slice *line, bool *whole)
{
	const char *end = find_end(l);
	size_t len;

	if (!end && (!l->eof || l->at == l->block->len))
		return false;
	len = (end ? (size_t)(end - l->block->data) : l->block->len) - l->at;
	*line = ev_slice(l->block->data + l->at, len);
	*whole = end != NULL;
	l->at += len + (end ? 1 : 0);
	l->scanned = l->at;
	l->number++;
	return true;
}

struct ev_block *ev_lines_take(struct ev_lines *l)
{
	struct ev_block *taken = l->block, *b = pool_get(l->pool);
	size_t rest = taken->len - l->at;

	l->block = b;
	if (!make_room(b, rest, l->pool->block_size)) {
		fail_memory(l, rest);
		rest = 0;
	}
	if (rest)
		memcpy(b->data, taken->data + l->at, rest);
	b->len = rest;
	l->scanned = rest ? l->scanned - l->at : 0;
	l->at = 0;
	return taken;
}
