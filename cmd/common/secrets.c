/* secrets.c - see secrets.h */
#include "common/secrets.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define WORD_ENDS " \t\r\n'\""

struct secret {
	size_t at, len;
};

static bool begins_url(const char *word, size_t len)
{
	if ((len > 8 && !strncasecmp(word, "postgres", 8)) || (len > 5 && !strncasecmp(word, "jdbc:", 5)))
		return true;
	return memmem(word, len, "://", 3);
}

/* In a word that is an URL: what is between the user's colon and the @. */
static bool in_url(const char *word, size_t len, struct secret *s)
{
	const char *at = memchr(word, '@', len), *from = at, *colon;

	if (!at || !begins_url(word, len))
		return false;
	while (from > word && from[-1] != '/')
		from--;
	colon = memchr(from, ':', (size_t)(at - from));
	if (!colon || colon + 1 == at)
		return false;
	*s = (struct secret){ (size_t)(colon + 1 - word), (size_t)(at - colon - 1) };
	return true;
}

static const char *find_name(const char *word, const char *end, const char *name)
{
	size_t n = strlen(name);

	for (; word + n <= end; word++)
		if (!strncasecmp(word, name, n))
			return word + n;
	return NULL;
}

/* Behind password= or secret=: up to the next parameter of an URL. */
static bool in_parameter(const char *word, size_t len, struct secret *s)
{
	const char *end = word + len, *p = find_name(word, end, "password=");
	const char *q = find_name(word, end, "secret="), *stop;

	if (!p || (q && q < p))
		p = q;
	if (!p || p == end)
		return false;
	stop = memchr(p, '&', (size_t)(end - p));
	*s = (struct secret){ (size_t)(p - word), (size_t)((stop ? stop : end) - p) };
	return s->len > 0;
}

/* The first of a word. */
static bool find_secret(const char *word, size_t len, struct secret *s)
{
	struct secret url, parameter;
	bool a = in_url(word, len, &url), b = in_parameter(word, len, &parameter);

	*s = a && (!b || url.at < parameter.at) ? url : parameter;
	return a || b;
}

static bool hide(char *word)
{
	struct secret s;
	bool any = false;

	for (size_t len = strlen(word); find_secret(word, len, &s); any = true) {
		memset(word + s.at, 'x', s.len);
		word += s.at + s.len;
		len -= s.at + s.len;
	}
	return any;
}

char **ev_secrets_take(int argc, char **argv)
{
	char **copies = NULL, *copy;
	size_t n = 0;

	for (int i = 1; i < argc; i++) {
		copy = ev_strdup(argv[i]);
		if (!hide(argv[i])) {
			free(copy);
			continue;
		}
		copies = ev_realloc_n(copies, n + 2, sizeof(*copies));
		copies[n++] = argv[i] = copy;
		copies[n] = NULL;
	}
	return copies;
}

void ev_secrets_free(char **copies)
{
	for (char **c = copies; c && *c; c++)
		free(*c);
	free(copies);
}

static void mask_word(struct ev_buf *out, const char *word, size_t len)
{
	struct secret s;

	while (find_secret(word, len, &s)) {
		ev_buf_add(out, word, s.at);
		ev_buf_adds(out, "***");
		word += s.at + s.len;
		len -= s.at + s.len;
	}
	ev_buf_add(out, word, len);
}

void ev_secrets_mask(struct ev_buf *out, const char *text)
{
	while (*text) {
		size_t word = strcspn(text, WORD_ENDS), space;

		mask_word(out, text, word);
		space = strspn(text + word, WORD_ENDS);
		ev_buf_add(out, text + word, space);
		text += word + space;
	}
}
