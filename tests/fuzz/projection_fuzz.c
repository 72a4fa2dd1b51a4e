/* projection_fuzz.c - any text as a projection file: parsed or refused, places inside the text */
#include <stdlib.h>

#include "projection/projection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct ev_projection *p)
{
	struct ev_buf why = EV_BUF_INIT;

	if (ev_projection_commutes(p, &why) != (why.len == 0))
		abort();
	ev_buf_release(&why);
	for (size_t i = 0; i < p->nhandlers; i++) {
		for (size_t k = 0; k < p->handlers[i].nstatements; k++) {
			const struct ev_statement *s = &p->handlers[i].statements[k];

			for (int d = EV_SQLITE; d <= EV_POSTGRESQL; d++)
				for (size_t at = 0; at <= strlen(s->sql[d]); at++)
					if (ev_statement_place(s, d, at).line < 1)
						abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_error err = EV_ERROR_INIT;
	struct ev_projection *p = ev_projection_parse("f", ev_slice((const char *)data, size), &err);

	if (!p && (err.class != EV_USAGE || strncmp(err.text, "f:", 2) != 0))
		abort();
	if (p)
		look(p);
	ev_projection_free(p);
	return 0;
}
