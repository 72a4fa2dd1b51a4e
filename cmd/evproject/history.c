/* history.c - evproject history: every event that touched a row, and the row after each */
#include "evproject/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "apply/run.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "common/progress.h"
#include "common/source_options.h"
#include "evproject/evproject.h"
#include "history/scratch.h"
#include "source/partitioner.h"

#define NAMED_POISON 10

static const char *const format_words[] = { "text", "json", NULL };

struct args {
	struct ev_source_args src;
	struct ev_list rows;
	const char *table, *key, *scratch;
	int partitioner, format;
	bool quiet;
};

static const struct ev_option options[] = {
	EV_GROUP("Row"),
	EV_LIST(0, "row", "COLUMN=VALUE", struct args, rows, "the row, by columns of its key: a=1,b=2"),
	EV_STRING(0, "table", "NAME", struct args, table, "its table, where several have such columns"),
	EV_STRING(0, "key", "KEY", struct args, key, "read only the partition of this record key"),
	EV_ENUM(0, "partitioner", "murmur2|consistent", struct args, partitioner, ev_partitioner_words,
		"how producers hash keys: Java, librdkafka"),
	EV_ENUM(0, "format", "text|json", struct args, format, format_words, "for people or programs"),
	EV_STRING(0, "scratch", "URL", struct args, scratch, "fold in a new SQLite file, or in PostgreSQL"),
	EV_FLAG('q', "quiet", struct args, quiet, "no progress, no summary"),
	EV_GROUP("Range (the view is empty where it begins)"),
	EV_RANGE_ROWS(struct args, src),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct args, src),
	EV_END,
};

struct state {
	struct args *a;
	struct ev_messages *msg;
	const struct ev_projection *projection;
	struct ev_target target;
	struct ev_progress progress;
	struct ev_history_print print;
	bool part;              /* not all of the log is read */
	int64_t poison, held;   /* records that were not applied */
	int64_t others;         /* with --key: those of other keys */
	int64_t keyed;          /* and records that were read and have it */
};

static void init(void *args)
{
	ev_source_args_init(&((struct args *)args)->src);
}

static void release(void *args)
{
	ev_source_args_release(&((struct args *)args)->src);
}

static int event(void *ctx, const struct ev_history_event *e, struct ev_error *err)
{
	return ev_history_print_event(&((struct state *)ctx)->print, e, err);
}

/*
 * With --key records of other keys lack what other partitions have of theirs, a row that they must touch for instance:
 * that they cannot be applied says nothing of them.
 */
static void passed(void *ctx, const struct ev_record *r, const char *why)
{
	struct state *st = ctx;

	if (st->a->key && !ev_slice_is(r->key, st->a->key))
		st->others += why != NULL;
	else if (!why)
		st->held++;
	else if (st->poison++ < NAMED_POISON)
		ev_warn(st->msg, "%.*s/%d@%" PRId64 " %s and passed over: %s", (int)r->topic.len, r->topic.ptr,
			r->partition, r->offset,
			st->part ? "cannot be applied to what is read of the log" : "is poison", why);
}

static void seen(void *ctx, const struct ev_record *r)
{
	struct state *st = ctx;

	st->keyed += st->a->key && ev_slice_is(r->key, st->a->key);
}

static bool stop(void *ctx)
{
	return ev_stopped() || ((struct state *)ctx)->print.closed;
}

static void progress(void *ctx, const struct ev_run_status *s)
{
	struct ev_progress_now now = {
		.records = (uint64_t)s->records,
		.done = (uint64_t)s->passed,
		.total = s->span > 0 ? (uint64_t)s->span : 0,
		.lag = -1,
		.lag_ms = -1,
	};

	ev_progress_update(&((struct state *)ctx)->progress, &now);
}

static void note(void *ctx, const char *text)
{
	ev_say(((struct state *)ctx)->msg, "%s", text);
}

/* Poison is said even to the quiet: the row may look otherwise for it. */
static void say_passed(const struct state *st)
{
	if (st->poison > NAMED_POISON)
		ev_warn(st->msg, "%" PRId64 " more record%s %s and passed over", st->poison - NAMED_POISON,
			ev_plural(st->poison - NAMED_POISON), st->part ? "cannot be applied to it" :
			ev_agree(st->poison - NAMED_POISON, "is poison", "are poison"));
	if (st->held)
		ev_warn(st->msg, "%" PRId64 " later record%s of their keys %s held back behind them, as "
			"by run --on-error dead", st->held, ev_plural(st->held), ev_agree(st->held, "is", "are"));
	if (st->poison && !st->a->scratch)
		ev_say(st->msg, "it was folded in SQLite: a projection whose view is in PostgreSQL wants --scratch "
		       "postgresql://..., where its columns are what they are there");
	if (st->poison && st->part)
		ev_say(st->msg, "what is not read may be what they lack: without %s they may be no poison",
		       st->a->key ? "--key" : "a range");
	if (st->others && !st->a->quiet)
		ev_say(st->msg, "%" PRId64 " record%s of other keys, which lack what other partitions have of theirs, "
		       "%s passed over", st->others, ev_plural(st->others), ev_agree(st->others, "was", "were"));
}

static void summary(const struct state *st, const struct ev_run_status *s, int64_t ms)
{
	struct ev_buf row = EV_BUF_INIT;

	ev_target_print(&st->target, &row);
	ev_say(st->msg, "%" PRId64 " record%s read in %.1f s, %" PRId64 " touched %s %s", s->records,
	       ev_plural(s->records), (double)ms / 1000, st->print.events, st->target.table, ev_buf_str(&row));
	ev_buf_release(&row);
	if (st->a->key && s->records && !st->keyed)
		ev_say(st->msg, "no record that was read has the key '%s': is it spelled so, and are its producers "
		       "those of --partitioner?", st->a->key);
}

static int fold(struct state *st, struct ev_history *h, struct ev_source *src, struct ev_error *err)
{
	struct ev_run_options opt = EV_RUN_OPTIONS_INIT;
	struct ev_run_hooks hooks = { st, stop, progress, note };
	int64_t start = ev_clock_ms();
	struct ev_run_status status;
	int rc;

	opt.range = &st->a->src.range;
	st->part = st->a->key || opt.range->from.kind != EV_POINT_NONE || opt.range->has_since;
	st->print.history = h;
	/* lines that come as they are found would mix with it on a terminal */
	ev_progress_init(&st->progress, st->msg, st->a->quiet || (st->print.json && isatty(1)));
	rc = ev_run(ev_history_apply(h), src, &opt, &hooks, &status, err);
	ev_progress_clear(&st->progress);
	ev_history_print_end(&st->print);
	say_passed(st);
	if (rc < 0)
		return -1;
	if (!st->a->quiet)
		summary(st, &status, ev_clock_ms() - start);
	if (ev_stopped())
		return ev_stop_status(false);
	return st->print.events ? 0 : EV_NO;
}

/* A row is the sum of what came before it: the order of the network will not do. */
static int check_args(struct state *st, struct ev_operands *rest, struct ev_error *err)
{
	struct args *a = st->a;

	if (!a->rows.n) {
		ev_fail(err, EV_USAGE, "which row?");
		return ev_hint(err, "name it by its key, for example --row order_id=42");
	}
	for (size_t i = 0; i < a->rows.n; i++)
		if (ev_target_parse(&st->target, a->rows.v[i], err) < 0)
			return -1;
	if (st->projection->nreads)
		return ev_fail(err, EV_USAGE, "%s reads tables of others (@reads), which are not in the "
			       "scratch store", st->projection->file);
	if (ev_source_args_finish(&a->src, rest, ev_now_ms(), err) < 0)
		return -1;
	if (a->src.no_merge)
		return ev_fail(err, EV_USAGE, "a history is told in merge order, so --no-merge has no "
			       "place here");
	return ev_use_topics(&a->src, st->projection, err);
}

static int check_key(const struct args *a, struct ev_error *err)
{
	const struct ev_source_spec *spec = &a->src.spec;

	if (spec->nfiles)
		return ev_fail(err, EV_USAGE, "--key picks a partition of a topic, and '%s' is a file",
			       spec->files[0]);
	if (spec->archive)
		return ev_fail(err, EV_USAGE, "--key picks a partition of a topic, and '%s' is an archive",
			       spec->archive);
	for (size_t i = 0; i < spec->ntopics; i++)
		if (spec->topics[i].partitions)
			return ev_fail(err, EV_USAGE, "--key picks the partition of '%s', so name the "
				       "topic alone", spec->topics[i].topic);
	return 0;
}

/* Leave of each topic the one partition that the key goes to. */
static void narrow(const struct args *a, struct ev_source_spec *spec, const struct ev_source *src)
{
	for (size_t i = 0; i < spec->ntopics; i++) {
		struct ev_topic_spec *t = &spec->topics[i];
		int32_t n = 0;

		for (size_t j = 0; j < src->nparts; j++)
			n += strcmp(src->parts[j].topic, t->topic) == 0;
		if (!n)
			continue;
		t->partitions = ev_alloc(sizeof(*t->partitions));
		t->partitions[0] = ev_partition_of((enum ev_partitioner)a->partitioner,
						   ev_slice_str(a->key), n);
		t->npartitions = 1;
	}
}

static struct ev_source *open_source(struct args *a, struct ev_error *err)
{
	struct ev_source *src;

	if (a->key && check_key(a, err) < 0)
		return NULL;
	src = ev_source_open(&a->src.spec, err);
	if (!src || !a->key)
		return src;
	narrow(a, &a->src.spec, src);
	src->ops->close(src);
	return ev_source_open(&a->src.spec, err);
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p = ev_operand_projection(rest, err);
	struct state st = { .a = a, .msg = msg, .projection = p, .target = EV_TARGET_INIT };
	struct ev_history_hooks hooks = { &st, event, passed, seen };
	struct ev_scratch scratch = { 0 };
	struct ev_source *src = NULL;
	struct ev_history *h = NULL;
	int rc = -1;

	ev_source_args_notes(&a->src, msg);
	ev_history_print_init(&st.print, a->format == 1);
	if (p && check_args(&st, rest, err) == 0 && ev_scratch_open(&scratch, a->scratch, p, err) == 0)
		h = ev_history_open(scratch.store, p, &st.target, a->table, &hooks, err);
	if (h)
		src = open_source(a, err);
	if (src) {
		rc = fold(&st, h, src, err);
		src->ops->close(src);
	}
	ev_history_close(h);
	ev_scratch_close(&scratch);
	ev_history_print_release(&st.print);
	ev_target_release(&st.target);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_history_command = {
	.name = "history",
	.about = "print every event that touched a row, and what it changed",
	.synopsis = "FILE --row COLUMN=VALUE [OPTION]... [SOURCE]...",
	.notes = "The view is built anew, in memory; no store is touched. Exit status 1: no\n"
		 "event touched such a row.",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.release = release,
	.run = run,
};
