/* statement.c - a handler's statements as SQL with numbered placeholders; see parse.h */
#include "projection/parse.h"

#define MAX_PARAMS 32766 /* SQLite's limit, less than PostgreSQL's */

struct renderer {
	struct ev_parser *ps;
	struct ev_handler *handler;
	struct ev_statement *s;
	struct ev_buf sql[2];
};

static void add_map(struct renderer *r, struct ev_place place)
{
	struct ev_statement *s = r->s;

	*EV_PUSH(s->map, s->nmap) = (struct ev_offset_map){ r->sql[EV_SQLITE].len, place };
	*EV_PUSH(s->map_pg, s->nmap_pg) = (struct ev_offset_map){ r->sql[EV_POSTGRESQL].len, place };
}

static void add_placeholder(struct renderer *r, size_t n)
{
	ev_buf_addf(&r->sql[EV_SQLITE], "?%zu", n);
	ev_buf_addf(&r->sql[EV_POSTGRESQL], "$%zu", n);
}

/* Render the token at *i; a parameter may take several. */
static int render_token(struct renderer *r, size_t *i)
{
	struct ev_parser *ps = r->ps;
	struct ev_token t = ps->toks[*i];
	struct ev_param q;

	add_map(r, ev_parse_place(ps, t.text.ptr));
	if (t.kind != EV_TOKEN_PATH && t.kind != EV_TOKEN_PARAM) {
		ev_buf_add_slice(&r->sql[0], t.text);
		ev_buf_add_slice(&r->sql[1], t.text);
		return 0;
	}
	if (ev_parse_param(ps, r->handler, i, &q)) {
		free(q.header);
		free(q.text);
		return -1;
	}
	/* each use has a number of its own: in one place it may be a text, in another an integer */
	*EV_PUSH(r->s->params, r->s->nparams) = q;
	add_placeholder(r, r->s->nparams);
	if (r->s->nparams > MAX_PARAMS)
		return ev_parse_fail(ps, t.text.ptr, "more than %d parameters in a statement", MAX_PARAMS);
	return 0;
}

static int render(struct renderer *r)
{
	struct ev_parser *ps = r->ps;
	const char *behind = NULL; /* the token before */

	for (size_t i = 0; i < ps->ntoks; i++) {
		if (behind && behind != ps->toks[i].text.ptr)
			for (int d = 0; d < 2; d++)
				ev_buf_addc(&r->sql[d], ' ');
		if (render_token(r, &i))
			return -1;
		behind = ps->toks[i].text.ptr + ps->toks[i].text.len;
	}
	return 0;
}

static int parse_statement(struct ev_parser *ps, struct ev_handler *h, struct ev_statement *s)
{
	struct renderer r = { .ps = ps, .handler = h, .s = s };
	int rc;

	s->place = ev_parse_place(ps, ps->toks[0].text.ptr);
	rc = ev_parse_rules(ps, EV_SECTION_HANDLER);
	if (!rc)
		rc = render(&r);
	for (int d = 0; d < 2; d++) {
		s->sql[d] = ev_strdup(ev_buf_str(&r.sql[d]));
		ev_buf_release(&r.sql[d]);
	}
	return rc;
}

int ev_parse_statements(struct ev_parser *ps, struct ev_handler *h)
{
	int rc;

	while ((rc = ev_parse_gather(ps)) > 0)
		if (parse_statement(ps, h, EV_PUSH(h->statements, h->nstatements)))
			return -1;
	if (!rc && !h->nstatements)
		return ev_parse_fail_at(ps, h->place, "this handler has no statement");
	return rc;
}
