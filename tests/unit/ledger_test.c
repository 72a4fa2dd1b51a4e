/*
 * ledger_test.c - the ledger keeps what it is given, and its guard sees every way in which another
 * process may have moved it
 */
#include "test.h"

#include "base/buf.h"
#include "store/dead.h"
#include "store/ledger.h"

#define PRINT "0123456789abcdef0123456789abcdef"

static struct ev_store *memory(void)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_sqlite_open(":memory:", &so, &err);

	return s && ev_ledger_create(s, &err) == 0 && ev_dead_create(s, &err) == 0 ? s : NULL;
}

/* A projection `p` of tables t and u with partitions 0 and 2 of topic a, saved. */
static void set_up(struct ev_store *s, struct ev_ledger *l)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf tables = EV_BUF_INIT;
	struct ev_ledger_part *p;

	ev_buf_add(&tables, "t\0u", 4);
	CHECK(ev_ledger_load(s, "p", l, &err) == 0 && !l->exists, "there is no projection yet");
	CHECK(ev_ledger_register(s, l, PRINT, 3, &tables, &err) == 0, "registered: %s", err.text);
	ev_buf_release(&tables);
	for (int i = 2; i >= 0; i -= 2) {
		p = ev_ledger_part(l, "a", i, true);
		p->begin = 10;
		p->next = 20;
		p->counts[EV_APPLIED] = 10;
		p->dirty = true;
	}
	CHECK(ev_ledger_save(s, l, false, &err) == 0 && l->parts[0].partition == 0,
	      "saved, in the order of partitions: %s", err.text);
}

static void round_trip(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory();
	struct ev_ledger l = { 0 }, got = { 0 };
	struct ev_ledger_part *p;
	struct ev_buf out = EV_BUF_INIT;

	set_up(s, &l);
	p = ev_ledger_part(&l, "a", 2, false);
	p->last_hash = UINT64_MAX - 1;
	p->last_timestamp = EV_NO_TIMESTAMP;
	p->last_offset = 19;
	p->target = INT64_MAX;
	p->cluster_id = strdup("cluster");
	p->untouched = 4;
	for (int i = 0; i < EV_COUNTS; i++)
		p->counts[i] = i + 1;
	p->dirty = true;
	l.watermark = -7;
	CHECK(ev_ledger_save(s, &l, true, &err) == 0 && l.cuts == 1, "saved with a cut: %s", err.text);
	CHECK(ev_ledger_load(s, "p", &got, &err) == 0 && got.exists && got.version == 3 &&
		      got.generation == 1 && got.watermark == -7 && got.cuts == 1 &&
		      strcmp(got.fingerprint, PRINT) == 0 && got.nparts == 2,
	      "the projection comes back");
	p = &got.parts[1];
	CHECK(p->last_hash == UINT64_MAX - 1 && p->last_timestamp == EV_NO_TIMESTAMP &&
		      p->last_offset == 19 && p->target == INT64_MAX && p->untouched == 4 &&
		      strcmp(p->cluster_id, "cluster") == 0 && !p->dirty,
	      "and its partition, hash and absent timestamp included");
	CHECK(memcmp(p->counts, ev_ledger_part(&l, "a", 2, false)->counts, sizeof(p->counts)) == 0,
	      "each count in its own column");
	ev_ledger_release(&got);
	CHECK(ev_ledger_tables(s, "p", &out, &err) == 0 && out.len == 4 &&
		      memcmp(out.data, "t\0u", 4) == 0, "the projection owns its tables");
	ev_buf_release(&out);
	ev_ledger_release(&l);
	s->ops->close(s);
}

/* What another process might do to our rows, and whether we must see it. */
static void guard(void)
{
	static const struct {
		const char *sql;
		bool seen;
	} moves[] = {
		{ "UPDATE ev_projection SET holder = 'x', updated_at = 1, last_error = 'y'", false },
		{ "UPDATE ev_ledger SET applied = applied + 1", false },
		{ "UPDATE ev_projection SET generation = generation + 1", true },
		{ "UPDATE ev_projection SET generation = generation - 1", true },
		{ "UPDATE ev_projection SET fingerprint = 'other'", true },
		{ "DELETE FROM ev_projection", true },
		{ "UPDATE ev_ledger SET next_offset = 21 WHERE partition = 2", true },
		{ "UPDATE ev_ledger SET next_offset = 19 WHERE partition = 0", true },
		{ "DELETE FROM ev_ledger WHERE partition = 2", true },
		{ "UPDATE ev_ledger SET partition = 1 WHERE partition = 2", true },
		{ "UPDATE ev_ledger SET topic = 'b' WHERE partition = 0", true },
		{ "INSERT INTO ev_ledger SELECT projection, 'b', partition, begin_offset, next_offset, "
		  "target_offset, cluster_id, last_offset, last_timestamp, last_hash, applied, ignored, "
		  "filtered, deduplicated, dead, held, dropped, invisible, untouched FROM ev_ledger "
		  "WHERE partition = 0", true },
		{ "UPDATE ev_ledger SET projection = 'q'", true },
	};

	for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
		struct ev_error err = EV_ERROR_INIT;
		struct ev_store *s = memory();
		struct ev_ledger l = { 0 };
		int rc;

		set_up(s, &l);
		CHECK(ev_ledger_guard(s, &l, &err) == 0, "where nothing moved the guard is content");
		rc = s->ops->script(s, moves[i].sql, &err) < 0 ? -2 : ev_ledger_guard(s, &l, &err);
		CHECK(rc == (moves[i].seen ? -1 : 0) && (!moves[i].seen || err.class == EV_HELD),
		      "%s: %s", moves[i].seen ? "seen" : "harmless", moves[i].sql);
		ev_ledger_release(&l);
		s->ops->close(s);
	}
}

/* A partition that is ours alone until the next save is no trouble; one that another saved is. */
static void new_partition(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory();
	struct ev_ledger l = { 0 }, other = { 0 };
	struct ev_ledger_part *p;

	set_up(s, &l);
	CHECK(ev_ledger_load(s, "p", &other, &err) == 0, "another process reads the ledger");
	p = ev_ledger_part(&l, "a", 1, true);
	p->begin = p->next = 0;
	p->dirty = true;
	CHECK(ev_ledger_guard(s, &l, &err) == 0, "a partition not saved yet: %s", err.text);
	CHECK(ev_ledger_save(s, &l, false, &err) == 0 && ev_ledger_guard(s, &l, &err) == 0,
	      "and saved: %s", err.text);
	CHECK(ev_ledger_guard(s, &other, &err) < 0 && err.class == EV_HELD,
	      "the other sees one that it does not know: %s", err.text);
	ev_ledger_release(&other);
	CHECK(ev_ledger_load(s, "p", &other, &err) == 0 && ev_ledger_bump(s, &other, &err) == 0 &&
		      other.generation == 2 && other.cuts == 1, "it bumps the generation, with a cut");
	CHECK(ev_ledger_guard(s, &l, &err) < 0 && ev_ledger_guard(s, &other, &err) == 0,
	      "which we see, and it does not trip over itself");
	ev_ledger_release(&other);
	ev_ledger_release(&l);
	s->ops->close(s);
}

static void balance(void)
{
	struct ev_ledger l = { 0 };
	struct ev_ledger_part *p = ev_ledger_part(&l, "a", 0, true);
	struct ev_buf why = EV_BUF_INIT;

	p->begin = 5;
	p->next = 5 + EV_COUNTS;
	for (int i = 0; i < EV_COUNTS; i++)
		p->counts[i] = 1;
	p->untouched = 1;
	CHECK(ev_ledger_balanced(&l, &why), "every count is part of the equation, untouched is not");
	for (int i = 0; i < EV_COUNTS; i++) {
		p->counts[i]++;
		CHECK(!ev_ledger_balanced(&l, &why) && strstr(ev_buf_str(&why), "a/0: 8 offsets"),
		      "one more %s and it does not hold: %s", ev_count_names[i], ev_buf_str(&why));
		p->counts[i]--;
		ev_buf_clear(&why);
	}
	ev_buf_release(&why);
	ev_ledger_release(&l);
}

int main(void)
{
	round_trip();
	guard();
	new_partition();
	balance();
	return test_done();
}
