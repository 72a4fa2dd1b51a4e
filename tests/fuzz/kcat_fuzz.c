/* kcat_fuzz.c - what reads as a line of kcat -J is a record that goes through a record line unchanged */
#include <stdlib.h>

#include "record/kcat.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void same(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct ev_line_reader *one = ev_line_reader_new(), *two = ev_line_reader_new();
	struct ev_buf out = EV_BUF_INIT;
	struct ev_error err = EV_ERROR_INIT;
	struct ev_record r, s;

	if (ev_kcat_read(one, ev_slice((const char *)data, size), &r, &err) == 0) {
		ev_line_write(&out, &r);
		same(ev_line_read(two, ev_slice(out.data, out.len - 1), &s, &err) == 0);
		same(ev_record_hash(&r) == ev_record_hash(&s) && r.offset == s.offset);
	} else {
		same(err.class == EV_DATA && err.text[0]);
	}
	ev_buf_release(&out);
	ev_line_reader_free(one);
	ev_line_reader_free(two);
	return 0;
}
