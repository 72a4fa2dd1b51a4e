/* glob.c - patterns over whole strings; see where.h */
#include "event/where.h"

/* One character at p, its length in *len. A byte that is not UTF-8 is a character of its own. */
static uint32_t character(const char *p, const char *end, size_t *len)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t n = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0;
	uint32_t c = n == 1 ? *s : n ? *s & (0x7fu >> n) : 0;

	*len = 1;
	if (!n || n > (size_t)(end - p))
		return 0x110000u + *s;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0x110000u + *s;
		c = c << 6 | (s[i] & 0x3fu);
	}
	*len = n;
	return c;
}

/* One character of a pattern, perhaps quoted by \; moves *p behind it. */
static uint32_t quoted(const char **p, const char *end)
{
	size_t len;
	uint32_t c;

	if (**p == '\\' && *p + 1 < end)
		++*p;
	c = character(*p, end, &len);
	*p += len;
	return c;
}

/* The ] that ends the set at p (behind its [), or NULL: then the [ is an ordinary character. */
static const char *set_end(const char *p, const char *end)
{
	if (p < end && *p == '!')
		p++;
	if (p < end && *p == ']')
		p++;
	for (; p < end && *p != ']'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p : NULL;
}

static bool in_set(const char *p, const char *end, uint32_t c)
{
	bool negate = *p == '!', found = false;

	p += negate;
	while (p < end) {
		uint32_t low = quoted(&p, end), high = low;

		if (p + 1 < end && *p == '-') {
			p++;
			high = quoted(&p, end);
		}
		found |= c >= low && c <= high;
	}
	return found != negate;
}

/* Does the pattern's next element, anything but *, take `c`? Moves *p behind it. */
static bool takes(const char **p, const char *end, uint32_t c)
{
	const char *close;
	bool yes;

	if (**p == '?') {
		++*p;
		return true;
	}
	if (**p == '[' && (close = set_end(*p + 1, end))) {
		yes = in_set(*p + 1, close, c);
		*p = close + 1;
		return yes;
	}
	return quoted(p, end) == c;
}

/* Only the last * seen ever needs to take more, so the work is at most pattern times text. */
bool ev_glob(const char *pattern, struct ev_slice text)
{
	const char *p = pattern, *pend = pattern + strlen(pattern);
	const char *t = text.ptr, *tend;
	const char *star = NULL, *from = NULL;
	size_t len;

	if (!t)
		return false;
	tend = t + text.len;
	for (;;) {
		if (p < pend && *p == '*') {
			star = ++p;
			from = t;
			continue;
		}
		if (t == tend)
			return p == pend;
		if (p < pend) {
			uint32_t c = character(t, tend, &len);

			if (takes(&p, pend, c)) {
				t += len;
				continue;
			}
		}
		if (!star)
			return false;
		character(from, tend, &len);
		t = from += len;
		p = star;
	}
}
