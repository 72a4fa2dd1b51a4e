/* versions.c - a view's store and its versions, for the subcommands */
#include "evproject/evproject.h"

#include "store/ledger.h"

int ev_has_view(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_ledger l;
	int rc = ev_ledger_load(s, projection, &l, err);

	if (rc == 0 && !l.exists)
		rc = ev_fail(err, EV_USAGE, "store '%s' has no view '%s'", s->url, projection);
	ev_ledger_release(&l);
	return rc;
}

/* A store that is not there is not made for the sake of looking into it. */
static int exists(const struct ev_store_args *a, struct ev_error *err)
{
	struct ev_store *s = ev_store_args_open(a, true, err);

	if (s)
		s->ops->close(s);
	return s ? 0 : -1;
}

int ev_versions_open(struct ev_versions *v, const struct ev_store_args *a, const char *projection,
		     enum ev_versions_use use, int swap_wait_ms, struct ev_error *err)
{
	struct ev_shadow_options opt = {
		.url = a->url, .swap_wait_ms = swap_wait_ms, .dry = use == EV_VERSIONS_LOOK,
	};

	*v = (struct ev_versions){ 0 };
	ev_store_args_options(a, &v->options);
	v->options.stopped = ev_stopped;
	if (use != EV_VERSIONS_WORK || exists(a, err) == 0)
		v->store = ev_store_args_open(a, use == EV_VERSIONS_LOOK, err);
	if (!v->store)
		return -1;
	opt.store = &v->options;
	v->shadow = ev_shadow_open(v->store, projection, &opt, err);
	if (v->shadow)
		return 0;
	ev_versions_close(v);
	return -1;
}

void ev_versions_close(struct ev_versions *v)
{
	if (v->shadow)
		v->shadow->ops->close(v->shadow);
	if (v->store)
		v->store->ops->close(v->store);
	*v = (struct ev_versions){ 0 };
}
