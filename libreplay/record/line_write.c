/* line_write.c - records to record lines; see line.h */
#include "record/line.h"

#include "event/json.h"
#include "record/base64.h"
#include "record/utf8.h"

/*
 * What a byte is inside of a JSON string: plain, a lead byte of something that may have to be
 * escaped, to be escaped by its code, or (any other value) by that letter behind a backslash.
 */
enum { PLAIN = 0, LEAD = 1, BY_CODE = 2 };

static const unsigned char kind[256] = {
	[0 ... 7] = BY_CODE, ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', [11] = BY_CODE,
	['\f'] = 'f', ['\r'] = 'r', [14 ... 31] = BY_CODE, ['"'] = '"', ['\\'] = '\\',
	[0x7f] = BY_CODE, [0xc2] = LEAD, [0xe2] = LEAD,
};

/* The control character that a lead byte starts (U+0080 to U+009F, U+2028, U+2029), else 0. */
static unsigned wide_control(const char *p, const char *end)
{
	const unsigned char *s = (const unsigned char *)p;

	if (s[0] == 0xc2 && end - p >= 2 && s[1] >= 0x80 && s[1] < 0xa0)
		return s[1];
	if (s[0] == 0xe2 && end - p >= 3 && s[1] == 0x80 && (s[2] == 0xa8 || s[2] == 0xa9))
		return 0x2028u + (s[2] - 0xa8u);
	return 0;
}

/* The end of the bytes at p that need no escape. */
static const char *plain_end(const char *p, const char *end)
{
	for (;;) {
		while (end - p >= 8) {
			uint64_t w = ev_load8(p);

			if (ev_any_special(w) | ev_any_byte(w, 0x7f))
				break;
			p += 8;
		}
		/* At most eight bytes singly, then by eight again. */
		for (int i = 0; i < 8; i++, p++) {
			unsigned char k;

			if (p == end)
				return p;
			k = kind[(unsigned char)*p];
			if (k > LEAD || (k == LEAD && wide_control(p, end)))
				return p;
		}
	}
}

/* Escape the character at p; returns what is behind it. */
static const char *add_escaped(struct ev_buf *out, const char *p, const char *end)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char k = kind[(unsigned char)*p];
	unsigned code = (unsigned char)*p;

	if (k > BY_CODE) {
		ev_buf_add(out, (char[]){ '\\', (char)k }, 2);
		return p + 1;
	}
	if (k == LEAD)
		code = wide_control(p, end);
	ev_buf_add(out,
		   (char[]){ '\\', 'u', hex[code >> 12], hex[code >> 8 & 15], hex[code >> 4 & 15],
			     hex[code & 15] },
		   6);
	return p + (code < 0x80 ? 1 : code < 0x100 ? 2 : 3);
}

void ev_json_quote(struct ev_buf *out, struct ev_slice s)
{
	const char *p = s.ptr, *end = s.ptr + s.len;

	if (!ev_buf_reserve(out, s.len + 2))
		return;
	ev_buf_addc(out, '"');
	while (p < end) {
		const char *stop = plain_end(p, end);

		ev_buf_add(out, p, (size_t)(stop - p));
		p = stop < end ? add_escaped(out, stop, end) : stop;
	}
	ev_buf_addc(out, '"');
}

static void add_base64(struct ev_buf *out, struct ev_slice s)
{
	ev_buf_addc(out, '"');
	ev_base64_encode(out, s);
	ev_buf_addc(out, '"');
}

#define ADD(out, literal) ev_buf_add((out), (literal), sizeof(literal) - 1)

static void add_key(struct ev_buf *out, struct ev_slice key)
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
