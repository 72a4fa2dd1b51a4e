/* watch.c - see watch.h */
#include "base/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

enum { TURN_MS = 100 };

struct watch { /* of both threads; the one that is done with it last frees it */
	void (*call)(void *ctx);
	void *ctx;
	pthread_mutex_t lock;
	pthread_cond_t back;
	bool done, alone; /* the call is back; nobody waits for it any more */
};

static void watch_free(struct watch *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->back);
	free(w);
}

static void *run(void *arg)
{
	struct watch *w = arg;
	bool alone;

	w->call(w->ctx);
	pthread_mutex_lock(&w->lock);
	w->done = true;
	alone = w->alone;
	pthread_cond_signal(&w->back);
	pthread_mutex_unlock(&w->lock);
	if (alone)
		watch_free(w);
	return NULL;
}

static struct watch *watch_new(void (*call)(void *), void *ctx)
{
	struct watch *w = ev_alloc(sizeof(*w));
	pthread_condattr_t attr;

	w->call = call;
	w->ctx = ctx;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->back, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

/* Signals are the caller's. */
static bool start(struct watch *w, pthread_t *thread)
{
	sigset_t all, before;
	bool started;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = !pthread_create(thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

static void wait_ms(struct watch *w, int64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!w->done && !pthread_cond_timedwait(&w->back, &w->lock, &until))
		;
}

bool ev_watch(void (*call)(void *ctx), void *ctx, int64_t timeout_ms, bool (*over)(void *asked), void *asked)
{
	struct watch *w = watch_new(call, ctx);
	int64_t until = ev_clock_ms() + timeout_ms, left = timeout_ms;
	pthread_t thread;
	bool done;

	if (!start(w, &thread)) { /* no thread to be had: unwatched is better than not at all */
		call(ctx);
		watch_free(w);
		return true;
	}
	pthread_mutex_lock(&w->lock);
	for (; !w->done && left > 0 && !(over && over(asked)); left = until - ev_clock_ms())
		wait_ms(w, over && left > TURN_MS ? TURN_MS : left);
	done = w->done;
	w->alone = !done;
	pthread_mutex_unlock(&w->lock);
	if (!done) {
		pthread_detach(thread);
		return false;
	}
	pthread_join(thread, NULL);
	watch_free(w);
	return true;
}
