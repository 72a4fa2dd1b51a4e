/* picture.c - --summary for a person and for machines */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "event/time.h"
#include "evtail/tail.h"

#define BARS 20      /* lines of the histogram at most */
#define JSON_BARS 100

static const char *const type_names[] = { "", "null", "false", "true", "number", "string", "array", "object" };

static void time_text(int64_t ms, char out[EV_TIME_TEXT])
{
	if (ms == EV_NO_TIMESTAMP)
		memcpy(out, "-", 2);
	else
		ev_time_show(ms, out);
}

static void type_row(struct ev_table *tb, const char *name, const struct ev_type_sum *s, uint64_t all)
{
	char first[EV_TIME_TEXT], last[EV_TIME_TEXT];
	struct ev_buf bytes = EV_BUF_INIT;

	if (!s->records)
		return;
	time_text(s->first, first);
	time_text(s->last, last);
	ev_term_bytes(&bytes, s->bytes);
	ev_table_add(tb, name);
	ev_table_addf(tb, "%" PRIu64, s->records);
	ev_table_addf(tb, "%.1f%%", 100.0 * (double)s->records / (double)all);
	ev_table_add(tb, ev_buf_str(&bytes));
	ev_table_addf(tb, "%.*s", *first == '?' ? EV_TIME_TEXT : 19, first);
	ev_table_addf(tb, "%.*s", *last == '?' ? EV_TIME_TEXT : 19, last);
	ev_buf_release(&bytes);
}

static void type_table(struct tail *t)
{
	static const char *const heads[] = { "type", "records", "share", "bytes", "first (UTC)", "last (UTC)" };
	struct ev_summary *s = t->summary;
	struct ev_table tb;

	ev_table_init(&tb, "lrrrll");
	for (size_t i = 0; i < 6; i++)
		ev_table_add(&tb, heads[i]);
	for (size_t i = 0; i < s->ntypes; i++)
		type_row(&tb, s->types[i].name, &s->types[i], s->total.records);
	for (size_t i = 0; i < EV_SUM_SPECIALS; i++)
		type_row(&tb, ev_special_sum_names[i], &s->special[i], s->total.records);
	type_row(&tb, "total", &s->total, s->total.records);
	ev_table_print(&tb, &t->format.term, true, &t->out);
	ev_table_release(&tb);
}

/* The start of a bar, as exact as its width needs. */
static void bar_label(struct ev_buf *out, int64_t ms, int64_t width)
{
	char text[EV_TIME_TEXT];
	int n = width >= 86400000 ? 10 : width >= 60000 ? 16 : width >= 1000 ? 19 : 23;

	ev_time_format(ms, text);
	text[10] = ' ';
	ev_buf_addf(out, "%.*s  ", n, text);
}

static void histogram(struct tail *t)
{
	struct ev_histogram *h = &t->summary->histogram;
	const struct ev_term *term = &t->format.term;
	uint64_t most = 0;
	int width;

	ev_histogram_fit(h, BARS);
	for (size_t i = 0; i < h->n; i++)
		most = h->bars[i] > most ? h->bars[i] : most;
	if (!most)
		return;
	width = term->width - 36 > 60 ? 60 : term->width - 36 < 10 ? 10 : term->width - 36;
	ev_buf_adds(&t->out, "\nrecords per ");
	ev_term_duration(&t->out, ev_histogram_width(h));
	ev_buf_adds(&t->out, " (UTC)\n");
	for (size_t i = 0; i < h->n; i++) {
		bar_label(&t->out, ev_histogram_start(h, i), ev_histogram_width(h));
		ev_term_color(term, &t->out, EV_CYAN);
		ev_term_bar(term, &t->out, (double)h->bars[i], (double)most, width);
		ev_term_color(term, &t->out, EV_PLAIN);
		ev_buf_addf(&t->out, "%s%" PRIu64 "\n", h->bars[i] ? " " : "", h->bars[i]);
	}
	if (h->outside)
		ev_buf_addf(&t->out, "%" PRIu64 " without a timestamp in the years 1 to 9999\n", h->outside);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct ev_path_sum *)a)->path, ((const struct ev_path_sum *)b)->path);
}

static void path_table(struct tail *t)
{
	struct ev_path_sums *p = t->summary->paths;
	struct ev_table tb;

	ev_table_init(&tb, "lrl");
	ev_table_add(&tb, "path");
	ev_table_add(&tb, "missing");
	ev_table_add(&tb, "types");
	for (size_t i = 0; i < p->n; i++) {
		struct ev_buf types = EV_BUF_INIT;

		for (size_t k = EV_JSON_NULL; k <= EV_JSON_OBJECT; k++) {
			if (p->v[i].types[k])
				ev_buf_addf(&types, "%s%s %" PRIu64, types.len ? ", " : "", type_names[k],
					    p->v[i].types[k]);
		}
		ev_table_add(&tb, p->v[i].path);
		ev_table_addf(&tb, "%" PRIu64, p->documents - p->v[i].documents);
		ev_table_add(&tb, ev_buf_str(&types));
		ev_buf_release(&types);
	}
	ev_buf_addf(&t->out, "\nJSON paths in %" PRIu64 " documents\n", p->documents);
	ev_table_print(&tb, &t->format.term, true, &t->out);
	if (p->capped)
		ev_buf_addf(&t->out, "more paths than %zu (or longer ones): the rest is not shown\n", p->max);
	ev_table_release(&tb);
}

/* ---- json ---- */

static void json_time(struct ev_buf *out, const char *name, int64_t ms)
{
	char text[EV_TIME_TEXT];

	ev_buf_addf(out, ",\"%s\":", name);
	if (ms == EV_NO_TIMESTAMP) {
		ev_buf_adds(out, "null");
		return;
	}
	ev_time_show(ms, text);
	if (*text == '?')
		ev_buf_add_i64(out, ms);
	else
		ev_buf_addf(out, "\"%s\"", text);
}

static void json_sum(struct ev_buf *out, const struct ev_type_sum *s)
{
	ev_buf_addf(out, "\"records\":%" PRIu64 ",\"bytes\":%" PRIu64, s->records, s->bytes);
	json_time(out, "first", s->first);
	json_time(out, "last", s->last);
}

static void json_type(struct tail *t, const char *key, const char *name, const struct ev_type_sum *s,
		      bool *first)
{
	if (!s->records)
		return;
	ev_buf_addf(&t->out, "%s{\"%s\":", *first ? "" : ",", key);
	ev_message_quote(&t->out, name);
	ev_buf_addc(&t->out, ',');
	json_sum(&t->out, s);
	ev_buf_addf(&t->out, ",\"share\":%.6f}", (double)s->records / (double)t->summary->total.records);
	*first = false;
}

static void json_histogram(struct tail *t)
{
	struct ev_histogram *h = &t->summary->histogram;

	ev_histogram_fit(h, JSON_BARS);
	ev_buf_addf(&t->out, ",\"histogram\":{\"width_ms\":%" PRId64 ",\"without_time\":%" PRIu64 ",\"bars\":[",
		    ev_histogram_width(h), h->outside);
	for (size_t i = 0; i < h->n; i++) {
		ev_buf_addf(&t->out, "%s{\"records\":%" PRIu64, i ? "," : "", h->bars[i]);
		json_time(&t->out, "start", ev_histogram_start(h, i));
		ev_buf_addc(&t->out, '}');
	}
	ev_buf_adds(&t->out, "]}");
}

static void json_paths(struct tail *t)
{
	const struct ev_path_sums *p = t->summary->paths;

	ev_buf_addf(&t->out, ",\"documents\":%" PRIu64 ",\"paths_capped\":%s,\"paths\":[", p->documents,
		    p->capped ? "true" : "false");
	for (size_t i = 0; i < p->n; i++) {
		const char *sep = "";

		ev_buf_adds(&t->out, i ? ",{\"path\":" : "{\"path\":");
		ev_message_quote(&t->out, p->v[i].path);
		ev_buf_addf(&t->out, ",\"missing\":%" PRIu64 ",\"types\":{", p->documents - p->v[i].documents);
		for (size_t k = EV_JSON_NULL; k <= EV_JSON_OBJECT; k++) {
			if (!p->v[i].types[k])
				continue;
			ev_buf_addf(&t->out, "%s\"%s\":%" PRIu64, sep, type_names[k], p->v[i].types[k]);
			sep = ",";
		}
		ev_buf_adds(&t->out, "}}");
	}
	ev_buf_addc(&t->out, ']');
}

static void json_picture(struct tail *t)
{
	struct ev_summary *s = t->summary;
	bool first = true;

	ev_buf_addc(&t->out, '{');
	json_sum(&t->out, &s->total);
	ev_buf_adds(&t->out, ",\"types\":[");
	for (size_t i = 0; i < s->ntypes; i++)
		json_type(t, "type", s->types[i].name, &s->types[i], &first);
	for (size_t i = 0; i < EV_SUM_SPECIALS; i++)
		json_type(t, "special", ev_special_sum_names[i], &s->special[i], &first);
	ev_buf_addc(&t->out, ']');
	json_histogram(t);
	if (s->paths)
		json_paths(t);
	ev_buf_adds(&t->out, "}\n");
}

void tail_print_summary(struct tail *t)
{
	struct ev_summary *s = t->summary;

	ev_summary_sort(s);
	if (s->paths && s->paths->n) /* the hash table is of no use from here on */
		qsort(s->paths->v, s->paths->n, sizeof(*s->paths->v), by_path);
	if (t->args->format == 1) {
		json_picture(t);
		return;
	}
	type_table(t);
	histogram(t);
	if (s->paths)
		path_table(t);
}
