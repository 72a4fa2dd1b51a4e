/* redrive.c - dead letters sent home by their origin headers: evreplay redrive */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/plural.h"
#include "common/term.h"
#include "evreplay/redrive.h"

enum { REASONS = 1000, REASON_TEXT = 100, COMMIT_TRIES = 3 };

struct tally {
	char *a, *b; /* from, to; or class, text */
	uint64_t n;
};

struct redrive {
	struct ev_header *headers; /* of the record at hand */
	size_t headers_cap;
	char tries[24];
	uint64_t sent, quarantined, left;
	uint64_t *way;          /* which of them the record at hand counts to */
	uint64_t stuck, astray; /* a dry run: without a home; for a topic or partition that is not there */
	struct tally *routes, *reasons; /* of a dry run */
	size_t nroutes, nreasons;
	char *topic; /* of the record at hand */
};

struct redrive *redrive_new(void)
{
	return ev_alloc(sizeof(struct redrive));
}

static void tallies_release(struct tally *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(t[i].a);
		free(t[i].b);
	}
	free(t);
}

void redrive_free(struct redrive *d)
{
	if (!d)
		return;
	tallies_release(d->routes, d->nroutes);
	tallies_release(d->reasons, d->nreasons);
	free(d->headers);
	free(d->topic);
	free(d);
}

/* As it is shown: a line of a table, up to a NUL. */
static struct ev_slice shown(struct ev_slice s)
{
	size_t n = s.len < REASON_TEXT ? s.len : REASON_TEXT;
	const char *nul = s.ptr ? memchr(s.ptr, 0, n) : NULL;

	if (!s.ptr)
		return EV_LITERAL("-");
	return (struct ev_slice){ s.ptr, nul ? (size_t)(nul - s.ptr) : n };
}

/* Past the limit all others are one. What comes often moves to the front, where it is found at once. */
static void count(struct tally **v, size_t *n, struct ev_slice a, struct ev_slice b)
{
	struct tally *t;

	a = shown(a);
	b = shown(b);
	for (size_t i = 0; i < *n; i++) {
		t = *v + i;
		if (i < REASONS && !(ev_slice_is(a, t->a) && ev_slice_is(b, t->b)))
			continue;
		t->n++;
		if (i && i < REASONS) {
			struct tally before = t[-1];

			t[-1] = *t;
			*t = before;
		}
		return;
	}
	t = EV_PUSH(*v, *n);
	t->a = ev_slice_dup(*n <= REASONS ? a : EV_LITERAL("(others)"));
	t->b = ev_slice_dup(*n <= REASONS ? b : EV_LITERAL("-"));
	t->n = 1;
}

/* The headers with the count of tries, in the place of an old one or behind all others. */
static void count_try(struct redrive *d, struct ev_record *r, int64_t tries)
{
	bool there = false;

	if (r->nheaders + 1 > d->headers_cap) {
		d->headers_cap = r->nheaders + 16;
		d->headers = ev_realloc_n(d->headers, d->headers_cap, sizeof(*d->headers));
	}
	snprintf(d->tries, sizeof(d->tries), "%" PRId64, tries + 1);
	for (size_t i = 0; i < r->nheaders; i++) {
		d->headers[i] = r->headers[i];
		if (!ev_slice_is(r->headers[i].name, EV_TRIES_HEADER))
			continue;
		d->headers[i].value = ev_slice_str(d->tries);
		there = true;
	}
	if (!there)
		d->headers[r->nheaders++] = (struct ev_header){ EV_LITERAL(EV_TRIES_HEADER),
								ev_slice_str(d->tries) };
	r->headers = d->headers;
}

/* What came to be there would be taken for a job's position. */
static bool is_ours(const struct ev_origin *o)
{
	return ev_slice_is(o->topic, EV_JOBS_TOPIC);
}

static int no_home(const struct replay *r, const struct ev_record *rec, const struct ev_origin *o,
		   struct ev_error *err)
{
	if (is_ours(o))
		return ev_fail(err, EV_DATA, "cannot send this record home: its headers name '" EV_JOBS_TOPIC
			       "', where jobs keep their positions");
	ev_fail(err, EV_DATA, "cannot send this record home: no header says where it came from");
	if (!redrive_by_group(r))
		return ev_hint(err, "headers of Kafka Connect, Spring and evproject are known; --into TOPIC sends all "
			       "there");
	return ev_hint(err, "headers of Kafka Connect, Spring and evproject are known; 'evreplay redrive %.*s/%d --to "
		       "%lld --group %s --into TOPIC' puts it aside, with those before it there, into a topic that is "
		       "made before", (int)rec->topic.len, rec->topic.ptr, (int)rec->partition,
		       (long long)rec->offset + 1, r->args->group);
}

/* A plan goes on behind what would end a run: a home that is not there, or lacks the partition. */
static bool is_astray(struct replay *r, const struct replay_topic *t, const struct ev_record *rec)
{
	if (!r->args->dry_run || !t ||
	    (t->info.partitions && ev_spread_of(&r->spread, rec, t->info.partitions) >= 0))
		return false;
	r->redrive->astray++;
	return true;
}

int redrive_route(struct replay *r, struct ev_record *rec, struct replay_topic **target,
		  struct ev_error *err)
{
	struct redrive *d = r->redrive;
	const struct replay_args *a = r->args;
	struct ev_slice from = rec->topic;
	struct ev_origin o;
	bool out;

	ev_origin_of(rec, &o);
	if (a->dry_run)
		count(&d->reasons, &d->nreasons, o.error, o.reason);
	if ((!o.kind || is_ours(&o)) && !a->into && !a->dry_run)
		return no_home(r, rec, &o, err);
	out = o.tries >= a->max_redrives;
	free(d->topic);
	d->topic = out ? ev_strdup(a->quarantine) : a->into ? ev_strdup(a->into) :
		   is_ours(&o) ? NULL : ev_slice_dup(o.topic);
	if (out && !d->topic && !a->dry_run) {
		ev_fail(err, EV_DATA, "this record was sent home %" PRId64 " times already", o.tries);
		return ev_hint(err, "--quarantine TOPIC is where such records go, --max-redrives how often");
	}
	if (a->dry_run)
		count(&d->routes, &d->nroutes, from,
		      d->topic ? ev_slice_str(d->topic) : EV_LITERAL("(nowhere)"));
	if (!d->topic) {
		d->stuck++;
		return 0;
	}
	if (o.partition >= 0)
		rec->partition = o.partition; /* so that --partition keep means it */
	rec->topic = ev_slice_str(d->topic);
	*target = replay_topic_named(r, d->topic, NULL, err); /* which it never makes */
	if (is_astray(r, *target, rec)) {
		*target = NULL;
		return 0;
	}
	if (!*target || (!a->dry_run && replay_bound_batches(r, err)))
		return -1;
	if (!out)
		count_try(d, rec, o.tries);
	d->way = out ? &d->quarantined : &d->sent;
	return 0;
}

void redrive_sent(struct replay *r)
{
	*r->redrive->way += 1;
}

void redrive_leave(struct replay *r, struct replay_part *p, int64_t offset)
{
	if (p->left < 0)
		p->left = offset;
	r->redrive->left++;
}

bool redrive_by_group(const struct replay *r)
{
	return !r->src->one_sequence && !r->args->src.from;
}

bool redrive_full(const struct replay *r)
{
	return r->args->max && r->redrive->sent + r->redrive->quarantined >= (uint64_t)r->args->max;
}

void redrive_rest(struct replay *r, const struct ev_record *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct replay_part *p = replay_part_at(r, v[i].part);

		if (p->left < 0)
			p->left = v[i].offset;
	}
}

/* What the topic has no more, or was made anew without, is passed over, and said; the commit behind it stands. */
static void pass_gap(struct replay *r, const struct ev_partition *p, int64_t at)
{
	if (at > p->high)
		ev_warn(r->msg, "%s/%d: group '%s' stands at offset %" PRId64 ", and the log ends at %" PRId64 ": it "
			"goes on at its start, %" PRId64, p->topic, (int)p->partition, r->args->group, at, p->high,
			p->low);
	else
		ev_warn(r->msg, "%s/%d: offsets %" PRId64 "..%" PRId64 " are gone, up to %" PRId64 " letter%s that no "
			"run has sent", p->topic, (int)p->partition, at, p->low - 1, p->low - at,
			ev_plural(p->low - at));
	ev_position_set(&r->stored, p->topic, p->partition, p->low);
}

int redrive_begin(struct replay *r, struct ev_error *err)
{
	bool ahead = false;

	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		ahead |= ev_position_get(&r->stored, p->topic, p->partition) > p->high;
	}
	/* another redrive may have ended while the group was waited for */
	if (ahead && r->src->ops->refresh(r->src, err))
		return -1;
	if ((replay_chooses(r->args) || r->args->src.until) && !r->args->quiet)
		ev_warn(r->msg, "what the filters leave keeps group '%s' where it is: letters from behind that are "
			"sent again by the next run", r->args->group);
	for (size_t i = 0; r->args->accept_gap && i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];
		int64_t at = ev_position_get(&r->stored, p->topic, p->partition);

		if (at >= 0 && (at < p->low || at > p->high))
			pass_gap(r, p, at);
	}
	return 0;
}

/* Somebody else who moves the group reads the same letters, and sends them, too: that is looked at with its offsets. */
static int check_alone(struct replay *r, struct ev_error *err)
{
	struct ev_position now = EV_POSITION_INIT;
	int rc = r->src->ops->group_offsets(r->src, r->args->group, &now, err);

	ev_position_release(&now);
	return rc;
}

/* A group that the broker has forgotten us in meanwhile is looked at again: it may be as we left it. */
static int commit_alone(struct replay *r, const struct ev_position *done, struct ev_error *err)
{
	int rc = -1;

	for (int i = 0; i < COMMIT_TRIES; i++) {
		*err = (struct ev_error)EV_ERROR_INIT;
		if (check_alone(r, err))
			return -1;
		rc = r->src->ops->commit_group(r->src, r->args->group, done, -1, err);
		if (!rc || err->class != EV_HELD || !err->retriable)
			break;
	}
	if (rc && err->class == EV_HELD)
		err->retriable = false;
	return rc;
}

int redrive_commit(struct replay *r, const struct ev_position *next, struct ev_error *err)
{
	struct ev_position done = EV_POSITION_INIT;
	int rc;

	if (!redrive_by_group(r))
		return 0;
	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *at = &r->src->parts[i];
		int64_t offset = ev_position_get(next, at->topic, at->partition);

		if (i < r->nparts && r->parts[i].left >= 0 && r->parts[i].left < offset)
			offset = r->parts[i].left; /* by a filter, or behind the last one of --max */
		if (offset >= 0)
			ev_position_set(&done, at->topic, at->partition, offset);
	}
	rc = commit_alone(r, &done, err);
	ev_position_release(&done);
	return rc;
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = ((const struct tally *)a)->n, y = ((const struct tally *)b)->n;

	return (x < y) - (x > y);
}

static void print(struct tally *v, size_t n, const char *a, const char *b, const struct ev_term *term,
		  struct ev_buf *out)
{
	struct ev_table tb;
	uint64_t max = 0;

	if (n)
		qsort(v, n, sizeof(*v), by_count);
	ev_table_init(&tb, "rlll");
	ev_table_add(&tb, "records");
	ev_table_add(&tb, "");
	ev_table_add(&tb, a);
	ev_table_add(&tb, b);
	for (size_t i = 0; i < n; i++) {
		struct ev_buf bar = EV_BUF_INIT;

		max = max ? max : v[i].n;
		ev_term_bar(term, &bar, (double)v[i].n, (double)max, 20);
		ev_table_addf(&tb, "%" PRIu64, v[i].n);
		ev_table_add(&tb, ev_buf_str(&bar));
		ev_table_add(&tb, v[i].a);
		ev_table_add(&tb, v[i].b);
		ev_buf_release(&bar);
	}
	ev_table_print(&tb, term, true, out);
	ev_table_release(&tb);
}

/* Two empty tables would leave open why. */
static void nothing(const struct replay *r, struct ev_buf *out)
{
	ev_buf_clear(out);
	if (r->redrive->left)
		ev_buf_addf(out, "nothing to send: the filters leave all of it (%" PRIu64 ")\n", r->redrive->left);
	else if (!redrive_by_group(r))
		ev_buf_adds(out, "nothing to send\n");
	else
		ev_buf_addf(out, "nothing to send: group '%s' has no backlog (--from begin reads it all again)\n",
			    r->args->group);
}

static void say_sent(const struct replay *r, const char *more)
{
	const struct redrive *d = r->redrive;

	char left[40] = "";

	if (d->left || !redrive_full(r)) /* which has not come to all of them */
		snprintf(left, sizeof(left), ", %" PRIu64 " left", d->left);
	ev_say(r->msg, "%" PRIu64 " record%s sent home, %" PRIu64 " into quarantine%s%s", d->sent, ev_plural(d->sent),
	       d->quarantined, left, more);
	if (d->left && d->sent + d->quarantined && redrive_by_group(r))
		ev_warn(r->msg, "group '%s' stands at the first record that was left: what was sent from "
			"behind it would be sent again", r->args->group);
}

void redrive_ended(const struct replay *r)
{
	const struct ev_sink *s = r->sink;

	if (r->args->quiet)
		return;
	if (s->failed)
		ev_say(r->msg, "%" PRIu64 " of %" PRIu64 " sent record%s arrived",
		       s->records - s->failed, s->records, ev_plural(s->records));
	else
		say_sent(r, " before that");
}

/* Routing and reasons: of a dry run to stdout, else a line to stderr. */
int redrive_print(struct replay *r, struct ev_error *err)
{
	struct redrive *d = r->redrive;
	struct ev_buf out = EV_BUF_INIT;
	struct ev_term term;
	uint64_t conflicts;
	int rc = 0;

	if (r->args->dry_run) {
		ev_term_init(&term, 1);
		print(d->routes, d->nroutes, "from", "to", &term, &out);
		ev_buf_addc(&out, '\n');
		print(d->reasons, d->nreasons, "error", "reason", &term, &out);
		if (!d->nroutes)
			nothing(r, &out);
		if (d->stuck)
			ev_buf_addf(&out, "\nconflict: %" PRIu64 " record%s without a home: no header says which "
				    "(--into sends all to one topic), or sent there often enough (--quarantine)\n",
				    d->stuck, ev_plural(d->stuck));
		if (d->astray)
			ev_buf_addf(&out, "conflict: %" PRIu64 " record%s for a topic or a partition that is not "
				    "there\n", d->astray, ev_plural(d->astray));
		conflicts = replay_dry_conflicts(r, false, &out) + d->stuck + d->astray;
		rc = ev_stdout_write(out.data, out.len, err);
		ev_buf_release(&out);
		return rc < 0 ? -1 : conflicts ? EV_NO : 0;
	}
	if (!r->args->quiet)
		say_sent(r, redrive_full(r) ? "; what may be behind the last of --max was not read" : "");
	return 0;
}

static void init(void *args)
{
	struct replay_args *a = args;

	ev_source_args_init(&a->src);
	a->src.since_filters = a->redrive = true;
	a->group = "evreplay-redrive";
	a->max_redrives = 3;
	a->level = REPLAY_LEVEL;
	a->threads = -1;
}

static void release(void *args)
{
	ev_source_args_release(&((struct replay_args *)args)->src);
}

static const struct ev_option options[] = {
	EV_FLAG('n', "dry-run", struct replay_args, dry_run, "print the routing and a histogram of reasons"),
	EV_STRING('g', "group", "NAME", struct replay_args, group,
		  "its lag is the backlog (evreplay-redrive)"),
	EV_FLAG(0, "accept-gap", struct replay_args, accept_gap,
		"go on where the topic starts, if letters are gone"),
	EV_INT(0, "max", "N", struct replay_args, max, 1, INT64_MAX, "send at most N records"),
	EV_INT(0, "max-redrives", "N", struct replay_args, max_redrives, 1, 1000000,
	       "how often a record is sent home (3)"),
	EV_STRING(0, "quarantine", "TOPIC", struct replay_args, quarantine,
		  "where records go that were sent home often enough"),
	EV_STRING('t', "into", "TOPIC", struct replay_args, into, "send all here, not by their headers"),
	EV_STRING(0, "into-broker", "HOST:PORT", struct replay_args, into_broker,
		  "brokers of the target, where they are others"),
	EV_STRING(0, "into-config", "FILE", struct replay_args, into_config,
		  "file of librdkafka properties of the target"),
	EV_STRING_WORDS(0, "partition", "HOW", struct replay_args, partition, replay_partition_words,
		  "by key (default), keep (origin's), librdkafka, 0=3"),
	EV_LIST_WORDS(0, "allow", "CONFLICT", struct replay_args, allow, replay_allow_words,
		      "write in spite of it; repeatable"),
	EV_FLAG(0, "lossy", struct replay_args, lossy, "write what cannot be produced as it is, changed"),
	EV_STRING(0, "rate", "RATE", struct replay_args, rate, "no faster: 50/s, 300/m, 1MB/s"),
	EV_STRING(0, "metrics", "FILE", struct replay_args, metrics, "write a Prometheus textfile"),
	EV_FLAG('q', "quiet", struct replay_args, quiet, "no progress, no closing report"),
	EV_GROUP("Range"),
	EV_RANGE_ROWS(struct replay_args, src),
	EV_BRIEF("Filters"),
	EV_FILTER_ROWS(struct replay_args, src),
	EV_ENVELOPE_ROW(struct replay_args, src),
	EV_BRIEF("Source"),
	EV_SOURCE_ROWS(struct replay_args, src),
	EV_END,
};

const struct ev_command redrive_command = {
	.name = "redrive",
	.about = "send dead letters home by the headers that say where they came from",
	.synopsis = "[OPTION]... SOURCE...",
	.options = options,
	.args_size = sizeof(struct replay_args),
	.init = init,
	.release = release,
	.run = replay_run,
};
