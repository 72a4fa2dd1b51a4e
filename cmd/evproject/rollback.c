/* rollback.c - evproject rollback: the version before serves again, as it stood */
#include <inttypes.h>
#include <stdio.h>

#include "base/plural.h"
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

struct two {
	struct ev_ledger now, kept; /* what serves since, and what did */
	struct ev_buf now_of, kept_of; /* ev_add_rebuilt */
	const struct ev_buf *gone; /* what the kept one lacks, NUL after each */
};

static void release(struct two *t)
{
	ev_ledger_release(&t->now);
	ev_ledger_release(&t->kept);
	ev_buf_release(&t->now_of);
	ev_buf_release(&t->kept_of);
}

static int load(struct ev_store *s, const char *name, struct two *t, struct ev_error *err)
{
	struct ev_buf kept = EV_BUF_INIT;
	struct ev_trouble trouble = { 0 };
	int rc;

	ev_role_name(&kept, name, EV_ROLE_KEPT);
	do {
		release(t);
		rc = ev_ledger_load(s, name, &t->now, err);
		if (rc == 0)
			rc = ev_ledger_load(s, ev_buf_str(&kept), &t->kept, err);
		if (rc == 0)
			rc = ev_add_rebuilt(s, name, &t->now_of, err);
		if (rc == 0)
			rc = ev_add_rebuilt(s, ev_buf_str(&kept), &t->kept_of, err);
	} while (rc < 0 && ev_store_recover(s, &trouble, err));
	ev_buf_release(&kept);
	return rc;
}

static bool stands_on(const struct ev_ledger *l, const char *topic)
{
	for (size_t i = 0; i < l->nparts; i++)
		if (strcmp(l->parts[i].topic, topic) == 0)
			return true;
	return false;
}

/* `, 100 offsets behind version 2`: what is to be read again, of the topics that both stand on. */
static void add_distance(const struct two *t, struct ev_buf *out)
{
	int64_t behind = 0;
	const char *other = t->kept.version == t->now.version ? "the other version" : "version"; /* --again */
	const char *of = ev_buf_str(&t->kept_of); /* which build it is */
	bool common = !t->kept.nparts;

	for (size_t i = 0; i < t->kept.nparts; i++) {
		const struct ev_ledger_part *p = &t->kept.parts[i];
		const struct ev_ledger_part *q =
			ev_ledger_part((struct ev_ledger *)&t->now, p->topic, p->partition, false);

		if (!stands_on(&t->now, p->topic))
			continue;
		common = true;
		behind += p->next - (q ? q->next : p->begin);
	}
	if (!t->kept.exists)
		ev_buf_adds(out, "; what served");
	else if (!common)
		ev_buf_addf(out, "; version %" PRId64 "%s, which stands on other topics,", t->kept.version, of);
	else if (behind)
		ev_buf_addf(out, ", %" PRId64 " offset%s %s %s %" PRId64 "; that%s", behind < 0 ? -behind : behind,
			    ev_plural(behind < 0 ? -behind : behind),
			    behind < 0 ? "past" : "behind", other, t->kept.version, of);
	else
		ev_buf_addf(out, ", where %s %" PRId64 " stands; that%s", other, t->kept.version, of);
}

static void add_way_back(const struct two *t, struct ev_buf *out)
{
	const char *first = ev_buf_str(t->gone);

	ev_buf_adds(out, t->gone->len ? " is kept, without " : " is kept: rollback changes back");
	for (const char *n = first; n < first + t->gone->len; n += strlen(n) + 1)
		ev_buf_addf(out, "%s%s", n > first ? ", " : "", n);
	if (t->gone->len)
		ev_buf_adds(out, ", which others have renamed or dropped");
}

static int tell(struct ev_store *s, const char *name, const struct ev_buf *gone, struct ev_messages *msg,
		struct ev_error *err)
{
	struct ev_position at = EV_POSITION_INIT;
	struct ev_buf text = EV_BUF_INIT;
	struct two t = { .gone = gone };
	int rc = load(s, name, &t, err);

	if (rc == 0 && t.now.exists) {
		ev_buf_addf(&text, "version %" PRId64 "%s serves again, at ", t.now.version, ev_buf_str(&t.now_of));
		ev_ledger_position(&t.now, &at);
		ev_position_print(&at, &text);
		add_distance(&t, &text);
	} else if (rc == 0) {
		ev_buf_addf(&text, "the tables of before serve again, which no ledger of ours describes; version %"
			    PRId64 "%s", t.kept.version, ev_buf_str(&t.kept_of));
	}
	if (rc == 0) {
		add_way_back(&t, &text);
		ev_say(msg, "%s: %s", name, ev_buf_str(&text));
	}
	ev_position_release(&at);
	ev_buf_release(&text);
	release(&t);
	return rc;
}

/* Indexes of the user's own, or of the other file, are not on what serves now. */
static void tell_behind(const char *name, const struct ev_buf *lines, struct ev_messages *msg)
{
	const char *p = ev_buf_str(lines), *end;

	for (; (end = strchr(p, '\n')); p = end + 1)
		ev_say(msg, "%s: %.*s stays with the version that is kept now: create it again, if the one that "
		       "serves is to have it", name, (int)(end - p), p);
}

static void note(void *msg, const char *text)
{
	ev_say(msg, "%s", text);
}

static int roll_back(struct ev_versions *v, const char *name, const struct args *a, struct ev_messages *msg,
		     struct ev_error *err)
{
	struct ev_buf behind = EV_BUF_INIT, gone = EV_BUF_INIT;
	struct ev_trouble trouble = { 0 };
	int rc;

	do {
		ev_buf_clear(&behind);
		ev_buf_clear(&gone);
		rc = v->shadow->ops->behind(v->shadow, &behind, err);
		if (rc == 0)
			rc = ev_ledger_missing(v->store, name, &gone, err);
	} while (rc < 0 && ev_store_recover(v->store, &trouble, err));
	v->shadow->note = note;
	v->shadow->note_ctx = msg;
	if (rc == 0)
		rc = v->shadow->ops->rollback(v->shadow, err);
	if (rc == 0 && !a->quiet)
		rc = tell(v->store, name, &gone, msg, err);
	if (rc == 0 && !a->quiet)
		tell_behind(name, &behind, msg);
	ev_buf_release(&behind);
	ev_buf_release(&gone);
	return rc;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct ev_versions v = { 0 };
	struct ev_trouble trouble = { 0 };
	int rc = -1, there = 0;

	if (p && ev_no_operands(rest, err) == 0 &&
	    ev_versions_open(&v, &a->store, p->name, EV_VERSIONS_WORK, 10000, err) == 0)
		do
			there = ev_role_present(v.store, p->name, EV_ROLE_KEPT, err);
		while (there < 0 && ev_store_recover(v.store, &trouble, err));
	if (there > 0)
		rc = roll_back(&v, p->name, a, msg, err);
	else if (v.shadow && there == 0)
		ev_fail(err, EV_USAGE, "'%s' keeps no version before the one that serves", p->name);
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
