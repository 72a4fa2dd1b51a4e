/* drop.c - evproject drop: a projection, its tables, its ledger and every version that is kept */
#include <inttypes.h>
#include <stdio.h>

#include "evproject/evproject.h"
#include "store/ledger.h"

struct args {
	struct ev_store_args store;
	bool yes;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_FLAG('y', "yes", struct args, yes, "drop without asking"),
	EV_END,
};

static void init(void *args)
{
	ev_store_args_init(&((struct args *)args)->store);
}

static void add(struct ev_buf *out, const char *what)
{
	ev_buf_addf(out, "%s%s", out->len ? ", " : "", what);
}

/* The names of its tables that are there, and of those that are not any more. Appended. */
static int list_tables(struct ev_store *s, const char *name, struct ev_buf *out, struct ev_buf *gone,
		       struct ev_error *err)
{
	struct ev_buf tables = EV_BUF_INIT;
	int rc = ev_ledger_tables(s, name, &tables, err);

	for (const char *t = ev_buf_str(&tables), *end = t + tables.len; rc >= 0 && t < end; t += strlen(t) + 1) {
		rc = s->ops->has_table(s, t, err);
		if (rc >= 0)
			add(rc ? out : gone, t);
	}
	ev_buf_release(&tables);
	return rc < 0 ? -1 : 0;
}

/* What is there to be dropped: "acc, big, its ledger, ...". Tables that were adopted, and serve, stay. Appended. */
static int list(struct ev_store *s, const char *name, bool adopted, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf gone = EV_BUF_INIT;
	struct ev_plan plan = { 0 };
	int rc = adopted ? 0 : list_tables(s, name, out, &gone, err), kept = 0, live = 0;

	if (rc == 0)
		rc = live = ev_role_present(s, name, EV_ROLE_LIVE, err);
	if (rc >= 0)
		rc = kept = ev_role_present(s, name, EV_ROLE_KEPT, err);
	if (rc >= 0)
		rc = ev_plan_load(s, name, &plan, err);
	if (live > 0)
		add(out, adopted ? "what we keep of it" : "its ledger");
	if (kept > 0)
		add(out, "the version that is kept");
	if (plan.phase != EV_PHASE_NONE)
		ev_buf_addf(out, "%sthe rebuild to version %" PRId64 " that is under way", out->len ? ", " : "",
			    plan.version);
	if (rc >= 0 && !out->len)
		add(out, "what a call that was killed has left of it");
	if (gone.len)
		ev_buf_addf(out, "; not there any more, as others have renamed or dropped it: %s", ev_buf_str(&gone));
	if (adopted || (plan.adopt && !live))
		ev_buf_adds(out, "; the tables that serve stay, as another program wrote them");
	ev_plan_release(&plan);
	ev_buf_release(&gone);
	return rc;
}

static int ask(const char *name, const char *what, bool yes, struct ev_error *err)
{
	struct ev_buf question = EV_BUF_INIT;
	int rc;

	ev_buf_addf(&question, "drop projection '%s' with %s?", name, what);
	rc = ev_confirm(yes, ev_buf_str(&question), err);
	ev_buf_release(&question);
	return rc;
}

/* Any role: what a killed drop has left goes too, and a rebuild that has nothing in place yet. */
static int present(struct ev_versions *v, const char *name, struct ev_error *err)
{
	struct ev_store *s = v->store;
	struct ev_plan plan = { 0 };
	bool rebuilds;
	int rc = ev_plan_load(s, name, &plan, err);

	rebuilds = rc == 0 && plan.phase != EV_PHASE_NONE;
	ev_plan_release(&plan);
	if (rc < 0 || rebuilds)
		return rc;
	for (int role = 0; role < EV_ROLES; role++) {
		rc = ev_role_present(s, name, (enum ev_role)role, err);
		if (rc)
			return rc;
	}
	rc = v->shadow->ops->present(v->shadow, err);
	return rc ? rc : ev_ledger_no_view(s, name, err);
}

/* What of others would break is for its owner to settle first. */
static int check_dependents(struct ev_versions *v, const char *name, struct ev_error *err)
{
	struct ev_buf lines = EV_BUF_INIT, text = EV_BUF_INIT;
	int rc = v->shadow->ops->dependents(v->shadow, &lines, err);

	for (const char *c = ev_buf_str(&lines), *end; (end = strchr(c, '\n')); c = end + 1)
		ev_buf_addf(&text, "%s%.*s", text.len ? ", " : "", (int)(end - c), c);
	if (rc == 0 && text.len) {
		ev_fail(err, EV_USAGE, "others depend on tables of projection '%s': %s", name, ev_buf_str(&text));
		rc = ev_hint(err, "nothing was dropped; drop or change them first");
	}
	ev_buf_release(&lines);
	ev_buf_release(&text);
	return rc;
}

/* What is to be dropped, with nobody at work on it: a run would build it again. */
static int prepare(struct ev_versions *v, const char *name, struct ev_buf *what, struct ev_error *err)
{
	int adopted;

	if (present(v, name, err) < 0)
		return -1;
	if (v->store->ops->lock(v->store, name, err) < 0) {
		if (err->class == EV_HELD)
			ev_ledger_name_holder(v->store, name, err);
		return -1;
	}
	adopted = ev_role_adopted(v->store, name, err);
	if (adopted < 0 || (!adopted && check_dependents(v, name, err) < 0))
		return -1;
	return list(v->store, name, adopted, what, err);
}

static int drop(struct ev_versions *v, const char *name, bool yes, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_buf what = EV_BUF_INIT;
	int rc = prepare(v, name, &what, err);

	if (rc >= 0)
		rc = ask(name, ev_buf_str(&what), yes, err);
	if (rc == 0)
		rc = ev_declined();
	else if (rc > 0)
		rc = v->shadow->ops->drop(v->shadow, err);
	if (rc == 0) {
		v->shadow->tidy = true;
		ev_say(msg, "%s is dropped, with %s", name, ev_buf_str(&what));
	}
	ev_buf_release(&what);
	return rc;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	const char *name = ev_operand_shift(rest);
	struct ev_versions v;
	int rc;

	if (!name) {
		ev_fail(err, EV_USAGE, "which projection?");
		return ev_hint(err, "give its name, as status prints it");
	}
	if (strpbrk(name, "./")) {
		ev_fail(err, EV_USAGE, "'%s' is no projection's name", name);
		return ev_hint(err, "drop wants the name, not the file: it stands behind @projection there, and status "
			       "prints it");
	}
	if (!ev_role_names_live(name)) {
		ev_fail(err, EV_USAGE, "'%s' is no projection, but a version of one", name);
		return ev_hint(err, "drop wants the projection's name; rebuild --forget drops the version that is "
				    "kept, --abandon the one that is being built");
	}
	if (ev_no_operands(rest, err) < 0 || ev_versions_open(&v, &a->store, name, EV_VERSIONS_WORK, 10000, err) < 0)
		return -1;
	rc = drop(&v, name, a->yes, msg, err);
	ev_versions_close(&v);
	return rc;
}

const struct ev_command ev_drop_command = {
	.name = "drop",
	.about = "remove a projection: its tables, ledger, and what is kept of it",
	.synopsis = "NAME --store URL [OPTION]...",
	.first = (const char *const[]){ NULL },
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
