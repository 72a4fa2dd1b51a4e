/*
 * secrets.h - passwords in words of the command line, and in messages that quote such words
 *
 * A password stands in `scheme://user:HERE@host` (also where the scheme is misspelled so that it begins with
 * postgres or jdbc:), and behind `password=` and `secret=`, whatever goes before: sslpassword=, -X sasl.password=.
 */
#ifndef EV_SECRETS_H
#define EV_SECRETS_H

#include "base/buf.h"

/*
 * Words with a password are exchanged for copies, and in the originals, which ps shows, it is made unreadable. The
 * copies, NULL behind the last, are the caller's: ev_secrets_free when argv is done with. NULL: there are none.
 */
char **ev_secrets_take(int argc, char **argv);
void ev_secrets_free(char **copies);

/* Append `text` with *** for each password. */
void ev_secrets_mask(struct ev_buf *out, const char *text);

#endif
