/* draft_names.c - SQL names from whatever names events have; see sample.h */
#include "base/mem.h"
#include "projection/sample.h"

#define MAX_NAME 50

/* Reserved by SQLite or PostgreSQL, or a name that all tables of one of them have. */
static const char *const reserved[] = {
	"add", "all", "alter", "analyse", "analyze", "and", "any", "array", "as", "asc",
	"asymmetric", "authorization", "autoincrement", "between", "binary", "both", "case",
	"cast", "check", "collate", "collation", "column", "commit", "concurrently",
	"constraint", "create", "cross", "current", "current_catalog", "current_date",
	"current_role", "current_schema", "current_time", "current_timestamp", "current_user",
	"default", "deferrable", "delete", "desc", "distinct", "do", "drop", "else", "end",
	"escape", "except", "excluded", "exists", "false", "fetch", "filter", "for", "foreign",
	"freeze", "from", "full", "glob", "grant", "group", "having", "if", "ilike", "in", "index",
	"indexed", "initially", "inner", "insert", "intersect", "into", "is", "isnull", "join",
	"lateral", "leading", "left", "like", "limit", "localtime", "localtimestamp", "natural",
	"not", "nothing", "notnull", "null", "offset", "on", "only", "or", "order", "outer",
	"over", "overlaps", "placing", "primary", "references", "returning", "right", "rowid",
	"select", "session_user", "set", "similar", "some", "symmetric", "system_user", "table",
	"tablesample", "then", "to", "trailing", "transaction", "true", "union", "unique",
	"update", "user", "using", "values", "variadic", "verbose", "when", "where", "window",
	"with", "oid", "xmin", "xmax", "cmin", "cmax", "ctid", "tableoid", "raise", "begin", NULL,
};

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* orderId, OrderID and order-id all are order_id. */
static void add_snake(struct ev_buf *b, const char *s)
{
	for (size_t i = 0; s[i]; i++) {
		bool begins = i && is_upper(s[i]) &&
			      (is_lower(s[i - 1]) || (is_upper(s[i - 1]) && s[i + 1] >= 'a' && s[i + 1] <= 'z'));

		if (begins && b->len && b->data[b->len - 1] != '_')
			ev_buf_addc(b, '_');
		if (is_lower(s[i]))
			ev_buf_addc(b, s[i]);
		else if (is_upper(s[i]))
			ev_buf_addc(b, (char)(s[i] | 0x20));
		else if (b->len && b->data[b->len - 1] != '_')
			ev_buf_addc(b, '_');
	}
	while (b->len && b->data[b->len - 1] == '_')
		b->data[--b->len] = '\0';
}

static bool is_reserved(const char *name)
{
	static const char *const prefixes[] = { "ev_", "pg_", "sqlite_" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	for (const char *const *r = reserved; *r; r++)
		if (strcmp(*r, name) == 0)
			return true;
	return !*name || (*name >= '0' && *name <= '9');
}

char *ev_draft_name(const char *parent, const char *text)
{
	struct ev_buf b = EV_BUF_INIT;
	char *name;

	if (parent) {
		add_snake(&b, parent);
		if (b.len)
			ev_buf_addc(&b, '_');
	}
	add_snake(&b, text);
	if (b.len > MAX_NAME)
		b.data[b.len = MAX_NAME] = '\0';
	name = ev_strdup(ev_buf_str(&b));
	if (is_reserved(name)) {
		free(name);
		ev_buf_clear(&b);
		ev_buf_adds(&b, "the_");
		add_snake(&b, text);
		if (b.len > MAX_NAME)
			b.data[b.len = MAX_NAME] = '\0';
		name = ev_strdup(ev_buf_str(&b));
	}
	ev_buf_release(&b);
	return name;
}

static bool is_taken(const char *name, char *const *others, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (others[i] && strcmp(others[i], name) == 0)
			return true;
	return false;
}

char *ev_draft_unique(char *name, char *const *others, size_t n)
{
	struct ev_buf b = EV_BUF_INIT;
	char *unique;

	ev_buf_adds(&b, name);
	for (int i = 2; is_taken(ev_buf_str(&b), others, n); i++) {
		ev_buf_clear(&b);
		ev_buf_addf(&b, "%s_%d", name, i);
	}
	unique = ev_strdup(ev_buf_str(&b));
	free(name);
	ev_buf_release(&b);
	return unique;
}
