/* taken.c - see taken.h; an item is the cut, partition, offset, whether it was dropped, and the topic */
#include "verify/taken.h"

#include <stdlib.h>

#include "audit/spill.h"
#include "base/mem.h"

#define MEMORY ((size_t)1 << 20)

enum { CUT = 0, PARTITION = 8, OFFSET = 12, DROP = 20, TOPIC = 21 };

struct ev_taken {
	struct ev_spill *spill;
	struct ev_buf item, topic;
	struct ev_taken_decision given;
};

struct ev_taken *ev_taken_new(void)
{
	struct ev_taken *t = ev_alloc(sizeof(*t));

	t->spill = ev_spill_new(MEMORY, NULL);
	return t;
}

void ev_taken_free(struct ev_taken *t)
{
	if (!t)
		return;
	ev_spill_free(t->spill);
	ev_buf_release(&t->item);
	ev_buf_release(&t->topic);
	free(t);
}

int ev_taken_add(struct ev_taken *t, int64_t seq, struct ev_slice topic, int32_t partition, int64_t offset, bool drop,
		 struct ev_error *err)
{
	ev_buf_clear(&t->item);
	ev_spill_put_i64(&t->item, seq);
	ev_spill_put_u32(&t->item, (uint32_t)partition);
	ev_spill_put_i64(&t->item, offset);
	ev_buf_addc(&t->item, (char)drop);
	ev_buf_add(&t->item, topic.ptr, topic.len);
	return t->item.failed ? ev_fail(err, EV_STORE, "no memory for a decision")
			      : ev_spill_add(t->spill, ev_buf_slice(&t->item), err);
}

int ev_taken_next(struct ev_taken *t, const struct ev_taken_decision **d, struct ev_error *err)
{
	struct ev_slice item;
	int rc = ev_spill_next(t->spill, &item, err);

	*d = NULL;
	if (rc <= 0)
		return rc;
	ev_buf_clear(&t->topic);
	ev_buf_add(&t->topic, item.ptr + TOPIC, item.len - TOPIC);
	t->given = (struct ev_taken_decision){
		.seq = ev_spill_i64(item.ptr + CUT), .topic = ev_buf_str(&t->topic),
		.partition = (int32_t)ev_spill_u32(item.ptr + PARTITION),
		.offset = ev_spill_i64(item.ptr + OFFSET), .drop = item.ptr[DROP] != 0,
	};
	*d = &t->given;
	return 0;
}

int ev_taken_first(struct ev_taken *t, int64_t after, const struct ev_taken_decision **d, struct ev_error *err)
{
	int rc = ev_spill_sort(t->spill, err);

	do {
		if (rc == 0)
			rc = ev_taken_next(t, d, err);
	} while (rc == 0 && *d && (*d)->seq <= after);
	return rc;
}
