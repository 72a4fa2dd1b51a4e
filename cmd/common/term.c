/* term.c - see term.h */
#include "common/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/utf8.h"

static int env_number(const char *name, int fallback)
{
	const char *s = getenv(name);
	long v = s ? strtol(s, NULL, 10) : 0;

	return v > 0 && v < 10000 ? (int)v : fallback;
}

static bool env_set(const char *name)
{
	const char *s = getenv(name);

	return s && *s;
}

static bool locale_is_utf8(void)
{
	const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < 3; i++) {
		if (env_set(names[i])) {
			const char *v = getenv(names[i]);

			return strcasestr(v, "utf-8") || strcasestr(v, "utf8");
		}
	}
	return false;
}

void ev_term_init(struct ev_term *t, int fd)
{
	struct winsize w = { 0 };
	const char *term = getenv("TERM");

	t->tty = isatty(fd);
	t->utf8 = locale_is_utf8();
	t->color = t->tty && !env_set("NO_COLOR") && term && *term && strcmp(term, "dumb") != 0;
	if (t->tty && !ioctl(fd, TIOCGWINSZ, &w) && w.ws_col && w.ws_row) {
		t->width = w.ws_col;
		t->height = w.ws_row;
		return;
	}
	t->width = env_number("COLUMNS", 80);
	t->height = env_number("LINES", 24);
}

void ev_term_color(const struct ev_term *t, struct ev_buf *out, enum ev_color c)
{
	static const char *const codes[] = { "0", "1", "2", "31", "32", "33", "34", "35", "36" };

	if (t->color)
		ev_buf_addf(out, "\x1b[%sm", codes[c]);
}

int32_t ev_utf8_next(struct ev_slice s, size_t *n)
{
	static const unsigned char lead[] = { 0, 0, 0x1f, 0x0f, 0x07 }; /* bits that count, by length */
	const unsigned char *p = (const unsigned char *)s.ptr;
	int32_t c;

	*n = 1;
	if (p[0] < 0x80)
		return p[0];
	*n = ev_utf8_sequence(s.ptr, s.ptr + s.len);
	if (!*n) {
		*n = 1;
		return -1;
	}
	c = p[0] & lead[*n];
	for (size_t i = 1; i < *n; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

struct range {
	int32_t from, to;
};

static bool in_ranges(int32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= r[i].from && c <= r[i].to)
			return true;
	}
	return false;
}

/* Controls, and what changes the direction or hides in a line: must not reach a terminal. */
bool ev_term_unsafe(int32_t c)
{
	static const struct range bad[] = {
		{ 0, 0x1f },	    { 0x7f, 0x9f },	{ 0x61c, 0x61c },     { 0x200e, 0x200f },
		{ 0x2028, 0x202e }, { 0x2060, 0x2069 }, { 0xfeff, 0xfeff },   { 0xfff9, 0xfffb },
		{ 0xe0000, 0xe007f },
	};

	if (c >= 0x20 && c < 0x7f)
		return false;
	return in_ranges(c, bad, sizeof(bad) / sizeof(bad[0]));
}

static int columns_of(int32_t c)
{
	static const struct range none[] = {
		{ 0x300, 0x36f },   { 0x483, 0x489 },	{ 0x591, 0x5bd },     { 0x610, 0x61a },
		{ 0x64b, 0x65f },   { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },   { 0x200b, 0x200d },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },   { 0xe0100, 0xe01ef },
	};
	static const struct range wide[] = {
		{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },
		{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 },   { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff },
		{ 0x20000, 0x3fffd },
	};

	if (c < 0x300)
		return 1;
	if (in_ranges(c, none, sizeof(none) / sizeof(none[0])))
		return 0;
	return in_ranges(c, wide, sizeof(wide) / sizeof(wide[0])) ? 2 : 1;
}

/* The next character of s as a terminal may see it: text in `out`, columns returned, *n consumed. */
static int next_shown(struct ev_slice s, char out[12], size_t *n)
{
	int32_t c = ev_utf8_next(s, n);

	if (c < 0)
		return snprintf(out, 12, "\\x%02x", (unsigned char)s.ptr[0]);
	if (!ev_term_unsafe(c)) {
		memcpy(out, s.ptr, *n);
		out[*n] = '\0';
		return columns_of(c);
	}
	if (c == '\n' || c == '\t' || c == '\r')
		return snprintf(out, 12, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
	if (c < 0x100)
		return snprintf(out, 12, "\\x%02x", (unsigned)c);
	return snprintf(out, 12, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

/* How many bytes at the start are plain printable ASCII. */
static size_t plain_run(struct ev_slice s)
{
	size_t i = 0;

	while (i < s.len && s.ptr[i] >= 0x20 && s.ptr[i] < 0x7f)
		i++;
	return i;
}

static struct ev_slice skip(struct ev_slice s, size_t n)
{
	return ev_slice(s.ptr + n, s.len - n);
}

void ev_term_escape(struct ev_buf *out, struct ev_slice s)
{
	while (s.len) {
		size_t n = plain_run(s);
		char shown[12];

		ev_buf_add(out, s.ptr, n);
		s = skip(s, n);
		if (!s.len)
			return;
		next_shown(s, shown, &n);
		ev_buf_adds(out, shown);
		s = skip(s, n);
	}
}

void ev_term_json(struct ev_buf *out, struct ev_slice json)
{
	while (json.len) {
		size_t n;
		int32_t c = ev_utf8_next(json, &n);

		if (c < 0x7f || !ev_term_unsafe(c))
			ev_buf_add(out, json.ptr, n);
		else if (c < 0x10000)
			ev_buf_addf(out, "\\u%04x", (unsigned)c);
		else
			ev_buf_addf(out, "\\u%04x\\u%04x", 0xd7c0u + ((unsigned)c >> 10),
				    0xdc00u | ((unsigned)c & 0x3ff));
		json = ev_slice(json.ptr + n, json.len - n);
	}
}

int ev_term_columns(struct ev_slice s)
{
	int columns = 0;

	while (s.len) {
		char shown[12];
		size_t n;

		columns += next_shown(s, shown, &n);
		s = skip(s, n);
	}
	return columns;
}

int ev_term_cut(const struct ev_term *t, struct ev_buf *out, struct ev_slice s, int width)
{
	const char *dots = t->utf8 ? "\xe2\x80\xa6" : ">";
	size_t fits_len = out->len; /* where the text is cut if it turns out too long */
	int used = 0, fits = 0;

	if (width <= 0)
		return 0;
	while (s.len) {
		char shown[12];
		size_t n;
		int w = next_shown(s, shown, &n);

		if (used + w > width) {
			out->len = fits_len;
			ev_buf_adds(out, dots);
			return fits + 1;
		}
		ev_buf_adds(out, shown);
		used += w;
		if (used <= width - 1) {
			fits = used;
			fits_len = out->len;
		}
		s = skip(s, n);
	}
	return used;
}

void ev_term_bar(const struct ev_term *t, struct ev_buf *out, double value, double max, int width)
{
	static const char *const eighths[] = { "",	       "\xe2\x96\x8f", "\xe2\x96\x8e", "\xe2\x96\x8d",
					       "\xe2\x96\x8c", "\xe2\x96\x8b", "\xe2\x96\x8a", "\xe2\x96\x89" };
	long parts = max > 0 && value > 0 ? (long)(value / max * width * 8 + 0.5) : 0;

	if (value > 0 && parts == 0)
		parts = 1; /* something is never drawn as nothing */
	if (parts > (long)width * 8)
		parts = (long)width * 8;
	if (!t->utf8) {
		for (long i = 0; i < (parts + 7) / 8; i++)
			ev_buf_addc(out, '#');
		return;
	}
	for (long i = 0; i < parts / 8; i++)
		ev_buf_adds(out, "\xe2\x96\x88");
	ev_buf_adds(out, eighths[parts % 8]);
}

void ev_term_bytes(struct ev_buf *out, uint64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)n;
	size_t u = 0;

	while (v >= 1024 && u < 5) {
		v /= 1024;
		u++;
	}
	ev_buf_addf(out, u && v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

/* `90061ms` as 1m30s: the two largest units, the smaller left out when it is zero. */
void ev_term_duration(struct ev_buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };
	size_t u = 0;
	int64_t rest;

	while (u < 4 && ms < units[u].ms)
		u++;
	ev_buf_addf(out, "%lld%s", (long long)(ms / units[u].ms), units[u].name);
	rest = u < 3 ? ms % units[u].ms / units[u + 1].ms : 0;
	if (rest)
		ev_buf_addf(out, "%02lld%s", (long long)rest, units[u + 1].name);
}
