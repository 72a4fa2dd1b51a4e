/* projection.c - places in and the end of a projection; see projection.h */
#include "projection/projection.h"

#include <stdlib.h>

static void free_statement(struct ev_statement *s)
{
	for (size_t i = 0; i < s->nparams; i++) {
		free(s->params[i].header);
		free(s->params[i].text);
	}
	free(s->params);
	free(s->sql[EV_SQLITE]);
	free(s->sql[EV_POSTGRESQL]);
	free(s->map);
	free(s->map_pg);
}

static void free_words(char **words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	free(words);
}

static void free_handler(struct ev_handler *h)
{
	for (size_t i = 0; i < h->nstatements; i++)
		free_statement(&h->statements[i]);
	free(h->statements);
	free_words(h->types, h->ntypes);
	free(h->of_topic);
	free(h->each_text);
	ev_paths_free(h->item_paths);
}

static void free_queries(struct ev_query_def *q, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(q[i].name);
		free(q[i].sql);
	}
	free(q);
}

void ev_projection_free(struct ev_projection *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->nhandlers; i++)
		free_handler(&p->handlers[i]);
	free(p->handlers);
	for (size_t i = 0; i < p->nschemas; i++)
		free(p->schemas[i].sql);
	free(p->schemas);
	free_queries(p->checks, p->nchecks);
	free_queries(p->samples, p->nsamples);
	free_words(p->topics, p->ntopics);
	free_words(p->reads, p->nreads);
	ev_where_free(p->filter);
	ev_paths_free(p->paths);
	free(p->key_text);
	free(p->name);
	free(p->file);
	free(p);
}

struct ev_place ev_sql_place(const char *sql, struct ev_place start, size_t offset)
{
	if (offset > strlen(sql))
		return start;
	for (const char *p = sql; p < sql + offset; p++) {
		if (*p == '\n') {
			start.line++;
			start.column = 1;
		} else {
			start.column++;
		}
	}
	return start;
}

static bool same_text(const char *a, const char *b)
{
	return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

bool ev_param_same(const struct ev_param *a, const struct ev_param *b)
{
	return a->kind == b->kind && a->scale == b->scale && a->path == b->path &&
	       a->field == b->field && a->window_ms == b->window_ms && same_text(a->header, b->header);
}

struct ev_place ev_statement_place(const struct ev_statement *s, enum ev_dialect d, size_t offset)
{
	const struct ev_offset_map *map = d == EV_SQLITE ? s->map : s->map_pg;
	size_t low = 0, high = d == EV_SQLITE ? s->nmap : s->nmap_pg;
	const char *token;

	if (offset > strlen(s->sql[d]) || !high)
		return s->place;
	while (high - low > 1) { /* the last entry at or before the offset */
		size_t middle = low + (high - low) / 2;

		if (map[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	token = s->sql[d] + map[low].offset;
	if (*token == (d == EV_SQLITE ? '?' : '$')) /* a placeholder is not as long as its text */
		return map[low].place;
	return ev_sql_place(token, map[low].place, offset - map[low].offset);
}

size_t ev_projection_widest(const struct ev_projection *p)
{
	size_t widest = 1;

	for (size_t h = 0; h < p->nhandlers; h++)
		for (size_t i = 0; i < p->handlers[h].nstatements; i++)
			if (p->handlers[h].statements[i].nparams > widest)
				widest = p->handlers[h].statements[i].nparams;
	return widest;
}
