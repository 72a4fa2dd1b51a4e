/* run.c - what evreplay reads, and the loop that puts it into the target */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "evreplay/redrive.h"

#define BATCH 4096
#define BATCH_BYTES (4u << 20)
#define WAIT_MS 200
#define LINGER_MS 50
#define COMMIT_MS 5000 /* of a redrive, an archive, a position file, metrics */
#define STOPPED 1
/* What is read ahead of a topic: its acknowledgements set the pace, and more is only out of the caches. */
#define AHEAD (64u << 20)

static int check_args(const struct replay_args *a, const struct ev_operands *rest,
		      struct ev_error *err)
{
	if (!rest->n) {
		ev_fail(err, EV_USAGE, "a source is missing");
		return ev_hint(err, "name a topic, a file like ./x.ndjson, or - for standard input");
	}
	if (a->follow && (a->src.to || a->src.until))
		return ev_fail(err, EV_USAGE, "options '--follow' and '--%s' cannot be used together",
			       a->src.to ? "to" : "until");
	if (a->follow && a->dry_run)
		return ev_fail(err, EV_USAGE, "options '--follow' and '--dry-run' cannot be used together: a plan has "
			       "an end");
	return 0;
}

static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return !strcmp(a, b) || (!stat(a, &sa) && !stat(b, &sb) && S_ISREG(sa.st_mode) && sa.st_dev == sb.st_dev &&
				 sa.st_ino == sb.st_ino);
}

/* Each is replaced as a whole: of two in one file the first would be gone, and so would a source. */
static int check_apart(const struct replay_args *a, struct ev_error *err)
{
	const struct {
		const char *option, *path;
	} written[] = { { "position", a->position }, { "metrics", a->metrics }, { "offset-map", a->offset_map } };
	const size_t n = sizeof(written) / sizeof(*written);

	for (size_t i = 0; i < n; i++) {
		for (size_t j = i + 1; written[i].path && j < n; j++)
			if (written[j].path && same_file(written[i].path, written[j].path))
				return ev_fail(err, EV_USAGE, "options '--%s' and '--%s' name one file, '%s'",
					       written[i].option, written[j].option, written[i].path);
		for (size_t j = 0; written[i].path && j < a->src.spec.nfiles; j++)
			if (same_file(written[i].path, a->src.spec.files[j]))
				return ev_fail(err, EV_USAGE, "option '--%s' names a file that is read, '%s'",
					       written[i].option, written[i].path);
	}
	return 0;
}

/* What cannot be written is told before anything is copied. */
static int check_files(const struct replay_args *a, struct ev_error *err)
{
	if (check_apart(a, err))
		return -1;
	if (a->offset_map && ev_map_writer_check(&(struct ev_map_spec){ .path = a->offset_map, .job = a->job }, err))
		return -1;
	if (a->metrics && ev_file_replaceable(a->metrics, err))
		return -1;
	return a->position ? ev_file_replaceable(a->position, err) : 0;
}

/* What is wrong with the record itself; what is wrong with the target names its own place. */
static int place_error(const struct ev_record *rec, struct ev_error *err)
{
	if (err->class == EV_DATA || err->class == EV_USAGE)
		ev_context(err, "%.*s/%d@%lld", (int)rec->topic.len, rec->topic.ptr,
			   (int)rec->partition, (long long)rec->offset);
	return -1;
}

/* Into the target, when it is due; 0, STOPPED, -1. */
static int pass_on(struct replay *r, struct replay_part *p, const struct ev_record *rec,
		   struct ev_error *err)
{
	struct replay_topic *target = p->into;
	struct ev_record out = *rec;
	int rc = replay_change(r, &out, err);

	if (rc)
		return rc > 0 ? 0 : place_error(rec, err);
	if (r->redrive && redrive_route(r, &out, &target, err))
		return place_error(rec, err);
	if (!r->redrive)
		out.topic = ev_slice_str(p->topic);
	if (r->args->dry_run) {
		replay_plan_time(r, &out, rec->timestamp);
		if (target && replay_check_record(r, target, &out, err))
			return place_error(rec, err);
		replay_note_losses(r, &out);
		rc = replay_into(r->args) == INTO_ARCHIVE ? replay_plan_archive(r, p, &out, err) : 0;
		if (!rc)
			replay_dry_count(r, p, target, &out);
		if (!rc && r->redrive && target)
			redrive_sent(r);
		return rc < 0 ? place_error(rec, err) : 0;
	}
	rc = replay_wait(r, &out, rec->timestamp, err);
	if (rc)
		return rc;
	if (target && replay_check_record(r, target, &out, err))
		return place_error(rec, err);
	if (r->sink->ops->put(r->sink, &out, err))
		return place_error(rec, err);
	replay_note_losses(r, &out);
	if (r->redrive)
		redrive_sent(r);
	p->copied++;
	return 0;
}

/* A redrive has to know what it leaves, so it looks at the time itself. */
static bool in_time(const struct replay *r, const struct ev_record *rec)
{
	return !r->redrive || ((!r->has_since || rec->timestamp >= r->since) &&
			       (!r->has_until || rec->timestamp < r->until));
}

static void left_out(struct replay *r, struct replay_part *p, const struct ev_record *rec)
{
	if (r->redrive)
		redrive_leave(r, p, rec->offset);
}

static int take(struct replay *r, const struct ev_record *rec, struct ev_error *err)
{
	struct replay_part *p = replay_part(r, rec->part, rec->topic, rec->partition, err);
	struct ev_filter_event event;
	int rc;

	if (!p)
		return -1;
	r->read++;
	rc = replay_passed(r, rec, err);
	if (rc) {
		r->passed++;
		return rc < 0 ? -1 : 0;
	}
	if (p->next < 0)
		p->next = rec->offset; /* should the first one fail */
	if (in_time(r, rec) && ev_filter_test(r->filter, rec, &event))
		rc = pass_on(r, p, rec, err);
	else
		left_out(r, p, rec);
	if (!rc)
		p->next = rec->offset + 1;
	return rc;
}

/* The position behind the records that were handed over, in the middle of what was read. */
static void handled_position(const struct replay *r, struct ev_position *pos)
{
	for (size_t i = 0; i < r->src->nparts; i++) {
		int64_t next = i < r->nparts ? r->parts[i].next : -1;

		if (next < 0 && i < r->nspans)
			next = r->spans[i].begin;
		replay_position_set(r, i, next, pos);
	}
}

/* A stop asks also where nothing moved: the log may be another one that ends there. */
static int check_log(struct replay *r, const struct ev_position *next, struct ev_error *err)
{
	if (!ev_position_eq(next, &r->safe))
		return ev_source_still(r->src, true, err);
	return r->ending ? ev_source_still_at_stop(r->src, err) : 0;
}

/* `whole`: all that was read is handed over. */
static int flush(struct replay *r, bool whole, struct ev_error *err)
{
	struct ev_position next = EV_POSITION_INIT;
	bool kept;
	int rc;

	replay_note_last(r);
	if (whole)
		replay_position(r, &next);
	else
		handled_position(r, &next);
	ev_messages_clear(r->msg);
	rc = check_log(r, &next, err);
	if (!rc)
		rc = replay_check_at_work(r, err);
	if (!rc && r->map)
		ev_map_writer_end(r->map, &next);
	if (!rc)
		rc = r->sink->ops->flush(r->sink, &next, err);
	if (!rc && r->ending && replay_into(r->args) == INTO_TOPIC)
		rc = ev_kafka_sink_check_end(r->sink, err);
	/* once more: a group's offset does not tell of which log it is, and the flush may have waited */
	if (!rc && r->redrive)
		rc = ev_source_still(r->src, true, err) || redrive_commit(r, &next, err) ? -1 : 0;
	kept = !rc && !r->sink->closed; /* who has gone has not read all of it */
	ev_position_release(kept ? &r->safe : &next);
	if (kept)
		r->safe = next;
	if (kept && r->args->position)
		rc = ev_position_save(&r->safe, r->args->position, err);
	r->flushed_at = r->sink->records;
	r->flushed_ms = ev_clock_ms();
	return rc;
}

/*
 * What one flush keeps, a group's offset, an archive's manifest, a position file, what metrics tell, and how far it may
 * lag behind.
 */
static bool kept_by_time(const struct replay *r)
{
	const struct replay_args *a = r->args;
	enum replay_kind into = replay_into(a);

	return r->redrive || into == INTO_ARCHIVE ||
	       (!a->exactly_once && (a->metrics || (into == INTO_TOPIC && a->position)));
}

/* A transaction is full, or old enough. */
static bool due(const struct replay *r)
{
	const struct replay_args *a = r->args;

	if (kept_by_time(r))
		return r->sink && ev_clock_ms() - r->flushed_ms >= COMMIT_MS;
	return a->exactly_once && r->sink && (r->sink->records - r->flushed_at >= (uint64_t)a->txn_records ||
				   ev_clock_ms() - r->flushed_ms >= a->txn_ms);
}

int replay_flush_due(struct replay *r, struct ev_error *err)
{
	return due(r) && flush(r, false, err) ? -1 : replay_metrics_due(r, err);
}

int replay_flush_now(struct replay *r, struct ev_error *err)
{
	return flush(r, false, err);
}

/* How many records may be read at once, so that a transaction does not grow past its size. */
static size_t room(const struct replay *r)
{
	uint64_t in = r->sink ? r->sink->records - r->flushed_at : 0, max = (uint64_t)r->args->txn_records;

	return !r->args->exactly_once || max - in > BATCH ? BATCH : max > in ? (size_t)(max - in) : 1;
}

/* Is the broker that it would ask the one that has just been waited for? */
static bool asks_in_vain(const struct replay *r, const struct ev_error *failed)
{
	return failed->silent && (failed->class == EV_SOURCE || (!r->args->into_broker && !r->args->into_config));
}

/* Say, and save, how far it went before it failed: a redrive's next run must not send that again. Is it saved? */
static bool settle(struct replay *r, const struct ev_error *failed)
{
	struct ev_position pos = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;
	bool saved, whole = false;

	ev_messages_clear(r->msg);
	if (!asks_in_vain(r, failed) && ev_source_still(r->src, true, &err) && err.class == EV_DATA) {
		replay_settle_remade(r);
		if (!failed->remade)
			ev_report(r->msg, &err);
		return false;
	}
	err = (struct ev_error)EV_ERROR_INIT;
	if (replay_into(r->args) != INTO_LINES && r->sink && r->merge)
		whole = replay_settle(r, &pos);
	/* what a job has not committed is void, and so is what its map says of it */
	if (r->map && !r->args->job && pos.n) {
		ev_map_writer_end(r->map, &pos);
		ev_map_writer_flush(r->map, &err);
	}
	if (r->redrive && pos.n && failed->class != EV_HELD && !asks_in_vain(r, failed) &&
	    !redrive_commit(r, &pos, &err) && (whole || r->sink->failed))
		redrive_ended(r);
	saved = pos.n && r->args->position && !ev_position_save(&pos, r->args->position, &err);
	if (err.class && strcmp(err.text, failed->text)) /* it may have been that */
		ev_report(r->msg, &err);
	ev_position_release(pos.n ? &r->safe : &pos);
	if (pos.n)
		r->safe = pos; /* for the metrics */
	return saved;
}

/* 0 at the end of the range, STOPPED by a signal or a closed pipe, -1. */
static int copy(struct replay *r, struct ev_error *err)
{
	const struct ev_range_args *range = &r->args->src.range;
	struct ev_merge_options opt = {
		.merge = !r->args->src.no_merge, .follow = r->args->follow, .linger_ms = LINGER_MS,
		.has_since = range->has_since, .since = range->since,
		.has_until = range->has_until, .until = range->until,
	};
	bool done = false;

	for (size_t i = 0; r->args->follow && i < r->nspans; i++)
		r->spans[i].end = INT64_MAX;
	r->merge = ev_merge_new(r->src, r->spans, &opt, err);
	if (!r->merge)
		return -1;
	while (!done) {
		int n = ev_merge_read(r->merge, r->records, room(r), BATCH_BYTES, WAIT_MS, &done,
				      err);

		r->taken = 0;
		if (n >= 0 && replay_check_begins(r, err))
			return -1;
		for (int i = 0; i < n; i++) {
			int rc = take(r, &r->records[i], err);

			if (rc)
				return rc;
			r->taken++;
			if (r->redrive && redrive_full(r)) {
				redrive_rest(r, r->records + i + 1, (size_t)(n - i - 1));
				return 0;
			}
		}
		if (n < 0)
			return -1;
		replay_note_last(r);
		if (r->sink && r->sink->ops->turn && r->sink->ops->turn(r->sink, n ? 0 : 1, err))
			return -1;
		if ((due(r) && flush(r, true, err)) || replay_metrics_due(r, err))
			return -1;
		if ((r->sink && r->sink->closed) || ev_stopped())
			return STOPPED;
		ev_progress_read(&r->progress, r->src, r->merge, r->spans, r->args->follow ? 0 : r->nspans, r->read);
		done = done && !n;
	}
	replay_report_slips(r);
	return replay_check_ends(r, err);
}

static int prepare(struct replay *r, struct ev_operands *rest, struct ev_error *err)
{
	struct replay_args *a = r->args;

	if (check_args(a, rest, err) || replay_check_target(r, err) || replay_prepare_changes(r, err) ||
	    ev_source_args_finish(&a->src, rest, ev_now_ms(), err) || check_files(a, err) ||
	    replay_check_bounds(a, err) ||
	    replay_check_gap(a, err))
		return -1;
	if (a->redrive) {
		r->redrive = redrive_new();
		r->has_since = a->src.range.has_since;
		r->has_until = a->src.range.has_until;
		r->since = a->src.range.since;
		r->until = a->src.range.until;
		a->src.range.has_since = a->src.range.has_until = false;
	}
	r->filter = ev_filter_new(&a->src, false, err);
	if (!r->filter)
		return -1;
	a->src.spec.need_headers = true;
	ev_source_args_notes(&a->src, r->msg);
	ev_progress_init(&r->progress, r->msg, a->quiet);
	r->records = ev_alloc(BATCH * sizeof(*r->records));
	return 0;
}

/* Would the run be let into the group? Its members would take the offsets for theirs. */
static int plan_group(const struct replay *r, struct ev_error *err)
{
	struct ev_cluster_spec c = ev_cluster_of(&r->args->src.spec);

	return replay_need_idle(&c, true, r->args->group, "another redrive of the group is at work, or a consumer uses "
				"it: wait for that, or take another --group", NULL, err);
}

/* A group that has offsets goes on there, unless --from says otherwise. (--since only chooses, see in_time.) */
static int redrive_backlog(struct replay *r, bool *known, struct ev_error *err)
{
	if (!redrive_by_group(r))
		return 0;
	if (r->args->src.spec.archive && !r->args->src.spec.ntopics) {
		ev_fail(err, EV_USAGE, "an archive has no consumer group whose lag would be the backlog");
		return ev_hint(err, "--from begin sends all of it; filters and --since beside it choose");
	}
	if (r->args->dry_run ? plan_group(r, err) : r->src->ops->hold_group(r->src, r->args->group, ev_stopped, err))
		return -1;
	if (r->src->ops->group_offsets(r->src, r->args->group, &r->stored, err))
		return -1;
	*known = r->stored.n > 0;
	return redrive_begin(r, err);
}

/* An archive has one end; a job that is run again as it was begun goes on, and says so. */
static int check_from(const struct replay *r, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	if (replay_into(a) == INTO_ARCHIVE && a->src.from) {
		ev_fail(err, EV_USAGE, "cannot append to archive '%s' from '%s': it goes on where it ends",
			a->into, a->src.from);
		return ev_hint(err, "leave out --from; another span goes into another archive");
	}
	if (a->job && !a->quiet)
		ev_say(r->msg, "job '%s' goes on where it stood%s", a->job,
		       a->src.from ? ", not at --from" : "");
	return 0;
}

/* Where the target says that it goes on. */
static int find_stored(struct replay *r, bool *known, struct ev_error *err)
{
	if (r->args->redrive)
		return redrive_backlog(r, known, err);
	if (r->sink && r->sink->ops->resume && r->sink->ops->resume(r->sink, &r->stored, known, err))
		return -1;
	if (r->args->dry_run && replay_peek_target(r, known, err))
		return -1;
	replay_take_token(r);
	return *known ? check_from(r, err) : 0;
}

static void begin_position(const struct replay *r, struct ev_position *begin)
{
	for (size_t i = 0; i < r->nspans; i++)
		replay_position_set(r, i, r->spans[i].begin, begin);
}

int replay_claim(struct replay *r, struct ev_error *err)
{
	struct ev_position begin = EV_POSITION_INIT;
	int rc;

	begin_position(r, &begin);
	rc = ev_kafka_sink_claim(r->sink, &begin, err);
	ev_position_release(&begin);
	return rc;
}

/* The map says where this run begins: what an aborted transaction of an earlier one wrote is void. */
static int open_map(struct replay *r, struct ev_error *err)
{
	struct ev_position begin = EV_POSITION_INIT;
	struct ev_map_spec spec = {
		.path = r->args->offset_map, .job = r->args->job, .cluster = r->cluster->id, .begun = r->begun,
	};
	bool goes_on = r->stored.n && !r->args->new_job, is_new = access(spec.path, F_OK);

	spec.unmapped = goes_on && (r->unmapped || is_new);
	if (goes_on && is_new)
		ev_warn(r->msg, "offset map '%s' begins here: what job '%s' has copied before is not in it", spec.path,
			spec.job);
	else if (spec.unmapped)
		ev_warn(r->msg, "offset map '%s' lacks what the runs of job '%s' without it have copied", spec.path,
			spec.job);
	begin_position(r, &begin);
	ev_job_token_advance(&begin, &r->stored); /* a file's job passes over what it has copied */
	r->map = ev_map_writer_open(&spec, &begin, err);
	ev_position_release(&begin);
	return r->map ? 0 : -1;
}

/* It cannot go on where it stands: the log has lost that, or is another. To begin elsewhere is not for these. */
static int cannot_go_on(const struct replay *r, struct ev_error *err)
{
	if (err->class != EV_DATA)
		return -1;
	if (replay_into(r->args) == INTO_ARCHIVE)
		return ev_hint(err, "an archive has no gap: what the topic still has goes into another one");
	if (r->args->job)
		return ev_hint(err, "--new-job copies what the topic still has, all of it again");
	if (r->redrive)
		return ev_hint(err, "--accept-gap goes on at the start of what the topic still has");
	return -1;
}

static int open_and_copy(struct replay *r, struct ev_error *err)
{
	struct replay_args *a = r->args;
	bool known = false;
	int rc;

	if (replay_into(a) == INTO_TOPIC && a->src.spec.memory > AHEAD)
		a->src.spec.memory = AHEAD;
	r->src = ev_source_open(&a->src.spec, err);
	if (!r->src || replay_open_target(r, err))
		return -1;
	if (find_stored(r, &known, err) || replay_check_source(r, err))
		return -1;
	if (ev_range_resolve(r->src, &a->src.range, known ? &r->stored : NULL, &r->spans, err))
		return known ? cannot_go_on(r, err) : -1;
	r->nspans = r->src->nparts;
	if (replay_plan(r, err) || replay_begin_archive(r, err))
		return -1;
	if (a->offset_map && !a->dry_run && open_map(r, err))
		return -1;
	r->start_ms = r->flushed_ms = ev_clock_ms();
	rc = copy(r, err);
	if (a->dry_run) {
		ev_progress_clear(&r->progress);
		return rc < 0 ? -1 : rc == STOPPED ? ev_stop_status(false) :
		       r->redrive ? redrive_print(r, err) : replay_dry_print(r, err);
	}
	r->ending = true;
	if (rc >= 0 && flush(r, rc != STOPPED, err))
		rc = -1;
	if (rc >= 0 && r->map)
		ev_map_writer_settled(r->map);
	ev_progress_clear(&r->progress);
	if (rc < 0) {
		replay_advise(r, settle(r, err), err);
		err->retriable &= !a->follow; /* a stop that has left all safe is 0, and this has not */
		return -1;
	}
	replay_report(r, rc == STOPPED && !r->sink->closed && !a->follow);
	if (r->redrive && redrive_print(r, err))
		return -1;
	return (rc == STOPPED || r->sink->closed) && ev_stopped() ? ev_stop_status(a->follow) : 0;
}

static void release(struct replay *r)
{
	struct ev_sink *sink = replay_sink(r);

	ev_merge_free(r->merge);
	if (sink)
		sink->ops->close(sink);
	else
		ev_cluster_close(r->cluster);
	replay_topics_release(r);
	ev_map_writer_close(r->map);
	ev_redact_free(r->redact);
	redrive_free(r->redrive);
	ev_buf_release(&r->changed);
	if (r->src)
		r->src->ops->close(r->src);
	ev_filter_free(r->filter);
	ev_spread_release(&r->spread);
	ev_manifest_release(&r->archived);
	ev_position_release(&r->stored);
	ev_position_release(&r->safe);
	for (size_t i = 0; i < r->nparts; i++)
		free(r->parts[i].topic);
	free(r->parts);
	free(r->spans);
	free(r->records);
}

int replay_stopped_early(struct ev_messages *msg, const struct ev_error *err)
{
	if (err->class != EV_STORE || !ev_stopped())
		return -1;
	ev_report(msg, err);
	return ev_stop_status(false);
}

int replay_run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct replay r = { .args = args, .msg = msg, .pace = EV_PACE_INIT, .shift_ms = INT64_MIN };
	struct ev_error ignored = EV_ERROR_INIT;
	int rc;

	if (r.args->verify)
		return replay_verify(&r, rest, err);
	rc = prepare(&r, rest, err);
	if (!rc)
		rc = open_and_copy(&r, err);
	if (replay_metrics_end(&r, rc < 0, rc < 0 ? &ignored : err) && rc >= 0)
		rc = -1;
	if (rc < 0 && !r.start_ms)
		rc = replay_stopped_early(msg, err);
	release(&r);
	return rc;
}
