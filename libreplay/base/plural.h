/* plural.h - words behind a number, for messages: 1 record is, 2 records are */
#ifndef EV_PLURAL_H
#define EV_PLURAL_H

#define ev_agree(n, one, many) ((n) == 1 ? (one) : (many)) /* a number of any type */
#define ev_plural(n) ev_agree(n, "", "s")

#endif
