/* record.c - one record through the stages: filter, type, dedupe, hold, apply */
#include "apply/internal.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * What a statement's result is told by: its record in the batch, its own number, and `must touch`.
 */
#define TAG(index, number, must_touch) \
	((uint64_t)(number) << 40 | (uint64_t)(index) << 1 | (must_touch))
#define TAG_INDEX(tag) ((size_t)((tag) >> 1 & 0x7fffffffff))
#define TAG_NUMBER(tag) ((size_t)((tag) >> 40))

struct ev_ledger_part *ev_record_part(struct ev_apply *a, const struct ev_record *r)
{
	return &a->ledger.parts[a->parts[r->part]];
}

void ev_record_result(void *ctx, uint64_t tag, int64_t touched, const struct ev_error *err)
{
	struct ev_apply *a = ctx;
	size_t index = TAG_INDEX(tag);

	if (a->failed)
		return;
	if (touched > 0)
		a->touched[index] += touched;
	if (touched >= 0 && !((tag & 1) && touched == 0))
		return;
	a->failed = true;
	a->failed_at = index;
	if (touched < 0)
		a->poison = *err;
	else
		ev_fail(&a->poison, EV_DATA, "the statement touched no row (must touch)");
	ev_context(&a->poison, "%s:%d", a->projection->file, a->lines[TAG_NUMBER(tag)]);
}

static void no_values(struct ev_event *e)
{
	size_t n = ev_paths_count(e->projection->paths);

	memset(e->values, 0, (n + 1) * sizeof(*e->values));
}

/* 0 and the values of all paths, or -1 EV_DATA and all values missing. */
static int decode(struct ev_apply *a, const struct ev_record *r, struct ev_error *err)
{
	struct ev_json_error je;
	struct ev_slice json;

	if (a->decoder->ops->decode(a->decoder, r, &json, err) < 0) {
		no_values(&a->event);
		return -1;
	}
	if (ev_json_extract(a->projection->paths, json, a->event.values, &je) < 0) {
		no_values(&a->event);
		return ev_fail(err, EV_DATA, "the value is not JSON: %s at byte %zu", je.what,
			       je.at);
	}
	return 0;
}

/* The ids that are seen are an index's keys, whose length PostgreSQL bounds (2704 bytes with all else). */
#define MAX_ID 2000

int ev_record_id(struct ev_apply *a, struct ev_slice *id, struct ev_error *err)
{
	int path = a->projection->envelope.path[EV_FIELD_ID];
	const struct ev_value *v = path >= 0 ? &a->event.values[path] : NULL;

	if (!v || (v->type != EV_JSON_STRING && v->type != EV_JSON_NUMBER))
		return ev_fail(err, EV_DATA, "the event has no id, which @dedupe needs");
	*id = v->raw;
	ev_buf_clear(&a->event.scratch);
	if (v->type == EV_JSON_STRING && ev_value_text(v, &a->event.scratch, id) < 0)
		return ev_fail(err, EV_DATA, "the event's id holds a lone surrogate escape");
	if (id->len > MAX_ID)
		return ev_fail(err, EV_DATA, "the event's id has %zu bytes; @dedupe keeps up to %d", id->len,
			       MAX_ID);
	if (memchr(id->ptr, '\0', id->len))
		return ev_fail(err, EV_DATA, "the event's id holds a NUL character");
	return 0;
}

#define MAX_KEY_DIGITS 18 /* of a number that is bound as an integer whatever it is */

static int duplicate(struct ev_apply *a, const struct ev_record *r, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;
	struct ev_slice id;

	if (ev_record_id(a, &id, err) < 0)
		return -1;
	return ev_seen_check(a->store, p->name, r, id, p->dedupe_across, p->dedupe_ms,
			     &a->ledger.watermark, err);
}

/* An integer as everybody spells it, which is bound as one: 42 and 42.0 would be one text in a row. */
static bool one_spelling(struct ev_slice number)
{
	size_t i = number.len && number.ptr[0] == '-';

	if (number.len > MAX_KEY_DIGITS || (i && number.len > 1 && number.ptr[1] == '0'))
		return false;
	for (; i < number.len; i++)
		if (number.ptr[i] < '0' || number.ptr[i] > '9')
			return false;
	return true;
}

/*
 * Is the value of @key the record's key, as the file says? A text, or a number that has one spelling; missing
 * it names no row.
 */
static int check_key(struct ev_apply *a, const struct ev_record *r, struct ev_error *err)
{
	const struct ev_projection *p = a->projection;
	const struct ev_value *v = &a->event.values[p->key];
	struct ev_slice text = v->raw;
	bool good = v->type == EV_JSON_STRING;

	if (v->type == EV_JSON_MISSING || v->type == EV_JSON_NULL)
		return 0;
	ev_buf_clear(&a->event.scratch);
	if (good && ev_value_text(v, &a->event.scratch, &text) < 0)
		good = false;
	if (v->type == EV_JSON_NUMBER)
		good = one_spelling(v->raw);
	if (good && r->key.ptr && ev_slice_eq(text, r->key))
		return 0;
	return ev_fail(err, EV_DATA, "%s is not the record's key, as '@key' says%s", p->key_text,
		       r->key.ptr ? "" : ": the record has none");
}

/* An event (not a tombstone): its handlers, or a count that ends its way here. */
static int route(struct ev_apply *a, const struct ev_record *r, const int **handlers,
		 struct ev_error *err)
{
	const struct ev_projection *p = a->projection;
	struct ev_slice type = EV_LITERAL("");
	bool undecodable = decode(a, r, err) < 0;

	if (p->filter && !ev_where_test(p->filter, a->event.values, &a->event.scratch)) {
		if (undecodable) /* nobody wants it, so it need not be an event */
			*err = (struct ev_error)EV_ERROR_INIT;
		return EV_FILTERED;
	}
	if (undecodable)
		return EV_FATE_ERROR;
	if (p->envelope.path[EV_FIELD_TYPE] >= 0) {
		ev_buf_clear(&a->event.scratch);
		type = ev_envelope_type(&p->envelope, a->event.values, &a->event.scratch);
		if (!type.ptr) {
			ev_fail(err, EV_DATA, "the event has no type");
			return EV_FATE_ERROR;
		}
	}
	*handlers = ev_match_event(a->match, r->topic, type);
	if (**handlers < 0)
		return EV_IGNORED;
	return p->key >= 0 && check_key(a, r, err) < 0 ? EV_FATE_ERROR : EV_APPLIED;
}

int ev_record_route(struct ev_apply *a, const struct ev_record *r, const int **handlers,
		    struct ev_error *err)
{
	ev_event_begin(&a->event, r);
	if (r->value.ptr)
		return route(a, r, handlers, err);
	no_values(&a->event);
	*handlers = ev_match_tombstone(a->match, r->topic);
	return **handlers < 0 ? EV_IGNORED : EV_APPLIED;
}

int ev_record_stages(struct ev_apply *a, const struct ev_record *r, const int **handlers,
		     struct ev_error *err)
{
	int fate = ev_record_route(a, r, handlers, err);

	if (fate == EV_APPLIED && a->projection->dedupe && r->value.ptr) {
		int dup = duplicate(a, r, err);

		if (dup)
			return dup < 0 ? EV_FATE_ERROR : EV_DEDUPLICATED;
	}
	return fate;
}

int ev_record_fold(struct ev_apply *a, struct ev_error *err)
{
	int rc = ev_fold_list_run(a->fold, a->list, 0, ev_fold_list_length(a->list), a->touched, err);

	ev_fold_list_clear(a->list);
	return rc;
}

static int run_statement(struct ev_apply *a, size_t handler, size_t i, uint64_t tag, struct ev_error *err)
{
	size_t n = a->projection->handlers[handler].statements[i].nparams;
	struct ev_query *q;

	if (a->way == EV_BY_LIST || a->way == EV_BY_PARTS) {
		if (ev_fold_list_add(a->list, handler, i, a->binds, n, tag & 1, ev_buf_slice(&a->event.scratch)))
			return 0;
		return a->way == EV_BY_LIST ? 1 : ev_record_fold(a, err);
	}
	if (a->way == EV_BY_NAME) {
		ev_fold_want(a->fold, handler, i, a->binds, n);
		return 0;
	}
	q = a->queries[handler][i];
	if (a->way == EV_BY_BATCH && ev_fold_takes(a->fold, handler, i))
		return ev_fold_apply(a->fold, handler, i, q, a->binds, n, tag, err);
	return a->store->ops->apply(a->store, q, a->binds, n, tag, err);
}

int ev_record_sync(struct ev_apply *a, struct ev_error *err)
{
	if (a->store->ops->sync(a->store, err) < 0)
		return -1;
	if (a->way == EV_BY_BATCH && !a->failed && ev_fold_sync(a->fold, err) < 0)
		return -1;
	return a->store->ops->sync(a->store, err);
}

static int run_statements(struct ev_apply *a, const struct ev_handler *h, size_t handler,
			  size_t index, struct ev_error *err)
{
	for (size_t i = 0; i < h->nstatements; i++) {
		const struct ev_statement *s = &h->statements[i];
		int rc;

		if (ev_bind_statement(&a->event, s, a->binds, err) < 0)
			return -1;
		rc = run_statement(a, handler, i, TAG(index, a->numbers[handler] + i, h->must_touch), err);
		if (rc)
			return rc;
		if (a->failed) {
			*err = a->poison;
			return -1;
		}
	}
	return 0;
}

/* Once for each sliding window that holds the event's time: starts in (time - over, time]. */
static int run_windows(struct ev_apply *a, const struct ev_handler *h, size_t handler,
		       size_t index, struct ev_error *err)
{
	int64_t ms, first;
	int rc = 0;

	if (!h->every_ms)
		return run_statements(a, h, handler, index, err);
	if (ev_event_time(&a->event, &ms, err) < 0)
		return -1;
	first = ev_window_start(ms - h->over_ms, h->every_ms) + h->every_ms;
	for (a->event.window = first; a->event.window <= ms && rc == 0; a->event.window += h->every_ms)
		rc = run_statements(a, h, handler, index, err);
	return rc;
}

static int run_handler(struct ev_apply *a, size_t handler, size_t index, struct ev_error *err)
{
	const struct ev_handler *h = &a->projection->handlers[handler];
	struct ev_json_error je;
	struct ev_value element;
	const struct ev_value *array;
	struct ev_each it;
	int rc = 0;

	if (h->each < 0)
		return run_windows(a, h, handler, index, err);
	array = &a->event.values[h->each];
	if (array->type == EV_JSON_MISSING || array->type == EV_JSON_NULL)
		return 0;
	if (array->type != EV_JSON_ARRAY)
		return ev_fail(err, EV_DATA, "%s:%d: `each` wants an array", a->projection->file,
			       h->place.line);
	ev_each_begin(&it, array);
	while (rc == 0 && ev_each_next(&it, &element)) {
		struct ev_slice json = element.raw;

		if (element.type == EV_JSON_STRING) /* with its quotes: a document of its own */
			json = ev_slice(json.ptr - 1, json.len + 2);
		if (ev_json_extract(h->item_paths, json, a->event.item, &je) < 0)
			return ev_fail(err, EV_BUG, "an element was valid and is not: %s", je.what);
		rc = run_windows(a, h, handler, index, err);
	}
	return rc;
}

int ev_record_apply(struct ev_apply *a, size_t index, const int *handlers, struct ev_error *err)
{
	int rc = 0;

	for (; *handlers >= 0 && rc == 0; handlers++)
		rc = run_handler(a, (size_t)*handlers, index, err);
	return rc;
}

/* Under a savepoint. */
static int try_guarded(struct ev_apply *a, size_t index, const int *handlers, struct ev_error *err)
{
	const struct ev_store_ops *ops = a->store->ops;
	struct ev_error err2 = EV_ERROR_INIT;
	int rc;

	a->failed = false;
	a->touched[index] = 0;
	if (ops->savepoint(a->store, err) < 0)
		return -1;
	rc = ev_record_apply(a, index, handlers, err);
	if (rc == 0 && ops->sync(a->store, err) < 0)
		rc = -1;
	/* a statement that is under way may have failed before one whose values cannot be bound */
	else if (rc && err->class == EV_DATA && ops->sync(a->store, &err2) < 0)
		*err = err2;
	if ((rc == 0 || err->class == EV_DATA) && a->failed) {
		*err = a->poison;
		rc = -1;
	}
	if (rc == 0)
		return ops->release(a->store, err);
	a->failed = false;
	a->touched[index] = 0;
	if (err->class == EV_DATA && ops->rollback_to(a->store, &err2) < 0)
		*err = err2;
	return -1;
}

int ev_record_guarded(struct ev_apply *a, size_t index, const int *handlers, struct ev_error *err)
{
	int rc = try_guarded(a, index, handlers, err);

	if (rc == 0 || err->class != EV_DATA || !a->store->vague)
		return rc;
	a->store->closely = true;
	*err = (struct ev_error)EV_ERROR_INIT;
	rc = try_guarded(a, index, handlers, err);
	a->store->closely = false;
	return rc;
}

struct ev_slice ev_apply_event_type(struct ev_apply *a)
{
	const struct ev_envelope *e = &a->projection->envelope;

	if (!a->event.record->value.ptr || e->path[EV_FIELD_TYPE] < 0)
		return EV_NULL_SLICE;
	ev_buf_clear(&a->event.scratch);
	return ev_envelope_type(e, a->event.values, &a->event.scratch);
}

bool ev_apply_event_time(struct ev_apply *a, int64_t *ms)
{
	struct ev_error none = EV_ERROR_INIT;

	return ev_event_time(&a->event, ms, &none) == 0;
}

const char *ev_apply_event_fault(const struct ev_apply *a)
{
	return a->poison.text;
}
