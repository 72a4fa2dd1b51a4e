/* check.c - evproject check: parse, prepare against an empty store, print the plan */
#include "apply/apply.h"
#include "evproject/evproject.h"
#include "projection/ddl.h"

#define AS_SQLITE "without a store it is checked as SQLite would take it: a view for PostgreSQL wants " \
		  "--store postgresql://..."

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

/*
 * A file that is edited in place is refused by run: said here, and no more than that, as who edits wants the plan. A
 * version that was raised is for rebuild. What the store would not tell the check itself has met, or there is none.
 */
static void tell_edited(const struct args *a, const struct ev_projection *p, struct ev_messages *msg)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = a->store.url ? ev_store_args_open(&a->store, true, &err) : NULL;
	struct ev_ledger l = { 0 };

	if (s && ev_ledger_load(s, p->name, &l, &err) == 0 && p->version <= l.version && ev_apply_same(p, &l, &err) < 0)
		ev_warn_of(msg, err.text, err.hint);
	ev_ledger_release(&l);
	if (s)
		s->ops->close(s);
}

/* What SQLite does not know may be well where the view is to be. */
static void hint_dialect(struct ev_error *err)
{
	static const char *const words[] = { "no such function", "unrecognized token", "syntax error", NULL };
	bool meant = strstr(err->text, "has no @schema for"); /* whose own hint is for who wants both */

	for (const char *const *w = words; *w; w++)
		meant |= !*err->hint && strstr(err->text, *w);
	if (err->class == EV_USAGE && meant)
		ev_hint(err, AS_SQLITE);
}

static void warn_foreign(const struct args *a, const struct ev_projection *p, struct ev_messages *msg)
{
	struct ev_buf text = EV_BUF_INIT, column = EV_BUF_INIT;

	if (ev_foreign_column(p, &column)) {
		ev_buf_addf(&text, "%s: %s, which SQLite has not: objects and texts may be poison there, and a list is "
			    "its JSON text", p->file, ev_buf_str(&column));
		ev_warn_of(msg, ev_buf_str(&text), a->store.url ? "" : AS_SQLITE);
	}
	ev_buf_release(&column);
	ev_buf_release(&text);
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
		tell_edited(a, p, msg);
		if (s->ops->dialect == EV_SQLITE) {
			ev_plan_warn(p, msg);
			warn_foreign(a, p, msg);
		}
		if (!a->quiet)
			print_plan(p, s->ops->dialect, &folds);
	}
	if (rc < 0 && !a->store.url)
		hint_dialect(err);
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
