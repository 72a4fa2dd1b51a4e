/* log_impl.h - what log.c, log_ids.c, log_keys.c and log_holes.c share, and nobody else */
#ifndef EV_LOG_IMPL_H
#define EV_LOG_IMPL_H

#include "audit/log.h"
#include "audit/read.h"
#include "audit/spill.h"
#include "json/json.h"

struct ev_log {
	const struct ev_log_options *opt;
	struct ev_faults *faults;
	const struct ev_read_hooks *hooks; /* of each reading; or NULL */
	struct ev_log_result result;
	struct log_part {
		uint32_t topic;  /* number of the topic: the first of its partitions */
		bool known;      /* its span was given */
		int64_t next;    /* behind the last record */
	} *parts; /* beside result.parts */
	struct ev_value *values;
	struct ev_spill *ids, *keys; /* NULL: not looked at */
	struct ev_buf item, scratch;
	uint64_t order; /* of the record at hand: how many came before */
};

/* Where an item came from: the tail of all items. */
struct log_place {
	uint64_t order;
	uint32_t part;
	int64_t offset;
	uint64_t hash; /* of the record */
};
enum { LOG_PLACE = 28 };
void ev_log_put_place(struct ev_buf *item, const struct log_place *p);
struct log_place ev_log_place(struct ev_slice item);

/* `orders/0@12` */
void ev_log_print_place(const struct ev_log *l, const struct log_place *p, struct ev_buf *out);
int ev_log_find(struct ev_log *l, enum ev_fault_kind kind, bool information, uint32_t part,
		int64_t offset, const struct ev_buf *text, struct ev_error *err);

/* log_ids.c; these, too: EV_READ_STOPPED */
int ev_log_take_ids(struct ev_log *l, const struct ev_record *r, const struct log_place *p,
		    struct ev_error *err);
int ev_log_finish_ids(struct ev_log *l, struct ev_source *src, struct ev_error *err);

/* log_keys.c */
int ev_log_take_number(struct ev_log *l, const struct ev_record *r, const struct log_place *p,
		       struct ev_error *err);
int ev_log_finish_keys(struct ev_log *l, struct ev_error *err);

/* log_holes.c */
int ev_log_finish_holes(struct ev_log *l, struct ev_source *src, struct ev_source *beside,
			struct ev_error *err);

#endif
