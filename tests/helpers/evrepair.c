/*
 * evrepair.c - a view is changed by another while evverify --repair --yes is at work on it: evrepair FILE STORE LOG SQL
 *
 * How often a run asks whether it is to stop depends on the log alone. So a run without the repair counts that, and at
 * the last time but one of them, when it is known which rows are wrong and their causes are sought, the second
 * run has `SQL` done to the store. Prints what the repair says; ends with its status.
 */
#include <stdio.h>
#include <stdlib.h>

#include "projection/projection.h"
#include "source/spec.h"
#include "verify/verify.h"

struct asked {
	const char *store, *sql;
	long n, at;
};

static void die(const struct ev_error *err)
{
	fprintf(stderr, "evrepair: %s\n", err->text);
	exit(70);
}

static bool asked(void *ctx)
{
	struct asked *a = ctx;
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s;

	if (++a->n != a->at)
		return false;
	s = ev_store_open(a->store, &opt, &err);
	if (!s || s->ops->script(s, a->sql, &err) < 0)
		die(&err);
	s->ops->close(s);
	return false;
}

static int verify(char **argv, bool now, struct asked *a)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_verify_options opt = {
		.url = argv[2], .store = &so, .rows = true, .sample = 1, .max_diffs = 5, .memory = 64u << 20,
		.max_lag = -1, .max_age_ms = -1, .repair = true, .repair_now = now, .max_repair = 100,
		.scratch = getenv("EV_SCRATCH"),
	};
	struct ev_verify_hooks hooks = { .ctx = a, .stop = asked };
	struct ev_source_spec spec = EV_SOURCE_SPEC_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_load(argv[1], &err);
	struct ev_source *src = NULL;
	struct ev_verdict v;
	int status;

	spec.need_headers = true;
	if (p && ev_source_spec_add(&spec, argv[3], &err) == 0)
		src = ev_source_open(&spec, &err);
	if (!src || ev_verify(p, src, &opt, &hooks, &v, &err) < 0)
		die(&err);
	status = ev_verdict_status(&v, &err);
	if (now)
		printf("%s\n", err.text);
	ev_verdict_release(&v);
	src->ops->close(src);
	ev_source_spec_release(&spec);
	ev_projection_free(p);
	return status;
}

int main(int argc, char **argv)
{
	struct asked a = { 0 };

	if (argc != 5)
		return 2;
	a.store = argv[2];
	a.sql = argv[4];
	verify(argv, false, &a);
	a.at = a.n;
	a.n = 0;
	return verify(argv, true, &a);
}
