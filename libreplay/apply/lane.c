/* lane.c - see lane.h */
#include "apply/lane.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"

#define WORTH_A_THREAD 2048 /* records at once */

struct ev_lanes {
	struct ev_apply *own[2]; /* of each thread: what decodes, routes and binds */
	struct ev_lane_piece pieces[EV_LANE_PIECES];
	const struct ev_record *records;
	size_t n, npieces;

	pthread_t thread;
	bool threaded, alone;    /* there is a second one; there shall be none */
	pthread_mutex_t lock;    /* of all below */
	pthread_cond_t work, done;
	size_t next;             /* piece that nobody has taken */
	bool ready[EV_LANE_PIECES];
	bool busy, ending;       /* the second thread has a piece; it is to end */
};

/* An engine of which only the stages are used. */
static struct ev_apply *new_own(const struct ev_apply *a)
{
	struct ev_apply *o = ev_alloc(sizeof(*o));
	size_t widest = 1;

	for (size_t h = 0; h < a->projection->nhandlers; h++)
		for (size_t i = 0; i < a->projection->handlers[h].nstatements; i++)
			if (a->projection->handlers[h].statements[i].nparams > widest)
				widest = a->projection->handlers[h].statements[i].nparams;
	o->projection = a->projection;
	o->fold = a->fold;
	o->numbers = a->numbers;
	o->binds = ev_alloc(widest * sizeof(*o->binds));
	o->match = ev_match_new(a->projection);
	o->decoder = ev_decoder_json();
	ev_event_init(&o->event, a->projection);
	o->way = EV_BY_LIST;
	return o;
}

static void free_own(struct ev_apply *o)
{
	free(o->binds);
	ev_match_free(o->match);
	o->decoder->ops->free(o->decoder);
	ev_event_release(&o->event);
	free(o);
}

static void prepare(struct ev_apply *own, struct ev_lane_piece *p, const struct ev_record *records, size_t n)
{
	ev_fold_list_clear(p->list);
	own->list = p->list;
	for (size_t i = 0; i < n; i++) {
		struct ev_lane_record *r = &p->records[i];
		struct ev_error ignored = EV_ERROR_INIT;
		const int *handlers = NULL;

		r->from = ev_fold_list_length(p->list);
		r->fate = (signed char)ev_record_route(own, &records[i], &handlers, &ignored);
		if (r->fate == EV_APPLIED && ev_record_apply(own, 0, handlers, &ignored) < 0)
			r->fate = EV_FATE_ERROR;
		r->to = ev_fold_list_length(p->list);
	}
}

static void prepare_piece(struct ev_lanes *l, struct ev_apply *own, size_t i)
{
	size_t at = i * EV_LANE_PIECE;

	prepare(own, &l->pieces[i], l->records + at, l->n - at < EV_LANE_PIECE ? l->n - at : EV_LANE_PIECE);
}

/* Under the lock, which is given back meanwhile. */
static void take_next(struct ev_lanes *l, struct ev_apply *own)
{
	size_t i = l->next++;

	pthread_mutex_unlock(&l->lock);
	prepare_piece(l, own, i);
	pthread_mutex_lock(&l->lock);
	l->ready[i] = true;
}

static void *second(void *ctx)
{
	struct ev_lanes *l = ctx;

	pthread_mutex_lock(&l->lock);
	while (!l->ending) {
		if (l->next >= l->npieces) {
			pthread_cond_wait(&l->work, &l->lock);
			continue;
		}
		l->busy = true;
		take_next(l, l->own[1]);
		l->busy = false;
		pthread_cond_signal(&l->done);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* Signals are the caller's. Without a thread it goes on alone. */
static void start(struct ev_lanes *l)
{
	sigset_t all, old;

	l->alone = true;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	l->threaded = pthread_create(&l->thread, NULL, second, l) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	l->alone = !l->threaded;
}

struct ev_lanes *ev_lanes_new(struct ev_apply *a)
{
	struct ev_lanes *l = ev_alloc(sizeof(*l));

	l->own[0] = new_own(a);
	l->own[1] = new_own(a);
	for (size_t i = 0; i < EV_LANE_PIECES; i++)
		l->pieces[i].list = ev_fold_list_new(a->fold);
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->work, NULL);
	pthread_cond_init(&l->done, NULL);
	return l;
}

void ev_lanes_free(struct ev_lanes *l)
{
	if (!l)
		return;
	if (l->threaded) {
		pthread_mutex_lock(&l->lock);
		l->ending = true;
		pthread_cond_signal(&l->work);
		pthread_mutex_unlock(&l->lock);
		pthread_join(l->thread, NULL);
	}
	pthread_cond_destroy(&l->work);
	pthread_cond_destroy(&l->done);
	pthread_mutex_destroy(&l->lock);
	for (size_t i = 0; i < EV_LANE_PIECES; i++)
		ev_fold_list_free(l->pieces[i].list);
	free_own(l->own[0]);
	free_own(l->own[1]);
	free(l);
}

void ev_lanes_begin(struct ev_lanes *l, const struct ev_record *records, size_t n)
{
	if (n >= WORTH_A_THREAD && !l->threaded && !l->alone)
		start(l);
	pthread_mutex_lock(&l->lock);
	l->records = records;
	l->n = n;
	l->npieces = (n + EV_LANE_PIECE - 1) / EV_LANE_PIECE;
	l->next = 0;
	memset(l->ready, 0, sizeof(l->ready));
	if (l->threaded && l->npieces > 1)
		pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
}

const struct ev_lane_piece *ev_lanes_piece(struct ev_lanes *l, size_t i)
{
	pthread_mutex_lock(&l->lock);
	while (!l->ready[i]) {
		if (l->next < l->npieces)
			take_next(l, l->own[0]);
		else
			pthread_cond_wait(&l->done, &l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return &l->pieces[i];
}

void ev_lanes_end(struct ev_lanes *l)
{
	pthread_mutex_lock(&l->lock);
	l->next = l->npieces = 0;
	while (l->busy)
		pthread_cond_wait(&l->done, &l->lock);
	pthread_mutex_unlock(&l->lock);
}
