/* offsets.c - evreplay offsets: a consumer group goes on in the copy where it stood in the source */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "common/term.h"
#include "evreplay/offsets.h"
#include "evreplay/redrive.h"

static void init(void *args)
{
	ev_source_args_init(&((struct offsets_args *)args)->src);
}

static void release(void *args)
{
	ev_source_args_release(&((struct offsets_args *)args)->src);
}

static const struct ev_option options[] = {
	EV_STRING(0, "map", "FILE", struct offsets_args, map, "what --offset-map of the copy wrote"),
	EV_STRING('g', "group", "NAME", struct offsets_args, group, "the consumer group"),
	EV_FLAG('n', "dry-run", struct offsets_args, dry_run, "print the offsets, commit nothing"),
	EV_FLAG(0, "accept-gap", struct offsets_args, accept_gap,
		"move it though the copy lacks some of the rest"),
	EV_FLAG(0, "rewind", struct offsets_args, rewind, "move it back where it stands further in the copy"),
	EV_FLAG('y', "yes", struct offsets_args, yes, "commit without asking"),
	EV_STRING(0, "into-broker", "HOST:PORT", struct offsets_args, into_broker,
		  "brokers of the target, where they are others"),
	EV_STRING(0, "into-config", "FILE", struct offsets_args, into_config,
		  "file of librdkafka properties of the target"),
	EV_GROUP("Source"),
	EV_STRING('b', "broker", "HOST:PORT", struct offsets_args, src.broker, "Kafka brokers, else $EV_BROKERS"),
	EV_LIST('X', "property", "NAME=VALUE", struct offsets_args, src.properties,
		"any librdkafka property; repeatable"),
	EV_STRING('F', "properties", "FILE", struct offsets_args, src.properties_file,
		  "file of librdkafka properties"),
	EV_WAIT(0, "timeout", "TIME", struct offsets_args, src.timeout_ms, "give up on a silent broker (30s)"),
	EV_END,
};

/* A source of these topics, for its group's offsets. */
static struct ev_source *open_topics(const struct ev_cluster_spec *c, const struct ev_position *topics,
				     struct ev_error *err)
{
	struct ev_source_spec spec;
	struct ev_source *src = NULL;
	int rc = 0;

	ev_cluster_source(c, ev_stopped, &spec);
	for (size_t i = 0; !rc && i < topics->n; i++)
		if (!i || strcmp(topics->v[i].topic, topics->v[i - 1].topic))
			rc = ev_source_spec_add(&spec, topics->v[i].topic, err);
	if (!rc)
		src = ev_source_open(&spec, err);
	ev_source_spec_release(&spec);
	return src;
}

static int need_idle(const struct ev_cluster_spec *c, const char *group, bool source, struct ev_error *err)
{
	return replay_need_idle(c, source, group, "stop its consumers first: they would go on from their own offsets",
				NULL, err);
}

/*
 * A partition of the copy that holds no record of it yet: without an offset the group would begin where its own
 * settings say, and that may be behind what comes until then.
 */
static void fill(struct offsets *o, const struct ev_source *src, const struct ev_position *known,
		 const struct ev_position *group)
{
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];

		if (ev_position_get(known, p->topic, p->partition) < 0 &&
		    ev_position_get(group, p->topic, p->partition) < 0)
			ev_position_set(&o->next, p->topic, p->partition, p->low);
	}
}

/* A topic of which nothing was copied may be gone by now, or never have been here: nothing of it is missed. */
static int leave_gone(const struct ev_cluster_spec *c, const struct ev_position *copied, struct ev_position *topics,
		      struct ev_error *err)
{
	struct ev_cluster *cluster = ev_cluster_open(c, NULL, NULL, NULL, ev_stopped, err);
	struct ev_position left = EV_POSITION_INIT;
	struct ev_topic_info is = { 0 };
	const char *looked = NULL; /* at which; entries come by topic */
	int rc = cluster ? 0 : -1;

	for (size_t i = 0; !rc && i < topics->n; i++) {
		const struct ev_position_entry *e = &topics->v[i];
		bool has = ev_position_get(copied, e->topic, e->partition) >= 0;

		if (!has && (!looked || strcmp(looked, e->topic))) {
			looked = e->topic;
			rc = ev_topic_look(cluster, looked, &is, err);
		}
		if (!rc && (has || is.partitions))
			ev_position_set(&left, e->topic, e->partition, 0);
	}
	ev_cluster_close(cluster);
	ev_position_release(topics);
	*topics = left;
	if (rc && err->class == EV_STORE)
		err->class = EV_SOURCE;
	return rc;
}

static int read_group(struct offsets *o, const struct ev_cluster_spec *c, bool source,
		      struct ev_messages *msg, struct ev_error *err)
{
	struct ev_position topics = EV_POSITION_INIT, copied = EV_POSITION_INIT, all = EV_POSITION_INIT;
	const struct ev_position *mine = source ? &copied : &topics;
	struct ev_source *src;
	int rc;

	source ? ev_map_sources(o->map, &topics) : ev_map_targets(o->map, &topics);
	ev_map_copied(o->map, &copied);
	src = source && leave_gone(c, &copied, &topics, err) ? NULL : open_topics(c, &topics, err);
	rc = src ? src->ops->group_offsets(src, o->args->group, &all, err) : -1;
	for (size_t i = 0; !rc && i < all.n; i++) /* of these partitions alone */
		if (ev_position_get(mine, all.v[i].topic, all.v[i].partition) >= 0)
			ev_position_set(source ? &o->group : &o->now, all.v[i].topic, all.v[i].partition,
					all.v[i].offset);
	if (!rc && source)
		rc = offsets_find_gaps(o, src, &all, msg, err);
	else if (!rc)
		fill(o, src, &topics, &all);
	if (src)
		o->cluster[source] = ev_strdup(src->cluster_id);
	if (src && source)
		src->ops->close(src);
	else
		o->copy = src;
	ev_position_release(&all);
	ev_position_release(&copied);
	ev_position_release(&topics);
	if (rc && !source && err->class == EV_SOURCE)
		err->class = EV_STORE;
	if (rc && !source && !*err->hint && !o->args->into_broker && !o->args->into_config)
		ev_hint(err, "where the copy is on another cluster, --into-broker or --into-config says which");
	return rc;
}

/* A copy that keeps its topic's name is on another cluster: on this one it is the source that would be moved. */
static int check_clusters(const struct offsets *o, struct ev_error *err)
{
	struct ev_position from = EV_POSITION_INIT, into = EV_POSITION_INIT;
	const char *both = NULL, *cluster = ev_map_cluster(o->map);

	if (cluster && o->cluster[0] && strcmp(cluster, o->cluster[0])) {
		ev_fail(err, EV_USAGE, "the copy of offset map '%s' is on another cluster (%s)", o->args->map, cluster);
		return ev_hint(err, "--into-broker or --into-config says which");
	}
	ev_map_copied(o->map, &from);
	ev_map_targets(o->map, &into);
	for (size_t i = 0; i < from.n && !both; i++)
		for (size_t j = 0; j < into.n && !both; j++)
			if (!strcmp(from.v[i].topic, into.v[j].topic))
				both = from.v[i].topic;
	if (!both || !o->cluster[0] || !o->cluster[1] || strcmp(o->cluster[0], o->cluster[1])) {
		both = NULL;
	} else {
		ev_fail(err, EV_USAGE, "topic '%s' would be its own copy: the group would pass over what it has not "
			"read", both);
		ev_hint(err, "the copy is on another cluster: --into-broker or --into-config says which");
	}
	ev_position_release(&from);
	ev_position_release(&into);
	return both ? -1 : 0;
}

/* It has read the copy before, up to there. */
static void find_back(struct offsets *o)
{
	for (size_t i = 0; i < o->next.n; i++) {
		const struct ev_position_entry *e = &o->next.v[i];
		int64_t now = ev_position_get(&o->now, e->topic, e->partition);

		if (now <= e->offset)
			continue;
		o->back++;
		o->again += now - e->offset;
	}
}

static int refuse_back(const struct offsets *o, struct ev_error *err)
{
	if (!o->back || o->args->rewind || o->args->dry_run)
		return 0;
	ev_fail(err, EV_DATA, "consumer group '%s' stands further in the copy than in the source", o->args->group);
	return ev_hint(err, "it was moved before, and has read the copy since: leave it there, or --rewind");
}

static int print(struct offsets *o, struct ev_error *err)
{
	struct ev_buf out = EV_BUF_INIT;
	struct ev_table tb;
	struct ev_term term;
	int rc;

	ev_term_init(&term, 1);
	ev_table_init(&tb, "lrr");
	ev_table_add(&tb, "partition");
	ev_table_add(&tb, "now");
	ev_table_add(&tb, "then");
	for (size_t i = 0; i < o->next.n; i++) {
		const struct ev_position_entry *e = &o->next.v[i];
		int64_t now = ev_position_get(&o->now, e->topic, e->partition);

		ev_table_addf(&tb, "%s/%d", e->topic, (int)e->partition);
		if (now < 0)
			ev_table_add(&tb, "-");
		else
			ev_table_addf(&tb, "%" PRId64, now);
		ev_table_addf(&tb, "%" PRId64, e->offset);
	}
	ev_table_print(&tb, &term, true, &out);
	ev_buf_addf(&out, "%s%" PRId64 " record%s that the group has seen would be read again\n",
		    o->early ? "at least " : "", o->again, ev_plural(o->again));
	rc = ev_stdout_write(out.data, out.len, err);
	ev_table_release(&tb);
	ev_buf_release(&out);
	return rc < 0 ? -1 : 0;
}

static int commit(struct offsets *o, const struct ev_cluster_spec *c, struct ev_error *err)
{
	struct ev_source *src = open_topics(c, &o->next, err);
	int rc = src ? src->ops->commit_group(src, o->args->group, &o->next, -1, err) : -1;

	if (src)
		src->ops->close(src);
	if (rc && err->class == EV_SOURCE)
		err->class = EV_STORE;
	return rc;
}

/* As a run of a job that had nothing to copy any more has left it. */
static int check_map(const struct offsets *o, struct ev_error *err)
{
	struct ev_position topics = EV_POSITION_INIT;
	bool empty;

	ev_map_copied(o->map, &topics);
	empty = !topics.n;
	ev_position_release(&topics);
	if (!empty)
		return 0;
	ev_fail(err, EV_USAGE, "offset map '%s' tells of no record", o->args->map);
	return ev_hint(err, "take the one that --offset-map of the run wrote which has copied them");
}

static int move(struct offsets *o, struct ev_messages *msg, struct ev_error *err)
{
	const struct offsets_args *a = o->args;
	struct ev_cluster_spec from = ev_cluster_of(&a->src.spec);
	struct ev_cluster_spec to = replay_target_cluster(&a->src.spec, a->into_broker, a->into_config);
	int rc;

	o->map = ev_map_load(a->map, err);
	if (o->map && check_map(o, err))
		return -1;
	if (!o->map || read_group(o, &from, true, msg, err) || read_group(o, &to, false, msg, err) ||
	    check_clusters(o, err))
		return -1;
	if (!o->group.n) {
		ev_fail(err, EV_USAGE, "consumer group '%s' has no offsets in the source's topics", a->group);
		return ev_hint(err, "is that its name, and does it commit to Kafka, on the cluster that is asked?");
	}
	ev_map_translate(o->map, &o->group, &o->next, &o->again);
	if (offsets_check_copy(o, msg, err))
		return -1;
	find_back(o);
	if (print(o, err) || need_idle(&from, a->group, true, err) ||
	    need_idle(&to, a->group, false, err) || offsets_refuse_gaps(o, err) || refuse_back(o, err))
		return -1;
	if (a->dry_run)
		return offsets_misses(o) || (o->back && !a->rewind) ? EV_NO : 0;
	rc = ev_confirm(a->yes, "Commit these offsets?", err);
	if (rc <= 0)
		return rc < 0 ? -1 : ev_declined();
	o->committing = true;
	if (commit(o, &to, err))
		return -1;
	ev_say(msg, "group '%s' stands in the copy now", a->group);
	return 0;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct offsets o = { .args = args };
	struct offsets_args *a = args;
	int rc;

	if (rest->n)
		return ev_fail(err, EV_USAGE, "unexpected argument '%s'", rest->v[0]);
	if (!a->map || !a->group)
		return ev_fail(err, EV_USAGE, "option '--%s' is missing", a->map ? "group" : "map");
	if (ev_source_args_finish(&a->src, rest, ev_now_ms(), err))
		return -1;
	rc = move(&o, msg, err);
	if (rc < 0 && !o.committing)
		rc = replay_stopped_early(msg, err);
	ev_map_free(o.map);
	if (o.copy)
		o.copy->ops->close(o.copy);
	free(o.cluster[0]);
	free(o.cluster[1]);
	ev_position_release(&o.group);
	ev_position_release(&o.now);
	ev_position_release(&o.next);
	return rc;
}

const struct ev_command offsets_command = {
	.name = "offsets",
	.about = "move a consumer group to a copy, by the copy's offset map",
	.synopsis = "[OPTION]... --map FILE --group NAME",
	.options = options,
	.args_size = sizeof(struct offsets_args),
	.init = init,
	.release = release,
	.run = run,
};
