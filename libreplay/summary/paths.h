/*
 * paths.h - which JSON paths occur in a set of documents, with which types, how often not
 *
 * Elements of arrays share one path, `$.items[*].sku`. A path counts once per document and type.
 */
#ifndef EV_PATHS_SUM_H
#define EV_PATHS_SUM_H

#include <stdbool.h>
#include <stdint.h>

#include "json/json.h"

#define EV_PATH_SUM_LENGTH 512 /* bytes of the longest path that is kept */

struct ev_path_sum {
	char *path;
	uint64_t documents; /* in which it occurs */
	uint64_t types[EV_JSON_OBJECT + 1]; /* documents in which it occurs as that type */
	uint64_t seen;      /* number of the document that counted it last, */
	unsigned seen_types; /* and the types counted in it */
};

struct ev_path_sums {
	struct ev_path_sum *v; /* in order of first occurrence until sorted */
	size_t n, cap, max;
	uint32_t *slots;
	size_t nslots;
	uint64_t documents;
	bool capped;           /* there were more paths, or longer ones */
	struct ev_buf path, name;
};

struct ev_path_sums *ev_path_sums_new(size_t max);
void ev_path_sums_free(struct ev_path_sums *s);
void ev_path_sums_add(struct ev_path_sums *s, struct ev_slice json); /* a valid document */

#endif
