/* given.c - the records of a case, from record lines with gaps or from bare events */
#include <inttypes.h>

#include "base/mem.h"
#include "cases/internal.h"

/* JSON without the white space between its tokens: a record line is one line. */
static void add_compact(struct ev_buf *out, struct ev_slice json)
{
	bool in_string = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.ptr[i];

		if (in_string && c == '\\') {
			ev_buf_add(out, json.ptr + i++, 2);
			continue;
		}
		if (c == '"')
			in_string = !in_string;
		if (in_string || !memchr(" \t\r\n", c, 4))
			ev_buf_addc(out, c);
	}
}

static bool member(const struct ev_value *object, const char *name, struct ev_value *out)
{
	struct ev_each it;
	struct ev_value key;

	ev_each_begin(&it, object);
	while (ev_member_next(&it, &key, out))
		if (ev_slice_is(key.raw, name))
			return true;
	return false;
}

static bool is_line(const struct ev_value *v)
{
	struct ev_value found;

	return v->type == EV_JSON_OBJECT &&
	       (member(v, "value", &found) || member(v, "text", &found) ||
		member(v, "base64", &found));
}

static int64_t next_offset(const struct ev_case *c, struct ev_slice topic, int64_t partition)
{
	for (size_t i = c->n; i-- > 0;)
		if (c->records[i].partition == partition && ev_slice_eq(c->records[i].topic, topic))
			return c->records[i].offset + 1;
	return 0;
}

/* Offset goes last: it depends on topic and partition, which are read from a line with offset 0. */
static void write_line(struct ev_buf *line, const struct ev_value *v, const char *topic,
		       int64_t offset)
{
	struct ev_value found;

	ev_buf_clear(line);
	ev_buf_addc(line, '{');
	if (!is_line(v)) {
		ev_buf_adds(line, "\"topic\":");
		ev_json_quote(line, ev_slice_str(topic));
		ev_buf_addf(line, ",\"partition\":0,\"offset\":%" PRId64 ",\"key\":null,\"value\":",
			    offset);
		if (v->type == EV_JSON_STRING)
			ev_buf_add(line, v->raw.ptr - 1, v->raw.len + 2);
		else
			add_compact(line, v->raw);
		ev_buf_addc(line, '}');
		return;
	}
	if (!member(v, "topic", &found)) {
		ev_buf_adds(line, "\"topic\":");
		ev_json_quote(line, ev_slice_str(topic));
		ev_buf_addc(line, ',');
	}
	if (!member(v, "partition", &found))
		ev_buf_adds(line, "\"partition\":0,");
	if (!member(v, "offset", &found))
		ev_buf_addf(line, "\"offset\":%" PRId64 ",", offset);
	if (!member(v, "key", &found) && !member(v, "key_base64", &found))
		ev_buf_adds(line, "\"key\":null,");
	add_compact(line, ev_slice(v->raw.ptr + 1, v->raw.len - 1));
}

static int add_record(struct ev_case *c, const struct ev_value *v, const char *topic,
		      struct ev_error *err)
{
	struct ev_buf *line = &c->lines[c->n];
	struct ev_record *r = &c->records[c->n];
	struct ev_value found;

	c->readers[c->n] = ev_line_reader_new();
	write_line(line, v, topic, 0);
	if (ev_line_read(c->readers[c->n], ev_buf_slice(line), r, err) < 0)
		return -1;
	if (!is_line(v) || !member(v, "offset", &found)) {
		write_line(line, v, topic, next_offset(c, r->topic, r->partition));
		if (ev_line_read(c->readers[c->n], ev_buf_slice(line), r, err) < 0)
			return -1;
	}
	c->n++;
	return 0;
}

int ev_case_given(struct ev_case *c, const struct ev_projection *p, struct ev_error *err)
{
	struct ev_each it;
	struct ev_value v;
	size_t count = 0;

	ev_each_begin(&it, &c->given);
	while (ev_each_next(&it, &v))
		count++;
	c->records = ev_alloc((count + 1) * sizeof(*c->records));
	c->readers = ev_alloc((count + 1) * sizeof(struct ev_line_reader *));
	c->lines = ev_alloc((count + 1) * sizeof(*c->lines));
	ev_each_begin(&it, &c->given);
	while (ev_each_next(&it, &v))
		if (add_record(c, &v, p->topics[0], err) < 0) {
			err->class = EV_USAGE;
			c->n++; /* its reader is released with the others */
			return ev_context(err, "case '%s': given[%zu]", c->name, c->n - 1);
		}
	return 0;
}

void ev_case_release(struct ev_case *c)
{
	for (size_t i = 0; i < c->n; i++) {
		ev_line_reader_free(c->readers[i]);
		ev_buf_release(&c->lines[i]);
	}
	free(c->records);
	free(c->readers);
	free(c->lines);
	free(c->name);
}
