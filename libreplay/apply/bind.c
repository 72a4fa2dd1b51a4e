/* bind.c - see bind.h */
#include "apply/bind.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "event/time.h"
#include "json/number.h"

void ev_event_init(struct ev_event *e, const struct ev_projection *p)
{
	size_t n = ev_paths_count(p->paths), items = 0;

	for (size_t i = 0; i < p->nhandlers; i++) {
		const struct ev_paths *paths = p->handlers[i].item_paths;

		if (paths && ev_paths_count(paths) > items)
			items = ev_paths_count(paths);
	}
	*e = (struct ev_event){ .projection = p };
	e->values = ev_alloc((n + 1) * sizeof(*e->values));
	e->item = ev_alloc((items + 1) * sizeof(*e->item));
}

void ev_event_release(struct ev_event *e)
{
	free(e->values);
	free(e->item);
	ev_buf_release(&e->scratch);
}

void ev_event_begin(struct ev_event *e, const struct ev_record *r)
{
	e->record = r;
	e->has_time = false;
}

int ev_event_time(struct ev_event *e, int64_t *ms, struct ev_error *err)
{
	const char *why;

	if (!e->has_time && !e->record->value.ptr) { /* a tombstone holds no mapped time */
		if (e->record->timestamp == EV_NO_TIMESTAMP)
			return ev_fail(err, EV_DATA, "the tombstone has no time: no timestamp");
		if (e->record->timestamp < EV_TIME_MIN || e->record->timestamp > EV_TIME_MAX)
			return ev_fail(err, EV_DATA, "the tombstone has no time: its timestamp is "
				       "outside the years 0001-9999");
		e->time_ms = e->record->timestamp;
		e->has_time = true;
	}
	if (!e->has_time) {
		if (ev_envelope_time(&e->projection->envelope, e->record, e->values, &e->time_ms,
				     &why) < 0)
			return ev_fail(err, EV_DATA, "the event has no time: %s", why);
		e->has_time = true;
	}
	*ms = e->time_ms;
	return 0;
}

/* Most JSON integers are short and plain: they need no exact arithmetic. */
static bool plain_integer(struct ev_slice s, int64_t *out)
{
	size_t i = s.ptr[0] == '-';
	int64_t n = 0;

	if (s.len - i > 18)
		return false;
	for (; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		n = n * 10 + (s.ptr[i] - '0');
	}
	*out = s.ptr[0] == '-' ? -n : n;
	return true;
}

static void bind_number(struct ev_slice raw, struct ev_bind *b)
{
	if (plain_integer(raw, &b->i) || ev_number_scaled(raw, 0, &b->i) == EV_NUMBER_OK) {
		b->kind = EV_BIND_INT;
		return;
	}
	b->kind = EV_BIND_NUMBER;
	b->text = raw;
}

static int bind_scaled(const struct ev_value *v, int scale, struct ev_bind *b, struct ev_error *err)
{
	int n = v->raw.len < 60 ? (int)v->raw.len : 60;

	if (v->type != EV_JSON_NUMBER && v->type != EV_JSON_STRING)
		return ev_fail(err, EV_DATA, ":scaled wants a number");
	if (v->type == EV_JSON_STRING) {
		struct ev_value top;
		struct ev_json_error je;

		/* decimals often travel as strings; what is in it must be a JSON number alone */
		if (ev_json_validate(v->raw, &top, &je) < 0 || top.type != EV_JSON_NUMBER ||
		    top.raw.len != v->raw.len)
			return ev_fail(err, EV_DATA, ":scaled wants a number, not \"%.*s\"", n,
				       v->raw.ptr);
	}
	b->kind = EV_BIND_INT;
	switch (ev_number_scaled(v->raw, scale, &b->i)) {
	case EV_NUMBER_OK:
		return 0;
	case EV_NUMBER_INEXACT:
		return ev_fail(err, EV_DATA, "%.*s has more than %d decimal places", n, v->raw.ptr,
			       scale);
	case EV_NUMBER_RANGE:
		break;
	}
	return ev_fail(err, EV_DATA, "%.*s times 10^%d does not fit 64 bits", n, v->raw.ptr, scale);
}

static int bind_value(struct ev_event *e, const struct ev_param *p, const struct ev_value *v,
		      struct ev_bind *b, struct ev_error *err)
{
	if (v->type == EV_JSON_MISSING || v->type == EV_JSON_NULL) {
		if (p->required)
			return ev_fail(err, EV_DATA, "%s is required but %s", p->text,
				       v->type == EV_JSON_NULL ? "null" : "missing");
		return 0;
	}
	if (p->scale >= 0)
		return bind_scaled(v, p->scale, b, err);
	switch (v->type) {
	case EV_JSON_FALSE:
	case EV_JSON_TRUE:
		b->kind = EV_BIND_BOOL;
		b->i = v->type == EV_JSON_TRUE;
		return 0;
	case EV_JSON_NUMBER:
		bind_number(v->raw, b);
		return 0;
	case EV_JSON_STRING:
		b->kind = EV_BIND_TEXT;
		if (ev_value_text(v, &e->scratch, &b->text) < 0)
			return ev_fail(err, EV_DATA, "%s holds a lone surrogate escape", p->text);
		return 0;
	default:
		b->kind = EV_BIND_JSON;
		b->text = v->raw;
		return 0;
	}
}

static void bind_bytes(struct ev_slice s, struct ev_bind *b)
{
	b->kind = !s.ptr ? EV_BIND_NULL : ev_utf8_valid(s) ? EV_BIND_TEXT : EV_BIND_BYTES;
	b->text = s;
}

static void bind_time(struct ev_event *e, int64_t ms, struct ev_bind *b)
{
	char text[EV_TIME_TEXT];

	ev_time_format(ms, text);
	b->kind = EV_BIND_TIME;
	b->text = ev_slice(e->scratch.data + e->scratch.len, strlen(text));
	ev_buf_adds(&e->scratch, text);
}

/*
 * Most producers write times just as we do. The text is known to be one, so only its form is looked at: no second
 * 60, no hour 24.
 */
static bool is_canonical(const struct ev_value *v)
{
	const char *s = v->raw.ptr;

	return v->type == EV_JSON_STRING && !v->escaped && v->raw.len == 24 && s[10] == 'T' &&
	       s[11] <= '2' && (s[11] < '2' || s[12] < '4') && s[16] == ':' && s[17] < '6' && s[19] == '.' &&
	       s[23] == 'Z';
}

static int bind_field(struct ev_event *e, const struct ev_param *p, struct ev_bind *b,
		      struct ev_error *err)
{
	int path = e->projection->envelope.path[p->field];
	int64_t ms;

	if (p->field == EV_FIELD_TIME) {
		if (ev_event_time(e, &ms, err) < 0)
			return -1;
		if (path >= 0 && e->record->value.ptr && is_canonical(&e->values[path])) {
			b->kind = EV_BIND_TIME;
			b->text = e->values[path].raw;
			return 0;
		}
		bind_time(e, ms, b);
		return 0;
	}
	return path >= 0 ? bind_value(e, p, &e->values[path], b, err) : 0;
}

static int bind_window(struct ev_event *e, const struct ev_param *p, struct ev_bind *b,
		       struct ev_error *err)
{
	int64_t ms = e->window;

	if (p->window_ms) {
		if (ev_event_time(e, &ms, err) < 0)
			return -1;
		ms = ev_window_start(ms, p->window_ms);
	}
	bind_time(e, ms, b);
	return 0;
}

static void bind_int(int64_t i, struct ev_bind *b)
{
	b->kind = EV_BIND_INT;
	b->i = i;
}

static int bind_param(struct ev_event *e, const struct ev_param *p, struct ev_bind *b,
		      struct ev_error *err)
{
	const struct ev_record *r = e->record;
	const struct ev_header *h;

	*b = (struct ev_bind){ .kind = EV_BIND_NULL };
	switch (p->kind) {
	case EV_PARAM_PATH:
		return bind_value(e, p, &e->values[p->path], b, err);
	case EV_PARAM_ITEM:
		return bind_value(e, p, &e->item[p->path], b, err);
	case EV_PARAM_FIELD:
		return bind_field(e, p, b, err);
	case EV_PARAM_WINDOW:
		return bind_window(e, p, b, err);
	case EV_PARAM_TOPIC:
		bind_bytes(r->topic, b);
		return 0;
	case EV_PARAM_KEY:
		bind_bytes(r->key, b);
		return 0;
	case EV_PARAM_HEADER:
		h = ev_record_header(r, p->header);
		bind_bytes(h ? h->value : EV_NULL_SLICE, b);
		return 0;
	case EV_PARAM_PARTITION:
		bind_int(r->partition, b);
		return 0;
	case EV_PARAM_OFFSET:
		bind_int(r->offset, b);
		return 0;
	case EV_PARAM_TIMESTAMP:
		if (r->timestamp != EV_NO_TIMESTAMP)
			bind_int(r->timestamp, b);
		return 0;
	}
	return ev_fail(err, EV_BUG, "unknown kind of parameter %d", (int)p->kind);
}

/* Scratch must not move while a statement's parameters are borrowed from it. */
static size_t scratch_need(const struct ev_event *e, const struct ev_statement *s)
{
	size_t need = 0;

	for (size_t i = 0; i < s->nparams; i++) {
		const struct ev_param *p = &s->params[i];
		int field = p->kind == EV_PARAM_FIELD ? e->projection->envelope.path[p->field] : -1;
		const struct ev_value *v = p->kind == EV_PARAM_PATH ? &e->values[p->path]
					 : p->kind == EV_PARAM_ITEM ? &e->item[p->path]
					 : field >= 0		    ? &e->values[field]
								    : NULL;

		need += EV_TIME_TEXT;
		if (v && v->type == EV_JSON_STRING && v->escaped)
			need += v->raw.len + 1;
	}
	return need;
}

int ev_bind_statement(struct ev_event *e, const struct ev_statement *s, struct ev_bind *b,
		      struct ev_error *err)
{
	ev_buf_clear(&e->scratch);
	if (!ev_buf_reserve(&e->scratch, scratch_need(e, s)))
		return ev_fail(err, EV_STORE, "out of memory for the texts of one event");
	for (size_t i = 0; i < s->nparams; i++) {
		const struct ev_param *p = &s->params[i];

		if (bind_param(e, p, &b[i], err) < 0)
			return ev_context(err, "%s:%d:%d", e->projection->file, p->place.line,
					  p->place.column);
		b[i].name = p->text;
	}
	return 0;
}
