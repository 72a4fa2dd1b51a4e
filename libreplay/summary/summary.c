/* summary.c - see summary.h */
#include "summary/summary.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"

const char *const ev_special_sum_names[EV_SUM_SPECIALS] = { "(tombstone)", "(not JSON)", "(no type)",
							    "(other types)" };

static void sum_init(struct ev_type_sum *t)
{
	t->first = t->last = EV_NO_TIMESTAMP;
}

struct ev_summary *ev_summary_new(size_t max_types, size_t max_paths)
{
	struct ev_summary *s = ev_alloc(sizeof(*s));

	s->max_types = max_types;
	for (s->nslots = 16; s->nslots < 2 * max_types;)
		s->nslots *= 2;
	s->slots = ev_alloc(s->nslots * sizeof(*s->slots));
	sum_init(&s->total);
	for (size_t i = 0; i < EV_SUM_SPECIALS; i++)
		sum_init(&s->special[i]);
	if (max_paths)
		s->paths = ev_path_sums_new(max_paths);
	return s;
}

void ev_summary_free(struct ev_summary *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->ntypes; i++)
		free(s->types[i].name);
	ev_path_sums_free(s->paths);
	free(s->types);
	free(s->slots);
	free(s);
}

static void sum_add(struct ev_type_sum *t, const struct ev_record *r)
{
	t->records++;
	t->bytes += r->key.len + r->value.len;
	if (r->timestamp == EV_NO_TIMESTAMP)
		return;
	if (t->first == EV_NO_TIMESTAMP || r->timestamp < t->first)
		t->first = r->timestamp;
	if (t->last == EV_NO_TIMESTAMP || r->timestamp > t->last)
		t->last = r->timestamp;
}

static struct ev_type_sum *of_type(struct ev_summary *s, struct ev_slice type)
{
	size_t i = XXH3_64bits(type.ptr, type.len) & (s->nslots - 1);

	for (; s->slots[i]; i = (i + 1) & (s->nslots - 1)) {
		struct ev_type_sum *t = &s->types[s->slots[i] - 1];

		if (ev_slice_is(type, t->name))
			return t;
	}
	if (s->ntypes == s->max_types || memchr(type.ptr, '\0', type.len))
		return &s->special[EV_SUM_OTHER];
	EV_GROW(s->types, s->ntypes, s->cap);
	s->types[s->ntypes] = (struct ev_type_sum){ .name = ev_slice_dup(type) };
	sum_init(&s->types[s->ntypes]);
	s->slots[i] = (uint32_t)++s->ntypes;
	return &s->types[s->ntypes - 1];
}

void ev_summary_add(struct ev_summary *s, const struct ev_record *r, bool json, struct ev_slice type)
{
	struct ev_type_sum *t;

	if (!r->value.ptr)
		t = &s->special[EV_SUM_TOMBSTONE];
	else if (!json)
		t = &s->special[EV_SUM_NOT_JSON];
	else if (!type.ptr)
		t = &s->special[EV_SUM_NO_TYPE];
	else
		t = of_type(s, type);
	sum_add(t, r);
	sum_add(&s->total, r);
	ev_histogram_add(&s->histogram, r->timestamp);
	if (s->paths && json)
		ev_path_sums_add(s->paths, r->value);
}

static int by_records(const void *a, const void *b)
{
	const struct ev_type_sum *x = a, *y = b;

	if (x->records != y->records)
		return x->records < y->records ? 1 : -1;
	return strcmp(x->name, y->name);
}

void ev_summary_sort(struct ev_summary *s)
{
	if (s->ntypes)
		qsort(s->types, s->ntypes, sizeof(*s->types), by_records);
}
