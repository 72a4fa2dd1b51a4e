/* open.c - bring store and projection together; see apply.h */
#include "apply/lane.h"

#include <stdio.h>

#include "base/mem.h"
#include "store/indexes.h"

#define LEAST_CACHE ((size_t)2 << 20)
#define MOST_CACHE ((size_t)512 << 20)
#define LEAST_BATCH ((size_t)1 << 20) /* bytes of its records */
#define MOST_BATCH ((size_t)32 << 20)

static int at_place(const struct ev_projection *p, struct ev_place place, struct ev_error *err)
{
	return ev_context(err, "%s:%d:%d", p->file, place.line, place.column);
}

int ev_open_schema(struct ev_apply *a, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;
	bool any = !p->nschemas;

	for (size_t i = 0; i < p->nschemas; i++) {
		const struct ev_schema_def *d = &p->schemas[i];
		size_t at = SIZE_MAX;

		if (!d->any && d->dialect != a->store->ops->dialect)
			continue;
		any = true;
		if (a->store->ops->schema(a->store, d->sql, &a->tables, &at, err) < 0)
			return at_place(p, ev_sql_place(d->sql, d->place, at), err);
	}
	if (any)
		return 0;
	ev_fail(err, EV_USAGE, "%s has no @schema for %s", p->file, a->store->ops->name);
	return ev_hint(err, "one without a word serves every store");
}

/*
 * The ledger's tables, in the open transaction, where they are missing. After the schema: what that
 * makes is looked at in the catalogue, and is not to be mixed with ours. They are read at once: a
 * table of that name that was there already may be another program's.
 */
static int create_ledger(struct ev_apply *a, struct ev_error *err)
{
	int rc = ev_ledger_present(a->store, err);
	struct ev_ledger l = { 0 };

	if (rc)
		return rc < 0 ? -1 : 0;
	if (ev_ledger_create(a->store, err) < 0 || ev_dead_create(a->store, err) < 0 ||
	    ev_seen_create(a->store, err) < 0)
		return -1;
	rc = ev_ledger_load(a->store, a->projection->name, &l, err);
	ev_ledger_release(&l);
	return rc < 0 ? -1 : ev_poison_count(a, err);
}

/* First run: the projection's tables and its entry in the ledger, in the open transaction. */
static int build(struct ev_apply *a, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;

	if (ev_open_schema(a, err) < 0 || ev_apply_check_names(a, err) < 0 || create_ledger(a, err) < 0)
		return -1;
	if (ev_ledger_register(a->store, &a->ledger, p->fingerprint, p->version, &a->tables, err) < 0)
		return -1;
	return ev_ledger_hold(a->store, p->name, a->opt.dead, err);
}

int ev_apply_same(const struct ev_projection *p, const struct ev_ledger *l, struct ev_error *err)
{
	if (!l->exists || strcmp(l->fingerprint, p->fingerprint) == 0)
		return 0;
	ev_fail(err, EV_USAGE,
		"%s: projection '%s' has changed since its tables were built (version %lld in the "
		"store, %lld in the file)",
		p->file, p->name, (long long)l->version, (long long)p->version);
	if (l->version == p->version)
		return ev_hint(err, "raise the version in the file, then build the view anew: rebuild");
	if (l->version > p->version)
		return ev_hint(err, "the store has the newer version %lld: start with its file, or go back, where "
				    "status has the one before it as kept, by evproject rollback",
			       (long long)l->version);
	return ev_hint(err, "the old tables hold the old meaning; build the view anew: rebuild (or, where status has "
			    "that version as the kept one, evproject rollback)");
}

static int prepare_handler(struct ev_apply *a, size_t i, struct ev_error *err)
{
	const struct ev_handler *h = &a->projection->handlers[i];
	enum ev_dialect d = a->store->ops->dialect;

	a->queries[i] = ev_alloc(h->nstatements * sizeof(*a->queries[i]));
	for (size_t j = 0; j < h->nstatements; j++) {
		const struct ev_statement *s = &h->statements[j];
		size_t at = SIZE_MAX;

		a->queries[i][j] = a->store->ops->prepare(a->store, s->sql[d], true, &a->tables,
							  &a->reads, &at, err);
		if (!a->queries[i][j])
			return at_place(a->projection,
					at == SIZE_MAX ? s->place : ev_statement_place(s, d, at), err);
	}
	return 0;
}

void ev_open_number(struct ev_apply *a)
{
	const struct ev_projection *p = a->projection;
	size_t n = 0, cap = 0;

	a->numbers = ev_alloc(p->nhandlers * sizeof(*a->numbers));
	for (size_t i = 0; i < p->nhandlers; i++) {
		a->numbers[i] = n;
		for (size_t j = 0; j < p->handlers[i].nstatements; j++) {
			const struct ev_statement *s = &p->handlers[i].statements[j];

			EV_GROW(a->lines, n, cap);
			a->lines[n++] = s->place.line;
		}
	}
	a->binds = ev_alloc(ev_projection_widest(p) * sizeof(*a->binds));
}

static int prepare_all(struct ev_apply *a, struct ev_error *err)
{
	a->queries = ev_alloc(a->projection->nhandlers * sizeof(*a->queries));
	ev_open_number(a);
	for (size_t i = 0; i < a->projection->nhandlers; i++)
		if (prepare_handler(a, i, err) < 0)
			return -1;
	return 0;
}

/* Beside another run nothing is created: what is not there is a mistake in the call. */
static int present_beside(struct ev_apply *a, struct ev_error *err)
{
	int present = a->opt.beside ? ev_ledger_present(a->store, err) : 1;

	if (present)
		return present < 0 ? -1 : 0;
	return ev_fail(err, EV_USAGE, "the store '%s' holds no projections", a->store->url);
}

/* The one who has the run lock is the holder from now on, not only from its first commit. */
static int settle_in(struct ev_apply *a, struct ev_error *err)
{
	if (!a->ledger.exists && a->opt.beside)
		return ev_fail(err, EV_USAGE, "projection '%s' is not in the store '%s'",
			       a->projection->name, a->store->url);
	if (!a->ledger.exists || a->opt.beside)
		return 0;
	if (a->opt.inherit)
		a->opt.dead = a->ledger.dead;
	return ev_ledger_hold(a->store, a->projection->name, a->opt.dead, err);
}

/* Is the file what the store is of? Another version it may be soon, by a swap: `edited` asks of the same one alone. */
static int look_at(struct ev_apply *a, bool edited, struct ev_error *err)
{
	struct ev_ledger l = { 0 };
	int rc = ev_ledger_load(a->store, a->projection->name, &l, err);

	if (rc == 0 && (!edited || l.version == a->projection->version))
		rc = ev_apply_same(a->projection, &l, err);
	ev_ledger_release(&l);
	return rc;
}

/* EV_HELD says by whom. What could not run with the lock either is not told to wait for it. */
static int take_lock(struct ev_apply *a, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;

	if (a->opt.beside)
		return 0;
	if (look_at(a, true, err) < 0)
		return -1;
	if (a->store->ops->lock(a->store, a->projection->name, err) == 0)
		return 0;
	if (err->class == EV_HELD && !err->retriable && look_at(a, false, &why) < 0 && why.class == EV_USAGE)
		*err = why;
	else if (err->class == EV_HELD)
		ev_ledger_name_holder(a->store, a->projection->name, err);
	return -1;
}

/* SQLite's own cache is part of what is given; the rest is for rows. */
static int share_memory(struct ev_apply *a, struct ev_error *err)
{
	size_t cache = a->opt.memory / 4;
	char sql[64];

	if (!a->opt.memory || a->store->ops->dialect != EV_SQLITE)
		return 0;
	cache = cache > MOST_CACHE ? MOST_CACHE : cache < LEAST_CACHE ? LEAST_CACHE : cache;
	snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%zu", cache >> 10);
	a->opt.memory -= cache < a->opt.memory ? cache : a->opt.memory / 2;
	return a->store->ops->script(a->store, sql, err);
}

static int open_fold(struct ev_apply *a, struct ev_error *err)
{
	struct ev_error why = EV_ERROR_INIT;

	a->fold = ev_fold_new(a->store, a->projection, a->queries, &a->tables, a->opt.waiting, &a->folds, &why);
	a->whole = ev_fold_whole(a->fold) && !a->projection->dedupe && !a->opt.observer;
	if (a->fold)
		ev_fold_set_limit(a->fold, a->opt.memory, a->whole && a->opt.load);
	if (a->fold || why.class == EV_OK)
		return 0;
	*err = why;
	return -1;
}

int ev_open_guard(struct ev_apply *a, struct ev_error *err)
{
	if (!a->guarded && a->store->ops->guard(a->store, &a->tables, err) < 0)
		return -1;
	a->guarded = true;
	return 0;
}

/* SQLite's take rows of any size. */
int ev_open_indexes(struct ev_apply *a, struct ev_error *err)
{
	if (a->indexed || !a->opt.waiting || a->store->ops->dialect != EV_POSTGRESQL)
		return 0;
	if (ev_indexes_make(a->store, a->opt.waiting, err) < 0)
		return -1;
	a->indexed = true;
	return 0;
}

int ev_open_compile(struct ev_apply *a, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;

	for (size_t i = 0; i < p->nreads; i++)
		ev_buf_add(&a->reads, p->reads[i], strlen(p->reads[i]) + 1);
	if (prepare_all(a, err) < 0 || (!a->opt.exact && !a->opt.beside && open_fold(a, err) < 0))
		return -1;
	return a->whole ? 0 : ev_open_guard(a, err);
}

/*
 * One transaction with the statements' compilation: a file with a fault, or one that is refused,
 * leaves nothing in the store.
 */
static int build_and_compile(struct ev_apply *a, struct ev_error *err)
{
	bool again;

	do {
		int before = ev_ledger_present(a->store, err);

		if (before < 0 || a->store->ops->begin(a->store, err) < 0)
			return -1;
		ev_buf_clear(&a->tables);
		again = build(a, err) < 0;
		if (!again && ev_open_compile(a, err) == 0 &&
		    a->store->ops->commit(a->store, err) == 0)
			return 0;
		a->store->ops->rollback(a->store);
		/* another projection's first call made the same tables of ours at the same moment, or took them away */
		again = again && err->class == EV_STORE &&
			ev_ledger_present(a->store, &(struct ev_error)EV_ERROR_INIT) == !before;
	} while (again);
	return -1;
}

/*
 * Letters that were kept before cuts were stored for them: what made them is not to be mixed with what is to come. Not
 * for a writer beside, who must not store a cut that the other does not know of.
 */
static int cut_letters(struct ev_apply *a, struct ev_error *err)
{
	struct ev_position cut = EV_POSITION_INIT, here = EV_POSITION_INIT;
	int rc;

	if (!a->commutes || !a->letters.dead || a->opt.beside || a->ledger.nparts < 2)
		return 0;
	rc = ev_ledger_cut_position(a->store, a->projection->name, a->ledger.cuts, &cut, err);
	ev_ledger_position(&a->ledger, &here);
	a->cut_first = !ev_position_eq(&cut, &here);
	ev_position_release(&cut);
	ev_position_release(&here);
	return rc;
}

/* A statement that has no table does not say that others took it away, nor what to do. */
static int compile_there(struct ev_apply *a, struct ev_error *err)
{
	struct ev_error ignored = EV_ERROR_INIT;
	const char *t, *end;

	if (ev_open_compile(a, err) == 0)
		return 0;
	if (err->class != EV_USAGE)
		return -1;
	end = ev_buf_str(&a->tables) + a->tables.len;
	for (t = ev_buf_str(&a->tables); t < end; t += strlen(t) + 1)
		if (a->store->ops->has_table(a->store, t, &ignored) == 0)
			return ev_hint(err, "others have renamed or dropped '%s': give it its name back, or rebuild "
				       "--again builds the version anew", t);
	return -1;
}

static int open_store(struct ev_apply *a, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;

	if (share_memory(a, err) < 0 || take_lock(a, err) < 0 || present_beside(a, err) < 0 ||
	    ev_ledger_complete(a->store, err) < 0 ||
	    ev_ledger_load(a->store, p->name, &a->ledger, err) < 0 || settle_in(a, err) < 0)
		return -1;
	if (!a->ledger.exists) {
		if (build_and_compile(a, err) < 0)
			return -1;
	} else if (ev_apply_same(p, &a->ledger, err) < 0 || ev_ledger_check_cuts(a->store, p->name, err) < 0 ||
		   (a->opt.settle && a->opt.settle(a->opt.settle_ctx, err) < 0) ||
		   ev_ledger_tables(a->store, p->name, &a->tables, err) < 0 || compile_there(a, err) < 0) {
		return -1;
	}
	return ev_poison_count(a, err) < 0 ? -1 : cut_letters(a, err);
}

struct ev_apply *ev_open_new(struct ev_store *s, const struct ev_projection *p,
			     const struct ev_apply_options *opt)
{
	struct ev_apply *a = ev_alloc(sizeof(*a));
	struct ev_buf why = EV_BUF_INIT;

	a->store = s;
	a->projection = p;
	a->opt = *opt;
	a->match = ev_match_new(p);
	a->decoder = ev_decoder_json();
	ev_event_init(&a->event, p);
	a->commutes = ev_projection_commutes(p, &why);
	ev_buf_release(&why);
	s->on_result = ev_record_result;
	s->on_result_ctx = a;
	return a;
}

static struct ev_apply *try_open(struct ev_store *s, const struct ev_projection *p,
				 const struct ev_apply_options *opt, struct ev_error *err)
{
	struct ev_apply *a = ev_open_new(s, p, opt);

	if (open_store(a, err) < 0) {
		ev_apply_close(a);
		return NULL;
	}
	return a;
}

/* What is open when the store fails is begun anew: each step looks at what is there already. */
struct ev_apply *ev_apply_open(struct ev_store *s, const struct ev_projection *p,
			       const struct ev_apply_options *opt, struct ev_error *err)
{
	struct ev_trouble trouble = { 0 };
	struct ev_apply *a;

	do
		a = try_open(s, p, opt, err);
	while (!a && ev_store_recover(s, &trouble, err));
	return a;
}

void ev_apply_close(struct ev_apply *a)
{
	if (!a)
		return;
	a->store->ops->rollback(a->store);
	ev_open_free(a);
}

void ev_open_free(struct ev_apply *a)
{
	for (size_t i = 0; a->queries && i < a->projection->nhandlers; i++) {
		for (size_t j = 0; a->queries[i] && j < a->projection->handlers[i].nstatements; j++)
			a->store->ops->finish(a->store, a->queries[i][j]);
		free(a->queries[i]);
	}
	free(a->queries);
	ev_lanes_free(a->lanes);
	ev_fold_free(a->fold);
	ev_buf_release(&a->folds);
	free(a->numbers);
	free(a->lines);
	free(a->binds);
	ev_match_free(a->match);
	a->decoder->ops->free(a->decoder);
	ev_event_release(&a->event);
	ev_ledger_release(&a->ledger);
	ev_buf_release(&a->tables);
	ev_buf_release(&a->reads);
	free(a->saved);
	free(a->parts);
	free(a->touched);
	free(a->fates);
	free(a);
}

const struct ev_ledger *ev_apply_ledger(const struct ev_apply *a)
{
	return &a->ledger;
}

const char *ev_apply_folds(const struct ev_apply *a)
{
	return ev_buf_str(&a->folds);
}

bool ev_apply_whole(const struct ev_apply *a)
{
	return a->whole;
}

bool ev_apply_order_matters(const struct ev_apply *a)
{
	return a->opt.dead || ev_poison_ordered(a);
}

int64_t ev_apply_skipped(const struct ev_apply *a)
{
	return a->skipped;
}

/* The ledger keeps its partitions sorted, so one that is added moves those behind it. */
static size_t add_partition(struct ev_apply *a, const char *topic, int32_t partition, int64_t begin,
			    const char *cluster_id)
{
	struct ev_ledger_part *p = ev_ledger_part(&a->ledger, topic, partition, true);
	size_t at = (size_t)(p - a->ledger.parts);

	for (size_t i = 0; i < a->nparts; i++)
		if (a->parts[i] != SIZE_MAX && a->parts[i] >= at)
			a->parts[i]++;
	p->begin = p->next = begin;
	p->target = p->last_offset = -1;
	p->cluster_id = ev_strdup(cluster_id);
	p->dirty = true;
	/* with one partition the order is that of its offsets; from now on it is not */
	if (a->ledger.nparts == 2)
		a->cut_first = true;
	return at;
}

void ev_apply_partition(struct ev_apply *a, uint32_t part, const char *topic, int32_t partition,
			int64_t begin, const char *cluster_id)
{
	struct ev_ledger_part *p = ev_ledger_part(&a->ledger, topic, partition, false);
	size_t at = p ? (size_t)(p - a->ledger.parts)
		      : add_partition(a, topic, partition, begin, cluster_id);

	if (part >= a->nparts) {
		a->parts = ev_realloc_n(a->parts, (size_t)part + 1, sizeof(*a->parts));
		while (a->nparts <= part)
			a->parts[a->nparts++] = SIZE_MAX;
	}
	a->parts[part] = at;
}

size_t ev_apply_batch_size(const struct ev_apply *a)
{
	return a->whole || a->store->ops->dialect != EV_POSTGRESQL ? 10000 : 1000;
}

size_t ev_apply_batch_bytes(const struct ev_apply *a)
{
	size_t part = a->opt.memory / 8;

	return !a->opt.memory || part > MOST_BATCH ? MOST_BATCH : part < LEAST_BATCH ? LEAST_BATCH : part;
}
