/*
 * position.h - next offset per topic and partition
 *
 * A saved position is JSON: {"orders":{"0":12,"1":7}} - the next offset to read. Entries are kept
 * sorted by (topic bytewise, partition).
 */
#ifndef EV_POSITION_H
#define EV_POSITION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct ev_position_entry {
	char *topic;
	int32_t partition;
	int64_t offset;
};

struct ev_position {
	struct ev_position_entry *v;
	size_t n, cap;
};

#define EV_POSITION_INIT { NULL, 0, 0 }

void ev_position_release(struct ev_position *p);
void ev_position_copy(struct ev_position *to, const struct ev_position *from); /* to is overwritten */
void ev_position_set(struct ev_position *p, const char *topic, int32_t partition, int64_t offset);
/* The offset, or -1 when the partition is absent. */
int64_t ev_position_get(const struct ev_position *p, const char *topic, int32_t partition);
bool ev_position_eq(const struct ev_position *a, const struct ev_position *b);

/* One line of JSON, no LF. */
void ev_position_print(const struct ev_position *p, struct ev_buf *out);
/* Strict: objects of objects of non-negative integers, no doubled names. EV_USAGE on error. */
int ev_position_read(struct ev_position *p, struct ev_slice json, struct ev_error *err);

int ev_position_load(struct ev_position *p, const char *file, struct ev_error *err);
/* By ev_file_replace (base/file.h). EV_STORE on error. */
int ev_position_save(const struct ev_position *p, const char *file, struct ev_error *err);

#endif
