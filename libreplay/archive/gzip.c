/* gzip.c - see gzip.h */
#include "archive/gzip.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

#define KEEP (8u << 20) /* a buffer that a long record has made larger is given back */

/* Jobs are a ring: [taken, submitted) are under way, of them [taken, started) are packed or done. */
struct slot {
	struct ev_gzip_job job;
	bool packed;
};

struct ev_gzip {
	int level;
	struct slot *ring;
	size_t size;
	uint64_t taken, started, submitted;
	pthread_mutex_t lock;
	pthread_cond_t work, ready;
	bool stop;
	pthread_t *threads;
	int nthreads;
	z_stream z; /* of the calling thread */
};

static void begin(z_stream *z, int level)
{
	*z = (z_stream){ 0 };
	/* 15 bits of window, plus 16: a gzip header */
	if (deflateInit2(z, level, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* memory is out */
}

/* zlib counts a piece in 32 bits. */
static uInt piece(size_t left)
{
	return left > (1u << 30) ? 1u << 30 : (uInt)left;
}

static void pack(z_stream *z, struct ev_gzip_job *job)
{
	struct ev_buf *out = &job->packed;
	const char *end = job->lines.data + job->lines.len;
	int rc = Z_OK;

	deflateReset(z);
	ev_buf_clear(out);
	z->next_in = (unsigned char *)job->lines.data;
	while (rc != Z_STREAM_END && ev_buf_reserve(out, job->lines.len / 4 + 4096)) {
		uInt room = piece(out->cap - out->len - 1);
		size_t left = (size_t)(end - (const char *)z->next_in);

		z->next_out = (unsigned char *)out->data + out->len;
		z->avail_out = room;
		z->avail_in = piece(left);
		rc = deflate(z, z->avail_in == left ? Z_FINISH : Z_NO_FLUSH);
		out->len += room - z->avail_out;
	}
	job->member.size = (int64_t)job->lines.len;
	job->member.bytes = (int64_t)out->len;
	job->member.crc = (uint32_t)crc32_z(0, (unsigned char *)out->data, out->len);
}

static void *work(void *arg)
{
	struct ev_gzip *g = arg;
	z_stream z;

	begin(&z, g->level);
	pthread_mutex_lock(&g->lock);
	for (;;) {
		struct slot *s;

		while (g->started == g->submitted && !g->stop)
			pthread_cond_wait(&g->work, &g->lock);
		if (g->stop)
			break;
		s = &g->ring[g->started++ % g->size];
		pthread_mutex_unlock(&g->lock);
		pack(&z, &s->job);
		pthread_mutex_lock(&g->lock);
		s->packed = true;
		pthread_cond_signal(&g->ready);
	}
	pthread_mutex_unlock(&g->lock);
	deflateEnd(&z);
	return NULL;
}

struct ev_gzip *ev_gzip_new(int level, int threads, struct ev_error *err)
{
	struct ev_gzip *g = ev_alloc(sizeof(*g));

	g->level = level;
	g->size = threads ? 2 * (size_t)threads : 1;
	g->ring = ev_alloc(g->size * sizeof(*g->ring));
	g->threads = ev_alloc(((size_t)threads + 1) * sizeof(*g->threads));
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->work, NULL);
	pthread_cond_init(&g->ready, NULL);
	begin(&g->z, level);
	for (; g->nthreads < threads; g->nthreads++) {
		int e = pthread_create(&g->threads[g->nthreads], NULL, work, g);

		if (e) {
			ev_fail(err, EV_STORE, "cannot start a thread: %s", strerror(e));
			ev_gzip_free(g);
			return NULL;
		}
	}
	return g;
}

void ev_gzip_free(struct ev_gzip *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_broadcast(&g->work);
	pthread_mutex_unlock(&g->lock);
	for (int i = 0; i < g->nthreads; i++)
		pthread_join(g->threads[i], NULL);
	for (size_t i = 0; i < g->size; i++) {
		ev_buf_release(&g->ring[i].job.lines);
		ev_buf_release(&g->ring[i].job.empty);
		ev_buf_release(&g->ring[i].job.packed);
	}
	deflateEnd(&g->z);
	pthread_cond_destroy(&g->work);
	pthread_cond_destroy(&g->ready);
	pthread_mutex_destroy(&g->lock);
	free(g->threads);
	free(g->ring);
	free(g);
}

struct ev_gzip_job *ev_gzip_job(struct ev_gzip *g)
{
	if (g->submitted - g->taken == g->size) /* both are ours alone */
		return NULL;
	return &g->ring[g->submitted % g->size].job;
}

void ev_gzip_submit(struct ev_gzip *g, struct ev_gzip_job *job)
{
	struct slot *s = &g->ring[g->submitted % g->size];

	if (!g->nthreads) {
		pack(&g->z, job);
		s->packed = true;
		g->submitted++;
		return;
	}
	pthread_mutex_lock(&g->lock);
	s->packed = false;
	g->submitted++;
	pthread_cond_signal(&g->work);
	pthread_mutex_unlock(&g->lock);
}

struct ev_gzip_job *ev_gzip_take(struct ev_gzip *g)
{
	struct slot *s = &g->ring[g->taken % g->size];

	if (g->taken == g->submitted)
		return NULL;
	pthread_mutex_lock(&g->lock);
	while (!s->packed)
		pthread_cond_wait(&g->ready, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return &s->job;
}

static void empty_buf(struct ev_buf *b)
{
	if (b->cap > KEEP || b->failed)
		ev_buf_release(b);
	ev_buf_clear(b);
}

void ev_gzip_done(struct ev_gzip *g, struct ev_gzip_job *job)
{
	empty_buf(&job->lines);
	empty_buf(&job->empty);
	empty_buf(&job->packed);
	g->taken++;
}
