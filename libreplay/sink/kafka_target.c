/*
 * kafka_target.c - is a target topic still the one that was written? See kafka_impl.h
 *
 * A client of this age is told no ids of topics, so a topic that was deleted and made again is known
 * by what is in it: it ends below what was written, or where a record of ours stood there is another
 * one now. The first record of each transaction of a job in each partition is such a witness; without
 * a job it is the first one of the run.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sink/kafka_impl.h"

enum { LOOK_MS = 1000, DOUBT_MS = 60000 };

int ev_kafka_target_hint(struct kafka_sink *k, struct ev_error *err)
{
	if (k->job)
		return ev_hint(err, "where it was deleted, --new-job --create makes it and copies everything into it");
	return k->gone_hint ? ev_hint(err, "where it was deleted, what it held is gone with it: %s", k->gone_hint) : -1;
}

static int deleted(struct kafka_sink *k, const struct sink_target *t, struct ev_error *err)
{
	ev_fail(err, EV_STORE, "cannot write to '%s': " EV_TARGET_GONE, t->name);
	return ev_kafka_target_hint(k, err);
}

int ev_kafka_targets_there(struct kafka_sink *k, struct ev_error *err)
{
	int whole = k->cluster->timeout_ms, rc = 0;

	k->cluster->timeout_ms = whole < LOOK_MS ? whole : LOOK_MS;
	for (size_t i = 0; !rc && i < k->ntargets; i++) {
		struct ev_topic_info is = { 0 };
		struct ev_error ignored;

		if (k->targets[i]->rkt && !ev_topic_look(k->cluster, k->targets[i]->name, &is, &ignored) &&
		    !is.partitions)
			rc = deleted(k, k->targets[i], err);
	}
	k->cluster->timeout_ms = whole;
	return rc;
}

static void take_headers(const rd_kafka_message_t *m, struct ev_record *r, struct ev_header **room)
{
	rd_kafka_headers_t *hs;
	size_t n;

	if (rd_kafka_message_headers(m, &hs))
		return;
	n = rd_kafka_header_cnt(hs);
	*room = ev_alloc((n + 1) * sizeof(**room));
	for (size_t i = 0; i < n; i++) {
		const char *name = NULL;
		const void *value = NULL;
		size_t size = 0;

		rd_kafka_header_get_all(hs, i, &name, &value, &size);
		(*room)[i].name = ev_slice_str(name ? name : "");
		(*room)[i].value = ev_slice(value, value ? size : 0);
	}
	r->headers = *room;
	r->nheaders = n;
}

static uint64_t hash_of(const rd_kafka_message_t *m)
{
	struct ev_record r = { .key = ev_slice(m->key, m->key_len), .value = ev_slice(m->payload, m->len) };
	struct ev_header *headers = NULL;
	rd_kafka_timestamp_type_t type;
	uint64_t hash;

	r.timestamp = rd_kafka_message_timestamp(m, &type); /* by now that of the topic, if it sets them */
	take_headers(m, &r, &headers);
	hash = ev_record_hash(&r);
	free(headers);
	return hash;
}

static void note_first(struct sink_target *t, const rd_kafka_message_t *m)
{
	if (t->first >= 0)
		return;
	t->first = m->offset;
	t->first_partition = m->partition;
	t->first_hash = hash_of(m);
}

void ev_kafka_witness_note(struct kafka_sink *k, struct sink_target *t, const rd_kafka_message_t *m, int64_t jump)
{
	struct sink_end *end = &t->ends[m->partition];

	if (!k->job)
		note_first(t, m);
	if (!k->job || end->witnessed == k->transaction)
		return;
	end->witnessed = k->transaction;
	if ((jump > 1 || end->doubted) && ev_position_get(&k->kept.witness, t->name, m->partition) >= 0) {
		end->doubted = m->offset;
		end->doubted_hash = hash_of(m);
	} else {
		ev_job_token_set_witness(&k->kept, t->name, m->partition, m->offset, hash_of(m));
	}
}

bool ev_kafka_witness_lacks(const struct kafka_sink *k)
{
	for (size_t i = 0; i < k->ntargets; i++) {
		const struct sink_target *t = k->targets[i];

		for (int32_t p = 0; p < t->partitions; p++)
			if (t->ends[p].under_way > 0 && ev_position_get(&k->kept.witness, t->name, p) < 0)
				return true;
	}
	return false;
}

/* Its partitions as they are now; NULL: those of all that were written. */
static struct ev_source *open_target(struct kafka_sink *k, const char *topic, struct ev_error *err)
{
	struct ev_cluster_spec c = ev_cluster_of(k->spec);
	struct ev_source_spec spec;
	struct ev_source *src = NULL;
	int rc = 0;

	ev_cluster_source(&c, k->stopped, &spec);
	spec.memory = k->spec->memory;
	if (topic)
		rc = ev_source_spec_add(&spec, topic, err);
	for (size_t i = 0; !topic && !rc && i < k->ntargets; i++)
		if (k->targets[i]->rkt)
			rc = ev_source_spec_add(&spec, k->targets[i]->name, err);
	if (!rc)
		src = ev_source_open(&spec, err);
	ev_source_spec_release(&spec);
	if (!src && err->class == EV_SOURCE)
		err->class = EV_STORE;
	return src;
}

static int made_anew(const char *job, const struct ev_partition *p, int64_t at, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "job '%s' has written a record at offset %" PRId64 " of '%s/%d', and now another "
		"one stands there", job, at, p->topic, (int)p->partition);
	return ev_hint(err, "the topic was deleted and made again; --new-job copies everything into it");
}

struct witnesses {
	const char *job;
	const struct ev_job_token *token;
	const struct ev_source *src;
	bool other; /* one is another record */
};

static int check_witness(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct witnesses *w = ctx;
	const struct ev_partition *p = &w->src->parts[r->part];

	w->other = !ev_job_token_is_witness(w->token, p->topic, p->partition, ev_record_hash(r));
	return w->other ? made_anew(w->job, p, r->offset, err) : 0;
}

/* Whose witness is doubted; NULL: it is not. */
static struct sink_end *doubted(const struct sink_target *t, int32_t partition)
{
	struct sink_end *end = partition < t->partitions ? &t->ends[partition] : NULL;

	return end && end->doubted ? end : NULL;
}

/*
 * Of all partitions, or of those where one of `only` is doubted. Where nothing stands there any more (compaction,
 * retention) that cannot be told.
 */
static int check_witnesses(const char *job, const struct ev_job_token *t, const struct sink_target *only,
			   struct ev_source *src, struct ev_error *err)
{
	struct witnesses w = { job, t, src, false };
	int64_t *at = ev_alloc((src->nparts + 1) * sizeof(*at));
	int rc;

	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];
		bool asked = !only || doubted(only, p->partition);

		at[i] = asked ? ev_position_get(&t->witness, p->topic, p->partition) : -1;
	}
	rc = ev_source_records_at(src, at, check_witness, &w, err);
	free(at);
	return rc && !w.other ? ev_context(err, "job '%s'", job) : rc;
}

static int gone(const char *job, const char *topic, struct ev_error *err)
{
	ev_fail(err, EV_DATA, "job '%s' has written topic '%s', and now it is not there, or may not be seen", job,
		topic);
	return ev_hint(err, "where it was deleted, --new-job --create makes it and copies everything into it");
}

static int check_end(const char *job, const struct ev_job_token *t, const struct ev_partition *p, struct ev_error *err)
{
	int64_t end = ev_position_get(&t->ends, p->topic, p->partition);

	if (p->high >= end)
		return 0;
	ev_fail(err, EV_DATA, "job '%s' has written '%s/%d' up to offset %" PRId64 ", and now it ends at %" PRId64,
		job, p->topic, (int)p->partition, end, p->high);
	return ev_hint(err, "the topic was deleted and made again; --new-job copies everything into it");
}

/* Of the partitions where it is doubted: is the witness there still? Then the new one takes its place. */
static int check_doubted(struct kafka_sink *k, struct sink_target *t, struct ev_source *src, struct ev_error *err)
{
	if (check_witnesses(k->job, &k->kept, t, src, err))
		return -1;
	for (size_t i = 0; i < src->nparts; i++) {
		int32_t p = src->parts[i].partition;
		struct sink_end *end = doubted(t, p);

		if (!end)
			continue;
		ev_job_token_set_witness(&k->kept, t->name, p, end->doubted, end->doubted_hash);
		end->doubted = 0;
	}
	return 0;
}

static bool is_doubted(const struct sink_target *t)
{
	for (int32_t p = 0; p < t->partitions; p++)
		if (doubted(t, p))
			return true;
	return false;
}

int ev_kafka_witness_settle(struct kafka_sink *k, struct ev_error *err)
{
	int64_t now = ev_clock_ms();
	int rc = 0;

	for (size_t i = 0; !rc && i < k->ntargets; i++) {
		struct sink_target *t = k->targets[i];
		struct ev_source *src;

		if (!is_doubted(t) || (t->asked_ms && now - t->asked_ms < DOUBT_MS))
			continue;
		t->asked_ms = now;
		src = open_target(k, t->name, err);
		rc = src ? check_doubted(k, t, src, err) : -1;
		if (src)
			src->ops->close(src);
		if (rc && err->class != EV_DATA)
			rc = 0; /* what cannot be read is asked for again; until then the old one stays */
	}
	return rc;
}

/* A topic loses no partition. */
static int check_parts(const char *job, const struct ev_job_token *t, const struct ev_source *src, const char *topic,
		       struct ev_error *err)
{
	for (size_t i = 0; i < t->ends.n; i++) {
		const struct ev_position_entry *e = &t->ends.v[i];

		if (strcmp(e->topic, topic) || ev_source_partition(src, e->topic, e->partition))
			continue;
		ev_fail(err, EV_DATA, "job '%s' has written '%s/%d', and the topic has no such partition", job, topic,
			(int)e->partition);
		return ev_hint(err, "the topic was deleted and made again; --new-job copies everything into it");
	}
	return 0;
}

/* EV_DATA, where what the token tells is not in the topic any more. */
static int check_still(struct kafka_sink *k, const char *job, const struct ev_job_token *t, const char *topic,
		       struct ev_error *err)
{
	struct ev_topic_info is = { 0 };
	struct ev_source *src;
	int rc = 0;

	if (!ev_job_token_wrote(t, topic))
		return 0;
	if (ev_topic_look(k->cluster, topic, &is, err))
		return -1;
	if (!is.partitions)
		return gone(job, topic, err);
	src = open_target(k, topic, err);
	if (!src)
		return ev_context(err, "job '%s'", job);
	rc = check_parts(job, t, src, topic, err);
	for (uint32_t i = 0; !rc && i < src->nparts; i++)
		rc = check_end(job, t, &src->parts[i], err);
	if (!rc)
		rc = check_witnesses(job, t, NULL, src, err);
	src->ops->close(src);
	if (rc && err->class == EV_SOURCE)
		err->class = EV_STORE; /* it is the target that was read */
	return rc;
}

int ev_kafka_sink_check_written(struct ev_sink *s, const char *topic, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	if (!k->job || k->new_job)
		return 0;
	return k->token ? check_still(k, k->job, &k->kept, topic, err) : ev_kafka_job_check_mark(k, topic, err);
}

struct ev_source *ev_kafka_sink_read(struct ev_sink *s, const char *topic, struct ev_error *err)
{
	return open_target((struct kafka_sink *)s, topic, err);
}

bool ev_kafka_target_holds(struct kafka_sink *k, const char *job, const struct ev_job_token *t, const char *topic)
{
	struct ev_error err = EV_ERROR_INIT;

	return !check_still(k, job, t, topic, &err) || err.class != EV_DATA;
}

/* A topic of the sink that the source's partition is of. */
static const struct sink_target *target_at(const struct kafka_sink *k, const struct ev_partition *p)
{
	for (size_t i = 0; i < k->ntargets; i++)
		if (!strcmp(k->targets[i]->name, p->topic))
			return k->targets[i];
	return NULL;
}

static int lost(struct kafka_sink *k, struct ev_error *err)
{
	k->base.lost = true;
	return ev_hint(err, "what this run had written before is gone");
}

struct firsts {
	struct kafka_sink *k;
	struct ev_source *src;
	bool *found; /* of each of its partitions */
	bool other;  /* one is another record */
};

static int replaced(struct firsts *f, const struct ev_partition *p, int64_t at, struct ev_error *err)
{
	f->other = true;
	ev_fail(err, EV_STORE, "'%s/%" PRId32 "' was deleted and made again while it was written: what was written at "
		"offset %" PRId64 " is not there any more", p->topic, p->partition, at);
	return lost(f->k, err);
}

static int check_first(void *ctx, const struct ev_record *r, struct ev_error *err)
{
	struct firsts *f = ctx;
	const struct ev_partition *p = &f->src->parts[r->part];

	f->found[r->part] = true;
	return ev_record_hash(r) == target_at(f->k, p)->first_hash ? 0 : replaced(f, p, r->offset, err);
}

/* The first record that the run has written to each topic; what cannot be read is no error. */
static int check_firsts(struct kafka_sink *k, struct ev_source *src, struct ev_error *err)
{
	struct firsts f = { k, src, ev_alloc((src->nparts + 1) * sizeof(bool)), false };
	int64_t *at = ev_alloc((src->nparts + 1) * sizeof(*at));
	size_t n = src->nparts;
	bool *keeps;

	for (size_t i = 0; i < n; i++) {
		const struct sink_target *t = target_at(k, &src->parts[i]);

		at[i] = t && t->first_partition == src->parts[i].partition ? t->first : -1;
	}
	keeps = ev_source_records_at(src, at, check_first, &f, err) ? NULL : ev_source_keeps(src, at, f.found);
	for (size_t i = 0; keeps && !f.other && i < n; i++)
		if (keeps[i])
			replaced(&f, &src->parts[i], at[i], err);
	free(keeps);
	free(f.found);
	free(at);
	return f.other ? -1 : 0;
}

static int check_ends(struct kafka_sink *k, const struct ev_source *src, struct ev_error *err)
{
	for (size_t i = 0; i < src->nparts; i++) {
		const struct ev_partition *p = &src->parts[i];
		const struct sink_target *t = target_at(k, p);
		int64_t end = t && p->partition < t->partitions ? t->ends[p->partition].next : 0;

		if (p->high >= end)
			continue;
		ev_fail(err, EV_STORE, "'%s/%" PRId32 "' was deleted and made again while it was written: it ends at "
			"offset %" PRId64 ", and a record was written at %" PRId64, p->topic, p->partition, p->high,
			end - 1);
		return lost(k, err);
	}
	return 0;
}

/* By what the token of the last commit tells. */
static int check_job(struct kafka_sink *k, struct ev_source *src, struct ev_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < k->ntargets; i++)
		if (k->targets[i]->rkt)
			rc = check_parts(k->job, &k->kept, src, k->targets[i]->name, err);
	for (size_t i = 0; !rc && i < src->nparts; i++)
		rc = check_end(k->job, &k->kept, &src->parts[i], err);
	return rc || check_witnesses(k->job, &k->kept, NULL, src, err) ? -1 : 0;
}

int ev_kafka_sink_check_end(struct ev_sink *s, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	struct ev_error why = EV_ERROR_INIT;
	struct ev_source *src;
	bool wrote = false;
	int rc;

	for (size_t i = 0; i < k->ntargets; i++)
		wrote |= k->targets[i]->rkt != NULL;
	if (!wrote)
		return 0;
	if (ev_kafka_targets_there(k, err)) {
		k->base.lost = true;
		return -1;
	}
	src = open_target(k, NULL, &why);
	if (!src)
		return 0;
	rc = k->job ? check_job(k, src, &why) : check_ends(k, src, &why) || check_firsts(k, src, &why);
	src->ops->close(src);
	k->base.lost |= rc && why.class == EV_DATA;
	if (!k->base.lost)
		return 0;
	*err = why;
	return -1;
}
