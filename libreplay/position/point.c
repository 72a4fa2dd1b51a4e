/* point.c - see point.h */
#include "position/point.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "event/time.h"

void ev_point_release(struct ev_point *p)
{
	free(p->name);
	ev_position_release(&p->position);
	*p = (struct ev_point)EV_POINT_INIT;
}

static int fail(const char *text, const char *why, struct ev_error *err)
{
	ev_fail(err, EV_USAGE, "cannot read position '%s': %s", text, why);
	return ev_hint(err, "write begin, end, stable, an offset, -N, @TIME, group:NAME or a file's name");
}

/* Nothing but digits that fit 64 bits; else what is wrong. */
static const char *read_count(const char *s, int64_t *n)
{
	int64_t v = 0;

	if (!*s || strspn(s, "0123456789") != strlen(s))
		return "no such position";
	for (; *s; s++)
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *s - '0', &v))
			return "the number does not fit 64 bits";
	*n = v;
	return NULL;
}

static bool is_file(const char *text)
{
	size_t len = strlen(text);

	return strchr(text, '/') || (len > 5 && strcmp(text + len - 5, ".json") == 0);
}

/* --position takes any name. */
static bool is_there(const char *text)
{
	struct stat st;

	return !stat(text, &st) && S_ISREG(st.st_mode);
}

/* Neither a word nor a number: perhaps a time that lacks its @. */
static int fail_word(const char *text, const char *why, int64_t now_ms, struct ev_error *err)
{
	struct ev_error ignored;
	int64_t ms;

	fail(text, why, err);
	if (!ev_time_parse(text, now_ms, &ms, &ignored))
		ev_hint(err, "a time as a position is written @%s", text);
	return -1;
}

static int parse_time(struct ev_point *p, const char *text, int64_t now_ms, struct ev_error *err)
{
	if (!text[1])
		return fail(text, "the time is missing", err);
	if (ev_time_parse(text + 1, now_ms, &p->n, err))
		return ev_context(err, "cannot read position '%s'", text);
	p->kind = EV_POINT_TIME;
	return 0;
}

static int parse_file(struct ev_point *p, const char *text, struct ev_error *err)
{
	p->kind = EV_POINT_FILE;
	p->name = ev_strdup(text);
	return ev_position_load(&p->position, text, err);
}

static int parse(struct ev_point *p, const char *text, int64_t now_ms, struct ev_error *err)
{
	static const struct {
		const char *word;
		enum ev_point_kind kind;
	} words[] = {
		{ "begin", EV_POINT_BEGIN },
		{ "end", EV_POINT_END },
		{ "stable", EV_POINT_STABLE },
	};
	const char *wrong;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(text, words[i].word) == 0) {
			p->kind = words[i].kind;
			return 0;
		}
	}
	if (*text == '@')
		return parse_time(p, text, now_ms, err);
	if (strncmp(text, "group:", 6) == 0) {
		if (!text[6])
			return fail(text, "the group's name is missing", err);
		p->kind = EV_POINT_GROUP;
		p->name = ev_strdup(text + 6);
		return 0;
	}
	if (*text != '-' && is_file(text))
		return parse_file(p, text, err);
	p->kind = *text == '-' ? EV_POINT_LAST : EV_POINT_OFFSET;
	wrong = *text ? read_count(text + (*text == '-'), &p->n) : "nothing is given";
	if (!wrong)
		return 0;
	return is_there(text) ? parse_file(p, text, err) : fail_word(text, wrong, now_ms, err);
}

int ev_point_parse(struct ev_point *p, const char *text, int64_t now_ms, struct ev_error *err)
{
	struct ev_point read = EV_POINT_INIT;

	if (parse(&read, text, now_ms, err)) {
		ev_point_release(&read);
		return -1;
	}
	ev_point_release(p);
	*p = read;
	return 0;
}
