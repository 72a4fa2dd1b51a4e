/*
 * where.h - the filter expression of --where and @filter
 *
 *   expr   = or
 *   or     = and { "or" and }
 *   and    = not { "and" not }
 *   not    = "not" not | "(" expr ")" | test
 *   test   = PATH ( "=" | "!=" | "<" | "<=" | ">" | ">=" | "GLOB" ) literal | PATH
 *   literal = number | 'text' ('' is a quote) | "text" (backslash escapes as JSON) | true | false | null
 *
 * A PATH alone is true when it is the JSON `true`. A missing path makes any test false (so `!=` on
 * a missing path is false too; `not ($.x = 1)` is true then). Numbers compare exactly by value with
 * numbers, strings bytewise with strings, true/false/null only by = and !=. Different types: `!=`
 * is true, all others false. `$.x = null` is true only for an explicit null. GLOB (* ? [set], whole
 * string, case matters) is for strings. Keywords in any case.
 */
#ifndef EV_WHERE_H
#define EV_WHERE_H

#include "json/json.h"

struct ev_where;

/* Parse `text`, adding its paths to `paths`. NULL with EV_USAGE and the character on error. */
struct ev_where *ev_where_parse(const char *text, struct ev_paths *paths, struct ev_error *err);
void ev_where_free(struct ev_where *w);

/* Evaluate over the values extracted with that path set. `scratch` is cleared and used. */
bool ev_where_test(const struct ev_where *w, const struct ev_value *values, struct ev_buf *scratch);

/* Canonical text (for the fingerprint): same meaning in another layout gives the same text. */
void ev_where_print(const struct ev_where *w, struct ev_buf *out);

/* GLOB over whole strings: * any run, ? one UTF-8 character, [a-z] [!a-z] sets; \ quotes one. */
bool ev_glob(const char *pattern, struct ev_slice text);

#endif
