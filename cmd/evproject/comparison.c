/* comparison.c - two views, row against row: for people, and as JSON */
#include "evproject/comparison.h"

#include <inttypes.h>

#include "base/plural.h"
#include "common/term.h"
#include "json/json.h"

static const char *const change_words[] = { "only old", "only new", "changed" };
static const char *const change_names[] = { "only_old", "only_new", "changed" };

static void add_table(struct ev_table *tb, const struct ev_compared_table *t)
{
	ev_table_add(tb, t->name);
	ev_table_addf(tb, "%" PRId64, t->same);
	ev_table_addf(tb, "%" PRId64, t->changed);
	ev_table_addf(tb, "%" PRId64, t->only_old);
	ev_table_addf(tb, "%" PRId64, t->only_new);
	if (!t->in_old || !t->in_new) {
		ev_table_add(tb, t->in_old ? "the new view has no such table" : "a new table");
		return;
	}
	ev_table_addf(tb, "%s%s%s%s%s%s%s", t->keyed ? "" : "no common key: whole rows",
		      !t->keyed && (t->dropped.len || t->added.len) ? "; " : "",
		      t->dropped.len ? "dropped: " : "", ev_buf_str(&t->dropped),
		      t->dropped.len && t->added.len ? "; " : "", t->added.len ? "added: " : "",
		      ev_buf_str(&t->added));
}

static void add_samples(struct ev_table *tb, const struct ev_compared_table *t)
{
	for (int change = EV_ROW_CHANGED; change >= 0; change--)
		for (size_t i = 0; i < t->nsamples; i++) {
			if ((int)t->samples[i].change != change)
				continue;
			ev_table_add(tb, t->name);
			ev_table_add(tb, change_words[change]);
			ev_table_add(tb, t->samples[i].key);
			ev_table_add(tb, t->samples[i].what);
		}
}

static int64_t differing(const struct ev_compared_table *t)
{
	return t->changed + t->only_old + t->only_new;
}

void ev_comparison_text(const struct ev_comparison *c, const struct ev_term *term, struct ev_buf *out)
{
	struct ev_table tables, samples;
	int64_t left = 0;

	ev_table_init(&tables, "lrrrrl");
	ev_table_init(&samples, "llll");
	for (const char *const *h = (const char *const[]){ "table", "same", "changed", "only old", "only new",
	     "columns", NULL }; *h; h++)
		ev_table_add(&tables, *h);
	for (size_t i = 0; i < c->ntables; i++) {
		add_table(&tables, &c->tables[i]);
		add_samples(&samples, &c->tables[i]);
		if (c->tables[i].in_old && c->tables[i].in_new)
			left += differing(&c->tables[i]) - (int64_t)c->tables[i].nsamples;
	}
	ev_table_print(&tables, term, true, out);
	if (samples.n) {
		ev_buf_addc(out, '\n');
		ev_table_print(&samples, term, false, out);
	}
	if (left > 0)
		ev_buf_addf(out, "... and %" PRId64 " row%s more\n", left, ev_plural(left));
	ev_table_release(&tables);
	ev_table_release(&samples);
}

static void add_member(struct ev_buf *out, const char *name, const char *text)
{
	ev_buf_addf(out, ",\"%s\":", name);
	ev_json_quote(out, ev_slice_str(text));
}

static void add_json_table(const struct ev_compared_table *t, struct ev_buf *out)
{
	ev_buf_adds(out, "{\"table\":");
	ev_json_quote(out, ev_slice_str(t->name));
	ev_buf_addf(out, ",\"in_old\":%s,\"in_new\":%s,\"keyed\":%s", t->in_old ? "true" : "false",
		    t->in_new ? "true" : "false", t->keyed ? "true" : "false");
	ev_buf_addf(out, ",\"same\":%" PRId64 ",\"changed\":%" PRId64 ",\"only_old\":%" PRId64
		    ",\"only_new\":%" PRId64, t->same, t->changed, t->only_old, t->only_new);
	add_member(out, "columns_dropped", ev_buf_str(&t->dropped));
	add_member(out, "columns_added", ev_buf_str(&t->added));
	ev_buf_adds(out, ",\"rows\":[");
	for (size_t i = 0; i < t->nsamples; i++) {
		ev_buf_addf(out, "%s{\"change\":\"%s\"", i ? "," : "", change_names[t->samples[i].change]);
		add_member(out, "key", t->samples[i].key);
		add_member(out, "what", t->samples[i].what);
		ev_buf_addc(out, '}');
	}
	ev_buf_addf(out, "],\"rows_left_out\":%" PRId64 "}", differing(t) - (int64_t)t->nsamples);
}

void ev_comparison_json(const struct ev_comparison *c, struct ev_buf *out)
{
	ev_buf_addf(out, "\"same\":%s,\"tables\":[", ev_comparison_same(c) ? "true" : "false");
	for (size_t i = 0; i < c->ntables; i++) {
		if (i)
			ev_buf_addc(out, ',');
		add_json_table(&c->tables[i], out);
	}
	ev_buf_addc(out, ']');
}
