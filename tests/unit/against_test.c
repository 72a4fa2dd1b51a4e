/* against_test.c - a copy of a log is found the same, and every change of it is found */
#include "fake_log.h"
#include "audit/against.h"

enum { PARTS = 3, KEYS = 10 };

struct bed {
	struct fake_log log[2];
	struct fake_source src[2];
	struct ev_against_options opt;
	struct ev_against_result r;
	struct ev_faults faults;
	struct ev_error err;
	char last[EV_FAULTS][256];
	uint64_t seed;
};

static int keep(void *ctx, const struct ev_fault *f, struct ev_error *err)
{
	struct bed *b = ctx;

	(void)err;
	snprintf(b->last[f->kind], sizeof(b->last[0]), "%s/%d@%" PRId64 " %s", f->topic,
		 (int)f->partition, f->offset, f->text);
	return 0;
}

static const struct ev_header headers[] = { { { "h", 1 }, { "1", 1 } },
					    { { "h", 1 }, { NULL, 0 } },
					    { { "h", 1 }, { "", 0 } } };

/*
 * One record of each side, the second perhaps behind a hole, in a partition of its key where asked.
 */
static void add(struct bed *b, int ms, const char *key, const char *value, size_t part, size_t copy,
		size_t nheaders)
{
	for (int side = 0; side < 2; side++) {
		size_t at = side ? copy : part;
		struct fake_part *p = &b->log[side].parts[at];

		if (test_rand(&b->seed) % 9 == 0 && !b->opt.offsets)
			fake_add(&b->log[side], at, FAKE_MARKER, 0, NULL, NULL);
		fake_add(&b->log[side], at, FAKE_RECORD, ms, key, value);
		p->slots[p->n - 1].r.headers = headers;
		p->slots[p->n - 1].r.nheaders = nheaders;
	}
}

static void bed_init(struct bed *b, uint64_t seed, bool by_key, bool offsets)
{
	int n;

	*b = (struct bed){ .seed = seed,
			   .faults = EV_FAULTS_INIT,
			   .opt = { .by_key = by_key, .offsets = offsets } };
	b->faults.fn = keep;
	b->faults.ctx = b;
	for (int i = 0; i < PARTS; i++)
		fake_part(&b->log[0], "orders", i);
	for (int i = 0; i < PARTS + by_key; i++)
		fake_part(&b->log[1], "orders-copy", i);
	n = 50 + (int)(test_rand(&b->seed) % 200);
	for (int i = 0; i < n; i++) {
		char key[16], value[32];
		size_t k = test_rand(&b->seed) % KEYS;

		snprintf(key, sizeof(key), "k%zu", k);
		snprintf(value, sizeof(value), "v%d",
			 i / 2); /* every second one is equal but for its time */
		add(b, i, test_rand(&b->seed) % 12 ? key : NULL,
		    test_rand(&b->seed) % 15 ? value : NULL, k % PARTS,
		    by_key ? k % (PARTS + 1) : k % PARTS, test_rand(&b->seed) % 3);
	}
}

static int run(struct bed *b)
{
	struct ev_against_side sides[2];
	int rc;

	ev_against_release(&b->r);
	memset(b->faults.found, 0, sizeof(b->faults.found));
	for (int i = 0; i < 2; i++) {
		fake_source_init(&b->src[i], &b->log[i], false);
		sides[i] = (struct ev_against_side){ &b->src[i].base, fake_spans(&b->src[i]) };
	}
	rc = ev_against_run(sides, &b->opt, &b->faults, &b->r, &b->err);
	for (int i = 0; i < 2; i++)
		free((void *)(uintptr_t)sides[i].spans);
	return rc;
}

static void bed_release(struct bed *b)
{
	ev_against_release(&b->r);
	fake_log_release(&b->log[0]);
	fake_log_release(&b->log[1]);
}

static bool tiles(const struct ev_against_result *r)
{
	return r->records[0] == r->matched + r->changed + r->missing &&
	       r->records[1] == r->matched + r->changed + r->extra;
}

static bool counts(const struct bed *b, int64_t changed, int64_t missing, int64_t extra,
		   int64_t moved)
{
	return b->r.changed == changed && b->r.missing == missing && b->r.extra == extra &&
	       b->r.moved == moved && tiles(&b->r) &&
	       ev_faults_found(&b->faults) == changed + missing + extra + moved;
}

static void remove_slot(struct fake_part *p, size_t at)
{
	p->slots[at].kind = FAKE_GONE;
}

/* A record of the copy that has a key (`keyed`) and a value. */
static struct ev_record *pick(struct bed *b, size_t *part, size_t *at)
{
	for (;;) {
		struct fake_part *p;

		*part = test_rand(&b->seed) % b->log[1].nparts;
		p = &b->log[1].parts[*part];
		if (!p->n)
			continue;
		*at = test_rand(&b->seed) % p->n;
		if (p->slots[*at].kind == FAKE_RECORD && p->slots[*at].r.key.ptr &&
		    p->slots[*at].r.value.ptr)
			return &p->slots[*at].r;
	}
}

static bool names(const struct bed *b, enum ev_fault_kind kind, const char *topic)
{
	return strncmp(b->last[kind], topic, strlen(topic)) == 0 &&
	       b->last[kind][strlen(topic)] == '/';
}

/* The next record of the same key behind `at`, or NULL. */
static struct ev_record *next_of_key(struct bed *b, size_t part, size_t at)
{
	struct fake_part *p = &b->log[1].parts[part];

	for (size_t i = at + 1; i < p->n; i++)
		if (p->slots[i].kind == FAKE_RECORD &&
		    ev_slice_eq(p->slots[i].r.key, p->slots[at].r.key))
			return &p->slots[i].r;
	return NULL;
}

static void spoil(struct bed *b)
{
	size_t part, at;
	struct ev_record *r = pick(b, &part, &at), *other, kept;
	struct fake_part *p = &b->log[1].parts[part];
	char *text;

	switch (test_rand(&b->seed) % 7) {
	case 0:
		remove_slot(p, at);
		run(b);
		CHECK(counts(b, 0, 1, 0, 0) && names(b, EV_FAULT_MISSING, "orders"),
		      "a lost record is missing: %s", b->last[EV_FAULT_MISSING]);
		break;
	case 1:
		fake_add(&b->log[1], part, FAKE_RECORD, 5000, "k1", "new");
		run(b);
		CHECK(counts(b, 0, 0, 1, 0) && names(b, EV_FAULT_EXTRA, "orders-copy"),
		      "a new one is extra: %s", b->last[EV_FAULT_EXTRA]);
		break;
	case 2:
		fake_add(&b->log[1], part, FAKE_RECORD, r->timestamp, r->key.ptr, r->value.ptr);
		p = &b->log[1].parts[part];
		p->slots[p->n - 1].r.headers = headers;
		p->slots[p->n - 1].r.nheaders = p->slots[at].r.nheaders;
		run(b);
		CHECK(counts(b, 0, 0, 1, 0), "the same one twice is extra once: %s",
		      b->last[EV_FAULT_EXTRA]);
		break;
	case 3:
		text = (char *)(uintptr_t)r->value.ptr;
		text[test_rand(&b->seed) % r->value.len] ^= (char)(1 << test_rand(&b->seed) % 8);
		run(b);
		CHECK(counts(b, 1, 0, 0, 0) &&
			      strstr(b->last[EV_FAULT_CHANGED], "another value at orders-copy/"),
		      "one bit of a value is a change: %s", b->last[EV_FAULT_CHANGED]);
		break;
	case 4:
		r->nheaders = r->nheaders ? 0 : 3;
		run(b);
		CHECK(counts(b, 1, 0, 0, 0) &&
			      strstr(b->last[EV_FAULT_CHANGED], "other headers at"),
		      "other headers are a change: %s", b->last[EV_FAULT_CHANGED]);
		break;
	case 5:
		r->timestamp += 100000;
		run(b);
		CHECK(counts(b, 0, 1, 1, 0), "a timestamp makes another record");
		break;
	default:
		other = next_of_key(b, part, at);
		if (!other)
			return;
		kept = *r;
		*r = *other;
		*other = kept;
		run(b);
		CHECK(b->r.moved > 0 && counts(b, 0, 0, 0, b->r.moved),
		      "two that changed places are out of order: %s", b->last[EV_FAULT_MOVED]);
	}
	CHECK(b->r.compared, "record by record");
}

static void same_and_spoilt(uint64_t seed)
{
	int mode = (int)(test_rand(&seed) % 3);
	struct bed b;

	bed_init(&b, seed, mode == 1, mode == 2);
	CHECK(run(&b) == 0 && counts(&b, 0, 0, 0, 0) && b.r.matched == b.r.records[0],
	      "a copy holds the same records (%s)", b.err.text);
	CHECK(mode == 1 || !b.r.compared, "which the hashes of its partitions tell");
	spoil(&b);
	bed_release(&b);
}

static void offsets(void)
{
	struct bed b;

	bed_init(&b, 7, false, true);
	fake_insert(&b.log[1], 0, 3, FAKE_MARKER, 0, NULL, NULL);
	CHECK(run(&b) == 0 && b.r.moved > 0 && b.r.missing == 0 &&
		      strstr(b.last[EV_FAULT_MOVED], "at another offset"),
	      "offsets count where asked: %s", b.last[EV_FAULT_MOVED]);
	b.opt.offsets = false;
	CHECK(run(&b) == 0 && counts(&b, 0, 0, 0, 0), "else not");
	b.opt.has_since = b.opt.has_until = true;
	b.opt.since = 10;
	b.opt.until = 20;
	CHECK(run(&b) == 0 && b.r.records[0] == 10 && b.r.matched == 10,
	      "a time span is of both sides");
	fake_part(&b.log[1], "orders-copy", 3);
	CHECK(run(&b) < 0 && b.err.class == EV_USAGE && strstr(b.err.hint, "--by key"),
	      "other partitions are refused: %s", b.err.text);
	bed_release(&b);
}

static void nulls(void)
{
	struct bed b;

	b = (struct bed){ .faults = EV_FAULTS_INIT };
	b.faults.fn = keep;
	b.faults.ctx = &b;
	fake_part(&b.log[0], "a", 0);
	fake_part(&b.log[1], "a", 0);
	for (int i = 0; i < 2; i++) {
		fake_add(&b.log[i], 0, FAKE_RECORD, 1, NULL, i ? "" : NULL);
		fake_add(&b.log[i], 0, FAKE_RECORD, 2, i ? "" : NULL, "x");
		fake_add(&b.log[i], 0, FAKE_RECORD, 3, i ? "ab" : "a", i ? "c" : "bc");
		fake_add(&b.log[i], 0, FAKE_RECORD, 4, NULL, "x");
		b.log[i].parts[0].slots[3].r.headers = &headers[1 + i];
		b.log[i].parts[0].slots[3].r.nheaders = 1;
		fake_add(&b.log[i], 0, FAKE_RECORD, EV_NO_TIMESTAMP, NULL, NULL);
	}
	CHECK(run(&b) == 0 && counts(&b, 2, 2, 2, 0),
	      "null is not empty, bytes do not cross from key to value");
	bed_release(&b);
	CHECK(run(&b) == 0 && b.r.records[0] == 0 && !b.r.compared,
	      "nothing against nothing is the same");
	ev_against_release(&b.r);
}

/* Written while it is read: a record that is there in the second reading alone, or is another one. */
static void changing(bool another)
{
	struct bed b;

	bed_init(&b, 7, false, false);
	b.log[1].change_at = 2;
	b.log[1].change = another ? FAKE_RECORD : FAKE_GONE;
	remove_slot(&b.log[0].parts[0], 0);
	CHECK(run(&b) == -1 && b.err.class == EV_DATA && strstr(b.err.text, "second source has other records"),
	      "what changes while it is read is not comparable: %s", b.err.text);
	bed_release(&b);
}

int main(void)
{
	uint64_t seed = test_seed();

	for (int i = 0; i < 150 * test_effort(); i++)
		same_and_spoilt(test_rand(&seed));
	offsets();
	nulls();
	changing(false);
	changing(true);
	return test_done();
}
