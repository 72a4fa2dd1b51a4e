/* rename.c - see rename.h */
#include "sink/rename.h"

#include <string.h>

enum { STARS = 9 };

static bool begins(struct ev_slice s, const char *text, size_t n)
{
	return s.len >= n && !memcmp(s.ptr, text, n);
}

/*
 * Fit `s` to the pattern; what the stars stood for goes to `found`, shortest first: each piece between two of them
 * where it comes first, and the last one at the end.
 */
static bool fits(const char *p, const char *end, struct ev_slice s, struct ev_slice *found)
{
	const char *star = memchr(p, '*', (size_t)(end - p));
	size_t n = (size_t)((star ? star : end) - p);

	if (!begins(s, p, n) || (!star && s.len != n))
		return false;
	while (star) {
		s = ev_slice(s.ptr + n, s.len - n);
		p = star + 1;
		star = memchr(p, '*', (size_t)(end - p));
		n = (size_t)((star ? star : end) - p);
		*found = ev_slice(s.ptr, star || s.len < n ? 0 : s.len - n);
		for (s = ev_slice(s.ptr + found->len, s.len - found->len); !begins(s, p, n); found->len++) {
			if (!s.len || !star)
				return false;
			s = ev_slice(s.ptr + 1, s.len - 1);
		}
		found++;
	}
	return true;
}

static int stars_of(const char *p, const char *end)
{
	int n = 0;

	for (; p < end; p++)
		n += *p == '*';
	return n;
}

int ev_rename_check(const char *rule, struct ev_error *err)
{
	const char *eq = strchr(rule, '=');
	int stars = eq ? stars_of(rule, eq) : 0;

	if (!eq || eq == rule || !eq[1]) {
		ev_fail(err, EV_USAGE, "option '--map' does not take '%s'", rule);
		return ev_hint(err, "PATTERN=NAME, as in 'orders.*=test.\\1'");
	}
	if (stars > STARS)
		return ev_fail(err, EV_USAGE, "option '--map' takes at most %d '*' in '%s'", STARS, rule);
	for (const char *p = eq + 1; *p; p++) {
		if (*p != '\\')
			continue;
		p++;
		if (*p < '1' || *p > '9' || *p - '0' > stars)
			return ev_fail(err, EV_USAGE, "option '--map': '%s' has no '*' for '\\%.1s'", rule, p);
	}
	return 0;
}

bool ev_rename(const char *const *rules, size_t n, struct ev_slice topic, struct ev_buf *out)
{
	struct ev_slice found[STARS + 1];

	for (size_t i = 0; i < n; i++) {
		const char *eq = strchr(rules[i], '=');

		if (!eq || !fits(rules[i], eq, topic, found))
			continue;
		for (const char *p = eq + 1; *p; p++) {
			if (*p == '\\' && p[1] >= '1' && p[1] <= '9')
				ev_buf_add_slice(out, found[*++p - '1']);
			else
				ev_buf_addc(out, *p);
		}
		return true;
	}
	return false;
}
