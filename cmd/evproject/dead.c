/* dead.c - evproject dead: list, show, retry and drop dead letters */
#include <inttypes.h>
#include <stdio.h>

#include "apply/apply.h"
#include "base/mem.h"
#include "base/plural.h"
#include "common/message.h"
#include "common/term.h"
#include "event/time.h"
#include "evproject/evproject.h"
#include "json/json.h"
#include "rebuild/plan.h"
#include "record/line.h"
#include "sink/origin.h"
#include "store/dead.h"

static const char *const actions[] = { "list", "show", "retry", "drop", "export", NULL };
static const char *const format_words[] = { "text", "json", NULL };

struct args {
	struct ev_store_args store;
	int format;
	bool all, yes;
};

static const struct ev_option options[] = {
	EV_GROUP("Store"),
	EV_STORE_ROWS(struct args, store),
	EV_ENUM(0, "format", "text|json", struct args, format, format_words, "list for people or programs"),
	EV_FLAG(0, "all", struct args, all, "show, retry or drop every letter"),
	EV_FLAG('y', "yes", struct args, yes, "drop without asking"),
	EV_END,
};

struct letter {
	char *topic;
	int32_t partition;
	int64_t offset;
};

struct letters {
	struct letter *v;
	size_t n, cap;
};

static void init(void *args)
{
	ev_store_args_init(&((struct args *)args)->store);
}

/* TOPIC/PARTITION@OFFSET */
static int add_place(struct letters *l, const char *text, struct ev_error *err)
{
	const char *slash = strrchr(text, '/'), *at = slash ? strchr(slash, '@') : NULL;
	int64_t partition, offset;
	char *number = at ? ev_strndup(slash + 1, (size_t)(at - slash - 1)) : NULL;
	bool ok = at && slash > text && ev_parse_i64(number, &partition) &&
		  ev_parse_i64(at + 1, &offset) && partition >= 0 && partition <= INT32_MAX &&
		  offset >= 0;

	free(number);
	if (!ok) {
		ev_fail(err, EV_USAGE, "'%s' is no dead letter's place", text);
		return ev_hint(err, "write TOPIC/PARTITION@OFFSET, as `dead list` prints it");
	}
	EV_GROW(l->v, l->n, l->cap);
	l->v[l->n].topic = ev_strndup(text, (size_t)(slash - text));
	l->v[l->n].partition = (int32_t)partition;
	l->v[l->n++].offset = offset;
	return 0;
}

static int collect(void *ctx, const struct ev_dead_letter *d)
{
	struct letters *l = ctx;

	EV_GROW(l->v, l->n, l->cap);
	l->v[l->n].topic = ev_slice_dup(d->topic);
	l->v[l->n].partition = d->partition;
	l->v[l->n++].offset = d->offset;
	return 0;
}

static void letters_release(struct letters *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].topic);
	free(l->v);
	*l = (struct letters){ 0 };
}

static int list_one(void *ctx, const struct ev_dead_letter *d)
{
	struct ev_table *tb = ctx;
	char time[EV_TIME_TEXT];

	ev_time_format(d->created_at, time);
	ev_table_addf(tb, "%.*s/%d@%" PRId64, (int)d->topic.len, d->topic.ptr, d->partition, d->offset);
	ev_table_slice(tb, d->state);
	ev_table_slice(tb, d->key);
	ev_table_addf(tb, "%" PRId64, d->tries);
	ev_table_add(tb, time);
	if (d->behind >= 0)
		ev_table_addf(tb, "waits behind offset %" PRId64, d->behind);
	else
		ev_table_slice(tb, d->reason);
	return 0;
}

struct json_list {
	struct ev_buf line;
	struct ev_error *err;
	bool closed; /* nobody reads any more */
};

static int list_one_json(void *ctx, const struct ev_dead_letter *d)
{
	struct json_list *l = ctx;
	struct ev_buf *o = &l->line;
	char time[EV_TIME_TEXT];
	int rc;

	ev_time_format(d->created_at, time);
	ev_buf_clear(o);
	ev_buf_adds(o, "{\"topic\":");
	ev_json_quote(o, d->topic);
	ev_buf_addf(o, ",\"partition\":%d,\"offset\":%" PRId64, (int)d->partition, d->offset);
	ev_line_write_key(o, d->key);
	ev_buf_adds(o, ",\"state\":");
	ev_json_quote(o, d->state);
	ev_buf_addf(o, ",\"tries\":%" PRId64 ",\"since\":\"%s\",\"behind\":", d->tries, time);
	if (d->behind >= 0)
		ev_buf_addf(o, "{\"partition\":%d,\"offset\":%" PRId64 "},\"reason\":null}\n", (int)d->behind_partition,
			    d->behind);
	else {
		ev_buf_adds(o, "null,\"reason\":");
		ev_json_quote(o, d->reason);
		ev_buf_adds(o, "}\n");
	}
	rc = ev_stdout_write(o->data, o->len, l->err);
	l->closed = rc > 0;
	return rc;
}

static int list_json(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct json_list l = { .line = EV_BUF_INIT, .err = err };
	int rc = ev_dead_each(s, projection, NULL, list_one_json, &l, err);

	ev_buf_release(&l.line);
	return l.closed ? 0 : rc;
}

static int list(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	struct ev_table tb;
	struct ev_term term;
	int rc;

	ev_term_init(&term, 1);
	ev_table_init(&tb, "lllrll");
	for (const char *const *h = (const char *const[]){ "letter", "state", "key", "tries", "since",
	     "reason", NULL }; *h; h++)
		ev_table_add(&tb, *h);
	rc = ev_dead_each(s, projection, NULL, list_one, &tb, err);
	if (rc == 0 && tb.n > 6)
		ev_table_print(&tb, &term, true, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_table_release(&tb);
	ev_buf_release(&out);
	return rc;
}

static int show_one(void *ctx, const struct ev_dead_letter *d)
{
	(void)ctx;
	fwrite(d->line.ptr, 1, d->line.len, stdout);
	if (!d->line.len || d->line.ptr[d->line.len - 1] != '\n')
		putchar('\n');
	return 0;
}

/* The letter and what it holds back, as record lines: bytes as they came. */
static int show(struct ev_store *s, const char *projection, const struct letters *l,
		struct ev_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < l->n && rc == 0; i++)
		rc = ev_dead_chain(s, projection, ev_slice_str(l->v[i].topic), l->v[i].partition, l->v[i].offset,
				   show_one, NULL, err);
	return rc;
}

struct export {
	struct ev_line_reader *reader;
	struct ev_buf out;
	struct ev_error *err;
};

static int export_one(void *ctx, const struct ev_dead_letter *d)
{
	struct export *x = ctx;
	char partition[16], offset[24];
	struct ev_slice line = d->line;
	struct ev_header *headers;
	struct ev_record r;
	size_t n;

	if (line.len && line.ptr[line.len - 1] == '\n')
		line.len--;
	if (ev_line_read(x->reader, line, &r, x->err))
		return ev_context(x->err, "dead letter %.*s/%d@%" PRId64, (int)d->topic.len, d->topic.ptr,
				  (int)d->partition, d->offset);
	n = r.nheaders;
	headers = ev_alloc((n + 4) * sizeof(*headers));
	if (n)
		memcpy(headers, r.headers, n * sizeof(*headers));
	snprintf(partition, sizeof(partition), "%d", (int)d->partition);
	snprintf(offset, sizeof(offset), "%" PRId64, d->offset);
	headers[n++] = (struct ev_header){ EV_LITERAL(EV_DEAD_TOPIC), d->topic };
	headers[n++] = (struct ev_header){ EV_LITERAL(EV_DEAD_PARTITION), ev_slice_str(partition) };
	headers[n++] = (struct ev_header){ EV_LITERAL(EV_DEAD_OFFSET), ev_slice_str(offset) };
	headers[n++] = (struct ev_header){ EV_LITERAL(EV_DEAD_REASON), d->reason };
	r.headers = headers;
	r.nheaders = n;
	ev_line_write(&x->out, &r);
	free(headers);
	fwrite(ev_buf_str(&x->out), 1, x->out.len, stdout);
	ev_buf_clear(&x->out);
	return 0;
}

/*
 * All letters, as record lines with their origin in headers. What they hold back is not among them: it is applied when
 * they are dropped, and at home it would be there twice.
 */
static int export_letters(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct export x = { .reader = ev_line_reader_new(), .err = err };
	int rc = ev_dead_each(s, projection, "dead", export_one, &x, err);

	ev_line_reader_free(x.reader);
	ev_buf_release(&x.out);
	return rc;
}

static int load_plan(struct ev_store *s, const char *projection, struct ev_plan *plan, struct ev_error *err)
{
	struct ev_trouble trouble = { 0 };
	int rc;

	while ((rc = ev_plan_load(s, projection, plan, err)) < 0 && ev_store_recover(s, &trouble, err))
		ev_plan_release(plan);
	return rc;
}

/* What came of letter `i` of `n`. */
static void tell(const struct letters *l, size_t i, bool drop, const struct ev_retried *done, struct ev_messages *msg)
{
	ev_say(msg, "%s/%d@%" PRId64 " %s, %" PRId64 " record%s applied", l->v[i].topic, l->v[i].partition,
	       l->v[i].offset, drop ? "dropped" : "retried", done->applied, ev_plural(done->applied));
	if (done->offset >= 0)
		ev_warn(msg, "%s/%d@%" PRId64 ", which waited behind it, is a dead letter itself now, and holds back "
			"%" PRId64 " record%s: %s", l->v[i].topic, done->partition, done->offset, done->held,
			ev_plural(done->held), done->why);
}

struct look {
	const struct letter *at;
	bool found;
	struct ev_buf behind; /* it is held, behind this */
};

static int take_look(void *ctx, const struct ev_dead_letter *d)
{
	struct look *w = ctx;

	if (d->partition != w->at->partition || d->offset != w->at->offset || !ev_slice_is(d->topic, w->at->topic))
		return 0;
	w->found = d->behind < 0;
	if (!w->found && !w->behind.len)
		ev_buf_addf(&w->behind, "%s/%d@%" PRId64, w->at->topic, (int)d->behind_partition, d->behind);
	return 0;
}

/* Is it a letter? What is none is refused before any other is touched. */
static int look_for(struct ev_store *s, const char *projection, const struct letter *at, struct ev_error *err)
{
	struct look w = { .at = at, .behind = EV_BUF_INIT };
	struct ev_trouble trouble = { 0 };
	int rc;

	do {
		rc = ev_dead_chain(s, projection, ev_slice_str(at->topic), at->partition, at->offset, take_look, &w,
				   err);
		if (rc == 0 && !w.found)
			rc = ev_dead_each(s, projection, "held", take_look, &w, err);
	} while (rc < 0 && ev_store_recover(s, &trouble, err));
	if (rc == 0 && !w.found) {
		rc = ev_fail(err, EV_USAGE, "no dead letter at %s/%d@%" PRId64, at->topic, at->partition, at->offset);
		if (w.behind.len)
			ev_hint(err, "that record is held behind the letter at %s, and is applied when that is "
				"retried or dropped", ev_buf_str(&w.behind));
		else
			ev_hint(err, "dead list prints them");
	}
	ev_buf_release(&w.behind);
	return rc;
}

/* Letter `i` has ended it all, when `done` were decided on. */
static int tell_where(const struct letters *l, size_t i, size_t done, bool drop, struct ev_error *err)
{
	char hint[sizeof(err->hint)];

	if (l->n < 2)
		return -1;
	snprintf(hint, sizeof(hint), "%s", err->hint);
	return ev_hint(err, "%s%s%zu of the %zu letters %s %s before it, and %zu after it not tried", hint,
		       *hint ? "; " : "", done, l->n, ev_agree(done, "was", "were"), drop ? "dropped" : "retried",
		       l->n - i - 1);
}

/* Each of them, whatever becomes of the others: what is no matter of a letter ends it all. 0, a signal's status, -1. */
static int decide_each(struct ev_apply *a, struct ev_store *s, const struct ev_projection *p, const struct letters *l,
		       bool drop, struct ev_messages *msg, struct ev_error *err)
{
	const char *word = drop ? "dropped" : "retried";
	struct ev_error last = EV_ERROR_INIT;
	size_t failed = 0, gone = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct ev_error why = EV_ERROR_INIT, ignored = EV_ERROR_INIT;
		size_t taken = i - failed - gone;
		struct ev_retried done;

		if (ev_stopped()) {
			ev_say(msg, "stopped: %zu of the %zu letters %s %s, and %zu were not tried", taken, l->n,
			       ev_agree(taken, "was", "were"), word, l->n - i);
			return ev_stop_status(false);
		}
		if (ev_apply_retry(a, l->v[i].topic, l->v[i].partition, l->v[i].offset, drop, &done, &why) == 0) {
			tell(l, i, drop, &done, msg);
			continue;
		}
		if (why.class == EV_USAGE && look_for(s, p->name, &l->v[i], &ignored) < 0 &&
		    ignored.class == EV_USAGE) {
			ev_say(msg, "%s/%d@%" PRId64 " is no dead letter any more: it was decided on meanwhile",
			       l->v[i].topic, (int)l->v[i].partition, l->v[i].offset);
			gone++;
			continue;
		}
		if (why.class != EV_DATA || l->n == 1) {
			*err = why;
			return tell_where(l, i, taken, drop, err);
		}
		ev_warn_of(msg, why.text, strcmp(why.hint, last.hint) ? why.hint : ""); /* what to do, once each */
		last = why;
		failed++;
	}
	return failed ? ev_fail(err, EV_DATA, "%zu of the %zu letters could not be %s", failed, l->n, word) : 0;
}

static int decide(struct ev_store *s, const struct ev_projection *p, const struct letters *l,
		  bool drop, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_apply_options ao = EV_APPLY_OPTIONS_INIT;
	struct ev_apply *a = NULL;
	struct ev_plan plan = { 0 };
	int rc = load_plan(s, p->name, &plan, err);

	ao.beside = true;
	ao.dead = true; /* what waited is beyond the position: however poison is treated, it can stop no run any more */
	ao.waiting = plan.phase == EV_PHASE_BUILD ? &plan.waiting : NULL; /* others are of tables that do not serve */
	if (rc == 0)
		a = ev_apply_open(s, p, &ao, err);
	rc = a ? decide_each(a, s, p, l, drop, msg, err) : -1;
	ev_apply_close(a);
	ev_plan_release(&plan);
	return rc;
}

#define MAX_ASKED 10

struct asked {
	struct ev_buf line; /* of the letter at hand */
	int64_t held;       /* behind it */
};

static int take_asked(void *ctx, const struct ev_dead_letter *d)
{
	struct asked *q = ctx;

	if (d->behind >= 0) {
		q->held++;
		return 0;
	}
	ev_buf_addf(&q->line, "%.*s/%d@%" PRId64, (int)d->topic.len, d->topic.ptr, d->partition, d->offset);
	if (d->key.ptr)
		ev_buf_addf(&q->line, ", key %.*s", (int)d->key.len, d->key.ptr);
	ev_buf_addf(&q->line, ": %.*s", (int)d->reason.len, d->reason.ptr);
	return 0;
}

/* Says which letter it is, and adds what it holds back to `held`. */
static int ask_of(struct ev_store *s, const char *projection, const struct letters *l, size_t i, int64_t *held,
		  struct ev_messages *msg, struct ev_error *err)
{
	struct asked q = { .line = EV_BUF_INIT };
	int rc = ev_dead_chain(s, projection, ev_slice_str(l->v[i].topic), l->v[i].partition, l->v[i].offset,
			       take_asked, &q, err);

	if (rc == 0 && q.line.len && i < MAX_ASKED)
		ev_say(msg, "%s (%" PRId64 " held behind it)", ev_buf_str(&q.line), q.held);
	*held += q.held;
	ev_buf_release(&q.line);
	return rc;
}

/* 1 yes, 0 no, -1. */
static int ask(const struct args *a, struct ev_store *s, const char *projection, const struct letters *l,
	       struct ev_messages *msg, struct ev_error *err)
{
	struct ev_buf question = EV_BUF_INIT;
	int64_t dead, held = 0;
	int rc = l->n ? ev_can_confirm(a->yes, err) : 0;

	if (rc < 0 || a->yes || !l->n)
		return rc < 0 ? -1 : 1;
	for (size_t i = 0; rc == 0 && i < (a->all && l->n > MAX_ASKED ? MAX_ASKED : l->n); i++)
		rc = ask_of(s, projection, l, i, &held, msg, err);
	if (rc == 0 && a->all)
		rc = ev_dead_count(s, projection, &dead, &held, err);
	if (rc < 0)
		return -1;
	if (l->n > MAX_ASKED)
		ev_say(msg, "and %zu more", l->n - MAX_ASKED);
	ev_buf_addf(&question, "Give %s for ever", l->n == 1 ? "this record up" : "these records up");
	if (held)
		ev_buf_addf(&question, ", and apply the %" PRId64 " held behind %s", held, l->n == 1 ? "it" : "them");
	ev_buf_addc(&question, '?');
	rc = ev_confirm(false, ev_buf_str(&question), err);
	ev_buf_release(&question);
	return rc;
}

static int places(struct args *a, struct ev_store *s, const char *projection,
		  const struct ev_operands *rest, struct letters *l, struct ev_error *err)
{
	if (a->all == (rest->n > 0)) {
		ev_fail(err, EV_USAGE, a->all ? "--all and letters exclude each other" : "which letter?");
		return ev_hint(err, "give TOPIC/PARTITION@OFFSET, or --all");
	}
	if (a->all) {
		struct ev_trouble trouble = { 0 };
		int rc;

		while ((rc = ev_dead_each(s, projection, "dead", collect, l, err)) < 0 &&
		       ev_store_recover(s, &trouble, err))
			letters_release(l);
		return rc;
	}
	for (size_t i = 0; i < rest->n; i++)
		if (add_place(l, rest->v[i], err) < 0 || look_for(s, projection, &l->v[i], err) < 0)
			return -1;
	return 0;
}

static int act(struct args *a, const char *action, struct ev_store *s, const struct ev_projection *p,
	       struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct letters l = { 0 };
	bool drop = strcmp(action, "drop") == 0;
	int rc;

	if (ev_has_view(s, p->name, err) < 0)
		return -1;
	if (strcmp(action, "list") == 0)
		return ev_no_operands(rest, err) < 0 ? -1 : (a->format ? list_json : list)(s, p->name, err);
	if (strcmp(action, "export") == 0)
		return ev_no_operands(rest, err) < 0 ? -1 : export_letters(s, p->name, err);
	rc = places(a, s, p->name, rest, &l, err);
	if (rc == 0 && drop) {
		rc = ask(a, s, p->name, &l, msg, err);
		rc = rc < 0 ? -1 : rc == 0 ? ev_declined() : 0;
	}
	if (rc == 0)
		rc = strcmp(action, "show") == 0 ? show(s, p->name, &l, err)
						 : decide(s, p, &l, drop, msg, err);
	letters_release(&l);
	return rc;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct args *a = args;
	struct ev_projection *p;
	struct ev_store *s;
	const char *word = ev_operand_shift(rest), *action = word ? word : "";
	bool known = false, writes;
	int rc = -1;

	for (const char *const *w = actions; *w; w++)
		known |= strcmp(action, *w) == 0;
	if (!known) {
		ev_fail(err, EV_USAGE, word ? "unknown action '%s'" : "which action?%s", action);
		return ev_hint(err, "one of list, show, retry, drop, export");
	}
	if (a->format && strcmp(action, "list") != 0) {
		ev_fail(err, EV_USAGE, "dead %s has no --format", action);
		return ev_hint(err, "show and export print record lines, which are JSON");
	}
	p = ev_operand_projection(rest, err);
	writes = action[0] == 'r' || action[0] == 'd';
	s = p ? ev_store_args_open(&a->store, !writes, err) : NULL;
	if (s)
		rc = act(a, action, s, p, rest, msg, err);
	if (s)
		s->ops->close(s);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_dead_command = {
	.name = "dead",
	.about = "list, show, retry, drop or export dead letters",
	.synopsis = "list|show|retry|drop|export FILE --store URL [LETTER]...",
	.notes = "A LETTER is TOPIC/PARTITION@OFFSET, as list prints it. show prints record lines.\n"
		 "retry and drop try each that is given, and end with 5 where one fails.\n"
		 "export prints all of them with their origin in headers, for evreplay redrive -.",
	.first = actions,
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
