/* lane.c - see lane.h */
#include "apply/lane.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"

#define WORTH_A_THREAD 2048 /* records at once */
#define AHEAD 24            /* pieces beyond the one that was asked for last: what the caches hold */
#define LEAST_BYTES ((size_t)1 << 20) /* of lists */

/* A batch. Pieces are numbered through all of them. */
struct feed {
	const struct ev_record *records;
	size_t n;
	uint64_t first, end; /* its pieces */
};

struct ev_lanes {
	struct ev_apply *own[2]; /* of each thread: what decodes, routes and binds */
	struct ev_lane_piece pieces[EV_LANE_PIECES];
	struct ev_fold_list *late;
	struct ev_lane_record late_one; /* in it */
	size_t most;             /* bytes of all lists; 0: any number */

	pthread_t thread;
	bool threaded, alone;    /* there is a second one; there shall be none */
	pthread_mutex_t lock;    /* of all below */
	pthread_cond_t work, done;
	struct feed feeds[2];    /* the batch at hand, and the one that comes behind it */
	size_t nfeeds;
	bool begun;              /* feeds[0] is at hand */
	uint64_t next;           /* piece that nobody has taken */
	uint64_t passed, asked;  /* pieces before it are done with; the last that was asked for */
	bool ready[EV_LANE_PIECES];
	size_t bytes[EV_LANE_PIECES]; /* of their lists, when they are ready */
	bool busy, ending;       /* the second thread has a piece; it is to end */
	ev_lanes_chore_fn chore; /* what else it may do */
	void *chore_ctx;
	bool at_chore;
};

/* An engine of which only the stages are used. */
static struct ev_apply *new_own(const struct ev_apply *a)
{
	struct ev_apply *o = ev_alloc(sizeof(*o));

	o->projection = a->projection;
	o->fold = a->fold;
	o->numbers = a->numbers;
	o->binds = ev_alloc(ev_projection_widest(a->projection) * sizeof(*o->binds));
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

/* `full`: what it is when the list has no room for it. `ignored`: one for all, as to clear it takes a while. */
static bool prepare_one(struct ev_apply *own, struct ev_fold_list *list, const struct ev_record *record,
			signed char full, struct ev_lane_record *r, struct ev_error *ignored)
{
	const int *handlers = NULL;
	int rc = 0;

	own->list = list;
	r->from = ev_fold_list_length(list);
	r->fate = (signed char)ev_record_route(own, record, &handlers, ignored);
	if (r->fate == EV_APPLIED)
		rc = ev_record_apply(own, 0, handlers, ignored);
	if (rc) {
		r->fate = rc < 0 ? EV_FATE_ERROR : full;
		ev_fold_list_cut(list, r->from);
	}
	if (ignored->class != EV_OK)
		*ignored = (struct ev_error)EV_ERROR_INIT;
	r->to = ev_fold_list_length(list);
	return rc <= 0;
}

static void prepare(struct ev_apply *own, struct ev_lane_piece *p, const struct ev_record *records, size_t n)
{
	struct ev_error ignored = EV_ERROR_INIT;
	size_t i = 0;

	ev_fold_list_clear(p->list);
	while (i < n && prepare_one(own, p->list, &records[i], EV_LANE_LATER, &p->records[i], &ignored))
		i++;
	for (; i < n; i++)
		p->records[i] = (struct ev_lane_record){ ev_fold_list_length(p->list), ev_fold_list_length(p->list),
							 EV_LANE_LATER };
}

const struct ev_lane_record *ev_lanes_late(struct ev_lanes *l, const struct ev_record *record,
					   const struct ev_fold_list **list)
{
	struct ev_error ignored = EV_ERROR_INIT;

	ev_fold_list_clear(l->late);
	prepare_one(l->own[0], l->late, record, EV_FATE_ERROR, &l->late_one, &ignored);
	*list = l->late;
	return &l->late_one;
}

static uint64_t end_of_all(const struct ev_lanes *l)
{
	return l->nfeeds ? l->feeds[l->nfeeds - 1].end : 0;
}

/* Under the lock. */
static size_t bytes_of(const struct ev_lanes *l)
{
	size_t sum = 0;

	for (uint64_t i = l->passed; i < l->next; i++)
		sum += l->ready[i % EV_LANE_PIECES] ? l->bytes[i % EV_LANE_PIECES] : 0;
	return sum;
}

/* Pieces that are not asked for any more. */
static void pass(struct ev_lanes *l, uint64_t to)
{
	for (; l->passed < to; l->passed++)
		if (l->bytes[l->passed % EV_LANE_PIECES] > l->most / EV_LANE_PIECES)
			ev_fold_list_clear(l->pieces[l->passed % EV_LANE_PIECES].list);
}

static bool has_next(const struct ev_lanes *l, uint64_t most)
{
	return l->next < end_of_all(l) && l->next < l->passed + EV_LANE_PIECES && l->next <= most;
}

/* Under the lock, which is given back meanwhile. */
static void take_next(struct ev_lanes *l, struct ev_apply *own)
{
	uint64_t i = l->next++;
	const struct feed *f = &l->feeds[i >= l->feeds[0].end];
	size_t at = (size_t)(i - f->first) * EV_LANE_PIECE, n = f->n - at < EV_LANE_PIECE ? f->n - at : EV_LANE_PIECE;
	const struct ev_record *records = f->records + at;

	l->ready[i % EV_LANE_PIECES] = false;
	pthread_mutex_unlock(&l->lock);
	prepare(own, &l->pieces[i % EV_LANE_PIECES], records, n);
	pthread_mutex_lock(&l->lock);
	l->ready[i % EV_LANE_PIECES] = true;
	l->bytes[i % EV_LANE_PIECES] = ev_fold_list_bytes(l->pieces[i % EV_LANE_PIECES].list);
}

/* Nobody goes further ahead where the lists take so much. */
static bool is_full(const struct ev_lanes *l)
{
	return l->most && bytes_of(l) >= l->most;
}

static bool may_go_on(const struct ev_lanes *l)
{
	return has_next(l, l->asked + AHEAD) && !is_full(l);
}

/* Under the lock, which is given back meanwhile. False: there is nothing to do. */
static bool do_chore(struct ev_lanes *l)
{
	ev_lanes_chore_fn fn = l->chore;
	void *ctx = l->chore_ctx;
	bool did;

	if (!fn)
		return false;
	l->at_chore = true;
	pthread_mutex_unlock(&l->lock);
	did = fn(ctx);
	pthread_mutex_lock(&l->lock);
	l->at_chore = false;
	pthread_cond_signal(&l->done);
	return did;
}

static void *second(void *ctx)
{
	struct ev_lanes *l = ctx;

	pthread_mutex_lock(&l->lock);
	while (!l->ending) {
		if (!may_go_on(l)) {
			if (!do_chore(l) && !l->ending && !may_go_on(l))
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
	if (a->opt.memory)
		l->most = a->opt.memory / 8 > LEAST_BYTES ? a->opt.memory / 8 : LEAST_BYTES;
	for (size_t i = 0; i < EV_LANE_PIECES; i++) {
		l->pieces[i].list = ev_fold_list_new(a->fold);
		ev_fold_list_limit(l->pieces[i].list, l->most / 4);
	}
	l->late = ev_fold_list_new(a->fold);
	ev_fold_list_limit(l->late, l->most * 4);
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
	ev_fold_list_free(l->late);
	free_own(l->own[0]);
	free_own(l->own[1]);
	free(l);
}

/* Nothing is at hand, nothing ahead. */
static void reset(struct ev_lanes *l)
{
	if (l->nfeeds) /* else it stands there: numbers never begin again, as what is passed bounds them */
		l->next = end_of_all(l);
	while (l->busy)
		pthread_cond_wait(&l->done, &l->lock);
	pass(l, l->next);
	l->asked = l->next;
	l->nfeeds = 0;
	l->begun = false;
}

static void add_feed(struct ev_lanes *l, const struct ev_record *records, size_t n)
{
	uint64_t first = l->nfeeds ? end_of_all(l) : l->next;

	l->feeds[l->nfeeds++] = (struct feed){ records, n, first, first + (n + EV_LANE_PIECE - 1) / EV_LANE_PIECE };
	if (l->threaded)
		pthread_cond_signal(&l->work);
}

bool ev_lanes_ahead(struct ev_lanes *l, const struct ev_record *records, size_t n)
{
	bool some;

	if (n >= WORTH_A_THREAD && !l->threaded && !l->alone)
		start(l);
	pthread_mutex_lock(&l->lock);
	some = l->threaded && n && l->nfeeds < 2;
	if (some)
		add_feed(l, records, n);
	pthread_mutex_unlock(&l->lock);
	return some;
}

void ev_lanes_begin(struct ev_lanes *l, const struct ev_record *records, size_t n)
{
	if (n >= WORTH_A_THREAD && !l->threaded && !l->alone)
		start(l);
	pthread_mutex_lock(&l->lock);
	if (l->begun || !l->nfeeds || l->feeds[0].records != records || l->feeds[0].n != n) {
		reset(l);
		add_feed(l, records, n);
	}
	l->begun = true;
	pthread_mutex_unlock(&l->lock);
}

const struct ev_lane_piece *ev_lanes_piece(struct ev_lanes *l, size_t i)
{
	uint64_t number;

	pthread_mutex_lock(&l->lock);
	number = l->feeds[0].first + i;
	if (number > l->asked)
		l->asked = number;
	while (number >= l->next || !l->ready[number % EV_LANE_PIECES]) {
		if (has_next(l, is_full(l) ? number : UINT64_MAX))
			take_next(l, l->own[0]);
		else
			pthread_cond_wait(&l->done, &l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return &l->pieces[number % EV_LANE_PIECES];
}

void ev_lanes_passed(struct ev_lanes *l, size_t i)
{
	pthread_mutex_lock(&l->lock);
	pass(l, l->feeds[0].first + i);
	if (l->threaded && !l->busy && may_go_on(l))
		pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
}

void ev_lanes_end(struct ev_lanes *l)
{
	pthread_mutex_lock(&l->lock);
	if (l->nfeeds < 2 || l->next < l->feeds[0].end || (l->busy && l->next == l->feeds[0].end)) {
		reset(l);
	} else {
		pass(l, l->feeds[0].end);
		l->feeds[0] = l->feeds[1];
		l->nfeeds = 1;
		l->begun = false;
	}
	pthread_mutex_unlock(&l->lock);
}

void ev_lanes_forget(struct ev_lanes *l)
{
	pthread_mutex_lock(&l->lock);
	reset(l);
	pthread_mutex_unlock(&l->lock);
}

void ev_lanes_chore(struct ev_lanes *l, ev_lanes_chore_fn fn, void *ctx)
{
	pthread_mutex_lock(&l->lock);
	l->chore = fn;
	l->chore_ctx = ctx;
	while (l->at_chore)
		pthread_cond_wait(&l->done, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

size_t ev_lanes_bytes(struct ev_lanes *l)
{
	size_t bytes;

	pthread_mutex_lock(&l->lock);
	bytes = bytes_of(l);
	pthread_mutex_unlock(&l->lock);
	return bytes;
}

bool ev_lanes_full(struct ev_lanes *l)
{
	bool full;

	pthread_mutex_lock(&l->lock);
	full = is_full(l);
	pthread_mutex_unlock(&l->lock);
	return full;
}
