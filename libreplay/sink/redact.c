/* redact.c - see redact.h */
#include "sink/redact.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"

enum { KEY_MIN = 16, HASH_BYTES = 16 };

struct step {
	char *name;    /* NULL: an element */
	int64_t index; /* -1: every one */
};

struct path {
	struct step *steps;
	size_t n;
	bool hash;
	uint64_t met;
};

struct ev_redact {
	struct path paths[EV_REDACT_MAX];
	size_t n;
	struct ev_buf key, scratch;
};

struct walk {
	struct ev_redact *r;
	struct ev_buf *out;
	const char *copied; /* up to where the value stands in `out` */
};

struct ev_redact *ev_redact_new(void)
{
	return ev_alloc(sizeof(struct ev_redact));
}

void ev_redact_free(struct ev_redact *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		for (size_t s = 0; s < r->paths[i].n; s++)
			free(r->paths[i].steps[s].name);
		free(r->paths[i].steps);
	}
	ev_buf_release(&r->key);
	ev_buf_release(&r->scratch);
	free(r);
}

/* ---- paths ---- */

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '-' || (unsigned char)c >= 0x80;
}

/* Behind the dot. */
static const char *plain_name(const char *p, struct step *s)
{
	const char *first = p;

	while (name_char(*p))
		p++;
	if (p == first || *first == '-' || (*first >= '0' && *first <= '9'))
		return NULL;
	s->name = ev_strndup(first, (size_t)(p - first));
	return p;
}

/* Behind the first quote, up to and with the bracket. */
static const char *quoted_name(const char *p, struct step *s)
{
	struct ev_buf name = EV_BUF_INIT;

	for (; *p && *p != '\''; p++) {
		if (*p == '\\' && (p[1] == '\'' || p[1] == '\\'))
			p++;
		ev_buf_addc(&name, *p);
	}
	s->name = ev_strdup(ev_buf_str(&name));
	ev_buf_release(&name);
	return *p == '\'' && p[1] == ']' ? p + 2 : NULL;
}

static const char *element(const char *p, struct step *s)
{
	s->index = -1;
	if (p[0] == '*')
		return p[1] == ']' ? p + 2 : NULL;
	if (*p < '0' || *p > '9')
		return NULL;
	for (s->index = 0; *p >= '0' && *p <= '9' && s->index < INT32_MAX; p++)
		s->index = s->index * 10 + (*p - '0');
	return *p == ']' ? p + 1 : NULL;
}

static const char *read_step(const char *p, struct step *s)
{
	if (*p == '.')
		return plain_name(p + 1, s);
	if (p[0] == '[' && p[1] == '\'')
		return quoted_name(p + 2, s);
	return *p == '[' ? element(p + 1, s) : NULL;
}

int ev_redact_add(struct ev_redact *r, const char *path, bool hash, struct ev_error *err)
{
	const char *p = path + 1;
	struct path *to;

	if (r->n == EV_REDACT_MAX)
		return ev_fail(err, EV_USAGE, "more than %d paths to redact", EV_REDACT_MAX);
	to = &r->paths[r->n++];
	to->hash = hash;
	if (*path != '$')
		p = NULL;
	while (p && *p)
		p = read_step(p, EV_PUSH(to->steps, to->n));
	if (p)
		return 0;
	ev_fail(err, EV_USAGE, "option '--%s' does not take '%s': no path", hash ? "hash" : "redact", path);
	return ev_hint(err, "a path is like $.data.email, $.items[*].name or $['odd name']");
}

int ev_redact_key(struct ev_redact *r, struct ev_slice key, struct ev_error *err)
{
	if (key.len < KEY_MIN) {
		ev_fail(err, EV_USAGE, "the key of --hash has %zu bytes, and %d are needed", key.len, KEY_MIN);
		return ev_hint(err, "head -c 32 /dev/urandom | base64 >FILE makes one");
	}
	ev_buf_clear(&r->key);
	ev_buf_add_slice(&r->key, key);
	return 0;
}

void ev_redact_key_id(const struct ev_redact *r, char out[EV_REDACT_KEY_ID])
{
	static const char text[] = "which key is it?";
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct ev_buf hex = EV_BUF_INIT;

	HMAC(EVP_sha256(), r->key.data, (int)r->key.len, (const unsigned char *)text, strlen(text), md, &n);
	ev_buf_add_hex(&hex, ev_slice((const char *)md, (EV_REDACT_KEY_ID - 1) / 2));
	memcpy(out, ev_buf_str(&hex), EV_REDACT_KEY_ID);
	ev_buf_release(&hex);
}

/* ---- values ---- */

static void add_hash(struct ev_redact *r, const struct ev_value *v, struct ev_buf *out)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct ev_slice text = v->raw;

	ev_buf_clear(&r->scratch);
	if (v->type == EV_JSON_STRING && ev_value_text(v, &r->scratch, &text))
		text = v->raw; /* a lone surrogate: by its bytes */
	HMAC(EVP_sha256(), r->key.data, (int)r->key.len, (const unsigned char *)text.ptr, text.len, md, &n);
	ev_buf_addc(out, '"');
	ev_buf_add_hex(out, ev_slice((const char *)md, n < HASH_BYTES ? n : HASH_BYTES));
	ev_buf_addc(out, '"');
}

static const char *blank(enum ev_json_type type)
{
	switch (type) {
	case EV_JSON_STRING:
		return "\"***\"";
	case EV_JSON_NUMBER:
		return "0";
	case EV_JSON_TRUE:
	case EV_JSON_FALSE:
		return "false";
	case EV_JSON_OBJECT:
		return "{}";
	case EV_JSON_ARRAY:
		return "[]";
	default:
		return "null";
	}
}

static void replace(struct walk *w, const struct ev_value *v, bool hash)
{
	size_t quote = v->type == EV_JSON_STRING;

	ev_buf_add(w->out, w->copied, (size_t)(v->raw.ptr - quote - w->copied));
	w->copied = v->raw.ptr + v->raw.len + quote;
	if (hash && v->type != EV_JSON_NULL)
		add_hash(w->r, v, w->out);
	else
		ev_buf_adds(w->out, blank(v->type));
}

static bool named(struct ev_redact *r, const struct step *s, const struct ev_value *name)
{
	struct ev_slice text = name->raw;

	ev_buf_clear(&r->scratch);
	if (!s->name || (name->escaped && ev_value_text(name, &r->scratch, &text)))
		return false;
	return ev_slice_is(text, s->name);
}

/* Those of the paths in `mask` that go on, at `depth`, to the member or the element. */
static uint64_t go_on(struct ev_redact *r, uint64_t mask, size_t depth, const struct ev_value *name,
		      int64_t index)
{
	uint64_t on = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct step *s = &r->paths[i].steps[depth];

		if (!(mask >> i & 1))
			continue;
		if (name ? named(r, s, name) : !s->name && (s->index < 0 || s->index == index))
			on |= UINT64_C(1) << i;
	}
	return on;
}

/* The depth is bounded by the longest path. */
static void walk(struct walk *w, const struct ev_value *v, size_t depth, uint64_t mask)
{
	struct ev_each it;
	struct ev_value name, member;
	bool ends = false, hash = true;
	int64_t index = 0;

	for (size_t i = 0; i < w->r->n; i++) {
		if (!(mask >> i & 1) || w->r->paths[i].n != depth)
			continue;
		ends = true;
		hash = hash && w->r->paths[i].hash;
	}
	for (size_t i = 0; ends && i < w->r->n; i++)
		w->r->paths[i].met += mask >> i & 1;
	if (ends) {
		replace(w, v, hash);
		return;
	}
	if (v->type != EV_JSON_OBJECT && v->type != EV_JSON_ARRAY)
		return;
	ev_each_begin(&it, v);
	while (v->type == EV_JSON_OBJECT ? ev_member_next(&it, &name, &member) : ev_each_next(&it, &member)) {
		uint64_t on = go_on(w->r, mask, depth, v->type == EV_JSON_OBJECT ? &name : NULL, index++);

		if (on)
			walk(w, &member, depth + 1, on);
	}
}

int ev_redact_value(struct ev_redact *r, struct ev_slice value, struct ev_buf *out)
{
	struct walk w = { r, out, value.ptr };
	struct ev_json_error why;
	struct ev_value top;

	if (!value.ptr || ev_json_validate(value, &top, &why))
		return -1;
	walk(&w, &top, 0, r->n == 64 ? UINT64_MAX : (UINT64_C(1) << r->n) - 1);
	if (w.copied == value.ptr)
		return 0;
	ev_buf_add(out, w.copied, (size_t)(value.ptr + value.len - w.copied));
	return 1;
}

uint64_t ev_redact_met(const struct ev_redact *r, size_t i)
{
	return r->paths[i].met;
}

void ev_redact_forget(struct ev_redact *r)
{
	for (size_t i = 0; i < r->n; i++)
		r->paths[i].met = 0;
}
