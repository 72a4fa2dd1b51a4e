/*
 * evreseal.c - a receipt that was changed gets the digest of what it says now
 *
 *   evreseal <RECEIPT >RECEIPT    for tests of what an older evtools wrote
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "verify/receipt.h"
#include "verify/receipt_impl.h"

int main(void)
{
	struct ev_buf text = EV_BUF_INIT;
	char bytes[4096], digest[EV_RECEIPT_HEX], *seal = NULL;
	size_t n;

	while ((n = fread(bytes, 1, sizeof(bytes), stdin)) > 0)
		ev_buf_add(&text, bytes, n);
	for (char *at = text.data; at && (at = strstr(at, EV_RECEIPT_SEAL)); at++)
		seal = at; /* the last is its own */
	if (!seal)
		return 1;
	text.len = (size_t)(seal - text.data);
	ev_receipt_seal(ev_buf_slice(&text), digest);
	printf("%.*s" EV_RECEIPT_SEAL "%s\"}\n", (int)text.len, text.data, digest);
	ev_buf_release(&text);
	return 0;
}
