/* kafka_others.c - exactly once: what other jobs have copied into a target; see kafka_impl.h */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sink/kafka_impl.h"

void ev_kafka_others_note(struct kafka_sink *k, const struct ev_record *r)
{
	struct sink_other *o = NULL;

	if (!r->key.ptr)
		return;
	for (size_t i = 0; i < k->nothers && !o; i++)
		if (ev_slice_is(r->key, k->others[i].job))
			o = &k->others[i];
	if (!o) {
		o = EV_PUSH(k->others, k->nothers);
		o->job = ev_slice_dup(r->key);
	}
	ev_buf_clear(&o->token);
	ev_buf_add_slice(&o->token, r->value);
}

void ev_kafka_others_release(struct kafka_sink *k)
{
	for (size_t i = 0; i < k->nothers; i++) {
		free(k->others[i].job);
		ev_buf_release(&k->others[i].token);
	}
	free(k->others);
	k->others = NULL;
	k->nothers = 0;
}

/* Lines of a file or a pipe, and a broker that does not say, have no cluster: then the name tells. */
static bool is_log(const struct kafka_sink *k, const struct ev_job_token *t, const char *from,
		   const struct ev_record *first)
{
	if (t->source && k->kept.source)
		return !strcmp(t->source, k->kept.source);
	return !first || ev_position_get(&t->first, from, first->partition) != first->offset ||
	       ev_job_token_is_first(t, from, first->partition, ev_record_hash(first));
}

/* Each time is of one of the two at most. */
static bool apart(const struct ev_job_bounds *a, const struct ev_job_bounds *b)
{
	return (a->has_until && b->has_since && a->until <= b->since) ||
	       (b->has_until && a->has_since && b->until <= a->since);
}

static bool has_copied(const struct kafka_sink *k, const struct ev_job_token *t, const char *from, const char *into,
		       const struct ev_position *begin, const struct ev_record *first)
{
	const char *was = ev_job_token_route(t, from);

	if (!was || strcmp(was, into) || !ev_job_token_wrote(t, into) || apart(&t->bounds, &k->kept.bounds) ||
	    !is_log(k, t, from, first))
		return false;
	for (size_t i = 0; i < begin->n; i++) {
		const struct ev_position_entry *e = &begin->v[i];

		if (!strcmp(e->topic, from) && ev_position_get(&t->next, from, e->partition) > e->offset)
			return true;
	}
	return false;
}

/* Where one of the two copies all, what the other copies is among it. */
static bool is_choice(const char *one, const char *other)
{
	return one && other && *one && *other && strcmp(one, other);
}

/* Is it all, as far as the filters and the first record tell? */
static enum ev_kafka_other how_much(const struct kafka_sink *k, const struct ev_job_token *t,
				    const struct ev_record *first)
{
	if (is_choice(t->chosen, k->kept.chosen))
		return EV_OTHER_SOME;
	return first && first->timestamp == EV_NO_TIMESTAMP ? EV_OTHER_ALIKE : EV_OTHER_ALL;
}

enum ev_kafka_other ev_kafka_job_other(struct ev_sink *s, const char *from, const char *into,
				       const struct ev_position *begin, const struct ev_record *first,
				       const char **job)
{
	struct kafka_sink *k = (struct kafka_sink *)s;
	enum ev_kafka_other worst = EV_OTHER_NONE;

	for (size_t i = 0; worst != EV_OTHER_ALL && i < k->nothers; i++) {
		const struct sink_other *o = &k->others[i];
		struct ev_job_token t = { 0 };
		struct ev_error unread;

		if (!ev_job_token_read(&t, ev_buf_slice(&o->token), &unread) &&
		    has_copied(k, &t, from, into, begin, first) &&
		    (k->at_work || ev_kafka_target_holds(k, o->job, &t, into))) {
			enum ev_kafka_other much = how_much(k, &t, first);

			*job = much > worst ? o->job : *job;
			worst = much > worst ? much : worst;
		}
		ev_job_token_release(&t);
	}
	return worst;
}
