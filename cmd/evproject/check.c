/* check.c - evproject check: parse, prepare against an empty store, print the plan */
#include "apply/apply.h"
#include "evproject/evproject.h"

struct args {
	struct ev_store_args store;
	bool quiet;
};

static const struct ev_option options[] = {
	EV_FLAG('q', "quiet", struct args, quiet, "say nothing when all is well"),
	EV_GROUP("Store (to check against it; it is not changed)"),
	EV_STORE_ROWS(struct args, store),
	EV_END,
};

static void init(void *args)
{
	ev_store_args_init(&((struct args *)args)->store);
}

static void print_plan(const struct ev_projection *p, enum ev_dialect dialect, const struct ev_buf *folds)
{
	struct ev_buf why = EV_BUF_INIT;
	bool commutes = ev_projection_commutes(p, &why);

	ev_plan_print(p, dialect, commutes, ev_buf_str(&why), ev_buf_str(folds));
	ev_buf_release(&why);
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct ev_store *s = NULL;
	struct args *a = args;
	struct ev_buf folds = EV_BUF_INIT;
	int rc = -1;

	if (p && ev_no_operands(rest, err) == 0)
		s = ev_store_args_scratch(&a->store, p->name, false, err);
	if (s && ev_apply_check(s, p, &folds, err) == 0) {
		rc = 0;
		if (s->ops->dialect == EV_SQLITE)
			ev_plan_warn(p, msg);
		if (!a->quiet)
			print_plan(p, s->ops->dialect, &folds);
	}
	if (s)
		s->ops->close(s);
	ev_buf_release(&folds);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_check_command = {
	.name = "check",
	.about = "parse a projection, prepare every statement, print the plan",
	.synopsis = "FILE [--store URL]",
	.notes = "Needs no broker. Without a store statements are prepared on an empty SQLite.",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
