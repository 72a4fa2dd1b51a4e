/*
 * fake_log.h - a log in memory with all that makes offsets sparse, as two sources: committed and
 * not
 *
 * Slots of a partition are records, aborted records, markers, or what compaction took. A source
 * shows what a client of that isolation would see, a lane per partition, in batches of any size.
 */
#ifndef EV_FAKE_LOG_H
#define EV_FAKE_LOG_H

#include "base/mem.h"
#include "source/source.h"
#include "test.h"

enum fake_kind { FAKE_RECORD, FAKE_ABORTED, FAKE_MARKER, FAKE_GONE };

struct fake_slot {
	enum fake_kind kind;
	struct ev_record r; /* key and value are owned */
};

struct fake_part {
	struct fake_slot *slots;
	size_t n;
	int64_t low;
	int compaction;
};

struct fake_log {
	struct fake_part parts[8];
	size_t nparts;
	struct ev_partition names[8];
	uint64_t seed; /* of batch sizes */
	bool markers_known; /* a source counts the markers that it met */
	int64_t beyond;     /* offsets behind a span in which it does, too */
	/* retention takes the offsets below eat_to of the first partition before or after the n-th read begins */
	int starts, eat_before, eat_after;
	int64_t eat_to;
	/* or in the midst of it, so that it fails at that offset */
	int eat_amid;
	int64_t eat_at;
	/* before the n-th read all of the first partition becomes that kind, and gets other times */
	int change_at;
	enum fake_kind change;
};

struct fake_source {
	struct ev_source base;
	struct fake_log *log;
	struct ev_partition table[8];
	bool uncommitted;
	struct ev_span spans[8];
	int64_t at[8];
	int reads;
};

static inline int fake_refresh(struct ev_source *s, struct ev_error *err)
{
	struct fake_source *f = (struct fake_source *)s;

	(void)err;
	for (size_t i = 0; i < s->nparts; i++) {
		f->table[i].low = f->log->parts[i].low;
		f->table[i].high = f->table[i].stable = (int64_t)f->log->parts[i].n;
	}
	return 0;
}

static inline int fake_start(struct ev_source *s, const struct ev_span *spans, bool merge,
			     bool follow, struct ev_error *err)
{
	struct fake_source *f = (struct fake_source *)s;

	(void)merge, (void)follow;
	f->reads++;
	f->log->starts++;
	if (f->log->starts == f->log->eat_before)
		f->log->parts[0].low = f->log->eat_to;
	for (size_t i = 0; f->log->starts == f->log->change_at && i < f->log->parts[0].n; i++) {
		f->log->parts[0].slots[i].kind = f->log->change;
		f->log->parts[0].slots[i].r.timestamp++;
	}
	s->nlanes = s->nparts;
	for (size_t i = 0; i < s->nparts; i++) {
		f->spans[i] = spans[i];
		f->at[i] = spans[i].begin;
		if (spans[i].begin < f->log->parts[i].low && spans[i].begin < spans[i].end)
			return ev_fail(err, EV_DATA, "offset out of range");
	}
	if (f->log->starts == f->log->eat_after)
		f->log->parts[0].low = f->log->eat_to;
	return 0;
}

static inline enum ev_fetch fake_fetch(struct ev_source *s, size_t lane, struct ev_batch *b,
				       int timeout_ms, struct ev_error *err)
{
	struct fake_source *f = (struct fake_source *)s;
	const struct fake_part *p = &f->log->parts[lane];
	size_t max = 1 + test_rand(&f->log->seed) % 9;

	(void)timeout_ms;
	b->n = 0;
	if (lane == 0 && f->log->starts == f->log->eat_amid && f->at[0] >= f->log->eat_at) {
		f->log->parts[0].low = f->log->eat_to;
		ev_fail(err, EV_DATA, "offset out of range");
		return EV_FETCH_ERROR;
	}
	b->records = ev_alloc(max * sizeof(*b->records));
	for (; f->at[lane] < f->spans[lane].end && b->n < max; f->at[lane]++) {
		const struct fake_slot *slot = &p->slots[f->at[lane]];

		if (lane == 0 && f->log->starts == f->log->eat_amid && f->at[0] >= f->log->eat_at)
			break;
		if (slot->kind != FAKE_RECORD && !(slot->kind == FAKE_ABORTED && f->uncommitted))
			continue;
		b->records[b->n] = slot->r;
		b->records[b->n].topic = ev_slice_str(f->table[lane].topic);
		b->records[b->n].partition = f->table[lane].partition;
		b->records[b->n].part = (uint32_t)lane;
		b->records[b->n++].offset = f->at[lane];
	}
	if (b->n)
		return EV_FETCH_SOME;
	free(b->records);
	b->records = NULL;
	return EV_FETCH_DONE;
}

static inline void fake_release(struct ev_source *s, struct ev_batch *b)
{
	(void)s;
	free(b->records);
	*b = (struct ev_batch){ 0 };
}

static inline int64_t fake_passed(struct ev_source *s, uint32_t part)
{
	struct fake_source *f = (struct fake_source *)s;

	return f->at[part] >= f->spans[part].end ? f->spans[part].end : -1;
}

static inline void fake_compaction(struct ev_source *s, int *possible)
{
	for (size_t i = 0; i < s->nparts; i++)
		possible[i] = ((struct fake_source *)s)->log->parts[i].compaction;
}

static inline int64_t fake_markers(struct ev_source *s, uint32_t part, int64_t *upto)
{
	struct fake_source *f = (struct fake_source *)s;
	int64_t n = 0, end = f->spans[part].end + f->log->beyond;

	*upto = end < (int64_t)f->log->parts[part].n ? end : (int64_t)f->log->parts[part].n;
	for (int64_t i = f->spans[part].begin; i < *upto; i++)
		n += f->log->parts[part].slots[i].kind == FAKE_MARKER;
	return f->log->markers_known ? n : -1;
}

static inline int fake_record_at(struct ev_source *s, uint32_t part, int64_t offset,
				 struct ev_record *rec, bool *found, struct ev_error *err)
{
	struct fake_source *f = (struct fake_source *)s;
	const struct fake_part *p = &f->log->parts[part];

	(void)err;
	*found = offset >= p->low && offset < (int64_t)p->n && p->slots[offset].kind == FAKE_RECORD;
	if (*found) {
		*rec = p->slots[offset].r;
		rec->topic = ev_slice_str(f->table[part].topic);
		rec->partition = f->table[part].partition;
		rec->part = part;
		rec->offset = offset;
	}
	return 0;
}

static const struct ev_source_ops fake_source_ops = {
	.name = "fake",
	.refresh = fake_refresh,
	.start = fake_start,
	.fetch = fake_fetch,
	.release = fake_release,
	.passed = fake_passed,
	.compaction = fake_compaction,
	.record_at = fake_record_at,
	.markers = fake_markers,
};

static inline void fake_source_init(struct fake_source *f, struct fake_log *log, bool uncommitted)
{
	struct ev_error err;

	*f = (struct fake_source){ .log = log, .uncommitted = uncommitted };
	f->base.ops = &fake_source_ops;
	f->base.parts = f->table;
	f->base.nparts = log->nparts;
	memcpy(f->table, log->names, sizeof(f->table));
	fake_refresh(&f->base, &err);
}

/* A partition more; `topic` is a constant. */
static inline void fake_part(struct fake_log *log, const char *topic, int32_t partition)
{
	log->names[log->nparts] = (struct ev_partition){ .topic = (char *)(uintptr_t)topic,
							 .partition = partition };
	log->nparts++;
}

/* A slot more, or before `at`. Key and value are copied; NULL is null. */
static inline void fake_insert(struct fake_log *log, size_t part, size_t at, enum fake_kind kind,
			       int64_t ms, const char *key, const char *value)
{
	struct fake_part *p = &log->parts[part];
	struct fake_slot *slot;

	EV_PUSH(p->slots, p->n);
	memmove(p->slots + at + 1, p->slots + at, (p->n - 1 - at) * sizeof(*p->slots));
	slot = &p->slots[at];
	*slot = (struct fake_slot){ .kind = kind, .r = { .timestamp = ms } };
	slot->r.key = ev_slice_str(ev_strdup(key));
	slot->r.value = ev_slice_str(ev_strdup(value));
}

static inline void fake_add(struct fake_log *log, size_t part, enum fake_kind kind, int64_t ms,
			    const char *key, const char *value)
{
	fake_insert(log, part, log->parts[part].n, kind, ms, key, value);
}

static inline void fake_log_release(struct fake_log *log)
{
	for (size_t i = 0; i < log->nparts; i++) {
		for (size_t j = 0; j < log->parts[i].n; j++) {
			free((void *)(uintptr_t)log->parts[i].slots[j].r.key.ptr);
			free((void *)(uintptr_t)log->parts[i].slots[j].r.value.ptr);
		}
		free(log->parts[i].slots);
		log->parts[i] = (struct fake_part){ 0 };
	}
}

/* Everything there is, from each partition's start to its end. */
static inline struct ev_span *fake_spans(const struct fake_source *f)
{
	struct ev_span *spans = ev_alloc(8 * sizeof(*spans));

	for (size_t i = 0; i < f->base.nparts; i++)
		spans[i] = (struct ev_span){ f->table[i].low, f->table[i].high };
	return spans;
}

#endif
