/* offsets.c - evreplay offsets: a consumer group goes on in the copy where it stood in the source */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "common/term.h"
#include "evreplay/redrive.h"

struct offsets_args {
	struct ev_source_args src;
	const char *map, *group, *into_broker, *into_config;
	bool dry_run, yes, accept_gap, rewind;
};

struct offsets {
	const struct offsets_args *args;
	struct ev_map *map;
	struct ev_position group, now, next; /* in the source; in the target, before and after */
	int64_t again;
	struct ev_source *copy; /* the target's topics */
	char *cluster[2]; /* ids: of the target, of the source; NULL: not known */
	bool committing;
	size_t back;         /* partitions of the copy where the group stands further than it is to stand */
	size_t gaps, tails; /* partitions of which the group would miss records: within the copy, behind its end */
	size_t others;      /* partitions of the copy where it would pass over what others have written there */
};

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

/* How many offsets behind the end of a copy are looked at for a record: where all are marks it has ended. */
enum { TAIL = 1000, BATCH = 1000, BATCH_BYTES = 1 << 20, WAIT_MS = 200 };

static void missing(const struct ev_partition *p, int64_t from, int64_t to, struct ev_messages *msg)
{
	ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of %s/%d are not in the copy, and the group has not read them",
		from, to - 1, p->topic, (int)p->partition);
}

/*
 * What the copy lacks in the partition before its own end, told; the group stands `at` (-1: it has no offset, and
 * reads all that is there).
 */
static bool has_gap(const struct ev_map *map, const struct ev_partition *p, int64_t at, struct ev_messages *msg)
{
	int64_t begin = ev_map_begin(map, p->topic, p->partition), first = at < 0 ? p->low : at, from, to;
	bool found = begin > first || at > p->high;

	if (at > p->high)
		ev_warn(msg, "the group stands at offset %" PRId64 " of %s/%d, which ends at %" PRId64 ": it was made "
			"again", at, p->topic, (int)p->partition, p->high);
	if (begin < 0 && at >= 0)
		ev_warn(msg, "%s/%d is not in the copy; the group stands there at offset %" PRId64, p->topic,
			(int)p->partition, at);
	else if (begin < 0)
		ev_warn(msg, "%s/%d is not in the copy, and the group has not read it", p->topic, (int)p->partition);
	if (begin < 0)
		return true;
	if (begin > first)
		missing(p, first, begin, msg);
	for (; ev_map_gap(map, p->topic, p->partition, first, &from, &to); first = to) {
		missing(p, from > first ? from : first, to, msg);
		found = true;
	}
	return found;
}

/* Runs by the place that they have in the copy. */
struct places {
	struct ev_map_run *v;
	size_t n;
};

static int by_place(const void *a, const void *b)
{
	const struct ev_map_run *x = a, *y = b;
	int c = ev_slice_cmp(x->into, y->into);

	if (!c)
		c = (x->into_partition > y->into_partition) - (x->into_partition < y->into_partition);
	return c ? c : (x->into_offset > y->into_offset) - (x->into_offset < y->into_offset);
}

static bool is_copied(const struct places *p, const struct ev_record *r)
{
	struct ev_map_run at = { .into = r->topic, .into_partition = r->partition, .into_offset = r->offset };
	const struct ev_map_run *before;
	size_t low = 0, high = p->n; /* the first behind it */

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_place(&p->v[mid], &at) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	before = low ? &p->v[low - 1] : NULL;
	return before && ev_slice_cmp(before->into, r->topic) == 0 && before->into_partition == r->partition &&
	       r->offset < before->into_offset + before->count;
}

/*
 * Is there a record in the spans, other than those that are known (NULL: none is)? Into found[], which is set where
 * that is known already.
 */
static int look(struct ev_source *src, const struct ev_span *spans, const struct places *known, bool *found,
		struct ev_error *err)
{
	struct ev_merge_options opt = { 0 };
	struct ev_merge *m = ev_merge_new(src, spans, &opt, err);
	struct ev_record *v = ev_alloc(BATCH * sizeof(*v));
	bool done = false;
	int n = 0, rc = m ? 0 : -1;

	while (!rc && !(done && !n)) {
		n = ev_merge_read(m, v, BATCH, BATCH_BYTES, WAIT_MS, &done, err);
		for (int i = 0; i < n; i++)
			if (!known || !is_copied(known, &v[i]))
				found[v[i].part] = true;
		if (n < 0)
			rc = -1;
		else if (ev_stopped())
			rc = ev_fail(err, EV_STORE, "stopped while it was looked for records that the group has not "
				     "read");
	}
	free(v);
	ev_merge_free(m);
	return rc;
}

/* Behind its end: records that came since. What is open, or goes on behind what is looked at, counts as some. */
static int find_tails(struct offsets *o, struct ev_source *src, const struct ev_position *group,
		      struct ev_messages *msg, struct ev_error *err)
{
	struct ev_span *spans = ev_alloc(src->nparts * sizeof(*spans));
	bool *found = ev_alloc(src->nparts * sizeof(*found));
	int rc;

	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];
		int64_t at = ev_position_get(group, p->topic, p->partition);
		int64_t begin = ev_map_end(o->map, p->topic, p->partition), end;

		begin = begin < 0 ? p->high : begin < at ? at : begin < p->low ? p->low : begin;
		end = p->high - begin > TAIL ? begin + TAIL : p->high;
		found[i] = end < p->high || (begin < p->high && p->stable < p->high);
		spans[i] = begin < end && !found[i] ? (struct ev_span){ begin, end } :
						      (struct ev_span){ p->high, p->high };
	}
	rc = look(src, spans, NULL, found, err);
	for (size_t i = 0; i < src->nparts && !rc; i++) {
		const struct ev_partition *p = &src->parts[i];
		int64_t at = ev_position_get(group, p->topic, p->partition);
		int64_t end = ev_map_end(o->map, p->topic, p->partition);

		if (!found[i])
			continue;
		missing(p, end < at ? at : end < p->low ? p->low : end, p->high, msg);
		o->tails++;
	}
	free(spans);
	free(found);
	return rc;
}

/* Records that the group has still to read, and that the copy does not have. */
static int find_gaps(struct offsets *o, struct ev_source *src, const struct ev_position *group, struct ev_messages *msg,
		     struct ev_error *err)
{
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];
		int64_t at = ev_position_get(group, p->topic, p->partition);

		if (at >= 0 || p->low < p->high)
			o->gaps += has_gap(o->map, p, at, msg);
	}
	return find_tails(o, src, group, msg, err);
}

static int refuse_gaps(const struct offsets *o, struct ev_error *err)
{
	if (!(o->gaps + o->tails + o->others) || o->args->accept_gap || o->args->dry_run)
		return 0;
	if (!(o->gaps + o->tails)) {
		ev_fail(err, EV_DATA, "consumer group '%s' would pass over records of the copy that it has not read",
			o->args->group);
		return ev_hint(err, "several copies in one topic: let it read from the least of the offsets; or "
			       "--accept-gap");
	}
	ev_fail(err, EV_DATA, "consumer group '%s' would miss records that the copy does not have", o->args->group);
	if (!o->gaps)
		return ev_hint(err, "copy what came since: a job goes on by its own command; or --accept-gap");
	return ev_hint(err, "copy from where it stands (--from group:%s), or --accept-gap", o->args->group);
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

static int read_group(struct offsets *o, const struct ev_cluster_spec *c, bool source,
		      struct ev_messages *msg, struct ev_error *err)
{
	struct ev_position topics = EV_POSITION_INIT, copied = EV_POSITION_INIT, all = EV_POSITION_INIT;
	const struct ev_position *mine = source ? &copied : &topics;
	struct ev_source *src;
	int rc;

	source ? ev_map_sources(o->map, &topics) : ev_map_targets(o->map, &topics);
	ev_map_copied(o->map, &copied);
	src = open_topics(c, &topics, err);
	rc = src ? src->ops->group_offsets(src, o->args->group, &all, err) : -1;
	for (size_t i = 0; !rc && i < all.n; i++) /* of these partitions alone */
		if (ev_position_get(mine, all.v[i].topic, all.v[i].partition) >= 0)
			ev_position_set(source ? &o->group : &o->now, all.v[i].topic, all.v[i].partition,
					all.v[i].offset);
	if (!rc && source)
		rc = find_gaps(o, src, &all, msg, err);
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

/* The copy's log ends before what the map tells of it. */
static int check_remade(const struct offsets *o, const struct places *known, struct ev_error *err)
{
	for (size_t i = 0; i < known->n; i++) {
		const struct ev_map_run *r = &known->v[i];
		const struct ev_partition *p = ev_source_partition(o->copy, r->into.ptr, r->into_partition);

		if (p && r->into_offset + r->count <= p->high)
			continue;
		ev_fail(err, EV_DATA, "the copy's %s/%d ends at offset %" PRId64 ", and the map tells of records up to "
			"%" PRId64, r->into.ptr, (int)r->into_partition, p ? p->high : 0,
			r->into_offset + r->count - 1);
		return ev_hint(err, "it was deleted and made again: copy it once more, with a map of its own");
	}
	return 0;
}

/* What the copy has lost since of what the group is to read there: of records, that is, before their `end`. */
static void find_lost(struct offsets *o, const struct places *known, struct ev_messages *msg)
{
	struct ev_position end = EV_POSITION_INIT;

	for (size_t i = 0; i < known->n; i++) /* they ascend */
		ev_position_set(&end, known->v[i].into.ptr, known->v[i].into_partition,
				known->v[i].into_offset + known->v[i].count);
	for (size_t i = 0; i < o->copy->nparts; i++) {
		const struct ev_partition *p = &o->copy->parts[i];
		int64_t next = ev_position_get(&o->next, p->topic, p->partition);

		if (next < 0 || next >= p->low)
			continue;
		ev_position_set(&o->next, p->topic, p->partition, p->low);
		if (next >= ev_position_get(&end, p->topic, p->partition))
			continue;
		ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of the copy %s/%d are gone, and the group has not read "
			"them", next, p->low - 1, p->topic, (int)p->partition);
		o->gaps++;
	}
	ev_position_release(&end);
}

/*
 * What others have written between where the group stands in the copy and where it is to stand: by another copy's map,
 * say, it was put before it.
 */
static int find_others(struct offsets *o, const struct places *known, struct ev_messages *msg, struct ev_error *err)
{
	struct ev_span *spans = ev_alloc((o->copy->nparts + 1) * sizeof(*spans));
	bool *found = ev_alloc((o->copy->nparts + 1) * sizeof(*found));
	int rc;

	for (size_t i = 0; i < o->copy->nparts; i++) {
		const struct ev_partition *p = &o->copy->parts[i];
		int64_t now = ev_position_get(&o->now, p->topic, p->partition);
		int64_t next = ev_position_get(&o->next, p->topic, p->partition);

		now = now >= 0 && now < p->low ? p->low : now;
		next = next > p->high ? p->high : next;
		spans[i] = now >= 0 && now < next ? (struct ev_span){ now, next } :
						    (struct ev_span){ p->high, p->high };
	}
	rc = look(o->copy, spans, known, found, err);
	for (size_t i = 0; i < o->copy->nparts && !rc; i++) {
		const struct ev_partition *p = &o->copy->parts[i];

		if (!found[i])
			continue;
		ev_warn(msg, "offsets %" PRId64 "..%" PRId64 " of the copy %s/%d, where the group stands, have records "
			"that the map does not know and the group has not read", spans[i].begin, spans[i].end - 1,
			p->topic, (int)p->partition);
		o->others++;
	}
	free(spans);
	free(found);
	return rc;
}

static int check_target(struct offsets *o, struct ev_messages *msg, struct ev_error *err)
{
	struct places known;
	int rc;

	known.v = ev_map_runs(o->map, &known.n);
	qsort(known.v, known.n, sizeof(*known.v), by_place);
	rc = check_remade(o, &known, err);
	if (!rc) {
		find_lost(o, &known, msg);
		rc = find_others(o, &known, msg, err);
	}
	free(known.v);
	if (rc && err->class == EV_SOURCE)
		err->class = EV_STORE;
	return rc;
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
	ev_buf_addf(&out, "%" PRId64 " record%s that the group has seen would be read again\n", o->again,
		    ev_plural(o->again));
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
	if (!o->group.n)
		return ev_fail(err, EV_USAGE, "consumer group '%s' has no offsets in the source's topics", a->group);
	ev_map_translate(o->map, &o->group, &o->next, &o->again);
	if (check_target(o, msg, err))
		return -1;
	find_back(o);
	if (print(o, err) || need_idle(&from, a->group, true, err) ||
	    need_idle(&to, a->group, false, err) || refuse_gaps(o, err) || refuse_back(o, err))
		return -1;
	if (a->dry_run)
		return (o->gaps + o->tails + o->others && !a->accept_gap) || (o->back && !a->rewind) ? EV_NO : 0;
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
