/* test.c - evproject test: the cases of a projection, as TAP */
#include <stdio.h>

#include "cases/cases.h"
#include "evproject/evproject.h"

struct args {
	struct ev_store_args store;
};

static const struct ev_option options[] = {
	EV_GROUP("Store (of the kind to test on; it is not changed)"),
	EV_STORE_ROWS(struct args, store),
	EV_END,
};

static void init(void *args)
{
	ev_store_args_init(&((struct args *)args)->store);
}

static struct ev_store *open_store(void *ctx, const struct ev_projection *p, struct ev_error *err)
{
	return ev_store_args_scratch(ctx, p->name, true, err);
}

static void report(void *ctx, const char *name, const char *failure)
{
	int *n = ctx;

	printf("%sok %d - %s\n", *failure ? "not " : "", ++*n, name);
	while (*failure) {
		const char *end = strchrnul(failure, '\n');

		printf("#   %.*s\n", (int)(end - failure), failure);
		failure = *end ? end + 1 : end;
	}
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_projection *p = ev_operand_projection(rest, err);
	int n = 0, failed = 0;
	struct ev_cases how = { open_store, &((struct args *)args)->store, report, &n };

	(void)msg;
	if (p && !rest->n) {
		ev_fail(err, EV_USAGE, "which file of cases?");
		failed = ev_hint(err, "it comes behind the projection's, for example view.sql cases.json");
	}
	for (size_t i = 0; p && i < rest->n && failed >= 0; i++) {
		int rc = ev_cases_run(p, rest->v[i], &how, err);

		failed = rc < 0 ? -1 : failed + rc;
	}
	ev_projection_free(p);
	if (!p || failed < 0)
		return -1;
	printf("1..%d\n", n);
	if (!n)
		return ev_fail(err, EV_USAGE, "%s holds no case", rest->v[0]);
	return failed ? EV_NO : 0;
}

const struct ev_command ev_test_command = {
	.name = "test",
	.about = "run the cases of a projection: given events, expect rows",
	.synopsis = "FILE CASES.json... [--store URL]",
	.notes = "Each case also runs with other batch sizes, with records given twice,\n"
		 "with a restart in the middle, and with nothing folded in memory.\nNeeds no broker, and no store.",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
