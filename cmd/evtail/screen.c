/* screen.c - records for a person: the short line of a terminal, and indented JSON */
#include <stdio.h>
#include <string.h>

#include "event/time.h"
#include "evtail/tail.h"

#define TYPE_MAX 24
#define KEY_MAX 20
#define WHERE_MAX 40
#define VALUE_LEAST 12
#define DAY_MS 86400000

static int64_t day_of(int64_t ms)
{
	return ms / DAY_MS - (ms % DAY_MS < 0);
}

/* A line of its own when the day changes, so that the lines need only the time of day. */
static void day_line(struct tail_format *f, struct ev_buf *out, int64_t ms)
{
	char text[EV_TIME_TEXT];
	int64_t day = day_of(ms);

	if (day == f->day)
		return;
	f->day = day;
	ev_time_format(ms, text);
	ev_term_color(&f->term, out, EV_DIM);
	ev_buf_addf(out, "-- %.10s UTC --", text);
	ev_term_color(&f->term, out, EV_PLAIN);
	ev_buf_addc(out, '\n');
}

/* A cell in colour, padded to the widest of its column so far; returns the columns used. */
static int cell(struct tail_format *f, struct ev_buf *out, struct ev_slice s, enum ev_color color,
		int *width, int max)
{
	int used;

	ev_term_color(&f->term, out, color);
	used = ev_term_cut(&f->term, out, s, max);
	ev_term_color(&f->term, out, EV_PLAIN);
	if (used > *width)
		*width = used;
	while (used < *width) {
		ev_buf_addc(out, ' ');
		used++;
	}
	ev_buf_addc(out, ' ');
	return used + 1;
}

static int time_cell(struct tail_format *f, struct ev_buf *out, const struct ev_record *r)
{
	char text[EV_TIME_TEXT];
	int width = 12;

	if (r->timestamp == EV_NO_TIMESTAMP)
		return cell(f, out, EV_LITERAL("no timestamp"), EV_DIM, &width, 12);
	ev_time_show(r->timestamp, text);
	if (*text == '?')
		return cell(f, out, ev_slice_str(text), EV_DIM, &width, EV_TIME_TEXT);
	day_line(f, out, r->timestamp);
	return cell(f, out, ev_slice(text + 11, 12), EV_DIM, &width, 12);
}

void tail_screen_record(struct tail_format *f, struct ev_buf *out, const struct ev_record *r,
			struct ev_slice type)
{
	struct ev_slice dash = EV_LITERAL("-");
	int used = time_cell(f, out, r), room;

	ev_buf_clear(&f->scratch);
	ev_buf_add_slice(&f->scratch, r->topic);
	ev_buf_addf(&f->scratch, "/%d@%lld", (int)r->partition, (long long)r->offset);
	used += cell(f, out, ev_buf_slice(&f->scratch), EV_CYAN, &f->where_width, WHERE_MAX);
	used += cell(f, out, type.ptr ? type : dash, type.ptr ? EV_GREEN : EV_DIM, &f->type_width, TYPE_MAX);
	used += cell(f, out, r->key.ptr ? r->key : dash, r->key.ptr ? EV_YELLOW : EV_DIM, &f->key_width,
		     KEY_MAX);
	room = f->term.width - used;
	if (room < VALUE_LEAST)
		room = VALUE_LEAST;
	if (r->value.ptr) {
		ev_term_cut(&f->term, out, r->value, room);
	} else {
		ev_term_color(&f->term, out, EV_DIM);
		ev_buf_adds(out, "(tombstone)");
		ev_term_color(&f->term, out, EV_PLAIN);
	}
	ev_buf_addc(out, '\n');
}

/* ---- pretty ---- */

static void newline(struct ev_buf *out, int depth)
{
	ev_buf_addc(out, '\n');
	while (depth-- > 0)
		ev_buf_adds(out, "  ");
}

/* Length of the string literal at p, quotes included. */
static size_t string_length(const char *p, const char *end)
{
	const char *q = p + 1;

	while (q < end && *q != '"')
		q += *q == '\\' ? 2 : 1;
	return q < end ? (size_t)(q - p) + 1 : (size_t)(end - p);
}

/* Is the next thing that is not white space a colon: was that string a name? */
static bool colon_follows(const char *p, const char *end)
{
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	return p < end && *p == ':';
}

static void pretty_string(const struct ev_term *t, struct ev_buf *out, struct ev_slice s, bool name)
{
	ev_term_color(t, out, name ? EV_CYAN : EV_GREEN);
	if (t->tty)
		ev_term_json(out, s);
	else
		ev_buf_add_slice(out, s);
	ev_term_color(t, out, EV_PLAIN);
}

/* The text is valid JSON (the line writer made it), so one character of look-ahead is enough. */
void tail_pretty_json(const struct ev_term *t, struct ev_buf *out, struct ev_slice json)
{
	const char *p = json.ptr, *end = p + json.len;
	int depth = 0;

	while (p < end) {
		size_t n;

		switch (*p) {
		case '"':
			n = string_length(p, end);
			pretty_string(t, out, ev_slice(p, n), colon_follows(p + n, end));
			p += n;
			continue;
		case '{':
		case '[':
			ev_buf_addc(out, *p);
			for (n = 1; p + n < end && strchr(" \t\r\n", p[n]); n++)
				;
			if (p + n < end && (p[n] == '}' || p[n] == ']')) {
				ev_buf_addc(out, p[n]);
				p += n + 1;
				continue;
			}
			newline(out, ++depth);
			break;
		case '}':
		case ']':
			newline(out, --depth);
			ev_buf_addc(out, *p);
			break;
		case ',':
			ev_buf_addc(out, ',');
			newline(out, depth);
			break;
		case ':':
			ev_buf_adds(out, ": ");
			break;
		case ' ':
		case '\t':
		case '\r':
		case '\n':
			break;
		default:
			ev_buf_addc(out, *p);
		}
		p++;
	}
}
