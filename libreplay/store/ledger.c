/* ledger.c - see ledger.h; SQL that SQLite and PostgreSQL both understand */
#include "store/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/plural.h"
#include "base/sum.h"
#include "base/utf8.h"

const char *const ev_count_names[EV_COUNTS] = { "applied", "ignored", "filtered", "deduplicated",
						"dead",    "held",    "dropped",  "invisible" };

#define CREATE_ROWS "CREATE TABLE IF NOT EXISTS ev_rows (projection text PRIMARY KEY, rows_key text NOT NULL);"

static const char create_sql[] =
	"CREATE TABLE IF NOT EXISTS ev_projection ("
	" name text PRIMARY KEY, version bigint NOT NULL, fingerprint text NOT NULL,"
	" generation bigint NOT NULL, holder text NOT NULL, mode text NOT NULL, watermark bigint,"
	" cuts bigint NOT NULL, last_error text, updated_at bigint NOT NULL);"
	"CREATE TABLE IF NOT EXISTS ev_table ("
	" table_name text PRIMARY KEY, projection text NOT NULL);"
	"CREATE TABLE IF NOT EXISTS ev_ledger ("
	" projection text NOT NULL, topic text NOT NULL, partition bigint NOT NULL,"
	" begin_offset bigint NOT NULL, next_offset bigint NOT NULL, target_offset bigint NOT NULL,"
	" cluster_id text, last_offset bigint NOT NULL, last_timestamp bigint, last_hash bigint NOT NULL,"
	" applied bigint NOT NULL, ignored bigint NOT NULL, filtered bigint NOT NULL,"
	" deduplicated bigint NOT NULL, dead bigint NOT NULL, held bigint NOT NULL,"
	" dropped bigint NOT NULL, invisible bigint NOT NULL, untouched bigint NOT NULL,"
	" PRIMARY KEY (projection, topic, partition));"
	"CREATE TABLE IF NOT EXISTS ev_cut ("
	" projection text NOT NULL, seq bigint NOT NULL, position text NOT NULL,"
	" PRIMARY KEY (projection, seq));" CREATE_ROWS;

static const char names_sql[] = "SELECT name FROM ev_projection WHERE name NOT LIKE '%(%' UNION "
				"SELECT projection FROM ev_table WHERE projection NOT LIKE '%(%' ORDER BY 1";
static const char insert_projection_sql[] =
	"INSERT INTO ev_projection (name, version, fingerprint, generation, holder, mode, watermark, "
	"cuts, last_error, updated_at) VALUES (?1, ?2, ?3, 1, ?4, 'stop', NULL, 0, NULL, ?5)";
static const char insert_table_sql[] = "INSERT INTO ev_table (table_name, projection) VALUES (?1, ?2)";
static const char tables_sql[] =
	"SELECT table_name FROM ev_table WHERE projection = ?1 ORDER BY table_name";
static const char guard_projection_sql[] =
	"SELECT fingerprint, generation, version FROM ev_projection WHERE name = ?1";
/* where transactions run side by side, the row is what they queue for */
static const char guard_projection_lock_sql[] =
	"SELECT fingerprint, generation, version FROM ev_projection WHERE name = ?1 FOR UPDATE";
static const char guard_ledger_sql[] =
	"SELECT topic, partition, next_offset FROM ev_ledger WHERE projection = ?1";
static const char save_projection_sql[] =
	"UPDATE ev_projection SET generation = ?2, holder = coalesce(?3, holder), watermark = ?4, cuts = ?5, "
	"updated_at = ?6 WHERE name = ?1";
static const char save_ledger_sql[] =
	"INSERT INTO ev_ledger (projection, topic, partition, begin_offset, next_offset, target_offset, "
	"cluster_id, last_offset, last_timestamp, last_hash, applied, ignored, filtered, deduplicated, "
	"dead, held, dropped, invisible, untouched) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, "
	"?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) ON CONFLICT (projection, topic, partition) "
	"DO UPDATE SET next_offset = excluded.next_offset, target_offset = excluded.target_offset, "
	"last_offset = excluded.last_offset, last_timestamp = excluded.last_timestamp, "
	"last_hash = excluded.last_hash, applied = excluded.applied, ignored = excluded.ignored, "
	"filtered = excluded.filtered, deduplicated = excluded.deduplicated, dead = excluded.dead, "
	"held = excluded.held, dropped = excluded.dropped, invisible = excluded.invisible, "
	"untouched = excluded.untouched, cluster_id = excluded.cluster_id";
static const char insert_cut_sql[] =
	"INSERT INTO ev_cut (projection, seq, position) VALUES (" EV_ROWS_KEY("?1") ", ?2, ?3)";
static const char note_error_sql[] = "UPDATE ev_projection SET last_error = ?2 WHERE name = ?1";
static const char hold_sql[] = "UPDATE ev_projection SET holder = ?2, mode = ?3 WHERE name = ?1";
/* The projection's own holder before others in the same store, and never ourselves or a version that does not serve. */
static const char holder_sql[] =
	"SELECT holder, updated_at, name FROM ev_projection WHERE holder <> ?2 AND name NOT LIKE '%(%' "
	"ORDER BY CASE name WHEN ?1 THEN 0 ELSE 1 END, updated_at DESC LIMIT 1";

void ev_ledger_me(char out[EV_HOLDER_TEXT])
{
	char host[64] = "";

	gethostname(host, sizeof(host) - 1);
	snprintf(out, EV_HOLDER_TEXT, "pid %ld on %s", (long)getpid(), host);
}

int ev_ledger_create(struct ev_store *s, struct ev_error *err)
{
	return s->ops->script(s, create_sql, err);
}

int ev_ledger_present(struct ev_store *s, struct ev_error *err)
{
	return s->ops->has_table(s, "ev_projection", err);
}

/* 1: the ledger is whole, or there is none; 0: it was made before ev_rows was; -1. */
static int has_rows(struct ev_store *s, struct ev_error *err)
{
	int rc = s->ops->has_table(s, "ev_rows", err);

	if (rc)
		return rc;
	rc = ev_ledger_present(s, err);
	return rc < 0 ? -1 : !rc;
}

int ev_ledger_complete(struct ev_store *s, struct ev_error *err)
{
	struct ev_error ignored = EV_ERROR_INIT;
	int rc = has_rows(s, err);
	bool made;

	if (rc)
		return rc < 0 ? -1 : 0;
	made = s->ops->script(s, CREATE_ROWS, err) == 0;
	if (made || has_rows(s, &ignored) <= 0)
		return made ? 0 : -1;
	*err = (struct ev_error)EV_ERROR_INIT; /* another made it at the same moment */
	return 0;
}

int ev_ledger_readable(struct ev_store *s, struct ev_error *err)
{
	int rc = has_rows(s, err);

	if (rc)
		return rc < 0 ? -1 : 0;
	ev_fail(err, EV_STORE, "store '%s': its ledger is of an earlier evproject and has no table ev_rows yet",
		s->url);
	return ev_hint(err, "evproject run makes it when it is started next");
}

static int part_cmp(const struct ev_ledger_part *p, const char *topic, int32_t partition)
{
	int c = strcmp(p->topic, topic);

	return c ? c : (p->partition > partition) - (p->partition < partition);
}

void ev_ledger_forget_parts(struct ev_ledger *l)
{
	for (size_t i = 0; i < l->nparts; i++) {
		free(l->parts[i].topic);
		free(l->parts[i].cluster_id);
	}
	free(l->parts);
	l->parts = NULL;
	l->nparts = l->cap = 0;
}

void ev_ledger_release(struct ev_ledger *l)
{
	ev_ledger_forget_parts(l);
	free(l->projection);
	free(l->last_error);
	free(l->holder);
	*l = (struct ev_ledger){ 0 };
}

static int add_name(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	ev_buf_add(ctx, c[0].text.ptr, c[0].text.len);
	ev_buf_addc(ctx, '\0');
	return 0;
}

int ev_ledger_names(struct ev_store *s, struct ev_buf *names, struct ev_error *err)
{
	int present = ev_ledger_present(s, err);

	return present <= 0 ? present : ev_store_select(s, names_sql, NULL, 0, add_name, names, err);
}

int ev_ledger_no_view(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_buf names = EV_BUF_INIT, list = EV_BUF_INIT;
	struct ev_error ignored = EV_ERROR_INIT;
	const char *n, *end;

	ev_ledger_names(s, &names, &ignored);
	end = ev_buf_str(&names) + names.len;
	for (n = ev_buf_str(&names); n < end; n += strlen(n) + 1)
		ev_buf_addf(&list, "%s%s", list.len ? ", " : "", n);
	ev_fail(err, EV_USAGE, "store '%s' has no view '%s'", s->url, projection);
	ev_hint(err, "is it the right store, or schema?%s%s", list.len ? " it has " : "", ev_buf_str(&list));
	ev_buf_release(&names);
	ev_buf_release(&list);
	return -1;
}

int ev_ledger_register(struct ev_store *s, struct ev_ledger *l, const char *fingerprint,
		       int64_t version, const struct ev_buf *tables, struct ev_error *err)
{
	const char *t = ev_buf_str(tables), *end = t + tables->len;
	char holder[EV_HOLDER_TEXT];

	ev_ledger_me(holder);
	l->updated_at = ev_now_ms();
	if (ev_store_run(s, insert_projection_sql,
			 (struct ev_bind[]){ ev_bind_text(l->projection), ev_bind_int(version),
					     ev_bind_text(fingerprint), ev_bind_text(holder),
					     ev_bind_int(l->updated_at) }, 5, err) < 0)
		return -1;
	for (; t < end; t += strlen(t) + 1)
		if (ev_store_run(s, insert_table_sql,
				 (struct ev_bind[]){ ev_bind_text(t), ev_bind_text(l->projection) }, 2,
				 err) < 0)
			return -1;
	l->exists = true;
	l->version = version;
	l->generation = 1;
	snprintf(l->fingerprint, sizeof(l->fingerprint), "%s", fingerprint);
	return 0;
}

int ev_ledger_tables(struct ev_store *s, const char *projection, struct ev_buf *tables,
		     struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(projection);

	return ev_store_select(s, tables_sql, &name, 1, add_name, tables, err);
}

struct guard {
	const struct ev_ledger *ledger;
	bool found, moved;
	int64_t serving; /* the version of another file has taken over; else -1 */
	size_t at;     /* entries come in no promised order, but mostly in ours */
	size_t stored; /* entries seen that we know to be stored */
};

static int guard_projection(void *ctx, const struct ev_cell *c, size_t n)
{
	struct guard *g = ctx;

	(void)n;
	g->found = true;
	if (!ev_slice_is(c[0].text, g->ledger->fingerprint))
		g->serving = c[2].i;
	g->moved |= g->serving >= 0 || c[1].i != g->ledger->generation;
	return 0;
}

static int guard_part(void *ctx, const struct ev_cell *c, size_t n)
{
	struct guard *g = ctx;

	(void)n;
	for (size_t i = 0; i < g->ledger->nparts; i++) {
		size_t at = (g->at + i) % g->ledger->nparts;
		const struct ev_ledger_part *p = &g->ledger->parts[at];

		if (p->partition == c[1].i && ev_slice_is(c[0].text, p->topic)) {
			g->moved |= p->next != c[2].i;
			g->stored += !p->dirty;
			g->at = at + 1;
			return 0;
		}
	}
	g->moved = true; /* a partition that we do not know */
	return 0;
}

static int guard_select(struct ev_store *s, const struct ev_bind *name, struct guard *g,
			struct ev_error *err)
{
	return ev_store_select(s, s->ops->dialect == EV_POSTGRESQL ? guard_projection_lock_sql
								   : guard_projection_sql,
			       name, 1, guard_projection, g, err);
}

int ev_ledger_guard(struct ev_store *s, const struct ev_ledger *l, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(l->projection);
	struct guard g = { .ledger = l, .serving = -1 };
	size_t stored = 0;

	for (size_t i = 0; i < l->nparts; i++)
		stored += !l->parts[i].dirty; /* what is dirty now has never been saved */

	if (guard_select(s, &name, &g, err) < 0 ||
	    /* what was swapped while we waited for its row has another name; the new one has a row too */
	    (!g.found && guard_select(s, &name, &g, err) < 0) ||
	    ev_store_select(s, guard_ledger_sql, &name, 1, guard_part, &g, err) < 0)
		return -1;
	if (g.found && !g.moved && g.stored == stored)
		return 0;
	if (!g.found) {
		ev_fail(err, EV_HELD, "projection '%s' is in the store no more", l->projection);
		return ev_hint(err, "its ledger was removed, or a rollback has put another program's tables in its "
				    "place: evproject status says what serves");
	}
	if (g.serving >= 0) {
		ev_fail(err, EV_HELD, "projection '%s' was swapped: version %" PRId64 " serves now",
			l->projection, g.serving);
		return ev_hint(err, "start again with the file of that version; it goes on where the view "
				    "stands");
	}
	ev_fail(err, EV_HELD, "another process has moved projection '%s'", l->projection);
	ev_hint(err, "another run has gone on with it, or a rollback has taken it back: start again, and it goes on "
		"where the view stands");
	ev_ledger_name_holder(s, l->projection, err);
	return -1;
}

int ev_ledger_moved(struct ev_store *s, const struct ev_ledger *l, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(l->projection);
	struct guard g = { .ledger = l, .serving = -1 };

	if (ev_store_select(s, guard_projection_sql, &name, 1, guard_projection, &g, err) < 0)
		return -1;
	return !g.found || g.moved;
}

static bool same_part(const struct ev_ledger_part *a, const struct ev_ledger_part *b)
{
	return part_cmp(a, b->topic, b->partition) == 0 && a->begin == b->begin && a->next == b->next &&
	       a->target == b->target && a->last_offset == b->last_offset && a->last_timestamp == b->last_timestamp &&
	       a->last_hash == b->last_hash && memcmp(a->counts, b->counts, sizeof(a->counts)) == 0 &&
	       a->untouched == b->untouched;
}

int ev_ledger_saved(struct ev_store *s, const struct ev_ledger *l, struct ev_error *err)
{
	struct ev_ledger now;
	int rc = ev_ledger_load(s, l->projection, &now, err);

	if (rc == 0) {
		rc = now.nparts == l->nparts && now.cuts == l->cuts && now.watermark == l->watermark;
		for (size_t i = 0; i < l->nparts && rc; i++)
			rc = same_part(&now.parts[i], &l->parts[i]);
	}
	ev_ledger_release(&now);
	return rc;
}

static int save_part(struct ev_store *s, const struct ev_ledger *l, const struct ev_ledger_part *p,
		     struct ev_error *err)
{
	struct ev_bind b[19] = {
		ev_bind_text(l->projection), ev_bind_text(p->topic), ev_bind_int(p->partition),
		ev_bind_int(p->begin), ev_bind_int(p->next), ev_bind_int(p->target),
		ev_bind_text(p->cluster_id), ev_bind_int(p->last_offset),
		ev_bind_int(p->last_timestamp), ev_bind_int((int64_t)p->last_hash),
	};

	if (p->last_timestamp == EV_NO_TIMESTAMP)
		b[8].kind = EV_BIND_NULL;
	for (int i = 0; i < EV_COUNTS; i++)
		b[10 + i] = ev_bind_int(p->counts[i]);
	b[18] = ev_bind_int(p->untouched);
	return ev_store_run(s, save_ledger_sql, b, 19, err) < 0 ? -1 : 0;
}

int ev_ledger_cut(struct ev_store *s, struct ev_ledger *l, struct ev_error *err)
{
	struct ev_position pos = EV_POSITION_INIT;
	struct ev_buf text = EV_BUF_INIT;
	int rc;

	ev_ledger_position(l, &pos);
	ev_position_print(&pos, &text);
	rc = ev_store_run(s, insert_cut_sql,
			  (struct ev_bind[]){ ev_bind_text(l->projection), ev_bind_int(l->cuts + 1),
					      ev_bind_slice(ev_buf_slice(&text)) }, 3, err) < 0 ? -1 : 0;
	l->cuts += rc == 0;
	ev_position_release(&pos);
	ev_buf_release(&text);
	return rc;
}

static int take_position(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	ev_buf_add_slice(ctx, c[0].text);
	return 0;
}

int ev_ledger_cut_position(struct ev_store *s, const char *projection, int64_t seq, struct ev_position *out,
			   struct ev_error *err)
{
	static const char sql[] = "SELECT position FROM ev_cut WHERE projection = "
				  EV_ROWS_KEY("?1") " AND seq = ?2";
	struct ev_bind b[] = { ev_bind_text(projection), ev_bind_int(seq) };
	struct ev_buf text = EV_BUF_INIT;
	int rc = ev_store_select(s, sql, b, 2, take_position, &text, err);

	if (rc == 0 && text.len)
		rc = ev_position_read(out, ev_buf_slice(&text), err);
	ev_buf_release(&text);
	return rc;
}

static int take_cuts(void *ctx, const struct ev_cell *c, size_t n)
{
	int64_t *cuts = ctx;

	(void)n;
	cuts[0] = c[0].i;
	cuts[1] = c[1].i;
	return 0;
}

/* In one statement: another writer may store one at any moment. */
int ev_ledger_check_cuts(struct ev_store *s, const char *projection, struct ev_error *err)
{
	static const char sql[] = "SELECT p.cuts, coalesce((SELECT max(c.seq) FROM ev_cut c WHERE c.projection = "
				  EV_ROWS_KEY("?1") "), 0) FROM ev_projection p WHERE p.name = ?1";
	struct ev_bind b[] = { ev_bind_text(projection) };
	int64_t cuts[2] = { 0, 0 };

	if (ev_store_select(s, sql, b, 1, take_cuts, cuts, err) < 0)
		return -1;
	if (cuts[1] <= cuts[0])
		return 0;
	ev_fail(err, EV_DATA, "projection '%s' has %" PRId64 " in ev_projection.cuts, and its last cut in ev_cut is "
		"%" PRId64 ": the store was edited", projection, cuts[0], cuts[1]);
	return ev_hint(err, "UPDATE ev_projection SET cuts = %" PRId64 " WHERE name = '%s' mends that; evverify tells "
		       "whether more of it is not what the log makes", cuts[1], projection);
}

static int save(struct ev_store *s, struct ev_ledger *l, bool cut, const char *holder, struct ev_error *err)
{
	struct ev_bind watermark = ev_bind_int(l->watermark);

	for (size_t i = 0; i < l->nparts; i++) {
		if (l->parts[i].dirty && save_part(s, l, &l->parts[i], err) < 0)
			return -1;
		l->parts[i].dirty = false;
	}
	if (cut && ev_ledger_cut(s, l, err) < 0)
		return -1;
	if (l->watermark == INT64_MIN)
		watermark.kind = EV_BIND_NULL;
	l->updated_at = ev_now_ms();
	return ev_store_run(s, save_projection_sql,
			    (struct ev_bind[]){ ev_bind_text(l->projection),
						ev_bind_int(l->generation), ev_bind_text(holder),
						watermark, ev_bind_int(l->cuts),
						ev_bind_int(l->updated_at) }, 6, err) < 0 ? -1 : 0;
}

int ev_ledger_save(struct ev_store *s, struct ev_ledger *l, bool cut, struct ev_error *err)
{
	char holder[EV_HOLDER_TEXT];

	ev_ledger_me(holder);
	return save(s, l, cut, holder, err);
}

int ev_ledger_bump(struct ev_store *s, struct ev_ledger *l, struct ev_error *err)
{
	l->generation++;
	if (save(s, l, true, NULL, err) == 0)
		return 0;
	l->generation--;
	return -1;
}

int ev_ledger_note_error(struct ev_store *s, const char *projection, const char *text,
			 struct ev_error *err)
{
	struct ev_bind b[] = { ev_bind_text(projection), ev_bind_text(NULL) };
	struct ev_buf clean = EV_BUF_INIT;
	int64_t rc;

	if (text) {
		ev_utf8_clean(text, &clean);
		b[1] = ev_bind_text(ev_buf_str(&clean));
	}
	rc = ev_store_run(s, note_error_sql, b, 2, err);
	ev_buf_release(&clean);
	return rc < 0 ? -1 : 0;
}

int ev_ledger_hold(struct ev_store *s, const char *projection, bool dead, struct ev_error *err)
{
	char holder[EV_HOLDER_TEXT];

	ev_ledger_me(holder);
	return ev_store_run(s, hold_sql,
			    (struct ev_bind[]){ ev_bind_text(projection), ev_bind_text(holder),
						ev_bind_text(dead ? "dead" : "stop") }, 3,
			    err) < 0 ? -1 : 0;
}

static int take_holder(void *ctx, const struct ev_cell *c, size_t n)
{
	struct ev_error *err = ctx;
	int64_t ago = (ev_now_ms() - c[1].i) / 1000;

	(void)n;
	ev_hint(err, "it is held by %.*s (projection %.*s, last commit %" PRId64 " s ago); wait for it, "
		"or give a longer --lock-wait", (int)c[0].text.len, c[0].text.ptr, (int)c[2].text.len,
		c[2].text.ptr, ago > 0 ? ago : 0);
	return 0;
}

void ev_ledger_name_holder(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_error ignored = EV_ERROR_INIT;
	char own[EV_HOLDER_TEXT];

	ev_ledger_me(own);
	if (ev_ledger_present(s, &ignored) > 0)
		ev_store_select(s, holder_sql,
				(struct ev_bind[]){ ev_bind_text(projection), ev_bind_text(own) }, 2,
				take_holder, err, &ignored);
}

/* The first entry that is not before (topic, partition). */
static size_t lower_bound(const struct ev_ledger *l, const char *topic, int32_t partition)
{
	size_t low = 0, high = l->nparts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (part_cmp(&l->parts[mid], topic, partition) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct ev_ledger_part *ev_ledger_part(struct ev_ledger *l, const char *topic, int32_t partition,
				      bool add)
{
	size_t at = lower_bound(l, topic, partition);

	if (at < l->nparts && part_cmp(&l->parts[at], topic, partition) == 0)
		return &l->parts[at];
	if (!add)
		return NULL;
	EV_GROW(l->parts, l->nparts, l->cap);
	memmove(l->parts + at + 1, l->parts + at, (l->nparts - at) * sizeof(*l->parts));
	l->nparts++;
	l->parts[at] = (struct ev_ledger_part){
		.topic = ev_strdup(topic), .partition = partition, .begin = -1, .next = -1,
		.target = -1, .last_offset = -1, .last_timestamp = EV_NO_TIMESTAMP,
	};
	return &l->parts[at];
}

void ev_ledger_position(const struct ev_ledger *l, struct ev_position *out)
{
	ev_position_release(out);
	for (size_t i = 0; i < l->nparts; i++)
		ev_position_set(out, l->parts[i].topic, l->parts[i].partition, l->parts[i].next);
}

int64_t ev_ledger_age_ms(const struct ev_ledger *l)
{
	int64_t last = EV_NO_TIMESTAMP;

	for (size_t i = 0; i < l->nparts; i++)
		if (l->parts[i].last_offset >= 0 && l->parts[i].last_timestamp > last)
			last = l->parts[i].last_timestamp;
	return last == EV_NO_TIMESTAMP ? -1 : ev_age_ms(last);
}

int64_t ev_ledger_counted(const struct ev_ledger_part *p)
{
	int64_t sum = 0;

	for (int c = 0; c < EV_COUNTS; c++)
		sum = ev_sum(sum, p->counts[c]);
	return sum;
}

bool ev_ledger_balanced(const struct ev_ledger *l, struct ev_buf *why)
{
	for (size_t i = 0; i < l->nparts; i++) {
		const struct ev_ledger_part *p = &l->parts[i];
		int64_t sum = ev_ledger_counted(p);

		if (sum != p->next - p->begin) {
			ev_buf_addf(why, "%s/%d: %" PRId64 " offset%s passed, %" PRId64 " accounted for",
				    p->topic, p->partition, p->next - p->begin, ev_plural(p->next - p->begin), sum);
			return false;
		}
	}
	return true;
}
