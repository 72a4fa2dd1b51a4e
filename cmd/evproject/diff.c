/* diff.c - evproject diff: do two stores hold the same view? */
#include <stdio.h>
#include <stdlib.h>

#include "evproject/comparison.h"
#include "evproject/evproject.h"
#include "json/json.h"
#include "store/ledger.h"

static const char *const format_words[] = { "text", "json", NULL };

struct args {
	const char *schema_a, *schema_b;
	int64_t timeout_ms, max_diffs;
	int format;
};

static const struct ev_option options[] = {
	EV_STRING(0, "schema-a", "NAME", struct args, schema_a, "PostgreSQL: where STORE_A's tables are"),
	EV_STRING(0, "schema-b", "NAME", struct args, schema_b, "the same of STORE_B"),
	EV_WAIT(0, "store-timeout", "TIME", struct args, timeout_ms, "wait for a store (30s)"),
	EV_INT(0, "max-diffs", "N", struct args, max_diffs, 0, 1000000,
	       "print N rows of each kind a table (10)"),
	EV_ENUM(0, "format", "text|json", struct args, format, format_words, "for people or programs"),
	EV_END,
};

struct view {
	const char *url, *schema; /* schema: as given, or NULL */
	struct ev_store *store;
	struct ev_ledger ledger;
};

static void init(void *args)
{
	((struct args *)args)->timeout_ms = 30000;
	((struct args *)args)->max_diffs = 10;
}

static int open_view(struct args *a, struct view *v, const char *projection, struct ev_error *err)
{
	struct ev_store_options opt = EV_STORE_OPTIONS_INIT;

	opt.read_only = true;
	opt.schema = v->schema;
	opt.timeout_ms = (int)a->timeout_ms;
	opt.stopped = ev_stopped;
	v->store = ev_store_open(v->url, &opt, err);
	if (!v->store || v->store->ops->freeze(v->store, err) < 0 ||
	    ev_has_view(v->store, projection, err) < 0)
		return -1;
	return ev_ledger_load(v->store, projection, &v->ledger, err);
}

static void close_view(struct view *v)
{
	ev_ledger_release(&v->ledger);
	if (v->store)
		v->store->ops->close(v->store);
}

static int compare_positions(const struct view *a, const struct view *b)
{
	struct ev_position p = EV_POSITION_INIT, q = EV_POSITION_INIT;
	bool same;

	ev_ledger_position(&a->ledger, &p);
	ev_ledger_position(&b->ledger, &q);
	same = ev_position_eq(&p, &q);
	ev_position_release(&p);
	ev_position_release(&q);
	return same;
}

static void add_position(const struct view *v, struct ev_buf *out)
{
	struct ev_position p = EV_POSITION_INIT;

	ev_ledger_position(&v->ledger, &p);
	ev_position_print(&p, out);
	ev_position_release(&p);
}

/* Two stores of one URL are told apart by it, also where a search path names it. */
static const char *schema_of(const struct view *v)
{
	return v->store->ops->home ? v->store->ops->home(v->store) : NULL;
}

static void print_text(const struct view *a, const struct view *b, const struct ev_comparison *c)
{
	const struct view *both[] = { a, b };
	struct ev_buf out = EV_BUF_INIT;
	struct ev_term term;

	ev_term_init(&term, 1);
	for (int i = 0; i < 2; i++) {
		const char *schema = schema_of(both[i]);

		ev_buf_addf(&out, "%s: %s%s%s, version %lld at ", i ? "new" : "old", both[i]->store->url,
			    schema ? ", schema " : "", schema ? schema : "", (long long)both[i]->ledger.version);
		add_position(both[i], &out);
		ev_buf_addc(&out, '\n');
	}
	if (!compare_positions(a, b))
		ev_buf_adds(&out, "the two stand at different positions, so rows differ by what lies between\n");
	ev_buf_addc(&out, '\n');
	ev_comparison_text(c, &term, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_buf_release(&out);
}

static void print_json(const struct view *a, const struct view *b, const struct ev_comparison *c)
{
	const struct view *both[] = { a, b };
	struct ev_buf out = EV_BUF_INIT;

	ev_buf_addc(&out, '{');
	for (int i = 0; i < 2; i++) {
		ev_buf_addf(&out, "\"%s\":{\"store\":", i ? "new" : "old");
		ev_json_quote(&out, ev_slice_str(both[i]->store->url));
		if (schema_of(both[i])) {
			ev_buf_adds(&out, ",\"schema\":");
			ev_json_quote(&out, ev_slice_str(schema_of(both[i])));
		}
		ev_buf_addf(&out, ",\"version\":%lld,\"fingerprint\":\"%s\",\"position\":",
			    (long long)both[i]->ledger.version, both[i]->ledger.fingerprint);
		add_position(both[i], &out);
		ev_buf_adds(&out, "},");
	}
	ev_buf_addf(&out, "\"same_position\":%s,", compare_positions(a, b) ? "true" : "false");
	ev_comparison_json(c, &out);
	ev_buf_adds(&out, "}\n");
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_buf_release(&out);
}

static bool stop(void *ctx)
{
	(void)ctx;
	return ev_stopped();
}

static int diff(struct args *a, struct view *x, struct view *y, const struct ev_projection *p,
		struct ev_error *err)
{
	struct ev_comparison c = { 0 };
	struct ev_buf tables = EV_BUF_INIT;
	int rc = -1;

	x->schema = a->schema_a;
	y->schema = a->schema_b;
	if (open_view(a, x, p->name, err) == 0 &&
	    open_view(a, y, p->name, err) == 0 &&
	    ev_compare_tables(x->store, y->store, p->name, &tables, err) == 0)
		rc = ev_compare(x->store, y->store, &tables, (size_t)a->max_diffs, stop, NULL, &c, err);
	if (rc > 0 || (rc < 0 && ev_stopped())) { /* what the server was asked was broken off, wherever */
		rc = ev_stop_status(false);
	} else if (rc == 0) {
		(a->format ? print_json : print_text)(x, y, &c);
		rc = ev_comparison_same(&c) ? 0 : EV_NO;
	}
	ev_comparison_release(&c);
	ev_buf_release(&tables);
	return rc;
}

static int run(void *args, struct ev_operands *rest, struct ev_messages *msg, struct ev_error *err)
{
	struct view x = { .url = ev_operand_shift(rest) }, y = { .url = ev_operand_shift(rest) };
	struct ev_projection *p;
	int rc;

	(void)msg;
	if (!y.url) {
		ev_fail(err, EV_USAGE, "which two stores?");
		return ev_hint(err, "give them and the projection's file: evproject diff old.db new.db view.sql");
	}
	p = ev_operand_projection(rest, err);
	rc = p && ev_no_operands(rest, err) == 0 ? diff(args, &x, &y, p, err) : -1;
	close_view(&x);
	close_view(&y);
	ev_projection_free(p);
	return rc;
}

const struct ev_command ev_diff_command = {
	.name = "diff",
	.about = "compare a projection's view in two stores, row against row",
	.synopsis = "STORE_A STORE_B FILE [OPTION]...",
	.notes = "Exit status 1: they differ. Rows are told apart by their primary key.",
	.options = options,
	.args_size = sizeof(struct args),
	.init = init,
	.run = run,
};
