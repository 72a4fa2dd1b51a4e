/*
 * rules.c - what a projection may not say, as far as its tokens show it; see parse.h
 *
 * Good messages at the right place are the point: what slips through here is refused by the store
 * (authorizer, volatility), which knows what the words mean.
 */
#include "projection/parse.h"

#define MAX_DEPTH 256 /* brackets in brackets */

struct rule {
	const char *word, *reason;
};

static const struct rule words[] = {
	{ "current_timestamp", "the clock differs at every rebuild" },
	{ "current_date", "the clock differs at every rebuild" },
	{ "current_time", "the clock differs at every rebuild" },
	{ "localtime", "the clock differs at every rebuild" },
	{ "localtimestamp", "the clock differs at every rebuild" },
	{ "autoincrement", "a sequence differs at every rebuild" },
	{ NULL, NULL },
};

static const struct rule functions[] = {
	{ "random", "a random value differs at every rebuild" },
	{ "randomblob", "a random value differs at every rebuild" },
	{ "gen_random_uuid", "a random value differs at every rebuild" },
	{ "now", "the clock differs at every rebuild" },
	{ "clock_timestamp", "the clock differs at every rebuild" },
	{ "statement_timestamp", "the clock differs at every rebuild" },
	{ "transaction_timestamp", "the clock differs at every rebuild" },
	{ "nextval", "a sequence differs at every rebuild" },
	{ "last_insert_rowid", "it depends on what ran before" },
	{ "changes", "it depends on what ran before" },
	{ "total_changes", "it depends on what ran before" },
	{ NULL, NULL },
};

static const struct rule types[] = {
	{ "serial", "a sequence differs at every rebuild" },
	{ "serial2", "a sequence differs at every rebuild" },
	{ "serial4", "a sequence differs at every rebuild" },
	{ "serial8", "a sequence differs at every rebuild" },
	{ "smallserial", "a sequence differs at every rebuild" },
	{ "bigserial", "a sequence differs at every rebuild" },
	{ NULL, NULL },
};

/* Words that an operand never ends with: `?` behind them is no operator. */
static const char *const no_operand[] = {
	"select", "where", "and",  "or",    "not",     "values", "set",	  "on",	  "when",     "then",
	"else",	  "case",  "in",   "like",  "between", "limit",	 "offset", "by",  "having",   "returning",
	"from",	  "is",	   "as",   "glob",  "distinct", "all",	 "using", "ilike", NULL,
};

static bool is_any(struct ev_token t, const char *const *list)
{
	for (; *list; list++)
		if (ev_token_is(t, *list))
			return true;
	return false;
}

static struct ev_token token(const struct ev_parser *ps, size_t i)
{
	return i < ps->ntoks ? ps->toks[i] : (struct ev_token){ EV_TOKEN_END, { "", 0 } };
}

static int refuse(struct ev_parser *ps, size_t i, const struct rule *rules)
{
	struct ev_slice t = ps->toks[i].text;

	for (; rules->word; rules++)
		if (ev_token_is(ps->toks[i], rules->word))
			return ev_parse_fail(ps, t.ptr, "'%.*s' cannot be used: %s", (int)t.len, t.ptr,
					     rules->reason);
	return 0;
}

static int check_word(struct ev_parser *ps, size_t i, enum ev_section section)
{
	struct ev_token before = i ? ps->toks[i - 1] : token(ps, ps->ntoks);

	if (section == EV_SECTION_QUERY || ev_token_is(before, "."))
		return 0;
	if (refuse(ps, i, words))
		return -1;
	if (ev_token_is(token(ps, i + 1), "(") && refuse(ps, i, functions))
		return -1;
	if (section != EV_SECTION_SCHEMA)
		return 0;
	/* a type stands behind the column's name; a column may well be called `serial` */
	if ((before.kind == EV_TOKEN_WORD || before.kind == EV_TOKEN_QUOTED) && refuse(ps, i, types))
		return -1;
	if (ev_token_is(ps->toks[i], "identity") && ev_token_is(before, "as"))
		return ev_parse_fail(ps, ps->toks[i].text.ptr, "identity columns cannot be used: "
				     "a sequence differs at every rebuild");
	return 0;
}

/* A parameter where none can be; or one that only a database knows of. */
static int check_param(struct ev_parser *ps, size_t i, enum ev_section section)
{
	struct ev_slice t = ps->toks[i].text;

	if (section == EV_SECTION_HANDLER)
		return 0; /* the renderer looks closer */
	return ev_parse_fail(ps, t.ptr, "'%.*s': there is no event here that it could be taken from",
			     (int)t.len, t.ptr);
}

static bool is_operand(struct ev_token t)
{
	switch (t.kind) {
	case EV_TOKEN_WORD:
		return !is_any(t, no_operand);
	case EV_TOKEN_QUOTED:
	case EV_TOKEN_STRING:
	case EV_TOKEN_BLOB:
	case EV_TOKEN_NUMBER:
	case EV_TOKEN_PATH:
	case EV_TOKEN_PARAM:
		return true;
	default:
		return false;
	}
}

/*
 * SQLite takes `?`, `@x` and `:1` for parameters, and an unbound one is NULL in silence. PostgreSQL
 * has operators and array slices that look like them: they stand between operands, in brackets.
 */
static int check_op(struct ev_parser *ps, size_t i, int brackets)
{
	struct ev_slice t = ps->toks[i].text;
	struct ev_token before = i ? ps->toks[i - 1] : token(ps, ps->ntoks), after = token(ps, i + 1);
	char last = t.ptr[t.len - 1];

	if (*t.ptr == '?' && !((is_operand(before) || ev_token_is(before, ")") ||
				ev_token_is(before, "]")) &&
			       (is_operand(after) || ev_token_is(after, "(")))) {
		ev_parse_fail(ps, t.ptr, "'?' is no parameter of a projection");
		return ev_hint(ps->err, "a member of the event is $.name, a field of its envelope :id");
	}
	if (ev_slice_is(t, ":") && !brackets)
		return ev_parse_fail(ps, t.ptr, "a lone ':' can stand only in an array's [from:to]");
	if ((last == '@' || last == '#') && after.text.ptr == t.ptr + t.len &&
	    (after.kind == EV_TOKEN_WORD || after.kind == EV_TOKEN_NUMBER)) {
		ev_parse_fail(ps, t.ptr, "'%.*s%.*s' reads as a parameter", (int)t.len, t.ptr,
			      (int)after.text.len, after.text.ptr);
		return ev_hint(ps->err, "put a blank behind the operator");
	}
	return 0;
}

struct level {
	size_t limit; /* index + 1 of a LIMIT in this pair of brackets, 0 none */
	bool order;
	size_t open;  /* index of the bracket */
};

static int check_level(struct ev_parser *ps, const struct level *l, enum ev_section section)
{
	struct ev_slice t;

	if (!l->limit || l->order || section == EV_SECTION_QUERY)
		return 0;
	t = ps->toks[l->limit - 1].text;
	return ev_parse_fail(ps, t.ptr, "'%.*s' without ORDER BY: which rows are taken differs at every "
			     "rebuild", (int)t.len, t.ptr);
}

/* Brackets must pair, and LIMIT must have its ORDER BY in the same pair. */
static int check_brackets(struct ev_parser *ps, enum ev_section section)
{
	struct level levels[MAX_DEPTH] = { { 0, false, 0 } };
	size_t depth = 0;
	int rc = 0;

	for (size_t i = 0; i < ps->ntoks && !rc; i++) {
		struct ev_token t = ps->toks[i];

		if (ev_token_is(t, "(")) {
			if (++depth == MAX_DEPTH)
				return ev_parse_fail(ps, t.text.ptr, "more than %d nested brackets",
						     MAX_DEPTH - 1);
			levels[depth] = (struct level){ .open = i };
		} else if (ev_token_is(t, ")")) {
			if (!depth)
				return ev_parse_fail(ps, t.text.ptr, "')' without '('");
			rc = check_level(ps, &levels[depth--], section);
		} else if (ev_token_is(t, "order") && ev_token_is(token(ps, i + 1), "by")) {
			levels[depth].order = true;
		} else if (ev_token_is(t, "limit") ||
			   (ev_token_is(t, "fetch") && (ev_token_is(token(ps, i + 1), "first") ||
							ev_token_is(token(ps, i + 1), "next")))) {
			levels[depth].limit = i + 1;
		}
	}
	if (!rc && depth)
		rc = ev_parse_fail(ps, ps->toks[levels[depth].open].text.ptr, "'(' is never closed");
	return rc ? rc : check_level(ps, &levels[0], section);
}

/* The verb behind `WITH ...`: the first that stands outside of all brackets. */
static size_t main_verb(const struct ev_parser *ps)
{
	static const char *const verbs[] = { "insert", "update", "delete", "select", "values", NULL };
	int depth = 0;

	if (!ev_token_is(ps->toks[0], "with"))
		return 0;
	for (size_t i = 1; i < ps->ntoks; i++) {
		depth += ev_token_is(ps->toks[i], "(");
		depth -= ev_token_is(ps->toks[i], ")");
		if (!depth && is_any(ps->toks[i], verbs))
			return i;
	}
	return 0;
}

static int check_start(struct ev_parser *ps, enum ev_section section)
{
	static const char *const writes[] = { "insert", "update", "delete", NULL };
	static const char *const reads[] = { "select", "values", NULL };
	static const char *const things[] = { "table", "index", "view", NULL };
	struct ev_token first = ps->toks[0], verb = ps->toks[main_verb(ps)];
	int n = (int)first.text.len;

	switch (section) {
	case EV_SECTION_HANDLER:
		if (is_any(verb, writes))
			return 0;
		return ev_parse_fail(ps, verb.text.ptr, "a handler can only INSERT, UPDATE or DELETE, not "
				     "'%.*s'", (int)verb.text.len, verb.text.ptr);
	case EV_SECTION_QUERY:
		if (is_any(verb, reads))
			return 0;
		return ev_parse_fail(ps, verb.text.ptr, "a check or sample can only SELECT, not '%.*s'",
				     (int)verb.text.len, verb.text.ptr);
	default:
		if (ev_token_is(first, "comment") && ev_token_is(token(ps, 1), "on"))
			return 0;
		if (ev_token_is(first, "create") &&
		    (is_any(token(ps, 1), things) ||
		     (ev_token_is(token(ps, 1), "unique") && ev_token_is(token(ps, 2), "index"))))
			return 0;
		if (ev_token_is(first, "create") && ps->ntoks > 1)
			first.text = ps->toks[1].text;
		return ev_parse_fail(ps, first.text.ptr, "a schema can only CREATE TABLE, INDEX or VIEW, "
				     "or COMMENT ON, not '%.*s'", n, ps->toks[0].text.ptr);
	}
}

int ev_parse_rules(struct ev_parser *ps, enum ev_section section)
{
	int brackets = 0, rc = check_start(ps, section);

	for (size_t i = 0; i < ps->ntoks && !rc; i++) {
		switch (ps->toks[i].kind) {
		case EV_TOKEN_WORD:
			rc = check_word(ps, i, section);
			break;
		case EV_TOKEN_PATH:
		case EV_TOKEN_PARAM:
			rc = check_param(ps, i, section);
			break;
		case EV_TOKEN_OP:
			brackets += ev_token_is(ps->toks[i], "[");
			brackets -= ev_token_is(ps->toks[i], "]");
			rc = check_op(ps, i, brackets);
			break;
		default:
			break;
		}
	}
	return rc ? rc : check_brackets(ps, section);
}
