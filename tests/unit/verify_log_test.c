/* verify_log_test.c - every fault put into a random log is found; a good log has none */
#include "fake_log.h"
#include "audit/log.h"
#include "audit/read.h"

enum { PARTS = 4, KEYS = 12 };

struct bed {
	struct fake_log log;
	struct fake_source committed, uncommitted;
	struct ev_paths *paths;
	struct ev_envelope env;
	struct ev_log_options opt;
	struct ev_faults faults;
	struct ev_log *check;
	const struct ev_log_result *result;
	char last[EV_FAULTS][256]; /* the last fault of each kind, with its place */
	struct ev_error err;
	int64_t holes[EV_HOLES];
};

static int keep(void *ctx, const struct ev_fault *f, struct ev_error *err)
{
	struct bed *b = ctx;

	(void)err;
	snprintf(b->last[f->kind], sizeof(b->last[0]), "%s/%d@%" PRId64 " %s", f->topic,
		 (int)f->partition, f->offset, f->text);
	return 0;
}

static void bed_init(struct bed *b, uint64_t seed)
{
	static const char sequence[] = "$.version";

	*b = (struct bed){ .opt = EV_LOG_OPTIONS_INIT,
			   .env = EV_ENVELOPE_INIT,
			   .faults = EV_FAULTS_INIT };
	b->log.seed = seed;
	b->paths = ev_paths_new();
	ev_envelope_parse(&b->env, b->paths, "default", &b->err);
	b->opt.paths = b->paths;
	b->opt.envelope = &b->env;
	b->opt.sequence = ev_paths_add(b->paths, sequence, strlen(sequence), &b->err);
	b->opt.memory = 0; /* the least */
	b->faults.fn = keep;
	b->faults.ctx = b;
	for (int i = 0; i < PARTS; i++)
		fake_part(&b->log, i < 2 ? "orders" : "payments", i % 2);
}

static void bed_release(struct bed *b)
{
	ev_log_free(b->check);
	ev_paths_free(b->paths);
	fake_log_release(&b->log);
}

/* Check a span of the log, NULL: all. */
static int check(struct bed *b, bool beside, const struct ev_span *spans)
{
	struct ev_span *all;
	int rc;

	fake_source_init(&b->committed, &b->log, false);
	fake_source_init(&b->uncommitted, &b->log, true);
	all = fake_spans(&b->committed);
	ev_log_free(b->check);
	b->check = ev_log_new(&b->opt, &b->faults);
	rc = ev_log_run(b->check, &b->committed.base, beside ? &b->uncommitted.base : NULL,
			spans ? spans : all, NULL, &b->err);
	free(all);
	b->result = ev_log_result(b->check);
	memset(b->holes, 0, sizeof(b->holes));
	for (size_t i = 0; i < b->result->nparts; i++)
		for (int j = 0; j < EV_HOLES; j++)
			b->holes[j] += b->result->parts[i].holes[j];
	return rc;
}

static bool tiles(const struct ev_log_result *r)
{
	int64_t unread = 0;

	for (size_t i = 0; i < r->nparts; i++) {
		const struct ev_log_part *p = &r->parts[i];
		int64_t sum = p->records;

		for (int j = 0; j < EV_HOLES; j++)
			sum += p->holes[j];
		if (sum != p->end - p->begin)
			return false;
		unread += p->tombstones + p->unreadable;
	}
	return r->with_id + r->without_id + unread == r->records &&
	       r->numbered + r->keyless + r->unnumbered + unread == r->records;
}

static char *event(char *out, size_t size, int id, int cause, int version)
{
	int n = snprintf(out, size, "{\"event_id\":\"e-%d\",\"version\":%d", id, version);

	if (cause >= 0)
		n += snprintf(out + n, size - (size_t)n, ",\"causation_id\":\"e-%d\"", cause);
	snprintf(out + n, size - (size_t)n, "}");
	return out;
}

/* Keys keep to their partition, versions count up, causes are earlier events of any partition. */
static int good_log(struct bed *b, uint64_t *seed, bool transactions)
{
	int version[KEYS] = { 0 }, n = 100 + (int)(test_rand(seed) % 300), ids = 0;
	char value[128], key[16];

	for (int i = 0; i < n; i++) {
		int k = (int)(test_rand(seed) % KEYS);
		size_t part = (size_t)k % PARTS;

		snprintf(key, sizeof(key), "k%d", k);
		if (test_rand(seed) % 20 == 0) {
			fake_add(&b->log, part, FAKE_RECORD, i, key, NULL);
			continue;
		}
		event(value, sizeof(value), ids,
		      ids && test_rand(seed) % 3 ? (int)(test_rand(seed) % (uint64_t)ids) : -1,
		      ++version[k]);
		ids++;
		fake_add(&b->log, part, FAKE_RECORD, i, key, value);
		if (!transactions || test_rand(seed) % 8)
			continue;
		if (test_rand(seed) % 2)
			fake_add(&b->log, part, FAKE_ABORTED, i, key,
				 value); /* a try that came to nothing */
		fake_add(&b->log, part, FAKE_MARKER, i, NULL, NULL);
	}
	return ids;
}

/* A record with a value, with another of its key before and behind it. */
static bool pick(struct bed *b, uint64_t *seed, size_t *part, size_t *at)
{
	for (int tries = 0; tries < 1000; tries++) {
		struct fake_part *p;
		bool before = false, behind = false;

		*part = test_rand(seed) % PARTS;
		p = &b->log.parts[*part];
		*at = test_rand(seed) % p->n;
		if (p->slots[*at].kind != FAKE_RECORD || !p->slots[*at].r.value.ptr)
			continue;
		for (size_t i = 0; i < p->n; i++)
			if (i != *at && p->slots[i].kind == FAKE_RECORD &&
			    p->slots[i].r.value.ptr &&
			    ev_slice_eq(p->slots[i].r.key, p->slots[*at].r.key))
				*(i < *at ? &before : &behind) = true;
		if (before && behind)
			return true;
	}
	return false;
}

static bool at_place(const struct bed *b, enum ev_fault_kind kind, size_t part, size_t offset)
{
	char want[64];

	snprintf(want, sizeof(want), "%s/%d@%zu ", b->log.names[part].topic,
		 (int)b->log.names[part].partition, offset);
	return strncmp(b->last[kind], want, strlen(want)) == 0;
}

static bool only(const struct bed *b, enum ev_fault_kind kind, int64_t n)
{
	return b->faults.found[kind] == n && ev_faults_found(&b->faults) == n;
}

static void untouched(uint64_t seed)
{
	struct bed b;
	int64_t aborted = 0, markers = 0;

	bed_init(&b, seed);
	b.log.markers_known = test_rand(&seed) % 2;
	good_log(&b, &seed, true);
	for (int i = 0; i < PARTS; i++)
		for (size_t j = 0; j < b.log.parts[i].n; j++) {
			aborted += b.log.parts[i].slots[j].kind == FAKE_ABORTED;
			markers += b.log.parts[i].slots[j].kind == FAKE_MARKER;
		}
	CHECK(check(&b, true, NULL) == 0 && ev_faults_found(&b.faults) == 0,
	      "a good log has no fault (%s)", b.err.text);
	CHECK(tiles(b.result), "its offsets and records are accounted for");
	CHECK(b.holes[EV_HOLE_ABORTED] == aborted && b.holes[EV_HOLE_MARKER] == markers &&
		      !b.holes[EV_HOLE_UNEXPLAINED],
	      "aborted records and markers are told apart, exactly");
	CHECK(b.result->first_least == 1 && b.result->first_least_keys == b.result->keys,
	      "keys begin at 1");
	CHECK(check(&b, false, NULL) == 0 && b.holes[EV_HOLE_MARKER] == markers + aborted &&
		      tiles(b.result),
	      "with one reading alone they are not");
	bed_release(&b);
}

struct spoilt { /* where, and what stands there */
	size_t part, at;
	struct fake_part *p;
	char key[16], value[128];
	int ids;
};

static void again(struct bed *b)
{
	b->faults.max = -1;
	memset(b->faults.found, 0, sizeof(b->faults.found));
	memset(b->faults.information, 0, sizeof(b->faults.information));
	check(b, true, NULL);
}

static void lose(struct bed *b, struct spoilt *s)
{
	const int64_t *found = b->faults.found;

	s->p->slots[s->at].kind = FAKE_GONE;
	check(b, true, NULL);
	CHECK(found[EV_FAULT_GAP] == 1 && b->result->missing == 1,
	      "a lost record is a gap of its key");
	CHECK(found[EV_FAULT_HOLE] == b->log.markers_known,
	      "and a hole, where markers are counted: %s", b->last[EV_FAULT_HOLE]);
	CHECK(found[EV_FAULT_GAP] + found[EV_FAULT_CAUSATION] + found[EV_FAULT_HOLE] ==
		      ev_faults_found(&b->faults),
	      "who names it as cause is told too, and no more");
}

static void twice(struct bed *b, struct spoilt *s)
{
	fake_add(&b->log, s->part, FAKE_RECORD, 100000, s->key, s->value);
	check(b, true, NULL);
	CHECK(b->faults.found[EV_FAULT_DUPLICATE] == 1 && b->faults.found[EV_FAULT_REPEAT] == 1 &&
		      ev_faults_found(&b->faults) == 2,
	      "a doubled record is a duplicate id and a repeat");
	CHECK(at_place(b, EV_FAULT_DUPLICATE, s->part, s->p->n - 1) &&
		      at_place(b, EV_FAULT_REPEAT, s->part, s->p->n - 1),
	      "the later one is named: %s", b->last[EV_FAULT_DUPLICATE]);
	b->opt.dedupe = true;
	again(b);
	CHECK(only(b, EV_FAULT_REPEAT, 1) && b->faults.information[EV_FAULT_DUPLICATE] == 1,
	      "for a view that drops doubles the id is information");
}

/* Swapped with the next record of its key, each in the other's time. */
static void late(struct bed *b, struct spoilt *s)
{
	struct ev_record *first = &s->p->slots[s->at].r, *next, kept = *first;
	size_t i = s->at + 1;

	while (s->p->slots[i].kind != FAKE_RECORD || !s->p->slots[i].r.value.ptr ||
	       !ev_slice_eq(s->p->slots[i].r.key, kept.key))
		i++;
	next = &s->p->slots[i].r;
	*first = *next;
	*next = kept;
	next->timestamp = first->timestamp;
	first->timestamp = kept.timestamp;
	check(b, true, NULL);
	CHECK(only(b, EV_FAULT_REORDER, 1) && at_place(b, EV_FAULT_REORDER, s->part, i),
	      "swapped records of a key are out of order, and nothing else is: %s",
	      b->last[EV_FAULT_REORDER]);
}

static void causeless(struct bed *b, struct spoilt *s)
{
	event(s->value, sizeof(s->value), s->ids, s->ids + 7, 1);
	fake_add(&b->log, s->part, FAKE_RECORD, 100000, "fresh", s->value);
	check(b, true, NULL);
	CHECK(only(b, EV_FAULT_CAUSATION, 1) &&
		      at_place(b, EV_FAULT_CAUSATION, s->part, s->p->n - 1),
	      "a cause that no event has is told: %s", b->last[EV_FAULT_CAUSATION]);
}

static void backwards(struct bed *b, struct spoilt *s)
{
	s->p->slots[s->at].r.timestamp = 1000000;
	b->opt.strict_time = true;
	check(b, true, NULL);
	CHECK(b->faults.found[EV_FAULT_TIME] > 0, "timestamps that go back are faults where asked");
	b->opt.strict_time = false;
	again(b);
	CHECK(b->faults.found[EV_FAULT_TIME] == 0 && b->faults.information[EV_FAULT_TIME] > 0,
	      "else they are said");
}

static void hole(struct bed *b, struct spoilt *s)
{
	for (int i = 0; i <= EV_LOG_MAX_MARKERS; i++)
		fake_insert(&b->log, s->part, s->at, FAKE_GONE, 0, NULL, NULL);
	check(b, true, NULL);
	CHECK(only(b, EV_FAULT_HOLE, 1), "a run of lost offsets is a fault");
	CHECK(b->holes[EV_HOLE_UNEXPLAINED] > EV_LOG_MAX_MARKERS, "and is counted as unexplained");
	b->log.parts[s->part].compaction = 1;
	again(b);
	CHECK(!b->faults.found[EV_FAULT_HOLE] && b->holes[EV_HOLE_COMPACTED] > EV_LOG_MAX_MARKERS,
	      "where the topic is compacted it is compaction's");
	b->log.parts[s->part].compaction = -1;
	again(b);
	CHECK(!b->faults.found[EV_FAULT_HOLE] && !b->holes[EV_HOLE_COMPACTED] &&
		      b->holes[EV_HOLE_UNKNOWN] > EV_LOG_MAX_MARKERS,
	      "where the policy is not known nobody can say");
}

static void injected(uint64_t seed)
{
	static void (*const spoil[])(
		struct bed *, struct spoilt *) = { lose, twice, late, causeless, backwards, hole };
	struct spoilt s;
	struct bed b;
	size_t fault = test_rand(&seed) % (sizeof(spoil) / sizeof(spoil[0]));

	bed_init(&b, seed);
	b.log.markers_known = test_rand(&seed) % 2;
	s.ids = good_log(&b, &seed, test_rand(&seed) % 2);
	if (!CHECK(pick(&b, &seed, &s.part, &s.at), "there is a record to spoil"))
		return;
	s.p = &b.log.parts[s.part];
	snprintf(s.key, sizeof(s.key), "%s", s.p->slots[s.at].r.key.ptr);
	snprintf(s.value, sizeof(s.value), "%s", s.p->slots[s.at].r.value.ptr);
	spoil[fault](&b, &s);
	CHECK(tiles(b.result), "all is accounted for");
	bed_release(&b);
}

static void spans(void)
{
	struct bed b;
	struct ev_span s[PARTS] = { { 0, 0 } };
	char value[128];

	bed_init(&b, 1);
	fake_add(&b.log, 0, FAKE_RECORD, 1, "a", event(value, sizeof(value), 0, -1, 1));
	fake_add(&b.log, 0, FAKE_RECORD, 2, "a", event(value, sizeof(value), 1, 0, 2));
	fake_add(&b.log, 0, FAKE_RECORD, 3, "a", event(value, sizeof(value), 2, 5, 3));
	fake_add(&b.log, 2, FAKE_RECORD, 4, "b", event(value, sizeof(value), 5, 77, 1));
	s[0] = (struct ev_span){ 1, 3 };
	check(&b, true, s);
	CHECK(ev_faults_found(&b.faults) == 0 && b.result->caused == 2,
	      "causes before and behind the span are looked for in the rest of the log (%s)",
	      b.last[EV_FAULT_CAUSATION]);
	b.log.parts[0].low = 2;
	check(&b, true, s);
	CHECK(b.holes[EV_HOLE_RETENTION] == 1 && b.result->records == 1,
	      "what retention took is a hole of that class");
	CHECK(ev_faults_found(&b.faults) == 0 && tiles(b.result), "and is no fault");
	fake_add(&b.log, 0, FAKE_RECORD, 9, "a", event(value, sizeof(value), 9, 0, 4));
	s[0].end = 4;
	check(&b, true, s);
	CHECK(b.result->uncheckable_causes == 1 && ev_faults_found(&b.faults) == 0,
	      "a cause that may have been trimmed is not checkable");
	b.log.parts[0].compaction = 1;
	fake_add(&b.log, 0, FAKE_RECORD, 9, "a", event(value, sizeof(value), 10, -1, 8));
	s[0].end = 5;
	check(&b, true, s);
	CHECK(b.result->uncheckable_gaps == 1 && ev_faults_found(&b.faults) == 0,
	      "a gap that compaction may have made is not checkable");
	b.opt.contiguous = true;
	fake_add(&b.log, 0, FAKE_MARKER, 9, NULL, NULL);
	s[0].end = 6;
	check(&b, true, s);
	CHECK(only(&b, EV_FAULT_HOLE, 1) && at_place(&b, EV_FAULT_HOLE, 0, 5),
	      "contiguous: each hole is a fault: %s", b.last[EV_FAULT_HOLE]);
	bed_release(&b);
}

/* Retention goes on after the first reading, or just when the second one begins. */
static void eaten(bool late)
{
	struct bed b;
	char value[128];

	bed_init(&b, 1);
	b.log.markers_known = true;
	*(late ? &b.log.eat_before : &b.log.eat_after) = late ? 2 : 1;
	b.log.eat_to = 4;
	for (int i = 0; i < 3; i++) {
		fake_add(&b.log, 0, FAKE_RECORD, i, "a", event(value, sizeof(value), i, -1, i + 1));
		fake_add(&b.log, 0, FAKE_ABORTED, i, "a", value);
		fake_add(&b.log, 0, FAKE_MARKER, i, NULL, NULL);
	}
	CHECK(check(&b, true, NULL) == 0 && ev_faults_found(&b.faults) == 0,
	      "what retention takes between two readings is no fault (%s)", b.err.text);
	CHECK(tiles(b.result) && b.result->records == 3, "what was read counts");
	CHECK(b.holes[EV_HOLE_RETENTION] == 2 && b.holes[EV_HOLE_ABORTED] == 2 && b.holes[EV_HOLE_MARKER] == 2,
	      "holes before the new start are retention's");
	bed_release(&b);
}

/* Retention makes it begin once more, when some holes have been told already. */
static void told_once(void)
{
	static const enum fake_kind kinds[] = { FAKE_RECORD, FAKE_GONE, FAKE_RECORD, FAKE_GONE, FAKE_GONE, FAKE_RECORD,
						FAKE_RECORD, FAKE_GONE, FAKE_RECORD };
	struct bed b;
	char value[128];

	for (int64_t at = 2; at < 9; at++)
		for (int64_t to = 1; to < 5; to++) {
			bed_init(&b, (uint64_t)at);
			b.opt.contiguous = true;
			b.log.eat_amid = 2;
			b.log.eat_at = at;
			b.log.eat_to = to;
			for (int i = 0, n = 0; i < 9; i++)
				fake_add(&b.log, 0, kinds[i], i, "a",
					 event(value, sizeof(value), i, -1, n += kinds[i] == FAKE_RECORD));
			CHECK(check(&b, true, NULL) == 0 && tiles(b.result), "read again, all is accounted for");
			CHECK(ev_faults_found(&b.faults) <= 3 && at_place(&b, EV_FAULT_HOLE, 0, 7),
			      "and each hole is told once: %d, at %d from %d", (int)ev_faults_found(&b.faults),
			      (int)at, (int)to);
			bed_release(&b);
		}
}

static bool no_more(void *ctx)
{
	return (*(int *)ctx)-- <= 0;
}

/* Each reading and each walk heeds a stop. */
static void stopped(void)
{
	char value[128];
	int asked = 0, rc = EV_READ_STOPPED;

	for (; rc == EV_READ_STOPPED && asked < 100; asked++) {
		int left = asked;
		struct ev_read_hooks hooks = { &left, no_more, NULL };
		struct ev_span *all;
		struct bed b;

		bed_init(&b, 1);
		fake_add(&b.log, 0, FAKE_RECORD, 1, "a", event(value, sizeof(value), 0, 7, 1));
		fake_add(&b.log, 0, FAKE_MARKER, 1, NULL, NULL);
		fake_add(&b.log, 1, FAKE_RECORD, 1, "a", event(value, sizeof(value), 7, -1, 1));
		fake_source_init(&b.committed, &b.log, false);
		fake_source_init(&b.uncommitted, &b.log, true);
		all = fake_spans(&b.committed);
		all[1].end = 0;
		b.check = ev_log_new(&b.opt, &b.faults);
		rc = ev_log_run(b.check, &b.committed.base, &b.uncommitted.base, all, &hooks, &b.err);
		CHECK(rc == 0 || rc == EV_READ_STOPPED, "it is done or stopped (%s)", b.err.text);
		CHECK(rc == 0 || left == -1, "at the %d. time that it is asked", asked + 1);
		free(all);
		bed_release(&b);
	}
	CHECK(asked > 5, "asked %d times: in the second reading, and in what is read of the rest", asked);
}

/* Markers that are met behind the span explain no hole in it. */
static void behind(bool more)
{
	struct ev_span s[PARTS] = { { 0, 3 } };
	struct bed b;
	char value[128];

	bed_init(&b, 1);
	b.log.markers_known = true;
	b.log.beyond = 2;
	for (int i = 0; i < 5 + more; i++)
		fake_add(&b.log, 0, i == 1 ? FAKE_GONE : i == 3 ? FAKE_MARKER : FAKE_RECORD, i, "a",
			 event(value, sizeof(value), i, -1, i + 1));
	check(&b, true, s);
	CHECK(b.faults.found[EV_FAULT_HOLE] == !more && b.holes[EV_HOLE_UNEXPLAINED] == !more,
	      "a lost record is told: %s", b.last[EV_FAULT_HOLE]);
	CHECK(b.holes[EV_HOLE_UNKNOWN] == more && b.holes[EV_HOLE_MARKER] == 0 && tiles(b.result),
	      "where the log goes on meanwhile it is unknown, and never a marker");
	bed_release(&b);
}

static void odd_values(void)
{
	struct bed b;

	bed_init(&b, 1);
	b.faults.max = 1;
	fake_add(&b.log, 0, FAKE_RECORD, 1, "a", "no JSON");
	fake_add(&b.log, 0, FAKE_RECORD, 1, "a", "{\"event_id\":7,\"version\":\"12\"}");
	fake_add(&b.log, 0, FAKE_RECORD, 1, "a", "{\"event_id\":\"7\",\"version\":1.3e1}");
	fake_add(&b.log, 0, FAKE_RECORD, 1, "a", "{\"event_id\":\"\\u0037\",\"version\":14.0}");
	fake_add(&b.log, 0, FAKE_RECORD, 1, "a", "{\"event_id\":null,\"version\":1.5}");
	fake_add(&b.log, 0, FAKE_RECORD, 1, NULL, "{\"version\":15}");
	fake_add(&b.log, 2, FAKE_RECORD, 1, "a", "{\"event_id\":\"7\",\"version\":2}");
	fake_add(&b.log, 0, FAKE_RECORD, 1, "b",
		 "{\"event_id\":\"x\",\"version\":-9223372036854775808}");
	fake_add(&b.log, 0, FAKE_RECORD, 1, "b",
		 "{\"event_id\":\"y\",\"version\":9223372036854775807}");
	check(&b, true, NULL);
	CHECK(b.result->doubled == 2, "an id is its text, a number's or a string's, in its topic");
	CHECK(b.faults.hidden[EV_FAULT_DUPLICATE] == 1 && at_place(&b, EV_FAULT_DUPLICATE, 0, 2),
	      "past the limit they are counted");
	CHECK(b.result->without_id == 2 && b.result->unnumbered == 1 && b.result->keyless == 1 &&
		      tiles(b.result),
	      "what has no id, number or key is counted");
	CHECK(b.result->missing == INT64_MAX && b.faults.found[EV_FAULT_GAP] == 1,
	      "the widest gap is a gap");
	b.opt.across = true;
	check(&b, true, NULL);
	CHECK(b.result->doubled == 3, "over all topics, where the view says so");
	bed_release(&b);
}

int main(void)
{
	uint64_t seed = test_seed();

	for (int i = 0; i < 40 * test_effort(); i++) {
		untouched(test_rand(&seed));
		for (int j = 0; j < 6; j++)
			injected(test_rand(&seed));
	}
	spans();
	eaten(false);
	eaten(true);
	told_once();
	stopped();
	behind(false);
	behind(true);
	odd_values();
	return test_done();
}
