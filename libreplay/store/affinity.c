/* affinity.c - see affinity.h */
#include "store/affinity.h"

#include <string.h>

enum ev_affinity ev_sqlite_affinity(const char *type)
{
	static const struct {
		const char *part;
		enum ev_affinity affinity;
	} rules[] = { /* the first that is in it */
		{ "INT", EV_AFFINITY_INT },   { "CHAR", EV_AFFINITY_TEXT }, { "CLOB", EV_AFFINITY_TEXT },
		{ "TEXT", EV_AFFINITY_TEXT }, { "BLOB", EV_AFFINITY_NONE }, { "REAL", EV_AFFINITY_REAL },
		{ "FLOA", EV_AFFINITY_REAL }, { "DOUB", EV_AFFINITY_REAL }, { "BOOL", EV_AFFINITY_BOOL },
		{ "DATE", EV_AFFINITY_DATE }, { "TIME", EV_AFFINITY_DATE },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (strcasestr(type, rules[i].part))
			return rules[i].affinity;
	return *type ? EV_AFFINITY_NUMERIC : EV_AFFINITY_NONE;
}
