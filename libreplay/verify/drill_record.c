/* drill_record.c - see drill_record.h */
#include "verify/drill_record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define LOOK_AHEAD 1000 /* records, for another one of the same key */

void ev_drill_records_release(struct ev_drill_records *r)
{
	free(r->v);
	free(r->part);
	free(r->headers);
	ev_buf_release(&r->text);
	*r = (struct ev_drill_records){ 0 };
}

void ev_drill_records_number(struct ev_drill_records *r)
{
	uint32_t most = 0;
	int64_t *next;

	for (size_t i = 0; i < r->n; i++)
		most = r->v[i].part > most ? r->v[i].part : most;
	next = ev_alloc(((size_t)most + 1) * sizeof(*next));
	for (size_t i = 0; i < r->n; i++)
		r->v[i].offset = next[r->v[i].part]++;
	free(next);
}

/* The number of its key, or -1. */
static int64_t number_of(const struct ev_drill_records *r, const struct ev_record *rec)
{
	struct ev_value *values = ev_alloc((ev_paths_count(r->paths) + 1) * sizeof(*values));
	struct ev_json_error je;
	int64_t n = -1;

	if (rec->key.ptr && rec->value.ptr && ev_json_extract(r->paths, rec->value, values, &je) == 0 &&
	    values[r->sequence].type == EV_JSON_NUMBER)
		n = strtoll(values[r->sequence].raw.ptr, NULL, 10);
	free(values);
	return n;
}

/* The next record of the same key in the same partition; n: none. */
static size_t next_of_key(const struct ev_drill_records *r, size_t i)
{
	for (size_t k = i + 1; k < r->n && k < i + LOOK_AHEAD && r->v[i].key.ptr; k++)
		if (r->v[k].part == r->v[i].part && ev_slice_eq(r->v[k].key, r->v[i].key))
			return k;
	return r->n;
}

static bool is_other(const struct ev_record *a, const struct ev_record *b)
{
	return !ev_slice_eq(a->value, b->value) || !ev_slice_eq(a->key, b->key) || a->timestamp != b->timestamp;
}

/* May it be done at record i, and with which other one? */
typedef bool fits_fn(const struct ev_drill_records *r, size_t i, size_t *other);

static bool fits_between(const struct ev_drill_records *r, size_t i, size_t *other)
{
	bool before = false;

	for (size_t k = 0; k < i && !before; k++)
		before = r->v[k].part == r->v[i].part;
	for (*other = i + 1; *other < r->n && r->v[*other].part != r->v[i].part;)
		++*other;
	return before && *other < r->n;
}

static bool fits_last(const struct ev_drill_records *r, size_t i, size_t *other)
{
	for (*other = i + 1; *other < r->n && r->v[*other].part != r->v[i].part;)
		++*other;
	return *other == r->n;
}

static bool fits_any(const struct ev_drill_records *r, size_t i, size_t *other)
{
	(void)r;
	(void)i;
	(void)other;
	return true;
}

static bool fits_id(const struct ev_drill_records *r, size_t i, size_t *other)
{
	(void)other;
	return r->ids && r->v[i].value.ptr;
}

static bool fits_value(const struct ev_drill_records *r, size_t i, size_t *other)
{
	(void)other;
	return r->v[i].value.ptr;
}

static bool fits_null(const struct ev_drill_records *r, size_t i, size_t *other)
{
	(void)other;
	return !r->v[i].value.ptr;
}

/* Two numbers of a key that follow each other. */
static bool fits_number(const struct ev_drill_records *r, size_t i, size_t *other)
{
	int64_t n;

	*other = r->sequence < 0 ? r->n : next_of_key(r, i);
	n = *other < r->n ? number_of(r, &r->v[i]) : -1;
	return n >= 0 && number_of(r, &r->v[*other]) == n + 1;
}

/* The second of three of them. */
static bool fits_gap(const struct ev_drill_records *r, size_t i, size_t *other)
{
	for (size_t k = i, looked = 0; k-- > 0 && looked < LOOK_AHEAD; looked++)
		if (r->v[k].part == r->v[i].part && ev_slice_eq(r->v[k].key, r->v[i].key))
			return fits_number(r, k, other) && *other == i && fits_number(r, i, other);
	return false;
}

static bool fits_swap(const struct ev_drill_records *r, size_t i, size_t *other)
{
	return !fits_last(r, i, other) && is_other(&r->v[i], &r->v[*other]);
}

/* Another partition of the same topic. */
static bool fits_partition(const struct ev_drill_records *r, size_t i, size_t *other)
{
	for (*other = 0; *other < r->n; ++*other)
		if (r->v[*other].part != r->v[i].part && ev_slice_eq(r->v[*other].topic, r->v[i].topic))
			return true;
	return false;
}

static const struct what {
	const char *word;
	fits_fn *fits;
	enum { HOLE, LEAVE_OUT, DOUBLE, SWAP, LONGER, EMPTY, KEY, HEADER, TIME, EXTRA, MOVE } act;
} whats[] = {
	{ "hole", fits_between, HOLE },      { "gap", fits_gap, LEAVE_OUT },   { "left out", fits_between, LEAVE_OUT },
	{ "short", fits_last, LEAVE_OUT },   { "double id", fits_id, DOUBLE }, { "double number", fits_number, DOUBLE },
	{ "late", fits_number, SWAP },       { "swap", fits_swap, SWAP },      { "value", fits_value, LONGER },
	{ "empty", fits_null, EMPTY },       { "key", fits_any, KEY },         { "header", fits_any, HEADER },
	{ "time", fits_any, TIME },          { "extra", fits_any, EXTRA },     { "partition", fits_partition, MOVE },
	{ "twice", fits_any, DOUBLE },
};

static struct ev_slice longer(struct ev_drill_records *out, struct ev_slice s, char c)
{
	size_t head = s.len && (s.ptr[0] == '{' || s.ptr[0] == '[') ? 1 : s.ptr ? s.len : 0;

	ev_buf_add(&out->text, s.ptr ? s.ptr : "", head);
	ev_buf_addc(&out->text, c);
	ev_buf_add(&out->text, s.ptr ? s.ptr + head : "", s.len - head);
	return ev_buf_slice(&out->text);
}

static void more_headers(struct ev_drill_records *out, struct ev_record *r)
{
	out->headers = ev_alloc((r->nheaders + 1) * sizeof(*out->headers));
	if (r->nheaders)
		memcpy(out->headers, r->headers, r->nheaders * sizeof(*out->headers));
	out->headers[r->nheaders] = (struct ev_header){ EV_LITERAL("ev-drill"), EV_LITERAL("") };
	r->headers = out->headers;
	r->nheaders++;
}

static void change(struct ev_drill_records *out, int act, const struct ev_record *other,
		   struct ev_record *r)
{
	switch (act) {
	case LONGER: r->value = longer(out, r->value, ' '); break;
	case EMPTY: r->value = EV_LITERAL(""); break;
	case KEY: r->key = longer(out, r->key, '~'); break;
	case HEADER: more_headers(out, r); break;
	case TIME: r->timestamp = r->timestamp == EV_NO_TIMESTAMP ? 0 : r->timestamp + 1; break;
	case MOVE:
		r->partition = other->partition;
		r->part = other->part;
		break;
	default: break;
	}
}

/* All records, with what happens at i, and at the other one. */
static void copy(const struct ev_drill_records *r, const struct what *w, size_t i, size_t other,
		 struct ev_drill_records *out)
{
	for (size_t k = 0; k < r->n; k++) {
		size_t from = w->act != SWAP ? k : k == i ? other : k == other ? i : k;

		if (k == i && w->act == LEAVE_OUT)
			continue;
		*EV_PUSH(out->v, out->n) = r->v[from];
		if (k == i)
			change(out, w->act, other < r->n ? &r->v[other] : NULL, &out->v[out->n - 1]);
		if (k == i && w->act == DOUBLE)
			*EV_PUSH(out->v, out->n) = r->v[i];
	}
	if (w->act == EXTRA) {
		struct ev_record *more = EV_PUSH(out->v, out->n);

		*more = r->v[i];
		more->key = EV_LITERAL("ev-drill");
		more->value = EV_NULL_SLICE;
	}
	ev_drill_records_number(out);
	if (w->act == HOLE) {
		memmove(out->v + i, out->v + i + 1, (out->n - i - 1) * sizeof(*out->v));
		out->n--;
	}
}

int ev_drill_records_damage(const struct ev_drill_records *r, const char *word, struct ev_drill_records *out,
			    struct ev_buf *where)
{
	const struct what *w = whats;

	while (strcmp(w->word, word) != 0)
		w++;
	for (size_t n = 0; n < r->n; n++) {
		size_t i = (r->n / 2 + n) % r->n, other = r->n;
		const struct ev_record *at = &r->v[i];

		if (!w->fits(r, i, &other))
			continue;
		copy(r, w, i, other, out);
		ev_buf_addf(where, "record %zu of the copy, %.*s/%" PRId32, i, (int)at->topic.len, at->topic.ptr,
			    at->partition);
		return 1;
	}
	return 0;
}
