/* json_path.c - path texts into a trie (json_internal.h) */
#include <stdio.h>

#include "base/mem.h"
#include "event/json_internal.h"
#include "record/line.h"

struct ev_paths *ev_paths_new(void)
{
	struct ev_paths *p = ev_alloc(sizeof(*p));

	EV_GROW(p->nodes, p->nnodes, p->node_cap);
	p->nodes[p->nnodes++] = (struct ev_node){ .path = -1, .child = -1, .next = -1 };
	return p;
}

void ev_paths_free(struct ev_paths *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nnodes; i++)
		free(p->nodes[i].name);
	free(p->nodes);
	free(p);
}

size_t ev_paths_count(const struct ev_paths *p)
{
	return p->npaths;
}

static bool name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool name_char(char c)
{
	return name_start(c) || (c >= '0' && c <= '9') || c == '-';
}

/*
 * One step at text[*at]: 1 and its name (decoded into `name`) or index (*index >= 0), 0 when no step
 * starts there, -1 when one starts that is no step.
 */
static int read_step(const char *text, size_t len, size_t *at, struct ev_buf *name, int64_t *index)
{
	size_t i = *at;

	*index = -1;
	ev_buf_clear(name);
	if (i + 1 < len && text[i] == '.') {
		if (!name_start(text[i + 1]))
			return -1;
		for (i++; i < len && name_char(text[i]); i++)
			ev_buf_addc(name, text[i]);
	} else if (i + 1 < len && text[i] == '[' && text[i + 1] == '\'') {
		for (i += 2; i < len && text[i] != '\''; i++) {
			if (text[i] == '\\' && ++i == len)
				return -1;
			ev_buf_addc(name, text[i]);
		}
		if (i + 1 >= len || text[i + 1] != ']')
			return -1;
		i += 2;
	} else if (i < len && text[i] == '[') {
		*index = 0;
		for (i++; i < len && text[i] >= '0' && text[i] <= '9' && *index <= INT32_MAX; i++)
			*index = *index * 10 + (text[i] - '0');
		if (i == *at + 1 || i >= len || text[i] != ']' || *index > INT32_MAX)
			return -1;
		i++;
	} else {
		return 0;
	}
	*at = i;
	return 1;
}

static size_t root_length(const char *text, size_t len)
{
	if (!len || text[0] != '$')
		return 0;
	if (len >= 5 && memcmp(text, "$item", 5) == 0 && (len == 5 || !name_char(text[5])))
		return 5;
	return 1;
}

size_t ev_path_scan(const char *text, size_t len)
{
	struct ev_buf name = EV_BUF_INIT;
	size_t at = root_length(text, len);
	int64_t index;

	while (at && read_step(text, len, &at, &name, &index) > 0)
		;
	ev_buf_release(&name);
	return at;
}

static int child(struct ev_paths *p, int parent, struct ev_slice name, int64_t index)
{
	int *link = &p->nodes[parent].child, at;

	for (; *link >= 0; link = &p->nodes[*link].next) {
		struct ev_node *n = &p->nodes[*link];

		if (index >= 0 ? n->index == index
			       : n->index < 0 && ev_slice_eq(ev_slice(n->name, n->len), name))
			return *link;
	}
	at = *link = (int)p->nnodes;
	EV_GROW(p->nodes, p->nnodes, p->node_cap);
	p->nodes[p->nnodes++] = (struct ev_node){
		.name = index < 0 ? ev_strndup(name.ptr, name.len) : NULL,
		.len = name.len,
		.index = index < 0 ? -1 : (int32_t)index,
		.path = -1,
		.child = -1,
		.next = -1,
	};
	return at;
}

int ev_paths_add(struct ev_paths *p, const char *path, size_t len, struct ev_error *err)
{
	struct ev_buf name = EV_BUF_INIT;
	size_t at = root_length(path, len), steps = 0;
	int node = 0, rc = at ? 1 : -1;
	int64_t index;

	while (rc > 0 && at < len) {
		rc = read_step(path, len, &at, &name, &index);
		if (rc > 0 && ++steps > EV_JSON_MAX_PATH_STEPS)
			rc = -1;
		if (rc > 0 && !ev_utf8_valid(ev_buf_slice(&name)))
			rc = -1;
		if (rc > 0)
			node = child(p, node, ev_buf_slice(&name), index);
	}
	ev_buf_release(&name);
	if (rc <= 0) {
		ev_fail(err, EV_USAGE, "'%.*s' is no path: character %zu", (int)len, path, at + 1);
		return ev_hint(err, "write $.name, $['any name'], $[0] or several of them");
	}
	if (p->nodes[node].path < 0) {
		if (p->npaths == EV_JSON_MAX_PATHS)
			return ev_fail(err, EV_USAGE, "more than %d paths", EV_JSON_MAX_PATHS);
		p->nodes[node].path = (int)p->npaths++;
	}
	return p->nodes[node].path;
}
