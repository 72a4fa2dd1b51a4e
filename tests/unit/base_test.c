/* base_test.c - buffers, slices and errors */
#include "test.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/suggest.h"

static void test_buf(void)
{
	struct ev_buf b = EV_BUF_INIT;

	CHECK(strcmp(ev_buf_str(&b), "") == 0, "an empty buffer is the empty string");
	ev_buf_add_i64(&b, INT64_MIN);
	CHECK(strcmp(ev_buf_str(&b), "-9223372036854775808") == 0, "the smallest integer prints");
	ev_buf_clear(&b);
	for (int i = 0; i < 1000; i++)
		ev_buf_addf(&b, "%d,", i);
	CHECK(b.len == 3890 && b.data[b.len] == '\0', "a thousand appends keep the NUL at the end");
	ev_buf_reserve(&b, SIZE_MAX / 2);
	CHECK(b.failed, "a length that overflows marks the buffer as failed");
	ev_buf_adds(&b, "x");
	CHECK(b.len == 3890 || b.failed, "a failed buffer stays failed");
	ev_buf_release(&b);
}

static void test_slice(void)
{
	CHECK(!ev_slice_eq(EV_NULL_SLICE, EV_LITERAL("")), "null is not empty");
	CHECK(ev_slice_eq(EV_NULL_SLICE, EV_NULL_SLICE), "null equals null");
	CHECK(ev_slice_cmp(EV_NULL_SLICE, EV_LITERAL("")) < 0, "null sorts before empty");
	CHECK(ev_slice_cmp(EV_LITERAL("a"), EV_LITERAL("ab")) < 0, "a prefix sorts before the longer");
	CHECK(ev_slice_cmp(EV_LITERAL("b"), EV_LITERAL("ab")) > 0, "bytes decide before length");
}

static void test_error(void)
{
	struct ev_error e = EV_ERROR_INIT;

	CHECK(ev_fail(&e, EV_SOURCE, "cannot read '%s'", "x") == -1, "ev_fail returns -1");
	ev_context(&e, "orders/%d", 3);
	CHECK(strcmp(e.text, "orders/3: cannot read 'x'") == 0, "context goes before the text");
	ev_fail(&e, EV_DATA, "again: %s", e.text);
	CHECK(strcmp(e.text, "again: orders/3: cannot read 'x'") == 0, "an error may quote itself");
}

static void test_suggest(void)
{
	static const char *const words[] = { "orders", "payments", "id", NULL };
	const char *s = ev_suggest("ordres", words);

	CHECK(s && !strcmp(s, "orders"), "two letters swapped are one slip");
	s = ev_suggest("PAYMENT", words);
	CHECK(s && !strcmp(s, "payments"), "case does not matter");
	CHECK(!ev_suggest("xy", words), "where all letters differ nothing is meant");
	CHECK(!ev_suggest("customers", words), "what is far off is not suggested");
}

int main(void)
{
	test_buf();
	test_slice();
	test_error();
	test_suggest();
	return test_done();
}
