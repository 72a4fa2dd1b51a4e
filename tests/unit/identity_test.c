/* identity_test.c - the last records of all partitions are asked for at once, and judged in the ledger's order */
#include "apply/identity.h"
#include "fake_log.h"

enum { PARTS = 4 };

struct bed {
	struct fake_log log;
	struct fake_source src;
	struct ev_source_ops ops;
	struct ev_ledger ledger;
	struct ev_ledger_part parts[PARTS];
	char notes[512];
	struct ev_error err;
};

static int asked, singly;

static int one(struct ev_source *s, uint32_t part, int64_t offset, struct ev_record *rec, bool *found,
	       struct ev_error *err)
{
	singly++;
	return fake_record_at(s, part, offset, rec, found, err);
}

/* In an order that is not the ledger's. */
static int all(struct ev_source *s, const int64_t *offsets, ev_source_take *each, void *ctx, struct ev_error *err)
{
	struct ev_record rec;
	bool found;

	asked++;
	for (uint32_t i = (uint32_t)s->nparts; i--;) {
		if (offsets[i] < 0)
			continue;
		fake_record_at(s, i, offsets[i], &rec, &found, err);
		if (found && each(ctx, &rec, err))
			return -1;
	}
	return 0;
}

static void note(void *ctx, const char *text)
{
	struct bed *b = ctx;

	snprintf(b->notes + strlen(b->notes), sizeof(b->notes) - strlen(b->notes), "%s;", text);
}

/* A view that stands behind the third record of each partition, but for the last one, of which it has none. */
static void lay(struct bed *b)
{
	*b = (struct bed){ .err = EV_ERROR_INIT };
	for (int p = 0; p < PARTS; p++) {
		fake_part(&b->log, "t", p);
		for (int i = 0; i < 5; i++) {
			char value[32];

			snprintf(value, sizeof(value), "{\"n\":%d}", p * 10 + i);
			fake_add(&b->log, (size_t)p, FAKE_RECORD, 1000 + i, "k", value);
		}
	}
	fake_source_init(&b->src, &b->log, false);
	b->ops = fake_source_ops;
	b->ops.record_at = one;
	b->ops.records_at = all;
	b->src.base.ops = &b->ops;
	for (uint32_t p = 0; p < PARTS; p++) {
		struct ev_record rec;
		bool found;

		fake_record_at(&b->src.base, p, 2, &rec, &found, &b->err);
		b->parts[p] = (struct ev_ledger_part){ .topic = b->log.names[p].topic, .partition = (int32_t)p,
						       .next = 3, .last_offset = 2, .last_hash = ev_record_hash(&rec) };
	}
	b->parts[PARTS - 1].last_offset = -1;
	b->parts[PARTS - 1].next = 0;
	b->ledger.parts = b->parts;
	b->ledger.nparts = PARTS;
	asked = singly = 0;
}

static int look(struct bed *b)
{
	struct ev_run_hooks hooks = { .ctx = b, .note = note };

	return ev_identity_partitions(&b->ledger, &b->src.base, &hooks, &b->err);
}

int main(void)
{
	struct bed b;

	lay(&b);
	CHECK(look(&b) == 0 && !*b.notes, "the log that a view was built from is recognised: %s", b.err.text);
	CHECK(asked == 1 && singly == 0, "by one question for all partitions (%d, %d)", asked, singly);
	fake_log_release(&b.log);

	lay(&b);
	b.parts[1].last_hash++;
	b.parts[2].last_hash++;
	CHECK(look(&b) < 0 && b.err.class == EV_DATA && strstr(b.err.text, "t/1 ") &&
	      strstr(b.err.text, "another record stands at offset 2"), "the first that is another is named: %s",
	      b.err.text);
	fake_log_release(&b.log);

	lay(&b);
	b.log.parts[0].slots[2].kind = FAKE_GONE;
	b.log.parts[0].compaction = 1;
	CHECK(look(&b) == 0 && strstr(b.notes, "t/0: no record at offset 2 any more"), "what is compacted is said: %s",
	      b.notes);
	for (int i = 0; i < PARTS; i++)
		b.log.parts[i].compaction = 0;
	CHECK(look(&b) < 0 && strstr(b.err.text, "no record stands at offset 2"),
	      "where nothing is, it is another log: %s", b.err.text);
	fake_log_release(&b.log);

	lay(&b);
	b.parts[3].last_offset = 7;
	b.parts[3].next = 8;
	CHECK(look(&b) < 0 && strstr(b.err.text, "it ends at offset 5") && !asked, "so it is where it ends before: %s",
	      b.err.text);
	fake_log_release(&b.log);
	return test_done();
}
