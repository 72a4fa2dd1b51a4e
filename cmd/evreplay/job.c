/* job.c - an exactly-once copy that goes on: is it the same copy? And what keeps it the same */
#include "evreplay/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/utf8.h"
#include "event/time.h"

enum { FIRST_BYTES = 1, FIRST_WAIT_MS = 200 };

/* It goes into JSON: a byte that is no UTF-8 is told as \xHH. */
static void add_text(struct ev_buf *out, const char *name, const char *text)
{
	const char *end = text ? text + strlen(text) : NULL;

	if (!text)
		return;
	ev_buf_addf(out, "%s--%s ", out->len ? " " : "", name);
	for (const char *p = text; p < end;) {
		size_t n = (unsigned char)*p < 0x80 ? 1 : ev_utf8_sequence(p, end);

		if (n)
			ev_buf_add(out, p, n);
		else
			ev_buf_addf(out, "\\x%02x", (unsigned char)*p);
		p += n ? n : 1;
	}
}

static void add_list(struct ev_buf *out, const char *name, const struct ev_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		add_text(out, name, l->v[i]);
}

static void add_time(struct ev_buf *out, const char *name, bool given, int64_t ms)
{
	char text[EV_TIME_TEXT];

	if (!given)
		return;
	ev_time_show(ms, text);
	add_text(out, name, text);
}

/* What leaves some of a range out. --until does not: another copy goes on from there, or copies that, too. */
static void describe_choice(const struct replay *r, struct ev_buf *out)
{
	const struct replay_args *a = r->args;
	const struct ev_range_args *range = &a->src.range;

	add_list(out, "type", &a->src.types);
	add_list(out, "key", &a->src.keys);
	add_list(out, "where", &a->src.wheres);
	add_list(out, "header", &a->src.headers);
	add_text(out, "envelope", a->src.types.n || a->src.wheres.n ? a->src.envelope : NULL);
	add_time(out, "since", range->has_since, range->since);
	add_text(out, "tombstones", a->src.tombstones ? ev_tombstone_words[a->src.tombstones] : NULL);
}

static void describe_rest(const struct replay *r, struct ev_buf *out)
{
	const struct replay_args *a = r->args;
	const struct ev_range_args *range = &a->src.range;
	char key[EV_REDACT_KEY_ID];

	if (r->src && r->src->uncommitted)
		ev_buf_addf(out, "%s-X isolation.level=read_uncommitted", out->len ? " " : "");
	add_time(out, "until", range->has_until, range->until);
	add_list(out, "redact", &a->redacts);
	add_list(out, "hash", &a->hashes);
	if (a->hashes.n) {
		ev_redact_key_id(r->redact, key);
		add_text(out, "key-file", key);
	}
	add_text(out, "redact-other", r->redact && a->redact_other ? replay_other_words[a->redact_other] : NULL);
	add_text(out, "timestamps", a->timestamps == TIMESTAMPS_NOW ? "now" :
		 a->timestamps == TIMESTAMPS_SHIFT ? "shift" : NULL);
	add_text(out, "partition", a->partition && strcmp(a->partition, "key") ? a->partition : NULL);
}

/* An archive that is read may not be the log, and says so: what made it comes first, what this copy does to it then. */
int replay_describe(const struct replay *r, struct ev_buf *out, size_t *chosen, struct ev_error *err)
{
	const char *dir = r->args->src.spec.archive;
	struct ev_manifest from = { 0 };

	if (dir && ev_manifest_load(&from, dir, err))
		return -1;
	if (from.filter)
		ev_buf_adds(out, from.filter);
	describe_choice(r, out);
	*chosen = out->len;
	describe_rest(r, out);
	ev_manifest_release(&from);
	return 0;
}

/* Does the time depend on when it is asked? */
static bool moves(const char *text)
{
	int64_t now = ev_now_ms(), one, other;
	struct ev_error ignored;

	return text && !ev_time_parse(text, now, &one, &ignored) &&
	       !ev_time_parse(text, now - 2 * 86400000LL, &other, &ignored) && one != other;
}

/* What lies between the bound of one run and that of the next would be passed over unseen. */
int replay_check_bounds(const struct replay_args *a, struct ev_error *err)
{
	bool since = moves(a->src.since);
	const char *text = since ? a->src.since : a->src.until;
	char at[EV_TIME_TEXT];

	if ((!a->job && !a->append) || (!since && !moves(a->src.until)))
		return 0;
	ev_time_show(since ? a->src.range.since : a->src.range.until, at);
	ev_fail(err, EV_USAGE, "option '--%s': '%s' is another time in each run of %s", since ? "since" : "until", text,
		a->job ? "a job" : "--append");
	return ev_hint(err, "now it is %s: give that, in every run", at);
}

/* A topic knows what it has lost, and that is refused with its range. */
int replay_check_gap(const struct replay_args *a, struct ev_error *err)
{
	if (!a->accept_gap || (a->redrive ? !a->src.from && a->src.spec.ntopics : a->src.spec.nfiles))
		return 0;
	if (a->redrive)
		return ev_fail(err, EV_USAGE, "option '--accept-gap' is for the backlog of a group: not with --from, "
			       "nor for files and archives");
	ev_fail(err, EV_USAGE, "option '--accept-gap' is for jobs of files and standard input");
	return ev_hint(err, "--new-job copies what a topic or an archive still has, all of it again");
}

static int other_source(const struct replay *r, const struct ev_partition *p, int64_t offset, bool found,
			struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%" PRId32 " is not the log that job '%s' has copied: %s record stands at "
		"offset %" PRId64, p->topic, p->partition, r->args->job, found ? "another" : "no", offset);
	return ev_hint(err, "the topic was deleted and created again: another job name, or --new-job to "
		       "begin anew");
}

/* A topic loses no partition: one that the job knows tells that it was made again. */
static int check_parts(const struct replay *r, struct ev_error *err)
{
	const struct ev_position *known = &r->token->next;

	for (size_t i = 0; i < known->n; i++) {
		const struct ev_position_entry *e = &known->v[i];

		if (!ev_source_spec_whole(&r->args->src.spec, e->topic) ||
		    ev_source_partition(r->src, e->topic, e->partition))
			continue;
		ev_fail(err, EV_DATA, "job '%s' has copied %s/%" PRId32 ", and the topic has no such partition",
			r->args->job, e->topic, e->partition);
		return ev_hint(err, "the topic was deleted and created again: another job name, or --new-job to "
			       "begin anew");
	}
	return 0;
}

struct lasts {
	const struct replay *r;
	bool *found; /* by partition of the source */
};

static int check_last(void *ctx, const struct ev_record *rec, struct ev_error *err)
{
	const struct lasts *l = ctx;
	const struct ev_partition *p = &l->r->src->parts[rec->part];

	l->found[rec->part] = true;
	return ev_job_token_is_last(l->r->token, p->topic, p->partition, ev_record_hash(rec)) ? 0 :
		       other_source(l->r, p, rec->offset, true, err);
}

/* Those that did not come: taken by compaction or retention, or of another log. */
static int check_missing(const struct lasts *l, const int64_t *at, struct ev_error *err)
{
	size_t n = l->r->src->nparts;
	bool *keeps = ev_source_keeps(l->r->src, at, l->found);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct ev_partition *p = &l->r->src->parts[i];
		int64_t last = ev_position_get(&l->r->token->last, p->topic, p->partition);

		/* an end below the position, or a start behind it, is refused with the range */
		if (last < 0 || last >= p->high || l->found[i] ||
		    ev_position_get(&l->r->token->next, p->topic, p->partition) < p->low)
			continue;
		if (keeps[i])
			rc = other_source(l->r, p, last, false, err);
		else
			ev_warn(l->r->msg, "%s/%" PRId32 ": no record at offset %" PRId64 " any more: identity not "
				"checkable, going on", p->topic, p->partition, last);
	}
	free(keeps);
	return rc;
}

int replay_check_source(struct replay *r, struct ev_error *err)
{
	struct lasts l = { .r = r };
	int64_t *at;
	int rc;

	if (!r->token)
		return 0;
	if (check_parts(r, err))
		return -1;
	if (r->src->one_sequence)
		return 0;
	at = ev_alloc((r->src->nparts + 1) * sizeof(*at));
	for (size_t i = 0; i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];

		at[i] = ev_position_get(&r->token->last, p->topic, p->partition);
		if (at[i] < p->low || at[i] >= p->high)
			at[i] = -1;
	}
	l.found = ev_alloc((r->src->nparts + 1) * sizeof(*l.found));
	rc = ev_source_records_at(r->src, at, check_last, &l, err) || check_missing(&l, at, err) ? -1 : 0;
	free(l.found);
	free(at);
	return rc;
}

static int check_route(const struct replay *r, const char *from, const char *into, struct ev_error *err)
{
	const char *was = ev_job_token_route(r->token, from);

	if (!was || !strcmp(was, into))
		return 0;
	ev_fail(err, EV_USAGE, "job '%s' has copied '%s' into topic '%s', not into '%s'", r->args->job, from,
		was, into);
	return ev_hint(err, "what it has copied so far would be missing there: another job name, or --new-job "
		       "to begin anew");
}

/* Does the number of the target's partitions say where records of this partition go? */
static bool depends(const struct replay *r, int32_t partition, int32_t was, int32_t is)
{
	if (r->spread.kind == EV_SPREAD_KEEP)
		return r->spread.wrap && partition >= (was < is ? was : is);
	return r->spread.kind != EV_SPREAD_LIST;
}

static int check_grown(struct replay *r, struct replay_topic *t, int32_t partition, struct ev_error *err)
{
	int32_t is = t->info.partitions;
	char text[200];

	if (!t->was || !is || t->was == is || t->conflicts[ALLOW_GROWN] || !depends(r, partition, t->was, is))
		return 0;
	snprintf(text, sizeof(text), "it has %d partition%s now, and had %d when the job wrote to it: keys would go "
		 "elsewhere, and the order of their records be lost", (int)is, ev_plural(is), (int)t->was);
	return replay_against(r, t, ALLOW_GROWN, err, text);
}

bool replay_shows_records(const struct replay *r, const char *topic)
{
	struct ev_error ignored = EV_ERROR_INIT;
	struct ev_source *src = ev_kafka_sink_read(replay_sink(r), topic, &ignored);
	struct ev_merge_options opt = { 0 };
	struct ev_span *spans;
	struct ev_record first;
	struct ev_merge *m;
	bool done = false;
	int n = 0;

	if (!src)
		return true;
	spans = ev_alloc((src->nparts + 1) * sizeof(*spans));
	for (size_t i = 0; i < src->nparts; i++)
		spans[i] = (struct ev_span){ src->parts[i].low, src->parts[i].stable };
	m = ev_merge_new(src, spans, &opt, &ignored);
	while (m && !n && !done && !ev_stopped())
		n = ev_merge_read(m, &first, 1, FIRST_BYTES, FIRST_WAIT_MS, &done, &ignored);
	ev_merge_free(m);
	free(spans);
	src->ops->close(src);
	return !done || n;
}

int replay_check_route(struct replay *r, uint32_t part, struct ev_error *err)
{
	const char *from = r->src->parts[part].topic, *into = r->parts[part].topic;
	struct replay_topic *t = r->parts[part].into;

	if (!r->token || !into)
		return 0;
	if (check_route(r, from, into, err))
		return -1;
	ev_job_token_set_route(r->token, from, into);
	if (!t)
		return 0;
	if (!t->checked) {
		if (ev_kafka_sink_check_written(replay_sink(r), t->name, err))
			return -1;
		t->checked = true;
		t->was = ev_job_token_partitions(r->token, t->name);
		if (!ev_job_token_wrote(r->token, t->name))
			replay_say_filled(r, t);
	}
	if (check_grown(r, t, r->src->parts[part].partition, err))
		return -1;
	if (t->info.partitions) /* in a plan it may not be there */
		ev_job_token_set_partitions(r->token, t->name, t->info.partitions);
	return 0;
}

int replay_check_routes(struct replay *r, struct ev_error *err)
{
	for (uint32_t i = 0; i < r->nparts && i < r->src->nparts; i++)
		if (replay_check_route(r, i, err))
			return -1;
	return 0;
}

static int against_other(struct replay *r, struct replay_topic *t, const char *from, const struct ev_position *begin,
			 const struct ev_record *first, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	const char *job;
	enum ev_kafka_other other = ev_kafka_job_other(replay_sink(r), from, t->name, begin, first, &job);
	int rc = 0;

	if (!other)
		return 0;
	ev_buf_addf(&text, "job '%s' has copied topic '%s' into it already", job, from);
	t->other = ev_slice_dup(ev_buf_slice(&text));
	if (other == EV_OTHER_ALL)
		rc = replay_against(r, t, ALLOW_OTHER_JOB, err, t->other);
	else if (!r->args->quiet)
		ev_warn(r->msg, "topic '%s': %s, %s", t->name, t->other, other == EV_OTHER_SOME ?
			"by filters of its own: what both choose is there twice" :
			"or what begins with the same line: what is of both is there twice");
	ev_buf_release(&text);
	return rc;
}

/* `begun`: what goes where is in the token, as this run has put it there. */
static int check_others(struct replay *r, bool begun, struct ev_error *err)
{
	struct ev_position begin = EV_POSITION_INIT;
	int rc = 0;

	for (size_t i = 0; i < r->nspans; i++)
		if (r->spans[i].begin < r->spans[i].end)
			ev_position_set(&begin, r->src->parts[i].topic, r->src->parts[i].partition, r->spans[i].begin);
	for (size_t i = 0; !rc && i < r->nparts && i < r->src->nparts; i++) {
		const char *from = r->src->parts[i].topic;
		struct replay_topic *t = r->parts[i].into;

		if (!t || t->other || !t->info.partitions || (!begun && ev_job_token_route(r->token, from)) ||
		    (i && !strcmp(r->src->parts[i - 1].topic, from))) /* they are sorted */
			continue;
		rc = against_other(r, t, from, &begin, NULL, err);
	}
	ev_position_release(&begin);
	return rc;
}

int replay_check_others(struct replay *r, struct ev_error *err)
{
	return check_others(r, false, err);
}

int replay_check_at_work(struct replay *r, struct ev_error *err)
{
	if (r->asked_again || !r->token || r->stored.n || r->src->one_sequence || !r->sink->records)
		return 0;
	r->asked_again = true;
	return ev_kafka_job_again(r->sink, err) || check_others(r, true, err) ? -1 : 0;
}

int replay_check_other(struct replay *r, const struct ev_record *first, struct ev_error *err)
{
	const char *from = r->src->parts[first->part].topic;
	struct replay_topic *t = r->parts[first->part].into;
	struct ev_position begin = EV_POSITION_INIT;
	int rc = 0;

	if (!t || t->other || !t->info.partitions || ev_position_get(&r->stored, from, first->partition) >= 0)
		return 0;
	ev_position_set(&begin, from, first->partition, first->offset);
	rc = against_other(r, t, from, &begin, first, err);
	ev_position_release(&begin);
	return rc;
}

/* Each of the two that are kept tells, where it comes. */
static bool is_other(const struct ev_job_token *t, const struct ev_partition *p, const struct ev_record *rec)
{
	if (rec->offset == ev_position_get(&t->first, p->topic, p->partition) &&
	    !ev_job_token_is_first(t, p->topic, p->partition, ev_record_hash(rec)))
		return true;
	return rec->offset == ev_position_get(&t->last, p->topic, p->partition) &&
	       !ev_job_token_is_last(t, p->topic, p->partition, ev_record_hash(rec));
}

int replay_passed(struct replay *r, const struct ev_record *rec, struct ev_error *err)
{
	const struct ev_partition *p;

	if (!r->src->one_sequence || !r->token)
		return 0;
	p = &r->src->parts[rec->part];
	if (is_other(r->token, p, rec)) {
		ev_fail(err, EV_DATA, "%s/%" PRId32 " is not what job '%s' has copied: another record stands at offset "
			"%" PRId64, p->topic, p->partition, r->args->job, rec->offset);
		return ev_hint(err, "it is another file: another job name, or --new-job to begin anew");
	}
	if (ev_position_get(&r->token->first, p->topic, p->partition) < 0) {
		if (replay_check_other(r, rec, err))
			return -1;
		ev_job_token_set_first(r->token, p->topic, p->partition, rec->offset, ev_record_hash(rec));
	}
	return rec->offset < ev_position_get(&r->stored, p->topic, p->partition);
}

/* Was anything of the partition read before? What --since has left out has moved the position alone. */
static bool was_read(const struct replay *r, int64_t stored, int64_t last)
{
	return last >= 0 || (stored > 0 && r->args->src.since && !r->args->src.from);
}

/* Where nothing was read of the partition before, or nothing is now, there is nothing between the two. */
static int check_begin(struct replay *r, uint32_t part, struct ev_error *err)
{
	const struct ev_partition *p = &r->src->parts[part];
	int64_t stored = ev_position_get(&r->stored, p->topic, p->partition);
	int64_t last = ev_position_get(&r->token->last, p->topic, p->partition);
	struct ev_merge_seen seen;

	ev_merge_seen(r->merge, part, &seen);
	if (!seen.records || replay_part_at(r, part)->begun)
		return 0;
	replay_part_at(r, part)->begun = true;
	if (seen.first <= stored || !was_read(r, stored, last))
		return 0;
	if (r->args->accept_gap) {
		ev_warn(r->msg, "%s/%" PRId32 ": offsets %" PRId64 "..%" PRId64 " are in no run of job '%s'", p->topic,
			p->partition, stored, seen.first - 1, r->args->job);
		if (r->map)
			ev_map_writer_skip(r->map, p->topic, p->partition, seen.first);
		return 0;
	}
	ev_fail(err, EV_DATA, "%s/%" PRId32 ": offsets %" PRId64 "..%" PRId64 " are lost: job '%s' stands at %" PRId64
		", the source begins at %" PRId64, p->topic, p->partition, stored, seen.first - 1, r->args->job,
		stored, seen.first);
	return ev_hint(err, "give one that begins earlier; with offset %" PRId64 ", %s, it shows where only holes lie "
		       "between; --accept-gap goes on without them", last < 0 ? stored - 1 : last,
		       last < 0 ? "which --since leaves out" : "the last that the job has read");
}

int replay_check_begins(struct replay *r, struct ev_error *err)
{
	for (uint32_t i = 0; r->src->one_sequence && r->token && r->stored.n && i < r->src->nparts; i++)
		if (check_begin(r, i, err))
			return -1;
	return 0;
}

/* The last record that was read of the partition for the job, or that the archive holds; -1: none. */
static int64_t last_of(const struct replay *r, const struct ev_partition *p)
{
	if (r->token)
		return ev_position_get(&r->token->last, p->topic, p->partition);
	return replay_into(r->args) == INTO_ARCHIVE ? replay_archive_last(r, p) : -1;
}

static int check_end(const struct replay *r, uint32_t part, struct ev_error *err)
{
	const struct ev_partition *p = &r->src->parts[part];
	int64_t stored = ev_position_get(&r->stored, p->topic, p->partition);
	struct ev_merge_seen seen;
	char whose[240] = "the archive";

	ev_merge_seen(r->merge, part, &seen);
	if (!seen.records || stored < 0 || seen.next > last_of(r, p))
		return 0;
	if (r->args->job)
		snprintf(whose, sizeof(whose), "job '%s'", r->args->job);
	if (!r->args->src.spec.lines_topic) {
		ev_warn(r->msg, "%s/%" PRId32 ": the source ends at offset %" PRId64 ", %s stands at %" PRId64
			": nothing of it is copied", p->topic, p->partition, seen.next, whose, stored);
		return 0;
	}
	ev_fail(err, EV_DATA, "the source ends at line %" PRId64 ", %s has copied %" PRId64, seen.next - 1, whose,
		stored - 1);
	return ev_hint(err, "it is another file, or was cut short: %s", r->args->job ?
		       "another job name, or --new-job to begin anew" : "it goes into another archive");
}

int replay_check_ends(struct replay *r, struct ev_error *err)
{
	for (uint32_t i = 0; r->src->one_sequence && r->stored.n && i < r->src->nparts; i++)
		if (check_end(r, i, err))
			return -1;
	return 0;
}

void replay_take_token(struct replay *r)
{
	struct ev_sink *sink = replay_sink(r);

	r->token = sink && sink->ops->token ? sink->ops->token(sink) : NULL;
	if (!r->token)
		return;
	r->unmapped = !r->token->mapped;
	r->token->mapped = r->args->offset_map;
	if (!r->begun)
		r->begun = r->token->begun ? r->token->begun : ev_now_ms();
	r->token->begun = r->begun;
}

/* From the end, so that only the last one of each is hashed. */
void replay_note_last(struct replay *r)
{
	r->batch++;
	for (size_t i = r->taken; r->token && i-- > 0;) {
		const struct ev_record *rec = &r->records[i];
		struct replay_part *p = &r->parts[rec->part];
		const struct ev_partition *at = &r->src->parts[rec->part];

		if (p->noted == r->batch)
			continue;
		p->noted = r->batch;
		if (rec->offset < ev_position_get(&r->token->last, at->topic, at->partition))
			continue; /* of a file, and passed over */
		ev_job_token_set_last(r->token, at->topic, at->partition, rec->offset, ev_record_hash(rec));
	}
}
