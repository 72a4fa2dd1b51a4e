/* row_join_test.c - rows of two sides are paired as a plain look at all of them pairs them */
#include "test.h"

#include <inttypes.h>

#include "base/mem.h"
#include "verify/row_join.h"

enum { TABLES = 3, KEYS = 40, ROWS = 4, MOST = 3 };

struct told {
	int64_t changed[TABLES], single[TABLES][2];
	int shown;
	bool sorted, fits;
	int64_t last;
};

static struct ev_hash128 hash(uint64_t v)
{
	return (struct ev_hash128){ .hi = v * 0x9e3779b97f4a7c15u, .lo = v };
}

/* Bytes that say what they are of, and fill some memory. */
static struct ev_slice bytes_of(char *out, uint64_t key, uint64_t row)
{
	memset(out, 'x', 400);
	snprintf(out, 400, "%" PRIu64 " %" PRIu64, key, row);
	return ev_slice(out, 400);
}

static int take(void *ctx, const struct ev_joined *d, struct ev_error *err)
{
	struct told *t = ctx;
	char want[400];

	(void)err;
	if (d->has[0] && d->has[1])
		t->changed[d->table] += d->n;
	else
		t->single[d->table][d->has[1]] += d->n;
	t->sorted &= (int64_t)d->table >= t->last;
	t->last = (int64_t)d->table;
	for (int side = 0; side < 2; side++) {
		t->shown += d->bytes[side].len > 0;
		if (d->bytes[side].len)
			t->fits &= d->has[side] &&
				   ev_slice_eq(d->bytes[side], bytes_of(want, d->key.lo, d->row[side].lo));
	}
	return 0;
}

static void one(uint64_t seed, bool *right, bool *fits, bool *shown)
{
	static int count[2][TABLES][KEYS][ROWS];
	struct ev_error err = EV_ERROR_INIT;
	struct ev_row_join *j = ev_row_join_new(1, MOST); /* the least memory there is: it spills */
	struct told t = { .sorted = true, .fits = true }, want = { 0 };
	int n = (int)(test_rand(&seed) % 600), most = 0;
	char text[400];

	memset(count, 0, sizeof(count));
	for (int i = 0; i < n; i++) {
		size_t table = test_rand(&seed) % TABLES, key = test_rand(&seed) % KEYS, row = test_rand(&seed) % ROWS;
		int side = (int)(test_rand(&seed) % 2);
		struct ev_scanned s = { hash(key), hash(row), bytes_of(text, key, row) };

		count[side][table][key][row]++;
		if (ev_row_join_add(j, table, side, &s, &err) < 0)
			abort();
	}
	if (ev_row_join_all(j, take, &t, &err) != 0)
		abort();
	for (size_t table = 0; table < TABLES; table++)
		for (size_t key = 0; key < KEYS; key++) {
			int64_t over[2] = { 0, 0 }, both;

			for (size_t row = 0; row < ROWS; row++) {
				int more = count[0][table][key][row] - count[1][table][key][row];

				over[more < 0] += more < 0 ? -more : more;
			}
			both = over[0] < over[1] ? over[0] : over[1];
			want.changed[table] += both;
			want.single[table][over[1] > over[0]] += over[0] + over[1] - 2 * both;
			for (int side = 0; side < 2; side++)
				most += (int)(over[side] < MOST ? over[side] : MOST);
		}
	*right &= t.sorted && memcmp(want.changed, t.changed, sizeof(t.changed)) == 0 &&
		  memcmp(want.single, t.single, sizeof(t.single)) == 0;
	*fits &= t.fits;
	*shown &= t.shown == most;
	ev_row_join_free(j);
}

int main(void)
{
	uint64_t seed = test_seed();
	bool right = true, fits = true, shown = true;

	for (int i = 0; i < 40 * test_effort(); i++)
		one(seed + (uint64_t)i, &right, &fits, &shown);
	CHECK(right, "what differs is counted as pairs, and as rows of one side");
	CHECK(fits, "each is shown with its own bytes");
	CHECK(shown, "as many of a key as were asked for");
	return test_done();
}
