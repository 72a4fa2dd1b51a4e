/*
 * shadow_postgres.c - a shadow in a schema of the same database, ev_shadow_S_NAME
 *
 * Nothing is copied: the swap (pg_swap.c) moves tables between schemas.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rebuild/pg_kit.h"
#include "store/dead.h"
#include "store/seen.h"

static struct ev_shadow_pg *of(struct ev_shadow *sh)
{
	return (struct ev_shadow_pg *)sh; /* base comes first */
}

static int present(struct ev_shadow *sh, struct ev_error *err)
{
	return ev_pgkit_has_schema(of(sh), EV_ROLE_NEW, err);
}

/* A connection of its own into one of our schemas, whose transactions last while the log is read. */
static struct ev_store *open_schema(struct ev_shadow *sh, enum ev_role role, bool read_only,
				    struct ev_error *err)
{
	struct ev_store_options opt = *sh->opt.store;
	struct ev_store *s;

	opt.schema = of(sh)->schemas[role];
	opt.read_only = read_only;
	s = ev_pg_open(sh->opt.url, &opt, err);
	if (s)
		ev_pg_let_last(s);
	return s;
}

static int is_gone(struct ev_shadow_pg *s, const char *what, const char *name, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "%s '%s' of the new version is not there any more", what, name);
	return ev_hint(err, "it was removed by hand; the version that serves is as it was: --abandon gives the "
		       "rebuild of '%s' up, to begin anew", s->base.projection);
}

/* A plan that is ready is of a schema that is there; in any other phase it is made, and filled anew. */
static int check_plan(struct ev_shadow_pg *s, struct ev_error *err)
{
	struct ev_plan plan = { 0 };
	int rc = ev_plan_load(s->base.live, s->base.projection, &plan, err);

	if (rc == 0 && plan.phase == EV_PHASE_READY)
		rc = is_gone(s, "schema", s->schemas[EV_ROLE_NEW], err);
	ev_plan_release(&plan);
	return rc;
}

/* Those of `tables`, rows of one column t, that are not in the schema of `role`. PQclear; NULL with `err`. */
static PGresult *lacking(struct ev_shadow_pg *s, enum ev_role role, const char *tables, struct ev_error *err)
{
	return ev_pgkit_rows(s->live, err, "SELECT w.t FROM (%s) w (t) WHERE NOT EXISTS (SELECT 1 "
			     "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
			     "WHERE n.nspname = %L AND c.relname = w.t) ORDER BY 1", tables, s->schemas[role]);
}

static int check_tables(struct ev_shadow_pg *s, const char *tables, struct ev_error *err)
{
	PGresult *res = lacking(s, EV_ROLE_NEW, tables, err);
	int rc = !res ? -1 : PQntuples(res) ? is_gone(s, "table", PQgetvalue(res, 0, 0), err) : 0;

	PQclear(res);
	return rc;
}

/* Those that its own list names. */
static int check_listed(struct ev_shadow_pg *s, struct ev_error *err)
{
	struct ev_buf sql = EV_BUF_INIT;
	int rc;

	ev_pgkit_format(&sql, "SELECT table_name FROM %I.ev_table WHERE projection = %L", s->schemas[EV_ROLE_NEW],
			s->base.projection);
	rc = check_tables(s, ev_buf_str(&sql), err);
	ev_buf_release(&sql);
	return rc;
}

int ev_pgkit_check_shadow(struct ev_shadow_pg *s, struct ev_error *err)
{
	int there = ev_pgkit_has_schema(s, EV_ROLE_NEW, err);

	if (there <= 0)
		return there < 0 ? -1 : is_gone(s, "schema", s->schemas[EV_ROLE_NEW], err);
	if (check_tables(s, "VALUES ('ev_table'), ('ev_projection'), ('ev_ledger'), ('ev_rows')", err) < 0)
		return -1;
	return check_listed(s, err);
}

/* A schema that was found: another's, or one that has lost tables? The list may not be made yet. */
static int check_found(struct ev_shadow_pg *s, struct ev_error *err)
{
	int listed = ev_pgkit_check_mark(s, EV_ROLE_NEW, err) < 0 ? -1 : ev_pgkit_has_table(s, "ev_table", err);

	return listed > 0 ? check_listed(s, err) : listed;
}

/*
 * The schema. Cuts, dead letters and seen ids may be many, and are where they will be found after the swap from the
 * beginning: in the store's own tables, under a key that is the new version's.
 */
static int make_schema(struct ev_shadow_pg *s, struct ev_error *err)
{
	const char *shadow = s->schemas[EV_ROLE_NEW], *live = s->schemas[EV_ROLE_LIVE];
	const char *name = s->base.projection;
	int there = ev_pgkit_has_schema(s, EV_ROLE_NEW, err);
	struct ev_buf key = EV_BUF_INIT;
	int rc;

	if (there)
		return there < 0 ? -1 : check_found(s, err);
	if (check_plan(s, err) < 0)
		return -1;
	if (s->base.live->ops->begin(s->base.live, err) < 0)
		return -1;
	ev_rows_key_free(&key, name, ev_now_ms()); /* the rebuild begins with its schema */
	rc = ev_pgkit_make_schema(s, EV_ROLE_NEW, err);
	if (rc == 0)
		rc = ev_pgkit_exec(s->live, err, "CREATE TABLE %I.ev_rows (projection text PRIMARY KEY, "
				   "rows_key text NOT NULL); "
				   "CREATE VIEW %I.ev_cut AS SELECT * FROM %I.ev_cut; "
				   "CREATE VIEW %I.ev_dead AS SELECT * FROM %I.ev_dead; "
				   "CREATE VIEW %I.ev_seen AS SELECT * FROM %I.ev_seen; "
				   "INSERT INTO %I.ev_rows SELECT %L, %s",
				   shadow, shadow, live, shadow, live, shadow, live, shadow, name, ev_buf_str(&key));
	ev_buf_release(&key);
	if (rc == 0)
		rc = s->base.live->ops->commit(s->base.live, err);
	if (rc < 0)
		s->base.live->ops->rollback(s->base.live);
	return rc;
}

static struct ev_store *store(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);

	if (s->store)
		return s->store;
	if (make_schema(s, err) < 0) {
		if (strstr(err->text, "permission denied"))
			ev_hint(err, "the shadow is a schema: GRANT CREATE ON DATABASE ... TO the role");
		return NULL;
	}
	s->store = open_schema(sh, EV_ROLE_NEW, false, err);
	if (s->store) /* tables of @reads */
		ev_pg_look_beyond(s->store, s->schemas[EV_ROLE_LIVE]);
	return s->store;
}

static void close_store(struct ev_shadow *sh)
{
	struct ev_shadow_pg *s = of(sh);

	if (s->store)
		s->store->ops->close(s->store);
	s->store = NULL;
}

static int preflight(struct ev_shadow *sh, struct ev_store *fresh, bool adopt,
		     struct ev_shadow_report *out, struct ev_error *err)
{
	return ev_pgkit_preflight(of(sh), fresh, adopt, out, err);
}

static const char *where(struct ev_shadow *sh, struct ev_store_options *opt)
{
	opt->schema = of(sh)->schemas[EV_ROLE_NEW];
	return sh->opt.url;
}

static void thaw(struct ev_shadow *sh)
{
	struct ev_shadow_pg *s = of(sh);

	if (s->frozen)
		s->frozen->ops->close(s->frozen);
	s->frozen = NULL;
}

static struct ev_store *freeze(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);

	thaw(sh);
	s->frozen = open_schema(sh, EV_ROLE_LIVE, true, err);
	if (s->frozen && s->frozen->ops->freeze(s->frozen, err) < 0)
		thaw(sh);
	return s->frozen;
}

static int analyze(struct ev_shadow_pg *s, struct ev_error *err)
{
	PGresult *tables = ev_pgkit_tables(s, EV_ROLE_NEW, err);
	int rc = tables ? 0 : -1;

	for (int i = 0; rc == 0 && i < PQntuples(tables); i++)
		if (PQgetvalue(tables, i, 1)[0] == 'r')
			rc = ev_pgkit_exec(s->live, err, "ANALYZE %I.%I", s->schemas[EV_ROLE_NEW],
					   PQgetvalue(tables, i, 0));
	PQclear(tables);
	return rc;
}

/* The old tables are on our list for as long as their indexes are looked for; they become ours by the swap. */
static int carry_adopted(struct ev_shadow_pg *s, enum ev_shadow_rows rows, struct ev_error *err)
{
	int made = ev_pgkit_adopt(s, err) < 0 ? -1 : ev_pgkit_carry_indexes(s, rows, err);

	if (made < 0 || ev_pgkit_exec(s->live, err, "DELETE FROM ev_table WHERE projection = %L AND xmin::text::bigint "
				      "= pg_catalog.txid_current() %% 4294967296", s->base.projection) < 0)
		return -1;
	return made;
}

/* In one transaction. How many have been made or gone, or -1. */
static int carry(struct ev_shadow *sh, bool adopt, enum ev_shadow_rows rows, struct ev_error *err)
{
	struct ev_shadow_pg *s = of(sh);
	int made;

	if (sh->live->ops->begin(sh->live, err) < 0)
		return -1;
	made = adopt ? carry_adopted(s, rows, err) : ev_pgkit_carry_indexes(s, rows, err);
	if (made < 0 || (rows == EV_SHADOW_LOADED && analyze(s, err) < 0) || sh->live->ops->commit(sh->live, err) < 0) {
		sh->live->ops->rollback(sh->live);
		return -1;
	}
	return made;
}

static int expect(struct ev_shadow *sh, bool adopt, enum ev_shadow_rows rows, struct ev_error *err)
{
	int made = carry(sh, adopt, rows, err);

	return made < 0 ? -1 : made > 0;
}

static int finish_load(struct ev_shadow *sh, bool adopt, struct ev_error *err)
{
	return carry(sh, adopt, EV_SHADOW_LOADED, err) < 0 ? -1 : 0;
}

static int copy(struct ev_shadow *sh, struct ev_plan *plan, bool adopt,
		const struct ev_shadow_hooks *hooks, struct ev_error *err)
{
	(void)adopt;
	(void)hooks;
	ev_plan_enter(plan, EV_PHASE_READY);
	return ev_plan_save(sh->live, plan, err);
}

/* Is it worth another try, on another connection where that is lost? */
bool ev_pgkit_recovered(struct ev_shadow *sh, struct ev_trouble *t, struct ev_error *err)
{
	close_store(sh);
	return ev_store_recover(sh->live, t, err);
}

static int drop_shadow(struct ev_shadow *sh, struct ev_error *err)
{
	close_store(sh);
	return ev_pgkit_drop_shadow(of(sh), err);
}

static int clean(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_plan plan = { 0 };
	int rc = ev_pgkit_drop_version(of(sh), EV_ROLE_GONE, err);

	if (rc == 0)
		rc = ev_plan_load(sh->live, sh->projection, &plan, err);
	if (rc == 0 && plan.phase == EV_PHASE_NONE)
		rc = drop_shadow(sh, err);
	ev_plan_release(&plan);
	return rc;
}

/* At once, or a kill would leave a plan that is ready, and nothing to serve. */
static int give_up(struct ev_shadow *sh, bool stays, int (*first)(struct ev_shadow *, struct ev_error *),
		   struct ev_error *err)
{
	if (ev_plan_give_up(sh->live, sh->projection, stays, first, sh, err) < 0)
		return -1;
	return clean(sh, err);
}

static int try_abandon(struct ev_shadow *sh, struct ev_error *err)
{
	return give_up(sh, true, drop_shadow, err);
}

static int try_forget(struct ev_shadow *sh, struct ev_error *err)
{
	return ev_pgkit_drop_version(of(sh), EV_ROLE_KEPT, err);
}

/* In the open transaction: the shadow, what is kept, and what serves, where it is ours. */
static int drop_view(struct ev_shadow *sh, struct ev_error *err)
{
	int theirs = drop_shadow(sh, err) < 0 ? -1 : ev_role_adopted(sh->live, sh->projection, err);

	if (theirs < 0 || ev_pgkit_drop_role(of(sh), EV_ROLE_KEPT, err) < 0)
		return -1;
	if (!theirs)
		return ev_pgkit_drop_role(of(sh), EV_ROLE_LIVE, err);
	return ev_pgkit_exec(of(sh)->live, err, "DELETE FROM ev_table WHERE projection = %L", sh->projection);
}

/* All of it goes, with the plan, or nothing does. */
static int try_drop(struct ev_shadow *sh, struct ev_error *err)
{
	return give_up(sh, false, drop_view, err);
}

/* What may be done twice. */
static int persist(struct ev_shadow *sh, int (*step)(struct ev_shadow *, struct ev_error *), struct ev_error *err)
{
	struct ev_trouble trouble = { 0 };
	int rc;

	do
		rc = step(sh, err);
	while (rc < 0 && ev_pgkit_recovered(sh, &trouble, err));
	return rc;
}

static int abandon(struct ev_shadow *sh, struct ev_error *err)
{
	return persist(sh, try_abandon, err);
}

static int forget(struct ev_shadow *sh, struct ev_error *err)
{
	return persist(sh, try_forget, err);
}

static int drop(struct ev_shadow *sh, struct ev_error *err)
{
	return persist(sh, try_drop, err);
}

static int dependents(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err)
{
	if (ev_pgkit_dependents(of(sh), EV_ROLE_LIVE, out, err) < 0)
		return -1;
	return ev_pgkit_dependents(of(sh), EV_ROLE_KEPT, out, err);
}

static void close_shadow(struct ev_shadow *sh)
{
	if (!sh)
		return;
	close_store(sh);
	thaw(sh);
	for (int i = 0; i < EV_ROLES; i++)
		free(of(sh)->schemas[i]);
	free(sh->projection);
	free(sh);
}

static int behind(struct ev_shadow *sh, struct ev_buf *out, struct ev_error *err)
{
	return ev_pgkit_behind(of(sh), out, err);
}

static const struct ev_shadow_ops ops = {
	.present = present,
	.store = store,
	.close_store = close_store,
	.preflight = preflight,
	.where = where,
	.freeze = freeze,
	.thaw = thaw,
	.expect = expect,
	.finish_load = finish_load,
	.copy = copy,
	.swap = ev_pgkit_swap,
	.rollback = ev_pgkit_rollback,
	.behind = behind,
	.clean = clean,
	.abandon = abandon,
	.forget = forget,
	.drop = drop,
	.dependents = dependents,
	.close = close_shadow,
};

/* Are all tables of ours there? IF NOT EXISTS wants the right to create also where they are. 1, 0, -1. */
static int has_tables(struct ev_shadow_pg *s, struct ev_error *err)
{
	PGresult *res = lacking(s, EV_ROLE_LIVE, EV_PGKIT_LEDGER, err);
	int rc = res ? !PQntuples(res) : -1;

	PQclear(res);
	return rc;
}

static int create_tables(struct ev_shadow *sh, struct ev_error *err)
{
	struct ev_store *live = sh->live;
	int ours = ev_ledger_present(live, err), all = ours > 0 ? has_tables(of(sh), err) : ours;

	if (all)
		return all < 0 ? -1 : 0;
	if (live->ops->begin(live, err) < 0)
		return -1;
	sh->tidy |= !ours;
	if (ev_ledger_create(live, err) == 0 && ev_dead_create(live, err) == 0 &&
	    ev_seen_create(live, err) == 0 && ev_plan_create(live, err) == 0 &&
	    ev_pgkit_give_ledger(of(sh), err) == 0 && live->ops->commit(live, err) == 0)
		return 0;
	live->ops->rollback(live);
	if (err->class == EV_STORE && !err->retriable)
		ev_pgkit_blame_rights(of(sh), EV_ROLE_NEW, err);
	return -1;
}

/* ev_kept_public_orders; names past PostgreSQL's 63 bytes, and those of `second`, end with a hash of the whole. */
static char *schema_of(const struct ev_shadow_pg *s, enum ev_role role, bool second)
{
	static const char *const words[EV_ROLES] = { "", "kept", "shadow", "gone", "moving" };
	struct ev_buf b = EV_BUF_INIT;
	char *name;

	if (role == EV_ROLE_LIVE)
		return ev_strdup(s->live->schema);
	ev_buf_addf(&b, "ev_%s_%s_%s", words[role], s->live->schema, s->base.projection);
	if (b.len > 63 || second) {
		struct ev_buf all = EV_BUF_INIT;
		uint64_t hash;

		ev_buf_add(&all, b.data, b.len);
		if (second)
			ev_buf_addf(&all, " %s", s->base.projection);
		hash = XXH3_64bits(all.data, all.len);
		b.len = b.len < 46 ? b.len : 46;
		while (((unsigned char)all.data[b.len] & 0xc0) == 0x80) /* not within a character */
			b.len--;
		ev_buf_addf(&b, "_%016llx", (unsigned long long)hash);
		ev_buf_release(&all);
	}
	name = ev_strdup(ev_buf_str(&b));
	ev_buf_release(&b);
	return name;
}

/* Is the schema of the usual name another view's? A shadow without a mark says whose it is by its rows. 1, 0, -1. */
static int taken(struct ev_shadow_pg *s, enum ev_role role, struct ev_error *err)
{
	PGresult *res = ev_pgkit_rows(s->live, err,
				      "SELECT coalesce(obj_description(n.oid, 'pg_namespace'), '') LIKE '"
				      EV_PGKIT_MARK "%%', EXISTS (SELECT 1 FROM pg_catalog.pg_class c "
				      "WHERE c.relnamespace = n.oid AND c.relname = 'ev_rows' AND c.relkind = 'r') "
				      "FROM pg_catalog.pg_namespace n WHERE nspname = %L", s->schemas[role]);
	int rc = res ? PQntuples(res) : -1;
	bool marked = rc > 0 && PQgetvalue(res, 0, 0)[0] == 't';
	bool rows = rc > 0 && PQgetvalue(res, 0, 1)[0] == 't';

	PQclear(res);
	if (rc <= 0 || marked || !rows)
		return rc < 0 ? -1 : marked;
	res = ev_pgkit_rows(s->live, err, "SELECT 1 FROM %I.ev_rows WHERE projection = %L", s->schemas[role],
			    s->base.projection);
	rc = res ? !PQntuples(res) : -1;
	PQclear(res);
	return rc;
}

/* The schema that is marked as this role's, wherever it is; else the usual name, if that is not another's. */
static int find_schema(struct ev_shadow_pg *s, enum ev_role role, struct ev_error *err)
{
	struct ev_buf mark = EV_BUF_INIT;
	PGresult *res;
	int rc = 0;

	ev_pgkit_mark(&mark, s, role);
	res = ev_pgkit_rows(s->live, err, "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname LIKE 'ev\\_%%' "
			    "AND obj_description(oid, 'pg_namespace') = %L ORDER BY 1 LIMIT 1", ev_buf_str(&mark));
	free(s->schemas[role]);
	s->schemas[role] = res && PQntuples(res) ? ev_strdup(PQgetvalue(res, 0, 0)) : schema_of(s, role, false);
	if (!res || !PQntuples(res))
		rc = res ? taken(s, role, err) : -1;
	if (rc > 0) {
		free(s->schemas[role]);
		s->schemas[role] = schema_of(s, role, true);
	}
	PQclear(res);
	ev_buf_release(&mark);
	return rc < 0 ? -1 : 0;
}

static int find_schemas(struct ev_shadow *sh, struct ev_error *err)
{
	int rc = 0;

	for (int role = EV_ROLE_KEPT; rc == 0 && role < EV_ROLES; role++)
		rc = find_schema(of(sh), (enum ev_role)role, err);
	return rc;
}

static int take_lock(struct ev_shadow_pg *s, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	int rc;

	ev_role_name(&name, s->base.projection, EV_ROLE_NEW);
	rc = s->base.live->ops->lock(s->base.live, ev_buf_str(&name), err);
	ev_buf_release(&name);
	if (rc < 0 && err->class == EV_HELD)
		ev_shadow_held(s->base.live, s->base.projection, err);
	return rc;
}

static int settle_in(struct ev_shadow *sh, struct ev_error *err)
{
	return take_lock(of(sh), err) < 0 ? -1 : create_tables(sh, err);
}

struct ev_shadow *ev_shadow_postgres(struct ev_store *live, const char *projection,
				     const struct ev_shadow_options *opt, struct ev_error *err)
{
	struct ev_shadow_pg *s = ev_alloc(sizeof(*s));

	s->base = (struct ev_shadow){ &ops, live, ev_strdup(projection), *opt, NULL, NULL, NULL, false };
	s->live = ev_pg_of(live);
	ev_pg_let_last(live); /* indexes of all rows, and a first version in place */
	for (int i = 0; i < EV_ROLES; i++)
		s->schemas[i] = schema_of(s, (enum ev_role)i, false);
	if (persist(&s->base, find_schemas, err) < 0 || (!opt->dry && persist(&s->base, settle_in, err) < 0)) {
		close_shadow(&s->base);
		return NULL;
	}
	return &s->base;
}
