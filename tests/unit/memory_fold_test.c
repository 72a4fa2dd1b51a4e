/* memory_fold_test.c - the detached fold: the rows that the engine writes, as a whole and by slices */
#include "test.h"

#include "apply/apply.h"
#include "apply/memory_fold.h"
#include "base/mem.h"

#define RECORDS 2000

static const char file[] =
	"-- @projection r version 1\n-- @topics t\n-- @envelope type=$.type\n-- @schema\n"
	"CREATE TABLE a (k text PRIMARY KEY, n bigint NOT NULL, note text);\n"
	"CREATE TABLE b (i bigint, j text, n bigint, PRIMARY KEY (i, j));\n"
	"-- @on put\n"
	"INSERT INTO a (k, n, note) VALUES ($.k, $.n, $.note) ON CONFLICT (k) DO UPDATE SET n = a.n + excluded.n;\n"
	"INSERT INTO b (i, j, n) VALUES ($.n, $.k, 1) ON CONFLICT (i, j) DO UPDATE SET n = b.n + 1;\n"
	"-- @on del\nDELETE FROM a WHERE k = $.k;\n";

struct log {
	struct ev_record records[RECORDS];
	char values[RECORDS][96];
};

static void fill(struct log *l, uint64_t seed)
{
	for (int i = 0; i < RECORDS; i++) {
		snprintf(l->values[i], sizeof(l->values[i]),
			 "{\"type\":\"%s\",\"k\":\"k%d\",\"n\":%d,\"note\":\"x%d\"}",
			 test_rand(&seed) % 5 ? "put" : test_rand(&seed) % 2 ? "del" : "other",
			 (int)(test_rand(&seed) % 200), (int)(test_rand(&seed) % 9), i);
		l->records[i] = (struct ev_record){ .topic = EV_LITERAL("t"), .offset = i, .timestamp = i,
						    .value = ev_slice_str(l->values[i]) };
	}
}

static int add_row(void *ctx, const struct ev_cell *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ev_buf_addf(ctx, "%d:", c[i].kind);
		ev_buf_add_slice(ctx, c[i].text);
		ev_buf_addc(ctx, i + 1 < n ? '|' : '\n');
	}
	return 0;
}

static void dump_store(struct ev_store *s, const char *sql, struct ev_buf *out)
{
	struct ev_error err = EV_ERROR_INIT;
	size_t at;
	struct ev_query *q = s->ops->prepare(s, sql, false, NULL, NULL, &at, &err);

	s->ops->select(s, q, NULL, 0, add_row, out, &err);
	s->ops->finish(s, q);
}

/* The records that the reference takes; the last is one that it may not. */
static int fold(struct ev_store *s, const struct ev_projection *p, const struct log *l, uint32_t slice,
		uint32_t slices, struct ev_buf *a, struct ev_buf *b)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_memory_fold *r = ev_memory_fold_new(s, p, slice, slices, NULL, &err);
	struct ev_record odd = l->records[0];
	enum ev_count fate;
	int64_t touched;
	int rc = r ? 0 : -1;

	for (int i = 0; i < RECORDS && rc == 0; i++)
		rc = ev_memory_fold_apply(r, &l->records[i], &fate, &touched, &err);
	odd.value = ev_slice_str("{\"type\":\"put\",\"k\":\"k1\",\"n\":\"many\"}");
	if (rc == 0 && slices == 1)
		CHECK(ev_memory_fold_apply(r, &odd, &fate, &touched, &err) == 1 && strstr(err.text, "needs a scratch"),
		      "what is not for the fold to say is said so: %s", err.text);
	if (rc == 0 && (ev_memory_fold_rows(r, "a", add_row, a, &err) ||
			ev_memory_fold_rows(r, "b", add_row, b, &err)))
		rc = -1;
	CHECK(rc == 0 && ev_memory_fold_columns(r, "b") == 3 &&
	      strcmp(ev_memory_fold_column(r, "a", 2), "note") == 0,
	      "slice %u of %u is folded", slice, slices);
	ev_memory_fold_free(r);
	return rc;
}

static size_t lines(const struct ev_buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->data[i] == '\n';
	return n;
}

int main(void)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct log *l = ev_alloc(sizeof(*l));
	struct ev_projection *p = ev_projection_parse("r.sql", ev_slice_str(file), &err);
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = ev_apply_open(s, p, &opt, &err);
	struct ev_buf want[2] = { EV_BUF_INIT, EV_BUF_INIT }, got[2] = { EV_BUF_INIT, EV_BUF_INIT };
	struct ev_buf parts[2] = { EV_BUF_INIT, EV_BUF_INIT };

	fill(l, test_seed());
	ev_apply_partition(a, 0, "t", 0, 0, NULL);
	CHECK(ev_apply_batch(a, l->records, RECORDS, NULL, 0, false, false, &err) == 0, "the engine: %s", err.text);
	dump_store(s, "SELECT k, n, note FROM a ORDER BY k", &want[0]);
	dump_store(s, "SELECT i, j, n FROM b ORDER BY i, j", &want[1]);
	fold(s, p, l, 0, 1, &got[0], &got[1]);
	CHECK(lines(&want[0]) > 50 && ev_slice_eq(ev_buf_slice(&want[0]), ev_buf_slice(&got[0])), "the same rows");
	CHECK(ev_slice_eq(ev_buf_slice(&want[1]), ev_buf_slice(&got[1])), "with a key of two columns");
	for (uint32_t i = 0; i < 3; i++)
		fold(s, p, l, i, 3, &parts[0], &parts[1]);
	CHECK(lines(&parts[0]) == lines(&want[0]) && lines(&parts[1]) == lines(&want[1]), "slices make the whole");
	for (int i = 0; i < 2; i++) {
		ev_buf_release(&want[i]);
		ev_buf_release(&got[i]);
		ev_buf_release(&parts[i]);
	}
	ev_apply_close(a);
	s->ops->close(s);
	ev_projection_free(p);
	free(l);
	return test_done();
}
