/* store_options.c - see store_options.h */
#include "common/store_options.h"

void ev_store_args_init(struct ev_store_args *a)
{
	a->lock_wait_ms = 10000;
	a->timeout_ms = 30000;
}

int ev_store_args_check(const struct ev_store_args *a, struct ev_error *err)
{
	if (a->url)
		return 0;
	ev_fail(err, EV_USAGE, "which store?");
	return ev_hint(err, "name the database with --store, for example --store view.db");
}

void ev_store_args_options(const struct ev_store_args *a, struct ev_store_options *opt)
{
	*opt = (struct ev_store_options)EV_STORE_OPTIONS_INIT;
	opt->lock_wait_ms = (int)a->lock_wait_ms;
	opt->timeout_ms = (int)a->timeout_ms;
	opt->schema = a->schema;
	opt->give_up = ev_stopped;
}

struct ev_store *ev_store_args_open(const struct ev_store_args *a, bool read_only,
				    struct ev_error *err)
{
	struct ev_store_options opt;

	if (ev_store_args_check(a, err))
		return NULL;
	ev_store_args_options(a, &opt);
	opt.read_only = read_only;
	return ev_store_open(a->url, &opt, err);
}

struct ev_store *ev_store_args_scratch(const struct ev_store_args *a, const char *projection, bool kept,
				       struct ev_error *err)
{
	struct ev_store_options opt;

	ev_store_args_options(a, &opt);
	return ev_store_scratch(a->url, projection, &opt, kept, err);
}
