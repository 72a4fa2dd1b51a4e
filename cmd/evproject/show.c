/* show.c - evproject show: the samples of a projection, as tables with bars */
#include <stdio.h>

#include "common/term.h"
#include "evproject/evproject.h"

struct args {
	struct ev_store_args store;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_END,
};

static void init(void *args)
{
	ev_store_args_init(&((struct args *)args)->store);
}

static bool wanted(const struct ev_operands *rest, const char *name)
{
	for (size_t i = 0; i < rest->n; i++)
		if (strcmp(rest->v[i], name) == 0)
			return true;
	return rest->n == 0;
}

static int show(struct ev_store *s, const struct ev_projection *p, const struct ev_operands *rest,
		struct ev_error *err)
{
	struct ev_buf heading = EV_BUF_INIT;
	struct ev_term term;
	size_t shown = 0, rows;

	ev_term_init(&term, 1);
	for (size_t i = 0; i < p->nsamples; i++) {
		if (!wanted(rest, p->samples[i].name))
			continue;
		ev_buf_clear(&heading);
		if (shown++)
			ev_buf_addc(&heading, '\n');
		ev_term_color(&term, &heading, EV_BOLD);
		ev_buf_adds(&heading, p->samples[i].name);
		ev_term_color(&term, &heading, EV_PLAIN);
		puts(ev_buf_str(&heading));
		if (ev_print_query(s, p, &p->samples[i], &rows, err) < 0) {
			ev_buf_release(&heading);
			return -1;
		}
	}
	ev_buf_release(&heading);
	if (shown)
		return 0;
	if (rest->n)
		return ev_fail(err, EV_USAGE, "%s has no @sample '%s'", p->file, rest->v[0]);
	return ev_fail(err, EV_USAGE, "%s has no @sample", p->file);
}

/* A sample may take its time: a signal ends it. */
static struct ev_store *open_store(const struct ev_store_args *a, struct ev_error *err)
{
	struct ev_store_options opt;

	if (ev_store_args_check(a, err))
		return NULL;
	ev_store_args_options(a, &opt);
	opt.read_only = true;
	opt.stopped = ev_stopped;
	return ev_store_open(a->url, &opt, err);
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct ev_store *s = p ? open_store(&a->store, err) : NULL;
	int rc = -1;

	(void)msg;
	if (s && ev_has_view(s, p->name, err) == 0 && s->ops->freeze(s, err) == 0)
		rc = show(s, p, rest, err);
	if (s && rc < 0 && ev_stopped())
		rc = ev_stop_status(false);
	if (s)
		s->ops->close(s);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_show_command = {
	.name = "show",
	.about = "print the samples of a projection: small tables with bars",
	.synopsis = "FILE --store URL [SAMPLE]...",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
