/* plan.c - the topics that are written: are they there, and will they keep what they are given? */
#include "evreplay/replay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"

const char *const replay_allow_words[] = { "same-topic", "fewer-partitions", "log-append-time", "other-job",
					   "other-partitions", "retention", "timestamp-bounds", "null-keys", NULL };
const char *const replay_partition_words[] = { "key", "keep", "librdkafka", NULL };

static int hint_allow(struct ev_error *err)
{
	struct ev_buf words = EV_BUF_INIT;

	for (size_t w = 0; w < NCONFLICTS; w++)
		ev_buf_addf(&words, "%s%s", w ? ", " : "", replay_allow_words[w]);
	ev_hint(err, "one of %s", ev_buf_str(&words));
	ev_buf_release(&words);
	return -1;
}

int replay_allow(struct replay *r, struct ev_error *err)
{
	const struct ev_list *l = &r->args->allow;

	for (size_t i = 0; i < l->n; i++) {
		size_t w = 0;

		while (w < NCONFLICTS && strcmp(l->v[i], replay_allow_words[w]))
			w++;
		if (w == NCONFLICTS) {
			ev_fail(err, EV_USAGE, "option '--allow' does not take '%s'", l->v[i]);
			return hint_allow(err);
		}
		r->allowed |= 1u << w;
	}
	r->spread.wrap = r->allowed & 1u << ALLOW_FEWER;
	return 0;
}

/* What the broker itself refuses is only tried. */
const char *replay_allow_verb(size_t what)
{
	return what == ALLOW_BOUNDS || what == ALLOW_NULL_KEYS ? "tries" : "does so";
}

static const char *other_way(const struct replay *r, enum replay_conflict what)
{
	if (what == ALLOW_RETENTION || what == ALLOW_BOUNDS)
		return r->redrive ? "" : "; --timestamps now gives records the time of writing";
	if (what == ALLOW_OTHER_JOB)
		return "; --job with that name goes on where it stands";
	if (what == ALLOW_GROWN)
		return "; another job copies all of it into another topic";
	return what == ALLOW_NULL_KEYS ? "; --key '*' leaves out what has no key" : "";
}

int replay_against(struct replay *r, struct replay_topic *t, enum replay_conflict what, struct ev_error *err,
		   const char *text)
{
	t->conflicts[what]++;
	if (r->args->dry_run || r->allowed & 1u << what)
		return 0;
	ev_fail(err, EV_USAGE, "cannot write topic '%s': %s", t->name, text);
	return ev_hint(err, "--allow %s %s all the same%s", replay_allow_words[what],
		       replay_allow_verb(what), other_way(r, what));
}

static int64_t number_of(const struct replay_topic *t, const char *name, int64_t otherwise)
{
	const char *text = ev_topic_config(&t->info, name);
	int64_t n;

	return text && ev_parse_i64(text, &n) ? n : otherwise;
}

/* From the settings. A limit is kept as it is given, beside the clock: a copy may go on for days. */
static void set_bounds(struct replay_topic *t)
{
	const char *policy = ev_topic_config(&t->info, "cleanup.policy");
	const char *type = ev_topic_config(&t->info, "message.timestamp.type");
	int64_t keep = number_of(t, "retention.ms", -1);
	int64_t difference = number_of(t, "message.timestamp.difference.max.ms", INT64_MAX);

	t->rewrites = type && !strcmp(type, "LogAppendTime");
	t->compacts = policy && strstr(policy, "compact");
	t->keep_ms = policy && strstr(policy, "delete") && keep >= 0 ? keep : INT64_MAX;
	t->most_bytes = number_of(t, "max.message.bytes", INT64_MAX);
	t->before_ms = number_of(t, "message.timestamp.before.max.ms", INT64_MAX);
	t->after_ms = number_of(t, "message.timestamp.after.max.ms", INT64_MAX);
	if (t->before_ms == INT64_MAX) /* brokers before 4.0 heed one for both where these are as they come */
		t->before_ms = difference;
	if (t->after_ms == INT64_MAX)
		t->after_ms = difference;
}

/*
 * Without the right to see its settings none is known, and nothing can be refused for them. Of a topic that is to be
 * made the source's may say all there is, though the brokers' defaults may not be seen.
 */
static void say_unseen(struct replay *r, struct replay_topic *t)
{
	static const char *const wanted[] = { "cleanup.policy", "retention.ms", "message.timestamp.type",
					      "max.message.bytes" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		n += ev_topic_config(&t->info, wanted[i]) != NULL;
	t->unseen = n < sizeof(wanted) / sizeof(*wanted);
	if (t->unseen)
		ev_warn(r->msg, "the settings of topic '%s' may not be seen: it is not checked whether it keeps what "
			"it is given (the broker wants an ACL that allows DescribeConfigs on %s)", t->name,
			t->create ? "the cluster" : "it");
}

static bool reads_it(const struct replay *r, const char *topic)
{
	const char *id = r->cluster->id;

	if (!r->src->cluster_id || !id || strcmp(r->src->cluster_id, id))
		return false;
	for (size_t i = 0; i < r->src->nparts; i++)
		if (!strcmp(r->src->parts[i].topic, topic))
			return true;
	return false;
}

/*
 * Partitions and settings of the source's topic, to make one like it. With `origin` it may be gone, and that is the
 * cluster's id: of another one nothing is asked.
 */
static int source_topic(struct replay *r, const char *topic, const char *origin, struct ev_topic_info *like,
			struct ev_error *err)
{
	struct ev_cluster_spec spec = ev_cluster_of(&r->args->src.spec);
	struct ev_cluster *c = ev_cluster_open(&spec, NULL, NULL, NULL, ev_stopped, err);
	bool seen = true, ask = c && (!origin || (c->id && !strcmp(c->id, origin)));
	struct ev_topic_info there = { 0 };
	int rc = !c ? -1 : ask ? ev_topic_look(c, topic, &there, err) : 0;

	if (!rc && (there.partitions || !origin)) {
		like->partitions = there.partitions;
		rc = ev_topic_configs(c, topic, like, &seen, err);
		if (!c->id || !r->cluster->id || strcmp(c->id, r->cluster->id))
			ev_topic_only_own(like);
	}
	ev_cluster_close(c);
	if (rc && err->class == EV_STORE)
		err->class = EV_SOURCE;
	if (!rc && !seen)
		rc = ev_fail(err, EV_SOURCE, "cannot see the settings of topic '%s'", topic);
	return rc;
}

/* One that is like the source has that partition, too. */
static int have_partition(struct ev_topic_info *like, const char *topic, int32_t partition, struct ev_error *err)
{
	if (partition == INT32_MAX)
		return ev_fail(err, EV_USAGE, "cannot make a topic like '%s': none has as many partitions as its "
			       "partition %d wants", topic, (int)partition);
	if (partition >= like->partitions)
		like->partitions = partition + 1;
	return 0;
}

/*
 * An archive knows how many partitions its topic had, and not its settings: the topic itself may be gone. Where
 * the target's cluster, or the one that -b names, is the one that it came from and has it still, that one is asked.
 */
static int archived_topic(struct replay *r, const char *topic, struct ev_topic_info *like, struct ev_error *err)
{
	struct ev_manifest m = { 0 };
	struct ev_topic_info there = { 0 };
	const struct ev_archive_topic *t;
	const char *brokers = r->args->src.spec.brokers;
	bool seen, same;
	int rc = ev_manifest_load(&m, r->args->src.spec.archive, err);

	t = rc ? NULL : ev_manifest_topic(&m, ev_slice_str(topic));
	if (t)
		like->partitions = t->partition_count;
	for (size_t i = 0; t && !rc && i < t->nparts; i++) /* it may be of an older version, and have grown meanwhile */
		rc = have_partition(like, topic, t->parts[i].partition, err);
	same = m.cluster_id && r->cluster->id && !strcmp(m.cluster_id, r->cluster->id);
	if (!rc && !same && m.cluster_id && brokers && (r->args->into_broker || r->args->into_config))
		rc = source_topic(r, topic, m.cluster_id, like, err);
	ev_manifest_release(&m);
	if (rc || !same || ev_topic_look(r->cluster, topic, &there, err))
		return rc || same ? -1 : 0;
	return there.partitions ? ev_topic_configs(r->cluster, topic, like, &seen, err) : 0;
}

/* A file says only what it holds: as many partitions as it shows. look_ahead() has had it read before. */
static int file_topic(const struct replay *r, const char *topic, struct ev_topic_info *like, struct ev_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->src->nparts; i++)
		if (!strcmp(r->src->parts[i].topic, topic))
			rc = have_partition(like, topic, r->src->parts[i].partition, err);
	return rc;
}

static bool reads_stdin(const struct replay *r)
{
	const struct ev_source_spec *s = &r->args->src.spec;

	for (size_t i = 0; i < s->nfiles; i++)
		if (!strcmp(s->files[i], "-"))
			return true;
	return false;
}

/* The next step, where it is one: a pipe and a dead letter do not say how many partitions their topic had. */
void replay_missing_way(const struct replay *r, const struct replay_topic *t, struct ev_buf *out)
{
	if (r->redrive && !r->args->into)
		ev_buf_adds(out, "make it first, or send all to another topic: --into TOPIC");
	else if (r->redrive && r->args->src.spec.ntopics)
		ev_buf_addf(out, "make it first: 'evreplay %s --to begin --into %s --create' makes an empty one",
			    r->args->src.spec.topics[0].topic, t->name);
	else if (r->redrive)
		ev_buf_adds(out, "make it first");
	else if (reads_stdin(r))
		ev_buf_adds(out, "make it first; or write the lines to a file and give that: then --create can make "
			    "it");
	else
		ev_buf_adds(out, "--create makes it with the source's partitions and settings");
	if (r->redrive || reads_stdin(r))
		return;
	if (r->args->job)
		ev_buf_addf(out, "; if job '%s' has written it before, --new-job, too, copies everything again",
			    r->args->job);
	else if (r->args->into)
		ev_buf_addf(out, "; an archive's folder would be ./%s", t->name);
}

static int hint_missing(const struct replay *r, const struct replay_topic *t, struct ev_error *err)
{
	struct ev_buf way = EV_BUF_INIT;

	replay_missing_way(r, t, &way);
	ev_hint(err, "%s", ev_buf_str(&way));
	ev_buf_release(&way);
	return -1;
}

static int missing(struct replay *r, struct replay_topic *t, const char *from, struct ev_error *err)
{
	if (!r->args->create && r->args->dry_run)
		return 0; /* the plan has it against it, and goes on */
	if (!r->args->create) {
		ev_fail(err, EV_STORE, "cannot write topic '%s': it is not there, or may not be seen", t->name);
		return hint_missing(r, t, err);
	}
	if (reads_stdin(r)) {
		ev_fail(err, EV_USAGE, "cannot make topic '%s': standard input does not say how many partitions it "
				       "has", t->name);
		return hint_missing(r, t, err);
	}
	t->create = true;
	if (r->args->src.spec.archive && !r->args->src.spec.ntopics)
		return archived_topic(r, from, &t->info, err);
	if (!r->src->one_sequence)
		return source_topic(r, from, NULL, &t->info, err);
	return file_topic(r, from, &t->info, err);
}

/* Of an archive it may be gone, and is made again. */
static int check_same(struct replay *r, struct replay_topic *t, struct ev_error *err)
{
	return t->info.partitions && !t->create && reads_it(r, t->name) ?
		       replay_against(r, t, ALLOW_SAME, err, "it is the topic that is read") : 0;
}

/* Does the job's token tell that all that goes into the topic goes there? Then this run only goes on. */
static bool was_allowed(const struct replay *r, const struct replay_topic *t)
{
	for (size_t i = 0; i < r->nparts && i < r->src->nparts; i++)
		if (r->parts[i].into == t && (!r->token || !ev_job_token_route(r->token, r->src->parts[i].topic)))
			return false;
	return true;
}

/*
 * A restore into the archive's own topic goes on by the same command, but not when the topic has lived on and the
 * archive has been kept up with it: what is new in that came from there.
 */
static int check_restored(struct replay *r, struct replay_topic *t, struct ev_error *err)
{
	bool over = false;

	if (!t->info.partitions || t->create || !reads_it(r, t->name))
		return 0;
	if (replay_restore_over(r, t, &over, err))
		return -1;
	return !over ? 0 : replay_against(r, t, ALLOW_SAME, err, "it has gone on since it was restored, and what the "
					  "archive has more came from there");
}

/* Of a job: what it has done before is known by now. */
static int check_job_same(struct replay *r, struct ev_error *err)
{
	for (size_t i = 0; i < r->ntopics; i++) {
		struct replay_topic *t = r->topics[i];

		if (was_allowed(r, t) ? check_restored(r, t, err) : check_same(r, t, err))
			return -1;
	}
	return 0;
}

/* What the settings alone tell. */
static int check_settings(struct replay *r, struct replay_topic *t, struct ev_error *err)
{
	if (!r->args->job && check_same(r, t, err))
		return -1;
	if (t->rewrites && r->args->timestamps != TIMESTAMPS_NOW && replay_against(r, t, ALLOW_LOG_TIME, err,
				    "it would rewrite the timestamps (message.timestamp.type=LogAppendTime)"))
		return -1;
	return 0;
}

static int make(struct replay *r, struct replay_topic *t, struct ev_error *err)
{
	if (!t->create || r->args->dry_run)
		return 0;
	t->create = false;
	if (ev_topic_create(r->cluster, t->name, &t->info, err))
		return -1;
	if (!r->args->quiet)
		ev_say(r->msg, "made topic '%s', %d partition%s%s", t->name, (int)t->info.partitions,
		       ev_plural(t->info.partitions), t->as_made ? ", with the broker's settings" : "");
	return 0;
}

void replay_say_filled(const struct replay *r, const struct replay_topic *t)
{
	const struct replay_args *a = r->args;
	bool goes_on = a->src.range.from.kind == EV_POINT_FILE && !a->job;
	int64_t n = a->redrive || a->quiet || goes_on || t->other || !t->info.partitions || t->create ? 0 :
		    ev_topic_offsets(r->cluster, t->name, t->info.partitions);

	if (n && a->job && !replay_shows_records(r, t->name))
		return; /* they were given up, as the job's own are where it was killed before its first commit */
	if (n && a->job)
		ev_warn(r->msg, "topic '%s' has up to %" PRId64 " record%s already, and none of job '%s': of those "
			"that are a copy of the same each comes once more", t->name, n, ev_plural(n), a->job);
	else if (n)
		ev_warn(r->msg, "topic '%s' has up to %" PRId64 " record%s already, and the copy comes behind; where "
			"all runs are of one job (--exactly-once --job NAME) none copies what another has", t->name, n,
			ev_plural(n));
}

/* Look at it once; `from` is the first of the source's topics that goes there. */
static struct replay_topic *new_topic(struct replay *r, const char *name, const char *from,
					struct ev_error *err)
{
	struct replay_topic *t = ev_alloc(sizeof(*t));
	bool seen = true;

	*EV_PUSH(r->topics, r->ntopics) = t;
	t->name = ev_strdup(name);
	if (!strcmp(name, EV_JOBS_TOPIC)) {
		ev_fail(err, EV_USAGE, "cannot write topic '%s': jobs keep their positions there, and would read what "
			"is written", name);
		return NULL;
	}
	if (ev_topic_look(r->cluster, name, &t->info, err))
		return NULL;
	if (!t->info.partitions ? missing(r, t, from, err) :
				  ev_topic_configs(r->cluster, name, &t->info, &seen, err))
		return NULL;
	t->as_made = t->create && !t->info.nconfigs;
	if (t->create && ev_topic_defaults(r->cluster, &t->info, &seen, err))
		return NULL;
	if (!seen)
		say_unseen(r, t);
	set_bounds(t);
	if (check_settings(r, t, err))
		return NULL;
	if (!r->args->job)
		replay_say_filled(r, t);
	return t;
}

struct replay_topic *replay_topic_named(struct replay *r, const char *name, const char *from,
					  struct ev_error *err)
{
	for (size_t i = 0; i < r->ntopics; i++)
		if (!strcmp(r->topics[i]->name, name))
			return r->topics[i];
	return new_topic(r, name, from, err);
}

/*
 * Records older than the limit stand at the beginning of a partition's span? The first with a time is looked for as
 * well: where compaction has emptied the beginning the first young one may be the first of all.
 */
static int check_times(struct replay *r, struct replay_topic *t, int64_t limit_ms, enum replay_conflict what,
		       const char *text, struct ev_error *err)
{
	int64_t *first, *any, ms = replay_writing_ms(r);
	int rc;

	if (limit_ms >= ms || r->allowed & 1u << what)
		return 0;
	first = ev_alloc((r->src->nparts + 1) * sizeof(*first));
	any = ev_alloc((r->src->nparts + 1) * sizeof(*any));
	rc = r->src->ops->offsets_for_time(r->src, ms - limit_ms, first, err) ||
	     r->src->ops->offsets_for_time(r->src, 1, any, err) ? -1 : 0;
	for (size_t i = 0; !rc && i < r->nspans && i < r->nparts; i++) /* a partition may be new */
		if (r->parts[i].into == t && any[i] >= r->spans[i].begin && any[i] < r->spans[i].end &&
		    any[i] < first[i])
			rc = replay_against(r, t, what, err, text);
	free(first);
	free(any);
	return rc;
}

bool replay_chooses(const struct replay_args *a)
{
	const struct ev_source_args *s = &a->src;

	return s->since || s->types.n || s->keys.n || s->wheres.n || s->headers.n || s->tombstones ||
	       a->redact_other == OTHER_DROP;
}

/* Found before the first record is copied, where the source can be asked: each is looked at again when it comes. */
static int check_ranges(struct replay *r, struct ev_error *err)
{
	if (r->args->dry_run || r->args->timestamps || replay_chooses(r->args))
		return 0; /* a dry run looks at every record; other timestamps are known only then */
	for (size_t i = 0; i < r->ntopics; i++) {
		struct replay_topic *t = r->topics[i];

		if (check_times(r, t, t->keep_ms, ALLOW_RETENTION,
				"its retention.ms would delete the oldest records at once", err) ||
		    check_times(r, t, t->before_ms, ALLOW_BOUNDS,
				"the oldest records are below its message.timestamp.before.max.ms", err))
			return -1;
	}
	return 0;
}

static int check_partitions(struct replay *r, struct replay_part *p, int32_t partition,
			    struct ev_error *err)
{
	struct ev_record probe = { .partition = partition };

	if (!p->into->info.partitions)
		return 0; /* a dry run: it is not there */
	if (r->spread.kind == EV_SPREAD_KEEP && partition >= p->into->info.partitions)
		return replay_against(r, p->into, ALLOW_FEWER, err,
				"it has fewer partitions than the source, and partitions are kept");
	if (r->spread.kind == EV_SPREAD_LIST &&
	    ev_spread_of(&r->spread, &probe, p->into->info.partitions) < 0)
		return ev_fail(err, EV_USAGE, "cannot write topic '%s': --partition names no partition of it "
			       "for partition %d of the source", p->into->name, (int)partition);
	return 0;
}

int replay_check_part(struct replay *r, struct replay_part *p, int32_t partition, const char *from,
		      struct ev_error *err)
{
	p->into = replay_topic_named(r, p->topic, from, err);
	if (!p->into)
		return -1;
	/* several that go into one are met one by one, before it is made */
	if (p->into->create && have_partition(&p->into->info, from, partition, err))
		return -1;
	return check_partitions(r, p, partition, err);
}

/* A file shows its topics late, but the one that all go to is known, and may be there. */
static int look_ahead(struct replay *r, struct ev_error *err)
{
	struct ev_topic_info is = { 0 };

	if (!r->src->one_sequence || !r->kafka)
		return 0;
	if (r->args->into && ev_topic_look(r->cluster, r->args->into, &is, err))
		return -1;
	if (is.partitions)
		return replay_topic_named(r, r->args->into, NULL, err) ? 0 : -1;
	if (!r->args->create || reads_stdin(r))
		return 0;
	/* What is to be made has as many partitions as the file shows. A scan rewinds it: never while it is read. */
	return r->src->ops->scan(r->src, err) ? ev_context(err, "--create") : 0;
}

int replay_look(struct replay *r, struct ev_error *err)
{
	if (r->redrive)
		return 0; /* a dead letter's home is known when it is read */
	if (replay_check_maps(r, err) || look_ahead(r, err))
		return -1;
	for (uint32_t i = 0; i < r->src->nparts; i++)
		if (!replay_part(r, i, ev_slice_str(r->src->parts[i].topic), r->src->parts[i].partition,
				 err))
			return -1;
	return replay_check_group(r, 0, r->src->nparts, err);
}

int64_t replay_least_batch(const struct replay *r)
{
	int64_t least = INT64_MAX;

	for (size_t i = 0; i < r->ntopics; i++)
		least = r->topics[i]->most_bytes < least ? r->topics[i]->most_bytes : least;
	return least;
}

/*
 * A restore makes the topic that the archive is of. Killed before its first transaction the job must know it again:
 * it would be one that is read, and is there. And a job that begins anew does so at once: the next run would go on
 * where the old one stood.
 */
static int claim(struct replay *r, struct ev_error *err)
{
	bool makes = r->args->new_job;

	for (size_t i = 0; i < r->ntopics; i++)
		makes |= r->topics[i]->create && reads_it(r, r->topics[i]->name);
	return makes && r->args->job && r->sink && !r->stored.n ? replay_claim(r, err) : 0;
}

int replay_plan(struct replay *r, struct ev_error *err)
{
	if (!r->cluster || r->redrive)
		return 0;
	if ((!r->src->one_sequence && check_ranges(r, err)) || (r->args->job && check_job_same(r, err)) ||
	    (r->args->job && !r->src->one_sequence && replay_check_others(r, err)) ||
	    replay_check_routes(r, err) || claim(r, err))
		return -1;
	for (size_t i = 0; i < r->ntopics; i++)
		if (make(r, r->topics[i], err))
			return -1;
	return 0;
}

/* Further apart than that; times and limits can be any numbers. */
static bool beyond(int64_t later, int64_t earlier, int64_t limit)
{
	int64_t apart;

	return later > earlier && (__builtin_sub_overflow(later, earlier, &apart) || apart > limit);
}

/* Would the broker, which looks at its clock, keep a record of that time? */
static int check_time(struct replay *r, struct replay_topic *t, int64_t timestamp, struct ev_error *err)
{
	int64_t now = replay_writing_ms(r);

	if (beyond(now, timestamp, t->keep_ms) &&
	    replay_against(r, t, ALLOW_RETENTION, err, "its retention.ms would delete this record at once"))
		return -1;
	if ((beyond(now, timestamp, t->before_ms) || beyond(timestamp, now, t->after_ms)) &&
	    replay_against(r, t, ALLOW_BOUNDS, err,
		     "it refuses this timestamp (message.timestamp.before.max.ms, after.max.ms)"))
		return -1;
	return 0;
}

int replay_check_record(struct replay *r, struct replay_topic *t, const struct ev_record *rec,
			struct ev_error *err)
{
	if (t->create && make(r, t, err))
		return -1;
	/* none, 0 or before 1970 cannot be produced: it is refused, or (--lossy) written with the time of writing */
	if (rec->timestamp > 0 && check_time(r, t, rec->timestamp, err))
		return -1;
	if (t->compacts && !rec->key.ptr &&
	    replay_against(r, t, ALLOW_NULL_KEYS, err, "it is compacted, and this record has no key"))
		return -1;
	return 0;
}

void replay_topics_release(struct replay *r)
{
	for (size_t i = 0; i < r->ntopics; i++) {
		ev_topic_info_release(&r->topics[i]->info);
		free(r->topics[i]->name);
		free(r->topics[i]->other);
		free(r->topics[i]);
	}
	free(r->topics);
}
