/*
 * fingerprint.c - the hash of what a projection means; see projection.h
 *
 * XXH3-128 over an encoding that is injective: every item has its length before it, every list its
 * count. SQL goes in as its tokens, unquoted words in lower case, so layout and comments do not
 * count. Not in it: name, version, checks, samples.
 */
#include "projection/fingerprint.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/mem.h"
#include "projection/ddl.h"

/* Changes when the encoding or the meaning of projections does: then all views are to be rebuilt. */
#define ENCODING "evtools projection 1"

static void add_u64(struct ev_buf *b, uint64_t v)
{
	char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (char)(v >> (8 * i));
	ev_buf_add(b, bytes, sizeof(bytes));
}

static void add_slice(struct ev_buf *b, struct ev_slice s)
{
	add_u64(b, s.ptr ? s.len : UINT64_MAX);
	ev_buf_add_slice(b, s);
}

static void add_text(struct ev_buf *b, const char *s)
{
	add_slice(b, ev_slice_str(s));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As a set: sorted, each once. */
static void add_set(struct ev_buf *b, char *const *words, size_t n)
{
	const char **sorted = ev_alloc((n + 1) * sizeof(*sorted));
	size_t different = 0;

	for (size_t i = 0; i < n; i++)
		sorted[i] = words[i];
	qsort(sorted, n, sizeof(*sorted), compare);
	for (size_t i = 0; i < n; i++)
		if (!i || strcmp(sorted[i], sorted[i - 1]) != 0)
			sorted[different++] = sorted[i];
	add_u64(b, different);
	for (size_t i = 0; i < different; i++)
		add_text(b, sorted[i]);
	free(sorted);
}

/* The steps of the path at the start of `s`, in one form: ['a'] is .a; `$item` begins as `$`. */
static void add_path(struct ev_buf *b, const char *s)
{
	struct ev_buf step = EV_BUF_INIT;
	const char *end;

	if (strncmp(s, "$item", 5) == 0)
		s += 4;
	end = s + 1;
	for (s++; *s == '.' || *s == '['; s = end) {
		bool quoted = s[0] == '[' && s[1] == '\'', index = *s == '[' && !quoted;

		ev_buf_clear(&step);
		ev_buf_addc(&step, index ? 'i' : 'n');
		for (end = s + (quoted ? 2 : 1); *end; end++) {
			bool name_char = (*end >= 'a' && *end <= 'z') || (*end >= 'A' && *end <= 'Z') ||
					 (*end >= '0' && *end <= '9') || strchr("_-", *end) ||
					 (unsigned char)*end >= 0x80;

			if (quoted ? *end == '\'' : index ? *end == ']' : !name_char)
				break;
			if (quoted && *end == '\\' && end[1])
				end++;
			ev_buf_addc(&step, *end);
		}
		end += quoted ? 2 : index;
		add_slice(b, ev_buf_slice(&step));
	}
	add_u64(b, UINT64_MAX - 1); /* no more steps */
	ev_buf_release(&step);
}

/* The path of `field` in the mapping's text, where it is one that stands there; or NULL. */
static const char *find_path(const char *text, struct ev_paths *paths, int path)
{
	struct ev_error err;

	for (const char *p = strchr(text, '='); p; p = strchr(p, '=')) {
		size_t n = *++p == '$' ? ev_path_scan(p, strlen(p)) : 0;

		if (n && ev_paths_add(paths, p, n, &err) == path)
			return p;
		p += n;
	}
	return NULL;
}

/*
 * Each field by its path. Ready mappings are asked first, so that a mapping in their words and the
 * same one spelled out are the same.
 */
static void add_envelope(struct ev_buf *b, const char *text)
{
	static const char *const ready[] = { "default", "cloudevents" };
	struct ev_paths *paths = ev_paths_new();
	struct ev_envelope env = EV_ENVELOPE_INIT, known[2] = { EV_ENVELOPE_INIT, EV_ENVELOPE_INIT };
	struct ev_error err;

	ev_envelope_parse(&env, paths, text, &err);
	for (int i = 0; i < 2; i++)
		ev_envelope_parse(&known[i], paths, ready[i], &err);
	for (int f = 0; f < EV_FIELDS; f++) {
		const char *path = NULL;

		if (env.path[f] < 0)
			add_text(b, "unmapped");
		else if (env.path[f] == known[0].path[f])
			add_text(b, ready[0]);
		else if (env.path[f] == known[1].path[f])
			add_text(b, ready[1]);
		else if ((path = find_path(text, paths, env.path[f])) != NULL)
			add_path(b, path);
	}
	ev_paths_free(paths);
}

static void add_sql(struct ev_buf *b, const char *sql)
{
	size_t n;
	struct ev_token *t = ev_sql_tokens(sql, &n);

	add_u64(b, n);
	for (size_t i = 0; i < n; i++) {
		size_t at;

		ev_buf_addc(b, (char)t[i].kind);
		add_u64(b, t[i].text.len);
		at = b->len;
		ev_buf_add_slice(b, t[i].text);
		for (; t[i].kind == EV_TOKEN_WORD && at < b->len; at++)
			if (b->data[at] >= 'A' && b->data[at] <= 'Z')
				b->data[at] |= 0x20;
	}
	free(t);
}

static void add_param(struct ev_buf *b, const struct ev_param *q)
{
	add_u64(b, q->kind);
	add_u64(b, q->required);
	add_u64(b, (uint64_t)(int64_t)q->scale);
	add_u64(b, q->field);
	add_u64(b, (uint64_t)q->window_ms);
	add_text(b, q->header);
	if (q->kind == EV_PARAM_PATH || q->kind == EV_PARAM_ITEM)
		add_path(b, strchr(q->text, '$'));
}

static void add_handler(struct ev_buf *b, const struct ev_handler *h)
{
	add_set(b, h->types, h->ntypes);
	add_u64(b, h->tombstone);
	add_text(b, h->of_topic);
	add_u64(b, h->each >= 0);
	if (h->each >= 0)
		add_path(b, h->each_text);
	add_u64(b, h->must_touch);
	add_u64(b, (uint64_t)h->every_ms);
	add_u64(b, (uint64_t)h->over_ms);
	add_u64(b, h->nstatements);
	for (size_t i = 0; i < h->nstatements; i++) {
		const struct ev_statement *s = &h->statements[i];

		add_sql(b, s->sql[EV_SQLITE]);
		add_u64(b, s->nparams);
		for (size_t k = 0; k < s->nparams; k++)
			add_param(b, &s->params[k]);
	}
}

static void add_filter(struct ev_buf *b, const struct ev_projection *p)
{
	struct ev_buf text = EV_BUF_INIT;

	if (p->filter)
		ev_where_print(p->filter, &text);
	add_u64(b, p->filter != NULL);
	add_slice(b, ev_buf_slice(&text));
	ev_buf_release(&text);
}

static void hash(struct ev_projection *p, const struct ev_buf *b)
{
	XXH128_canonical_t bytes;

	XXH128_canonicalFromHash(&bytes, XXH3_128bits(b->data, b->len));
	for (size_t i = 0; i < sizeof(bytes.digest); i++)
		snprintf(p->fingerprint + 2 * i, 3, "%02x", bytes.digest[i]);
}

void ev_projection_fingerprint(struct ev_projection *p, const char *envelope)
{
	struct ev_buf b = EV_BUF_INIT;

	add_text(&b, ENCODING);
	add_set(&b, p->topics, p->ntopics);
	add_envelope(&b, envelope);
	add_filter(&b, p);
	add_u64(&b, p->dedupe);
	add_u64(&b, (uint64_t)p->dedupe_ms);
	add_u64(&b, p->dedupe_across);
	add_set(&b, p->reads, p->nreads);
	add_u64(&b, p->nschemas);
	for (size_t i = 0; i < p->nschemas; i++) {
		add_u64(&b, p->schemas[i].any ? 2 : p->schemas[i].dialect);
		add_sql(&b, p->schemas[i].sql);
	}
	add_u64(&b, p->nhandlers);
	for (size_t i = 0; i < p->nhandlers; i++)
		add_handler(&b, &p->handlers[i]);
	if (p->key_text) { /* behind the rest, so that those without are what they were */
		add_text(&b, "key");
		add_path(&b, p->key_text);
	}
	hash(p, &b);
	ev_buf_release(&b);
}
