/* position_fuzz.c - saved positions, and what may stand behind --from */
#include <stdlib.h>

#include "base/mem.h"
#include "position/point.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_saved(struct ev_slice text)
{
	struct ev_position p = EV_POSITION_INIT, q = EV_POSITION_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf out = EV_BUF_INIT;

	if (!ev_position_read(&p, text, &err)) {
		ev_position_print(&p, &out);
		if (ev_position_read(&q, ev_buf_slice(&out), &err) || !ev_position_eq(&p, &q))
			abort();
	} else if (err.class != EV_USAGE || !*err.text) {
		abort();
	}
	ev_position_release(&p);
	ev_position_release(&q);
	ev_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_slice text = { (const char *)data, size };
	struct ev_point point = EV_POINT_INIT;
	struct ev_error err = EV_ERROR_INIT;
	char *word = ev_slice_dup(text);

	fuzz_saved(text);
	/* not as the name of a file: opening whatever it says could wait for ever */
	if (word && !memchr(word, '/', size))
		ev_point_parse(&point, word, 1732190400123, &err);
	ev_point_release(&point);
	free(word);
	return 0;
}
