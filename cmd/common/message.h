/*
 * message.h - everything that goes to stderr, the exit status, signals, the last check of stdout
 *
 * Lines are `evtail: cannot open 'x': reason`, then perhaps `hint: what to do`; with
 * --log-format json each message is one JSON object a line. A live progress line (progress.h) is
 * wiped before a message is printed, so an error always comes last and stays visible.
 */
#ifndef EV_MESSAGE_H
#define EV_MESSAGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

struct ev_messages {
	const char *command; /* "evtail", "evproject run" */
	bool json;           /* --log-format json */
	bool live;           /* a progress line stands on the terminal, without a line feed */
};

/* `evtail: text`, on stderr. Control characters are escaped. */
void ev_say(struct ev_messages *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ev_warn(struct ev_messages *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A warning with what to do about it, or "": an error that something else goes on behind. */
void ev_warn_of(struct ev_messages *m, const char *text, const char *hint);

/* Print a filled error and its hint; returns its exit status (70 when it has no class). */
int ev_report(struct ev_messages *m, const struct ev_error *err);

/* Wipe the live progress line, if one stands there. */
void ev_messages_clear(struct ev_messages *m);

/* One finished line to stderr by one write, after clearing. `line` holds its LF. */
void ev_messages_line(struct ev_messages *m, const struct ev_buf *line);

/* Append `s` as a JSON string; bytes that are not UTF-8 become U+FFFD. */
void ev_message_quote(struct ev_buf *out, const char *s);

/*
 * Fill closed descriptors 0, 1 and 2: the next file or socket would take the number, and be read as
 * stdin or written to as stdout or stderr. Called by ev_command_main, before anything is opened.
 */
void ev_descriptors_claim(void);
/* As many files at once as the hard limit allows: a shell gives 1024, and a source may have more. Called there, too. */
void ev_descriptors_raise(void);

/*
 * SIGINT, SIGTERM and SIGHUP, unless that is ignored, set a flag once; the second one kills. SIGPIPE and
 * SIGXFSZ are ignored (a write then says EPIPE, EFBIG). Called by ev_command_main.
 */
void ev_signals_install(void);
bool ev_stopped(void);  /* has a signal asked us to stop? */
/* The status to return from `run` when ev_stopped() ended it: 0 for --follow, else 128+n. */
int ev_stop_status(bool follow);

/* What needs a yes asks on a terminal; without one it is EV_USAGE unless `yes`. 1 yes, 0 no, -1. */
int ev_confirm(bool yes, const char *question, struct ev_error *err);
/* Is there a yes already, or somebody to ask? 0; else -1 with EV_USAGE. */
int ev_can_confirm(bool yes, struct ev_error *err);
/* The exit status where the answer was no: of a signal, if that was the answer. */
int ev_declined(void);

/*
 * Write all of `data` to fd 1. 0; 1 when the reader has closed the pipe (end quietly, status 0), or takes
 * nothing for a second after a signal (then ev_stdout_cut, and the command's status is 128+n); -1 EV_STORE.
 * ev_stdout_finish flushes stdio's stdout and checks it the same way; ev_command_main calls it after every
 * run.
 */
int ev_stdout_write(const char *data, size_t n, struct ev_error *err);
/* Let what stdio prints go the same way. Called by ev_command_main before anything is printed. */
void ev_stdout_claim(void);
int ev_stdout_finish(struct ev_error *err);
bool ev_stdout_cut(void);

#endif
