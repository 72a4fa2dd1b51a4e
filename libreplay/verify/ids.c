/* ids.c - see ids.h */
#include "verify/ids.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/ledger.h"
#include "verify/internal.h"
#include "verify/replay_into.h"

enum { COLUMNS = 6, KEYS = 2 };

void ev_ids_release(struct ev_ids *ids)
{
	free(ids->buckets);
	*ids = (struct ev_ids){ 0 };
}

/* The rows that ev_seen_sweep would leave. */
static void add_select(const struct ev_projection *p, int64_t watermark, struct ev_buf *sql)
{
	struct ev_buf name = EV_BUF_INIT;

	ev_buf_add_quoted(&name, p->name, '\'');
	ev_buf_addf(sql, "SELECT scope, id, first_ms, topic, partition, record_offset FROM ev_seen WHERE projection = "
		    EV_ROWS_KEY("%s"), ev_buf_str(&name), ev_buf_str(&name));
	if (p->dedupe_ms && watermark >= INT64_MIN + p->dedupe_ms)
		ev_buf_addf(sql, " AND first_ms >= %" PRId64, watermark - p->dedupe_ms);
	ev_buf_release(&name);
}

static void encode(struct ev_buf *out, const struct ev_cell *cells, unsigned from, unsigned to)
{
	ev_buf_clear(out);
	for (unsigned i = from; i < to; i++)
		ev_digest_encode(out, i, EV_DIGEST_AS_IT_IS, &cells[i]);
}

static int scan(const struct ev_digest_key *key, struct ev_store *s, struct ev_cursor *c, ev_ids_fn fn, void *ctx,
		struct ev_error *err)
{
	struct ev_buf id = EV_BUF_INIT, rest = EV_BUF_INIT, all = EV_BUF_INIT;
	struct ev_seen_row row;
	int rc;

	while ((rc = s->ops->fetch(c, &row.cells, err)) > 0) {
		encode(&id, row.cells, 0, KEYS);
		encode(&rest, row.cells, KEYS, COLUMNS);
		encode(&all, row.cells, 0, COLUMNS);
		row.key = ev_buf_slice(&id);
		row.rest = ev_buf_slice(&rest);
		row.hash = ev_digest_hash(key, ev_buf_slice(&all));
		row.bucket = ev_bucket_of(ev_digest_hash(key, row.key));
		rc = id.failed || rest.failed || all.failed ? ev_fail(err, EV_STORE, "no memory for an id")
							    : fn(ctx, &row, err);
		if (rc)
			break;
	}
	ev_buf_release(&id);
	ev_buf_release(&rest);
	ev_buf_release(&all);
	return rc;
}

int ev_ids_scan(const struct ev_digest_key *key, const struct ev_projection *p, struct ev_store *s, int64_t watermark,
		ev_ids_fn fn, void *ctx, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	struct ev_cursor *c;
	int rc = s->ops->has_table(s, "ev_seen", err);

	if (rc == 0)
		return ev_fail(err, EV_STORE, "store '%s' has no table 'ev_seen', which @dedupe keeps", s->url);
	if (rc < 0)
		return -1;
	add_select(p, watermark, &sql);
	c = s->ops->stream(s, ev_buf_str(&sql), err);
	rc = c ? scan(key, s, c, fn, ctx, err) : -1;
	s->ops->cursor_close(c);
	ev_buf_release(&sql);
	return rc < 0 ? ev_context(err, "table 'ev_seen'") : rc;
}

static int add(void *ctx, const struct ev_seen_row *row, struct ev_error *err)
{
	struct ev_ids *ids = ctx;

	(void)err;
	ev_digest_add(&ids->sum, row->hash);
	ev_digest_add(&ids->buckets[row->bucket], row->hash);
	return 0;
}

int ev_ids_digest(const struct ev_digest_key *key, const struct ev_projection *p, struct ev_store *s, int64_t watermark,
		  struct ev_ids *out, struct ev_error *err)
{
	struct ev_cell now = { .kind = EV_CELL_INT, .i = watermark };
	struct ev_buf bytes = EV_BUF_INIT;

	*out = (struct ev_ids){ .watermark = watermark };
	out->buckets = ev_alloc(EV_DIGEST_BUCKETS * sizeof(*out->buckets));
	if (ev_ids_scan(key, p, s, watermark, add, out, err) < 0)
		return -1;
	encode(&bytes, &now, 0, 1);
	ev_digest_add(&out->sum, ev_digest_hash(key, ev_buf_slice(&bytes)));
	out->sum.count--; /* it is no row */
	ev_buf_release(&bytes);
	return 0;
}

int ev_ids_read(struct ev_verifying *w, struct ev_store *s, struct ev_error *err)
{
	if (!w->p->dedupe)
		return 0;
	return ev_ids_digest(&w->key, w->p, s, w->first.ledger.watermark, &w->ids, err);
}

static void add_time(struct ev_buf *out, int64_t ms)
{
	if (ms == INT64_MIN)
		ev_buf_adds(out, "none");
	else
		ev_buf_addf(out, "%" PRId64, ms);
}

static void compare_watermarks(struct ev_verifying *w, const struct ev_ids *log, struct ev_mode *m)
{
	struct ev_buf text = EV_BUF_INIT;

	if (log->watermark == w->ids.watermark)
		return;
	add_time(&text, w->ids.watermark);
	ev_buf_adds(&text, " in the ledger, the log says ");
	add_time(&text, log->watermark);
	ev_finding_text(ev_mode_finding(m, "ledger", w->p->name), "the watermark of @dedupe is %s", ev_buf_str(&text));
	ev_buf_release(&text);
}

/* Ids that the store has, in buckets that are the same and in those that are not. */
static void tell_coverage(struct ev_verifying *w, const struct ev_ids *log, struct ev_mode *m)
{
	struct ev_equation *e = ev_mode_equation(m, w->p->name, "ids seen", (int64_t)w->ids.sum.count);
	int64_t same = 0, other = 0;

	for (size_t i = 0; i < EV_DIGEST_BUCKETS; i++) {
		int64_t n = (int64_t)w->ids.buckets[i].count;

		if (ev_digest_same(&w->ids.buckets[i], &log->buckets[i]))
			same += n;
		else
			other += n;
	}
	ev_equation_term(e, "matched", same);
	ev_equation_term(e, "in buckets that differ", other);
}

int ev_ids_judge(struct ev_verifying *w, struct ev_mode *m, struct ev_error *err)
{
	struct ev_ids log = { 0 };
	int rc;

	if (!w->p->dedupe)
		return 0;
	if (!w->reference)
		return ev_fail(err, EV_BUG, "ids that were seen, and no store to have seen them in");
	rc = ev_ids_digest(&w->key, w->p, w->reference, ev_into_ledger(&w->replay)->watermark, &log, err);
	if (rc == 0) {
		compare_watermarks(w, &log, m);
		tell_coverage(w, &log, m);
		if (memcmp(w->ids.buckets, log.buckets, EV_DIGEST_BUCKETS * sizeof(*log.buckets)) != 0)
			rc = ev_ids_tell(w, &log, m, err);
	}
	ev_ids_release(&log);
	return rc;
}
