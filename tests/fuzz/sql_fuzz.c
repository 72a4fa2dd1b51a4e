/* sql_fuzz.c - tokens tile any text */
#include <stdlib.h>

#include "projection/sql.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *at = (const char *)data;
	struct ev_lexer lx = { .at = at, .end = at + size, .directives = size & 1 };
	struct ev_token t;

	while ((t = ev_sql_next(&lx)).kind != EV_TOKEN_END) {
		struct ev_buf name = EV_BUF_INIT;

		if (t.text.ptr != at || !t.text.len)
			abort();
		at += t.text.len;
		ev_sql_name(t, &name);
		ev_sql_string(t, &name);
		ev_buf_release(&name);
	}
	if (at != lx.end)
		abort();
	return 0;
}
