/* rollback.c - evproject rollback: the version before serves again, as it stood */
#include <inttypes.h>
#include <stdio.h>

#include "evproject/evproject.h"
#include "store/ledger.h"

struct args {
	struct ev_store_args store;
	bool quiet;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_FLAG('q', "quiet", struct args, quiet, "no summary"),
	EV_END,
};

static void init(void *args)
{
	ev_store_args_init(&((struct args *)args)->store);
}

static int tell(struct ev_store *s, const char *name, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	int rc;

	do {
		ev_ledger_release(&l);
		rc = ev_ledger_load(s, name, &l, err);
	} while (rc < 0 && ev_store_recover(s, err));
	if (rc == 0 && l.exists)
		ev_say(msg, "%s: version %" PRId64 " serves again; the one before it is kept, rollback changes "
		       "back", name, l.version);
	else if (rc == 0)
		ev_say(msg, "%s: the tables of before serve again, which no ledger of ours describes", name);
	ev_ledger_release(&l);
	return rc;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct ev_versions v = { 0 };
	int rc = -1, there = 0;

	if (p && ev_no_operands(rest, err) == 0 &&
	    ev_versions_open(&v, &a->store, p->name, EV_VERSIONS_WORK, 10000, err) == 0)
		there = ev_role_present(v.store, p->name, EV_ROLE_KEPT, err);
	if (there > 0)
		rc = v.shadow->ops->rollback(v.shadow, err);
	else if (v.shadow && there == 0)
		ev_fail(err, EV_USAGE, "'%s' keeps no version before the one that serves", p->name);
	if (rc == 0 && !a->quiet)
		rc = tell(v.store, p->name, msg, err);
	ev_versions_close(&v);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_rollback_command = {
	.name = "rollback",
	.about = "let the version before serve again, as it stood",
	.synopsis = "FILE --store URL [OPTION]...",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
