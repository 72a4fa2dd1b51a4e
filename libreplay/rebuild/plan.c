/* plan.c - see plan.h; SQL that SQLite and PostgreSQL both understand */
#include "rebuild/plan.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/ledger.h"

const char *const ev_phase_names[EV_PHASES] = { "none",	    "build", "prepare", "load",
						"catch up", "copy",  "ready" };

static const char create_sql[] =
	"CREATE TABLE IF NOT EXISTS ev_rebuild ("
	" projection text PRIMARY KEY, phase text NOT NULL, plan text NOT NULL,"
	" copy_step bigint NOT NULL, copy_rowid bigint NOT NULL, updated_at bigint NOT NULL);";
static const char load_sql[] = "SELECT phase, plan, copy_step, copy_rowid, updated_at "
			       "FROM ev_rebuild WHERE projection = ?1";
static const char save_sql[] =
	"INSERT INTO ev_rebuild (projection, phase, plan, copy_step, copy_rowid, updated_at) "
	"VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (projection) DO UPDATE SET "
	"phase = excluded.phase, plan = excluded.plan, copy_step = excluded.copy_step, "
	"copy_rowid = excluded.copy_rowid, updated_at = excluded.updated_at";
static const char names_sql[] = "SELECT projection FROM ev_rebuild ORDER BY projection";
static const char settle_sql[] = "UPDATE ev_rebuild SET updated_at = updated_at WHERE projection = ?1";
static const char delete_sql[] = "DELETE FROM ev_rebuild WHERE projection = ?1";

static const char *const suffixes[EV_ROLES] = { "", " (kept)", " (new)", " (gone)", " (moving)" };
static const char *const prefixes[EV_ROLES] = { "", "ev_kept_", "ev_new_", "ev_gone_", "ev_moving_" };

void ev_role_name(struct ev_buf *out, const char *projection, enum ev_role role)
{
	ev_buf_adds(out, projection);
	ev_buf_adds(out, suffixes[role]);
}

bool ev_role_names_live(const char *name)
{
	size_t len = strlen(name);

	for (int role = EV_ROLE_KEPT; role < EV_ROLES; role++) {
		size_t n = strlen(suffixes[role]);

		if (len >= n && strcmp(name + len - n, suffixes[role]) == 0)
			return false;
	}
	return true;
}

const char *ev_role_prefix(enum ev_role role)
{
	return prefixes[role];
}

int ev_plan_create(struct ev_store *s, struct ev_error *err)
{
	return s->ops->script(s, create_sql, err);
}

void ev_plan_forget_range(struct ev_plan *p)
{
	ev_position_release(&p->range.end);
	p->range = (struct ev_plan_range){ .end = EV_POSITION_INIT };
	p->begun = false;
}

struct ev_plan_range *ev_plan_next_range(struct ev_plan *p)
{
	ev_plan_forget_range(p);
	p->begun = true;
	return &p->range;
}

static void set_word(struct ev_plan *p, const char *before)
{
	if (strcmp(before, ev_plan_word(p)) != 0)
		p->since = ev_now_ms();
}

void ev_plan_enter(struct ev_plan *p, enum ev_phase phase)
{
	const char *before = ev_plan_word(p);

	if (!p->began)
		p->began = ev_now_ms();
	p->phase = phase;
	set_word(p, before);
}

void ev_plan_conclude(struct ev_plan *p, bool ready, const char *refused)
{
	const char *before = ev_plan_word(p);

	p->ready = ready;
	free(p->refused);
	free(p->failed);
	free(p->advice);
	p->refused = refused && *refused ? ev_strdup(refused) : NULL;
	p->failed = p->advice = NULL;
	set_word(p, before);
}

const char *ev_plan_word(const struct ev_plan *p)
{
	if (p->refused || p->ready)
		return p->refused ? "refused" : "ready";
	return p->phase == EV_PHASE_READY ? "swap" : ev_phase_names[p->phase];
}

static int take_text(void *ctx, const struct ev_cell *c, size_t n)
{
	(void)n;
	ev_buf_add_slice(ctx, c[0].text);
	return 0;
}

int ev_plan_serving_rows(struct ev_store *s, const char *projection, struct ev_buf *key, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(projection);

	return ev_store_select(s, "SELECT " EV_ROWS_KEY("?1") " FROM ev_projection WHERE name = ?1", &name, 1,
			       take_text, key, err);
}

void ev_rows_key_free(struct ev_buf *sql, const char *projection, int64_t began)
{
	int64_t now = ev_now_ms();

	ev_buf_adds(sql, "(SELECT min(k.key) FROM (");
	for (int i = 0; i < EV_ROLES + 1; i++) /* one more than there can be */
		ev_buf_addf(sql, "%sSELECT '%s/%" PRId64 "/%" PRId64 "' AS key", i ? " UNION ALL " : "", projection,
			    now + i, began);
	ev_buf_adds(sql, ") k WHERE k.key NOT IN (SELECT rows_key FROM ev_rows))");
}

int ev_rows_key_time(struct ev_store *s, const char *name, int64_t *ms, struct ev_error *err)
{
	struct ev_buf key = EV_BUF_INIT;
	int rc = s->ops->has_table(s, "ev_rows", err);
	const char *time;

	*ms = -1;
	if (rc > 0)
		rc = ev_plan_serving_rows(s, name, &key, err);
	time = strrchr(ev_buf_str(&key), '/');
	if (rc == 0 && time && strlen(time) > 2)
		*ms = strtoll(time + 1, NULL, 10);
	ev_buf_release(&key);
	return rc < 0 ? -1 : 0;
}

int ev_plan_is_beside(struct ev_store *s, const struct ev_plan *p, const struct ev_ledger *old, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	bool same;
	int rc;

	if (p->phase == EV_PHASE_NONE || p->phase == EV_PHASE_BUILD)
		return 1;
	rc = p->rows && old->exists ? ev_plan_serving_rows(s, p->projection, &rows, err) : 0;
	same = strcmp(p->serving, old->fingerprint) == 0 && (!p->rows || strcmp(p->rows, ev_buf_str(&rows)) == 0);
	ev_buf_release(&rows);
	return rc < 0 ? -1 : same;
}

void ev_plan_release(struct ev_plan *p)
{
	ev_plan_forget_range(p);
	free(p->projection);
	free(p->compared);
	free(p->holder);
	free(p->rows);
	free(p->refused);
	free(p->failed);
	free(p->advice);
	ev_buf_release(&p->adopted);
	ev_buf_release(&p->waiting);
	ev_buf_release(&p->differs);
	*p = (struct ev_plan){ 0 };
}

static int read_range(struct ev_plan *p, json_t *j, struct ev_error *err)
{
	struct ev_plan_range *r = ev_plan_next_range(p);
	json_t *end = json_object_get(j, "end");
	char *text;
	int rc;

	r->replay = json_integer_value(json_object_get(j, "replay"));
	r->open = !json_is_object(end);
	if (r->open)
		return 0;
	text = json_dumps(end, JSON_COMPACT);
	rc = text ? ev_position_read(&r->end, ev_slice_str(text), err) : -1;
	free(text);
	return rc;
}

static void read_hex(char out[33], json_t *j)
{
	const char *s = json_string_value(j);

	snprintf(out, 33, "%s", s ? s : "");
}

static void read_texts(struct ev_buf *out, json_t *list)
{
	const char *text;
	json_t *j;
	size_t i;

	json_array_foreach(list, i, j)
		if ((text = json_string_value(j)))
			ev_buf_add(out, text, strlen(text) + 1);
}

static json_t *print_texts(const struct ev_buf *texts)
{
	json_t *list = json_array();

	for (const char *t = ev_buf_str(texts), *end = t + texts->len; t < end; t += strlen(t) + 1)
		json_array_append_new(list, json_string(t));
	return list;
}

static int read_json(struct ev_plan *p, struct ev_slice text, struct ev_error *err)
{
	json_t *j = json_loadb(text.ptr, text.len, 0, NULL), *range = json_object_get(j, "range"),
	       *ranges = json_object_get(j, "ranges"); /* all of them, of a former version of ours */
	int rc = 0;

	if (!range)
		range = json_array_get(ranges, json_array_size(ranges) - 1);
	p->version = json_integer_value(json_object_get(j, "version"));
	p->replayed = json_integer_value(json_object_get(j, "replayed"));
	read_hex(p->fingerprint, json_object_get(j, "fingerprint"));
	read_hex(p->serving, json_object_get(j, "serving"));
	p->adopt = json_is_true(json_object_get(j, "adopt"));
	p->detached = json_is_true(json_object_get(j, "detached"));
	p->change = json_number_value(json_object_get(j, "change"));
	p->compared = ev_strdup(json_string_value(json_object_get(j, "compared")));
	p->holder = ev_strdup(json_string_value(json_object_get(j, "holder")));
	p->ready = json_is_true(json_object_get(j, "ready"));
	p->refused = ev_strdup(json_string_value(json_object_get(j, "refused")));
	p->failed = ev_strdup(json_string_value(json_object_get(j, "failed")));
	p->advice = ev_strdup(json_string_value(json_object_get(j, "advice")));
	p->began = json_integer_value(json_object_get(j, "began"));
	p->since = json_integer_value(json_object_get(j, "since"));
	p->rows = ev_strdup(json_string_value(json_object_get(j, "rows")));
	read_texts(&p->adopted, json_object_get(j, "adopted"));
	read_texts(&p->waiting, json_object_get(j, "waiting"));
	read_texts(&p->differs, json_object_get(j, "differs"));
	p->compares = json_is_array(json_object_get(j, "differs"));
	if (json_is_object(range))
		rc = read_range(p, range, err);
	if (!json_is_object(j) || rc < 0)
		rc = ev_fail(err, EV_STORE, "the plan of the rebuild in the store is damaged");
	json_decref(j);
	return rc;
}

static json_t *print_range(const struct ev_plan *p)
{
	struct ev_buf end = EV_BUF_INIT;
	json_t *pos;

	if (!p->begun)
		return json_null();
	ev_position_print(&p->range.end, &end);
	pos = p->range.open ? json_null() : json_loads(ev_buf_str(&end), 0, NULL);
	ev_buf_release(&end);
	return json_pack("{s:o, s:I}", "end", pos, "replay", (json_int_t)p->range.replay);
}

static char *print_json(const struct ev_plan *p)
{
	char me[EV_HOLDER_TEXT], *text;
	json_t *j;

	ev_ledger_me(me);
	j = json_pack("{s:I, s:s, s:s, s:s?, s:I, s:s?, s:f, s:b, s:b, s:b, s:s?, s:s?, s:s?, s:I, s:I, s:s, s:o, s:o, "
		      "s:o, s:o}",
		      "version", (json_int_t)p->version, "fingerprint", p->fingerprint, "serving", p->serving,
		      "rows", p->rows, "replayed", (json_int_t)p->replayed, "compared", p->compared,
		      "change", p->change, "adopt", (int)p->adopt, "detached", (int)p->detached, "ready", (int)p->ready,
		      "refused", p->refused, "failed", p->failed, "advice", p->advice,
		      "began", (json_int_t)p->began, "since", (json_int_t)p->since, "holder", me, "range",
		      print_range(p), "adopted", print_texts(&p->adopted), "waiting", print_texts(&p->waiting),
		      "differs", p->compares ? print_texts(&p->differs) : json_null());
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return text;
}

struct loading {
	struct ev_plan *p;
	struct ev_error *err;
};

static int take_plan(void *ctx, const struct ev_cell *c, size_t n)
{
	struct loading *l = ctx;

	(void)n;
	for (int i = 0; i < EV_PHASES; i++)
		if (ev_slice_is(c[0].text, ev_phase_names[i]))
			l->p->phase = (enum ev_phase)i;
	l->p->copy_step = c[2].i;
	l->p->copy_rowid = c[3].i;
	l->p->updated_at = c[4].i;
	return read_json(l->p, c[1].text, l->err);
}

int ev_plan_load(struct ev_store *s, const char *projection, struct ev_plan *p, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(projection);
	struct loading l = { p, err };
	int rc = s->ops->has_table(s, "ev_rebuild", err);

	*p = (struct ev_plan){ .projection = ev_strdup(projection) };
	if (rc > 0)
		rc = ev_store_select(s, load_sql, &name, 1, take_plan, &l, err);
	if (!p->since) /* of a former version of ours */
		p->since = p->updated_at;
	return rc;
}

static int add_name(void *ctx, const struct ev_cell *c, size_t n)
{
	struct ev_buf *names = ctx;
	const char *p = ev_buf_str(names), *end = p + names->len;

	(void)n;
	for (; p < end; p += strlen(p) + 1)
		if (ev_slice_is(c[0].text, p))
			return 0;
	ev_buf_add_slice(names, c[0].text);
	ev_buf_addc(names, 0);
	return 0;
}

int ev_plan_names(struct ev_store *s, struct ev_buf *names, struct ev_error *err)
{
	int present = s->ops->has_table(s, "ev_rebuild", err);

	return present <= 0 ? present : ev_store_select(s, names_sql, NULL, 0, add_name, names, err);
}

int ev_plan_save(struct ev_store *s, struct ev_plan *p, struct ev_error *err)
{
	char *text = print_json(p);
	int64_t rc;

	if (!text)
		return ev_fail(err, EV_BUG, "cannot print the plan of a rebuild");
	p->updated_at = ev_now_ms();
	rc = ev_store_run(s, save_sql,
			  (struct ev_bind[]){ ev_bind_text(p->projection),
					      ev_bind_text(ev_phase_names[p->phase]),
					      ev_bind_text(text), ev_bind_int(p->copy_step),
					      ev_bind_int(p->copy_rowid), ev_bind_int(p->updated_at) },
			  6, err);
	free(text);
	return rc < 0 ? -1 : 0;
}

int ev_plan_settle(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(projection);

	return (int)ev_store_run(s, settle_sql, &name, 1, err);
}

int ev_plan_delete(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_bind name = ev_bind_text(projection);
	int present = s->ops->has_table(s, "ev_rebuild", err);

	if (present <= 0)
		return present;
	return ev_store_run(s, delete_sql, &name, 1, err) < 0 ? -1 : 0;
}

int ev_plan_built(struct ev_store *s, const char *projection, struct ev_error *err)
{
	struct ev_plan p;
	int rc = ev_plan_load(s, projection, &p, err);

	if (rc == 0 && p.phase == EV_PHASE_BUILD)
		rc = ev_plan_make_indexes(s, projection, err);
	if (rc == 0 && p.phase == EV_PHASE_BUILD)
		rc = ev_plan_delete(s, projection, err);
	ev_plan_release(&p);
	return rc;
}

int ev_plan_give_up(struct ev_store *s, const char *projection, bool stays,
		    int (*first)(struct ev_shadow *sh, struct ev_error *err), struct ev_shadow *sh,
		    struct ev_error *err)
{
	int rc = s->ops->begin(s, err);

	if (rc < 0)
		return -1;
	if (stays)
		rc = ev_plan_make_indexes(s, projection, err);
	if (rc < 0 && !err->retriable)
		ev_hint(err, "the first build stands as it did: give it up when that is mended, or with its rows: "
			"drop %s", projection);
	if (rc == 0)
		rc = first(sh, err);
	if (rc == 0)
		rc = ev_plan_delete(s, projection, err);
	if (rc == 0)
		rc = s->ops->commit(s, err);
	if (rc < 0)
		s->ops->rollback(s);
	return rc;
}
