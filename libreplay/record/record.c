/* record.c - see record.h */
#include "record/record.h"

#include <stdlib.h>
#include <xxhash.h>

bool ev_topic_valid(struct ev_slice name)
{
	if (!name.ptr || !name.len || name.len > EV_TOPIC_MAX)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return !ev_slice_is(name, ".") && !ev_slice_is(name, "..");
}

const struct ev_header *ev_record_header(const struct ev_record *r, const char *name)
{
	struct ev_slice wanted = ev_slice_str(name);

	for (size_t i = r->nheaders; i-- > 0;)
		if (ev_slice_eq(r->headers[i].name, wanted))
			return &r->headers[i];
	return NULL;
}

/*
 * What is hashed gathers here, so that a small record is hashed in one call without any allocation;
 * a larger one goes through a state, with the same result.
 */
struct feed {
	unsigned char buf[1024];
	size_t len;
	XXH3_state_t *state; /* NULL: everything so far is in buf */
};

static void feed_bytes(struct feed *f, const void *p, size_t n)
{
	if (n <= sizeof(f->buf) - f->len) {
		memcpy(f->buf + f->len, p, n);
		f->len += n;
		return;
	}
	if (!f->state) {
		f->state = XXH3_createState();
		if (!f->state)
			abort();
		XXH3_64bits_reset(f->state);
	}
	XXH3_64bits_update(f->state, f->buf, f->len);
	XXH3_64bits_update(f->state, p, n);
	f->len = 0;
}

/* Little-endian, so that a store moved to another machine keeps its meaning. */
static void feed_u64(struct feed *f, uint64_t v)
{
	unsigned char b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (unsigned char)(v >> (8 * i));
	feed_bytes(f, b, sizeof(b));
}

/* Length plus one before the bytes, 0 for null: no two sequences of slices look the same. */
static void feed_slice(struct feed *f, struct ev_slice s)
{
	feed_u64(f, s.ptr ? (uint64_t)s.len + 1 : 0);
	if (s.len)
		feed_bytes(f, s.ptr, s.len);
}

uint64_t ev_record_hash(const struct ev_record *r)
{
	struct feed f;
	uint64_t sum;

	f.len = 0;
	f.state = NULL;
	feed_u64(&f, (uint64_t)r->timestamp);
	feed_slice(&f, r->key);
	feed_u64(&f, r->nheaders);
	for (size_t i = 0; i < r->nheaders; i++) {
		feed_slice(&f, r->headers[i].name);
		feed_slice(&f, r->headers[i].value);
	}
	feed_slice(&f, r->value);
	if (f.state) {
		XXH3_64bits_update(f.state, f.buf, f.len);
		sum = XXH3_64bits_digest(f.state);
		XXH3_freeState(f.state);
	} else {
		sum = XXH3_64bits(f.buf, f.len);
	}
	return sum ? sum : 1;
}
