/*
 * spill.h - sort more items than memory holds: sorted runs in temporary files, then a merge
 *
 *   s = ev_spill_new(64 << 20, NULL);
 *   ev_spill_add(s, item, err) ...; ev_spill_sort(s, err);
 *   while (ev_spill_next(s, &item, err) > 0) ...
 *
 * An item is any bytes; items are ordered by memcmp, a prefix before the longer one, and equal ones
 * are all kept. What fits the memory given never touches a disk. The files have no name, so a
 * killed process leaves none behind. A full disk, or a file that gives back less than was written,
 * is EV_STORE: who asks for all items gets all of them, or an error.
 */
#ifndef EV_SPILL_H
#define EV_SPILL_H

#include "base/buf.h"
#include "base/error.h"

#define EV_SPILL_MAX_ITEM (256u << 20) /* bytes of one item */

struct ev_spill;

/*
 * `memory`: bytes for items and buffers, about; at least 64 KiB are taken. `dir`: for the files;
 * NULL: $TMPDIR or /tmp.
 */
struct ev_spill *ev_spill_new(size_t memory, const char *dir);
void ev_spill_free(struct ev_spill *s); /* NULL allowed */

/* The item is copied. */
int ev_spill_add(struct ev_spill *s, struct ev_slice item, struct ev_error *err);

/* No more are added; again: begin with the first once more. */
int ev_spill_sort(struct ev_spill *s, struct ev_error *err);

/* 1 and the next item, borrowed until the next call; 0 behind the last; -1. */
int ev_spill_next(struct ev_spill *s, struct ev_slice *item, struct ev_error *err);

int64_t ev_spill_items(const struct ev_spill *s);   /* added so far */
int64_t ev_spill_on_disk(const struct ev_spill *s); /* bytes written, merges too; for tests */

/*
 * Numbers in an item, so that their order is the bytes' order: big-endian, signed ones biased. The
 * readers take `n` bytes at `p` as they were put.
 */
void ev_spill_put_u64(struct ev_buf *item, uint64_t v);
void ev_spill_put_i64(struct ev_buf *item, int64_t v);
void ev_spill_put_u32(struct ev_buf *item, uint32_t v);
uint64_t ev_spill_u64(const char *p);
int64_t ev_spill_i64(const char *p);
uint32_t ev_spill_u32(const char *p);

/*
 * Begin an item that is to stand beside those with the same `group`, whatever follows: hash and
 * length first, so that groups never mix and most comparisons end within eight bytes.
 * ev_spill_group_size says how many bytes that takes.
 */
void ev_spill_put_group(struct ev_buf *item, struct ev_slice group);
size_t ev_spill_group_size(struct ev_slice item); /* bytes at its start that are the group's */
struct ev_slice ev_spill_group(struct ev_slice item); /* the group as it was given */

#endif
