/* seen.c - see seen.h */
#include "store/seen.h"

#include "base/mem.h"
#include "store/ledger.h"

static const char create_sql[] =
	"CREATE TABLE IF NOT EXISTS ev_seen ("
	" projection text NOT NULL, scope text NOT NULL, id text NOT NULL, first_ms bigint NOT NULL,"
	" topic text NOT NULL, partition bigint NOT NULL, record_offset bigint NOT NULL,"
	" PRIMARY KEY (projection, scope, id));";
static const char ask_sql[] =
	"SELECT first_ms FROM ev_seen WHERE projection = " EV_ROWS_KEY("?1") " AND scope = ?2 AND id = ?3";
static const char remember_sql[] =
	"INSERT INTO ev_seen (projection, scope, id, first_ms, topic, partition, record_offset) "
	"VALUES (" EV_ROWS_KEY("?1") ", ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (projection, scope, id) DO UPDATE SET "
	"first_ms = excluded.first_ms, topic = excluded.topic, partition = excluded.partition, "
	"record_offset = excluded.record_offset";
static const char forget_sql[] =
	"DELETE FROM ev_seen WHERE projection = " EV_ROWS_KEY("?1") " AND topic = ?2 AND partition = ?3 AND "
	"record_offset = ?4";
static const char sweep_sql[] = "DELETE FROM ev_seen WHERE projection = " EV_ROWS_KEY("?1") " "
				"AND first_ms < ?2";

int ev_seen_create(struct ev_store *s, struct ev_error *err)
{
	return s->ops->script(s, create_sql, err);
}

struct first {
	bool found;
	int64_t ms;
};

static int take_first(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	*(struct first *)ctx = (struct first){ true, c[0].i };
	return 0;
}

/* a + b without overflow, for times that an event may have made up. */
static int64_t later(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int ev_seen_check(struct ev_store *s, const char *projection, const struct ev_record *r,
		  struct ev_slice id, bool across, int64_t within_ms, int64_t *watermark,
		  struct ev_error *err)
{
	int64_t ms = r->timestamp != EV_NO_TIMESTAMP ? r->timestamp
		     : *watermark != INT64_MIN	     ? *watermark
						     : 0;
	struct ev_slice scope = across ? EV_LITERAL("") : r->topic;
	struct ev_bind b[7] = { ev_bind_text(projection), ev_bind_slice(scope), ev_bind_slice(id),
				ev_bind_int(ms), ev_bind_slice(r->topic), ev_bind_int(r->partition),
				ev_bind_int(r->offset) };
	struct first first = { 0 };
	bool duplicate;

	if (ev_store_select(s, ask_sql, b, 3, take_first, &first, err) < 0)
		return -1;
	duplicate = first.found && (!within_ms || (ms <= later(first.ms, within_ms) &&
						   later(first.ms, within_ms) >= *watermark));
	if (ms > *watermark)
		*watermark = ms;
	if (duplicate)
		return 1;
	return ev_store_run(s, remember_sql, b, 7, err) < 0 ? -1 : 0;
}

int ev_seen_forget(struct ev_store *s, const char *projection, const struct ev_record *r,
		   struct ev_error *err)
{
	return ev_store_run(s, forget_sql,
			    (struct ev_bind[]){ ev_bind_text(projection), ev_bind_slice(r->topic),
						ev_bind_int(r->partition), ev_bind_int(r->offset) },
			    4, err) < 0 ? -1 : 0;
}

int ev_seen_sweep(struct ev_store *s, const char *projection, int64_t within_ms, int64_t watermark,
		  struct ev_error *err)
{
	if (!within_ms || watermark == INT64_MIN || watermark < INT64_MIN + within_ms)
		return 0;
	return ev_store_run(s, sweep_sql,
			    (struct ev_bind[]){ ev_bind_text(projection),
						ev_bind_int(watermark - within_ms) }, 2, err) < 0 ? -1 : 0;
}
