/* paths.c - see paths.h */
#include "summary/paths.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/mem.h"

struct ev_path_sums *ev_path_sums_new(size_t max)
{
	struct ev_path_sums *s = ev_alloc(sizeof(*s));

	s->max = max;
	for (s->nslots = 16; s->nslots < 2 * max;)
		s->nslots *= 2;
	s->slots = ev_alloc(s->nslots * sizeof(*s->slots));
	return s;
}

void ev_path_sums_free(struct ev_path_sums *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].path);
	ev_buf_release(&s->path);
	ev_buf_release(&s->name);
	free(s->v);
	free(s->slots);
	free(s);
}

/* The entry of the path that stands in s->path; NULL when it does not fit any more. */
static struct ev_path_sum *entry(struct ev_path_sums *s)
{
	size_t i = XXH3_64bits(s->path.data, s->path.len) & (s->nslots - 1);

	for (; s->slots[i]; i = (i + 1) & (s->nslots - 1)) {
		if (ev_slice_is(ev_buf_slice(&s->path), s->v[s->slots[i] - 1].path))
			return &s->v[s->slots[i] - 1];
	}
	if (s->n == s->max || s->path.len > EV_PATH_SUM_LENGTH) {
		s->capped = true;
		return NULL;
	}
	EV_GROW(s->v, s->n, s->cap);
	s->v[s->n] = (struct ev_path_sum){ .path = ev_slice_dup(ev_buf_slice(&s->path)) };
	s->slots[i] = (uint32_t)++s->n;
	return &s->v[s->n - 1];
}

static void count(struct ev_path_sums *s, enum ev_json_type type)
{
	struct ev_path_sum *e = entry(s);

	if (!e)
		return;
	if (e->seen != s->documents) {
		e->seen = s->documents;
		e->seen_types = 0;
		e->documents++;
	}
	if (!(e->seen_types & 1u << type)) {
		e->seen_types |= 1u << type;
		e->types[type]++;
	}
}

/* Can the name stand behind a dot? The same rule as ev_paths_add. */
static bool plain_name(struct ev_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
		bool later = (c >= '0' && c <= '9') || c == '-';

		if (!letter && !(later && i))
			return false;
	}
	return s.len > 0;
}

/* NUL in a name is shown as an escape, as paths are C strings. */
static void add_step(struct ev_path_sums *s, const struct ev_value *name)
{
	struct ev_slice text;

	ev_buf_clear(&s->name);
	if (ev_value_text(name, &s->name, &text))
		text = name->raw;
	if (plain_name(text)) {
		ev_buf_addc(&s->path, '.');
		ev_buf_add_slice(&s->path, text);
		return;
	}
	ev_buf_adds(&s->path, "['");
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
			ev_buf_addc(&s->path, '\\');
		if (text.ptr[i])
			ev_buf_addc(&s->path, text.ptr[i]);
		else
			ev_buf_adds(&s->path, "\\u0000");
	}
	ev_buf_adds(&s->path, "']");
}

static void walk(struct ev_path_sums *s, const struct ev_value *v)
{
	struct ev_value name, member;
	struct ev_each it;
	size_t len = s->path.len;

	if (len > EV_PATH_SUM_LENGTH) {
		s->capped = true;
		return;
	}
	if (v->type == EV_JSON_OBJECT) {
		ev_each_begin(&it, v);
		while (ev_member_next(&it, &name, &member)) {
			add_step(s, &name);
			count(s, member.type);
			walk(s, &member);
			s->path.len = len;
		}
	} else if (v->type == EV_JSON_ARRAY) {
		ev_each_begin(&it, v);
		while (ev_each_next(&it, &member)) {
			ev_buf_adds(&s->path, "[*]");
			count(s, member.type);
			walk(s, &member);
			s->path.len = len;
		}
	}
}

void ev_path_sums_add(struct ev_path_sums *s, struct ev_slice json)
{
	struct ev_json_error bad;
	struct ev_value top;

	if (ev_json_validate(json, &top, &bad))
		return;
	s->documents++;
	ev_buf_clear(&s->path);
	ev_buf_addc(&s->path, '$');
	if (top.type != EV_JSON_OBJECT)
		count(s, top.type);
	walk(s, &top);
}
