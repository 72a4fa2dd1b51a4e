/* memory_fold.c - see memory_fold.h; the engine's stages on a fold that has no store behind it */
#include "apply/memory_fold.h"

#include <inttypes.h>

#include "apply/internal.h"
#include "base/mem.h"

#define LEAST_LIST ((size_t)256 << 10) /* bytes */

struct ev_memory_fold {
	struct ev_apply *a;
	struct ev_fold_list *list; /* of the record at hand */
	bool over;                 /* that was more than memory holds */
};

/* Of the engine's state what the stages want; nothing of it is ever written. */
struct ev_memory_fold *ev_memory_fold_new(struct ev_store *s, const struct ev_projection *p,
					  uint32_t slice, uint32_t slices, struct ev_buf *why,
					  struct ev_error *err)
{
	struct ev_apply_options opt = EV_APPLY_OPTIONS_INIT;
	struct ev_memory_fold *r = ev_alloc(sizeof(*r));
	ev_result_fn on_result = s->on_result;
	void *ctx = s->on_result_ctx;
	struct ev_apply *a = r->a = ev_open_new(s, p, &opt);

	s->on_result = on_result; /* another engine may be at work on it */
	s->on_result_ctx = ctx;
	err->class = EV_OK;
	if (ev_ledger_tables(s, p->name, &a->tables, err) == 0)
		a->fold = ev_fold_detached(s, p, &a->tables, slice, slices, &a->folds, err);
	ev_open_number(a);
	if (a->fold && !p->dedupe) {
		r->list = a->list = ev_fold_list_new(a->fold);
		a->way = EV_BY_PARTS;
		a->touched = ev_alloc(sizeof(*a->touched));
		return r;
	}
	if (p->dedupe)
		ev_buf_adds(&a->folds, "@dedupe keeps the ids that it has seen in a store\n");
	if (!a->folds.len && err->class == EV_OK)
		ev_buf_adds(&a->folds, "a statement names a table that is not there by that name: it is to be named "
			    "without its schema, and PostgreSQL cuts names after 63 bytes\n");
	if (why)
		ev_buf_add_slice(why, ev_buf_slice(&a->folds));
	ev_memory_fold_free(r);
	return NULL;
}

void ev_memory_fold_free(struct ev_memory_fold *r)
{
	if (r) {
		ev_fold_list_free(r->list);
		ev_open_free(r->a);
	}
	free(r);
}

static int needs_scratch(const struct ev_record *rec, struct ev_error *err)
{
	if (err->class == EV_OK)
		ev_fail(err, EV_DATA, "what becomes of it, a store alone can say");
	ev_context(err, "%.*s/%d@%" PRId64 " needs a scratch store", (int)rec->topic.len, rec->topic.ptr,
		   rec->partition, rec->offset);
	return 1;
}

int ev_memory_fold_apply(struct ev_memory_fold *r, const struct ev_record *rec, enum ev_count *fate,
			 int64_t *touched, struct ev_error *err)
{
	struct ev_apply *a = r->a;
	const int *handlers = NULL;
	int found;

	err->class = EV_OK;
	a->touched[0] = *touched = 0;
	found = ev_record_route(a, rec, &handlers, err);
	if (found == EV_FATE_ERROR)
		return needs_scratch(rec, err);
	*fate = (enum ev_count)found;
	if (found != EV_APPLIED)
		return 0;
	ev_fold_list_clear(r->list);
	if (ev_record_apply(a, 0, handlers, err) || ev_record_fold(a, err)) {
		r->over = ev_fold_over(a->fold);
		ev_fold_undo(a->fold);
		return needs_scratch(rec, err);
	}
	ev_fold_keep(a->fold);
	*touched = a->touched[0];
	return 0;
}

void ev_memory_fold_limit(struct ev_memory_fold *r, size_t bytes)
{
	ev_fold_set_limit(r->a->fold, bytes, false);
	ev_fold_list_limit(r->list, bytes / 16 > LEAST_LIST ? bytes / 16 : LEAST_LIST);
}

bool ev_memory_fold_full(const struct ev_memory_fold *r)
{
	return r->over || ev_fold_full(r->a->fold);
}

size_t ev_memory_fold_columns(const struct ev_memory_fold *r, const char *table)
{
	return ev_fold_columns(r->a->fold, table);
}

const char *ev_memory_fold_column(const struct ev_memory_fold *r, const char *table, size_t column)
{
	return ev_fold_column_name(r->a->fold, table, column);
}

int ev_memory_fold_rows(struct ev_memory_fold *r, const char *table, ev_row_fn row, void *ctx,
			struct ev_error *err)
{
	return ev_fold_rows(r->a->fold, table, row, ctx, err);
}
