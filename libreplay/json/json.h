/*
 * json.h - one-pass validating JSON path extractor (RFC 8259)
 *
 * Paths are compiled once into a trie; one pass over a document validates it completely (grammar,
 * UTF-8, depth) and leaves for each path the borrowed bytes of its value. No tree, no allocation
 * per document, no double on the way: number text is kept exactly. A name that occurs twice in an
 * object: the last one wins, with everything below it. Escapes in names are compared decoded;
 * escapes in values are decoded only by ev_value_text.
 */
#ifndef EV_JSON_H
#define EV_JSON_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

#define EV_JSON_MAX_DEPTH 512         /* nested arrays and objects */
#define EV_JSON_MAX_SIZE (64u << 20)  /* bytes of one document */
#define EV_JSON_MAX_PATHS 4096        /* paths in one set */
#define EV_JSON_MAX_PATH_STEPS 64     /* steps in one path */

enum ev_json_type {
	EV_JSON_MISSING = 0, /* no such path in this document */
	EV_JSON_NULL,
	EV_JSON_FALSE,
	EV_JSON_TRUE,
	EV_JSON_NUMBER,
	EV_JSON_STRING,
	EV_JSON_ARRAY,
	EV_JSON_OBJECT,
};

struct ev_value {
	enum ev_json_type type;
	bool escaped;        /* STRING only: raw holds at least one backslash */
	struct ev_slice raw; /* its bytes; of a STRING without the quotes; null if MISSING */
};

struct ev_json_error {
	size_t at;        /* byte offset of the fault */
	const char *what; /* constant text, e.g. "invalid UTF-8", "control character in string" */
};

struct ev_paths; /* a set of paths, immutable while documents are extracted; thread-safe to share */

struct ev_paths *ev_paths_new(void);
void ev_paths_free(struct ev_paths *p);

/*
 * Add a path: `$`, then any of `.name` (letters, digits, _ and -, any non-ASCII; not starting with
 * a digit or -), `['any name']` (backslash escapes ' and \), `[0]`. Returns its index (the same
 * path always has the same index), or -1 with EV_USAGE and what is wrong at which character.
 * `len` characters of `path` are the whole path.
 */
int ev_paths_add(struct ev_paths *p, const char *path, size_t len, struct ev_error *err);
size_t ev_paths_count(const struct ev_paths *p);

/* How long is the path at the start of `text` (which starts with `$`)? For the SQL tokenizer. */
size_t ev_path_scan(const char *text, size_t len);

/*
 * Validate `json` (white space around it allowed) and fill out[0 .. ev_paths_count). Returns 0, or
 * -1 with `err`; then `out` is unspecified.
 */
int ev_json_extract(const struct ev_paths *p, struct ev_slice json, struct ev_value *out,
		    struct ev_json_error *err);

/* Validate only; also gives the document's own type and extent without white space in `top`. */
int ev_json_validate(struct ev_slice json, struct ev_value *top, struct ev_json_error *err);

/*
 * The text of a STRING. Borrowed from the value when nothing is escaped, else decoded at the end
 * of `scratch` (which is appended to, so earlier results stay valid only if it does not move: use
 * ev_buf_reserve up front, or copy). A lone surrogate escape (\ud800) has no UTF-8 form: -1.
 */
int ev_value_text(const struct ev_value *v, struct ev_buf *scratch, struct ev_slice *out);

/* Iterate over the elements of an ARRAY value that was extracted (so is known to be valid). */
struct ev_each {
	struct ev_slice rest;
};
void ev_each_begin(struct ev_each *it, const struct ev_value *array);
bool ev_each_next(struct ev_each *it, struct ev_value *element); /* false at the end */

/* The same over the members of an OBJECT; `name` is a STRING value (raw, perhaps escaped). */
bool ev_member_next(struct ev_each *it, struct ev_value *name, struct ev_value *member);

/*
 * Append `s` as a JSON string with quotes; bytes that are not UTF-8 must not be given. Besides what
 * JSON asks for, DEL, U+0080 to U+009F, U+2028 and U+2029 are escaped: no terminal or line splitter
 * sees a control character.
 */
void ev_json_quote(struct ev_buf *out, struct ev_slice s);
/* The same of a string that may be absent: NULL is null. */
void ev_json_quote_text(struct ev_buf *out, const char *text);

#endif
