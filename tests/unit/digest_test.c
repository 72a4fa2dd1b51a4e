/*
 * digest_test.c - published vectors, and pairs of rows that a digest could take for the same
 *
 * The vectors are those of docs/verification.md: they hold for every build, on every machine.
 */
#include "test.h"

#include "base/buf.h"
#include "verify/digest.h"
#include "verify/table.h"

static struct ev_cell null_cell(void)
{
	return (struct ev_cell){ .kind = EV_CELL_NULL };
}

static struct ev_cell integer(int64_t i)
{
	return (struct ev_cell){ .kind = EV_CELL_INT, .i = i };
}

static struct ev_cell real(double v)
{
	return (struct ev_cell){ .kind = EV_CELL_REAL, .real = v };
}

static struct ev_cell text(const char *s)
{
	return (struct ev_cell){ .kind = EV_CELL_TEXT, .text = ev_slice_str(s) };
}

static struct ev_cell bytes(const char *s)
{
	return (struct ev_cell){ .kind = EV_CELL_BYTES, .text = ev_slice_str(s) };
}

static struct ev_cell number(const char *s)
{
	return (struct ev_cell){ .kind = EV_CELL_REAL, .text = ev_slice_str(s) };
}

static struct ev_buf row2(struct ev_cell a, struct ev_cell b)
{
	struct ev_buf out = EV_BUF_INIT;

	ev_digest_encode(&out, 0, EV_DIGEST_AS_IT_IS, &a);
	ev_digest_encode(&out, 1, EV_DIGEST_AS_IT_IS, &b);
	return out;
}

static bool same(struct ev_buf a, struct ev_buf b)
{
	bool eq = ev_slice_eq(ev_buf_slice(&a), ev_buf_slice(&b));

	ev_buf_release(&a);
	ev_buf_release(&b);
	return eq;
}

static bool differ(struct ev_cell a, struct ev_cell b)
{
	return !same(row2(a, integer(1)), row2(b, integer(1)));
}

static struct ev_buf decimal(const char *s)
{
	struct ev_cell c = number(s);
	struct ev_buf out = EV_BUF_INIT;

	ev_digest_encode(&out, 0, EV_DIGEST_DECIMAL, &c);
	return out;
}

static void holes(void)
{
	static const char nan_a[] = "nan";
	double nan1 = strtod("nan(1)", NULL), nan2 = strtod(nan_a, NULL);

	CHECK(!same(row2(text("a|b"), text("c")), row2(text("a"), text("b|c"))),
	      "a separator that moves between columns is seen");
	CHECK(!same(row2(text("ab"), text("")), row2(text("a"), text("b"))), "so is a letter");
	CHECK(!same(row2(null_cell(), text("x")), row2(text("x"), null_cell())), "and a NULL");
	CHECK(differ(null_cell(), text("")), "NULL is not the empty text");
	CHECK(differ(null_cell(), text("NULL")) && differ(null_cell(), text("<null>")), "nor any word for it");
	CHECK(differ(null_cell(), integer(0)) && differ(null_cell(), bytes("")), "nor zero, nor no bytes");
	CHECK(differ(integer(1), text("1")) && differ(integer(1), real(1)), "1 is not '1', and not 1.0");
	CHECK(differ(text("a"), bytes("a")), "text is not bytes");
	CHECK(differ(text("a"), text("a ")) && differ(text("a"), text("A")), "nothing is trimmed or folded");
	CHECK(differ(text("\xc3\xa9"), text("e\xcc\x81")), "NFC is not NFD");
	CHECK(differ(integer(123456789012345), integer(123456789012346)), "all digits count");
	CHECK(differ(integer(INT64_MIN), integer(INT64_MAX)), "and the sign");
	CHECK(differ(real(0.1 + 0.2), real(0.3)), "one unit in the last place is seen");
	CHECK(differ(real(0.0), real(-0.0)), "-0.0 is not 0.0");
	CHECK(!differ(real(nan1), real(nan2)), "NaN is NaN, whatever its payload");
	CHECK(!differ(real(1.5), real(1.5)), "what is equal is equal");
}

static void decimals(void)
{
	CHECK(same(decimal("1.10"), decimal("1.1")) && same(decimal("100.00"), decimal("100")), "decimals by value");
	CHECK(same(decimal("-0.00"), decimal("0")) && same(decimal("0.0"), decimal("0")), "there is one zero");
	CHECK(!same(decimal("100"), decimal("1")) && !same(decimal("0.10"), decimal("0.01")),
	      "zeros that mean something stay");
	CHECK(!same(decimal("-1.5"), decimal("1.5")), "so does the sign");
	CHECK(!same(decimal("12345678901234567890.000000000000000001"),
		    decimal("12345678901234567890.000000000000000002")), "no digit is lost");
	CHECK(!same(decimal("NaN"), decimal("0")) && !same(decimal("Infinity"), decimal("-Infinity")),
	      "NaN and the infinities are values of their own");
}

static void sums(void)
{
	struct ev_digest once = { 0 }, twice = { 0 }, other = { 0 };
	struct ev_hash128 a = { UINT64_MAX, 1 }, b = { 2, 3 };

	ev_digest_add(&once, b);
	ev_digest_add(&twice, a);
	ev_digest_add(&twice, a);
	ev_digest_add(&twice, b);
	CHECK(!ev_digest_same(&once, &twice), "a row that is there twice does not cancel itself");
	CHECK(twice.count == 3 && twice.sum.lo == 0 && twice.sum.hi == 7, "the carry goes up");
	ev_digest_add(&other, (struct ev_hash128){ twice.sum.lo, twice.sum.hi });
	CHECK(!ev_digest_same(&other, &twice), "one row is not three with the same sum");
}

/* The same bytes for ever. */
static void vectors(void)
{
	struct ev_cell cells[] = { null_cell(), integer(1), real(-1.5), number("1.10"), text("a"),
				   { .kind = EV_CELL_BYTES, .text = { "\0\xff", 2 } } };
	struct ev_digest_key key;
	struct ev_digest d = { 0 };
	struct ev_buf row = EV_BUF_INIT, hex = EV_BUF_INIT;

	ev_digest_key_init(&key, "evtools", 7);
	for (unsigned i = 0; i < 6; i++)
		ev_digest_encode(&row, i, i == 3 ? EV_DIGEST_DECIMAL : EV_DIGEST_AS_IT_IS, &cells[i]);
	for (size_t i = 0; i < row.len; i++)
		ev_buf_addf(&hex, "%02x", (unsigned char)row.data[i]);
	CHECK(strcmp(ev_buf_str(&hex), "000000" "0100010100000000000000" "020002000000000000f8bf"
		     "03000303000000312e31" "0400040100000061" "0500050200000000ff") == 0,
	      "a row of each type has the bytes of the documentation");
	ev_digest_add(&d, ev_digest_hash(&key, ev_buf_slice(&row)));
	ev_buf_clear(&hex);
	ev_digest_print(&d, &hex);
	CHECK(strcmp(ev_buf_str(&hex), "08661ff0c2d0f6bcd68fe76d6a5f6b14") == 0, "and its hash");
	ev_digest_add(&d, ev_digest_hash(&key, ev_slice("", 0)));
	ev_buf_clear(&hex);
	ev_digest_print(&d, &hex);
	CHECK(strcmp(ev_buf_str(&hex), "8da49dcb8c96b04dae61b08bc72a5553") == 0, "with the row of no columns");
	ev_buf_release(&row);
	ev_buf_release(&hex);
}

static void random_cell(uint64_t *seed, struct ev_cell *c, char *room)
{
	size_t n = test_rand(seed) % 4;

	for (size_t i = 0; i < n; i++)
		room[i] = (char)(test_rand(seed) % 3 ? test_rand(seed) % 7 : test_rand(seed) % 256);
	*c = (struct ev_cell){ .kind = (enum ev_cell_kind)(test_rand(seed) % 5), .text = { room, n } };
	c->i = (int64_t)(test_rand(seed) % 3) - 1;
	c->real = (double)c->i / 2;
}

/* Random rows are read back column by column: so no two rows have the same bytes. */
static void read_back(void)
{
	uint64_t seed = test_seed();
	int bad = 0;

	for (int i = 0; i < 20000 * test_effort(); i++) {
		unsigned n = 1 + (unsigned)(test_rand(&seed) % 4);
		struct ev_buf row = EV_BUF_INIT;
		struct ev_slice rest, raw;
		size_t at = 0;
		char room[4];

		for (unsigned k = 0; k < n; k++) {
			struct ev_cell c;

			random_cell(&seed, &c, room);
			ev_digest_encode(&row, k, EV_DIGEST_AS_IT_IS, &c);
		}
		rest = ev_buf_slice(&row);
		for (unsigned k = 0; k < n; k++) {
			bad += !ev_row_column(&rest, NULL, &raw) || raw.ptr != row.data + at;
			at += raw.len;
		}
		bad += rest.len != 0 || ev_row_column(&rest, NULL, &raw);
		ev_buf_release(&row);
	}
	CHECK(bad == 0, "a row is read back from its bytes, column by column");
}

int main(void)
{
	holes();
	decimals();
	sums();
	vectors();
	read_back();
	return test_done();
}
