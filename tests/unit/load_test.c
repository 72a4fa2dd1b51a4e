/*
 * load_test.c - a first load of many rows: by more threads than one, into a file without a WAL for so long
 *
 * The same as by statements, in the order of the keys; a load that is killed in its midst leaves nothing, not even
 * for one who may only read; and rows that the store refuses after all are a bug, told as one.
 */
#include "test.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply/apply.h"
#include "base/mem.h"
#include "store/sqlite_internal.h"

#define RECORDS 26000
#define BATCH 7000

static char dir[] = "/tmp/load_test.XXXXXX";

static const char file[] =
	"-- @projection w version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema\n"
	"CREATE TABLE a (k text PRIMARY KEY, n bigint NOT NULL, r real, t text);\n"
	"CREATE TABLE b (i bigint PRIMARY KEY, k text);\n"
	"CREATE INDEX a_n ON a (n);\n"
	"-- @on put\n"
	"INSERT INTO a (k, n, r, t) VALUES ($.k, $.n, $.r, $.t) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n;\n"
	"INSERT INTO b (i, k) VALUES ($.n, $.k) ON CONFLICT (i) DO UPDATE SET k = excluded.k;\n"
	"-- @on del\nDELETE FROM a WHERE k = $.k;\n";

struct log {
	struct ev_record records[RECORDS];
	char values[RECORDS][96];
};

/* Keys that begin alike, but for one that `odd` says; in no order. A row's text may be long, or none. */
static void fill(struct log *l, uint64_t seed, int odd)
{
	for (int i = 0; i < RECORDS; i++) {
		int k = (int)((uint64_t)i * 48271 % RECORDS);

		snprintf(l->values[i], sizeof(l->values[i]),
			 "{\"type\":\"%s\",\"k\":\"%s-%d\",\"n\":%d,\"r\":%d.5,\"t\":%s}",
			 test_rand(&seed) % 40 ? "put" : "del", i == odd ? "orders.p" : "orders.part", k,
			 (int)(test_rand(&seed) % RECORDS), (int)(test_rand(&seed) % 9),
			 test_rand(&seed) % 3 ? "\"x\\ty\\\\z\"" : "null");
		l->records[i] = (struct ev_record){
			.topic = EV_LITERAL("t"), .offset = i, .timestamp = i, .value = ev_slice_str(l->values[i]),
		};
	}
}

static char *in_dir(const char *name)
{
	static char path[4][128];
	static int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", dir, name);
	return path[at];
}

static struct ev_store *open_store(const char *path, bool read_only)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s;

	so.read_only = read_only;
	s = ev_store_open(path, &so, &err);
	CHECK(s != NULL, "'%s' is opened: %s", path, err.text);
	return s;
}

/* The first column of each row, a line each. */
static int add_cell(void *ctx, const struct ev_cell *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c[i].kind != EV_CELL_NULL)
			ev_buf_add_slice(ctx, c[i].text);
		ev_buf_addc(ctx, i + 1 < n ? '|' : '\n');
	}
	return 0;
}

static void ask(struct ev_store *s, const char *sql, struct ev_buf *out)
{
	struct ev_error err = EV_ERROR_INIT;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	if (!q || s->ops->select(s, q, NULL, 0, add_cell, out, &err) < 0)
		ev_buf_addf(out, "no answer: %s\n", err.text);
	s->ops->finish(s, q);
}

static bool says(struct ev_store *s, const char *sql, const char *want)
{
	struct ev_buf out = EV_BUF_INIT;
	bool same;

	ask(s, sql, &out);
	same = strcmp(ev_buf_str(&out), want) == 0;
	if (!same)
		printf("# '%s' says %.200s", sql, ev_buf_str(&out));
	ev_buf_release(&out);
	return same;
}

/* All of it, `ahead` as a run does it. */
static void apply(const struct ev_projection *p, const struct log *l, struct ev_store *s, bool exact,
		  struct ev_buf *out)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_apply *a;
	int rc = 0;

	opt.exact = exact;
	opt.hold_ms = exact ? 0 : 600000;
	opt.load = !exact;
	a = ev_apply_open(s, p, &opt, &err);
	CHECK(a != NULL, "the store takes it: %s", err.text);
	ev_apply_partition(a, 0, "t", 0, 0, NULL);
	for (size_t i = 0; i < RECORDS && rc == 0; i += BATCH) {
		size_t n = RECORDS - i < BATCH ? RECORDS - i : BATCH;

		if (i == 0)
			ev_apply_ahead(a, l->records, n);
		if (i + n < RECORDS)
			ev_apply_ahead(a, l->records + i + n, RECORDS - i - n < BATCH ? RECORDS - i - n : BATCH);
		rc = ev_apply_batch(a, l->records + i, n, NULL, 0, false, false, &err);
	}
	CHECK(rc == 0 && ev_apply_checkpoint(a, &err) == 0, "all is applied: %s", err.text);
	ask(s, "SELECT * FROM a ORDER BY k", out);
	ask(s, "SELECT * FROM b ORDER BY i", out);
	ask(s, "SELECT next_offset, applied, untouched FROM ev_ledger", out);
	ev_apply_close(a);
}

static void same_as_statements(const struct ev_projection *p, struct log *l, uint64_t seed, int odd)
{
	struct ev_buf want = EV_BUF_INIT, got = EV_BUF_INIT;
	struct ev_store *s = open_store(":memory:", false);

	fill(l, seed, odd);
	apply(p, l, s, true, &want);
	s->ops->close(s);
	unlink(in_dir("load.db"));
	s = open_store(in_dir("load.db"), false);
	apply(p, l, s, false, &got);
	CHECK(want.len > RECORDS && ev_slice_eq(ev_buf_slice(&want), ev_buf_slice(&got)),
	      "a load is what statements do");
	CHECK(says(s, "SELECT count(*) FROM (SELECT k, lag(k) OVER (ORDER BY rowid) AS before FROM a) x "
		      "WHERE k <= before", "0\n"), "its rows came in the order of their keys");
	CHECK(says(s, "PRAGMA journal_mode", "wal\n"), "the file is in WAL mode behind it");
	CHECK(says(s, "PRAGMA integrity_check", "ok\n"), "and sound");
	s->ops->close(s);
	ev_buf_release(&want);
	ev_buf_release(&got);
}

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	char bytes[4096];
	size_t n;

	CHECK(in && out, "%s is there", from);
	while (in && out && (n = fread(bytes, 1, sizeof(bytes), in)))
		fwrite(bytes, 1, n, out);
	if (in)
		fclose(in);
	if (out)
		fclose(out);
}

/* A store with the projection's tables, empty. */
static struct ev_store *new_store(const struct ev_projection *p, const char *name)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = open_store(in_dir(name), false);
	struct ev_apply *a = ev_apply_open(s, p, &opt, &err);

	CHECK(a != NULL, "tables are made: %s", err.text);
	ev_apply_close(a);
	return s;
}

static void killed_in_its_midst(const struct ev_projection *p)
{
	struct ev_store *s = new_store(p, "midst.db"), *copy;
	struct ev_error err = EV_ERROR_INIT;
	struct stat st;

	s->ops->load(s, "w");
	CHECK(says(s, "PRAGMA journal_mode", "delete\n"), "a load has a rollback journal");
	CHECK(s->ops->script(s, "PRAGMA cache_size=10", &err) == 0 && s->ops->begin(s, &err) == 0 &&
	      s->ops->script(s, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 30000) "
				"INSERT INTO a (k, n) SELECT x, x FROM c", &err) == 0,
	      "rows are written: %s", err.text);
	copy_file(in_dir("midst.db"), in_dir("killed.db"));
	copy_file(in_dir("midst.db-journal"), in_dir("killed.db-journal"));
	CHECK(stat(in_dir("killed.db"), &st) == 0 && st.st_size > 300000, "to the file, before the commit");
	CHECK(s->ops->commit(s, &err) == 0 && says(s, "SELECT count(*) FROM a", "30000\n"), "they are committed");
	CHECK(says(s, "PRAGMA journal_mode", "wal\n"), "and WAL mode is back");
	s->ops->close(s);
	copy = open_store(in_dir("killed.db"), true);
	CHECK(copy && says(copy, "SELECT count(*) FROM a", "0\n"), "killed before, none is there for a reader");
	CHECK(copy && says(copy, "PRAGMA integrity_check", "ok\n"), "and the file is sound");
	if (copy)
		copy->ops->close(copy);
}

/* Where somebody could read, or there is more in the file, nothing is changed. */
static void only_where_nobody_reads(const struct ev_projection *p)
{
	static const char *const others[] = {
		"CREATE TABLE theirs (x)",
		"INSERT INTO ev_projection SELECT 'v', version, fingerprint, generation, holder, mode, watermark, "
		"cuts, last_error, updated_at FROM ev_projection", NULL };
	struct ev_error err = EV_ERROR_INIT;

	for (const char *const *sql = others; *sql; sql++) {
		struct ev_store *s;

		unlink(in_dir("shared.db"));
		s = new_store(p, "shared.db");
		CHECK(s->ops->script(s, *sql, &err) == 0, "somebody else is in the file: %s", err.text);
		s->ops->load(s, "w");
		CHECK(says(s, "PRAGMA journal_mode", "wal\n"), "which stays in WAL mode");
		s->ops->close(s);
	}
}

static void beside_a_reader(const struct ev_projection *p)
{
	struct ev_store *s = new_store(p, "read.db"), *reader = open_store(in_dir("read.db"), true);

	CHECK(says(reader, "SELECT count(*) FROM a", "0\n"), "somebody has the file open");
	s->ops->load(s, "w");
	CHECK(says(s, "PRAGMA journal_mode", "wal\n"), "then it stays in WAL mode, too");
	reader->ops->close(reader);
	s->ops->close(s);
}

/* Rows are folded and in memory; then somebody puts an index on their table. */
static struct ev_apply *changed_behind(struct ev_store *s, const struct ev_projection *p, const struct log *l,
				       struct ev_apply_options *opt)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_apply *a;

	opt->hold_ms = 600000;
	a = ev_apply_open(s, p, opt, &err);
	CHECK(a != NULL, "the store takes it: %s", err.text);
	ev_apply_partition(a, 0, "t", 0, 0, NULL);
	CHECK(ev_apply_batch(a, l->records, 3000, NULL, 0, false, false, &err) == 0, "rows are folded: %s", err.text);
	CHECK(s->ops->script(s, "CREATE UNIQUE INDEX theirs ON a (t)", &err) == 0, "the table is changed behind us");
	return a;
}

static void refused_at_the_flush(const struct ev_projection *p, const struct log *l)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_store *s = open_store(":memory:", false);
	struct ev_error err = EV_ERROR_INIT;
	struct ev_apply *a;

	opt.dead = true;
	a = changed_behind(s, p, l, &opt);
	CHECK(ev_apply_checkpoint(a, &err) < 0 && err.class == EV_STORE, "a violation at the flush is no poison");
	CHECK(strstr(err.text, "table 'a' has been changed under it: it has a second unique index, ") &&
	      strstr(err.text, "cannot write rows of table 'a' from key (") && strstr(err.text, "UNIQUE"),
	      "the error names row and reason: %s", err.text);
	CHECK(strstr(err.hint, "started again it goes on"), "and what to do: %s", err.hint);
	CHECK(says(s, "SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM b) + (SELECT count(*) FROM ev_dead)",
		   "0\n"), "nothing of it is in the store");
	CHECK(ev_apply_ledger(a)->parts[0].next == 0, "nor in the ledger");
	ev_apply_close(a);
	s->ops->close(s);
}

int main(void)
{
	static const char *const files[] = { "load.db", "midst.db", "killed.db", "shared.db", "read.db", NULL };
	static const char *const tails[] = { "", "-wal", "-shm", "-journal", "-evlock", NULL };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("w.sql", ev_slice_str(file), &err);
	struct log *l = ev_alloc(sizeof(*l));
	uint64_t seed = test_seed();
	char name[64];

	CHECK(mkdtemp(dir) != NULL, "there is a folder");
	same_as_statements(p, l, seed, -1);
	same_as_statements(p, l, seed, (int)(seed % RECORDS));
	killed_in_its_midst(p);
	only_where_nobody_reads(p);
	beside_a_reader(p);
	refused_at_the_flush(p, l);
	for (const char *const *f = files; *f; f++)
		for (const char *const *t = tails; *t; t++) {
			snprintf(name, sizeof(name), "%s%s", *f, *t);
			unlink(in_dir(name));
		}
	CHECK(rmdir(dir) == 0, "nothing is left over");
	ev_projection_free(p);
	free(l);
	return test_done();
}
