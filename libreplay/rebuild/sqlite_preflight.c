/*
 * sqlite_preflight.c - what hangs on the old tables, and whether it survives: by rehearsal
 *
 * The live schema is built once more in memory, without rows, and the swap is done there. What compiled
 * before and does not compile afterwards would have been broken by the swap; it is refused by name.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "rebuild/sqlite_kit.h"
#include "store/dead.h"
#include "store/seen.h"
#include "store/sqlite_file.h"

struct preflight {
	struct ev_shadow_sqlite *sh;
	struct ev_sqlite *live, *fresh, *stage; /* stage: in memory */
	const char *projection;
	struct ev_shadow_report *out;
};

/* The rows of a table of ours in the live store, which may not have it yet. */
static int live_rows(struct preflight *f, const char *table, struct ev_buf *out, struct ev_error *err)
{
	int there = ev_sqlite_has_table(&f->live->base, table, err);

	return there <= 0 ? there : ev_kit_rows(f->live, out, err, "SELECT * FROM main.%s", table);
}

/* Tables of the new version that are in the live store already: whose? */
static int check_owner(struct preflight *f, const char *table, bool adopt, struct ev_error *err)
{
	struct ev_buf owner = EV_BUF_INIT;
	int there = ev_sqlite_has_table(&f->live->base, table, err);
	int known = there < 0 ? -1 : ev_sqlite_has_table(&f->live->base, "ev_table", err);
	int rc = known < 0 ? -1 : 0;

	if (there > 0 && known > 0)
		rc = ev_kit_rows(f->live, &owner, err, "SELECT projection FROM main.ev_table "
				 "WHERE table_name = %Q COLLATE NOCASE", table);
	if (there > 0 && rc == 0 && strcmp(ev_buf_str(&owner), f->projection) != 0) {
		if (owner.len)
			rc = ev_fail(err, EV_USAGE, "table '%s' belongs to projection '%s'", table,
				     ev_buf_str(&owner));
		else if (!adopt)
			rc = ev_fail(err, EV_USAGE, "table '%s' exists already, and no ledger of this "
				     "projection owns it", table);
		if (rc < 0 && !owner.len)
			ev_hint(err, "--adopt takes it as the old version of this view");
	}
	ev_buf_release(&owner);
	return rc;
}

static int check_owners(struct preflight *f, bool adopt, struct ev_error *err)
{
	struct ev_buf *t = &f->out->tables;
	int rc;

	ev_buf_clear(t);
	rc = ev_kit_rows(f->fresh, t, err, "SELECT table_name FROM main.ev_table WHERE projection = %Q "
			 "ORDER BY table_name", f->projection);
	for (const char *c = ev_kit_first(t); rc == 0 && c; c = ev_kit_next(t, c, 1))
		rc = check_owner(f, c, adopt, err);
	return rc;
}

/* The rows of a query that finds what would not survive: the first is an error. */
static int refuse_found(struct preflight *f, const char *sql, const char *fmt, const char *hint,
			struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(f->stage, &rows, err, sql, f->projection, f->projection);
	const char *c = ev_kit_first(&rows);

	if (rc == 0 && c) {
		char *text = sqlite3_mprintf(fmt, c, ev_kit_cell(c, 1));

		rc = ev_fail(err, EV_USAGE, "%s", text ? text : "");
		ev_hint(err, "%s", hint);
		sqlite3_free(text);
	}
	ev_buf_release(&rows);
	return rc;
}

#define FOREIGN_KEYS "SELECT m.name, k.\"table\" FROM main.sqlite_schema m, " \
		     "pragma_foreign_key_list(m.name) k JOIN main.ev_table t " \
		     "ON t.table_name = k.\"table\" COLLATE NOCASE WHERE m.type = 'table' " \
		     "AND t.projection = %Q AND NOT EXISTS (SELECT 1 FROM main.ev_table o " \
		     "WHERE o.table_name = m.name COLLATE NOCASE AND o.projection = %Q)"

#define OWN_TRIGGERS "SELECT m.name, m.tbl_name FROM main.sqlite_schema m JOIN main.ev_table t " \
		     "ON t.table_name = m.tbl_name COLLATE NOCASE WHERE m.type = 'trigger' AND t.projection = %Q"

static int check_dependents(struct preflight *f, struct ev_error *err)
{
	static const char virtuals[] =
		"SELECT m.name, '' FROM main.sqlite_schema m JOIN main.ev_table t "
		"ON t.table_name = m.name COLLATE NOCASE WHERE m.type = 'table' "
		"AND m.sql LIKE 'CREATE VIRTUAL%%' AND t.projection = %Q";

	if (refuse_found(f, OWN_TRIGGERS, "trigger '%s' on '%s' would not survive the swap",
			 "drop it, and create it again after the swap if it is to stay", err) < 0 ||
	    refuse_found(f, FOREIGN_KEYS, "a foreign key of table '%s' points to '%s': it would be tied to the old "
			 "version", "drop the foreign key", err) < 0)
		return -1;
	if (refuse_found(f, virtuals, "'%s' is a virtual table, which cannot be swapped",
			 "drop it", err) < 0)
		return -1;
	return ev_kit_check_searched(f->live, f->stage, f->projection, err);
}

/* The live schema in memory; what does not compile there did not work before either. */
static int build_stage(struct preflight *f, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(f->live, &rows, err,
			     "SELECT sql FROM main.sqlite_schema WHERE sql IS NOT NULL "
			     "AND name NOT LIKE 'sqlite\\_%%' ESCAPE '\\' ORDER BY CASE type "
			     "WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid");

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 1))
		sqlite3_exec(f->stage->db, c, NULL, NULL, NULL);
	ev_buf_clear(&rows);
	if (rc == 0)
		rc = live_rows(f, "ev_table", &rows, err);
	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2))
		rc = ev_kit_exec(f->stage, err, "INSERT INTO main.ev_table VALUES (%Q, %Q)", c,
				 ev_kit_cell(c, 1));
	ev_buf_clear(&rows);
	if (rc == 0)
		rc = live_rows(f, "ev_view", &rows, err);
	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 3))
		rc = ev_kit_exec(f->stage, err, "INSERT INTO main.ev_view VALUES (%Q, %Q, %Q)", c,
				 ev_kit_cell(c, 1), ev_kit_cell(c, 2));
	ev_buf_release(&rows);
	return rc;
}

static bool compiles(struct ev_sqlite *s, const char *fmt, const char *name)
{
	char *sql = sqlite3_mprintf(fmt, name);
	sqlite3_stmt *stmt = NULL;
	int rc = sql ? sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) : SQLITE_NOMEM;

	sqlite3_finalize(stmt);
	sqlite3_free(sql);
	return rc == SQLITE_OK;
}

#define VIEW_SQL "SELECT * FROM main.\"%w\""
#define ROW_SQL "INSERT INTO main.\"%w\" DEFAULT VALUES"

/* Views of others that work, NUL after each. */
static int working_views(struct ev_sqlite *s, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(s, &rows, err,
			     "SELECT name FROM main.sqlite_schema m WHERE type = 'view' AND NOT EXISTS "
			     "(SELECT 1 FROM main.ev_table t WHERE t.table_name = m.name COLLATE NOCASE)");

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 1))
		if (compiles(s, VIEW_SQL, c))
			ev_buf_add(out, c, strlen(c) + 1);
	ev_buf_release(&rows);
	return rc;
}

/*
 * Triggers of others on other tables may use ours: whether they can is told when a statement that fires them is
 * compiled. Of each table with one: its name, and a statement that works; NUL after each.
 */
static int working_writes(struct ev_sqlite *s, const char *projection, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf rows = EV_BUF_INIT;
	int rc = ev_kit_rows(s, &rows, err,
			     "WITH w(name, quoted, assigned) AS (SELECT m.tbl_name, "
			     "'\"' || replace(m.tbl_name, '\"', '\"\"') || '\"', "
			     "(SELECT group_concat('\"' || replace(i.name, '\"', '\"\"') || '\" = NULL') "
			     "FROM pragma_table_info(m.tbl_name) i) FROM main.sqlite_schema m WHERE m.type = 'trigger' "
			     "AND NOT EXISTS (SELECT 1 FROM main.ev_table t "
			     "WHERE t.table_name = m.tbl_name COLLATE NOCASE AND t.projection = %Q) GROUP BY 1) "
			     "SELECT name, 'INSERT INTO main.' || quoted || ' DEFAULT VALUES' FROM w "
			     "UNION ALL SELECT name, 'DELETE FROM main.' || quoted FROM w "
			     "UNION ALL SELECT name, 'UPDATE main.' || quoted || ' SET ' || assigned FROM w ORDER BY 1",
			     projection);

	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2)) {
		const char *sql = ev_kit_cell(c, 1);

		if (compiles(s, "%s", sql)) {
			ev_buf_add(out, c, strlen(c) + 1);
			ev_buf_add(out, sql, strlen(sql) + 1);
		}
	}
	ev_buf_release(&rows);
	return rc;
}

/* Of what worked: the next table, from `c` on, whose triggers fail now; sqlite3_errmsg says why. */
static const char *next_broken(struct ev_sqlite *s, const struct ev_buf *writes, const char *c)
{
	while (c && compiles(s, "%s", ev_kit_cell(c, 1)))
		c = ev_kit_next(writes, c, 2);
	return c;
}

/* Does the view mention one of the tables (for the plan; a word in a text counts too)? */
static bool mentions(struct preflight *f, const char *view)
{
	int64_t n = 0;
	struct ev_error ignored = EV_ERROR_INIT;

	ev_kit_number(f->stage, &n, &ignored, "SELECT count(*) FROM main.sqlite_schema m, main.ev_table t "
		      "WHERE m.name = %Q AND m.type = 'view' AND t.projection = %Q "
		      "AND m.sql LIKE '%%' || t.table_name || '%%'", view, f->projection);
	return n > 0;
}

static int check_writes(struct preflight *f, const struct ev_buf *writes, struct ev_error *err)
{
	const char *c = next_broken(f->stage, writes, ev_kit_first(writes));

	if (!c)
		return 0;
	ev_fail(err, EV_USAGE, "a trigger on table '%s' would not survive the swap: %s", c,
		sqlite3_errmsg(f->stage->db));
	return ev_hint(err, "drop or change the trigger");
}

static int check_after(struct preflight *f, const struct ev_buf *views, struct ev_error *err)
{
	for (const char *c = ev_kit_first(views); c; c = ev_kit_next(views, c, 1)) {
		if (!compiles(f->stage, VIEW_SQL, c)) {
			ev_fail(err, EV_USAGE, "view '%s' would not survive the swap: %s", c,
				sqlite3_errmsg(f->stage->db));
			return ev_hint(err, "drop or change the view");
		}
		if (mentions(f, c))
			ev_buf_addf(&f->out->survive, "view %s\n", c);
	}
	for (const char *c = ev_kit_first(&f->out->tables); c; c = ev_kit_next(&f->out->tables, c, 1)) {
		bool view = compiles(f->stage, VIEW_SQL, c) && !compiles(f->stage, ROW_SQL, c) &&
			    strstr(sqlite3_errmsg(f->stage->db), "view");

		if (!view && !compiles(f->stage, ROW_SQL, c)) {
			ev_fail(err, EV_USAGE, "table '%s' does not survive a change of its name: %s", c,
				sqlite3_errmsg(f->stage->db));
			return ev_hint(err, "in its CHECK and its indexes, name columns without the table");
		}
	}
	return 0;
}

static int rehearse(struct preflight *f, struct ev_error *err)
{
	struct ev_buf views = EV_BUF_INIT, writes = EV_BUF_INIT;
	int rc = working_views(f->stage, &views, err);

	if (rc == 0)
		rc = working_writes(f->stage, f->projection, &writes, err);
	/* a copy that is under way is made anew here */
	if (rc == 0)
		rc = ev_kit_drop(f->stage, f->projection, EV_ROLE_NEW, false, err);
	if (rc == 0)
		rc = ev_kit_drop(f->stage, f->projection, EV_ROLE_KEPT, false, err);
	if (rc == 0)
		rc = ev_kit_create(f->stage, f->projection, f->fresh, &f->out->survive, err);
	if (rc == 0)
		rc = ev_kit_shape(f->stage, f->projection, &f->out->differs, err);
	if (rc == 0)
		rc = ev_kit_move(f->stage, f->projection, EV_ROLE_LIVE, EV_ROLE_KEPT, err);
	if (rc == 0)
		rc = ev_kit_move(f->stage, f->projection, EV_ROLE_NEW, EV_ROLE_LIVE, err);
	if (rc == 0)
		rc = check_after(f, &views, err);
	if (rc == 0)
		rc = check_writes(f, &writes, err);
	ev_buf_release(&views);
	ev_buf_release(&writes);
	return rc;
}

static void measure(struct preflight *f)
{
	const char *file = sqlite3_db_filename(f->live->db, "main");
	struct statvfs fs;
	struct stat st;

	f->out->bytes = f->out->free_bytes = -1;
	if (file && *file && stat(file, &st) == 0)
		f->out->bytes = (int64_t)st.st_size;
	if (file && *file && statvfs(file, &fs) == 0)
		f->out->free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
	ev_buf_adds(&f->out->locks, "while copying: the write lock of the store, for about 40 ms at a time\n"
				    "at the swap: the write lock of the store, for one transaction; readers "
				    "never wait\n");
}

static int set_up(struct preflight *f, struct ev_error *err)
{
	if (ev_ledger_create(&f->stage->base, err) < 0 || ev_dead_create(&f->stage->base, err) < 0 ||
	    ev_seen_create(&f->stage->base, err) < 0 || ev_kit_create_views(f->stage, err) < 0 ||
	    build_stage(f, err) < 0)
		return -1;
	return ev_kit_legacy(f->stage, err);
}

static int staged(struct preflight *f, bool adopt, struct ev_error *err)
{
	struct ev_buf adopted = EV_BUF_INIT;
	int rc = set_up(f, err);

	if (rc == 0 && adopt)
		rc = ev_kit_adopt(f->stage, f->projection, f->fresh, &adopted, err);
	ev_buf_release(&adopted);
	return rc < 0 || check_dependents(f, err) < 0 ? -1 : rehearse(f, err);
}

int ev_kit_preflight(struct ev_shadow_sqlite *sh, struct ev_store *fresh, bool adopt,
		     struct ev_shadow_report *out, struct ev_error *err)
{
	struct preflight f = { .sh = sh, .live = sh->live, .fresh = ev_sqlite_of(fresh),
			       .projection = sh->base.projection, .out = out };
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_store *stage;
	int rc;

	if (ev_sqlite_check_beside(sh->base.live, NULL, err) < 0 || ev_sqlite_check_beside(fresh, NULL, err) < 0 ||
	    check_owners(&f, adopt, err) < 0)
		return -1;
	stage = ev_sqlite_open(":memory:", &so, err);
	if (!stage)
		return -1;
	f.stage = ev_sqlite_of(stage);
	rc = staged(&f, adopt, err);
	measure(&f);
	stage->ops->close(stage);
	return rc;
}

/* Somebody may have dropped a table of the version to go back to. */
static int check_kept(struct preflight *f, const char *table, const char *version, struct ev_error *err)
{
	int64_t n = 0;

	if (ev_kit_number(f->live, &n, err, "SELECT (SELECT count(*) FROM main.sqlite_schema WHERE type IN "
			  "('table', 'view') AND name = %Q || %Q COLLATE NOCASE) + (SELECT count(*) FROM main.ev_view "
			  "WHERE projection = %Q AND view_name = %Q COLLATE NOCASE)", ev_role_prefix(EV_ROLE_KEPT),
			  table, version, table) < 0)
		return -1;
	if (n)
		return 0;
	ev_fail(err, EV_USAGE, "table '%s' of the version that is kept is not there any more: there is nothing to go "
		"back to", table);
	return ev_hint(err, EV_KEPT_IS_GONE);
}

/* Names that the version in role `next` will have, NUL after each; nobody else may have one of them. */
static int check_names(struct preflight *f, enum ev_role next, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	int rc;

	ev_role_name(&name, f->projection, next);
	rc = ev_kit_rows(f->live, &f->out->tables, err, "SELECT substr(table_name, %d) FROM main.ev_table "
			 "WHERE projection = %Q ORDER BY table_name", (int)strlen(ev_role_prefix(next)) + 1,
			 ev_buf_str(&name));
	for (const char *c = ev_kit_first(&f->out->tables); rc == 0 && c; c = ev_kit_next(&f->out->tables, c, 1)) {
		rc = check_owner(f, c, false, err);
		if (rc == 0 && next == EV_ROLE_KEPT)
			rc = check_kept(f, c, ev_buf_str(&name), err);
	}
	ev_buf_release(&name);
	return rc;
}

static int rehearse_exchange(struct preflight *f, enum ev_role next, struct ev_error *err)
{
	struct ev_buf views = EV_BUF_INIT, writes = EV_BUF_INIT;
	int rc = working_views(f->stage, &views, err);

	if (rc == 0)
		rc = working_writes(f->stage, f->projection, &writes, err);
	if (rc == 0 && next == EV_ROLE_NEW)
		rc = ev_kit_check_shape(f->stage, &f->sh->base, err);
	if (rc == 0)
		rc = ev_kit_move(f->stage, f->projection, EV_ROLE_LIVE, EV_ROLE_MOVING, err);
	if (rc == 0)
		rc = ev_kit_move(f->stage, f->projection, next, EV_ROLE_LIVE, err);
	if (rc == 0)
		rc = check_after(f, &views, err);
	if (rc == 0)
		rc = check_writes(f, &writes, err);
	ev_buf_release(&views);
	ev_buf_release(&writes);
	return rc;
}

int ev_kit_recheck(struct ev_shadow_sqlite *sh, enum ev_role next, struct ev_error *err)
{
	struct ev_shadow_report report = { .bytes = 0 };
	struct preflight f = { .sh = sh, .live = sh->live, .projection = sh->base.projection, .out = &report };
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_store *stage = ev_sqlite_open(":memory:", &so, err);
	int rc = -1;

	if (stage) {
		f.stage = ev_sqlite_of(stage);
		rc = check_names(&f, next, err);
		if (rc == 0)
			rc = set_up(&f, err);
		if (rc == 0)
			rc = check_dependents(&f, err);
		if (rc == 0)
			rc = rehearse_exchange(&f, next, err);
		stage->ops->close(stage);
	}
	ev_buf_release(&report.tables);
	ev_buf_release(&report.survive);
	return rc;
}

/* With the tables under other names, in a transaction that comes to nothing: what breaks? */
static int broken(struct ev_sqlite *s, const char *projection, struct ev_buf *out, struct ev_error *err)
{
	struct ev_buf views = EV_BUF_INIT, writes = EV_BUF_INIT;
	const char *last = NULL;
	int rc = working_views(s, &views, err);

	if (rc == 0)
		rc = working_writes(s, projection, &writes, err);
	if (rc == 0)
		rc = ev_kit_move(s, projection, EV_ROLE_LIVE, EV_ROLE_MOVING, err);
	for (const char *c = ev_kit_first(&views); rc == 0 && c; c = ev_kit_next(&views, c, 1))
		if (!compiles(s, VIEW_SQL, c))
			ev_buf_addf(out, "view %s\n", c);
	for (const char *c = rc < 0 ? NULL : next_broken(s, &writes, ev_kit_first(&writes)); c;
	     c = next_broken(s, &writes, ev_kit_next(&writes, c, 2))) {
		if (!last || strcmp(last, c) != 0)
			ev_buf_addf(out, "a trigger on table %s\n", c);
		last = c;
	}
	ev_buf_release(&views);
	ev_buf_release(&writes);
	return rc;
}

int ev_kit_dependents(struct ev_shadow_sqlite *sh, struct ev_buf *out, struct ev_error *err)
{
	struct ev_store *live = sh->base.live;
	const char *name = sh->base.projection;
	struct ev_buf rows = EV_BUF_INIT;
	int rc;

	if (ev_kit_legacy(sh->live, err) < 0 || ev_kit_foreign_keys(sh->live, false, err) < 0 ||
	    live->ops->begin(live, err) < 0)
		return -1;
	rc = ev_kit_rows(sh->live, &rows, err, FOREIGN_KEYS, name, name);
	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2))
		ev_buf_addf(out, "a foreign key of table %s\n", c);
	ev_buf_clear(&rows);
	if (rc == 0)
		rc = ev_kit_rows(sh->live, &rows, err, OWN_TRIGGERS, name);
	for (const char *c = ev_kit_first(&rows); rc == 0 && c; c = ev_kit_next(&rows, c, 2))
		ev_buf_addf(out, "trigger %s on %s\n", c, ev_kit_cell(c, 1));
	if (rc == 0)
		rc = broken(sh->live, name, out, err);
	live->ops->rollback(live);
	ev_buf_release(&rows);
	return rc;
}
