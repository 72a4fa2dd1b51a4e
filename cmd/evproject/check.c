/* check.c - evproject check: parse, prepare against an empty SQLite, print the plan */
#include "apply/apply.h"
#include "evproject/evproject.h"

struct args {
	bool quiet;
};

static const struct ev_option options[] = {
	EV_FLAG('q', "quiet", struct args, quiet, "say nothing when all is well"),
	EV_END,
};

static int check_queries(struct ev_store *s, const struct ev_projection *p,
			 const struct ev_query_def *defs, size_t n, struct ev_error *err)
{
	for (size_t i = 0; i < n; i++) {
		struct ev_query *q = ev_prepare_query(s, p, &defs[i], err);

		if (!q)
			return -1;
		s->ops->finish(s, q);
	}
	return 0;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct ev_store *s = NULL;
	struct ev_apply *a = NULL;
	const char *why = "";
	int rc = -1;

	if (p && ev_no_operands(rest, err) == 0)
		s = ev_sqlite_open(":memory:", &so, err);
	if (s)
		a = ev_apply_open(s, p, &ao, err);
	if (a && check_queries(s, p, p->checks, p->nchecks, err) == 0 &&
	    check_queries(s, p, p->samples, p->nsamples, err) == 0) {
		rc = 0;
		ev_plan_warn(p, msg);
		if (!((struct args *)args)->quiet) {
			bool commutes = ev_apply_commutes(a, &why);

			ev_plan_print(p, commutes, why);
		}
	}
	ev_apply_close(a);
	if (s)
		s->ops->close(s);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_check_command = {
	.name = "check",
	.about = "parse a projection, prepare every statement, print the plan",
	.synopsis = "FILE",
	.notes = "Needs no broker and no store: statements are prepared on an empty SQLite.",
	.options = options,
	.args_size = sizeof(struct args),
	.run = run,
};
