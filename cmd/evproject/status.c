/* status.c - evproject status: where the views of a store stand */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/plural.h"
#include "common/source_options.h"
#include "common/term.h"
#include "event/time.h"
#include "evproject/evproject.h"
#include "json/json.h"
#include "rebuild/shadow.h"
#include "store/dead.h"
#include "store/ledger.h"
#include "verify/freshness.h"

static const char *const format_words[] = { "text", "json", NULL };

struct args {
	struct ev_store_args store;
	struct ev_source_args src;
	int format;
	int64_t max_lag, max_age, max_dead;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_ENUM(0, "format", "text|json", struct args, format, format_words, "for people or programs"),
	EV_GROUP("Limits (exit 1 past one)"),
	EV_INT(0, "max-lag", "N", struct args, max_lag, 0, INT64_MAX, "records behind the log"),
	EV_DURATION(0, "max-age", "TIME", struct args, max_age, "age of a record that waits"),
	EV_INT(0, "max-dead", "N", struct args, max_dead, 0, INT64_MAX, "dead letters"),
	EV_BRIEF("Source (to know the lag)"),
	EV_SOURCE_ROWS(struct args, src),
	EV_END,
};

struct view {
	struct ev_ledger ledger, kept; /* kept: what served before */
	int64_t rebuilt, kept_rebuilt; /* when their rebuilds began, -1 not known */
	bool kept_alone;               /* tables are kept that no ledger describes: they were adopted */
	struct ev_plan plan;           /* of a rebuild under way */
	const char *advice;            /* what goes on with it, where the same call would not; NULL: it does */
	int at_work;                   /* on the versions: 1 a process, 0 nobody, EV_LOCK_UNSEEN */
	int64_t dead, held;
	int64_t lag;    /* records; -1 not known */
	int64_t age_ms; /* of the last record applied; -1 not known */
	struct ev_buf stale; /* where a record waits that is too old, a line each */
	bool balanced;
	struct ev_buf why;
	struct ev_buf missing; /* tables that others have renamed or dropped, NUL after each */
	struct ev_error log; /* why the log could not be asked */
};

static void init(void *args)
{
	struct args *a = args;

	ev_store_args_init(&a->store);
	ev_source_args_init(&a->src);
	a->max_lag = a->max_dead = -1;
}

static void release(void *args)
{
	ev_source_args_release(&((struct args *)args)->src);
}

/* Behind another log, or one that was made anew, nobody can lag. */
static int other_log(const struct ev_ledger_part *p, const struct ev_source *src, int64_t high,
		     struct ev_error *err)
{
	if (p->cluster_id && src->cluster_id && strcmp(p->cluster_id, src->cluster_id) != 0)
		ev_fail(err, EV_DATA, "%s/%d is not the log that the view was built from: the cluster's "
			"id is another", p->topic, p->partition);
	else if (high < p->next)
		ev_fail(err, EV_DATA, "%s/%d is not the log that the view was built from: it ends at "
			"offset %" PRId64 ", the view stands at %" PRId64, p->topic, p->partition, high,
			p->next);
	else
		return 0;
	return -1;
}

static void too_old(void *ctx, const char *partition, const char *what)
{
	ev_buf_addf(ctx, "%s: %s\n", partition, what);
}

static int hold_against(struct args *a, struct view *v, struct ev_source *src, struct ev_error *err)
{
	struct ev_freshness f = { 0 };
	int rc = ev_freshness_ask(&f, src, a->max_age ? a->max_age : -1, err);

	for (size_t i = 0; i < src->nparts && rc == 0; i++) {
		const struct ev_partition *p = &src->parts[i];
		const struct ev_ledger_part *q = ev_ledger_part(&v->ledger, p->topic, p->partition, false);

		rc = q ? other_log(q, src, p->high, err) : 0;
	}
	if (rc == 0) {
		v->lag = ev_freshness_lag(&f, src, &v->ledger);
		rc = ev_freshness_stale(&f, src, &v->ledger, too_old, &v->stale, err);
	}
	ev_freshness_release(&f);
	return rc;
}

static int ask_log(struct args *a, struct view *v, struct ev_error *err)
{
	struct ev_source_spec spec = a->src.spec;
	struct ev_source *src;
	int rc = 0;

	if (!spec.brokers || !v->ledger.nparts || !v->ledger.parts[0].cluster_id)
		return 0;
	spec.topics = NULL;
	spec.ntopics = 0;
	for (size_t i = 0; i < v->ledger.nparts && rc == 0; i++)
		if (!i || strcmp(v->ledger.parts[i].topic, v->ledger.parts[i - 1].topic) != 0)
			rc = ev_source_spec_add(&spec, v->ledger.parts[i].topic, err);
	src = rc == 0 ? ev_source_open(&spec, err) : NULL;
	if (src) {
		rc = hold_against(a, v, src, err);
		src->ops->close(src);
	}
	for (size_t i = 0; i < spec.ntopics; i++) {
		free(spec.topics[i].topic);
		free(spec.topics[i].partitions);
	}
	free(spec.topics);
	return src ? rc : -1;
}

/* Does somebody hold the lock of who rebuilds, rolls back or drops? */
static int ask_lock(struct ev_store *s, const char *name, struct view *v, struct ev_error *err)
{
	struct ev_buf lock = EV_BUF_INIT;
	int rc = 0;

	if (v->plan.phase == EV_PHASE_NONE)
		return 0;
	ev_role_name(&lock, name, EV_ROLE_NEW);
	rc = s->ops->locked(s, ev_buf_str(&lock), err);
	v->at_work = rc < 0 ? 0 : rc;
	ev_buf_release(&lock);
	return rc < 0 ? -1 : 0;
}

/* The versions that do not serve. */
static int load_versions(struct ev_store *s, const char *name, struct view *v, struct ev_error *err)
{
	struct ev_buf kept = EV_BUF_INIT;
	int rc;

	ev_role_name(&kept, name, EV_ROLE_KEPT);
	rc = ev_ledger_load(s, ev_buf_str(&kept), &v->kept, err);
	if (rc == 0)
		rc = ev_rows_key_time(s, name, &v->rebuilt, err);
	if (rc == 0)
		rc = ev_rows_key_time(s, ev_buf_str(&kept), &v->kept_rebuilt, err);
	ev_buf_release(&kept);
	if (rc == 0 && !v->kept.exists) {
		rc = ev_role_present(s, name, EV_ROLE_KEPT, err);
		v->kept_alone = rc > 0;
	}
	if (rc >= 0)
		rc = ev_plan_load(s, name, &v->plan, err);
	if (rc >= 0)
		rc = ev_plan_is_beside(s, &v->plan, &v->ledger, err);
	v->advice = rc == 0 ? "a rollback came between: " EV_PLAN_IS_VOID : v->plan.advice;
	return rc < 0 ? -1 : ask_lock(s, name, v, err);
}

/* Adopted tables that a rollback has put in place again, or that are about to be: no ledger describes what serves. */
static int load_bare(struct ev_store *s, const char *name, struct view *v, struct ev_error *err)
{
	int there = ev_role_present(s, name, EV_ROLE_LIVE, err);

	v->balanced = true;
	v->age_ms = -1;
	if (there < 0 || load_versions(s, name, v, err) < 0 ||
	    (there && ev_ledger_missing(s, name, &v->missing, err) < 0))
		return -1;
	if (!there && v->plan.phase == EV_PHASE_NONE)
		return ev_ledger_no_view(s, name, err);
	return 0;
}

static int load(struct args *a, struct ev_store *s, const char *name, struct view *v,
		struct ev_error *err)
{
	if (ev_ledger_load(s, name, &v->ledger, err) < 0)
		return -1;
	if (!v->ledger.exists)
		return load_bare(s, name, v, err);
	if (ev_dead_count(s, name, &v->dead, &v->held, err) < 0 || load_versions(s, name, v, err) < 0 ||
	    ev_ledger_missing(s, name, &v->missing, err) < 0)
		return -1;
	v->age_ms = ev_ledger_age_ms(&v->ledger);
	v->balanced = ev_ledger_balanced(&v->ledger, &v->why);
	ask_log(a, v, &v->log);
	return 0;
}

static void print_plan(const struct view *v)
{
	const struct ev_plan *p = &v->plan;
	struct ev_buf why = EV_BUF_INIT, advice = EV_BUF_INIT;
	char time[EV_TIME_TEXT];

	ev_time_format(p->since, time);
	printf("rebuild to version %" PRId64 ": %s%s%s, since %s%s%s\n", p->version, ev_plan_word(p),
	       p->refused ? ": " : "", p->refused ? p->refused : "", time, p->compared ? "; " : "",
	       p->compared ? p->compared : "");
	ev_term_escape(&why, ev_slice_str(p->failed ? p->failed : ""));
	ev_term_escape(&advice, ev_slice_str(v->advice ? v->advice : ""));
	if (v->at_work == 1)
		printf("a process is at work on it%s%s\n", p->holder ? ", last saved by " : "",
		       p->holder ? p->holder : "");
	else
		printf("%s%s%s\n", v->at_work ? "whether a process is at work on it is not known on a standby" :
		       "nobody is at work on it", p->failed ? "; the last call ended with: " : "", ev_buf_str(&why));
	ev_buf_release(&why);
	if (!v->at_work && v->advice)
		printf("to go on: %s\n", ev_buf_str(&advice));
	else if (!v->at_work)
		printf("%srebuild --abandon gives it up\n", p->refused ? "" : p->ready ? "rebuild --yes swaps it in, " :
		       "the same command goes on with it, ");
	ev_buf_release(&advice);
}

/* What tells two versions of one number apart. */
static void print_times(const struct ev_ledger *l, int64_t rebuilt)
{
	char time[EV_TIME_TEXT];

	ev_time_format(l->updated_at, time);
	printf(", last commit %s", time);
	if (rebuilt >= 0) {
		ev_time_format(rebuilt, time);
		printf(", rebuild of %s", time);
	}
	putchar('\n');
}

static void print_versions(const struct view *v)
{
	for (const char *t = ev_buf_str(&v->missing), *end = t + v->missing.len; t < end; t += strlen(t) + 1)
		printf("TABLE %s IS NOT THERE\n", t);
	if (v->plan.phase != EV_PHASE_NONE)
		print_plan(v);
	if (v->kept.exists) {
		printf("version %" PRId64 " is kept for rollback", v->kept.version);
		print_times(&v->kept, v->kept_rebuilt);
	} else if (v->kept_alone) {
		printf("the tables that were adopted are kept for rollback\n");
	}
}

static int64_t count_of(const struct ev_ledger_part *p, int c)
{
	return c < EV_COUNTS ? p->counts[c] : p->untouched;
}

/* What was applied and ignored, and of the rest what there is. */
static bool is_shown(const struct ev_ledger *l, int c)
{
	for (size_t i = 0; i < l->nparts; i++)
		if (count_of(&l->parts[i], c))
			return true;
	return c < 2;
}

static void print_parts(const struct ev_ledger *l, const struct ev_term *term, struct ev_buf *out)
{
	static const char *const heads[EV_COUNTS + 1] = { "applied", "ignored", "filtered", "dedup", "dead", "held",
							  "dropped", "invisible", "no row" };
	struct ev_table tb;

	ev_table_init(&tb, "lrrrrrrrrrrr");
	tb.columns = 3;
	for (const char *const *h = (const char *const[]){ "topic/partition", "begin", "next", NULL }; *h; h++)
		ev_table_add(&tb, *h);
	for (int c = 0; c <= EV_COUNTS; c++)
		if (is_shown(l, c)) {
			ev_table_add(&tb, heads[c]);
			tb.columns++;
		}
	for (size_t i = 0; i < l->nparts; i++) {
		const struct ev_ledger_part *p = &l->parts[i];

		ev_table_addf(&tb, "%s/%d", p->topic, p->partition);
		ev_table_addf(&tb, "%" PRId64, p->begin);
		ev_table_addf(&tb, "%" PRId64, p->next);
		for (int c = 0; c <= EV_COUNTS; c++)
			if (is_shown(l, c))
				ev_table_addf(&tb, "%" PRId64, count_of(p, c));
	}
	ev_table_print(&tb, term, true, out);
	ev_table_release(&tb);
}

static void print_text(const struct view *v)
{
	const struct ev_ledger *l = &v->ledger;
	struct ev_buf out = EV_BUF_INIT;
	struct ev_term term;

	if (!l->exists) {
		printf("%s: the tables of another program serve, which no ledger describes\n", l->projection);
		print_versions(v);
		return;
	}
	ev_term_init(&term, 1);
	printf("%s version %" PRId64 ", fingerprint %s", l->projection, l->version, l->fingerprint);
	print_times(l, v->rebuilt);
	if (v->lag >= 0)
		printf("lag %" PRId64 " record%s", v->lag, ev_plural(v->lag));
	else
		printf("lag not known (%s)", v->log.class ? "see below" : "no broker asked");
	if (v->age_ms >= 0) {
		ev_term_duration(&out, v->age_ms);
		printf(", last record %s old", ev_buf_str(&out));
		ev_buf_clear(&out);
	}
	printf(", dead letters %" PRId64 ", held %" PRId64 "%s\n", v->dead, v->held,
	       l->dead ? " (--on-error dead)" : "");
	if (l->last_error && *l->last_error) {
		printf("last error: ");
		fflush(stdout);
		ev_term_escape(&out, ev_slice_str(l->last_error));
		puts(ev_buf_str(&out));
		ev_buf_clear(&out);
	}
	print_versions(v);
	print_parts(l, &term, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	if (!v->balanced)
		printf("THE LEDGER DOES NOT BALANCE: %s\n", ev_buf_str(&v->why));
	else
		printf("the ledger balances: these counts (others are 0) are all offsets up to `next`\n");
	ev_buf_release(&out);
}

static void add_text(struct ev_buf *o, const char *name, const char *text)
{
	ev_buf_addf(o, ",\"%s\":", name);
	if (text)
		ev_json_quote(o, ev_slice_str(text));
	else
		ev_buf_adds(o, "null");
}

static void add_time(struct ev_buf *o, const char *name, int64_t ms)
{
	char time[EV_TIME_TEXT];

	if (ms >= 0)
		ev_time_format(ms, time);
	add_text(o, name, ms >= 0 ? time : NULL);
}

static void add_plan(const struct view *v, struct ev_buf *o)
{
	static const char *const at_work[] = { "false", "true", [EV_LOCK_UNSEEN] = "null" };
	const struct ev_plan *p = &v->plan;
	bool over = v->at_work != 1;

	ev_buf_addf(o, "{\"phase\":\"%s\",\"version\":%" PRId64, ev_plan_word(p), p->version);
	add_time(o, "since", p->since);
	add_time(o, "updated_at", p->updated_at);
	ev_buf_addf(o, ",\"at_work\":%s", at_work[v->at_work]);
	add_text(o, "holder", p->holder);
	add_text(o, "compared", p->compared);
	add_text(o, "refused", p->refused);
	add_text(o, "failed", over ? p->failed : NULL);
	add_text(o, "advice", over ? v->advice : NULL);
	ev_buf_addc(o, '}');
}

static void print_json(const struct view *v)
{
	const struct ev_ledger *l = &v->ledger;
	struct ev_buf o = EV_BUF_INIT;

	ev_buf_adds(&o, "{\"projection\":");
	ev_json_quote(&o, ev_slice_str(l->projection));
	if (!l->exists)
		ev_buf_adds(&o, ",\"version\":null,\"fingerprint\":null,\"generation\":null");
	else
		ev_buf_addf(&o, ",\"version\":%" PRId64 ",\"fingerprint\":\"%s\",\"generation\":%" PRId64,
			    l->version, l->fingerprint, l->generation);
	add_time(&o, "last_commit", l->exists ? l->updated_at : -1);
	add_time(&o, "rebuilt", v->rebuilt);
	ev_buf_adds(&o, ",\"rebuild\":");
	if (v->plan.phase != EV_PHASE_NONE)
		add_plan(v, &o);
	else
		ev_buf_adds(&o, "null");
	ev_buf_adds(&o, ",\"kept\":");
	if (v->kept.exists) {
		ev_buf_addf(&o, "{\"version\":%" PRId64 ",\"fingerprint\":\"%s\"", v->kept.version,
			    v->kept.fingerprint);
		add_time(&o, "last_commit", v->kept.updated_at);
		add_time(&o, "rebuilt", v->kept_rebuilt);
		ev_buf_addc(&o, '}');
	} else {
		ev_buf_adds(&o, v->kept_alone ? "{\"version\":null,\"fingerprint\":null}" : "null");
	}
	ev_buf_adds(&o, ",\"last_error\":");
	l->last_error && *l->last_error ? ev_json_quote(&o, ev_slice_str(l->last_error))
					: ev_buf_adds(&o, "null");
	ev_buf_adds(&o, ",\"lag\":");
	v->lag >= 0 ? ev_buf_add_i64(&o, v->lag) : ev_buf_adds(&o, "null");
	ev_buf_adds(&o, ",\"age_ms\":");
	v->age_ms >= 0 ? ev_buf_add_i64(&o, v->age_ms) : ev_buf_adds(&o, "null");
	if (l->exists)
		ev_buf_addf(&o, ",\"on_error\":\"%s\"", l->dead ? "dead" : "stop");
	ev_buf_adds(&o, ",\"missing\":[");
	for (const char *first = ev_buf_str(&v->missing), *t = first; t < first + v->missing.len; t += strlen(t) + 1) {
		ev_buf_adds(&o, t == first ? "" : ",");
		ev_json_quote(&o, ev_slice_str(t));
	}
	ev_buf_addc(&o, ']');
	ev_buf_addf(&o, ",\"dead\":%" PRId64 ",\"held\":%" PRId64 ",\"balanced\":%s,\"partitions\":[",
		    v->dead, v->held, v->balanced ? "true" : "false");
	for (size_t i = 0; i < l->nparts; i++) {
		const struct ev_ledger_part *p = &l->parts[i];

		ev_buf_adds(&o, i ? ",{\"topic\":" : "{\"topic\":");
		ev_json_quote(&o, ev_slice_str(p->topic));
		ev_buf_addf(&o, ",\"partition\":%d,\"begin\":%" PRId64 ",\"next\":%" PRId64, p->partition,
			    p->begin, p->next);
		for (int c = 0; c < EV_COUNTS; c++)
			ev_buf_addf(&o, ",\"%s\":%" PRId64, ev_count_names[c], p->counts[c]);
		ev_buf_addf(&o, ",\"untouched\":%" PRId64 "}", p->untouched);
	}
	ev_buf_adds(&o, "]}\n");
	fwrite(ev_buf_str(&o), 1, o.len, stdout);
	ev_buf_release(&o);
}

/* 1 when a limit is passed; what cannot be known never passes as kept. -1. */
static int limits(const struct args *a, const struct view *v, struct ev_messages *msg,
		  struct ev_error *err)
{
	const char *name = v->ledger.projection;
	int passed = 0;

	if ((a->max_lag >= 0 || a->max_age) && !v->log.class) {
		if (v->lag < 0) {
			ev_fail(err, EV_USAGE, "the lag of '%s' is not known", name);
			return ev_hint(err, "name the broker with -b");
		}
		if (a->max_lag >= 0 && v->lag > a->max_lag) {
			ev_say(msg, "%s: lag %" PRId64 " is over %" PRId64, name, v->lag, a->max_lag);
			passed = 1;
		}
		for (const char *c = ev_buf_str(&v->stale), *end; (end = strchr(c, '\n')); c = end + 1) {
			ev_say(msg, "%s: %.*s", name, (int)(end - c), c);
			passed = 1;
		}
	}
	if (a->max_dead >= 0 && v->dead > a->max_dead) {
		ev_say(msg, "%s: %" PRId64 " dead letter%s over %" PRId64, name, v->dead,
		       ev_agree(v->dead, " is", "s are"), a->max_dead);
		passed = 1;
	}
	if (!v->balanced) {
		ev_say(msg, "%s: the ledger does not balance: %s", name, ev_buf_str(&v->why));
		passed = 1;
	}
	for (const char *t = ev_buf_str(&v->missing), *end = t + v->missing.len; t < end; t += strlen(t) + 1) {
		ev_say(msg, "%s: table %s is not there any more: others have renamed or dropped it (rebuild --again "
		       "builds the version anew)", name, t);
		passed = 1;
	}
	return passed;
}

/* Who names a file may take what is shown for the state of that very version. */
static void warn_of_file(const struct view *v, const struct ev_projection *p, struct ev_messages *msg)
{
	const char *is = "";

	if (!v->ledger.exists || strcmp(v->ledger.fingerprint, p->fingerprint) == 0)
		return;
	if (v->plan.phase != EV_PHASE_NONE && strcmp(v->plan.fingerprint, p->fingerprint) == 0)
		is = ", the file's is being built";
	else if (v->kept.exists && strcmp(v->kept.fingerprint, p->fingerprint) == 0)
		is = ", the file's is kept";
	ev_warn(msg, "%s is not what serves: version %" PRId64 " does%s", p->file, v->ledger.version, is);
}

/* `p`: of the file that was named, or NULL. */
static int one(struct args *a, struct ev_store *s, const char *name, const struct ev_projection *p,
	       struct ev_messages *msg, struct ev_error *err)
{
	struct view v = { .lag = -1, .rebuilt = -1, .kept_rebuilt = -1 };
	int rc = load(a, s, name, &v, err);

	if (rc == 0) {
		a->format ? print_json(&v) : print_text(&v);
		if (p)
			warn_of_file(&v, p, msg);
		rc = limits(a, &v, msg, err);
	}
	if (rc >= 0 && v.log.class) { /* last, after all that the store can tell */
		*err = v.log;
		rc = -1;
	}
	ev_ledger_release(&v.ledger);
	ev_ledger_release(&v.kept);
	ev_plan_release(&v.plan);
	ev_buf_release(&v.why);
	ev_buf_release(&v.stale);
	ev_buf_release(&v.missing);
	return rc;
}

/*
 * One view's log that cannot be asked says nothing of the others; what it was is the end of it all.
 * The first error stays in `err`.
 */
static int all(struct args *a, struct ev_store *s, struct ev_messages *msg, struct ev_error *err)
{
	bool failed = false;
	struct ev_buf names = EV_BUF_INIT;
	int rc = ev_ledger_names(s, &names, err), worst = 0;
	const char *end;

	if (rc == 0) /* of tables that are about to be adopted */
		rc = ev_plan_names(s, &names, err);
	end = ev_buf_str(&names) + names.len;
	if (rc == 0 && !names.len) {
		ev_fail(err, EV_USAGE, "store '%s' has no views", s->url);
		rc = ev_hint(err, "is it the right store, or schema?");
	}
	for (const char *n = ev_buf_str(&names); rc >= 0 && n < end; n += strlen(n) + 1) {
		struct ev_error why = EV_ERROR_INIT;

		rc = one(a, s, n, NULL, msg, &why);
		worst = rc > worst ? rc : worst;
		if (rc >= 0)
			continue;
		ev_context(&why, "%s", n);
		if (failed)
			ev_warn(msg, "%s", why.text);
		else
			*err = why;
		failed = true;
		rc = why.class == EV_STORE ? -1 : 0;
	}
	ev_buf_release(&names);
	return rc < 0 || failed ? -1 : worst;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_operands none = { 0 };
	struct ev_projection *p = NULL;
	struct args *a = args;
	struct ev_store *s = NULL;
	int rc = -1;

	if (ev_source_args_finish(&a->src, &none, ev_now_ms(), err) < 0)
		return -1;
	if (rest->n && !(p = ev_operand_projection(rest, err)))
		return -1;
	if (ev_no_operands(rest, err) == 0)
		s = ev_store_args_open(&a->store, true, err);
	if (s)
		rc = p ? one(a, s, p->name, p, msg, err) : all(a, s, msg, err);
	if (s)
		s->ops->close(s);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_status_command = {
	.name = "status",
	.about = "where the views of a store stand: position, lag, counts",
	.synopsis = "[FILE] --store URL [OPTION]...",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.release = release,
	.run = run,
};
