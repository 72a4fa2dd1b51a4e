/* versions.c - a view's store and its versions, for the subcommands */
#include "evproject/evproject.h"

#include "event/time.h"
#include "rebuild/plan.h"
#include "store/ledger.h"

#define LOOK_MS 1000

int ev_has_view(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_trouble trouble = { 0 };
	struct ev_ledger l;
	int rc;

	while ((rc = ev_ledger_load(s, projection, &l, err)) < 0 && ev_store_recover(s, &trouble, err))
		ev_ledger_release(&l);
	if (rc == 0 && !l.exists)
		rc = ev_ledger_no_view(s, projection, err);
	ev_ledger_release(&l);
	return rc;
}

int ev_add_rebuilt(struct ev_store *s, const char *name, struct ev_buf *out, struct ev_error *err)
{
	char time[EV_TIME_TEXT];
	int64_t ms;

	if (ev_rows_key_time(s, name, &ms, err) < 0)
		return -1;
	if (ms < 0)
		return 0;
	ev_time_format(ms, time);
	ev_buf_addf(out, " (rebuild of %s)", time);
	return 0;
}

/*
 * Where nothing of ours is yet there is nothing to change either: somebody else's database is looked at, and left as
 * it is. What a dry run is asked to plan may be a file that is not there yet.
 */
static struct ev_store *open_store(const struct ev_store_args *a, const char *projection, enum ev_versions_use *use,
				   struct ev_error *err)
{
	struct ev_store *s;
	int ours;

	if (*use == EV_VERSIONS_LOOK && a->url && ev_store_absent(a->url))
		return ev_store_args_scratch(a, projection, false, err);
	s = ev_store_args_open(a, *use != EV_VERSIONS_CREATE, err);
	if (!s || *use != EV_VERSIONS_WORK)
		return s;
	ours = ev_ledger_present(s, err);
	if (ours == 0) {
		*use = EV_VERSIONS_LOOK;
		return s;
	}
	s->ops->close(s);
	return ours > 0 ? ev_store_args_open(a, false, err) : NULL;
}

static int try_open(struct ev_versions *v, const struct ev_store_args *a, const char *projection,
		    enum ev_versions_use use, int swap_wait_ms, struct ev_error *err)
{
	struct ev_shadow_options opt = {
		.url = a->url, .swap_wait_ms = swap_wait_ms,
	};

	*v = (struct ev_versions){ 0 };
	ev_store_args_options(a, &v->options);
	v->options.stopped = ev_stopped;
	v->store = open_store(a, projection, &use, err);
	if (!v->store)
		return -1;
	opt.store = &v->options;
	opt.dry = v->dry = use == EV_VERSIONS_LOOK;
	v->shadow = ev_shadow_open(v->store, projection, &opt, err);
	if (v->shadow)
		return 0;
	ev_versions_close(v);
	return -1;
}

/* A shadow whose ledger tables were removed by hand is something of ours as well. */
int ev_versions_open(struct ev_versions *v, const struct ev_store_args *a, const char *projection,
		     enum ev_versions_use use, int swap_wait_ms, struct ev_error *err)
{
	struct ev_store_args at_once = *a;
	int left;

	/* nobody can read an SQLite file in its first load: a plan is not worth the wait */
	if (use == EV_VERSIONS_LOOK && a->lock_wait_ms > LOOK_MS && a->url && !ev_url_is_postgres(a->url)) {
		at_once.lock_wait_ms = LOOK_MS;
		a = &at_once;
	}
	if (try_open(v, a, projection, use, swap_wait_ms, err) < 0)
		return -1;
	left = use == EV_VERSIONS_WORK && v->dry ? v->shadow->ops->present(v->shadow, err) : 0;
	if (left == 0)
		return 0;
	ev_versions_close(v);
	return left < 0 ? -1 : try_open(v, a, projection, EV_VERSIONS_CREATE, swap_wait_ms, err);
}

void ev_versions_close(struct ev_versions *v)
{
	ev_shadow_close(v->shadow);
	if (v->store)
		v->store->ops->close(v->store);
	*v = (struct ev_versions){ 0 };
}
