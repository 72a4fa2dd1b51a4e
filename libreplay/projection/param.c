/* param.c - one parameter of a handler's statement; see parse.h */
#include "event/time.h"
#include "projection/parse.h"

#define MAX_SCALE 18 /* 10^18 fits 64 bits */

/* In the order of enum ev_field, then the record's, then the functions. */
static const char *const names[] = { ":id",	   ":type",	 ":time",	":source",   ":version",
				     ":correlation", ":causation", ":topic",	":partition", ":offset",
				     ":timestamp", ":key",	 ":header",	":window",   ":scaled",
				     NULL };
static const enum ev_param_kind kinds[] = { EV_PARAM_TOPIC, EV_PARAM_PARTITION, EV_PARAM_OFFSET,
					    EV_PARAM_TIMESTAMP, EV_PARAM_KEY };

enum { NAME_TOPIC = EV_FIELDS, NAME_HEADER = EV_FIELDS + 5, NAME_WINDOW, NAME_SCALED };

/*
 * `-` belongs to a path's names, so `$.a-1` and `$.a->>'b'` would quietly mean another member than
 * their writer thought of.
 */
static int check_minus(struct ev_parser *ps, struct ev_slice path)
{
	for (size_t i = 0; i < path.len; i++) {
		char next = i + 1 < path.len ? path.ptr[i + 1] : '.';

		if (path.ptr[i] == '\'') { /* a quoted name may hold anything */
			for (i++; i < path.len && path.ptr[i] != '\''; i++)
				i += path.ptr[i] == '\\';
			continue;
		}
		if (path.ptr[i] != '-' || !strchr(".[-!0123456789", next))
			continue;
		ev_parse_fail(ps, path.ptr, "path '%.*s': is '-' an operator or part of the name?",
			      (int)path.len, path.ptr);
		return ev_hint(ps->err, "put blanks around the operator, or write ['name'] for a member "
					"with such a name");
	}
	return 0;
}

static int take_path(struct ev_parser *ps, struct ev_handler *h, size_t i, struct ev_param *q)
{
	struct ev_slice t = ps->toks[i].text, path = t;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_paths *paths = ps->p->paths;
	struct ev_buf text = EV_BUF_INIT;
	const char *behind = t.ptr + t.len;

	if (h->tombstone)
		return ev_parse_fail(ps, t.ptr, "a tombstone has no value to take '%.*s' from",
				     (int)t.len, t.ptr);
	q->required = path.ptr[path.len - 1] == '!';
	path.len -= q->required;
	q->kind = EV_PARAM_PATH;
	if (check_minus(ps, path))
		return -1;
	if (path.len >= 5 && memcmp(path.ptr, "$item", 5) == 0) {
		if (h->each < 0)
			return ev_parse_fail(ps, t.ptr, "'$item' outside of a handler with 'each'");
		q->kind = EV_PARAM_ITEM;
		paths = h->item_paths;
		path = ev_slice(path.ptr + 4, path.len - 4);
	}
	/* What the tokenizer could not take as a path is given along, for the message. */
	if (!q->required && behind < ps->end && (*behind == '.' || *behind == '['))
		path.len = strcspn(path.ptr, " \t\r\n,;)");
	ev_buf_addc(&text, '$');
	ev_buf_add(&text, path.ptr + 1, path.len - 1);
	q->path = ev_paths_add(paths, ev_buf_str(&text), text.len, &err);
	ev_buf_release(&text);
	if (q->path < 0)
		return ev_parse_fail(ps, t.ptr, "%s", err.text);
	return 0;
}

static bool is_op(const struct ev_parser *ps, size_t i, const char *op)
{
	return i < ps->ntoks && ev_token_is(ps->toks[i], op);
}

/* `('text')` behind the token at *i; *i moves to its `)`. */
static int take_text(struct ev_parser *ps, size_t *i, const char *example, struct ev_buf *out)
{
	struct ev_slice name = ps->toks[*i].text;

	if (!is_op(ps, *i + 1, "(") || *i + 2 >= ps->ntoks || !is_op(ps, *i + 3, ")") ||
	    !ev_sql_string(ps->toks[*i + 2], out))
		return ev_parse_fail(ps, name.ptr, "'%.*s' is written %s", (int)name.len, name.ptr,
				     example);
	*i += 3;
	return 0;
}

static int take_window(struct ev_parser *ps, struct ev_handler *h, size_t *i, struct ev_param *q)
{
	struct ev_buf text = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	const char *at = ps->toks[*i].text.ptr;
	int rc = 0;

	q->kind = EV_PARAM_WINDOW;
	if (!is_op(ps, *i + 1, "(")) {
		if (h->every_ms)
			return 0;
		return ev_parse_fail(ps, at, "':window' needs a size, as in :window('1 minute'), or "
				     "'every ... over ...' on its handler");
	}
	rc = take_text(ps, i, ":window('1 minute')", &text);
	if (!rc && ev_duration_parse(ev_buf_str(&text), &q->window_ms, &err))
		rc = ev_parse_fail(ps, at, "%s", err.text);
	ev_buf_release(&text);
	return rc;
}

static int take_header(struct ev_parser *ps, size_t *i, struct ev_param *q)
{
	struct ev_buf text = EV_BUF_INIT;
	int rc = take_text(ps, i, ":header('name')", &text);

	q->kind = EV_PARAM_HEADER;
	q->header = ev_strdup(ev_buf_str(&text));
	ev_buf_release(&text);
	return rc;
}

static int take_scaled(struct ev_parser *ps, struct ev_handler *h, size_t *i, struct ev_param *q)
{
	struct ev_token *t = ps->toks + *i;

	if (*i + 5 >= ps->ntoks || !ev_token_is(t[1], "(") || t[2].kind != EV_TOKEN_PATH ||
	    !ev_token_is(t[3], ",") || t[4].kind != EV_TOKEN_NUMBER || !ev_token_is(t[5], ")"))
		return ev_parse_fail(ps, t->text.ptr, "':scaled' is written :scaled($.path, 2)");
	if (take_path(ps, h, *i + 2, q))
		return -1;
	q->scale = 0;
	for (size_t k = 0; k < t[4].text.len; k++) {
		char c = t[4].text.ptr[k];

		if (c < '0' || c > '9' || (q->scale = q->scale * 10 + c - '0') > MAX_SCALE)
			return ev_parse_fail(ps, t[4].text.ptr, "scale '%.*s' is no whole number from 0 "
					     "to %d", (int)t[4].text.len, t[4].text.ptr, MAX_SCALE);
	}
	*i += 5;
	return 0;
}

static int fail_unknown(struct ev_parser *ps, struct ev_slice name)
{
	int n = (int)name.len;

	if (*name.ptr == ':') {
		ev_parse_fail(ps, name.ptr, "unknown parameter '%.*s'", n, name.ptr);
		return ev_parse_suggest(ps, name, names);
	}
	ev_parse_fail(ps, name.ptr, "'%.*s' is no parameter of a projection", n, name.ptr);
	if (*name.ptr == '$' && name.len > 1 && (name.ptr[1] < '0' || name.ptr[1] > '9'))
		return ev_hint(ps->err, "a path is written $.%.*s", n - 1, name.ptr + 1);
	return ev_hint(ps->err, "a member of the event is $.name, a field of its envelope :id");
}

static int take_named(struct ev_parser *ps, struct ev_handler *h, size_t *i, struct ev_param *q)
{
	struct ev_slice name = ps->toks[*i].text;
	int n;

	for (n = 0; names[n] && !ev_slice_is(name, names[n]); n++)
		;
	if (!names[n])
		return fail_unknown(ps, name);
	if (n == NAME_SCALED)
		return take_scaled(ps, h, i, q);
	if (n == NAME_WINDOW)
		return take_window(ps, h, i, q);
	if (n == NAME_HEADER)
		return take_header(ps, i, q);
	if (n >= NAME_TOPIC) {
		q->kind = kinds[n - NAME_TOPIC];
		return 0;
	}
	q->kind = EV_PARAM_FIELD;
	q->field = (enum ev_field)n;
	if (h->tombstone && q->field != EV_FIELD_TIME)
		return ev_parse_fail(ps, name.ptr, "a tombstone has no value to take '%s' from", names[n]);
	return 0;
}

int ev_parse_param(struct ev_parser *ps, struct ev_handler *h, size_t *i, struct ev_param *q)
{
	size_t first = *i;
	const char *at = ps->toks[first].text.ptr;
	int rc;

	*q = (struct ev_param){ .scale = -1, .path = -1 };
	if (ps->toks[first].kind == EV_TOKEN_PATH)
		rc = take_path(ps, h, first, q);
	else
		rc = take_named(ps, h, i, q);
	if (rc)
		return -1;
	q->place = ev_parse_place(ps, at);
	q->text = ev_strndup(at, (size_t)(ps->toks[*i].text.ptr + ps->toks[*i].text.len - at));
	return 0;
}
