/*
 * redact.h - parts of JSON values made unreadable (--redact, --hash); all other bytes stay
 *
 * A path is `$`, then any of `.name`, `['any name']`, `[0]` and `[*]` (every element). Every place
 * that it names is changed, also where a name stands twice in an object. What is redacted keeps its
 * type: "***", 0, false, {}, []; null stays. What is hashed becomes a string of 32 hexadecimal
 * digits: the first half of HMAC-SHA-256, with the key, of the text of a string or else of the
 * bytes as they stand; so it is the same wherever the same value occurs, and nobody without the key
 * can try values out. Where paths overlap the outer one counts, and --redact before --hash.
 */
#ifndef EV_REDACT_H
#define EV_REDACT_H

#include "base/buf.h"
#include "base/error.h"

#define EV_REDACT_MAX 64 /* paths */

struct ev_redact;

struct ev_redact *ev_redact_new(void);
void ev_redact_free(struct ev_redact *r);

/* EV_USAGE when it is no path, or one too many. */
int ev_redact_add(struct ev_redact *r, const char *path, bool hash, struct ev_error *err);
/* The key of --hash: copied. Fewer than 16 bytes are EV_USAGE. */
int ev_redact_key(struct ev_redact *r, struct ev_slice key, struct ev_error *err);

#define EV_REDACT_KEY_ID 17 /* room for it and its NUL */
/* What tells the key that is set from others, and nothing of it: 16 hexadecimal digits. */
void ev_redact_key_id(const struct ev_redact *r, char out[EV_REDACT_KEY_ID]);

/*
 * Append the value with its parts changed. 1; 0 when there was nothing to change (`out` is as it
 * was); -1 when the value is no JSON document, a null value included.
 */
int ev_redact_value(struct ev_redact *r, struct ev_slice value, struct ev_buf *out);

/* How many places the path that was added as number i (from 0) has named, or an outer one instead of it. */
uint64_t ev_redact_met(const struct ev_redact *r, size_t i);
/* Count anew. */
void ev_redact_forget(struct ev_redact *r);

#endif
