/* line_write.c - records to record lines; see line.h */
#include "record/line.h"

#include "base/utf8.h"
#include "json/json.h"
#include "record/base64.h"

static void add_base64(struct ev_buf *out, struct ev_slice s)
{
	ev_buf_addc(out, '"');
	ev_base64_encode(out, s);
	ev_buf_addc(out, '"');
}

#define ADD(out, literal) ev_buf_add((out), (literal), sizeof(literal) - 1)

static inline void add_key(struct ev_buf *out, struct ev_slice key)
{
	if (!key.ptr) {
		ADD(out, ",\"key\":null");
	} else if (ev_utf8_valid(key)) {
		ADD(out, ",\"key\":");
		ev_json_quote(out, key);
	} else {
		ADD(out, ",\"key_base64\":");
		add_base64(out, key);
	}
}

void ev_line_write_key(struct ev_buf *out, struct ev_slice key)
{
	add_key(out, key);
}

/* Text as a string, other bytes as {"base64":...}: names and values of headers. */
static void add_header_part(struct ev_buf *out, struct ev_slice s)
{
	if (!s.ptr) {
		ADD(out, "null");
	} else if (ev_utf8_valid(s)) {
		ev_json_quote(out, s);
	} else {
		ADD(out, "{\"base64\":");
		add_base64(out, s);
		ev_buf_addc(out, '}');
	}
}

static void add_headers(struct ev_buf *out, const struct ev_record *r)
{
	ADD(out, ",\"headers\":[");
	for (size_t i = 0; i < r->nheaders; i++) {
		ev_buf_adds(out, i ? ",[" : "[");
		add_header_part(out, r->headers[i].name);
		ev_buf_addc(out, ',');
		add_header_part(out, r->headers[i].value);
		ev_buf_addc(out, ']');
	}
	ev_buf_addc(out, ']');
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Can the value stand in the line as it is? The cheap refusals come first. */
static bool is_document(struct ev_slice v)
{
	struct ev_json_error jerr;
	struct ev_value top;

	if (!v.len || v.len > EV_JSON_MAX_SIZE || is_space(v.ptr[0]) || is_space(v.ptr[v.len - 1]))
		return false;
	if (memchr("{[\"-0123456789tfn", v.ptr[0], 17) == NULL)
		return false;
	if (memchr(v.ptr, '\n', v.len) || memchr(v.ptr, '\r', v.len))
		return false;
	if (v.len == 4 && memcmp(v.ptr, "null", 4) == 0)
		return false; /* in the line that is the tombstone */
	return ev_json_validate(v, &top, &jerr) == 0;
}

static void add_value(struct ev_buf *out, struct ev_slice v)
{
	if (!v.ptr) {
		ADD(out, ",\"value\":null");
	} else if (is_document(v)) {
		ADD(out, ",\"value\":");
		ev_buf_add_slice(out, v);
	} else if (ev_utf8_valid(v)) {
		ADD(out, ",\"text\":");
		ev_json_quote(out, v);
	} else {
		ADD(out, ",\"base64\":");
		add_base64(out, v);
	}
}

int ev_line_check(const struct ev_record *r, struct ev_error *err)
{
	if (r->nheaders <= EV_LINE_MAX_HEADERS)
		return 0;
	return ev_fail(err, EV_DATA, "it has %zu headers, and no line with more than %d is read again", r->nheaders,
		       EV_LINE_MAX_HEADERS);
}

void ev_line_write(struct ev_buf *out, const struct ev_record *r)
{
	/* One reservation for what most records need; more is made room for as it comes. */
	if (!ev_buf_reserve(out, 160 + r->topic.len + r->key.len + r->value.len))
		return;
	ADD(out, "{\"topic\":");
	ev_json_quote(out, r->topic);
	ADD(out, ",\"partition\":");
	ev_buf_add_i64(out, r->partition);
	ADD(out, ",\"offset\":");
	ev_buf_add_i64(out, r->offset);
	ADD(out, ",\"timestamp\":");
	if (r->timestamp == EV_NO_TIMESTAMP)
		ADD(out, "null");
	else
		ev_buf_add_i64(out, r->timestamp);
	if (r->log_append)
		ADD(out, ",\"timestamp_type\":\"log\"");
	add_key(out, r->key);
	add_headers(out, r);
	add_value(out, r->value);
	ADD(out, "}\n");
}
