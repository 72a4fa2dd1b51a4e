/* json_internal.h - the trie of paths, shared by json_path.c and json.c */
#ifndef EV_JSON_INTERNAL_H
#define EV_JSON_INTERNAL_H

#include "event/json.h"

struct ev_node {
	char *name;    /* member's name, decoded; NULL for an index */
	size_t len;
	int32_t index; /* element's index; -1 for a name */
	int path;      /* the path that ends here, or -1 */
	int child;     /* first child, or -1 */
	int next;      /* next sibling, or -1 */
};

struct ev_paths {
	struct ev_node *nodes; /* 0 is the root */
	size_t nnodes, node_cap;
	size_t npaths;
};

#endif
