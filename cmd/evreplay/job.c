/* job.c - an exactly-once copy that goes on: is it the same copy? And what keeps it the same */
#include "evreplay/replay.h"

#include <inttypes.h>
#include <string.h>

static void add_list(struct ev_buf *out, const char *name, const struct ev_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		ev_buf_addf(out, "%s--%s %s", out->len ? " " : "", name, l->v[i]);
}

static void add_text(struct ev_buf *out, const char *name, const char *text)
{
	if (text)
		ev_buf_addf(out, "%s--%s %s", out->len ? " " : "", name, text);
}

void replay_describe(const struct replay_args *a, struct ev_buf *out)
{
	add_list(out, "type", &a->src.types);
	add_list(out, "key", &a->src.keys);
	add_list(out, "where", &a->src.wheres);
	add_list(out, "header", &a->src.headers);
	add_text(out, "since", a->src.since);
	add_text(out, "until", a->src.until);
	add_text(out, "tombstones", a->src.tombstones ? ev_tombstone_words[a->src.tombstones] : NULL);
	add_list(out, "redact", &a->redacts);
	add_list(out, "hash", &a->hashes);
	add_text(out, "timestamps", a->timestamps == TIMESTAMPS_NOW ? "now" :
		 a->timestamps == TIMESTAMPS_SHIFT ? "shift" : NULL);
	add_text(out, "partition", a->partition && strcmp(a->partition, "key") ? a->partition : NULL);
}

static int other_source(const struct replay *r, const struct ev_partition *p, int64_t offset,
			struct ev_error *err)
{
	ev_fail(err, EV_DATA, "%s/%" PRId32 " is not the log that job '%s' has copied: another record stands at "
		"offset %" PRId64, p->topic, p->partition, r->args->job, offset);
	return ev_hint(err, "the topic was deleted and created again: another job name, or --new-job to "
		       "begin anew");
}

int replay_check_source(struct replay *r, struct ev_error *err)
{
	for (uint32_t i = 0; r->token && !r->src->one_sequence && i < r->src->nparts; i++) {
		const struct ev_partition *p = &r->src->parts[i];
		int64_t at = ev_position_get(&r->token->last, p->topic, p->partition);
		struct ev_record rec;
		bool found;

		if (at < p->low || at >= p->high)
			continue; /* an end below the position is refused with the range */
		if (r->src->ops->record_at(r->src, i, at, &rec, &found, err))
			return -1;
		if (found && !ev_job_token_is_last(r->token, p->topic, p->partition, ev_record_hash(&rec)))
			return other_source(r, p, at, err);
	}
	return 0;
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

int replay_check_routes(struct replay *r, struct ev_error *err)
{
	if (!r->token)
		return 0;
	for (size_t i = 0; i < r->nparts && i < r->src->nparts; i++) {
		const char *from = r->src->parts[i].topic, *into = r->parts[i].topic;

		if (!into)
			continue;
		if (check_route(r, from, into, err))
			return -1;
		ev_job_token_set_route(r->token, from, into);
	}
	for (size_t i = 0; r->sink && i < r->ntargets; i++)
		if (ev_kafka_sink_check_written(r->sink, r->targets[i]->name, err))
			return -1;
	return 0;
}

bool replay_passed(struct replay *r, const struct ev_record *rec)
{
	const struct ev_partition *p;

	if (!r->src->one_sequence || !r->token || !r->stored.n)
		return false;
	p = &r->src->parts[rec->part];
	return rec->offset < ev_position_get(&r->stored, p->topic, p->partition);
}

/* From the end, so that only the last one of each is hashed. */
void replay_note_last(struct replay *r, const struct ev_record *v, size_t n)
{
	r->batch++;
	for (size_t i = n; r->token && i-- > 0;) {
		struct replay_part *p = &r->parts[v[i].part];
		const struct ev_partition *at = &r->src->parts[v[i].part];

		if (p->noted == r->batch)
			continue;
		p->noted = r->batch;
		ev_job_token_set_last(r->token, at->topic, at->partition, v[i].offset, ev_record_hash(&v[i]));
	}
}
