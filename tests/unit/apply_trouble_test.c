/*
 * apply_trouble_test.c - the engine after something went wrong: counts, position and rows must be
 * those of a run in which nothing did
 */
#include "test.h"

#include <unistd.h>

#include "apply/apply.h"
#include "base/buf.h"
#include "store/dead.h"

static const char file[] =
	"-- @projection m version 1\n"
	"-- @topics a, b\n"
	"-- @envelope id=$.id type=$.type time=$.at\n"
	"-- @dedupe id within '1 second'\n"
	"-- @schema\n"
	"CREATE TABLE t (k text PRIMARY KEY, v integer NOT NULL, at text);\n"
	"-- @on put\n"
	"INSERT INTO t (k, v) VALUES ($.k, $.v) ON CONFLICT (k) DO UPDATE SET v = excluded.v;\n"
	"-- @on big\n"
	"INSERT INTO t (k, v, at) VALUES ($.k, 0, hex(zeroblob($.v)));\n"
	"-- @on add must touch\n"
	"UPDATE t SET v = v + $.v WHERE k = $.k;\n"
	"-- @on tombstone of a\n"
	"INSERT INTO t (k, v, at) VALUES (:key, -1, :time);\n";

static const char other_file[] =
	"-- @projection o version 1\n-- @topics a\n-- @envelope type=$.type\n-- @schema\n"
	"CREATE TABLE u (k text PRIMARY KEY);\n-- @on put\nINSERT INTO u (k) VALUES ($.k);\n";

static struct ev_projection *m, *o;
static char text[64][200];
static size_t texts;

/* A record of topic a (part 0 or 1: its partition) or b (part 2). `id` 0: none. */
static struct ev_record rec(uint32_t part, int64_t offset, const char *type, const char *key, int v,
			    int id)
{
	char *out = text[texts++ % 64], ids[32] = "";

	if (id)
		snprintf(ids, sizeof(ids), "\"id\":%d,", id);
	snprintf(out, sizeof(text[0]), "{%s\"type\":\"%s\",\"k\":\"%s\",\"v\":%d,\"at\":%d}", ids,
		 type, key, v, 1000 + (int)offset);
	return (struct ev_record){
		.topic = part == 2 ? EV_LITERAL("b") : EV_LITERAL("a"), .partition = part == 1,
		.part = part, .offset = offset, .timestamp = 1000 + offset,
		.key = ev_slice_str(key), .value = ev_slice_str(out),
	};
}

static struct ev_store *memory(const char *path)
{
	struct ev_store_options so = { .lock_wait_ms = 30 };
	struct ev_error err = EV_ERROR_INIT;

	return ev_sqlite_open(path, &so, &err);
}

static struct ev_apply *open_as(struct ev_store *s, const struct ev_projection *p, bool dead,
				int64_t max_dead, bool beside)
{
	struct ev_apply_options opt = {
		.dead = dead, .max_dead = max_dead, .max_held = -1, .beside = beside,
		.decided = true,
	};
	struct ev_error err = EV_ERROR_INIT;
	struct ev_apply *a = ev_apply_open(s, p, &opt, &err);

	if (a && !beside)
		ev_apply_partition(a, 0, "a", 0, 0, NULL);
	return a;
}

static int add_row(void *ctx, const struct ev_cell *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ev_buf_addf(ctx, "%.*s%c", (int)c[i].text.len, c[i].text.ptr,
			    i + 1 < n ? '|' : ' ');
	return 0;
}

/* The rows of a query as text, in a buffer that lasts until the next call. */
static const char *rows(struct ev_store *s, const char *sql)
{
	static struct ev_buf out;
	struct ev_error err = EV_ERROR_INIT;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	ev_buf_clear(&out);
	if (!q || s->ops->select(s, q, NULL, 0, add_row, &out, &err) < 0)
		ev_buf_addf(&out, "error: %s", err.text);
	s->ops->finish(s, q);
	return ev_buf_str(&out);
}

static bool rows_are(struct ev_store *s, const char *sql, const char *want)
{
	const char *got = rows(s, sql);
	bool same = strcmp(got, want) == 0;

	if (!same)
		printf("#   got  %s\n#   want %s\n", got, want);
	return same;
}

#define COUNTS "SELECT next_offset, applied, deduplicated, dead, held, dropped FROM ev_ledger " \
	       "WHERE projection = 'm' ORDER BY topic, partition"

static bool balanced(const struct ev_apply *a)
{
	struct ev_buf why = EV_BUF_INIT;
	bool ok = ev_ledger_balanced(ev_apply_ledger(a), &why);

	ev_buf_release(&why);
	return ok;
}

/* The record that meets the limit is not applied, and later is no duplicate of itself. */
static void limit(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(":memory:");
	struct ev_apply *a = open_as(s, m, true, 1, false);
	struct ev_record r[4] = { rec(0, 0, "put", "x", 1, 1), rec(0, 1, "add", "y", 1, 2),
				  rec(0, 2, "add", "z", 1, 3), rec(0, 3, "put", "w", 4, 4) };

	CHECK(ev_apply_batch(a, r, 4, NULL, 0, false, false, &err) < 0 && err.class == EV_DATA &&
		      strstr(err.hint, "--max-dead"), "one letter too many stops: %s", err.text);
	CHECK(rows_are(s, COUNTS, "2|1|0|1|0|0 ") && balanced(a),
	      "what stands before is counted, no more");
	CHECK(rows_are(s, "SELECT count(*) FROM ev_seen", "2 "), "its id is not among those seen");
	ev_apply_close(a);
	a = open_as(s, m, true, 5, false);
	CHECK(ev_apply_batch(a, r, 4, NULL, 0, false, false, &err) == 0 &&
		      rows_are(s, COUNTS, "4|2|0|2|0|0 ") && balanced(a),
	      "with room for more it becomes a letter, and no duplicate");
	ev_apply_close(a);
	s->ops->close(s);
}

/* Poison first, last, alone; in both modes. */
static void edges(void)
{
	struct ev_error err = EV_ERROR_INIT;

	for (int where = 0; where < 4; where++) {
		struct ev_record r[3];
		struct ev_store *s = memory(":memory:");
		struct ev_apply *a = open_as(s, m, false, -1, false);
		char want[60];
		size_t n = where == 3 ? 1 : 3;
		int at = where == 3 ? 0 : where;

		for (int i = 0; i < 3; i++)
			r[i] = rec(0, i, i == at ? "add" : "put", i == at ? "none" : "k", i, i + 1);
		CHECK(ev_apply_batch(a, r, n, NULL, 0, false, false, &err) < 0 &&
			      err.class == EV_DATA,
		      "poison at %d of %zu stops", at, n);
		snprintf(want, sizeof(want), at ? "%d|%d|0|0|0|0 " : "0|0|0|0|0|0 ", at, at);
		CHECK(rows_are(s, COUNTS, want) && balanced(a),
		      "the position is that of the poison");
		ev_apply_close(a);
		a = open_as(s, m, true, -1, false);
		CHECK(ev_apply_batch(a, r, n, NULL, 0, false, false, &err) == 0, "kept: %s",
		      err.text);
		snprintf(want, sizeof(want), "%zu|%zu|0|1|0|0 ", n, n - 1);
		CHECK(rows_are(s, COUNTS, want) && balanced(a),
		      "then it is a letter, the others applied");
		ev_apply_close(a);
		s->ops->close(s);
	}
}

/* The cut before a second partition is stored also when its first transaction is done twice. */
static void first_cut(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(":memory:");
	struct ev_apply *a = open_as(s, m, false, -1, false);
	struct ev_record r[3] = { rec(0, 0, "put", "x", 1, 1), rec(1, 0, "put", "y", 2, 2),
				  rec(1, 1, "add", "none", 2, 3) };

	CHECK(ev_apply_order_matters(a), "the handlers do not commute");
	CHECK(ev_apply_batch(a, r, 1, NULL, 0, false, false, &err) == 0, "one partition");
	ev_apply_partition(a, 1, "a", 1, 0, NULL);
	CHECK(ev_apply_batch(a, r + 1, 2, NULL, 0, true, false, &err) < 0 && err.class == EV_DATA,
	      "poison in the first transaction of the second: %s", err.text);
	CHECK(rows_are(s, "SELECT seq, position FROM ev_cut ORDER BY seq",
		       "1|{\"a\":{\"0\":1,\"1\":0}} 2|{\"a\":{\"0\":1,\"1\":1}} "),
	      "the cut before and the cut after are stored");
	CHECK(ev_apply_ledger(a)->cuts == 2, "and counted");
	ev_apply_close(a);
	s->ops->close(s);
}

static void store_fails(const char *path)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(path), *other = memory(path);
	struct ev_apply *a = open_as(s, m, true, -1, false);
	struct ev_record r[3] = { rec(0, 0, "put", "x", 1, 1), rec(0, 1, "big", "y", 400000, 2),
				  rec(0, 2, "put", "z", 3, 3) };

	s->ops->script(s, "PRAGMA max_page_count = 40", &err);
	CHECK(ev_apply_batch(a, r, 3, NULL, 0, false, false, &err) < 0 && err.class == EV_STORE,
	      "a full store in mid-batch is no poison: %s", err.text);
	CHECK(rows_are(s, "SELECT count(*) FROM t", "0 ") && rows_are(s, COUNTS, "") &&
		      ev_apply_ledger(a)->parts[0].next == 0 && balanced(a),
	      "nothing of the batch is there");
	s->ops->script(s, "PRAGMA max_page_count = 100000", &err);
	other->ops->begin(other, &err);
	CHECK(ev_apply_batch(a, r, 3, NULL, 0, false, false, &err) < 0 && err.class == EV_HELD,
	      "a transaction that cannot begin: %s", err.text);
	other->ops->rollback(other);
	CHECK(ev_apply_batch(a, r, 3, NULL, 0, false, false, &err) == 0 &&
		      rows_are(s, COUNTS, "3|3|0|0|0|0 ") && balanced(a),
	      "afterwards the same batch goes in whole: %s", err.text);
	ev_apply_close(a);
	other->ops->close(other);
	s->ops->close(s);
}

/* A letter is retried beside a follower, which goes on with the new state. */
static void beside(const char *path)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(path), *s2 = memory(path);
	struct ev_apply *a, *b = open_as(s2, m, true, -1, true);
	struct ev_record r[4] = { rec(0, 0, "add", "x", 1, 1), rec(1, 0, "add", "x", 1, 2),
				  rec(0, 1, "put", "x", 5, 3), rec(0, 2, "add", "x", 1, 4) };
	struct ev_retried done;

	CHECK(!b && rows_are(s, "SELECT count(*) FROM sqlite_schema", "0 "),
	      "beside nothing, nothing is created");
	a = open_as(s, m, true, -1, false);
	ev_apply_partition(a, 1, "a", 1, 0, NULL);
	CHECK(ev_apply_batch(a, r, 2, NULL, 0, true, false, &err) == 0 &&
		      rows_are(s, COUNTS, "1|0|0|1|0|0 1|0|0|0|1|0 "),
	      "a letter, and a follower of it in another partition: %s", err.text);
	b = open_as(s2, m, true, -1, true);
	CHECK(b && ev_apply_retry(b, "a", 0, 0, false, &done, &err) < 0 &&
		      err.class == EV_DATA &&
		      rows_are(s, "SELECT record_offset, tries FROM ev_dead ORDER BY arrival",
			       "0|2 0|0 "),
	      "a retry in vain changes its tries alone: %s", err.text);
	s2->ops->script(s2, "INSERT INTO t (k, v) VALUES ('x', 10)", &err);
	CHECK(b && ev_apply_retry(b, "a", 0, 0, true, &done, &err) == 0 && done.applied == 1 &&
		      rows_are(s, COUNTS, "1|0|0|0|0|1 1|1|0|0|0|0 "),
	      "dropped, the follower applied: %s", err.text);
	s2->ops->begin(s2, &err);
	CHECK(ev_apply_look(a, &err) == 0 && err.class == EV_OK && ev_apply_ledger(a)->generation == 1,
	      "who only looks does not wait for others who write: %s", err.text);
	s2->ops->rollback(s2);
	CHECK(ev_apply_look(a, &err) == 0 && ev_apply_ledger(a)->generation == 2,
	      "what was decided beside it is taken over: %s", err.text);
	CHECK(ev_apply_batch(a, r + 2, 2, NULL, 0, true, false, &err) == 0 &&
		      rows_are(s, COUNTS, "3|2|0|0|0|1 1|1|0|0|0|0 ") && balanced(a),
	      "the writer goes on, and nothing is held any more: %s", err.text);
	CHECK(rows_are(s, "SELECT v FROM t", "6 "), "with the right row");
	s2->ops->script(s2, "UPDATE ev_ledger SET next_offset = 9, invisible = invisible + 6 "
			    "WHERE partition = 0; UPDATE ev_projection "
			    "SET generation = generation + 1", &err);
	CHECK(ev_apply_look(a, &err) < 0 && err.class == EV_HELD, "a look finds a position that another moved");
	err = (struct ev_error)EV_ERROR_INIT;
	r[3] = rec(0, 4, "put", "x", 7, 7);
	CHECK(ev_apply_batch(a, r + 3, 1, NULL, 0, true, false, &err) < 0 && err.class == EV_HELD &&
		      rows_are(s, "SELECT v FROM t", "6 "),
	      "a position moved by another ends it: %s", err.text);
	s2->ops->script(s2, "UPDATE ev_projection SET fingerprint = 'x', version = 9", &err);
	CHECK(ev_apply_look(a, &err) < 0 && err.class == EV_HELD && strstr(err.text, "swapped: version 9 serves"),
	      "and a swap: %s", err.text);
	s2->ops->script(s2, "DELETE FROM ev_projection", &err);
	CHECK(ev_apply_look(a, &err) < 0 && err.class == EV_HELD && strstr(err.text, "in the store no more"),
	      "and that the view is gone: %s", err.text);
	ev_apply_close(b);
	ev_apply_close(a);
	s2->ops->close(s2);
	s->ops->close(s);
}

static void no_id(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(":memory:");
	struct ev_apply *a = open_as(s, m, true, -1, false);
	struct ev_record r = rec(0, 0, "put", "x", 1, 0);
	struct ev_retried done;

	CHECK(ev_apply_batch(a, &r, 1, NULL, 0, false, false, &err) == 0 &&
		      ev_apply_retry(a, "a", 0, 0, false, &done, &err) < 0 &&
		      err.class == EV_DATA && strstr(err.text, "no id"),
	      "what has no id is poison again at its retry: %s", err.text);
	CHECK(rows_are(s, COUNTS, "1|0|0|1|0|0 "), "and still a letter");
	ev_apply_close(a);
	s->ops->close(s);
}

static void tombstone(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(":memory:");
	struct ev_apply *a = open_as(s, m, false, -1, false);
	struct ev_record r = rec(0, 0, "put", "gone", 1, 1);

	r.value = EV_NULL_SLICE;
	CHECK(ev_apply_batch(a, &r, 1, NULL, 0, false, false, &err) == 0 &&
		      rows_are(s, "SELECT k, at FROM t", "gone|1970-01-01T00:00:01.000Z "),
	      "a tombstone's time is its record's, also where time is mapped: %s", err.text);
	ev_apply_close(a);
	s->ops->close(s);
}

/* Two projections on one connection do not get each other's results. */
static void two(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(":memory:");
	struct ev_apply *a = open_as(s, m, false, -1, false), *b = open_as(s, o, false, -1, false);
	struct ev_record r = rec(0, 0, "put", "x", 1, 1);

	CHECK(ev_apply_batch(a, &r, 1, NULL, 0, false, false, &err) == 0 &&
		      ev_apply_batch(b, &r, 1, NULL, 0, false, false, &err) == 0,
	      "both: %s", err.text);
	CHECK(ev_apply_ledger(a)->parts[0].untouched == 0 &&
		      ev_apply_ledger(b)->parts[0].untouched == 0,
	      "each counts its own rows");
	ev_apply_close(a);
	ev_apply_close(b);
	s->ops->close(s);
}

/* Seen ids are swept as the time of the events goes on. */
static void swept(void)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(":memory:");
	struct ev_apply *a = open_as(s, m, false, -1, false);
	int rc = 0;

	for (int i = 0; i < 500 && rc == 0; i++) {
		struct ev_record r = rec(0, i, "put", "x", i, i + 1);

		r.timestamp = 1000 + i * 100;
		rc = ev_apply_batch(a, &r, 1, NULL, 0, false, false, &err);
	}
	CHECK(rc == 0 && strtol(rows(s, "SELECT count(*) FROM ev_seen"), NULL, 10) <= 16 &&
		      rows_are(s, COUNTS, "500|500|0|0|0|0 "),
	      "of 500 ids at ten a second about a second's worth is kept: %s",
	      rows(s, "SELECT count(*) FROM ev_seen"));
	ev_apply_close(a);
	s->ops->close(s);
}

#define MODE "SELECT mode FROM ev_projection"
#define DECISIONS "SELECT d.state, d.decided_seq, c.position FROM ev_dead d LEFT JOIN ev_cut c " \
		  "ON c.seq = d.decided_seq ORDER BY d.arrival"

/* How poison was treated, and what was decided when, stands in the store for who folds it again. */
static void decisions(const char *path)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = memory(path);
	struct ev_apply *a = open_as(s, m, true, -1, false);
	struct ev_record r[4] = { rec(0, 0, "add", "x", 1, 1), rec(0, 1, "put", "x", 2, 2),
				  rec(0, 2, "add", "y", 1, 3), rec(0, 3, "put", "z", 1, 4) };
	struct ev_retried done;

	CHECK(rows_are(s, MODE, "dead "), "the mode of the first run is stored");
	CHECK(ev_apply_batch(a, r, 3, NULL, 0, false, false, &err) == 0 &&
		      rows_are(s, DECISIONS, "dead|-1| held|-1| dead|-1| "),
	      "nothing is decided yet: %s", err.text);
	ev_apply_close(a);
	a = open_as(s, m, false, -1, false);
	CHECK(rows_are(s, MODE, "stop "), "so is that of the next");
	ev_apply_close(a);
	a = open_as(s, m, true, -1, true);
	CHECK(ev_apply_retry(a, "a", 0, 0, true, &done, &err) == 0 && done.applied == 1 &&
		      rows_are(s, DECISIONS, "dropped|1|{\"a\":{\"0\":3}} "
					     "retried|1|{\"a\":{\"0\":3}} "
					     "dead|-1| "),
	      "letter and follower carry the cut at which they were decided: %s", err.text);
	CHECK(rows_are(s, MODE, "stop "), "who works beside a run leaves its mode alone");
	ev_apply_close(a);
	a = open_as(s, m, true, -1, false);
	s->ops->script(s, "INSERT INTO t (k, v) VALUES ('y', 1)", &err);
	CHECK(ev_apply_batch(a, r + 3, 1, NULL, 0, false, false, &err) == 0 &&
		      ev_apply_retry(a, "a", 0, 2, false, &done, &err) == 0 &&
		      rows_are(s, DECISIONS, "dropped|1|{\"a\":{\"0\":3}} "
					     "retried|1|{\"a\":{\"0\":3}} "
					     "retried|2|{\"a\":{\"0\":4}} "),
	      "a later one a later cut: %s", err.text);
	ev_apply_close(a);
	s->ops->close(s);
}

int main(void)
{
	struct ev_error err = EV_ERROR_INIT;
	char dir[] = "/tmp/apply_trouble_test.XXXXXX", path[3][80], name[100];

	m = ev_projection_parse("m.sql", EV_LITERAL(file), &err);
	o = ev_projection_parse("o.sql", EV_LITERAL(other_file), &err);
	if (!CHECK(m && o, "the projections are parsed: %s", err.text) || !mkdtemp(dir))
		return 1;
	for (int i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%d.db", dir, i);
	limit();
	edges();
	first_cut();
	store_fails(path[0]);
	beside(path[1]);
	no_id();
	tombstone();
	two();
	swept();
	decisions(path[2]);
	for (int i = 0; i < 3; i++) {
		static const char *const ends[] = { "", "-wal", "-shm", "-evlock" };

		for (int j = 0; j < 4; j++) {
			snprintf(name, sizeof(name), "%s%s", path[i], ends[j]);
			unlink(name);
		}
	}
	rmdir(dir);
	ev_projection_free(m);
	ev_projection_free(o);
	return test_done();
}
