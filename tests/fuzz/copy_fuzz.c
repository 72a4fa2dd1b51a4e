/* copy_fuzz.c - rows of COPY in binary: in one piece or in many they are the same, or end for the same reason */
#include <stdlib.h>
#include <xxhash.h>

#include "store/pg_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How it ended, and all cells on the way. Each piece has memory of its own, just as long as it is. */
static int64_t read_all(const Oid *types, int columns, struct ev_slice s, size_t step)
{
	struct ev_error err = EV_ERROR_INIT;
	char *piece = NULL, *last;
	struct ev_pg_rows r;
	uint32_t sum = 1;
	int rc;

	ev_pg_rows_init(&r, types, columns);
	while ((rc = ev_pg_rows_next(&r)) == 1 || (rc == 0 && s.len)) {
		for (int i = 0; rc == 1 && i < columns; i++)
			sum = XXH32(r.row[i].text.ptr, r.row[i].text.len, sum + (uint32_t)r.row[i].i);
		if (rc)
			continue;
		step = step < s.len ? step : s.len;
		last = piece;
		piece = memcpy(malloc(step), s.ptr, step);
		if (ev_pg_rows_feed(&r, piece, step, &err))
			abort();
		free(last);
		s = ev_slice(s.ptr + step, s.len - step);
	}
	ev_pg_rows_release(&r);
	free(piece);
	return (int64_t)sum * 4 + rc;
}

/* A length of the pieces; the types of two columns, four bits each; then what the server sends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const Oid known[] = { EV_PG_BOOL, EV_PG_INT2, EV_PG_INT4, EV_PG_INT8, EV_PG_OID, EV_PG_NUMERIC,
				     EV_PG_FLOAT8, EV_PG_BYTEA, EV_PG_TEXT };
	struct ev_slice s = { (const char *)data + 2, size - 2 };
	Oid types[2] = { known[size < 2 ? 0 : data[1] % 16 % 9], known[size < 2 ? 0 : data[1] / 16 % 9] };

	if (size >= 2 && read_all(types, 2, s, size) != read_all(types, 2, s, 1 + data[0] % 16))
		abort();
	return 0;
}
