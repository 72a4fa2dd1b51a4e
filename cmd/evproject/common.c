/* common.c - operands, store and confirmation for the subcommands */
#include <stdio.h>
#include <unistd.h>

#include "evproject/evproject.h"
#include "store/ledger.h"

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

int ev_has_view(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_ledger l;
	int rc = ev_ledger_load(s, projection, &l, err);

	if (rc == 0 && !l.exists)
		rc = ev_fail(err, EV_USAGE, "store '%s' has no view '%s'", s->url, projection);
	ev_ledger_release(&l);
	return rc;
}

char *ev_operand_shift(struct ev_operands *rest)
{
	char *first = rest->n ? rest->v[0] : NULL;

	if (first)
		memmove(rest->v, rest->v + 1, --rest->n * sizeof(*rest->v));
	return first;
}

struct ev_projection *ev_operand_projection(struct ev_operands *rest, struct ev_error *err)
{
	const char *file = ev_operand_shift(rest);

	if (file)
		return ev_projection_load(file, err);
	ev_fail(err, EV_USAGE, "which projection file?");
	return NULL;
}

int ev_use_topics(struct ev_source_args *src, const struct ev_projection *p, struct ev_error *err)
{
	/* also where no handler asks: they are in the last record's hash, in dead and held records */
	src->spec.need_headers = true;
	if (src->spec.ntopics || src->spec.nfiles || src->spec.archive)
		return 0;
	for (size_t i = 0; i < p->ntopics; i++)
		if (ev_source_spec_add(&src->spec, p->topics[i], err) < 0)
			return -1;
	return 0;
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

int ev_no_operands(const struct ev_operands *rest, struct ev_error *err)
{
	if (rest->n)
		return ev_fail(err, EV_USAGE, "unexpected argument '%s'", rest->v[0]);
	return 0;
}
