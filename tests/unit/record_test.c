/* record_test.c - the identity of records, names of topics and headers, base64 */
#include "test.h"

#include <xxhash.h>

#include "base/mem.h"
#include "record/base64.h"
#include "record/record.h"

static void test_hash(void)
{
	struct ev_header h[2] = { { EV_LITERAL("a"), EV_LITERAL("bc") }, { EV_LITERAL(""), EV_NULL_SLICE } };
	struct ev_record r = { .topic = EV_LITERAL("t"), .timestamp = 5, .key = EV_LITERAL("k"),
			       .value = EV_LITERAL("v"), .headers = h, .nheaders = 1 };
	struct ev_record s = r;
	uint64_t first = ev_record_hash(&r);

	s.topic = EV_LITERAL("u");
	s.offset = 9;
	CHECK(ev_record_hash(&s) == first, "topic and offset are not part of the identity");
	s.key = EV_LITERAL("kv");
	s.value = EV_LITERAL("");
	CHECK(ev_record_hash(&s) != first, "bytes cannot move from value to key");
	s = r;
	s.value = EV_NULL_SLICE;
	first = ev_record_hash(&s);
	s.value = EV_LITERAL("");
	CHECK(ev_record_hash(&s) != first, "a null value is not an empty one");
	s.nheaders = 2;
	first = ev_record_hash(&s);
	h[1].value = EV_LITERAL("");
	CHECK(ev_record_hash(&s) != first, "a null header value is not an empty one");
	h[0].name = EV_LITERAL("ab");
	h[0].value = EV_LITERAL("c");
	CHECK(ev_record_hash(&s) != first, "bytes cannot move from header value to name");
	s.timestamp++;
	CHECK(ev_record_hash(&s) != first, "the timestamp counts");
}

static void add_u64(struct ev_buf *b, uint64_t v)
{
	for (int i = 0; i < 8; i++, v >>= 8)
		ev_buf_addc(b, (char)v);
}

static void add_slice(struct ev_buf *b, struct ev_slice s)
{
	add_u64(b, s.ptr ? s.len + 1 : 0);
	ev_buf_add_slice(b, s);
}

/* Stores keep the hash, so its encoding is for ever: here it is once more, hashed in one piece. */
static void test_hash_encoding(void)
{
	char *p = ev_alloc(5000);
	struct ev_header h = { EV_LITERAL("name"), EV_NULL_SLICE };
	struct ev_record r = { .timestamp = -1, .key = EV_LITERAL("key"), .headers = &h, .nheaders = 1 };
	struct ev_buf b = EV_BUF_INIT;
	int bad = 0;

	for (size_t n = 0; n < 5000; n += 1 + n / 1100 * 37) {
		memset(p, (int)n, n);
		r.value = ev_slice(p, n);
		h.value = ev_slice(p, n / 3);
		ev_buf_clear(&b);
		add_u64(&b, (uint64_t)r.timestamp);
		add_slice(&b, r.key);
		add_u64(&b, 1);
		add_slice(&b, h.name);
		add_slice(&b, h.value);
		add_slice(&b, r.value);
		bad += ev_record_hash(&r) != XXH3_64bits(b.data, b.len);
	}
	CHECK(bad == 0, "records of all sizes hash as their encoding does");
	ev_buf_release(&b);
	free(p);
}

static void test_names(void)
{
	struct ev_header h[] = { { EV_LITERAL("a"), EV_LITERAL("1") }, { EV_LITERAL("a"), EV_LITERAL("2") },
				 { EV_LITERAL("b"), EV_NULL_SLICE } };
	struct ev_record r = { .headers = h, .nheaders = 3 };
	char longest[EV_TOPIC_MAX + 2];

	CHECK(ev_record_header(&r, "a") == &h[1], "the last of two headers is given");
	CHECK(ev_record_header(&r, "c") == NULL, "no header is NULL");
	memset(longest, 'x', sizeof(longest));
	CHECK(ev_topic_valid(ev_slice(longest, EV_TOPIC_MAX)), "249 characters are a topic");
	CHECK(!ev_topic_valid(ev_slice(longest, EV_TOPIC_MAX + 1)), "250 are none");
	CHECK(!ev_topic_valid(EV_NULL_SLICE) && !ev_topic_valid(EV_LITERAL("")) &&
	      !ev_topic_valid(EV_LITERAL(".")) && !ev_topic_valid(EV_LITERAL("a b")) &&
	      !ev_topic_valid(EV_LITERAL("\xc3\xa9")) && ev_topic_valid(EV_LITERAL("..a_-Z9")),
	      "names are checked as Kafka does");
}

static void test_base64(void)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
						{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
						{ "foobar", "Zm9vYmFy" } };
	struct ev_buf b = EV_BUF_INIT;
	char decoded[16];
	int wrong = 0;
	size_t n;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		ev_buf_clear(&b);
		ev_base64_encode(&b, ev_slice_str(pairs[i][0]));
		wrong += !ev_slice_is(ev_buf_slice(&b), pairs[i][1]);
		wrong += !ev_base64_decode(decoded, ev_slice_str(pairs[i][1]), &n) ||
			 !ev_slice_is(ev_slice(decoded, n), pairs[i][0]);
	}
	CHECK(wrong == 0, "the vectors of RFC 4648 hold both ways");
	ev_buf_release(&b);
}

int main(void)
{
	test_hash();
	test_hash_encoding();
	test_names();
	test_base64();
	return test_done();
}
