/* draft_walk.c - the types of a sample and the scalar paths of each; see sample.h */
#include "base/mem.h"
#include "json/number.h"
#include "projection/sample.h"

#define MAX_DEPTH 3
#define MAX_PATHS 512 /* per type */
#define MAX_TEXT 200  /* bytes of a name or type that we care for */

/* Objects that only wrap what an event is about: their names do not belong into a column's. */
static const char *const wrappers[] = { "data", "payload", "body", "detail", "details", "attributes",
					"value", "after", NULL };

struct walker {
	const struct ev_guess *g;
	struct ev_type_stat *type;
	struct ev_slice key;
	size_t next; /* where the next path probably stands: objects have their members in order */
	struct ev_buf path, text;
};

static bool is_wrapper(const char *name)
{
	for (const char *const *w = wrappers; *w; w++)
		if (strcmp(*w, name) == 0)
			return true;
	return false;
}

static bool is_plain(const char *name)
{
	if (!*name || (*name >= '0' && *name <= '9'))
		return false;
	for (const char *p = name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || *p == '_'))
			return false;
	return true;
}

/* Append `.name` or `['name']`. */
static void add_step(struct ev_buf *path, const char *name)
{
	if (is_plain(name)) {
		ev_buf_addf(path, ".%s", name);
		return;
	}
	ev_buf_adds(path, "['");
	for (; *name; name++) {
		if (*name == '\'' || *name == '\\')
			ev_buf_addc(path, '\\');
		ev_buf_addc(path, *name);
	}
	ev_buf_adds(path, "']");
}

static bool is_envelope(const struct ev_guess *g, const char *path)
{
	for (int f = EV_FIELD_ID; f <= EV_FIELD_TIME; f++)
		if (g->path[f] && strcmp(g->path[f], path) == 0)
			return true;
	return false;
}

static struct ev_path_stat *find(struct walker *w, const char *parent, const char *last, size_t depth)
{
	struct ev_type_stat *t = w->type;
	struct ev_path_stat *s;

	for (size_t i = 0; i < t->npaths; i++) {
		size_t at = (w->next + i) % t->npaths;

		if (strcmp(t->paths[at].path, w->path.data) == 0) {
			w->next = at + 1;
			return &t->paths[at];
		}
	}
	if (t->npaths == MAX_PATHS)
		return NULL;
	s = EV_PUSH(t->paths, t->npaths);
	s->path = ev_strdup(w->path.data);
	s->parent = ev_strdup(parent);
	s->last = ev_strdup(last);
	s->depth = depth;
	s->url = true;
	w->next = t->npaths;
	return s;
}

static void note(struct walker *w, struct ev_path_stat *s, const struct ev_value *v)
{
	int64_t i;

	if (!s)
		return;
	s->seen++;
	if (v->type == EV_JSON_NULL) {
		s->nulls++;
		return;
	}
	if (!s->first.ptr)
		s->first = v->raw;
	s->varied |= !ev_slice_eq(s->first, v->raw);
	s->is_key += w->key.len && ev_slice_eq(v->raw, w->key);
	s->url &= v->type == EV_JSON_STRING && v->raw.len > 7 && memcmp(v->raw.ptr, "http", 4) == 0;
	switch (v->type) {
	case EV_JSON_NUMBER:
		switch (ev_number_scaled(v->raw, 0, &i)) {
		case EV_NUMBER_OK:
			s->types |= EV_SEEN_INTEGER;
			break;
		case EV_NUMBER_INEXACT:
			s->types |= EV_SEEN_REAL;
			break;
		default: /* past 64 bits only a text is exact */
			s->types |= EV_SEEN_TEXT;
		}
		break;
	case EV_JSON_STRING:
		s->types |= EV_SEEN_TEXT;
		break;
	case EV_JSON_TRUE:
	case EV_JSON_FALSE:
		s->types |= EV_SEEN_BOOLEAN;
		break;
	default:
		s->types |= EV_SEEN_NESTED;
	}
}

/* The member's name as a C string in w->text; NULL when it is nothing for a path in a file. */
static char *name_of(struct walker *w, const struct ev_value *name)
{
	struct ev_slice s;

	ev_buf_clear(&w->text);
	if (name->raw.len > MAX_TEXT || ev_value_text(name, &w->text, &s))
		return NULL;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return NULL;
	return ev_slice_dup(s);
}

static void walk(struct walker *w, const struct ev_value *object, const char *parent, size_t depth)
{
	struct ev_value name, member;
	struct ev_each it;
	size_t len = w->path.len;

	ev_each_begin(&it, object);
	while (ev_member_next(&it, &name, &member)) {
		char *last = name_of(w, &name);

		if (!last)
			continue;
		add_step(&w->path, last);
		if (member.type == EV_JSON_OBJECT && depth < MAX_DEPTH)
			walk(w, &member, last, depth + 1);
		else if (!is_envelope(w->g, w->path.data))
			note(w, find(w, parent, last, depth), &member);
		w->path.data[w->path.len = len] = '\0';
		free(last);
	}
}

static int score(const struct ev_type_stat *t, const struct ev_path_stat *s)
{
	int points = s->depth == MAX_DEPTH ? 20 : 0;

	if (t->count > 1 && s->is_key == s->seen)
		return -1;
	if (!s->parent || !is_wrapper(s->parent))
		points += 10;
	if (s->url)
		points += 100;
	if (t->count > 1 && !s->varied)
		points += 50;
	if (s->seen - s->nulls < t->count / 2)
		points += 5;
	return points;
}

/* The best paths become columns; in the order in which events have them. */
static void choose(struct ev_type_stat *t)
{
	char *names[EV_DRAFT_MAX_COLUMNS + 5] = { "event_id", "event_time", "log_topic", "log_partition",
						  "log_offset" };
	size_t n = 5;

	for (int k = 0; k < EV_DRAFT_MAX_COLUMNS; k++) {
		struct ev_path_stat *found = NULL;

		for (size_t i = 0; i < t->npaths; i++) {
			struct ev_path_stat *s = &t->paths[i];

			if (!s->chosen && s->types && !(s->types & EV_SEEN_NESTED) &&
			    (!found || score(t, s) < score(t, found)))
				found = s;
		}
		if (!found)
			break;
		found->chosen = true;
	}
	for (size_t i = 0; i < t->npaths; i++) {
		struct ev_path_stat *s = &t->paths[i];
		const char *parent = s->parent && !is_wrapper(s->parent) ? s->parent : NULL;

		if (!s->chosen)
			continue;
		s->column = ev_draft_unique(ev_draft_name(parent, s->last), names, n);
		names[n++] = s->column;
	}
}

static struct ev_type_stat *type_of(struct ev_types *types, struct ev_slice name)
{
	struct ev_type_stat *t;

	for (size_t i = 0; i < types->n; i++)
		if (ev_slice_is(name, types->v[i].type))
			return &types->v[i];
	if (types->n == EV_DRAFT_MAX_TYPES || name.len > MAX_TEXT)
		return NULL;
	t = EV_PUSH(types->v, types->n);
	t->type = ev_slice_dup(name);
	return t;
}

static bool extract_type(const struct ev_paths *paths, struct ev_slice value, struct ev_buf *scratch,
			 struct ev_slice *name)
{
	struct ev_json_error err;
	struct ev_value v;

	ev_buf_clear(scratch);
	return !ev_json_extract(paths, value, &v, &err) && v.type == EV_JSON_STRING && v.raw.len &&
	       !ev_value_text(&v, scratch, name) && !memchr(name->ptr, '\0', name->len);
}

/* Fill `out`; false when there are too many types for a table each. */
static bool gather(const struct ev_draft *d, const struct ev_guess *g, bool together,
		   struct ev_types *out)
{
	struct walker w = { .g = g };
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err;
	struct ev_json_error json_err;
	bool fits = true;

	ev_paths_add(paths, g->path[EV_FIELD_TYPE], strlen(g->path[EV_FIELD_TYPE]), &err);
	if (together)
		EV_PUSH(out->v, out->n);
	for (size_t i = 0; i < d->nrecords && fits; i++) {
		struct ev_value top;
		struct ev_slice name;

		if (!extract_type(paths, d->records[i].value, &w.text, &name) ||
		    ev_json_validate(d->records[i].value, &top, &json_err))
			continue;
		w.type = together ? &out->v[0] : type_of(out, name);
		fits = w.type != NULL;
		if (!fits)
			break;
		w.type->count++;
		w.key = d->records[i].key;
		w.next = 0;
		ev_buf_clear(&w.path);
		ev_buf_addc(&w.path, '$');
		walk(&w, &top, NULL, 1);
	}
	ev_buf_release(&w.path);
	ev_buf_release(&w.text);
	ev_paths_free(paths);
	return fits;
}

void ev_types_of(const struct ev_draft *d, const struct ev_guess *g, struct ev_types *out)
{
	char **names;

	*out = (struct ev_types){ NULL, 0 };
	if (!gather(d, g, false, out)) {
		ev_types_release(out);
		*out = (struct ev_types){ NULL, 0 };
		gather(d, g, true, out);
	}
	names = ev_alloc((out->n + 1) * sizeof(*names));
	for (size_t i = 0; i < out->n; i++) {
		struct ev_type_stat *t = &out->v[i];

		t->table = ev_draft_unique(ev_draft_name(NULL, t->type ? t->type : "events"), names, i);
		names[i] = t->table;
		choose(t);
	}
	free(names);
}

void ev_types_release(struct ev_types *t)
{
	for (size_t i = 0; i < t->n; i++) {
		for (size_t k = 0; k < t->v[i].npaths; k++) {
			struct ev_path_stat *s = &t->v[i].paths[k];

			free(s->path);
			free(s->parent);
			free(s->last);
			free(s->column);
		}
		free(t->v[i].paths);
		free(t->v[i].type);
		free(t->v[i].table);
	}
	free(t->v);
}
