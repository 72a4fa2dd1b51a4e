/* manifest_fuzz.c - an archive's manifest: what is read is printed and read again as the same */
#include <stdlib.h>
#include <zlib.h>

#include "archive/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The CRC at the end would keep everything out: it is put right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_buf text = EV_BUF_INIT, one = EV_BUF_INIT, two = EV_BUF_INIT;
	struct ev_manifest m = { 0 }, again = { 0 };
	struct ev_error err = EV_ERROR_INIT;

	ev_buf_add(&text, data, size);
	if (ev_manifest_read(&m, ev_buf_slice(&text), &err) && (err.class != EV_DATA || !*err.text))
		abort();
	ev_buf_addf(&text, "\"crc32\":\"%08lx\"}\n", crc32_z(0, data, size));
	if (!ev_manifest_read(&m, ev_buf_slice(&text), &err)) {
		ev_manifest_print(&m, &one);
		if (ev_manifest_read(&again, ev_buf_slice(&one), &err))
			abort();
		ev_manifest_print(&again, &two);
		if (!ev_slice_eq(ev_buf_slice(&one), ev_buf_slice(&two)))
			abort();
	} else if (err.class != EV_DATA || !*err.text) {
		abort();
	}
	ev_manifest_release(&m);
	ev_manifest_release(&again);
	ev_buf_release(&text);
	ev_buf_release(&one);
	ev_buf_release(&two);
	return 0;
}
