/* kafka_job.c - the token of an exactly-once copy, and its mark on the topics; see kafka_impl.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "merge/merge.h"
#include "sink/kafka_impl.h"

enum { BATCH = 1024, WAIT_MS = 200, FULL_WAIT_MS = 50, TELL_MS = 1000, AGAIN_MS = 5000 };

static void tell(const struct kafka_sink *k, const char *text)
{
	if (k->note)
		k->note(k->note_ctx, text);
}

/* Made when it is not there: one partition, compacted. A topic that forgets is refused, where its policy is seen. */
static int need_jobs_topic(struct kafka_sink *k, struct ev_error *err)
{
	struct ev_config configs[] = { { "cleanup.policy", "compact", true },
				       { "segment.bytes", "16777216", true },
				       { "min.cleanable.dirty.ratio", "0.1", true } };
	struct ev_topic_info like = { 1, configs, 3 }, is = { 0 };
	const char *policy;
	bool seen;
	int rc;

	if (ev_topic_look(k->cluster, EV_JOBS_TOPIC, &is, err))
		return -1;
	if (!is.partitions)
		return ev_topic_create(k->cluster, EV_JOBS_TOPIC, &like, err);
	rc = ev_topic_configs(k->cluster, EV_JOBS_TOPIC, &is, &seen, err);
	policy = ev_topic_config(&is, "cleanup.policy");
	if (!rc && !seen)
		tell(k, "the settings of topic '" EV_JOBS_TOPIC "' may not be seen: it is not checked whether it keeps "
			"the positions of jobs (the broker wants an ACL that allows DescribeConfigs on it)");
	if (!rc && policy && strcmp(policy, "compact")) {
		ev_fail(err, EV_STORE, "cannot use topic '" EV_JOBS_TOPIC "': its cleanup.policy is '%s'",
			policy);
		rc = ev_hint(err, "the positions of exactly-once copies must not be deleted: set it to "
			     "compact");
	}
	ev_topic_info_release(&is);
	return rc;
}

/* What it has passed was chosen and changed by other options. */
static int other_options(const struct kafka_sink *k, const char *was, struct ev_error *err)
{
	const char *is = k->kept.how;

	if (!*was)
		ev_fail(err, EV_USAGE, "job '%s' was run without '%s'", k->job, is);
	else if (!*is)
		ev_fail(err, EV_USAGE, "job '%s' was run with '%s', and this is without", k->job, was);
	else
		ev_fail(err, EV_USAGE, "job '%s' was run with '%s', and this is '%s'", k->job, was, is);
	return ev_hint(err, "what it has passed was chosen and changed by those options: give the same, "
		       "another job name, or --new-job to begin anew");
}

/* Under what is of this run: the names, and where the copy is told to have come from. */
static int take_token(struct kafka_sink *k, struct ev_slice value, struct ev_error *err)
{
	struct ev_job_token t = { 0 };
	struct ev_error why = EV_ERROR_INIT;
	char *source = k->kept.source;

	if (ev_job_token_read(&t, value, &why))
		return ev_fail(err, EV_DATA, "cannot read the token of job '%s' in topic '" EV_JOBS_TOPIC "': %s",
			       k->job, why.text);
	if (t.source && source && strcmp(t.source, source)) {
		ev_fail(err, EV_DATA, "job '%s' has copied from another cluster (%s, now %s)", k->job, t.source,
			source);
		ev_job_token_release(&t);
		return ev_hint(err, "another job name, or --new-job to begin anew");
	}
	if (t.how && k->kept.how && strcmp(t.how, k->kept.how)) {
		other_options(k, t.how, err);
		ev_job_token_release(&t);
		return -1;
	}
	free(t.source);
	free(t.how);
	free(t.chosen);
	t.source = source;
	t.how = k->kept.how;
	t.chosen = k->kept.chosen;
	t.bounds = k->kept.bounds;
	k->kept = t;
	k->token = true;
	return 0;
}

/* It is the target that was read. */
static int unread(const struct kafka_sink *k, struct ev_error *err)
{
	if (err->class == EV_SOURCE)
		err->class = EV_STORE;
	return ev_context(err, "job '%s'", k->job);
}

/*
 * A job that was killed at its commit has left its transaction open. It is waited for: behind it may be the token that
 * is looked for.
 */
static void tell_wait(const struct kafka_sink *k)
{
	char text[400];

	snprintf(text, sizeof(text), "job '%s' waits for a transaction of another job, which keeps back what follows "
		 "in '" EV_JOBS_TOPIC "': until the broker ends it, %d s at most", k->job,
		 k->spec->txn_wait_ms / 1000);
	tell(k, text);
}

struct own_token {
	struct ev_buf text;
	bool found;
};

/* The last one of the job counts, unless it begins anew. */
static void note_token(struct kafka_sink *k, const struct ev_record *r, struct own_token *own)
{
	if (!ev_slice_is(r->key, k->job)) {
		ev_kafka_others_note(k, r);
	} else if (own) {
		ev_buf_clear(&own->text);
		own->found = r->value.ptr && !k->new_job;
		ev_buf_add_slice(&own->text, r->value);
	}
}

/*
 * All tokens up to the end that were not read before. Without `own` it is in the job's own transaction: what another
 * one keeps back is not waited for as long as that takes to end by itself, since this one would end, too.
 */
static int read_jobs(struct kafka_sink *k, struct ev_source *src, struct own_token *own, struct ev_error *err)
{
	const struct ev_partition *p = &src->parts[0];
	struct ev_span span = { k->jobs_read > p->low ? k->jobs_read : p->low, p->high };
	int64_t tell_at = own && p->stable < span.end ? ev_clock_ms() + TELL_MS : INT64_MAX;
	int64_t give_up = own ? INT64_MAX : ev_clock_ms() + AGAIN_MS;
	struct ev_merge_options opt = { .merge = true };
	struct ev_merge *m;
	struct ev_record *v;
	bool done = false;
	int n = 0, rc;

	if (span.begin >= span.end)
		return 0;
	k->jobs_read = span.end;
	m = ev_merge_new(src, &span, &opt, err);
	v = ev_alloc(BATCH * sizeof(*v));
	rc = m ? 0 : unread(k, err);
	while (!rc && !(done && !n) && (n || ev_clock_ms() < give_up)) {
		n = ev_merge_read(m, v, BATCH, 1 << 20, WAIT_MS, &done, err);
		for (int i = 0; i < n; i++)
			note_token(k, &v[i], own);
		if (!n && !done && ev_clock_ms() >= tell_at) {
			tell_wait(k);
			tell_at = INT64_MAX;
		}
		if (n < 0)
			rc = unread(k, err);
		else if (own && !n && !done && k->stopped && k->stopped())
			rc = ev_fail(err, EV_STORE, "stopped while the token of job '%s' was read", k->job);
	}
	free(v);
	ev_merge_free(m);
	return rc;
}

static int read_topic(struct kafka_sink *k, struct own_token *own, struct ev_error *err)
{
	struct ev_source *src = ev_source_open(k->spec, err);
	int rc = src ? read_jobs(k, src, own, err) : unread(k, err);

	if (src)
		src->ops->close(src);
	return rc;
}

static int find_token(struct kafka_sink *k, bool *known, struct ev_error *err)
{
	struct own_token own = { .text = EV_BUF_INIT };
	int rc = read_topic(k, &own, err);

	if (!rc && own.found)
		rc = take_token(k, ev_buf_slice(&own.text), err);
	ev_buf_release(&own.text);
	*known = !rc && k->token;
	return rc;
}

int ev_kafka_job_again(struct ev_sink *s, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	ev_kafka_others_release(k);
	k->at_work = true;
	if (!read_topic(k, NULL, err))
		return 0;
	ev_kafka_jobs_there(k, err);
	return -1;
}

int ev_kafka_job_resume(struct ev_sink *s, struct ev_position *stored, bool *known,
			struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	*known = false;
	if (need_jobs_topic(k, err) || ev_kafka_txn_init(k, err))
		return -1;
	k->jobs = rd_kafka_topic_new(k->cluster->rk, EV_JOBS_TOPIC, NULL);
	if (find_token(k, known, err))
		return -1;
	ev_position_copy(stored, &k->kept.next);
	return 0;
}

int ev_kafka_job_peek(struct ev_sink *s, struct ev_position *stored, bool *known, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	struct ev_topic_info is = { 0 };

	*known = false;
	if (ev_topic_look(k->cluster, EV_JOBS_TOPIC, &is, err) || (is.partitions && find_token(k, known, err)))
		return -1;
	ev_position_copy(stored, &k->kept.next);
	return 0;
}

struct ev_job_token *ev_kafka_job_token(struct ev_sink *s)
{
	return &((struct kafka_sink *)s)->kept;
}

static void note_ends(struct kafka_sink *k)
{
	for (size_t i = 0; i < k->ntargets; i++) {
		const struct sink_target *t = k->targets[i];

		for (int32_t p = 0; p < t->partitions; p++) {
			const struct sink_end *e = &t->ends[p];
			int64_t end = (e->next > 0 ? e->next : 0) + e->under_way;

			if (end > 0 && end > ev_position_get(&k->kept.ends, t->name, p))
				ev_position_set(&k->kept.ends, t->name, p, end);
		}
	}
}

int ev_kafka_job_put_token(struct kafka_sink *k, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	rd_kafka_resp_err_t e;

	note_ends(k);
	ev_job_token_print(&k->kept, &text);
	if (text.failed) {
		ev_buf_release(&text);
		return ev_fail(err, EV_STORE, "out of memory for the token of job '%s'", k->job);
	}
	for (;;) {
		e = rd_kafka_producev(k->cluster->rk, RD_KAFKA_V_RKT(k->jobs), RD_KAFKA_V_PARTITION(0),
				      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
				      RD_KAFKA_V_KEY(k->job, strlen(k->job)),
				      RD_KAFKA_V_VALUE(text.data, text.len), RD_KAFKA_V_END);
		if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		if (ev_kafka_sink_serve(k, FULL_WAIT_MS, err)) { /* why it does not empty */
			ev_buf_release(&text);
			return -1;
		}
	}
	ev_buf_release(&text);
	if (!e)
		return 0;
	if (ev_kafka_txn_refused(k, e, err))
		return -1;
	return ev_cluster_fail(k->cluster, err, e, "cannot write the token of job '%s' to broker '%s'", k->job,
			       k->cluster->brokers);
}

/* The offset that the job's own group has on partition 0 of the topic; -1 when there is none. */
static int64_t mark_of(rd_kafka_t *rk, const char *topic, int timeout_ms, rd_kafka_resp_err_t *e)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
	int64_t offset;

	rd_kafka_topic_partition_list_add(l, topic, 0);
	*e = ev_kafka_committed(rk, l, timeout_ms);
	offset = *e ? -1 : l->elems[0].offset;
	rd_kafka_topic_partition_list_destroy(l);
	return offset;
}

/* A client of its own: only a consumer may ask for a group's offsets. */
static rd_kafka_t *group_client(struct kafka_sink *k, struct ev_error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	struct ev_properties p = { 0 };
	char why[512], group[300];
	rd_kafka_t *rk = NULL;
	int rc = 0;

	if (k->spec->properties_file)
		rc = ev_properties_file(&p, conf, k->spec->properties_file, err);
	for (size_t i = 0; !rc && i < k->spec->nproperties; i++)
		rc = ev_properties_add(&p, conf, k->spec->properties[i], err);
	ev_properties_release(&p);
	snprintf(group, sizeof(group), "evreplay-%s", k->job);
	if (!rc) {
		rd_kafka_conf_set(conf, "bootstrap.servers", k->cluster->brokers, why, sizeof(why));
		rd_kafka_conf_set(conf, "group.id", group, why, sizeof(why));
		rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
		rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	}
	if (!rk)
		rd_kafka_conf_destroy(conf);
	if (!rk && !rc)
		ev_fail(err, EV_USAGE, "cannot set up the Kafka client: %s", why);
	return rk;
}

int ev_kafka_job_check_mark(struct kafka_sink *k, const char *topic, struct ev_error *err)
{
	rd_kafka_t *rk = group_client(k, err);
	rd_kafka_resp_err_t e;
	int64_t mark;

	if (!rk)
		return -1;
	mark = mark_of(rk, topic, k->cluster->timeout_ms, &e);
	ev_kafka_destroy(rk, NULL);
	if (e)
		return ev_cluster_fail(k->cluster, err, e, "cannot ask broker '%s' for the mark of job '%s'",
				       k->cluster->brokers, k->job);
	if (mark < 0)
		return 0;
	ev_fail(err, EV_STORE, "job '%s' has written topic '%s' before, but its token in '" EV_JOBS_TOPIC
		"' is gone", k->job, topic);
	err->class = EV_DATA;
	return ev_hint(err, "--new-job begins anew, and copies again what is there already");
}
