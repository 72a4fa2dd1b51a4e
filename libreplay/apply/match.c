/* match.c - see match.h; an open-addressing table from (topic, type) to a list of handlers */
#include "apply/match.h"

#include <xxhash.h>

#include "base/mem.h"

struct entry {
	char *topic, *type; /* topic NULL: a free slot */
	size_t topic_len, type_len;
	int *handlers;
};

struct ev_match {
	const struct ev_projection *projection;
	struct entry *slots; /* twice EV_MATCH_MAX_REMEMBERED, so never full */
	size_t n;
	int *scratch; /* nhandlers + 1 */
};

#define SLOTS (2 * EV_MATCH_MAX_REMEMBERED)

struct ev_match *ev_match_new(const struct ev_projection *p)
{
	struct ev_match *m = ev_alloc(sizeof(*m));

	m->projection = p;
	m->slots = ev_alloc(SLOTS * sizeof(*m->slots));
	m->scratch = ev_alloc((p->nhandlers + 1) * sizeof(*m->scratch));
	return m;
}

void ev_match_free(struct ev_match *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		free(m->slots[i].topic);
		free(m->slots[i].type);
		free(m->slots[i].handlers);
	}
	free(m->slots);
	free(m->scratch);
	free(m);
}

static bool of_topic(const struct ev_handler *h, struct ev_slice topic)
{
	return !h->of_topic || ev_slice_is(topic, h->of_topic);
}

static bool takes_type(const struct ev_handler *h, struct ev_slice type)
{
	for (size_t i = 0; i < h->ntypes; i++)
		if (ev_glob(h->types[i], type))
			return true;
	return false;
}

static void fill(struct ev_match *m, struct ev_slice topic, struct ev_slice type)
{
	const struct ev_projection *p = m->projection;
	size_t n = 0;

	for (size_t i = 0; i < p->nhandlers; i++)
		if (!p->handlers[i].tombstone && of_topic(&p->handlers[i], topic) &&
		    takes_type(&p->handlers[i], type))
			m->scratch[n++] = (int)i;
	m->scratch[n] = -1;
}

static struct entry *slot(struct ev_match *m, struct ev_slice topic, struct ev_slice type)
{
	uint64_t h = XXH3_64bits_withSeed(type.ptr, type.len, XXH3_64bits(topic.ptr, topic.len));

	for (size_t i = h % SLOTS;; i = (i + 1) % SLOTS) {
		struct entry *e = &m->slots[i];

		if (!e->topic || (ev_slice_eq(ev_slice(e->type, e->type_len), type) &&
				  ev_slice_eq(ev_slice(e->topic, e->topic_len), topic)))
			return e;
	}
}

const int *ev_match_event(struct ev_match *m, struct ev_slice topic, struct ev_slice type)
{
	struct entry *e = slot(m, topic, type);
	size_t n = 0;

	if (e->topic)
		return e->handlers;
	fill(m, topic, type);
	if (m->n == EV_MATCH_MAX_REMEMBERED)
		return m->scratch;
	while (m->scratch[n] >= 0)
		n++;
	m->n++;
	*e = (struct entry){ ev_slice_dup(topic), ev_slice_dup(type), topic.len, type.len,
			     ev_alloc((n + 1) * sizeof(int)) };
	memcpy(e->handlers, m->scratch, (n + 1) * sizeof(int));
	return e->handlers;
}

const int *ev_match_tombstone(struct ev_match *m, struct ev_slice topic)
{
	const struct ev_projection *p = m->projection;
	size_t n = 0;

	for (size_t i = 0; i < p->nhandlers; i++)
		if (p->handlers[i].tombstone && of_topic(&p->handlers[i], topic))
			m->scratch[n++] = (int)i;
	m->scratch[n] = -1;
	return m->scratch;
}
