/* receipt_impl.h - what the printer and the reader of receipts share, and nobody else */
#ifndef EV_RECEIPT_IMPL_H
#define EV_RECEIPT_IMPL_H

#include "verify/receipt.h"

#define EV_RECEIPT_HEAD "{\"format\":\"evtools receipt\",\n\"version\":"
#define EV_RECEIPT_SEAL "\"digest\":\""

/* The digest of a receipt's bytes up to where it stands itself. */
void ev_receipt_seal(struct ev_slice bytes, char out[EV_RECEIPT_HEX]);

#endif
