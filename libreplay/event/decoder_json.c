/* decoder_json.c - values that are JSON already */
#include "base/mem.h"
#include "event/decoder.h"

/* Whether it is JSON is seen when paths are extracted: one pass over the bytes is enough. */
static int decode(struct ev_decoder *d, const struct ev_record *r, struct ev_slice *json,
		  struct ev_error *err)
{
	(void)d;
	if (!r->value.ptr)
		return ev_fail(err, EV_DATA, "the value is null (a tombstone), not JSON");
	*json = r->value;
	return 0;
}

static void release(struct ev_decoder *d)
{
	free(d);
}

struct ev_decoder *ev_decoder_json(void)
{
	static const struct ev_decoder_ops ops = { "json", decode, release };
	struct ev_decoder *d = ev_alloc(sizeof(*d));

	d->ops = &ops;
	return d;
}
