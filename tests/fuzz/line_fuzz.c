/* line_fuzz.c - what reads as a record line writes back, and reads the same; see docs/testing.md */
#include <stdlib.h>

#include "base/buf.h"
#include "record/line.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void same(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct ev_line_reader *one = ev_line_reader_new(), *two = ev_line_reader_new();
	struct ev_buf out = EV_BUF_INIT, again = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r, s;

	if (ev_line_read(one, ev_slice((const char *)data, size), &r, &err) == 0) {
		ev_line_write(&out, &r);
		same(out.data[out.len - 1] == '\n');
		same(!memchr(out.data, '\n', out.len - 1));
		same(ev_line_read(two, ev_slice(out.data, out.len - 1), &s, &err) == 0);
		same(ev_slice_eq(r.topic, s.topic) && r.partition == s.partition && r.offset == s.offset);
		same(ev_record_hash(&r) == ev_record_hash(&s) && r.log_append == s.log_append);
		same(ev_slice_eq(r.key, s.key) && ev_slice_eq(r.value, s.value));
		ev_line_write(&again, &s);
		same(ev_slice_eq(ev_buf_slice(&out), ev_buf_slice(&again)));
	} else {
		same(err.class == EV_DATA && err.text[0]);
	}
	ev_buf_release(&out);
	ev_buf_release(&again);
	ev_line_reader_free(one);
	ev_line_reader_free(two);
	return 0;
}
