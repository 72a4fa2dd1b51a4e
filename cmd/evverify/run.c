/* run.c - evverify: from the options to a verdict, and from the verdict to an exit status */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "common/operands.h"
#include "common/progress.h"
#include "common/store_options.h"
#include "evverify/evverify.h"
#include "evverify/last_success.h"
#include "evverify/log_options.h"
#include "verify/drill.h"
#include "verify/receipt.h"

#define MOST_CACHE ((size_t)64 << 20)
#define NAGIOS_CRITICAL 2
#define NAGIOS_UNKNOWN 3

static const char *const formats[] = { "text", "json", "tap", "prom", "nagios", NULL }; /* enum ev_verdict_format */

struct args {
	struct ev_store_args store;
	struct ev_source_args src;
	struct ev_log_args log;
	bool rows, counts, checks, independent, allow_empty, quiet, repair, yes, drill, capabilities;
	struct ev_list ignore;
	const char *scratch, *metrics, *lock, *receipt, *base, *base_receipt;
	int64_t max_diffs, max_lag, max_age;
	double sample, max_repair; /* percent */
	int format;
};

static const struct ev_option options[] = {
	EV_GROUP("What is checked (rows, counts and checks without one)"),
	EV_FLAG(0, "rows", struct args, rows, "the rows are those that the log makes"),
	EV_FLAG(0, "counts", struct args, counts, "the ledger counts what the log holds"),
	EV_FLAG(0, "checks", struct args, checks, "the file's checks hold"),
	EV_LOG_MODE_ROWS(struct args, log),
	EV_INT(0, "max-lag", "N", struct args, max_lag, 0, INT64_MAX, "and it is at most N records behind"),
	EV_DURATION(0, "max-age", "TIME", struct args, max_age, "and no record that waits is older"),
	EV_GROUP("The checker itself"),
	EV_FLAG(0, "drill", struct args, drill, "damage copies of the view, see whether it is seen"),
	EV_FLAG(0, "capabilities", struct args, capabilities, "print which mode sees which corruption"),
	EV_GROUP("Rows"),
	EV_FLAG(0, "independent", struct args, independent, "fold by plain statements, nothing in memory"),
	EV_STRING(0, "scratch", "URL", struct args, scratch, "PostgreSQL: where the log is folded"),
	EV_STRING(0, "base", "URL", struct args, base, "fold on from an older view, where the log is trimmed"),
	EV_STRING(0, "base-receipt", "FILE", struct args, base_receipt, "what was proven of that one"),
	EV_LIST(0, "ignore", "TABLE.COLUMN", struct args, ignore, "leave a column out; repeatable"),
	EV_PERCENT(0, "sample", "PCT", struct args, sample, 1, "look at a part of the keys alone (100%)"),
	EV_INT(0, "max-diffs", "N", struct args, max_diffs, 0, 1000000, "print so many of each mode (20)"),
	EV_FLAG(0, "allow-empty", struct args, allow_empty, "nothing to check is no failure"),
	EV_FLAG(0, "repair", struct args, repair, "say which rows would be made anew; with --yes do it"),
	EV_FLAG('y', "yes", struct args, yes, "do the repair, then verify again"),
	EV_PERCENT(0, "max-repair", "PCT", struct args, max_repair, 0, "refuse to repair more of the rows (10%)"),
	EV_GROUP("Log"),
	EV_LOG_ROWS(struct args, log),
	EV_ENVELOPE_ROW(struct args, src),
	EV_RANGE_ROWS(struct args, src),
	EV_GROUP("Output"),
	EV_ENUM(0, "format", "text|json|tap|prom|nagios", struct args, format, formats, "how the verdict looks"),
	EV_FLAG('q', "quiet", struct args, quiet, "print nothing when all is well"),
	EV_STRING(0, "metrics", "FILE", struct args, metrics, "also write a Prometheus textfile"),
	EV_STRING(0, "receipt", "FILE", struct args, receipt, "when it is consistent, write what was proven"),
	EV_STRING(0, "lock", "FILE", struct args, lock, "end with 6 while another run holds it"),
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct args, src),
	EV_END,
};

struct state {
	struct args *a;
	struct ev_messages *msg;
	struct ev_progress progress;
	struct ev_verify_options opt;
	struct ev_store_options store;
	struct ev_verdict verdict;
	int lock_fd;
	bool locked_out; /* another run holds --lock */
};

static void init(void *args)
{
	struct args *a = args;

	ev_store_args_init(&a->store);
	ev_source_args_init(&a->src);
	a->max_diffs = 20;
	a->max_lag = a->max_age = -1;
	a->sample = 100;
	a->max_repair = 10;
}

static void release(void *args)
{
	ev_source_args_release(&((struct args *)args)->src);
}

static bool stop(void *ctx)
{
	(void)ctx;
	return ev_stopped();
}

static void progress(void *ctx, const char *what, int64_t records, int64_t done, int64_t total)
{
	struct state *st = ctx;
	struct ev_progress_now now = {
		.records = (uint64_t)records, .done = (uint64_t)done,
		.total = total > 0 ? (uint64_t)total : 0, .lag = -1, .lag_ms = -1, .phase = what,
		.unit = strcmp(what, "drill") == 0 ? "corruptions" : NULL,
	};

	ev_progress_update(&st->progress, &now);
}

static void note(void *ctx, const char *text)
{
	ev_say(((struct state *)ctx)->msg, "%s", text);
}

/* The merge is what the view's order was, so there is no other to be had. */
static int refuse_order(const struct state *st, const struct ev_projection *p, struct ev_error *err)
{
	struct ev_buf why = EV_BUF_INIT;
	int rc = 0;

	if (st->a->src.no_merge && !ev_projection_commutes(p, &why)) {
		rc = ev_fail(err, EV_USAGE, "option '--no-merge': the handlers do not commute");
		ev_hint(err, "%s", ev_buf_str(&why));
	}
	ev_buf_release(&why);
	return rc;
}

static int fill_options(struct state *st, struct ev_error *err)
{
	const struct args *a = st->a;
	bool some = a->rows || a->counts || a->checks;

	if (ev_store_args_check(&a->store, err))
		return -1;
	ev_store_args_options(&a->store, &st->store);
	st->store.read_only = true;
	st->store.stopped = ev_stopped; /* a check of the file may take for ever */
	st->store.cache = (a->src.memory - a->src.spec.memory) / 8;
	if (st->store.cache > MOST_CACHE)
		st->store.cache = 0;
	st->opt = (struct ev_verify_options){
		.url = a->store.url, .store = &st->store, .scratch = a->scratch,
		.base = a->base, .base_receipt = a->base_receipt,
		.rows = a->rows || !some, .counts = a->counts || !some, .checks = a->checks || !some,
		.independent = a->independent, .allow_empty = a->allow_empty,
		.ignore = a->ignore.v, .nignore = a->ignore.n,
		.max_diffs = (size_t)a->max_diffs, .memory = a->src.memory - a->src.spec.memory,
		.max_lag = a->max_lag, .max_age_ms = a->max_age,
	};
	st->opt.sample = a->sample / 100;
	st->opt.max_repair = a->max_repair;
	st->opt.log = a->drill && (!some || a->log.log);
	st->opt.against = a->drill && !some;
	st->opt.sequence = a->log.sequence;
	st->opt.repair = a->repair;
	st->opt.repair_now = a->repair && a->yes;
	if (a->receipt && (!st->opt.rows || !st->opt.counts))
		return ev_fail(err, EV_USAGE, "option '--receipt' is of rows and counts: with other modes give both");
	if (a->drill && (a->repair || a->receipt || a->base || a->ignore.n || a->sample < 100 || a->max_lag >= 0 ||
			 a->max_age >= 0 || a->log.against.n))
		return ev_fail(err, EV_USAGE, "option '--drill' looks at all of the view, and at nothing else");
	if (!a->base != !a->base_receipt)
		return ev_fail(err, EV_USAGE, "options '--base' and '--base-receipt' go together");
	if (a->base && a->repair)
		return ev_fail(err, EV_USAGE, "option '--repair' makes rows from the whole log, not from '--base'");
	if (a->repair && !st->opt.rows)
		return ev_fail(err, EV_USAGE, "option '--repair' repairs rows: with other modes give --rows, too");
	return 0;
}

/* For cron: a run that takes longer than its interval does not meet the next one. */
static int take_lock(struct state *st, struct ev_error *err)
{
	if (!st->a->lock)
		return 0;
	st->lock_fd = open(st->a->lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (st->lock_fd < 0)
		return ev_fail(err, EV_USAGE, "cannot open lock '%s': %s", st->a->lock, strerror(errno));
	if (flock(st->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return ev_fail(err, EV_STORE, "cannot lock '%s': %s", st->a->lock, strerror(errno));
	st->locked_out = true;
	return ev_fail(err, EV_HELD, "another run holds '%s'", st->a->lock);
}

/* Without a mode, and with one that looks at the store. */
static bool looks_at_store(const struct args *a)
{
	return a->rows || a->counts || a->checks || a->drill || a->max_lag >= 0 || a->max_age >= 0 ||
	       !ev_log_args_any(&a->log);
}

/* A log alone needs no file: then all words are sources. */
static bool names_file(const struct ev_operands *rest)
{
	size_t n = rest->n ? strlen(rest->v[0]) : 0;

	return n > 4 && strcmp(rest->v[0] + n - 4, ".sql") == 0;
}

static int check_range(const struct args *a, struct ev_error *err)
{
	if (!looks_at_store(a) || !ev_source_args_ranged(&a->src))
		return 0;
	ev_fail(err, EV_USAGE, "a range belongs to '--log' and '--against'");
	return ev_hint(err, "a view is checked up to where it stands");
}

static int check_receipt(const struct args *a, struct ev_error *err)
{
	if (!a->receipt || looks_at_store(a))
		return 0;
	return ev_fail(err, EV_USAGE, "option '--receipt' is of a view: give '--rows --counts', too");
}

static int prepare(struct state *st, struct ev_operands *rest, const struct ev_projection *p,
		   struct ev_error *err)
{
	struct args *a = st->a;

	if (check_range(a, err) || check_receipt(a, err) || ev_source_args_finish(&a->src, rest, ev_now_ms(), err))
		return -1;
	a->src.spec.need_headers = true;
	ev_source_args_notes(&a->src, st->msg);
	a->src.spec.memory /= 2; /* the other half is for rows, for sorting, and for a second source */
	if (!p && !a->src.spec.ntopics && !a->src.spec.nfiles && !a->src.spec.archive) {
		ev_fail(err, EV_USAGE, "which source? or which projection file?");
		return ev_hint(err, "name the topic, archive or file that is to be looked at; or a file that ends in "
				    ".sql, for the topics that it reads");
	}
	if (p && (ev_use_topics(&a->src, p, err) || refuse_order(st, p, err)))
		return -1;
	if (looks_at_store(a) && fill_options(st, err))
		return -1;
	return take_lock(st, err);
}

static void read_progress(void *ctx, int64_t records, int64_t passed, int64_t span)
{
	progress(ctx, "log", records, passed, span);
}

/* After a repair the verdict is that of the view as it is then; what was done is said. */
static int verify_view(struct state *st, struct ev_source *src, const struct ev_projection *p,
		       struct ev_error *err)
{
	struct ev_verify_hooks hooks = { st, stop, progress, note };
	struct ev_mode *m;
	int rc;

	if (st->a->drill)
		return ev_drill(p, src, &st->opt, &hooks, &st->verdict, err);
	rc = ev_verify(p, src, &st->opt, &hooks, &st->verdict, err);
	if (rc != 1)
		return rc;
	m = ev_verdict_mode(&st->verdict, "rows", "rows");
	for (size_t i = 0; i < m->nnotes; i++)
		ev_say(st->msg, "%s", m->notes[i]);
	ev_verdict_release(&st->verdict);
	st->opt.repair = st->opt.repair_now = false;
	return ev_verify(p, src, &st->opt, &hooks, &st->verdict, err);
}

static int verify_source(struct state *st, struct ev_source *src, struct ev_projection *p,
			 struct ev_error *err)
{
	struct ev_read_hooks read_hooks = { st, stop, read_progress };
	struct args *a = st->a;
	int rc = 0;

	if (looks_at_store(a))
		rc = verify_view(st, src, p, err);
	else
		ev_verdict_init(&st->verdict, (size_t)a->max_diffs);
	if (!rc && ev_log_args_any(&a->log) && !a->drill)
		rc = ev_log_args_run(&a->log, &a->src, src, p, a->max_diffs, a->allow_empty, &read_hooks,
				     &st->verdict, err);
	st->verdict.ended_at = ev_now_ms();
	return rc;
}

static void describe(struct ev_verdict *v, const struct ev_projection *p)
{
	if (!p || v->projection)
		return;
	v->projection = ev_strdup(p->name);
	v->fingerprint = ev_strdup(p->fingerprint);
	v->version = p->version;
}

static int verify(struct state *st, struct ev_operands *rest, struct ev_error *err)
{
	struct ev_projection *p = NULL;
	struct ev_source *src = NULL;
	int rc = -1;

	if (ev_log_args_check(&st->a->log, &st->a->src, err))
		return -1;
	if (looks_at_store(st->a) || names_file(rest)) {
		p = ev_operand_projection(rest, err);
		if (!p)
			return -1;
	}
	if (prepare(st, rest, p, err) == 0)
		src = ev_source_open(&st->a->src.spec, err);
	if (src) {
		rc = verify_source(st, src, p, err);
		src->ops->close(src);
	}
	describe(&st->verdict, p);
	ev_progress_clear(&st->progress);
	ev_projection_free(p);
	return rc;
}

/* For ev_print_prom. */
static const char *which(const struct args *a)
{
	return looks_at_store(a) ? NULL : "log";
}

static int write_metrics(struct state *st, int status, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	double last = (double)st->verdict.ended_at / 1000;
	int rc;

	/* another run reports for itself; a wrong command line says nothing of any view */
	if (!st->a->metrics || st->locked_out || (status == EV_USAGE && !st->verdict.projection))
		return 0;
	if (status && ev_last_success(st->a->metrics, st->verdict.projection, which(st->a), &last, err) < 0)
		return -1;
	ev_print_prom(&st->verdict, status, last, which(st->a), &out);
	rc = ev_file_replace(st->a->metrics, ev_buf_slice(&out), err);
	ev_buf_release(&out);
	return rc;
}

static int print(struct state *st, int status, const struct ev_error *why, struct ev_error *err)
{
	const struct ev_verdict *v = &st->verdict;
	struct ev_buf out = EV_BUF_INIT;
	int rc = 0;

	switch ((enum ev_verdict_format)st->a->format) {
	case EV_FORMAT_TEXT:
		ev_print_text(v, status, why, true, &out);
		break;
	case EV_FORMAT_JSON:
		ev_print_json(v, status, why, &out);
		break;
	case EV_FORMAT_TAP:
		ev_print_tap(v, status, why, &out);
		break;
	case EV_FORMAT_PROM:
		ev_print_prom(v, status, status ? -1 : (double)v->ended_at / 1000, which(st->a), &out);
		break;
	case EV_FORMAT_NAGIOS:
		ev_print_nagios(v, status, why, &out);
		break;
	}
	if (out.failed)
		rc = ev_fail(err, EV_STORE, "no memory for the report");
	else if (status || !st->a->quiet)
		rc = ev_stdout_write(ev_buf_str(&out), out.len, err) < 0 ? -1 : 0;
	ev_buf_release(&out);
	return rc;
}

/* Only of what was proven; an older receipt stays as it is then. */
static int write_receipt(struct state *st, int status, struct ev_error *err)
{
	struct ev_receipt *r = st->verdict.receipt;

	if (!st->a->receipt || status != 0)
		return 0;
	if (!r)
		return ev_fail(err, EV_BUG, "consistent, and nothing to write a receipt of");
	free(r->written_by);
	r->written_by = ev_strdup("evtools " EV_VERSION);
	ev_receipt_add_verdict(r, &st->verdict);
	return ev_receipt_save(r, st->a->receipt, err);
}

/* What failed is never 0 or 1, whatever it says of itself. */
static int class_of(const struct ev_error *err)
{
	return err->class == EV_OK || err->class == EV_NO ? EV_BUG : (int)err->class;
}

/* Nagios has statuses of its own. */
static int leave(struct state *st, int status, const struct ev_error *why, struct ev_error *err)
{
	if (status > 1) {
		*err = *why;
		err->class = class_of(why);
	}
	if (st->a->format == EV_FORMAT_NAGIOS) {
		if (status > 1)
			ev_report(st->msg, err);
		return status == 0 ? 0 : status == 1 ? NAGIOS_CRITICAL : NAGIOS_UNKNOWN;
	}
	return status > 1 ? -1 : status;
}

static int capabilities(const struct args *a, const struct ev_operands *rest, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	int rc = rest->n ? ev_fail(err, EV_USAGE, "option '--capabilities' takes no file and no source") : 0;

	if (rc == 0)
		rc = ev_print_capabilities((enum ev_verdict_format)a->format, &out, err);
	if (rc == 0)
		rc = ev_stdout_write(ev_buf_str(&out), out.len, err) < 0 ? -1 : 0;
	ev_buf_release(&out);
	return rc;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct state st = { .a = args, .msg = msg, .lock_fd = -1 };
	struct ev_error why = EV_ERROR_INIT;
	int status, rc;

	if (st.a->capabilities)
		return capabilities(st.a, rest, err);
	st.verdict.started_at = ev_now_ms();
	ev_progress_init(&st.progress, msg, st.a->quiet || st.a->format != EV_FORMAT_TEXT);
	rc = verify(&st, rest, err);
	if (rc < 0)
		why = *err;
	status = rc < 0 ? class_of(err) : ev_verdict_status(&st.verdict, &why);
	if (!st.verdict.ended_at)
		st.verdict.ended_at = ev_now_ms();
	rc = status == EV_USAGE && st.a->format != EV_FORMAT_NAGIOS ? 0 : print(&st, status, &why, err);
	if (rc == 0)
		rc = write_receipt(&st, status, err);
	if (rc == 0)
		rc = write_metrics(&st, status, err);
	if (rc < 0 && status <= 1) { /* a verdict that did not get out is none */
		status = class_of(err);
		why = *err;
	}
	rc = leave(&st, status, &why, err);
	ev_verdict_release(&st.verdict);
	if (st.lock_fd >= 0)
		close(st.lock_fd);
	return rc;
}

const struct ev_command ev_verify_command = {
	.name = "evverify",
	.about = "prove that log and store agree, and say exactly where they don't",
	.synopsis = "[OPTION]... [FILE.sql] [--store URL] [SOURCE...]",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.release = release,
	.run = run,
};
