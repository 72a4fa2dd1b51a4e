/* receipt_fuzz.c - a receipt: what is read is printed and read again as the same */
#include <stdlib.h>

#include "verify/receipt_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The digest at the end would keep everything out: it is put right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ev_buf text = EV_BUF_INIT, one = EV_BUF_INIT, two = EV_BUF_INIT;
	struct ev_receipt r = { 0 }, again = { 0 };
	struct ev_error err = EV_ERROR_INIT;
	char seal[EV_RECEIPT_HEX];

	ev_buf_add(&text, data, size);
	if (ev_receipt_read(&r, ev_buf_slice(&text), &err) && (err.class != EV_DATA || !*err.text))
		abort();
	ev_receipt_seal(ev_buf_slice(&text), seal);
	ev_buf_addf(&text, EV_RECEIPT_SEAL "%s\"}\n", seal);
	if (!ev_receipt_read(&r, ev_buf_slice(&text), &err)) {
		ev_receipt_print(&r, &one);
		if (ev_receipt_read(&again, ev_buf_slice(&one), &err))
			abort();
		ev_receipt_print(&again, &two);
		if (!ev_slice_eq(ev_buf_slice(&one), ev_buf_slice(&two)))
			abort();
	} else if (err.class != EV_DATA || !*err.text) {
		abort();
	}
	ev_receipt_release(&r);
	ev_receipt_release(&again);
	ev_buf_release(&text);
	ev_buf_release(&one);
	ev_buf_release(&two);
	return 0;
}
