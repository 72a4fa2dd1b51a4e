/* path.c - path texts, and the trie they are compiled into; see json_impl.h */
#include "base/mem.h"
#include "base/utf8.h"
#include "json/json_impl.h"

#define ITEM "item"

struct step {
	struct ev_buf name;
	int64_t index; /* -1: a name */
};

static void add_node(struct ev_paths *p, struct ev_node node)
{
	EV_GROW(p->nodes, p->nnodes, p->cap);
	node.path = -1;
	node.last_index = -1;
	p->nodes[p->nnodes++] = node;
}

struct ev_paths *ev_paths_new(void)
{
	struct ev_paths *p = ev_alloc(sizeof(*p));

	add_node(p, (struct ev_node){ .name = NULL });
	return p;
}

void ev_paths_free(struct ev_paths *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nnodes; i++) {
		free((char *)p->nodes[i].name);
		free(p->nodes[i].slots);
	}
	free(p->nodes);
	free(p);
}

size_t ev_paths_count(const struct ev_paths *p)
{
	return p->npaths;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

/* Each reader of a step returns what is wrong at text[*at], or NULL and *at is behind the step. */
static const char *read_name(const char *text, size_t len, size_t *at, struct ev_buf *name)
{
	size_t from = ++*at;

	if (from == len || !starts_name(text[from]))
		return "a name is expected (or ['a quoted one'])";
	while (*at < len && (starts_name(text[*at]) || is_digit(text[*at]) || text[*at] == '-'))
		++*at;
	ev_buf_add(name, text + from, *at - from);
	return NULL;
}

static const char *read_quoted(const char *text, size_t len, size_t *at, struct ev_buf *name)
{
	for (*at += 2; *at < len && text[*at] != '\''; ++*at) {
		if (text[*at] == '\\' && (++*at == len || !strchr("'\\", text[*at]) || !text[*at]))
			return "a backslash goes before ' or \\ only";
		ev_buf_addc(name, text[*at]);
	}
	if (*at == len)
		return "the closing ' is missing";
	if (++*at == len || text[*at] != ']')
		return "a ] is expected";
	++*at;
	return NULL;
}

static const char *read_index(const char *text, size_t len, size_t *at, int64_t *index)
{
	size_t from = ++*at;

	for (*index = 0; *at < len && is_digit(text[*at]); ++*at) {
		*index = *index * 10 + (text[*at] - '0');
		if (*index > INT32_MAX)
			return "the index is too large";
	}
	if (*at == from)
		return "an index or a 'name' is expected";
	if (text[from] == '0' && *at > from + 1)
		return "an index has no leading zero";
	if (*at == len || text[*at] != ']')
		return "a ] is expected";
	++*at;
	return NULL;
}

static const char *read_step(const char *text, size_t len, size_t *at, struct step *step)
{
	size_t from = *at;
	const char *why;

	step->index = -1;
	ev_buf_clear(&step->name);
	if (text[from] == '.')
		why = read_name(text, len, at, &step->name);
	else if (text[from] != '[')
		return "a . or [ is expected";
	else if (from + 1 < len && text[from + 1] == '\'')
		why = read_quoted(text, len, at, &step->name);
	else
		why = read_index(text, len, at, &step->index);
	if (!why && !ev_utf8_valid(ev_buf_slice(&step->name))) {
		*at = from;
		why = "invalid UTF-8 in the name";
	}
	return why;
}

/* The length of `$` or `$item`; 0 when the text starts with none. */
static size_t read_root(const char *text, size_t len)
{
	size_t n = 1;

	if (!len || text[0] != '$')
		return 0;
	while (n < len && (starts_name(text[n]) || is_digit(text[n])))
		n++;
	return n == sizeof("$" ITEM) - 1 && !memcmp(text + 1, ITEM, n - 1) ? n : 1;
}

size_t ev_path_scan(const char *text, size_t len)
{
	struct step step = { .name = EV_BUF_INIT };
	size_t good = read_root(text, len), at = good;

	while (good && good < len && !read_step(text, len, &at, &step))
		good = at;
	ev_buf_release(&step.name);
	return good;
}

static void put_slot(struct ev_paths *p, struct ev_node *parent, uint32_t child)
{
	const struct ev_node *n = &p->nodes[child];
	uint64_t hash;
	size_t i;

	if (n->name)
		hash = ev_json_hash(n->head, ev_json_tail(n->head, n->name, n->len), n->len);
	else
		hash = ev_json_hash_index((int64_t)n->head);
	i = hash >> (64 - parent->bits);
	while (parent->slots[i])
		i = (i + 1) & ((1u << parent->bits) - 1);
	parent->slots[i] = child;
}

/* The table stays at most half full, so that a search for what is not there ends soon. */
static void link_child(struct ev_paths *p, struct ev_node *parent, uint32_t child)
{
	struct ev_node *n = &p->nodes[child];

	n->next = parent->child;
	n->ordinal = parent->nchildren++;
	parent->child = child;
	if (!n->name && (int64_t)n->head > parent->last_index)
		parent->last_index = (int64_t)n->head;
	if (parent->slots && parent->nchildren * 2 <= 1u << parent->bits) {
		put_slot(p, parent, child);
		return;
	}
	parent->bits = parent->slots ? parent->bits + 1 : 2;
	free(parent->slots);
	parent->slots = ev_alloc(sizeof(*parent->slots) << parent->bits);
	for (uint32_t i = child; i; i = p->nodes[i].next)
		put_slot(p, parent, i);
}

static uint32_t find_or_add(struct ev_paths *p, uint32_t parent, const struct step *step)
{
	struct ev_slice name = ev_buf_slice(&step->name);

	for (uint32_t i = p->nodes[parent].child; i; i = p->nodes[i].next) {
		const struct ev_node *n = &p->nodes[i];

		if (step->index >= 0 ? !n->name && n->head == (uint64_t)step->index
				     : n->name && ev_slice_eq(ev_slice(n->name, n->len), name))
			return i;
	}
	if (step->index >= 0)
		add_node(p, (struct ev_node){ .head = (uint64_t)step->index });
	else
		add_node(p, (struct ev_node){
			.head = ev_json_head(name.ptr, name.len, name.ptr + name.len),
			.name = ev_strndup(name.ptr, name.len),
			.len = (uint32_t)name.len,
		});
	link_child(p, &p->nodes[parent], (uint32_t)p->nnodes - 1);
	return (uint32_t)p->nnodes - 1;
}

/* Of a long path a message shows the beginning. */
static int shown(size_t len)
{
	return len < 200 ? (int)len : 200;
}

static int refuse(struct ev_error *err, const char *path, size_t len, size_t at, const char *why)
{
	size_t character = 1;

	for (size_t i = 0; i < at; i++)
		character += ((unsigned char)path[i] & 0xc0) != 0x80;
	ev_fail(err, EV_USAGE, "'%.*s' is no path: %s at character %zu", shown(len), path, why,
		character);
	return ev_hint(err, "write $.name, $['any name'], $[0] or several of them");
}

/* Nodes are made only for a path that is right to its end. */
static const char *check(const char *path, size_t len, size_t *at)
{
	struct step step = { .name = EV_BUF_INIT };
	const char *why = NULL;
	size_t steps = 0;

	*at = read_root(path, len);
	if (!*at)
		why = "a $ is expected";
	while (!why && *at < len)
		why = ++steps > EV_JSON_MAX_PATH_STEPS ? "too many steps"
						       : read_step(path, len, at, &step);
	ev_buf_release(&step.name);
	return why;
}

int ev_paths_add(struct ev_paths *p, const char *path, size_t len, struct ev_error *err)
{
	struct step step = { .name = EV_BUF_INIT };
	uint32_t node = 0;
	size_t at;
	const char *why = check(path, len, &at);

	if (why)
		return refuse(err, path, len, at, why);
	for (at = read_root(path, len); at < len && !read_step(path, len, &at, &step);)
		node = find_or_add(p, node, &step);
	ev_buf_release(&step.name);
	if (p->nodes[node].path < 0) {
		if (p->npaths == EV_JSON_MAX_PATHS)
			return ev_fail(err, EV_USAGE, "cannot add path '%.*s': %d are the most",
				       shown(len), path, EV_JSON_MAX_PATHS);
		p->nodes[node].path = (int32_t)p->npaths++;
	}
	return p->nodes[node].path;
}
