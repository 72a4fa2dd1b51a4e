/* dead.c - see dead.h */
#include "store/dead.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "record/line.h"
#include "store/ledger.h"

/* %s: the dialect's type for bytes; the key's index, which must hold keys of any length. */
#define CREATE_SQL                                                                            \
	"CREATE TABLE IF NOT EXISTS ev_dead ("                                                \
	" projection text NOT NULL, topic text NOT NULL, partition bigint NOT NULL,"          \
	" record_offset bigint NOT NULL, record_timestamp bigint, state text NOT NULL,"       \
	" behind_partition bigint NOT NULL, behind_offset bigint NOT NULL, key_bytes %s,"     \
	" reason text NOT NULL, line text NOT NULL, tries bigint NOT NULL,"                   \
	" decided_seq bigint NOT NULL, created_at bigint NOT NULL, arrival bigint NOT NULL,"  \
	" PRIMARY KEY (projection, topic, partition, record_offset));"                        \
	"CREATE INDEX IF NOT EXISTS ev_dead_key ON ev_dead %s"                                \
	" WHERE state = 'dead';"                                                              \
	"CREATE INDEX IF NOT EXISTS ev_dead_behind ON ev_dead (projection, topic,"            \
	" behind_partition, behind_offset, arrival) WHERE state = 'held';"                    \
	"CREATE INDEX IF NOT EXISTS ev_dead_arrival ON ev_dead (projection, arrival);"

#define COLUMNS                                                                            \
	"SELECT topic, partition, record_offset, behind_offset, state, reason, line, "     \
	"key_bytes, tries, decided_seq, created_at, behind_partition, arrival FROM ev_dead WHERE projection = "

static const char add_sql[] =
	"INSERT INTO ev_dead (projection, topic, partition, record_offset, record_timestamp, state, "
	"behind_partition, behind_offset, key_bytes, reason, line, tries, decided_seq, created_at, "
	"arrival) VALUES (" EV_ROWS_KEY("?1") ", ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?13, -1, ?12, "
	"(SELECT coalesce(max(arrival), 0) + 1 FROM ev_dead WHERE projection = " EV_ROWS_KEY("?1") "))";
static const char blocking_sql[] =
	"SELECT partition, record_offset FROM ev_dead WHERE projection = " EV_ROWS_KEY("?1") " AND topic = ?2 AND "
	"key_bytes = ?3 AND state = 'dead'";
/* By the key of the version's rows, and by its name, for who only reads a store that has no ev_rows yet. */
#define BOTH(before, after) { before EV_ROWS_KEY("?1") after, before "?1" after }
static const char *const each_sql[] =
	BOTH(COLUMNS, " AND state IN ('dead', 'held') ORDER BY topic, partition, record_offset");
static const char *const each_state_sql[] =
	BOTH(COLUMNS, " AND state = ?2 ORDER BY topic, partition, record_offset");
static const char *const each_held_sql[] =
	BOTH(COLUMNS, " AND state = 'held' ORDER BY topic, behind_partition, behind_offset, arrival");
static const char *const count_sql[] =
	BOTH("SELECT count(CASE WHEN state = 'dead' THEN 1 END), count(CASE WHEN state = 'held' THEN 1 END) "
	     "FROM ev_dead WHERE projection = ", "");
/*
 * The letter first (it is behind none), then what it holds back, in the order in which it came; each by an index, but
 * where PostgreSQL's table is older than ev_dead_behind: to make one on a table in use would hold up its writers.
 */
static const char chain_sql[] =
	COLUMNS EV_ROWS_KEY("?1") " AND topic = ?2 AND state = 'dead' AND partition = ?3 AND record_offset = ?4 "
	"UNION ALL "
	COLUMNS EV_ROWS_KEY("?1") " AND topic = ?2 AND state = 'held' AND behind_partition = ?3 AND behind_offset = ?4 "
	"ORDER BY behind_offset, arrival";
static const char state_sql[] =
	"UPDATE ev_dead SET state = ?5, decided_seq = ?6 WHERE projection = " EV_ROWS_KEY("?1") " AND topic = ?2 AND "
	"partition = ?3 AND record_offset = ?4";
static const char promote_sql[] =
	"UPDATE ev_dead SET state = 'dead', behind_partition = -1, behind_offset = -1, reason = ?5, tries = tries + 1 "
	"WHERE projection = " EV_ROWS_KEY("?1") " AND topic = ?2 AND partition = ?3 AND record_offset = ?4";
static const char move_sql[] =
	"UPDATE ev_dead SET behind_partition = ?5, behind_offset = ?6 WHERE projection = " EV_ROWS_KEY("?1") " AND "
	"topic = ?2 AND state = 'held' AND behind_partition = ?3 AND behind_offset = ?4";
static const char tried_sql[] =
	"UPDATE ev_dead SET tries = tries + CASE WHEN tries <= ?6 THEN 1 ELSE 0 END, reason = ?5 "
	"WHERE projection = " EV_ROWS_KEY("?1") " AND topic = ?2 AND "
	"partition = ?3 AND record_offset = ?4";

int ev_dead_create(struct ev_store *s, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc = s->ops->dialect == EV_POSTGRESQL ? s->ops->has_table(s, "ev_dead", err) : 0;

	if (rc) /* or a view, in a shadow, which takes no index */
		return rc < 0 ? -1 : 0;
	if (s->ops->dialect == EV_POSTGRESQL) /* what a btree holds is bounded */
		ev_buf_addf(&sql, CREATE_SQL, "bytea", "USING hash (key_bytes)");
	else
		ev_buf_addf(&sql, CREATE_SQL, "blob", "(projection, topic, key_bytes)");
	rc = s->ops->script(s, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return rc;
}

struct blocker {
	int64_t partition, offset;
};

static int take_blocker(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(struct blocker *)ctx = (struct blocker){ c[0].i, c[1].i };
	return 0;
}

static int find_blocker(struct ev_store *s, const char *projection, const struct ev_record *r,
			struct blocker *b, struct ev_error *err)
{
	*b = (struct blocker){ -1, -1 };
	if (!r->key.ptr)
		return 0;
	return ev_store_select(s, blocking_sql,
			       (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(r->topic),
						   ev_bind_bytes(r->key) }, 3, take_blocker, b, err);
}

int64_t ev_dead_blocking(struct ev_store *s, const char *projection, const struct ev_record *r,
			 int32_t *partition, struct ev_error *err)
{
	struct blocker b;

	if (find_blocker(s, projection, r, &b, err) < 0)
		return -2;
	if (partition)
		*partition = (int32_t)b.partition;
	return b.offset;
}

int ev_dead_add(struct ev_store *s, const char *projection, const struct ev_record *r, int64_t behind,
		const char *reason, struct ev_error *err)
{
	struct blocker b = { -1, -1 };
	struct ev_buf line = EV_BUF_INIT, text = EV_BUF_INIT;
	struct ev_bind timestamp = ev_bind_int(r->timestamp);
	int64_t rc;

	if (behind >= 0 && find_blocker(s, projection, r, &b, err) < 0)
		return -1;
	if (r->timestamp == EV_NO_TIMESTAMP)
		timestamp.kind = EV_BIND_NULL;
	ev_line_write(&line, r);
	ev_utf8_clean(reason, &text);
	rc = line.failed ? ev_fail(err, EV_STORE, "out of memory for a dead letter")
			 : ev_store_run(s, add_sql,
					(struct ev_bind[]){
						ev_bind_text(projection), ev_bind_slice(r->topic),
						ev_bind_int(r->partition), ev_bind_int(r->offset),
						timestamp, ev_bind_text(behind >= 0 ? "held" : "dead"),
						ev_bind_int(b.partition), ev_bind_int(behind),
						ev_bind_bytes(r->key),
						ev_bind_text(ev_buf_str(&text)),
						ev_bind_slice(ev_buf_slice(&line)),
						ev_bind_int(ev_now_ms()), ev_bind_int(behind < 0) },
					13, err);
	ev_buf_release(&line);
	ev_buf_release(&text);
	return rc < 0 ? -1 : 0;
}

struct walk {
	ev_dead_fn fn;
	void *ctx;
};

static int take_letter(void *ctx, const struct ev_cell *c, size_t n)
{
	struct walk *w = ctx;
	struct ev_dead_letter d = {
		.topic = c[0].text, .partition = (int32_t)c[1].i, .offset = c[2].i, .behind = c[3].i,
		.state = c[4].text, .reason = c[5].text, .line = c[6].text, .key = c[7].text,
		.tries = c[8].i, .decided_seq = c[9].i, .created_at = c[10].i,
		.behind_partition = (int32_t)c[11].i,
	};

	(void)n;
	return w->fn(w->ctx, &d);
}

/* Does the store find letters by the name of a version yet? 1, 0, -1. */
static int has_names(struct ev_store *s, struct ev_error *err)
{
	int rc = s->ops->has_table(s, "ev_rows", err);

	return rc < 0 ? -1 : !rc;
}

/* With their lines letters may be more than memory holds. */
static int walk_all(struct ev_store *s, const char *sql, const struct ev_bind *b, size_t n, struct walk *w,
		    struct ev_error *err)
{
	struct ev_query *q = ev_store_query(s, sql, err);

	if (!q)
		return -1;
	if (s->ops->one_by_one)
		s->ops->one_by_one(q);
	return ev_store_select(s, sql, b, n, take_letter, w, err);
}

int ev_dead_each(struct ev_store *s, const char *projection, const char *state, ev_dead_fn fn,
		 void *ctx, struct ev_error *err)
{
	struct walk w = { fn, ctx };
	int by_name = has_names(s, err);

	if (by_name < 0)
		return -1;
	return walk_all(s, state ? each_state_sql[by_name] : each_sql[by_name],
			(struct ev_bind[]){ ev_bind_text(projection), ev_bind_text(state) }, state ? 2 : 1, &w, err);
}

int ev_dead_each_held(struct ev_store *s, const char *projection, ev_dead_fn fn, void *ctx, struct ev_error *err)
{
	struct ev_bind name[] = { ev_bind_text(projection) };
	struct walk w = { fn, ctx };
	int by_name = has_names(s, err);

	return by_name < 0 ? -1 : walk_all(s, each_held_sql[by_name], name, 1, &w, err);
}

int ev_dead_chain(struct ev_store *s, const char *projection, struct ev_slice topic,
		  int32_t partition, int64_t offset, ev_dead_fn fn, void *ctx, struct ev_error *err)
{
	struct walk w = { fn, ctx };

	return ev_store_select(s, chain_sql,
			       (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(topic),
						   ev_bind_int(partition), ev_bind_int(offset) },
			       4, take_letter, &w, err);
}

/* A change of one letter's row: that it is there is the caller's knowledge. */
static int change(struct ev_store *s, const char *sql, const struct ev_bind *b, size_t n,
		  struct ev_error *err)
{
	int64_t touched = ev_store_run(s, sql, b, n, err);

	if (touched == 0)
		return ev_fail(err, EV_STORE, "the dead letter %.*s/%lld@%lld is gone from the store",
			       (int)b[1].text.len, b[1].text.ptr, (long long)b[2].i, (long long)b[3].i);
	return touched < 0 ? -1 : 0;
}

int ev_dead_set_state(struct ev_store *s, const char *projection, struct ev_slice topic,
		      int32_t partition, int64_t offset, const char *state, int64_t decided_seq,
		      struct ev_error *err)
{
	return change(s, state_sql,
		      (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(topic),
					  ev_bind_int(partition), ev_bind_int(offset),
					  ev_bind_text(state), ev_bind_int(decided_seq) },
		      6, err);
}

int ev_dead_promote(struct ev_store *s, const char *projection, struct ev_slice topic, int32_t partition,
		    int64_t offset, int32_t behind_partition, int64_t behind, const char *reason,
		    struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int64_t rc;

	ev_utf8_clean(reason, &text);
	rc = change(s, promote_sql,
		    (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(topic), ev_bind_int(partition),
					ev_bind_int(offset), ev_bind_text(ev_buf_str(&text)) },
		    5, err);
	ev_buf_release(&text);
	if (rc == 0)
		rc = ev_store_run(s, move_sql,
				  (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(topic),
						      ev_bind_int(behind_partition), ev_bind_int(behind),
						      ev_bind_int(partition), ev_bind_int(offset) },
				  6, err);
	return rc < 0 ? -1 : 0;
}

struct two {
	int64_t *dead, *held;
};

static int take_counts(void *ctx, const struct ev_cell *c, size_t n)
{
	struct two *t = ctx;

	(void)n;
	*t->dead = c[0].i;
	*t->held = c[1].i;
	return 0;
}

int ev_dead_count(struct ev_store *s, const char *projection, int64_t *dead, int64_t *held,
		  struct ev_error *err)
{
	struct ev_bind name[] = { ev_bind_text(projection) };
	struct two t = { dead, held };
	int by_name = has_names(s, err);

	*dead = *held = 0;
	return by_name < 0 ? -1 : ev_store_select(s, count_sql[by_name], name, 1, take_counts, &t, err);
}

int ev_dead_tried(struct ev_store *s, const char *projection, struct ev_slice topic,
		  int32_t partition, int64_t offset, int64_t most, const char *reason, struct ev_error *err)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	ev_utf8_clean(reason, &text);
	rc = change(s, tried_sql,
		    (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(topic),
					ev_bind_int(partition), ev_bind_int(offset),
					ev_bind_text(ev_buf_str(&text)), ev_bind_int(most) },
		    6, err);
	ev_buf_release(&text);
	return rc;
}
