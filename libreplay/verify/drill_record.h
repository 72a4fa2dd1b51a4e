/* drill_record.h - records of a log, and what may happen to them; of drill_log.c alone */
#ifndef EV_DRILL_RECORD_H
#define EV_DRILL_RECORD_H

#include "base/buf.h"
#include "json/json.h"
#include "record/record.h"

struct ev_drill_records {
	struct ev_record *v; /* as they came; what they point to is somebody else's */
	uint32_t *part;      /* of the source, by record */
	size_t n;
	bool ids;            /* each should have an id of its own */
	struct ev_paths *paths;
	int sequence;        /* path of the numbers that count up in each key; -1: none */
	struct ev_buf text;  /* values that were changed */
	struct ev_header *headers;
};
void ev_drill_records_release(struct ev_drill_records *r);

/* Offsets from 0 in each partition, without holes. */
void ev_drill_records_number(struct ev_drill_records *r);

/*
 * The same records with one corruption, by the word of drill_kinds.c: 1, and where it was done; 0 where there is no
 * place for it. To be released; it borrows from the first.
 */
int ev_drill_records_damage(const struct ev_drill_records *r, const char *word, struct ev_drill_records *out,
			    struct ev_buf *where);

#endif
