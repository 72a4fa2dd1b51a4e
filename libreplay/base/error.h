/*
 * error.h - the caller-owned error value
 *
 * Every libreplay function that can fail returns 0 (or a count) on success and -1 on failure, and
 * then has filled the `struct ev_error` that the caller gave it; on success it leaves it untouched.
 * The library never prints and never exits. The class is the exit status of a command that ends
 * because of the error (evtools(7), EXIT STATUS).
 */
#ifndef EV_ERROR_H
#define EV_ERROR_H

#include <stdbool.h>
#include <stdint.h>

enum ev_class {
	EV_OK = 0,
	EV_NO = 1,     /* the answer is no: a difference, a failed check, a limit passed */
	EV_USAGE = 2,  /* usage or configuration */
	EV_SOURCE = 3, /* the source could not be read */
	EV_STORE = 4,  /* the store or sink could not be read or written */
	EV_DATA = 5,   /* bad data: poison record, lost offsets, corrupt file */
	EV_HELD = 6,   /* somebody else holds it: lock or fence */
	EV_BUG = 70,   /* a bug in evtools */
};

struct ev_error {
	enum ev_class class;
	bool retriable;   /* the same call may succeed later (connection lost, busy) */
	bool silent;      /* who was asked did not answer in time: to ask once more is to wait once more */
	bool remade;      /* the log that was read is another one by now */
	char text[1024];  /* one line, lower case, no final full stop, says what and where */
	char hint[512];   /* "" or what to do about it, in the same manner */
};

#define EV_ERROR_INIT { .class = EV_OK }

/* Fill `e` (overwriting what it held; hint emptied) and return -1, so: `return ev_fail(e, ...)`. */
int ev_fail(struct ev_error *e, enum ev_class class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add or replace the hint of a filled error; returns -1. */
int ev_hint(struct ev_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "CONTEXT: " before the text of a filled error; returns -1. */
int ev_context(struct ev_error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
