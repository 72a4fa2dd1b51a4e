/* history_print.c - see history.h */
#include "evproject/history.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/utf8.h"
#include "common/message.h"
#include "event/time.h"
#include "json/json.h"
#include "record/base64.h"

static const char *const heads[] = { "time", "record", "type", "row", "column", "change" };

void ev_history_print_init(struct ev_history_print *p, bool json)
{
	*p = (struct ev_history_print){ .json = json };
	ev_table_init(&p->table, "llllll");
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		ev_table_add(&p->table, heads[i]);
}

void ev_history_print_release(struct ev_history_print *p)
{
	ev_table_release(&p->table);
	ev_buf_release(&p->line);
}

static bool same(const struct ev_cell *a, const struct ev_cell *b)
{
	return a->kind == b->kind && (a->kind == EV_CELL_NULL || ev_slice_eq(a->text, b->text));
}

static bool any_change(const struct ev_history_print *p, const struct ev_history_event *e)
{
	for (size_t i = 0; i < ev_history_columns(p->history); i++)
		if (!same(&e->before[i], &e->after[i]))
			return true;
	return false;
}

/* What an event did to the row. One may also insert it and delete it again. */
static const char *deed(const struct ev_history_print *p, const struct ev_history_event *e)
{
	if (e->before && e->after)
		return any_change(p, e) ? "changed" : "unchanged";
	if (e->before)
		return "deleted";
	return e->after ? "inserted" : "inserted and deleted";
}

/* ISO 8601, or nothing where there is no time at all. */
static void event_time(const struct ev_history_event *e, char out[EV_TIME_TEXT])
{
	out[0] = '\0';
	if (e->has_time)
		ev_time_format(e->time_ms, out);
	else if (e->record->timestamp != EV_NO_TIMESTAMP)
		ev_time_format(e->record->timestamp, out);
}

/* For a person: numbers and texts as they are, but what could be taken for something else quoted. */
static void add_plain(struct ev_buf *out, const struct ev_cell *c)
{
	bool quote = c->kind == EV_CELL_TEXT && (c->text.len == 0 || ev_slice_is(c->text, "null") ||
						  c->text.ptr[0] == ' ' ||
						  c->text.ptr[c->text.len - 1] == ' ');

	if (c->kind == EV_CELL_NULL) {
		ev_buf_adds(out, "null");
	} else if (c->kind == EV_CELL_BYTES) {
		ev_buf_adds(out, "x'");
		ev_buf_add_hex(out, c->text);
		ev_buf_addc(out, '\'');
	} else {
		ev_buf_adds(out, quote ? "'" : "");
		ev_buf_add_slice(out, c->text);
		ev_buf_adds(out, quote ? "'" : "");
	}
}

/* The first four cells: filled for the first line of an event, empty for those below it. */
static void add_head(struct ev_history_print *p, const struct ev_history_event *e, bool first)
{
	const struct ev_record *r = e->record;
	char time[EV_TIME_TEXT];

	if (!first) {
		for (int i = 0; i < 4; i++)
			ev_table_add(&p->table, "");
		return;
	}
	event_time(e, time);
	ev_table_add(&p->table, time);
	ev_table_addf(&p->table, "%.*s/%d@%" PRId64, (int)r->topic.len, r->topic.ptr, r->partition,
		      r->offset);
	ev_table_slice(&p->table, r->value.ptr ? e->type : EV_LITERAL("tombstone"));
	ev_table_add(&p->table, deed(p, e));
}

/* One line for each column that is another now; all of them when the row is new. */
static void add_rows(struct ev_history_print *p, const struct ev_history_event *e)
{
	bool first = true;

	for (size_t i = 0; e->after && i < ev_history_columns(p->history); i++) {
		if (e->before && same(&e->before[i], &e->after[i]))
			continue;
		add_head(p, e, first);
		first = false;
		ev_table_add(&p->table, ev_history_column(p->history, i));
		ev_buf_clear(&p->line);
		if (e->before) {
			add_plain(&p->line, &e->before[i]);
			ev_buf_adds(&p->line, " -> ");
		}
		add_plain(&p->line, &e->after[i]);
		ev_table_slice(&p->table, ev_buf_slice(&p->line));
	}
	if (first) {
		add_head(p, e, true);
		ev_table_add(&p->table, "");
		ev_table_add(&p->table, "");
	}
}

static void add_text(struct ev_buf *out, struct ev_slice s)
{
	if (s.ptr && ev_utf8_valid(s)) {
		ev_json_quote(out, s);
	} else if (s.ptr) {
		ev_buf_adds(out, "{\"base64\":\"");
		ev_base64_encode(out, s);
		ev_buf_adds(out, "\"}");
	} else {
		ev_buf_adds(out, "null");
	}
}

/* A number of the store is one of JSON, but for Inf and NaN. */
static bool is_json_number(struct ev_slice s)
{
	size_t at = s.len && s.ptr[0] == '-';

	return at < s.len && isdigit((unsigned char)s.ptr[at]);
}

static void add_json_cell(struct ev_buf *out, const struct ev_cell *c)
{
	if (c->kind == EV_CELL_NULL) {
		ev_buf_adds(out, "null");
	} else if (c->kind == EV_CELL_BYTES) {
		ev_buf_adds(out, "{\"base64\":\"");
		ev_base64_encode(out, c->text);
		ev_buf_adds(out, "\"}");
	} else if (c->kind == EV_CELL_TEXT || !is_json_number(c->text)) {
		add_text(out, c->text);
	} else {
		ev_buf_add_slice(out, c->text);
	}
}

static void add_json_row(struct ev_history_print *p, const char *name, const struct ev_cell *cells)
{
	struct ev_buf *out = &p->line;

	ev_buf_addf(out, ",\"%s\":", name);
	if (!cells) {
		ev_buf_adds(out, "null");
		return;
	}
	ev_buf_addc(out, '{');
	for (size_t i = 0; i < ev_history_columns(p->history); i++) {
		ev_buf_adds(out, i ? "," : "");
		add_text(out, ev_slice_str(ev_history_column(p->history, i)));
		ev_buf_addc(out, ':');
		add_json_cell(out, &cells[i]);
	}
	ev_buf_addc(out, '}');
}

static int print_json(struct ev_history_print *p, const struct ev_history_event *e,
		      struct ev_error *err)
{
	const struct ev_record *r = e->record;
	struct ev_buf *out = &p->line;
	char time[EV_TIME_TEXT];
	int rc;

	event_time(e, time);
	ev_buf_clear(out);
	ev_buf_adds(out, "{\"topic\":");
	add_text(out, r->topic);
	ev_buf_addf(out, ",\"partition\":%d,\"offset\":%" PRId64 ",\"timestamp\":", r->partition,
		    r->offset);
	if (r->timestamp == EV_NO_TIMESTAMP)
		ev_buf_adds(out, "null");
	else
		ev_buf_add_i64(out, r->timestamp);
	ev_buf_adds(out, ",\"time\":");
	add_text(out, time[0] ? ev_slice_str(time) : EV_NULL_SLICE);
	ev_buf_adds(out, ",\"type\":");
	add_text(out, e->type);
	ev_buf_addf(out, ",\"tombstone\":%s,\"row\":\"%s\"", r->value.ptr ? "false" : "true", deed(p, e));
	add_json_row(p, "before", e->before);
	add_json_row(p, "after", e->after);
	ev_buf_adds(out, "}\n");
	rc = ev_stdout_write(out->data, out->len, err);
	p->closed = rc > 0;
	return rc < 0 ? -1 : 0;
}

int ev_history_print_event(struct ev_history_print *p, const struct ev_history_event *e,
			   struct ev_error *err)
{
	p->events++;
	if (p->json)
		return p->closed ? 0 : print_json(p, e, err);
	add_rows(p, e);
	return 0;
}

void ev_history_print_end(struct ev_history_print *p)
{
	struct ev_buf out = EV_BUF_INIT;
	struct ev_term term;

	if (p->json || !p->events)
		return;
	ev_term_init(&term, 1);
	ev_table_print(&p->table, &term, true, &out);
	fwrite(ev_buf_str(&out), 1, out.len, stdout);
	ev_buf_release(&out);
}
