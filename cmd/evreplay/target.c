/* target.c - the sink that --into names, and what topics are called in it */
#include "evreplay/replay.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sink/rename.h"

enum replay_kind replay_into(const struct replay_args *a)
{
	if (a->into && !strcmp(a->into, "-"))
		return INTO_LINES;
	return a->into && (*a->into == '/' || *a->into == '.') ? INTO_ARCHIVE : INTO_TOPIC;
}

/* What each option is for: one that says nothing of the target is a slip. */
enum { TOPIC = 1 << INTO_TOPIC, LINES = 1 << INTO_LINES, ARCHIVE = 1 << INTO_ARCHIVE,
       ANY = TOPIC | LINES | ARCHIVE };

static int not_for(const struct replay_args *a, const char *option, unsigned takes, struct ev_error *err)
{
	if (a->verify)
		return ev_fail(err, EV_USAGE, "options '--verify' and '--%s' cannot be used together", option);
	if (takes != TOPIC && takes != ARCHIVE)
		return ev_fail(err, EV_USAGE, "option '--%s' is not for archives: they keep the topics' names", option);
	ev_fail(err, EV_USAGE, "option '--%s' is for %s, and the target is %s%s%s", option,
		takes == TOPIC ? "topics" : "archives", a->into ? "'" : "", a->into ? a->into : "a topic",
		a->into ? "'" : "");
	return takes == ARCHIVE && a->into && replay_into(a) == INTO_TOPIC ?
		       ev_hint(err, "--into %s is a topic, ./%s an archive", a->into, a->into) : -1;
}

int replay_check_options(const struct replay_args *a, struct ev_error *err)
{
	const struct {
		const char *name;
		bool given;
		unsigned takes; /* kinds of targets; --verify has none */
	} options[] = {
		{ "into", a->into, ANY },
		{ "dry-run", a->dry_run, ANY },
		{ "follow", a->follow, ANY },
		{ "position", a->position, ANY },
		{ "metrics", a->metrics, ANY },
		{ "into-broker", a->into_broker, TOPIC },
		{ "into-config", a->into_config, TOPIC },
		{ "partition", a->partition, TOPIC },
		{ "map", a->maps.n > 0, TOPIC | LINES },
		{ "create", a->create, TOPIC },
		{ "allow", a->allow.n > 0, TOPIC },
		{ "lossy", a->lossy, TOPIC },
		{ "offset-map", a->offset_map, TOPIC },
		{ "exactly-once", a->exactly_once, TOPIC },
		{ "job", a->job, TOPIC },
		{ "new-job", a->new_job, TOPIC },
		{ "accept-gap", a->accept_gap, TOPIC },
		{ "group", a->group, TOPIC },
		{ "txn-records", a->txn_records != REPLAY_TXN_RECORDS, TOPIC },
		{ "txn-time", a->txn_ms != REPLAY_TXN_MS, TOPIC },
		{ "append", a->append, ARCHIVE },
		{ "level", a->level != REPLAY_LEVEL, ARCHIVE },
		{ "threads", a->threads >= 0, ARCHIVE },
		{ "from", a->src.from, ANY },
		{ "to", a->src.to, ANY },
		{ "since", a->src.since, ANY },
		{ "until", a->src.until, ANY },
		{ "type", a->src.types.n > 0, ANY },
		{ "key", a->src.keys.n > 0, ANY },
		{ "where", a->src.wheres.n > 0, ANY },
		{ "header", a->src.headers.n > 0, ANY },
		{ "tombstones", a->src.tombstones, ANY },
		{ "envelope", a->src.envelope, ANY },
		{ "no-merge", a->src.no_merge, ANY },
		{ "lines", a->src.lines, ANY },
		{ "archive-map", a->src.archive_map, ANY },
		{ "redact", a->redacts.n > 0, ANY },
		{ "hash", a->hashes.n > 0, ANY },
		{ "key-file", a->key_file, ANY },
		{ "redact-other", a->redact_other, ANY },
		{ "timestamps", a->timestamps, ANY },
		{ "rate", a->rate, ANY },
		{ "speed", a->speed, ANY },
		{ "max-idle", a->max_idle_ms, ANY },
		{ "start-at", a->start_at, ANY },
	};
	unsigned kind = a->verify ? 0 : 1u << replay_into(a);

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (options[i].given && !(options[i].takes & kind))
			return not_for(a, options[i].name, options[i].takes, err);
	return 0;
}

static int check_redrive(struct replay *r, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	/* "-" and ".x" are names of topics, too, but elsewhere they mean a pipe and a folder */
	if (a->into && (replay_into(a) != INTO_TOPIC || !ev_topic_valid(ev_slice_str(a->into))))
		return ev_fail(err, EV_USAGE, "cannot write '%s': not a topic name", a->into);
	if (a->quarantine && !ev_topic_valid(ev_slice_str(a->quarantine)))
		return ev_fail(err, EV_USAGE, "cannot write '%s': not a topic name", a->quarantine);
	if (!a->group || !*a->group)
		return ev_fail(err, EV_USAGE, "option '--group' takes a name");
	if (ev_spread_parse(&r->spread, a->partition, err))
		return -1;
	r->spread.keyed = a->quarantine; /* the partition of a home means nothing there */
	return replay_allow(r, err);
}

int replay_check_target(struct replay *r, struct ev_error *err)
{
	const struct replay_args *a = r->args;

	for (size_t i = 0; i < a->maps.n; i++)
		if (ev_rename_check(a->maps.v[i], err))
			return -1;
	if (a->redrive)
		return check_redrive(r, err);
	if (replay_check_options(a, err))
		return -1;
	if (replay_into(a) != INTO_TOPIC)
		return 0;
	if (!a->into && !a->maps.n && !a->into_broker && !a->into_config) {
		ev_fail(err, EV_USAGE, "a target is missing");
		return ev_hint(err, "--into names a topic, a folder for an archive (./x), or - for record lines; "
				    "--map '*=new.\\1' renames all, --into-broker keeps the names on another cluster");
	}
	if (a->into && a->maps.n)
		return ev_fail(err, EV_USAGE, "options '--into TOPIC' and '--map' cannot be used together");
	if (a->into && !ev_topic_valid(ev_slice_str(a->into)))
		return ev_fail(err, EV_USAGE, "cannot write '%s': not a topic name", a->into);
	if (a->exactly_once != (a->job != NULL)) {
		ev_fail(err, EV_USAGE, "options '--exactly-once' and '--job' belong together");
		return ev_hint(err, "the name tells the next run where this one has come");
	}
	if (!a->job && (a->new_job || a->accept_gap || a->group || a->txn_records != REPLAY_TXN_RECORDS ||
			a->txn_ms != REPLAY_TXN_MS))
		return ev_fail(err, EV_USAGE, "option '--%s' belongs to '--exactly-once'",
			       a->new_job ? "new-job" : a->accept_gap ? "accept-gap" : a->group ? "group" :
			       a->txn_records != REPLAY_TXN_RECORDS ? "txn-records" : "txn-time");
	if (a->txn_ms > EV_TXN_MOST_MS)
		return ev_fail(err, EV_USAGE, "option '--txn-time' takes at most %ds: brokers end what lasts too long",
			       EV_TXN_MOST_MS / 1000);
	if (a->job && (!*a->job || strlen(a->job) > 200))
		return ev_fail(err, EV_USAGE, "option '--job' takes a name of 1 to 200 bytes");
	return ev_spread_parse(&r->spread, a->partition, err) ? -1 : replay_allow(r, err);
}

static void delivered(void *ctx, uint32_t part, int64_t offset, const char *topic, int32_t partition,
		      int64_t at)
{
	struct replay *r = ctx;
	const struct ev_partition *p = &r->src->parts[part];
	struct ev_map_run one = { ev_slice_str(p->topic), ev_slice_str(topic), p->partition, partition,
				  offset, at, 1 };

	ev_map_writer_add(r->map, &one);
}

static int settled(void *ctx, struct ev_error *err)
{
	return ev_map_writer_flush(((struct replay *)ctx)->map, err);
}

static void topics_spec(struct replay *r, struct ev_kafka_sink_spec *spec)
{
	const struct ev_range_args *range = &r->args->src.range;

	*spec = (struct ev_kafka_sink_spec){
		.cluster = replay_target_cluster(&r->args->src.spec, r->args->into_broker, r->args->into_config),
		.spread = r->spread, .memory = r->args->src.memory, .lossy = r->args->lossy,
		.stopped = ev_stopped, .job = r->args->job, .group = r->args->job ? r->args->group : NULL,
		.note = r->args->src.spec.note, .note_ctx = r->args->src.spec.note_ctx,
		.bounds = { range->has_since, range->has_until, range->since, range->until },
		.new_job = r->args->new_job, .source = r->src,
		.lent = !r->redact && !r->redrive, /* else it is made anew in the room of the one before */
		.quick = ev_pace_on(&r->pace) || r->args->follow,
		.gone_hint = r->redrive ? "make it again; the next run sends the rest of the backlog" :
					  "--create makes it, and the copy begins anew",
	};
	if (r->args->offset_map) {
		spec->delivered = delivered;
		spec->settled = settled;
		spec->ctx = r;
	}
}

struct ev_sink *replay_sink(const struct replay *r)
{
	return r->sink ? r->sink : r->asked;
}

static int open_sink(struct replay *r, const struct ev_kafka_sink_spec *spec, struct ev_error *err)
{
	struct ev_sink *s = ev_kafka_sink_open(spec, err);

	*(r->args->dry_run ? &r->asked : &r->sink) = s;
	r->cluster = s ? ev_kafka_sink_cluster(s) : NULL;
	return s ? 0 : -1;
}

/*
 * A topic's max.message.bytes bounds batches, and the broker refuses a larger one although each record in it is
 * small. How large they grow a producer is told when it is made, so it is made again.
 */
static int bound_batches(struct replay *r, struct ev_kafka_sink_spec *spec, struct ev_error *err)
{
	int64_t least = replay_least_batch(r);

	if (least >= r->batch_bytes)
		return 0;
	r->batch_bytes = least;
	spec->batch_bytes = (size_t)least;
	r->sink->ops->close(r->sink);
	return open_sink(r, spec, err);
}

/* By another producer, with the token that the last transaction has left. */
static int resume_job(struct replay *r, struct ev_error *err)
{
	struct ev_position stored = EV_POSITION_INIT;
	bool known;
	int rc = r->sink->ops->resume(r->sink, &stored, &known, err);

	ev_position_release(&stored);
	replay_take_token(r);
	return rc ? -1 : replay_check_routes(r, err);
}

int replay_bound_batches(struct replay *r, struct ev_error *err)
{
	struct ev_kafka_sink_spec spec;
	struct ev_buf how = EV_BUF_INIT;
	uint64_t records = r->sink->records, bytes = r->sink->bytes;
	int rc;

	if (replay_least_batch(r) >= r->batch_bytes)
		return 0;
	if ((r->args->job ? r->read : records > r->flushed_at) && replay_flush_now(r, err))
		return -1;
	topics_spec(r, &spec);
	if (replay_describe(r, &how, &spec.chosen, err))
		return -1;
	spec.how = ev_buf_str(&how);
	spec.new_job = false; /* it has begun */
	r->token = NULL;
	rc = bound_batches(r, &spec, err);
	ev_buf_release(&how);
	if (rc)
		return -1;
	r->sink->records = records;
	r->sink->bytes = bytes;
	return r->args->job ? resume_job(r, err) : 0;
}

/*
 * The client frees and allocates some MB for each batch, and a block for each message. What a thread has freed is not
 * given back to the kernel each time, which would have to find its pages anew, and clear them.
 */
static void keep_memory(void)
{
#ifdef M_TOP_PAD
	mallopt(M_TOP_PAD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that may be set */
#endif
}

static int open_topics(struct replay *r, struct ev_error *err)
{
	struct ev_kafka_sink_spec spec;
	struct ev_buf how = EV_BUF_INIT;
	int rc;

	keep_memory();
	topics_spec(r, &spec);
	r->kafka = true;
	r->batch_bytes = EV_BATCH_BYTES;
	if (r->args->dry_run && !r->args->job) {
		r->cluster = ev_cluster_open(&spec.cluster, NULL, NULL, NULL, ev_stopped, err);
		return r->cluster ? replay_look(r, err) : -1;
	}
	if (r->args->job && r->args->group &&
	    replay_need_idle(&spec.cluster, false, r->args->group, "its consumers would go on where the job stands: "
			     "take a --group that nobody reads by", r->msg, err))
		return -1;
	if (replay_describe(r, &how, &spec.chosen, err))
		return -1;
	spec.how = ev_buf_str(&how);
	rc = open_sink(r, &spec, err) || replay_look(r, err) ||
	     (r->sink && bound_batches(r, &spec, err)) ? -1 : 0;
	ev_buf_release(&how);
	return rc;
}

int replay_peek_target(struct replay *r, bool *known, struct ev_error *err)
{
	if (replay_into(r->args) == INTO_ARCHIVE)
		return replay_peek_archive(r, known, err);
	return r->asked ? ev_kafka_job_peek(r->asked, &r->stored, known, err) : 0;
}

int replay_open_target(struct replay *r, struct ev_error *err)
{
	switch (replay_into(r->args)) {
	case INTO_LINES:
		if (replay_look(r, err))
			return -1;
		if (r->args->dry_run)
			return 0;
		r->sink = ev_lines_sink_open(ev_stdout_write, "standard output");
		return 0;
	case INTO_ARCHIVE:
		return r->args->dry_run ? 0 : replay_open_archive(r, err);
	default:
		return open_topics(r, err);
	}
}

/* Of a topic that is read, and of an archive, the cluster is known; lines may have come from the one they go to. */
static bool keeps_home(const struct replay *r)
{
	return r->kafka && r->src->one_sequence && !r->args->into_broker && !r->args->into_config;
}

static char *no_rule(struct ev_slice topic, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "option '--map': no rule fits topic '%.*s', which would keep its name",
		(int)topic.len, topic.ptr);
	ev_hint(err, "a rule like '%.*s=NAME' says where it goes; --into-broker keeps names on another cluster",
		(int)topic.len, topic.ptr);
	return NULL;
}

static char *target_topic(struct replay *r, struct ev_slice topic, struct ev_error *err)
{
	const struct replay_args *a = r->args;
	struct ev_buf name = EV_BUF_INIT;
	char *made;

	if (r->kafka && a->into)
		return ev_strdup(a->into);
	if (!ev_rename(a->maps.v, a->maps.n, topic, &name)) {
		if (keeps_home(r))
			return no_rule(topic, err);
		ev_buf_add_slice(&name, topic);
	}
	made = ev_slice_dup(ev_buf_slice(&name));
	ev_buf_release(&name);
	if (ev_topic_valid(ev_slice_str(made)))
		return made;
	ev_fail(err, EV_USAGE, "--map makes '%s' of topic '%.*s': not a topic name", made,
		(int)topic.len, topic.ptr);
	free(made);
	return NULL;
}

const char *replay_idle_map(const struct replay *r)
{
	const struct ev_list *maps = &r->args->maps;
	struct ev_buf name = EV_BUF_INIT;
	bool fits = true;

	for (size_t m = 0; m < maps->n; m++) {
		fits = false;
		for (size_t i = 0; i < r->src->nparts && !fits; i++)
			fits = ev_rename(&maps->v[m], 1, ev_slice_str(r->src->parts[i].topic), &name);
		ev_buf_release(&name);
		if (!fits)
			return maps->v[m];
	}
	return NULL;
}

int replay_check_maps(struct replay *r, struct ev_error *err)
{
	const char *idle = r->src->one_sequence ? NULL : replay_idle_map(r);

	if (!idle)
		return 0;
	ev_fail(err, EV_USAGE, "option '--map': '%s' fits no topic that is read", idle);
	return ev_hint(err, "a pattern is the whole name, * stands for any text, and a dot for a dot");
}

/* The lines of both would be of one log, in which offsets come twice. */
static int check_mixed(const struct replay *r, uint32_t part, struct ev_error *err)
{
	const char *from = r->src->parts[part].topic;

	for (uint32_t i = 0; i < r->nparts && i < r->src->nparts; i++) {
		const char *other = r->src->parts[i].topic;

		if (!r->parts[i].topic || strcmp(r->parts[i].topic, r->parts[part].topic) || !strcmp(other, from))
			continue;
		ev_fail(err, EV_USAGE, "--map makes '%s' of topic '%s' and of '%s', whose offsets would be mixed in "
			"one", r->parts[part].topic, other, from);
		return ev_hint(err, "lines keep their offsets: give each topic a name of its own");
	}
	return 0;
}

struct replay_part *replay_part_at(struct replay *r, uint32_t part)
{
	while (part >= r->nparts) {
		struct replay_part *p = EV_PUSH(r->parts, r->nparts);

		p->next = p->left = -1;
		p->oldest = INT64_MAX;
		p->newest = INT64_MIN;
	}
	return &r->parts[part];
}

struct replay_part *replay_part(struct replay *r, uint32_t part, struct ev_slice topic,
				int32_t partition, struct ev_error *err)
{
	struct replay_part *p = replay_part_at(r, part);

	if (p->topic || r->redrive)
		return p;
	p->topic = target_topic(r, topic, err);
	if (!p->topic || (replay_into(r->args) == INTO_LINES && check_mixed(r, part, err)))
		return NULL;
	if (r->cluster && (replay_check_part(r, p, partition, r->src->parts[part].topic, err) ||
			  replay_check_route(r, part, err)))
		return NULL;
	if (r->merge && replay_check_group(r, part, part + 1, err))
		return NULL;
	/* a file has shown one more */
	if (r->merge && r->sink && r->kafka && replay_bound_batches(r, err))
		return NULL;
	return p;
}
