/* kafka_txn.c - exactly once: transactions of the Kafka sink; see kafka_impl.h */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sink/kafka_impl.h"

enum { TURN_MS = 1000, MOVED_MS = 100, MARK_MS = 86400000 };

bool ev_kafka_txn_is_fence(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR__FENCED || e == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
	       e == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

int ev_kafka_txn_held(struct kafka_sink *k, struct ev_error *err)
{
	ev_fail(err, EV_HELD, "another copy of job '%s' has taken over", k->job);
	return ev_hint(err, "what it has not committed is not in the target; only one may run at a time. If there is "
		       "no other, the broker gave the transaction up as too slow: run it again");
}

/* A broker that refuses for a consequence, as the transaction is not open any more, tells the reason at its end. */
int ev_kafka_txn_judge(struct kafka_sink *k, struct ev_error *err)
{
	char why[512];

	if (!k->job || err->class == EV_HELD)
		return -1;
	ev_kafka_txn_abort(k);
	if (!k->stuck && ev_kafka_txn_is_fence(rd_kafka_fatal_error(k->cluster->rk, why, sizeof(why)))) {
		ev_kafka_txn_held(k, err);
		k->error = *err;
	}
	return -1;
}

static bool is_right(rd_kafka_resp_err_t e)
{
	return e == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       e == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
	       e == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

/* The broker does not say which topic it was: those that it can have been are named. */
static void hint_rights(struct kafka_sink *k, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT;

	for (size_t i = 0; i < k->ntargets && i < 3; i++)
		ev_buf_addf(&names, "%s'%s'", i ? ", " : "", k->targets[i]->name);
	ev_buf_adds(&names, !k->ntargets ? "its targets" : k->ntargets > 3 ? ", ..." : "");
	ev_hint(err, "the broker wants ACLs that allow a job Read and Write on %s and on '" EV_JOBS_TOPIC
		"', Read on group 'evreplay-%s', Write on transactional id 'evreplay-%s'", ev_buf_str(&names), k->job,
		k->job);
	ev_buf_release(&names);
}

/* Where its token cannot be written the records go with it. */
void ev_kafka_jobs_there(struct kafka_sink *k, struct ev_error *err)
{
	struct ev_topic_info is = { 0 };
	struct ev_error ignored;

	if (!ev_topic_look(k->cluster, EV_JOBS_TOPIC, &is, &ignored) && !is.partitions)
		ev_hint(err, "topic '" EV_JOBS_TOPIC "' is not there any more, and with it where the job stands: "
			"--new-job begins anew, and copies again what is there already");
}

/* Takes `error`: what it means for the copy. */
static int fail(struct kafka_sink *k, rd_kafka_error_t *error, enum ev_kafka_txn_what what,
		struct ev_error *err)
{
	bool fenced = ev_kafka_txn_is_fence(rd_kafka_error_code(error));

	if (fenced)
		ev_kafka_txn_held(k, err);
	else
		ev_fail(err, EV_STORE, "cannot %s of job '%s': %s", ev_kafka_txn_name(what), k->job,
			rd_kafka_error_string(error));
	if (is_right(rd_kafka_error_code(error)))
		hint_rights(k, err);
	else if (!fenced && !k->error.class && !ev_kafka_targets_there(k, err)) /* it may be that */
		ev_kafka_jobs_there(k, err);
	err->retriable = !fenced && !rd_kafka_error_is_fatal(error);
	rd_kafka_error_destroy(error);
	if (!k->error.class || fenced)
		k->error = *err;
	else
		*err = k->error; /* what came first is the reason */
	return ev_kafka_txn_judge(k, err);
}

/* Is there time, and a reason, to call again? */
static bool again(struct kafka_sink *k, rd_kafka_error_t *error, int64_t until)
{
	rd_kafka_poll(k->cluster->rk, 0);
	return rd_kafka_error_is_retriable(error) && ev_clock_ms() < until;
}

/* A coordinator that has just moved, or come back, is found at the next call, whatever the client says of it. */
static bool moved(rd_kafka_error_t *error)
{
	rd_kafka_resp_err_t e = rd_kafka_error_code(error);

	return !rd_kafka_error_is_fatal(error) &&
	       (e == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || e == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
		e == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
}

int ev_kafka_txn_init(struct kafka_sink *k, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + k->cluster->timeout_ms;
	rd_kafka_error_t *e;

	for (;;) {
		if (ev_kafka_txn_call(k, EV_TXN_INIT, TURN_MS, NULL, &e, err))
			return -1;
		if (!e)
			return 0;
		if ((!again(k, e, until) && !(moved(e) && ev_clock_ms() < until)) || (k->stopped && k->stopped()))
			return fail(k, e, EV_TXN_INIT, err);
		rd_kafka_error_destroy(e);
		rd_kafka_poll(k->cluster->rk, MOVED_MS);
	}
}

int ev_kafka_txn_begin(struct kafka_sink *k, struct ev_error *err)
{
	rd_kafka_error_t *e;

	if (k->open || !k->job)
		return 0;
	if (ev_kafka_txn_call(k, EV_TXN_BEGIN, 0, NULL, &e, err))
		return -1;
	if (e)
		return fail(k, e, EV_TXN_BEGIN, err);
	k->open = true;
	return 0;
}

int ev_kafka_txn_broken(struct kafka_sink *k, struct ev_error *err)
{
	rd_kafka_error_t *e;

	if (ev_kafka_txn_call(k, EV_TXN_WHY, 0, NULL, &e, err))
		return -1;
	if (e)
		return fail(k, e, EV_TXN_WHY, err);
	ev_fail(&k->error, EV_STORE, "cannot write a transaction of job '%s': the client threw it away", k->job);
	*err = k->error;
	return ev_kafka_txn_judge(k, err);
}

int ev_kafka_txn_refused(struct kafka_sink *k, rd_kafka_resp_err_t e, struct ev_error *err)
{
	if (ev_kafka_sink_serve(k, 0, err))
		return -1;
	return k->job && e == RD_KAFKA_RESP_ERR__STATE ? ev_kafka_txn_broken(k, err) : 0;
}

void ev_kafka_txn_abort(struct kafka_sink *k)
{
	rd_kafka_error_t *e = NULL;
	struct ev_error ignored;

	int left = ev_kafka_sink_left(k);

	if (!k->open)
		return;
	k->open = false;
	if (left) /* else, and where it fails, the next run's fence aborts it */
		ev_kafka_txn_call(k, EV_TXN_ABORT, left, NULL, &e, &ignored);
	if (e)
		rd_kafka_error_destroy(e);
}

static int send_offsets(struct kafka_sink *k, const char *group,
			const rd_kafka_topic_partition_list_t *l, struct ev_error *err)
{
	struct ev_kafka_txn_offsets offsets = { l, group };
	int64_t until = ev_clock_ms() + k->cluster->timeout_ms;
	rd_kafka_error_t *e = NULL;

	/*
	 * All the time at once: a call that is given up leaves its request behind, and its answer may be
	 * taken for that of the next call (by reading the client's code; not seen to happen).
	 */
	do {
		if (e)
			rd_kafka_error_destroy(e);
		if (ev_kafka_txn_call(k, EV_TXN_OFFSETS, k->cluster->timeout_ms, &offsets, &e, err))
			return -1;
	} while (e && again(k, e, until) && ev_kafka_sink_left(k));
	return e ? fail(k, e, EV_TXN_OFFSETS, err) : 0;
}

/*
 * Add the offsets of the partitions of this run, as far as all of the job has come, and the marks, to the transaction.
 * Of what the job has read besides the target's cluster may know no topic.
 */
static int add_offsets(struct kafka_sink *k, const struct ev_position *next, struct ev_error *err)
{
	rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(8);
	int64_t now = ev_clock_ms();
	char group[300];
	int rc = 0;

	for (size_t i = 0; i < k->ntargets; i++) {
		if (!k->targets[i]->rkt || (k->targets[i]->marked_ms && now - k->targets[i]->marked_ms < MARK_MS))
			continue;
		rd_kafka_topic_partition_list_add(l, k->targets[i]->name, 0)->offset = 0;
		k->targets[i]->marked_ms = now;
	}
	snprintf(group, sizeof(group), "evreplay-%s", k->job);
	if (l->cnt)
		rc = send_offsets(k, group, l, err);
	rd_kafka_topic_partition_list_destroy(l);
	if (rc || !k->group)
		return rc;
	l = rd_kafka_topic_partition_list_new((int)next->n);
	for (size_t i = 0; i < next->n; i++)
		rd_kafka_topic_partition_list_add(l, next->v[i].topic, next->v[i].partition)->offset =
			ev_position_get(&k->kept.next, next->v[i].topic, next->v[i].partition);
	rc = send_offsets(k, k->group, l, err);
	rd_kafka_topic_partition_list_destroy(l);
	return rc;
}

/*
 * Its outcome is settled by asking again: the client keeps the transaction's state. For a topic that was
 * deleted it would ask for ever.
 */
static int commit(struct kafka_sink *k, struct ev_error *err)
{
	int64_t until = ev_clock_ms() + 2 * (int64_t)k->cluster->timeout_ms;
	rd_kafka_error_t *e;

	for (;;) {
		if (ev_kafka_txn_call(k, EV_TXN_COMMIT, TURN_MS, NULL, &e, err))
			return -1;
		if (!e)
			return 0;
		if (!again(k, e, until) || !ev_kafka_sink_left(k))
			return fail(k, e, EV_TXN_COMMIT, err);
		rd_kafka_error_destroy(e);
		if (!k->error.class && ev_kafka_targets_there(k, &k->error)) {
			*err = k->error;
			return -1;
		}
	}
}

/* No offsets of groups: the topics that they are of are not there yet. */
int ev_kafka_sink_claim(struct ev_sink *s, const struct ev_position *begin, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;

	ev_position_copy(&k->kept.next, begin);
	if (ev_kafka_txn_begin(k, err) || ev_kafka_job_put_token(k, err) || commit(k, err))
		return ev_kafka_txn_judge(k, err);
	k->open = false;
	k->claimed = true;
	return 0;
}

static int commit_token(struct kafka_sink *k, const struct ev_position *next, struct ev_error *err)
{
	return ev_kafka_txn_begin(k, err) || ev_kafka_job_put_token(k, err) ||
	       add_offsets(k, next, err) || commit(k, err) ? -1 : 0;
}

/* What the job has read of other topics before stays where it was. */
int ev_kafka_txn_flush(struct ev_sink *s, const struct ev_position *next, struct ev_error *err)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	struct ev_position all = EV_POSITION_INIT;
	bool same;

	if (ev_kafka_sink_pass_on(k, err))
		return ev_kafka_txn_judge(k, err);
	ev_position_copy(&all, &k->kept.next);
	ev_job_token_advance(&all, next);
	same = ev_position_eq(&all, &k->kept.next);
	ev_position_release(&k->kept.next);
	k->kept.next = all;
	if (k->token && !k->open && same)
		return 0;
	if (((k->delivered || ev_kafka_witness_lacks(k)) && ev_kafka_sink_drain(k, err)) ||
	    ev_kafka_witness_settle(k, err) || commit_token(k, next, err))
		return ev_kafka_txn_judge(k, err);
	k->open = false;
	k->token = true;
	k->transaction++;
	ev_kafka_sink_forget(k);
	return ev_kafka_sink_serve(k, 0, err); /* what the client has learned while it was committed */
}
