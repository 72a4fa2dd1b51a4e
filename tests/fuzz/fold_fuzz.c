/* fold_fuzz.c - any text as the SQL of a handler: folded in memory it does what the store does, or it is not folded */
#include <stdlib.h>

#include "apply/apply.h"
#include "cases/internal.h"
#include "projection/projection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const values[] = {
	"{\"t\":\"e\",\"k\":1,\"n\":5,\"s\":\"ab\",\"f\":0.5}", "{\"t\":\"e\",\"k\":2,\"n\":-7,\"s\":\"\",\"f\":1e300}",
	"{\"t\":\"e\",\"k\":1,\"n\":9223372036854775807}", "{\"t\":\"e\",\"k\":1,\"n\":null,\"s\":\"AB\",\"f\":-0.0}",
	"{\"t\":\"e\",\"k\":3,\"n\":1,\"s\":\"\\u00e4\"}", "{\"t\":\"e\",\"k\":2,\"n\":5,\"s\":\"ab\",\"f\":3}",
};

/* Rows and fates, or why the store does not take the projection. */
static void apply(const struct ev_projection *p, bool exact, struct ev_buf *out)
{
	struct ev_store_options so = EV_STORE_OPTIONS_INIT;
	struct ev_apply_options ao = { .max_dead = -1, .max_held = -1, .exact = exact, .dead = true };
	struct ev_error err = EV_ERROR_INIT;
	struct ev_store *s = ev_store_open(":memory:", &so, &err);
	struct ev_apply *a = s ? ev_apply_open(s, p, &ao, &err) : NULL;
	struct ev_record r[6];

	for (size_t i = 0; i < 6; i++)
		r[i] = (struct ev_record){ .topic = ev_slice_str("t"), .offset = (int64_t)i, .timestamp = 1000,
					   .value = ev_slice_str(values[i]) };
	if (a)
		ev_apply_partition(a, 0, "t", 0, 0, NULL);
	if (!a || ev_apply_batch(a, r, 6, NULL, 0, true, true, &err) < 0 || ev_case_dump(s, "p", out, &err) < 0)
		ev_buf_addf(out, "%d %s", err.class, err.text);
	for (int c = 0; a && ev_apply_ledger(a)->nparts && c < EV_COUNTS; c++)
		ev_buf_addf(out, " %lld", (long long)ev_apply_ledger(a)->parts[0].counts[c]);
	ev_apply_close(a);
	if (s)
		s->ops->close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_buf text = EV_BUF_INIT, folded = EV_BUF_INIT, exact = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p;

	ev_buf_adds(&text, "-- @projection p version 1\n-- @topics t\n-- @envelope type=$.t\n-- @schema\n"
		    "CREATE TABLE a (k integer PRIMARY KEY, n integer, s text, f real, d integer NOT NULL DEFAULT 3);\n"
		    "-- @on e\nINSERT INTO a (k, n, s, f) VALUES ($.k, $.n, $.s, $.f) ON CONFLICT DO NOTHING;\n");
	ev_buf_add(&text, data, size);
	p = memchr(data, '@', size) ? NULL : ev_projection_parse("f", ev_buf_slice(&text), &err);
	if (p) {
		apply(p, false, &folded);
		apply(p, true, &exact);
	}
	if (!ev_slice_eq(ev_buf_slice(&folded), ev_buf_slice(&exact)))
		abort();
	ev_projection_free(p);
	ev_buf_release(&text);
	ev_buf_release(&folded);
	ev_buf_release(&exact);
	return 0;
}
