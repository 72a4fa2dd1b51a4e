/* where_fuzz.c - a filter that parses prints as one that means and prints the same; globs */
#include <stdlib.h>

#include "base/mem.h"
#include "event/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = ev_strndup((const char *)data, size);
	struct ev_paths *paths = ev_paths_new();
	struct ev_error err = EV_ERROR_INIT;
	struct ev_buf once = EV_BUF_INIT, twice = EV_BUF_INIT;
	struct ev_where *w = ev_where_parse(text, paths, &err), *again;

	if (w) {
		ev_where_print(w, &once);
		again = ev_where_parse(ev_buf_str(&once), paths, &err);
		if (!again)
			abort();
		ev_where_print(again, &twice);
		if (!ev_slice_eq(ev_buf_slice(&once), ev_buf_slice(&twice)))
			abort();
		ev_where_free(again);
	} else if (err.class != EV_USAGE || !*err.text) {
		abort();
	}
	ev_where_free(w);
	ev_glob(text, ev_slice("order.\xc3\xa9]-[*a\\", 14));
	ev_buf_release(&once);
	ev_buf_release(&twice);
	ev_paths_free(paths);
	free(text);
	return 0;
}
